//! Answers that are bound by filters which take their time.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::decoder::{FilterError, TokenFilter};

/// Allows everything, but knows that of every other token only when it is told to go on; and gives up when told so.
#[derive(Clone, Debug, Default)]
struct Slow {
    goes_on: Arc<AtomicBool>,
    gives_up: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
    patience: Arc<Mutex<Vec<Duration>>>,
    accepted: u32,
}

impl TokenFilter for Slow {
    fn set_patience(&mut self, patience: Duration) {
        self.patience.lock().unwrap().push(patience);
    }

    fn allows(&mut self, _: Token) -> Result<Option<bool>, FilterError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.gives_up.load(Ordering::Relaxed) {
            return Err(FilterError { message: "make it simpler".to_owned() });
        }
        let knows = self.accepted.is_multiple_of(2) || self.goes_on.load(Ordering::Relaxed);
        Ok(knows.then_some(true))
    }

    fn retain(&mut self, _: &mut [f32]) -> Result<bool, FilterError> {
        Ok(true)
    }

    fn accept(&mut self, _: Token) -> Result<(), FilterError> {
        self.accepted += 1;
        Ok(())
    }
}

fn ask_bound(rig: &mut Rig, user: u128, text: &str, filter: &Slow) -> u64 {
    let command = rig.command(user, plain());
    let id = command.id;
    rig.scheduler.arrive(command);
    let prompt = PreparedPrompt { filter: Some(Box::new(filter.clone())), ..prepare(&asks(text)) };
    rig.scheduler.prepared(id, Ok(prompt));
    id
}

#[test]
fn a_filter_that_takes_long_holds_up_nobody_else_and_changes_no_answer() {
    let mut rig = rig(2);
    let filter = Slow::default();
    let bound = ask_bound(&mut rig, ANNA, "tokens:9", &filter);
    let other = rig.ask(BEN, "tokens:50");
    rig.step_until("the other one ends", |rig| rig.has_ended(other));
    assert_eq!(rig.tokens(bound).len(), 1, "its second token waits for the filter");
    assert!(rig.scheduler.has_work(), "and is asked for");
    filter.goes_on.store(true, Ordering::Relaxed);
    rig.finish();
    assert_eq!(rig.text(bound), expected_answer(&asks("tokens:9"), &plain()));
    assert_eq!(rig.text(other), expected_answer(&asks("tokens:50"), &plain()));
}

#[test]
fn a_step_has_less_patience_while_others_wait_for_it() {
    let mut rig = rig(2);
    let filter = Slow::default();
    let bound = ask_bound(&mut rig, ANNA, "tokens:9", &filter);
    rig.step_until("it waits for its filter", |rig| rig.tokens(bound).len() == 1 && rig.scheduler.has_work());
    rig.step();
    rig.step();
    let alone = *filter.patience.lock().unwrap().last().unwrap();
    let other = rig.ask(BEN, "tokens:50");
    rig.step_until("the other one speaks", |rig| rig.has_text(other));
    rig.step();
    let beside = *filter.patience.lock().unwrap().last().unwrap();
    assert!(beside < alone && beside <= Duration::from_millis(10), "{beside:?}, alone {alone:?}");
}

#[test]
fn one_that_gives_up_fails_its_own_answer_and_frees_its_slot() {
    let mut rig = rig(2);
    let filter = Slow::default();
    let bound = ask_bound(&mut rig, ANNA, "tokens:9", &filter);
    let other = rig.ask(BEN, "tokens:50");
    rig.step_until("it waits", |rig| rig.tokens(other).len() > 10);
    filter.gives_up.store(true, Ordering::Relaxed);
    rig.finish();
    assert!(matches!(rig.error(bound), Some(GenerationError::Constraint { .. })));
    assert!(rig.done(other).is_some());
}

#[test]
fn who_waits_for_a_filter_can_be_stopped_and_paused() {
    let mut rig = rig(1);
    let filter = Slow::default();
    let bound = ask_bound(&mut rig, ANNA, "tokens:9", &filter);
    rig.step_until("it waits", |rig| rig.tokens(bound).len() == 1);
    (0..3).for_each(|_| rig.step());
    rig.pause(bound);
    let asked = filter.asked.load(Ordering::Relaxed);
    rig.step();
    assert_eq!(filter.asked.load(Ordering::Relaxed), asked);
    assert!(!rig.scheduler.has_work());
    rig.resume(bound);
    rig.step();
    assert!(filter.asked.load(Ordering::Relaxed) > asked);
    rig.cancel(bound);
    rig.finish();
    assert_eq!(rig.done(bound).unwrap().0, FinishReason::Stopped);
}

#[test]
fn drafts_behind_a_token_that_waits_are_dropped() {
    let drafting = ScriptedModel { has_draft_model: true, ..model() };
    let mut rig = rig_of(1, &drafting);
    let filter = Slow::default();
    let bound = ask_bound(&mut rig, ANNA, "tokens:30", &filter);
    for _ in 0..200 {
        if !rig.scheduler.has_work() {
            break;
        }
        let goes_on = !filter.goes_on.load(Ordering::Relaxed);
        filter.goes_on.store(goes_on, Ordering::Relaxed);
        rig.step();
    }
    assert_eq!(rig.text(bound), expected_answer(&asks("tokens:30"), &plain()));
    rig.assert_idle();
}
