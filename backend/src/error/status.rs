//! The HTTP status of every error code, and the constant text of the server's own faults.

use shared::ErrorCode;

/// The status of an error. The OpenAI and Anthropic routes use the same numbers.
pub fn status(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::InvalidBody | ErrorCode::InvalidFields | ErrorCode::ContextLengthExceeded => 400,
        ErrorCode::Unauthenticated | ErrorCode::WrongCredentials => 401,
        ErrorCode::Forbidden | ErrorCode::RegistrationClosed => 403,
        ErrorCode::NotFound | ErrorCode::UnknownModel => 404,
        ErrorCode::MethodNotAllowed => 405,
        ErrorCode::Conflict | ErrorCode::ModelUnavailable => 409,
        ErrorCode::BodyTooLarge => 413,
        ErrorCode::RateLimited | ErrorCode::Overloaded => 429,
        ErrorCode::Internal => 500,
        ErrorCode::EngineFailed => 502,
        ErrorCode::DatabaseUnavailable
        | ErrorCode::StorageFull
        | ErrorCode::ShuttingDown
        | ErrorCode::ModelLoading => 503,
    }
}

/// Seconds after which a repeat makes sense, where that is known beforehand: a restart takes one or two, and nobody makes
/// room on a disk faster than this.
pub fn retry_after_s(code: ErrorCode) -> Option<u32> {
    match code {
        ErrorCode::DatabaseUnavailable | ErrorCode::ShuttingDown => Some(2),
        ErrorCode::StorageFull => Some(10),
        _ => None,
    }
}

/// What a fault of the server says: always the same, so that nothing internal can leave. None for codes whose
/// message is for the caller.
pub fn fault_message(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::Internal => Some(
            "Something went wrong in the server. Try again; if it stays, the log has the cause under the request id.",
        ),
        ErrorCode::EngineFailed => {
            Some("The engine ended in the middle of the answer. The text so far is kept; ask again.")
        }
        ErrorCode::DatabaseUnavailable => {
            Some("The database cannot be reached just now. Nothing is lost; try again in a moment.")
        }
        ErrorCode::StorageFull => Some(
            "The server's disk is full, and nothing new can be kept. Whoever runs the server must free space where \
             PostgreSQL keeps its data (DATA_DIR, or the database's own machine); then it goes on by itself.",
        ),
        ErrorCode::ModelLoading => Some("The model is being loaded. Try again in a moment."),
        ErrorCode::ShuttingDown => Some("The server is restarting. Try again in a moment."),
        _ => None,
    }
}

/// Every code, for tables and tests.
pub const ALL: [ErrorCode; 21] = [
    ErrorCode::InvalidBody,
    ErrorCode::InvalidFields,
    ErrorCode::BodyTooLarge,
    ErrorCode::Unauthenticated,
    ErrorCode::WrongCredentials,
    ErrorCode::Forbidden,
    ErrorCode::NotFound,
    ErrorCode::MethodNotAllowed,
    ErrorCode::Conflict,
    ErrorCode::RegistrationClosed,
    ErrorCode::UnknownModel,
    ErrorCode::ContextLengthExceeded,
    ErrorCode::RateLimited,
    ErrorCode::Overloaded,
    ErrorCode::ModelLoading,
    ErrorCode::ModelUnavailable,
    ErrorCode::EngineFailed,
    ErrorCode::DatabaseUnavailable,
    ErrorCode::StorageFull,
    ErrorCode::ShuttingDown,
    ErrorCode::Internal,
];

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use shared::ApiError;

    use super::*;
    use crate::AppError;

    #[test]
    fn every_code_has_its_status() {
        let mut table = String::new();
        for code in ALL {
            writeln!(table, "{} {}", status(code), serde_json::to_value(code).unwrap().as_str().unwrap())
                .unwrap();
        }
        insta::assert_snapshot!(table, @r"
        400 invalid_body
        400 invalid_fields
        413 body_too_large
        401 unauthenticated
        401 wrong_credentials
        403 forbidden
        404 not_found
        405 method_not_allowed
        409 conflict
        403 registration_closed
        404 unknown_model
        400 context_length_exceeded
        429 rate_limited
        429 overloaded
        503 model_loading
        409 model_unavailable
        502 engine_failed
        503 database_unavailable
        503 storage_full
        503 shutting_down
        500 internal
        ");
    }

    #[test]
    fn the_list_has_every_code_once() {
        let mut names: Vec<String> = ALL.iter().map(|code| format!("{code:?}")).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        // The schema is made from the enum itself.
        let schema = serde_json::to_value(<ErrorCode as utoipa::PartialSchema>::schema()).unwrap();
        assert_eq!(schema["enum"].as_array().unwrap().len(), ALL.len());
    }

    #[test]
    fn a_fault_of_the_server_has_a_constant_text_and_only_those_have() {
        for code in ALL {
            let body: ApiError = AppError::new(code, "password=hunter2").into_body();
            assert_eq!(body.message.contains("hunter2"), status(code) < 500, "{code:?}");
        }
    }

    #[test]
    fn the_cause_goes_to_the_log_and_not_to_the_caller() {
        let cause = std::io::Error::other("secret detail");
        let error = AppError::internal(cause);
        assert!(error.cause_chain().unwrap().contains("secret detail"));
        assert!(!serde_json::to_string(error.body()).unwrap().contains("secret detail"));
    }
}
