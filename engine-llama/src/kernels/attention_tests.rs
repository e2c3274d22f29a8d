//! Attention against its definition, where this machine has a kernel for it.

#![allow(unsafe_code, reason = "the kernels are C++")]

use std::ffi::{CString, c_char, c_int};

use llama_cpp_sys_2::{ggml_fp16_to_fp32, ggml_fp32_to_fp16};

use super::available;
use super::tests::noise;

unsafe extern "C" {
    fn oriel_kernels_attend(
        name: *const c_char,
        head: c_int,
        queries: *const f32,
        rows: c_int,
        keys: *const u16,
        values: *const u16,
        count: i64,
        mask: *const u16,
        scale: f32,
        output: *mut f32,
    ) -> bool;
}

const KEYS: usize = 96;
const ROWS: usize = 7;
const HEADS: [usize; 5] = [64, 80, 96, 128, 256];
const SCALE: f32 = 0.3;

struct Case {
    head: usize,
    queries: Vec<f32>,
    keys: Vec<u16>,
    values: Vec<u16>,
    /// Query `n` sees the first `n * 13 + 1` keys, as a prompt's tokens do.
    mask: Vec<u16>,
}

impl Case {
    fn new(head: usize) -> Self {
        let halves = |seed| noise(KEYS * head, seed).into_iter().map(half).collect();
        let is_seen = |row: usize, key: usize| key <= row * 13;
        let mask = (0..ROWS * KEYS)
            .map(|at| half(if is_seen(at / KEYS, at % KEYS) { 0.0 } else { f32::NEG_INFINITY }))
            .collect();
        Self { head, queries: noise(ROWS * head, 11), keys: halves(12), values: halves(13), mask }
    }

    /// The first `rows` queries, by the kernels of this name.
    fn attended(&self, kernels: &str, rows: usize) -> Vec<f32> {
        let mut output = vec![f32::NAN; rows * self.head];
        let name = CString::new(kernels).unwrap();
        // SAFETY: there is a number for each query, key, value and result, and a head of this size is known.
        let is_done = unsafe {
            oriel_kernels_attend(
                name.as_ptr(),
                self.head as c_int,
                self.queries.as_ptr(),
                rows as c_int,
                self.keys.as_ptr(),
                self.values.as_ptr(),
                KEYS as i64,
                self.mask.as_ptr(),
                SCALE,
                output.as_mut_ptr(),
            )
        };
        assert!(is_done, "{kernels} have none for a head of {}", self.head);
        output
    }

    fn by_definition(&self) -> Vec<f64> {
        let number = |halves: &[u16], at: usize| f64::from(single(halves[at]));
        let row = |row: usize| {
            let score = |key: usize| {
                let along = 0..self.head;
                let query = |at: usize| f64::from(self.queries[row * self.head + at]);
                let product: f64 = along.map(|at| query(at) * number(&self.keys, key * self.head + at)).sum();
                product * f64::from(SCALE) + number(&self.mask, row * KEYS + key)
            };
            let weights: Vec<f64> = (0..KEYS).map(|key| score(key).exp()).collect();
            let whole: f64 = weights.iter().sum();
            let column = |at: usize| {
                let weighted =
                    |(key, weight): (usize, &f64)| weight * number(&self.values, key * self.head + at);
                weights.iter().enumerate().map(weighted).sum::<f64>() / whole
            };
            (0..self.head).map(column).collect::<Vec<f64>>()
        };
        (0..ROWS).flat_map(row).collect()
    }
}

fn half(value: f32) -> u16 {
    // SAFETY: a conversion.
    unsafe { ggml_fp32_to_fp16(value) }
}

fn single(value: u16) -> f32 {
    // SAFETY: a conversion.
    unsafe { ggml_fp16_to_fp32(value) }
}

#[test]
fn each_query_gets_the_values_of_the_keys_that_it_sees() {
    for case in HEADS.map(Case::new) {
        for kernels in available() {
            for (told, exact) in case.attended(kernels, ROWS).iter().zip(case.by_definition()) {
                let difference = (f64::from(*told) - exact).abs();
                assert!(difference < 1e-4, "{kernels}: {told} of a head of {}: {exact}", case.head);
            }
        }
    }
}

#[test]
fn what_a_query_gets_depends_neither_on_others_nor_on_what_it_does_not_see() {
    for kernels in available() {
        for mut case in HEADS.map(Case::new) {
            let together = case.attended(kernels, ROWS);
            for rows in 1..ROWS {
                let fewer = case.attended(kernels, rows);
                assert_eq!(fewer, together[..rows * case.head], "{kernels}: {rows} queries");
            }
            // The last query but one sees keys up to 65.
            let seen = 66 * case.head;
            let strange = |halves: &mut Vec<u16>| halves[seen..].fill(half(1234.0));
            strange(&mut case.keys);
            strange(&mut case.values);
            let upto = (ROWS - 1) * case.head;
            assert_eq!(case.attended(kernels, ROWS)[..upto], together[..upto], "{kernels}");
        }
    }
}
