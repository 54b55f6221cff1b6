//! `template`: a page with a table of 100 rows, from one template that all read.

use std::process::Command;

use anyhow::{Result, bail};

use super::load::{Driven, race, written};
use super::{body, example, gunicorn, versions};
use crate::bench::Setting;
use crate::bench::report::{Requirement, Section, TAIPAN};
use crate::bench::server::Server;

pub(super) fn run(setting: &Setting) -> Result<Section> {
    let mut servers = Vec::new();
    if setting.taipan.is_some() {
        let program = example(setting, "page_of_rows")?;
        let server = Server::start(TAIPAN, &setting.data, "/", |port| {
            let mut command = Command::new(&program);
            command.arg(port.to_string()).arg(setting.bench("peers/templates"));
            command
        })?;
        servers.push((server, None));
    }
    for (name, module) in [("flask", "template_flask:app"), ("django", "template_django:application")] {
        let server = Server::start(name, &setting.data, "/", |port| gunicorn(setting, module, port))?;
        servers.push((server, Some(Requirement(12.0))));
    }
    check(&servers)?;
    let paths = written(&setting.data, "template.paths", "/\n")?;
    let driven: Vec<Driven<'_>> = servers
        .iter()
        .map(|(server, required)| Driven { server, arguments: vec![paths.clone()], required: *required })
        .collect();
    let comparison = race(setting, "100 rows of 5 columns", "wrk.lua", &driven)?;
    for (server, _) in servers {
        server.stop()?;
    }
    Ok(Section {
        task:
            "A page with a table of 100 rows, escaped, from values in memory, by one template in the syntax that all\n\
               share (an inherited layout, a loop, a condition). Flask and Django have two workers with threads."
                .to_owned(),
        versions: versions(setting, &["flask", "jinja2", "django", "gunicorn"])?,
        comparisons: vec![comparison],
    })
}

/// Fails unless all pages are the same.
fn check(servers: &[(Server, Option<Requirement>)]) -> Result<()> {
    let mut first: Option<(&str, String)> = None;
    for (server, _) in servers {
        let page = String::from_utf8_lossy(&body(server, "/")?).split_whitespace().collect::<String>();
        if page.matches("<tr>").count() != 101 {
            bail!("{}: not 100 rows: {page}", server.name);
        }
        match &first {
            None => first = Some((server.name, page)),
            Some((other, expected)) if *expected != page => {
                bail!("{other} and {} differ:\n{expected}\n{page}", server.name);
            }
            Some(_) => {}
        }
    }
    Ok(())
}
