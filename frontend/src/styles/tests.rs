use super::tokens::{colors, syntax};

/// The least contrast of WCAG 2.2, level AA, for text of normal size.
const AA_TEXT: f64 = 4.5;
/// The least contrast of WCAG 2.2, level AA, for signs and frames that carry meaning.
const AA_SIGN: f64 = 3.0;

/// Relative luminance as WCAG defines it.
fn luminance(color: &str) -> f64 {
    let channel = |from: usize| {
        let value = u8::from_str_radix(color.get(from..from + 2).unwrap(), 16).unwrap();
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[track_caller]
fn assert_contrast(least: f64, name: &str, front: &str, back: &str) {
    let found = contrast(front, back);
    assert!(found >= least, "{name}: {front} on {back} has {found:.2}, needs {least}");
}

#[test]
fn the_formula_gives_the_known_extremes() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01);
}

#[test]
fn every_text_is_readable_on_every_ground_it_stands_on() {
    for dark in [false, true] {
        let colors = colors(dark);
        for (ground_name, ground) in
            [("background", &colors.background), ("surface", &colors.surface), ("raised", &colors.raised)]
        {
            for (name, front) in [
                ("text", &colors.text),
                ("muted", &colors.muted),
                ("accent", &colors.accent),
                ("danger", &colors.danger),
                ("success", &colors.success),
            ] {
                assert_contrast(AA_TEXT, &format!("{name} on {ground_name}, dark {dark}"), front, ground);
            }
        }
        assert_contrast(AA_TEXT, "on accent", &colors.on_accent, &colors.accent);
        assert_contrast(AA_TEXT, "text on code", &colors.text, &colors.code_background);
        assert_contrast(AA_TEXT, "muted on code", &colors.muted, &colors.code_background);
        assert_contrast(AA_TEXT, "removed lines", &colors.danger, &colors.code_background);
        assert_contrast(AA_TEXT, "copied", &colors.success, &colors.code_background);
        assert_contrast(AA_SIGN, "focus", &colors.accent, &colors.code_background);
    }
}

#[test]
fn every_colour_of_code_is_readable() {
    for dark in [false, true] {
        let ground = colors(dark).code_background;
        let syntax = syntax(dark);
        for (name, front) in [
            ("comment", syntax.comment),
            ("string", syntax.string),
            ("number", syntax.number),
            ("keyword", syntax.keyword),
            ("type", syntax.type_name),
            ("function", syntax.function),
            ("property", syntax.property),
            ("tag", syntax.tag),
        ] {
            assert_contrast(AA_TEXT, &format!("{name}, dark {dark}"), front, &ground);
        }
    }
}

#[test]
fn the_script_before_the_first_paint_knows_the_grounds() {
    let script = include_str!("../../static/theme.js");
    for dark in [false, true] {
        let ground = colors(dark).background;
        assert!(script.contains(&ground), "theme.js does not name {ground}");
    }
}

#[test]
fn every_variable_that_a_sheet_uses_is_set() {
    let sheet = super::sheet();
    for used in sheet.split("var(--").skip(1) {
        let name = used.split([')', ',']).next().unwrap();
        assert!(sheet.contains(&format!("--{name}:")), "--{name} is used but never set");
    }
}

#[test]
fn braces_are_balanced() {
    let sheet = super::sheet();
    assert_eq!(sheet.matches('{').count(), sheet.matches('}').count());
}
