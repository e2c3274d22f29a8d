//! Programs and libraries of the operating system. On Debian and Ubuntu apt installs them, elsewhere the person is told.

use std::path::Path;
use std::process::Command;

use crate::command;
use crate::failure::{Failure, Outcome};
use crate::place;
use crate::report::{Done, doing};

/// Something the system must have.
pub struct Need {
    /// What it is, for people on other systems.
    what: &'static str,
    /// Debian's packages.
    packages: &'static [&'static str],
    /// Whether it is there.
    present: fn() -> bool,
}

impl Need {
    /// Not needed where somebody else runs the database.
    pub fn is_postgres(&self) -> bool {
        self.packages.contains(&"postgresql")
    }
}

/// To compile Oriel and llama.cpp.
pub const BUILD: [Need; 3] = [
    Need {
        what: "a C++ compiler and make",
        packages: &["g++", "make"],
        present: || (has("g++") || has("c++")) && has("make"),
    },
    Need { what: "cmake", packages: &["cmake"], present: || has("cmake") },
    Need {
        what: "libclang (bindgen reads C headers with it)",
        packages: &["clang", "libclang-dev"],
        present: has_libclang,
    },
];

/// To build the page and to fetch the starter model.
pub const PAGE: [Need; 4] = [
    Need { what: "python3 with pip", packages: &["python3", "python3-pip"], present: has_pip },
    Need { what: "node and npm", packages: &["nodejs", "npm"], present: || has("node") && has("npm") },
    Need { what: "brotli and gzip", packages: &["brotli", "gzip"], present: || has("brotli") && has("gzip") },
    Need { what: "tar and xz", packages: &["tar", "xz-utils"], present: || has("tar") && has("xz") },
];

/// To run it.
pub const RUN: [Need; 2] = [
    Need { what: "nginx", packages: &["nginx-light"], present: || has("nginx") },
    Need { what: "PostgreSQL's server", packages: &["postgresql"], present: has_postgres },
];

/// To look at the page as a browser does.
pub const TEST: [Need; 1] = [Need {
    what: "Chromium and its driver",
    packages: &["chromium", "chromium-driver"],
    present: || has("chromium") && has("chromedriver"),
}];

/// Compresses better than gzip where nginx has the module; Oriel runs without it.
const OPTIONAL: &str = "libnginx-mod-http-brotli-static";

/// Installs what is missing of these.
pub fn install(needs: &[&Need]) -> Outcome<Done> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.present)()).copied().collect();
    if missing.is_empty() {
        return Ok(Done::AlreadyThere("all there".into()));
    }
    let names: Vec<&str> = missing.iter().flat_map(|need| need.packages.iter().copied()).collect();
    if command::find("apt-get").is_none() {
        let list: Vec<String> = missing
            .iter()
            .map(|need| format!("  - {} (Debian: {})", need.what, need.packages.join(" ")))
            .collect();
        return Err(Failure::new(format!(
            "this system has no apt. Please install, then run this again:\n{}",
            list.join("\n")
        )));
    }
    doing(&format!("installing {}", names.join(" ")));
    command::run(apt()?.arg("update").arg("-qq"))?;
    let optional = needs
        .iter()
        .any(|need| need.packages.contains(&"nginx-light"))
        .then_some(OPTIONAL)
        .filter(|name| command::succeeds(Command::new("apt-cache").arg("show").arg(name)));
    command::run(
        apt()?.args(["install", "--yes", "-qq", "--no-install-recommends"]).args(&names).args(optional),
    )?;
    match missing.iter().find(|need| !(need.present)()) {
        Some(need) => Err(Failure::new(format!("{} was installed but cannot be found", need.what))),
        None => Ok(Done::Made(names.join(" "))),
    }
}

fn apt() -> Outcome<Command> {
    let mut command = if place::is_root() {
        Command::new("env")
    } else if has("sudo") {
        let mut command = Command::new("sudo");
        command.arg("env");
        command
    } else {
        return Err(Failure::new("installing packages needs root: run this as root, or install sudo"));
    };
    command.arg("DEBIAN_FRONTEND=noninteractive").arg("apt-get");
    Ok(command)
}

fn has(program: &str) -> bool {
    command::find(program).is_some()
}

fn has_pip() -> bool {
    has("python3") && command::succeeds(Command::new("python3").args(["-m", "pip", "--version"]))
}

fn has_libclang() -> bool {
    let versioned =
        directories("/usr/lib").into_iter().filter(|it| it.contains("/llvm")).map(|it| it + "/lib");
    let multiarch = directories("/usr/lib").into_iter().chain(["/usr/lib".into(), "/usr/lib64".into()]);
    std::env::var_os("LIBCLANG_PATH").is_some()
        || versioned.chain(multiarch).any(|directory| {
            files(&directory)
                .iter()
                .any(|name| name.starts_with("libclang.so") || name.starts_with("libclang-"))
        })
}

fn has_postgres() -> bool {
    has("initdb")
        || has("pg_config")
            && command::capture(Command::new("pg_config").arg("--bindir"))
                .is_ok_and(|bindir| Path::new(&bindir).join("initdb").is_file())
        || directories("/usr/lib/postgresql")
            .iter()
            .any(|version| Path::new(version).join("bin/initdb").is_file())
}

fn directories(parent: &str) -> Vec<String> {
    files(parent)
        .into_iter()
        .map(|name| format!("{parent}/{name}"))
        .filter(|path| Path::new(path).is_dir())
        .collect()
}

fn files(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
