//! The open conversation: a tree of messages, and the branch of it that is shown.

use std::collections::BTreeMap;
use std::rc::Rc;

use shared::reducer::Answer;
use shared::{
    Author, ClientId, CodeBlock, ConversationId, FinishReason, GenerationId, Message, MessageId,
    MessageStatus, Page,
};

use super::failure::Failure;
use super::same::Same;

/// Whether the messages are here.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Load {
    /// On their way.
    Loading,
    /// Here; also for a conversation that does not exist yet.
    #[default]
    Ready,
    /// They could not be had.
    Failed(Failure),
}

/// One message of the branch that is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Stays the same from before the server knew the message.
    pub key: Rc<str>,
    /// The message.
    pub message: Same<Message>,
    /// Which of its siblings it is, from 1.
    pub place: usize,
    /// How many siblings there are, itself included.
    pub siblings: usize,
}

/// A conversation as far as it is here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// None before the first message is acknowledged.
    pub id: Option<ConversationId>,
    /// Whether the messages are here.
    pub load: Load,
    /// The model that it used last.
    pub model: Option<String>,
    /// For the messages before the oldest one here.
    pub older_cursor: Option<String>,
    messages: BTreeMap<MessageId, Same<Message>>,
    leaf: Option<MessageId>,
    keys: BTreeMap<MessageId, ClientId>,
}

impl Conversation {
    /// A conversation whose messages are on their way.
    pub fn loading(id: ConversationId) -> Self {
        Self { id: Some(id), load: Load::Loading, ..Self::default() }
    }

    /// The last message of the branch that is shown.
    pub fn leaf(&self) -> Option<MessageId> {
        self.leaf
    }

    /// Whether the messages are here.
    pub fn is_ready(&self) -> bool {
        self.load == Load::Ready
    }

    /// One message.
    pub fn get(&self, id: MessageId) -> Option<&Same<Message>> {
        self.messages.get(&id)
    }

    /// The message that a generation writes.
    pub fn written_by(&self, id: GenerationId) -> Option<&Same<Message>> {
        self.messages.values().rev().find(|message| message.generation_id == Some(id))
    }

    /// The branch that ends in the leaf, oldest first; cut where messages are not loaded yet.
    pub fn branch(&self) -> Vec<Shown> {
        self.branch_to(self.leaf)
    }

    /// The branch that ends in `end`.
    pub fn branch_to(&self, end: Option<MessageId>) -> Vec<Shown> {
        let families = self.families();
        let mut branch = Vec::new();
        let mut next = end;
        while let Some(message) = next.and_then(|id| self.messages.get(&id)) {
            let siblings = families.get(&message.parent_id).map_or(&[] as &[MessageId], Vec::as_slice);
            branch.push(Shown {
                key: self.key(message.id),
                message: message.clone(),
                place: siblings.iter().position(|id| *id == message.id).map_or(1, |index| index + 1),
                siblings: siblings.len(),
            });
            next = message.parent_id;
        }
        branch.reverse();
        branch
    }

    /// The answer that is being written in the branch that is shown.
    pub fn running(&self) -> Option<GenerationId> {
        let leaf = self.leaf.and_then(|id| self.messages.get(&id))?;
        leaf.generation_id.filter(|_| leaf.status.is_running())
    }

    /// All answers that are being written, on any branch.
    pub fn all_running(&self) -> impl Iterator<Item = GenerationId> {
        self.messages
            .values()
            .filter(|message| message.status.is_running())
            .filter_map(|message| message.generation_id)
    }

    /// Tokens of the context in use and in all, by the newest answer of the branch that knows.
    pub fn context(&self) -> Option<(u32, u32)> {
        self.branch().iter().rev().find_map(|shown| {
            let usage = shown.message.usage?;
            (usage.context_tokens > 0).then_some((
                usage.prompt_tokens.saturating_add(usage.completion_tokens),
                usage.context_tokens,
            ))
        })
    }

    /// A page of messages came, newest first, all branches.
    pub fn merge(&mut self, page: Page<Message>) {
        self.older_cursor = page.next_cursor;
        self.refresh(page.items);
        self.load = Load::Ready;
    }

    /// Messages that may be known came again, newest first or in any order. Where new ones follow the branch that is
    /// shown, it goes on with them.
    pub fn refresh(&mut self, mut messages: Vec<Message>) {
        messages.sort_unstable_by_key(|message| message.id);
        for message in messages {
            self.insert(message);
        }
    }

    /// Shows the branch that ends in `leaf`, where that is known.
    pub fn show(&mut self, leaf: Option<MessageId>) {
        let leaf = leaf
            .filter(|id| self.messages.contains_key(id))
            .or_else(|| self.messages.keys().next_back().copied());
        self.leaf = leaf.map(|leaf| self.continued(leaf));
    }

    /// A message that is new or changed. One that follows the leaf, or goes on with it, becomes the leaf.
    pub fn insert(&mut self, message: Message) {
        let (id, parent_id, continues) = (message.id, message.parent_id, message.continues);
        let is_new = !self.messages.contains_key(&id);
        self.put(message);
        if is_new && (parent_id == self.leaf || (continues.is_some() && continues == self.leaf)) {
            self.leaf = Some(id);
        }
    }

    /// A message was acknowledged, and its answer has begun: both become part of the branch that is shown.
    pub fn acknowledge(&mut self, client_id: ClientId, question: Message, answer: Message) {
        self.keys.insert(question.id, client_id);
        self.begin_answer(answer);
        self.put(question);
    }

    /// An answer has begun; its branch is shown.
    pub fn begin_answer(&mut self, answer: Message) {
        self.leaf = Some(answer.id);
        self.put(answer);
    }

    /// Takes over what the stream has brought of an answer that is being written.
    pub fn catch_up(&mut self, id: GenerationId, answer: &Answer) {
        if let Some(message) = self.written_so_far(id, answer) {
            self.messages.insert(message.id, Same::new(message));
        }
    }

    /// An answer has ended. Returns the message as it is now.
    pub fn finish(&mut self, id: GenerationId, answer: &Answer) -> Option<Same<Message>> {
        let mut message = self.written_so_far(id, answer)?;
        message.code_blocks = CodeBlock::extract(&message.content);
        message.usage = answer.usage;
        message.finish_reason = answer.finish_reason;
        message.error.clone_from(&answer.error);
        message.status = match (&answer.error, answer.finish_reason) {
            (Some(_), _) => MessageStatus::Failed,
            (None, Some(FinishReason::Stopped)) => MessageStatus::Stopped,
            (None, _) => MessageStatus::Complete,
        };
        let message = Same::new(message);
        self.messages.insert(message.id, message.clone());
        Some(message)
    }

    /// The end of the branch through the sibling `step` places from `id`, newest first below it.
    pub fn leaf_beside(&self, id: MessageId, step: isize) -> Option<MessageId> {
        let siblings = self.siblings(self.messages.get(&id)?);
        let place = siblings.iter().position(|other| *other == id)?;
        let mut leaf = *siblings.get(place.checked_add_signed(step)?)?;
        while let Some(child) = self.newest_child(leaf) {
            leaf = child;
        }
        Some(leaf)
    }

    /// A running answer with the text that the stream has brought. One of which the stream has told nothing but its end
    /// keeps what is shown of it.
    fn written_so_far(&self, id: GenerationId, answer: &Answer) -> Option<Message> {
        let mut message = (**self.written_by(id)?).clone();
        if !message.status.is_running() {
            return None;
        }
        if answer.seq > 0 {
            message.content.clone_from(&answer.text);
            message.reasoning.clone_from(&answer.reasoning);
        }
        Some(message)
    }

    /// The nearest message of a person at or before `id`.
    pub fn question_of(&self, id: MessageId) -> Option<&Same<Message>> {
        let mut message = self.messages.get(&id)?;
        while message.role != Author::User {
            message = self.messages.get(&message.parent_id?)?;
        }
        Some(message)
    }

    /// An answer that goes on with another one is the same answer to whoever reads: it stays the same on the page.
    fn key(&self, id: MessageId) -> Rc<str> {
        let id = self.first_of(id);
        match self.keys.get(&id) {
            Some(client_id) => client_id.to_string().into(),
            None => id.to_string().into(),
        }
    }

    /// The answer that an answer goes on with in the end; itself, where it begins by itself.
    fn first_of(&self, mut id: MessageId) -> MessageId {
        while let Some(before) = self.messages.get(&id).and_then(|message| message.continues)
            && before < id
        {
            id = before;
        }
        id
    }

    /// The answers that a sibling goes on with; few. One that has been replied to stays, or what follows it could not
    /// be reached any more.
    fn replaced(&self) -> Vec<MessageId> {
        let has_reply = |id| self.messages.values().any(|message| message.parent_id == Some(id));
        let continued = self.messages.values().filter_map(|message| message.continues);
        continued.filter(|id| !has_reply(*id)).collect()
    }

    /// The last of the answers that go on with one, where it is replaced by them.
    fn continued(&self, mut id: MessageId) -> MessageId {
        let replaced = self.replaced();
        while replaced.contains(&id) {
            let next = self.messages.values().rev().find(|message| message.continues == Some(id));
            match next.filter(|next| next.id > id) {
                Some(next) => id = next.id,
                None => break,
            }
        }
        id
    }

    fn siblings(&self, message: &Message) -> Vec<MessageId> {
        self.families().get(&message.parent_id).cloned().unwrap_or_default()
    }

    /// The messages by what they follow. One that goes on with another one has its place.
    fn families(&self) -> BTreeMap<Option<MessageId>, Vec<MessageId>> {
        let replaced = self.replaced();
        let mut families: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for message in self.messages.values().filter(|message| !replaced.contains(&message.id)) {
            let family = families.entry(message.parent_id).or_default();
            let first = self.first_of(message.id);
            let place = family.iter().rposition(|other| self.first_of(*other) <= first);
            family.insert(place.map_or(0, |place| place + 1), message.id);
        }
        families
    }

    fn newest_child(&self, id: MessageId) -> Option<MessageId> {
        self.messages.values().rev().find(|message| message.parent_id == Some(id)).map(|message| message.id)
    }

    /// A finished message is never replaced by an older view of itself, and an equal one stays the same value.
    fn put(&mut self, mut message: Message) {
        if let Some(old) = self.messages.get(&message.id)
            && ((!old.status.is_running() && message.status.is_running()) || **old == message)
        {
            return;
        }
        // The server tells the text of a running answer over the stream alone. Until it comes, what was shown stays: its
        // own, or that of the answer that it goes on with.
        if message.status.is_running()
            && message.content.is_empty()
            && let Some(before) = self
                .messages
                .get(&message.id)
                .or_else(|| message.continues.and_then(|id| self.messages.get(&id)))
        {
            message.content.clone_from(&before.content);
            message.reasoning.clone_from(&before.reasoning);
        }
        self.messages.insert(message.id, Same::new(message));
    }
}

#[cfg(test)]
mod tests;
