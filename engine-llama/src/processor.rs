//! Whether this processor can run the kernels that ggml was compiled into. Without asking, the first one that it
//! cannot run would end the process without a word.

/// What the build asks for and this machine lacks, for a person; empty where all is well.
pub fn missing() -> Vec<&'static str> {
    needed().into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
}

/// The extensions that are compiled in, and whether they are here. The first four are ggml's baseline where it is not
/// compiled for one machine; build.rs tells of the others.
#[cfg(target_arch = "x86_64")]
fn needed() -> Vec<(&'static str, bool)> {
    let mut needed = vec![
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("F16C", is_x86_feature_detected!("f16c")),
        ("BMI2", is_x86_feature_detected!("bmi2")),
    ];
    if cfg!(ggml_avx512) {
        needed.push(("AVX-512", is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")));
    }
    if cfg!(ggml_avx512_vbmi) {
        needed.push(("AVX-512 VBMI", is_x86_feature_detected!("avx512vbmi")));
    }
    if cfg!(ggml_avx512_vnni) {
        needed.push(("AVX-512 VNNI", is_x86_feature_detected!("avx512vnni")));
    }
    if cfg!(ggml_avx512_bf16) {
        needed.push(("AVX-512 BF16", is_x86_feature_detected!("avx512bf16")));
    }
    needed
}

/// Elsewhere ggml is compiled for what every processor of the kind has.
#[cfg(not(target_arch = "x86_64"))]
fn needed() -> Vec<(&'static str, bool)> {
    Vec::new()
}
