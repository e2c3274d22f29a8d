//! Short notes that come and go.

use shared::ConversationId;

use super::outbox::Kept;

/// Most notes at a time: more would cover the page.
const SHOWN_MAX: usize = 3;

/// What a note offers.
#[derive(Clone, Debug, PartialEq)]
pub enum Offer {
    /// Take a delete back.
    Restore(ConversationId),
    /// Take back that a message was discarded.
    Keep(Box<Kept>),
}

/// One note.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// Tells notes apart.
    pub id: u32,
    /// What it says.
    pub text: String,
    /// It tells of something that went wrong.
    pub is_error: bool,
    /// What it offers.
    pub offer: Option<Offer>,
}

/// The notes shown, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Toasts {
    items: Vec<Toast>,
    next: u32,
}

impl Toasts {
    /// The notes, oldest first.
    pub fn items(&self) -> &[Toast] {
        &self.items
    }

    /// Shows a note and returns its id. The oldest leaves when there are too many.
    pub fn push(&mut self, text: String, is_error: bool, offer: Option<Offer>) -> u32 {
        let id = self.next;
        self.next += 1;
        self.items.push(Toast { id, text, is_error, offer });
        if self.items.len() > SHOWN_MAX {
            self.items.remove(0);
        }
        id
    }

    /// Takes a note away.
    pub fn remove(&mut self, id: u32) {
        self.items.retain(|toast| toast.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_note_leaves_first() {
        let mut toasts = Toasts::default();
        for text in ["a", "b", "c", "d"] {
            toasts.push(text.into(), false, None);
        }
        let texts: Vec<_> = toasts.items().iter().map(|toast| toast.text.as_str()).collect();
        assert_eq!(texts, ["b", "c", "d"]);
        toasts.remove(2);
        assert_eq!(toasts.items().len(), 2);
    }
}
