//! What is in the caches, and which slot a request should get.

use std::cmp::Reverse;
use std::time::Duration;

use crate::{Priority, Token, Whose};

/// Copying a slot and restoring a state move memory, and reading computes: on small and on large models, on processors
/// and on accelerators, it takes about as long as reading so many tokens at most. Fewer are read again.
pub(crate) const WORTH_TOKENS: usize = 16;

/// Whose the tokens of a slot are, and of what kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) whose: Whose,
    pub(crate) priority: Priority,
}

/// One slot of the decoder: a sequence of evaluated tokens, in use or left over.
#[derive(Debug, Default)]
struct Slot {
    /// The tokens in the cache.
    tokens: Vec<Token>,
    /// Nobody else's request may build on them.
    holder: Option<Holder>,
    /// Whether nothing of what it holds may stay when its stream ends.
    is_forgotten: bool,
    /// Whether a stream runs in it.
    is_busy: bool,
    last_used: u64,
    /// When its stream ended.
    rests_since: Duration,
    /// Whether what it holds was saved since, as far as it could be.
    is_saved: bool,
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The slot.
    pub(crate) slot: usize,
    /// The slot with the longest common prefix (often the same), and the prefix's length.
    pub(crate) prefix: Option<(usize, usize)>,
}

/// All slots of a worker.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    uses: u64,
}

impl Slots {
    pub(crate) fn new(count: u32) -> Self {
        Self { slots: (0..count).map(|_| Slot::default()).collect(), uses: 0 }
    }

    #[cfg(test)]
    pub(crate) fn in_use(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_busy).count()
    }

    pub(crate) fn has_idle(&self) -> bool {
        self.slots.iter().any(|slot| !slot.is_busy)
    }

    /// How many tokens the cache of a slot holds.
    pub(crate) fn held_tokens(&self, slot: usize) -> usize {
        self.slots.get(slot).map_or(0, |slot| slot.tokens.len())
    }

    /// Notes tokens that were evaluated.
    pub(crate) fn extend(&mut self, slot: usize, tokens: &[Token]) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.tokens.extend(tokens);
        }
    }

    /// Notes that only the first `kept` tokens of a slot are left.
    pub(crate) fn cut(&mut self, slot: usize, kept: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.tokens.truncate(kept);
        }
    }

    /// Notes that the cache of a slot is empty.
    pub(crate) fn clear(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.tokens.clear();
        }
    }

    /// Marks a slot as in use, with `kept` tokens of `tokens` in its cache.
    pub(crate) fn occupy(&mut self, slot: usize, holder: Holder, kept: &[Token]) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.tokens = kept.to_vec();
            slot.holder = Some(holder);
            slot.is_busy = true;
            slot.is_forgotten = false;
        }
    }

    /// Marks a slot as no longer in use. Its tokens stay.
    pub(crate) fn release(&mut self, slot: usize, now: Duration) {
        self.uses += 1;
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.is_busy = false;
            slot.last_used = self.uses;
            slot.rests_since = now;
            slot.is_saved = false;
        }
    }

    /// Notes that what a slot holds was saved.
    pub(crate) fn note_saved(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.is_saved = true;
        }
    }

    /// The slots that hold a chat that was not saved since its stream ended, and when that was, the first first.
    pub(crate) fn unsaved(&self) -> Vec<(Duration, usize)> {
        let slots = self.slots.iter().enumerate();
        let unsaved = slots.filter(|(_, slot)| slot.is_chats() && !slot.is_busy && !slot.is_saved);
        let mut unsaved: Vec<(Duration, usize)> =
            unsaved.map(|(index, slot)| (slot.rests_since, index)).collect();
        unsaved.sort_unstable();
        unsaved
    }

    /// Chooses a slot for a request that will read `tokens`, of which `saved` could be restored; none while all are in use.
    ///
    /// The slot whose tokens it continues, if that loses fewer tokens than any other; else the one whose content is
    /// missed least, and the prefix is copied from wherever it is, unless restoring brings more. `can_save` tells whether
    /// what a slot holds would be saved if it were given up now.
    pub(crate) fn place(
        &self,
        Holder { whose: Whose { user, .. }, priority }: Holder,
        tokens: &[Token],
        saved: usize,
        can_save: impl Fn(usize) -> bool,
    ) -> Option<Placement> {
        // The last token must be evaluated again: only that gives the logits for the next one.
        let usable = tokens.get(..tokens.len().saturating_sub(1)).unwrap_or_default();
        let best = (self.slots.iter().enumerate())
            .filter(|(_, slot)| {
                !slot.is_forgotten && slot.holder.is_some_and(|holder| holder.whose.user == user)
            })
            .map(|(index, slot)| (index, common_prefix(&slot.tokens, usable)))
            .filter(|(_, length)| *length > 0 && *length + WORTH_TOKENS > saved)
            .max_by_key(|(index, length)| {
                (*length, self.slots.get(*index).is_some_and(|slot| !slot.is_busy))
            });
        let least_missed = self.least_missed(priority, can_save)?;
        let elsewhere = self.slots.get(least_missed).map_or(0, Slot::worth);
        let in_place = best.filter(|(index, length)| {
            self.slots.get(*index).is_some_and(|slot| slot.may_be_cut(priority, *length, elsewhere))
        });
        if let Some((slot, _)) = in_place {
            return Some(Placement { slot, prefix: best });
        }
        let is_worth_it =
            |(index, length): &(usize, usize)| *index == least_missed || *length >= WORTH_TOKENS;
        Some(Placement { slot: least_missed, prefix: best.filter(is_worth_it) })
    }

    /// What a slot holds of a chat that would be missed if no more than `kept` tokens of it stayed: whose it is, and
    /// all of its tokens. Cutting off less than half is a continuation, after which the rest is of no use.
    pub(crate) fn lost(&self, slot: usize, kept: usize) -> Option<(Whose, &[Token])> {
        let slot = self.slots.get(slot).filter(|slot| slot.is_chats())?;
        let lost = slot.tokens.len().saturating_sub(kept);
        let whose = slot.holder?.whose;
        (lost >= WORTH_TOKENS && lost >= kept).then_some((whose, &slot.tokens))
    }

    /// Nothing of these may stay. Answers the slots to clear now; the others are once they are released.
    pub(crate) fn forget(&mut self, whose: Whose) -> Vec<usize> {
        let is_theirs = |slot: &Slot| slot.holder.is_some_and(|holder| whose.includes(holder.whose));
        let slots = self.slots.iter_mut().enumerate().filter(|(_, slot)| is_theirs(slot));
        let mut idle = Vec::new();
        for (index, slot) in slots {
            slot.is_forgotten = true;
            if !slot.is_busy {
                idle.push(index);
            }
        }
        idle
    }

    /// Whether a slot that was released is to be cleared.
    pub(crate) fn is_forgotten(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| slot.is_forgotten)
    }

    /// The slots that hold something of a chat, those in use before the others, the newest first.
    pub(crate) fn of_chats(&self) -> Vec<usize> {
        let mut slots: Vec<(usize, &Slot)> =
            self.slots.iter().enumerate().filter(|(_, slot)| slot.is_chats()).collect();
        slots.sort_by_key(|(_, slot)| Reverse((slot.is_busy, slot.last_used)));
        slots.into_iter().map(|(index, _)| index).collect()
    }

    /// The idle slot to give up. Among those that hold nothing of worth, the one nearest to a running stream: a decoder
    /// joins only neighbouring slots into one pass over the weights. A hole costs such a pass for every token, and a chat
    /// that can be saved one restoring: so a neighbour is also preferred to the chat that is longest unused.
    fn least_missed(&self, priority: Priority, can_save: impl Fn(usize) -> bool) -> Option<usize> {
        let idle = self.slots.iter().enumerate().filter(|(_, slot)| !slot.is_busy);
        let key = |(index, slot): (usize, &Slot)| {
            let is_empty = slot.tokens.is_empty();
            let rank = match priority {
                _ if slot.is_chats() => 2,
                Priority::Chat => u8::from(!is_empty),
                // Empty slots are left to chats.
                Priority::Side => u8::from(is_empty),
            };
            let distance = self.distance_to_running(index);
            let missed =
                if rank == 2 { (distance > 1 || !can_save(index), slot.last_used) } else { (false, 0) };
            (rank, missed, distance, index)
        };
        idle.map(key).min().map(|(.., index)| index)
    }

    fn distance_to_running(&self, index: usize) -> usize {
        let busy = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_busy);
        busy.map(|(other, _)| other.abs_diff(index)).min().unwrap_or(0)
    }
}

impl Slot {
    fn is_chats(&self) -> bool {
        let is_chats = self.holder.is_some_and(|holder| holder.priority == Priority::Chat);
        is_chats && !self.tokens.is_empty() && !self.is_forgotten
    }

    /// Tokens that somebody may come back for: a side job never does.
    fn worth(&self) -> usize {
        if self.is_chats() { self.tokens.len() } else { 0 }
    }

    /// Whether the slot may be cut to its first `common` tokens for a request that would otherwise cost `elsewhere`
    /// tokens. Cutting off less than half is a continuation, even where another slot costs nothing.
    fn may_be_cut(&self, priority: Priority, common: usize, elsewhere: usize) -> bool {
        let lost = self.tokens.len() - common.min(self.tokens.len());
        let breaks_a_chat = priority == Priority::Side && self.is_chats();
        !self.is_busy && !breaks_a_chat && (lost < common || lost <= elsewhere)
    }
}

/// How many tokens two sequences have in common from their beginning.
pub(crate) fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
