//! One request to the engine: its events, from the first to the last.

use std::time::Instant;

use engine::{
    EngineError, GenerateRequest, Generation, GenerationError, GenerationEvent, PromptSize, TextKind,
};
use shared::{ChunkKind, FinishReason, StreamEvent};
use store::{Ending, Started};

use super::super::failure;
use super::super::live::LiveEvent;
use super::super::params::Params;
use super::{Gone, Runner, STOPPED, unwritable};
use crate::services::model_choice::load_stage;

/// What became of one request to the engine.
pub(super) enum Attempt {
    /// The answer has ended.
    Ended(Ending),
    /// The prompt does not fit.
    TooLong(PromptSize),
    /// The model's process died. What it had told is good.
    Died,
    /// The engine cannot take it now.
    Refused(EngineError),
}

impl From<Ending> for Attempt {
    fn from(ending: Ending) -> Self {
        Self::Ended(ending)
    }
}

impl Runner {
    /// Asks the engine, and writes what it answers.
    pub(super) async fn attempt(&mut self, request: GenerateRequest) -> Result<Attempt, Gone> {
        if self.seat.stop_asked().is_cancelled() {
            return Ok(STOPPED.into());
        }
        self.model = Some(request.model.clone());
        match self.generations.inner.engine.generate(request).await {
            Ok(generation) => self.listen(generation).await,
            Err(EngineError::ShuttingDown) => Err(Gone::Closing),
            Err(error @ EngineError::Overloaded { .. }) => Ok(Attempt::Refused(error)),
            Err(error) => Ok(Ending::Failed(failure::engine(error)).into()),
        }
    }

    async fn listen(&mut self, mut generation: Generation) -> Result<Attempt, Gone> {
        let stop = self.seat.stop_asked().clone();
        let closing = self.closing();
        let mut stopping = false;
        loop {
            let event = tokio::select! {
                biased;
                () = closing.cancelled() => return Err(Gone::Closing),
                error = self.writer.closed() => return unwritable(error).map(Attempt::Ended),
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    generation.stop();
                    continue;
                }
                event = generation.next() => event,
            };
            if let Some(attempt) = self.take(event).await? {
                return Ok(attempt);
            }
        }
    }

    /// Takes one event; gives what became of the request with the last one.
    async fn take(&mut self, event: Option<GenerationEvent>) -> Result<Option<Attempt>, Gone> {
        let generation_id = self.id();
        match event {
            Some(GenerationEvent::Prompt { tokens, cached }) => {
                return Ok(self.started(tokens, cached).await?.map(Attempt::Ended));
            }
            Some(GenerationEvent::Text { kind, text, tokens, .. }) => {
                return Ok(self.write(kind, &text, &tokens).await?.map(Attempt::Ended));
            }
            // Asked without tools, no model calls one.
            Some(GenerationEvent::ToolCall { .. }) => {}
            Some(GenerationEvent::Queued { place }) => {
                self.tell(StreamEvent::Queued { generation_id, place });
            }
            Some(GenerationEvent::Loading { stage, fraction }) => {
                let model = self.model.as_ref().map(ToString::to_string).unwrap_or_default();
                let stage = load_stage(stage);
                self.tell(StreamEvent::Loading { generation_id, model, stage, fraction });
            }
            Some(GenerationEvent::Prefill { done, total }) => {
                self.tell(StreamEvent::Prefill { generation_id, done, total });
            }
            Some(GenerationEvent::Done { reason, usage }) => {
                self.engine_usage = Some(usage);
                return Ok(Some(Ending::Finished(finish_reason(reason)).into()));
            }
            Some(GenerationEvent::Failed(error)) => return failed(error).map(Some),
            None => {
                let error = failure::internal("the engine went silent in an answer");
                return Ok(Some(Ending::Failed(error).into()));
            }
        }
        Ok(None)
    }

    /// The engine has begun: keeps what another owner would need to go on, before there is any text.
    async fn started(&mut self, prompt: Vec<engine::Token>, cached: u32) -> Result<Option<Ending>, Gone> {
        (self.refused_since, self.backoff) = Default::default();
        self.meter.prompt(u32::try_from(prompt.len()).unwrap_or(u32::MAX), cached);
        self.meter_context();
        if self.started {
            return Ok(None);
        }
        let params = match (&self.params, &self.beginning) {
            (Some(params), _) => params.clone(),
            (None, Some(beginning)) => {
                let request = &beginning.request;
                let inner = &self.generations.inner;
                let file = inner.model_files.hash(&inner.engine, &request.model).await;
                Params::new(&request.model, file, request.sampling.clone(), prompt, self.omitted.clone())
            }
            (None, None) => {
                return Ok(Some(Ending::Failed(failure::internal("an answer without a request"))));
            }
        };
        let kept = match serde_json::to_value(&params) {
            Ok(kept) => kept,
            Err(error) => return Ok(Some(Ending::Failed(failure::internal(error)))),
        };
        let (store, claim) = (self.generations.inner.store.clone(), self.job.claim);
        match self.patiently(|| store.start_generation(claim, &kept, &params.omitted)).await? {
            Ok(Started::Running) => {
                self.started = true;
                self.params = Some(params);
                Ok(None)
            }
            Ok(Started::StopRequested) => {
                self.seat.stop_asked().cancel();
                Ok(None)
            }
            Ok(Started::Lost) => Err(Gone::Lost),
            Err(error) => Ok(Some(Ending::Failed(failure::internal(error)))),
        }
    }

    /// The bound of prompt and answer together, once the model has been loaded.
    pub(super) fn meter_context(&mut self) {
        let models = self.generations.inner.engine.models();
        let known = models.iter().find(|info| Some(&info.id) == self.model.as_ref());
        if let Some(context) = known.and_then(|info| info.context_tokens) {
            self.meter.context(context);
        }
    }

    async fn write(&mut self, kind: TextKind, text: &str, tokens: &[i32]) -> Result<Option<Ending>, Gone> {
        let kind = match kind {
            TextKind::Answer => ChunkKind::Text,
            TextKind::Reasoning => ChunkKind::Reasoning,
            TextKind::Arguments => ChunkKind::Tool,
        };
        let now = Instant::now();
        self.meter.tokens(u32::try_from(tokens.len()).unwrap_or(u32::MAX), now);
        if let Some(usage) = self.meter.report(now) {
            let event = StreamEvent::Usage { generation_id: self.id(), usage };
            self.publish(LiveEvent::Stream(event));
        }
        // What is shown must be what is kept.
        let text = store::storable(text);
        let closing = self.closing();
        match closing.run_until_cancelled(self.writer.append(kind, &text, tokens)).await {
            None => Err(Gone::Closing),
            Some(Ok(())) => Ok(None),
            Some(Err(error)) => unwritable(error).map(Some),
        }
    }
}

fn failed(error: GenerationError) -> Result<Attempt, Gone> {
    Ok(match error {
        GenerationError::ContextLength { prompt_tokens, context_tokens } => {
            Attempt::TooLong(PromptSize { prompt_tokens, context_tokens })
        }
        GenerationError::ShuttingDown => return Err(Gone::Closing),
        GenerationError::WorkerDied => Attempt::Died,
        error @ (GenerationError::ModelUnusable { .. } | GenerationError::ModelResting { .. }) => {
            Attempt::Refused(error.into())
        }
        error => Ending::Failed(failure::generation(error)).into(),
    })
}

fn finish_reason(reason: engine::FinishReason) -> FinishReason {
    match reason {
        engine::FinishReason::Stop => FinishReason::Stop,
        engine::FinishReason::Length => FinishReason::Length,
        engine::FinishReason::Stopped => FinishReason::Stopped,
    }
}
