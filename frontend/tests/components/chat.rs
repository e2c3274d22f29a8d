use frontend::platform::{storage, time};
use frontend::state::connection::{Connection, LONG_MS, QUIET_MS};
use frontend::state::conversation::Conversation;
use shared::{Author, FinishReason, Message, MessageId, MessageStatus, Page, Usage};
use wasm_bindgen_test::wasm_bindgen_test;

use super::page::{Mounted, until};
use super::signed_in::{TestPage, TestProps, chat, has_button, is_kept, kept, person, press, question};

#[wasm_bindgen_test]
async fn a_message_that_was_not_acknowledged_is_shown_until_it_is_discarded() {
    let user = person();
    let key = kept(&user, "written before the reload");
    let page = Mounted::<TestPage>::new(TestProps { user }).await;
    until("the message waits", || has_button(&page, "Discard")).await;
    assert!(page.text().contains("written before the reload"));
    press(&page, "Discard");
    until("it is gone", || !page.text().contains("written before the reload") && !is_kept(&key)).await;
    press(&page, "Undo");
    until("it is back", || page.text().contains("written before the reload") && is_kept(&key)).await;
    storage::remove(&key);
}

#[wasm_bindgen_test]
async fn a_message_of_somebody_else_is_neither_shown_nor_touched() {
    let user = person();
    let (key, own) = (kept(&person(), "not for your eyes"), kept(&user, "mine"));
    let page = Mounted::<TestPage>::new(TestProps { user }).await;
    until("the own message is shown", || page.text().contains("mine")).await;
    assert!(!page.text().contains("not for your eyes"));
    assert!(is_kept(&key));
    storage::remove(&key);
    storage::remove(&own);
}

#[wasm_bindgen_test]
async fn what_is_refused_goes_back_to_the_composer_behind_what_is_there() {
    let user = person();
    let key = kept(&user, "refused words");
    let page = Mounted::<TestPage>::new(TestProps { user }).await;
    chat().set_draft(None, "newer words".into());
    until("it was tried often enough", || has_button(&page, "Change it")).await;
    press(&page, "Change it");
    until("it left the list", || !is_kept(&key)).await;
    assert_eq!(chat().draft(None), "newer words\n\nrefused words");
    chat().set_draft(None, String::new());
}

#[wasm_bindgen_test]
async fn a_broken_line_is_told_after_a_moment_and_clearly_after_a_minute() {
    let page = Mounted::<TestPage>::new(TestProps { user: person() }).await;
    let lost_for = |ms: u32| {
        chat().connection.set(Connection::Lost { since_ms: time::now_ms() - f64::from(ms) });
    };
    chat().connection.set(Connection::Open);
    lost_for(QUIET_MS - 400);
    assert!(!page.text().contains("Reconnecting"), "{}", page.text());
    until("the moment is over", || page.text().contains("Reconnecting")).await;
    lost_for(LONG_MS + 1);
    until("it is no moment any more", || page.text().contains("Nothing is lost")).await;
    chat().connection.set(Connection::Open);
    until("nothing is told", || !page.text().contains("Nothing is lost")).await;
}

fn conversation(status: MessageStatus, reason: Option<FinishReason>, used_tokens: u32) -> Conversation {
    let question = question();
    let answer = Message {
        id: MessageId::new(),
        parent_id: Some(question.id),
        role: Author::Assistant,
        content: "because".into(),
        status,
        finish_reason: reason,
        usage: Some(Usage {
            prompt_tokens: 10,
            completion_tokens: used_tokens - 10,
            context_tokens: 100,
            ..Usage::default()
        }),
        ..question.clone()
    };
    let mut conversation = Conversation::loading(question.conversation_id);
    conversation.merge(Page { items: vec![answer, question], next_cursor: None });
    conversation.show(None);
    conversation
}

#[wasm_bindgen_test]
async fn only_an_answer_that_ended_early_and_has_room_offers_to_go_on() {
    let page = Mounted::<TestPage>::new(TestProps { user: person() }).await;
    let cases = [
        (MessageStatus::Stopped, Some(FinishReason::Stopped), 20, true),
        (MessageStatus::Complete, Some(FinishReason::Length), 20, true),
        (MessageStatus::Complete, Some(FinishReason::Length), 100, false),
        (MessageStatus::Complete, Some(FinishReason::Stop), 20, false),
    ];
    for (status, reason, used_tokens, offered) in cases {
        chat().open.set(conversation(status, reason, used_tokens));
        let what = format!("{status:?}, {reason:?}, {used_tokens} tokens");
        until(&what, || page.text().contains("because") && has_button(&page, "Continue") == offered).await;
    }
}
