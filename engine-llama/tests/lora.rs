//! What adapters do to a real model: alone, together, and to what is kept of conversations.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod adapters;
mod models;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use adapters::{Adapter, numbers};
use engine::decoder::{BatchToken, Decoder, LoadRequest, Logits, PromptReader};
use engine::gguf::Header;
use engine::{
    ChatMessage, ChatRole, Engine, EngineConfig, GenerateRequest, GenerationEvent, LoraAdapter, Priority,
    SamplingOptions, TokenLikelihood, Usage,
};
use engine_llama::load::load;
use engine_llama::log::{self, LlamaLog};
use tempfile::TempDir;

static LOG: LazyLock<LlamaLog> = LazyLock::new(|| log::start("llama-cpp-2=off", false));

/// So far apart logarithms of probabilities may be that were computed in another order. What the adapters of these tests
/// change is ten times as much at least.
const TOLERANCE: f32 = 0.001;

/// The model is read by one thread: tests run beside each other, and the threads of a step wait for each other spinning.
fn request(lora: Vec<LoraAdapter>) -> LoadRequest {
    let request = LoadRequest::new(models::chat_model());
    LoadRequest { context_tokens: Some(256), threads: Some(1), lora, ..request }
}

fn named(path: &Path, scale: f32) -> LoraAdapter {
    LoraAdapter { path: path.to_owned(), scale }
}

fn refusal(lora: Vec<LoraAdapter>) -> String {
    load(&request(lora), &mut |_, _| true, &LOG).unwrap_err().message
}

/// The likeliest tokens behind a text, with these adapters.
fn likeliest(lora: Vec<LoraAdapter>) -> Vec<TokenLikelihood> {
    let loaded = load(&request(lora), &mut |_, _| true, &LOG).unwrap();
    let mut decoder = loaded.decoder;
    let tokens = loaded.reader.tokenize("The lighthouse keeper climbed the stairs and");
    let batch: Vec<BatchToken> = (0..)
        .zip(&tokens)
        .map(|(position, token)| BatchToken { slot: 0, token: *token, position, wants_logits: true })
        .collect();
    decoder.decode(&batch).unwrap();
    decoder.choice(0, Logits::Row(batch.len() - 1), tokens[0], 20).unwrap().top
}

/// The largest difference of the likelihoods of all tokens that are among the likeliest of both.
fn difference(some: &[TokenLikelihood], others: &[TokenLikelihood]) -> f32 {
    let both = some.iter().filter_map(|one| {
        others.iter().find(|other| other.token == one.token).map(|other| (one.logprob - other.logprob).abs())
    });
    let both: Vec<f32> = both.collect();
    // Where they have little in common they are as different as can be.
    if both.len() < 15 { f32::INFINITY } else { both.into_iter().fold(0.0, f32::max) }
}

fn of_model(key: &str) -> usize {
    let header = Header::read_all(&models::chat_model()).unwrap();
    header.integer(key).unwrap() as usize
}

/// Of rank 1, with the column that all adapters share which it is made of. For the last layer alone: behind others what
/// differs in the last bits is rounded to this or that side, and grows from layer to layer.
fn thin(a: Vec<f32>, alpha: f32, is_half: bool) -> Adapter {
    let b = numbers(a.len(), 7);
    let layers = of_model("llama.block_count");
    Adapter { layers: layers - 1..layers, rank: 1, alpha, a, b, is_half }
}

fn constant(value: f32) -> Adapter {
    Adapter::constant(of_model("llama.block_count"), of_model("llama.embedding_length"), value)
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, adapter: &Adapter) -> PathBuf {
        let path = self.0.path().join(name);
        adapter.write(&path);
        path
    }
}

#[test]
fn an_adapter_of_zeros_changes_nothing_and_another_one_does_as_far_as_its_scale_goes() {
    let files = Files::new();
    let plain = likeliest(Vec::new());
    let zeros = files.write("zeros.gguf", &constant(0.0));
    assert_eq!(likeliest(vec![named(&zeros, 1.0)]), plain);
    let strong = files.write("strong.gguf", &constant(0.5));
    assert!(difference(&likeliest(vec![named(&strong, 1.0)]), &plain) > 10.0 * TOLERANCE);
    assert_eq!(likeliest(vec![named(&strong, 0.0)]), plain);
}

#[test]
fn two_adapters_together_do_what_their_sum_does_and_neither_alone() {
    let width = of_model("llama.embedding_length");
    let (one, other) = (numbers(width, 1), numbers(width, 2));
    let sum = one.iter().zip(&other).map(|(one, other)| 1.5 * 2.0 * one - 3.0 * other).collect();
    let files = Files::new();
    let one = files.write("one.gguf", &thin(one, 2.0, true));
    let other = files.write("other.gguf", &thin(other, 1.0, false));
    let sum = files.write("sum.gguf", &thin(sum, 1.0, false));

    let together = likeliest(vec![named(&one, 1.5), named(&other, -3.0)]);
    let expected = likeliest(vec![named(&sum, 1.0)]);
    let off = difference(&together, &expected);
    assert!(off < TOLERANCE, "{off}: {together:?}\n{expected:?}");
    for alone in [vec![], vec![named(&one, 1.5)], vec![named(&other, -3.0)]] {
        let alone = likeliest(alone);
        assert!(difference(&together, &alone) > 10.0 * TOLERANCE, "{alone:?}\n{together:?}");
    }
    assert_eq!(likeliest(vec![named(&other, -3.0), named(&one, 1.5)]), together, "the order means nothing");
    let off = difference(
        &likeliest(vec![named(&one, 1.5), named(&other, 0.0)]),
        &likeliest(vec![named(&one, 1.5)]),
    );
    assert!(off < TOLERANCE, "{off}: with a scale of 0 it is as if it was not there");
}

#[test]
fn an_adapter_that_does_not_fit_is_refused_with_its_name_and_what_to_do() {
    let files = Files::new();
    let layers = of_model("llama.block_count");
    let good = files.write("good.gguf", &constant(0.5));
    let wide = files.write("wide.gguf", &Adapter::constant(layers, 1024, 0.5));
    for refused in [
        refusal(vec![named(&wide, 1.0)]),
        refusal(vec![named(&good, 1.0), named(&wide, 1.0)]),
        refusal(vec![named(&wide, 1.0), named(&wide, 1.0)]),
    ] {
        assert!(refused.contains("wide.gguf") && refused.contains("shape"), "{refused}");
        assert!(refused.contains("models.toml"), "{refused}");
    }
    let missing = named(Path::new("/nowhere/pirate.gguf"), 1.0);
    let refused = refusal(vec![named(&good, 1.0), missing]);
    assert!(refused.contains("/nowhere/pirate.gguf"), "{refused}");
}

#[test]
fn a_model_is_no_adapter() {
    let model = named(&models::base_model(), 1.0);
    let good = named(&Files::new().write("good.gguf", &constant(0.5)), 1.0);
    let refused = refusal(vec![model.clone()]);
    assert!(refused.contains("cannot be used with this model"), "{refused}");
    // The file of the other one has gone with its directory.
    assert!(refusal(vec![good, model]).contains("good.gguf is not there"));
}

/// How an answer to one question ends, with these adapters in the settings, and what an earlier engine left in `state`.
async fn answer(files: &Files, state: &Path, lora: &str) -> Usage {
    let link = files.0.path().join("model.gguf");
    if !link.exists() {
        std::os::unix::fs::symlink(models::chat_model(), &link).unwrap();
    }
    fs::write(files.0.path().join("models.toml"), format!("[model]\nlora = [{lora}]")).unwrap();
    let engine = Engine::start(EngineConfig {
        slots: 1,
        context_tokens: Some(512),
        threads: Some(1),
        states_memory_bytes: Some(64 << 20),
        states_disk_bytes: 256 << 20,
        ..EngineConfig::new(env!("CARGO_BIN_EXE_oriel-engine"), files.0.path(), state)
    })
    .unwrap();
    let sampling =
        SamplingOptions { temperature: Some(0.0), max_tokens: Some(4), ..SamplingOptions::default() };
    let question = "Name a few animals that live in the sea, and say of each how large it becomes.";
    let request = GenerateRequest {
        model: engine.resolve(None).unwrap(),
        user: 1,
        conversation: None,
        prompt: vec![ChatMessage::new(ChatRole::User, question)].into(),
        sampling: sampling.check().unwrap(),
        answer_so_far: Vec::new(),
        priority: Priority::Chat,
    };
    let mut generation = engine.generate(request).await.unwrap();
    let usage = loop {
        match generation.next().await.unwrap() {
            GenerationEvent::Done { usage, .. } => break usage,
            GenerationEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    };
    engine.shutdown().await;
    usage
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_with_some_adapters_is_not_used_with_others() {
    let files = Files::new();
    files.write("one.gguf", &constant(0.01));
    files.write("two.gguf", &constant(0.02));
    let state = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| format!("{{ path = \"{name}.gguf\" }}"));
    let both = format!("{one}, {two}");
    let weaker = format!("{one}, {{ path = \"two.gguf\", scale = 0.5 }}");
    for lora in ["", &one, &two, &both, &weaker] {
        assert_eq!(answer(&files, state.path(), lora).await.cached_tokens, 0, "new: {lora}");
        assert!(answer(&files, state.path(), lora).await.cached_tokens > 10, "again: {lora}");
    }
}
