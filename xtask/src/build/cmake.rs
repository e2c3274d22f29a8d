//! What CMake remembers of the last time it built llama.cpp. The build script of `llama-cpp-sys-2` runs again when one of
//! ggml's switches changes, but does not configure CMake again where that was done once: the old switches would stay in
//! force, and nobody would be told.

use std::fs;
use std::path::{Path, PathBuf};

/// Forgets what was configured with other switches than these, in all profiles below Cargo's target directory, so that
/// the next build configures anew and compiles what the change touches. Tells what differed.
pub fn forget_others(target: &Path, switches: &[(&str, String)]) -> Vec<String> {
    configured(target).iter().filter_map(|build| forget(build, switches)).collect()
}

/// The directories of all runs of the build script.
fn configured(target: &Path) -> Vec<PathBuf> {
    let entries = |directory: &Path| fs::read_dir(directory).into_iter().flatten().flatten();
    let profiles = entries(target).map(|profile| profile.path().join("build"));
    let builds = profiles.flat_map(|build| entries(&build).collect::<Vec<_>>());
    let of_llama = builds.filter(|entry| entry.file_name().to_string_lossy().starts_with("llama-cpp-sys-2-"));
    of_llama.map(|entry| entry.path()).collect()
}

fn forget(build: &Path, switches: &[(&str, String)]) -> Option<String> {
    let cache = build.join("out/build/CMakeCache.txt");
    let remembered = fs::read_to_string(&cache).ok()?;
    let others: Vec<String> = switches.iter().filter_map(|switch| differing(&remembered, switch)).collect();
    if others.is_empty() {
        return None;
    }
    // Without the output that Cargo keeps of it the build script runs again, even where Cargo has seen the switches.
    for file in [&cache, &build.join("output")] {
        let _ = fs::remove_file(file);
    }
    Some(others.join(", "))
}

/// `GGML_AVX512 is ON and was OFF`, where that is so. What was never set is off.
fn differing(remembered: &str, (name, wanted): &(&str, String)) -> Option<String> {
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.split_once('=')?.1.to_owned());
    let was = remembered.lines().find_map(value).unwrap_or_else(|| "OFF".to_owned());
    (was != *wanted).then(|| format!("{name} is {wanted} and was {was}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHE: &str = "//AVX512\nGGML_AVX512:BOOL=OFF\nGGML_AVX512_VNNI:BOOL=ON\n";

    /// A target directory in which llama.cpp was built once, and that build.
    fn built() -> (tempfile::TempDir, PathBuf) {
        let target = tempfile::tempdir().unwrap();
        let build = target.path().join("release/build/llama-cpp-sys-2-0123456789abcdef");
        fs::create_dir_all(build.join("out/build")).unwrap();
        fs::write(build.join("out/build/CMakeCache.txt"), CACHE).unwrap();
        fs::write(build.join("output"), "cargo:rerun-if-env-changed=GGML_AVX512").unwrap();
        (target, build)
    }

    #[test]
    fn a_build_with_other_switches_is_configured_anew_and_that_is_told() {
        let (target, build) = built();
        let switches = [("GGML_AVX512", "ON".to_owned()), ("GGML_AVX512_VNNI", "ON".to_owned())];
        assert_eq!(forget_others(target.path(), &switches), ["GGML_AVX512 is ON and was OFF"]);
        assert!(!build.join("out/build/CMakeCache.txt").exists() && !build.join("output").exists());
        assert!(forget_others(target.path(), &switches).is_empty(), "it is told once");
    }

    #[test]
    fn a_build_with_the_same_switches_stays() {
        let (target, build) = built();
        let off = |name| (name, "OFF".to_owned());
        let switches = [off("GGML_AVX512"), off("GGML_AVX512_BF16"), ("GGML_AVX512_VNNI", "ON".to_owned())];
        assert!(forget_others(target.path(), &switches).is_empty());
        assert!(build.join("out/build/CMakeCache.txt").exists() && build.join("output").exists());
    }
}
