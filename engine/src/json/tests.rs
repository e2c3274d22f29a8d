use super::*;
use proptest::prelude::*;

#[test]
fn what_is_json_is_told_from_what_is_not() {
    for good in [
        "{}",
        "[]",
        " [1, -0.5e+10, 0, 12E3] ",
        r#"{"a": {"b": [true, false, null, "x\"\\\u00e9"]}, "": 1}"#,
        "7",
        "\"\"",
        "\"Grüße\"",
    ] {
        assert_eq!(check(good, 8), Ok(()), "{good}");
    }
    for (bad, at) in [
        ("{,}", 1),
        ("[1,]", 3),
        ("01", 1),
        ("1.x", 2),
        ("{\"a\" 1}", 5),
        ("{\"a\":1} x", 8),
        ("tru3", 3),
        ("\"a\nb\"", 2),
        (r#""\x""#, 2),
        (r#""\u12g4""#, 5),
        ("]", 0),
        ("[}", 1),
    ] {
        assert_eq!(check(bad, 8), Err(JsonError::Unexpected { at }), "{bad}");
    }
    for unfinished in ["", " ", "{", "[1", "\"a", "{\"a\":", "nul"] {
        assert!(check(unfinished, 8).is_err(), "{unfinished}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(check(&nested(8), 8), Ok(()));
    assert_eq!(check(&nested(9), 8), Err(JsonError::TooDeep { most: 8 }));
    assert_eq!(check(&nested(1_000_000), 8), Err(JsonError::TooDeep { most: 8 }));
}

#[test]
fn a_value_tells_its_own_end() {
    let end = |text: &str| {
        let mut scanner = Scanner::default();
        text.bytes().enumerate().find_map(|(at, byte)| match scanner.push(byte).unwrap() {
            Scan::More => None,
            scan => Some((at, scan)),
        })
    };
    assert_eq!(end(r#"{"a": "}"}, "b""#), Some((9, Scan::Ended)));
    assert_eq!(end("12, 13"), Some((2, Scan::EndedBefore)));
    assert_eq!(end("[12]]"), Some((3, Scan::Ended)));
    assert_eq!(end("true}"), Some((3, Scan::Ended)));
    assert_eq!(end("12"), None);
}

#[test]
fn escapes_become_characters_where_json_allows_it() {
    assert_eq!(
        unescaped(r#"{"a": "\u003c|end|\u003e \ud83e\udd8a \/ \u0022 \\u003c \n \u000a"}"#),
        r#"{"a": "<|end|> 🦊 / \" \\u003c \u000a \u000a"}"#
    );
    assert_eq!(unescaped(r#""\ud83e alone""#), r#""\ud83e alone""#);
    assert_eq!(unescaped(r#""plain \n""#), r#""plain \n""#);
}

#[test]
fn a_text_becomes_a_string_and_comes_back() {
    let text = "a \"b\" \\ \n\t\u{1} é 🦊";
    let string = quoted(text);
    assert_eq!(check(&string, 1), Ok(()));
    assert_eq!(string_content(string.get(1..string.len() - 1).unwrap()), text);
    assert_eq!(string_content(r"\u0047r\u00fc\u00dfe \ud83e\udd8a"), "Grüße 🦊");
}

proptest! {
    #[test]
    fn any_text_survives_as_a_string(text in ".*") {
        let string = quoted(&text);
        prop_assert_eq!(check(&string, 1), Ok(()));
        prop_assert_eq!(string_content(string.get(1..string.len() - 1).unwrap()), text);
        prop_assert_eq!(check(&unescaped(&string), 1), Ok(()));
    }

    #[test]
    fn nothing_that_comes_makes_the_scanner_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut scanner = Scanner::new(4);
        for byte in bytes {
            if scanner.push(byte) != Ok(Scan::More) {
                break;
            }
        }
    }
}
