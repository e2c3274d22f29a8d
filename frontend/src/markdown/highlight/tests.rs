use proptest::prelude::*;

use super::*;

fn kinds(name: &str, code: &str) -> Vec<(Kind, String)> {
    let language = language(name).unwrap();
    let (tokens, _) = highlight(language, State::default(), code);
    tokens
        .into_iter()
        .filter(|(kind, text)| *kind != Kind::Plain && !text.trim().is_empty())
        .map(|(kind, text)| (kind, text.to_owned()))
        .collect()
}

#[track_caller]
fn assert_kinds(name: &str, code: &str, expected: &[(Kind, &str)]) {
    let found = kinds(name, code);
    let found: Vec<_> = found.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
    assert_eq!(found, expected, "{code}");
}

#[test]
fn rust_tells_lifetimes_from_characters_and_knows_raw_strings() {
    assert_kinds(
        "rust",
        "fn f<'a>(x: &'a str) -> char { println!(\"{}\", r#\"a\"b\"#); '\\n' } // end",
        &[
            (Kind::Keyword, "fn"),
            (Kind::Function, "f"),
            (Kind::Variable, "'a"),
            (Kind::Variable, "'a"),
            (Kind::Type, "str"),
            (Kind::Type, "char"),
            (Kind::Function, "println"),
            (Kind::String, "\"{}\""),
            (Kind::String, "r#\"a\"b\"#"),
            (Kind::String, "'\\n'"),
            (Kind::Comment, "// end"),
        ],
    );
}

#[test]
fn a_comment_goes_on_over_lines() {
    assert_kinds(
        "rs",
        "/* a /* b */\nc */ let x = 1;",
        &[
            (Kind::Comment, "/* a /* b */\n"),
            (Kind::Comment, "c */"),
            (Kind::Keyword, "let"),
            (Kind::Number, "1"),
        ],
    );
}

#[test]
fn python_strings_of_three_quotes_span_lines() {
    assert_kinds(
        "py",
        "x = \"\"\"a\n'b' \"\"\" + 'c' # d",
        &[
            (Kind::String, "\"\"\"a\n"),
            (Kind::String, "'b' \"\"\""),
            (Kind::String, "'c'"),
            (Kind::Comment, "# d"),
        ],
    );
}

#[test]
fn json_keys_are_not_values() {
    assert_kinds(
        "json",
        "{\"a\\\"b\": \"c\", \"d\" : 1.5e-3, \"e\": [true, null]}",
        &[
            (Kind::Property, "\"a\\\"b\""),
            (Kind::String, "\"c\""),
            (Kind::Property, "\"d\""),
            (Kind::Number, "1.5e-3"),
            (Kind::Property, "\"e\""),
            (Kind::Number, "true"),
            (Kind::Number, "null"),
        ],
    );
}

#[test]
fn a_page_colours_its_scripts_and_styles() {
    assert_kinds(
        "html",
        "<style>\na { color: #fff; }\n</style>\n<script src=\"x\">\nconst a = 'b';\n</script>\n<p class=x>&amp;</p>",
        &[
            (Kind::Tag, "style"),
            (Kind::Property, "color"),
            (Kind::Number, "#fff"),
            (Kind::Tag, "style"),
            (Kind::Tag, "script"),
            (Kind::Property, "src"),
            (Kind::String, "\"x\""),
            (Kind::Keyword, "const"),
            (Kind::String, "'b'"),
            (Kind::Tag, "script"),
            (Kind::Tag, "p"),
            (Kind::Property, "class"),
            (Kind::Property, "x"),
            (Kind::Number, "&amp;"),
            (Kind::Tag, "p"),
        ],
    );
}

#[test]
fn sql_words_have_no_case() {
    assert_kinds(
        "sql",
        "SELECT count(*) from t -- all",
        &[
            (Kind::Keyword, "SELECT"),
            (Kind::Function, "count"),
            (Kind::Keyword, "from"),
            (Kind::Comment, "-- all"),
        ],
    );
}

#[test]
fn a_shell_comment_needs_a_space_before_it() {
    assert_kinds(
        "bash",
        "echo $# ${A#b} c#d # e",
        &[(Kind::Type, "echo"), (Kind::Variable, "$#"), (Kind::Variable, "${A#b}"), (Kind::Comment, "# e")],
    );
}

#[test]
fn yaml_keys_stand_at_the_start_of_a_line() {
    assert_kinds(
        "yml",
        "a:\n  - b-c: http://x # d\n",
        &[(Kind::Property, "a"), (Kind::Property, "b-c"), (Kind::Comment, "# d\n")],
    );
}

#[test]
fn a_diff_is_coloured_by_line() {
    assert_kinds(
        "diff",
        "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n z\n",
        &[
            (Kind::Heading, "--- a\n"),
            (Kind::Heading, "+++ b\n"),
            (Kind::Tag, "@@ -1 +1 @@\n"),
            (Kind::Deleted, "-x\n"),
            (Kind::Inserted, "+y\n"),
        ],
    );
}

#[test]
fn every_list_of_words_is_sorted_and_every_alias_is_unique() {
    let mut aliases = std::collections::BTreeSet::new();
    for language in languages::ALL {
        for alias in language.aliases {
            assert!(aliases.insert(alias), "{alias} twice");
            assert_eq!(*alias, alias.to_lowercase());
        }
        let words = match &language.grammar {
            Grammar::Words(words) => words,
            Grammar::Shared(words) => words,
            Grammar::Markup | Grammar::Markdown | Grammar::Diff => continue,
        };
        for list in [words.keywords, words.types, words.constants] {
            assert!(list.is_sorted(), "{}: {list:?}", language.name);
        }
    }
}

#[test]
fn a_line_of_a_megabyte_stays_plain() {
    let code = "1 ".repeat(500_000);
    let (tokens, _) = highlight(language("js").unwrap(), State::default(), &code);
    assert_eq!(tokens.len(), 1);
}

/// Pieces that open and close everything the tables know.
fn code() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\n",
        " ",
        "\"",
        "'",
        "`",
        "\"\"\"",
        "'''",
        "/*",
        "*/",
        "//",
        "#",
        "--",
        "--[[",
        "]]",
        "r#\"",
        "\"#",
        "\\",
        "<",
        ">",
        "</",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "=",
        ":",
        "{",
        "}",
        "(",
        "[",
        "#[",
        "@",
        "$",
        "${",
        "0x1F",
        "1.5e+3",
        "fn",
        "let",
        "word",
        "Word",
        "WORD",
        "é",
        "🦀",
        "```",
        "**",
        "+",
        "-",
        "<?php",
        "'a",
        "'b'",
        "&amp;",
        ";",
        ".",
        "%",
        "<#",
        "#>",
        "=begin",
        "\t",
        "\r\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_tokens_add_up_to_the_code_in_every_language(code in prop_oneof![code(), ".{0,80}"]) {
        for language in languages::ALL {
            let (tokens, _) = highlight(language, State::default(), &code);
            prop_assert_eq!(tokens.iter().map(|(_, text)| *text).collect::<String>(), code.as_str(), "{}", language.name);
        }
    }

    #[test]
    fn going_on_at_a_line_gives_the_same_tokens(code in code(), at in any::<prop::sample::Index>()) {
        let lines: Vec<&str> = code.split_inclusive('\n').collect();
        let at = at.index(lines.len() + 1);
        let (first, second) = (lines[..at].concat(), lines[at..].concat());
        for language in languages::ALL {
            let (whole, end) = highlight(language, State::default(), &code);
            let (mut tokens, state) = highlight(language, State::default(), &first);
            let (rest, state) = highlight(language, state, &second);
            tokens.extend(rest);
            prop_assert_eq!(&tokens, &whole, "{}", language.name);
            prop_assert_eq!(state, end);
        }
    }
}
