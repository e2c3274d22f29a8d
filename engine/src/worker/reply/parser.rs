//! Finds reasoning, answer and tool calls in a growing text. Every byte is looked at a bounded number of times, however
//! long the reply becomes: only what may still become a tag is looked at again, and tags are short.
//!
//! ```text
//!  Beginning ─▶ Reasoning ─▶ Answer ◀──────────▶ Section ◀─▶ Call
//!      └────────────────────────▲  └── no section ─────────────▲
//! ```

use std::collections::VecDeque;

use super::call::{CallReader, Progress};
use crate::TextKind;
use crate::reply::{CallFormat, ReplyFormat, ToolFormat};

/// White space before the first word that is waited through, to see whether it is a tag.
const BLANK_MAX_BYTES: usize = 64;

/// A part of the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text { kind: TextKind, text: String },
    Call { name: String, id: Option<String> },
}

#[derive(Debug)]
pub(super) struct ReplyParser {
    format: ReplyFormat,
    state: State,
    /// Text that has not been decided on.
    held: String,
    /// White space behind what was told: told with what follows it, unless that is a tag.
    blank: String,
    /// Nothing but white space has been told of the present text; it is left out.
    is_fresh: bool,
    /// Bytes looked at, for a test.
    pub(super) work: usize,
}

#[derive(Debug)]
enum State {
    Beginning,
    Reasoning,
    Answer,
    /// Between calls.
    Section,
    Call(Box<CallReader>),
    /// Behind the arguments of a call, before its closing tag.
    AfterCall,
}

/// Whether to go on with what is held.
#[derive(PartialEq, Eq)]
enum Step {
    Again,
    Wait,
}

impl ReplyParser {
    pub(super) fn new(format: ReplyFormat) -> Self {
        let is_open = format.reasoning.as_ref().is_some_and(|reasoning| reasoning.is_open);
        let state = if is_open { State::Reasoning } else { State::Beginning };
        Self { format, state, held: String::new(), blank: String::new(), is_fresh: is_open, work: 0 }
    }

    /// Reads more text; what is decided goes to `parts`.
    pub(super) fn push(&mut self, text: &str, parts: &mut VecDeque<Part>) {
        self.held.push_str(text);
        while !self.held.is_empty() {
            self.work += self.held.len();
            if self.step(parts) == Step::Wait {
                return;
            }
        }
    }

    /// The reply has ended: what is held is text after all.
    pub(super) fn finish(&mut self, parts: &mut VecDeque<Part>) {
        let held = std::mem::take(&mut self.held);
        let blank = std::mem::take(&mut self.blank);
        match std::mem::replace(&mut self.state, State::Answer) {
            State::Beginning | State::Answer => tell(parts, TextKind::Answer, blank + &held),
            State::Reasoning if held.is_empty() => {}
            State::Reasoning => tell(parts, TextKind::Reasoning, blank + &held),
            State::Section | State::AfterCall => {}
            State::Call(mut call) => {
                call.finish(&held);
                call.take(parts);
                tell(parts, TextKind::Answer, call.into_text());
            }
        }
    }

    fn step(&mut self, parts: &mut VecDeque<Part>) -> Step {
        match &mut self.state {
            State::Beginning => self.begin(),
            State::Reasoning => {
                let end = self.format.reasoning.as_ref().map(|format| format.end.clone());
                let end = end.unwrap_or_default();
                self.text_until(TextKind::Reasoning, &end, State::Answer, parts)
            }
            State::Answer => {
                let trigger = self.tools().map(|tools| tools.trigger().to_owned()).unwrap_or_default();
                let next = if self.tools().is_some_and(|tools| !tools.section_start.is_empty()) {
                    State::Section
                } else {
                    self.new_call()
                };
                self.text_until(TextKind::Answer, &trigger, next, parts)
            }
            State::Section => self.between_calls(),
            State::Call(call) => {
                let progress = call.read(&mut self.held);
                call.take(parts);
                match progress {
                    Progress::Wait => Step::Wait,
                    Progress::Done => self.enter(State::AfterCall),
                    Progress::NoCall => {
                        let State::Call(call) = std::mem::replace(&mut self.state, State::Answer) else {
                            return Step::Again;
                        };
                        tell(parts, TextKind::Answer, call.into_text());
                        self.is_fresh = false;
                        Step::Again
                    }
                }
            }
            State::AfterCall => self.after_call(),
        }
    }

    fn begin(&mut self) -> Step {
        let start = self.format.reasoning.as_ref().map_or("", |reasoning| reasoning.start.as_str());
        let word = self.held.trim_start();
        if word.is_empty() && self.held.len() < BLANK_MAX_BYTES {
            return Step::Wait;
        }
        if !start.is_empty() {
            if let Some(rest) = word.strip_prefix(start) {
                self.held = rest.to_owned();
                self.is_fresh = true;
                return self.enter(State::Reasoning);
            }
            if start.starts_with(word) {
                return Step::Wait;
            }
        }
        let is_bare = self.tools().is_some_and(|tools| tools.trigger().is_empty());
        if is_bare && word.starts_with('{') {
            self.held = word.to_owned();
            let call = self.new_call();
            return self.enter(call);
        }
        self.enter(State::Answer)
    }

    /// Tells text of a kind up to a tag, and enters `next` behind it.
    fn text_until(&mut self, kind: TextKind, tag: &str, next: State, parts: &mut VecDeque<Part>) -> Step {
        let found = if tag.is_empty() { None } else { self.held.find(tag) };
        let border = found.unwrap_or_else(|| self.held.len() - undecided_len(&self.held, tag));
        let rest = self.held.split_off(border);
        let text = std::mem::replace(&mut self.held, rest);
        self.tell_trimmed(kind, text, parts);
        if found.is_none() {
            return Step::Wait;
        }
        self.held.drain(..tag.len());
        self.blank.clear();
        self.is_fresh = true;
        self.enter(next)
    }

    /// Leaves out white space at the beginning, and holds back that at the end where a tag may follow.
    fn tell_trimmed(&mut self, kind: TextKind, text: String, parts: &mut VecDeque<Part>) {
        let body = if self.is_fresh { text.trim_start() } else { &text };
        if body.is_empty() {
            return;
        }
        self.is_fresh = false;
        let has_tag = kind == TextKind::Reasoning || self.tools().is_some();
        if !has_tag {
            return tell(parts, kind, body.to_owned());
        }
        let words = body.trim_end();
        if words.is_empty() {
            self.blank.push_str(body);
            return;
        }
        let blank = body.get(words.len()..).unwrap_or_default().to_owned();
        let before = std::mem::replace(&mut self.blank, blank);
        tell(parts, kind, before + words);
    }

    fn between_calls(&mut self) -> Step {
        let Some(tools) = &self.format.tools else { return self.enter(State::Answer) };
        let is_json = matches!(tools.call, CallFormat::Json { .. });
        let is_nothing =
            |char: char| char.is_whitespace() || (is_json && matches!(char, ',' | ';' | '[' | ']'));
        // An array of calls is a list of calls; its brackets are in no tag that begins here.
        let first = self.held.trim_start();
        let at_tag = |tag: &str| !tag.is_empty() && (first.starts_with(tag) || tag.starts_with(first));
        let word = if at_tag(&tools.section_end) || at_tag(&tools.call_start) {
            first
        } else {
            self.held.trim_start_matches(is_nothing)
        };
        let word = word.to_owned();
        if word.is_empty() {
            self.held.clear();
            return Step::Wait;
        }
        let begins_call = if tools.call_start.is_empty() {
            word.starts_with('{').then_some(0)
        } else {
            word.starts_with(&tools.call_start).then_some(tools.call_start.len())
        };
        if let Some(tag_len) = begins_call {
            self.held = word.get(tag_len..).unwrap_or_default().to_owned();
            let call = self.new_call();
            return self.enter(call);
        }
        let end = &tools.section_end;
        if !end.is_empty() && word.starts_with(end) {
            self.held = word.get(end.len()..).unwrap_or_default().to_owned();
            self.is_fresh = true;
            return self.enter(State::Answer);
        }
        self.held = word;
        let may_become = |tag: &str| !tag.is_empty() && tag.starts_with(&self.held);
        if may_become(&tools.call_start) || may_become(end) {
            return Step::Wait;
        }
        self.is_fresh = true;
        self.enter(State::Answer)
    }

    fn after_call(&mut self) -> Step {
        let Some(tools) = &self.format.tools else { return self.enter(State::Answer) };
        let has_section = !tools.section_start.is_empty();
        if !tools.call_end.is_empty() {
            let Some(at) = self.held.find(&tools.call_end) else {
                let kept = undecided_len(&self.held, &tools.call_end);
                self.held.drain(..self.held.len() - kept);
                return Step::Wait;
            };
            self.held.drain(..at + tools.call_end.len());
        }
        self.is_fresh = true;
        // Without tags around them, one call may still follow the other.
        let is_bare = tools.trigger().is_empty();
        self.enter(if has_section || is_bare { State::Section } else { State::Answer })
    }

    fn tools(&self) -> Option<&ToolFormat> {
        self.format.tools.as_ref()
    }

    fn new_call(&self) -> State {
        self.tools().map_or(State::Answer, |tools| {
            State::Call(Box::new(CallReader::new(&tools.call, tools.trigger().is_empty())))
        })
    }

    fn enter(&mut self, state: State) -> Step {
        self.state = state;
        Step::Again
    }
}

/// Bytes at the end of a text that may become `tag`.
fn undecided_len(text: &str, tag: &str) -> usize {
    let bytes = text.as_bytes();
    let most = tag.len().saturating_sub(1).min(bytes.len());
    (1..=most).rev().find(|n| tag.as_bytes().get(..*n).is_some_and(|head| bytes.ends_with(head))).unwrap_or(0)
}

/// Adds text, to the last part where that is of the same kind.
pub(super) fn tell(parts: &mut VecDeque<Part>, kind: TextKind, text: String) {
    if text.is_empty() {
        return;
    }
    match parts.back_mut() {
        Some(Part::Text { kind: last, text: told }) if *last == kind => told.push_str(&text),
        _ => parts.push_back(Part::Text { kind, text }),
    }
}
