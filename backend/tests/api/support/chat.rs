//! What somebody does in a conversation.

use serde_json::Value;
use shared::page::Page;
use shared::{
    ClientId, Continue, ConversationId, Cursor, GenerationOptions, Message, MessageId, Regenerate,
    SendAccepted, SendMessage, paths,
};

use super::{Actor, Answer, Reader};

/// The first message of a new conversation. Greedy, so that its answer can be told beforehand.
pub fn message(content: &str) -> SendMessage {
    SendMessage {
        client_id: ClientId::new(),
        conversation_id: None,
        parent_id: None,
        from_start: false,
        content: content.to_owned(),
        model: None,
        options: greedy(),
    }
}

/// A message whose answer may have at most so many tokens.
pub fn short(content: &str, max_tokens: u32) -> SendMessage {
    SendMessage {
        options: GenerationOptions { max_tokens: Some(max_tokens), ..greedy() },
        ..message(content)
    }
}

/// A message at the end of the branch that is shown.
pub fn reply(conversation: ConversationId, content: &str) -> SendMessage {
    SendMessage { conversation_id: Some(conversation), ..message(content) }
}

/// Always the likeliest token.
pub fn greedy() -> GenerationOptions {
    GenerationOptions { temperature: Some(0.0), ..GenerationOptions::default() }
}

impl Actor {
    /// Sends, and expects that it is taken.
    pub async fn send(&self, message: &SendMessage) -> SendAccepted {
        self.post(paths::CHAT, message).await.json(202)
    }

    /// Sends the first message of a new conversation.
    pub async fn say(&self, content: &str) -> SendAccepted {
        self.send(&message(content)).await
    }

    /// Sends a message at the end of a conversation.
    pub async fn say_in(&self, conversation: ConversationId, content: &str) -> SendAccepted {
        self.send(&reply(conversation, content)).await
    }

    /// Sends, and waits until the answer has ended.
    pub async fn ask(&self, message: &SendMessage) -> (SendAccepted, Message) {
        let sent = self.send(message).await;
        self.follow(&sent).await.until_end(sent.generation_id).await;
        (sent, self.message(sent.conversation_id, sent.message_id).await)
    }

    /// Asks for another answer.
    pub async fn regenerate(&self, id: MessageId, model: Option<&str>) -> Answer {
        let request =
            Regenerate { client_id: ClientId::new(), model: model.map(str::to_owned), options: greedy() };
        self.post(&paths::message_regenerate(id), &request).await
    }

    /// Asks for more of an answer that ended too early.
    pub async fn go_on(&self, id: MessageId) -> Answer {
        self.post(&paths::message_continue(id), &Continue { client_id: ClientId::new() }).await
    }

    /// Asks for the end of an answer.
    pub async fn stop(&self, sent: &SendAccepted) -> Answer {
        self.post_empty(&paths::generation_stop(sent.generation_id)).await
    }

    /// Follows an answer from its beginning, even where it has ended already.
    pub async fn follow(&self, sent: &SendAccepted) -> Reader {
        self.follow_after(sent, 0).await
    }

    /// Follows an answer from behind a chunk.
    pub async fn follow_after(&self, sent: &SendAccepted, seq: u32) -> Reader {
        let cursor = Cursor { generation_id: sent.generation_id, epoch: 1, seq };
        Reader::open(self, &paths::stream_conversation(sent.conversation_id), Some(cursor)).await
    }

    /// All messages of a conversation, newest first.
    pub async fn messages(&self, conversation: ConversationId) -> Vec<Message> {
        let page: Page<Message> = self.get(&paths::conversation_messages(conversation)).await.json(200);
        page.items
    }

    /// One message.
    pub async fn message(&self, conversation: ConversationId, id: MessageId) -> Message {
        let messages = self.messages(conversation).await;
        messages.into_iter().find(|message| message.id == id).expect("the message")
    }

    /// The conversation.
    pub async fn conversation(&self, id: ConversationId) -> Value {
        self.get(&paths::conversation(id)).await.value(200)
    }
}
