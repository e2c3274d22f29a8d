//! Fenced code in Markdown.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use serde::{Deserialize, Serialize};

/// The Markdown that Oriel understands. Page and server parse with the same set.
pub fn markdown_options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH
}

/// One block of code in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CodeBlock {
    /// The block's place in its message, from 0: stable while the message grows.
    pub id: u32,
    /// The first word after the fence, in lower case; none where the author named none.
    pub language: Option<String>,
    /// The code, without the fences.
    pub content: String,
}

impl CodeBlock {
    /// Every fenced or indented block of `markdown`, in order. An unclosed fence reaches to the end.
    pub fn extract(markdown: &str) -> Vec<Self> {
        let mut blocks: Vec<Self> = Vec::new();
        let mut open = false;
        for event in Parser::new_ext(markdown, markdown_options()) {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match &kind {
                        CodeBlockKind::Fenced(info) => language_of(info),
                        CodeBlockKind::Indented => None,
                    };
                    let id = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
                    blocks.push(Self { id, language, content: String::new() });
                    open = true;
                }
                Event::Text(text) if open => {
                    if let Some(block) = blocks.last_mut() {
                        block.content.push_str(&text);
                    }
                }
                Event::End(TagEnd::CodeBlock) => open = false,
                _ => {}
            }
        }
        blocks
    }
}

/// The language that the text after a fence names: its first word, in lower case.
pub fn language_of(info: &str) -> Option<String> {
    info.split([' ', ',', '{', '\t']).next().filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenced_code_is_found_with_its_language() {
        let blocks =
            CodeBlock::extract("Look:\n\n```Rust,ignore\nfn main() {}\n```\n\nand\n\n~~~\nplain\n~~~\n");
        assert_eq!(
            blocks,
            [
                CodeBlock { id: 0, language: Some("rust".into()), content: "fn main() {}\n".into() },
                CodeBlock { id: 1, language: None, content: "plain\n".into() },
            ]
        );
    }

    #[test]
    fn a_fence_inside_a_longer_fence_is_content() {
        let blocks = CodeBlock::extract("````md\n```rust\nx\n```\n````\n");
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].content, "```rust\nx\n```\n");
    }

    #[test]
    fn an_unclosed_fence_reaches_to_the_end() {
        let blocks = CodeBlock::extract("```py\nprint(1)\nprint(2)");
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].content, "print(1)\nprint(2)");
    }

    #[test]
    fn code_in_a_list_is_found_without_its_indent() {
        let blocks = CodeBlock::extract("1. first\n\n   ```sh\n   ls\n   ```\n");
        assert_eq!(blocks[0].content, "ls\n");
    }

    #[test]
    fn inline_code_is_no_block() {
        assert!(CodeBlock::extract("use `cargo` here").is_empty());
    }
}
