//! Tokens that are guessed ahead change no answer of a real model, and a small model can guess them.
//!
//! Not compared: two answers with each other. The logits of a token depend in their last bits on how many tokens a
//! kernel took at once, and where two choices are as good as equal that decides. So each token of an answer is held
//! against the model's own logits at its place, read one token at a time: it must be what its draw gives there, or what
//! a draw next to it would have. A token that was sampled from the wrong row, or after something that was not cut off,
//! is as good as never that.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod models;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::LazyLock;

use engine::decoder::{BatchToken, Decoder, Drafting, LoadRequest, LoadedModel, Logits, PromptReader};
use engine::worker::draw;
use engine::{
    ChatMessage, ChatRole, Engine, EngineConfig, GenerateRequest, GenerationEvent, Priority, SamplingOptions,
    SamplingParams, Speculation, Token, TokenChoice, TokenLikelihood, Usage,
};
use engine_llama::decoder::LlamaDecoder;
use engine_llama::load::load;
use engine_llama::log::{self, LlamaLog};
use tempfile::TempDir;

static LOG: LazyLock<LlamaLog> = LazyLock::new(|| log::start("llama-cpp-2=off", false));

/// How far logarithms of probabilities may differ between one kernel and another.
const LOGPROB_TOLERANCE: f32 = 0.05;
/// How far that can move the borders between tokens.
const DRAW_TOLERANCE: f64 = 0.02;
/// Nothing else is drawn at the temperature that is used here.
const LIKELIEST: u32 = 200;
/// Low enough for a small model to copy, high enough for it to stray.
const TEMPERATURE: f32 = 0.5;

const PROGRAM: &str = "def area(width, height):\n    total = width * height\n    if total > 100:\n        \
    return total - 100\n    return total\n\ndef length(width, height):\n    total = width + height\n    if total > 50:\n        \
    return total - 50\n    return total\n\ndef ratio(width, height):\n    total = width / height\n    if total > 7:\n        \
    return total - 7\n    return total\n";

fn copy_of_program() -> Vec<ChatMessage> {
    let wish = "Write this program again, exactly as it is.";
    vec![ChatMessage::new(ChatRole::User, format!("{wish}\n\n```python\n{PROGRAM}```"))]
}

fn story() -> Vec<ChatMessage> {
    vec![ChatMessage::new(ChatRole::User, "Tell me a story about a river and a mill.")]
}

/// The same model three times: without speculation, with it, and with itself as its draft model.
fn engine() -> (Engine, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    for id in ["plain", "lookup", "helped"] {
        symlink(models::chat_model(), directory.path().join(format!("{id}.gguf"))).unwrap();
    }
    let settings = "[plain]\nspeculation = \"off\"\n[helped]\ndraft_model = \"plain.gguf\"\n";
    fs::write(directory.path().join("models.toml"), settings).unwrap();
    let config = EngineConfig {
        context_tokens: Some(1024),
        // More threads than cores wait for each other, and tests run beside each other.
        threads: Some(1),
        ..EngineConfig::new(
            env!("CARGO_BIN_EXE_oriel-engine"),
            directory.path(),
            directory.path().join("state"),
        )
    };
    (Engine::start(config).unwrap(), directory)
}

struct Answer {
    prompt: Vec<Token>,
    tokens: Vec<Token>,
    usage: Usage,
}

async fn ask(engine: &Engine, model: &str, messages: Vec<ChatMessage>, sampling: &SamplingParams) -> Answer {
    let request = GenerateRequest {
        model: engine.resolve(Some(model)).unwrap(),
        user: 1,
        conversation: None,
        prompt: messages.into(),
        sampling: sampling.clone(),
        answer_so_far: Vec::new(),
        priority: Priority::Chat,
    };
    let mut generation = engine.generate(request).await.unwrap();
    let mut answer = Answer { prompt: Vec::new(), tokens: Vec::new(), usage: Usage::default() };
    while let Some(event) = generation.next().await {
        match event {
            GenerationEvent::Prompt { tokens, .. } => answer.prompt = tokens,
            GenerationEvent::Text { tokens, .. } => answer.tokens.extend(tokens),
            GenerationEvent::Done { usage, .. } => answer.usage = usage,
            GenerationEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    answer
}

fn sampling(temperature: f32) -> SamplingParams {
    let options = SamplingOptions {
        temperature: Some(temperature),
        seed: Some(11),
        // Nothing is cut off, so that what can be drawn is known.
        top_k: Some(0),
        top_p: Some(1.0),
        min_p: Some(0.0),
        max_tokens: Some(150),
        ..SamplingOptions::default()
    };
    options.check().unwrap()
}

fn loaded(draft_model: Option<PathBuf>) -> LoadedModel<LlamaDecoder, impl PromptReader> {
    load(&request(draft_model), &mut |_, _| true, &LOG).unwrap()
}

fn request(draft_model: Option<PathBuf>) -> LoadRequest {
    LoadRequest {
        context_tokens: Some(1024),
        threads: Some(1),
        draft_model,
        ..LoadRequest::new(models::chat_model())
    }
}

/// Evaluates tokens behind the first `position` ones; the last has logits.
fn read(decoder: &mut LlamaDecoder, tokens: &[Token], position: usize) {
    let batch: Vec<BatchToken> = tokens
        .iter()
        .enumerate()
        .map(|(index, token)| BatchToken {
            slot: 0,
            token: *token,
            position: (position + index) as u32,
            wants_logits: index + 1 == tokens.len(),
        })
        .collect();
    decoder.decode(&batch).unwrap();
}

/// Whether a draw can give the choice, or could if logits were a little different. Tokens are drawn in the order of
/// their likelihood: those that are certainly likelier must not reach beyond the draw, and with those that may be
/// likelier and the choice itself it must be reached.
fn can_be(choice: &TokenChoice, temperature: f32, draw: f64) -> bool {
    let chosen = choice.chosen.logprob;
    let likelier = |by: f32| choice.top.iter().filter(move |other| other.logprob > chosen + by);
    if temperature == 0.0 {
        return likelier(LOGPROB_TOLERANCE).count() == 0;
    }
    // What is not among the likeliest weighs nothing at this temperature.
    let weight = |likelihood: &TokenLikelihood| f64::from(likelihood.logprob / temperature).exp();
    let total: f64 = choice.top.iter().map(weight).sum();
    let share = |by: f32| likelier(by).map(weight).sum::<f64>() / total;
    share(LOGPROB_TOLERANCE) - DRAW_TOLERANCE <= draw && draw <= share(-LOGPROB_TOLERANCE) + DRAW_TOLERANCE
}

/// Holds each token of an answer against the model's logits at its place.
fn assert_is_the_models(decoder: &mut LlamaDecoder, answer: &Answer, sampling: &SamplingParams) {
    decoder.clear(0);
    decoder.begin(0, sampling, &[]).unwrap();
    let (_, prompt) = answer.prompt.split_last().unwrap();
    for (index, part) in prompt.chunks(512).enumerate() {
        read(decoder, part, 512 * index);
    }
    let before = answer.prompt.last().into_iter().chain(&answer.tokens);
    for (place, (before, token)) in before.zip(&answer.tokens).enumerate() {
        read(decoder, &[*before], prompt.len() + place);
        let choice = decoder.choice(0, Logits::Row(0), *token, LIKELIEST).unwrap();
        let draw = draw(sampling.seed(), place);
        assert!(can_be(&choice, sampling.temperature(), draw), "token {place}: {choice:?}, draw {draw}");
    }
    decoder.end(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_with_drafts_is_what_the_model_says_without() {
    let (engine, _directory) = engine();
    let mut decoder = loaded(None).decoder;
    for temperature in [0.0, TEMPERATURE] {
        let sampling = sampling(temperature);
        let plain = ask(&engine, "plain", copy_of_program(), &sampling).await;
        assert_eq!((plain.usage.drafted_tokens, plain.usage.accepted_tokens), (0, 0), "switched off");
        assert_is_the_models(&mut decoder, &plain, &sampling);
        let drafted = ask(&engine, "lookup", copy_of_program(), &sampling).await;
        assert!(drafted.usage.accepted_tokens > 0, "{:?}", drafted.usage);
        assert_is_the_models(&mut decoder, &drafted, &sampling);
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_with_a_draft_model_is_what_the_model_says_without() {
    let (engine, _directory) = engine();
    let mut decoder = loaded(None).decoder;
    for temperature in [0.0, TEMPERATURE] {
        let sampling = sampling(temperature);
        let drafted = ask(&engine, "helped", story(), &sampling).await;
        assert_is_the_models(&mut decoder, &drafted, &sampling);
    }
    engine.shutdown().await;
}

#[test]
fn a_model_that_drafts_for_itself_says_what_it_would_say() {
    let LoadedModel { mut decoder, reader, .. } = loaded(Some(models::chat_model()));
    assert_eq!(decoder.facts().drafting, Drafting::Model);
    let mut prompt = reader.read(&copy_of_program().into(), None, &[]).unwrap().tokens;
    // In the middle of the copy: what is likely enough to be drafted must not hang on a rounding.
    let (copied, _) = PROGRAM.split_once("def ratio").unwrap();
    prompt.extend(reader.tokenize(&format!("```python\n{copied}def")));
    // A long prompt is read in several calls.
    let calls = std::iter::repeat_with(|| decoder.draft(0, &prompt, 16));
    let drafted = calls.take(50).find(|drafted| !drafted.is_empty()).unwrap();

    let greedy = sampling(0.0);
    decoder.begin(0, &greedy, &[]).unwrap();
    read(&mut decoder, &prompt, 0);
    let mut said = vec![decoder.sample(0, Logits::Row(prompt.len() - 1), 0.0, None).unwrap().unwrap()];
    while said.len() < drafted.len() {
        read(&mut decoder, &said[said.len() - 1..], prompt.len() + said.len() - 1);
        said.push(decoder.sample(0, Logits::Row(0), 0.0, None).unwrap().unwrap());
    }
    assert_eq!(drafted, said);

    // The stream says something else than was drafted: that is forgotten.
    let mut other = prompt.clone();
    other.extend(reader.tokenize("Sure"));
    assert_ne!(decoder.draft(0, &other, 4), drafted[..4.min(drafted.len())]);
    assert_eq!(decoder.draft(0, &prompt, drafted.len()), drafted);
}

#[test]
fn a_model_with_a_sliding_window_forgets_wrong_drafts_behind_the_window() {
    let request = LoadRequest {
        context_tokens: Some(1024),
        threads: Some(1),
        ..LoadRequest::new(models::base_model())
    };
    let LoadedModel { mut decoder, reader, .. } = load(&request, &mut |_, _| true, &LOG).unwrap();
    assert_eq!(decoder.facts().drafting, Drafting::Lookup);
    // Its window has 512 tokens.
    let text = reader.tokenize(&PROGRAM.repeat(8))[..800].to_vec();
    let next = reader.tokenize(" total")[..1].to_vec();
    let mut likeliest = |has_drafts: bool| {
        decoder.clear(0);
        read(&mut decoder, &text[..400], 0);
        read(&mut decoder, &text[400..], 400);
        if has_drafts {
            read(&mut decoder, &text[..31], 800);
            assert_eq!(decoder.keep_prefix(0, 800), 800);
        }
        read(&mut decoder, &next, 800);
        decoder.choice(0, Logits::Row(0), 0, 5).unwrap().top
    };
    for (plain, drafted) in likeliest(false).iter().zip(likeliest(true)) {
        assert!((plain.logprob - drafted.logprob).abs() <= LOGPROB_TOLERANCE, "{plain:?}, {drafted:?}");
    }
}

#[test]
fn a_draft_model_of_another_vocabulary_is_refused_with_what_to_do() {
    let error = load(&request(Some(models::base_model())), &mut |_, _| true, &LOG).unwrap_err();
    assert!(error.message.contains("another vocabulary") && error.message.contains("models.toml"), "{error}");
    let off = LoadRequest { speculation: Speculation::Off, ..request(Some(models::base_model())) };
    assert_eq!(load(&off, &mut |_, _| true, &LOG).unwrap().decoder.facts().drafting, Drafting::Off);
}
