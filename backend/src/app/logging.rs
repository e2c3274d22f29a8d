//! The log: one line for an event, to standard error. Standard output belongs to the commands.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Tells of its threads what nobody needs to know.
const QUIET: &str = "actix_server=warn";

/// Begins to log. A second call does nothing.
pub fn start(config: &Config) {
    // What comes later counts, so LOG_LEVEL can still ask for these.
    let filter = EnvFilter::new(format!("{QUIET},{}", config.log_level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where a log has begun already.
    let _ = match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
}

/// Puts panics into the log, in its format.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
        tracing::error!(%panic, backtrace = backtrace.map(tracing::field::display), "panicked");
    }));
}
