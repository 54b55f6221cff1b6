//! `fetch`: many small pages from a server on this machine, whole process.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Setting;
use super::measure::{Contender, race_warm};
use super::pages::PageServer;
use super::report::{Comparison, Requirement, Section, TAIPAN};
use crate::cargo;

/// Requests at once, for every contender that lets it be said.
const AT_ONCE: &str = "256";

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    let server = PageServer::start()?;
    let many = compare(setting, &server, "20,000 pages", 20_000, "/page/", 5)?;
    let slow = compare(setting, &server, "200 pages, each after 100 ms", 200, "/slow/", 10)?;
    let mut versions = Vec::new();
    for package in ["aiohttp", "httpx"] {
        versions.push(setting.pinned(package)?);
    }
    let curl = cargo::output(std::process::Command::new("curl").arg("--version"))?;
    versions.push(curl.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    Ok(Section {
        task: format!(
            "Pages of about 1 KB from a server in Rust on the same machine (on its cores, too), each printed: 20,000 at once,\n\
             and 200 that each come after 100 ms. {AT_ONCE} requests at once; `aiohttp (100)` is the plain program,\n\
             whose session opens 100 connections unless told otherwise, as its users write it. The 100 ms are a quarter of\n\
             aiohttp's whole time: who takes none besides is four times as fast."
        ),
        versions,
        comparisons: vec![many, slow],
    })
}

fn compare(
    setting: &Setting,
    server: &PageServer,
    title: &str,
    pages: usize,
    path: &str,
    rounds: usize,
) -> Result<Comparison> {
    let folder = &setting.data;
    let urls: Vec<String> = (0..pages).map(|page| server.url(&format!("{path}{page}"))).collect();
    let list = folder.join("urls.txt");
    fs::write(&list, urls.join("\n") + "\n").with_context(|| list.display().to_string())?;
    let config = folder.join("urls.curl");
    let lines: String = urls.iter().flat_map(|url| ["url = ", url, "\n"]).collect();
    fs::write(&config, lines).with_context(|| config.display().to_string())?;
    let contenders = contenders(setting, folder);
    for contender in &contenders {
        check_answer(contender, path, pages)?;
    }
    race_warm(title, &contenders, setting.rounds(rounds))
}

fn contenders(setting: &Setting, folder: &Path) -> Vec<Contender> {
    let contender = |name, program: PathBuf, arguments: &[&str], required| Contender {
        name,
        program,
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        folder: folder.to_owned(),
        required,
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        let arguments =
            ["fetch", "--from-file", "urls.txt", "--ndjson", "-", "--concurrency", AT_ONCE, "--per-host", AT_ONCE];
        contenders.push(contender(TAIPAN, program.clone(), &arguments, None));
    }
    let python = setting.venv.program("python");
    let aiohttp = setting.peer("fetch_aiohttp.py");
    let required = Some(Requirement(4.0));
    contenders.push(contender("aiohttp (100)", python.clone(), &[&aiohttp, "urls.txt"], required));
    contenders.push(contender("aiohttp (256)", python.clone(), &[&aiohttp, "urls.txt", AT_ONCE], None));
    contenders.push(contender("httpx", python, &[&setting.peer("fetch_httpx.py"), "urls.txt", AT_ONCE], None));
    let curl = ["--silent", "--parallel", "--parallel-max", AT_ONCE, "--config", "urls.curl"];
    contenders.push(contender("curl --parallel", PathBuf::from("curl"), &curl, None));
    contenders
}

/// Fails unless a contender prints every page.
fn check_answer(contender: &Contender, path: &str, pages: usize) -> Result<()> {
    let printed = cargo::output(&mut contender.command()).with_context(|| contender.name)?;
    let missing = missing(&printed, path, pages);
    if missing > 0 {
        bail!("{}: {missing} of {pages} pages are missing", contender.name);
    }
    Ok(())
}

/// How many pages a text does not hold; each says `This is PATH.`.
fn missing(printed: &str, path: &str, pages: usize) -> usize {
    let mark = format!("This is {path}");
    let found: HashSet<usize> =
        printed.split(&mark).skip(1).filter_map(|text| text.split('.').next()?.parse().ok()).collect();
    (0..pages).filter(|page| !found.contains(page)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_pages_are_counted() {
        let printed = "{\"text\":\"This is /page/0. x\"}\nThis is /page/2.";
        assert_eq!(missing(printed, "/page/", 3), 1);
        assert_eq!(missing(printed, "/slow/", 3), 3);
    }
}
