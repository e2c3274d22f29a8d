//! Compiled languages.

use super::super::words::{PLAIN, Words, lines_quote, quote, raw_quote};
use super::super::{Grammar, Language};

pub(super) static RUST: Language = Language {
    name: "Rust",
    aliases: &["rust", "rs"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        nested_comments: true,
        quotes: &[lines_quote("\"", "\"")],
        keywords: &[
            "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
            "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
            "return", "self", "static", "struct", "super", "trait", "type", "union", "unsafe", "use",
            "where", "while", "yield",
        ],
        types: &[
            "Self", "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128",
            "u16", "u32", "u64", "u8", "usize",
        ],
        constants: &["false", "true"],
        tags: &["#![", "#["],
        rust: true,
        ..PLAIN
    }),
};

pub(super) static C: Language = Language {
    name: "C",
    aliases: &["c", "h"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        quotes: &[quote("\"", "\""), quote("'", "'")],
        keywords: &[
            "auto", "break", "case", "const", "continue", "default", "do", "else", "enum", "extern", "for",
            "goto", "if", "inline", "register", "restrict", "return", "sizeof", "static", "struct",
            "switch", "typedef", "union", "volatile", "while",
        ],
        types: &[
            "FILE", "bool", "char", "double", "float", "int", "int16_t", "int32_t", "int64_t", "int8_t",
            "long", "short", "signed", "size_t", "ssize_t", "uint16_t", "uint32_t", "uint64_t", "uint8_t",
            "unsigned", "void",
        ],
        constants: &["NULL", "false", "true"],
        tags: &["#"],
        ..PLAIN
    }),
};

pub(super) static CPP: Language = Language {
    name: "C++",
    aliases: &["cpp", "c++", "cc", "cxx", "hpp", "hh", "arduino", "ino", "cuda", "cu"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        quotes: &[raw_quote("R\"(", ")\""), quote("\"", "\""), quote("'", "'")],
        keywords: &[
            "alignas", "alignof", "auto", "break", "case", "catch", "class", "co_await", "co_return",
            "co_yield", "concept", "const", "const_cast", "consteval", "constexpr", "constinit", "continue",
            "decltype", "default", "delete", "do", "dynamic_cast", "else", "enum", "explicit", "export",
            "extern", "final", "for", "friend", "goto", "if", "inline", "mutable", "namespace", "new",
            "noexcept", "operator", "override", "private", "protected", "public", "register",
            "reinterpret_cast", "requires", "return", "sizeof", "static", "static_assert", "static_cast",
            "struct", "switch", "template", "this", "thread_local", "throw", "try", "typedef", "typeid",
            "typename", "union", "using", "virtual", "volatile", "while",
        ],
        types: &[
            "bool", "char", "char16_t", "char32_t", "char8_t", "double", "float", "int", "int16_t",
            "int32_t", "int64_t", "int8_t", "long", "short", "signed", "size_t", "string", "uint16_t",
            "uint32_t", "uint64_t", "uint8_t", "unsigned", "void", "wchar_t",
        ],
        constants: &["NULL", "false", "nullptr", "true"],
        tags: &["#"],
        ..PLAIN
    }),
};

pub(super) static GO: Language = Language {
    name: "Go",
    aliases: &["go", "golang"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        quotes: &[quote("\"", "\""), quote("'", "'"), raw_quote("`", "`")],
        keywords: &[
            "break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough", "for",
            "func", "go", "goto", "if", "import", "interface", "map", "package", "range", "return",
            "select", "struct", "switch", "type", "var",
        ],
        types: &[
            "any", "bool", "byte", "comparable", "complex128", "complex64", "error", "float32", "float64",
            "int", "int16", "int32", "int64", "int8", "rune", "string", "uint", "uint16", "uint32",
            "uint64", "uint8", "uintptr",
        ],
        constants: &["false", "iota", "nil", "true"],
        ..PLAIN
    }),
};

pub(super) static JAVA: Language = Language {
    name: "Java",
    aliases: &["java"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        quotes: &[lines_quote("\"\"\"", "\"\"\""), quote("\"", "\""), quote("'", "'")],
        keywords: &[
            "abstract", "assert", "break", "case", "catch", "class", "continue", "default", "do", "else",
            "enum", "exports", "extends", "final", "finally", "for", "goto", "if", "implements", "import",
            "instanceof", "interface", "module", "native", "new", "open", "opens", "package",
            "permits", "private", "protected", "provides", "public", "record", "requires", "return",
            "sealed", "static", "strictfp", "super", "switch", "synchronized", "this", "throw", "throws",
            "to", "transient", "transitive", "try", "uses", "var", "volatile", "when", "while", "with",
            "yield",
        ],
        types: &["boolean", "byte", "char", "double", "float", "int", "long", "short", "void"],
        constants: &["false", "null", "true"],
        tags: &["@"],
        ..PLAIN
    }),
};

pub(super) static KOTLIN: Language = Language {
    name: "Kotlin",
    aliases: &["kotlin", "kt", "kts"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        nested_comments: true,
        quotes: &[raw_quote("\"\"\"", "\"\"\""), quote("\"", "\""), quote("'", "'")],
        keywords: &[
            "abstract", "actual", "annotation", "as", "break", "by", "catch", "class", "companion", "const",
            "constructor", "continue", "crossinline", "data", "do", "else", "enum", "expect", "external",
            "final", "finally", "for", "fun", "get", "if", "import", "in", "infix", "init", "inline",
            "inner", "interface", "internal", "is", "lateinit", "noinline", "object", "open", "operator",
            "out", "override", "package", "private", "protected", "public", "reified", "return", "sealed",
            "set", "super", "suspend", "tailrec", "this", "throw", "try", "typealias", "val", "value",
            "var", "vararg", "when", "where", "while",
        ],
        types: &[
            "Any", "Boolean", "Byte", "Char", "Double", "Float", "Int", "Long", "Nothing", "Short",
            "String", "Unit",
        ],
        constants: &["false", "null", "true"],
        tags: &["@"],
        ..PLAIN
    }),
};

pub(super) static CSHARP: Language = Language {
    name: "C#",
    aliases: &["csharp", "cs", "c#", "dotnet"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        quotes: &[raw_quote("\"\"\"", "\"\"\""), raw_quote("@\"", "\""), quote("\"", "\""), quote("'", "'")],
        keywords: &[
            "abstract", "add", "alias", "as", "async", "await", "base", "break", "case", "catch", "checked",
            "class", "const", "continue", "default", "delegate", "do", "else", "enum", "event", "explicit",
            "extern", "finally", "fixed", "for", "foreach", "from", "get", "global", "goto", "group", "if",
            "implicit", "in", "init", "interface", "internal", "into", "is", "join", "let", "lock",
            "nameof", "namespace", "new", "on", "operator", "orderby", "out", "override", "params",
            "partial", "private", "protected", "public", "readonly", "record", "ref", "remove", "required",
            "return", "sealed", "select", "set", "sizeof", "stackalloc", "static", "struct", "switch",
            "this", "throw", "try", "typeof", "unchecked", "unsafe", "using", "value", "var", "virtual",
            "volatile", "when", "where", "while", "with", "yield",
        ],
        types: &[
            "bool", "byte", "char", "decimal", "double", "dynamic", "float", "int", "long", "nint", "nuint",
            "object", "sbyte", "short", "string", "uint", "ulong", "ushort", "void",
        ],
        constants: &["false", "null", "true"],
        tags: &["#"],
        ..PLAIN
    }),
};

pub(super) static SWIFT: Language = Language {
    name: "Swift",
    aliases: &["swift"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        nested_comments: true,
        quotes: &[lines_quote("\"\"\"", "\"\"\""), quote("\"", "\"")],
        keywords: &[
            "actor", "any", "as", "associatedtype", "async", "await", "borrowing", "break", "case", "catch",
            "class", "consuming", "continue", "convenience", "default", "defer", "deinit", "didSet", "do",
            "dynamic", "else", "enum", "extension", "fallthrough", "fileprivate", "final", "for", "func",
            "get", "guard", "if", "import", "in", "indirect", "infix", "init", "inout", "internal", "is",
            "isolated", "lazy", "let", "macro", "mutating", "nonisolated", "nonmutating", "open",
            "operator", "optional", "override", "postfix", "precedencegroup", "prefix", "private",
            "protocol", "public", "repeat", "required", "rethrows", "return", "self", "set", "some",
            "static", "struct", "subscript", "super", "switch", "throw", "throws", "try", "typealias",
            "unowned", "var", "weak", "where", "while", "willSet",
        ],
        types: &["Any", "Self"],
        constants: &["false", "nil", "true"],
        tags: &["@", "#"],
        ..PLAIN
    }),
};

pub(super) static DART: Language = Language {
    name: "Dart",
    aliases: &["dart"],
    grammar: Grammar::Words(Words {
        line_comments: &["//"],
        block_comment: Some(("/*", "*/")),
        quotes: &[lines_quote("\"\"\"", "\"\"\""), lines_quote("'''", "'''"), quote("\"", "\""), quote("'", "'")],
        keywords: &[
            "abstract", "as", "assert", "async", "await", "base", "break", "case", "catch", "class",
            "const", "continue", "covariant", "default", "deferred", "do", "dynamic", "else", "enum",
            "export", "extends", "extension", "external", "factory", "final", "finally", "for", "get",
            "hide", "if", "implements", "import", "in", "interface", "is", "late", "library", "mixin",
            "new", "of", "on", "operator", "part", "required", "rethrow", "return", "sealed", "set", "show",
            "static", "super", "switch", "sync", "this", "throw", "try", "typedef", "var", "when", "while",
            "with", "yield",
        ],
        types: &["bool", "double", "int", "num", "void"],
        constants: &["false", "null", "true"],
        tags: &["@"],
        ..PLAIN
    }),
};
