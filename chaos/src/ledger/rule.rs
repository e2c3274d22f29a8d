//! What must be true whatever happens, and what was found not to be.

use std::fmt;

/// A promise that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// An acknowledged message is there once, with its text, behind its parent.
    SentOnce,
    /// A repeated send gets the ids of the first one.
    RepeatsAreHarmless,
    /// No request is refused that a page makes in good faith.
    NothingRefused,
    /// A connection tells every chunk once, in its place and under its own id, and every end once.
    ToldInOrder,
    /// Text is durable before it is shown: whoever reads afterwards, anywhere, gets at least as much.
    DurableBeforeShown,
    /// What was shown to anybody is the beginning of the final text.
    ShownIsKept,
    /// An answer is exactly what the model says to its own prompt.
    OwnText,
    /// The journal has no gap, its offsets fit, and its text is the message's.
    JournalWhole,
    /// Every answer ended once, and plausibly.
    EndedOnce,
    /// All devices and a fresh reload show the same.
    DevicesAgree,
    /// No task, slot, process or connection is left over.
    NothingLeaks,
    /// No program ended by itself.
    NothingCrashed,
}

impl Rule {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 12] = [
        Self::SentOnce,
        Self::RepeatsAreHarmless,
        Self::NothingRefused,
        Self::ToldInOrder,
        Self::DurableBeforeShown,
        Self::ShownIsKept,
        Self::OwnText,
        Self::JournalWhole,
        Self::EndedOnce,
        Self::DevicesAgree,
        Self::NothingLeaks,
        Self::NothingCrashed,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SentOnce => "an acknowledged message is there exactly once, behind its parent",
            Self::RepeatsAreHarmless => "a repeated or duplicated send gets the ids of the first",
            Self::NothingRefused => "no request in good faith is refused",
            Self::ToldInOrder => "a stream tells every chunk and every end once, in its place",
            Self::DurableBeforeShown => "what was shown is there for whoever reads afterwards",
            Self::ShownIsKept => "what was shown is the beginning of the final text",
            Self::OwnText => "an answer is what the model says to its own prompt, byte by byte",
            Self::JournalWhole => "the journal is contiguous and is the message's text",
            Self::EndedOnce => "every answer ended once, and for a reason",
            Self::DevicesAgree => "all devices and a fresh reload are byte-identical",
            Self::NothingLeaks => "no slot, connection or process is left over",
            Self::NothingCrashed => "no program ended by itself",
        })
    }
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// When, since the start.
    pub at_ms: u64,
    /// What was found.
    pub what: String,
}
