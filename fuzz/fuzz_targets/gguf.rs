//! `cargo +nightly fuzz run gguf fuzz/corpus/gguf fuzz/seeds/gguf --features libfuzzer -- -rss_limit_mb=512`

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::gguf(bytes);
});
