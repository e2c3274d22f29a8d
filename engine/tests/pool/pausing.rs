//! Consumers that are behind. Another answer of the same worker, read to its end, tells how far that has come; a clock
//! tells when each token was made.

use std::time::Duration;

use engine::scripted::{ScriptedModel, clock_us};
use engine::{FinishReason, Generation};

use crate::harness::*;

/// Steps after which an answer that nobody reads is paused: more than 64 KiB of text.
const LONG_TOKENS: usize = 11_000;

fn roomy() -> Rig {
    let model = ScriptedModel { context_tokens: 20_000, ..ScriptedModel::default() };
    rig(&[("one", model)], |config| config.context_tokens = Some(20_000))
}

/// Begins an answer and leaves it alone until it must be paused.
async fn neglect(rig: &Rig, question: &str) -> Generation {
    let mut neglected = rig.ask("one", question).await;
    first_text(&mut neglected).await;
    let read = rig.answer("one", &format!("tokens:{LONG_TOKENS}")).await;
    assert_eq!(read.tokens.len(), LONG_TOKENS);
    neglected
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_consumer_is_behind_waits_for_it_and_disturbs_no_other() {
    let rig = roomy();
    let mut neglected = neglect(&rig, "clock tokens:10000").await;
    let began_to_read = clock_us();
    let told = read(&mut neglected).await;
    assert_eq!(told.done().0, FinishReason::Stop);
    assert_eq!(told.done().1.completion_tokens, 10_000, "nothing is missing");
    let times: Vec<u64> = told.text.split_whitespace().map(|time| time.parse().unwrap()).collect();
    let before = times.iter().filter(|time| **time < began_to_read).count();
    assert!((5_000..9_000).contains(&before), "{before} tokens before anybody read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_a_paused_answer_works_at_once() {
    let rig = roomy();
    let mut neglected = neglect(&rig, "endless").await;
    neglected.stop();
    let told = read(&mut neglected).await;
    assert_eq!(told.done().0, FinishReason::Stopped);
    assert!(told.tokens.len() < LONG_TOKENS, "it was paused: {} tokens", told.tokens.len());
    let paused = neglect(&rig, "endless").await;
    drop(paused);
    rig.answer("one", "hello").await.done();
}

/// Time is paused once the answer is: it then jumps to whatever is due next.
#[tokio::test]
async fn a_worker_whose_answers_are_all_paused_may_be_silent() {
    let rig = roomy();
    let mut neglected = neglect(&rig, "tokens:14000").await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    tokio::time::resume();
    let told = read(&mut neglected).await;
    assert_eq!(told.done().1.completion_tokens, 14_000);
}
