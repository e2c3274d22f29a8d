//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::faults::kind::Counts;

/// Kills everything under load and checks that nothing that was shown or acknowledged is lost.
#[derive(Clone, Debug, Parser)]
#[command(name = "oriel-chaos", version)]
pub struct Options {
    /// The directory with `oriel` and `oriel-engine-scripted`.
    #[arg(long)]
    pub programs: PathBuf,
    /// The directory `nginx` of the sources.
    #[arg(long)]
    pub nginx: PathBuf,
    /// Where the ledger and the logs go. The ledger is removed where nothing was violated.
    #[arg(long)]
    pub output: PathBuf,
    /// Faults, choices and the network's moods are drawn from it; drawn itself where it is missing.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Every fault once or a few times, in about a minute.
    #[arg(long)]
    pub short: bool,
    /// Kills of a backend; the other faults are in proportion.
    #[arg(long, default_value_t = 100)]
    pub kills: u32,
    /// Exactly these faults: `backend=10,worker=5`.
    #[arg(long)]
    pub faults: Option<Counts>,
    /// Servers on the one database.
    #[arg(long, default_value_t = 3)]
    pub replicas: usize,
    /// Simulated people; every third has two devices.
    #[arg(long, default_value_t = 24)]
    pub people: usize,
    /// Seconds before the first fault.
    #[arg(long, default_value_t = 3)]
    pub calm_s: u64,
    /// A network that does no harm.
    #[arg(long)]
    pub good_network: bool,
    /// Writes the table to this file.
    #[arg(long)]
    pub markdown: Option<PathBuf>,
    /// Keeps the ledger and the logs in any case.
    #[arg(long)]
    pub keep: bool,
}

impl Options {
    /// The faults of the run.
    pub fn counts(&self) -> Counts {
        match &self.faults {
            Some(counts) => counts.clone(),
            None if self.short => Counts::short(),
            None => Counts::of_kills(self.kills),
        }
    }
}
