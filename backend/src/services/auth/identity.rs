//! Addresses and names: brought into one form, and checked.

use shared::limits;

/// An address in the one form under which its account is kept: trimmed and in lower case. Else what is wrong.
pub fn normalise_email(text: &str) -> Result<String, String> {
    let email = text.trim().to_lowercase();
    let chars = email.chars().count();
    if chars > limits::EMAIL_MAX_CHARS {
        return Err(format!("has {chars} characters; {} are the most", limits::EMAIL_MAX_CHARS));
    }
    let is_address = match email.rsplit_once('@') {
        Some((local, domain)) => is_local_part(local) && is_domain(domain),
        None => false,
    };
    if is_address { Ok(email) } else { Err("is not an address like ada@example.org".to_owned()) }
}

/// Quoted local parts are real, and nobody has one.
fn is_local_part(text: &str) -> bool {
    !text.is_empty()
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "@\"(),:;<>[]\\".contains(c))
}

fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    })
}

/// A person's name, trimmed. Else what is wrong.
pub fn normalise_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let chars = name.chars().count();
    if chars == 0 {
        return Err("is empty".to_owned());
    }
    if chars > limits::NAME_MAX_CHARS {
        return Err(format!("has {chars} characters; {} are the most", limits::NAME_MAX_CHARS));
    }
    if name.chars().any(char::is_control) {
        return Err("has characters that cannot be shown".to_owned());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_and_the_space_around_an_address_do_not_matter() {
        assert_eq!(normalise_email("  Ada.Lovelace+x@Example.ORG \n").unwrap(), "ada.lovelace+x@example.org");
        assert_eq!(normalise_email("admin@localhost").unwrap(), "admin@localhost");
        assert_eq!(normalise_email("käthe@müller.de").unwrap(), "käthe@müller.de");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a da@example.org",
            "ada@exa mple.org",
            "ada@.org",
            "ada@-x.org",
        ] {
            assert!(normalise_email(text).is_err(), "{text:?}");
        }
        let long = format!("{}@example.org", "a".repeat(250));
        assert!(normalise_email(&long).unwrap_err().contains("254"));
    }

    #[test]
    fn a_name_needs_something_to_show() {
        assert_eq!(normalise_name(" Ada ").unwrap(), "Ada");
        assert!(normalise_name(" \u{a0}").is_err());
        assert!(normalise_name("a\u{7}b").is_err());
        assert!(normalise_name(&"é".repeat(101)).unwrap_err().contains("100"));
    }
}
