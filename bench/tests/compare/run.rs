//! A run of `oriel-bench compare`, and what it has left.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::Oriel;

/// One that goes on. Killed when it is dropped.
pub struct Run {
    child: Child,
    progress: BufReader<ChildStderr>,
    told: String,
    files: TempDir,
}

/// One that is over: the same report in its four forms.
pub struct Finished {
    /// As a person reads it in a terminal.
    pub text: String,
    /// A table for a document.
    pub markdown: String,
    /// A chart.
    pub svg: String,
    /// Everything.
    pub json: Value,
}

/// The JSON of a report.
pub struct Report(Value);

/// One figure of it.
#[derive(Debug)]
pub struct Row(Value);

impl Run {
    /// Of two servers that it starts itself, called A and B.
    pub fn of(servers: &[Oriel; 2], words: &[&str]) -> Self {
        let [a, b] = servers.each_ref().map(Oriel::command);
        Self::begin(servers, &[&["--start-a", &a, "--start-b", &b], words].concat())
    }

    /// Of two servers that run.
    pub fn of_running(servers: &[Oriel; 2], words: &[&str]) -> Self {
        Self::begin(servers, words)
    }

    fn begin(servers: &[Oriel; 2], words: &[&str]) -> Self {
        let files = tempfile::tempdir().expect("a directory for results");
        let mut bench = Command::new(env!("CARGO_BIN_EXE_oriel-bench"));
        bench.args([
            "compare",
            "--name-a",
            "A",
            "--name-b",
            "B",
            "--register-a",
            "--register-b",
            "--run",
            "7",
        ]);
        for (option, server) in ["--url-a", "--url-b"].into_iter().zip(servers) {
            bench.args([option, &server.url()]);
        }
        for form in ["json", "svg", "markdown"] {
            bench.arg(format!("--{form}")).arg(files.path().join(form));
        }
        let mut child = bench
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program oriel-bench");
        let progress = BufReader::new(child.stderr.take().expect("its progress"));
        Self { child, progress, told: String::new(), files }
    }

    /// Returns when it says so.
    pub fn wait_for(&mut self, line: &str) {
        while !self.told.contains(line) {
            let count = self.progress.read_line(&mut self.told).expect("its progress");
            assert!(count > 0, "it ended without a word of `{line}`:\n{}", self.told);
        }
    }

    /// SIGTERM.
    pub fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    }

    /// Waits for its good end.
    pub fn finish(mut self) -> Finished {
        let (text, has_succeeded) = self.end();
        assert!(has_succeeded, "{}", self.told);
        let file = |form: &str| fs::read_to_string(self.files.path().join(form)).expect(form);
        let json = serde_json::from_str(&file("json")).expect("JSON");
        Finished { text, markdown: file("markdown"), svg: file("svg"), json }
    }

    /// Waits for its bad end, and returns what it said on the way.
    pub fn fail(mut self) -> String {
        let (text, has_succeeded) = self.end();
        assert!(!has_succeeded && text.is_empty(), "{text}");
        let left = |directory: &Path| fs::read_dir(directory).expect("its directory").count();
        assert_eq!(left(self.files.path()), 0, "a run that failed left results");
        std::mem::take(&mut self.told)
    }

    fn end(&mut self) -> (String, bool) {
        // A few lines: the pipe of the results holds them while the progress is read.
        self.progress.read_to_string(&mut self.told).expect("its progress");
        let mut text = String::new();
        self.child.stdout.take().expect("its results").read_to_string(&mut text).expect("text");
        (text, self.child.wait().expect("its end").success())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// Its JSON.
    pub fn report(&self) -> Report {
        Report(self.json.clone())
    }
}

impl Report {
    /// All figures.
    pub fn rows(&self) -> Vec<Row> {
        let rows = self.0.get("rows").and_then(Value::as_array).expect("rows");
        rows.iter().cloned().map(Row).collect()
    }

    /// One figure.
    pub fn row(&self, name: &str) -> Row {
        let row = self.rows().into_iter().find(|row| row.name() == name);
        row.unwrap_or_else(|| panic!("there is no row `{name}`"))
    }
}

impl Row {
    /// Which figure.
    pub fn name(&self) -> &str {
        self.text("/figure")
    }

    /// For people.
    pub fn title(&self) -> &str {
        self.text("/title")
    }

    /// In what it is measured.
    pub fn unit(&self) -> &str {
        self.text("/unit")
    }

    /// A number of it.
    pub fn number(&self, pointer: &str) -> f64 {
        self.at(pointer).as_f64().unwrap_or_else(|| panic!("{pointer} is no number in {self:?}"))
    }

    /// Whether there is nothing, or `null`.
    pub fn is_missing(&self, pointer: &str) -> bool {
        self.0.pointer(pointer).is_none_or(Value::is_null)
    }

    /// Whether its ratio reaches its goal; none where one of them is missing.
    pub fn is_reached(&self) -> Option<bool> {
        self.at("/is_reached").as_bool()
    }

    /// How many readings there are of each server.
    pub fn counts(&self) -> [f64; 2] {
        ["a", "b"].map(|side| self.number(&format!("/{side}/summary/count")))
    }

    /// Why rounds of each server gave no reading.
    pub fn left_out(&self) -> [Vec<String>; 2] {
        ["a", "b"].map(|side| {
            serde_json::from_value(self.at(&format!("/{side}/left_out")).clone()).expect("reasons")
        })
    }

    /// Tokens of the prompt at each server, and how many had been read before.
    pub fn prompts(&self) -> [(u32, u32); 2] {
        ["a", "b"].map(|side| {
            let count = |name: &str| self.number(&format!("/{side}/{name}")) as u32;
            (count("prompt_tokens"), count("cached_tokens"))
        })
    }

    fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("{pointer} is no text in {self:?}"))
    }

    fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing in {self:?}"))
    }
}
