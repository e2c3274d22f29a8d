//! The conversation list.

use std::collections::BTreeSet;

use shared::{ConversationId, ConversationSummary, Page};

use super::failure::Failure;
use super::same::Same;

/// The list, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversations {
    items: Vec<Same<ConversationSummary>>,
    /// Deleted here: hidden at once, whatever an answer that was on its way says.
    deleted: BTreeSet<ConversationId>,
    /// For the page after the last one.
    pub next_cursor: Option<String>,
    /// The server has answered once.
    pub loaded: bool,
    /// Why the last try failed.
    pub failure: Option<Failure>,
}

impl Conversations {
    /// The rows to show.
    pub fn items(&self) -> impl Iterator<Item = &Same<ConversationSummary>> {
        self.items.iter().filter(|row| !self.deleted.contains(&row.id))
    }

    /// One row.
    pub fn get(&self, id: ConversationId) -> Option<&Same<ConversationSummary>> {
        self.items.iter().find(|row| row.id == id)
    }

    /// The first page came (again): it replaces what it covers, and what was loaded below it stays.
    pub fn refresh(&mut self, page: Page<ConversationSummary>) {
        let oldest = page.items.last().map(|row| row.updated_at);
        let kept: Vec<_> = match (oldest, &page.next_cursor) {
            (Some(oldest), Some(_)) => self
                .items
                .iter()
                .filter(|row| row.updated_at < oldest && page.items.iter().all(|new| new.id != row.id))
                .cloned()
                .collect(),
            _ => Vec::new(),
        };
        if kept.is_empty() {
            self.next_cursor = page.next_cursor;
        }
        self.items = page.items.into_iter().map(|row| self.reuse(row)).chain(kept).collect();
        self.loaded = true;
        self.failure = None;
    }

    /// The next page came.
    pub fn append(&mut self, page: Page<ConversationSummary>) {
        for row in page.items {
            if self.get(row.id).is_none() {
                self.items.push(Same::new(row));
            }
        }
        self.next_cursor = page.next_cursor;
    }

    /// A title, from a person or from the model.
    pub fn rename(&mut self, id: ConversationId, title: &str) {
        self.change(id, |row| row.title = title.to_owned());
    }

    /// Whether an answer is being written.
    pub fn set_generating(&mut self, id: ConversationId, generating: bool) {
        if self.get(id).is_some_and(|row| row.generating != generating) {
            self.change(id, |row| row.generating = generating);
        }
    }

    /// A new conversation, known from the answer to its first message.
    pub fn begin(&mut self, summary: ConversationSummary) {
        if self.get(summary.id).is_none() {
            self.items.insert(0, Same::new(summary));
        }
    }

    /// Hides a row.
    pub fn delete(&mut self, id: ConversationId) {
        self.deleted.insert(id);
    }

    /// Shows it again.
    pub fn restore(&mut self, id: ConversationId) {
        self.deleted.remove(&id);
    }

    /// A row that did not change stays the same value, so that it is not drawn again.
    fn reuse(&self, row: ConversationSummary) -> Same<ConversationSummary> {
        match self.get(row.id) {
            Some(old) if **old == row => old.clone(),
            _ => Same::new(row),
        }
    }

    fn change(&mut self, id: ConversationId, change: impl FnOnce(&mut ConversationSummary)) {
        if let Some(row) = self.items.iter_mut().find(|row| row.id == id) {
            let mut changed = (**row).clone();
            change(&mut changed);
            *row = Same::new(changed);
        }
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;

    fn row(title: &str, minute: i64) -> ConversationSummary {
        let at = OffsetDateTime::UNIX_EPOCH + Duration::minutes(minute);
        ConversationSummary {
            id: ConversationId::new(),
            title: title.into(),
            created_at: at,
            updated_at: at,
            generating: false,
        }
    }

    fn page(items: &[ConversationSummary], next: Option<&str>) -> Page<ConversationSummary> {
        Page { items: items.to_vec(), next_cursor: next.map(Into::into) }
    }

    fn titles(list: &Conversations) -> Vec<String> {
        list.items().map(|row| row.title.clone()).collect()
    }

    #[test]
    fn a_refresh_keeps_the_pages_below() {
        let (a, b, c) = (row("a", 3), row("b", 2), row("c", 1));
        let mut list = Conversations::default();
        list.refresh(page(&[a.clone(), b.clone()], Some("2")));
        list.append(page(std::slice::from_ref(&c), None));
        let fresh = row("fresh", 4);
        list.refresh(page(&[fresh, a], Some("1")));
        assert_eq!(titles(&list), ["fresh", "a", "b", "c"]);
        assert_eq!(list.next_cursor, None);
    }

    #[test]
    fn a_refresh_that_holds_everything_drops_what_is_gone() {
        let (a, b) = (row("a", 3), row("b", 2));
        let mut list = Conversations::default();
        list.refresh(page(&[a.clone(), b], None));
        list.refresh(page(&[a], None));
        assert_eq!(titles(&list), ["a"]);
    }

    #[test]
    fn rows_that_did_not_change_are_not_drawn_again() {
        let (a, b) = (row("a", 3), row("b", 2));
        let mut list = Conversations::default();
        list.refresh(page(&[a.clone(), b.clone()], None));
        let before: Vec<_> = list.items().cloned().collect();
        list.refresh(page(&[a, ConversationSummary { title: "B".into(), ..b }], None));
        let after: Vec<_> = list.items().cloned().collect();
        assert!(before[0] == after[0]);
        assert!(before[1] != after[1]);
    }

    #[test]
    fn a_deleted_row_stays_hidden_until_it_is_restored() {
        let a = row("a", 3);
        let mut list = Conversations::default();
        list.refresh(page(std::slice::from_ref(&a), None));
        list.delete(a.id);
        list.refresh(page(std::slice::from_ref(&a), None));
        assert_eq!(titles(&list), Vec::<String>::new());
        list.restore(a.id);
        assert_eq!(titles(&list), ["a"]);
    }
}
