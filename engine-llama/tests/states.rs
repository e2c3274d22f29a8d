//! That nothing is read twice, with the real worker program and real models.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod models;

use std::fs;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use engine::{
    ChatMessage, ChatRole, Engine, EngineConfig, GenerateRequest, Generation, GenerationEvent, ModelState,
    Priority, SamplingOptions, Usage,
};
use rustix::fs::inotify;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const INSTRUCTIONS: &str = "You answer questions about the sea and its animals for children who are ten years old. Use \
    short sentences and simple words, do not frighten anybody, and say it when you do not know something.";

fn config(model: &Path, state: &Path) -> EngineConfig {
    EngineConfig {
        slots: 1,
        context_tokens: Some(512),
        threads: Some(1),
        states_memory_bytes: Some(64 << 20),
        states_disk_bytes: 256 << 20,
        ..EngineConfig::new(env!("CARGO_BIN_EXE_oriel-engine"), model, state)
    }
}

async fn finish(mut generation: Generation) -> (String, Usage) {
    let mut text = String::new();
    while let Some(event) = generation.next().await {
        match event {
            GenerationEvent::Text { text: piece, .. } => text.push_str(&piece),
            GenerationEvent::Done { usage, .. } => return (text, usage),
            GenerationEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    panic!("it did not end");
}

async fn begin(engine: &Engine, user: u128, messages: Vec<ChatMessage>) -> Generation {
    let sampling =
        SamplingOptions { temperature: Some(0.0), max_tokens: Some(16), ..SamplingOptions::default() };
    let request = GenerateRequest {
        model: engine.resolve(None).unwrap(),
        user,
        conversation: None,
        prompt: messages.into(),
        sampling: sampling.check().unwrap(),
        answer_so_far: Vec::new(),
        priority: Priority::Chat,
    };
    engine.generate(request).await.unwrap()
}

async fn ask(engine: &Engine, user: u128, messages: Vec<ChatMessage>) -> (String, Usage) {
    finish(begin(engine, user, messages).await).await
}

fn says(role: ChatRole, content: &str) -> ChatMessage {
    ChatMessage::new(role, content)
}

fn first_turn() -> Vec<ChatMessage> {
    vec![
        says(ChatRole::System, INSTRUCTIONS),
        says(ChatRole::User, "Name a few animals that live in the sea."),
    ]
}

fn second_turn(answer: &str) -> Vec<ChatMessage> {
    let mut messages = first_turn();
    messages.push(says(ChatRole::Assistant, answer));
    messages.push(says(ChatRole::User, "Which of them is the largest?"));
    messages
}

/// What two turns are answered with where nobody else is there and nothing ends between them.
async fn undisturbed(model: &Path) -> (String, String) {
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::start(config(model, state.path())).unwrap();
    let (first, _) = ask(&engine, 1, first_turn()).await;
    let (second, usage) = ask(&engine, 1, second_turn(&first)).await;
    assert!(usage.cached_tokens > 50, "{usage:?}");
    engine.shutdown().await;
    (first, second)
}

/// The second turn after `between`, which has to find nearly all of the first one.
async fn check<F: AsyncFnOnce(Engine, &TempDir) -> Engine>(model: PathBuf, between: F) {
    let (expected_first, expected_second) = undisturbed(&model).await;
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::start(config(&model, state.path())).unwrap();
    let (first, before) = ask(&engine, 1, first_turn()).await;
    let engine = between(engine, &state).await;
    let (second, after) = ask(&engine, 1, second_turn(&first)).await;
    assert!(after.cached_tokens >= before.prompt_tokens, "{after:?} after {before:?}");
    assert_eq!((first, second), (expected_first, expected_second));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_after_another_one_had_its_slot() {
    for model in [models::chat_model(), models::base_model()] {
        check(model, async |engine, _| {
            ask(&engine, 2, vec![says(ChatRole::User, "Hello!")]).await;
            engine
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_after_its_model_was_unloaded() {
    for model in [models::chat_model(), models::base_model()] {
        check(model, async |engine, _| {
            engine.unload(&engine.resolve(None).unwrap()).await.unwrap();
            engine
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_after_a_restart_of_the_server() {
    for model in [models::chat_model(), models::base_model()] {
        let path = model.clone();
        check(model, async move |engine, state| {
            engine.shutdown().await;
            Engine::start(config(&path, state.path())).unwrap()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_a_question_is_not_read_again_even_where_its_answer_is_written_otherwise() {
    let changed = || second_turn("Whales, and many kinds of fish.");
    for model in [models::chat_model(), models::base_model()] {
        let state = tempfile::tempdir().unwrap();
        let engine = Engine::start(config(&model, state.path())).unwrap();
        let (_, before) = ask(&engine, 1, first_turn()).await;
        engine.shutdown().await;
        let engine = Engine::start(config(&model, state.path())).unwrap();
        let (second, after) = ask(&engine, 1, changed()).await;
        engine.shutdown().await;
        assert!(after.cached_tokens + 20 > before.prompt_tokens, "{after:?} after {before:?}");

        let state = tempfile::tempdir().unwrap();
        let engine = Engine::start(config(&model, state.path())).unwrap();
        let (read_at_once, usage) = ask(&engine, 1, changed()).await;
        engine.shutdown().await;
        assert_eq!((second, usage.cached_tokens), (read_at_once, 0));
    }
}

/// Kills the worker as soon as this many states are on disk, and waits until that is noticed.
async fn kill_once_written(engine: &Engine, state: &Path, count: usize) {
    let state = state.canonicalize().unwrap();
    let mut changes = engine.watch_models();
    tokio::task::spawn_blocking(move || {
        wait_for_states(&state, count);
        let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let is_worker = |process: &PathBuf| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == state);
        let [worker] = processes.filter(is_worker).collect::<Vec<_>>().try_into().unwrap();
        let pid = worker.file_name().unwrap().to_str().unwrap().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    })
    .await
    .unwrap();
    while engine.models().iter().any(|model| model.state == ModelState::Ready) {
        changes.changed().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_rested_goes_on_after_its_worker_was_killed() {
    for model in [models::chat_model(), models::base_model()] {
        check(model, async |engine, state| {
            // The instructions are one, the conversation the other.
            kill_once_written(&engine, state.path(), 2).await;
            engine
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_larger_than_memory_goes_on_from_its_file() {
    for model in [models::chat_model(), models::base_model()] {
        let (expected_first, expected_second) = undisturbed(&model).await;
        let state = tempfile::tempdir().unwrap();
        let small = || EngineConfig { states_memory_bytes: Some(4 << 10), ..config(&model, state.path()) };
        let engine = Engine::start(small()).unwrap();
        let (first, before) = ask(&engine, 1, first_turn()).await;
        kill_once_written(&engine, state.path(), 2).await;
        let (second, after) = ask(&engine, 1, second_turn(&first)).await;
        assert!(after.cached_tokens >= before.prompt_tokens, "{after:?} after {before:?}");
        assert_eq!((first, second), (expected_first, expected_second));
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_state_costs_one_reading_and_nothing_else() {
    let model = models::chat_model();
    let (first, expected) = undisturbed(&model).await;
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::start(config(&model, state.path())).unwrap();
    ask(&engine, 1, first_turn()).await;
    engine.shutdown().await;
    let mut damaged = 0;
    for file in states(state.path()) {
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes.iter_mut().skip(middle).take(4_096).for_each(|byte| *byte ^= 0xff);
        fs::write(&file, bytes).unwrap();
        damaged += 1;
    }
    assert!(damaged >= 2, "the conversation and its instructions");
    let engine = Engine::start(config(&model, state.path())).unwrap();
    let (second, usage) = ask(&engine, 1, second_turn(&first)).await;
    assert_eq!((second, usage.cached_tokens), (expected, 0));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instructions_are_read_once_for_all_users_and_their_questions_are_not_shared() {
    for model in [models::chat_model(), models::base_model()] {
        let state = tempfile::tempdir().unwrap();
        let engine = Engine::start(EngineConfig { slots: 3, ..config(&model, state.path()) }).unwrap();
        let mut answers = Vec::new();
        for user in 1..=3 {
            answers.push(tokio::spawn(finish(begin(&engine, user, first_turn()).await)));
        }
        let mut told = Vec::new();
        for answer in answers {
            told.push(answer.await.unwrap());
        }
        told.push(ask(&engine, 4, first_turn()).await);
        let cached: Vec<u32> = told.iter().map(|(_, usage)| usage.cached_tokens).collect();
        assert_eq!(cached.iter().filter(|cached| **cached == 0).count(), 1, "{cached:?}");
        let shared = *cached.iter().max().unwrap();
        let prompt = told.first().unwrap().1.prompt_tokens;
        assert!(
            shared > 40 && shared + 8 < prompt,
            "{shared} of {prompt}: the instructions, and no question"
        );
        assert_eq!(cached.iter().filter(|cached| **cached == shared).count(), 3, "{cached:?}");
        let texts: Vec<&str> = told.iter().map(|(text, _)| text.as_str()).collect();
        assert!(texts.windows(2).all(|pair| pair.first() == pair.last()), "{texts:?}");
        engine.shutdown().await;
    }
}

fn states(state_dir: &Path) -> Vec<PathBuf> {
    let below = |directory: &Path| -> Vec<PathBuf> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let directories = below(state_dir).into_iter().filter(|path| path.is_dir());
    directories.flat_map(|directory| below(&directory)).collect()
}

/// Waits until so many states have got their names.
fn wait_for_states(state_dir: &Path, count: usize) {
    let changes = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    for directory in fs::read_dir(state_dir).unwrap().map(|entry| entry.unwrap().path()) {
        if directory.is_dir() {
            inotify::add_watch(&changes, &directory, inotify::WatchFlags::MOVED_TO).unwrap();
        }
    }
    let mut buffer = [const { MaybeUninit::uninit() }; 4_096];
    let mut reader = inotify::Reader::new(changes, &mut buffer);
    let is_state = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "state");
    while states(state_dir).iter().filter(|path| is_state(path)).count() < count {
        reader.next().unwrap();
    }
}
