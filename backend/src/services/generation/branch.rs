//! A branch of a conversation as a model reads it: whole turns, oldest first. Pure.
//!
//! A turn begins with what a person says and ends with the answer. Answers without text (failed or stopped before
//! the first word) are not read; what was said before and after such an answer is read as one message, because many chat
//! templates refuse two messages of the same author in a row.

use engine::{ChatMessage, ChatRole};
use shared::{Author, Message, MessageId};

/// The turns from the first message to the one that is to be answered.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    turns: Vec<Turn>,
}

#[derive(Clone, Debug, Default)]
struct Turn {
    ids: Vec<MessageId>,
    messages: Vec<ChatMessage>,
}

impl Branch {
    /// The turns of a path, given from the root to the message to answer.
    pub fn new(path: &[Message]) -> Self {
        let mut turns: Vec<Turn> = Vec::new();
        let mut previous = None;
        for message in path {
            let role = match message.role {
                Author::System => ChatRole::System,
                Author::User => ChatRole::User,
                Author::Assistant => ChatRole::Assistant,
            };
            let begins_turn = previous.is_none_or(|previous| previous == ChatRole::Assistant);
            previous = Some(role);
            if role != ChatRole::Assistant && begins_turn {
                turns.push(Turn::default());
            }
            let Some(turn) = turns.last_mut() else { continue };
            turn.ids.push(message.id);
            if !message.content.is_empty() {
                turn.messages.push(ChatMessage::new(role, message.content.clone()));
            }
        }
        Self { turns }
    }

    /// How many turns could be left out: all but the one to answer.
    pub fn most_omitted(&self) -> usize {
        self.turns.len().saturating_sub(1)
    }

    /// What the model reads when the oldest `turns` are left out.
    pub fn without_oldest(&self, turns: usize) -> Vec<ChatMessage> {
        let mut read: Vec<ChatMessage> = Vec::new();
        for message in self.turns.iter().skip(turns).flat_map(|turn| &turn.messages) {
            match read.last_mut() {
                Some(last) if last.role == message.role => {
                    last.content.push_str("\n\n");
                    last.content.push_str(&message.content);
                }
                _ => read.push(message.clone()),
            }
        }
        read
    }

    /// The messages of the oldest `turns`, oldest first.
    pub fn oldest_ids(&self, turns: usize) -> Vec<MessageId> {
        self.turns.iter().take(turns).flat_map(|turn| turn.ids.iter().copied()).collect()
    }
}

/// Halves the range of possible omissions: which count of oldest turns is the fewest that fits?
///
/// Ask for [`next`](Self::next), measure that, tell [`fits`](Self::fits), until there is no next.
#[derive(Clone, Copy, Debug)]
pub struct OmissionSearch {
    too_few: usize,
    enough: Option<usize>,
    most: usize,
}

impl OmissionSearch {
    /// A search where leaving out nothing is known not to fit.
    pub fn new(most: usize) -> Self {
        Self { too_few: 0, enough: None, most }
    }

    /// The omission to measure next.
    pub fn next(&self) -> Option<usize> {
        match self.enough {
            // Nothing helps if the most does not.
            None => (self.too_few < self.most).then_some(self.most),
            Some(enough) => (enough - self.too_few > 1).then(|| self.too_few + (enough - self.too_few) / 2),
        }
    }

    /// What the measurement of `omitted` turns said.
    pub fn fits(&mut self, omitted: usize, fits: bool) {
        if fits {
            self.enough = Some(omitted);
        } else {
            self.too_few = omitted;
        }
    }

    /// The fewest turns to leave out; none where even the last turn alone does not fit.
    pub fn result(&self) -> Option<usize> {
        self.enough
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::{ConversationId, MessageStatus};

    use super::*;

    fn message(role: Author, content: &str) -> Message {
        Message {
            id: MessageId::new(),
            conversation_id: ConversationId::new(),
            parent_id: None,
            role,
            content: content.into(),
            reasoning: String::new(),
            status: MessageStatus::Complete,
            timestamp: time::OffsetDateTime::UNIX_EPOCH,
            code_blocks: Vec::new(),
            model: None,
            generation_id: None,
            usage: None,
            finish_reason: None,
            error: None,
            omitted_message_ids: Vec::new(),
            continues: None,
        }
    }

    fn said(messages: &[ChatMessage]) -> Vec<(ChatRole, &str)> {
        messages.iter().map(|message| (message.role, message.content.as_str())).collect()
    }

    #[test]
    fn a_turn_is_a_question_with_its_answer() {
        let path = [
            message(Author::User, "one"),
            message(Author::Assistant, "1"),
            message(Author::User, "two"),
            message(Author::Assistant, "2"),
            message(Author::User, "three"),
        ];
        let branch = Branch::new(&path);
        assert_eq!(branch.most_omitted(), 2);
        assert_eq!(
            said(&branch.without_oldest(1)),
            [(ChatRole::User, "two"), (ChatRole::Assistant, "2"), (ChatRole::User, "three")]
        );
        assert_eq!(branch.oldest_ids(1), [path[0].id, path[1].id]);
    }

    #[test]
    fn an_answer_without_text_joins_what_stands_around_it_for_the_model_and_not_for_an_omission() {
        let path =
            [message(Author::User, "one"), message(Author::Assistant, ""), message(Author::User, "again")];
        let branch = Branch::new(&path);
        assert_eq!(said(&branch.without_oldest(0)), [(ChatRole::User, "one\n\nagain")]);
        assert_eq!(branch.most_omitted(), 1);
        assert_eq!(said(&branch.without_oldest(1)), [(ChatRole::User, "again")]);
    }

    proptest! {
        #[test]
        fn the_search_finds_the_fewest_turns_with_few_questions(turns in 0..500usize, needed in 1..600usize) {
            let mut search = OmissionSearch::new(turns);
            let mut questions = 0;
            while let Some(omitted) = search.next() {
                search.fits(omitted, omitted >= needed);
                questions += 1;
            }
            prop_assert_eq!(search.result(), (needed <= turns).then_some(needed));
            prop_assert!(questions <= 11);
        }
    }
}
