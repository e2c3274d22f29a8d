//! The three forms of one report.

use serde_json::Value;

use super::*;
use crate::compare::figure::Goals;

fn side(readings: &[f64], more_is_better: bool, left_out: usize) -> Side {
    Side {
        summary: Summary::of(readings, more_is_better),
        prompt_tokens: Some(1382),
        cached_tokens: Some(1360),
        left_out: vec!["an answer ended after 3 of 160 tokens".into(); left_out],
    }
}

fn report() -> Report {
    let identity = |name: &str| Identity {
        name: name.into(),
        about: "2 threads".into(),
        says: vec![("model".into(), "small".into())],
        memory_bytes: Some(300 * 1024 * 1024),
    };
    let speed = |figure: Figure, a: &[f64], b: &[f64]| {
        Row::new(
            figure,
            figure.title(8),
            figure.goal(Goals::LlamaServer, 8),
            side(a, true, 0),
            side(b, true, 1),
        )
    };
    Report {
        machine: Machine {
            processor: "A processor".into(),
            cores: 2,
            kernel: "6.18".into(),
            load_before: 0.25,
            taken_at: "2026-01-02T03:04:05Z".into(),
        },
        others_percent: Some(1.5),
        model: None,
        floor: Some(Floor { bytes_per_second: 30e9, ms_per_token: 4.0, tokens_per_second: 250.0 }),
        run: 7,
        rounds: 3,
        servers: [identity("Oriel"), identity("peer <b>")],
        idle_processor_percent: [Some(0.2), None],
        rows: vec![
            speed(Figure::SingleSpeed, &[119.0, 120.0, 121.0], &[100.0, 101.0, 99.0]),
            speed(Figure::CopySpeed, &[100.0], &[]),
            Row::new(
                Figure::LongestGap,
                Figure::LongestGap.title(8),
                Figure::LongestGap.goal(Goals::LlamaServer, 8),
                side(&[500.0], false, 0),
                side(&[9_000.0], false, 0),
            ),
        ],
    }
}

#[test]
fn json_has_every_median_ratio_and_goal() {
    let json = serde_json::to_value(report()).unwrap();
    let at = |pointer: &str| json.pointer(pointer).cloned().unwrap();
    assert_eq!(at("/rows/0/figure"), "single_speed");
    assert_eq!(at("/rows/0/unit"), "tokens/s");
    assert_eq!(at("/rows/0/a/summary/median"), 120.0);
    assert_eq!(at("/rows/0/ratio"), 1.2);
    assert_eq!(at("/rows/0/is_reached"), true);
    assert_eq!(at("/rows/1/ratio"), Value::Null);
    assert_eq!(at("/rows/1/is_reached"), Value::Null);
    assert_eq!(at("/rows/2/is_reached"), false);
    assert_eq!(at("/servers/0/says/0"), serde_json::json!(["model", "small"]));
}

#[test]
fn what_was_not_measured_is_said_and_not_guessed() {
    let text = report().to_string();
    assert!(text.contains("not measured"), "{text}");
    assert!(text.contains("peer <b>: 1 rounds left out: an answer ended after 3 of 160 tokens"), "{text}");
    assert!(text.contains("Oriel: 1382 tokens in the prompt, 1360 of them read before"), "{text}");
    assert!(text.contains("Oriel with one stream 48 % of that"), "{text}");
}

#[test]
fn the_table_has_a_line_for_each_figure() {
    let table = markdown::tables(&report());
    let line = table.lines().find(|line| line.starts_with("| one stream, decode")).unwrap();
    assert_eq!(
        line,
        "| one stream, decode, tokens/s | 120.0 | 119.0 | 100.0 | 99.0 | 1.20 | ≥ 1.10 | reached |"
    );
    assert!(table.contains("| 0.056 | ≤ 0.04 | **missed** |"), "{table}");
}

#[test]
fn the_chart_is_drawn_to_scale_and_escapes_names() {
    let chart = svg::chart(&report());
    assert!(chart.starts_with("<svg xmlns=") && chart.ends_with("</svg>\n"));
    assert!(chart.contains("peer &lt;b&gt;") && !chart.contains("<b>"), "{chart}");
    // 500 of 9,000 ms.
    assert!(chart.contains("width=\"560.0\"") && chart.contains("width=\"31.1\""), "{chart}");
    for tag in ["text", "tspan", "title"] {
        let count = |text: &str| chart.matches(text).count();
        let opened = count(&format!("<{tag} ")) + count(&format!("<{tag}>"));
        assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
    }
}
