//! What runs around the programs: that a start and an end leave nothing behind, that sudden deaths lose nothing, and the
//! compose file.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::Proof;
use super::browser::{Scratch, settings};
use crate::command;
use crate::failure::{Doing, Failure, Outcome};
use crate::interrupt;
use crate::place;
use crate::stack::Stack;
use crate::stack::readiness;
use crate::stack::service::Service;
use crate::stack::settings::Settings;

/// Longer than the time that `up` itself gives its services.
const STOP: Duration = Duration::from_secs(60);

/// `up` starts and refuses to start twice, and starts again what dies; one signal ends every process of it, and so does
/// its own sudden death.
pub fn stop() -> Outcome<Proof> {
    crate::up::set_up()?;
    crate::up::build()?;
    let data = Scratch::new("stop")?;
    let settings = settings(&data.0)?;
    let up = || -> Outcome<Command> {
        let mut command = Command::new(std::env::current_exe().doing("find this program")?);
        command.arg("up").env("DATA_DIR", &settings.data).env("MODEL_PATH", &settings.models);
        command.env("PORT", settings.port.to_string()).env("LISTEN_ADDR", settings.backend.to_string());
        command.env("LOG_LEVEL", "warn").env_remove("DATABASE_URL");
        Ok(command)
    };
    let start = || -> Outcome<Service> {
        let (sender, events) = mpsc::channel();
        let running = Service::start("cargo xtask up", up()?, sender)?;
        let _watched = interrupt::end_on_interrupt(running.pid());
        readiness::wait(settings.front(), "/readyz", &events)?;
        Ok(running)
    };

    let running = start()?;
    let twice = up()?.stdin(Stdio::null()).output().doing("start Oriel twice")?;
    let told = String::from_utf8_lossy(&twice.stderr).into_owned();
    running.stop(STOP);
    if twice.status.success() || !told.contains("running already") || !told.contains("process") {
        return Err(Failure::new(format!("a second `up` did not say that one runs already:\n{told}")));
    }
    nothing_is_left_of(&data.0, Duration::ZERO)?;

    let (mut stack, kept) = (Stack::start(settings.clone())?, settings.clone());
    stack.keep_while(move || {
        ["oriel serve", "nginx: master"].iter().try_for_each(|program| comes_back(program, &kept))
    })?;
    drop(stack);
    nothing_is_left_of(&data.0, Duration::ZERO)?;

    let running = start()?;
    interrupt::kill_group(running.pid());
    nothing_is_left_of(&data.0, STOP)?;
    Ok(Proof::Tests(5))
}

/// Kills a service outright and waits until another one of it answers.
fn comes_back(program: &str, settings: &Settings) -> Outcome {
    let data = settings.data.display().to_string();
    let pid = || -> Option<u32> {
        processes_of(&data).iter().filter(|line| line.contains(program)).find_map(|line| {
            let pid = line.split(' ').next()?.parse().ok()?;
            let parent = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            // Not the shell that keeps it.
            (!parent.contains("keeper")).then_some(pid)
        })
    };
    let killed = pid().ok_or_else(|| Failure::new(format!("`{program}` does not run")))?;
    interrupt::kill(killed);
    let (_sender, events) = mpsc::channel();
    let deadline = Instant::now() + STOP;
    while pid().is_none_or(|now| now == killed) {
        if Instant::now() > deadline {
            return Err(Failure::new(format!("`{program}` was killed and is not started again")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    readiness::wait(settings.front(), "/readyz", &events)
}

fn nothing_is_left_of(data: &Path, patience: Duration) -> Outcome {
    let deadline = Instant::now() + patience;
    loop {
        let left = processes_of(&data.display().to_string());
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Failure::new(format!("these processes were left behind:\n  {}", left.join("\n  "))));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The processes, ours apart, that name a path on their command line or in their environment.
fn processes_of(path: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok())
        .filter(|pid| *pid != std::process::id())
        .filter_map(|pid| {
            let read = |name: &str| {
                String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default())
                    .into_owned()
            };
            let (command, environment) = (read("cmdline"), read("environ"));
            (command.contains(path) || environment.contains(path))
                .then(|| format!("{pid} {}", command.replace('\0', " ").trim()))
        })
        .collect()
}

/// The ledger test for a minute, with a seed of its own each time: a failure prints it.
pub fn chaos() -> Outcome<Proof> {
    crate::chaos::chaos(&["--short"])?;
    Ok(Proof::Check)
}

/// The images' builds get every crate, and the compose file is well formed, with the settings of `.env.example`.
pub fn compose() -> Outcome<Proof> {
    let read = |name: &str| fs::read_to_string(place::root().join(name)).doing(format_args!("read {name}"));
    let kept_out = kept_out(&read("Cargo.toml")?, &read(".dockerignore")?);
    if !kept_out.is_empty() {
        let list = kept_out.join(", ");
        return Err(Failure::new(format!(
            "Cargo wants the manifests of all crates, and .dockerignore keeps these from the images: {list}"
        )));
    }
    let mut compose = if command::succeeds(Command::new("docker").args(["compose", "version"])) {
        let mut docker = Command::new("docker");
        docker.arg("compose");
        docker
    } else if command::find("docker-compose").is_some() {
        Command::new("docker-compose")
    } else {
        return Ok(Proof::Skipped("docker compose is not installed".into()));
    };
    compose.current_dir(place::root()).args(["--env-file", ".env.example", "config", "--quiet"]);
    command::run(compose.env("POSTGRES_PASSWORD", "only-to-check-the-file"))?;
    Ok(Proof::Check)
}

/// Members of the workspace that a `.dockerignore`, which names what it lets through, does not name.
fn kept_out(manifest: &str, ignore: &str) -> Vec<String> {
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let members =
        members.map(|(members, _)| members.split(',').map(|member| member.trim().trim_matches('"')));
    let is_let_through = |member: &str| ignore.lines().any(|line| line.strip_prefix('!') == Some(member));
    let kept_out =
        members.into_iter().flatten().filter(|member| !member.is_empty() && !is_let_through(member));
    kept_out.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_the_images_do_not_get_is_named() {
        let manifest = "[workspace]\nmembers = [\n    \"one\",\n    \"two\",\n]\n";
        assert_eq!(kept_out(manifest, "*\n!Cargo.toml\n!one\n"), ["two"]);
        assert!(kept_out(manifest, "*\n!two\n!one\n").is_empty());
    }
}
