//! Compiles the shim over llama.cpp's chat templates against the very sources that `llama-cpp-sys-2` was built from,
//! and links it. Tells `src/processor.rs` which extensions of the processor those were compiled for.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=shim");
    for extension in ["GGML_AVX512", "GGML_AVX512_BF16", "GGML_AVX512_VBMI", "GGML_AVX512_VNNI"] {
        let condition = extension.to_lowercase();
        println!("cargo:rerun-if-env-changed={extension}");
        println!("cargo:rustc-check-cfg=cfg({condition})");
        if env::var(extension).is_ok_and(|choice| choice == "ON") {
            println!("cargo:rustc-cfg={condition}");
        }
    }
    let llama = llama_sources();
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file("shim/oriel_chat.cpp")
        .include(llama.join("common"))
        .include(llama.join("include"))
        .include(llama.join("ggml/include"))
        .include(llama.join("vendor"))
        .include("shim")
        // The headers are not ours to tidy.
        .warnings(false)
        .compile("oriel_chat");
}

/// The vendored llama.cpp, as the CMake cache of its build names it. `llama-cpp-sys-2` tells where it
/// built (`DEP_LLAMA_GGML_CMAKE_DIR` is `<its OUT_DIR>/lib/cmake`), not from where.
fn llama_sources() -> PathBuf {
    let cmake_dir =
        env::var_os("DEP_LLAMA_GGML_CMAKE_DIR").expect("llama-cpp-sys-2 names its CMake directory");
    let out_dir = Path::new(&cmake_dir).ancestors().nth(2).expect("<OUT_DIR>/lib/cmake has two parents");
    let cache_path = out_dir.join("build/CMakeCache.txt");
    let cache = fs::read_to_string(&cache_path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", cache_path.display()));
    cache
        .lines()
        .find_map(|line| line.strip_prefix("CMAKE_HOME_DIRECTORY:INTERNAL="))
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("{} does not name the sources", cache_path.display()))
}
