//! Conversations and their messages.

use gloo_net::http::Method;
use shared::{
    Conversation, ConversationId, ConversationSummary, ErrorCode, Message, Page, UpdateConversation, limits,
    paths,
};

use super::Client;
use crate::state::failure::Failure;

fn with_page(path: &str, cursor: Option<&str>, limit: u32) -> String {
    match cursor {
        Some(cursor) => {
            let cursor = String::from(js_sys::encode_uri_component(cursor));
            format!("{path}?limit={limit}&cursor={cursor}")
        }
        None => format!("{path}?limit={limit}"),
    }
}

impl Client {
    /// A page of the list, newest first.
    pub async fn conversations(&self, cursor: Option<&str>) -> Result<Page<ConversationSummary>, Failure> {
        let path = with_page(paths::CONVERSATIONS, cursor, limits::PAGE_LIMIT_DEFAULT);
        self.call(Method::GET, &path, None::<&()>).await
    }

    /// One conversation.
    pub async fn conversation(&self, id: ConversationId) -> Result<Conversation, Failure> {
        self.call(Method::GET, &paths::conversation(id), None::<&()>).await
    }

    /// A page of messages, all branches, newest first. The longest page there is: a branch is shown once all of its
    /// newest messages are here.
    pub async fn messages(&self, id: ConversationId, cursor: Option<&str>) -> Result<Page<Message>, Failure> {
        let path = with_page(&paths::conversation_messages(id), cursor, limits::PAGE_LIMIT_MAX);
        self.call(Method::GET, &path, None::<&()>).await
    }

    /// Changes a title, the shown branch or the model.
    pub async fn update_conversation(
        &self,
        id: ConversationId,
        change: &UpdateConversation,
    ) -> Result<Conversation, Failure> {
        self.call(Method::PATCH, &paths::conversation(id), Some(change)).await
    }

    /// Deletes; [`Client::restore_conversation`] undoes it.
    pub async fn delete_conversation(&self, id: ConversationId) -> Result<(), Failure> {
        match self.tell(Method::DELETE, &paths::conversation(id), None::<&()>).await {
            // Gone already, by a try whose answer was lost or by another device.
            Err(failure) if failure.code() == Some(ErrorCode::NotFound) => Ok(()),
            result => result,
        }
    }

    /// Undoes a delete.
    pub async fn restore_conversation(&self, id: ConversationId) -> Result<(), Failure> {
        self.tell(Method::POST, &paths::conversation_restore(id), None::<&()>).await
    }
}
