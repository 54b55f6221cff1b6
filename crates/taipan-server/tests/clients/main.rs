//! PostgREST's own clients, unmodified: `@supabase/postgrest-js` and Python's `postgrest`. `cargo xtask test` installs them
//! where the registries can be reached, and names the folder in `TAIPAN_CLIENTS`; without it this says that it was left out.

use std::path::{Path, PathBuf};
use std::process::Command;

use taipan::{Project, ProjectOptions};
use taipan_server::{Options, Who};
use tempfile::TempDir;

const TABLES: &str = r#"
CREATE TABLE departments (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE employees (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, salary REAL CHECK (salary >= 0), data JSON,
  department_id INTEGER REFERENCES departments (id)
);
INSERT INTO departments VALUES (1, 'Research'), (2, 'Sales');
INSERT INTO employees VALUES (1, 'Ada', 10.5, '{"n": 5}', 1), (2, 'Bob', 20, '{"n": 7}', 1), (3, 'Cy', 30, NULL, 2);
"#;

/// The folder with the clients, if they are there.
fn clients() -> Option<PathBuf> {
    let folder = std::env::var_os("TAIPAN_CLIENTS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("left out: PostgREST's clients are not installed (TAIPAN_CLIENTS is not set)");
    }
    folder
}

/// Runs a program against an application of its own; it ends with status 0 where all that it expects holds.
fn drive(program: &Path, script: &str, set: &[(&str, &Path)]) {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("taipan.toml"), "[app]\nname = \"c\"\ndatabase = \"sqlite:c.db\"\n")
        .expect("a file");
    let connection = rusqlite::Connection::open(folder.path().join("c.db")).expect("a database");
    connection.execute_batch(TABLES).expect("tables");
    drop(connection);
    let project = Project::open(&ProjectOptions::new([folder.path().to_owned()])).expect("a project");
    let app = taipan_server::app_with(project, Options::new().write(Who::Everybody));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(taipan_web::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = format!("http://{}/api", listener.local_addr().expect("an address"));
    runtime.spawn(taipan_web::serve(app, listener, std::future::pending()));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let mut command = Command::new(program);
    let output = command.arg(script).arg(&address).envs(set.iter().copied()).output().expect("the program runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("all as expected"), "{said}");
    runtime.shutdown_background();
}

#[test]
fn postgrest_js() {
    if let Some(folder) = clients() {
        drive(Path::new("node"), "client.mjs", &[("TAIPAN_CLIENTS", &folder)]);
    }
}

#[test]
fn postgrest_py() {
    if let Some(folder) = clients() {
        drive(&folder.join("venv/bin/python"), "client.py", &[]);
    }
}
