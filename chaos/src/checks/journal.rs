//! Whether the journal of every answer is whole, and whether every answer ended once and for a reason.

use shared::GenerationId;

use super::record::{GenerationRecord, Record};
use crate::ledger::{Ledger, Rule};

/// The death after which an answer fails instead of going on.
const FATAL_ENGINE_DEATHS: i32 = 2;

/// Checks all of it; gives how many answers were done, stopped and failed.
pub fn check(ledger: &Ledger, record: &Record) -> Endings {
    let mut endings = Endings::default();
    for (id, generation) in &record.generations {
        check_chunks(ledger, record, *id, generation);
        check_end(ledger, record, *id, generation);
        match generation.status.as_str() {
            "done" => endings.done += 1,
            "stopped" => endings.stopped += 1,
            _ => endings.failed += 1,
        }
        endings.taken_over += u64::from(generation.epoch > 1);
        endings.engine_died += u64::from(generation.engine_deaths > 0);
    }
    endings
}

/// How the answers of a run ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Endings {
    /// By themselves.
    pub done: u64,
    /// By a stop.
    pub stopped: u64,
    /// By the second death of their engine.
    pub failed: u64,
    /// Answers that had more than one owner.
    pub taken_over: u64,
    /// Answers under which an engine died.
    pub engine_died: u64,
}

fn check_chunks(ledger: &Ledger, record: &Record, id: GenerationId, generation: &GenerationRecord) {
    let chunks = &generation.chunks;
    let contiguous = chunks.iter().zip(1..).all(|(chunk, seq)| chunk.seq == seq);
    let last_fits = generation.last_seq == chunks.last().map_or(0, |chunk| chunk.seq);
    ledger.check(Rule::JournalWhole, contiguous && last_fits, || {
        let seqs: Vec<i32> = chunks.iter().map(|chunk| chunk.seq).collect();
        format!("{id} has the chunks {seqs:?} and was recorded with {}", generation.last_seq)
    });
    let owners = chunks.is_sorted_by_key(|chunk| chunk.epoch)
        && chunks.iter().all(|chunk| (1..=generation.epoch).contains(&chunk.epoch));
    ledger.check(Rule::JournalWhole, owners, || {
        let epochs: Vec<i32> = chunks.iter().map(|chunk| chunk.epoch).collect();
        format!("{id} of epoch {} has chunks of {epochs:?}", generation.epoch)
    });
    let mut text = String::new();
    let mut offsets_fit = true;
    for chunk in chunks.iter().filter(|chunk| chunk.kind == "text") {
        offsets_fit &= usize::try_from(chunk.byte_offset) == Ok(text.len());
        text.push_str(&chunk.body);
    }
    ledger.check(Rule::JournalWhole, offsets_fit, || format!("an offset of {id} does not fit: {chunks:?}"));
    let content = record.messages.get(&generation.message).map(|message| message.content.as_str());
    ledger.check(Rule::JournalWhole, content == Some(&text), || {
        format!("the journal of {id} is {text:?}, and its message {content:?}")
    });
}

fn check_end(ledger: &Ledger, record: &Record, id: GenerationId, generation: &GenerationRecord) {
    let message = record.messages.get(&generation.message);
    let agrees = message.is_some_and(|message| {
        let stopped = message.finish_reason.as_deref() == Some("stopped");
        match generation.status.as_str() {
            "done" => message.status == "complete" && message.finish_reason.is_some() && !stopped,
            "stopped" => message.status == "stopped" && stopped,
            "failed" => message.status == "failed" && generation.error.is_some(),
            _ => false,
        }
    });
    ledger.check(Rule::EndedOnce, agrees && generation.has_end, || {
        let message = message.map(|message| (&message.status, &message.finish_reason));
        format!(
            "{id} is {} with its message {message:?}; end recorded: {}",
            generation.status, generation.has_end
        )
    });
    let plausible = match generation.status.as_str() {
        "stopped" => ledger.answer(id).stop_asked,
        "failed" => generation.engine_deaths >= FATAL_ENGINE_DEATHS,
        _ => true,
    };
    ledger.check(Rule::EndedOnce, plausible, || {
        let (status, deaths, error) = (&generation.status, generation.engine_deaths, &generation.error);
        format!("{id} is {status} without a reason: its engine died {deaths} times; {error:?}")
    });
}
