//! What the settings of a model do to a real one: adapters, the kind of its cache, measuring at the first load.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod adapters;
mod models;

use std::path::PathBuf;
use std::sync::LazyLock;

use adapters::Adapter;
use engine::decoder::{BatchToken, Decoder, LoadRequest, Logits, PromptReader};
use engine::gguf::Header;
use engine::{CacheType, FlashAttention, LoadStage, LoraAdapter, SamplingOptions, StateBudget, Token};
use engine_llama::load::load;
use engine_llama::log::{self, LlamaLog};
use tempfile::TempDir;

static LOG: LazyLock<LlamaLog> = LazyLock::new(|| log::start("llama-cpp-2=off", false));

/// One thread: tests run beside each other, and the threads of a step wait for each other spinning.
fn request() -> LoadRequest {
    LoadRequest { context_tokens: Some(256), threads: Some(1), ..LoadRequest::new(models::chat_model()) }
}

/// The greedy answer to a question, of sixteen tokens.
fn answer(request: &LoadRequest) -> Vec<Token> {
    let loaded = load(request, &mut |_, _| true, &LOG).unwrap();
    let mut decoder = loaded.decoder;
    let mut unread = loaded.reader.tokenize("The lighthouse keeper climbed the stairs and");
    let greedy = SamplingOptions { temperature: Some(0.0), ..SamplingOptions::default() }.check().unwrap();
    decoder.begin(0, &greedy, &[]).unwrap();
    let (mut answer, mut position) = (Vec::new(), 0);
    while answer.len() < 16 {
        let batch: Vec<BatchToken> = (unread.iter().enumerate())
            .map(|(index, token)| BatchToken {
                slot: 0,
                token: *token,
                position: position + index as u32,
                wants_logits: index + 1 == unread.len(),
            })
            .collect();
        decoder.decode(&batch).unwrap();
        position += batch.len() as u32;
        let token = decoder.sample(0, Logits::Row(batch.len() - 1), 0.0, None).unwrap().unwrap();
        answer.push(token);
        unread = vec![token];
    }
    answer
}

fn refusal(request: &LoadRequest) -> String {
    load(request, &mut |_, _| true, &LOG).unwrap_err().message
}

/// For the chat model, with its number of layers and their width.
fn adapter(value: f32) -> Adapter {
    let header = Header::read_all(&models::chat_model()).unwrap();
    let number = |key: &str| header.integer(key).unwrap();
    Adapter { layers: number("llama.block_count"), width: number("llama.embedding_length"), value }
}

fn with_adapter(adapter: Adapter, scale: f32) -> (LoadRequest, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("adapter.gguf");
    adapter.write(&path);
    (LoadRequest { lora: vec![LoraAdapter { path, scale }], ..request() }, directory)
}

#[test]
fn an_adapter_of_zeros_changes_nothing_and_another_one_does_as_far_as_its_scale_goes() {
    let plain = answer(&request());
    let (zeros, _directory) = with_adapter(adapter(0.0), 1.0);
    assert_eq!(answer(&zeros), plain);
    let (strong, _directory) = with_adapter(adapter(0.5), 1.0);
    assert_ne!(answer(&strong), plain);
    let (scaled_to_nothing, _directory) = with_adapter(adapter(0.5), 0.0);
    assert_eq!(answer(&scaled_to_nothing), plain);
}

#[test]
fn an_adapter_that_does_not_fit_is_refused_with_its_name_and_what_to_do() {
    let (wide, _directory) = with_adapter(Adapter { width: 1024, ..adapter(0.5) }, 1.0);
    let refused = refusal(&wide);
    assert!(refused.contains("adapter.gguf") && refused.contains("shape"), "{refused}");
    assert!(refused.contains("models.toml"), "{refused}");
    let missing = LoraAdapter { path: PathBuf::from("/nowhere/pirate.gguf"), scale: 1.0 };
    let refused = refusal(&LoadRequest { lora: vec![missing.clone()], ..request() });
    assert!(refused.contains("/nowhere/pirate.gguf"), "{refused}");
    let refused = refusal(&LoadRequest { lora: vec![missing.clone(), missing], ..request() });
    assert!(refused.contains("2 adapters"), "{refused}");
}

#[test]
fn a_model_is_no_adapter() {
    let model = LoraAdapter { path: models::base_model(), scale: 1.0 };
    let refused = refusal(&LoadRequest { lora: vec![model], ..request() });
    assert!(refused.contains("cannot be used with this model"), "{refused}");
}

#[test]
fn a_model_answers_with_every_kind_of_cache_and_with_attention_done_either_way() {
    let kinds = [
        CacheType::F32,
        CacheType::F16,
        CacheType::Bf16,
        CacheType::Q8_0,
        CacheType::Q5_1,
        CacheType::Q5_0,
        CacheType::Q4_1,
        CacheType::Q4_0,
    ];
    for kind in kinds {
        let of_kind = LoadRequest { cache_type_k: kind, cache_type_v: kind, ..request() };
        assert_eq!(answer(&of_kind).len(), 16, "{kind:?}");
    }
    let plain = answer(&request());
    for flash_attention in [FlashAttention::On, FlashAttention::Off] {
        assert_eq!(answer(&LoadRequest { flash_attention, ..request() })[0], plain[0], "{flash_attention:?}");
    }
}

#[test]
fn values_that_only_flash_attention_reads_are_refused_without_it() {
    let contradiction =
        LoadRequest { cache_type_v: CacheType::Q8_0, flash_attention: FlashAttention::Off, ..request() };
    let refused = refusal(&contradiction);
    assert!(refused.contains("flash_attention") && refused.contains("cache_type_v"), "{refused}");
}

#[test]
fn a_model_is_measured_at_its_first_load_only_and_never_where_threads_are_set() {
    let directory = tempfile::tempdir().unwrap();
    let states = StateBudget { directory: directory.path().to_owned(), ..StateBudget::default() };
    let stages = |threads| {
        let request = LoadRequest { threads, states: states.clone(), ..request() };
        let mut stages = Vec::new();
        let mut tell = |stage, _| {
            stages.push(stage);
            true
        };
        load(&request, &mut tell, &LOG).unwrap();
        stages
    };
    assert!(!stages(Some(1)).contains(&LoadStage::Tuning));
    assert!(stages(None).contains(&LoadStage::Tuning));
    assert!(!stages(None).contains(&LoadStage::Tuning));
}
