//! `oriel-engine tune`: what would be chosen for a model on this machine, with all that was tried.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use engine::containment::SET_VARIABLES;
use engine::decoder::LoadRequest;
use engine::{FlashAttention, LoadStage};
use engine_llama::log::LlamaLog;
use engine_llama::tuning::{Figures, Trial};
use engine_llama::{load, tuning};

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// A GGUF file.
    model: PathBuf,
    /// Streams, in the measurement of many.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    slots: u32,
}

/// Somebody who asks waits longer than a model's first load may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Measures and prints.
pub fn run(options: Options, log: &LlamaLog) -> ExitCode {
    if SET_VARIABLES.iter().any(|(name, _)| env::var_os(name).is_none()) {
        // Threads wait as a worker's do: that is settled before the program begins.
        let mut again = Command::new(env::current_exe().unwrap_or_default());
        let error = again.args(env::args_os().skip(1)).envs(SET_VARIABLES).exec();
        eprintln!("oriel-engine tune: the program cannot be started anew: {error}");
    }
    let request = LoadRequest { slots: options.slots, ..LoadRequest::new(options.model) };
    match load::for_tuning(&request, &mut |_: LoadStage, _| true, log) {
        Ok((backend, model, plan)) => {
            println!("{:<44} {:>12} {:>10} {:>12}", "", "prompt", "step", "answers");
            let mut depth_tokens = 0;
            let mut tell = |trial: &Trial, figures: Figures| {
                depth_tokens = trial.depth_tokens;
                print(trial, figures);
            };
            let found = tuning::tune(backend, model, &request, &plan, LIMIT, &mut tell);
            let mut best = plan;
            found.tuning.apply(&mut best, &request);
            for trial in tuning::stream_trials(&best, depth_tokens.clamp(1, 256)) {
                if let Some(figures) = trial.measure(backend, model) {
                    print(&trial, figures);
                }
            }
            println!();
            println!("chosen: {}", describe(&Trial::new(&best, depth_tokens)));
            if found.is_disturbed {
                println!(
                    "The machine was busy meanwhile: steps of one trial took longer by turns. Try it again."
                );
            }
            println!("A cache for all streams is never chosen: an answer would depend on the others.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("oriel-engine tune: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(trial: &Trial, figures: Figures) {
    println!(
        "{:<44} {:>8.0} t/s {:>7.2} ms {:>8.1} t/s",
        describe(trial),
        1.0 / figures.read_token_s,
        figures.step_s * 1000.0,
        f64::from(trial.streams) / figures.step_s,
    );
}

fn describe(trial: &Trial) -> String {
    let plan = &trial.plan;
    let attention = match plan.flash_attention {
        FlashAttention::Auto => "auto",
        FlashAttention::On => "on",
        FlashAttention::Off => "off",
    };
    let streams = match (trial.streams, plan.is_unified) {
        (1, _) => String::new(),
        (count, false) => format!(", {count} streams"),
        (count, true) => format!(", {count} streams, one cache"),
    };
    let threads = if plan.threads == plan.batch_threads {
        format!("{} threads", plan.threads)
    } else {
        format!("{} threads, {} for prompts", plan.threads, plan.batch_threads)
    };
    format!("{threads}, flash {attention}, passes of {}{streams}", plan.pass_tokens)
}
