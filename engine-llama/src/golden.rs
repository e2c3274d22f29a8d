//! What the templates of the common families make of conversations, and what is read off them, against files that people
//! have looked through. See `tests/templates/README.md`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use engine::{Chat, ChatMessage, ChatRole, ReasoningMode, Tool, ToolCall};

use crate::plain;
use crate::syntax::Syntax;
use crate::template::{self, ChatTemplate};

const FAMILIES: [&str; 12] = [
    "deepseek-r1",
    "deepseek-v3.1",
    "gemma",
    "llama3",
    "mistral-nemo",
    "mistral-small",
    "phi3",
    "phi4",
    "qwen2.5",
    "qwen3",
    "smollm2",
    "smollm3",
];

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn says(role: ChatRole, text: &str) -> ChatMessage {
    ChatMessage::new(role, text)
}

fn weather() -> Tool {
    let schema = r#"{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}"#;
    Tool::new("get_weather".to_owned(), "Tells the weather.".to_owned(), schema.to_owned()).unwrap()
}

fn conversations() -> [(&'static str, Chat); 5] {
    let question = says(ChatRole::User, "How is the weather in Rome?");
    let plain = vec![
        says(ChatRole::System, "Be kind."),
        says(ChatRole::User, "Hello"),
        says(ChatRole::Assistant, "Hi."),
        says(ChatRole::User, "Who are you?"),
    ];
    let call = ToolCall {
        id: "a1b2c3d4e".to_owned(),
        name: "get_weather".to_owned(),
        arguments: r#"{"city": "Rome"}"#.to_owned(),
    };
    let asked = ChatMessage { tool_calls: vec![call], ..says(ChatRole::Assistant, "") };
    let result = ChatMessage::tool_result("a1b2c3d4e", "get_weather", "31 degrees");
    let thought = ChatMessage {
        reasoning: "I think of rain.".to_owned(),
        ..says(ChatRole::Assistant, "Rain is water.")
    };
    let with = |messages: Vec<ChatMessage>, reasoning| Chat { reasoning, ..Chat::from(messages) };
    let tools = Chat { tools: vec![weather()], ..vec![question.clone()].into() };
    let called = vec![question.clone(), asked, result];
    let thinks = vec![says(ChatRole::User, "What is rain?"), thought, question];
    [
        ("plain", plain.into()),
        ("tools", tools),
        ("tools called", Chat { tools: vec![weather()], ..called.into() }),
        ("reasoning on", with(thinks.clone(), ReasoningMode::On)),
        ("reasoning off", with(thinks, ReasoningMode::Off)),
    ]
}

fn described(family: &str) -> String {
    let source = fs::read_to_string(directory("templates").join(format!("{family}.jinja"))).unwrap();
    let template = ChatTemplate::parse(&source, "<s>", "</s>").unwrap();
    let syntax = Syntax::of(&template, &source);
    let mut text = String::new();
    for (name, chat) in conversations() {
        let prompt = match template.render(&plain::written(&chat, &syntax)) {
            Ok(rendered) => rendered.prompt,
            Err(error) => format!("refused: {error}"),
        };
        writeln!(text, "──── {name}\n{prompt}⏎").unwrap();
    }
    writeln!(text, "──── syntax\n{syntax:#?}").unwrap();
    let grammar = template::grammar(&[weather()], &syntax.tools.call, true, "").unwrap();
    let rules = grammar.lines().filter(|line| line.starts_with("root") || line.starts_with("tool-1 "));
    writeln!(text, "──── grammar\n{}", rules.collect::<Vec<&str>>().join("\n")).unwrap();
    text
}

#[test]
fn the_families_are_rendered_and_understood_as_they_were() {
    let mut different = Vec::new();
    for family in FAMILIES {
        let path = directory("golden").join(format!("{family}.txt"));
        let found = described(family);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &found).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != found {
            different.push((family, found));
        }
    }
    assert!(different.is_empty(), "not as in tests/golden: {different:#?}");
}
