use super::*;
use proptest::prelude::*;

fn piece(text: &str, tokens: &[Token]) -> Option<Piece> {
    Some(Piece { text: text.to_owned(), tokens: tokens.to_vec() })
}

fn last(pieces: &[(&str, &[Token])]) -> Vec<Piece> {
    pieces.iter().filter_map(|(text, tokens)| piece(text, tokens)).collect()
}

fn assembler(stops: &[&str]) -> TextAssembler {
    TextAssembler::new(stops.iter().map(|stop| (*stop).to_owned()).collect())
}

#[test]
fn half_a_character_waits_for_its_other_half() {
    let mut text = assembler(&[]);
    assert_eq!(text.push(1, &[b'a', 0xc3]), Pushed::More(None));
    assert_eq!(text.push(2, &[0xa9]), Pushed::More(piece("aé", &[1, 2])));
}

#[test]
fn whole_tokens_before_half_a_character_do_not_wait() {
    let mut text = assembler(&[]);
    assert_eq!(text.push(1, b"plain "), Pushed::More(piece("plain ", &[1])));
    assert_eq!(text.push(2, &[0xf0, 0x9f]), Pushed::More(None));
    assert_eq!(text.push(3, &[0xa6]), Pushed::More(None));
    assert_eq!(text.push(4, &[0x8a, b'!']), Pushed::More(piece("🦊!", &[2, 3, 4])));
}

#[test]
fn bytes_that_are_no_character_become_the_replacement_and_hold_nothing_back() {
    let mut text = assembler(&[]);
    assert_eq!(text.push(1, &[0xff]), Pushed::More(piece("\u{fffd}", &[1])));
    assert_eq!(text.push(2, &[0xe2, 0x82]), Pushed::More(None));
    assert_eq!(text.push(3, b"A"), Pushed::More(piece("\u{fffd}A", &[2, 3])));
}

#[test]
fn half_a_character_at_the_end_is_dropped_with_its_token() {
    let mut text = assembler(&[]);
    assert_eq!(text.push(1, &[0xe2, 0x82]), Pushed::More(None));
    assert_eq!(text.finish(), last(&[]));
    assert_eq!(text.push(2, &[b'x', 0xe2]), Pushed::More(None));
    assert_eq!(text.finish(), last(&[("x", &[])]), "the whole part is text, the token is not listed");
}

#[test]
fn control_tokens_go_with_the_text_beside_them() {
    let mut text = assembler(&[]);
    assert_eq!(text.push(9, b""), Pushed::More(None));
    assert_eq!(text.push(1, b"a"), Pushed::More(piece("a", &[9, 1])));
    assert_eq!(text.push(9, b""), Pushed::More(None));
    assert_eq!(text.finish(), last(&[]));
}

#[test]
fn a_stop_string_across_tokens_is_never_told() {
    let mut text = assembler(&["<end>"]);
    assert_eq!(text.push(1, b"one <e"), Pushed::More(None));
    assert_eq!(text.push(2, b"nd"), Pushed::More(None));
    assert_eq!(text.push(3, b"> two"), Pushed::Stop(last(&[("one ", &[])])));
    assert_eq!(text.finish(), last(&[]));
}

#[test]
fn tokens_before_a_stop_string_are_told_whole() {
    let mut text = assembler(&["END"]);
    assert_eq!(text.push(1, b"one "), Pushed::More(piece("one ", &[1])));
    assert_eq!(text.push(2, b"E"), Pushed::More(None));
    assert_eq!(text.push(3, b"N"), Pushed::More(None));
    assert_eq!(text.push(4, b"D"), Pushed::Stop(last(&[])));
}

#[test]
fn what_turns_out_to_be_no_stop_string_is_told() {
    let mut text = assembler(&["END"]);
    assert_eq!(text.push(1, b"E"), Pushed::More(None));
    assert_eq!(text.push(2, b"N"), Pushed::More(None));
    assert_eq!(text.push(3, b"EMY E"), Pushed::More(piece("EN", &[1, 2])), "the last token may begin one");
    assert_eq!(text.finish(), last(&[("EMY E", &[3])]));
}

#[test]
fn what_an_end_leaves_of_a_token_is_a_piece_of_its_own() {
    let mut text = assembler(&["abc"]);
    assert_eq!(text.push(1, b"a"), Pushed::More(None));
    assert_eq!(text.push(2, b"b"), Pushed::More(None));
    assert_eq!(text.push(3, b"a bcabc"), Pushed::Stop(last(&[("ab", &[1, 2]), ("a bc", &[])])));
    let mut text = assembler(&["<"]);
    assert_eq!(text.push(1, &[0xc3]), Pushed::More(None));
    assert_eq!(
        text.push(2, &[0xa9, b'<']),
        Pushed::Stop(last(&[("é", &[])])),
        "half a character is no token"
    );
    let mut text = assembler(&["xyz"]);
    assert_eq!(text.push(1, b"x"), Pushed::More(None));
    assert_eq!(text.push(2, &[b'y', 0xe2]), Pushed::More(piece("x", &[1])));
    assert_eq!(text.finish(), last(&[("y", &[])]));
}

#[test]
fn of_two_stop_strings_the_first_in_the_text_counts() {
    let mut text = assembler(&["later", "now"]);
    assert_eq!(text.push(1, b"a now later"), Pushed::Stop(last(&[("a ", &[])])));
}

#[test]
fn of_two_stop_strings_the_one_that_is_complete_first_counts_however_the_text_comes() {
    let mut at_once = assembler(&["a bc", "b"]);
    assert_eq!(at_once.push(1, b"xa bc"), Pushed::Stop(last(&[("xa ", &[])])));
    let mut in_tokens = assembler(&["a bc", "b"]);
    assert_eq!(in_tokens.push(1, b"xa "), Pushed::More(None));
    assert_eq!(in_tokens.push(2, b"bc"), Pushed::Stop(last(&[("xa ", &[1])])));
}

/// What the answer should be: the text up to the stop string that is complete first, as if it came byte by byte.
fn reference(bytes: &[u8], stops: &[String]) -> (String, bool) {
    let ends_with = |end: usize| {
        let so_far = &bytes[..end];
        let complete = stops.iter().filter(|stop| so_far.ends_with(stop.as_bytes()));
        complete.map(|stop| end - stop.len()).min()
    };
    let cut = (1..=bytes.len()).find_map(ends_with);
    let whole = bytes.get(..cut.unwrap_or(bytes.len())).unwrap_or_default();
    let half = if cut.is_some() { 0 } else { incomplete_len(whole) };
    (String::from_utf8_lossy(&whole[..whole.len() - half]).into_owned(), cut.is_some())
}

proptest! {
    #[test]
    fn any_cut_into_tokens_gives_the_same_text(
        answer in "[abé猫🦊 ]{0,40}",
        cuts in prop::collection::vec(1_usize..5, 0..60),
        stops in prop::collection::vec("[abé猫]{1,4}", 0..3),
    ) {
        let mut rest = answer.as_bytes();
        let mut tokens: Vec<&[u8]> = Vec::new();
        for cut in cuts.iter().copied().chain(std::iter::repeat(1)) {
            if rest.is_empty() {
                break;
            }
            let (token, tail) = rest.split_at(cut.min(rest.len()));
            tokens.push(token);
            rest = tail;
        }
        let (expected, stops_early) = reference(answer.as_bytes(), &stops);

        let mut text = TextAssembler::new(stops);
        let mut pieces = Vec::new();
        let mut told = String::new();
        let mut told_tokens: Vec<Token> = Vec::new();
        let mut stopped = false;
        for (index, bytes) in tokens.iter().enumerate() {
            match text.push(index as Token, bytes) {
                Pushed::More(piece) => pieces.extend(piece),
                Pushed::Stop(last) => {
                    pieces.extend(last);
                    stopped = true;
                    break;
                }
            }
        }
        pieces.extend(text.finish());
        for (index, piece) in pieces.iter().enumerate() {
            prop_assert!(!piece.text.is_empty());
            let bytes: Vec<u8> =
                piece.tokens.iter().flat_map(|token| tokens[*token as usize]).copied().collect();
            let is_cut = piece.tokens.is_empty() && index + 1 == pieces.len();
            prop_assert!(is_cut || piece.text.as_bytes() == bytes, "tokens are exactly the text's");
            told.push_str(&piece.text);
            told_tokens.extend(&piece.tokens);
        }
        prop_assert_eq!(told, expected);
        prop_assert_eq!(stopped, stops_early);
        let count = told_tokens.len() as Token;
        prop_assert_eq!(told_tokens, (0..count).collect::<Vec<_>>(), "tokens in order, none left out");
    }
}
