//! One run, from the first process to the last check.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checks::{self, leaks};
use crate::failure::{Doing, Failure, Outcome};
use crate::faults;
use crate::ledger::{Ledger, Rule};
use crate::options::Options;
use crate::people::People;
use crate::proxy::Proxy;
use crate::report::Report;
use crate::stack::Stack;
use crate::stack::process::processes_of;

/// Violations that are printed; the ledger has all of them.
const PRINTED_MAX: usize = 20;

/// Runs the test; true where every promise was kept.
pub async fn run(options: Options) -> Outcome<bool> {
    let seed = options.seed.unwrap_or_else(rand::random);
    let counts = options.counts();
    fs::create_dir_all(&options.output).doing(format_args!("make {}", options.output.display()))?;
    let ledger_path = options.output.join("ledger.txt");
    let ledger = Ledger::create(&ledger_path)?;
    say(&format!("seed {seed}; the ledger is {}", ledger_path.display()));

    let stack = Arc::new(Stack::start(&options, seed).await?);
    let (proxy, accepting) = Proxy::start(stack.front, seed).await?;
    let mut people = People::begin(options.people, proxy.address(), &ledger, seed).await?;
    say(&format!(
        "{} people on {} replicas; faults for about {} s",
        options.people,
        options.replicas,
        counts.duration().as_secs()
    ));

    let began = Instant::now();
    proxy.set_bad(!options.good_network);
    let progress = |number: usize, total: usize, kind| {
        let sums = ledger.sums();
        say(&format!(
            "{:>4} s  {number:>3}/{total} {kind:<38} {} acknowledged, {} KB shown, {} violations",
            began.elapsed().as_secs(),
            sums.acknowledged,
            sums.shown_bytes / 1000,
            ledger.broken()
        ));
    };
    tokio::time::sleep(Duration::from_secs(options.calm_s)).await;
    faults::run(&stack, &ledger, &counts, seed, progress).await;
    proxy.set_bad(false);
    say("faults are over; waiting for the last answers");
    people.wind_up().await;
    let endings = checks::texts(&ledger, &stack, &people, seed).await?;
    people.leave().await;
    let took = began.elapsed();
    say("looking for what is left over");
    leaks::check(&ledger, &stack, seed).await;
    let refused_starts = checks::exits(&ledger, &stack.exits());
    let network = proxy.sums();
    accepting.abort();
    keep_log(stack.database.log(), &options.output.join("postgres.log"));
    stop(&ledger, stack).await?;

    let (replicas, people) = (options.replicas, options.people);
    let report = Report { ledger: &ledger, network, endings, refused_starts, seed, replicas, people, took };
    let text = report.markdown();
    println!("{text}");
    if let Some(path) = &options.markdown {
        fs::write(path, &text).doing(format_args!("write {}", path.display()))?;
    }
    ledger.flush();
    Ok(conclude(&options, &ledger, &ledger_path, seed))
}

/// Ends everything; nobody may need to be killed, and nobody may be left.
async fn stop(ledger: &Ledger, stack: Arc<Stack>) -> Outcome {
    let path = stack.path().to_path_buf();
    let stack = Arc::into_inner(stack).ok_or_else(|| Failure::new("a fault still goes on"))?;
    let (stubborn, directory) = stack.stop().await?;
    ledger.check(Rule::NothingLeaks, stubborn.is_empty(), || format!("did not end when asked: {stubborn:?}"));
    let left = processes_of(&path);
    ledger
        .check(Rule::NothingLeaks, left.is_empty(), || format!("processes that were left behind: {left:?}"));
    drop(directory);
    Ok(())
}

fn conclude(options: &Options, ledger: &Ledger, ledger_path: &Path, seed: u64) -> bool {
    let broken = ledger.broken();
    if broken == 0 {
        say(&format!("no violation; seed {seed}"));
        if !options.keep {
            // A file that stays does no harm.
            let _ = fs::remove_file(ledger_path);
        }
        return true;
    }
    for violation in ledger.violations().iter().take(PRINTED_MAX) {
        let what: String = violation.what.chars().take(600).collect();
        say(&format!("VIOLATION at {} ms: {}\n    {what}", violation.at_ms, violation.rule));
    }
    say(&format!(
        "{broken} violations; seed {seed}; the ledger is {}, the logs are beside it",
        ledger_path.display()
    ));
    false
}

fn keep_log(from: &Path, to: &Path) {
    // Only for whoever looks for a cause.
    let _ = fs::copy(from, to);
}

/// Progress is for people: it goes to stderr, so that stdout has the tables.
fn say(line: &str) {
    eprintln!("{line}");
}
