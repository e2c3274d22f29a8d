//! Whatever a killed server left in the journal is gone on with.

use engine::Token;
use engine::decoder::PromptReader;
use engine::scripted::ScriptedReader;
use serde_json::json;
use shared::{ChunkKind, FinishReason, GenerationOptions, MessageStatus, SendAccepted, UserId};
use store::{Claim, NewChunk, NewSend, Parent, SendOutcome, Started};

use super::{asks, kept, sampling};
use crate::support::{TestApp, greedy};

/// The rows of an answer whose server was killed at some instant.
pub struct Left<'a> {
    question: &'a str,
    options: GenerationOptions,
    /// None: nothing was given to the engine.
    chunks: Option<Vec<(&'a str, Vec<Token>)>>,
    stopping: bool,
}

impl Left<'_> {
    pub fn of(question: &str) -> Left<'_> {
        Left { question, options: greedy(), chunks: None, stopping: false }
    }

    pub async fn write(self, app: &TestApp, user: UserId) -> SendAccepted {
        let (store, owner) = (&app.state().store, app.state().generations.owner());
        let new = NewSend {
            client_id: shared::ClientId::new(),
            body_sha256: [0; 32],
            conversation_id: None,
            parent: Parent::ActiveLeaf,
            content: self.question.to_owned(),
            model: Some("scripted".to_owned()),
            request: json!({ "model": "scripted", "options": self.options }),
            owner,
        };
        let SendOutcome::Began(sent) = store.begin_send(user, &new).await.expect("a send") else {
            panic!("nobody sent it before")
        };
        if let Some(chunks) = self.chunks {
            let claim = Claim::first(sent.generation_id, owner);
            let params = json!({
                "model": "scripted",
                "sampling": sampling(&self.options).check().expect("sampling params"),
                "prompt": ScriptedReader::default().read(&asks(self.question).into(), None, &[]).expect("a prompt").tokens,
            });
            let started = store.start_generation(claim, &params, &[]).await.expect("a start");
            assert_eq!(started, Started::Running);
            let mut byte_offset = 0;
            let rows = (1..).zip(chunks).map(|(seq, (body, tokens))| {
                let chunk = NewChunk {
                    generation_id: sent.generation_id,
                    epoch: 1,
                    seq,
                    byte_offset,
                    kind: ChunkKind::Text,
                    body: body.to_owned(),
                    tokens,
                };
                byte_offset += body.len() as u32;
                chunk
            });
            let lost = store.append_chunks(owner, &rows.collect::<Vec<_>>()).await.expect("chunks");
            assert_eq!(lost, []);
        }
        if self.stopping {
            store.request_stop(user, sent.generation_id).await.expect("a stop");
        }
        sent
    }
}

/// The scripted model has a token for each byte.
fn bytes(text: &str) -> Vec<Token> {
    text.bytes().map(Token::from).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_server_was_killed_nothing_is_said_twice_and_nothing_is_missing() {
    let mut app = TestApp::start().await;
    let ada = app.user().await;
    let user = ada.account().id;
    let at_most = |tokens| GenerationOptions { max_tokens: Some(tokens), ..greedy() };
    let until = |stop: &str| GenerationOptions { stop: vec![stop.to_owned()], ..greedy() };
    let chunk = |text| (text, bytes(text));
    let said = "echo:Grüß Gott END und so";
    let (complete, stopped) = (MessageStatus::Complete, MessageStatus::Stopped);
    let (stop, length) = (Some(FinishReason::Stop), Some(FinishReason::Length));
    let whole = "Grüß Gott END und so";
    let cases = [
        // Before the engine got it, and before its first word.
        (Left::of(said), whole, complete, stop),
        (Left { chunks: Some(vec![]), ..Left::of(said) }, whole, complete, stop),
        // In the middle.
        (Left { chunks: Some(vec![chunk("Grüß"), chunk(" Gott")]), ..Left::of(said) }, whole, complete, stop),
        // All was said; only the end was not recorded.
        (Left { chunks: Some(vec![chunk(whole)]), ..Left::of(said) }, whole, complete, stop),
        (
            Left { chunks: Some(vec![chunk("Grüß")]), options: at_most(6), ..Left::of(said) },
            "Grüß",
            complete,
            length,
        ),
        (
            Left { chunks: Some(vec![chunk("Grü")]), options: at_most(6), ..Left::of(said) },
            "Grüß",
            complete,
            length,
        ),
        // A stop string that was about to come, was on its way, or has cut a token whose beginning was told.
        (
            Left { chunks: Some(vec![chunk("Grüß")]), options: until(" END"), ..Left::of(said) },
            "Grüß Gott",
            complete,
            stop,
        ),
        (
            Left { chunks: Some(vec![chunk("Grüß Gott")]), options: until(" END"), ..Left::of(said) },
            "Grüß Gott",
            complete,
            stop,
        ),
        (
            Left {
                chunks: Some(vec![chunk("Grüß"), (" Gott", vec![])]),
                options: until("END"),
                ..Left::of(said)
            },
            "Grüß Gott",
            complete,
            stop,
        ),
        // Somebody had asked for its end.
        (Left { stopping: true, ..Left::of(said) }, "", stopped, Some(FinishReason::Stopped)),
        (
            Left { chunks: Some(vec![chunk("Grüß")]), stopping: true, ..Left::of(said) },
            "Grüß",
            stopped,
            Some(FinishReason::Stopped),
        ),
    ];
    let mut left = Vec::new();
    for (rows, text, status, reason) in cases {
        left.push((rows.write(&app, user).await, text, status, reason));
    }
    app.shut_down().await;
    let app = app.start_again().await;
    let ada = ada.at(&app);
    for (index, (sent, text, status, reason)) in left.into_iter().enumerate() {
        let shown = ada.follow(&sent).await.until_end(sent.generation_id).await;
        let message = kept(&ada, &sent).await;
        assert_eq!((shown.as_str(), message.content.as_str()), (text, text), "case {index}");
        assert_eq!((message.status, message.finish_reason), (status, reason), "case {index}");
    }
}
