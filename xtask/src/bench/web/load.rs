//! Servers in turns under wrk, with 64 kept connections.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench::Setting;
use crate::bench::report::{Comparison, Line, Requirement, bytes, grouped, milliseconds, spread};
use crate::bench::server::{Load, Server, wrk};

pub(super) const ROUND: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_secs(2);

/// A server and what it is asked.
pub(super) struct Driven<'a> {
    pub(super) server: &'a Server,
    /// The arguments of the script.
    pub(super) arguments: Vec<String>,
    pub(super) required: Option<Requirement>,
}

/// Drives the servers in turns by a script of `bench/`.
pub(super) fn race(setting: &Setting, title: &str, script: &str, driven: &[Driven<'_>]) -> Result<Comparison> {
    let script = setting.bench(script);
    let drive = |driven: &Driven<'_>, time| {
        let arguments: Vec<&str> = driven.arguments.iter().map(String::as_str).collect();
        wrk(&script, driven.server.port, &arguments, time).with_context(|| format!("{}, {title}", driven.server.name))
    };
    for driven in driven {
        drive(driven, WARM_UP)?;
    }
    let rounds = setting.rounds(5);
    let mut loads: Vec<Vec<Load>> = driven.iter().map(|_| Vec::new()).collect();
    let mut memory = vec![0; driven.len()];
    for _ in 0..rounds {
        for (at, driven) in driven.iter().enumerate() {
            loads[at].push(drive(driven, ROUND)?);
            memory[at] = driven.server.memory()?.max(memory[at]);
        }
    }
    let lines = driven.iter().zip(&loads).zip(memory).map(|((driven, loads), memory)| {
        let of = |pick: fn(&Load) -> f64| loads.iter().map(pick).collect::<Vec<f64>>();
        Line {
            name: driven.server.name.to_owned(),
            columns: vec![
                spread(&of(|load| load.per_second), grouped),
                spread(&of(|load| load.median_seconds), milliseconds),
                spread(&of(|load| load.p99_seconds), milliseconds),
                bytes(memory),
            ],
            cost: of(|load| 1.0 / load.per_second),
            required: driven.required,
        }
    });
    Ok(Comparison {
        title: title.to_owned(),
        columns: vec!["requests/s", "median latency", "99 % latency", "peak memory"],
        lines: lines.collect(),
        rounds,
    })
}

/// Writes what a script reads, and names the file.
pub(super) fn written(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(path.display().to_string())
}
