//! What this machine's processor can do beyond the baseline that `.cargo/config.toml` sets for llama.cpp. Every call
//! of Cargo that may build the worker gets the same answer, or llama.cpp would be built again and again.

use std::fs;
use std::process::Command;

/// ggml's switch, and the flags of `/proc/cpuinfo` that it needs.
const SWITCHES: [(&str, &[&str]); 4] = [
    ("GGML_AVX512", &["avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"]),
    ("GGML_AVX512_VBMI", &["avx512vbmi"]),
    ("GGML_AVX512_VNNI", &["avx512_vnni"]),
    ("GGML_AVX512_BF16", &["avx512_bf16"]),
];

/// Cargo, set to build for this machine. A switch that is set in the environment stays as it is.
pub fn cargo() -> Command {
    let mut command = Command::new("cargo");
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    command.envs(switches(&cpuinfo).into_iter().filter(|(name, _)| std::env::var_os(name).is_none()));
    command
}

fn switches(cpuinfo: &str) -> Vec<(&'static str, &'static str)> {
    let flags: Vec<&str> = cpuinfo
        .lines()
        .find(|line| line.starts_with("flags"))
        .into_iter()
        .flat_map(str::split_whitespace)
        .collect();
    SWITCHES
        .iter()
        .filter(|(_, needed)| needed.iter().all(|flag| flags.contains(flag)))
        .map(|(switch, _)| (*switch, "ON"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_processor_gets_nothing_switched_on() {
        assert!(switches("flags\t\t: fpu sse2 avx avx2 fma f16c bmi2\n").is_empty());
        assert!(switches("").is_empty());
    }

    #[test]
    fn a_switch_is_on_only_with_all_its_flags() {
        let partly = "flags : avx512f avx512cd avx512vl avx512_vnni";
        assert_eq!(switches(partly), [("GGML_AVX512_VNNI", "ON")]);
    }
}
