//! How deep a template's text is nested: llama.cpp reads it by recursion, before anything is known of it.

use super::TemplateError;

/// The largest templates that models come with have some 50 KiB.
const TEMPLATE_MAX_BYTES: usize = 256 * 1024;
/// A tag of a template: in real ones some hundred bytes. Each byte may be a level (`- - - 1`).
const TAG_MAX_BYTES: usize = 16 * 1024;
/// Brackets within brackets: people write a handful. Each is a dozen calls deep.
const BRACKETS_MAX: usize = 200;

/// Refuses a template whose reading might end the process.
///
/// # Errors
/// Which bound it does not keep to.
pub fn check(source: &str) -> Result<(), TemplateError> {
    if source.len() > TEMPLATE_MAX_BYTES {
        let (has, most) = (source.len(), TEMPLATE_MAX_BYTES);
        return Err(TemplateError(format!("it has {has} bytes, and at most {most} are read")));
    }
    let tags = ["{%", "{{"].into_iter().zip(["%}", "}}"]).flat_map(|(begin, end)| {
        source.split(begin).skip(1).map(move |tag| tag.find(end).unwrap_or(tag.len()))
    });
    if tags.max().is_some_and(|longest| longest > TAG_MAX_BYTES) {
        return Err(TemplateError(format!("it has a tag of more than {TAG_MAX_BYTES} bytes")));
    }
    let (mut open, mut deepest) = (0_usize, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    if deepest > BRACKETS_MAX {
        return Err(TemplateError(format!("its brackets are nested more than {BRACKETS_MAX} deep")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_or_long_beyond_all_bounds_is_refused() {
        let nested = |levels: usize| format!("{{{{ {}1{} }}}}", "(".repeat(levels), ")".repeat(levels));
        assert!(check(&nested(150)).is_ok());
        assert!(check(&nested(250)).unwrap_err().to_string().contains("200 deep"));
        let negated = |times: usize| format!("{{{{ {}1 }}}}", "-".repeat(times));
        assert!(check(&negated(1_000)).is_ok());
        assert!(check(&negated(20_000)).unwrap_err().to_string().contains("tag"));
        assert!(check(&" ".repeat(300_000)).unwrap_err().to_string().contains("bytes"));
    }

    #[test]
    fn text_beside_tags_may_be_long() {
        let text = format!("{{{{ a }}}}{}{{% if a %}}b{{% endif %}}", "words ".repeat(10_000));
        assert!(check(&text).is_ok());
    }
}
