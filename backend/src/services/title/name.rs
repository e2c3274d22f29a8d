//! From what a model said, or from what a person wrote, to a title for the list. Pure.

/// Characters of a title that was not written by a person: one line of the list.
const TITLE_CHARS: usize = 60;

/// The title in a model's reply; none where it did not give one.
pub fn from_reply(reply: &str) -> Option<String> {
    let line = reply.lines().map(strip).find(|line| line.chars().any(char::is_alphanumeric))?;
    // A longer one is no title but an answer.
    (line.chars().count() <= TITLE_CHARS).then(|| shorten(line))
}

/// A title from the first words of a message; empty where it has none.
pub fn from_message(message: &str) -> String {
    let line = message
        .lines()
        .filter(|line| !line.trim_start().starts_with("```"))
        .map(|line| line.trim().trim_start_matches(['#', '>', '-', '*', ' ']))
        .find(|line| line.chars().any(char::is_alphanumeric));
    line.map(shorten).unwrap_or_default()
}

/// Takes off what models put around a title: markup, a label, quotes, a full stop.
fn strip(line: &str) -> &str {
    let mut line = line;
    loop {
        let before = line;
        line = line.trim();
        line = line.trim_matches(['"', '\'', '`', '*', '_', '#', '“', '”', '‘', '’', '„', '«', '»', ' ']);
        line = line.strip_suffix('.').unwrap_or(line);
        if let Some((label, rest)) = line.split_once(':')
            && ["title", "conversation title", "short title"]
                .iter()
                .any(|word| label.trim().eq_ignore_ascii_case(word))
        {
            line = rest;
        }
        if line == before {
            return line;
        }
    }
}

/// One line of at most [`TITLE_CHARS`], cut between words where that keeps most of it.
fn shorten(line: &str) -> String {
    let words: Vec<&str> =
        line.split_whitespace().filter(|word| !word.chars().any(char::is_control)).collect();
    let line = words.join(" ");
    if line.chars().count() <= TITLE_CHARS {
        return line;
    }
    let cut: String = line.chars().take(TITLE_CHARS - 1).collect();
    let head = match cut.rsplit_once(' ') {
        Some((head, _)) if head.chars().count() >= TITLE_CHARS / 2 => head,
        _ => cut.as_str(),
    };
    format!("{}…", head.trim_end_matches([',', ';', ':', '-', ' ']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_labels_markup_and_full_stops_are_taken_off() {
        for reply in [
            "Sorting in Rust",
            "\"Sorting in Rust\"",
            "Title: Sorting in Rust",
            "**Title:** \"Sorting in Rust.\"",
            "\n\n# Sorting in Rust\n\nThis title says what the conversation is about.",
            "“Sorting in Rust”",
        ] {
            assert_eq!(from_reply(reply).as_deref(), Some("Sorting in Rust"), "{reply}");
        }
    }

    #[test]
    fn an_answer_instead_of_a_title_is_not_used() {
        assert_eq!(from_reply(""), None);
        assert_eq!(from_reply("...\n---\n"), None);
        assert_eq!(from_reply(&"Sure, here is how one sorts a vector. ".repeat(4)), None);
    }

    #[test]
    fn a_message_gives_its_first_words() {
        assert_eq!(from_message("How do I sort?\nIn Rust."), "How do I sort?");
        assert_eq!(from_message("```rust\nfn main() {}\n```"), "fn main() {}");
        assert_eq!(from_message("## A plan\n"), "A plan");
        assert_eq!(from_message("…"), "");
        assert_eq!(
            from_message(
                "Explain how group commit makes a journal of many streams cheap enough for small disks"
            ),
            "Explain how group commit makes a journal of many streams…"
        );
    }

    proptest! {
        #[test]
        fn a_title_is_one_short_line(text in "\\PC{0,200}(\n\\PC{0,80}){0,3}") {
            for title in from_reply(&text).into_iter().chain([from_message(&text)]) {
                prop_assert!(title.chars().count() <= TITLE_CHARS);
                prop_assert!(!title.contains(char::is_control));
                prop_assert_eq!(title.trim(), &title);
            }
        }
    }
}
