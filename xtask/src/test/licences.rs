//! What dependencies may be: of which licence, from where. `deny.toml` has the rules; cargo-deny, where it is
//! installed, also knows the known vulnerabilities.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::Proof;
use crate::command;
use crate::failure::{Doing, Failure, Outcome};
use crate::place;
use crate::report::say;

/// The one place from which crates may come.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Licences, sources, and with cargo-deny the advisories.
pub fn check() -> Outcome<Proof> {
    let rules = read("deny.toml")?;
    let lock = read("Cargo.lock")?;
    let mut tree = Command::new("cargo");
    tree.current_dir(place::root()).args([
        "tree",
        "--workspace",
        "--edges",
        "normal,build",
        "--target",
        "all",
    ]);
    let tree = command::capture(tree.args(["--prefix", "none", "--format", "{p}\t{l}"]))?;
    let allowed = allowed(&rules);
    let mut breaches: BTreeSet<String> = tree
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('\t'))
        .filter(|(_, licence)| !is_allowed(licence, &allowed))
        .map(|(package, licence)| format!("{package}: licence {licence:?} is not in deny.toml"))
        .collect();
    breaches.extend(
        lock.lines()
            .filter_map(|line| line.strip_prefix("source = "))
            .filter(|source| source.trim_matches('"') != REGISTRY)
            .map(|source| format!("Cargo.lock takes a crate from {source}")),
    );
    if !breaches.is_empty() {
        let list: Vec<String> = breaches.into_iter().collect();
        return Err(Failure::new(list.join("\n  ")));
    }
    if command::find("cargo-deny").is_some() {
        command::run(Command::new("cargo").current_dir(place::root()).args([
            "deny",
            "--workspace",
            "check",
        ]))?;
    } else {
        say("  licences and sources are in order; with cargo-deny installed, advisories are looked up too");
    }
    Ok(Proof::Check)
}

fn read(name: &str) -> Outcome<String> {
    fs::read_to_string(place::root().join(name)).doing(format_args!("read {name}"))
}

/// The strings of `allow = […]`.
fn allowed(rules: &str) -> Vec<&str> {
    let list =
        rules.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).collect()
}

/// Whether an expression can be met with these licences: of each part joined by AND, one of those joined by OR.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let parts = expression.replace(['(', ')'], "").replace('/', " OR ");
    parts.split(" AND ").all(|part| part.split(" OR ").any(|licence| allowed.contains(&licence.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_licences_is_enough_but_every_joined_one_is_needed() {
        let allowed = allowed("[licenses]\nallow = [\n    \"MIT\",\n    \"Unicode-3.0\",\n]\n");
        for expression in ["MIT", "GPL-3.0 OR MIT", "Apache-2.0/MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
            assert!(is_allowed(expression, &allowed), "{expression}");
        }
        for expression in ["GPL-3.0", "MIT AND GPL-3.0", ""] {
            assert!(!is_allowed(expression, &allowed), "{expression}");
        }
    }
}
