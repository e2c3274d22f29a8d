use super::*;
use crate::{CacheType, FlashAttention, Speculation};

fn read(text: &str) -> SettingsFile {
    SettingsFile::parse(text, Path::new("/models")).unwrap()
}

#[test]
fn a_table_sets_what_it_names_and_nothing_else() {
    let mut file = read(
        r#"
        ["gemma-3-270m"]
        slots = 2
        cache_type_k = "q8_0"
        cache_type_v = "bf16"
        flash_attention = "on"
        speculation = "off"
        draft_model = "small.gguf"
        pinned = true
        lora = [{ path = "terse.gguf", scale = 0.5 }]
        "#,
    );
    let settings = file.take("gemma-3-270m").unwrap();
    let lora = |path: &str, scale| LoraAdapter { path: path.into(), scale };
    let expected = ModelSettings {
        slots: Some(2),
        cache_type_k: CacheType::Q8_0,
        cache_type_v: CacheType::Bf16,
        flash_attention: FlashAttention::On,
        speculation: Speculation::Off,
        draft_model: Some("/models/small.gguf".into()),
        pinned: true,
        lora: vec![lora("/models/terse.gguf", 0.5)],
        ..ModelSettings::default()
    };
    assert_eq!(settings, expected);
    assert_eq!(file.take("another").unwrap(), ModelSettings::default());
}

#[test]
fn a_mistake_names_model_key_and_what_is_allowed() {
    for (table, words) in [
        ("slotz = 2", ["slotz", "slots"]),
        ("slots = 0", ["slots is 0", "1 to 256"]),
        ("slots = \"two\"", ["slots", "u32"]),
        ("context_tokens = 100", ["context_tokens is 100", "256 to 1048576"]),
        ("cache_type_k = \"q9\"", ["q9", "q8_0"]),
        ("flash_attention = \"maybe\"", ["maybe", "auto"]),
        ("lora = [{ scale = 1.0 }]", ["lora", "path"]),
        ("lora = [{ path = \"a\", scale = nan }]", ["scale", "number"]),
    ] {
        let error = read(&format!("[one]\n{table}")).take("one").unwrap_err();
        for word in words.iter().chain(&["models.toml", "one"]) {
            assert!(error.contains(word), "{table}: {error}");
        }
    }
}

#[test]
fn several_adapters_are_taken_and_too_many_refused() {
    let adapters = |count: usize| {
        let list = vec!["{ path = \"a.gguf\" }"; count].join(", ");
        read(&format!("[one]\nlora = [{list}]")).take("one")
    };
    assert_eq!(adapters(8).unwrap().lora.len(), 8);
    let error = adapters(9).unwrap_err();
    assert!(error.contains("9 adapters") && error.contains("at most 8"), "{error}");
}

#[test]
fn a_mistake_in_one_table_leaves_the_others() {
    let mut file = read("[one]\nslotz = 2\n[two]\nslots = 3");
    assert!(file.take("one").is_err());
    assert_eq!(file.take("two").unwrap().slots, Some(3));
}

#[test]
fn tables_that_name_no_model_are_left_over() {
    let mut file = read("[one]\n[two]");
    file.take("one").unwrap();
    assert_eq!(file.left_over().collect::<Vec<_>>(), ["two"]);
}

#[test]
fn what_is_no_toml_is_refused_with_the_line() {
    let error = SettingsFile::parse("[one]\nslots 2", Path::new("/models")).unwrap_err();
    assert!(error.contains("line 2"), "{error}");
}
