use proptest::prelude::*;

use super::*;

#[test]
fn what_is_begun_is_shown_as_it_is_meant() {
    for (written, shown) in [
        ("a **bo", "a **bo**"),
        ("a **bold*", "a **bold**"),
        ("a **bold ", "a **bold**"),
        ("a **", "a"),
        ("a *it", "a *it*"),
        ("a ***bo", "a ***bo***"),
        ("a **b *c", "a **b *c***"),
        ("a ~~st", "a ~~st~~"),
        ("use `ca", "use `ca`"),
        ("use `", "use"),
        ("use ``a `b", "use ``a `b``"),
        ("**use `ca", "**use `ca`**"),
        ("see [the page](https://exa", "see [the page](https://exa)"),
        ("**[a](b", "**[a](b)**"),
    ] {
        assert_eq!(heal(written), shown, "{written}");
    }
}

#[test]
fn what_is_complete_stays() {
    for text in [
        "a **b** c",
        "2*3 and 2 * 3",
        "snake_case",
        "`a` b",
        "[a](b) c",
        "\\*a",
        "a ~ b",
        "# Title",
        "- point",
        "| a | b |\n|---|---|\n| 1 |",
    ] {
        assert_eq!(heal(text), text);
    }
}

#[test]
fn a_line_that_may_become_anything_waits() {
    for (written, shown) in [
        ("Here:\n-", "Here:\n"),
        ("Here:\n1", "Here:\n"),
        ("Here:\n1.", "Here:\n"),
        ("Here:\n=", "Here:\n"),
        ("Here:\n``", "Here:\n"),
        ("Here:\n```rus", "Here:\n"),
        ("Here:\n##", "Here:\n"),
        ("Here:\n| a | b |", "Here:\n"),
        ("Here:\n| a | b |\n|--", "Here:\n"),
        ("Here:\n| a | b |\n|---|---|\n", "Here:\n| a | b |\n|---|---|\n"),
        ("- a\n  - ", "- a\n"),
    ] {
        assert_eq!(heal(written), shown, "{written}");
    }
}

#[test]
fn code_is_left_alone_but_for_the_fence_that_may_end_it() {
    for (written, shown) in [
        ("```py\na **b", "```py\na **b"),
        ("```py\nx\n``", "```py\nx\n"),
        ("- a\n  ```\n  x *y", "- a\n  ```\n  x *y"),
        ("```\nx\n```\na **b", "```\nx\n```\na **b**"),
    ] {
        assert_eq!(heal(written), shown, "{written}");
    }
}

proptest! {
    #[test]
    fn only_the_end_is_touched(text in "([a-z*_`~|\\[\\]()\\\\ 🦀#>-]|\n){0,60}") {
        let shown = heal(&text);
        let complete = text.rfind('\n').map_or(0, |end| end + 1);
        // At most the row above a half-written one is held back, never a line that is shown already.
        let common = text.bytes().zip(shown.bytes()).take_while(|(a, b)| a == b).count();
        let lines_kept = text.as_bytes()[..complete].iter().filter(|b| **b == b'\n').count().saturating_sub(1);
        prop_assert!(text.as_bytes()[..common].iter().filter(|b| **b == b'\n').count() >= lines_kept);
    }
}
