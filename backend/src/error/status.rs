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
        ErrorCode::DatabaseUnavailable | ErrorCode::ShuttingDown => 503,
        ErrorCode::StorageFull => 507,
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
        ErrorCode::StorageFull => {
            Some("The server has no room left to write. Free some space on its disk, then try again.")
        }
        ErrorCode::ShuttingDown => Some("The server is restarting. Try again in a moment."),
        _ => None,
    }
}

/// Every code, for tables and tests.
pub const ALL: [ErrorCode; 20] = [
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
    ErrorCode::ModelUnavailable,
    ErrorCode::EngineFailed,
    ErrorCode::DatabaseUnavailable,
    ErrorCode::StorageFull,
    ErrorCode::ShuttingDown,
    ErrorCode::Internal,
];
