use super::*;
use crate::scripted::write_model;
use crate::{EngineConfig, catalog};

fn entry() -> Entry {
    let directory = tempfile::tempdir().unwrap();
    write_model(&directory.path().join("one.gguf")).unwrap();
    let found = catalog::scan(directory.path()).unwrap().0.pop().unwrap();
    let config = EngineConfig::new("none", directory.path(), "none");
    Entry::new(found, &config, Instant::now())
}

#[test]
fn a_model_that_keeps_failing_is_tried_less_and_less_often_and_a_good_answer_forgives_all() {
    let now = Instant::now();
    let mut entry = entry();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        entry.fail("damaged".to_owned(), now);
        let State::Failed { retry_at, .. } = entry.state() else { panic!("{:?}", entry.state()) };
        pauses.push((*retry_at - now).as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    entry.note_answer(Duration::from_secs(1));
    assert_eq!(entry.back_off(), BACK_OFF);
}

#[test]
fn failures_long_apart_have_nothing_to_do_with_each_other() {
    let mut entry = entry();
    let (mut now, mut pauses) = (Instant::now(), Vec::new());
    for _ in 0..3 {
        for _ in 0..2 {
            entry.fail("damaged".to_owned(), now);
            pauses.push(entry.back_off().as_secs());
        }
        now += FORGOTTEN_AFTER + Duration::from_secs(1);
    }
    assert_eq!(pauses, [1, 2, 1, 2, 1, 2]);
}

#[test]
fn deaths_while_nothing_was_asked_of_the_model_are_accidents() {
    let mut entry = entry();
    for _ in 0..10 {
        entry.die("it was killed", Instant::now());
        assert!(matches!(entry.state(), State::Unloaded));
    }
}
