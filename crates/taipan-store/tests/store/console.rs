//! Queries that somebody types: what they may do, and what stops them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use taipan_store::{Artifact, ConsoleLimits, ErrorKind, Store, Value};

use crate::document::{STAFF, run, staff};
use crate::foreign::database;
use crate::sample::postgres;

const RUNAWAY: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

fn ask(store: &Store, sql: &str) -> Result<taipan_store::ConsoleAnswer, String> {
    let limits = ConsoleLimits::new().time(Duration::from_mins(2)).bytes(1 << 20);
    store.console(sql, &limits, || false).map_err(|error| error.to_string())
}

#[test]
fn of_sqlite_tables_are_read_and_nothing_else() {
    let (folder, _connection, store) = database(STAFF);
    store
        .put_artifact(&Artifact {
            kind: "k".into(),
            name: "n".into(),
            fingerprint: String::new(),
            bytes: b"secret".to_vec(),
        })
        .unwrap();
    let answer = ask(&store, "SELECT name, count(*) OVER () AS n FROM departments ORDER BY id LIMIT 1").unwrap();
    assert_eq!(answer.columns, ["name", "n"]);
    assert_eq!(answer.rows, [[Value::Text("Research".into()), Value::Integer(3)]]);
    assert!(!answer.is_cut);
    assert!(ask(&store, "EXPLAIN QUERY PLAN SELECT 1").is_ok());
    assert!(ask(&store, "SELECT sql FROM sqlite_schema").is_ok());
    let other = folder.path().join("other.db");
    for sql in [
        "DELETE FROM skills",
        "INSERT INTO skills VALUES (9, 'x')",
        "UPDATE skills SET name = 'x' RETURNING *",
        "DROP TABLE skills",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x (a)",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "BEGIN",
        "VACUUM",
        "SELECT * FROM _taipan_artifacts",
        "SELECT * FROM _TAIPAN_Artifacts",
        "WITH x AS (SELECT * FROM main._taipan_artifacts) SELECT * FROM x",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('x')",
        &format!("ATTACH '{}' AS other", other.display()),
        &format!("VACUUM INTO '{}'", other.display()),
    ] {
        assert!(ask(&store, sql).is_err(), "{sql}");
    }
    assert!(!other.exists());
    assert_eq!(store.count("skills", None).unwrap(), 2);
    assert_eq!(ask(&store, "SELEC 1").unwrap_err(), "near \"SELEC\": syntax error");
}

#[test]
fn limits_hold() {
    let (_folder, store) = staff();
    let few = ConsoleLimits::new().rows(2);
    let answer = store.console("SELECT id FROM employees", &few, || false).unwrap();
    assert_eq!((answer.rows.len(), answer.is_cut), (2, true));
    let (wide, large) = match postgres() {
        None => ("hex(zeroblob(10000))", "SELECT zeroblob(100000000)"),
        Some(_) => ("repeat('x', 20000)", "SELECT repeat('x', 100000000)"),
    };
    let wide =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT {wide} FROM n");
    let answer = ask(&store, &wide).unwrap();
    assert!(answer.is_cut && answer.rows.len() < 100);
    assert_eq!(ask(&store, large).unwrap_err(), "a value is larger than 1048576 bytes");

    let short = ConsoleLimits::new().time(Duration::from_millis(50));
    let error = store.console(RUNAWAY, &short, || false).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Stopped("the query was stopped after 0.05 s".into()));
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let long = ConsoleLimits::new().time(Duration::from_hours(1));
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let error = store
        .console(RUNAWAY, &long, move || {
            // After a few looks somebody cancels.
            told.fetch_or(looks.fetch_add(1, Ordering::Relaxed) > 5, Ordering::Relaxed);
            told.load(Ordering::Relaxed)
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "the query was cancelled");
    assert!(stop.load(Ordering::Relaxed));
}

#[test]
fn of_postgresql_tables_are_read_and_nothing_else() {
    if postgres().is_none() {
        return;
    }
    let (_folder, store) = staff();
    let secret = Artifact { kind: "k".into(), name: "n".into(), fingerprint: String::new(), bytes: b"secret".to_vec() };
    store.put_artifact(&secret).unwrap();
    run(&store, "CREATE VIEW told AS SELECT * FROM _taipan_artifacts");
    run(
        &store,
        "CREATE FUNCTION sneak() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM _taipan_artifacts'",
    );
    let answer = ask(&store, "SELECT name, count(*) OVER () AS n FROM departments ORDER BY id LIMIT 1;").unwrap();
    assert_eq!(answer.columns, ["name", "n"]);
    assert_eq!(answer.rows, [[Value::Text("Research".into()), Value::Integer(3)]]);
    assert!(!answer.is_cut);
    for sql in [
        "EXPLAIN SELECT * FROM employees",
        "VALUES (1, 'x')",
        "TABLE skills",
        "WITH x AS (SELECT 1 AS a) SELECT a, lower('A'), now(), to_char(now(), 'YYYY'), random(), 'pg_sleep(' FROM x",
        "SELECT d.name, e.name FROM departments d JOIN employees e ON e.department_id = d.id -- both",
        "SELECT sum(salary), json_agg(name), string_agg(name, ',' ORDER BY name) FROM employees GROUP BY department_id",
        "SELECT g FROM generate_series(1, 3) AS g",
    ] {
        assert!(ask(&store, sql).is_ok(), "{sql}: {:?}", ask(&store, sql));
    }
    for sql in [
        "DELETE FROM skills",
        "WITH gone AS (DELETE FROM skills RETURNING *) SELECT * FROM gone",
        "INSERT INTO skills VALUES (9, 'x')",
        "DROP TABLE skills",
        "CREATE TABLE x (a int)",
        "SELECT 1; DROP TABLE skills",
        "SELECT 1) SELECT 2; DROP TABLE skills; --",
        "SET transaction_read_only = off",
        "COMMIT",
        "COPY skills TO PROGRAM 'cat'",
        "DO $$ BEGIN PERFORM 1; END $$",
        "SELECT * FROM _taipan_artifacts",
        "SELECT * FROM told",
        "SELECT 1 WHERE EXISTS (SELECT FROM \"_taipan_artifacts\")",
        "SELECT sneak()",
        "SELECT query_to_xml('SELECT * FROM _taipan_artifacts', true, true, '')",
        "SELECT table_to_xml('_taipan_artifacts', true, true, '')",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_ls_dir('.')",
        "SELECT pg_catalog.\"pg_sleep\"(0)",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_catalog.pg_stat_activity",
        "SELECT nextval('skills_id_seq')",
        "SELECT lo_get(1)",
        "SELECT current_setting('data_directory')",
    ] {
        assert!(ask(&store, sql).is_err(), "{sql}");
    }
    assert_eq!(store.count("skills", None).unwrap(), 2);
    assert_eq!(ask(&store, "SELEC 1").unwrap_err(), "syntax error at or near \"SELEC\"");
}
