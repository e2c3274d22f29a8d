//! One streamed chat completion, as any client of OpenAI's API gets it. Tokens are counted by the server's own usage,
//! because an event may hold several; time is what the clock says when an event comes.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};

use serde::{Deserialize, Serialize};
use shared::sse;

use super::request::Ask;
use crate::failure::Failure;

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
    reader: Reader,
}

/// From bytes to what was heard.
struct Reader {
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
        Ok(Self { response, reader: Reader::new(sent) })
    }

    /// Waits for more text. False at the end.
    pub async fn more(&mut self) -> Result<bool, Failure> {
        while !self.reader.has_ended {
            let piece = self.response.chunk().await?;
            let piece = piece.ok_or(Failure::Broken("ended in the middle of an answer"))?;
            if self.reader.push(&piece, Instant::now())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What came so far.
    pub fn heard(self) -> Heard {
        self.reader.heard
    }

    /// How often text came so far.
    pub fn arrivals(&self) -> usize {
        self.reader.heard.arrivals.len()
    }

    /// Reads to the end.
    pub async fn read_to_end(mut self) -> Result<Heard, Failure> {
        while self.more().await? {}
        Ok(self.heard())
    }
}

impl Reader {
    fn new(sent: Instant) -> Self {
        let heard = Heard { sent, arrivals: Vec::new(), text: String::new(), usage: Usage::default() };
        Self { decoder: sse::Decoder::new(), heard, has_ended: false }
    }

    /// Takes bytes that came at `now`. Whether they had text; what comes at once counts as one arrival.
    fn push(&mut self, bytes: &[u8], now: Instant) -> Result<bool, Failure> {
        let mut has_text = false;
        for event in self.decoder.push(bytes)? {
            has_text |= self.take(&event.data)?;
        }
        if has_text {
            self.heard.arrivals.push(now);
        }
        Ok(has_text)
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

    /// What came of the next answer in the same stream.
    pub fn go_on(&mut self, next: Self) {
        self.arrivals.extend(next.arrivals);
        self.text.push_str(&next.text);
        self.usage.completion_tokens += next.usage.completion_tokens;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As both servers write it: the role first and without text, a comment, the usage at the end.
    const STREAM: &str = "\
data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n\
: ping\n\n\
data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}],\"usage\":null}\n\n\
data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\", you.\"}}]}\n\n\
data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n\
data: {\"choices\":[],\"usage\":{\"completion_tokens\":5,\"prompt_tokens\":19,\"total_tokens\":24,\
\"prompt_tokens_details\":{\"cached_tokens\":7}}}\n\n\
data: [DONE]\n\n";

    #[test]
    fn tokens_are_what_the_server_counted_wherever_the_stream_is_cut() {
        let start = Instant::now();
        for cut in 0..STREAM.len() {
            let mut reader = Reader::new(start);
            let (head, tail) = STREAM.as_bytes().split_at(cut);
            reader.push(head, start + Duration::from_millis(100)).unwrap();
            assert!(!reader.has_ended);
            reader.push(tail, start + Duration::from_millis(300)).unwrap();
            assert!(reader.has_ended);
            let heard = reader.heard;
            assert_eq!(heard.text, "Hello, you.");
            assert_eq!((heard.usage.prompt_tokens, heard.usage.completion_tokens), (19, 5));
            assert_eq!(heard.usage.cached_tokens(), 7);
            assert!(matches!(heard.arrivals.len(), 1 | 2), "cut at {cut}");
        }
    }

    #[test]
    fn speed_and_gaps_are_told_by_when_text_came() {
        let start = Instant::now();
        let mut reader = Reader::new(start);
        let mut at_ms = 40;
        for piece in STREAM.split_inclusive("\n\n") {
            at_ms += 10;
            reader.push(piece.as_bytes(), start + Duration::from_millis(at_ms)).unwrap();
        }
        let heard = reader.heard;
        assert_eq!(heard.first_token_ms(), Some(70.0));
        assert_eq!(heard.gaps_ms(), [10.0]);
        // Four tokens after the first one.
        assert_eq!(heard.tokens_per_second().map(f64::round), Some(400.0));
    }

    #[test]
    fn an_error_in_the_middle_of_an_answer_is_no_end() {
        let mut reader = Reader::new(Instant::now());
        let refused = reader.push(b"data: {\"error\":{\"message\":\"no memory\"}}\n\n", Instant::now());
        assert!(refused.unwrap_err().to_string().contains("no memory"));
    }
}
