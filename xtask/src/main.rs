//! `cargo xtask`: sets up, builds, runs and checks Oriel, so that a newcomer needs two commands.

mod build;
mod chaos;
mod command;
mod failure;
mod figures;
mod interrupt;
mod place;
mod report;
mod setup;
mod stack;
mod test;
mod up;

use std::process::ExitCode;

use failure::{Failure, Outcome};
use report::{red, say, step};

const USAGE: &str = "\
usage: cargo xtask <command>

  up               set up what is missing, build, and run Oriel until Ctrl-C
  run              run what was built last
  test             run all checks
  test <part>      run one of them; an unknown name lists them
  chaos [--short]  kill everything under load and check that nothing is lost; --help has more
  figures          measure memory, start, page and speed
  figures streams  measure thousands of idle streams, and hundreds of answers at once
  figures compare  measure Oriel and llama-server by turns; an unknown option lists its own
  model <dir>      put the starter model into a directory that has no model
  build page       build the page only
  build programs   build oriel and oriel-engine only";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match interrupt::watch().and_then(|()| obey(&words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("{} {failure}", red("error:")));
            ExitCode::FAILURE
        }
    }
}

fn obey(words: &[&str]) -> Outcome {
    match words {
        ["up"] => up::up(),
        ["run"] => up::run(),
        ["test"] => test::test(None),
        ["test", part] => test::test(Some(part)),
        ["chaos", options @ ..] => chaos::chaos(options),
        ["figures"] => figures::figures(),
        ["figures", "streams"] => figures::streams::streams(),
        ["figures", "compare", options @ ..] => {
            figures::compare::compare(&figures::compare::Options::read(options)?)
        }
        ["model", directory] => step("starter model", || setup::models::place_starter(directory.as_ref())),
        ["build", "page"] => up::set_up_page().and_then(|()| step("page", build::page::build)),
        ["build", "programs"] => step("programs", build::programs::build),
        [] | ["help" | "--help" | "-h"] => {
            say(USAGE);
            Ok(())
        }
        _ => Err(Failure::new(format!("`{}` is not a command.\n\n{USAGE}", words.join(" ")))),
    }
}
