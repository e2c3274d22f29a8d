//! What the settings of a model do to a real one: the kind of its cache, measuring at the first load.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod models;

use std::fs;
use std::sync::LazyLock;

use engine::decoder::{BatchToken, Decoder, LoadRequest, Logits, PromptReader};
use engine::{CacheType, FlashAttention, LoadStage, SamplingOptions, StateBudget, Token};
use engine_llama::load::load;
use engine_llama::log::{self, LlamaLog};

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
fn a_model_is_measured_until_something_is_kept_and_never_where_threads_are_set() {
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
    // Beside other tests the machine may be too busy to keep anything.
    let is_kept = fs::read_dir(directory.path()).unwrap().next().is_some();
    assert_eq!(stages(None).contains(&LoadStage::Tuning), !is_kept);
}
