//! Our kernels (`shim/oriel_kernels.cpp`): products with matrices in the common formats, for which ggml on x86 has none or
//! slower ones, and attention that goes along the keys once for all heads that share them.
//!
//! [`crate::load`] offers them to ggml before the first model is read. What they compute for a row of activations does
//! not depend on the rows beside it, so that an answer stays the same whoever else is answered.

#![expect(unsafe_code, reason = "the kernels are C++")]

use std::env;
use std::ffi::{CStr, CString};
use std::sync::OnceLock;

mod ffi {
    use std::ffi::{c_char, c_int};

    unsafe extern "C" {
        pub fn oriel_kernels_name(index: c_int) -> *const c_char;
        pub fn oriel_kernels_register(name: *const c_char) -> bool;
    }
}

/// Names the kernels to be used, so that one machine can show what another one would do: one of [`available`], or
/// [`OFF`]. Where it is not set the best are.
pub const VARIABLE: &str = engine::containment::KERNELS_VARIABLE;

/// Leaves all to ggml.
pub const OFF: &str = "off";

/// Offers the kernels to ggml for all models that are loaded from now on; their name, or none where this processor
/// cannot run them or they are switched off. To be called once, before the first model is read.
///
/// # Errors
/// A sentence for whoever set [`VARIABLE`] to what is not known or cannot be run here.
pub fn register() -> Result<Option<&'static str>, String> {
    let asked = env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned());
    let Some(name) = choice(asked.as_deref(), &available())? else { return Ok(None) };
    let c_name = CString::new(name).map_err(|error| error.to_string())?;
    // SAFETY: the name ends in a NUL byte; the caller is the one who starts llama.cpp, once, and no model is being read.
    let is_registered = unsafe { ffi::oriel_kernels_register(c_name.as_ptr()) };
    Ok(is_registered.then(|| *IN_USE.get_or_init(|| name)))
}

/// The kernels that this processor can run, the best first.
pub fn available() -> Vec<&'static str> {
    let name = |index| {
        // SAFETY: any index may be asked for.
        let name = unsafe { ffi::oriel_kernels_name(index) };
        // SAFETY: a constant of the program that ends in a NUL byte, where it is not null.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?.to_str().ok()
    };
    (0..).map_while(name).collect()
}

/// Which of the `available` kernels are used where `asked` is what was asked for.
fn choice(asked: Option<&str>, available: &[&'static str]) -> Result<Option<&'static str>, String> {
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else { return Ok(available.first().copied()) };
    if asked == OFF {
        return Ok(None);
    }
    let known = available.iter().find(|name| **name == asked);
    known.map(|name| Some(*name)).ok_or_else(|| {
        let names: Vec<&str> = available.iter().copied().chain([OFF]).collect();
        format!("{VARIABLE} is \u{201c}{asked}\u{201d}: this processor knows {}", names.join(", "))
    })
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
mod choice_tests;
#[cfg(test)]
mod tests;
