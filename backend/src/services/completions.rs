//! Answers that belong to a connection: nothing of them is kept, and whoever drops a [`Completion`] ends it within one
//! step of the model. Called by the routes of `/v1`; conversations are `generation`'s.

mod clock;

use std::pin::Pin;
use std::time::{Duration, Instant};

use engine::{
    Chat, Engine, FinishReason, GenerateRequest, Generation, GenerationError, GenerationEvent, ModelId,
    Priority, Prompt, SamplingOptions, SamplingParams, TextKind, TokenChoice,
};
use futures_util::stream::{SelectAll, select_all, unfold};
use futures_util::{Stream, StreamExt};
use shared::{ErrorCode, FieldError};

use crate::AppError;
use crate::error::AppResult;
use clock::Clock;
pub use clock::Timings;

/// Most answers to one request. Each takes a slot, and servers of this kind have eight or so.
pub const CHOICES_MAX: u32 = 16;

/// What is asked for, unchecked but for its form.
#[derive(Clone, Debug)]
pub struct CompletionRequest {
    /// Which model answers.
    pub model: ModelId,
    /// The conversation so far, and what the model may use for it.
    pub chat: Chat,
    /// How to sample.
    pub sampling: SamplingOptions,
    /// So many answers, each drawn by itself.
    pub choices: u32,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub enum CompletionEvent {
    /// It waits for its model or a slot, or its prompt is being read. Comes a few times a second at most.
    Waiting {
        /// The model is being loaded, and so far it is: 0 to 1.
        loading: Option<f32>,
    },
    /// The prompt is known to fit, and a slot was given: from now on there is an answer.
    Begun,
    /// A piece of an answer.
    Text {
        /// Which, from 0.
        choice: u32,
        /// Which text it belongs to.
        kind: TextKind,
        /// Whole characters, never empty.
        text: String,
        /// How likely its tokens were, where that was asked for.
        likelihoods: Vec<TokenChoice>,
    },
    /// The model calls a tool; the arguments follow as text.
    Call {
        /// Which answer, from 0.
        choice: u32,
        /// Which of its calls, from 0.
        index: u32,
        /// For the result.
        id: String,
        /// Of the tool.
        name: String,
    },
    /// One of the answers has ended.
    Ended {
        /// Which, from 0.
        choice: u32,
        /// Why.
        reason: FinishReason,
    },
}

/// Tokens of all answers of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Of the prompt, which all answers share.
    pub prompt: u32,
    /// How many of those had been read before.
    pub cached: u32,
    /// Of the answers.
    pub completion: u32,
    /// How many of those were reasoning.
    pub reasoning: u32,
    /// Guessed ahead by the engine.
    pub drafted: u32,
    /// How many of those the model then chose.
    pub accepted: u32,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    since: Instant,
    ask_again_at: Option<Instant>,
}

type Events = Pin<Box<dyn Stream<Item = (u32, GenerationEvent)> + Send>>;

/// How long a model is waited for that rests because its process died repeatedly: as long as the longest rest.
const RESTS_FOR: Duration = Duration::from_secs(60);
/// Between two questions whether it still rests; the shortest rest is one second.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// When to come again to a model that rested longer than that.
const REST_RETRY_AFTER_S: u32 = 30;

/// The running answers of one request.
pub struct Completion {
    engine: Engine,
    request: GenerateRequest,
    /// Answers that begin as soon as the prompt has been read for the first one, so that it is read once.
    later: Vec<(u32, SamplingParams)>,
    prompt_is_read: bool,
    /// The model rests: since when it is waited for, and when it is asked again.
    rest: Option<Rest>,
    running: SelectAll<Events>,
    /// An event that was looked at and is still to be told.
    unread: Option<CompletionEvent>,
    clock: Clock,
    counts: TokenCounts,
}

impl Completion {
    /// Checks a request and begins with it; `user` is what the engine knows the person by.
    ///
    /// # Errors
    /// `invalid_fields` with the names of the options, `overloaded` where too many wait.
    pub async fn begin(engine: &Engine, user: u128, request: CompletionRequest) -> AppResult<Self> {
        let mut sampling = sampling(&request)?;
        let (_, first) = sampling.pop().ok_or_else(|| AppError::internal("a request for no answer"))?;
        let template = GenerateRequest {
            model: request.model,
            user,
            conversation: None,
            prompt: Prompt::from(request.chat),
            sampling: first,
            answer_so_far: Vec::new(),
            priority: Priority::Chat,
        };
        let generation = engine.generate(template.clone()).await?;
        Ok(Self {
            engine: engine.clone(),
            request: template,
            later: sampling,
            prompt_is_read: false,
            rest: None,
            running: select_all([events(0, generation)]),
            unread: None,
            clock: Clock::start(Instant::now()),
            counts: TokenCounts::default(),
        })
    }

    /// Waits until the answer has begun, at most for `head_start`: an error that comes so soon can still be told as
    /// one. `loading` is how long the caller would wait for a model that has to be loaded first; none: as long as it
    /// takes.
    ///
    /// # Errors
    /// `model_loading`, and whatever ended the answer before it began.
    pub async fn head_start(&mut self, head_start: Duration, loading: Option<Duration>) -> AppResult<()> {
        let patience = loading.map_or(head_start, |loading| loading.max(head_start));
        let since = Instant::now();
        let mut loaded = None;
        let beginning = async {
            while let Some(event) = self.next().await {
                match event? {
                    CompletionEvent::Waiting { loading: fraction } => {
                        loaded = fraction;
                        if fraction.is_some() && loading.is_some_and(|most| since.elapsed() >= most) {
                            break;
                        }
                    }
                    event => {
                        loaded = None;
                        self.unread = Some(event);
                        break;
                    }
                }
            }
            AppResult::Ok(())
        };
        tokio::time::timeout(patience, beginning).await.unwrap_or(Ok(()))?;
        match (loading, loaded) {
            (Some(_), Some(fraction)) => Err(still_loading(since.elapsed(), fraction)),
            _ => Ok(()),
        }
    }

    /// The next event; none when all answers have ended. May be dropped and asked again. After an error nothing more
    /// comes, and all answers are to be given up.
    pub async fn next(&mut self) -> Option<AppResult<CompletionEvent>> {
        if let Some(event) = self.unread.take() {
            return Some(Ok(event));
        }
        if self.prompt_is_read
            && let Err(error) = self.begin_later().await
        {
            return Some(Err(error));
        }
        if let Err(error) = self.ask_again().await {
            return Some(Err(error));
        }
        let (choice, event) = self.running.next().await?;
        Some(self.take(choice, event))
    }

    /// Asks a model that rested once more. Dropped in the middle, it begins anew.
    async fn ask_again(&mut self) -> AppResult<()> {
        let Some(Rest { since, ask_again_at: Some(at) }) = self.rest else { return Ok(()) };
        tokio::time::sleep_until(at.into()).await;
        let generation = self.engine.generate(self.request.clone()).await?;
        self.running.push(events(0, generation));
        self.rest = Some(Rest { since, ask_again_at: None });
        Ok(())
    }

    /// A model that rests is waited for like one that is loaded; false where that has lasted too long.
    fn waits_out_rest(&mut self, now: Instant) -> bool {
        let since = self.rest.map_or(now, |rest| rest.since);
        if now.duration_since(since) >= RESTS_FOR {
            return false;
        }
        self.rest = Some(Rest { since, ask_again_at: Some(now + ASK_AGAIN) });
        true
    }

    async fn begin_later(&mut self) -> AppResult<()> {
        while let Some((choice, sampling)) = self.later.last() {
            let request = GenerateRequest { sampling: sampling.clone(), ..self.request.clone() };
            let generation = self.engine.generate(request).await?;
            self.running.push(events(*choice, generation));
            self.later.pop();
        }
        Ok(())
    }

    fn take(&mut self, choice: u32, event: GenerationEvent) -> AppResult<CompletionEvent> {
        let now = Instant::now();
        Ok(match event {
            GenerationEvent::Queued { .. } | GenerationEvent::Prefill { .. } => {
                CompletionEvent::Waiting { loading: None }
            }
            GenerationEvent::Loading { fraction, .. } => CompletionEvent::Waiting { loading: Some(fraction) },
            GenerationEvent::Prompt { tokens, cached } => {
                if choice == 0 {
                    self.counts.prompt = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
                    self.counts.cached = cached;
                    self.clock.begun(now);
                }
                CompletionEvent::Begun
            }
            GenerationEvent::ToolCall { index, id, name, .. } => {
                self.prompt_is_read = true;
                self.clock.text(now);
                CompletionEvent::Call { choice, index, id, name }
            }
            GenerationEvent::Text { kind, text, tokens, choices: likelihoods } => {
                self.prompt_is_read = true;
                self.clock.text(now);
                if kind == TextKind::Reasoning {
                    self.counts.reasoning += u32::try_from(tokens.len()).unwrap_or(u32::MAX);
                }
                CompletionEvent::Text { choice, kind, text, likelihoods }
            }
            GenerationEvent::Done { reason, usage } => {
                self.prompt_is_read = true;
                self.clock.ended(now, usage.tokens_per_second);
                self.counts.completion += usage.completion_tokens;
                self.counts.drafted += usage.drafted_tokens;
                self.counts.accepted += usage.accepted_tokens;
                CompletionEvent::Ended { choice, reason }
            }
            // It comes before anything else of an answer.
            GenerationEvent::Failed(GenerationError::ModelResting { .. }) if self.waits_out_rest(now) => {
                CompletionEvent::Waiting { loading: Some(0.0) }
            }
            GenerationEvent::Failed(error) => return Err(failure(error)),
        })
    }

    /// Tokens so far; those of an answer are known when it has ended.
    pub fn counts(&self) -> TokenCounts {
        self.counts
    }

    /// Times and speeds; whole when all answers have ended.
    pub fn timings(&self) -> Timings {
        self.clock.timings(self.counts)
    }
}

/// The events of one answer with its number.
fn events(choice: u32, generation: Generation) -> Events {
    Box::pin(unfold(generation, move |mut generation| async move {
        let event = generation.next().await?;
        Some(((choice, event), generation))
    }))
}

/// The params of each answer, the first one last. Each draws for itself: with a seed, from the seeds after it.
fn sampling(request: &CompletionRequest) -> AppResult<Vec<(u32, SamplingParams)>> {
    if !(1..=CHOICES_MAX).contains(&request.choices) {
        let message = format!("must be from 1 to {CHOICES_MAX}, and is {}", request.choices);
        return Err(AppError::field("n", message));
    }
    let params = |choice: u32| {
        let seed = request.sampling.seed.map(|seed| seed.wrapping_add(choice));
        let params = SamplingOptions { seed, ..request.sampling.clone() }.check().map_err(|invalid| {
            let fault = |option: engine::InvalidOption| FieldError {
                field: option.field.to_owned(),
                message: option.message,
            };
            AppError::fields(invalid.into_iter().map(fault).collect())
        })?;
        Ok((choice, params))
    };
    (0..request.choices).rev().map(params).collect()
}

/// What ended an answer, in the words of somebody who sent messages and not a conversation.
fn failure(error: GenerationError) -> AppError {
    match error {
        GenerationError::ContextLength { prompt_tokens, context_tokens } => AppError::new(
            ErrorCode::ContextLengthExceeded,
            format!(
                "The messages have {prompt_tokens} tokens; this model reads {context_tokens}, its answer included. \
                 Send fewer or shorter ones."
            ),
        ),
        GenerationError::Template { message } => AppError::field("messages", message),
        // It passes by itself: OpenAI's clients come again after a 503, and not after a 409 that tells them not to.
        GenerationError::ModelResting { .. } => {
            AppError::fault(ErrorCode::ModelLoading, error).with_retry_after_s(REST_RETRY_AFTER_S)
        }
        error => error.into(),
    }
}

/// The rest takes as long as the part so far, in proportion.
fn still_loading(waited: Duration, fraction: f32) -> AppError {
    let rest_s = waited.as_secs_f32() * (1.0 - fraction) / fraction.max(0.01);
    AppError::new(ErrorCode::ModelLoading, "").with_retry_after_s((rest_s.ceil() as u32).clamp(1, 60))
}
