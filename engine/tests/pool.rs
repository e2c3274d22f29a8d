//! tmp
use engine::*;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn smoke() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("m.gguf");
    scripted::write_model(&model).unwrap();
    let engine = Engine::start(EngineConfig {
        worker: env!("CARGO_BIN_EXE_oriel-engine-scripted").into(),
        model_path: model,
        state_dir: dir.path().join("state"),
        slots: 2,
        context_tokens: None,
        threads: None,
        queue_capacity: 4,
        idle_unload: None,
        memory_budget_bytes: None,
    })
    .unwrap();
    let mut g = engine
        .generate(GenerateRequest {
            model: engine.resolve(None).unwrap(),
            user: 1,
            prompt: Prompt::Chat(vec![ChatMessage { role: ChatRole::User, content: "hello".into() }]),
            sampling: SamplingOptions::default().check().unwrap(),
            answer_so_far: vec![],
            priority: Priority::Chat,
        })
        .await
        .unwrap();
    while let Some(e) = tokio::time::timeout(Duration::from_secs(10), g.next()).await.unwrap() {
        println!("{e:?}");
    }
    engine.shutdown().await;
}
