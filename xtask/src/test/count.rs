//! Counts tests: shows what a test runner prints, line by line, and reads its totals from it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::Proof;
use crate::command::show;
use crate::failure::{Doing, Failure, Outcome};
use crate::interrupt;

/// Runs a test runner; its totals are the sum over all the lines that tell some. A run without a test is a failure: it
/// proves nothing.
pub fn run(command: &mut Command) -> Outcome<Proof> {
    let shown = show(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .doing(format_args!("start `{shown}`"))?;
    let watched = interrupt::end_on_interrupt(child.id());
    let stderr = child.stderr.take().map(|pipe| std::thread::spawn(move || relay(pipe)));
    let from_stdout = child.stdout.take().map_or(0, relay);
    let from_stderr = stderr.and_then(|thread| thread.join().ok()).unwrap_or(0);
    let status = child.wait().doing(format_args!("wait for `{shown}`"))?;
    drop(watched);
    match from_stdout + from_stderr {
        _ if !status.success() => Err(Failure::new(format!("`{shown}` ended with {status}"))),
        0 => Err(Failure::new(format!("`{shown}` ran no test"))),
        passed => Ok(Proof::Tests(passed)),
    }
}

fn relay(pipe: impl std::io::Read) -> u32 {
    let lines = BufReader::new(pipe).split(b'\n').map_while(Result::ok);
    lines
        .map(|line| {
            let line = String::from_utf8_lossy(&line).into_owned();
            eprintln!("{line}");
            passed(&line)
        })
        .sum()
}

/// The passed tests that a line of totals tells: nextest's `Summary`, libtest's `test result`, the journey's and the
/// clients' own.
fn passed(line: &str) -> u32 {
    let is_total =
        ["Summary [", "test result:", "journey:", "clients:"].iter().any(|start| line.contains(start));
    let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    words
        .windows(2)
        .find_map(|pair| match pair {
            [number, "passed"] if is_total => number.parse().ok(),
            _ => None,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_totals_of_all_runners_are_read() {
        assert_eq!(passed("     Summary [   0.012s] 31 tests run: 31 passed, 2 skipped"), 31);
        assert_eq!(passed("test result: ok. 12 passed; 0 failed; 0 ignored; 0 filtered out"), 12);
        assert_eq!(passed("journey: 24 passed, 0 failed"), 24);
        assert_eq!(passed("clients: 10 passed, 0 failed"), 10);
    }

    #[test]
    fn a_line_that_only_speaks_of_it_does_not_count() {
        assert_eq!(passed("test that_3 passed its exam"), 0);
    }

    #[test]
    fn a_run_without_tests_is_a_failure() {
        assert!(run(Command::new("sh").args(["-c", "echo 'test result: ok. 0 passed; 0 failed'"])).is_err());
        assert!(matches!(
            run(Command::new("sh").args(["-c", "echo 'test result: ok. 2 passed; 0 failed' >&2"])),
            Ok(Proof::Tests(2))
        ));
        assert!(run(Command::new("sh").args(["-c", "echo 'test result: ok. 2 passed;'; exit 1"])).is_err());
    }
}
