//! Bare web addresses in running text become links, as people and models expect.

use super::Inline;

/// Longer ones are data, not addresses; also bounds the work for one candidate. What browsers agree on.
const MAX_ADDRESS_BYTES: usize = 2048;

/// `inlines` with every `https://…` or `http://…` in its text made a link.
pub(super) fn link_addresses(inlines: Vec<Inline>) -> Vec<Inline> {
    let has_address = |inline: &Inline| matches!(inline, Inline::Text(text) if find_address(text).is_some());
    if !inlines.iter().any(has_address) {
        return inlines;
    }
    let mut linked = Vec::with_capacity(inlines.len() + 2);
    for inline in inlines {
        match inline {
            Inline::Text(text) => split_addresses(&text, &mut linked),
            other => linked.push(other),
        }
    }
    linked
}

fn split_addresses(text: &str, into: &mut Vec<Inline>) {
    let mut rest = text;
    while let Some((before, address, after)) = find_address(rest) {
        if !before.is_empty() {
            into.push(Inline::Text(before.to_owned()));
        }
        into.push(Inline::Link {
            address: address.to_owned(),
            content: vec![Inline::Text(address.to_owned())],
        });
        rest = after;
    }
    if !rest.is_empty() {
        into.push(Inline::Text(rest.to_owned()));
    }
}

/// The first address in `text`, and what stands before and after it.
fn find_address(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find("http")?;
        let (before, candidate) = text.split_at_checked(start)?;
        let scheme = ["https://", "http://"].into_iter().find(|scheme| candidate.starts_with(scheme));
        let follows_word = before.chars().next_back().is_some_and(char::is_alphanumeric);
        if let (Some(scheme), false) = (scheme, follows_word) {
            let length = address_length(candidate);
            if length > scheme.len() {
                let (address, after) = candidate.split_at_checked(length)?;
                return Some((before, address, after));
            }
        }
        from = start + 4;
    }
}

/// How many bytes of `text` belong to the address it starts with: not the full stop of the sentence, nor the
/// bracket around it.
fn address_length(text: &str) -> usize {
    let end = text.find(|c: char| c.is_whitespace() || "<>\"`".contains(c)).unwrap_or(text.len());
    if end > MAX_ADDRESS_BYTES {
        return 0;
    }
    let mut address = text.get(..end).unwrap_or_default();
    loop {
        let unbalanced =
            address.ends_with(')') && address.matches(')').count() > address.matches('(').count();
        match address.char_indices().next_back() {
            Some((at, last)) if unbalanced || ".,;:!?'*_~]".contains(last) => {
                address = address.get(..at).unwrap_or_default();
            }
            _ => return address.len(),
        }
    }
}
