//! Languages of scripts, shells and queries.

use super::super::words::{PLAIN, Words, lines_quote, quote, quote_plain, raw_quote};
use super::super::{Grammar, Language};

/// What browsers run; HTML embeds it.
pub(in crate::markdown::highlight) static JAVASCRIPT: Words = Words {
    line_comments: &["//"],
    block_comment: Some(("/*", "*/")),
    quotes: &[quote("\"", "\""), quote("'", "'"), lines_quote("`", "`")],
    keywords: &[
        "abstract", "as", "asserts", "async", "await", "break", "case", "catch", "class", "const",
        "continue", "debugger", "declare", "default", "delete", "do", "else", "enum", "export",
        "extends", "finally", "for", "from", "function", "get", "if", "implements", "import", "in",
        "infer", "instanceof", "interface", "is", "keyof", "let", "module", "namespace", "new", "of",
        "override", "private", "protected", "public", "readonly", "return", "satisfies", "set",
        "static", "super", "switch", "this", "throw", "try", "type", "typeof", "var", "while", "with",
        "yield",
    ],
    types: &[
        "any", "bigint", "boolean", "never", "number", "object", "string", "symbol", "unknown", "void",
    ],
    constants: &["Infinity", "NaN", "false", "null", "true", "undefined"],
    word_signs: "$",
    tags: &["@"],
    ..PLAIN
};

pub(super) static JS: Language = Language {
    name: "JavaScript",
    aliases: &["javascript", "js", "jsx", "mjs", "cjs", "node"],
    grammar: Grammar::Shared(&JAVASCRIPT),
};

pub(super) static TS: Language = Language {
    name: "TypeScript",
    aliases: &["typescript", "ts", "tsx", "mts", "cts"],
    grammar: Grammar::Shared(&JAVASCRIPT),
};

pub(super) static PYTHON: Language = Language {
    name: "Python",
    aliases: &["python", "py", "python3", "py3", "ipython", "pycon", "jupyter"],
    grammar: Grammar::Words(Words {
        line_comments: &["#"],
        quotes: &[lines_quote("\"\"\"", "\"\"\""), lines_quote("'''", "'''"), quote("\"", "\""), quote("'", "'")],
        keywords: &[
            "and", "as", "assert", "async", "await", "break", "case", "class", "continue", "def", "del",
            "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
            "lambda", "match", "nonlocal", "not", "or", "pass", "raise", "return", "try", "type", "while",
            "with", "yield",
        ],
        types: &[
            "bool", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "set", "str",
            "tuple",
        ],
        constants: &["Ellipsis", "False", "None", "NotImplemented", "True", "cls", "self"],
        tags: &["@"],
        ..PLAIN
    }),
};

pub(super) static RUBY: Language = Language {
    name: "Ruby",
    aliases: &["ruby", "rb"],
    grammar: Grammar::Words(Words {
        line_comments: &["#"],
        block_comment: Some(("=begin", "=end")),
        quotes: &[lines_quote("\"", "\""), lines_quote("'", "'")],
        keywords: &[
            "alias", "and", "attr_accessor", "attr_reader", "attr_writer", "begin", "break", "case",
            "class", "def", "defined?", "do", "else", "elsif", "end", "ensure", "extend", "for", "if", "in",
            "include", "loop", "module", "next", "not", "or", "private", "protected", "public", "raise",
            "redo", "require", "require_relative", "rescue", "retry", "return", "self", "super", "then",
            "undef", "unless", "until", "when", "while", "yield",
        ],
        constants: &["false", "nil", "true"],
        word_signs: "?",
        tags: &["@@", "@", "::"],
        ..PLAIN
    }),
};

pub(super) static PHP: Language = Language {
    name: "PHP",
    aliases: &["php"],
    grammar: Grammar::Words(Words {
        line_comments: &["//", "#"],
        block_comment: Some(("/*", "*/")),
        quotes: &[lines_quote("\"", "\""), lines_quote("'", "'")],
        keywords: &[
            "abstract", "and", "array", "as", "break", "callable", "case", "catch", "class", "clone",
            "const", "continue", "declare", "default", "do", "echo", "else", "elseif", "enum", "extends",
            "final", "finally", "fn", "for", "foreach", "function", "global", "goto", "if", "implements",
            "include", "include_once", "instanceof", "interface", "isset", "list", "match", "namespace",
            "new", "or", "print", "private", "protected", "public", "readonly", "require", "require_once",
            "return", "static", "switch", "throw", "trait", "try", "unset", "use", "var", "while", "xor",
            "yield",
        ],
        types: &["bool", "float", "int", "iterable", "mixed", "never", "object", "string", "void"],
        constants: &["FALSE", "NULL", "TRUE", "false", "null", "parent", "self", "true"],
        tags: &["<?php", "<?=", "?>", "#["],
        variable: Some('$'),
        ..PLAIN
    }),
};

pub(super) static LUA: Language = Language {
    name: "Lua",
    aliases: &["lua", "luau"],
    grammar: Grammar::Words(Words {
        line_comments: &["--"],
        block_comment: Some(("--[[", "]]")),
        quotes: &[quote("\"", "\""), quote("'", "'"), raw_quote("[[", "]]")],
        keywords: &[
            "and", "break", "do", "else", "elseif", "end", "for", "function", "goto", "if", "in", "local",
            "not", "or", "repeat", "return", "then", "until", "while",
        ],
        constants: &["false", "nil", "self", "true"],
        ..PLAIN
    }),
};

pub(super) static SHELL: Language = Language {
    name: "Shell",
    aliases: &["bash", "sh", "shell", "zsh", "fish", "console", "shell-session", "shellscript", "ksh"],
    grammar: Grammar::Words(Words {
        line_comments: &["#"],
        quotes: &[lines_quote("\"", "\""), raw_quote("'", "'")],
        keywords: &[
            "break", "case", "continue", "do", "done", "elif", "else", "esac", "exit", "export", "fi",
            "for", "function", "if", "in", "local", "readonly", "return", "select", "set", "shift",
            "source", "then", "trap", "unset", "until", "while",
        ],
        types: &[
            "apt", "apt-get", "awk", "brew", "cargo", "cat", "cd", "chmod", "chown", "conda", "cp", "curl",
            "cut", "docker", "echo", "find", "git", "go", "grep", "head", "jq", "kill", "kubectl", "ln",
            "ls", "make", "mkdir", "mv", "node", "npm", "npx", "pip", "pip3", "pnpm", "printf", "ps", "pwd",
            "python", "python3", "read", "rm", "rsync", "rustup", "sed", "sh", "sort", "ssh", "sudo",
            "systemctl", "tail", "tar", "tee", "test", "touch", "tr", "uniq", "uv", "wc", "wget", "which",
            "xargs", "yarn",
        ],
        constants: &["false", "true"],
        word_signs: "-",
        names: false,
        variable: Some('$'),
        ..PLAIN
    }),
};

pub(super) static POWERSHELL: Language = Language {
    name: "PowerShell",
    aliases: &["powershell", "ps1", "pwsh"],
    grammar: Grammar::Words(Words {
        line_comments: &["#"],
        block_comment: Some(("<#", "#>")),
        quotes: &[quote_plain("\"", "\""), quote_plain("'", "'")],
        fold_case: true,
        keywords: &[
            "begin", "break", "catch", "class", "continue", "do", "else", "elseif", "end", "exit", "filter",
            "finally", "for", "foreach", "function", "if", "in", "param", "process", "return", "switch",
            "throw", "trap", "try", "until", "using", "while",
        ],
        word_signs: "-",
        names: false,
        variable: Some('$'),
        ..PLAIN
    }),
};

pub(super) static SQL: Language = Language {
    name: "SQL",
    aliases: &["sql", "mysql", "postgresql", "postgres", "psql", "sqlite", "plsql", "tsql"],
    grammar: Grammar::Words(Words {
        line_comments: &["--"],
        block_comment: Some(("/*", "*/")),
        quotes: &[raw_quote("'", "'"), quote_plain("\"", "\""), quote_plain("`", "`")],
        fold_case: true,
        keywords: &[
            "add", "all", "alter", "analyze", "and", "any", "as", "asc", "auto_increment", "begin",
            "between", "by", "cascade", "case", "cast", "check", "collate", "column", "commit",
            "constraint", "create", "cross", "current", "database", "default", "delete", "desc", "distinct",
            "do", "drop", "each", "else", "end", "escape", "except", "execute", "exists", "explain",
            "fetch", "filter", "first", "following", "for", "foreign", "from", "full", "function", "grant",
            "group", "having", "if", "ilike", "in", "index", "inner", "insert", "intersect", "into", "is",
            "join", "key", "language", "last", "lateral", "left", "like", "limit", "lock", "materialized",
            "natural", "not", "nothing", "nulls", "of", "offset", "on", "only", "or", "order", "outer",
            "over", "partition", "preceding", "primary", "procedure", "range", "recursive", "references",
            "rename", "replace", "restrict", "returning", "returns", "revoke", "right", "rollback", "row",
            "rows", "schema", "select", "set", "share", "similar", "skip", "table", "temporary", "then",
            "to", "transaction", "trigger", "truncate", "unbounded", "union", "unique", "update", "using",
            "vacuum", "values", "view", "when", "where", "window", "with", "within", "without",
        ],
        types: &[
            "bigint", "bigserial", "binary", "blob", "bool", "boolean", "bytea", "char", "character",
            "citext", "date", "datetime", "decimal", "double", "float", "int", "int2", "int4", "int8",
            "integer", "interval", "json", "jsonb", "numeric", "precision", "real", "serial", "smallint",
            "text", "time", "timestamp", "timestamptz", "tinyint", "uuid", "varchar",
        ],
        constants: &["false", "null", "true"],
        ..PLAIN
    }),
};
