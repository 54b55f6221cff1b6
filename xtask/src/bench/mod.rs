//! `cargo xtask bench JOB|all`: Taipan and its peers on the same input, in turns, in one run.
//!
//! Machines are shared and noisy, so contenders alternate (A B C A B C …) after a warm-up, figures are
//! medians, and every ratio comes with the least and greatest of its rounds. A job first proves that all
//! contenders give the same answer. Each job replaces its own section of `bench/RESULTS.md`.
//!
//! | module | its job |
//! |---|---|
//! | [`measure`] | time, CPU and memory of one command |
//! | [`server`] | a server under load: start, drive with wrk, memory, stop |
//! | [`report`] | medians, ratios, tables, `RESULTS.md` |
//! | [`pages`] | a server of small pages, for clients |
//! | [`startup`], [`cold`], [`csv_query`], [`csv_scan`], [`csv_parquet`], [`json_filter`], [`xml_filter`], [`import`], [`fetch`], [`pictures`] | jobs of the program |
//! | [`web`] | jobs of the server, against Flask, FastAPI, Django and Datasette |
//! | [`class_call`] | the job of taipan-class, against CPython and a trait object |
//! | [`learn`] | jobs of taipan-learn, against scikit-learn |
//! | [`store`] | jobs of taipan-store, against SQLAlchemy, sqlite3, psycopg, pandas and connectorx |
//! | [`runtime`] | jobs of taipan-runtime, against Python's modules, tokio, rayon and others |

mod class_call;
mod cold;
mod csv_parquet;
mod csv_query;
mod csv_scan;
mod fetch;
mod import;
mod json_filter;
mod learn;
mod measure;
mod pages;
mod pictures;
mod report;
mod runtime;
mod server;
mod startup;
mod store;
mod web;
mod xml_filter;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::report::Section;
use crate::cargo::{self, cargo};
use crate::venv::Venv;

/// What to run and how often.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// A name that [`is_job`] accepts.
    pub(crate) job: String,
    /// Rounds instead of the job's own number.
    pub(crate) runs: Option<usize>,
    /// Measure the peers alone and keep nothing.
    pub(crate) peers_only: bool,
}

type Job = fn(&Setting) -> Result<Section>;

const JOBS: &[(&str, Job)] = &[
    ("startup", startup::run),
    ("cold", cold::run),
    ("csv-query", csv_query::run),
    ("json-filter", json_filter::lines),
    ("json-array", json_filter::array),
    ("xml-filter", xml_filter::run),
    ("csv-scan", csv_scan::run),
    ("csv-parquet", csv_parquet::run),
    ("import", import::run),
    ("fetch", fetch::run),
    ("scatter-tips", pictures::scatter_tips),
    ("scatter-1m", pictures::scatter_1m),
    ("report", pictures::report),
];

/// Whether `bench` knows the name.
pub(crate) fn is_job(name: &str) -> bool {
    name == "all"
        || JOBS.iter().any(|(job, _)| *job == name)
        || name == class_call::NAME
        || learn::is_job(name)
        || runtime::is_job(name)
        || store::is_job(name)
        || web::is_job(name)
}

/// What every job works with.
struct Setting {
    root: PathBuf,
    /// Inputs and logs, outside the clone.
    data: PathBuf,
    venv: Venv,
    /// The release build, unless only peers run.
    taipan: Option<PathBuf>,
    runs: Option<usize>,
}

/// Runs the jobs asked for; fails at the end if a required ratio was missed.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let folder = cargo::cache("taipan-bench")?;
    let data = folder.join("data");
    fs::create_dir_all(&data).with_context(|| data.display().to_string())?;
    let wanted = |name: &str| options.job == "all" || options.job == name;
    let mut missed = Vec::new();
    if JOBS.iter().any(|(name, _)| wanted(name)) {
        let setting = Setting {
            root: root.to_owned(),
            data: data.clone(),
            venv: Venv::open(&folder.join("venv"), &root.join("bench/requirements.txt"))?,
            taipan: if options.peers_only { None } else { Some(build(root)?) },
            runs: options.runs,
        };
        for (name, job) in JOBS.iter().copied().filter(|(name, _)| wanted(name)) {
            missed.extend(setting.measure(name, || job(&setting))?);
        }
    }
    if wanted(class_call::NAME) {
        let setting = class_call::setting(root, &data, options)?;
        missed.extend(setting.measure(class_call::NAME, || class_call::run(&setting))?);
    }
    for name in runtime::names().filter(|name| wanted(name)) {
        let setting = runtime::setting(root, &data, name, options)?;
        missed.extend(setting.measure(name, || runtime::run(name, &setting))?);
    }
    if learn::names().any(wanted) {
        let setting = learn::setting(root, &data, options)?;
        for name in learn::names().filter(|name| wanted(name)) {
            missed.extend(setting.measure(name, || learn::run(name, &setting))?);
        }
    }
    if store::names().any(wanted) {
        let setting = store::setting(root, &data, options)?;
        for name in store::names().filter(|name| wanted(name)) {
            missed.extend(setting.measure(name, || store::run(name, &setting))?);
        }
    }
    if web::names().any(wanted) {
        let setting = web::setting(root, &data, options)?;
        for name in web::names().filter(|name| wanted(name)) {
            missed.extend(setting.measure(name, || web::run(name, &setting))?);
        }
    }
    if !missed.is_empty() {
        bail!("required ratios were missed:\n  {}", missed.join("\n  "));
    }
    Ok(())
}

/// Builds the release binary and returns its path.
fn build(root: &Path) -> Result<PathBuf> {
    cargo::run(&mut cargo(root, &["build", "--release", "--package", "taipan-cli"]))?;
    let metadata = cargo::metadata(root)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata: no target folder")?;
    Ok(Path::new(target).join("release/taipan"))
}

impl Setting {
    /// Runs a job, prints and keeps its section, and gives the required ratios that it missed.
    fn measure(&self, name: &str, job: impl FnOnce() -> Result<Section>) -> Result<Vec<String>> {
        println!("\n== {name}");
        let section = job().with_context(|| name.to_owned())?;
        let text = section.to_markdown(name, self)?;
        println!("\n{text}");
        if self.taipan.is_some() {
            report::write(&self.root.join("bench/RESULTS.md"), name, &text)?;
        }
        Ok(section.missed().into_iter().map(|what| format!("{name}: {what}")).collect())
    }

    fn rounds(&self, usual: usize) -> usize {
        self.runs.unwrap_or(usual)
    }

    /// A file of `bench/`.
    fn bench(&self, file: &str) -> PathBuf {
        self.root.join("bench").join(file)
    }

    /// A program of `bench/peers/`, as an argument.
    fn peer(&self, file: &str) -> String {
        self.bench("peers").join(file).display().to_string()
    }

    /// An input that `bench/data.py` makes; it is made once.
    fn input(&self, kind: &str, file: &str) -> Result<PathBuf> {
        let path = self.data.join(file);
        if !path.is_file() {
            println!("making {}", path.display());
            let mut make = Command::new(self.venv.program("python"));
            cargo::run(make.arg(self.bench("data.py")).arg(kind).arg(&path))?;
        }
        Ok(path)
    }

    /// The pinned version of a peer.
    fn pinned(&self, package: &str) -> Result<String> {
        self.pinned_in("requirements.txt", package)
    }

    /// The version of a peer that a file of `bench/` pins.
    fn pinned_in(&self, file: &str, package: &str) -> Result<String> {
        let path = self.bench(file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        text.lines()
            .filter_map(|line| line.split_once("=="))
            .find(|(name, _)| name.split('[').next() == Some(package))
            .map(|(_, version)| format!("{package} {version}"))
            .with_context(|| format!("{}: {package} is not pinned", path.display()))
    }
}
