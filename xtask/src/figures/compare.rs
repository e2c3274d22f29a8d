//! `cargo xtask figures compare`: Oriel and llama.cpp's own server by turns, with the same file, threads, context and
//! slots; then what the page's way through nginx and the journal takes. Let nothing else run.

mod options;
mod peer;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, thread};

use crate::build::machine;
use crate::command;
use crate::failure::{Doing, Outcome};
use crate::place;
use crate::report::{say, step};
use crate::setup::models;
use crate::stack::settings::Settings;
use crate::stack::{Stack, oriel};
use crate::test::browser::{Scratch, free_port, settings};
pub use options::Options;

/// Tokens of each answer with its prompt: what the goals were set for.
const CONTEXT_TOKENS: &str = "2048";
/// Which of Oriel's own kernels compute.
const KERNELS: &str = "ORIEL_KERNELS";

/// Builds what is needed, measures, and prints a table for docs/performance.md.
pub fn compare(options: &Options) -> Outcome {
    step("llama-server (xllamacpp)", peer::install)?;
    let model = match &options.model {
        Some(model) => std::path::absolute(model).doing("name the model")?,
        None => {
            step("starter model", || models::fetch(&models::STARTER))?;
            models::path(&models::STARTER)?
        }
    };
    step("programs", crate::build::programs::build)?;
    let mut cargo = machine::cargo();
    command::run(cargo.current_dir(place::root()).args(["build", "--release", "--package", "bench"]))?;

    let directory = place::target().join("figures");
    fs::create_dir_all(&directory).doing(format_args!("make {}", directory.display()))?;
    let model = if options.q8_0 { peer::in_q8_0(&model, &directory)? } else { model };
    let results = Results::new(&directory, &model, options);
    by_turns(&model, options, &results)?;
    if options.only.is_none() {
        crate::up::set_up()?;
        step("page", crate::build::page::build)?;
        through_nginx(&model, options, &results)?;
    }
    println!("{}", fs::read_to_string(results.file("md")).doing("read the table")?);
    say(&format!("The results are also in {} (.json, .svg)", results.file("md").display()));
    Ok(())
}

/// Both servers, started and ended by the bench, so that it can restart them.
fn by_turns(model: &Path, options: &Options, results: &Results) -> Outcome {
    let data = Scratch::new("compare")?;
    let settings = oriel_settings(&data.0, model, options)?;
    let threads = threads();
    let peer = peer::Peer {
        model,
        port: free_port()?,
        threads: &threads,
        slots: &options.slots,
        context: CONTEXT_TOKENS,
    };
    let given = format!("{threads} threads, {} slots of {CONTEXT_TOKENS} tokens", options.slots);
    let mut bench = bench();
    bench.args(["--url-a", &format!("http://{}", settings.backend), "--register-a"]);
    bench.args(["--start-a", &as_one_line(&oriel::command(&settings)?)]);
    bench.args(["--about-a", &format!("{given}, {}", engine(options)?)]);
    bench.args(["--url-b", &peer.url(), "--start-b", &as_one_line(&peer.command(&options.peer)?)]);
    let more: String = options.peer.iter().map(|word| format!(" {word}")).collect();
    bench.args(["--about-b", &format!("{given}{more}, {}", peer::about()?)]);
    bench.arg("--model-file").arg(model).args(["--threads", &threads]);
    let is_q8_0 = model.to_string_lossy().contains("Q8_0");
    bench.args(["--goals", if is_q8_0 { "llama-server-q8-0" } else { "llama-server" }]);
    bench.args(["--rounds", &options.runs, "--streams", &options.slots]);
    if let Some(only) = &options.only {
        bench.args(["--only", only]);
    }
    for (form, ending) in [("--json", "json"), ("--svg", "svg"), ("--markdown", "md")] {
        bench.arg(form).arg(results.file(ending));
    }
    command::run(&mut bench)
}

/// What the way of the page takes, nginx and journal included: what its reader sees beside what the engine measured.
fn through_nginx(model: &Path, options: &Options, results: &Results) -> Outcome {
    let data = Scratch::new("compare-nginx")?;
    let stack = Stack::start(oriel_settings(&data.0, model, options)?)?;
    let mut told = fs::read_to_string(results.file("md")).doing("read the table")?;
    for readers in ["1", &options.slots] {
        let mut bench = Command::new(place::release_program("oriel-bench"));
        bench.args(["speed", "--readers", readers, "--rounds", &options.runs]);
        bench.args(["--password", "only for this measurement"]).env("ORIEL_ADDRESS", stack.address());
        told.push_str(&format!("\nThrough nginx and the journal: {}\n", command::capture(&mut bench)?));
    }
    fs::write(results.file("md"), told).doing("write the table")
}

fn oriel_settings(data: &Path, model: &Path, options: &Options) -> Outcome<Settings> {
    let mut settings = settings(data)?;
    settings.models = model.to_path_buf();
    settings.environment = vec![
        ("LOG_LEVEL", "warn".into()),
        ("SLOTS", options.slots.clone()),
        ("CONTEXT_TOKENS", CONTEXT_TOKENS.into()),
        ("THREADS", threads()),
        // Three users make an account first.
        ("REGISTRATION", "open".into()),
        ("BCRYPT_COST", "10".into()),
    ];
    settings.environment.extend(options.kernels.clone().map(|kernels| (KERNELS, kernels)));
    Ok(settings)
}

/// What the worker says it is, and with which kernels it computes.
fn engine(options: &Options) -> Outcome<String> {
    let mut version = Command::new(place::release_program("oriel-engine"));
    version.arg("version").envs(options.kernels.iter().map(|kernels| (KERNELS, kernels)));
    Ok(command::capture(&mut version)?.replace('\n', ", "))
}

fn bench() -> Command {
    let mut bench = Command::new(place::release_program("oriel-bench"));
    // The table is printed at the end, as a whole.
    bench.arg("compare").stdout(Stdio::null());
    bench
}

/// All cores, at both.
fn threads() -> String {
    thread::available_parallelism().map_or(1, usize::from).to_string()
}

/// A command with its variables, for a shell.
fn as_one_line(command: &Command) -> String {
    let mut env = Command::new("env");
    for (name, value) in command.get_envs() {
        let mut pair = name.to_owned();
        pair.push("=");
        pair.push(value.unwrap_or_default());
        env.arg(pair);
    }
    env.arg(command.get_program()).args(command.get_args());
    command::show(&env)
}

/// Where the results of one comparison go.
struct Results(PathBuf);

impl Results {
    fn new(directory: &Path, model: &Path, options: &Options) -> Self {
        let mut name = format!("compare-{}", model.file_stem().unwrap_or_default().to_string_lossy());
        if options.slots != "8" {
            name.push_str(&format!("-{}-slots", options.slots));
        }
        for word in options.kernels.iter().chain(&options.peer) {
            name.push_str(&format!("-{}", word.trim_start_matches('-')));
        }
        Self(directory.join(name))
    }

    /// One of them.
    fn file(&self, ending: &str) -> PathBuf {
        let mut path = self.0.clone().into_os_string();
        path.push(format!(".{ending}"));
        path.into()
    }
}
