//! The body of every error.

use serde::{Deserialize, Serialize};

use crate::MessageId;

/// What went wrong, in words that a program can branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ErrorCode {
    /// The body is not JSON, or not of the right shape.
    InvalidBody,
    /// Values are out of bounds: `fields` names them.
    InvalidFields,
    /// The body has more bytes than the server takes.
    BodyTooLarge,
    /// No token, or one that is forged or ended.
    Unauthenticated,
    /// Address and password do not fit together.
    WrongCredentials,
    /// Signed in, but not allowed to.
    Forbidden,
    /// Does not exist, or is somebody else's.
    NotFound,
    /// The route does not take this method.
    MethodNotAllowed,
    /// The same `client_id` with another body, or an account that exists.
    Conflict,
    /// Nobody may register.
    RegistrationClosed,
    /// No model of that name.
    UnknownModel,
    /// The conversation does not fit the model: `context` has the numbers.
    ContextLengthExceeded,
    /// Too many tries: wait `retry_after_s`.
    RateLimited,
    /// The queue is full: wait `retry_after_s`.
    Overloaded,
    /// The model is being loaded, and the caller did not want to wait: come again after `retry_after_s`.
    ModelLoading,
    /// The model cannot be used; the message says why.
    ModelUnavailable,
    /// The engine ended in the middle of the answer.
    EngineFailed,
    /// The database cannot be reached.
    DatabaseUnavailable,
    /// No room to write.
    StorageFull,
    /// The server is going down; try again.
    ShuttingDown,
    /// A fault of the server; the log has the cause under the request id.
    Internal,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The field's path in the body: `options.temperature`.
    pub field: String,
    /// What is wrong, with the bound.
    pub message: String,
}

/// The numbers of a conversation that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContextOverflow {
    /// Tokens of the whole conversation.
    pub prompt_tokens: u32,
    /// Tokens that the model reads.
    pub context_tokens: u32,
    /// The oldest messages, in order, that would have to be left out to fit. Empty where even the newest message
    /// alone is too long.
    pub omit_message_ids: Vec<MessageId>,
}

/// The body of every error, and of `event: error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiError {
    /// What went wrong.
    pub code: ErrorCode,
    /// For people: what happened and what to do.
    pub message: String,
    /// Under which the log has the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// Seconds after which a repeat makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// With `context_length_exceeded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextOverflow>,
}

impl ApiError {
    /// An error with a code and a message, and nothing else.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            request_id: None,
            fields: Vec::new(),
            retry_after_s: None,
            context: None,
        }
    }
}
