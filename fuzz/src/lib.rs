//! What comes from outside and is read by our own code, each kind as a function of any bytes: they are read or refused,
//! without a panic and within bounds of memory.
//!
//! `fuzz_targets/` hands these functions to libFuzzer, `tests/` gives them their seeds with all kinds of damage.
//! A new one needs a file here, a seed in `seeds/<name>`, a program in `fuzz_targets/` and a row in [`TARGETS`].

mod constraint;
mod gguf;

pub use constraint::constraint;
pub use gguf::gguf;

/// Something that reads bytes from outside.
pub struct Target {
    /// Its program, and the directory of its seeds.
    pub name: &'static str,
    /// Reads or refuses them; whether they were read.
    pub read: fn(&[u8]) -> bool,
}

/// All of them.
pub const TARGETS: [Target; 2] =
    [Target { name: "constraint", read: constraint }, Target { name: "gguf", read: gguf }];
