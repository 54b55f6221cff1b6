//! PostgREST's own clients, unmodified: `@supabase/postgrest-js` and Python's `postgrest`; and schemathesis, which calls
//! whatever `/openapi.json` describes, rightly and wrongly. `cargo xtask test` installs them where the registries can be
//! reached, and names the places in `TAIPAN_CLIENTS` and `TAIPAN_PYTHON`; without them this says that they were left out.

use std::path::{Path, PathBuf};
use std::process::Command;

use taipan::{Project, ProjectOptions};
use taipan_server::{Options, Who};
use taipan_web::{Accounts, NewUser, Scope};
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
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let said = with_application(Options::new().write(Who::Everybody), |address, _| {
        let mut command = Command::new(program);
        command.arg(script).arg(format!("{address}/api")).envs(set.iter().copied());
        command
    });
    assert!(said.contains("all as expected"), "{said}");
}

/// Runs what is made for the address of an application of its own and a token of its staff, and gives what it printed; it
/// must end with status 0.
fn with_application(options: Options, command: impl FnOnce(&str, &str) -> Command) -> String {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("taipan.toml"), "[app]\nname = \"c\"\ndatabase = \"sqlite:c.db\"\n")
        .expect("a file");
    let connection = rusqlite::Connection::open(folder.path().join("c.db")).expect("a database");
    connection.execute_batch(TABLES).expect("tables");
    drop(connection);
    let project = Project::open(&ProjectOptions::new([folder.path().to_owned()])).expect("a project");
    let accounts = Accounts::new(project.store().clone()).with_quick_hashes();
    accounts.create(NewUser::new("staff", "a long password").group("staff")).expect("an account");
    let token = accounts.create_token("staff", "test", &[Scope::Read, Scope::Write], None).expect("a token");
    let app = taipan_server::app_with(project, options);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(taipan_web::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    runtime.spawn(taipan_web::serve(app, listener, std::future::pending()));
    let output = command(&address, &token).output().expect("the program runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    runtime.shutdown_background();
    said
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

/// No call that schemathesis makes up ends in a server error, in a status or form that the document does not name, or gets
/// through without the login that the document asks for.
#[test]
fn schemathesis_finds_nothing() {
    let program = std::env::var_os("TAIPAN_PYTHON").map(|python| PathBuf::from(python).with_file_name("schemathesis"));
    let Some(program) = program.filter(|program| program.is_file()) else {
        eprintln!("left out: schemathesis is not beside TAIPAN_PYTHON; 'cargo xtask test' installs it");
        return;
    };
    let checks =
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";
    // Who comes with a token is told of more calls, which then must ask for it.
    for with_token in [false, true] {
        let folder = TempDir::new().expect("a folder");
        let _ = with_application(Options::new(), |address, token| {
            let mut command = Command::new(&program);
            command.current_dir(folder.path()).args(["run", "--seed", "1", "--max-examples", "25", "--checks", checks]);
            command.args([
                "--phases",
                "examples,coverage,fuzzing",
                "--suppress-health-check",
                "all",
                "--warnings",
                "off",
            ]);
            // Answers that have no end.
            command.args(["--exclude-path-regex", "/changes$"]);
            if with_token {
                command.args(["--header", &format!("Authorization: Bearer {token}")]);
            }
            command.arg(format!("{address}/openapi.json"));
            command
        });
    }
}
