//! What can go wrong below the services, sorted by what the caller can do about it.

use std::error::Error;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// The cause behind an error, for the log. Never shown to a person.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row, or it belongs to somebody else.
    #[error("not found")]
    NotFound,
    /// A row with this key exists already, or another process has taken over.
    #[error("conflicts with what is stored")]
    Conflict,
    /// A page cursor that this store did not make.
    #[error("not a cursor of this list")]
    InvalidCursor,
    /// The database cannot be reached, is going down, or did not answer in time. The same call may succeed
    /// later.
    #[error("the database cannot be reached: {0}")]
    Unavailable(#[source] Cause),
    /// The database has no room left to write.
    #[error("the database has no room left: {0}")]
    StorageFull(#[source] Cause),
    /// A fault of Oriel or of the database.
    #[error("the database refused: {0}")]
    Internal(#[source] Cause),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    pub(crate) fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }

    pub(crate) fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }
}

/// What an error of the database means for the others. Diesel keeps no SQLSTATE for most, so the text must tell; every
/// connection asks for untranslated messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No room to write.
    Full,
    /// This connection is at its end, and the server with it perhaps.
    Gone,
    /// Somebody was in the way; the same statement may succeed on the same connection.
    Passing,
    /// About the statement itself.
    Other,
}

/// What stands before the SQLSTATE of a refused connection: its text may be in another language.
pub(crate) const SQLSTATE: &str = "SQLSTATE ";

/// 53100, and the forms it takes in a PANIC or while a file grows.
const FULL: [&str; 5] = [
    "SQLSTATE 53100",
    "No space left on device",
    "could not extend file",
    "could not write to file",
    "Disk quota exceeded",
];

/// 57P01 to 57P05 and 25P03.
const GONE: [&str; 3] = ["SQLSTATE 57P", "terminating connection", "the database system is"];

/// 53300 and the limits of a role or a database, 53200, 57014 by a timeout, 55P03, 40P01.
const PASSING: [&str; 9] = [
    "SQLSTATE 53300",
    "too many clients already",
    "remaining connection slots",
    "too many connections",
    "out of memory",
    "out of shared memory",
    "due to statement timeout",
    "due to lock timeout",
    "deadlock detected",
];

/// What the client says where the fault is in the call. All else that it says is about a connection that is gone.
const CLIENT_FAULTS: [&str; 3] = ["error serializing", "error deserializing", "error encoding"];

impl Kind {
    /// Of an error text.
    pub fn of_text(message: &str) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
        if has(&FULL) {
            Self::Full
        } else if has(&GONE) {
            Self::Gone
        } else if has(&PASSING) {
            Self::Passing
        } else {
            Self::Other
        }
    }

    /// Of an error of a query.
    pub fn of(error: &DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand, information)
                if !CLIENT_FAULTS.iter().any(|start| information.message().starts_with(start)) =>
            {
                // A server that goes down on a full disk says so to some with its last words.
                match Self::of_text(information.message()) {
                    Self::Full => Self::Full,
                    _ => Self::Gone,
                }
            }
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            | DieselError::BrokenTransactionManager => Self::Gone,
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _)
            | DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _)
            | DieselError::RollbackErrorOnCommit { .. } => Self::Passing,
            DieselError::DatabaseError(_, information) => Self::of_text(information.message()),
            _ => Self::Other,
        }
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::NotFound => Self::NotFound,
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Conflict,
            _ => match Kind::of(&error) {
                Kind::Full => Self::StorageFull(Box::new(error)),
                Kind::Gone | Kind::Passing => Self::Unavailable(Box::new(error)),
                Kind::Other => Self::Internal(Box::new(error)),
            },
        }
    }
}
