//! A document that only grows, parsed so that the work for a new piece does not depend on what came before.
//!
//! A top-level block is closed as soon as a later one has its first line complete: nothing that follows can
//! change it. Only the text behind the closed blocks, the tail, is parsed again. Two things reach back all the
//! same, definitions of references and footnotes, so a finished text is parsed once more as a whole; every block
//! that comes out the same stays the same `Rc`.

mod fence;

use std::ops::Range;
use std::rc::Rc;

use super::heal::heal;
use super::tree::{self, Block};
use fence::OpenFence;

/// The blocks of a growing text.
#[derive(Debug, Default)]
pub struct Stream {
    source: String,
    /// Where the text behind the closed blocks begins.
    tail_start: usize,
    /// The first `closed` blocks never change again.
    closed: usize,
    blocks: Vec<Rc<Block>>,
    /// While the tail is nothing but an open fence, its lines are taken without a parser.
    fence: Option<OpenFence>,
    finished: bool,
}

impl Stream {
    /// The blocks so far, in order.
    pub fn blocks(&self) -> &[Rc<Block>] {
        &self.blocks
    }

    /// How many of the first blocks can no longer change.
    pub fn closed(&self) -> usize {
        self.closed
    }

    /// Brings the blocks up to `source`. Cheap when `source` is the former text and a little more; any other
    /// text starts anew.
    pub fn update(&mut self, source: &str, growing: bool) {
        match source.strip_prefix(&self.source) {
            Some("") if self.finished || growing => {}
            Some(more) if growing && !self.finished => self.push(more),
            Some(_) if !growing => self.finish(source),
            _ => {
                self.restart();
                if growing {
                    self.push(source);
                } else {
                    self.finish(source);
                }
            }
        }
    }

    /// Appends `more`.
    pub fn push(&mut self, more: &str) {
        self.source.push_str(more);
        if let Some(fence) = &mut self.fence {
            if let Some(block) = fence.read(self.source.get(self.tail_start..).unwrap_or_default()) {
                self.blocks.truncate(self.closed);
                self.blocks.push(Rc::new(block));
                return;
            }
            self.fence = None;
        }
        self.parse_tail();
    }

    /// The text is whole: parses it as such. `source` is the former text, perhaps with a last piece.
    fn finish(&mut self, source: &str) {
        let old = std::mem::take(&mut self.blocks);
        self.blocks = shared_with(&old, tree::parse(source));
        source.clone_into(&mut self.source);
        self.closed = self.blocks.len();
        self.fence = None;
        self.finished = true;
    }

    fn restart(&mut self) {
        *self = Self { blocks: std::mem::take(&mut self.blocks), ..Self::default() };
    }

    fn parse_tail(&mut self) {
        let tail = self.source.get(self.tail_start..).unwrap_or_default();
        let shown = heal(tail);
        let (places, parsed): (Vec<_>, Vec<_>) = tree::parse_with_places(&shown).into_iter().unzip();
        let old = self.blocks.split_off(self.closed.min(self.blocks.len()));
        self.blocks.extend(shared_with(&old, parsed));

        let first_of_tail = self.closed;
        let is_sure = |index: usize, place: &Range<usize>| {
            let table = matches!(
                self.blocks.get(first_of_tail + index).map(|block| &**block),
                Some(Block::Table { .. })
            );
            // A table is one only once its second line is complete.
            let needed = if table { 2 } else { 1 };
            shown
                .get(place.start..)
                .is_some_and(|text| text.bytes().filter(|byte| *byte == b'\n').nth(needed - 1).is_some())
        };
        let last_sure = (0..places.len())
            .rev()
            .find(|index| places.get(*index).is_some_and(|place| is_sure(*index, place)));
        if let Some((sure, place)) = last_sure.and_then(|index| Some((index, places.get(index)?))) {
            // Indented code is reported without its indent: the tail begins with the line.
            let line_start =
                shown.get(..place.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
            if sure > 0 {
                self.closed += sure;
                self.tail_start += line_start;
            }
            let only_block = sure + 1 == places.len();
            if only_block && matches!(self.blocks.last().map(|block| &**block), Some(Block::Code { .. })) {
                let tail = self.source.get(self.tail_start..).unwrap_or_default();
                self.fence = OpenFence::begin(tail);
            }
        }
    }
}

/// `new`, made of the blocks of `old` wherever they are the same.
fn shared_with(old: &[Rc<Block>], new: Vec<Rc<Block>>) -> Vec<Rc<Block>> {
    let mut old = old.iter();
    new.into_iter()
        .map(|new| match old.next() {
            Some(old) => tree::share(old, new),
            None => new,
        })
        .collect()
}

// The generator of random texts is for native builds only.
#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests;
