//! The suite on PostgreSQL, and what only a server can do: refuse a login, encrypt, go away.

use std::path::PathBuf;
use std::process::Command;

use taipan_store::{ErrorKind, Select, Store, TransactionOptions, Value, WriteOptions};

use crate::sample::{ON_POSTGRES, POSTGRES, fresh_schema, ids, people, postgres, write};

/// The tests that are of SQLite's files or limits, and the one that drops a table while it is read, which waits on
/// PostgreSQL.
const OF_SQLITE: [&str; 10] = [
    "open::",
    "foreign::",
    "moment::",
    "console::of_sqlite",
    "mutation::a_rule_that_is_judged_at_the_end",
    "postgres::the_suite",
    "names::a_table_may_be_as_wide",
    "names::hostile_names_work",
    "names::impossible_names",
    "stream::a_stream_keeps_its_moment",
];

/// The server, where the test command has started one.
pub(crate) fn server() -> Option<String> {
    let server = std::env::var(POSTGRES).ok();
    if server.is_none() {
        println!("skipped: {POSTGRES} names no PostgreSQL server (cargo xtask test starts one)");
    }
    server
}

#[test]
fn the_suite_passes_on_postgresql() {
    if postgres().is_some() || server().is_none() {
        return;
    }
    let mut suite = Command::new(std::env::current_exe().unwrap());
    // Each case of a property has a schema of its own, which takes its time.
    suite.env(ON_POSTGRES, "1").env("PROPTEST_CASES", "16").args(["--test-threads", "4"]);
    for module in OF_SQLITE {
        suite.args(["--skip", module]);
    }
    if std::env::var_os("TAIPAN_LONG").is_some() {
        suite.arg("--include-ignored");
    }
    let output = suite.output().unwrap();
    // Without the words of the test harness, which are for this run's own tests.
    let text = String::from_utf8_lossy(&output.stdout).replace("test result: ", "on PostgreSQL: ");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("running ")).collect();
    println!("{}\n{}", lines.join("\n"), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

#[test]
fn a_wrong_login_is_refused_and_shows_no_password() {
    let Some(server) = server() else { return };
    let (_, place) = server.rsplit_once('@').unwrap();
    let error = Store::open(&format!("postgres://taipan:wrong-secret@{place}")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unreachable(_)), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("password authentication failed") && !text.contains("wrong-secret"), "{text}");

    let nowhere = Store::open("postgres://me@127.0.0.1:1/x?connect_timeout=2").unwrap_err();
    assert!(nowhere.to_string().starts_with("postgres://127.0.0.1:1/x: cannot connect: "), "{nowhere}");
}

#[test]
fn the_line_is_encrypted_where_asked_for() {
    let Some(server) = server() else { return };
    let Some(certificate) = std::env::var_os("TAIPAN_POSTGRES_CERTIFICATE").map(PathBuf::from) else {
        println!("skipped: the server does not encrypt");
        return;
    };
    let is_encrypted = |url: &str| -> taipan_store::Result<Value> {
        let store = Store::open(url)?;
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        store.transaction(&TransactionOptions::default(), |tx| Ok(tx.query(sql, &[])?.rows[0][0].clone()))
    };
    assert_eq!(is_encrypted(&format!("{server}?sslmode=disable")).unwrap(), Value::Bool(false));
    assert_eq!(is_encrypted(&format!("{server}?sslmode=prefer")).unwrap(), Value::Bool(true));
    assert_eq!(is_encrypted(&format!("{server}?sslmode=require")).unwrap(), Value::Bool(true));
    let trusted = format!("sslrootcert={}", certificate.display());
    assert_eq!(is_encrypted(&format!("{server}?sslmode=verify-full&{trusted}")).unwrap(), Value::Bool(true));

    let untrusted = is_encrypted(&format!("{server}?sslmode=verify-full")).unwrap_err();
    assert!(matches!(untrusted.kind(), ErrorKind::Unreachable(_)), "{untrusted:?}");
    let of_another_host = server.replace("127.0.0.1", "127.0.0.2");
    let refused =
        is_encrypted(&format!("{of_another_host}?sslmode=verify-full&{trusted}&connect_timeout=2")).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Unreachable(_)), "{refused:?}");
}

#[test]
fn connections_that_the_server_closed_are_replaced() {
    let Some(server) = server() else { return };
    let url = fresh_schema(&server);
    let store = Store::open(&url).unwrap();
    write(&store, "people", &people(), &WriteOptions::default().primary_key("id")).unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND \
               application_name = 'taipan' AND query LIKE $1";
    // Those of this store alone: the last statement names its table.
    let other = Store::open(&server).unwrap();
    for _ in 0..3 {
        assert_eq!(ids(&store, &Select::new("people").limit(2)), [1, 2]);
        other
            .transaction(&TransactionOptions::default(), |tx| tx.query(end, &[Value::Text("%people%".to_owned())]))
            .unwrap();
    }
    assert_eq!(store.count("people", None).unwrap(), 5);
}

#[test]
fn tables_of_other_programs_are_read_by_their_types() {
    let Some(server) = server() else { return };
    let store = Store::open(&fresh_schema(&server)).unwrap();
    let tables = "CREATE TYPE mood AS ENUM ('sad', 'fine'); \
                  CREATE TABLE t (small smallint, number numeric(10, 2), single real, word varchar(9), letter char(3), \
                  id uuid, at timestamptz, doc jsonb, tags text[], feeling mood, money money); \
                  INSERT INTO t VALUES (7, 12.50, 0.5, 'word', 'ab', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', \
                  '2024-02-29 13:00:00+01', '{\"a\": [1, null]}', '{x,y}', 'fine', 9.99), (NULL, 'NaN', 'Infinity', NULL, \
                  NULL, NULL, 'infinity', NULL, NULL, NULL, NULL)";
    store
        .transaction(&TransactionOptions::default(), |tx| {
            tables.split("; ").try_for_each(|statement| tx.execute(statement, &[]).map(drop))
        })
        .unwrap();
    let page = store.read_json(&Select::new("t"), taipan_store::Count::Exact).unwrap();
    let expected = concat!(
        r#"[{"small":7,"number":12.5,"single":0.5,"word":"word","letter":"ab","id":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","#,
        r#""at":"2024-02-29T12:00:00","doc":{"a": [1, null]},"tags":["x","y"],"feeling":"fine","money":9.99},"#,
        r#"{"small":null,"number":null,"single":"Infinity","word":null,"letter":null,"id":null,"at":"infinity","#,
        r#""doc":null,"tags":null,"feeling":null,"money":null}]"#
    );
    assert_eq!(String::from_utf8(page.body).unwrap(), expected);
    assert_eq!(page.total, Some(2));
    // Rows are added to such a table in its own types.
    let batch = crate::sample::batch(vec![
        ("small", crate::sample::integers([8])),
        ("number", crate::sample::reals([1.25])),
        ("word", crate::sample::texts(["a\tb\\c\nd"])),
    ]);
    write(&store, "t", &batch, &WriteOptions::default().mode(taipan_store::Mode::Append)).unwrap();
    let added = store.read_json(
        &Select::new("t").column("small").column("number").column("word").offset(2),
        taipan_store::Count::None,
    );
    assert_eq!(String::from_utf8(added.unwrap().body).unwrap(), r#"[{"small":8,"number":1.25,"word":"a\tb\\c\nd"}]"#);
}

#[test]
fn a_change_by_another_program_is_seen_at_once() {
    let Some(server) = server() else { return };
    let url = fresh_schema(&server);
    let (one, other) = (Store::open(&url).unwrap(), Store::open(&url).unwrap());
    write(&one, "people", &people(), &WriteOptions::default().primary_key("id")).unwrap();
    let change = |sql: &str| other.transaction(&TransactionOptions::default(), |tx| tx.execute(sql, &[])).unwrap();
    let first = |select: &Select| crate::sample::json(&one, &select.clone().limit(1));
    assert!(first(&Select::new("people")).starts_with(r#"[{"id":1,"name""#));
    change("ALTER TABLE people ADD COLUMN extra integer DEFAULT 5");
    assert!(first(&Select::new("people")).contains(r#""extra":5"#));
    change("ALTER TABLE people RENAME COLUMN name TO title");
    assert!(first(&Select::new("people").column("title")).contains("Ada"));
    change("ALTER TABLE people ALTER COLUMN age TYPE text USING age::text");
    assert_eq!(first(&Select::new("people").column("age")), r#"[{"age":"36"}]"#);
    change("DROP TABLE people");
    assert!(matches!(one.count("people", None).unwrap_err().kind(), ErrorKind::UnknownTable { .. }));
}
