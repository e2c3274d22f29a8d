//! Answers whose server or engine dies: they go on by themselves, and nothing that was shown changes.

use std::time::{Duration, Instant};

use engine::decoder::PromptReader;
use engine::scripted::{ScriptedModel, ScriptedReader, expected_answer};
use engine::{ChatMessage, ChatRole, SamplingOptions, Token};
use serde_json::json;
use shared::reducer::Answers;
use shared::{
    ChunkKind, ErrorCode, FinishReason, GenerationOptions, Message, MessageStatus, SendAccepted, SendMessage,
    StreamEvent, UserId, paths,
};
use store::{Claim, GenerationStatus, NewChunk, NewSend, Parent, SendOutcome, Started};

use crate::support::{Actor, Reader, TestApp, greedy, message};

/// Long enough to be in the middle of.
const QUESTION: &str = "tokens:80 pause:10";

/// What the scripted model answers to a first message.
fn foretold(question: &str) -> String {
    expected_answer(&asks(question), &sampling(&greedy()).check().expect("sampling params"))
}

fn asks(question: &str) -> Vec<ChatMessage> {
    vec![ChatMessage::new(ChatRole::User, question)]
}

fn sampling(options: &GenerationOptions) -> SamplingOptions {
    SamplingOptions {
        temperature: options.temperature,
        max_tokens: options.max_tokens,
        stop: options.stop.clone(),
        seed: Some(1),
        ..SamplingOptions::default()
    }
}

async fn until_chunk(reader: &mut Reader, at_least: u32) {
    reader.until(|event| matches!(event, StreamEvent::Delta { seq, .. } if *seq >= at_least)).await;
}

/// A reader that comes back where another one was.
async fn back(ada: &Actor, sent: &SendAccepted, before: Reader) -> Reader {
    let path = paths::stream_conversation(sent.conversation_id);
    let mut reader = Reader::open(ada, &path, before.answers.cursor()).await;
    reader.answers = before.answers;
    reader
}

async fn kept(ada: &Actor, sent: &SendAccepted) -> Message {
    ada.message(sent.conversation_id, sent.message_id).await
}

fn errors(reader: &Reader) -> Vec<&StreamEvent> {
    reader.seen.iter().filter(|event| matches!(event, StreamEvent::Error { .. })).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_answer_goes_on_where_it_was() {
    let mut app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say(QUESTION).await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 3).await;
    app.shut_down().await;

    let app = app.start_again().await;
    let ada = ada.at(&app);
    let mut reader = back(&ada, &sent, reader).await;
    let shown = reader.until_end(sent.generation_id).await;
    let message = kept(&ada, &sent).await;
    assert_eq!((message.status, message.content.as_str()), (MessageStatus::Complete, shown.as_str()));
    assert_eq!(shown, foretold(QUESTION));
    let usage = message.usage.expect("its usage");
    assert_eq!((usage.completion_tokens, usage.context_tokens), (80, 4096));
    assert!(usage.prompt_tokens > 0 && usage.tokens_per_second > 0.0, "{usage:?}");
    let row = app.state().store.generation(ada.account().id, sent.generation_id).await.expect("a row");
    assert_eq!((row.status, row.epoch, row.engine_deaths), (GenerationStatus::Done, 2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawn_answer_goes_on_as_it_would_have() {
    let mut app = TestApp::start().await;
    let ada = app.user().await;
    let options = GenerationOptions { seed: Some(42), ..GenerationOptions::default() };
    let sent = ada.send(&SendMessage { options, ..message(QUESTION) }).await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 3).await;
    app.shut_down().await;
    let app = app.start_again().await;
    let ada = ada.at(&app);
    let shown = back(&ada, &sent, reader).await.until_end(sent.generation_id).await;
    let drawn = SamplingOptions { seed: Some(42), ..SamplingOptions::default() };
    assert_eq!(shown, expected_answer(&asks(QUESTION), &drawn.check().expect("sampling params")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_is_seen_by_no_reader() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, other) = (ada.say(QUESTION).await, ada.say("tokens:70 pause:10").await);
    let (mut reader, mut other_reader) = (ada.follow(&sent).await, ada.follow(&other).await);
    until_chunk(&mut reader, 2).await;
    until_chunk(&mut other_reader, 2).await;
    assert_eq!(app.kill_workers(), 1);
    assert_eq!(reader.until_end(sent.generation_id).await, foretold(QUESTION));
    assert_eq!(other_reader.until_end(other.generation_id).await, foretold("tokens:70 pause:10"));
    assert!(errors(&reader).is_empty() && errors(&other_reader).is_empty());
    let message = kept(&ada, &sent).await;
    assert_eq!(message.usage.map(|usage| usage.completion_tokens), Some(80));
    let row = app.state().store.generation(ada.account().id, sent.generation_id).await.expect("a row");
    assert_eq!((row.status, row.epoch, row.engine_deaths), (GenerationStatus::Done, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_death_of_the_engine_ends_the_answer_and_it_can_be_continued() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say(QUESTION).await;
    let mut reader = ada.follow(&sent).await;
    for chunk in [2, 5] {
        until_chunk(&mut reader, chunk).await;
        assert_eq!(app.kill_workers(), 1);
    }
    let shown = reader.until_end(sent.generation_id).await;
    let message = kept(&ada, &sent).await;
    assert_eq!((message.status, &message.content), (MessageStatus::Failed, &shown));
    assert!(foretold(QUESTION).starts_with(&shown) && !shown.is_empty());
    let error = message.error.expect("an error");
    assert_eq!(error.code, ErrorCode::EngineFailed);
    assert!(error.message.contains("press Continue"), "{}", error.message);

    let more: SendAccepted = ada.go_on(sent.message_id).await.json(202);
    assert_eq!(ada.follow(&more).await.until_end(more.generation_id).await, foretold(QUESTION));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_while_its_model_loads_again_and_can_be_stopped_meanwhile() {
    let slow = ScriptedModel { load_ms: 3_000, ..ScriptedModel::default() };
    let app = TestApp::builder().model("slow", slow).start().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:10").await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 2).await;
    assert_eq!(app.kill_workers(), 1);
    let mut models = app.state().engine.watch_models();
    let state = || app.state().engine.models().remove(0).state;
    while !matches!(state(), engine::ModelState::Loading { .. }) {
        models.changed().await.expect("the engine");
    }
    ada.stop(&sent).await.expect(202);
    let shown = reader.until_end(sent.generation_id).await;
    while matches!(state(), engine::ModelState::Loading { .. }) {
        models.changed().await.expect("the engine");
    }
    assert_eq!(state(), engine::ModelState::Unloaded, "the model was loaded for nobody");
    let message = kept(&ada, &sent).await;
    assert_eq!((message.status, message.content), (MessageStatus::Stopped, shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_stopped_while_it_is_being_taken_up_again() {
    let slow = ScriptedModel { load_ms: 3_000, ..ScriptedModel::default() };
    let mut app = TestApp::builder().model("slow", slow).start().await;
    let ada = app.user().await;
    let (with_text, without) = (ada.say("endless pause:10").await, ada.say("endless pause:10").await);
    until_chunk(&mut ada.follow(&with_text).await, 2).await;
    app.shut_down().await;
    let app = app.start_again().await;
    let ada = ada.at(&app);
    for sent in [with_text, without] {
        ada.stop(&sent).await.expect(202);
        ada.follow(&sent).await.until_end(sent.generation_id).await;
        assert_eq!(kept(&ada, &sent).await.status, MessageStatus::Stopped);
    }
}

/// The rows of an answer whose server was killed at some instant.
struct Left<'a> {
    question: &'a str,
    options: GenerationOptions,
    /// None: nothing was given to the engine.
    chunks: Option<Vec<(&'a str, Vec<Token>)>>,
    stopping: bool,
}

impl Left<'_> {
    fn of(question: &str) -> Left<'_> {
        Left { question, options: greedy(), chunks: None, stopping: false }
    }

    async fn write(self, app: &TestApp, user: UserId) -> SendAccepted {
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

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_model_is_gone_or_another_one_keeps_its_text_and_says_so() {
    for (replacement, told) in [(None, "is gone"), (Some(2_048), "was replaced")] {
        let other = ScriptedModel { context_tokens: 1_000, ..ScriptedModel::default() };
        let mut app =
            TestApp::builder().model("used", ScriptedModel::default()).model("zzz", other).start().await;
        let ada = app.user().await;
        let sent = ada.say("endless pause:10").await;
        let mut reader = ada.follow(&sent).await;
        until_chunk(&mut reader, 2).await;
        app.shut_down().await;
        let file = app.state().config.model_path.join("used.gguf");
        std::fs::remove_file(&file).expect("the model's file");
        if let Some(context_tokens) = replacement {
            let model = ScriptedModel { context_tokens, ..ScriptedModel::default() };
            model.write(&file).expect("another file");
        }
        let app = app.start_again().await;
        let ada = ada.at(&app);
        let shown = back(&ada, &sent, reader).await.until_end(sent.generation_id).await;
        let message = kept(&ada, &sent).await;
        assert_eq!((message.status, &message.content), (MessageStatus::Failed, &shown));
        let error = message.error.expect("an error");
        assert_eq!(error.code, ErrorCode::ModelUnavailable);
        assert!(error.message.contains(told), "{}", error.message);
        // Continuing meets the same obstacle, before anything is made.
        let refused = ada.go_on(sent.message_id).await.error(ErrorCode::Conflict);
        assert!(refused.message.contains(told), "{}", refused.message);
        assert_eq!(ada.messages(sent.conversation_id).await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_answers_than_the_engine_takes_wait_for_their_turn_after_a_restart() {
    let mut app = TestApp::builder().set("SLOTS", "1").set("QUEUE_CAPACITY", "1").start().await;
    let ada = app.user().await;
    let mut left = Vec::new();
    for _ in 0..5 {
        left.push(Left::of("tokens:5").write(&app, ada.account().id).await);
    }
    app.shut_down().await;
    let app = app.start_again().await;
    let ada = ada.at(&app);
    for sent in left {
        assert_eq!(ada.follow(&sent).await.until_end(sent.generation_id).await, foretold("tokens:5"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_a_model_that_rests_after_the_deaths_of_others() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    for _ in 0..2 {
        let (_, answer) = ada.ask(&message("crash:1")).await;
        assert_eq!((answer.status, answer.content.as_str()), (MessageStatus::Failed, ""));
    }
    let (_, answer) = ada.ask(&message("tokens:5")).await;
    assert_eq!((answer.status, answer.content), (MessageStatus::Complete, foretold("tokens:5")));
}

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

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_kept_and_not_begun_begins_by_itself() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    // As after the database's answer to the commit was lost.
    let sent = Left::of("tokens:5").write(&app, ada.account().id).await;
    assert_eq!(ada.follow(&sent).await.until_end(sent.generation_id).await, foretold("tokens:5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_whose_answer_was_claimed_once_more_leaves_it_to_the_new_one() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say(QUESTION).await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 3).await;
    // As after a long freeze, in which another server had it and died.
    let (store, generations) = (&app.state().store, &app.state().generations);
    let ids = [sent.generation_id];
    let rows = store.claim_forgotten_generations(generations.owner(), &ids).await.expect("a claim");
    assert_eq!(rows.len(), 1);
    rows.into_iter().for_each(|row| generations.resume(row));
    assert_eq!(reader.until_end(sent.generation_id).await, foretold(QUESTION));
    assert!(errors(&reader).is_empty());
    assert!(reader.seen.iter().any(|event| matches!(event, StreamEvent::Delta { epoch: 2, .. })));
    let row = store.generation(ada.account().id, sent.generation_id).await.expect("a row");
    assert_eq!((row.status, row.epoch), (GenerationStatus::Done, 2));
}
