//! The next token of a stream. One whose filter takes long is left out of steps until it knows: nobody else waits for it.

use std::time::Duration;

use super::Scheduler;
use crate::decoder::{Decoder, Logits, SampleError};
use crate::protocol::News;
use crate::worker::chance;
use crate::worker::request::{Awaited, Stream};
use crate::{FinishReason, Token};

/// How long the filters of a step may together hold up other streams. About one token a filter is asked for some
/// microseconds, about a whole vocabulary for some milliseconds.
const PATIENCE: Duration = Duration::from_millis(10);
/// … and where nobody else is held up; Stop, and whoever comes next, wait for it.
const PATIENCE_ALONE: Duration = Duration::from_millis(50);

impl<D: Decoder> Scheduler<D> {
    /// Goes on with choices for which a filter had to be waited for.
    pub(super) fn choose_kept(&mut self) {
        let is_alone = !self.running.values().any(Stream::takes_part);
        self.filter_patience = if is_alone { PATIENCE_ALONE } else { PATIENCE };
        let choosing = self.running.iter().filter(|(_, stream)| stream.is_choosing());
        for slot in choosing.map(|(slot, _)| *slot).collect::<Vec<usize>>() {
            self.sample(slot, Logits::Kept, (self.clock)());
        }
    }

    /// Samples one token; none where the answer has ended, or its filter does not know yet.
    pub(super) fn sample(&mut self, slot: usize, logits: Logits, now: Duration) -> Option<Token> {
        let token = match self.choose(slot, logits) {
            Ok(token) => token?,
            Err(error) => {
                self.fail(slot, error.into());
                return None;
            }
        };
        if self.decoder.is_end(token) {
            self.finish(slot, FinishReason::Stop);
            return None;
        }
        let stream = self.running.get_mut(&slot)?;
        let request = &mut stream.request;
        request.push(token, now);
        let marker = request.reply.marker_text(token).map(|text| text.as_bytes().to_vec());
        let bytes = marker.as_deref().unwrap_or_else(|| self.decoder.token_bytes(token));
        let (said, has_stopped) = request.reply.push(token, bytes);
        let is_full = request.is_full(self.facts.context_tokens);
        let (id, news) = (request.id, said.into_iter().map(|said| request.news(said)).collect::<Vec<News>>());
        for news in news {
            self.tell(id, news);
        }
        let ended =
            if has_stopped { Some(FinishReason::Stop) } else { is_full.then_some(FinishReason::Length) };
        if let Some(reason) = ended {
            self.finish(slot, reason);
            return None;
        }
        Some(token)
    }

    /// The next token of a stream. One that its filter forbids is never chosen.
    fn choose(&mut self, slot: usize, logits: Logits) -> Result<Option<Token>, SampleError> {
        let Some(stream) = self.running.get_mut(&slot) else { return Ok(None) };
        let request = &mut stream.request;
        let draw = chance::draw(request.sampling.seed(), request.answer().len());
        let mut filter = request.filter.take();
        if let Some(filter) = &mut filter {
            filter.set_patience(self.filter_patience);
        }
        let asked = (self.clock)();
        let token = self.decoder.sample(slot as u32, logits, draw, filter.as_deref_mut())?;
        if filter.is_some() {
            let took = (self.clock)().saturating_sub(asked);
            self.filter_patience = self.filter_patience.saturating_sub(took);
        }
        let Some(token) = token else {
            request.filter = filter;
            stream.awaits = Some(Awaited::Filter);
            return Ok(None);
        };
        stream.awaits = None;
        let is_end = self.decoder.is_end(token);
        if let Some(filter) = &mut filter
            && !is_end
        {
            filter.accept(token)?;
        }
        request.filter = filter;
        if let Some(top) = request.sampling.logprobs()
            && !is_end
        {
            let choice = self.decoder.choice(slot as u32, logits, token, top)?;
            request.reply.note_choice(choice);
        }
        Ok(Some(token))
    }
}
