//! What only a browser can tell: the page's components, and a person's whole way through Oriel.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Proof, count};
use crate::build::machine;
use crate::command;
use crate::failure::{Doing, Outcome};
use crate::place;
use crate::report::{Done, doing, step};
use crate::setup::{models, packages, tools, wasm_target};
use crate::stack::Stack;
use crate::stack::settings::Settings;

/// The page's components in Chromium.
pub fn components() -> Outcome<Proof> {
    set_up_browser()?;
    step("WebAssembly target", wasm_target::install)?;
    step("wasm-bindgen", tools::wasm_bindgen)?;
    let mut cargo = machine::cargo();
    cargo.current_dir(place::root()).env("PATH", command::path_with(&tools::directories()?)?);
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner");
    if let Some(driver) = command::find("chromedriver") {
        cargo.env("CHROMEDRIVER", driver);
    }
    // Starting Chromium on a busy machine takes longer than the runner's own patience.
    cargo.env("WASM_BINDGEN_TEST_TIMEOUT", "180");
    cargo.args(["test", "--package", "frontend", "--target", wasm_target::TARGET, "--test", "components"]);
    count::run(&mut cargo)
}

/// A person's way through nginx with a real model.
pub fn journey() -> Outcome<Proof> {
    set_up_browser()?;
    crate::up::set_up()?;
    crate::up::build()?;
    step("starter model", || models::fetch(&models::STARTER))?;
    step("second model", || models::fetch(&models::SECOND))?;
    step("playwright", playwright)?;
    let data = Scratch::new("journey")?;
    let mut settings = settings(&data.0)?;
    // Somebody else has to be able to come.
    settings.environment.push(("REGISTRATION", "open".into()));
    let mut stack = Stack::start(settings)?;
    let mut node = Command::new("node");
    node.arg(place::root().join("e2e/journey.mjs"));
    node.env("ORIEL_ADDRESS", stack.address()).env("ORIEL_DATA", &data.0);
    if let Some(address) = lan_address() {
        node.env("ORIEL_LAN_ADDRESS", format!("http://{address}:{}", stack.port()));
    }
    if std::env::var_os("ORIEL_SCREENSHOTS").is_none() {
        node.env("ORIEL_SCREENSHOTS", place::target().join("screenshots"));
    }
    // Services are killed on the way, and started again as in real life.
    stack.keep_while(move || count::run(&mut node))
}

/// An Oriel of its own, beside one that may be running: free ports, an empty data directory, all test models.
pub fn settings(data: &Path) -> Outcome<Settings> {
    Ok(Settings {
        port: free_port()?,
        backend: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)),
        data: data.to_path_buf(),
        models: place::models()?,
        // A small model may repeat itself to the end of its context: let that be near.
        environment: vec![("LOG_LEVEL", "warn".into()), ("CONTEXT_TOKENS", "2048".into())],
    })
}

fn set_up_browser() -> Outcome {
    let needs: Vec<&packages::Need> =
        packages::BUILD.iter().chain(&packages::PAGE).chain(&packages::TEST).collect();
    step("system packages", || packages::install(&needs))
}

/// The library that drives the browser; the browser itself is the system's.
fn playwright() -> Outcome<Done> {
    let e2e = place::root().join("e2e");
    let installed = e2e.join("node_modules/.package-lock.json");
    let changed = |path: &Path| path.metadata().and_then(|facts| facts.modified()).ok();
    if changed(&installed) > changed(&e2e.join("package-lock.json")) {
        return Ok(Done::AlreadyThere("there".into()));
    }
    doing("fetching playwright-core with npm");
    let mut npm = Command::new("npm");
    command::run_quietly(npm.current_dir(&e2e).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    Ok(Done::Made("fetched".into()))
}

/// A port that nobody listens on.
pub fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).doing("find a free port")?;
    Ok(listener.local_addr().doing("find a free port")?.port())
}

/// An address of this machine that is not loopback.
fn lan_address() -> Option<String> {
    let addresses = command::capture(Command::new("hostname").arg("-I")).ok()?;
    addresses.split_whitespace().find(|address| address.contains('.')).map(str::to_owned)
}

/// A directory that goes when the test ends.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// A new directory under the system's own temporary one: as root PostgreSQL and nginx must be able to enter it.
    pub fn new(name: &str) -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("oriel-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).doing(format_args!("make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover in the temporary directory does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
