use std::io::Cursor;

use super::*;

/// A header with these numbers and lists of 32-bit numbers, of the architecture `x`.
fn header(numbers: &[(&str, u32)], lists: &[(&str, &[u32])]) -> Header {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut file = b"GGUF".to_vec();
    file.extend(3_u32.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend((1 + numbers.len() as u64 + lists.len() as u64).to_le_bytes());
    file.extend([text("general.architecture"), 8_u32.to_le_bytes().to_vec(), text("x")].concat());
    for (key, number) in numbers {
        file.extend([text(&format!("x.{key}")), 4_u32.to_le_bytes().to_vec()].concat());
        file.extend(number.to_le_bytes());
    }
    for (key, list) in lists {
        file.extend([text(&format!("x.{key}")), 9_u32.to_le_bytes().to_vec()].concat());
        file.extend(4_u32.to_le_bytes());
        file.extend((list.len() as u64).to_le_bytes());
        list.iter().for_each(|number| file.extend(number.to_le_bytes()));
    }
    let size_bytes = file.len() as u64;
    Header::parse(Cursor::new(file), size_bytes).unwrap()
}

fn cache_bytes(header: &Header, change: impl FnOnce(&mut LoadRequest)) -> u64 {
    let mut load = LoadRequest { context_tokens: Some(1_024), ..LoadRequest::new("none") };
    change(&mut load);
    Shape::of(header, 0).memory(&load).cache_bytes
}

const SMALL: [(&str, u32); 4] = [
    ("block_count", 30),
    ("attention.head_count", 9),
    ("attention.head_count_kv", 3),
    ("embedding_length", 576),
];

#[test]
fn the_cache_follows_layers_heads_widths_context_slots_and_type() {
    let header = header(&SMALL, &[]);
    let token = 30 * 3 * (64 + 64);
    assert_eq!(cache_bytes(&header, |_| {}), token * 2 * 1_024);
    assert_eq!(cache_bytes(&header, |load| load.slots = 3), token * 2 * 1_024 * 3);
    assert_eq!(cache_bytes(&header, |load| load.context_tokens = Some(1_000)), token * 2 * 1_024, "in steps");
    assert_eq!(cache_bytes(&header, |load| load.cache_type_k = CacheType::F32), token * 3 * 1_024);
    let small =
        |load: &mut LoadRequest| (load.cache_type_k, load.cache_type_v) = (CacheType::Q8_0, CacheType::Q8_0);
    assert_eq!(cache_bytes(&header, small), token * 34 / 32 * 1_024);
}

#[test]
fn heads_may_be_wider_than_the_embedding_tells() {
    let wide = [&SMALL[..], &[("attention.key_length", 256), ("attention.value_length", 128)]].concat();
    assert_eq!(cache_bytes(&header(&wide, &[]), |_| {}), 30 * 3 * (256 + 128) * 2 * 1_024);
}

#[test]
fn layers_may_differ() {
    let numbers = [("block_count", 3), ("attention.head_count", 8), ("embedding_length", 512)];
    let header = header(&numbers, &[("attention.head_count_kv", &[2, 0, 4])]);
    assert_eq!(cache_bytes(&header, |_| {}), (2 + 4) * (64 + 64) * 2 * 1_024);
}

#[test]
fn recurrent_layers_keep_as_much_for_a_short_text_as_for_a_long_one() {
    let ssm = [
        ("block_count", 4),
        ("embedding_length", 512),
        ("ssm.conv_kernel", 4),
        ("ssm.inner_size", 1_024),
        ("ssm.state_size", 16),
    ];
    let header = header(&ssm, &[]);
    let state = (3 * 1_024 + 16 * 1_024) * 4;
    assert_eq!(cache_bytes(&header, |_| {}), 4 * state);
    assert_eq!(cache_bytes(&header, |load| load.context_tokens = Some(8_192)), 4 * state);
    assert_eq!(cache_bytes(&header, |load| load.slots = 2), 4 * state * 2);
}

#[test]
fn models_of_both_kinds_take_both() {
    let hybrid = [
        ("block_count", 4),
        ("embedding_length", 512),
        ("attention.head_count", 8),
        ("attention.head_count_kv", 2),
        ("full_attention_interval", 4),
        ("ssm.conv_kernel", 4),
        ("ssm.inner_size", 1_024),
        ("ssm.state_size", 16),
    ];
    let state = (3 * 1_024 + 16 * 1_024) * 4;
    let attention = 2 * (64 + 64) * 2 * 1_024;
    assert_eq!(cache_bytes(&header(&hybrid, &[]), |_| {}), 3 * state + attention);
}

#[test]
fn layers_that_use_the_keys_of_others_take_nothing() {
    let shared = [&SMALL[..], &[("attention.shared_kv_layers", 10)]].concat();
    assert_eq!(cache_bytes(&header(&shared, &[]), |_| {}), 20 * 3 * (64 + 64) * 2 * 1_024);
}

#[test]
fn without_flash_attention_every_head_looks_at_every_token() {
    let header = header(&SMALL, &[]);
    let compute = |flash_attention| {
        let load = LoadRequest { flash_attention, context_tokens: Some(1_024), ..LoadRequest::new("none") };
        Shape::of(&header, 0).memory(&load).compute_bytes
    };
    let more = compute(FlashAttention::Off) - compute(FlashAttention::Auto);
    assert_eq!(more, 512 * 1_024 * 9 * 4);
}

#[test]
fn a_header_that_tells_nothing_counts_as_a_model_of_some_billion_parameters() {
    assert_eq!(cache_bytes(&header(&[], &[]), |_| {}), CACHE_GUESS_BYTES_PER_TOKEN * 1_024);
}
