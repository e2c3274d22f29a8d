//! Whatever bytes a model's file begins with: they are read or refused, without a panic and without more memory than
//! they have themselves. `fuzz/seeds/gguf` holds files to begin from.
//!
//! `cargo +nightly fuzz run gguf fuzz/corpus/gguf fuzz/seeds/gguf -- -rss_limit_mb=512 -max_len=65536`

#![no_main]

use std::io::Cursor;

use engine::gguf::Header;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(Cursor::new(bytes), bytes.len() as u64) {
        let _ = (header.check_is_model(), header.check_is_adapter());
        let _ = (header.context_tokens(), header.of_layer("attention.head_count", 0));
    }
});
