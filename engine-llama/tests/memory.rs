//! What is estimated of a model's memory, held to what its worker and llama.cpp then tell.

#![expect(clippy::unwrap_used, reason = "what does not work here fails the test")]

#[path = "adapters/mod.rs"]
mod adapters;
#[path = "models/mod.rs"]
mod models;

use std::path::Path;

use adapters::{Adapter, numbers};
use engine::{CacheType, Engine, EngineConfig, MemoryUse, ModelMemory};

/// How far the whole estimate may be off, in percent of what was measured.
const TOLERANCE_PERCENT: f64 = 5.0;

/// A model as it is loaded by the engine, with these slots, tokens and settings.
async fn loaded(model_path: &Path, slots: u32, context_tokens: u32, settings: &str) -> ModelMemory {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("model.gguf");
    std::os::unix::fs::symlink(model_path, &file).unwrap();
    std::fs::write(directory.path().join("models.toml"), format!("[model]\n{settings}")).unwrap();
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::start(EngineConfig {
        slots,
        context_tokens: Some(context_tokens),
        threads: Some(1),
        ..EngineConfig::new(env!("CARGO_BIN_EXE_oriel-engine"), directory.path(), state.path())
    })
    .unwrap();
    let id = engine.resolve(None).unwrap();
    engine.load(&id).await.unwrap();
    let memory = engine.models().remove(0).memory;
    engine.shutdown().await;
    memory
}

fn assert_near(what: &str, memory: &ModelMemory) {
    let MemoryUse { weights_bytes, cache_bytes, .. } = memory.measured.unwrap();
    let off = memory.error_percent().unwrap();
    assert!(off.abs() < TOLERANCE_PERCENT, "{what}: {off:.1} %, {memory:?}");
    let exact = |estimated: u64, measured: u64| estimated.abs_diff(measured) * 100 <= measured;
    assert!(exact(memory.estimated.weights_bytes, weights_bytes), "{what}: {memory:?}");
    assert!(exact(memory.estimated.cache_bytes, cache_bytes), "{what}: {memory:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_estimate_is_near_what_is_measured_whatever_slots_and_context() {
    for (name, path) in [("chat", models::chat_model()), ("base", models::base_model())] {
        for (slots, context_tokens) in [(1, 512), (4, 2_048), (2, 8_192), (8, 4_096)] {
            let memory = loaded(&path, slots, context_tokens, "").await;
            assert_near(&format!("{name}, {slots} × {context_tokens}"), &memory);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_model_is_estimated_with_the_model_that_it_drafts_for() {
    let path = models::chat_model();
    let settings = format!("draft_model = {:?}", path.display().to_string());
    assert_near("with a draft model", &loaded(&path, 2, 2_048, &settings).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_estimate_follows_the_type_of_the_cache() {
    let plain = loaded(&models::chat_model(), 2, 4_096, "").await;
    let kind = CacheType::Q8_0;
    let small =
        loaded(&models::chat_model(), 2, 4_096, "cache_type_k = \"q8_0\"\ncache_type_v = \"q8_0\"").await;
    assert_near(&format!("{kind:?}"), &small);
    assert!(small.estimated.cache_bytes * 64 == plain.estimated.cache_bytes * 34, "{plain:?} {small:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn adapters_are_estimated_alone_and_added_up() {
    let (layers, width, rank) = (30, 576, 64);
    let directory = tempfile::tempdir().unwrap();
    let plain = loaded(&models::chat_model(), 2, 2_048, "").await;
    let mut named = Vec::new();
    for (seed, is_half) in [(1, true), (2, false)] {
        let (a, b) = (numbers(rank * width, seed), numbers(rank * width, seed + 10));
        let path = directory.path().join(format!("{seed}.gguf"));
        Adapter { layers: 0..layers, rank, alpha: 1.0, a, b, is_half }.write(&path);
        named.push(format!("{{ path = {:?} }}", path.display().to_string()));
        let settings = format!("lora = [{}]", named.join(", "));
        let memory = loaded(&models::chat_model(), 2, 2_048, &settings).await;
        assert_near(&settings, &memory);
        let numbers = (layers * width * rank * 2) as u64;
        // The first one as it is, with 16 bits; both together with 32.
        let expected_bytes = if seed == 1 { numbers * 2 } else { numbers * 4 * 2 };
        let added_bytes = memory.measured.unwrap().weights_bytes - plain.measured.unwrap().weights_bytes;
        assert!(added_bytes.abs_diff(expected_bytes) < 100_000, "{added_bytes} for {expected_bytes}");
    }
}
