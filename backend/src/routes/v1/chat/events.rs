//! A completion as server-sent events: nothing but `data:` lines and comments. Never an `id:`, after which a comment
//! makes openai-python emit an empty event.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::chunk::{Chunk, ChunkChoice, Delta};
use super::key_has_ended;
use super::logprobs::Logprobs;
use super::response::{Head, finish_reason};
use super::usage::TimingsView;
use crate::error::AppError;
use crate::error::openai::OpenAiError;
use crate::services::completions::{Completion, CompletionEvent};

/// A comment on a stream that is silent for so long: below the shortest time after which proxies cut (30 s).
const HEARTBEAT: Duration = Duration::from_secs(15);
/// While it waits and while its prompt is read, a stream shows that there is progress: often enough to look alive.
const PING_EVERY: Duration = Duration::from_secs(1);

const PING: Bytes = Bytes::from_static(b": ping\n\n");
const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// The bytes of the stream. It ends with `[DONE]`, or with an error.
pub(super) fn events(
    completion: Completion,
    head: Head,
    count: u32,
    with_usage: bool,
    signed_out: impl Future<Output = ()> + 'static,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let events = Events {
        completion: Some(completion),
        head,
        answers: vec![Told::default(); count as usize],
        unended: count,
        with_usage,
        signed_out: Box::pin(signed_out),
        last_sent: Instant::now(),
        ready: VecDeque::new(),
    };
    stream::unfold(events, |mut events| async {
        let bytes = events.next().await?;
        events.last_sent = Instant::now();
        Some((Ok(bytes), events))
    })
}

/// What has been told of one answer.
#[derive(Clone, Copy, Default)]
struct Told {
    is_open: bool,
    /// The call whose arguments come.
    call: Option<u32>,
}

struct Events {
    /// None after the end.
    completion: Option<Completion>,
    head: Head,
    answers: Vec<Told>,
    unended: u32,
    with_usage: bool,
    signed_out: Pin<Box<dyn Future<Output = ()>>>,
    last_sent: Instant,
    /// At most the few events that one event of the engine becomes.
    ready: VecDeque<Bytes>,
}

impl Events {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            let completion = self.completion.as_mut()?;
            let event = tokio::select! {
                biased;
                () = &mut self.signed_out => Some(Err(key_has_ended())),
                event = completion.next() => event,
                () = sleep_until(self.last_sent + HEARTBEAT) => return Some(PING),
            };
            match event {
                Some(Ok(event)) => self.tell(event),
                Some(Err(error)) => self.fail(error),
                None => self.finish(),
            }
        }
    }

    fn tell(&mut self, event: CompletionEvent) {
        match event {
            CompletionEvent::Waiting { .. } => {
                if self.last_sent.elapsed() >= PING_EVERY {
                    self.ready.push_back(PING);
                }
            }
            CompletionEvent::Begun => {}
            CompletionEvent::Text { choice, kind, text, likelihoods } => {
                let told = self.open(choice);
                let delta = Delta::text(kind, &text, told.call.unwrap_or(0));
                self.chunk(choice, delta, Logprobs::of(kind, &likelihoods), None);
            }
            CompletionEvent::Call { choice, index, id, name } => {
                self.open(choice);
                if let Some(told) = self.answers.get_mut(choice as usize) {
                    told.call = Some(index);
                }
                self.chunk(choice, Delta::call(index, &id, &name), None, None);
            }
            CompletionEvent::Ended { choice, reason } => {
                let told = self.open(choice);
                self.unended = self.unended.saturating_sub(1);
                let reason = finish_reason(reason, told.call.is_some());
                self.chunk(choice, Delta::default(), None, Some(reason));
            }
        }
    }

    /// The role stands in the first event of an answer and in no other.
    fn open(&mut self, choice: u32) -> Told {
        let Some(told) = self.answers.get_mut(choice as usize) else { return Told::default() };
        let before = *told;
        told.is_open = true;
        if !before.is_open {
            self.chunk(choice, Delta::opening(), None, None);
        }
        before
    }

    fn chunk(
        &mut self,
        index: u32,
        delta: Delta<'_>,
        logprobs: Option<Logprobs>,
        finish_reason: Option<&'static str>,
    ) {
        let timings = (self.unended == 0 && !self.with_usage).then(|| self.timings()).flatten();
        let choices = vec![ChunkChoice { index, delta, logprobs, finish_reason }];
        let usage = self.with_usage.then_some(None);
        let bytes = data(&Chunk { head: &self.head, choices, usage, timings });
        self.ready.push_back(bytes);
    }

    fn finish(&mut self) {
        if self.with_usage {
            let usage = self.completion.as_ref().map(|completion| completion.counts().into());
            let chunk =
                Chunk { head: &self.head, choices: Vec::new(), usage: Some(usage), timings: self.timings() };
            self.ready.push_back(data(&chunk));
        }
        self.ready.push_back(DONE);
        self.completion = None;
    }

    /// The status is sent already, so the error is an event.
    fn fail(&mut self, error: AppError) {
        if let Some(cause) = error.cause_chain() {
            tracing::error!(code = ?error.code(), place = %error.place(), %cause, "a completion failed");
        }
        self.ready.push_back(data(&OpenAiError::from(error.body())));
        self.completion = None;
    }

    fn timings(&self) -> Option<TimingsView> {
        self.completion.as_ref().map(|completion| completion.timings().into())
    }
}

fn data(value: &impl Serialize) -> Bytes {
    // Plain data of ours always has a JSON form, and JSON has no line breaks.
    let json = serde_json::to_string(value).unwrap_or_default();
    Bytes::from(format!("data: {json}\n\n"))
}
