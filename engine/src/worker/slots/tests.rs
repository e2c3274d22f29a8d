use super::*;

fn held_by(user: u128, priority: Priority) -> Holder {
    Holder { whose: Whose { user, conversation: None }, priority }
}

const ANNA: u128 = 1;
const BEN: u128 = 2;

/// Slots that hold these tokens of chats, idle; the first was used longest ago.
fn holding(held: &[(u128, &[Token])]) -> Slots {
    let mut slots = Slots::new(held.len() as u32);
    for (index, (user, tokens)) in held.iter().enumerate() {
        if !tokens.is_empty() {
            slots.occupy(index, held_by(*user, Priority::Chat), tokens);
            slots.release(index, Duration::ZERO);
        }
    }
    slots
}

fn placed(slots: &Slots, user: u128, tokens: &[Token]) -> (usize, Option<(usize, usize)>) {
    let placement = slots.place(held_by(user, Priority::Chat), tokens, 0, |_| true).unwrap();
    (placement.slot, placement.prefix)
}

fn run(length: usize) -> Vec<Token> {
    (0..length as Token).collect()
}

#[test]
fn a_second_turn_gets_the_slot_of_the_first() {
    let slots = holding(&[(ANNA, &[9, 9, 9]), (ANNA, &[1, 2, 3]), (ANNA, &[])]);
    assert_eq!(placed(&slots, ANNA, &[1, 2, 3, 4, 5]), (1, Some((1, 3))));
}

#[test]
fn at_least_one_token_is_evaluated_again() {
    let slots = holding(&[(ANNA, &[1, 2, 3])]);
    assert_eq!(placed(&slots, ANNA, &[1, 2, 3]), (0, Some((0, 2))));
    assert_eq!(placed(&slots, ANNA, &[1]), (0, None));
}

#[test]
fn one_users_text_is_never_reused_for_another() {
    let slots = holding(&[(ANNA, &[1, 2, 3]), (ANNA, &[])]);
    assert_eq!(placed(&slots, BEN, &[1, 2, 3, 4]), (1, None));
}

#[test]
fn a_conversation_that_only_begins_alike_takes_an_empty_slot() {
    let slots = holding(&[(ANNA, &[1, 2, 3, 4, 5, 6]), (ANNA, &[])]);
    assert_eq!(placed(&slots, ANNA, &[1, 2, 9, 9]), (1, None), "a prefix this short is not worth a copy");
}

#[test]
fn a_long_common_prefix_is_copied_when_its_slot_is_in_use() {
    let mut slots = Slots::new(2);
    slots.occupy(0, held_by(ANNA, Priority::Chat), &run(200));
    assert_eq!(placed(&slots, ANNA, &run(300)), (1, Some((0, 200))));
}

#[test]
fn who_waited_longest_for_its_next_turn_loses_its_slot() {
    let mut slots = holding(&[(ANNA, &[1, 2, 3]), (ANNA, &[4, 5, 6])]);
    assert_eq!(placed(&slots, BEN, &[7]).0, 0);
    slots.occupy(0, held_by(ANNA, Priority::Chat), &[1, 2, 3]);
    slots.release(0, Duration::ZERO);
    assert_eq!(placed(&slots, BEN, &[7]).0, 1);
}

#[test]
fn another_answer_to_the_same_question_replaces_the_old_one_rather_than_another_conversation() {
    let question = run(10);
    let answered = run(60);
    let other: Vec<Token> = (100..200).collect();
    let slots = holding(&[(ANNA, &other), (ANNA, &answered)]);
    assert_eq!(placed(&slots, ANNA, &question), (1, Some((1, 9))), "51 tokens are lost, and not 100");
}

#[test]
fn a_neighbour_that_can_be_saved_is_given_up_before_the_chat_that_is_longest_unused() {
    let mut slots = holding(&[(ANNA, &[1]), (ANNA, &[2]), (ANNA, &[3]), (ANNA, &[4]), (ANNA, &[5])]);
    slots.occupy(3, held_by(ANNA, Priority::Chat), &[4]);
    let placed = |can_save: bool| {
        slots.place(held_by(BEN, Priority::Chat), &[9], 0, |_| can_save).map(|placement| placement.slot)
    };
    assert_eq!(placed(true), Some(2), "a hole would cost a pass over the weights for every token");
    assert_eq!(placed(false), Some(0), "and what cannot be saved must be read again");
}

#[test]
fn running_slots_stay_neighbours() {
    let mut slots = Slots::new(5);
    slots.occupy(3, held_by(ANNA, Priority::Chat), &[]);
    assert_eq!(placed(&slots, BEN, &[1]).0, 2);
    slots.occupy(2, held_by(ANNA, Priority::Chat), &[]);
    assert_eq!(placed(&slots, BEN, &[1]).0, 1);
}

#[test]
fn no_slot_is_given_twice() {
    let mut slots = Slots::new(1);
    slots.occupy(0, held_by(ANNA, Priority::Chat), &[]);
    assert_eq!(slots.place(held_by(BEN, Priority::Chat), &[1], 0, |_| true), None);
    assert!(!slots.has_idle());
    slots.release(0, Duration::ZERO);
    assert!(slots.has_idle());
}

#[test]
fn a_side_job_leaves_the_prefixes_of_chats_alone_while_another_slot_is_free() {
    let mut slots = holding(&[(ANNA, &[1, 2, 3]), (ANNA, &[]), (ANNA, &[])]);
    let side =
        |slots: &Slots| slots.place(held_by(ANNA, Priority::Side), &[1, 2, 3, 4], 0, |_| true).unwrap().slot;
    let taken = side(&slots);
    assert_ne!(taken, 0);
    slots.occupy(taken, held_by(ANNA, Priority::Side), &[1, 2, 3, 4]);
    slots.release(taken, Duration::ZERO);
    assert_eq!(side(&slots), taken, "the next one takes the same slot, and leaves the empty one to chats");
    assert_eq!(placed(&slots, BEN, &[8]).0, 3 - taken, "a chat takes the empty one first");
}

#[test]
fn a_question_asked_again_is_copied_and_not_read_though_it_is_short() {
    let answered = run(300);
    let slots = holding(&[(ANNA, &answered), (ANNA, &[])]);
    assert_eq!(placed(&slots, ANNA, &run(40)), (1, Some((0, 39))));
}

#[test]
fn what_can_be_restored_is_not_taken_from_a_slot_that_has_less_of_it() {
    let slots = holding(&[(ANNA, &run(100)), (ANNA, &[])]);
    let placed = |saved| slots.place(held_by(ANNA, Priority::Chat), &run(400), saved, |_| true).unwrap();
    assert_eq!(placed(300), Placement { slot: 1, prefix: None });
    assert_eq!(
        placed(110),
        Placement { slot: 0, prefix: Some((0, 100)) },
        "restoring ten more is not worth it"
    );
}

#[test]
fn only_what_would_be_missed_is_worth_saving() {
    let mut slots = holding(&[(ANNA, &run(100)), (ANNA, &[])]);
    let lost = |slots: &Slots, kept| slots.lost(0, kept).map(|(whose, tokens)| (whose.user, tokens.len()));
    assert_eq!(lost(&slots, 0), Some((ANNA, 100)));
    assert_eq!(lost(&slots, 30), Some((ANNA, 100)), "another branch of the conversation");
    assert_eq!(lost(&slots, 70), None, "another answer to its last question");
    assert_eq!(slots.lost(1, 0), None);
    slots.occupy(1, held_by(BEN, Priority::Side), &run(100));
    slots.release(1, Duration::ZERO);
    assert_eq!(slots.lost(1, 0), None, "nobody comes back to a side job");
    slots.occupy(1, held_by(BEN, Priority::Chat), &run(20));
    assert_eq!(slots.of_chats(), [1, 0]);
}
