//! `rest-read`: one row by its key and a top-10 page, as JSON over HTTP, from one SQLite file of 100,000 rows.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Setting;
use super::report::{Comparison, Line, Requirement, Section, TAIPAN, bytes, grouped, milliseconds, spread};
use super::server::{Load, Server, wrk};
use crate::{http, install};

const ROWS: u32 = 100_000;
const ROUND: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_secs(2);

/// A server with the form of its URLs.
struct Contender {
    server: Server,
    by_id: fn(u32) -> String,
    top: &'static str,
    required: Option<Requirement>,
}

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    if install::find("wrk").is_none() {
        install::debian_packages(&["wrk"], "the job rest-read")?;
    }
    let database = setting.input("employees", "employees.db")?;
    let contenders = start(setting, &database)?;
    check_answers(&contenders)?;
    // The same ids in the same order for everyone, spread over the whole table.
    let ids: Vec<u32> = (0..1000).map(|at| at * 7919 % ROWS + 1).collect();
    let comparisons = vec![
        measure(setting, &contenders, "one row by id", &|contender| {
            ids.iter().map(|id| (contender.by_id)(*id)).collect()
        })?,
        measure(setting, &contenders, "top 10 of an order", &|contender| vec![contender.top.to_owned()])?,
    ];
    for contender in contenders {
        contender.server.stop()?;
    }
    let mut versions = vec![wrk_version()];
    for package in ["flask", "gunicorn", "fastapi", "uvicorn", "orjson"] {
        versions.push(setting.pinned(package)?);
    }
    Ok(Section {
        task: format!(
            "Rows of `employees` ({} rows, index on `salary`) as JSON, all servers on one SQLite file,\n\
             each with a connection kept open per worker, two workers for Python. wrk drives them in turns\n\
             with 64 kept connections for {} s a round. Flask has threads, so that connections stay open,\n\
             and orjson; FastAPI has plain functions and a response model, as its documentation advises for a\n\
             blocking database; \"fastapi, tuned\" queries on the event loop and skips the response model.",
            grouped(f64::from(ROWS)),
            ROUND.as_secs()
        ),
        versions,
        comparisons,
    })
}

fn start(setting: &Setting, database: &Path) -> Result<Vec<Contender>> {
    const READY: &str = "/employees/1";
    let plain_id: fn(u32) -> String = |id| format!("/employees/{id}");
    let plain_top = "/employees?order=salary.desc&limit=10";
    let required = Some(Requirement(10.0));
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        let ready = "/api/employees?id=eq.1";
        contenders.push(Contender {
            server: Server::start(TAIPAN, &setting.data, ready, |port| {
                let mut command = Command::new(program);
                command.args(["serve", "--port", &port.to_string(), "--db"]).arg(database);
                command
            })?,
            by_id: |id| format!("/api/employees?id=eq.{id}"),
            top: "/api/employees?order=salary.desc&limit=10",
            required: None,
        });
    }
    let peers = setting.bench("peers");
    let python = |program: &str| {
        let mut command = Command::new(setting.venv.program(program));
        // No compiled files beside the peers, which lie in the clone.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("EMPLOYEES_DB", database);
        command
    };
    let flask = |port: u16| {
        let mut command = python("gunicorn");
        // Threads keep connections open; the default workers close each, which costs them a quarter.
        command.args(["--workers", "2", "--worker-class", "gthread", "--threads", "4"]);
        command.arg(format!("--bind=127.0.0.1:{port}")).arg("--chdir").arg(&peers);
        command.arg("rest_read_flask:app");
        command
    };
    contenders.push(Contender {
        server: Server::start("flask", &setting.data, READY, flask)?,
        by_id: plain_id,
        top: plain_top,
        required,
    });
    let fastapi = |port: u16, module: &str| {
        let mut command = python("uvicorn");
        command.args(["--workers", "2", "--no-access-log", "--log-level", "warning"]);
        command.args(["--port", &port.to_string(), "--app-dir"]).arg(&peers);
        command.arg(format!("{module}:app"));
        command
    };
    for (name, module, required) in
        [("fastapi", "rest_read_fastapi", required), ("fastapi, tuned", "rest_read_fastapi_tuned", None)]
    {
        let server = Server::start(name, &setting.data, READY, |port| fastapi(port, module))?;
        contenders.push(Contender { server, by_id: plain_id, top: plain_top, required });
    }
    Ok(contenders)
}

/// Fails unless all servers give the same JSON.
fn check_answers(contenders: &[Contender]) -> Result<()> {
    for id in [1, 7, ROWS / 2, ROWS] {
        check_answer(contenders, 1, |contender| (contender.by_id)(id))?;
    }
    check_answer(contenders, 10, |contender| contender.top.to_owned())
}

fn check_answer(contenders: &[Contender], rows: usize, path: impl Fn(&Contender) -> String) -> Result<()> {
    let mut first: Option<(&str, Value)> = None;
    for contender in contenders {
        let (name, path) = (contender.server.name, path(contender));
        let (status, body) = http::get(contender.server.port, &path)?;
        let place = || format!("{name} {path}: status {status}: {}", String::from_utf8_lossy(&body));
        let answer: Value = serde_json::from_slice(&body).with_context(place)?;
        if status != 200 || answer.as_array().map(Vec::len) != Some(rows) {
            bail!("{}; expected {rows} rows", place());
        }
        match &first {
            None => first = Some((name, answer)),
            Some((other, expected)) if *expected != answer => {
                bail!("{other} and {name} differ for {path}:\n{expected}\n{answer}");
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn measure(
    setting: &Setting,
    contenders: &[Contender],
    title: &str,
    paths: &dyn Fn(&Contender) -> Vec<String>,
) -> Result<Comparison> {
    let script = setting.bench("wrk.lua");
    let rounds = setting.rounds(5);
    let drive = |contender: &Contender, time| {
        let name = contender.server.name;
        let file = setting.data.join(format!("{name}.paths"));
        fs::write(&file, paths(contender).join("\n") + "\n").with_context(|| file.display().to_string())?;
        wrk(&script, contender.server.port, &file, time).with_context(|| format!("{name}, {title}"))
    };
    for contender in contenders {
        drive(contender, WARM_UP)?;
    }
    let mut loads: Vec<Vec<Load>> = contenders.iter().map(|_| Vec::new()).collect();
    let mut memory = vec![0; contenders.len()];
    for _ in 0..rounds {
        for (at, contender) in contenders.iter().enumerate() {
            loads[at].push(drive(contender, ROUND)?);
            memory[at] = contender.server.memory()?.max(memory[at]);
        }
    }
    let lines = contenders.iter().zip(&loads).zip(memory).map(|((contender, loads), memory)| {
        let of = |pick: fn(&Load) -> f64| loads.iter().map(pick).collect::<Vec<f64>>();
        Line {
            name: contender.server.name.to_owned(),
            columns: vec![
                spread(&of(|load| load.per_second), grouped),
                spread(&of(|load| load.median_seconds), milliseconds),
                spread(&of(|load| load.p99_seconds), milliseconds),
                bytes(memory),
            ],
            cost: of(|load| 1.0 / load.per_second),
            required: contender.required,
        }
    });
    Ok(Comparison {
        title: title.to_owned(),
        columns: vec!["requests/s", "median latency", "99 % latency", "peak memory"],
        lines: lines.collect(),
        rounds,
    })
}

/// wrk tells its version only with its usage, and calls that a failure.
fn wrk_version() -> String {
    let said = Command::new("wrk").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}
