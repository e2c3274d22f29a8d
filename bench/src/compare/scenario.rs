//! What is done at each server in each round. A scenario asks for answers of a known length, and gives no reading where
//! the model ended too early: a speed over a few tokens, or a gap beside streams that had gone, would be another figure.

mod copy;
mod long_prompt;
mod second_turn;
mod shared_prompt;
mod single;
mod together;

use clap::ValueEnum;
use serde::Serialize;

use super::completion::{Heard, Usage};
use super::figure::Figure;
use super::server::Server;
use super::text::{Measure, Writer};
use crate::failure::Failure;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// One answer.
    Single,
    /// Many answers at the same time.
    Together,
    /// A long prompt while four streams write.
    LongPrompt,
    /// A second turn.
    SecondTurn,
    /// A second turn after the server was started again.
    Restart,
    /// Three users at once with a system prompt that was read before.
    SharedPrompt,
    /// An answer that repeats what was given.
    Copy,
    /// An answer that repeats what was given with changes.
    Edit,
}

/// One server in one round.
pub struct Round<'a> {
    /// Who is measured.
    pub server: &'a mut Server,
    /// Which run: with other texts than all others.
    pub run: u64,
    /// Which round of it, from 0.
    pub number: u32,
    /// How long texts are in tokens.
    pub measure: Measure,
    /// Answers at the same time.
    pub streams: u32,
}

/// What a scenario found.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Readings of its figures.
    pub readings: Vec<(Figure, Vec<f64>)>,
    /// What the server counted for the request that matters, where there is one.
    pub usage: Option<Usage>,
}

impl Scenario {
    /// In the order of a round. A restart comes last, so that no other scenario meets a server that has just begun.
    pub const ALL: [Self; 8] = [
        Self::Single,
        Self::Together,
        Self::LongPrompt,
        Self::SecondTurn,
        Self::SharedPrompt,
        Self::Copy,
        Self::Edit,
        Self::Restart,
    ];

    /// What it tells.
    pub fn figures(self) -> &'static [Figure] {
        match self {
            Self::Single => &[Figure::SingleSpeed, Figure::SingleFirst, Figure::SingleGap],
            Self::Together => &[Figure::TogetherSpeed, Figure::TogetherFirst],
            Self::LongPrompt => &[Figure::LongestGap, Figure::LongPrompt],
            Self::SecondTurn => &[Figure::SecondTurn],
            Self::Restart => &[Figure::AfterRestart],
            Self::SharedPrompt => &[Figure::SharedPrompt],
            Self::Copy => &[Figure::CopySpeed],
            Self::Edit => &[Figure::EditSpeed],
        }
    }

    /// Does it once.
    ///
    /// # Errors
    /// Where there is [no reading](Failure::is_no_reading), or the server fails.
    pub async fn take(self, round: &mut Round<'_>) -> Result<Taken, Failure> {
        match self {
            Self::Single => single::take(round).await,
            Self::Together => together::take(round).await,
            Self::LongPrompt => long_prompt::take(round).await,
            Self::SecondTurn => second_turn::take(round, false).await,
            Self::Restart => second_turn::take(round, true).await,
            Self::SharedPrompt => shared_prompt::take(round).await,
            Self::Copy => copy::take(round, false).await,
            Self::Edit => copy::take(round, true).await,
        }
    }
}

impl Round<'_> {
    /// Texts for one purpose, the same at both servers.
    fn writer(&self, purpose: &str) -> Writer {
        Writer::new(self.run, self.number, purpose)
    }

    /// The same at both servers, another one in each round.
    fn seed(&self) -> u32 {
        self.number + 1
    }
}

impl Taken {
    fn one(figure: Figure, reading: f64, usage: Usage) -> Self {
        Self { readings: vec![(figure, vec![reading])], usage: Some(usage) }
    }
}

/// The share of the wanted length that makes an answer count: a story may end, and its speed is known by then.
const FULL: f64 = 0.5;

/// Refuses an answer that ended early.
fn full(heard: &Heard, wanted: u32) -> Result<(), Failure> {
    let tokens = heard.usage.completion_tokens;
    if f64::from(tokens) < f64::from(wanted) * FULL { Err(Failure::Early { tokens, wanted }) } else { Ok(()) }
}

fn first_token_ms(heard: &Heard) -> Result<f64, Failure> {
    heard.first_token_ms().ok_or(Failure::Early { tokens: 0, wanted: 1 })
}
