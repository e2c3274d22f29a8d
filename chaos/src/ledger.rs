//! What every client wrote down before it used it: what was sent, what was acknowledged, and every byte that was
//! shown. Kept in memory for the checks and in a file for whoever looks for the cause of a violation.
//!
//! All clients of the run write here; [`crate::checks`] reads at the end. It knows nothing of how requests travel.

mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use shared::{ClientId, ConversationId, GenerationId, GenerationOptions, MessageId, SendAccepted};

use crate::failure::{Doing, Outcome};
use crate::recovery::Recoveries;

pub use rule::{Rule, Violation};

/// Violations that are kept in words; more of the same say nothing new.
const TOLD_MAX: usize = 200;

/// The ledger of one run. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    began: Instant,
    book: Mutex<Book>,
    file: Mutex<BufWriter<File>>,
}

#[derive(Default)]
struct Book {
    asked: BTreeMap<ClientId, Asked>,
    answers: BTreeMap<GenerationId, AnswerRecord>,
    begun: BTreeMap<String, Option<ConversationId>>,
    checked: BTreeMap<Rule, u64>,
    broken: BTreeMap<Rule, u64>,
    violations: Vec<Violation>,
    sums: Sums,
    recoveries: Recoveries,
    faults: Vec<(usize, Instant)>,
}

/// What a client asked for, written down before the first try.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Made when it was composed.
    pub client_id: ClientId,
    /// Whose it is.
    pub person: usize,
    /// What.
    pub what: Ask,
    /// How to sample: seed and temperature are always given, so that the answer can be foretold.
    pub options: GenerationOptions,
    /// The server's word, once there is one.
    pub accepted: Option<SendAccepted>,
}

/// The requests that make answers.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A message, which no other message is like.
    Send {
        /// The text.
        content: String,
        /// What it follows; none where it is the first of its conversation.
        parent: Option<MessageId>,
    },
    /// Another answer beside this one.
    Regenerate {
        /// The answer.
        beside: MessageId,
    },
    /// The rest of an answer that failed or was stopped.
    Continue {
        /// The answer.
        of: MessageId,
    },
}

/// What is known of one answer.
#[derive(Clone, Debug, Default)]
pub struct AnswerRecord {
    /// Where it is written.
    pub conversation: Option<ConversationId>,
    /// The longest text that anybody has seen.
    pub shown: String,
    /// How often its text was cut by `truncate`.
    pub truncations: u32,
    /// Somebody asked for its end.
    pub stop_asked: bool,
}

/// Totals for the report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Messages, regenerations and continuations that were acknowledged.
    pub acknowledged: u64,
    /// Tries for these.
    pub tries: u64,
    /// Tries that were sent twice at once.
    pub duplicated: u64,
    /// Stops that were acknowledged.
    pub stops: u64,
    /// Streams that were opened.
    pub streams: u64,
    /// Streams that broke off.
    pub broken_streams: u64,
    /// Bytes of text that screens have drawn, every device counted.
    pub shown_bytes: u64,
    /// Conversations that were read again from the beginning.
    pub reloads: u64,
    /// Times that a missed chunk made a device ask for a snapshot.
    pub gaps: u64,
    /// Sign-ins.
    pub sign_ins: u64,
}

impl Ledger {
    /// A ledger that is also written to `path`.
    pub fn create(path: &Path) -> Outcome<Self> {
        let file = File::create(path).doing(format_args!("write {}", path.display()))?;
        let inner =
            Inner { began: Instant::now(), book: Mutex::default(), file: Mutex::new(BufWriter::new(file)) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Since the start.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.inner.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Writes a line to the file.
    pub fn note(&self, who: &str, what: fmt::Arguments<'_>) {
        let mut file = self.inner.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not end the test; the checks do not need the file.
        let _ = writeln!(file, "{:>8} {who} {what}", self.elapsed_ms());
    }

    /// Writes out what is buffered.
    pub fn flush(&self) {
        let _ = self.inner.file.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }

    /// Counts a check, and writes down where it fails.
    pub fn check(&self, rule: Rule, holds: bool, what: impl FnOnce() -> String) {
        let mut book = self.book();
        *book.checked.entry(rule).or_default() += 1;
        if holds {
            return;
        }
        *book.broken.entry(rule).or_default() += 1;
        if book.violations.len() < TOLD_MAX {
            let violation = Violation { rule, at_ms: self.elapsed_ms(), what: what() };
            let told = violation.what.clone();
            book.violations.push(violation);
            drop(book);
            self.note("VIOLATION", format_args!("{rule:?}: {told}"));
            self.flush();
        }
    }

    /// A request is about to be sent for the first time.
    pub fn asks(&self, who: &str, asked: Asked) {
        self.note(who, format_args!("asks {} {:?}", asked.client_id, asked.what));
        self.book().asked.insert(asked.client_id, asked);
    }

    /// The server has answered 202. A second answer must be the first.
    pub fn acknowledged(&self, who: &str, client_id: ClientId, accepted: SendAccepted) {
        self.note(who, format_args!("acknowledged {client_id} {accepted:?}"));
        let mut book = self.book();
        let Some(asked) = book.asked.get_mut(&client_id) else { return };
        let first = *asked.accepted.get_or_insert(accepted);
        let answer = book.answers.entry(accepted.generation_id).or_default();
        let is_new = answer.conversation.is_none();
        answer.conversation = Some(accepted.conversation_id);
        book.sums.acknowledged += u64::from(is_new);
        drop(book);
        self.check(Rule::RepeatsAreHarmless, first == accepted, || {
            format!("{client_id} was answered with {first:?} and later with {accepted:?}")
        });
    }

    /// A conversation of this title, which no other has, is about to be made.
    pub fn begins(&self, who: &str, title: &str) {
        self.note(who, format_args!("begins {title:?}"));
        self.book().begun.insert(title.to_owned(), None);
    }

    /// It was made. A second answer must be the first.
    pub fn begun(&self, who: &str, title: &str, id: ConversationId) {
        self.note(who, format_args!("has begun {id}"));
        let first = *self.book().begun.entry(title.to_owned()).or_default().get_or_insert(id);
        self.check(Rule::RepeatsAreHarmless, first == id, || {
            format!("{title:?} is {first} and, later, {id}")
        });
    }

    /// The conversations that were begun by their title, and which they are.
    pub fn conversations(&self) -> BTreeMap<String, Option<ConversationId>> {
        self.book().begun.clone()
    }

    /// A stop is about to be sent.
    pub fn asks_stop(&self, who: &str, id: GenerationId) {
        self.note(who, format_args!("asks to stop {id}"));
        self.book().answers.entry(id).or_default().stop_asked = true;
    }

    /// A screen is about to show `text` as the answer so far, of which the last `new_bytes` are new to it.
    pub fn shows(
        &self,
        who: &str,
        conversation: ConversationId,
        id: GenerationId,
        text: &str,
        new_bytes: usize,
    ) {
        self.note(who, format_args!("shows {id} {} bytes, {new_bytes} new", text.len()));
        let mut book = self.book();
        book.sums.shown_bytes += new_bytes as u64;
        let record = book.answers.entry(id).or_default();
        record.conversation = Some(conversation);
        let fits = record.shown.starts_with(text) || text.starts_with(&record.shown);
        let mut stood_still = None;
        if text.len() > record.shown.len() {
            text.clone_into(&mut record.shown);
            stood_still = book.recoveries.grew(id, text.len());
        }
        drop(book);
        if let Some(time) = stood_still {
            self.note("RECOVERY", format_args!("{id} stood still for {} ms", time.as_millis()));
        }
        self.check(Rule::ShownIsKept, fits, || {
            format!("{who} shows another text of {id} than was shown before: {text:?}")
        });
    }

    /// A screen is about to cut an answer.
    pub fn truncates(&self, who: &str, id: GenerationId, bytes: usize) {
        self.note(who, format_args!("truncates {id} to {bytes}"));
        let mut book = self.book();
        let record = book.answers.entry(id).or_default();
        record.truncations += 1;
        if record.shown.is_char_boundary(bytes) {
            record.shown.truncate(bytes);
        }
    }

    /// A screen has been told the end of an answer.
    pub fn ended(&self, who: &str, id: GenerationId, how: &str) {
        self.note(who, format_args!("sees the end of {id}: {how}"));
        self.book().recoveries.ended(id);
    }

    /// How much of each answer of a conversation somebody has seen by now: whoever asks from now on gets at least that.
    pub fn shown_by_now(&self, conversation: ConversationId) -> BTreeMap<GenerationId, usize> {
        let book = self.book();
        let of_conversation =
            book.answers.iter().filter(|(_, record)| record.conversation == Some(conversation));
        of_conversation.map(|(id, record)| (*id, record.shown.len())).collect()
    }

    /// Checks a text that was read after `shown_by_now` was taken.
    pub fn read_afterwards(
        &self,
        who: &str,
        id: GenerationId,
        text: &str,
        shown: &BTreeMap<GenerationId, usize>,
    ) {
        let least = shown.get(&id).copied().unwrap_or_default();
        let truncated = self.book().answers.get(&id).is_some_and(|record| record.truncations > 0);
        self.check(Rule::DurableBeforeShown, truncated || text.len() >= least, || {
            format!("{who} reads {} bytes of {id}, of which {least} were shown before it asked", text.len())
        });
    }

    /// Adds to the totals.
    pub fn count(&self, add: impl FnOnce(&mut Sums)) {
        add(&mut self.book().sums);
    }

    /// A fault is about to hit these answers; the number is that of the fault's kind in the report.
    pub fn fault(&self, kind: usize, what: &str, hit: &BTreeSet<GenerationId>) {
        self.note("FAULT", format_args!("{what}; {} answers hit", hit.len()));
        let mut book = self.book();
        let lengths: Vec<(GenerationId, usize)> =
            hit.iter().map(|id| (*id, book.answers.get(id).map_or(0, |record| record.shown.len()))).collect();
        book.recoveries.fault(kind, lengths);
        book.faults.push((kind, Instant::now()));
    }

    /// When faults of these kinds happened.
    pub fn fault_times(&self, kinds: &[usize]) -> Vec<Instant> {
        self.book().faults.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, at)| *at).collect()
    }

    /// How often faults of a kind happened.
    pub fn faults_of(&self, kind: usize) -> u64 {
        self.book().faults.iter().filter(|(it, _)| *it == kind).count() as u64
    }

    /// What was asked, for the checks.
    pub fn asked(&self) -> Vec<Asked> {
        self.book().asked.values().cloned().collect()
    }

    /// What is known of an answer.
    pub fn answer(&self, id: GenerationId) -> AnswerRecord {
        self.book().answers.get(&id).cloned().unwrap_or_default()
    }

    /// The totals so far.
    pub fn sums(&self) -> Sums {
        self.book().sums
    }

    /// Times from fault to next token.
    pub fn recoveries(&self) -> Recoveries {
        self.book().recoveries.clone()
    }

    /// How often a rule was checked, and how often it was found broken.
    pub fn counts(&self, rule: Rule) -> (u64, u64) {
        let book = self.book();
        let of = |map: &BTreeMap<Rule, u64>| map.get(&rule).copied().unwrap_or_default();
        (of(&book.checked), of(&book.broken))
    }

    /// All violations together.
    pub fn broken(&self) -> u64 {
        self.book().broken.values().sum()
    }

    /// The first violations, in words.
    pub fn violations(&self) -> Vec<Violation> {
        self.book().violations.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
