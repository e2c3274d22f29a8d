//! The sheets of components: CSS as text, scoped by stylist when the component is first drawn.
//!
//! stylist's `css!` reads a sheet while the page is compiled and leaves the tree of it in the program. For all sheets
//! of the page that is a hundred kilobytes; the text is a quarter of it. So the same tree is made here, of the CSS
//! that these sheets use: declarations, blocks, `@media` and `@keyframes`, each declaration ended by a semicolon.

use std::borrow::Cow;

use stylist::Style;
use stylist::ast::{
    Block, Bow, Rule, RuleBlockContent, ScopeContent, Selector, Sheet, StringFragment, StyleAttribute,
};
use yew::AttrValue;

/// Mounts the sheet of a component and returns its class. Called once for each sheet, by the `thread_local!` that
/// keeps the class: drawing a component a thousand times must not read its sheet a thousand times.
pub(crate) fn sheet(text: &'static str) -> AttrValue {
    match Style::new(read(text)) {
        Ok(style) => AttrValue::from(style.get_class_name().to_owned()),
        Err(error) => {
            web_sys::console::error_1(&format!("a sheet cannot be mounted: {error}").into());
            AttrValue::default()
        }
    }
}

fn read(text: &'static str) -> Sheet {
    Reader { rest: text }.scope().into()
}

struct Reader {
    rest: &'static str,
}

impl Reader {
    /// The text up to the next sign of structure, and that sign.
    fn next(&mut self) -> Option<(&'static str, char)> {
        let (index, sign) = self.rest.char_indices().find(|(_, sign)| matches!(sign, ';' | '{' | '}'))?;
        let (text, rest) = self.rest.split_at_checked(index)?;
        self.rest = rest.strip_prefix(sign)?;
        Some((text.trim(), sign))
    }

    /// What stands at the top of a sheet or inside `@media`. Declarations there are the component's own.
    fn scope(&mut self) -> Vec<ScopeContent> {
        let mut found = Vec::new();
        let mut own = Vec::new();
        while let Some((text, sign)) = self.next() {
            match sign {
                ';' => own.extend(declaration(text)),
                '{' => {
                    found.extend(own_block(&mut own));
                    found.push(self.opened(text));
                }
                _ => break,
            }
        }
        found.extend(own_block(&mut own));
        found
    }

    fn opened(&mut self, head: &'static str) -> ScopeContent {
        if head.starts_with("@keyframes") {
            ScopeContent::Rule(Rule { condition: fragments(head), content: self.frames().into() })
        } else if head.starts_with('@') {
            let content: Vec<_> = self.scope().into_iter().map(inner).collect();
            ScopeContent::Rule(Rule { condition: fragments(head), content: content.into() })
        } else {
            let selectors: Vec<_> =
                head.split(',').map(|one| Selector { fragments: fragments(one.trim()) }).collect();
            ScopeContent::Block(Block { condition: selectors.into(), content: self.declarations().into() })
        }
    }

    fn declarations(&mut self) -> Vec<RuleBlockContent> {
        let mut found = Vec::new();
        while let Some((text, ';')) = self.next() {
            found.extend(declaration(text));
        }
        found
    }

    fn frames(&mut self) -> Vec<RuleBlockContent> {
        let mut found = Vec::new();
        while let Some((head, '{')) = self.next() {
            let frame = Rule { condition: fragments(head), content: self.declarations().into() };
            found.push(RuleBlockContent::Rule(Bow::Boxed(Box::new(frame))));
        }
        found
    }
}

fn declaration(text: &'static str) -> Option<RuleBlockContent> {
    let (key, value) = text.split_once(':')?;
    let attribute = StyleAttribute { key: key.trim().into(), value: fragments(value.trim()) };
    Some(RuleBlockContent::StyleAttr(attribute))
}

fn own_block(own: &mut Vec<RuleBlockContent>) -> Option<ScopeContent> {
    let content = std::mem::take(own);
    (!content.is_empty())
        .then(|| ScopeContent::Block(Block { condition: Cow::Borrowed(&[]), content: content.into() }))
}

fn inner(content: ScopeContent) -> RuleBlockContent {
    match content {
        ScopeContent::Block(block) => RuleBlockContent::Block(Bow::Boxed(Box::new(block))),
        ScopeContent::Rule(rule) => RuleBlockContent::Rule(Bow::Boxed(Box::new(rule))),
    }
}

fn fragments(text: &'static str) -> Cow<'static, [StringFragment]> {
    Cow::Owned(vec![text.into()])
}

#[cfg(test)]
mod tests {
    use stylist::ast::{Sheet, ToStyleStr, sheet};

    use super::read;

    fn flat(sheet: &Sheet) -> String {
        sheet.to_style_str(Some("part")).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The text stands here twice, because stylist's macro takes nothing but a literal.
    #[test]
    fn a_sheet_is_read_as_stylist_reads_it() {
        let ours = read(
            r#"
            --own: min(19rem, 84vw);
            display: grid;
            animation: comes var(--fast) 400ms backwards;

            .inside, & > .child:hover:not(:disabled) {
                color: color-mix(in srgb, var(--accent) 55%, var(--border));
            }
            &::before {
                content: "";
            }
            @media (max-width: 767px) {
                padding: 0 max(var(--space-3), env(safe-area-inset-right, 0px));
                &.open > .child {
                    opacity: 1;
                }
            }
            @keyframes comes {
                from { opacity: 0; transform: translateY(4px); }
                to { opacity: 1; }
            }
        "#,
        );
        let theirs = sheet!(
            r#"
            --own: min(19rem, 84vw);
            display: grid;
            animation: comes var(--fast) 400ms backwards;

            .inside, & > .child:hover:not(:disabled) {
                color: color-mix(in srgb, var(--accent) 55%, var(--border));
            }
            &::before {
                content: "";
            }
            @media (max-width: 767px) {
                padding: 0 max(var(--space-3), env(safe-area-inset-right, 0px));
                &.open > .child {
                    opacity: 1;
                }
            }
            @keyframes comes {
                from { opacity: 0; transform: translateY(4px); }
                to { opacity: 1; }
            }
        "#
        );
        assert_eq!(flat(&ours), flat(&theirs));
    }
}
