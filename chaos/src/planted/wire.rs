//! Violations between the server and a client.

use shared::sse::SseEvent;
use shared::{SendAccepted, StreamEvent};

use super::world::{World, alter, frame, snapshot};
use super::{found, only};
use crate::ledger::Rule;

/// The place of an event of this name on the second device's wire.
fn place(wire: &[SseEvent], name: &str) -> usize {
    wire.iter().position(|frame| frame.name == name).unwrap()
}

fn text_of(event: &mut StreamEvent) -> &mut String {
    match event {
        StreamEvent::Delta { text, .. } => text,
        other => panic!("{} has no text", other.name()),
    }
}

/// A letter becomes another one.
fn change_letter(text: &mut String) {
    let first = if text.starts_with('X') { "Y" } else { "X" };
    let rest = text.ceil_char_boundary(1);
    text.replace_range(..rest, first);
}

#[test]
fn a_chunk_that_is_dropped_is_out_of_order() {
    let rules = found(|world| {
        world.wires[1].remove(1);
    });
    assert_eq!(rules, only(Rule::ToldInOrder));
}

#[test]
fn a_chunk_that_is_told_twice_is_out_of_order() {
    let rules = found(|world| {
        let chunk = world.wires[1][1].clone();
        world.wires[1].insert(2, chunk);
    });
    assert_eq!(rules, only(Rule::ToldInOrder));
}

#[test]
fn chunks_that_change_places_are_out_of_order() {
    assert_eq!(found(|world| world.wires[1].swap(1, 2)), only(Rule::ToldInOrder));
}

#[test]
fn a_chunk_under_the_id_of_the_one_before_it_is_out_of_order() {
    let rules = found(|world| {
        world.wires[1][2].id = world.wires[1][1].id.clone();
    });
    assert_eq!(rules, only(Rule::ToldInOrder));
}

#[test]
fn a_chunk_of_an_owner_that_was_before_is_out_of_order() {
    let rules = found(|world| {
        for (index, epoch) in [(1, 2), (2, 1)] {
            alter(&mut world.wires[1][index], |event| match event {
                StreamEvent::Delta { epoch: of, .. } => *of = epoch,
                other => panic!("{} has no owner", other.name()),
            });
        }
    });
    assert_eq!(rules, only(Rule::ToldInOrder));
}

#[test]
fn an_answer_that_ends_twice_is_out_of_order() {
    let rules = found(|world| {
        let done = place(&world.wires[1], "done");
        let end = world.wires[1][done].clone();
        world.wires[1].insert(done + 1, end);
    });
    assert_eq!(rules, only(Rule::ToldInOrder));
}

#[test]
fn a_word_after_the_end_is_out_of_order() {
    let rules = found(|world| {
        let done = place(&world.wires[1], "done");
        let queued = StreamEvent::Queued { generation_id: world.answers[0].generation_id, place: 1 };
        world.wires[1].insert(done + 1, frame(&queued));
    });
    assert_eq!(rules, only(Rule::ToldInOrder));
}

#[test]
fn an_event_that_cannot_be_read_is_out_of_order() {
    let rules = found(|world| {
        let title = SseEvent { name: "title".into(), data: "{\"title\":".into(), id: String::new() };
        world.wires[1].insert(0, title);
    });
    assert_eq!(rules, only(Rule::ToldInOrder));
}

#[test]
fn a_letter_that_changes_on_the_way_is_another_text_than_was_shown() {
    let rules = found(|world| alter(&mut world.wires[1][1], |event| change_letter(text_of(event))));
    assert_eq!(rules, only(Rule::ShownIsKept));
}

#[test]
fn the_text_of_another_person_is_another_text_than_was_shown() {
    let rules = found(|world| {
        let mut foreign = world.text(2);
        foreign.truncate(4);
        alter(&mut world.wires[1][0], |event| text_of(event).replace_range(..4, &foreign));
    });
    assert_eq!(rules, only(Rule::ShownIsKept));
}

#[test]
fn a_chunk_that_is_left_out_where_no_number_shows_it_is_another_text_than_was_shown() {
    let rules = found(|world| {
        let id = world.answers[0].generation_id;
        let lost = world.wires[1].remove(1);
        let bytes = text_of(&mut serde_json::from_str(&lost.data).unwrap()).len();
        for told in world.wires[1].iter_mut().skip(1) {
            alter(told, |event| {
                if let StreamEvent::Delta { generation_id, seq, byte_offset, .. } = event
                    && *generation_id == id
                {
                    *seq -= 1;
                    *byte_offset -= u32::try_from(bytes).unwrap();
                }
            });
        }
    });
    assert_eq!(rules, only(Rule::ShownIsKept));
}

#[test]
fn a_device_that_never_hears_of_the_end_disagrees() {
    let rules = found(|world| {
        let done = place(&world.wires[1], "done");
        world.wires[1].drain(done..done + 2);
    });
    assert_eq!(rules, only(Rule::DevicesAgree));
}

#[test]
fn a_device_that_is_told_less_than_all_disagrees() {
    let rules = found(|world| {
        // The last chunk, and the whole message that would make up for it.
        let last = world.wires[1].len() - 3;
        world.wires[1].remove(last);
        world.wires[1].pop();
    });
    assert_eq!(rules, only(Rule::DevicesAgree));
}

#[test]
fn a_snapshot_with_less_than_was_shown_was_shown_before_it_was_durable() {
    let rules = found(|world| {
        // The second device reads after the first has seen it all, and is given the first chunk.
        let mut text = String::new();
        alter(&mut world.wires[1][0], |event| text.clone_from(text_of(event)));
        world.wires[1][0] = frame(&snapshot(world.answers[0], 1, &text));
    });
    assert_eq!(rules, only(Rule::DurableBeforeShown));
}

#[test]
fn a_reload_with_an_older_text_disagrees() {
    let rules = found(|world| {
        let SendAccepted { user_message_id, message_id, .. } = world.answers[0];
        let [_, second, _] = world.answers;
        let ids = [user_message_id, message_id, second.user_message_id, second.message_id];
        let mut messages = ids.map(|id| world.message(id)).to_vec();
        messages[1].content.truncate(4);
        world.reload = Some(messages);
    });
    assert_eq!(rules, only(Rule::DevicesAgree));
}

#[test]
fn a_reload_without_a_message_disagrees() {
    let rules = found(|world: &mut World| {
        let SendAccepted { user_message_id, message_id, .. } = world.answers[0];
        world.reload = Some([user_message_id, message_id].map(|id| world.message(id)).to_vec());
    });
    assert_eq!(rules, only(Rule::DevicesAgree));
}
