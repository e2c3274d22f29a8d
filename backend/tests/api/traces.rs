//! What the models keep of conversations, and that it goes with them.

use std::collections::BTreeSet;
use std::time::Duration;

use backend::AppState;
use engine::Whose;
use shared::{ConversationId, paths};

use crate::support::{MODEL, TestApp, message};

/// Long enough for a state to be worth keeping.
const QUESTION: &str = "echo:something private that is long enough to be worth keeping for the next question";
/// Not like it from the first word on: who only rewords a question has no use for the first one's state.
const ANOTHER: &str =
    "tokens:30 of a conversation that nobody deletes, and that is kept for the next question";

/// Far longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Unloads the model, which then writes all that it has, and tells whose that is.
async fn on_disk(state: &AppState) -> BTreeSet<Whose> {
    let model = state.engine.resolve(Some(MODEL)).expect("the model");
    state.engine.unload(&model).await.expect("an unloaded model");
    state.engine.kept().await
}

fn is_in(state: &AppState, kept: &BTreeSet<Whose>, conversation: ConversationId) -> bool {
    let number = state.generations.traces().conversation(conversation);
    kept.iter().any(|whose| whose.conversation == Some(number))
}

/// Waits until the disk of a server holds nothing of a conversation.
async fn until_forgotten(state: &AppState, conversation: ConversationId) {
    let gone = async {
        let mut again = tokio::time::interval(Duration::from_millis(10));
        while is_in(state, &state.engine.kept().await, conversation) {
            again.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("it is forgotten in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_conversation_leaves_nothing_on_disk_and_the_others_stay() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (gone, _) = ada.ask(&message(QUESTION)).await;
    let (stays, _) = ada.ask(&message(ANOTHER)).await;
    let state = app.state();
    let kept = on_disk(state).await;
    assert!(
        is_in(state, &kept, gone.conversation_id) && is_in(state, &kept, stays.conversation_id),
        "{kept:?}"
    );
    ada.delete(&paths::conversation(gone.conversation_id)).await.expect(204);
    let kept = state.engine.kept().await;
    assert!(
        !is_in(state, &kept, gone.conversation_id) && is_in(state, &kept, stays.conversation_id),
        "{kept:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_deleted_while_its_model_is_loaded_leaves_nothing_either() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (gone, _) = ada.ask(&message(QUESTION)).await;
    ada.delete(&paths::conversation(gone.conversation_id)).await.expect(204);
    let state = app.state();
    assert!(!is_in(state, &on_disk(state).await, gone.conversation_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_runs_when_its_conversation_is_deleted_leaves_nothing() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say(&format!("endless pause:5 {QUESTION}")).await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, shared::StreamEvent::Delta { .. })).await;
    ada.delete(&paths::conversation(sent.conversation_id)).await.expect(204);
    let state = app.state();
    assert!(!is_in(state, &on_disk(state).await, sent.conversation_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_forgets_it_too() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let ada = app.user().await;
    let (sent, _) = ada.at(&other).ask(&message(QUESTION)).await;
    let kept = on_disk(other.state()).await;
    assert!(is_in(other.state(), &kept, sent.conversation_id), "{kept:?}");
    ada.delete(&paths::conversation(sent.conversation_id)).await.expect(204);
    until_forgotten(other.state(), sent.conversation_id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_forgets_it_when_it_starts() {
    let mut app = TestApp::start().await;
    let ada = app.user().await;
    let (gone, _) = ada.ask(&message(QUESTION)).await;
    let (stays, _) = ada.ask(&message(ANOTHER)).await;
    app.shut_down().await;
    let delete = format!("UPDATE conversations SET deleted_at = now() WHERE id = '{}'", gone.conversation_id);
    app.database.client().await.batch_execute(&delete).await.expect("a deleted conversation");
    let app = app.start_again().await;
    until_forgotten(app.state(), gone.conversation_id).await;
    let kept = app.state().engine.kept().await;
    assert!(is_in(app.state(), &kept, stays.conversation_id), "{kept:?}");
}
