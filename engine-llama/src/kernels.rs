//! Our kernels for matrices (`shim/oriel_kernels.cpp`): what ggml lacks for weights in Q4_1 and Q8_0 on x86,
//! and attention that goes along the keys once for all heads that share them.
//!
//! [`crate::load`] offers them to ggml before the first model is read. What they compute for a row of activations does
//! not depend on the rows beside it, so that an answer stays the same whoever else is answered.

#![expect(unsafe_code, reason = "the kernels are C++")]

use std::ffi::{CStr, c_char};
use std::sync::OnceLock;

mod ffi {
    use std::ffi::c_char;

    unsafe extern "C" {
        pub fn oriel_kernels_register() -> *const c_char;
    }
}

/// Offers the kernels to ggml for all models that are loaded from now on; their name, or none where this processor
/// cannot run them. To be called once, before the first model is read.
pub fn register() -> Option<&'static str> {
    // SAFETY: takes nothing; the caller is the one who starts llama.cpp, once, and no model is being read.
    let name: *const c_char = unsafe { ffi::oriel_kernels_register() };
    if name.is_null() {
        return None;
    }
    // SAFETY: a constant of the program that ends in a NUL byte.
    let name = unsafe { CStr::from_ptr(name) }.to_str().ok()?;
    Some(IN_USE.get_or_init(|| name))
}

/// Extensions of the processor that ggml was compiled for, and parts of it, as llama.cpp lists them.
pub fn ggml() -> String {
    // SAFETY: returns a text of llama.cpp's own that is made anew by each call; only `oriel-engine version` calls.
    let told = unsafe { CStr::from_ptr(llama_cpp_sys_2::llama_print_system_info()) }.to_string_lossy();
    let on = told.split(['|', ':']).filter_map(|part| part.trim().strip_suffix(" = 1"));
    on.collect::<Vec<_>>().join(" ")
}

/// The name of the kernels that were registered.
pub fn in_use() -> Option<&'static str> {
    IN_USE.get().copied()
}

static IN_USE: OnceLock<&str> = OnceLock::new();

#[cfg(test)]
mod attention_tests;
#[cfg(test)]
mod tests;
