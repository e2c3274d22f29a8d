//! What is left of somebody who is to be forgotten: nothing, in slots, in memory and on disk.

use std::fs;

use super::*;
use crate::Whose;

const QUESTION: &str = "echo:words that nobody shall find again, once they are to be forgotten";
const LONG: Duration = Duration::from_secs(60);

fn budget(directory: &tempfile::TempDir) -> StateBudget {
    StateBudget {
        directory: directory.path().to_owned(),
        memory_bytes: 1 << 20,
        disk_bytes: 4 << 20,
        max_age: Duration::from_secs(3_600),
    }
}

fn ask_in(rig: &mut Rig, user: u128, conversation: u128, text: &str) -> u64 {
    let command = GenerateCommand { conversation: Some(conversation), ..rig.command(user, plain()) };
    rig.send(command, &asks(text))
}

fn cached(rig: &mut Rig, user: u128, text: &str) -> u32 {
    let id = rig.ask(user, text);
    rig.finish();
    assert_eq!(rig.text(id), expected_answer(&asks(text), &plain()));
    rig.cached(id)
}

fn files(directory: &tempfile::TempDir) -> usize {
    fs::read_dir(directory.path()).unwrap().count()
}

fn of(user: u128, conversation: Option<u128>) -> Whose {
    Whose { user, conversation }
}

#[test]
fn a_conversation_is_forgotten_wherever_it_is_and_no_other_is() {
    for (what, rests, others) in [("in its slot", false, 0), ("on disk", true, 0), ("in memory", false, 2)] {
        let directory = tempfile::tempdir().unwrap();
        let mut rig = rig_with(2, &model(), &budget(&directory));
        let kept = format!("kept, {QUESTION}");
        ask_in(&mut rig, ANNA, 1, QUESTION);
        rig.finish();
        ask_in(&mut rig, ANNA, 2, &kept);
        rig.finish();
        for n in 0..others {
            rig.ask(BEN, &format!("{n} {QUESTION}"));
            rig.finish();
        }
        if rests {
            rig.rest(LONG);
            assert_eq!(files(&directory), 2);
        }
        rig.scheduler.forget(of(ANNA, Some(1)));
        rig.run_disk();
        assert_eq!(files(&directory), usize::from(rests), "{what}");
        // The template writes the same before each question.
        let nothing = prepare(&asks("")).tokens.len() as u32;
        assert!(cached(&mut rig, ANNA, QUESTION) <= nothing, "{what}");
        assert!(cached(&mut rig, ANNA, &kept) > nothing + 10, "{what}");
    }
}

#[test]
fn of_a_user_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let budget = budget(&directory);
    let mut rig = rig_with(3, &model(), &budget);
    for (user, conversation) in [(ANNA, 1), (ANNA, 2), (BEN, 1)] {
        ask_in(&mut rig, user, conversation, &format!("{user}{conversation} {QUESTION}"));
        rig.finish();
    }
    rig.ask(ANNA, QUESTION);
    rig.finish();
    rig.rest(LONG);
    rig.scheduler.forget(of(ANNA, None));
    rig.end();
    assert_eq!(files(&directory), 1, "Ben's");
}

#[test]
fn what_is_being_answered_is_forgotten_when_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let mut rig = rig_with(1, &model(), &budget(&directory));
    let id = ask_in(&mut rig, ANNA, 1, QUESTION);
    rig.step_until("it answers", |rig| rig.has_text(id));
    rig.scheduler.forget(of(ANNA, Some(1)));
    rig.finish();
    assert_eq!(rig.text(id), expected_answer(&asks(QUESTION), &plain()), "it is answered to its end");
    assert_eq!(rig.scheduler.slots.held_tokens(0), 0);
    rig.rest(LONG);
    rig.end();
    assert_eq!(files(&directory), 0);
}

#[test]
fn a_state_that_is_being_read_is_forgotten_too() {
    let directory = tempfile::tempdir().unwrap();
    let budget = budget(&directory);
    let mut rig = rig_with(1, &model(), &budget);
    ask_in(&mut rig, ANNA, 1, QUESTION);
    rig.finish();
    rig.rest(LONG);
    let mut rig = rig_with(1, &model(), &budget);
    let id = rig.ask(ANNA, QUESTION);
    rig.scheduler.step();
    rig.scheduler.forget(of(ANNA, Some(1)));
    rig.run_disk();
    rig.finish();
    assert_eq!((rig.cached(id), files(&directory)), (0, 0));
}
