//! Why a request did not do what it should, and what that means for a person.

use shared::{ApiError, ErrorCode};

/// A request that failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// No answer from Oriel: the line, or the server behind the proxy, is down.
    #[error("Oriel cannot be reached. Check that this device is online and that the server is running.")]
    Unreachable,
    /// Oriel answered with an error.
    #[error("{0}")]
    Refused(ApiError),
}

impl Failure {
    /// Whether the same request may succeed in a while, with nothing changed.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Refused(error) => matches!(
                error.code,
                ErrorCode::RateLimited
                    | ErrorCode::Overloaded
                    | ErrorCode::DatabaseUnavailable
                    | ErrorCode::StorageFull
                    | ErrorCode::ShuttingDown
            ),
        }
    }

    /// What the server called it.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Unreachable => None,
            Self::Refused(error) => Some(error.code),
        }
    }

    /// What is wrong with one field, where the server said so.
    pub fn field(&self, name: &str) -> Option<&str> {
        match self {
            Self::Unreachable => None,
            Self::Refused(error) => {
                error.fields.iter().find(|field| field.field == name).map(|field| field.message.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_by_itself_is_tried_again() {
        let refused = |code| Failure::Refused(ApiError::new(code, ""));
        assert!(Failure::Unreachable.is_passing());
        assert!(refused(ErrorCode::Overloaded).is_passing());
        assert!(!refused(ErrorCode::InvalidFields).is_passing());
        assert!(!refused(ErrorCode::UnknownModel).is_passing());
    }
}
