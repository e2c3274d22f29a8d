use super::*;
use crate::{CacheType, FlashAttention, Speculation};

fn read(text: &str) -> SettingsFile {
    SettingsFile { tables: parse(text, Path::new("/models")).unwrap(), ..SettingsFile::default() }
}

#[test]
fn a_table_sets_what_it_names_and_nothing_else() {
    let file = read(
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
    let settings = file.of("gemma-3-270m").unwrap();
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
    assert_eq!(file.of("another").unwrap(), ModelSettings::default());
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
        let error = read(&format!("[one]\n{table}")).of("one").unwrap_err();
        for word in words.iter().chain(&["models.toml", "one"]) {
            assert!(error.contains(word), "{table}: {error}");
        }
    }
}

#[test]
fn several_adapters_are_taken_and_too_many_refused() {
    let adapters = |count: usize| {
        let list = vec!["{ path = \"a.gguf\" }"; count].join(", ");
        read(&format!("[one]\nlora = [{list}]")).of("one")
    };
    assert_eq!(adapters(8).unwrap().lora.len(), 8);
    let error = adapters(9).unwrap_err();
    assert!(error.contains("9 adapters") && error.contains("at most 8"), "{error}");
}

#[test]
fn a_mistake_in_one_table_leaves_the_others() {
    let file = read("[one]\nslotz = 2\n[two]\nslots = 3");
    assert!(file.of("one").is_err());
    assert_eq!(file.of("two").unwrap().slots, Some(3));
}

#[test]
fn a_mistake_is_told_with_its_line() {
    for (text, line) in [
        ("[one]\n\nslotz = 2", "line 3"),
        ("[zero]\nslots = 1\n[one]\npinned = true\nslots = 0", "line 5"),
        ("[one]\nthreads = 1\nslots = \"two\"", "line 3"),
        ("[one]\nlora = [\n  { path = \"a\" },\n  { scale = 1.0 },\n]", "line 4"),
    ] {
        let error = read(text).of("one").unwrap_err();
        assert!(error.contains(line), "{text}: {error}");
    }
}

#[test]
fn what_was_understood_stays_in_force_until_a_later_version_is() {
    let directory = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(directory.path().join(FILE), text).unwrap();
    let mut file = SettingsFile::read(directory.path()).unwrap();
    let slots = |file: &SettingsFile| file.of("one").map(|settings| settings.slots);
    assert!(!file.refresh());
    assert_eq!(slots(&file), Ok(None));

    write("[one]\nslots = 2");
    assert!(file.refresh() && !file.refresh());
    assert_eq!((slots(&file), file.complaint()), (Ok(Some(2)), None));
    for broken in ["[one\nslots = 3", "[one]\n\nslots = 300", "[one]\nslotz = 3 # and more"] {
        write(broken);
        assert!(file.refresh());
        assert_eq!(slots(&file), Ok(Some(2)), "{broken}");
        let complaint = file.complaint().unwrap();
        assert!(complaint.contains("models.toml") && complaint.contains("line"), "{complaint}");
    }
    write("[one]\nslots = 3");
    assert!(file.refresh());
    assert_eq!((slots(&file), file.complaint()), (Ok(Some(3)), None));
    fs::remove_file(directory.path().join(FILE)).unwrap();
    assert!(file.refresh());
    assert_eq!(slots(&file), Ok(None));
}

#[test]
fn what_is_no_toml_is_refused_with_the_line() {
    let error = parse("[one]\nslots 2", Path::new("/models")).unwrap_err();
    assert!(error.contains("line 2"), "{error}");
}
