//! One of the two servers: where it is, who asks it, and how it is started again.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::completion::{Completion, Heard};
use super::program::Program;
use super::request::{Ask, Message, Sampling};
use crate::failure::Failure;
use crate::{crowd, process};

/// A server opens its port within seconds; a first start makes a database, and a model is loaded.
const READY_MAX: Duration = Duration::from_secs(180);
/// Between two looks whether it is ready.
const PAUSE: Duration = Duration::from_millis(50);
/// Users that scenarios need.
const USERS: usize = 3;

/// What a server is told to be.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// How it is called in the results.
    pub name: String,
    /// Up to and without `/v1`.
    pub url: String,
    /// For a shell; it is started and ended here.
    pub start: Option<String>,
    /// The first of `/v1/models` where this is missing.
    pub model: Option<String>,
    /// Of different users.
    pub keys: Vec<String>,
    /// It is an Oriel in which an account for each user is to be made.
    pub register: bool,
}

/// A server that answers.
pub struct Server {
    given: Given,
    model: String,
    client: Client,
    program: Option<Program>,
}

impl Server {
    /// Starts it where that is wanted, waits until it answers, and has it load its model.
    pub async fn open(mut given: Given) -> Result<Self, Failure> {
        given.url = given.url.trim_end_matches('/').to_owned();
        let program = given.start.as_deref().map(Program::start).transpose()?;
        let client = Client::builder().no_proxy().tcp_nodelay(true).build()?;
        let mut server = Self { model: given.model.clone().unwrap_or_default(), given, client, program };
        server.wait_for_port().await?;
        if server.given.register {
            for person in crowd::gather(&server.given.url, USERS).await? {
                server.given.keys.push(person.make_key("oriel-bench").await?);
            }
        }
        server.wait_for_model().await?;
        Ok(server)
    }

    /// How it is called.
    pub fn name(&self) -> &str {
        &self.given.name
    }

    /// The model that answers.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether it can be restarted.
    pub fn can_restart(&self) -> bool {
        self.program.is_some()
    }

    /// Ends it in order, starts it again, and has it load its model.
    pub async fn restart(&mut self) -> Result<(), Failure> {
        let program = self.program.as_mut().ok_or(Failure::NotOurs)?;
        program.restart().await?;
        // Connections to the one that ended are of no use.
        self.client = Client::builder().no_proxy().tcp_nodelay(true).build()?;
        self.wait_for_port().await?;
        self.wait_for_model().await
    }

    /// Ends it in order where it was started here.
    pub async fn close(mut self) -> Result<(), Failure> {
        match &mut self.program {
            Some(program) => program.stop().await,
            None => Ok(()),
        }
    }

    /// Begins an answer for one of the users; where the server knows fewer, they share.
    pub async fn begin(
        &self,
        user: usize,
        messages: Vec<Message>,
        max_tokens: u32,
        sampling: Sampling,
    ) -> Result<Completion, Failure> {
        let ask = Ask::new(&self.model, messages, max_tokens, sampling);
        let url = format!("{}/v1/chat/completions", self.given.url);
        Completion::begin(self.signed(self.client.post(url), user), &ask).await
    }

    /// A whole answer.
    pub async fn answer(
        &self,
        user: usize,
        messages: Vec<Message>,
        max_tokens: u32,
        sampling: Sampling,
    ) -> Result<Heard, Failure> {
        self.begin(user, messages, max_tokens, sampling).await?.read_to_end().await
    }

    /// What it says at a path, where that is JSON.
    pub async fn facts(&self, path: &str) -> Option<Value> {
        let request = self.signed(self.client.get(format!("{}{path}", self.given.url)), 0);
        request.send().await.ok()?.error_for_status().ok()?.json().await.ok()
    }

    /// Time on processors of all its processes, in ms; none where it was not started here.
    pub fn processor_ms(&self) -> Option<u64> {
        let processes = self.program.as_ref()?.processes();
        Some(processes.into_iter().filter_map(|pid| process::processor_ms(pid).ok()).sum())
    }

    /// Memory of all its processes, in bytes, what they share counted once; none where it was not started here.
    pub fn memory_bytes(&self) -> Option<u64> {
        let processes = self.program.as_ref()?.processes();
        let memory = processes.into_iter().filter_map(|pid| process::Memory::of(pid).ok());
        Some(memory.map(|memory| memory.pss_bytes).sum())
    }

    fn signed(&self, request: RequestBuilder, user: usize) -> RequestBuilder {
        match self.given.keys.get(user % self.given.keys.len().max(1)) {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    async fn wait_for_port(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + READY_MAX;
        let url = format!("{}/v1/models", self.given.url);
        loop {
            // Any answer will do: without a key it is a refusal.
            match self.client.get(&url).send().await {
                Ok(response) if !response.status().is_server_error() => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Ok(_) if Instant::now() > deadline => return Err(Failure::Broken("never began: not ready")),
                _ => {}
            }
            if self.program.as_mut().is_some_and(Program::has_ended) {
                return Err(Failure::Broken("never began: the server has ended and says why above"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn wait_for_model(&mut self) -> Result<(), Failure> {
        if self.model.is_empty() {
            let models = self.facts("/v1/models").await;
            let first = models.as_ref().and_then(|models| models.pointer("/data/0/id")?.as_str());
            self.model =
                first.ok_or(Failure::Broken("has no model: name one with --model-a, --model-b"))?.to_owned();
        }
        let deadline = Instant::now() + READY_MAX;
        loop {
            match self.answer(0, vec![Message::user("Hello.")], 2, Sampling::GREEDY).await {
                Ok(_) => return Ok(()),
                Err(failure) if Instant::now() > deadline => return Err(failure),
                Err(Failure::Status(status)) if status.starts_with("503") => tokio::time::sleep(PAUSE).await,
                Err(failure) => return Err(failure),
            }
        }
    }
}
