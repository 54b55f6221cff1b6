//! `rest-export`: a table of 5,000,000 rows as CSV over HTTP, to a client that throws it away.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::{python, taipan, versions};
use crate::bench::Setting;
use crate::bench::report::{Comparison, Line, Requirement, Section, TAIPAN, bytes, milliseconds, spread};
use crate::bench::server::Server;
use crate::cargo;
use crate::postgres::{Durability, Postgres};

const ROWS: u64 = 5_000_000;

/// The rows as PostgreSQL makes them; `bench/data.py` makes the same for SQLite.
const COPIED: &str = "CREATE TABLE orders AS SELECT id::bigint, (id::bigint * 7919) % 100003 AS amount, \
                      'customer ' || id % 1000 AS customer, (id % 1000) / 8.0::float8 AS price \
                      FROM generate_series(1, 5000000) AS id";

/// Somebody who writes CSV: its name, and the shell command that prints all of it.
struct Contender<'a> {
    name: &'a str,
    command: String,
    server: Option<&'a Server>,
    required: Option<Requirement>,
}

pub(super) fn run(setting: &Setting) -> Result<Section> {
    let database = setting.input("orders", "orders.db")?;
    let file = database.display().to_string();
    let ours = match &setting.taipan {
        Some(program) => {
            Some(Server::start(TAIPAN, &setting.data, "/health/ready", |port| taipan(program, port, &["--db", &file]))?)
        }
        None => None,
    };
    let datasette = Server::start("datasette", &setting.data, "/-/versions.json", |port| {
        let mut command = python(setting, "datasette");
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string(), "--setting", "max_csv_mb", "0"]);
        command.args(["--setting", "max_returned_rows", "10000", "--setting", "sql_time_limit_ms", "60000"]);
        command.arg(&file);
        command
    })?;
    let postgres = Postgres::start(Durability::None)?;
    let url = postgres.url();
    cargo::run(Command::new("psql").args(["--quiet", "--command", COPIED, &url]))?;

    let mut contenders = Vec::new();
    if let Some(server) = &ours {
        let command = format!("curl -sf -H 'Accept: text/csv' http://127.0.0.1:{}/api/orders", server.port);
        contenders.push(Contender { name: TAIPAN, command, server: Some(server), required: None });
    }
    contenders.push(Contender {
        name: "datasette",
        command: format!("curl -sf 'http://127.0.0.1:{}/orders/orders.csv?_stream=on&_size=max'", datasette.port),
        server: Some(&datasette),
        required: Some(Requirement(20.0)),
    });
    contenders.push(Contender {
        name: "psql, COPY",
        command: format!("psql --quiet --command '\\copy orders TO STDOUT (FORMAT csv, HEADER)' '{url}'"),
        server: None,
        required: None,
    });
    let comparison = race(setting, &contenders);
    drop(contenders);
    for server in ours.into_iter().chain([datasette]) {
        server.stop()?;
    }
    Ok(Section {
        task: "A table of 5,000,000 rows of two integers, text and a fraction as CSV, from SQLite over HTTP, read by curl\n\
               and thrown away. Datasette streams in pages of 10,000 rows. `psql`'s COPY from PostgreSQL on the same\n\
               machine is a limit rather than a peer."
            .to_owned(),
        versions: versions(setting, &["datasette"])?,
        comparisons: vec![comparison?],
    })
}

fn race(setting: &Setting, contenders: &[Contender<'_>]) -> Result<Comparison> {
    for contender in contenders {
        let lines = sh(&format!("{} | wc -l", contender.command))?;
        if lines.trim() != (ROWS + 1).to_string() {
            bail!("{}: {} lines, expected {}", contender.name, lines.trim(), ROWS + 1);
        }
    }
    let rounds = setting.rounds(3);
    let mut times: Vec<Vec<f64>> = contenders.iter().map(|_| Vec::new()).collect();
    let mut memory = vec![0; contenders.len()];
    for _ in 0..rounds {
        for (at, contender) in contenders.iter().enumerate() {
            let begun = Instant::now();
            sh(&format!("{} > /dev/null", contender.command))?;
            times[at].push(begun.elapsed().as_secs_f64());
            if let Some(server) = contender.server {
                memory[at] = server.memory()?.max(memory[at]);
            }
        }
    }
    let lines = contenders.iter().zip(times).zip(memory).map(|((contender, times), memory)| Line {
        name: contender.name.to_owned(),
        columns: vec![
            spread(&times, milliseconds),
            if contender.server.is_some() { bytes(memory) } else { "–".to_owned() },
        ],
        cost: times,
        required: contender.required,
    });
    Ok(Comparison {
        title: "5,000,000 rows".to_owned(),
        columns: vec!["wall time", "memory after it"],
        lines: lines.collect(),
        rounds,
    })
}

fn sh(command: &str) -> Result<String> {
    let output = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("{command}: {}", output.status);
    }
    String::from_utf8(output.stdout).context("not text")
}
