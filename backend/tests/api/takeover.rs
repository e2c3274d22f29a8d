//! Servers that die, freeze or are restarted: another one goes on with their answers.

use engine::ChatRole;
use futures_util::future::join;
use shared::{MessageStatus, SendAccepted, StreamEvent};

use crate::chat::foretold;
use crate::support::{Actor, Reader, TestApp};

/// Long enough that it is still being written when its first server is gone.
const QUESTION: &str = "tokens:120 pause:20";

fn is_delta_after(event: &StreamEvent, after: u32) -> bool {
    matches!(event, StreamEvent::Delta { seq, .. } if *seq > after)
}

fn is_of_another_owner(event: &StreamEvent) -> bool {
    matches!(event, StreamEvent::Delta { epoch, .. } if *epoch > 1)
}

async fn expect_whole(ada: &Actor, sent: &SendAccepted, shown: &str) {
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!(kept.content, foretold(&[(ChatRole::User, QUESTION)]));
    assert_eq!((shown, kept.status), (kept.content.as_str(), MessageStatus::Complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_server_is_killed_another_goes_on_with_its_answers() {
    let app = TestApp::start().await;
    let mut first = app.process().await;
    let ada = app.user().await;
    let sent = ada.at_url(first.url()).say(QUESTION).await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| is_delta_after(event, 3)).await;
    first.kill().await;
    let shown = reader.until_end(sent.generation_id).await;
    assert!(reader.seen.iter().any(is_of_another_owner));
    expect_whole(&ada, &sent, &shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_frozen_finds_its_answers_in_other_hands() {
    let app = TestApp::start().await;
    let frozen = app.process().await;
    let ada = app.user().await;
    let at_frozen = ada.at_url(frozen.url());
    let sent = at_frozen.say(QUESTION).await;
    let (mut here, mut there) = (ada.follow(&sent).await, at_frozen.follow(&sent).await);
    join(here.until(|event| is_delta_after(event, 3)), there.until(|event| is_delta_after(event, 3))).await;
    frozen.freeze();
    here.until(is_of_another_owner).await;
    frozen.thaw();
    let (here, there) = join(here.until_end(sent.generation_id), there.until_end(sent.generation_id)).await;
    assert_eq!(here, there);
    expect_whole(&ada, &sent, &here).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_nothing() {
    let app = TestApp::start().await;
    let mut first = app.process().await;
    let ada = app.user().await;
    let at_first = ada.at_url(first.url());
    let sent = at_first.say(QUESTION).await;
    let (mut here, mut there) = (ada.follow(&sent).await, at_first.follow(&sent).await);
    join(here.until(|event| is_delta_after(event, 3)), there.until(|event| is_delta_after(event, 3))).await;
    let told = there.until(|event| matches!(event, StreamEvent::Reconnect { .. }));
    join(first.terminate(), told).await;
    // The page comes back, and another server answers.
    let mut back =
        Reader::open(&ada, &shared::paths::stream_conversation(sent.conversation_id), there.answers.cursor())
            .await;
    back.answers = there.answers;
    let (here, back) = join(here.until_end(sent.generation_id), back.until_end(sent.generation_id)).await;
    assert_eq!(here, back);
    expect_whole(&ada, &sent, &here).await;
}
