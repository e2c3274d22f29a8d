//! `oriel-bench compare` against two real servers with the scripted engine, whose answers have a known length: what was
//! done, counted, left out and written. How fast they were is nobody's business here.

mod forms;
mod run;
mod server;

use std::ops::Range;

use run::Run;
use server::Oriel;

/// Ends the answers to nobody in particular late enough for every scenario, and copies what is to be copied.
const OBLIGING: &str = "tokens:1600 repeat";

#[tokio::test]
async fn every_scenario_gives_a_ratio_of_all_its_figures_in_all_forms() {
    let servers = [Oriel::new(OBLIGING).await, Oriel::new(OBLIGING).await];
    let run = Run::of(&servers, &["--rounds", "1", "--goals", "llama-server"]).finish();
    let report = run.report();
    let rows = report.rows();
    assert_eq!(rows.len(), 12, "{rows:?}");
    for row in &rows {
        let [a, b] = [row.number("/a/summary/median"), row.number("/b/summary/median")];
        assert!(a > 0.0 && b > 0.0, "{row:?}");
        // JSON may round the last digit.
        assert!((row.number("/ratio") * b / a - 1.0).abs() < 1e-9, "{row:?}");
        if row.name() != "single_gap" {
            assert_eq!(row.counts(), [1.0, 1.0], "{row:?}");
        }
        assert!(row.left_out().iter().all(Vec::is_empty), "{row:?}");
    }
    // Every token but the first comes after another one; several may come at once.
    let gaps = report.row("single_gap").counts();
    assert!(gaps.iter().all(|gaps| (1.0..=159.0).contains(gaps)), "{gaps:?}");
    forms::say_the_same(&run);
}

#[tokio::test]
async fn prompts_are_as_long_as_said_and_reused_where_a_scenario_is_about_that() {
    let servers = [Oriel::new(OBLIGING).await, Oriel::new(OBLIGING).await];
    let only = "long-prompt,second-turn,shared-prompt,restart";
    let report = Run::of(&servers, &["--rounds", "1", "--only", only]).finish().report();
    // The scripted model counts a token for each byte, and words differ in length.
    let within = |figure: &str, prompt: Range<u32>, cached: Range<u32>| {
        for (tokens, read_before) in report.row(figure).prompts() {
            assert!(prompt.contains(&tokens), "{figure}: a prompt of {tokens} tokens");
            assert!(cached.contains(&read_before), "{figure}: {read_before} of {tokens} were read before");
        }
    };
    within("long_prompt", 1_800..1_920, 0..1);
    // The first turn and its answer, which is a text of its own in the second turn.
    within("second_turn", 1_500..2_100, 1_240..1_400);
    within("after_restart", 1_500..2_100, 1_240..1_400);
    within("shared_prompt", 1_200..1_300, 1_140..1_260);
}

#[tokio::test]
async fn an_answer_that_ends_early_or_copies_nothing_gives_no_reading_and_is_told() {
    let servers = [Oriel::new("tokens:400").await, Oriel::new("tokens:40 repeat").await];
    let run = Run::of(&servers, &["--rounds", "2", "--only", "single,together,copy"]).finish();
    let report = run.report();
    let early = vec!["an answer ended after 40 of 160 tokens".to_owned(); 2];
    for figure in ["single_speed", "single_first", "single_gap"] {
        let row = report.row(figure);
        assert!(row.is_missing("/b/summary") && row.is_missing("/ratio"), "{row:?}");
        assert_eq!(row.left_out(), [vec![], early.clone()]);
        assert!(row.number("/a/summary/count") >= 2.0);
    }
    // A story that ends is followed by another one.
    assert_eq!(report.row("together_speed").counts(), [2.0, 2.0]);
    let copying = report.row("copy_speed");
    assert!(copying.is_missing("/a/summary") && copying.is_missing("/ratio"), "{copying:?}");
    assert_eq!(copying.left_out()[0], vec!["only 0 % of the lines of the answer are copied".to_owned(); 2]);
    assert_eq!(copying.number("/b/summary/count"), 2.0);
    for form in [&run.text, &run.markdown] {
        assert!(form.contains("not measured"), "{form}");
        assert!(form.contains("B: 2 rounds left out: an answer ended after 40 of 160 tokens"), "{form}");
        assert!(form.contains("A: 2 rounds left out: only 0 % of the lines"), "{form}");
    }
    forms::say_the_same(&run);
}

#[tokio::test]
async fn a_server_that_ends_in_the_middle_of_an_answer_ends_the_run_and_is_named() {
    let servers = [Oriel::new(OBLIGING).await, Oriel::new("endless stuck:5").await];
    let mut run = Run::of(&servers, &["--rounds", "3"]);
    run.wait_for("round 1: A: one stream, decode");
    servers[1].kill();
    let failed = run.fail();
    assert!(failed.contains("Single at B in round 1: "), "{failed}");
    assert!(servers[0].has_ended(), "the other one is left behind");
}

#[tokio::test]
async fn an_interrupted_run_ends_what_it_has_started_and_writes_nothing() {
    let servers = [Oriel::new(OBLIGING).await, Oriel::new("endless stuck:5").await];
    let mut run = Run::of(&servers, &["--rounds", "3"]);
    run.wait_for("round 1: A: one stream, decode");
    run.interrupt();
    let failed = run.fail();
    assert!(failed.contains("interrupted"), "{failed}");
    assert!(servers.iter().all(Oriel::has_ended), "a server is left behind");
}

#[tokio::test]
async fn servers_that_run_already_are_measured_without_a_restart() {
    let servers = [Oriel::new(OBLIGING).await, Oriel::new(OBLIGING).await];
    let running = servers.each_ref().map(Oriel::start);
    let run = Run::of_running(&servers, &["--rounds", "1"]).finish();
    let rows = run.report().rows();
    assert_eq!(rows.len(), 11, "{rows:?}");
    assert!(rows.iter().all(|row| row.name() != "after_restart"));
    assert!(!servers.iter().any(Oriel::has_ended), "they are not the bench's to end");
    drop(running);
}
