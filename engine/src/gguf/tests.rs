use super::*;
use crate::scripted::ScriptedModel;
use proptest::prelude::*;
use std::io::Cursor;

fn parse(bytes: &[u8]) -> Result<Header, GgufError> {
    Header::parse(Cursor::new(bytes), bytes.len() as u64)
}

fn scripted() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.gguf");
    ScriptedModel { name: "Small".to_owned(), context_tokens: 2_048, ..ScriptedModel::default() }
        .write(&path)
        .unwrap();
    std::fs::read(path).unwrap()
}

/// A file of these counts and this rest.
fn file(version: u32, tensors: u64, entries: u64, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(entries.to_le_bytes());
    bytes.extend(rest);
    bytes
}

fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = (key.len() as u64).to_le_bytes().to_vec();
    bytes.extend(key.as_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.extend(value);
    bytes
}

fn message(bytes: &[u8]) -> String {
    parse(bytes).unwrap_err().to_string()
}

#[test]
fn a_good_header_tells_what_the_model_is() {
    let header = parse(&scripted()).unwrap();
    assert_eq!(header.text("general.name"), Some("Small"));
    assert_eq!(header.architecture(), Some("scripted"));
    assert_eq!(header.context_tokens(), Some(2_048));
    assert!(header.has_chat_template());
    header.check_is_model().unwrap();
}

#[test]
fn a_file_cut_anywhere_before_its_last_tensor_is_told_as_truncated() {
    let whole = scripted();
    let data_at = whole.len() - 32;
    for length in 4..=data_at {
        let error = parse(&whole[..length]).unwrap_err();
        assert!(matches!(error, GgufError::Truncated { .. }), "{length}: {error}");
    }
}

#[test]
fn what_is_no_model_says_so() {
    assert!(message(b"").contains("not a GGUF file"));
    assert!(message(b"GG").contains("not a GGUF file"));
    assert!(message(b"<!DOCTYPE html><title>404</title>").contains("not a GGUF file"));
    assert!(message(&file(1, 0, 0, &[])).contains("version 1"));
    assert!(message(&file(99, 0, 0, &[])).contains("version 99"));
    assert!(message(&file(3_u32.swap_bytes(), 0, 0, &[])).contains("big-endian"));
}

#[test]
fn claims_larger_than_the_file_are_refused_before_memory_is_taken() {
    let huge = u64::MAX.to_le_bytes();
    assert!(message(&file(3, u64::MAX, 0, &[])).contains("claims 18446744073709551615 tensors"));
    assert!(message(&file(3, 0, u64::MAX, &[])).contains("metadata entries"));
    assert!(message(&file(3, 0, 1, &huge)).contains("a key claims"));
    assert!(message(&file(3, 0, 1, &entry("a", 8, &huge))).contains("a text claims"));
    assert!(message(&file(3, 0, 1, &entry("a", 8, &1_000_u64.to_le_bytes()))).contains("ends in the middle"));

    let array = |kind: u32, length: u64| [kind.to_le_bytes().as_slice(), &length.to_le_bytes()].concat();
    assert!(message(&file(3, 0, 1, &entry("a", 9, &array(6, u64::MAX)))).contains("ends in the middle"));
    assert!(message(&file(3, 0, 1, &entry("a", 9, &array(8, u64::MAX)))).contains("ends in the middle"));
}

#[test]
fn unknown_and_bottomless_values_are_refused() {
    assert!(message(&file(3, 0, 1, &entry("a", 77, &[0; 8]))).contains("unknown type 77"));
    let nested: Vec<u8> =
        std::iter::repeat_n([9_u32.to_le_bytes().as_slice(), &1_u64.to_le_bytes()].concat(), 50)
            .flatten()
            .collect();
    assert!(message(&file(3, 0, 1, &entry("a", 9, &nested))).contains("nested too deep"));
}

#[test]
fn arrays_are_skipped_and_what_follows_is_read() {
    let texts = [
        8_u32.to_le_bytes().as_slice(),
        &2_u64.to_le_bytes(),
        &1_u64.to_le_bytes(),
        b"x",
        &0_u64.to_le_bytes(),
    ]
    .concat();
    let rest = [
        entry("list", 9, &texts),
        entry("general.architecture", 8, &[&3_u64.to_le_bytes()[..], b"abc"].concat()),
    ];
    let header = parse(&file(3, 0, 2, &rest.concat())).unwrap();
    assert_eq!(header.architecture(), Some("abc"));
    assert!(header.check_is_model().unwrap_err().to_string().contains("no weights"));
}

#[test]
fn the_cache_is_estimated_from_the_header() {
    let number = |key: &str, value: u32| entry(key, 4, &value.to_le_bytes());
    let rest = [
        entry("general.architecture", 8, &[&1_u64.to_le_bytes()[..], b"x"].concat()),
        number("x.block_count", 30),
        number("x.attention.head_count", 9),
        number("x.attention.head_count_kv", 3),
        number("x.embedding_length", 576),
    ];
    let header = parse(&file(3, 0, 5, &rest.concat())).unwrap();
    assert_eq!(header.cache_bytes_per_token(), Some(30 * 3 * (64 + 64) * 2));
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic_or_take_memory(
        changes in prop::collection::vec((0_usize..400, any::<u8>()), 1..20),
    ) {
        let mut bytes = scripted();
        for (at, value) in changes {
            let length = bytes.len();
            bytes[at % length] = value;
        }
        let _ = parse(&bytes).map(|header| header.cache_bytes_per_token());
    }
}
