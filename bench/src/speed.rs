//! Rounds of chats: how quick an answer is, as a reader sees it.

pub mod figures;

use std::time::Instant;

use clap::Args;
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use reqwest::Response;
use shared::reducer::{Answer, Answers, Outcome, Phase};
use shared::{GenerationOptions, SendAccepted, StreamEvent, sse};

use crate::Target;
use crate::failure::Failure;
use crate::person::Person;
use figures::{Figures, Reading};

/// What to chat about.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    /// The account to chat with. Where no account exists yet it is made.
    #[arg(long, default_value = "bench@example.org")]
    email: String,
    /// Its password.
    #[arg(long, env = "ORIEL_PASSWORD", hide_env_values = true)]
    password: String,
    /// What to say.
    #[arg(long, default_value = "Write a long story about a lighthouse keeper and the sea.")]
    prompt: String,
    /// How many chats at the same time.
    #[arg(long, default_value_t = 1)]
    readers: usize,
    /// How many rounds of them; the first one only warms up.
    #[arg(long, default_value_t = 4)]
    rounds: usize,
    /// Tokens of each answer.
    #[arg(long, default_value_t = 128)]
    max_tokens: u32,
}

/// One answer, and when its text came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When the message was sent.
    pub sent: Instant,
    /// When the first text came.
    pub first: Instant,
    /// When the last text came.
    pub last: Instant,
    /// The answer.
    pub answer: Answer,
}

/// Signs in and chats; the first round loads the model and is not counted.
pub async fn measure(options: &Options) -> Result<Figures, Failure> {
    let person = Person::sign_in(&options.target.address, &options.email, &options.password).await?;
    let mut readings = Vec::new();
    for round in 0..options.rounds.max(2) {
        let heard = try_join_all((0..options.readers.max(1)).map(|_| chat(&person, options))).await?;
        if round > 0 {
            readings.extend(heard.iter().map(Reading::from));
        }
    }
    Ok(Figures { readers: options.readers.max(1), readings })
}

/// Begins a conversation, sends one message and reads the answer to its end.
async fn chat(person: &Person, options: &Options) -> Result<Heard, Failure> {
    let model = options.target.model.as_deref();
    let conversation = person.begin_conversation(model).await?;
    let stream = person.stream(conversation).await?;
    let wanted = GenerationOptions { max_tokens: Some(options.max_tokens), ..GenerationOptions::default() };
    let sent = Instant::now();
    let accepted = person.say(conversation, &options.prompt, model, wanted).await?;
    read(stream, &accepted, sent).await
}

async fn read(stream: Response, accepted: &SendAccepted, sent: Instant) -> Result<Heard, Failure> {
    let mut bytes = stream.bytes_stream();
    let mut decoder = sse::Decoder::new();
    let mut answers = Answers::new();
    let mut times: Option<(Instant, Instant)> = None;
    while let Some(piece) = bytes.next().await {
        for event in decoder.push(&piece?)? {
            let event: StreamEvent = serde_json::from_str(&event.data)?;
            if answers.apply(&event) == Outcome::Gap {
                return Err(Failure::Broken("has missed a chunk"));
            }
            let Some(answer) = answers.get(accepted.generation_id) else { continue };
            if matches!(event, StreamEvent::Delta { generation_id, .. } if generation_id == accepted.generation_id)
            {
                let now = Instant::now();
                times = Some((times.map_or(now, |(first, _)| first), now));
            }
            if answer.phase == Phase::Ended {
                if let Some(error) = &answer.error {
                    return Err(Failure::Refused(error.clone()));
                }
                let (first, last) = times.ok_or(Failure::Broken("ended without a text"))?;
                return Ok(Heard { sent, first, last, answer: answer.clone() });
            }
        }
    }
    Err(Failure::Broken("ended in the middle of an answer"))
}
