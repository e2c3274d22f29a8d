//! What one device shows of one conversation, by the page's own reducer. Everything is in the ledger before it is here.

use std::collections::{BTreeMap, BTreeSet};

use shared::reducer::{Answers, Outcome, Phase};
use shared::{ConversationId, Cursor, GenerationId, Message, MessageId, StreamEvent};

use crate::ledger::Ledger;

/// How an answer ended, as a device knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Whole, or at the most tokens that were asked for.
    Done,
    /// By a stop.
    Stopped,
    /// By an error; its text stays.
    Failed,
}

/// What a device shows in the end.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Which device.
    pub who: String,
    /// Whether it believes that something runs.
    pub is_waiting: bool,
    /// The answers that it has shown to their ends.
    pub finished: Vec<(GenerationId, String)>,
}

/// What one device shows.
pub struct Screen {
    who: String,
    ledger: Ledger,
    conversation: ConversationId,
    answers: Answers,
    messages: BTreeMap<MessageId, Message>,
    /// Answers that are believed to be running.
    running: BTreeSet<GenerationId>,
    /// Answers that have ended, with all that was shown of them.
    ended: BTreeMap<GenerationId, (End, String)>,
}

/// What an event asks the device to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read on.
    Listen,
    /// Connect again without a cursor: something was missed.
    Snapshot,
    /// Fetch what changed.
    Refresh,
    /// Connect again after so many milliseconds.
    Reconnect(u32),
}

impl Screen {
    /// An empty screen.
    pub fn new(who: &str, ledger: Ledger, conversation: ConversationId) -> Self {
        Self {
            who: who.to_owned(),
            ledger,
            conversation,
            answers: Answers::new(),
            messages: BTreeMap::new(),
            running: BTreeSet::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Which conversation.
    pub fn conversation(&self) -> ConversationId {
        self.conversation
    }

    /// What to send as `Last-Event-ID`.
    pub fn cursor(&self) -> Option<Cursor> {
        self.answers.cursor()
    }

    /// Somebody of this person has begun an answer.
    pub fn expect(&mut self, id: GenerationId) {
        if !self.ended.contains_key(&id) {
            self.running.insert(id);
        }
    }

    /// How an answer ended; none while it runs.
    pub fn end(&self, id: GenerationId) -> Option<End> {
        self.ended.get(&id).map(|(end, _)| end.clone())
    }

    /// Whether anything is believed to run.
    pub fn is_waiting(&self) -> bool {
        !self.running.is_empty()
    }

    /// The text of an answer as it is drawn.
    pub fn text(&self, id: GenerationId) -> Option<&str> {
        let ended = self.ended.get(&id).map(|(_, text)| text.as_str());
        ended.or_else(|| self.answers.get(id).map(|answer| answer.text.as_str()))
    }

    /// What it shows, for the checks.
    pub fn shown(&self) -> Shown {
        let finished = self.ended.iter().map(|(id, (_, text))| (*id, text.clone())).collect();
        Shown { who: self.who.clone(), is_waiting: self.is_waiting(), finished }
    }

    /// Takes an event of the stream. `shown` is what had been shown of each answer when the stream was asked for.
    pub fn take(&mut self, event: &StreamEvent, shown: &BTreeMap<GenerationId, usize>) -> Next {
        match event {
            StreamEvent::Message { message } => {
                self.take_message(message);
                return Next::Listen;
            }
            StreamEvent::List {} => return if self.is_waiting() { Next::Refresh } else { Next::Listen },
            StreamEvent::Reconnect { after_ms } => return Next::Reconnect(*after_ms),
            StreamEvent::Snapshot { generation_id, text, .. } => {
                self.ledger.read_afterwards(&self.who, *generation_id, text, shown);
            }
            StreamEvent::Truncate { generation_id, text_bytes, .. } => {
                self.ledger.truncates(&self.who, *generation_id, *text_bytes as usize);
            }
            _ => {}
        }
        let Some(id) = event.generation_id() else { return Next::Listen };
        let before = self.answers.get(id).map_or(0, |answer| answer.text.len());
        match self.answers.apply(event) {
            Outcome::Gap => {
                self.ledger.count(|sums| sums.gaps += 1);
                self.ledger.note(&self.who, format_args!("misses a chunk of {id}: {event:?}"));
                Next::Snapshot
            }
            Outcome::Ignored => Next::Listen,
            Outcome::Applied => {
                self.show(id, before);
                Next::Listen
            }
        }
    }

    /// Takes a conversation that was read as a whole.
    pub fn take_all(&mut self, messages: &[Message], shown: &BTreeMap<GenerationId, usize>) {
        for message in messages {
            if let Some(id) = message.generation_id {
                self.ledger.read_afterwards(&self.who, id, &message.content, shown);
            }
            self.take_message(message);
        }
    }

    fn take_message(&mut self, message: &Message) {
        if message.conversation_id != self.conversation {
            return;
        }
        let former = self.messages.insert(message.id, message.clone());
        let Some(id) = message.generation_id else { return };
        if message.status.is_running() {
            if former.is_some_and(|former| !former.status.is_running()) {
                self.ledger.note(&self.who, format_args!("is told that {id} runs, which had ended"));
            }
            self.expect(id);
            return;
        }
        let end = match message.status {
            shared::MessageStatus::Stopped => End::Stopped,
            shared::MessageStatus::Failed => End::Failed,
            _ => End::Done,
        };
        let new_bytes = message.content.len().saturating_sub(self.text(id).map_or(0, str::len));
        self.ledger.shows(&self.who, self.conversation, id, &message.content, new_bytes);
        self.finish(id, end, message.content.clone());
    }

    fn show(&mut self, id: GenerationId, before: usize) {
        let Some(answer) = self.answers.get(id) else { return };
        if !answer.text.is_empty() {
            let new_bytes = answer.text.len().saturating_sub(before);
            self.ledger.shows(&self.who, self.conversation, id, &answer.text, new_bytes);
        }
        if answer.phase == Phase::Ended {
            let end = match (&answer.error, answer.finish_reason) {
                (Some(_), _) => End::Failed,
                (None, Some(shared::FinishReason::Stopped)) => End::Stopped,
                (None, _) => End::Done,
            };
            let text = answer.text.clone();
            self.finish(id, end, text);
        } else {
            self.expect(id);
        }
    }

    /// A message that comes after the last delta replaces the text: the ledger has seen that it is the same or longer.
    fn finish(&mut self, id: GenerationId, end: End, text: String) {
        self.running.remove(&id);
        if !self.ended.contains_key(&id) {
            self.ledger.ended(&self.who, id, &format!("{end:?}, {} bytes", text.len()));
        }
        self.ended.insert(id, (end, text));
    }
}
