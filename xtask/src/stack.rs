//! Oriel as it runs: `oriel` on loopback, nginx in front of it, both children of ours and in groups of their own, so
//! that Ctrl-C reaches us alone and everything ends in order.

pub mod lock;
pub mod nginx;
pub mod oriel;
pub mod readiness;
pub mod service;
pub mod settings;

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::interrupt::{self, Listening};
use crate::report::{Done, say, step};
use service::Service;
use settings::Settings;

/// Time for running answers to be written down and the private PostgreSQL to stop.
const ORIEL_STOP: Duration = Duration::from_secs(30);
/// nginx has nothing to finish once the backend is gone.
const NGINX_STOP: Duration = Duration::from_secs(5);

/// What can happen while Oriel runs.
#[derive(Clone, Debug)]
pub enum Event {
    /// Ctrl-C or SIGTERM.
    Interrupt,
    /// A service ended; how.
    Ended(&'static str, String),
}

/// A running Oriel. Ends when dropped.
pub struct Stack {
    oriel: Option<Service>,
    nginx: Option<Service>,
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
        let mut stack = Self { oriel: None, nginx: None, events, sender, _listening, settings, ready_after };
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
        self.oriel.as_ref().map(Service::pid)
    }

    /// Waits for an interrupt (`Ok`) or for a service that ends by itself (`Err`).
    pub fn wait(&self) -> Outcome {
        match self.events.recv() {
            Ok(Event::Interrupt) | Err(_) => Ok(()),
            Ok(Event::Ended(name, how)) => {
                Err(Failure::new(format!("{name} has ended ({how}); its last words are above")))
            }
        }
    }

    fn start_oriel(&mut self) -> Outcome<Done> {
        let started = Instant::now();
        let service = Service::start("oriel", oriel::command(&self.settings)?, self.sender.clone())?;
        self.oriel = Some(service);
        readiness::wait(self.settings.backend, "/readyz", &self.events)?;
        self.ready_after = started.elapsed();
        Ok(Done::Made(format!("ready on {}", self.settings.backend)))
    }

    fn start_nginx(&mut self) -> Outcome<Done> {
        let command = nginx::prepare(&self.settings)?;
        self.nginx = Some(Service::start("nginx", command, self.sender.clone())?);
        readiness::wait(self.settings.front(), "/healthz", &self.events)?;
        Ok(Done::Made(format!("in front of it on port {}", self.settings.port)))
    }
}

impl Drop for Stack {
    /// The backend first: it tells the streams to come back, and nginx has to carry that.
    fn drop(&mut self) {
        for (service, patience) in [(self.oriel.take(), ORIEL_STOP), (self.nginx.take(), NGINX_STOP)] {
            if let Some(service) = service {
                service.stop(patience);
            }
        }
        say("Oriel has stopped.");
    }
}
