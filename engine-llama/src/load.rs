//! Loads one GGUF file: model, context, tables, template.
//!
//! The worker calls it once. The model is never dropped: it lives as long as the process, whose end is how a model
//! is unloaded.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use engine::decoder::{Drafting, LoadError, LoadProgress, LoadRequest, LoadedModel, ModelFacts};
use engine::{FlashAttention, LoadStage, Speculation};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;

use crate::adapter::Adapter;
use crate::containment::memory;
use crate::context::ContextPlan;
use crate::decoder::LlamaDecoder;
use crate::draft::DraftModel;
use crate::log::LlamaLog;
use crate::prompt::LlamaReader;
use crate::syntax::Syntax;
use crate::template::{ChatTemplate, Fallback, TemplateError};
use crate::tuning::{Found, Trial};
use crate::vocabulary::Vocabulary;
use crate::{kernels, processor, refusal, state, tuning};

/// A slot's context where none is asked for, unless the model was trained for less: the cache of a model trained
/// for 128 k would take more memory than the model.
const CONTEXT_TOKENS: u32 = 8192;

/// A template is tried on a few short conversations while it is parsed: a tenth of a second at most, fifty times that on
/// a busy machine. Whatever never ends is found out here.
const PARSE_DEADLINE: Duration = Duration::from_secs(5);

/// Some hundred renderings tell how a template writes calls: a second or two, ten times that on a busy machine.
const TEMPLATE_DEADLINE: Duration = Duration::from_secs(20);

/// A template is read by recursion: as deep as [`ChatTemplate::parse`] lets it be nested, and with room to spare.
const TEMPLATE_STACK_BYTES: usize = 64 * 1024 * 1024;

/// Most sequences that llama.cpp tells apart.
const SLOTS_MAX: u32 = 256;

/// Loads what `request` names and evaluates one token, so that a model that is ready has been seen to work.
///
/// # Errors
/// A sentence for the person who chose the file: what is wrong and what to do.
pub fn load(
    request: &LoadRequest,
    progress: &mut LoadProgress<'_>,
    log: &LlamaLog,
) -> Result<LoadedModel<LlamaDecoder, LlamaReader>, LoadError> {
    let file = file_name(request);
    let fail = |message| LoadError { message };
    let (backend, model, adapter) = open(request, progress, log)?;

    let vocabulary = Arc::new(Vocabulary::new(model));
    memory::bound_growth(memory::WORKING_BYTES);
    let (template, syntax) = read_template_in_time(model, &vocabulary)
        .map_err(|error| fail(format!("the chat template of {file} cannot be used: {error}")))?;
    memory::free_growth();
    let mut plan = plan(model, request);
    check_attention(&file, &plan)?;
    tuned(backend, model, request, &mut plan, progress);
    log.buffers.forget_contexts();
    let mut facts = facts(&plan, vocabulary.size());
    let mut context = (plan.make(backend, model))
        .ok_or_else(|| fail(refusal::of_context(&file, &facts, &log.complaints.take())))?;
    if let Some(mut adapter) = adapter {
        adapter.apply(&mut context).map_err(fail)?;
    }
    progress(LoadStage::Warming, 0.0);
    let can_cut =
        warm_up(&mut context).map_err(|error| fail(refusal::of_first_step(&file, &error.to_string())))?;
    let mut draft_model = None;
    if can_cut && request.speculation == Speculation::Auto {
        facts.drafting = Drafting::Lookup;
        if let Some(path) = &request.draft_model {
            draft_model = Some(load_draft_model(path, &plan, &vocabulary, &facts, (progress, log))?);
            facts.drafting = Drafting::Model;
        }
    }

    let identity = state::identity(request, &plan)
        .map_err(|error| fail(format!("the model file {file} cannot be read: {error}")))?;
    memory::bound_growth(memory::WORKING_BYTES.saturating_add(request.states.memory_bytes));
    let memory = log.buffers.memory(&facts, plan.pass_tokens);
    tracing::info!(
        file,
        slots = facts.slots,
        context_tokens = facts.context_tokens,
        vocabulary = vocabulary.size(),
        kernels = kernels::in_use().unwrap_or("ggml"),
        "the model is loaded"
    );
    Ok(LoadedModel {
        decoder: LlamaDecoder::new(context, Arc::clone(&vocabulary), facts, draft_model, identity),
        reader: LlamaReader::new(vocabulary, template, syntax),
        memory,
    })
}

/// The small model that drafts for the one with this vocabulary.
fn load_draft_model(
    path: &Path,
    plan: &ContextPlan,
    vocabulary: &Vocabulary,
    facts: &ModelFacts,
    (progress, log): (&mut LoadProgress<'_>, &LlamaLog),
) -> Result<DraftModel, LoadError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let fail = |message: String| LoadError { message: format!("the draft model: {message}") };
    let backend = backend().map_err(|error| fail(error.to_owned()))?;
    let complaints = &log.complaints;
    let model = read_model(backend, path, None, progress)
        .ok_or_else(|| fail(refusal::of_model(&file, &complaints.take())))?;
    let model: &'static LlamaModel = Box::leak(Box::new(model));
    check_kind(model).map_err(|kind| fail(refusal::of_kind(&file, &kind)))?;
    let own = Vocabulary::new(model);
    if !own.fits(vocabulary) {
        return Err(fail(refusal::of_draft_vocabulary(&file, own.size(), vocabulary.size())));
    }
    let mut context = (plan.make(backend, model))
        .ok_or_else(|| fail(refusal::of_context(&file, facts, &complaints.take())))?;
    let can_cut =
        warm_up(&mut context).map_err(|error| fail(refusal::of_first_step(&file, &error.to_string())))?;
    if !can_cut {
        return Err(fail(refusal::of_draft_cache(&file)));
    }
    Ok(DraftModel::new(context, facts))
}

/// The model and how its context would be made, without choosing: for [`tuning::tune`].
///
/// # Errors
/// As [`load`].
pub fn for_tuning(
    request: &LoadRequest,
    progress: &mut LoadProgress<'_>,
    log: &LlamaLog,
) -> Result<(&'static LlamaBackend, &'static LlamaModel, ContextPlan), LoadError> {
    let (backend, model, _) = open(request, progress, log)?;
    Ok((backend, model, plan(model, request)))
}

/// Reads the weights of a model that this program can chat with, and its adapter.
fn open(
    request: &LoadRequest,
    progress: &mut LoadProgress<'_>,
    log: &LlamaLog,
) -> Result<(&'static LlamaBackend, &'static LlamaModel, Option<Adapter>), LoadError> {
    let file = file_name(request);
    let fail = |message| LoadError { message };
    let missing = processor::missing();
    if !missing.is_empty() {
        return Err(fail(refusal::of_processor(&missing)));
    }
    let backend = backend().map_err(|error| fail(error.to_owned()))?;
    log.complaints.take();
    log.buffers.forget();
    let model = read_model(backend, &request.path, request.gpu_layers, progress)
        .ok_or_else(|| fail(refusal::of_model(&file, &log.complaints.take())))?;
    let model: &'static mut LlamaModel = Box::leak(Box::new(model));
    check_kind(model).map_err(|kind| fail(refusal::of_kind(&file, &kind)))?;
    let adapter = Adapter::read(model, request, &log.complaints).map_err(fail)?;
    Ok((backend, model, adapter))
}

fn file_name(request: &LoadRequest) -> String {
    request.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Chooses what the request leaves open: as found at an earlier load, or now by measuring, where what is found can be
/// kept. Whoever has set the threads has measured. Where the machine was too busy nothing is chosen, and a later load
/// measures again.
fn tuned(
    backend: &LlamaBackend,
    model: &'static LlamaModel,
    request: &LoadRequest,
    plan: &mut ContextPlan,
    progress: &mut LoadProgress<'_>,
) {
    if request.threads.is_some() || request.states.directory.as_os_str().is_empty() {
        return;
    }
    if let Some(tuning) = tuning::recall(request) {
        return tuning.apply(plan, request);
    }
    progress(LoadStage::Tuning, 0.0);
    let mut tell = |trial: &Trial, figures| tracing::debug!(?trial, ?figures, "a trial");
    let Found { tuning, is_disturbed } =
        tuning::tune(backend, model, request, plan, tuning::FIRST_LOAD, &mut tell);
    if is_disturbed {
        tracing::info!("the machine is busy: what suits the model is measured at another load");
        return;
    }
    tracing::info!(?tuning, "measured what suits the model on this machine");
    tuning::keep(request, tuning);
    tuning.apply(plan, request);
}

/// llama.cpp is started once in a process.
///
/// # Errors
/// A sentence: why it could not be started, or that kernels were asked for which this processor cannot run.
pub fn backend() -> Result<&'static LlamaBackend, &'static str> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let start = || {
        let backend = LlamaBackend::init().map_err(|error| error.to_string())?;
        match kernels::register()? {
            Some(name) => tracing::debug!(name, "our kernels are used"),
            None => tracing::debug!("none of our kernels are used"),
        }
        Ok(backend)
    };
    BACKEND.get_or_init(start).as_ref().map_err(String::as_str)
}

/// Reads the file on a thread of its own, so that this one can tell how far it is; none where llama.cpp refuses.
fn read_model(
    backend: &'static LlamaBackend,
    path: &Path,
    gpu_layers: Option<u32>,
    progress: &mut LoadProgress<'_>,
) -> Option<LlamaModel> {
    let (tell, told) = mpsc::sync_channel(0);
    let go_on = Arc::new(AtomicBool::new(true));
    let (path, may_go_on) = (path.to_owned(), Arc::clone(&go_on));
    let reading = thread::spawn(move || {
        let params = LlamaModelParams::default();
        let params = gpu_layers.into_iter().fold(params, LlamaModelParams::with_n_gpu_layers);
        let params = params.with_progress_callback(move |fraction| {
            // Nobody listens any more: the parent has gone.
            tell.send(fraction).is_ok() && may_go_on.load(Ordering::Relaxed)
        });
        LlamaModel::load_from_file(backend, path, &params).ok()
    });
    for fraction in told {
        if !progress(LoadStage::Weights, fraction) {
            go_on.store(false, Ordering::Relaxed);
        }
    }
    reading.join().ok().flatten()
}

/// Refuses what can be loaded but not chatted with; the error names what it is instead.
fn check_kind(model: &LlamaModel) -> Result<(), String> {
    let text = |key: &str| model.meta_val_str(key).unwrap_or_default();
    let architecture = text("general.architecture");
    if matches!(text("tokenizer.ggml.model").as_str(), "" | "none" | "no_vocab") {
        return Err("a model without a vocabulary".to_owned());
    }
    if text(&format!("{architecture}.attention.causal")) == "false" {
        return Err(format!("an embedding model ({architecture})"));
    }
    Ok(())
}

/// The model's template and what it says of replies; a hostile one may never be read. Then its thread ends with the
/// process.
fn read_template_in_time(
    model: &'static LlamaModel,
    vocabulary: &Arc<Vocabulary>,
) -> Result<(ChatTemplate, Syntax), String> {
    let (tell_parsed, parsed) = mpsc::sync_channel(1);
    let (tell, told) = mpsc::sync_channel(1);
    let vocabulary = Arc::clone(vocabulary);
    let reading = move || {
        let template = parse_template(model, &vocabulary);
        // Nobody hears it where it took too long.
        let _ = tell_parsed.send(());
        let read = template.map(|(template, source)| {
            let syntax = Syntax::of(&template, &source);
            (template, syntax)
        });
        let _ = tell.send(read);
    };
    let thread = thread::Builder::new().name("template".to_owned()).stack_size(TEMPLATE_STACK_BYTES);
    thread.spawn(reading).map_err(|error| error.to_string())?;
    within(PARSE_DEADLINE, &parsed)?;
    within(TEMPLATE_DEADLINE, &told)?.map_err(|error| error.to_string())
}

fn within<T>(deadline: Duration, told: &mpsc::Receiver<T>) -> Result<T, String> {
    told.recv_timeout(deadline).ok().ok_or_else(|| format!("it was not read within {} s", deadline.as_secs()))
}

/// The model's own template, or one that may do, and its source.
fn parse_template(
    model: &LlamaModel,
    vocabulary: &Vocabulary,
) -> Result<(ChatTemplate, String), TemplateError> {
    let vocab = model.vocab();
    let [bos, eos] = [vocab.bos(), vocab.eos()].map(|token| vocabulary.special_text(token));
    if let Some(own) = model.chat_template(None).ok().and_then(|template| template.to_string().ok()) {
        return Ok((ChatTemplate::parse(&own, &bos, &eos)?, own));
    }
    let Fallback { name, source, stops } = Fallback::for_markers(vocabulary.markers());
    tracing::warn!("the model has no chat template: {name} is used");
    Ok((ChatTemplate::parse(source, &bos, &eos)?.with_stops(stops), source.to_owned()))
}

/// Slots, context and batch as asked for, within what the model was trained for and llama.cpp can do.
fn plan(model: &LlamaModel, request: &LoadRequest) -> ContextPlan {
    let trained = model.n_ctx_train().max(1);
    let asked = request.context_tokens.unwrap_or(CONTEXT_TOKENS);
    if request.context_tokens.is_some_and(|asked| asked > trained) {
        tracing::warn!(asked, trained, "the model was trained for a shorter context, which is used");
    }
    ContextPlan::new(request, request.slots.clamp(1, SLOTS_MAX), asked.clamp(1, trained))
}

/// Refuses settings that contradict each other.
fn check_attention(file: &str, plan: &ContextPlan) -> Result<(), LoadError> {
    if plan.flash_attention == FlashAttention::Off && plan.needs_flash_attention() {
        return Err(LoadError { message: refusal::of_attention(file) });
    }
    Ok(())
}

fn facts(plan: &ContextPlan, vocabulary_tokens: u32) -> ModelFacts {
    ModelFacts {
        slots: plan.slots,
        context_tokens: plan.context_tokens,
        batch_tokens: plan.batch_tokens,
        vocabulary_tokens,
        drafting: Drafting::Off,
    }
}

/// Evaluates two tokens and forgets them: reads the weights into memory, and shows that it can be done. Answers whether
/// the last one could be forgotten alone, which recurrent models cannot: what may be wrong must not be evaluated there.
fn warm_up(context: &mut LlamaContext<'static>) -> Result<bool, llama_cpp_2::DecodeError> {
    let mut batch = LlamaBatch::new(1, 1);
    for position in [0, 1] {
        batch.clear();
        // The first token and the first slot always exist, and the batch has room for one.
        if batch.add(LlamaToken(0), position, &[0], true).is_ok() {
            context.decode(&mut batch)?;
        }
    }
    let has_cut = context.clear_kv_cache_seq(Some(0), Some(1), None).unwrap_or_default();
    let can_cut = has_cut && context.kv_cache_seq_pos_max(0) == 0;
    context.clear_kv_cache();
    Ok(can_cut)
}
