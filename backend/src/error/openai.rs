//! The errors of the OpenAI routes: the same [`ApiError`] in the shape that their clients read. Called by the boundary
//! and by streams that fail in the middle.

use serde::Serialize;
use shared::{ApiError, ErrorCode, paths};
use utoipa::ToSchema;

use super::status::status;

/// The body of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpenAiError {
    /// What went wrong.
    pub error: Detail,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Detail {
    /// For people.
    pub message: String,
    /// Its kind: `invalid_request_error`, `rate_limit_error` or `server_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The field at fault.
    pub param: Option<String>,
    /// For programs: the words that OpenAI's clients know, otherwise those of the native routes.
    #[schema(value_type = Option<String>)]
    pub code: serde_json::Value,
}

impl From<&ApiError> for OpenAiError {
    fn from(error: &ApiError) -> Self {
        let param = match error.code {
            ErrorCode::UnknownModel => Some("model".to_owned()),
            ErrorCode::ContextLengthExceeded => Some("messages".to_owned()),
            _ => error.fields.first().map(|field| field.field.clone()),
        };
        let kind = match status(error.code) {
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        let code = match error.code {
            ErrorCode::Unauthenticated => "invalid_api_key".into(),
            ErrorCode::UnknownModel => "model_not_found".into(),
            ErrorCode::RateLimited => "rate_limit_exceeded".into(),
            code => serde_json::to_value(code).unwrap_or_default(),
        };
        let message = match error.code {
            // Here nothing is kept.
            ErrorCode::EngineFailed => "The engine ended in the middle of the answer. Ask again.",
            _ => &error.message,
        };
        Self { error: Detail { message: message.to_owned(), kind, param, code } }
    }
}

/// Whether the routes at this path answer in OpenAI's way.
pub fn speaks(path: &str) -> bool {
    path.starts_with("/v1/")
        || path == paths::V1_CHAT_COMPLETIONS_ALIAS
        || path
            .strip_prefix(paths::V1_MODELS_ALIAS)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a repeat of the same request can help. OpenAI's clients repeat by themselves after 408, 409, 429 and all
/// 5xx, unless they are told not to.
pub fn may_retry(code: ErrorCode) -> bool {
    match code {
        ErrorCode::RateLimited
        | ErrorCode::Overloaded
        | ErrorCode::ModelLoading
        | ErrorCode::EngineFailed
        | ErrorCode::DatabaseUnavailable
        | ErrorCode::StorageFull
        | ErrorCode::ShuttingDown
        | ErrorCode::Internal => true,
        ErrorCode::InvalidBody
        | ErrorCode::InvalidFields
        | ErrorCode::BodyTooLarge
        | ErrorCode::Unauthenticated
        | ErrorCode::WrongCredentials
        | ErrorCode::Forbidden
        | ErrorCode::NotFound
        | ErrorCode::MethodNotAllowed
        | ErrorCode::Conflict
        | ErrorCode::RegistrationClosed
        | ErrorCode::UnknownModel
        | ErrorCode::ContextLengthExceeded
        | ErrorCode::ModelUnavailable => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::error::status::ALL;

    #[test]
    fn every_code_has_its_words() {
        let mut table = String::new();
        for code in ALL {
            let OpenAiError { error } = OpenAiError::from(&ApiError::new(code, "words"));
            let retry = if may_retry(code) { "" } else { " (no retry)" };
            let code_word = error.code.as_str().unwrap();
            writeln!(table, "{} {} {code_word}{retry}", status(code), error.kind).unwrap();
        }
        insta::assert_snapshot!(table, @r"
        400 invalid_request_error invalid_body (no retry)
        400 invalid_request_error invalid_fields (no retry)
        413 invalid_request_error body_too_large (no retry)
        401 invalid_request_error invalid_api_key (no retry)
        401 invalid_request_error wrong_credentials (no retry)
        403 invalid_request_error forbidden (no retry)
        404 invalid_request_error not_found (no retry)
        405 invalid_request_error method_not_allowed (no retry)
        409 invalid_request_error conflict (no retry)
        403 invalid_request_error registration_closed (no retry)
        404 invalid_request_error model_not_found (no retry)
        400 invalid_request_error context_length_exceeded (no retry)
        429 rate_limit_error rate_limit_exceeded
        429 rate_limit_error overloaded
        503 server_error model_loading
        409 invalid_request_error model_unavailable (no retry)
        502 server_error engine_failed
        503 server_error database_unavailable
        503 server_error storage_full
        503 server_error shutting_down
        500 server_error internal
        ");
    }

    #[test]
    fn only_the_openai_routes_speak_openai() {
        for path in ["/v1/models", "/v1/nothing", "/models", "/models/a/b", "/chat/completions"] {
            assert!(speaks(path), "{path}");
        }
        for path in ["/api/models", "/v1", "/modelsx", "/chat", "/", "/healthz"] {
            assert!(!speaks(path), "{path}");
        }
    }
}
