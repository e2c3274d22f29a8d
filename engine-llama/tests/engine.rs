//! The real worker program with a real model, as the server runs it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod models;

use std::path::Path;

use engine::{
    ChatMessage, ChatRole, Engine, EngineConfig, FinishReason, GenerateRequest, Generation, GenerationError,
    GenerationEvent, Priority, SamplingOptions, Usage,
};
use tempfile::TempDir;

struct TestEngine {
    engine: Engine,
    _state: TempDir,
}

/// How an answer ended, with its text.
#[derive(Debug)]
struct Answer {
    text: String,
    end: Result<(FinishReason, Usage), GenerationError>,
}

impl Answer {
    fn usage(&self) -> Usage {
        self.end.as_ref().map(|(_, usage)| *usage).unwrap()
    }
}

impl TestEngine {
    /// One thread: tests run beside each other, and more threads than cores wait for each other.
    fn start(model_path: &Path, slots: u32, context_tokens: u32) -> Self {
        let state = tempfile::tempdir().unwrap();
        let config = EngineConfig {
            slots,
            context_tokens: Some(context_tokens),
            threads: Some(1),
            ..EngineConfig::new(env!("CARGO_BIN_EXE_oriel-engine"), model_path, state.path())
        };
        Self { engine: Engine::start(config).unwrap(), _state: state }
    }

    async fn begin(
        &self,
        model: Option<&str>,
        messages: Vec<ChatMessage>,
        options: SamplingOptions,
    ) -> Generation {
        let request = GenerateRequest {
            model: self.engine.resolve(model).unwrap(),
            user: 1,
            conversation: None,
            prompt: messages.into(),
            sampling: options.check().unwrap(),
            answer_so_far: Vec::new(),
            priority: Priority::Chat,
        };
        self.engine.generate(request).await.unwrap()
    }

    async fn ask(&self, question: &str, options: SamplingOptions) -> Answer {
        finish(self.begin(None, vec![user(question)], options).await).await
    }
}

async fn finish(mut generation: Generation) -> Answer {
    let mut text = String::new();
    let mut end = None;
    while let Some(event) = generation.next().await {
        assert!(end.is_none(), "nothing comes after the end");
        match event {
            GenerationEvent::Text { text: piece, .. } => text.push_str(&piece),
            GenerationEvent::Done { reason, usage } => end = Some(Ok((reason, usage))),
            GenerationEvent::Failed(error) => end = Some(Err(error)),
            _ => {}
        }
    }
    Answer { text, end: end.expect("an end") }
}

fn user(content: &str) -> ChatMessage {
    ChatMessage::new(ChatRole::User, content)
}

fn greedy(max_tokens: u32) -> SamplingOptions {
    SamplingOptions { temperature: Some(0.0), max_tokens: Some(max_tokens), ..SamplingOptions::default() }
}

fn seeded(seed: u32) -> SamplingOptions {
    SamplingOptions { seed: Some(seed), max_tokens: Some(24), ..SamplingOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_gets_an_answer_and_a_seed_gets_the_same_one() {
    let engine = TestEngine::start(&models::chat_model(), 2, 512);
    let question = "Tell me something about the moon.";
    let answer = engine.ask(question, seeded(7)).await;
    assert!(!answer.text.is_empty());
    let usage = answer.usage();
    assert!(
        usage.prompt_tokens > 0 && usage.completion_tokens > 0 && usage.context_tokens == 512,
        "{usage:?}"
    );
    assert_eq!(engine.ask(question, seeded(7)).await.text, answer.text);
    assert_ne!(engine.ask(question, seeded(8)).await.text, answer.text);
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn greedy_answers_are_the_same_together_as_alone() {
    let engine = TestEngine::start(&models::chat_model(), 4, 512);
    let questions = ["What is rain?", "Count to five.", "Why is the sky blue?", "Name three birds."];
    let mut alone = Vec::new();
    for question in questions {
        alone.push(engine.ask(question, greedy(24)).await.text);
    }
    let mut running = Vec::new();
    for question in questions {
        running.push(engine.begin(None, vec![user(question)], greedy(24)).await);
    }
    let finished: Vec<_> = running.into_iter().map(|generation| tokio::spawn(finish(generation))).collect();
    let mut together = Vec::new();
    for answer in finished {
        together.push(answer.await.unwrap().text);
    }
    assert_eq!(together, alone);
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_turn_reads_only_what_is_new() {
    let engine = TestEngine::start(&models::chat_model(), 2, 512);
    let question = "Name a few animals that live in the sea, please.";
    let first = engine.ask(question, greedy(16)).await;
    let answer = ChatMessage::new(ChatRole::Assistant, first.text.clone());
    let turns = vec![user(question), answer, user("Which of them is the largest?")];
    let second = finish(engine.begin(None, turns, greedy(4)).await).await;
    let (before, after) = (first.usage(), second.usage());
    assert_eq!(before.cached_tokens, 0);
    assert!(after.cached_tokens >= before.prompt_tokens, "{after:?} after {before:?}");
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_answer_makes_room_for_the_next() {
    let engine = TestEngine::start(&models::chat_model(), 1, 2048);
    let endless = SamplingOptions { max_tokens: None, ..seeded(1) };
    let mut first = engine.begin(None, vec![user("Write a very long story.")], endless).await;
    let second = engine.begin(None, vec![user("Hi")], greedy(4)).await;
    let mut text = String::new();
    let end = loop {
        match first.next().await.expect("an end") {
            GenerationEvent::Text { text: piece, .. } => {
                text.push_str(&piece);
                first.stop();
            }
            GenerationEvent::Done { reason, .. } => break reason,
            GenerationEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    };
    assert_eq!(end, FinishReason::Stopped);
    assert!(!text.is_empty());
    assert!(finish(second).await.end.is_ok());
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_is_too_long_is_told_with_both_numbers() {
    let engine = TestEngine::start(&models::chat_model(), 1, 256);
    let answer = engine.ask(&"many words ".repeat(300), greedy(4)).await;
    match answer.end {
        Err(GenerationError::ContextLength { prompt_tokens, context_tokens }) => {
            assert!(prompt_tokens > 600, "{prompt_tokens}");
            assert_eq!(context_tokens, 256);
        }
        other => panic!("{other:?}"),
    }
    assert!(engine.ask("Hi", greedy(4)).await.end.is_ok(), "the next one fits");
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_models_answer_in_turn() {
    let directory = tempfile::tempdir().unwrap();
    for path in [models::chat_model(), models::base_model()] {
        std::os::unix::fs::symlink(&path, directory.path().join(path.file_name().unwrap())).unwrap();
    }
    let engine = TestEngine::start(directory.path(), 2, 512);
    let question = "What is the capital of France?";
    for _ in 0..2 {
        let small = engine.begin(Some("smollm2-135m-instruct"), vec![user(question)], greedy(8)).await;
        assert!(!finish(small).await.text.is_empty());
        let base = engine.begin(Some("gemma-3-270m"), vec![user(question)], greedy(16)).await;
        let base = finish(base).await;
        assert!(base.text.contains("Paris"), "{base:?}");
        assert_eq!(base.end.unwrap().0, FinishReason::Stop, "it does not write the next question itself");
    }
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_told_and_harms_no_other_model() {
    let directory = tempfile::tempdir().unwrap();
    let good = models::chat_model();
    std::os::unix::fs::symlink(&good, directory.path().join("good.gguf")).unwrap();
    let mut bytes = std::fs::read(&good).unwrap();
    bytes.truncate(bytes.len() * 3 / 4);
    std::fs::write(directory.path().join("damaged.gguf"), bytes).unwrap();

    let engine = TestEngine::start(directory.path(), 1, 512);
    for _ in 0..2 {
        let damaged = finish(engine.begin(Some("damaged"), vec![user("Hi")], greedy(4)).await).await;
        match damaged.end {
            Err(GenerationError::ModelUnusable { message }) => {
                assert!(message.contains("download it again"), "{message}");
            }
            other => panic!("{other:?}"),
        }
        let good = finish(engine.begin(Some("good"), vec![user("Hi")], greedy(4)).await).await;
        assert!(good.end.is_ok(), "{good:?}");
    }
    engine.engine.shutdown().await;
}
