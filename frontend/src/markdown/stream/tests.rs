use proptest::prelude::*;

use super::*;

/// Pieces that meet in every order: the ends and beginnings of all kinds of blocks.
fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "\n", "\n\n", " ", "    ", "\t", "word", "Two words", "- ", "* ", "1. ", "2) ", "> ", "# ", "## ", "---", "===",
            "```", "```rust\n", "~~~", "`", "``", "**", "*", "_", "~~", "|", " | ", "--- | ---\n", "|---|---|\n",
            "a | b\n", "<div>", "</div>\n", "<b>", "<!-- ", " -->", "![x](y)", "(http://a.b)", "https://e.org/x", "$x$",
            "$$", "- [ ] ", "- [x] ", "  ", "\\", "&amp;", "é", "日本", "🦀", "\r\n", "+ ", "10. ", "<pre>", "<br>",
        ]).prop_map(str::to_owned),
        1 => "[a-z]{1,6}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// `text` cut at arbitrary places.
fn split(text: &str, cuts: &[prop::sample::Index]) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(letters.len() + 1)).collect();
    places.extend([0, letters.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| letters[pair[0]..pair[1]].iter().collect()).collect()
}

fn grown(pieces: &[String]) -> Stream {
    let mut stream = Stream::default();
    for piece in pieces {
        stream.push(piece);
    }
    stream
}

/// An answer as models write them.
const ANSWER: &str = include_str!("answer.md");

#[test]
fn a_block_of_a_growing_answer_never_turns_into_another_kind() {
    let mut stream = Stream::default();
    let mut kinds = Vec::new();
    for letter in ANSWER.chars() {
        stream.push(letter.encode_utf8(&mut [0; 4]));
        let now: Vec<_> = stream.blocks().iter().map(|block| std::mem::discriminant(&**block)).collect();
        assert!(
            now.starts_with(&kinds),
            "a block changed or vanished after {:?}: {:?}",
            stream.source.chars().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<String>(),
            stream.blocks(),
        );
        kinds = now;
    }
    assert_eq!(stream.blocks().len(), tree::parse(ANSWER).len());
}

#[test]
fn only_the_last_block_is_open_in_a_growing_answer() {
    let mut stream = Stream::default();
    for letter in ANSWER.chars() {
        stream.push(letter.encode_utf8(&mut [0; 4]));
        assert!(stream.closed() + 2 >= stream.blocks().len(), "{:?}", stream.source);
    }
}

#[test]
fn a_text_that_does_not_go_on_from_the_former_one_starts_anew() {
    let mut stream = Stream::default();
    stream.update("# One\n\ntwo\n\nthree", true);
    stream.update("# Other\n\ntext\n", true);
    assert_eq!(stream.blocks(), tree::parse("# Other\n\ntext\n"));
    stream.update("x", false);
    assert_eq!(stream.blocks(), tree::parse("x"));
    stream.update("x y", true);
    assert_eq!(stream.blocks(), tree::parse("x y"));
}

#[test]
fn a_reference_defined_late_is_known_when_the_text_is_complete() {
    let source = "See [the page][p].\n\nMore.\n\n[p]: https://example.org\n";
    let mut stream = Stream::default();
    for letter in source.chars() {
        stream.push(letter.encode_utf8(&mut [0; 4]));
    }
    assert_ne!(stream.blocks(), tree::parse(source));
    stream.update(source, false);
    assert_eq!(stream.blocks(), tree::parse(source));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_blocks_of_a_whole_parse(
        text in markdown(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        // A last line end completes the text: what is still half-written is shown healed until then.
        let text = format!("{text}\n\nend\n");
        let stream = grown(&split(&text, &cuts));
        prop_assert_eq!(stream.blocks(), tree::parse(&text));
    }

    #[test]
    fn closed_blocks_never_change(
        text in markdown(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut stream = Stream::default();
        let mut closed: Vec<Rc<Block>> = Vec::new();
        for piece in split(&text, &cuts) {
            stream.push(&piece);
            for (before, now) in closed.iter().zip(stream.blocks()) {
                prop_assert!(Rc::ptr_eq(before, now));
            }
            closed = stream.blocks()[..stream.closed()].to_vec();
        }
        let source = stream.source.clone();
        stream.update(&source, false);
        for (before, now) in closed.iter().zip(stream.blocks()) {
            prop_assert!(Rc::ptr_eq(before, now));
        }
        prop_assert_eq!(stream.blocks(), tree::parse(&source));
    }
}
