use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::decoder::{CallFormat, ReasoningFormat, ToolFormat};
use parser::Part;

fn text(text: &str) -> String {
    text.to_owned()
}

fn thinking(is_open: bool) -> ReplyFormat {
    let reasoning = ReasoningFormat { start: text("<think>"), end: text("</think>"), is_open };
    ReplyFormat { reasoning: Some(reasoning), ..ReplyFormat::default() }
}

fn calling(tools: ToolFormat) -> ReplyFormat {
    ReplyFormat { tools: Some(tools), ..ReplyFormat::default() }
}

fn hermes() -> ToolFormat {
    ToolFormat { call_start: text("<tool_call>"), call_end: text("</tool_call>"), ..ToolFormat::default() }
}

fn mistral() -> ToolFormat {
    let call =
        CallFormat::Json { name_key: text("name"), arguments_key: text("arguments"), id_key: text("id") };
    ToolFormat { section_start: text("[TOOL_CALLS]"), call, ..ToolFormat::default() }
}

fn llama() -> ToolFormat {
    let call =
        CallFormat::Json { name_key: text("name"), arguments_key: text("parameters"), id_key: String::new() };
    ToolFormat { call, ..ToolFormat::default() }
}

fn named(before_name: &str, name_ends: &[&str]) -> CallFormat {
    CallFormat::Named {
        before_name: text(before_name),
        name_ends: name_ends.iter().map(|end| text(end)).collect(),
    }
}

fn deepseek() -> ToolFormat {
    ToolFormat {
        section_start: text("<calls>"),
        section_end: text("</calls>"),
        call_start: text("<call>"),
        call_end: text("</call>"),
        call: named("function<sep>", &["<sep>", "\n"]),
    }
}

/// Reasoning, answer, and each call with its arguments.
type Read = (String, String, Vec<(String, String)>);

fn gather(parts: impl IntoIterator<Item = Part>) -> Read {
    let mut read = Read::default();
    for part in parts {
        match part {
            Part::Call { name, .. } => read.2.push((name, String::new())),
            Part::Text { kind: TextKind::Answer, text } => read.1.push_str(&text),
            Part::Text { kind: TextKind::Reasoning, text } => read.0.push_str(&text),
            Part::Text { kind: TextKind::Arguments, text } => {
                read.2.last_mut().expect("a call before its arguments").1.push_str(&text);
            }
        }
    }
    read
}

/// What is read of a reply that comes in pieces of `step` characters.
fn read_in_steps(format: &ReplyFormat, reply: &str, step: usize) -> Read {
    let mut parser = ReplyParser::new(format.clone());
    let mut parts = VecDeque::new();
    let chars: Vec<char> = reply.chars().collect();
    for piece in chars.chunks(step) {
        parser.push(&piece.iter().collect::<String>(), &mut parts);
    }
    parser.finish(&mut parts);
    gather(parts)
}

#[track_caller]
fn check(format: &ReplyFormat, reply: &str, reasoning: &str, answer: &str, calls: &[(&str, &str)]) {
    let calls = calls.iter().map(|(name, arguments)| (text(name), text(arguments))).collect();
    let expected = (text(reasoning), text(answer), calls);
    for step in [1, 2, 3, 5, 7, 1000] {
        assert_eq!(read_in_steps(format, reply, step), expected, "{reply:?} in steps of {step}");
    }
}

#[test]
fn reasoning_is_told_apart_from_the_answer() {
    let (closed, open) = (thinking(false), thinking(true));
    check(&closed, "<think>\nWell, a < b.\n</think>\n\nYes.\n", "Well, a < b.", "Yes.\n", &[]);
    check(&open, "Well.\n</think>\n\nYes.", "Well.", "Yes.", &[]);
    check(&closed, "\n<think>\n\n</think>\n\nYes.", "", "Yes.", &[]);
    check(&closed, "  Yes, <think> is a tag.", "", "  Yes, <think> is a tag.", &[]);
    check(&closed, "<thing>", "", "<thing>", &[]);
    check(&closed, "<thi", "", "<thi", &[]);
    check(&open, "It ends too early </thi", "It ends too early </thi", "", &[]);
}

#[test]
fn calls_in_tags_are_read_with_what_is_said_around_them() {
    let format = calling(hermes());
    let call = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": [1, 2], \"b\": \"}\"}}\n</tool_call>";
    let arguments = "{\"a\": [1, 2], \"b\": \"}\"}";
    check(&format, call, "", "", &[("add", arguments)]);
    check(
        &format,
        &format!("Let me see.\n{call}\n{call}\nDone."),
        "",
        "Let me see.Done.",
        &[("add", arguments), ("add", arguments)],
    );
    check(&format, "no <tool_cal here\n", "", "no <tool_cal here\n", &[]);
    check(
        &format,
        "<tool_call>{\"arguments\": {\"a\": 1}, \"name\": \"late\"}</tool_call>",
        "",
        "",
        &[("late", "{\"a\": 1}")],
    );
    check(&format, "<tool_call>{\"name\": \"none\"}</tool_call>", "", "", &[("none", "{}")]);
    check(
        &format,
        "<tool_call>{\"type\": \"function\", \"function\": {\"name\": \"in\", \"arguments\": {}}}</tool_call>",
        "",
        "",
        &[("in", "{}")],
    );
    let thinks = ReplyFormat { tools: Some(hermes()), ..thinking(false) };
    check(&thinks, &format!("<think>\nAdd.\n</think>\n\n{call}"), "Add.", "", &[("add", arguments)]);
}

#[test]
fn what_is_no_call_after_all_is_text() {
    let format = calling(hermes());
    check(&format, "<tool_call>not json</tool_call>", "", "not json</tool_call>", &[]);
    check(&format, "<tool_call>{\"size\": 3}</tool_call> x", "", "{\"size\": 3}</tool_call> x", &[]);
    check(&format, "<tool_call>{\"name\": \"cut\", \"arguments\": {\"a\": ", "", "", &[("cut", "{\"a\": ")]);
    check(&format, "<tool_call>{\"name\": \"cu", "", "{\"name\": \"cu", &[]);
}

#[test]
fn a_bare_object_is_a_call_only_at_the_beginning_and_only_if_it_looks_like_one() {
    let format = calling(llama());
    check(&format, "{\"name\": \"add\", \"parameters\": {\"a\": 1}}", "", "", &[("add", "{\"a\": 1}")]);
    check(
        &format,
        "{\"name\": \"a\", \"parameters\": {}}; {\"name\": \"b\", \"parameters\": {\"x\": 2}}",
        "",
        "",
        &[("a", "{}"), ("b", "{\"x\": 2}")],
    );
    check(&format, "{\"colour\": \"red\"}", "", "{\"colour\": \"red\"}", &[]);
    check(&format, "In Rust: struct A {}", "", "In Rust: struct A {}", &[]);
}

#[test]
fn calls_in_an_array_are_read_with_their_ids() {
    let format = calling(mistral());
    check(
        &format,
        "[TOOL_CALLS][{\"name\": \"a\", \"arguments\": {\"x\": 1}, \"id\": \"123456789\"}, {\"name\": \"b\", \"arguments\": {}}]",
        "",
        "",
        &[("a", "{\"x\": 1}"), ("b", "{}")],
    );
    let mut parser = ReplyParser::new(format);
    let mut parts = VecDeque::new();
    parser.push("[TOOL_CALLS][{\"id\": \"123456789\", \"name\": \"a\"", &mut parts);
    assert_eq!(parts, [Part::Call { name: text("a"), id: Some(text("123456789")) }]);
}

#[test]
fn names_before_their_arguments_are_read() {
    let format = calling(deepseek());
    check(
        &format,
        "I look.\n<calls><call>function<sep>get\n```json\n{\"x\": 1}\n```</call>\n<call>function<sep>put\n```json\n{}\n```</call></calls>",
        "",
        "I look.",
        &[("get", "{\"x\": 1}"), ("put", "{}")],
    );
    check(&format, "<calls><call>get<sep>{\"x\": 1}</call></calls>", "", "", &[("get", "{\"x\": 1}")]);
    let small = ToolFormat {
        call_start: text("[TOOL_CALLS]"),
        call: named("", &["[CALL_ID]", "[ARGS]"]),
        ..ToolFormat::default()
    };
    check(
        &calling(small),
        "[TOOL_CALLS]get[CALL_ID]abc[ARGS]{\"x\": 1}[TOOL_CALLS]put[ARGS]{}",
        "",
        "",
        &[("get", "{\"x\": 1}"), ("put", "{}")],
    );
    let functionary = ToolFormat {
        call_start: text("<function="),
        call_end: text("</function>"),
        call: named("", &[">"]),
        ..ToolFormat::default()
    };
    check(&calling(functionary), "<function=get>{\"x\": 1}</function>", "", "", &[("get", "{\"x\": 1}")]);
    let kimi = ToolFormat { call: named("", &["<arg>"]), ..deepseek() };
    check(&calling(kimi), "<calls><call>functions.get:0<arg>{}</call></calls>", "", "", &[("get", "{}")]);
}

#[test]
fn the_work_for_a_token_does_not_grow_with_the_reply() {
    let work = |format: ReplyFormat, begin: &str, word: &str, count: usize| {
        let (mut parser, mut parts) = (ReplyParser::new(format), VecDeque::new());
        parser.push(begin, &mut parts);
        let before = parser.work;
        for _ in 0..count {
            parser.push(word, &mut parts);
            parts.clear();
        }
        (parser.work - before) as f64 / count as f64
    };
    let both = || ReplyFormat { tools: Some(hermes()), ..thinking(false) };
    let arguments = "<tool_call>{\"name\": \"write\", \"arguments\": {\"text\": \"";
    for (begin, word) in [
        ("<think>", "thought </th"),
        ("Answer: ", "word <tool_"),
        ("Blank: ", "   "),
        (arguments, "word \\n"),
        ("<tool_call>{\"name\": \"a\", \"x\": [", "1, "),
    ] {
        let short = work(both(), begin, word, 100);
        let long = work(both(), begin, word, 20_000);
        assert!(long <= short * 1.1 + 1.0, "{begin:?}: {short} bytes a token, then {long}");
        assert!(long <= 8.0 * word.len() as f64 + 64.0, "{begin:?}: {long} bytes a token");
    }
}

/// A token for each text of a vocabulary.
fn told(format: &ReplyFormat, tokens: &[&str], from: usize, ended: Ended) -> (Vec<Said>, Vec<Token>) {
    let mut reply = Reply::new(format.clone(), Vec::new());
    let numbered = || (0..).zip(tokens);
    reply.replay(numbered().take(from).map(|(token, text)| (token, text.as_bytes())));
    let mut said = Vec::new();
    for (token, text) in numbered().skip(from) {
        said.extend(reply.push(token, text.as_bytes()).0);
    }
    said.extend(reply.finish(ended));
    let listed = said.iter().flat_map(|said| match said {
        Said::Text { tokens, .. } | Said::Call { tokens, .. } => tokens.clone(),
    });
    let listed = listed.collect();
    (said, listed)
}

fn joined(said: &[Said]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for said in said {
        let (kind, text) = match said {
            Said::Text { kind, text, .. } => (format!("{kind:?}"), text),
            Said::Call { name, .. } => ("call".to_owned(), name),
        };
        match all.last_mut() {
            Some((last, told)) if *last == kind && kind != "call" => told.push_str(text),
            _ => all.push((kind, text.clone())),
        }
    }
    all
}

#[test]
fn tags_ride_with_the_next_piece_and_no_token_is_lost() {
    let tokens = ["<think>", "\n", "Hm", ".", "\n", "</think>", "\n\n", "Yes", "."];
    let (said, listed) = told(&thinking(false), &tokens, 0, Ended::Whole);
    assert_eq!(
        said.first(),
        Some(&Said::Text { kind: TextKind::Reasoning, text: text("Hm"), tokens: vec![0, 1, 2] })
    );
    assert_eq!(
        said.get(2),
        Some(&Said::Text { kind: TextKind::Answer, text: text("Yes"), tokens: vec![4, 5, 6, 7] })
    );
    assert_eq!(listed, (0..9).collect::<Vec<Token>>());
}

#[test]
fn a_reply_that_was_cut_in_a_tag_leaves_the_tag_to_what_follows() {
    let tokens = ["Hm", "</th", "ink>", "Yes"];
    let (said, listed) = told(&thinking(true), &tokens[..2], 0, Ended::Cut);
    assert_eq!((joined(&said), listed), (vec![(text("Reasoning"), text("Hm"))], vec![0]));
    let (said, listed) = told(&thinking(true), &tokens, 1, Ended::Whole);
    assert_eq!((joined(&said), listed), (vec![(text("Answer"), text("Yes"))], vec![1, 2, 3]));
}

const REPLIES: [&[&str]; 3] = [
    &["<think>", "\n", "Let", " me", " see", ".\n</", "think", ">\n", "\nIt", " is", " <tool", "_box", ">"],
    &[
        "Look: ",
        "<tool_call>",
        "\n{\"",
        "name",
        "\": \"",
        "add\", \"arguments\": {",
        "\"a\": ",
        "1",
        "}}",
        "\n",
        "</tool_call>",
        " ok",
    ],
    &[
        "<tool_call>{\"name\": \"a\", \"arguments\": {}}</tool_call>",
        "<tool_call>",
        "{\"name\": \"b\"",
        "}",
        "</tool_call>",
    ],
];

proptest! {
    /// Whatever was told before a crash and what is told after it are together what would have been told.
    #[test]
    fn an_answer_that_is_gone_on_with_is_read_as_if_never_interrupted(which in 0..REPLIES.len(), crash in 0_usize..16) {
        let format = ReplyFormat { tools: Some(hermes()), ..thinking(false) };
        let tokens = REPLIES[which];
        let (whole, _) = told(&format, tokens, 0, Ended::Whole);
        // What a journal holds after `crash` events: their text and their tokens.
        let before = &whole[..crash.min(whole.len())];
        let kept: usize = before.iter().map(|said| match said {
            Said::Text { tokens, .. } | Said::Call { tokens, .. } => tokens.len(),
        }).sum();
        let has_rest = before.iter().all(|said| match said {
            Said::Text { tokens, .. } | Said::Call { tokens, .. } => !tokens.is_empty(),
        });
        prop_assume!(has_rest);
        let (after, _) = told(&format, tokens, kept, Ended::Whole);
        let together: Vec<Said> = before.iter().cloned().chain(after).collect();
        prop_assert_eq!(joined(&together), joined(&whole));
    }
}

#[test]
fn half_a_character_is_left_with_its_token_to_what_follows() {
    let cut: &[(Token, &[u8])] = &[(0, b"The"), (1, b" na\xc3")];
    for (ended, expected) in [(Ended::Cut, vec![]), (Ended::Whole, vec![(" na", vec![])])] {
        let mut reply = Reply::new(ReplyFormat::default(), Vec::new());
        let mut said = Vec::new();
        for (token, bytes) in cut {
            said.extend(reply.push(*token, bytes).0);
        }
        said.extend(reply.finish(ended));
        let told = |(text, tokens): (&str, Vec<Token>)| Said::Text {
            kind: TextKind::Answer,
            text: text.to_owned(),
            tokens,
        };
        let all = std::iter::once(("The", vec![0])).chain(expected).map(told);
        assert_eq!(said, all.collect::<Vec<_>>(), "{ended:?}");
    }
}
