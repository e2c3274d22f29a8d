use std::path::Path;

use super::*;
use crate::ModelSettings;
use crate::gguf::Header;
use crate::scripted::ScriptedModel;

/// A model of a gigabyte of weights whose context of 8,192 takes another one for each slot.
fn model() -> (Needs, LoadRequest) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.gguf");
    let model = ScriptedModel {
        context_tokens: 8_192,
        weights_bytes: 1_000_000_000,
        cache_bytes_per_token: 128 * 1024,
        ..ScriptedModel::default()
    };
    model.write(&path).unwrap();
    let header = Header::read(&path).unwrap();
    let needs = Needs::read(Path::new(&path), &header, &ModelSettings::default());
    (needs, LoadRequest { slots: 4, ..LoadRequest::new(path) })
}

fn told(free_bytes: u64) -> String {
    let (needs, load) = model();
    let needed_bytes = needs.memory(&load).total_bytes();
    refusal(Some((&needs, &load)), Room { budget_bytes: 8_000_000_000, free_bytes, needed_bytes })
}

/// The number behind `key = `.
fn proposed(message: &str, key: &str) -> u32 {
    let (_, rest) = message.split_once(&format!("{key} = ")).unwrap_or_else(|| panic!("{key}: {message}"));
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[test]
fn what_is_proposed_fits_and_a_step_more_does_not() {
    let (needs, load) = model();
    for free_bytes in (1_600_000_000..5_500_000_000).step_by(100_000_000) {
        let message = told(free_bytes);
        let fits = |load: LoadRequest| needs.memory(&load).total_bytes() <= free_bytes;
        let tokens = proposed(&message, "context_tokens");
        let with = |tokens| LoadRequest { context_tokens: Some(tokens), ..load.clone() };
        if message.starts_with("It would fit with context_tokens") {
            assert!(fits(with(tokens)) && !fits(with(tokens + CONTEXT_STEP)), "{free_bytes}: {message}");
        }
        if message.contains("slots = ") {
            let slots = proposed(&message, "slots");
            let with = |slots| LoadRequest { slots, ..load.clone() };
            assert!(fits(with(slots)) && !fits(with(slots + 1)), "{free_bytes}: {message}");
        }
    }
}

#[test]
fn a_quantised_cache_is_proposed_with_as_much_context_as_fits() {
    assert!(told(5_000_000_000).contains("cache_type_k = \"q8_0\" and cache_type_v = \"q8_0\", or"));
    let tight = told(2_500_000_000);
    assert!(tight.contains("cache_type_v = \"q8_0\" and context_tokens = "), "{tight}");
}

#[test]
fn where_the_weights_alone_are_too_much_another_file_is_proposed() {
    let message = told(900_000_000);
    assert!(message.contains("900 MB are free of the budget of 8.0 GB"), "{message}");
    assert!(message.contains("smaller file") && message.contains("MEMORY_BUDGET_MIB"), "{message}");
}

#[test]
fn what_was_measured_above_the_estimate_counts_for_what_is_proposed() {
    let (needs, load) = model();
    let estimated = needs.memory(&load).total_bytes();
    let room = |needed_bytes| Room { budget_bytes: 8_000_000_000, free_bytes: 3_000_000_000, needed_bytes };
    let known = Some((&needs, &load));
    let [modest, greedy] = [estimated, estimated + 1_000_000_000].map(|needed| refusal(known, room(needed)));
    assert!(proposed(&greedy, "context_tokens") < proposed(&modest, "context_tokens"));
}
