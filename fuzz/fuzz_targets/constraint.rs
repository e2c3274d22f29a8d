//! `cargo +nightly fuzz run constraint fuzz/corpus/constraint fuzz/seeds/constraint --features libfuzzer -- -rss_limit_mb=512`

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::constraint(bytes);
});
