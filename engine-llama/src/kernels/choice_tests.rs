//! Which kernels are used.

use super::choice;

const HERE: [&str; 2] = ["avx512_vnni", "avx2"];

#[test]
fn the_best_are_used_unless_others_are_asked_for() {
    assert_eq!(choice(None, &HERE), Ok(Some("avx512_vnni")));
    assert_eq!(choice(Some(""), &HERE), Ok(Some("avx512_vnni")));
    assert_eq!(choice(Some("avx2"), &HERE), Ok(Some("avx2")));
    assert_eq!(choice(Some("off"), &HERE), Ok(None));
    assert_eq!(choice(None, &[]), Ok(None));
}

#[test]
fn what_cannot_be_run_here_is_refused_with_what_can() {
    let told = choice(Some("avx_vnni"), &HERE).unwrap_err();
    assert_eq!(told, "ORIEL_KERNELS is “avx_vnni”: this processor knows avx512_vnni, avx2, off");
}
