//! One tool call in a growing text: its name, then its arguments as they come.

use std::collections::VecDeque;

use super::parser::{Part, tell};
use crate::TextKind;
use crate::json::{Scan, Scanner, string_content};
use crate::reply::CallFormat;

/// A name or key that is longer is none.
const WORD_MAX_BYTES: usize = 256;

/// How far the call is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on.
    Wait,
    /// It is complete.
    Done,
    /// It is none; what was read of it is in [`CallReader::into_text`].
    NoCall,
}

/// Reads one call.
#[derive(Debug)]
pub(super) struct CallReader {
    format: CallFormat,
    /// There are no tags: it is a call only if it begins like one.
    is_bare: bool,
    state: State,
    name: Option<String>,
    id: Option<String>,
    /// The call has been told.
    is_told: bool,
    has_arguments: bool,
    /// Arguments that came before the name, or since they were taken.
    arguments: String,
    /// What was read before the call was told: text, should it be none.
    read: String,
}

#[derive(Debug)]
enum State {
    /// Before the object.
    Open,
    /// A key, or the end of the object; `depth` objects are open.
    Key {
        depth: usize,
    },
    Colon {
        depth: usize,
        key: String,
    },
    Value {
        depth: usize,
        role: Role,
        scanner: Scanner,
        text: String,
    },
    /// A name that is no member.
    Name,
    /// The arguments behind it.
    Arguments {
        scanner: Scanner,
        passed: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Name,
    Id,
    Arguments,
    Other,
}

enum Step {
    /// So many bytes have been read.
    Read(usize),
    /// More are needed.
    Wait,
    Done(usize),
    NoCall,
}

impl CallReader {
    pub(super) fn new(format: &CallFormat, is_bare: bool) -> Self {
        let state = match format {
            CallFormat::Json { .. } => State::Open,
            CallFormat::Named { .. } => State::Name,
        };
        Self {
            format: format.clone(),
            is_bare,
            state,
            name: None,
            id: None,
            is_told: false,
            has_arguments: false,
            arguments: String::new(),
            read: String::new(),
        }
    }

    /// Takes from the front of `held` what it has read.
    pub(super) fn read(&mut self, held: &mut String) -> Progress {
        let mut at = 0;
        let progress = loop {
            let rest = held.get(at..).unwrap_or_default();
            match self.step(rest) {
                Step::Read(count) => at += count,
                Step::Wait => break Progress::Wait,
                Step::Done(count) => {
                    at += count;
                    break Progress::Done;
                }
                Step::NoCall => break Progress::NoCall,
            }
        };
        let behind = held.split_off(at.min(held.len()));
        let read = std::mem::replace(held, behind);
        if progress == Progress::Done && !self.has_arguments {
            self.arguments.push_str("{}");
        }
        if self.name.is_none() {
            self.read.push_str(&read);
        }
        progress
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self, held: &str) {
        if self.name.is_none() {
            self.read.push_str(held);
        }
    }

    /// Tells what has become known.
    pub(super) fn take(&mut self, parts: &mut VecDeque<Part>) {
        let Some(name) = &self.name else { return };
        if !self.is_told {
            self.is_told = true;
            self.read.clear();
            parts.push_back(Part::Call { name: name.clone(), id: self.id.clone() });
        }
        tell(parts, TextKind::Arguments, std::mem::take(&mut self.arguments));
    }

    /// What was read of something that is no call.
    pub(super) fn into_text(self) -> String {
        self.read
    }

    fn step(&mut self, rest: &str) -> Step {
        let Some(first) = rest.chars().next() else { return Step::Wait };
        match &mut self.state {
            State::Name => self.read_name(rest),
            State::Arguments { scanner, passed } if scanner.is_empty() && first != '{' => {
                *passed += 1;
                if *passed > WORD_MAX_BYTES { Step::Done(0) } else { Step::Read(first.len_utf8()) }
            }
            State::Arguments { scanner, .. } => match scan(scanner, rest) {
                Some((count, is_done)) => {
                    self.has_arguments = true;
                    self.arguments.push_str(rest.get(..count).unwrap_or_default());
                    if is_done { Step::Done(count) } else { Step::Read(count) }
                }
                None => Step::Done(0),
            },
            State::Value { .. } => self.read_value(rest),
            _ if first.is_whitespace() => Step::Read(first.len_utf8()),
            State::Open if first == '{' => {
                self.state = State::Key { depth: 1 };
                Step::Read(1)
            }
            State::Key { .. } if first == ',' => Step::Read(1),
            State::Key { depth: 1 } if first == '}' => {
                if self.name.is_some() {
                    Step::Done(1)
                } else {
                    Step::NoCall
                }
            }
            State::Key { depth } if first == '}' => {
                *depth -= 1;
                Step::Read(1)
            }
            State::Key { depth } if first == '"' => match closed_string(rest) {
                Closed::At(end) => {
                    let key = string_content(rest.get(1..end).unwrap_or_default());
                    self.state = State::Colon { depth: *depth, key };
                    Step::Read(end + 1)
                }
                Closed::Open => Step::Wait,
                Closed::TooLong => self.broken(),
            },
            State::Colon { depth, key } if first == ':' => {
                let (depth, key) = (*depth, std::mem::take(key));
                self.begin_value(depth, &key)
            }
            _ => self.broken(),
        }
    }

    /// What follows cannot be read. Where the call has been told, it ends here.
    fn broken(&self) -> Step {
        if self.name.is_some() { Step::Done(0) } else { Step::NoCall }
    }

    fn begin_value(&mut self, depth: usize, key: &str) -> Step {
        let CallFormat::Json { name_key, arguments_key, id_key } = &self.format else { return Step::NoCall };
        let role = match key {
            key if key == name_key => Role::Name,
            // Models mix the two words up, whatever their template says.
            key if key == arguments_key || key == "arguments" || key == "parameters" => Role::Arguments,
            key if key == id_key && !id_key.is_empty() => Role::Id,
            _ => Role::Other,
        };
        let is_usual = role != Role::Other || matches!(key, "type" | "function" | "id");
        if self.is_bare && self.name.is_none() && !is_usual {
            return Step::NoCall;
        }
        if key == "function" && depth == 1 && self.name.is_none() {
            // The call within the wrapper that APIs put around it. Where it is the name itself, that is read below.
            self.state =
                State::Value { depth, role: Role::Name, scanner: Scanner::default(), text: String::new() };
            return Step::Read(1);
        }
        self.state = State::Value { depth, role, scanner: Scanner::default(), text: String::new() };
        Step::Read(1)
    }

    fn read_value(&mut self, rest: &str) -> Step {
        let State::Value { depth, role, scanner, text } = &mut self.state else { return Step::NoCall };
        let (depth, role) = (*depth, *role);
        if scanner.is_empty() {
            let Some(first) = rest.chars().next() else { return Step::Wait };
            if first.is_whitespace() {
                return Step::Read(first.len_utf8());
            }
            if role == Role::Name && first == '{' {
                self.state = State::Key { depth: depth + 1 };
                return Step::Read(1);
            }
        }
        let Some((count, is_done)) = scan(scanner, rest) else { return self.broken() };
        let part = rest.get(..count).unwrap_or_default();
        match role {
            Role::Arguments => {
                self.has_arguments = true;
                self.arguments.push_str(part);
            }
            Role::Name | Role::Id => text.push_str(part),
            Role::Other => {}
        }
        let value = std::mem::take(text);
        if !is_done {
            if value.len() > WORD_MAX_BYTES {
                return self.broken();
            }
            *text = value;
            return Step::Read(count);
        }
        self.state = State::Key { depth };
        let word = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).map(string_content);
        match role {
            Role::Name if word.is_none() => return Step::NoCall,
            Role::Name => self.name = word.filter(|name| !name.is_empty()),
            Role::Id => self.id = word.filter(|id| !id.is_empty()),
            Role::Arguments | Role::Other => {}
        }
        Step::Read(count)
    }

    fn read_name(&mut self, rest: &str) -> Step {
        let CallFormat::Named { before_name, name_ends } = &self.format else { return Step::NoCall };
        let blank = rest.len() - rest.trim_start().len();
        if blank > 0 {
            return Step::Read(blank);
        }
        let name_at = match rest.strip_prefix(before_name.as_str()) {
            Some(_) => before_name.len(),
            None if before_name.starts_with(rest) => return Step::Wait,
            None => 0,
        };
        let text = rest.get(name_at..).unwrap_or_default();
        let end = name_ends.iter().filter_map(|end| Some((text.find(end.as_str())?, end.len()))).min();
        // JSON begins behind the name at the latest.
        let brace = text.find('{').map(|at| (at, 0));
        let Some((at, end_len)) = end.into_iter().chain(brace).min() else {
            return if rest.len() > WORD_MAX_BYTES { Step::NoCall } else { Step::Wait };
        };
        let name = text.get(..at).unwrap_or_default().trim();
        if name.is_empty() || name.len() > WORD_MAX_BYTES {
            return Step::NoCall;
        }
        (self.name, self.id) = plain_name(name);
        self.state = State::Arguments { scanner: Scanner::default(), passed: 0 };
        Step::Read(name_at + at + end_len)
    }
}

/// `functions.name:0`, as some models write it, is an id that has the name in it.
fn plain_name(name: &str) -> (Option<String>, Option<String>) {
    let inner = name.strip_prefix("functions.").and_then(|rest| rest.rsplit_once(':'));
    match inner {
        Some((inner, _)) => (Some(inner.to_owned()), Some(name.to_owned())),
        None => (Some(name.to_owned()), None),
    }
}

/// Reads on in a value: how many bytes are its, and whether it is complete. None where it is no JSON.
fn scan(scanner: &mut Scanner, rest: &str) -> Option<(usize, bool)> {
    for (at, byte) in rest.bytes().enumerate() {
        match scanner.push(byte).ok()? {
            Scan::More => {}
            Scan::Ended => return Some((at + 1, true)),
            Scan::EndedBefore => return Some((at, true)),
        }
    }
    Some((rest.len(), false))
}

enum Closed {
    At(usize),
    Open,
    TooLong,
}

/// Where the string that begins `text` is closed.
fn closed_string(text: &str) -> Closed {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if at > WORD_MAX_BYTES => return Closed::TooLong,
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Closed::At(at),
            _ => {}
        }
    }
    Closed::Open
}
