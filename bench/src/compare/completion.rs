//! One streamed chat completion, as any client of OpenAI's API gets it. Tokens are counted by the server's own usage,
//! because an event may hold several; time is what the clock says when an event comes.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};

use serde::{Deserialize, Serialize};
use shared::sse;

use crate::failure::Failure;

/// The body of a request.
#[derive(Clone, Debug, Serialize)]
pub struct Ask {
    /// Which model.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The answer is to be this long, in tokens.
    pub max_tokens: u32,
    /// How the next token is chosen.
    #[serde(flatten)]
    pub sampling: Sampling,
    stream: bool,
    stream_options: StreamOptions,
}

/// One message.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    role: &'static str,
    content: String,
}

/// How the next token is chosen. Every value is sent: the servers' own defaults differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sampling {
    temperature: f64,
    top_k: u32,
    top_p: f64,
    min_p: f64,
    seed: u32,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl Ask {
    /// A request for a stream that ends with the usage.
    pub fn new(model: &str, messages: Vec<Message>, max_tokens: u32, sampling: Sampling) -> Self {
        let stream_options = StreamOptions { include_usage: true };
        Self { model: model.to_owned(), messages, max_tokens, sampling, stream: true, stream_options }
    }
}

impl Message {
    /// Instructions.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: "system", content: content.into() }
    }

    /// What a person says.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user", content: content.into() }
    }

    /// What the model has said.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: "assistant", content: content.into() }
    }
}

impl Sampling {
    /// Always the likeliest token.
    pub const GREEDY: Self = Self { temperature: 0.0, top_k: 1, top_p: 1.0, min_p: 0.0, seed: 1 };

    /// As people chat. It keeps a small model from repeating itself, which would be another measurement.
    pub fn lively(seed: u32) -> Self {
        Self { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05, seed }
    }
}

/// What the server counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub completion_tokens: u32,
    /// Where the prompt's tokens came from.
    #[serde(default)]
    pub prompt_tokens_details: PromptTokens,
}

/// Of a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PromptTokens {
    /// Not read again.
    #[serde(default)]
    pub cached_tokens: u32,
}

impl Usage {
    /// Tokens of the prompt that were not read again.
    pub fn cached_tokens(&self) -> u32 {
        self.prompt_tokens_details.cached_tokens
    }
}

/// A stream that is being read.
pub struct Completion {
    response: Response,
    decoder: sse::Decoder,
    heard: Heard,
    has_ended: bool,
}

/// What came of a stream so far.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When the request was sent.
    pub sent: Instant,
    /// When text came.
    pub arrivals: Vec<Instant>,
    /// All of it.
    pub text: String,
    /// Known at the end.
    pub usage: Usage,
    /// Why it ended.
    pub finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
}

impl Completion {
    /// Sends the request and waits until the server begins to answer.
    pub async fn begin(request: RequestBuilder, ask: &Ask) -> Result<Self, Failure> {
        let sent = Instant::now();
        let response = accepted(request.json(ask).send().await?).await?;
        let heard = Heard {
            sent,
            arrivals: Vec::new(),
            text: String::new(),
            usage: Usage::default(),
            finish_reason: None,
        };
        Ok(Self { response, decoder: sse::Decoder::new(), heard, has_ended: false })
    }

    /// Waits for more text. False at the end.
    pub async fn more(&mut self) -> Result<bool, Failure> {
        while !self.has_ended {
            let piece = self.response.chunk().await?;
            let piece = piece.ok_or(Failure::Broken("ended in the middle of an answer"))?;
            let now = Instant::now();
            let mut has_text = false;
            for event in self.decoder.push(&piece)? {
                has_text |= self.take(&event.data)?;
            }
            if has_text {
                self.heard.arrivals.push(now);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What came so far.
    pub fn heard(self) -> Heard {
        self.heard
    }

    /// How often text came so far.
    pub fn arrivals(&self) -> usize {
        self.heard.arrivals.len()
    }

    /// Reads to the end.
    pub async fn read_to_end(mut self) -> Result<Heard, Failure> {
        while self.more().await? {}
        Ok(self.heard)
    }

    /// Whether the event had text.
    fn take(&mut self, data: &str) -> Result<bool, Failure> {
        if data == "[DONE]" {
            self.has_ended = true;
            return Ok(false);
        }
        let chunk: Chunk = serde_json::from_str(data)?;
        if let Some(error) = chunk.error {
            return Err(Failure::Status(error.to_string()));
        }
        if let Some(usage) = chunk.usage {
            self.heard.usage = usage;
        }
        let mut has_text = false;
        for choice in chunk.choices {
            let text = choice.delta.content.unwrap_or_default();
            has_text |= !text.is_empty();
            self.heard.text.push_str(&text);
            if choice.finish_reason.is_some() {
                self.heard.finish_reason = choice.finish_reason;
            }
        }
        Ok(has_text)
    }
}

/// The response, or what the server says against it.
async fn accepted(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.text().await?;
    Err(Failure::Status(format!("{status}: {}", body.trim())))
}

impl Heard {
    /// From sending to the first text.
    pub fn first_token_ms(&self) -> Option<f64> {
        Some(ms(self.arrivals.first()?.duration_since(self.sent)))
    }

    /// After the first text.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let seconds = self.arrivals.last()?.duration_since(*self.arrivals.first()?).as_secs_f64();
        let after_first = f64::from(self.usage.completion_tokens.saturating_sub(1));
        (seconds > 0.0).then(|| after_first / seconds)
    }

    /// Between each text and the next, in ms.
    pub fn gaps_ms(&self) -> Vec<f64> {
        let next = self.arrivals.iter().skip(1);
        self.arrivals.iter().zip(next).map(|(one, next)| ms(next.duration_since(*one))).collect()
    }
}

/// In ms.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
