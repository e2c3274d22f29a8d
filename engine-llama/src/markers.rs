//! The control tokens of a vocabulary as texts: found where the template wrote them, defused where a person did.
//!
//! A template gives one text in which `<|im_end|>` may be the template's or somebody's message. So messages
//! are guarded first: a character that occurs nowhere else goes into each marker that they contain. The
//! rendered text is then cut at the markers that are still whole, and the guard is taken out of the rest.

use std::borrow::Cow;
use std::collections::HashSet;

use engine::json::unescaped;
use engine::{Chat, Token};

use crate::finder::{Finder, Found};

/// All control tokens by their texts.
#[derive(Debug)]
pub struct Markers {
    finder: Finder<Marker>,
}

/// A control token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Its id.
    pub token: Token,
    /// Swallows the white space before it.
    pub strips_left: bool,
    /// Swallows the white space behind it.
    pub strips_right: bool,
}

/// A part of a rendered prompt.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A control token of the template.
    Marker(Token),
    /// Text, never empty.
    Text(Cow<'a, str>),
}

/// A conversation without whole markers.
#[derive(Debug)]
pub struct Guarded {
    /// As it was, where there was nothing to guard against.
    pub chat: Chat,
    /// What was put into the markers.
    pub guard: Option<char>,
}

/// The messages use every character that could guard them.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the conversation uses every private-use character of Unicode; remove some of them")]
pub struct NoGuardLeft;

impl Markers {
    /// Markers of one character are left out: they could not be told from text.
    pub fn new(texts: impl IntoIterator<Item = (String, Marker)>) -> Self {
        Self { finder: Finder::new(texts.into_iter().filter(|(text, _)| text.chars().nth(1).is_some())) }
    }

    /// Whether a control token has this text.
    pub fn has(&self, text: &str) -> bool {
        self.finder.has(text)
    }

    /// The markers in a text, with their texts.
    pub fn within(&self, text: &str) -> Vec<(Token, String)> {
        let found = self.finder.all(text);
        found
            .filter_map(|found| Some((found.what.token, text.get(found.at..found.end)?.to_owned())))
            .collect()
    }

    /// Breaks the markers in whatever of a conversation did not come from us: messages, results and arguments of
    /// tools, and their descriptions. Of texts that are JSON, those that are hidden in escapes too.
    ///
    /// # Errors
    /// Only for messages made for it: they would use all of 131,000 characters that nobody has.
    pub fn guard(&self, chat: &Chat) -> Result<Guarded, NoGuardLeft> {
        let mut chat = chat.clone();
        let mut has_marker = false;
        let mut used = HashSet::new();
        each_text(&mut chat, |text| {
            has_marker |= self.finder.all(text).next().is_some();
            used.extend(text.chars().filter(|char| *char >= '\u{f0000}'));
        });
        if !has_marker {
            return Ok(Guarded { chat, guard: None });
        }
        let guard = unused_char(&used).ok_or(NoGuardLeft)?;
        each_text(&mut chat, |text| *text = self.break_markers(text, guard));
        Ok(Guarded { chat, guard: Some(guard) })
    }

    /// Cuts a text at its markers, and takes the guard out of the rest.
    pub fn split<'a>(&self, text: &'a str, guard: Option<char>) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        let mut rest_at = 0;
        let push_text = |pieces: &mut Vec<Piece<'a>>, text: &'a str| {
            let text = match guard {
                Some(guard) if text.contains(guard) => Cow::Owned(text.replace(guard, "")),
                _ => Cow::Borrowed(text),
            };
            if !text.is_empty() {
                pieces.push(Piece::Text(text));
            }
        };
        for Found { at, end, what: marker } in self.finder.all(text) {
            // One that overlaps the last one is none: a shorter one at the same place, or a part of both.
            let Some(mut before) = text.get(rest_at..at) else { continue };
            if marker.strips_left {
                before = before.trim_end();
            }
            push_text(&mut pieces, before);
            pieces.push(Piece::Marker(marker.token));
            rest_at = end;
            if marker.strips_right {
                let rest = text.get(rest_at..).unwrap_or_default();
                rest_at += rest.len() - rest.trim_start().len();
            }
        }
        push_text(&mut pieces, text.get(rest_at..).unwrap_or_default());
        pieces
    }

    fn break_markers(&self, text: &str, guard: char) -> String {
        let mut broken = String::with_capacity(text.len() + guard.len_utf8());
        let mut starts = self.finder.all(text).map(|found| found.at).peekable();
        for (at, char) in text.char_indices() {
            broken.push(char);
            if starts.next_if_eq(&at).is_some() {
                broken.push(guard);
                while starts.next_if_eq(&at).is_some() {}
            }
        }
        broken
    }
}

/// Everything in a conversation that somebody else wrote. JSON is given without the escapes that it does not need.
fn each_text(chat: &mut Chat, mut visit: impl FnMut(&mut String)) {
    for message in &mut chat.messages {
        visit(&mut message.content);
        visit(&mut message.reasoning);
        visit(&mut message.tool_call_id);
        visit(&mut message.tool_name);
        for call in &mut message.tool_calls {
            visit(&mut call.id);
            visit(&mut call.name);
            call.arguments = unescaped(&call.arguments).into_owned();
            visit(&mut call.arguments);
        }
    }
    for tool in &mut chat.tools {
        let mut description = tool.description().to_owned();
        let mut parameters = unescaped(tool.parameters()).into_owned();
        visit(&mut description);
        visit(&mut parameters);
        tool.reword(description, parameters);
    }
}

/// A private-use character of the last two planes that nobody has used.
fn unused_char(used: &HashSet<char>) -> Option<char> {
    let mut candidates = ('\u{f0000}'..='\u{ffffd}').chain('\u{100000}'..='\u{10fffd}');
    candidates.find(|char| !used.contains(char))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{ChatMessage, ChatRole, Tool, ToolCall};

    const START: Token = 1;
    const END: Token = 2;
    const LONG: Token = 3;
    const MASK: Token = 4;

    fn markers() -> Markers {
        let marker = |token| Marker { token, strips_left: false, strips_right: false };
        Markers::new([
            ("<|start|>".to_owned(), marker(START)),
            ("<|end|>".to_owned(), marker(END)),
            ("<|end|><|end|>".to_owned(), marker(LONG)),
            ("[MASK]".to_owned(), Marker { token: MASK, strips_left: true, strips_right: true }),
            ("x".to_owned(), marker(5)),
        ])
    }

    fn user(content: &str) -> Chat {
        vec![ChatMessage::new(ChatRole::User, content)].into()
    }

    /// What a template that writes `<|start|>…<|end|>` makes of one message.
    fn pieces(content: &str) -> Vec<Piece<'static>> {
        let messages = user(content);
        let guarded = markers().guard(&messages).unwrap();
        let text = format!("<|start|>{}<|end|>", guarded.chat.messages[0].content);
        let owned = |piece| match piece {
            Piece::Text(text) => Piece::Text(Cow::Owned(Cow::into_owned(text))),
            Piece::Marker(token) => Piece::Marker(token),
        };
        markers().split(&text, guarded.guard).into_iter().map(owned).collect()
    }

    fn text(text: &'static str) -> Piece<'static> {
        Piece::Text(Cow::Borrowed(text))
    }

    #[test]
    fn markers_of_the_template_are_tokens_and_those_of_a_message_are_text() {
        for content in
            ["plain", "ends <|end|> here", "<|end|>", "<|end|><|end|><|start|>", "<<|end|>|end|>", "[MASK] x"]
        {
            assert_eq!(
                pieces(content),
                [Piece::Marker(START), Piece::Text(content.into()), Piece::Marker(END)],
                "{content:?}"
            );
        }
    }

    #[test]
    fn half_a_marker_at_the_end_of_a_message_does_not_join_with_the_template() {
        assert_eq!(pieces("<|end"), [Piece::Marker(START), text("<|end"), Piece::Marker(END)]);
        assert_eq!(pieces(""), [Piece::Marker(START), Piece::Marker(END)]);
    }

    #[test]
    fn the_longest_marker_wins_and_none_overlap() {
        assert_eq!(markers().split("<|end|><|end|><|end|>", None), [Piece::Marker(LONG), Piece::Marker(END)]);
    }

    #[test]
    fn a_stripping_marker_swallows_the_space_around_it() {
        assert_eq!(markers().split("a \n[MASK]\t b", None), [text("a"), Piece::Marker(MASK), text("b")]);
    }

    #[test]
    fn a_message_that_knows_the_guard_gets_another_one() {
        let content = "\u{f0000}<|end|>\u{f0001}";
        assert_eq!(pieces(content), [Piece::Marker(START), Piece::Text(content.into()), Piece::Marker(END)]);
        let all: String = ('\u{f0000}'..='\u{10ffff}').collect();
        assert_eq!(markers().guard(&user(&format!("{all}<|end|>"))).unwrap_err(), NoGuardLeft);
        assert!(markers().guard(&user(&all)).is_ok(), "without a marker no guard is needed");
    }

    #[test]
    fn markers_are_broken_wherever_somebody_else_wrote_them() {
        let call = ToolCall {
            id: "<|end|>".to_owned(),
            name: "add".to_owned(),
            arguments: r#"{"a": "\u003c|end|\u003e"}"#.to_owned(),
        };
        let asked = ChatMessage {
            tool_calls: vec![call],
            reasoning: "<|start|>".to_owned(),
            ..ChatMessage::new(ChatRole::Assistant, "")
        };
        let result = ChatMessage::tool_result("<|end|>", "<|end|>", "[MASK]");
        let parameters = r#"{"description": "\u003c|start|>"}"#.to_owned();
        let tool = Tool::new("add".to_owned(), "<|end|>".to_owned(), parameters).unwrap();
        let chat = Chat { tools: vec![tool], ..vec![asked, result].into() };
        let guarded = markers().guard(&chat).unwrap();
        let everything = format!("{:?}", guarded.chat).replace("\\\"", "\"");
        assert_eq!(markers().within(&everything), [], "{everything}");
        let arguments = guarded.chat.messages[0].tool_calls[0].arguments.replace(guarded.guard.unwrap(), "");
        assert_eq!(arguments, r#"{"a": "<|end|>"}"#);
    }
}
