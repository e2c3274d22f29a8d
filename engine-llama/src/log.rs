//! The worker's log: lines on standard error, in the form of the server that started it. llama.cpp's own messages
//! join it, and its errors are remembered: they are the only place where it says why a model could not be
//! loaded.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};

use crate::buffers::Buffers;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt};

/// Under this name `llama-cpp-2` passes on what llama.cpp prints.
const LLAMA_TARGET: &str = "llama-cpp-2";

/// What is heard of llama.cpp.
#[derive(Clone, Debug, Default)]
pub struct LlamaLog {
    /// Its errors.
    pub complaints: Complaints,
    /// The buffers that it made.
    pub buffers: Buffers,
}

/// The last errors of llama.cpp. A failed load leaves two or three.
const REMEMBERED: usize = 8;

/// What llama.cpp complained of lately.
#[derive(Clone, Debug, Default)]
pub struct Complaints(Arc<Mutex<Vec<String>>>);

/// Starts the log of this process. `filter` is a level or a filter like `info,engine=debug`; of llama.cpp, which
/// prints hundreds of lines for each model, only errors are logged unless it names `llama-cpp-2`.
pub fn start(filter: &str, json: bool) -> LlamaLog {
    let quiet = |filter: &str| EnvFilter::try_new(format!("{LLAMA_TARGET}=error,{filter}"));
    // The server has checked its setting; whoever starts this program by hand gets the default.
    let filter = quiet(filter).or_else(|_| quiet("info")).unwrap_or_default();
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let lines = if json { lines.json().boxed() } else { lines.boxed() };
    let log = LlamaLog::default();
    tracing_subscriber::registry()
        .with(log.complaints.clone().with_filter(LevelFilter::ERROR))
        .with(log.buffers.clone().with_filter(of_llama(LevelFilter::INFO)))
        .with(lines.with_filter(filter))
        .init();
    llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default());
    log
}

fn of_llama(level: LevelFilter) -> Targets {
    Targets::new().with_target(LLAMA_TARGET, level)
}

impl Complaints {
    /// All that are remembered, oldest first; they are forgotten.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Complaints {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != LLAMA_TARGET {
            return;
        }
        let mut message = Message::default();
        event.record(&mut message);
        let mut complaints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.len() == REMEMBERED {
            complaints.remove(0);
        }
        complaints.push(message.0);
    }
}

impl<S: Subscriber> Layer<S> for Buffers {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        self.hear(&message.0);
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.0 = value.trim_end().to_owned();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
