//! Which addresses a click may open.

/// `address`, if it leads to a web page or a mailbox. Anything else, above all script, is not for opening.
pub(super) fn safe_address(address: &str) -> Option<&str> {
    let address = address.trim();
    let (scheme, rest) = address.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" if rest.starts_with("//") => Some(address),
        "mailto" => Some(address),
        _ => None,
    }
}

/// The machine that a web address names.
pub(super) fn host(address: &str) -> Option<&str> {
    let (_, rest) = safe_address(address)?.split_once("//")?;
    let host = rest.split(['/', '?', '#', '\\']).next()?;
    // What stands before an @ only looks like the machine.
    Some(host.rsplit('@').next().unwrap_or(host)).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_and_mail_addresses_open() {
        for address in ["https://a.b/c?d#e", "HTTP://a.b", " https://a.b ", "mailto:a@b.c"] {
            assert!(safe_address(address).is_some(), "{address}");
        }
        for address in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<script>",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://a.b/c",
            "//a.b",
            "/api/me",
            "a.b",
            "https:a.b",
            "",
        ] {
            assert_eq!(safe_address(address), None, "{address}");
        }
    }

    #[test]
    fn the_host_is_the_machine_that_answers() {
        assert_eq!(host("https://example.org/a@b"), Some("example.org"));
        assert_eq!(host("https://good.org@evil.org/"), Some("evil.org"));
        assert_eq!(host("https://evil.org\\@good.org/"), Some("evil.org"));
        assert_eq!(host("https://a.b:8080?x"), Some("a.b:8080"));
        assert_eq!(host("/local.png"), None);
    }
}
