//! Compiles the shim (llama.cpp's chat templates, our kernels) against the very sources that `llama-cpp-sys-2` was built
//! from, and links it. Tells `src/processor.rs` which extensions of the processor those were compiled for, and
//! `src/state.rs` which sources they are.

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
    // `src/state.rs` tells states of other sources by it: the crate's directory, which names its version.
    let version = llama.parent().and_then(Path::file_name).unwrap_or_default();
    println!("cargo:rustc-env=LLAMA_CPP={}", version.display());
    shim()
        .file("shim/oriel_chat.cpp")
        .file("shim/oriel_bounds.cpp")
        .file("shim/oriel_attention.cpp")
        .file("shim/oriel_kernels.cpp")
        .file("shim/oriel_packing.cpp")
        .include(llama.join("common"))
        .include(llama.join("include"))
        .include(llama.join("ggml/include"))
        .include(llama.join("ggml/src"))
        .include(llama.join("ggml/src/ggml-cpu"))
        .include(llama.join("vendor"))
        // The headers are not ours to tidy.
        .warnings(false)
        .compile("oriel_shim");
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64") {
        compile_kernels("avx512_vnni", &["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni"]);
        compile_kernels("avx_vnni", &["-mavx2", "-mfma", "-mf16c", "-mavxvnni"]);
        compile_kernels("avx2", &["-mavx2", "-mfma", "-mf16c"]);
    }
}

fn shim() -> cc::Build {
    let mut build = cc::Build::new();
    // Unoptimised, a token would take a hundred times as long.
    build.cpp(true).std("c++17").include("shim").opt_level(3);
    build
}

/// Each file for its own processors: which of them are used is decided when the program runs.
fn compile_kernels(name: &str, flags: &[&str]) {
    let mut build = shim();
    // What is added after a product is said where it is meant: else a row's result might hang on how many there are.
    build.flag("-ffp-contract=off");
    // GCC takes the undefined registers of its own intrinsics for ours.
    build.flag_if_supported("-Wno-uninitialized").flag_if_supported("-Wno-maybe-uninitialized");
    for flag in flags {
        build.flag(flag);
    }
    build.file(format!("shim/kernels/{name}.cpp")).compile(&format!("oriel_{name}"));
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
