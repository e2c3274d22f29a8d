//! How a model writes reasoning and tool calls: read off its chat template when it is loaded.
//!
//! llama.cpp compares what the template renders with and without a call and tells the differences ([`ChatTemplate::
//! describe`]). Where that goes wrong (the templates of DeepSeek and Functionary write arguments in a way that it does
//! not expect), the tags in the template's text say which family it is. A template that knows no calls gets those of
//! Hermes, which most models have seen, and a description of the tools in its system message.

use std::collections::HashMap;

use engine::decoder::{CallFormat, ToolFormat};

use crate::template::ChatTemplate;

/// What is known of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// The tags around reasoning, where the model has been taught to think.
    pub reasoning: Option<ReasoningTags>,
    /// How tools are called.
    pub tools: ToolSyntax,
    /// The template describes tools by itself.
    pub describes_tools: bool,
    /// The template writes calls and results that are in the history.
    pub writes_calls: bool,
}

/// Tags without white space around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasoningTags {
    /// Begins reasoning.
    pub start: String,
    /// Ends it.
    pub end: String,
}

/// How calls are read and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSyntax {
    /// For reading.
    pub format: ToolFormat,
    /// For writing.
    pub call: CallSyntax,
}

/// What stands around the name of a tool and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallSyntax {
    /// Before the first call.
    pub open: String,
    /// Before the name.
    pub before: String,
    /// Between name and arguments.
    pub between: String,
    /// Behind the arguments, as GBNF: ids that the model makes up are part of it.
    pub after: String,
    /// Behind the arguments, as text without them.
    pub behind: String,
    /// Between calls.
    pub separator: String,
    /// Behind the last call.
    pub close: String,
}

impl Syntax {
    /// Of a template, given its text too.
    pub fn of(template: &ChatTemplate, source: &str) -> Self {
        match template.describe() {
            Ok(facts) => Self::from_facts(&facts, source),
            Err(error) => {
                tracing::info!(%error, "how the model calls tools cannot be seen from its chat template");
                Self::from_facts(&HashMap::new(), source)
            }
        }
    }

    fn from_facts(facts: &HashMap<String, String>, source: &str) -> Self {
        let fact = |name: &str| facts.get(name).map(String::as_str).unwrap_or_default();
        let is = |name: &str| fact(name) == "1";
        let end = fact("reasoning.end").trim();
        let reasoning = (!end.is_empty())
            .then(|| ReasoningTags { start: fact("reasoning.start").trim().to_owned(), end: end.to_owned() });
        let own = by_family(source).or_else(|| by_comparison(&fact));
        Self {
            reasoning: reasoning.or_else(|| tags_in(source)),
            writes_calls: own.is_some() && is("supports_tool_calls"),
            describes_tools: own.is_some() && is("supports_tools"),
            tools: own.unwrap_or_else(hermes),
        }
    }
}

/// A template that mentions the usual tags was made for a model that thinks, though nothing that llama.cpp tried
/// brought them out.
fn tags_in(source: &str) -> Option<ReasoningTags> {
    let tags = ReasoningTags { start: "<think>".to_owned(), end: "</think>".to_owned() };
    source.contains(&tags.end).then_some(tags)
}

fn by_family(source: &str) -> Option<ToolSyntax> {
    if source.contains("<｜tool▁calls▁begin｜>") {
        return Some(deepseek(source.contains("```json")));
    }
    if source.contains("[TOOL_CALLS]") && source.contains("[ARGS]") {
        let name_ends = &["[CALL_ID]", "[ARGS]"];
        return Some(named("[TOOL_CALLS]", "", "", name_ends, "[ARGS]", ""));
    }
    if source.contains("<function=") && !source.contains("<parameter=") {
        return Some(named("<function=", "</function>", "", &[">"], ">", ""));
    }
    None
}

/// `in_fence` is how the older models of the family write arguments.
fn deepseek(in_fence: bool) -> ToolSyntax {
    let (before_name, between, fence, separator) = if in_fence {
        ("function<｜tool▁sep｜>", "\n```json\n", "\n```", "\n")
    } else {
        ("", "<｜tool▁sep｜>", "", "")
    };
    let name_ends = &["<｜tool▁sep｜>", "\n"];
    let (start, end) = ("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>");
    let mut syntax = named(start, end, before_name, name_ends, between, fence);
    syntax.format.section_start = "<｜tool▁calls▁begin｜>".to_owned();
    syntax.format.section_end = "<｜tool▁calls▁end｜>".to_owned();
    syntax.call.open = syntax.format.section_start.clone();
    syntax.call.close = syntax.format.section_end.clone();
    syntax.call.separator = separator.to_owned();
    syntax
}

fn named(
    start: &str,
    end: &str,
    before_name: &str,
    name_ends: &[&str],
    between: &str,
    behind: &str,
) -> ToolSyntax {
    let name_ends = name_ends.iter().map(|end| (*end).to_owned()).collect();
    ToolSyntax {
        format: ToolFormat {
            call_start: start.to_owned(),
            call_end: end.to_owned(),
            call: CallFormat::Named { before_name: before_name.to_owned(), name_ends },
            ..ToolFormat::default()
        },
        call: CallSyntax {
            before: format!("{start}{before_name}"),
            between: between.to_owned(),
            after: engine::json::quoted(&format!("{behind}{end}")),
            behind: format!("{behind}{end}"),
            ..CallSyntax::default()
        },
    }
}

fn by_comparison<'a>(fact: &impl Fn(&str) -> &'a str) -> Option<ToolSyntax> {
    if fact("tools") != "JSON_NATIVE" || fact("json.name_is_key") == "1" || fact("json.name").contains('.') {
        return by_tags(fact);
    }
    let tags = JsonTags {
        section_start: fact("section.start"),
        section_end: fact("section.end"),
        call_start: fact("call.start"),
        call_end: fact("call.end"),
    };
    Some(json(&tags, fact("json.name"), fact("json.arguments"), fact("json.id")))
}

fn by_tags<'a>(fact: &impl Fn(&str) -> &'a str) -> Option<ToolSyntax> {
    let (start, suffix) = (fact("call.start"), fact("name.suffix"));
    // What llama.cpp filled in for the comparison must not be part of a tag.
    let is_clean = !["_ARG_", "FUN_F", "XXXX"].iter().any(|needle| suffix.contains(needle));
    if fact("tools") != "TAG_WITH_JSON" || start.is_empty() || suffix.trim().is_empty() || !is_clean {
        return None;
    }
    let between = [suffix, fact("name.separator"), fact("arguments.start")].concat();
    let tag_at = between.find(['<', '[', '>', '\n']).unwrap_or(0);
    let name_end = between.get(tag_at..).unwrap_or(&between).to_owned();
    let behind = [fact("arguments.end"), fact("call.close")].concat();
    let mut syntax =
        named(start.trim(), fact("call.end").trim(), fact("name.prefix"), &[&name_end], &between, &behind);
    // Where ids are made of names, the reader takes them apart.
    if fact("name.prefix") == "functions."
        && let CallFormat::Named { before_name, .. } = &mut syntax.format.call
    {
        before_name.clear();
    }
    syntax.format.section_start = fact("section.start").trim().to_owned();
    syntax.format.section_end = fact("section.end").trim().to_owned();
    syntax.call.open = fact("section.start").to_owned();
    syntax.call.close = fact("section.end").to_owned();
    Some(syntax)
}

struct JsonTags<'a> {
    section_start: &'a str,
    section_end: &'a str,
    call_start: &'a str,
    call_end: &'a str,
}

fn json(tags: &JsonTags<'_>, name_key: &str, arguments_key: &str, id_key: &str) -> ToolSyntax {
    let JsonTags { section_start, section_end, call_start, call_end } = tags;
    let is_array = !section_start.is_empty() && call_start.is_empty();
    let is_bare = section_start.is_empty() && call_start.is_empty();
    let quoted = engine::json::quoted;
    let closing = match id_key {
        "" => quoted("}"),
        id_key => format!("{} [a-zA-Z0-9]{{9}} {}", quoted(&format!(", \"{id_key}\": \"")), quoted("\"}")),
    };
    let line = if call_start.ends_with('\n') { "\"\\n\" " } else { "" };
    let separator = match (is_array, is_bare, call_start.ends_with('\n')) {
        (true, ..) => ", ",
        (_, true, _) => "; ",
        (_, _, true) => "\n",
        _ => "",
    };
    ToolSyntax {
        format: ToolFormat {
            section_start: section_start.trim().to_owned(),
            section_end: section_end.trim().to_owned(),
            call_start: call_start.trim().to_owned(),
            call_end: call_end.trim().to_owned(),
            call: CallFormat::Json {
                name_key: name_key.to_owned(),
                arguments_key: arguments_key.to_owned(),
                id_key: id_key.to_owned(),
            },
        },
        call: CallSyntax {
            open: format!("{section_start}{}", if is_array { "[" } else { "" }),
            before: format!("{call_start}{{\"{name_key}\": \""),
            between: format!("\", \"{arguments_key}\": "),
            after: format!("{closing} {line}{}", quoted(call_end.trim())),
            behind: format!("}}{}{}", if line.is_empty() { "" } else { "\n" }, call_end.trim()),
            separator: separator.to_owned(),
            close: format!("{}{section_end}", if is_array { "]" } else { "" }),
        },
    }
}

fn hermes() -> ToolSyntax {
    let tags = JsonTags {
        section_start: "",
        section_end: "",
        call_start: "<tool_call>\n",
        call_end: "</tool_call>",
    };
    json(&tags, "name", "arguments", "")
}
