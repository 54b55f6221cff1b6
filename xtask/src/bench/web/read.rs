//! `rest-read`: one row by its key, a page of 20 with filter and count, and a top-10 page, as JSON over HTTP, from one
//! SQLite file of 100,000 rows.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::load::{Driven, ROUND, race, written};
use super::{body, example, gunicorn, python, taipan, uvicorn, versions};
use crate::bench::Setting;
use crate::bench::report::{Comparison, Requirement, Section, TAIPAN, grouped};
use crate::bench::server::Server;

const ROWS: u32 = 100_000;
const TOP: &str = "top 10 of an order";
const PAGE: &str = "page of 20 with filter and count";

/// A server with the form of its URLs.
struct Contender {
    server: Server,
    by_id: fn(u32) -> String,
    top: Option<&'static str>,
    /// None for a server that cannot count.
    page: Option<&'static str>,
    /// For one row, for the page, and for the top.
    required: [Option<Requirement>; 3],
}

pub(super) fn run(setting: &Setting) -> Result<Section> {
    let database = setting.input("employees", "employees.db")?;
    let contenders = start(setting, &database)?;
    check_answers(&contenders)?;
    // The same ids in the same order for everyone, spread over the whole table.
    let ids: Vec<u32> = (0..1000).map(|at| at * 7919 % ROWS + 1).collect();
    let comparisons = vec![
        measure(setting, &contenders, "one row by id", 0, &|contender| {
            Some(ids.iter().map(|id| (contender.by_id)(*id)).collect())
        })?,
        measure(setting, &contenders, PAGE, 1, &|contender| contender.page.map(|page| vec![page.to_owned()]))?,
        measure(setting, &contenders, TOP, 2, &|contender| contender.top.map(|top| vec![top.to_owned()]))?,
    ];
    for contender in contenders {
        contender.server.stop()?;
    }
    Ok(Section {
        task: format!(
            "Rows of `employees` ({} rows, index on `salary`) as JSON, all servers on one SQLite file,\n\
             each with a connection kept open per worker, two workers for Python. wrk drives them in turns\n\
             with 64 kept connections for {} s a round. The page is `department=Sales`, by id, with the number of all\n\
             that match, which Taipan counts once and knows until something is committed: the others count at each\n\
             request. Flask has threads, so that connections stay open, and orjson; FastAPI has plain functions\n\
             and a response model, as its documentation advises for a blocking database; \"fastapi, tuned\" queries\n\
             on the event loop and skips the response model. Django REST framework has a serializer and a paginator.\n\
             Datasette has one process, as it comes. \"bare axum\" answers a constant of one row's size and reads\n\
             nothing: what HTTP itself costs.",
            grouped(f64::from(ROWS)),
            ROUND.as_secs()
        ),
        versions: versions(
            setting,
            &["flask", "gunicorn", "fastapi", "uvicorn", "orjson", "django", "djangorestframework", "datasette"],
        )?,
        comparisons,
    })
}

fn start(setting: &Setting, database: &Path) -> Result<Vec<Contender>> {
    const READY: &str = "/employees/1";
    let plain_id: fn(u32) -> String = |id| format!("/employees/{id}");
    let plain_top = Some("/employees?order=salary.desc&limit=10");
    let plain_page = Some("/page?department=Sales&limit=20");
    let least = |ratio: f64| Some(Requirement(ratio));
    let with_data = |mut command: Command| {
        command.env("EMPLOYEES_DB", database);
        command
    };
    let mut contenders = Vec::new();
    let mut add = |server: Server, by_id, top, page, required| {
        contenders.push(Contender { server, by_id, top, page, required });
    };
    if let Some(program) = &setting.taipan {
        let file = database.display().to_string();
        let server = Server::start(TAIPAN, &setting.data, "/api/employees?id=eq.1", |port| {
            taipan(program, port, &["--db", &file])
        })?;
        let page = Some("/api/employees?department=eq.Sales&order=id&limit=20");
        let top = Some("/api/employees?order=salary.desc&limit=10");
        add(server, |id| format!("/api/employees?id=eq.{id}"), top, page, [None; 3]);
        let bare = example(setting, "bare_axum")?;
        let server = Server::start("bare axum", &setting.data, "/", |port| {
            let mut command = Command::new(&bare);
            command.arg(port.to_string());
            command
        })?;
        add(server, |_| "/".to_owned(), None, None, [least(0.6), None, None]);
    }
    let flask = |port| with_data(gunicorn(setting, "rest_read_flask:app", port));
    let server = Server::start("flask", &setting.data, READY, flask)?;
    add(server, plain_id, plain_top, plain_page, [least(12.0); 3]);
    for (name, module, required) in
        [("fastapi", "rest_read_fastapi:app", least(8.0)), ("fastapi, tuned", "rest_read_fastapi_tuned:app", None)]
    {
        let server = Server::start(name, &setting.data, READY, |port| with_data(uvicorn(setting, module, port)))?;
        add(server, plain_id, plain_top, plain_page, [required; 3]);
    }
    let django = |port| with_data(gunicorn(setting, "rest_read_django:application", port));
    let server = Server::start("django rest framework", &setting.data, READY, django)?;
    add(server, plain_id, plain_top, plain_page, [None; 3]);
    let datasette = |port: u16| {
        let mut command = python(setting, "datasette");
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]).arg(database);
        command
    };
    let server = Server::start("datasette", &setting.data, "/employees/employees/1.json?_shape=array", datasette)?;
    add(
        server,
        |id| format!("/employees/employees/{id}.json?_shape=array"),
        Some("/employees/employees.json?_shape=array&_sort_desc=salary&_size=10&_nofacet=1&_nocount=1"),
        Some("/employees/employees.json?_shape=objects&department__exact=Sales&_sort=id&_size=20&_nofacet=1"),
        [None; 3],
    );
    Ok(contenders)
}

/// Fails unless all servers give the same JSON.
fn check_answers(contenders: &[Contender]) -> Result<()> {
    for id in [1, 7, ROWS / 2, ROWS] {
        check_answer(contenders, 1, |contender| contender.top.is_some().then(|| (contender.by_id)(id)))?;
    }
    check_answer(contenders, 20, |contender| contender.page.map(str::to_owned))?;
    check_answer(contenders, 10, |contender| contender.top.map(str::to_owned))
}

fn check_answer(contenders: &[Contender], rows: usize, path: impl Fn(&Contender) -> Option<String>) -> Result<()> {
    let mut first: Option<(&str, Value)> = None;
    for contender in contenders {
        let Some(path) = path(contender) else { continue };
        let name = contender.server.name;
        let body = body(&contender.server, &path)?;
        let place = || format!("{name} {path}: {}", String::from_utf8_lossy(&body));
        let answer: Value = serde_json::from_slice(&body).with_context(place)?;
        // Some wrap a page's rows with its count.
        let found = ["rows", "results"].iter().find_map(|key| answer.get(*key)).unwrap_or(&answer).clone();
        if found.as_array().map(Vec::len) != Some(rows) {
            bail!("{}; expected {rows} rows", place());
        }
        match &first {
            None => first = Some((name, found)),
            Some((other, expected)) if *expected != found => {
                bail!("{other} and {name} differ for {path}:\n{expected}\n{found}");
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
    part: usize,
    paths: &dyn Fn(&Contender) -> Option<Vec<String>>,
) -> Result<Comparison> {
    let mut driven = Vec::new();
    for contender in contenders {
        let Some(paths) = paths(contender) else { continue };
        let file = written(&setting.data, &format!("{}.paths", contender.server.name), &(paths.join("\n") + "\n"))?;
        let mut arguments = vec![file];
        // Taipan counts for who asks.
        if part == 1 && contender.server.name == TAIPAN {
            arguments.push("count=exact".to_owned());
        }
        driven.push(Driven { server: &contender.server, arguments, required: contender.required[part] });
    }
    race(setting, title, "wrk.lua", &driven)
}
