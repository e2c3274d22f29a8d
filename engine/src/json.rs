//! JSON as a stream of bytes: where a value ends, how deep it is, and whether it is one at all.
//!
//! For schemas and arguments that come in and for tool calls that a model writes. It builds no values and changes no
//! byte, so numbers keep their digits and objects the order of their members; what a value means is not known here.

mod escapes;
mod scanner;

pub use escapes::{quoted, string_content, unescaped};
pub use scanner::{Scan, Scanner};

/// Deepest nesting that a value may have unless somebody allows less: far above what people write, and far below where
/// a reader that calls itself runs out of stack.
pub const DEPTH_MAX: usize = 64;

/// Why something is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A byte that cannot stand here.
    #[error("it is not JSON from byte {at} on")]
    Unexpected {
        /// Its place, from 0.
        at: usize,
    },
    /// The text ends before the value does.
    #[error("it is JSON that ends too early")]
    Incomplete,
    /// More containers within each other than allowed.
    #[error("it is nested deeper than {most} levels")]
    TooDeep {
        /// The bound.
        most: usize,
    },
}

/// Checks that a text is one JSON value, nested no deeper than allowed.
///
/// # Errors
/// Why it is not.
pub fn check(text: &str, depth_max: usize) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(depth_max);
    // The space ends a number that is the last thing in the text.
    let mut bytes = text.bytes().chain([b' ']).enumerate().peekable();
    while let Some((_, byte)) = bytes.peek() {
        let scan = scanner.push(*byte)?;
        if scan != Scan::EndedBefore {
            bytes.next();
        }
        if scan != Scan::More {
            let rest = bytes.find(|(_, byte)| !byte.is_ascii_whitespace());
            return rest.map_or(Ok(()), |(at, _)| Err(JsonError::Unexpected { at }));
        }
    }
    Err(JsonError::Incomplete)
}

#[cfg(test)]
mod tests;
