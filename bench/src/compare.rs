//! `oriel-bench compare`: two servers that speak OpenAI's API, measured by turns in one run, so that what the machine
//! does besides meets both. Only one of them is asked at a time.

mod bandwidth;
mod completion;
mod figure;
mod identity;
mod machine;
mod program;
mod report;
mod request;
mod rounds;
mod scenario;
mod server;
mod statistics;
mod text;

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use bandwidth::Floor;
use figure::Goals;
use machine::{Machine, Work};
use report::Report;
use rounds::Rounds;
use scenario::Scenario;
use server::{Given, Server};

/// Two servers, and what to measure. The first one is the one whose ratio to the second is told.
#[derive(Debug, Args)]
pub struct Options {
    /// The first server, up to and without `/v1`.
    #[arg(long)]
    url_a: String,
    /// The second server.
    #[arg(long)]
    url_b: String,
    /// How the first is called in the results.
    #[arg(long, default_value = "Oriel")]
    name_a: String,
    /// How the second is called.
    #[arg(long, default_value = "llama-server")]
    name_b: String,
    /// A command that runs the first until SIGTERM; it is started and ended here, which the restart scenario needs.
    #[arg(long)]
    start_a: Option<String>,
    /// The same for the second.
    #[arg(long)]
    start_b: Option<String>,
    /// The model at the first; the first of `/v1/models` where missing.
    #[arg(long)]
    model_a: Option<String>,
    /// The model at the second.
    #[arg(long)]
    model_b: Option<String>,
    /// API keys of different users of the first, with commas between.
    #[arg(long, env = "ORIEL_BENCH_KEYS_A", hide_env_values = true, value_delimiter = ',')]
    keys_a: Vec<String>,
    /// The same for the second.
    #[arg(long, env = "ORIEL_BENCH_KEYS_B", hide_env_values = true, value_delimiter = ',')]
    keys_b: Vec<String>,
    /// The first is an Oriel where everybody may register: an account with a key is made for each user.
    #[arg(long)]
    register_a: bool,
    /// The same for the second.
    #[arg(long)]
    register_b: bool,
    /// What the first was started with, for the results.
    #[arg(long, default_value = "")]
    about_a: String,
    /// The same for the second.
    #[arg(long, default_value = "")]
    about_b: String,
    /// How often each scenario is done at each server.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Answers at the same time in the scenario of many; both servers need a slot for each.
    #[arg(long, default_value_t = figure::STREAMS, value_parser = clap::value_parser!(u32).range(1..=256))]
    streams: u32,
    /// Only these scenarios.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// The same number gives the same texts; another one each time where missing.
    #[arg(long)]
    run: Option<u64>,
    /// What the ratios are held against.
    #[arg(long, value_enum, default_value_t)]
    goals: Goals,
    /// The file of the model, for its checksum and the part of the memory's bandwidth that one stream reaches.
    #[arg(long)]
    model_file: Option<PathBuf>,
    /// Threads with which the servers compute, for the memory's bandwidth.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Write the results as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write a chart.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Write a table for a document.
    #[arg(long)]
    markdown: Option<PathBuf>,
}

/// Measures, writes the files, and tells the results as text. Interrupted, it ends what it has started.
pub async fn measure(options: &Options) -> Result<String, Failure> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        report = compare(options) => Ok(report?.to_string()),
        _ = interrupt.recv() => Err(Failure::Interrupted),
        _ = terminate.recv() => Err(Failure::Interrupted),
    }
}

async fn compare(options: &Options) -> Result<Report, Failure> {
    let machine = Machine::read();
    let model = options.model_file.as_deref().map(identity::ModelFile::read).transpose()?;
    let run = options
        .run
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    let floor = model.as_ref().map(|model| Floor::measure(options.threads, model.size_bytes));
    let before = Work::now();
    let [a, b] = options.servers();
    let mut servers = [Server::open(a).await?, Server::open(b).await?];
    let identities = [
        identity::Identity::ask(&servers[0], &options.about_a).await,
        identity::Identity::ask(&servers[1], &options.about_b).await,
    ];
    let scenarios = options.scenarios(&servers);
    let mut rounds = Rounds::begin(&mut servers, run, options.streams).await?;
    for number in 0..options.rounds {
        for scenario in &scenarios {
            rounds.take(&mut servers, *scenario, number).await?;
        }
    }
    let report = Report {
        machine,
        others_percent: Work::now().zip(before).map(|(now, before)| now.others_percent(&before)),
        model,
        floor,
        run,
        rounds: options.rounds,
        servers: identities,
        idle_processor_percent: rounds.idle_percent(),
        rows: rounds.rows(options.goals),
    };
    for server in servers {
        server.close().await?;
    }
    options.write(&report)?;
    Ok(report)
}

impl Options {
    fn servers(&self) -> [Given; 2] {
        let a = Given {
            name: self.name_a.clone(),
            url: self.url_a.clone(),
            start: self.start_a.clone(),
            model: self.model_a.clone(),
            keys: self.keys_a.clone(),
            register: self.register_a,
        };
        let b = Given {
            name: self.name_b.clone(),
            url: self.url_b.clone(),
            start: self.start_b.clone(),
            model: self.model_b.clone(),
            keys: self.keys_b.clone(),
            register: self.register_b,
        };
        [a, b]
    }

    fn scenarios(&self, servers: &[Server; 2]) -> Vec<Scenario> {
        let can_restart = servers.iter().all(Server::can_restart);
        let wanted = |scenario: &Scenario| match self.only.is_empty() {
            true => can_restart || *scenario != Scenario::Restart,
            false => self.only.contains(scenario),
        };
        Scenario::ALL.into_iter().filter(wanted).collect()
    }

    fn write(&self, report: &Report) -> Result<(), Failure> {
        if let Some(path) = &self.json {
            fs::write(path, serde_json::to_string_pretty(report)? + "\n")?;
        }
        if let Some(path) = &self.svg {
            fs::write(path, report::svg::chart(report))?;
        }
        if let Some(path) = &self.markdown {
            fs::write(path, report::markdown::tables(report))?;
        }
        Ok(())
    }
}
