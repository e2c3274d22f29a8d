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
