//! Builds the standard library for WebAssembly from Debian's package of the compiler's own source, for machines that
//! reach Debian's mirror but not rustup's. The package comes from a newer Debian than the machine's own, so apt gets a
//! private list of sources for this one download; the system's apt is not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::wasm_target::TARGET;
use crate::command;
use crate::failure::{Doing, Failure, Outcome};
use crate::place;
use crate::report::doing;

/// Where a package of the right version may be, the likeliest first.
const SUITES: [&str; 4] = ["trixie-backports", "trixie", "forky", "sid"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Builds the library and puts it into the compiler's `rustlib`.
pub fn build(rustlib: &Path) -> Outcome {
    for program in ["apt-get", "dpkg-deb"] {
        if command::find(program).is_none() {
            return Err(Failure::new(format!("there is no {program}")));
        }
    }
    let version = compiler_version()?;
    let work = place::cache()?.join("rust-src");
    if work.exists() {
        fs::remove_dir_all(&work).doing(format_args!("remove {}", work.display()))?;
    }
    let source = download(&work, &version)?;
    doing("compiling the standard library for WebAssembly: about a minute");
    let built = {
        let _source = SourceInSysroot::place(&source, rustlib)?;
        compile(&work)?
    };
    install(&built, rustlib)?;
    fs::remove_dir_all(&work).doing(format_args!("remove {}", work.display()))
}

fn compiler_version() -> Outcome<String> {
    let verbose = command::capture(Command::new("rustc").arg("-vV"))?;
    verbose
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new("rustc does not tell its version"))
}

/// Downloads the package that has this version and returns its `library` directory.
fn download(work: &Path, version: &str) -> Outcome<PathBuf> {
    let mirror = mirror()?;
    for directory in ["lists/partial", "cache/archives/partial", "package"] {
        let directory = work.join(directory);
        fs::create_dir_all(&directory).doing(format_args!("make {}", directory.display()))?;
    }
    let package = work.join("package");
    for suite in SUITES {
        doing(&format!("looking for rust-src {version} in Debian's {suite}"));
        let sources = work.join("sources.list");
        fs::write(&sources, format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"))
            .doing(format_args!("write {}", sources.display()))?;
        command::run_quietly(apt(work).arg("update"))?;
        let mut download = apt(work);
        download.current_dir(&package).arg("download").arg(format!("rust-src={version}+*"));
        if command::succeeds(&mut download) {
            break;
        }
    }
    let archive = fs::read_dir(&package)
        .doing(format_args!("read {}", package.display()))?
        .flatten()
        .next()
        .ok_or_else(|| Failure::new(format!("Debian has no rust-src {version}")))?
        .path();
    let unpacked = work.join("source");
    command::run_quietly(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&unpacked))?;
    let library = unpacked.join(format!("usr/src/rustc-{version}/library"));
    if library.is_dir() {
        Ok(library)
    } else {
        Err(Failure::new(format!("{} is missing", library.display())))
    }
}

/// The mirror that the machine's own apt uses for Debian.
fn mirror() -> Outcome<String> {
    let sites = command::capture(Command::new("apt-get").args(["indextargets", "--format", "$(SITE)"]))?;
    sites
        .lines()
        .map(|site| site.trim_end_matches('/'))
        .find(|site| site.ends_with("/debian"))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new("apt names no mirror of Debian"))
}

fn apt(work: &Path) -> Command {
    let mut command = Command::new("apt-get");
    for (name, value) in [
        ("Dir::Etc::SourceList", work.join("sources.list")),
        ("Dir::Etc::SourceParts", PathBuf::from("/dev/null")),
        ("Dir::State::Lists", work.join("lists")),
        ("Dir::Cache", work.join("cache")),
    ] {
        command.arg("-o").arg(format!("{name}={}", value.display()));
    }
    // Its own account could not read below a private home.
    command.args(["-o", "APT::Sandbox::User="]);
    command
}

/// Cargo looks for the library's source in one place of the compiler only; it is taken away again.
struct SourceInSysroot(Option<PathBuf>);

impl SourceInSysroot {
    fn place(library: &Path, rustlib: &Path) -> Outcome<Self> {
        let parent = rustlib.join("src/rust");
        let place = parent.join("library");
        if place.exists() {
            return Ok(Self(None));
        }
        fs::create_dir_all(&parent).doing(format_args!("make {}", parent.display()))?;
        command::run_quietly(Command::new("cp").arg("-r").arg(library).arg(&place))?;
        Ok(Self(Some(place)))
    }
}

impl Drop for SourceInSysroot {
    fn drop(&mut self) {
        if let Some(place) = &self.0 {
            // What stays behind is harmless; the build has told already how it went.
            let _ = fs::remove_dir_all(place);
        }
    }
}

/// Compiles an empty crate and, with it, the standard library; returns the directory of the libraries.
fn compile(work: &Path) -> Outcome<PathBuf> {
    let project = work.join("empty");
    fs::create_dir_all(project.join("src")).doing(format_args!("make {}", project.display()))?;
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(project.join("Cargo.toml"), manifest).doing(format_args!("write {}", project.display()))?;
    fs::write(project.join("src/lib.rs"), "").doing(format_args!("write {}", project.display()))?;
    let target = work.join("target");
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&project)
        .args(["build", "--release", "--quiet", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind,test")
        .env("CARGO_TARGET_DIR", &target)
        // Lets the stable compiler build its own library.
        .env("RUSTC_BOOTSTRAP", "1")
        // Without bitcode the page could not be optimised as a whole.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command::run(&mut cargo)?;
    Ok(target.join(TARGET).join("release/deps"))
}

fn install(built: &Path, rustlib: &Path) -> Outcome {
    let home = rustlib.join(TARGET);
    let unfinished = rustlib.join(format!("{TARGET}.unfinished"));
    let libraries = unfinished.join("lib");
    fs::create_dir_all(&libraries).doing(format_args!("make {}", libraries.display()))?;
    for entry in fs::read_dir(built).doing(format_args!("read {}", built.display()))?.flatten() {
        let name = entry.file_name();
        let shown = name.to_string_lossy();
        if shown.starts_with("lib") && shown.ends_with(".rlib") && !shown.starts_with("libempty-") {
            fs::copy(entry.path(), libraries.join(&name)).doing(format_args!("copy {shown}"))?;
        }
    }
    if home.exists() {
        fs::remove_dir_all(&home).doing(format_args!("remove {}", home.display()))?;
    }
    fs::rename(&unfinished, &home).doing(format_args!("rename {}", unfinished.display()))
}
