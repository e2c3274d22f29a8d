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
            // A conflict that passes is with an answer that is still being written.
            Self::Refused(error) if error.code == ErrorCode::Conflict => error.retry_after_s.is_some(),
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

    /// Whether nobody can do anything but wait: the line, the server or its database is away for a moment.
    pub fn is_outage(&self) -> bool {
        matches!(self.code(), None | Some(ErrorCode::DatabaseUnavailable | ErrorCode::ShuttingDown))
    }

    /// How long the server asks to wait, in milliseconds.
    pub fn wait_ms(&self) -> Option<u32> {
        match self {
            Self::Unreachable => None,
            Self::Refused(error) => error.retry_after_s.map(|seconds| seconds.saturating_mul(1_000)),
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

    #[test]
    fn a_conflict_passes_only_where_the_server_says_when() {
        let mut error = ApiError::new(ErrorCode::Conflict, "still being written");
        assert!(!Failure::Refused(error.clone()).is_passing());
        error.retry_after_s = Some(2);
        assert!(Failure::Refused(error.clone()).is_passing());
        assert_eq!(Failure::Refused(error).wait_ms(), Some(2_000));
    }

    #[test]
    fn too_much_to_do_is_no_outage() {
        let refused = |code| Failure::Refused(ApiError::new(code, ""));
        assert!(Failure::Unreachable.is_outage());
        assert!(refused(ErrorCode::DatabaseUnavailable).is_outage());
        assert!(!refused(ErrorCode::Overloaded).is_outage());
        assert!(!refused(ErrorCode::NotFound).is_outage());
    }
}
