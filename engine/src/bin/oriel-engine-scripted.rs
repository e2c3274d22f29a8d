//! The worker program over scripted models. See [`engine::scripted`].
//!
//! `oriel-engine-scripted write-model FILE` writes a model that it can load, for a server that is to be tried without
//! a real one: `MODEL_PATH` names the file, `ENGINE_PATH` this program.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(what), Some(file)) if what == OsStr::new("write-model") => write_model(Path::new(&file)),
        _ => engine::worker::run(engine::scripted::contain, engine::scripted::load),
    }
}

fn write_model(file: &Path) -> ExitCode {
    match engine::scripted::write_model(file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} cannot be written: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}
