//! Jobs of the server: Taipan and Python's frameworks, each as a server of its own, in turns under the same load.
//!
//! The peers are `bench/peers/*.py`, served by two workers of gunicorn or uvicorn, pinned in `bench/requirements-web.txt`.

mod export;
mod idle;
mod load;
mod predict;
mod read;
mod template;
mod write;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::report::Section;
use super::server::Server;
use super::{Options, Setting};
use crate::cargo::{self, cargo};
use crate::venv::Venv;
use crate::{http, install};

/// The file of the peers' versions.
const PINS: &str = "requirements-web.txt";

type Job = fn(&Setting) -> Result<Section>;

const JOBS: &[(&str, Job)] = &[
    ("rest-read", read::run),
    ("rest-write", write::run),
    ("rest-export", export::run),
    ("template", template::run),
    ("predict", predict::run),
    ("idle", idle::run),
];

pub(crate) fn is_job(name: &str) -> bool {
    names().any(|job| job == name)
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    JOBS.iter().map(|(name, _)| *name)
}

/// Builds Taipan's side and opens the peers'.
pub(crate) fn setting(root: &Path, data: &Path, options: &Options) -> Result<Setting> {
    if install::find("wrk").is_none() {
        install::debian_packages(&["wrk"], "driving servers")?;
    }
    let venv = cargo::cache("taipan-bench")?.join("venv-web");
    Ok(Setting {
        root: root.to_owned(),
        data: data.to_owned(),
        venv: Venv::open(&venv, &root.join("bench").join(PINS))?,
        taipan: if options.peers_only { None } else { Some(super::build(root)?) },
        runs: options.runs,
    })
}

pub(crate) fn run(name: &str, setting: &Setting) -> Result<Section> {
    let (_, job) = JOBS.iter().find(|(job, _)| *job == name).context("no such job")?;
    job(setting)
}

/// Builds an example of taipan-web and returns its path.
fn example(setting: &Setting, name: &str) -> Result<PathBuf> {
    cargo::run(&mut cargo(&setting.root, &["build", "--release", "--package", "taipan-web", "--example", name]))?;
    let metadata = cargo::metadata(&setting.root)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata: no target folder")?;
    Ok(Path::new(target).join("release/examples").join(name))
}

/// A program of the peers' environment that leaves nothing beside the peers, which lie in the clone.
fn python(setting: &Setting, program: &str) -> Command {
    let mut command = Command::new(setting.venv.program(program));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Flask or Django under gunicorn. Threads keep connections open; its default workers close each, which costs a quarter.
fn gunicorn(setting: &Setting, module: &str, port: u16) -> Command {
    let mut command = python(setting, "gunicorn");
    command.args(["--workers", "2", "--worker-class", "gthread", "--threads", "4"]);
    command.arg(format!("--bind=127.0.0.1:{port}")).arg("--chdir").arg(setting.bench("peers")).arg(module);
    command
}

/// FastAPI under uvicorn.
fn uvicorn(setting: &Setting, module: &str, port: u16) -> Command {
    let mut command = python(setting, "uvicorn");
    command.args(["--workers", "2", "--no-access-log", "--log-level", "warning", "--port", &port.to_string()]);
    command.arg("--app-dir").arg(setting.bench("peers")).arg(module);
    command
}

/// `taipan serve` with these arguments.
fn taipan(program: &Path, port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", "--port", &port.to_string()]).args(arguments);
    command
}

/// The versions of what ran.
fn versions(setting: &Setting, packages: &[&str]) -> Result<Vec<String>> {
    let pinned = packages.iter().map(|package| setting.pinned_in(PINS, package));
    [Ok(wrk_version())].into_iter().chain(pinned).collect()
}

/// wrk tells its version only with its usage, and calls that a failure.
fn wrk_version() -> String {
    let said = Command::new("wrk").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The body of an answer with status 200.
fn body(server: &Server, path: &str) -> Result<Vec<u8>> {
    let (status, body) = http::get(server.port, path)?;
    if status != 200 {
        bail!("{} {path}: status {status}: {}", server.name, String::from_utf8_lossy(&body));
    }
    Ok(body)
}
