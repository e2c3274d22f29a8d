#![allow(unsafe_code, clippy::all)]
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use std::num::NonZeroU32;
use std::time::Instant;

fn env(name: &str, default: i64) -> i64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let log = engine_llama::log::start("error", false);
    let backend = engine_llama::load::backend().unwrap();
    if env("OWN", 0) == 1 {
        own();
    }
    let t0 = Instant::now();
    let model = LlamaModel::load_from_file(backend, &path, &LlamaModelParams::default()).unwrap();
    eprintln!("load {:?}", t0.elapsed());
    let _ = log.complaints.take();
    let slots = env("SLOTS", 8) as u32;
    let nctx = env("CTX", 2048) as u32;
    let mut p = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(nctx * slots))
        .with_n_seq_max(slots)
        .with_n_batch(env("BATCH", 512) as u32)
        .with_n_ubatch(env("UBATCH", 512) as u32)
        .with_n_threads(env("THREADS", 2) as i32)
        .with_n_threads_batch(env("TB", 2) as i32)
        .with_kv_unified(env("UNIFIED", 0) == 1)
        .with_op_offload(false)
        .with_swa_full(true);
    let fa = env("FA", -1);
    if fa >= 0 {
        p = p.with_flash_attention_policy(fa as i32);
    }
    let mut ctx = model.new_context(backend, p).unwrap();
    let mut batch = LlamaBatch::new(512, 1);
    let runs = env("RUNS", 5);
    let depth = env("DEPTH", 100) as i32;
    let mut rng = 1u32;
    let mut tok = || {
        rng = rng.wrapping_mul(1664525).wrapping_add(1013904223);
        LlamaToken((rng >> 8) as i32 % 40000 + 100)
    };
    let mut fill = |ctx: &mut llama_cpp_2::context::LlamaContext, s: i32| {
        let mut pos = 0;
        while pos < depth {
            let n = (depth - pos).min(512);
            batch.clear();
            for i in 0..n {
                batch.add(tok(), pos + i, &[s], i + 1 == n).unwrap();
            }
            ctx.decode(&mut batch).unwrap();
            pos += n;
        }
    };
    for s in 0..slots as i32 {
        fill(&mut ctx, s);
    }
    let mode = std::env::var("MODE").unwrap_or("both".into());
    if mode == "peek" {
        // checks: text of greedy
        return;
    }
    let mut batch = LlamaBatch::new(512, 1);
    if mode == "both" || mode == "seqs" {
        for n in [1, 2, 3, 4, 6, 8, 12, 16, 32] {
            if env("ONLY", n as i64) != n as i64 {
                continue;
            }
            if n > slots as i32 {
                break;
            }
            let mut best = Vec::new();
            for _ in 0..runs * 3 {
                batch.clear();
                for s in 0..n {
                    batch.add(LlamaToken(100 + s), depth, &[s], true).unwrap();
                }
                let t = Instant::now();
                ctx.decode(&mut batch).unwrap();
                for i in 0..n {
                    std::hint::black_box(ctx.get_logits_ith(i));
                }
                best.push(t.elapsed().as_secs_f64() * 1e3);
                for s in 0..n {
                    ctx.clear_kv_cache_seq(Some(s as u32), Some(depth as u32), None).unwrap();
                }
            }
            best.sort_by(f64::total_cmp);
            println!(
                "seqs {n:3}: median {:7.2} ms  min {:7.2}  {:6.0} tok/s",
                best[best.len() / 2],
                best[0],
                n as f64 * 1e3 / best[best.len() / 2]
            );
        }
    }
    if mode == "both" || mode == "chunk" {
        for n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 24, 32, 48, 64, 128, 256, 512] {
            let mut best = Vec::new();
            for _ in 0..runs {
                batch.clear();
                for i in 0..n {
                    batch
                        .add(LlamaToken(100 + i), depth + i, &[0], i + 1 == n || env("ALL", 0) == 1)
                        .unwrap();
                }
                let t = Instant::now();
                ctx.decode(&mut batch).unwrap();
                std::hint::black_box(ctx.get_logits_ith(n - 1));
                best.push(t.elapsed().as_secs_f64() * 1e3);
                ctx.clear_kv_cache_seq(Some(0), Some(depth as u32), None).unwrap();
            }
            best.sort_by(f64::total_cmp);
            println!(
                "chunk {n:3}: median {:7.2} ms  min {:7.2}  {:6.0} tok/s",
                best[best.len() / 2],
                best[0],
                n as f64 * 1e3 / best[best.len() / 2]
            );
        }
    }
}
fn own() {
    unsafe extern "C" {
        fn oriel_kernels_register() -> *const std::ffi::c_char;
    }
    let name = unsafe { oriel_kernels_register() };
    if !name.is_null() {
        eprintln!("kernels {:?}", unsafe { std::ffi::CStr::from_ptr(name) });
    }
}
