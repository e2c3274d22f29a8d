use proptest::prelude::*;

use super::*;

/// The journal of one generation: chunks in order.
fn journal(generation_id: GenerationId, message_id: MessageId, texts: &[String]) -> Vec<StreamEvent> {
    let mut byte_offset = 0;
    texts
        .iter()
        .zip(1..)
        .map(|(text, seq)| {
            let delta = StreamEvent::Delta {
                generation_id,
                message_id,
                epoch: 1,
                seq,
                byte_offset,
                kind: ChunkKind::Text,
                text: text.clone(),
            };
            byte_offset += u32::try_from(text.len()).unwrap();
            delta
        })
        .collect()
}

fn snapshot(generation_id: GenerationId, message_id: MessageId, texts: &[String]) -> StreamEvent {
    StreamEvent::Snapshot {
        generation_id,
        message_id,
        epoch: 1,
        seq: u32::try_from(texts.len()).unwrap(),
        text: texts.concat(),
        reasoning: String::new(),
        tool: String::new(),
    }
}

#[test]
fn a_missing_chunk_is_a_gap_and_changes_nothing() {
    let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
    let events = journal(generation_id, message_id, &["a".into(), "b".into(), "c".into()]);
    let mut answers = Answers::new();
    assert_eq!(answers.apply(&events[0]), Outcome::Applied);
    let before = answers.clone();
    assert_eq!(answers.apply(&events[2]), Outcome::Gap);
    assert_eq!(answers, before);
}

#[test]
fn a_delta_of_an_unknown_generation_in_mid_text_is_a_gap() {
    let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
    let events = journal(generation_id, message_id, &["a".into(), "b".into()]);
    let mut answers = Answers::new();
    assert_eq!(answers.apply(&events[1]), Outcome::Gap);
    assert_eq!(answers, Answers::new());
}

#[test]
fn truncate_cuts_once_and_the_new_owner_goes_on() {
    let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
    let mut answers = Answers::new();
    for event in journal(generation_id, message_id, &["one ".into(), "two".into()]) {
        answers.apply(&event);
    }
    let cut = StreamEvent::Truncate {
        generation_id,
        epoch: 2,
        seq: 3,
        text_bytes: 4,
        reasoning_bytes: 0,
        tool_bytes: 0,
    };
    let next = StreamEvent::Delta {
        generation_id,
        message_id,
        epoch: 2,
        seq: 4,
        byte_offset: 4,
        kind: ChunkKind::Text,
        text: "three".into(),
    };
    assert_eq!(answers.apply(&next), Outcome::Gap);
    assert_eq!(answers.apply(&cut), Outcome::Applied);
    assert_eq!(answers.apply(&cut), Outcome::Ignored);
    assert_eq!(answers.apply(&next), Outcome::Applied);
    assert_eq!(answers.get(generation_id).unwrap().text, "one three");
}

#[test]
fn nothing_changes_after_the_end() {
    let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
    let texts = ["a".into(), "b".into()];
    let events = journal(generation_id, message_id, &texts);
    let mut answers = Answers::new();
    answers.apply(&events[0]);
    answers.apply(&StreamEvent::Error {
        generation_id: Some(generation_id),
        error: ApiError::new(crate::ErrorCode::EngineFailed, "gone"),
    });
    let ended = answers.clone();
    for event in [events[1].clone(), snapshot(generation_id, message_id, &texts)] {
        assert_eq!(answers.apply(&event), Outcome::Ignored);
    }
    assert_eq!(answers, ended);
    assert_eq!(answers.cursor(), None);
}

proptest! {
    /// Whatever is lost, repeated or overtaken: the text is always a prefix of the journal, and a client that
    /// takes a snapshot at each gap ends with the whole of it.
    #[test]
    fn any_delivery_ends_in_the_whole_text(
        texts in proptest::collection::vec("[a-zé✓]{0,5}", 1..20),
        deliveries in proptest::collection::vec(any::<proptest::sample::Index>(), 0..60),
    ) {
        let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
        let events = journal(generation_id, message_id, &texts);
        let whole = texts.concat();
        let mut answers = Answers::new();
        for delivery in deliveries {
            let index = delivery.index(events.len());
            if answers.apply(&events[index]) == Outcome::Gap {
                prop_assert_eq!(answers.apply(&snapshot(generation_id, message_id, &texts[..=index])), Outcome::Applied);
            }
            let shown = answers.get(generation_id).map_or("", |answer| &answer.text);
            prop_assert!(whole.starts_with(shown));
        }
        for event in &events {
            prop_assert_ne!(answers.apply(event), Outcome::Gap);
        }
        prop_assert_eq!(&answers.get(generation_id).unwrap().text, &whole);
    }
}
