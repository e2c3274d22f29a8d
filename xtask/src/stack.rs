//! Oriel as it runs: `oriel` on loopback, nginx in front of it, both children of ours and in groups of their own, so
//! that Ctrl-C reaches us alone and everything ends in order. One that dies is started again.

pub mod lock;
pub mod nginx;
pub mod oriel;
pub mod readiness;
mod restarts;
pub mod service;
pub mod settings;

use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::interrupt::{self, Listening};
use crate::report::{Done, say, seconds, step};
use restarts::Restarts;
use service::Service;
use settings::Settings;

/// Time for running answers to be written down and the private PostgreSQL to stop.
pub const ORIEL_STOP: Duration = Duration::from_secs(30);
/// nginx has nothing to finish once the backend is gone.
const NGINX_STOP: Duration = Duration::from_secs(5);

/// What can happen while Oriel runs.
#[derive(Clone, Debug)]
pub enum Event {
    /// Ctrl-C or SIGTERM.
    Interrupt,
    /// A service ended.
    Ended {
        /// Its process.
        pid: u32,
        /// How.
        how: String,
    },
    /// The work that Oriel ran for is done.
    Finished,
}

/// One of the programs.
struct Kept {
    name: &'static str,
    command: fn(&Settings) -> Outcome<Command>,
    stop: Duration,
    /// Whether what it leaves behind when it dies has to be ended before it can start again.
    leaves_workers: bool,
    service: Option<Service>,
    started: Instant,
    restarts: Restarts,
    start_at: Option<Instant>,
}

impl Kept {
    fn new(
        name: &'static str,
        command: fn(&Settings) -> Outcome<Command>,
        stop: Duration,
        leaves_workers: bool,
    ) -> Self {
        let (started, restarts) = (Instant::now(), Restarts::default());
        Self { name, command, stop, leaves_workers, service: None, started, restarts, start_at: None }
    }

    fn start(&mut self, settings: &Settings, events: &Sender<Event>) -> Outcome {
        self.start_at = None;
        self.started = Instant::now();
        self.service = Some(Service::start(self.name, (self.command)(settings)?, events.clone())?);
        Ok(())
    }

    fn has_died(&mut self, how: &str) {
        if let Some(dead) = self.service.take().filter(|_| self.leaves_workers) {
            interrupt::kill_group(dead.pid());
        }
        let wait = self.restarts.wait_after(self.started.elapsed());
        say(&format!("{} has ended ({how}); it is started again in {}.", self.name, seconds(wait)));
        self.start_at = Some(Instant::now() + wait);
    }
}

/// A running Oriel. Ends when dropped.
pub struct Stack {
    /// In the order in which they start and end: the backend tells the streams to come back, and nginx has to carry
    /// that.
    oriel: Kept,
    nginx: Kept,
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// From the first process on, an interrupt has to end all of them in order.
    _listening: Listening,
    settings: Settings,
    /// From the start of `oriel` until it was ready.
    pub ready_after: Duration,
}

impl Stack {
    /// Starts both programs and waits until they answer.
    pub fn start(settings: Settings) -> Outcome<Self> {
        settings.check_ports()?;
        let (sender, events) = mpsc::channel();
        let _listening = interrupt::send_to(sender.clone(), Event::Interrupt);
        let ready_after = Duration::ZERO;
        let mut stack = Self {
            oriel: Kept::new("oriel", oriel::command, ORIEL_STOP, false),
            // Killed outright, its workers live on and keep the port.
            nginx: Kept::new("nginx", nginx::prepare, NGINX_STOP, true),
            events,
            sender,
            _listening,
            settings,
            ready_after,
        };
        step("oriel", || stack.start_oriel())?;
        step("nginx", || stack.start_nginx())?;
        Ok(stack)
    }

    /// The address of the page.
    pub fn address(&self) -> String {
        self.settings.address()
    }

    /// nginx's port.
    pub fn port(&self) -> u16 {
        self.settings.port
    }

    /// The process of `oriel`.
    pub fn oriel_pid(&self) -> Option<u32> {
        self.oriel.service.as_ref().map(Service::pid)
    }

    /// Keeps both programs running until an interrupt.
    pub fn keep(&mut self) -> Outcome {
        loop {
            match self.next_event()? {
                Some(Event::Ended { pid, how }) => self.has_died(pid, &how),
                Some(Event::Interrupt | Event::Finished) => return Ok(()),
                None => {}
            }
        }
    }

    /// Keeps both programs running while `work` is done.
    pub fn keep_while<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let finished = self.sender.clone();
        let working = std::thread::spawn(move || {
            let result = work();
            // Nobody listens any more when the stack could not be kept.
            let _ = finished.send(Event::Finished);
            result
        });
        let kept = self.keep();
        if !working.is_finished() {
            interrupt::end_children();
        }
        let result = working.join().unwrap_or_else(|_| Err(Failure::new("the work has panicked")));
        kept.and(result)
    }

    /// The next thing that happens; none when a service was started again.
    fn next_event(&mut self) -> Outcome<Option<Event>> {
        let due = [&self.oriel, &self.nginx].into_iter().filter_map(|kept| kept.start_at).min();
        let Some(due) = due else {
            return Ok(Some(self.events.recv().unwrap_or(Event::Interrupt)));
        };
        match self.events.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Disconnected) => Ok(Some(Event::Interrupt)),
            Err(RecvTimeoutError::Timeout) => {
                let now = Instant::now();
                for kept in [&mut self.oriel, &mut self.nginx] {
                    if kept.start_at.is_some_and(|at| at <= now) {
                        kept.start(&self.settings, &self.sender)?;
                    }
                }
                Ok(None)
            }
        }
    }

    fn has_died(&mut self, pid: u32, how: &str) {
        let dead = [&mut self.oriel, &mut self.nginx]
            .into_iter()
            .find(|kept| kept.service.as_ref().is_some_and(|service| service.pid() == pid));
        if let Some(dead) = dead {
            dead.has_died(how);
        }
    }

    fn start_oriel(&mut self) -> Outcome<Done> {
        self.oriel.start(&self.settings, &self.sender)?;
        readiness::wait(self.settings.backend, "/readyz", &self.events)?;
        self.ready_after = self.oriel.started.elapsed();
        Ok(Done::Made(format!("ready on {}", self.settings.backend)))
    }

    fn start_nginx(&mut self) -> Outcome<Done> {
        self.nginx.start(&self.settings, &self.sender)?;
        readiness::wait(self.settings.front(), "/healthz", &self.events)?;
        Ok(Done::Made(format!("in front of it on port {}", self.settings.port)))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for kept in [&mut self.oriel, &mut self.nginx] {
            if let Some(service) = kept.service.take() {
                service.stop(kept.stop);
            }
        }
        say("Oriel has stopped.");
    }
}
