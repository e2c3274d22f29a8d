use super::*;

fn text(text: &str) -> Inline {
    Inline::Text(text.into())
}

#[test]
fn two_prices_are_no_formula() {
    let blocks = parse("It costs $5–$10 a month, and $x^2$ is math.");
    let Block::Paragraph(inlines) = &*blocks[0] else { panic!("{blocks:?}") };
    assert_eq!(inlines[0], text("It costs $5–$10 a month, and "));
    assert_eq!(inlines[1], Inline::Math { source: "x^2".into(), display: false });
}

#[test]
fn a_bare_address_is_a_link_without_the_full_stop_of_its_sentence() {
    let blocks = parse("See https://example.org/a_b(c)?q=1. Or (http://x.y).");
    let link = |address: &str| Inline::Link { address: address.into(), content: vec![text(address)] };
    assert_eq!(
        *blocks[0],
        Block::Paragraph(vec![
            text("See "),
            link("https://example.org/a_b(c)?q=1"),
            text(". Or ("),
            link("http://x.y"),
            text(")."),
        ])
    );
}

#[test]
fn an_address_that_is_a_link_already_is_not_linked_twice() {
    let blocks = parse("[see https://a.b](https://c.d)");
    assert_eq!(
        *blocks[0],
        Block::Paragraph(vec![Inline::Link {
            address: "https://c.d".into(),
            content: vec![text("see https://a.b")]
        }])
    );
}

#[test]
fn html_stays_text() {
    let blocks = parse("<script>alert(1)</script>\n\na <b>c</b>");
    assert_eq!(*blocks[0], Block::Html("<script>alert(1)</script>".into()));
    assert_eq!(*blocks[1], Block::Paragraph(vec![text("a <b>c</b>")]));
}

#[test]
fn a_task_is_known_in_tight_and_in_loose_lists() {
    for source in ["- [x] a\n- [ ] b\n", "- [x] a\n\n- [ ] b\n"] {
        let blocks = parse(source);
        let Block::List { items, .. } = &*blocks[0] else { panic!("{blocks:?}") };
        assert_eq!(items.iter().map(|item| item.done).collect::<Vec<_>>(), [Some(true), Some(false)]);
    }
}

#[test]
fn a_table_keeps_head_rows_and_alignments() {
    let blocks = parse("a | b\n:-- | --:\n1 | 2\n3 | 4\n");
    let Block::Table { alignments, head, rows } = &*blocks[0] else { panic!("{blocks:?}") };
    assert_eq!(**alignments, [Alignment::Left, Alignment::Right]);
    assert_eq!(head.0, [vec![text("a")], vec![text("b")]]);
    assert_eq!(rows.len(), 2);
}

#[test]
fn a_thousand_nested_quotes_are_shown_flat() {
    let blocks = parse(&format!("{} deep", ">".repeat(1000)));
    let mut depth = 0;
    let mut inner = Rc::clone(&blocks[0]);
    while let Block::Quote(content) = &*Rc::clone(&inner) {
        depth += 1;
        inner = Rc::clone(&content[0]);
    }
    assert_eq!(depth, 32);
    assert_eq!(*inner, Block::Plain(vec![text("deep")]));
}

#[test]
fn unchanged_items_of_a_grown_list_are_shared() {
    let old = Rc::clone(&parse("- a\n- b\n")[0]);
    let new = share(&old, Rc::clone(&parse("- a\n- b\n- c\n")[0]));
    let (Block::List { items: old, .. }, Block::List { items: new, .. }) = (&*old, &*new) else { panic!() };
    assert!(Rc::ptr_eq(&old[0], &new[0]) && Rc::ptr_eq(&old[1], &new[1]));
    assert_eq!(new.len(), 3);
}
