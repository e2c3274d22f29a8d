//! What is saved when a worker ends, for the one after it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

const FIRST: &str = "echo:the answer to the first question, in some words";
const ANSWER: &str = "the answer to the first question, in some words";

fn on_disk(directory: &tempfile::TempDir) -> StateBudget {
    StateBudget {
        directory: directory.path().to_owned(),
        memory_bytes: 1 << 20,
        disk_bytes: 1 << 20,
        max_age: Duration::from_secs(3_600),
    }
}

type Damage = fn(&mut Vec<u8>);

/// The files of states, of which each has a conversation.
fn files(directory: &tempfile::TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.path()).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A worker that answered `FIRST` for Anna and ended.
fn an_earlier_worker(budget: &StateBudget, model: &ScriptedModel) {
    let mut rig = rig_with(2, model, budget);
    rig.ask(ANNA, FIRST);
    rig.finish();
    rig.end();
}

/// How many tokens of Anna's question are not read again.
fn cached_after(budget: &StateBudget, model: &ScriptedModel, user: u128) -> u32 {
    let mut rig = rig_with(2, model, budget);
    let id = rig.ask(user, FIRST);
    rig.finish();
    assert_eq!(rig.text(id), expected_answer(&asks(FIRST), &plain()));
    rig.cached(id)
}

fn all_but_the_last() -> u32 {
    prepare(&asks(FIRST)).tokens.len() as u32 - 1
}

#[test]
fn a_conversation_is_not_read_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    an_earlier_worker(&budget, &model());
    assert_eq!(cached_after(&budget, &model(), ANNA), all_but_the_last());
}

#[test]
fn nobody_elses_conversation_is_found_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    an_earlier_worker(&budget, &model());
    assert_eq!(cached_after(&budget, &model(), BEN), 0);
}

#[test]
fn an_answer_that_was_cut_off_by_the_end_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    let mut rig = rig_with(1, &model(), &budget);
    let id = rig.ask(ANNA, "a long one, tokens:60");
    rig.step_until("it answers", |rig| rig.tokens(id).len() > 20);
    let (said, text) = (rig.tokens(id), rig.text(id));
    rig.end();

    let mut rig = rig_with(1, &model(), &budget);
    let command = GenerateCommand { answer_so_far: said.clone(), ..rig.command(ANNA, plain()) };
    let id = rig.send(command, &asks("a long one, tokens:60"));
    rig.step();
    // The last token had been sampled and not evaluated.
    let known = prepare(&asks("a long one, tokens:60")).tokens.len() + said.len() - 1;
    assert_eq!(rig.scheduler.slots.held_tokens(0), known);
    rig.finish();
    assert_eq!(text + &rig.text(id), expected_answer(&asks("a long one, tokens:60"), &plain()));
}

#[test]
fn only_the_servers_account_can_read_the_files() {
    let directory = tempfile::tempdir().unwrap();
    an_earlier_worker(&on_disk(&directory), &model());
    let modes: Vec<u32> = files(&directory)
        .iter()
        .map(|file| fs::metadata(file).unwrap().permissions().mode() & 0o777)
        .collect();
    assert_eq!(modes, [0o600]);
}

#[test]
fn a_damaged_file_is_deleted_and_the_conversation_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    an_earlier_worker(&budget, &model());
    let [file] = files(&directory).try_into().unwrap();
    let good = fs::read(&file).unwrap();
    let damages: [Damage; 7] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.truncate(3),
        |bytes| bytes.clear(),
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes[60] ^= 1,
        |bytes| bytes[14] = 0xff,
        |bytes| bytes.push(0),
    ];
    for damage in damages {
        let mut bytes = good.clone();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        let mut rig = rig_with(2, &model(), &budget);
        let id = rig.ask(ANNA, FIRST);
        rig.finish();
        assert_eq!((rig.cached(id), files(&directory).len()), (0, 0), "{} bytes", bytes.len());
    }
    fs::write(&file, &good).unwrap();
    assert_eq!(cached_after(&budget, &model(), ANNA), all_but_the_last(), "and a good one serves");
}

#[test]
fn a_file_that_is_damaged_or_gone_while_the_worker_runs_is_found_out_too() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    for is_gone in [false, true] {
        an_earlier_worker(&budget, &model());
        let [file] = files(&directory).try_into().unwrap();
        let mut rig = rig_with(2, &model(), &budget);
        if is_gone {
            fs::remove_file(&file).unwrap();
        } else {
            let length = fs::metadata(&file).unwrap().len();
            fs::File::options().write(true).open(&file).unwrap().set_len(length - 1).unwrap();
        }
        let id = rig.ask(ANNA, FIRST);
        rig.finish();
        assert_eq!((rig.cached(id), files(&directory).len()), (0, 0));
    }
}

#[test]
fn a_state_of_another_model_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    an_earlier_worker(&budget, &model());
    let other = ScriptedModel { name: "Other".to_owned(), ..model() };
    assert_eq!(cached_after(&budget, &other, ANNA), 0);
    assert_eq!(files(&directory).len(), 0);
}

#[test]
fn the_disk_holds_the_newest_conversations_that_fit_and_memory_what_it_may() {
    // Files tell the machine's time, which hardly moves here.
    let timeless = ScriptedModel { step_us: 0, prompt_token_us: 0, ..model() };
    let question = |n: usize| format!("{n} {FIRST}");
    let tokens = (prepare(&asks(&question(0))).tokens.len() + ANSWER.len()) as u64;
    for memory_states in [1, 2, 4] {
        let directory = tempfile::tempdir().unwrap();
        let (memory_bytes, disk_bytes) = (memory_states * 260 * tokens, 4 * 270 * tokens);
        let budget = StateBudget { memory_bytes, disk_bytes, ..on_disk(&directory) };
        let mut rig = rig_with(1, &timeless, &budget);
        for n in 0..9 {
            rig.ask(ANNA, &question(n));
            rig.finish();
            let on_disk: u64 = files(&directory).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
            assert!(on_disk <= disk_bytes && rig.scheduler.states.memory_bytes() <= memory_bytes);
        }
        rig.end();
        let rig = rig_with(1, &timeless, &budget);
        let found =
            |n: usize| rig.scheduler.states.find(ANNA, &prepare(&asks(&question(n))).tokens).is_some();
        assert_eq!(
            (0..9).filter(|n| found(*n)).collect::<Vec<_>>(),
            [5, 6, 7, 8],
            "{memory_states} in memory"
        );
    }
}

#[test]
fn who_stops_while_a_state_is_read_frees_the_slot() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    an_earlier_worker(&budget, &model());
    let mut rig = rig_with(1, &model(), &budget);
    let id = rig.ask(ANNA, FIRST);
    rig.scheduler.step();
    assert!(!rig.scheduler.has_work(), "it waits for the disk");
    rig.cancel(id);
    rig.run_disk();
    rig.finish();
    assert_eq!(rig.done(id).unwrap().0, FinishReason::Stopped);
}

#[test]
fn what_is_only_in_memory_is_saved_at_the_end_though_no_slot_holds_a_chat() {
    let directory = tempfile::tempdir().unwrap();
    let budget = on_disk(&directory);
    let mut rig = rig_with(1, &model(), &budget);
    rig.ask(ANNA, FIRST);
    rig.finish();
    rig.ask_side(BEN, "title");
    rig.finish();
    rig.end();
    assert_eq!(cached_after(&budget, &model(), ANNA), all_but_the_last());
}
