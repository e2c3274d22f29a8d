//! The worker's log: lines on standard error, which the parent reads. llama.cpp's own messages join it, and
//! its errors are remembered: they are the only place where it says why a model could not be loaded.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Under this name `llama-cpp-2` passes on what llama.cpp prints.
const LLAMA_TARGET: &str = "llama-cpp-2";

/// The last errors of llama.cpp. A failed load leaves two or three.
const REMEMBERED: usize = 8;

/// What llama.cpp complained of lately.
#[derive(Clone, Debug, Default)]
pub struct Complaints(Arc<Mutex<Vec<String>>>);

/// Starts the log of this process. `level` is a name such as `info` or `debug`: from `debug` on, all that
/// llama.cpp prints is in it, otherwise only its errors.
pub fn start(level: &str) -> Complaints {
    let level: Level = level.parse().unwrap_or(Level::INFO);
    let of_llama = if level >= Level::DEBUG { level } else { Level::ERROR };
    let filter = Targets::new().with_default(level).with_target(LLAMA_TARGET, of_llama);
    let complaints = Complaints::default();
    // Without time: the parent's log has one.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time().with_ansi(false);
    tracing_subscriber::registry().with(complaints.clone()).with(lines).with(filter).init();
    llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default());
    complaints
}

impl Complaints {
    /// All that are remembered, oldest first; they are forgotten.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Complaints {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != LLAMA_TARGET || *event.metadata().level() != Level::ERROR {
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
