use super::*;

#[test]
fn a_paused_answer_keeps_its_slot_takes_part_in_no_step_and_goes_on_as_if_nothing_had_been() {
    let mut rig = rig(2);
    let paused = rig.ask(ANNA, "tokens:30");
    let other = rig.ask(BEN, "tokens:60");
    rig.step_until("both answer", |rig| rig.has_text(paused) && rig.has_text(other));
    rig.pause(paused);
    let before = (rig.text(paused), rig.tokens(other).len());
    for _ in 0..10 {
        rig.step();
        assert_eq!(rig.last_step, Duration::from_millis(10), "a step of one stream");
    }
    assert_eq!(rig.text(paused), before.0);
    assert_eq!(rig.tokens(other).len(), before.1 + 10, "the other one is not delayed");
    assert_eq!(rig.scheduler.slots.in_use(), 2);
    rig.resume(paused);
    rig.finish();
    assert_eq!(rig.text(paused), expected_answer(&asks("tokens:30"), &plain()));
}

#[test]
fn a_prompt_that_is_being_read_can_be_paused() {
    let mut rig = rig(1);
    let id = rig.ask(ANNA, &"word ".repeat(300));
    rig.step();
    rig.pause(id);
    let told = rig.news(id).len();
    assert!(!rig.scheduler.has_work());
    rig.step();
    assert_eq!(rig.news(id).len(), told);
    rig.resume(id);
    rig.finish();
    assert!(rig.done(id).is_some());
}

#[test]
fn nothing_is_to_do_while_all_who_have_a_slot_are_paused_and_who_waits_is_told_so() {
    let mut rig = rig(1);
    let paused = rig.ask(ANNA, "endless");
    rig.step_until("it answers", |rig| rig.has_text(paused));
    rig.pause(paused);
    let waiting = rig.ask(BEN, "hello");
    assert!(!rig.scheduler.has_work());
    rig.step();
    assert_eq!(rig.news(waiting), [News::Queued { place: 1 }]);
    rig.cancel(paused);
    assert_eq!(rig.done(paused).unwrap().0, FinishReason::Stopped);
    rig.finish();
    assert!(rig.done(waiting).is_some());
}

#[test]
fn a_side_job_that_is_paused_gives_its_slot_to_a_chat_and_does_not_take_it_back_before_it_goes_on() {
    let mut rig = rig(1);
    let side = rig.ask_side(ANNA, "tokens:20");
    rig.step_until("it answers", |rig| rig.has_text(side));
    rig.pause(side);
    let chat = rig.ask(BEN, "tokens:3");
    rig.step_until("the chat is answered", |rig| rig.has_ended(chat));
    assert!(!rig.scheduler.has_work());
    rig.resume(side);
    rig.finish();
    assert_eq!(rig.text(side), expected_answer(&asks("tokens:20"), &plain()));
}

#[test]
fn a_pause_of_an_answer_that_has_ended_is_nothing() {
    let mut rig = rig(1);
    let id = rig.ask(ANNA, "hello");
    rig.finish();
    rig.pause(id);
    rig.resume(id);
    rig.finish();
}
