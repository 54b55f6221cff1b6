//! Databases: taipan-store against what Python programs use, and against its own engines used directly.
//!
//! Each side is a program that does the job's work in the data folder and prints one line of JSON:
//! `{"seconds": {"write": 0.8}, "result": …}`; the results must be the same. Taipan's is
//! `crates/taipan-store/examples/store_bench`, the others are `bench/peers/store_*.py`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::measure::Contender;
use super::report::{Section, TAIPAN};
use super::{Options, Setting, learn};
use crate::cargo::{self, cargo};
use crate::postgres::{Durability, Postgres};
use crate::venv::Venv;

/// A job and what is required of it.
struct Job {
    name: &'static str,
    task: &'static str,
    /// The parts that are timed.
    parts: &'static [&'static str],
    /// The peers: a name, the script (or for a job of our own program `=JOB`), and for each part the least ratio.
    peers: &'static [(&'static str, &'static str, &'static [Option<f64>])],
    needs_server: bool,
    rounds: usize,
}

const JOBS: &[Job] = &[
    Job {
        name: "top10",
        task: "The ten highest paid of 1,000,000 in SQLite, with an index, 5,000 times, each as typed rows.",
        parts: &["queries"],
        peers: &[
            ("SQLAlchemy (ORM)", "store_top10_sqlalchemy.py", &[Some(15.0)]),
            ("sqlite3 module", "store_top10_sqlite3.py", &[None]),
            ("rusqlite, by hand", "=top10-rusqlite", &[Some(0.8)]),
        ],
        needs_server: false,
        rounds: 5,
    },
    Job {
        name: "bulk-write",
        task: "5,000,000 rows of 5 columns (two integers, text, real, boolean) from memory into a new SQLite table, one\n\
               transaction. Taipan's come from Arrow batches, the module's from a list of tuples.",
        parts: &["write"],
        peers: &[
            ("sqlite3 module (executemany)", "store_bulk_write_sqlite3.py", &[Some(3.0)]),
            ("DuckDB (attached)", "store_bulk_write_duckdb.py", &[Some(1.0)]),
        ],
        needs_server: false,
        rounds: 3,
    },
    Job {
        name: "bulk-write-postgres",
        task: "The same into PostgreSQL on the same machine, by COPY.",
        parts: &["write"],
        peers: &[("psycopg (COPY binary)", "store_bulk_write_postgres_psycopg.py", &[Some(1.0)])],
        needs_server: true,
        rounds: 3,
    },
    Job {
        name: "bulk-read",
        task: "The same rows back from SQLite: as Arrow batches, as a pandas frame, as an Arrow table.",
        parts: &["read"],
        peers: &[
            ("pandas.read_sql", "store_bulk_read_pandas.py", &[Some(1.2)]),
            ("connectorx (Arrow)", "store_bulk_read_connectorx.py", &[Some(1.2)]),
            ("DuckDB (attached)", "store_bulk_read_duckdb.py", &[Some(1.2)]),
        ],
        needs_server: false,
        rounds: 3,
    },
    Job {
        name: "bulk-read-postgres",
        task: "The same rows back from PostgreSQL.",
        parts: &["read"],
        peers: &[("connectorx (Arrow)", "store_bulk_read_postgres_connectorx.py", &[Some(1.2)])],
        needs_server: true,
        rounds: 3,
    },
    Job {
        name: "small-tx",
        task: "640 transactions of one row each into SQLite, each on the disk when it returns (write-ahead log,\n\
               synchronised), from one thread and from 32.",
        parts: &["1 writer", "32 writers"],
        peers: &[("sqlite3 module", "store_small_tx_sqlite3.py", &[None, Some(5.0)])],
        needs_server: false,
        rounds: 5,
    },
];

pub(crate) fn is_job(name: &str) -> bool {
    names().any(|job| job == name)
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    JOBS.iter().map(|job| job.name)
}

/// Builds taipan-store's side and opens the peers'.
pub(crate) fn setting(root: &Path, data: &Path, options: &Options) -> Result<Setting> {
    let venv = cargo::cache("taipan-bench")?.join("venv-store");
    Ok(Setting {
        root: root.to_owned(),
        data: data.to_owned(),
        venv: Venv::open(&venv, &root.join("bench/store-requirements.txt"))?,
        taipan: if options.peers_only { None } else { Some(build(root)?) },
        runs: options.runs,
    })
}

fn build(root: &Path) -> Result<PathBuf> {
    cargo::run(&mut cargo(root, &["build", "--release", "--package", "taipan-store", "--example", "store_bench"]))?;
    let metadata = cargo::metadata(root)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata: no target folder")?;
    Ok(Path::new(target).join("release/examples/store_bench"))
}

pub(crate) fn run(name: &str, setting: &Setting) -> Result<Section> {
    let job = JOBS.iter().find(|job| job.name == name).context("no such job")?;
    let server = if job.needs_server { Some(Postgres::start(Durability::Full)?) } else { None };
    let environment = server.iter().map(|server| ("TAIPAN_POSTGRES", server.url())).collect::<Vec<_>>();
    let contender = |name, program: PathBuf, argument: String| Contender {
        name,
        program,
        arguments: vec![argument],
        folder: setting.data.clone(),
        required: None,
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        contenders.push(contender(TAIPAN, program.clone(), name.to_owned()));
    }
    for (peer, script, _) in job.peers {
        match (script.strip_prefix('='), &setting.taipan) {
            (Some(job), Some(program)) => contenders.push(contender(peer, program.clone(), job.to_owned())),
            (Some(_), None) => {}
            (None, _) => contenders.push(contender(peer, setting.venv.program("python"), setting.peer(script))),
        }
    }
    let required = |peer: &str, part: usize| {
        let found = job.peers.iter().find(|(name, ..)| *name == peer);
        found.and_then(|(_, _, required)| required.get(part).copied().flatten())
    };
    let race = learn::Race { contenders, environment, tolerance: 0.0, rounds: setting.rounds(job.rounds) };
    let mut versions = Vec::new();
    let requirements = std::fs::read_to_string(setting.bench("store-requirements.txt"))?;
    versions.extend(
        requirements
            .lines()
            .filter_map(|line| line.split_once("=="))
            .map(|(name, version)| format!("{name} {version}")),
    );
    let task = job.task.to_owned();
    Ok(Section { task, versions, comparisons: race.run(job.parts, required)? })
}
