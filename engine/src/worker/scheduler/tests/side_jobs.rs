use super::*;

#[test]
fn a_side_job_waits_while_chats_wait() {
    let mut rig = rig(1);
    let running = rig.ask(ANNA, "tokens:5");
    rig.step();
    let title = rig.ask_side(ANNA, "title");
    let chat = rig.ask(BEN, "tokens:5");
    rig.step_until("the chat ends", |rig| rig.has_ended(chat));
    assert!(rig.has_ended(running));
    assert!(!rig.has_text(title));
    rig.finish();
    assert_eq!(rig.text(title), expected_answer(&asks("title"), &plain()));
}

#[test]
fn a_chat_takes_the_slot_of_a_side_job_which_then_goes_on_where_it_was() {
    let mut rig = rig(1);
    let title = rig.ask_side(ANNA, "title tokens:30");
    rig.step_until("it answers", |rig| rig.tokens(title).len() > 5);
    let chat = rig.ask(BEN, "tokens:5");
    rig.step();
    assert_eq!(rig.running(), [chat]);
    rig.finish();
    assert_eq!(rig.text(title), expected_answer(&asks("title tokens:30"), &plain()));
    let prompts = rig.news(title).iter().filter(|news| matches!(news, News::Prompt { .. })).count();
    assert_eq!(prompts, 1, "its consumer sees one answer, not two");
}

#[test]
fn side_jobs_run_one_at_a_time() {
    let mut rig = rig(4);
    let titles: Vec<u64> = (0..3).map(|user| rig.ask_side(user, "title")).collect();
    rig.step();
    assert_eq!(rig.running().len(), 1);
    rig.finish();
    assert!(titles.iter().all(|id| rig.done(*id).is_some()));
}

#[test]
fn a_side_job_does_not_break_the_prefix_of_a_chat() {
    let mut rig = rig(2);
    let question = "echo:the answer to this";
    let first = rig.ask(ANNA, question);
    rig.finish();
    for n in 0..3 {
        rig.ask_side(ANNA, &format!("title {n}"));
        rig.finish();
    }
    let again = rig.ask(ANNA, question);
    rig.finish();
    assert_eq!(rig.cached(again), rig.done(first).unwrap().1.prompt_tokens - 1);
}

#[test]
fn a_paused_side_job_can_be_stopped() {
    let mut rig = rig(1);
    let title = rig.ask_side(ANNA, "title tokens:30");
    rig.step_until("it answers", |rig| rig.has_text(title));
    let chat = rig.ask(BEN, "tokens:5");
    rig.step();
    rig.cancel(title);
    assert_eq!(rig.done(title).unwrap().0, FinishReason::Stopped);
    rig.finish();
    assert!(rig.done(chat).is_some());
}
