//! Languages of data, pages and settings.

use super::super::words::{Keys, PLAIN, Words, lines_quote, quote, quote_plain, raw_quote};
use super::super::{Grammar, Language};

/// Style sheets; HTML embeds them.
pub(in crate::markdown::highlight) static CSS: Words = Words {
    block_comment: Some(("/*", "*/")),
    quotes: &[quote("\"", "\""), quote("'", "'")],
    constants: &["important"],
    word_signs: "-",
    names: true,
    tags: &["@", "#", "."],
    keys: Keys::Css,
    ..PLAIN
};

pub(super) static STYLES: Language = Language {
    name: "CSS",
    aliases: &["css", "scss", "less", "sass"],
    grammar: Grammar::Shared(&CSS),
};

pub(super) static JSON: Language = Language {
    name: "JSON",
    aliases: &["json", "json5", "jsonc", "jsonl", "ndjson"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        quotes: &[quote("\"", "\""), quote("'", "'")],
        constants: &["false", "null", "true"],
        names: false,
        keys: Keys::Before(':'),
        ..PLAIN
    }),
};

pub(super) static YAML: Language = Language {
    name: "YAML",
    aliases: &["yaml", "yml"],
    grammar: Grammar::Words(Words {
        line_comments: &["#"],
        quotes: &[lines_quote("\"", "\""), raw_quote("'", "'")],
        constants: &["false", "no", "null", "off", "on", "true", "yes"],
        word_signs: "-./",
        names: false,
        tags: &["&", "*", "!"],
        keys: Keys::LineStart(':'),
        ..PLAIN
    }),
};

pub(super) static TOML: Language = Language {
    name: "TOML",
    aliases: &["toml", "ini", "conf", "cfg", "properties", "env", "dotenv"],
    grammar: Grammar::Words(Words {
        line_comments: &["#", ";"],
        quotes: &[lines_quote("\"\"\"", "\"\"\""), raw_quote("'''", "'''"), quote("\"", "\""), quote_plain("'", "'")],
        constants: &["false", "inf", "nan", "true"],
        word_signs: "-.",
        names: false,
        keys: Keys::LineStart('='),
        ..PLAIN
    }),
};

pub(super) static DOCKERFILE: Language = Language {
    name: "Dockerfile",
    aliases: &["dockerfile", "docker", "containerfile"],
    grammar: Grammar::Words(Words {
        line_comments: &["#"],
        quotes: &[quote("\"", "\""), quote("'", "'")],
        fold_case: true,
        keywords: &[
            "add", "arg", "as", "cmd", "copy", "entrypoint", "env", "expose", "from", "healthcheck",
            "label", "onbuild", "run", "shell", "stopsignal", "user", "volume", "workdir",
        ],
        word_signs: "-./",
        names: false,
        variable: Some('$'),
        ..PLAIN
    }),
};

pub(super) static DIFF: Language = Language {
    name: "Diff",
    aliases: &["diff", "patch"],
    grammar: Grammar::Diff,
};

pub(super) static MARKDOWN: Language = Language {
    name: "Markdown",
    aliases: &["markdown", "md"],
    grammar: Grammar::Markdown,
};

pub(super) static HTML: Language = Language {
    name: "HTML",
    aliases: &["html", "htm", "xhtml", "vue", "svelte"],
    grammar: Grammar::Markup,
};

pub(super) static XML: Language = Language {
    name: "XML",
    aliases: &["xml", "svg", "rss", "xsl", "plist", "xaml"],
    grammar: Grammar::Markup,
};
