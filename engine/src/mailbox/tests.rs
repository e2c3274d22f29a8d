use super::*;
use crate::{FinishReason, LoadStage, TextKind, Usage};

fn mailbox() -> (Outlet, Arc<Mailbox>) {
    Mailbox::new(7, Arc::default())
}

fn text(text: &str, tokens: &[i32]) -> GenerationEvent {
    GenerationEvent::Text {
        kind: TextKind::Answer,
        text: text.to_owned(),
        tokens: tokens.to_vec(),
        choices: Vec::new(),
    }
}

fn done() -> GenerationEvent {
    GenerationEvent::Done { reason: FinishReason::Stop, usage: Usage::default() }
}

#[tokio::test]
async fn a_lagging_consumer_gets_fewer_and_larger_pieces() {
    let (outlet, mailbox) = mailbox();
    let loading = GenerationEvent::Loading { stage: LoadStage::Weights, fraction: 0.5 };
    assert_eq!(outlet.push(GenerationEvent::Queued { place: 2 }), Pushed::Taken);
    assert_eq!(outlet.push(GenerationEvent::Queued { place: 1 }), Pushed::Taken);
    assert_eq!(outlet.push(loading.clone()), Pushed::Taken);
    assert_eq!(outlet.push(text("one ", &[1])), Pushed::Taken);
    assert_eq!(outlet.push(text("two ", &[2, 3])), Pushed::Taken);
    assert_eq!(outlet.push(done()), Pushed::Taken);
    assert_eq!(mailbox.next().await, Some(loading));
    assert_eq!(mailbox.next().await, Some(text("one two ", &[1, 2, 3])));
    assert_eq!(mailbox.next().await, Some(done()));
    assert_eq!(mailbox.next().await, None);
}

#[tokio::test]
async fn nothing_follows_the_end() {
    let (outlet, mailbox) = mailbox();
    assert_eq!(outlet.push(done()), Pushed::Taken);
    assert_eq!(outlet.push(text("late", &[1])), Pushed::Taken);
    assert_eq!(outlet.push(done()), Pushed::Taken);
    assert_eq!(mailbox.next().await, Some(done()));
    assert_eq!(mailbox.next().await, None);
    assert_eq!(mailbox.next().await, None);
}

/// Pushes a kilobyte at a time, up to the first answer that is not [`Pushed::Taken`]; tells how many were.
fn fill(outlet: &Outlet) -> (usize, Pushed) {
    let kilobyte = "x".repeat(1024);
    let mut taken = 0;
    loop {
        match outlet.push(text(&kilobyte, &[1])) {
            Pushed::Taken => taken += 1,
            other => return (taken, other),
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_paused_once_and_goes_on_when_it_was_read() {
    let wishes = Arc::new(Wishes::default());
    let (outlet, mailbox) = Mailbox::new(7, Arc::clone(&wishes));
    for _ in 0..3 {
        assert_eq!(fill(&outlet), (PAUSE_AT_BYTES / 1024, Pushed::Pause));
        assert_eq!(outlet.push(text("on its way", &[1])), Pushed::Taken, "the pause was told already");
        assert!(mailbox.next().await.is_some());
        assert_eq!(wishes.take().await, [Wish::Resume(7)]);
    }
}

#[tokio::test]
async fn an_answer_goes_on_only_when_most_of_it_was_read() {
    let wishes = Arc::new(Wishes::default());
    let (outlet, mailbox) = Mailbox::new(7, Arc::clone(&wishes));
    let half = "x".repeat(PAUSE_AT_BYTES / 2 + 1);
    let reasoning = GenerationEvent::Text {
        kind: TextKind::Reasoning,
        text: half.clone(),
        tokens: vec![1],
        choices: Vec::new(),
    };
    assert_eq!(outlet.push(reasoning), Pushed::Taken);
    assert_eq!(outlet.push(text(&half, &[2])), Pushed::Pause);
    mailbox.next().await.unwrap();
    assert!(lock(&wishes.waiting).is_empty(), "half of it still waits");
    mailbox.next().await.unwrap();
    assert_eq!(wishes.take().await, [Wish::Resume(7)]);
}

#[tokio::test]
async fn an_answer_that_does_not_pause_is_given_up_with_its_text_kept() {
    let (outlet, mailbox) = mailbox();
    let (until_pause, _) = fill(&outlet);
    let (until_end, pushed) = fill(&outlet);
    assert_eq!(pushed, Pushed::GivenUp);
    assert_eq!(until_pause + 1 + until_end, WAITING_MAX_BYTES / 1024);
    let Some(GenerationEvent::Text { text, .. }) = mailbox.next().await else { panic!("no text") };
    assert_eq!(text.len(), WAITING_MAX_BYTES);
    assert!(matches!(mailbox.next().await, Some(GenerationEvent::Failed(GenerationError::Internal { .. }))));
    assert_eq!(mailbox.next().await, None);
}

#[tokio::test]
async fn a_stop_is_asked_for_once_and_never_after_the_end() {
    let wishes = Arc::new(Wishes::default());
    let (outlet, mailbox) = Mailbox::new(7, Arc::clone(&wishes));
    mailbox.ask_to_stop();
    mailbox.ask_to_stop();
    assert_eq!(wishes.take().await, [Wish::Stop(7)]);
    assert_eq!(outlet.push(done()), Pushed::Taken);
    mailbox.ask_to_stop();
    let (_outlet, other) = Mailbox::new(8, Arc::clone(&wishes));
    other.ask_to_stop();
    assert_eq!(wishes.take().await, [Wish::Stop(8)]);
}

#[tokio::test]
async fn an_answer_that_ended_while_it_was_paused_has_no_more_wishes() {
    let wishes = Arc::new(Wishes::default());
    let (outlet, mailbox) = Mailbox::new(7, Arc::clone(&wishes));
    fill(&outlet);
    assert_eq!(outlet.push(done()), Pushed::Taken);
    while mailbox.next().await.is_some() {}
    assert!(lock(&wishes.waiting).is_empty());
}

#[tokio::test]
async fn an_answer_that_the_pool_forgets_ends_all_the_same() {
    let (outlet, mailbox) = mailbox();
    assert_eq!(outlet.push(text("some", &[1])), Pushed::Taken);
    drop(outlet);
    assert_eq!(mailbox.next().await, Some(text("some", &[1])));
    assert!(matches!(mailbox.next().await, Some(GenerationEvent::Failed(GenerationError::Internal { .. }))));
    assert_eq!(mailbox.next().await, None);
}

#[tokio::test]
async fn a_consumer_that_waits_is_woken() {
    let (outlet, mailbox) = mailbox();
    let (next, ()) = tokio::join!(mailbox.next(), async {
        tokio::task::yield_now().await;
        assert_eq!(outlet.push(done()), Pushed::Taken);
    });
    assert_eq!(next, Some(done()));
}
