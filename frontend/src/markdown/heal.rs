//! What to show of a text whose end is half-written.
//!
//! Between two tokens a text is often something else for a moment: `**bo` is two stars, `-` under a line makes a
//! heading of it, the first row of a table is a line of bars. Shown as it is, the page flashes and jumps. So the
//! end of a growing text is completed or held back until it says what it is. Only the last line is touched, so
//! what is closed before it stays the same.

mod inline;

use std::borrow::Cow;

/// Signs that begin or underline a block: a last line of nothing else may become anything.
const BLOCK_SIGNS: &str = "-=*_#+>|`~:!<[ \t";

/// `tail` as it may be shown while it grows.
pub(super) fn heal(tail: &str) -> Cow<'_, str> {
    if in_fence(tail) {
        return Cow::Borrowed(without_last_line_if(tail, is_fence_sign));
    }
    let shown = without_new_table(without_last_line_if(tail, may_become_anything));
    let (before, last_line) = split_last_line(shown);
    match inline::completed(last_line) {
        Some(line) => Cow::Owned([before, &line].concat()),
        None => Cow::Borrowed(shown),
    }
}

/// Whether a fence is open at the end, also one within a list or a quotation.
fn in_fence(tail: &str) -> bool {
    let (complete, _) = split_last_line(tail);
    let mut open: Option<(char, usize)> = None;
    for line in complete.lines() {
        let text = line.trim_start_matches(|c: char| c.is_whitespace() || c == '>');
        let text = text.trim_start_matches(['-', '*', '+']).trim_start();
        let Some(sign) = text.chars().next().filter(|sign| matches!(sign, '`' | '~')) else { continue };
        let info = text.trim_start_matches(sign);
        let width = text.len() - info.len();
        open = match open {
            None if width >= 3 && !info.contains('`') => Some((sign, width)),
            Some((opened, wide)) if opened == sign && width >= wide && info.trim().is_empty() => None,
            other => other,
        };
    }
    open.is_some()
}

fn is_fence_sign(line: &str) -> bool {
    let text = line.trim();
    text.chars().all(|c| c == '`') || text.chars().all(|c| c == '~')
}

fn may_become_anything(line: &str) -> bool {
    let text = line.trim();
    let number = text.trim_end_matches(['.', ')']);
    let short_number = number.len() <= 3 && number.chars().all(|c| c.is_ascii_digit());
    // The name of the language behind a fence is still being written.
    let fence = text.starts_with("```") || text.starts_with("~~~");
    fence || short_number || text.chars().all(|c| BLOCK_SIGNS.contains(c))
}

/// What stands up to the last line end, and the line begun after it.
fn split_last_line(text: &str) -> (&str, &str) {
    let start = text.rfind('\n').map_or(0, |end| end + 1);
    text.split_at_checked(start).unwrap_or((text, ""))
}

fn without_last_line_if(text: &str, hold_back: impl Fn(&str) -> bool) -> &str {
    let (before, last_line) = split_last_line(text);
    if last_line.is_empty() || !hold_back(last_line) { text } else { before }
}

/// A first row with bars is held back until the row below says whether it heads a table.
fn without_new_table(text: &str) -> &str {
    let (before, last_line) = split_last_line(text.strip_suffix('\n').unwrap_or(text));
    let (_, line_before) = split_last_line(before.strip_suffix('\n').unwrap_or(before));
    let is_row = |line: &str| line.trim_start().starts_with('|');
    if is_row(last_line) && !is_row(line_before) { before } else { text }
}

// The generator of random texts is for native builds only.
#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests;
