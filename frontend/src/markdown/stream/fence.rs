//! An open fence: each new line is code until one closes it, so the code so far need not be parsed again.

use crate::markdown::tree::Block;
use shared::code_block::language_of;

/// A fence at the left edge that is open at the end of the tail.
#[derive(Debug)]
pub(super) struct OpenFence {
    sign: char,
    /// How many signs opened it: as many close it.
    width: usize,
    language: Option<String>,
    /// The complete lines.
    code: String,
    /// How many bytes of the tail are read.
    read: usize,
}

impl OpenFence {
    /// The fence that `tail` begins with, if its first line is complete and nothing closes it yet.
    pub(super) fn begin(tail: &str) -> Option<Self> {
        let (first, _) = tail.split_once('\n')?;
        let sign = first.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
        let info = first.trim_start_matches(sign);
        let width = first.len() - info.len();
        if width < 3 || info.contains(['\\', '&', '\r', '`']) {
            return None;
        }
        let language = language_of(info.trim());
        let mut fence = Self { sign, width, language, code: String::new(), read: first.len() + 1 };
        fence.read(tail).map(|_| fence)
    }

    /// Takes what is new in `tail`. Nothing when the fence was closed or the text is not plain enough.
    pub(super) fn read(&mut self, tail: &str) -> Option<Block> {
        let mut rest = tail.get(self.read..)?;
        while let Some((line, after)) = rest.split_once('\n') {
            if self.closes(line) || line.contains(['\r', '\0']) {
                return None;
            }
            self.code.push_str(line);
            self.code.push('\n');
            self.read += line.len() + 1;
            rest = after;
        }
        if rest.contains(['\r', '\0']) {
            return None;
        }
        // What may become the closing fence is not shown as code for the blink of an eye.
        let pending = !rest.is_empty() && rest.trim_start_matches(' ').chars().all(|sign| sign == self.sign);
        let partial = if pending { "" } else { rest };
        let code = [self.code.as_str(), partial].concat();
        Some(Block::Code { language: self.language.clone(), code: code.into() })
    }

    fn closes(&self, line: &str) -> bool {
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        let after = text.trim_start_matches(self.sign);
        let width = text.len() - after.len();
        // Deeper than three spaces it is code; the parser decides on tabs.
        indent < 4 && width >= self.width && after.trim_matches([' ', '\t']).is_empty()
    }
}
