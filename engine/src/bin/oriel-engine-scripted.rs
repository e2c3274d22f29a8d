//! The worker program over scripted models. See [`engine::scripted`].

use std::process::ExitCode;

fn main() -> ExitCode {
    engine::worker::run(engine::scripted::load)
}
