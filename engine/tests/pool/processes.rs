#![expect(clippy::unwrap_used, reason = "what does not work here fails the test")]

use std::fs;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command as Program, Stdio};

use engine::decoder::LoadRequest;
use engine::protocol::{
    Command, Event, GenerateCommand, News, PROTOCOL_VERSION, Update, read_frame, write_frame,
};
use engine::scripted::ScriptedModel;
use engine::{EngineError, GenerationError, Priority};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_every_answer_and_leaves_no_process() {
    let rig = rig(&[("one", ScriptedModel::default()), ("two", ScriptedModel::default())], |config| {
        config.slots = 1
    });
    let mut running = rig.ask("one", "endless pause:1").await;
    let mut waiting = rig.ask("one", "hello").await;
    let mut other = rig.ask("two", "endless pause:1").await;
    first_text(&mut running).await;
    first_text(&mut other).await;
    assert_eq!(rig.workers().len(), 2);
    within(rig.engine.shutdown()).await;
    assert!(rig.workers().is_empty());
    for generation in [&mut running, &mut waiting, &mut other] {
        assert_eq!(*read(generation).await.error(), GenerationError::ShuttingDown);
    }
    assert!(matches!(rig.try_ask("one", "hello").await, Err(EngineError::ShuttingDown)));
    within(rig.engine.shutdown()).await;
}

/// Time is paused once the answer has begun: it then jumps to whatever is due next.
#[tokio::test]
async fn a_step_that_never_ends_does_not_survive_a_shutdown() {
    let rig = simple();
    let mut stuck = rig.ask("one", "stuck:2").await;
    first_text(&mut stuck).await;
    tokio::time::pause();
    rig.engine.shutdown().await;
    assert!(rig.workers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_dropped_takes_its_processes_with_it() {
    let Rig { engine, directory } = {
        let rig = simple();
        rig.answer("one", "hello").await.done();
        rig
    };
    let state = directory.path().join("state");
    assert_eq!(workers_in(&state).len(), 1);
    drop(engine);
    within(async {
        while !workers_in(&state).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_has_a_session_of_its_own_and_only_the_listed_environment() {
    let rig = simple();
    rig.answer("one", "hello").await.done();
    let workers = rig.workers();
    let environment = fs::read(workers[0].join("environ")).unwrap();
    let names: Vec<&str> = std::str::from_utf8(&environment).unwrap().split('\0').collect();
    assert!(names.contains(&"GOMP_SPINCOUNT=1000"), "{names:?}");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo sets it for tests");
    assert!(!names.iter().any(|name| name.starts_with("CARGO")), "{names:?}");
    let worker = pid(&workers[0]);
    assert_eq!(rustix::process::getsid(Some(worker)).unwrap(), worker);
}

/// A worker that has loaded a model and waits for commands, and its pipes.
fn loaded_worker(directory: &Path) -> (Child, ChildStdin, ChildStdout) {
    let path = directory.join("one.gguf");
    ScriptedModel::default().write(&path).unwrap();
    let mut worker = Program::new(WORKER).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = worker.stdout.take().unwrap();
    let mut input = worker.stdin.take().unwrap();
    let load = LoadRequest::new(path);
    write_frame(&mut input, &Command::Load(load)).unwrap();
    assert_eq!(read_frame(&mut output).unwrap(), Some(Event::Hello { protocol: PROTOCOL_VERSION }));
    while !matches!(read_frame(&mut output).unwrap(), Some(Event::Loaded { .. })) {}
    (worker, input, output)
}

#[test]
fn a_worker_goes_when_its_parent_has_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (mut worker, input, _output) = loaded_worker(directory.path());
    drop(input);
    assert!(worker.wait().unwrap().success());
}

#[test]
fn a_worker_whose_step_never_ends_goes_when_its_parent_has_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (mut worker, mut input, mut output) = loaded_worker(directory.path());
    let generate = GenerateCommand {
        id: 1,
        user: 1,
        conversation: None,
        prompt: asks("stuck:2").into(),
        sampling: sampling(),
        answer_so_far: Vec::new(),
        priority: Priority::Chat,
    };
    write_frame(&mut input, &Command::Generate(Box::new(generate))).unwrap();
    let is_text = |update: &Update| matches!(update.news, News::Text { .. });
    while !matches!(read_frame(&mut output).unwrap(), Some(Event::Step(updates)) if updates.iter().any(is_text))
    {
    }
    drop(input);
    worker.wait().unwrap();
}

#[test]
fn a_worker_started_by_hand_says_what_it_is() {
    let output = Program::new(WORKER).stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("started by the server"));
}
