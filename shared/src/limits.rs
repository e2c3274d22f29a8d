//! The bounds that page and server agree on. A breach is told with the number.

/// Bytes of one message. Larger than any context a model of this class reads (about 60,000 tokens).
pub const MESSAGE_MAX_BYTES: usize = 256 * 1024;
/// Bytes of a request body: a message whose every byte needs escaping, and its frame.
pub const BODY_MAX_BYTES: usize = 2 * 1024 * 1024;
/// Characters of a conversation's title.
pub const TITLE_MAX_CHARS: usize = 200;
/// Characters of a person's name.
pub const NAME_MAX_CHARS: usize = 100;
/// Characters of an address (RFC 5321, 4.5.3.1.3, less the angle brackets).
pub const EMAIL_MAX_CHARS: usize = 254;
/// Fewest characters of a password (NIST SP 800-63B).
pub const PASSWORD_MIN_CHARS: usize = 8;
/// Most characters of a password: hashing takes the same time for all of them.
pub const PASSWORD_MAX_CHARS: usize = 256;
/// Characters of an API key's name.
pub const API_KEY_NAME_MAX_CHARS: usize = 100;
/// Days that an API key lasts at most, if it ends by itself at all: ten years.
pub const API_KEY_MAX_DAYS: u32 = 3650;
/// API keys of one person: one for each program, not one for each run.
pub const API_KEYS_MAX_COUNT: usize = 100;
/// Stop strings in one request.
pub const STOP_MAX_COUNT: usize = 16;
/// Bytes of one stop string: this much text may be held back.
pub const STOP_MAX_BYTES: usize = 256;
/// Rows a page where the caller does not say.
pub const PAGE_LIMIT_DEFAULT: u32 = 50;
/// Most rows a page.
pub const PAGE_LIMIT_MAX: u32 = 200;
/// Bytes of one server-sent event that a client takes: a snapshot of the longest answer, escaped.
pub const EVENT_MAX_BYTES: usize = 16 * 1024 * 1024;
