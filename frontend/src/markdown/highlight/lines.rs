//! Languages whose lines say what they are by their first sign.

use super::scanner::Scanner;
use super::{Kind, Open};

/// A difference between two texts.
pub(super) fn diff(scanner: &mut Scanner<'_, '_>) {
    let about =
        ["+++", "---", "diff ", "index ", "Index: ", "new file", "deleted file", "rename ", "similarity "];
    let kind = if about.iter().any(|start| scanner.starts_with(start)) {
        Kind::Heading
    } else {
        match scanner.peek() {
            Some('+' | '>') => Kind::Inserted,
            Some('-' | '<') => Kind::Deleted,
            Some('@') => Kind::Tag,
            _ => Kind::Plain,
        }
    };
    scanner.emit_rest(kind);
}

/// Markdown as source.
pub(super) fn markdown(open: Open, scanner: &mut Scanner<'_, '_>) -> Open {
    let text = scanner.rest().trim_start();
    let indent = scanner.rest().len() - text.len();
    if text.starts_with("```") || text.starts_with("~~~") {
        scanner.emit_rest(Kind::String);
        return if open == Open::Fence { Open::Nothing } else { Open::Fence };
    }
    if open == Open::Fence {
        scanner.emit_rest(Kind::String);
        return Open::Fence;
    }
    if text.starts_with('#') {
        scanner.emit_rest(Kind::Heading);
    } else if text.starts_with('>') {
        scanner.emit_rest(Kind::Comment);
    } else if ["- ", "* ", "+ "].iter().any(|bullet| text.starts_with(bullet)) {
        scanner.emit(Kind::Keyword, indent + 1);
    } else {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 && text.get(digits..).is_some_and(|after| after.starts_with(". ")) {
            scanner.emit(Kind::Keyword, indent + digits + 1);
        }
    }
    inline(scanner);
    Open::Nothing
}

/// Code, strong text and addresses within a line.
fn inline(scanner: &mut Scanner<'_, '_>) {
    while !scanner.rest().is_empty() {
        let plain = scanner.count(|c| !matches!(c, '`' | '*' | '('));
        scanner.emit(Kind::Plain, plain);
        let rest = scanner.rest();
        let marked = [("`", "`", Kind::String), ("**", "**", Kind::Number), ("(http", ")", Kind::Variable)]
            .into_iter()
            .find_map(|(begin, end, kind)| {
                let inside = rest.strip_prefix(begin)?;
                Some((kind, begin.len() + inside.find(end)? + end.len()))
            });
        match marked {
            Some((kind, length)) => scanner.emit(kind, length),
            None => scanner.emit_char(Kind::Plain),
        }
    }
}
