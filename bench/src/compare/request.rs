//! What is asked for, in the words of OpenAI's API.

use serde::Serialize;

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
