//! Servers that die, freeze or are restarted: another one goes on with their answers.

use engine::ChatRole;
use futures_util::future::{join, join_all};
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

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_leaves_is_shared_by_the_others_as_far_as_they_have_slots() {
    const SLOTS: usize = 4;
    let app = TestApp::builder().set("SLOTS", SLOTS.to_string()).start().await;
    let other = app.replica().await;
    let mut third = app.process_in(&app.directory().join("third"), &[("SLOTS", "6")]).await;
    let ada = app.user().await;
    let at_third = ada.at_url(third.url());
    let mut readers = Vec::new();
    for _ in 0..6 {
        let sent = at_third.say("tokens:1000 pause:10").await;
        readers.push(ada.follow(&sent).await);
    }
    join_all(readers.iter_mut().map(|reader| reader.until(|event| is_delta_after(event, 3)))).await;
    third.kill().await;
    // All of them at once: no one waits for the slot of another.
    join_all(readers.iter_mut().map(|reader| reader.until(is_of_another_owner))).await;
    let client = app.database.client().await;
    for server in [&app, &other] {
        let owner = server.state().generations.owner().to_string();
        let query = "SELECT count(*) FROM generations WHERE owner::text = $1";
        let count: i64 = client.query_one(query, &[&owner]).await.expect("a count").get(0);
        assert!((2..=4).contains(&count), "{count} of 6 are at one of two servers");
    }
}
