//! Names of the headers that page and server agree on beside the usual ones, in lower case.

/// Makes a POST repeatable: 1 to 255 visible ASCII characters that the client makes up for each thing it wants done. A
/// repeat with the same key and the same request gets the answer of the first; with another request it is refused.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// On an answer that was given before: always `true`.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// Most characters of [`IDEMPOTENCY_KEY`].
pub const IDEMPOTENCY_KEY_MAX_CHARS: usize = 255;
