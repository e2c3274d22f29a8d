//! Formulas as MathML: browsers draw it, screen readers read it.

use yew::prelude::*;

use crate::markdown::math::{self, Columns, Math};

/// The formula that the LaTeX `source` writes; one that stands apart from the text if `display`.
pub(super) fn formula(source: &str, display: bool) -> Html {
    let content = node(&math::parse(source));
    if display {
        html! { <span class="math display"><math display="block">{ content }</math></span> }
    } else {
        html! { <math class="math">{ content }</math> }
    }
}

fn node(math: &Math) -> Html {
    match math {
        Math::Row(parts) => html! { <mrow>{ for parts.iter().map(node) }</mrow> },
        Math::Identifier(text) => html! { <mi>{ text.clone() }</mi> },
        Math::Name(text) => html! { <mi mathvariant="normal">{ text.clone() }</mi> },
        Math::Number(text) => html! { <mn>{ text.clone() }</mn> },
        Math::Operator(text) => html! { <mo stretchy="false">{ text.clone() }</mo> },
        Math::Large(text) => html! { <mo movablelimits="true">{ text.clone() }</mo> },
        Math::Bracket(text) => html! { <mo stretchy="true">{ text.clone() }</mo> },
        Math::Text(text) => html! { <mtext>{ text.replace(' ', "\u{a0}") }</mtext> },
        Math::Space(hundredths) => {
            html! { <mspace width={format!("{}em", f32::from(*hundredths) / 100.0)} /> }
        }
        Math::Fraction { top, bottom, line } => html! {
            <mfrac linethickness={(!line).then_some("0")}>{ node(top) }{ node(bottom) }</mfrac>
        },
        Math::Root { of, degree: None } => html! { <msqrt>{ node(of) }</msqrt> },
        Math::Root { of, degree: Some(degree) } => html! { <mroot>{ node(of) }{ node(degree) }</mroot> },
        Math::Scripts { base, sub, sup } => scripts(base, sub.as_deref(), sup.as_deref()),
        Math::Over(base, sign) => html! { <mover accent="true">{ node(base) }{ stretched(sign) }</mover> },
        Math::Under(base, sign) => html! { <munder>{ node(base) }{ stretched(sign) }</munder> },
        Math::Table { rows, columns } => table(rows, *columns),
    }
}

fn scripts(base: &Math, sub: Option<&Math>, sup: Option<&Math>) -> Html {
    // An integral has its bounds at its side.
    let bounds = matches!(base, Math::Large(sign) if !"∫∬∭∮".contains(sign.as_str()))
        || matches!(base, Math::Under(..) | Math::Over(..));
    let (base, sub, sup) = (node(base), sub.map(node), sup.map(node));
    match (bounds, sub, sup) {
        (_, None, None) => base,
        (true, Some(sub), Some(sup)) => html! { <munderover>{ base }{ sub }{ sup }</munderover> },
        (true, Some(sub), None) => html! { <munder>{ base }{ sub }</munder> },
        (true, None, Some(sup)) => html! { <mover>{ base }{ sup }</mover> },
        (false, Some(sub), Some(sup)) => html! { <msubsup>{ base }{ sub }{ sup }</msubsup> },
        (false, Some(sub), None) => html! { <msub>{ base }{ sub }</msub> },
        (false, None, Some(sup)) => html! { <msup>{ base }{ sup }</msup> },
    }
}

/// A sign over or under something is as wide as it; words are not.
fn stretched(sign: &Math) -> Html {
    match sign {
        Math::Operator(text) => html! { <mo stretchy="true">{ text.clone() }</mo> },
        other => node(other),
    }
}

fn table(rows: &[Vec<Math>], columns: Columns) -> Html {
    let class = |column: usize| match columns {
        Columns::Centred => "",
        Columns::Left => "left",
        Columns::Aligned if column.is_multiple_of(2) => "right",
        Columns::Aligned => "left",
    };
    let row = |cells: &Vec<Math>| {
        let cells = cells.iter().enumerate().map(|(column, cell)| {
            html! { <mtd class={class(column)}>{ node(cell) }</mtd> }
        });
        html! { <mtr>{ for cells }</mtr> }
    };
    let display = (columns == Columns::Aligned).then_some("true");
    html! { <mtable displaystyle={display}>{ for rows.iter().map(row) }</mtable> }
}
