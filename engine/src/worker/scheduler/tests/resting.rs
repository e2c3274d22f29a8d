//! What is brought to disk while it rests, for the worker after one that dies.

use std::fs;
use std::path::PathBuf;

use std::sync::mpsc::sync_channel;

use super::*;
use crate::worker::serve::{Inbox, Outlets, save_all};
use crate::worker::states::{DiskJob, REST, disk};

const FIRST: &str = "echo:the answer to the first question, in some words";
/// Longer than it takes from the end of an answer until its state is on disk.
const LONG: Duration = Duration::from_secs(60);

fn on_disk(directory: &tempfile::TempDir) -> StateBudget {
    StateBudget {
        directory: directory.path().to_owned(),
        memory_bytes: 1 << 20,
        disk_bytes: 4 << 20,
        max_age: Duration::from_secs(3_600),
    }
}

/// Memory has room for no state at all.
fn on_disk_only(directory: &tempfile::TempDir) -> StateBudget {
    StateBudget { memory_bytes: 100, ..on_disk(directory) }
}

fn files(directory: &tempfile::TempDir) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// How many tokens of a question are not read again by a worker that begins now.
fn cached_by_the_next(budget: &StateBudget, model: &ScriptedModel, user: u128, question: &str) -> u32 {
    let mut rig = rig_with(2, model, budget);
    let id = rig.ask(user, question);
    rig.finish();
    assert_eq!(rig.text(id), expected_answer(&asks(question), &plain()));
    rig.cached(id)
}

fn all_but_the_last(question: &str) -> u32 {
    prepare(&asks(question)).tokens.len() as u32 - 1
}

#[test]
fn a_conversation_that_rested_is_not_read_again_after_a_crash() {
    for budget in [on_disk, on_disk_only] {
        let directory = tempfile::tempdir().unwrap();
        let budget = budget(&directory);
        let mut rig = rig_with(2, &model(), &budget);
        rig.ask(ANNA, FIRST);
        rig.finish();
        rig.rest(LONG);
        drop(rig);
        assert_eq!(cached_by_the_next(&budget, &model(), ANNA, FIRST), all_but_the_last(FIRST));
        assert_eq!(cached_by_the_next(&budget, &model(), BEN, FIRST), 0, "it is Anna's");
    }
}

#[test]
fn one_that_has_just_ended_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut rig = rig_with(2, &model(), &on_disk(&directory));
    rig.ask(ANNA, FIRST);
    rig.finish();
    rig.rest(REST - Duration::from_millis(1));
    assert_eq!(files(&directory).len(), 0);
    rig.rest(LONG);
    assert_eq!(files(&directory).len(), 1);
}

#[test]
fn what_is_on_disk_stays_there_until_what_continues_it_is_too() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    let mut rig = rig_with(1, &model(), &budget);
    let first = rig.ask(ANNA, FIRST);
    rig.finish();
    rig.rest(LONG);
    let before = files(&directory);
    let answer = rig.text(first);
    let command = rig.command(ANNA, plain());
    let mut messages = asks(FIRST);
    messages.extend([says(ChatRole::Assistant, &answer), says(ChatRole::User, "and then?")]);
    rig.send(command, &messages);
    rig.finish();
    rig.ask(BEN, "tokens:60");
    rig.step();
    assert_eq!(files(&directory), before, "the second turn was saved in memory only");
    rig.finish();
    rig.rest(LONG);
    let after = files(&directory);
    assert!(after.len() == 2 && !after.contains(before.first().unwrap()), "Anna's and Ben's: {after:?}");
}

#[test]
fn what_rests_is_saved_beside_a_stream_if_that_is_not_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    let mut rig = rig_with(2, &model(), &budget);
    rig.ask(ANNA, FIRST);
    rig.finish();
    let id = rig.ask(BEN, "tokens:1500");
    for _ in 0..1_200 {
        rig.step();
        rig.scheduler.save_resting();
    }
    assert!(!rig.has_ended(id));
    drop(rig);
    assert_eq!(cached_by_the_next(&budget, &model(), ANNA, FIRST), all_but_the_last(FIRST));
}

#[test]
fn what_would_be_noticed_waits_until_nobody_is_answered() {
    for budget in [on_disk, on_disk_only] {
        let directory = tempfile::tempdir().unwrap();
        let budget = budget(&directory);
        let mut rig = rig_with(2, &model(), &budget);
        rig.ask(ANNA, FIRST);
        rig.finish();
        // A second for a few kilobytes.
        rig.scheduler.speed.observe(1_000, Duration::from_secs(1));
        (0..20).for_each(|_| rig.scheduler.speed.observe(1_000, Duration::from_secs(1)));
        rig.ask(BEN, "tokens:1500");
        for _ in 0..1_200 {
            rig.step();
            rig.scheduler.save_resting();
        }
        assert_eq!(files(&directory).len(), 0);
        rig.finish();
        rig.rest(LONG);
        assert_eq!(files(&directory).len(), 2);
    }
}

#[test]
fn a_large_state_that_is_damaged_costs_one_reading() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk_only(&directory);
    let mut rig = rig_with(2, &model(), &budget);
    rig.ask(ANNA, FIRST);
    rig.finish();
    rig.rest(LONG);
    let [file] = files(&directory).try_into().unwrap();
    let good = fs::read(&file).unwrap();
    for at in [0, 100, good.len() - 40] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();
        let mut rig = rig_with(2, &model(), &budget);
        let id = rig.ask(ANNA, FIRST);
        rig.finish();
        assert_eq!((rig.cached(id), files(&directory).len()), (0, 0), "at {at}");
    }
}

#[test]
fn a_conversation_larger_than_memory_goes_on_when_its_slot_was_given_away() {
    let directory = tempfile::tempdir().unwrap();
    let mut rig = rig_with(1, &model(), &on_disk_only(&directory));
    rig.ask(ANNA, FIRST);
    rig.finish();
    rig.ask(BEN, "tokens:40");
    rig.finish();
    let again = rig.ask(ANNA, FIRST);
    rig.finish();
    assert_eq!(rig.cached(again), all_but_the_last(FIRST));
    assert_eq!(rig.scheduler.states.memory_bytes(), 0);
}

#[test]
fn what_the_disk_does_not_take_stays_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let mut rig = rig_with(1, &model(), &on_disk(&directory));
    rig.ask(ANNA, FIRST);
    rig.finish();
    fs::remove_dir(directory.path()).unwrap();
    rig.rest(LONG);
    rig.ask(BEN, "tokens:5");
    rig.finish();
    let again = rig.ask(ANNA, FIRST);
    rig.finish();
    assert_eq!(rig.cached(again), all_but_the_last(FIRST));
}

#[test]
fn what_is_saved_last_is_waited_for_though_something_else_was_being_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut rig = rig_with(2, &model(), &on_disk(&directory));
    rig.ask(ANNA, FIRST);
    rig.finish();
    let mut being_written = Vec::new();
    while being_written.is_empty() {
        let next = rig.scheduler.save_resting();
        being_written = rig.scheduler.take_disk_jobs();
        assert!(next.is_some() || !being_written.is_empty(), "it is written once it rests");
        next.into_iter().for_each(|next| rig.time.set(next));
    }
    assert!(matches!(*being_written, [DiskJob::Write { .. }]));
    rig.ask(BEN, FIRST);
    rig.finish();

    let (tell, inbox) = sync_channel(8);
    let (jobs, waiting_jobs) = sync_channel(8);
    let (events, _told) = sync_channel(8);
    let thread_of_the_disk = rig.disk.take().unwrap();
    std::thread::spawn(move || {
        for news in being_written.into_iter().filter_map(|job| thread_of_the_disk.run(job)) {
            tell.send(Inbox::Disk(news)).unwrap();
        }
        disk::serve(&thread_of_the_disk, &waiting_jobs, &tell);
    });
    save_all(&mut rig.scheduler, &inbox, &Outlets { events, disk: Some(jobs) });
    assert!(!rig.scheduler.is_writing(), "the worker may go");
    assert_eq!(files(&directory).len(), 2);
}
