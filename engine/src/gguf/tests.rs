use super::*;
use crate::scripted::ScriptedModel;
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
fn a_file_cut_anywhere_is_told_as_truncated() {
    let whole = scripted();
    for length in 4..whole.len() {
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
fn unknown_and_nested_values_are_refused() {
    assert!(message(&file(3, 0, 1, &entry("a", 77, &[0; 8]))).contains("unknown type 77"));
    let nested = [9_u32.to_le_bytes().as_slice(), &1_u64.to_le_bytes()].concat();
    assert!(message(&file(3, 0, 1, &entry("a", 9, &nested))).contains("a list of lists"));
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
fn lists_of_layers_are_kept_and_long_ones_only_counted() {
    let list = |kind: u32, values: &[u8], length: u64| {
        [kind.to_le_bytes().as_slice(), &length.to_le_bytes(), values].concat()
    };
    let numbers: Vec<u8> = [3_u32, 0, 5].iter().flat_map(|number| number.to_le_bytes()).collect();
    let rest = [
        entry("general.architecture", 8, &[&1_u64.to_le_bytes()[..], b"x"].concat()),
        entry("x.heads", 9, &list(4, &numbers, 3)),
        entry("x.slides", 9, &list(7, &[1, 0], 2)),
        entry("x.tokens", 9, &list(0, &[0; 2_000], 2_000)),
    ];
    let header = parse(&file(3, 0, 4, &rest.concat())).unwrap();
    assert_eq!([0, 1, 2, 3].map(|layer| header.of_layer("heads", layer)), [Some(3), Some(0), Some(5), None]);
    assert_eq!([0, 1].map(|layer| header.of_layer("slides", layer)), [Some(1), Some(0)]);
    assert_eq!((header.of_layer("tokens", 0), header.length("x.tokens")), (None, Some(2_000)));
}

/// A tensor's entry.
fn tensor(name: &str, dimensions: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = (name.len() as u64).to_le_bytes().to_vec();
    bytes.extend(name.as_bytes());
    bytes.extend((dimensions.len() as u32).to_le_bytes());
    bytes.extend(dimensions.iter().flat_map(|length| length.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

/// A file with these tensors and as many bytes of data.
fn with_tensors(tensors: &[Vec<u8>], data_bytes: usize) -> Vec<u8> {
    let mut bytes = file(3, tensors.len() as u64, 0, &tensors.concat());
    bytes.resize(bytes.len().next_multiple_of(32) + data_bytes, 0);
    bytes
}

#[test]
fn tensors_lie_one_behind_the_other_and_within_the_file() {
    const F32: u32 = 0;
    const Q4_0: u32 = 2;
    let two = [tensor("a", &[32, 3], Q4_0, 0), tensor("b", &[5], F32, 64)];
    parse(&with_tensors(&two, 64 + 20)).unwrap();
    assert!(message(&with_tensors(&two, 64 + 19)).contains("ends in the middle"));
    let refused = |tensors: &[Vec<u8>], why: &str| {
        let message = message(&with_tensors(tensors, 4096));
        assert!(message.contains(why), "{message}");
    };
    refused(&[tensor("a", &[5], F32, 0), tensor("a", &[5], F32, 32)], "one name");
    refused(&[tensor("a", &[5], F32, 0), tensor("b", &[5], F32, 0)], "should be at 32");
    refused(&[tensor("a", &[5], F32, 64)], "should be at 0");
    refused(&[tensor(&"a".repeat(64), &[5], F32, 0)], "name claims 64 bytes");
    refused(&[tensor("a", &[1; 5], F32, 0)], "5 dimensions");
    refused(&[tensor("a", &[5], 4, 0)], "unknown type 4");
    refused(&[tensor("a", &[5], u32::MAX, 0)], "unknown type");
    refused(&[tensor("a", &[31], Q4_0, 0)], "impossible shape");
    refused(&[tensor("a", &[0], F32, 0)], "impossible shape");
    refused(&[tensor("a", &[1 << 32, 1 << 32], F32, 0)], "impossible shape");
    refused(&[tensor("a", &[u64::MAX], F32, 0)], "impossible shape");
    refused(&[tensor("a", &[i64::MAX as u64], F32, 0)], "impossible shape");
    refused(&[tensor("a", &[1 << 60], F32, 0)], "ends in the middle");
}

#[test]
fn metadata_that_llama_cpp_would_stumble_over_is_refused() {
    let number = |key: &str, value: u32| entry(key, 4, &value.to_le_bytes());
    let refused = |entries: &[Vec<u8>], why: &str| {
        let message = message(&file(3, 0, entries.len() as u64, &entries.concat()));
        assert!(message.contains(why), "{message}");
    };
    let architecture = || entry("general.architecture", 8, &[&1_u64.to_le_bytes()[..], b"x"].concat());
    refused(&[number("a", 1), number("a", 1)], "two values of a");
    refused(&[number("", 1)], "no name");
    refused(&[number("a\0b", 1)], "no name");
    refused(&[number("general.alignment", 0)], "alignment");
    refused(&[number("general.alignment", 48)], "alignment");
    refused(&[number("general.alignment", 1 << 31)], "alignment");
    refused(&[entry("general.alignment", 10, &32_u64.to_le_bytes())], "alignment");
    refused(&[architecture(), number("x.block_count", 0)], "0 for block_count");
    refused(&[architecture(), number("x.block_count", 513)], "513 for block_count");
    refused(&[architecture(), number("x.embedding_length", 0)], "embedding_length");
    refused(&[architecture(), number("x.context_length", u32::MAX)], "context_length");
    refused(&[architecture(), number("x.attention.head_count", 0)], "no attention heads");
    let without_heads = [architecture(), number("x.attention.head_count", 0), number("x.ssm.conv_kernel", 4)];
    parse(&file(3, 0, 3, &without_heads.concat())).unwrap();

    let list = |kind: u32, length: u64, bytes: usize| {
        [kind.to_le_bytes().as_slice(), &length.to_le_bytes(), &vec![0; bytes]].concat()
    };
    let tokens = entry("tokenizer.ggml.tokens", 9, &list(8, 3, 24));
    let scores = |length: usize| entry("tokenizer.ggml.scores", 9, &list(6, length as u64, 4 * length));
    parse(&file(3, 0, 2, &[tokens.clone(), scores(3)].concat())).unwrap();
    refused(&[tokens, scores(2)], "not equally long");
}

#[test]
fn every_file_of_a_model_in_several_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let part = |number: u32| directory.path().join(format!("big-{number:05}-of-00002.gguf"));
    std::fs::write(part(1), scripted()).unwrap();
    let missing = Header::read_all(&part(1)).unwrap_err().to_string();
    assert!(missing.starts_with("big-00002-of-00002.gguf: the file cannot be read"), "{missing}");
    std::fs::write(part(2), scripted()).unwrap();
    Header::read_all(&part(1)).unwrap();
    std::fs::write(part(2), b"GGUF").unwrap();
    assert!(matches!(Header::read_all(&part(1)), Err(GgufError::Part { .. })));
}
