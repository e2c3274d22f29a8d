//! Runs a private PostgreSQL for tests and for looking around: prints its address, and stops it at the end of
//! standard input, on Ctrl-C or when it is told to. So it never outlives whoever started it.
//!
//! `cargo run -p store --example cluster -- <directory> [--fast]`; `--fast` trades durability for speed.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use store::{Durability, EmbeddedCluster};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(directory) = arguments.next().map(PathBuf::from) else {
        eprintln!("name a directory: cargo run -p store --example cluster -- <directory> [--fast]");
        return ExitCode::FAILURE;
    };
    let fast = arguments.any(|argument| argument == "--fast");
    let durability = if fast { Durability::Fast } else { Durability::Full };
    match run(directory, durability).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(directory: PathBuf, durability: Durability) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let cluster = EmbeddedCluster::start_with(&directory, durability).await?;
    println!("{}", cluster.database_url());
    let (ended, end_of_input) = oneshot::channel::<()>();
    // A thread that nobody waits for: a read of standard input cannot be cut short.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(ended);
    });
    tokio::select! {
        _ = end_of_input => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    cluster.stop().await?;
    Ok(())
}
