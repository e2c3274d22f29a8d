//! Numbers of the metadata by which llama.cpp divides, multiplies and allocates.

use super::{GgufError, Header, damaged};

/// Of the model's architecture, the least and the most; zero is a matter of [`check_heads`]. The first two are
/// llama.cpp's own bounds, the others what no model comes near.
const BOUNDS: [(&str, u64, u64); 9] = [
    ("block_count", 1, 512),
    ("expert_count", 0, 1_024),
    ("expert_used_count", 0, 1_024),
    ("embedding_length", 1, 1 << 20),
    ("feed_forward_length", 0, 1 << 24),
    ("attention.head_count", 0, 1 << 16),
    ("attention.head_count_kv", 0, 1 << 16),
    ("context_length", 1, 1 << 30),
    ("rope.dimension_count", 0, 1 << 16),
];

/// Architectures that need no attention tell these, and may have no heads.
const WITHOUT_HEADS: [&str; 3] = ["ssm.conv_kernel", "wkv.head_size", "shortconv.l_cache"];

/// Lists with an entry for each token.
const OF_TOKENS: [&str; 3] = ["tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type"];

pub(super) fn check(header: &Header) -> Result<(), GgufError> {
    for (key, least, most) in BOUNDS {
        match header.of_architecture(key) {
            Some(value) if !(least..=most).contains(&value) => {
                return Err(damaged(format!("it claims {value} for {key}")));
            }
            _ => {}
        }
    }
    check_heads(header)?;
    let mut lengths = OF_TOKENS.iter().filter_map(|key| header.length(key));
    let first = lengths.next();
    if lengths.any(|length| Some(length) != first) {
        return Err(damaged("the lists of its vocabulary are not equally long"));
    }
    Ok(())
}

fn check_heads(header: &Header) -> Result<(), GgufError> {
    let has = |key: &str| header.of_architecture(key).is_some();
    match header.of_architecture("attention.head_count") {
        Some(0) if !WITHOUT_HEADS.iter().any(|key| has(key)) => Err(damaged("it has no attention heads")),
        _ => Ok(()),
    }
}
