//! What is compared, in which unit, and what Oriel wants to reach beside a llama-server that computes with the same file,
//! threads, context and slots.

use clap::ValueEnum;
use serde::Serialize;

/// How many streams write together unless somebody says otherwise.
pub const STREAMS: u32 = 8;

/// Something that is measured at both servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// One stream: speed after the first token.
    SingleSpeed,
    /// One stream: first token of a short prompt.
    SingleFirst,
    /// One stream: between a token and the next.
    SingleGap,
    /// Several streams: speed of all together while all of them write.
    TogetherSpeed,
    /// Several streams: the last of their first tokens.
    TogetherFirst,
    /// The longest time without a token of streams that write while a long prompt arrives.
    LongestGap,
    /// First token of that prompt.
    LongPrompt,
    /// First token of a second turn.
    SecondTurn,
    /// First token of a second turn after the server was started again.
    AfterRestart,
    /// The last first token of users who come at once with a system prompt that was read before.
    SharedPrompt,
    /// Speed of an answer that repeats what was given.
    CopySpeed,
    /// Speed of an answer that repeats what was given with changes.
    EditSpeed,
}

/// What the first server is to reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Goals {
    /// Nothing was promised.
    #[default]
    None,
    /// Oriel beside a llama-server with the same file in Q4_1.
    LlamaServer,
    /// The same with a file in Q8_0, of which more was promised: its kernels gain more from guessed tokens.
    #[value(name = "llama-server-q8-0")]
    LlamaServerQ8_0,
}

/// In what it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// More is better.
    #[serde(rename = "tokens/s")]
    TokensPerSecond,
    /// Less is better.
    #[serde(rename = "ms")]
    Milliseconds,
}

impl Figure {
    /// In the order of the tables.
    pub const ALL: [Self; 12] = [
        Self::SingleSpeed,
        Self::SingleFirst,
        Self::SingleGap,
        Self::TogetherSpeed,
        Self::TogetherFirst,
        Self::LongestGap,
        Self::LongPrompt,
        Self::SecondTurn,
        Self::AfterRestart,
        Self::SharedPrompt,
        Self::CopySpeed,
        Self::EditSpeed,
    ];

    /// For people; so many streams write together.
    pub fn title(self, streams: u32) -> String {
        let title = match self {
            Self::SingleSpeed => "one stream, decode",
            Self::SingleFirst => "one stream, first token of a short prompt",
            Self::SingleGap => "one stream, between two tokens",
            Self::TogetherSpeed => return format!("{streams} streams together, decode"),
            Self::TogetherFirst => {
                return format!("{streams} streams together, last first token of short prompts");
            }
            Self::LongestGap => "longest gap of four streams while a long prompt arrives",
            Self::LongPrompt => "first token of that long prompt",
            Self::SecondTurn => "first token, second turn",
            Self::AfterRestart => "first token, second turn after a restart",
            Self::SharedPrompt => "last first token, three users at once, known system prompt",
            Self::CopySpeed => "copying given text, decode",
            Self::EditSpeed => "editing given text, decode",
        };
        title.to_owned()
    }

    /// Whether it depends on how much of a prompt was read before.
    pub fn is_of_a_prompt(self) -> bool {
        matches!(self, Self::LongPrompt | Self::SecondTurn | Self::AfterRestart | Self::SharedPrompt)
    }

    /// In what it is measured.
    pub fn unit(self) -> Unit {
        match self {
            Self::SingleSpeed | Self::TogetherSpeed | Self::CopySpeed | Self::EditSpeed => {
                Unit::TokensPerSecond
            }
            _ => Unit::Milliseconds,
        }
    }

    /// The ratio to reach, first server to second; none where nothing was promised.
    pub fn goal(self, goals: Goals, streams: u32) -> Option<f64> {
        let copying = match goals {
            Goals::None => return None,
            Goals::LlamaServer => 1.20,
            Goals::LlamaServerQ8_0 => 1.50,
        };
        match self {
            Self::SingleSpeed => Some(1.10),
            // It was promised of eight.
            Self::TogetherSpeed => (streams == STREAMS).then_some(1.30),
            Self::LongestGap => Some(0.04),
            Self::LongPrompt => Some(1.60),
            Self::SecondTurn => Some(0.80),
            Self::AfterRestart | Self::SharedPrompt => Some(0.05),
            Self::CopySpeed | Self::EditSpeed => Some(copying),
            Self::SingleFirst | Self::SingleGap | Self::TogetherFirst => None,
        }
    }
}

impl Unit {
    /// Whether more of it is better.
    pub fn more_is_better(self) -> bool {
        self == Self::TokensPerSecond
    }

    /// As it stands behind a number.
    pub fn sign(self) -> &'static str {
        match self {
            Self::TokensPerSecond => "tokens/s",
            Self::Milliseconds => "ms",
        }
    }

    /// Whether a ratio reaches a goal.
    pub fn reaches(self, ratio: f64, goal: f64) -> bool {
        if self.more_is_better() { ratio >= goal } else { ratio <= goal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_time_and_what_is_decoded_a_speed() {
        for figure in Figure::ALL {
            let title = figure.title(8);
            assert_eq!(figure.unit().more_is_better(), title.ends_with("decode"), "{title}");
        }
        assert!(Unit::TokensPerSecond.reaches(1.2, 1.1) && !Unit::Milliseconds.reaches(1.2, 1.1));
    }
}
