//! A server that is a process of its own is killed in the middle.

use std::time::{Duration, Instant};

use shared::reducer::Answers;
use shared::{MessageStatus, SendAccepted, StreamEvent};

use super::{back, foretold, kept, until_chunk};
use crate::support::{Reader, TestApp};

/// Reads on until the stream breaks off or `enough`; whatever is shown must be the beginning of `whole`.
async fn read(
    reader: &mut Reader,
    sent: &SendAccepted,
    whole: &str,
    enough: impl Fn(&StreamEvent) -> bool,
) -> bool {
    while let Some(event) = reader.next().await {
        let shown =
            reader.answers.get(sent.generation_id).map(|answer| answer.text.as_str()).unwrap_or_default();
        assert!(whole.starts_with(shown), "{shown:?} is not the beginning of {whole:?}");
        if enough(&event) {
            return true;
        }
    }
    false
}

fn is_end(event: &StreamEvent) -> bool {
    matches!(event, StreamEvent::Done { .. } | StreamEvent::Error { generation_id: Some(_), .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_goes_on_with_its_answers_whenever_that_happens() {
    let app = TestApp::start().await;
    let mut server = app.process().await;
    let ada = app.user().await;
    let question = "tokens:300 pause:10";
    let whole = foretold(question);
    let sent = ada.at_url(server.url()).say(question).await;
    let mut answers = Answers::new();
    // Before the first word, at the first one, and after so many more each.
    for more in [0, 1, 2, 5, 9] {
        let seen = answers.get(sent.generation_id).map_or(0, |answer| answer.seq);
        let mut reader = ada.at_url(server.url()).follow_after(&sent, seen).await;
        reader.answers = answers;
        let far =
            |event: &StreamEvent| matches!(event, StreamEvent::Delta { seq, .. } if *seq >= seen + more);
        assert!(more == 0 || read(&mut reader, &sent, &whole, far).await, "the answer stands still");
        server.kill().await;
        assert!(!read(&mut reader, &sent, &whole, is_end).await, "it was to be killed in the middle");
        answers = reader.answers;
        server = server.start_again(&app).await;
    }
    let seen = answers.get(sent.generation_id).map_or(0, |answer| answer.seq);
    let here = ada.at_url(server.url());
    let mut reader = here.follow_after(&sent, seen).await;
    reader.answers = answers;
    assert!(read(&mut reader, &sent, &whole, is_end).await);
    let shown = reader.answers.get(sent.generation_id).expect("an answer").text.clone();
    let message = kept(&here, &sent).await;
    assert_eq!((message.status, &message.content, &shown), (MessageStatus::Complete, &whole, &whole));
    let row = app.state().store.generation(ada.account().id, sent.generation_id).await.expect("a row");
    assert_eq!((row.epoch, row.engine_deaths), (6, 0), "the server took up its own answer each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_new_word_comes_within_three_seconds_of_the_kill() {
    let app = TestApp::start().await;
    let mut server = app.process().await;
    let ada = app.user().await;
    let sent = ada.at_url(server.url()).say("endless pause:10").await;
    let mut reader = ada.at_url(server.url()).follow(&sent).await;
    until_chunk(&mut reader, 5).await;
    server.kill().await;
    let killed_at = Instant::now();
    while reader.next().await.is_some() {}
    let server = server.start_again(&app).await;
    let started_after = killed_at.elapsed();
    let here = ada.at_url(server.url());
    let mut reader = back(&here, &sent, reader).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { epoch: 2, .. })).await;
    let seen_after = killed_at.elapsed();
    eprintln!("from the kill: listening after {started_after:?}, the next word after {seen_after:?}");
    assert!(seen_after < Duration::from_secs(3), "{seen_after:?}");
    here.stop(&sent).await.expect(202);
    reader.until_end(sent.generation_id).await;
}
