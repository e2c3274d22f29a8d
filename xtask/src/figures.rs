//! `cargo xtask figures`: measures what can be measured on this machine: memory, start, size of the page, speed through
//! nginx. For figures worth keeping let nothing else run.

pub mod compare;
pub mod streams;

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::build::{compress, machine};
use crate::command;
use crate::failure::{Doing, Failure, Outcome};
use crate::place;
use crate::report::{seconds, step};
use crate::setup::models;
use crate::stack::Stack;
use crate::test::browser::{Scratch, settings};

/// Long enough for what a start leaves behind to settle.
const SETTLE: Duration = Duration::from_secs(5);

/// Measures and prints.
pub fn figures() -> Outcome {
    crate::up::set_up()?;
    crate::up::build()?;
    step("starter model", || models::fetch(&models::STARTER))?;
    let mut cargo = machine::cargo();
    command::run(cargo.current_dir(place::root()).args(["build", "--release", "--package", "bench"]))?;

    let data = Scratch::new("figures")?;
    let first = Stack::start(settings(&data.0)?)?.ready_after;
    let stack = Stack::start(settings(&data.0)?)?;
    std::thread::sleep(SETTLE);
    let keeper = stack.oriel_pid().ok_or_else(|| Failure::new("oriel does not run"))?;
    let idle_kb = resident_kb(first_child(keeper)?)?;
    let page_kb = compress::transferred_bytes(&place::page())?.div_ceil(1000);
    println!("start to /readyz, new private PostgreSQL    {}", seconds(first));
    println!("start to /readyz, private PostgreSQL there  {}", seconds(stack.ready_after));
    println!("memory of oriel, idle                       {:.1} MiB", f64::from(idle_kb) / 1024.0);
    println!("page, with brotli                           {page_kb} KB");
    for readers in ["1", "4"] {
        let mut bench = Command::new(place::release_program("oriel-bench"));
        bench.args([
            "speed",
            "--readers",
            readers,
            "--model",
            "smollm2-135m-instruct",
            "--password",
            "only for this measurement",
        ]);
        println!("through nginx: {}", command::capture(bench.env("ORIEL_ADDRESS", stack.address()))?);
    }
    engine_alone()
}

/// The same model without anything around it.
fn engine_alone() -> Outcome {
    let mut engine = Command::new(place::release_program("oriel-engine"));
    engine.arg("bench").arg(models::path(&models::STARTER)?);
    println!("the engine alone:\n{}", command::capture(&mut engine)?);
    Ok(())
}

/// `oriel` is the child of the shell that keeps it.
fn first_child(pid: u32) -> Outcome<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(&path).doing(format_args!("read {path}"))?;
    let first = children.split_whitespace().next().and_then(|child| child.parse().ok());
    first.ok_or_else(|| Failure::new(format!("process {pid} has no child")))
}

fn resident_kb(pid: u32) -> Outcome<u32> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).doing(format_args!("read {path}"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|value| value.split_whitespace().next())
        .and_then(|kilobytes| kilobytes.parse().ok())
        .ok_or_else(|| Failure::new(format!("{path} tells no VmRSS")))
}
