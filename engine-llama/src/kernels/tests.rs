//! Against what the weights stand for, by the kernels that this machine can run.

#![allow(unsafe_code, reason = "the kernels are C++, the matrices ggml's")]

use std::ffi::{CString, c_char, c_int, c_void};

use llama_cpp_sys_2::{
    GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q4_K, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q5_K,
    GGML_TYPE_Q6_K, GGML_TYPE_Q8_0, ggml_get_type_traits, ggml_quantize_chunk, ggml_row_size, ggml_type,
};

use super::available;

unsafe extern "C" {
    fn oriel_kernels_multiply(
        name: *const c_char,
        kind: c_int,
        matrix: *const c_void,
        columns: i64,
        outputs: i64,
        input: *const f32,
        rows: i64,
        output: *mut f32,
    ) -> bool;
}

/// Three of the largest blocks, so that neither a pair nor a power of two is taken for granted.
const COLUMNS: usize = 768;
const OUTPUTS: usize = 48;
const KINDS: [ggml_type; 8] = [
    GGML_TYPE_Q4_0,
    GGML_TYPE_Q4_1,
    GGML_TYPE_Q5_0,
    GGML_TYPE_Q5_1,
    GGML_TYPE_Q8_0,
    GGML_TYPE_Q4_K,
    GGML_TYPE_Q5_K,
    GGML_TYPE_Q6_K,
];

/// A matrix as ggml keeps it.
struct Matrix {
    kind: ggml_type,
    bytes: Vec<u8>,
}

impl Matrix {
    fn new(kind: ggml_type) -> Self {
        let values = noise(COLUMNS * OUTPUTS, 7);
        // SAFETY: ggml knows the kind, and the columns are whole blocks.
        let row_bytes = unsafe { ggml_row_size(kind, COLUMNS as i64) };
        let mut bytes = vec![0; row_bytes * OUTPUTS];
        // SAFETY: there is room for as many rows as there are values, and neither kind needs an importance matrix.
        let written = unsafe {
            let to = bytes.as_mut_ptr().cast();
            ggml_quantize_chunk(
                kind,
                values.as_ptr(),
                to,
                0,
                OUTPUTS as i64,
                COLUMNS as i64,
                std::ptr::null(),
            )
        };
        assert_eq!(written, bytes.len());
        Self { kind, bytes }
    }

    fn values(&self) -> Vec<f32> {
        let mut values = vec![0.0; COLUMNS * OUTPUTS];
        // SAFETY: the traits of a kind that ggml knows; there is room for all values.
        unsafe {
            let to_float = (*ggml_get_type_traits(self.kind)).to_float.unwrap();
            to_float(self.bytes.as_ptr().cast(), values.as_mut_ptr(), values.len() as i64);
        }
        values
    }

    /// By the kernels of this name; none where they are not for this processor or this kind.
    fn multiplied(&self, kernels: &str, input: &[f32]) -> Option<Vec<f32>> {
        let rows = input.len() / COLUMNS;
        let mut output = vec![f32::NAN; rows * OUTPUTS];
        let name = CString::new(kernels).unwrap();
        // SAFETY: the matrix is whole, and there is room for the results of every row.
        let is_done = unsafe {
            oriel_kernels_multiply(
                name.as_ptr(),
                self.kind as c_int,
                self.bytes.as_ptr().cast(),
                COLUMNS as i64,
                OUTPUTS as i64,
                input.as_ptr(),
                rows as i64,
                output.as_mut_ptr(),
            )
        };
        is_done.then_some(output)
    }
}

/// Values between -1 and 1, the same every time.
pub(super) fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Calls `check` with every matrix and every kind of kernels that can run here.
fn for_all(check: impl Fn(&str, &Matrix)) {
    for kind in KINDS {
        let matrix = Matrix::new(kind);
        for kernels in available() {
            check(kernels, &matrix);
        }
    }
    let must_run_any = cfg!(target_arch = "x86_64") && crate::processor::missing().is_empty();
    assert_eq!(!available().is_empty(), must_run_any);
}

#[test]
fn a_product_is_what_the_weights_say_within_the_rounding_of_the_activations() {
    for_all(|kernels, matrix| {
        let weights = matrix.values();
        let input = noise(COLUMNS * 21, 3);
        let output = matrix.multiplied(kernels, &input).unwrap();
        for (row, activations) in input.chunks(COLUMNS).enumerate() {
            for (column, weights) in weights.chunks(COLUMNS).enumerate() {
                let exact: f32 = weights.iter().zip(activations).map(|(w, x)| w * x).sum();
                // Each activation is off by half a step at most, which is 1/127 of the largest.
                let reach: f32 = weights.iter().map(|w| w.abs() / 254.0).sum();
                let told = output[row * OUTPUTS + column];
                assert!(
                    (told - exact).abs() <= reach + 1e-4,
                    "{kernels}, format {}: {told} instead of {exact} ± {reach}",
                    matrix.kind
                );
            }
        }
    });
}

#[test]
fn what_a_row_gets_does_not_depend_on_the_rows_beside_it() {
    for_all(|kernels, matrix| {
        let input = noise(COLUMNS * 21, 5);
        let together = matrix.multiplied(kernels, &input).unwrap();
        for count in 1..21 {
            let fewer = matrix.multiplied(kernels, &input[..count * COLUMNS]).unwrap();
            assert_eq!(fewer, together[..count * OUTPUTS], "{kernels}, format {}, {count} rows", matrix.kind);
        }
    });
}

#[test]
fn a_row_of_zeros_gives_zeros() {
    for_all(|kernels, matrix| {
        assert_eq!(
            matrix.multiplied(kernels, &[0.0; COLUMNS]).unwrap(),
            [0.0; OUTPUTS],
            "{kernels}, {}",
            matrix.kind
        );
    });
}
