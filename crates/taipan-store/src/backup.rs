//! Copies of a whole database, made while it is in use, and put back.
//!
//! A copy of a SQLite database is a SQLite database; one of PostgreSQL is an archive of `pg_dump`, which PostgreSQL's own
//! `pg_restore` reads, by whose programs it is made and put back. Either is checked before it stands under its name.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::{NamedTempFile, TempDir};

use crate::error::{Error, ErrorKind, Result};
use crate::sql::quoted;
use crate::store::{Engine, Store};

impl Store {
    /// Writes a copy of the whole database as of one moment to a file, in place of one of that name. Readers and writers
    /// go on meanwhile. The copy is checked before it gets its name.
    ///
    /// # Errors
    /// `Io` naming the file, `Full`, `Corrupt` where the database is damaged; `Unsupported` where PostgreSQL's `pg_dump`
    /// is not installed.
    pub fn backup(&self, to: &Path) -> Result<()> {
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let copy = NamedTempFile::new_in(folder).map_err(|error| io(to, error))?;
        match &self.engine {
            Engine::Sqlite(database) => database.backup(copy.path())?,
            Engine::Postgres(database) => {
                let mut dump = program("pg_dump", database.environment())?;
                dump.args(["--format=custom", "--no-owner", "--no-privileges"]);
                dump.arg("--schema").arg(quoted(database.schema()));
                run(dump.arg("--file").arg(copy.path()))?;
                check_archive(copy.path())?;
            }
        }
        copy.as_file().sync_all().map_err(|error| io(to, error))?;
        copy.persist(to).map_err(|error| io(to, error.error))?;
        // The name is on the disk once its folder is.
        let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| io(to, error))
    }

    /// Puts a copy back: the database then holds what the copy does and nothing else. The copy is checked first, and the
    /// database is as it was or as the copy, never between.
    ///
    /// # Errors
    /// `Io`, `NotADatabase` or `Corrupt` naming the copy; `Busy` where another program uses the database; `Unsupported`
    /// where PostgreSQL's `pg_restore` is not installed.
    pub fn restore(&self, from: &Path) -> Result<()> {
        std::fs::File::open(from).map_err(|error| io(from, error))?;
        match &self.engine {
            Engine::Sqlite(database) => database.restore(from),
            Engine::Postgres(database) => {
                let listed = run(program("pg_restore", Vec::new())?.arg("--list").arg(from))?;
                // The schema itself is made anew here, with all that is in it gone.
                let is_schema = |line: &&str| line.contains(" SCHEMA - ");
                let entries: Vec<&str> = listed.lines().filter(|line| !is_schema(line)).collect();
                let folder = TempDir::new().map_err(|error| io(from, error))?;
                let (list, script) = (folder.path().join("list"), folder.path().join("script"));
                std::fs::write(&list, entries.join("\n")).map_err(|error| io(from, error))?;
                let mut restore = program("pg_restore", Vec::new())?;
                restore.args(["--no-owner", "--no-privileges", "--use-list"]).arg(&list);
                run(restore.arg("--file").arg(&script).arg(from))?;
                let schema = quoted(database.schema());
                let mut psql = program("psql", database.environment())?;
                psql.args(["-X", "-q", "--single-transaction", "-v", "ON_ERROR_STOP=1", "-c"]);
                psql.arg(format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"));
                run(psql.arg("-f").arg(&script)).map(drop)
            }
        }
    }
}

fn check_archive(file: &Path) -> Result<()> {
    run(program("pg_restore", Vec::new())?.arg("--list").arg(file)).map(drop)
}

/// One of PostgreSQL's programs, the newest there is: an older one refuses a newer server.
fn program(name: &str, environment: Vec<(&'static str, String)>) -> Result<Command> {
    let version = |folder: &PathBuf| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    folders.sort_by_key(version);
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    folders.splice(0..0, std::env::split_paths(&on_path).collect::<Vec<_>>().into_iter().rev());
    let Some(found) = folders.iter().rev().map(|folder| folder.join(name)).find(|file| file.is_file()) else {
        let what = format!("PostgreSQL's {name} is needed and not installed (Debian: postgresql-client)");
        return Err(Error::unsupported(what));
    };
    let mut command = Command::new(found);
    command.envs(environment).stdin(Stdio::null());
    Ok(command)
}

/// Runs a program; returns what it prints.
fn run(command: &mut Command) -> Result<String> {
    let failed = |what: String| Err(Error::new(ErrorKind::Io(what)));
    command.stdout(Stdio::piped());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return failed(format!("{}: {error}", command.get_program().display())),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    failed(text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it failed without a word").to_owned())
}

fn io(file: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io(error.to_string())).in_database(&file.to_string_lossy().into()).because(error)
}
