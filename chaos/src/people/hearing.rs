//! What one connection tells: its bytes become events, and each has to be the next one of its answer.
//!
//! TCP keeps the order and cuts only the end, so whatever else is missing, doubled or out of place was sent so. The
//! reducer would heal or ignore that without a word; here it is written down.

use std::collections::BTreeMap;

use shared::sse::{Decoder, EventTooLong, SseEvent};
use shared::{Cursor, GenerationId, StreamEvent};

use crate::ledger::{Ledger, Rule};

/// One connection, from its first byte.
pub struct Hearing {
    who: String,
    ledger: Ledger,
    decoder: Decoder,
    told: BTreeMap<GenerationId, Told>,
}

/// How far this connection has told an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing yet: it was asked to go on from here.
    Cursor(Cursor),
    /// Up to this chunk.
    UpTo(Cursor),
    /// To its end.
    Ended,
}

impl Hearing {
    /// A connection that was asked for with this cursor.
    pub fn new(who: &str, ledger: Ledger, cursor: Option<Cursor>) -> Self {
        let told = cursor.map(|cursor| (cursor.generation_id, Told::Cursor(cursor))).into_iter().collect();
        Self { who: who.to_owned(), ledger, decoder: Decoder::new(), told }
    }

    /// Takes the next bytes and gives the events that they complete.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<StreamEvent>, EventTooLong> {
        let heard = self.decoder.push(piece)?;
        Ok(heard.iter().filter_map(|heard| self.take(heard)).collect())
    }

    fn take(&mut self, heard: &SseEvent) -> Option<StreamEvent> {
        let event = serde_json::from_str::<StreamEvent>(&heard.data).ok();
        let right = event.as_ref().is_some_and(|event| self.is_next(heard, event));
        self.ledger.check(Rule::ToldInOrder, right, || format!("{} is told {heard:?}", self.who));
        event
    }

    fn is_next(&mut self, heard: &SseEvent, event: &StreamEvent) -> bool {
        let Some(id) = event.generation_id() else { return heard.name == event.name() };
        let told = self.told.get(&id).copied();
        let fits = match event {
            StreamEvent::Snapshot { .. } => matches!(told, None | Some(Told::Cursor(_))),
            StreamEvent::Delta { epoch, seq, .. } | StreamEvent::Truncate { epoch, seq, .. } => match told {
                None => *seq == 1,
                Some(Told::Cursor(at) | Told::UpTo(at)) => *seq == at.seq + 1 && *epoch >= at.epoch,
                Some(Told::Ended) => false,
            },
            _ => told != Some(Told::Ended),
        };
        let named = match event.cursor() {
            Some(cursor) => {
                self.told.insert(id, Told::UpTo(cursor));
                heard.id == cursor.to_string()
            }
            None => true,
        };
        if matches!(event, StreamEvent::Done { .. } | StreamEvent::Error { .. }) {
            self.told.insert(id, Told::Ended);
        }
        fits && named && heard.name == event.name()
    }
}
