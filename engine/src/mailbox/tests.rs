use super::*;
use crate::{FinishReason, TextKind, Usage};

fn mailbox() -> (Outlet, Arc<Mailbox>) {
    Mailbox::new(7, Arc::default())
}

fn text(text: &str, tokens: &[i32]) -> GenerationEvent {
    GenerationEvent::Text { kind: TextKind::Answer, text: text.to_owned(), tokens: tokens.to_vec() }
}

fn done() -> GenerationEvent {
    GenerationEvent::Done { reason: FinishReason::Stop, usage: Usage::default() }
}

#[tokio::test]
async fn a_lagging_consumer_gets_fewer_and_larger_pieces() {
    let (outlet, mailbox) = mailbox();
    outlet.push(GenerationEvent::Queued { place: 2 }).unwrap();
    outlet.push(GenerationEvent::Queued { place: 1 }).unwrap();
    outlet.push(GenerationEvent::Loading { fraction: 0.5 }).unwrap();
    outlet.push(text("one ", &[1])).unwrap();
    outlet.push(text("two ", &[2, 3])).unwrap();
    outlet.push(done()).unwrap();
    assert_eq!(mailbox.next().await, Some(GenerationEvent::Loading { fraction: 0.5 }));
    assert_eq!(mailbox.next().await, Some(text("one two ", &[1, 2, 3])));
    assert_eq!(mailbox.next().await, Some(done()));
    assert_eq!(mailbox.next().await, None);
}

#[tokio::test]
async fn nothing_follows_the_end() {
    let (outlet, mailbox) = mailbox();
    outlet.push(done()).unwrap();
    outlet.push(text("late", &[1])).unwrap();
    outlet.push(done()).unwrap();
    assert_eq!(mailbox.next().await, Some(done()));
    assert_eq!(mailbox.next().await, None);
    assert_eq!(mailbox.next().await, None);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up_with_its_text_kept() {
    let (outlet, mailbox) = mailbox();
    let kilobyte = "x".repeat(1024);
    let mut pushed = 0;
    while outlet.push(text(&kilobyte, &[1])).is_ok() {
        pushed += 1;
    }
    assert_eq!(pushed, LAG_MAX_BYTES / 1024);
    let Some(GenerationEvent::Text { text, .. }) = mailbox.next().await else { panic!("no text") };
    assert_eq!(text.len(), LAG_MAX_BYTES);
    assert!(matches!(mailbox.next().await, Some(GenerationEvent::Failed(GenerationError::Internal { .. }))));
    assert_eq!(mailbox.next().await, None);
}

#[tokio::test]
async fn reading_makes_room_again() {
    let (outlet, mailbox) = mailbox();
    let most = "x".repeat(LAG_MAX_BYTES);
    for _ in 0..3 {
        outlet.push(text(&most, &[1])).unwrap();
        assert!(mailbox.next().await.is_some());
    }
}

#[tokio::test]
async fn a_stop_is_asked_for_once_and_never_after_the_end() {
    let stops = Arc::new(StopRequests::default());
    let (outlet, mailbox) = Mailbox::new(7, Arc::clone(&stops));
    mailbox.ask_to_stop();
    mailbox.ask_to_stop();
    assert_eq!(stops.take().await, [7]);
    outlet.push(done()).unwrap();
    mailbox.ask_to_stop();
    let (_outlet, other) = Mailbox::new(8, Arc::clone(&stops));
    other.ask_to_stop();
    assert_eq!(stops.take().await, [8]);
}

#[tokio::test]
async fn an_answer_that_the_pool_forgets_ends_all_the_same() {
    let (outlet, mailbox) = mailbox();
    outlet.push(text("some", &[1])).unwrap();
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
        outlet.push(done()).unwrap();
    });
    assert_eq!(next, Some(done()));
}
