//! `predict`: predictions of a forest of 100 trees over HTTP, for one row and for 1,000.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::load::{Driven, race, written};
use super::{taipan, uvicorn, versions};
use crate::bench::Setting;
use crate::bench::report::{Requirement, Section, TAIPAN};
use crate::bench::server::Server;
use crate::cargo;

const APP: &str = "[app]\nname = \"predict\"\ndatabase = \"sqlite:predict.db\"\n\n[model.species]\n\
                   estimator = \"RandomForestClassifier\"\nfrom = \"iris\"\ntarget = \"species\"\nrandom_state = 42\n";
const PATH: &str = "/models/species/predict";

pub(super) fn run(setting: &Setting) -> Result<Section> {
    let folder = setting.data.join("predict");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let iris = setting.root.join("examples/demo/iris.csv");
    fs::copy(&iris, folder.join("iris.csv")).with_context(|| iris.display().to_string())?;
    written(&folder, "taipan.toml", APP)?;
    let flowers = flowers(&iris)?;
    let one = written(&folder, "one.json", &format!("[{}]", flowers.first().context("no flowers")?))?;
    let many: Vec<&str> = flowers.iter().cycle().take(1000).map(String::as_str).collect();
    let thousand = written(&folder, "thousand.json", &format!("[{}]", many.join(",")))?;

    let mut servers = Vec::new();
    if let Some(program) = &setting.taipan {
        let place = folder.display().to_string();
        servers.push(Server::start(TAIPAN, &setting.data, "/models/species", |port| taipan(program, port, &[&place]))?);
    }
    servers.push(Server::start("fastapi + scikit-learn", &setting.data, "/ready", |port| {
        let mut command = uvicorn(setting, "predict_fastapi:app", port);
        command.env("IRIS", folder.join("iris.csv"));
        command
    })?);
    check(&servers, &thousand)?;
    let mut comparisons = Vec::new();
    for (title, body, least) in [("one row", &one, 30.0), ("1,000 rows", &thousand, 8.0)] {
        let driven: Vec<Driven<'_>> = servers
            .iter()
            .map(|server| Driven {
                server,
                arguments: vec![PATH.to_owned(), "application/json".to_owned(), body.clone()],
                required: (server.name != TAIPAN).then_some(Requirement(least)),
            })
            .collect();
        comparisons.push(race(setting, title, "wrk_post.lua", &driven)?);
    }
    for server in servers {
        server.stop()?;
    }
    Ok(Section {
        task: "The species of flowers by a forest of 100 trees, trained on the same 150 rows with the same seed, as JSON in\n\
               and out. FastAPI checks the rows with a model of Pydantic and has two workers."
            .to_owned(),
        versions: versions(setting, &["fastapi", "uvicorn", "scikit-learn"])?,
        comparisons,
    })
}

/// The measurements of each flower as JSON.
fn flowers(iris: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(iris).with_context(|| iris.display().to_string())?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().context("no header")?.split(',').collect();
    let flower = |line: &str| {
        let pairs = names.iter().zip(line.split(',')).filter(|(name, _)| **name != "species");
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", pairs.join(","))
    };
    Ok(lines.map(flower).collect())
}

/// Fails unless all predict the same.
fn check(servers: &[Server], body: &str) -> Result<()> {
    let mut first: Option<(&str, Value)> = None;
    for server in servers {
        let url = format!("http://127.0.0.1:{}{PATH}", server.port);
        let data = format!("@{body}");
        let said = cargo::output(Command::new("curl").args([
            "-sf",
            "-H",
            "Content-Type: application/json",
            "--data-binary",
            &data,
            &url,
        ]))?;
        let answer: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        if answer.as_array().map(Vec::len) != Some(1000) {
            bail!("{}: {said}", server.name);
        }
        match &first {
            None => first = Some((server.name, answer)),
            Some((other, expected)) if *expected != answer => bail!("{other} and {} differ", server.name),
            Some(_) => {}
        }
    }
    Ok(())
}
