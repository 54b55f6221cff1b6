//! `rest-write`: rows added one by one over HTTP by 64 clients at once, each on the disk before it is acknowledged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::load::{Driven, race, written};
use super::{gunicorn, taipan, uvicorn, versions};
use crate::bench::Setting;
use crate::bench::report::{Requirement, Section, TAIPAN};
use crate::bench::server::Server;
use crate::cargo;

const ROW: &str = "{\"name\":\"Ada Lovelace\",\"department\":\"Research\",\"salary\":123456,\"hired\":\"2024-02-29\"}";
const TABLE: &str = "CREATE TABLE employees (id INTEGER PRIMARY KEY, name TEXT NOT NULL, department TEXT NOT NULL, \
                     salary INTEGER NOT NULL, hired TEXT NOT NULL); PRAGMA journal_mode = WAL;";

pub(super) fn run(setting: &Setting) -> Result<Section> {
    let body = written(&setting.data, "rest-write.json", ROW)?;
    let mut servers: Vec<(Server, PathBuf, &str, Option<Requirement>)> = Vec::new();
    if let Some(program) = &setting.taipan {
        let database = empty(setting, TAIPAN)?;
        let file = database.display().to_string();
        let server = Server::start(TAIPAN, &setting.data, "/health/ready", |port| {
            taipan(program, port, &["--db", &file, "--write", "public"])
        })?;
        servers.push((server, database, "/api/employees", None));
    }
    let with_data = |mut command: Command, database: &Path| {
        command.env("EMPLOYEES_DB", database);
        command
    };
    let (flask, fastapi) = (empty(setting, "flask")?, empty(setting, "fastapi")?);
    let server = Server::start("flask", &setting.data, "/ready", |port| {
        with_data(gunicorn(setting, "rest_write_flask:app", port), &flask)
    })?;
    servers.push((server, flask, "/employees", Some(Requirement(10.0))));
    let server = Server::start("fastapi", &setting.data, "/ready", |port| {
        with_data(uvicorn(setting, "rest_write_fastapi:app", port), &fastapi)
    })?;
    servers.push((server, fastapi, "/employees", None));

    let driven: Vec<Driven<'_>> = servers
        .iter()
        .map(|(server, _, path, required)| Driven {
            server,
            arguments: vec![(*path).to_owned(), "application/json".to_owned(), body.clone()],
            required: *required,
        })
        .collect();
    let comparison = race(setting, "one row a request", "wrk_post.lua", &driven)?;
    for (server, database, ..) in servers {
        let name = server.name;
        server.stop()?;
        let rows = cargo::output(Command::new("sqlite3").arg(&database).arg("SELECT count(*) FROM employees"))?;
        if rows.trim().parse::<u64>().with_context(|| rows.clone())? == 0 {
            bail!("{name} acknowledged rows and kept none");
        }
        let _ = fs::remove_file(&database);
    }
    Ok(Section {
        task: "A row of five columns into SQLite by `POST`, acknowledged when it is on the disk (write-ahead log,\n\
               synchronised at each commit), from 64 connections at once. Flask and FastAPI use the sqlite3 module with a\n\
               connection kept open per thread, two workers each. For scale: PocketBase publishes 2,015 a second on two\n\
               cores."
            .to_owned(),
        versions: versions(setting, &["flask", "gunicorn", "fastapi", "uvicorn"])?,
        comparisons: vec![comparison],
    })
}

/// A database of one empty table for a contender.
fn empty(setting: &Setting, name: &str) -> Result<PathBuf> {
    let path = setting.data.join(format!("rest-write-{name}.db"));
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(setting.data.join(format!("rest-write-{name}.db{end}")));
    }
    cargo::output(Command::new("sqlite3").arg(&path).arg(TABLE))?;
    Ok(path)
}
