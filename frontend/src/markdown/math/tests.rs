use super::*;

fn identifier(text: &str) -> Math {
    Math::Identifier(text.into())
}

fn number(text: &str) -> Math {
    Math::Number(text.into())
}

fn operator(text: &str) -> Math {
    Math::Operator(text.into())
}

#[test]
fn a_fraction_has_a_top_and_a_bottom() {
    let Math::Fraction { top, bottom, line: true } = parse("\\frac{n+1}{2}") else { panic!() };
    assert_eq!(*top, Math::Row(vec![identifier("n"), operator("+"), number("1")]));
    assert_eq!(*bottom, number("2"));
    let Math::Fraction { top, bottom, .. } = parse("\\frac12") else { panic!() };
    assert_eq!((*top, *bottom), (number("1"), number("2")));
}

#[test]
fn a_sum_has_its_bounds() {
    let sum = parse("\\sum_{i=1}^n i");
    let Math::Row(parts) = sum else { panic!("{sum:?}") };
    let Math::Scripts { base, sub, sup } = &parts[0] else { panic!("{parts:?}") };
    assert_eq!(**base, Math::Large("∑".into()));
    assert!(sub.is_some());
    assert_eq!(sup.as_deref(), Some(&identifier("n")));
}

#[test]
fn brackets_and_arrows_are_told_apart() {
    let Math::Row(parts) = parse("\\left(a \\rightarrow b\\right]") else { panic!() };
    assert_eq!(parts.first(), Some(&Math::Bracket("(".into())));
    assert_eq!(parts.last(), Some(&Math::Bracket("]".into())));
}

#[test]
fn a_matrix_has_rows_and_cells() {
    let Math::Row(parts) = parse("\\begin{pmatrix} a & b \\\\ c & d \\\\ \\end{pmatrix}") else { panic!() };
    let Math::Table { rows, columns: Columns::Centred } = &parts[1] else { panic!("{parts:?}") };
    assert_eq!(rows, &[[identifier("a"), identifier("b")], [identifier("c"), identifier("d")]]);
}

#[test]
fn letters_have_hands() {
    assert_eq!(parse("\\mathbb{R}"), identifier("ℝ"));
    assert_eq!(parse("\\mathbf{x}"), identifier("𝐱"));
    assert_eq!(parse("\\mathbf{\\alpha}"), identifier("α"));
}

#[test]
fn what_is_not_known_is_shown_as_written() {
    assert_eq!(parse("\\unknown"), Math::Text("\\unknown".into()));
}

#[test]
fn text_keeps_its_spaces() {
    assert_eq!(parse("\\text{if } "), Math::Text("if ".into()));
}

#[test]
fn broken_and_endless_formulas_end() {
    for source in [
        "",
        "{",
        "}",
        "}}}a",
        "^",
        "_^",
        "a^",
        "\\",
        "\\left",
        "\\right)",
        "\\begin{cases} a & b",
        "\\end{x}",
        "&&",
        "a'''^2",
        "\\sqrt[3",
        "\\not",
        "x^{y^",
        "\\\\",
    ] {
        parse(source);
    }
    for piece in
        ["{", "\\frac", "x^", "\\sqrt{", "\\left(", "\\begin{matrix}", "\\mathbf{\\hat", "\\not", "}"]
    {
        parse(&piece.repeat(5_000));
    }
}
