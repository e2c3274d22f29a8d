//! Why a measurement could not be taken.

/// Why a measurement could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server cannot be reached, or broke off.
    #[error("{0}")]
    Transport(#[from] reqwest::Error),
    /// The server refused.
    #[error("the server refused: {0}")]
    Refused(#[from] shared::ApiError),
    /// The server's answer is not of the agreed shape.
    #[error("the server's answer is not of the agreed shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// The stream holds something that no client takes.
    #[error("{0}")]
    Stream(#[from] shared::sse::EventTooLong),
    /// The stream ended, or missed something, in the middle of an answer.
    #[error("the stream {0}")]
    Broken(&'static str),
}
