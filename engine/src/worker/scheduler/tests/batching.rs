use super::*;

#[test]
fn an_answer_is_what_the_model_says_and_its_events_are_in_order() {
    let mut rig = rig(2);
    let id = rig.ask(ANNA, "hello");
    rig.finish();
    assert_eq!(rig.text(id), expected_answer(&asks("hello"), &plain()));
    let order: Vec<u8> = rig
        .news(id)
        .iter()
        .map(|news| match news {
            News::Queued { .. } => 0,
            News::Prompt { .. } => 1,
            News::Prefill { .. } => 2,
            News::Text { .. } | News::ToolCall { .. } => 3,
            News::Done { .. } | News::Failed(_) => 4,
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(order.iter().filter(|kind| **kind == 1).count(), 1, "one Prompt");
}

#[test]
fn what_one_stream_says_does_not_depend_on_the_others() {
    let mut rig = rig(4);
    let questions = ["one tokens:40", "two tokens:5", "three tokens:70", "four", "five", "six tokens:33"];
    let ids: Vec<u64> = questions.iter().zip(1..).map(|(text, user)| rig.ask(user, text)).collect();
    rig.finish();
    for (id, text) in ids.iter().zip(questions) {
        assert_eq!(rig.text(*id), expected_answer(&asks(text), &plain()), "{text}");
    }
}

#[test]
fn all_running_streams_get_a_token_from_every_step() {
    let mut rig = rig(3);
    let ids: Vec<u64> = (1..=3).map(|user| rig.ask(user, "endless")).collect();
    rig.step_until("all answer", |rig| ids.iter().all(|id| rig.has_text(*id)));
    let before: Vec<usize> = ids.iter().map(|id| rig.tokens(*id).len()).collect();
    for _ in 0..10 {
        rig.step();
    }
    for (id, before) in ids.iter().zip(before) {
        assert_eq!(rig.tokens(*id).len(), before + 10);
        rig.cancel(*id);
    }
    rig.finish();
}

#[test]
fn a_long_prompt_never_stalls_a_running_stream() {
    let mut rig = rig(2);
    let running = rig.ask(ANNA, "endless");
    rig.step_until("it answers", |rig| rig.has_text(running));
    let long = rig.ask(BEN, &"word ".repeat(300));
    let mut longest = Duration::ZERO;
    while !rig.has_text(long) {
        let before = rig.tokens(running).len();
        rig.step();
        assert_eq!(rig.tokens(running).len(), before + 1, "a token from every step");
        longest = longest.max(rig.last_step);
    }
    assert!(longest <= Duration::from_millis(300), "a gap of {longest:?}");
    let taken = rig.time.get();
    assert!(taken < Duration::from_secs(12), "the prompt of 1,500 tokens took {taken:?}");
    rig.cancel(running);
    rig.finish();
}

#[test]
fn a_prompt_alone_is_read_in_large_batches() {
    let fast = ScriptedModel { prompt_token_us: 10, ..model() };
    let mut rig = rig_of(1, &fast);
    let warm = rig.ask(ANNA, &"first ".repeat(60));
    rig.finish();
    let id = rig.ask(ANNA, &"word ".repeat(300));
    rig.finish();
    let steps = rig.news(id).iter().filter(|news| matches!(news, News::Prefill { .. })).count();
    assert_eq!(steps, 3, "1,502 tokens in batches of 512");
    assert!(rig.has_ended(warm));
}

#[test]
fn a_short_prompt_overtakes_a_long_one() {
    let mut rig = rig(3);
    let running = rig.ask(CLEO, "endless");
    rig.step_until("it answers", |rig| rig.has_text(running));
    let long = rig.ask(ANNA, &"word ".repeat(300));
    rig.step();
    let short = rig.ask(BEN, "hello");
    rig.step_until("the short one answers", |rig| rig.has_text(short));
    assert!(!rig.has_text(long));
    rig.cancel(running);
    rig.finish();
}

#[test]
fn a_batch_that_fails_ends_its_own_streams_and_the_worker_goes_on() {
    let mut rig = rig(2);
    let broken = rig.ask(ANNA, "broken:3");
    rig.finish();
    assert!(matches!(rig.error(broken), Some(GenerationError::Internal { .. })));
    let next = rig.ask(ANNA, "broken:3 no more tokens:2");
    rig.finish();
    assert_eq!(rig.cached(next), 0, "what the slot held is unknown");
    assert!(rig.has_ended(next));
}
