//! URL paths: templates for the server's route table, functions for clients.

use crate::{ApiKeyId, ConversationId, GenerationId, MessageId};

/// First run?
pub const AUTH_SETUP: &str = "/api/auth/setup";
/// Make an account.
pub const AUTH_REGISTER: &str = "/api/auth/register";
/// Sign in.
pub const AUTH_LOGIN: &str = "/api/auth/login";
/// A new access token for the refresh cookie.
pub const AUTH_REFRESH: &str = "/api/auth/refresh";
/// Sign out.
pub const AUTH_LOGOUT: &str = "/api/auth/logout";
/// Who is signed in.
pub const ME: &str = "/api/me";
/// The password of whoever is signed in.
pub const ME_PASSWORD: &str = "/api/me/password";
/// The API keys of whoever is signed in.
pub const ME_KEYS: &str = "/api/me/keys";
/// Revoke one.
pub const ME_KEY: &str = "/api/me/keys/{key_id}";
/// List and create.
pub const CONVERSATIONS: &str = "/api/conversations";
/// Get, change, delete.
pub const CONVERSATION: &str = "/api/conversations/{conversation_id}";
/// Undo a delete.
pub const CONVERSATION_RESTORE: &str = "/api/conversations/{conversation_id}/restore";
/// The messages of a conversation, all branches, newest first.
pub const CONVERSATION_MESSAGES: &str = "/api/conversations/{conversation_id}/messages";
/// Send a message.
pub const CHAT: &str = "/api/chat";
/// Another answer.
pub const MESSAGE_REGENERATE: &str = "/api/messages/{message_id}/regenerate";
/// Go on with an answer that ended too early.
pub const MESSAGE_CONTINUE: &str = "/api/messages/{message_id}/continue";
/// End an answer.
pub const GENERATION_STOP: &str = "/api/generations/{generation_id}/stop";
/// List news only.
pub const STREAM: &str = "/api/stream";
/// A conversation's events and list news.
pub const STREAM_CONVERSATION: &str = "/api/stream/{conversation_id}";
/// The models.
pub const MODELS: &str = "/api/models";
/// The models, in OpenAI's way.
pub const V1_MODELS: &str = "/v1/models";
/// One of them; its id may hold slashes.
pub const V1_MODEL: &str = "/v1/models/{model_id}";
/// Chat in OpenAI's way.
pub const V1_CHAT_COMPLETIONS: &str = "/v1/chat/completions";
/// [`V1_MODELS`] for clients that leave out the prefix.
pub const V1_MODELS_ALIAS: &str = "/models";
/// [`V1_MODEL`] for clients that leave out the prefix.
pub const V1_MODEL_ALIAS: &str = "/models/{model_id}";
/// [`V1_CHAT_COMPLETIONS`] for clients that leave out the prefix.
pub const V1_CHAT_COMPLETIONS_ALIAS: &str = "/chat/completions";
/// The OpenAPI document.
pub const OPENAPI: &str = "/api/openapi.json";
/// Alive?
pub const HEALTHZ: &str = "/healthz";
/// Ready: database and engine.
pub const READYZ: &str = "/readyz";

/// [`ME_KEY`] of one.
pub fn me_key(id: ApiKeyId) -> String {
    format!("{ME_KEYS}/{id}")
}

/// [`CONVERSATION`] of one.
pub fn conversation(id: ConversationId) -> String {
    format!("{CONVERSATIONS}/{id}")
}

/// [`CONVERSATION_RESTORE`] of one.
pub fn conversation_restore(id: ConversationId) -> String {
    format!("{CONVERSATIONS}/{id}/restore")
}

/// [`CONVERSATION_MESSAGES`] of one.
pub fn conversation_messages(id: ConversationId) -> String {
    format!("{CONVERSATIONS}/{id}/messages")
}

/// [`MESSAGE_REGENERATE`] of one.
pub fn message_regenerate(id: MessageId) -> String {
    format!("/api/messages/{id}/regenerate")
}

/// [`MESSAGE_CONTINUE`] of one.
pub fn message_continue(id: MessageId) -> String {
    format!("/api/messages/{id}/continue")
}

/// [`GENERATION_STOP`] of one.
pub fn generation_stop(id: GenerationId) -> String {
    format!("/api/generations/{id}/stop")
}

/// [`STREAM_CONVERSATION`] of one.
pub fn stream_conversation(id: ConversationId) -> String {
    format!("{STREAM}/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_fill_their_templates() {
        let conversation_id = ConversationId::new();
        let message_id = MessageId::new();
        let generation_id = GenerationId::new();
        let key_id = ApiKeyId::new();
        let fill = |template: &str| {
            template
                .replace("{conversation_id}", &conversation_id.to_string())
                .replace("{message_id}", &message_id.to_string())
                .replace("{generation_id}", &generation_id.to_string())
                .replace("{key_id}", &key_id.to_string())
        };
        assert_eq!(me_key(key_id), fill(ME_KEY));
        assert_eq!(conversation(conversation_id), fill(CONVERSATION));
        assert_eq!(conversation_restore(conversation_id), fill(CONVERSATION_RESTORE));
        assert_eq!(conversation_messages(conversation_id), fill(CONVERSATION_MESSAGES));
        assert_eq!(message_regenerate(message_id), fill(MESSAGE_REGENERATE));
        assert_eq!(message_continue(message_id), fill(MESSAGE_CONTINUE));
        assert_eq!(generation_stop(generation_id), fill(GENERATION_STOP));
        assert_eq!(stream_conversation(conversation_id), fill(STREAM_CONVERSATION));
    }
}
