//! One trial: a context, a prompt that is read, and a few steps behind it.

use std::time::{Duration, Instant};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use crate::context::ContextPlan;

/// Steps of a trial; the fastest counts: whatever else the machine does only makes them slower.
const STEPS: usize = 7;
/// Tokens before the steps: as in a conversation of some turns, where time is there.
const DEPTH_TOKENS: u32 = 1024;
/// With fewer, a prompt's time tells nothing.
const DEPTH_MIN_TOKENS: u32 = 64;
/// Reading a token takes at least this part of a step of its own, on all machines that we measured.
const READ_PART: f64 = 0.08;

/// What is tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// How; its context is cut to what the trial needs.
    pub plan: ContextPlan,
    /// Streams that get a token at each step.
    pub streams: u32,
    /// Tokens of each before the first step.
    pub depth_tokens: u32,
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Seconds to read one token of a prompt.
    pub read_token_s: f64,
    /// Seconds of a step in which each stream gets a token.
    pub step_s: f64,
    /// How much longer the middle one of the steps took than the fastest, as a part of that one.
    pub spread: f64,
}

impl Trial {
    /// One stream.
    pub fn new(plan: &ContextPlan, depth_tokens: u32) -> Self {
        Self { plan: plan.clone(), streams: 1, depth_tokens }
    }

    /// None where it cannot be made.
    pub fn measure(&self, backend: &LlamaBackend, model: &'static LlamaModel) -> Option<Figures> {
        let plan = ContextPlan {
            slots: self.streams,
            context_tokens: self.depth_tokens + STEPS as u32 + 1,
            ..self.plan.clone()
        };
        let mut bench = Bench {
            context: plan.make(backend, model)?,
            batch: LlamaBatch::new(plan.batch_tokens as usize, 1),
        };
        let began = Instant::now();
        for stream in 0..self.streams {
            bench.read(stream, self.depth_tokens, plan.batch_tokens)?;
        }
        let read_token_s = began.elapsed().as_secs_f64() / f64::from(self.depth_tokens * self.streams);
        let mut steps = (0..STEPS as u32)
            .map(|step| bench.step(self.streams, self.depth_tokens + step))
            .collect::<Option<Vec<Duration>>>()?;
        steps.sort_unstable();
        let [fastest, middle] = [0, STEPS / 2].map(|index| steps.get(index).map(Duration::as_secs_f64));
        let (step_s, middle_s) = (fastest?, middle?);
        Some(Figures { read_token_s, step_s, spread: middle_s / step_s - 1.0 })
    }
}

/// So many tokens can be read within `limit`, by what two steps take; none where that is too few to tell anything.
pub fn depth_within(
    limit: Duration,
    backend: &LlamaBackend,
    model: &'static LlamaModel,
    plan: &ContextPlan,
) -> Option<u32> {
    let small = ContextPlan { slots: 1, context_tokens: DEPTH_MIN_TOKENS, ..plan.clone() };
    let mut bench = Bench { context: small.make(backend, model)?, batch: LlamaBatch::new(1, 1) };
    let step = (0..3).map(|position| bench.step(1, position)).collect::<Option<Vec<Duration>>>()?;
    let step_s = step.iter().min()?.as_secs_f64();
    let trained = model.n_ctx_train().saturating_sub(STEPS as u32 + 1);
    let tokens =
        (limit.as_secs_f64() / (step_s * READ_PART)).min(f64::from(DEPTH_TOKENS.min(trained))) as u32;
    (tokens >= DEPTH_MIN_TOKENS).then_some(tokens)
}

struct Bench {
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
}

impl Bench {
    fn read(&mut self, stream: u32, tokens: u32, most: u32) -> Option<()> {
        for first in (0..tokens).step_by(most as usize) {
            self.batch.clear();
            for position in first..tokens.min(first + most) {
                let wants_logits = position + 1 == tokens;
                self.add(stream, position, wants_logits)?;
            }
            self.decode()?;
        }
        Some(())
    }

    fn step(&mut self, streams: u32, position: u32) -> Option<Duration> {
        let began = Instant::now();
        self.batch.clear();
        for stream in 0..streams {
            self.add(stream, position, true)?;
        }
        self.decode()?;
        Some(began.elapsed())
    }

    /// Which token it is makes no difference to the time.
    fn add(&mut self, stream: u32, position: u32, wants_logits: bool) -> Option<()> {
        let (stream, position) = (stream.cast_signed(), position.cast_signed());
        self.batch.add(LlamaToken(0), position, &[stream], wants_logits).ok()
    }

    fn decode(&mut self) -> Option<()> {
        self.context.decode(&mut self.batch).ok()?;
        // Waits for what is still computed elsewhere.
        self.context.synchronize();
        Some(())
    }
}
