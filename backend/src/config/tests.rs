//! Settings: defaults, faults, and the file that documents them.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret;

use super::*;

fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut settings: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    settings.entry("DATA_DIR".to_owned()).or_insert_with(|| "/srv/oriel".to_owned());
    Config::from_lookup(&|name| settings.get(name).cloned())
}

#[test]
fn nothing_needs_to_be_set() {
    let config = read(&[]).unwrap();
    assert_eq!(config.listen_addr.to_string(), "127.0.0.1:8081");
    assert_eq!(config.public_url.as_str(), "http://localhost:8080/");
    assert_eq!(config.model_path, Path::new("/srv/oriel/models"));
    assert_eq!(config.registration, RegistrationPolicy::Closed);
    assert!(config.database_url.is_none() && config.secret_key.is_none() && config.idle_unload.is_none());
    assert!(!config.is_https());
    assert_eq!(config.foreign_page_origin(), None);
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let names: Vec<(&str, &str)> = VARIABLES
        .iter()
        .map(|variable| (variable.name, " "))
        .filter(|(name, _)| *name != "DATA_DIR")
        .collect();
    assert_eq!(read(&names).unwrap().listen_addr, read(&[]).unwrap().listen_addr);
}

#[test]
fn all_wrong_settings_are_told_together() {
    let error = read(&[
        ("LISTEN_ADDR", "8081"),
        ("REGISTRATION", "maybe"),
        ("SLOTS", "0"),
        ("THREADS", "many"),
        ("PUBLIC_URL", "https://example.org/oriel"),
        ("DATABASE_URL", "mysql://root:hunter2@db/oriel"),
        ("SECRET_KEY", "hunter2"),
        ("LOG_LEVEL", "=="),
        ("LOG_FORMAT", "xml"),
        ("BCRYPT_COST", "4"),
    ])
    .unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("hunter2"), "a secret is in the message: {text}");
    insta::assert_snapshot!(text, @r#"
    10 settings are wrong:
      PUBLIC_URL is "https://example.org/oriel"; expected an address without a path, as in https://chat.example.org.
      LISTEN_ADDR is "8081"; expected an IP address and a port, as in 127.0.0.1:8081.
      REGISTRATION is "maybe"; expected `closed` or `invite` or `open`.
      DATABASE_URL is not of the form postgres://user:password@host:port/database.
      SLOTS is 0; expected a whole number from 1 to 1024.
      THREADS is "many"; expected a whole number from 1 to 512.
      SECRET_KEY has 7 characters; expected at least 32, as from `openssl rand -base64 32`.
      BCRYPT_COST is 4; expected a whole number from 10 to 16.
      LOG_LEVEL is "==" (invalid filter directive); expected a level or a filter like `info,store=debug`.
      LOG_FORMAT is "xml"; expected `text` or `json`.
    Settings are environment variables; .env.example describes all of them.
    "#);
}

#[test]
fn a_path_that_depends_on_where_one_stands_is_made_whole() {
    assert!(read(&[("DATA_DIR", "data")]).unwrap().data_dir.is_absolute());
}

#[test]
fn without_data_dir_and_home_there_is_a_fault_and_no_panic() {
    let config = Config::from_lookup(&|_| None);
    if !rustix::process::geteuid().is_root() {
        assert_eq!(config.unwrap_err().0.first().unwrap().name, "DATA_DIR");
    }
}

#[test]
fn cors_and_cookies_follow_the_addresses() {
    let apart =
        read(&[("PUBLIC_URL", "https://chat.example.org"), ("API_URL", "https://api.example.org")]).unwrap();
    assert!(apart.is_https());
    assert_eq!(apart.foreign_page_origin().as_deref(), Some("https://chat.example.org"));
    let same = read(&[("PUBLIC_URL", "http://box:8080"), ("API_URL", "http://box:8080/")]).unwrap();
    assert_eq!(same.foreign_page_origin(), None);
}

#[test]
fn a_secret_is_not_shown_by_debug() {
    let config = read(&[("DATABASE_URL", "postgres://u:hunter2@db/oriel")]).unwrap();
    assert!(config.database_url.as_ref().unwrap().expose_secret().contains("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_example_file_has_every_setting_with_its_default_and_no_other() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
    let example = std::fs::read_to_string(format!("{root}.env.example")).unwrap();
    let compose = std::fs::read_to_string(format!("{root}docker-compose.yml")).unwrap();
    let given: BTreeMap<&str, &str> = example
        .lines()
        .filter_map(|line| line.trim_start_matches(['#', ' ']).split_once('='))
        .filter(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .map(|(name, value)| (name, value.trim()))
        .collect();

    for Variable { name, default, .. } in VARIABLES {
        assert_eq!(
            given.get(name),
            Some(default),
            "{name} in .env.example should have its default {default:?}"
        );
    }
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    for name in given.keys().filter(|name| !known.contains(*name)) {
        assert!(compose.contains(&format!("${{{name}")), "{name} is in .env.example, but nobody reads it");
    }
}
