//! What is said between replicas: one [`Notice`] is the payload of one NOTIFY. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{ConversationId, GenerationId, StreamEvent, UserId};
use store::ReplicaId;
use uuid::Uuid;

use super::queue::Queue;

/// PostgreSQL takes less than 8000 bytes.
pub const NOTICE_BYTES: usize = 7900;

/// Everything but the news of text. All are idempotent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// An answer is about to be given: its conversation has new messages.
    Begun {
        /// Whose.
        user: UserId,
        /// Where.
        conversation: ConversationId,
        /// Which.
        generation: GenerationId,
    },
    /// What an answer without text is doing, and how fast it is.
    Progress {
        /// Where.
        conversation: ConversationId,
        /// One without text.
        event: Box<StreamEvent>,
    },
    /// A conversation has a new title.
    Titled {
        /// Whose.
        user: UserId,
        /// Which.
        conversation: ConversationId,
    },
    /// A conversation was deleted: nothing of it is kept in models.
    Forgotten {
        /// Whose.
        user: UserId,
        /// Which.
        conversation: ConversationId,
    },
    /// The list of conversations of a person has changed.
    List(UserId),
    /// Somebody wants the end of an answer; it is recorded already.
    Stop(GenerationId),
    /// Hints of this sender were lost: read again what is watched.
    Lost,
    /// The sender has given its lease back: what it owned can be taken over.
    Left,
    /// The sender has taken its share of what a server left that is gone; the rest can be taken over.
    Shared,
}

/// What makes two hints say the same, so that only the newer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Begun(GenerationId),
    Progress(Option<GenerationId>, &'static str),
    Titled(ConversationId),
    Forgotten(ConversationId),
    List(UserId),
    Stop(GenerationId),
    Lost,
    Left,
    Shared,
}

impl Hint {
    /// See [`Key`].
    pub fn key(&self) -> Key {
        match self {
            Self::Begun { generation, .. } => Key::Begun(*generation),
            Self::Progress { event, .. } => Key::Progress(subject(event), event.name()),
            Self::Titled { conversation, .. } => Key::Titled(*conversation),
            Self::Forgotten { conversation, .. } => Key::Forgotten(*conversation),
            Self::List(user) => Key::List(*user),
            Self::Stop(generation) => Key::Stop(*generation),
            Self::Lost => Key::Lost,
            Self::Left => Key::Left,
            Self::Shared => Key::Shared,
        }
    }
}

/// The answer that an event of progress is about.
pub fn subject(event: &StreamEvent) -> Option<GenerationId> {
    match event {
        StreamEvent::Queued { generation_id, .. }
        | StreamEvent::Loading { generation_id, .. }
        | StreamEvent::Prefill { generation_id, .. }
        | StreamEvent::Usage { generation_id, .. } => Some(*generation_id),
        _ => None,
    }
}

/// Hints of one replica.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Who says it: nobody listens to himself.
    pub from: ReplicaId,
    /// Answers whose journal has more text, or their end.
    pub moved: Vec<GenerationId>,
    /// Everything else.
    pub hints: Vec<Hint>,
}

/// As it is written. What an older server does not know it leaves out, and finds by asking.
#[derive(Serialize, Deserialize)]
struct Wire {
    from: Uuid,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    moved: Vec<GenerationId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hints: Vec<Value>,
}

impl Notice {
    /// What the text of a NOTIFY says; none where no Oriel wrote it.
    pub fn parse(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok()?;
        let hints = wire.hints.into_iter().filter_map(|hint| serde_json::from_value(hint).ok()).collect();
        Some(Self { from: ReplicaId(wire.from), moved: wire.moved, hints })
    }
}

/// Takes as many hints as fit into one NOTIFY, oldest first, and writes them down. The news of text come last: they
/// are the most, and the next ones say the same.
pub fn write(
    from: ReplicaId,
    hints: &mut Queue<Key, Hint>,
    moved: &mut Queue<GenerationId, GenerationId>,
) -> String {
    let mut wire = Wire { from: from.0, moved: Vec::new(), hints: Vec::new() };
    // The frame with both names; a comma and quotes are counted with each item.
    let mut bytes = 80;
    while let Some(hint) = hints.front() {
        let value = serde_json::to_value(hint).unwrap_or_default();
        let more = value.to_string().len() + 1;
        if bytes + more > NOTICE_BYTES {
            break;
        }
        bytes += more;
        wire.hints.push(value);
        hints.pop();
    }
    let id_bytes = uuid::fmt::Hyphenated::LENGTH + 3;
    while bytes + id_bytes <= NOTICE_BYTES
        && let Some(id) = moved.pop()
    {
        bytes += id_bytes;
        wire.moved.push(id);
    }
    serde_json::to_string(&wire).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use shared::LoadStage;

    use super::*;

    fn loading(model: &str) -> Hint {
        let event = StreamEvent::Loading {
            generation_id: GenerationId::new(),
            model: model.to_owned(),
            stage: LoadStage::Weights,
            fraction: 0.123_456_7,
        };
        Hint::Progress { conversation: ConversationId::new(), event: Box::new(event) }
    }

    #[test]
    fn everything_arrives_in_notices_that_postgresql_takes() {
        let from = ReplicaId::new();
        let (mut hints, mut moved) = (Queue::default(), Queue::default());
        let said: Vec<Hint> = (0..100).map(|_| loading("a-model")).chain([Hint::Lost, Hint::Left]).collect();
        let ids: Vec<GenerationId> = (0..500).map(|_| GenerationId::new()).collect();
        said.iter().for_each(|hint| hints.push(hint.key(), hint.clone()));
        ids.iter().for_each(|id| moved.push(*id, *id));
        let (mut heard, mut heard_moved) = (Vec::new(), Vec::new());
        while !hints.is_empty() || !moved.is_empty() {
            let text = write(from, &mut hints, &mut moved);
            assert!(text.len() <= NOTICE_BYTES, "{}", text.len());
            let notice = Notice::parse(&text).unwrap();
            assert_eq!(notice.from, from);
            heard.extend(notice.hints);
            heard_moved.extend(notice.moved);
        }
        assert_eq!((heard, heard_moved), (said, ids));
    }

    #[test]
    fn what_a_newer_server_says_is_left_out() {
        let (user, from) = (UserId::new(), ReplicaId::new());
        let text = format!(r#"{{"from":"{from}","hints":[{{"sang":1}},{{"list":"{user}"}}],"tone":"high"}}"#);
        let expected = Notice { from, moved: Vec::new(), hints: vec![Hint::List(user)] };
        assert_eq!(Notice::parse(&text), Some(expected));
        assert_eq!(Notice::parse("hello"), None);
    }
}
