//! What this machine's processor can do beyond the baseline that `.cargo/config.toml` sets for llama.cpp. Every call
//! of Cargo that may build the worker gets the same answer, or llama.cpp would be built again and again.

use std::fs;
use std::process::Command;
use std::sync::Once;

use super::cmake;
use crate::place;
use crate::report::doing;

/// ggml's switch, and the flags of `/proc/cpuinfo` that it needs.
const SWITCHES: [(&str, &[&str]); 4] = [
    ("GGML_AVX512", &["avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"]),
    ("GGML_AVX512_VBMI", &["avx512vbmi"]),
    ("GGML_AVX512_VNNI", &["avx512_vnni"]),
    ("GGML_AVX512_BF16", &["avx512_bf16"]),
];

/// Cargo, set to build for this machine. A switch that is set in the environment stays as it is; a build that was made
/// with others is not taken for one with these.
pub fn cargo() -> Command {
    static LOOKED: Once = Once::new();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let on = switches(&cpuinfo);
    let wanted = SWITCHES.map(|(name, _)| {
        let detected = if on.contains(&name) { "ON" } else { "OFF" };
        (name, std::env::var(name).unwrap_or_else(|_| detected.to_owned()))
    });
    LOOKED.call_once(|| {
        for differs in cmake::forget_others(&place::target(), &wanted) {
            doing(&format!(
                "llama.cpp was compiled otherwise ({differs}): it is compiled anew, which takes minutes"
            ));
        }
    });
    let mut command = Command::new("cargo");
    command.envs(wanted);
    command
}

/// Those that this processor lets us switch on.
fn switches(cpuinfo: &str) -> Vec<&'static str> {
    let flags: Vec<&str> = cpuinfo
        .lines()
        .find(|line| line.starts_with("flags"))
        .into_iter()
        .flat_map(str::split_whitespace)
        .collect();
    SWITCHES
        .iter()
        .filter(|(_, needed)| needed.iter().all(|flag| flags.contains(flag)))
        .map(|(switch, _)| *switch)
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
        assert_eq!(switches(partly), ["GGML_AVX512_VNNI"]);
    }
}
