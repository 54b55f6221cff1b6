//! `taipan import` on the real binary: rejects, drift, checkpoints, and imports that are killed.
#![allow(clippy::unwrap_used, clippy::format_collect, clippy::format_push_string)]

mod support;

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::{Ran, Workplace};
use taipan::store::TransactionOptions;

/// The rows of a query over `d.db`, without their header.
fn rows(place: &Workplace, sql: &str) -> String {
    let all = place.ok(&["query", sql, "--db", "d.db", "--format", "csv"]);
    all.split_once('\n').unwrap().1.to_owned()
}

fn import(place: &Workplace, arguments: &[&str]) -> Ran {
    place.run(&[&["import"], arguments, &["--db", "d.db"]].concat())
}

fn imported(place: &Workplace, arguments: &[&str]) -> String {
    let ran = import(place, arguments);
    assert_eq!(ran.code, 0, "{arguments:?} said {}", ran.stderr);
    ran.stderr
}

#[test]
fn bad_records_are_set_aside() {
    let place = Workplace::new();
    place.write("in.csv", "id,price\n1,2.5\n2\nx,3\n4,5\n");
    let typed = ["in.csv", "--column", "id:integer"];
    let ran = import(&place, &typed);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (
            1,
            "error: in.csv:3: 1 field, expected 2 (byte 15)\nhint: `--pad` fills rows that are too short and drops empty fields behind those too long\n"
        )
    );
    assert!(!place.path("d.db").exists());

    let said = imported(&place, &[&typed[..], &["--on-error", "reject"]].concat());
    assert!(
        said.starts_with("rejected   2 records → in.rejects.ndjson\nimported   2 rows → in (2 columns, 2 rejects) in "),
        "{said}"
    );
    assert_eq!(rows(&place, "SELECT * FROM \"in\""), "1,2.5\n4,5\n");
    let expected = "{\"source\":\"in.csv\",\"line\":3,\"byte\":15,\"reason\":\"1 field, expected 2\",\"raw\":\"2\"}\n\
        {\"source\":\"in.csv\",\"line\":4,\"byte\":17,\"reason\":\"`x` does not fit column `id` of integers, as the schema says (line 4, column 1)\",\"raw\":\"x,3\"}\n";
    assert_eq!(place.read("in.rejects.ndjson"), expected);

    let ran = import(&place, &[&typed[..], &["--on-error", "reject", "--max-rejects", "1", "--replace"]].concat());
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with("error: in.csv:4: more than 1 rejects"), "{}", ran.stderr);
    assert_eq!(place.read("in.rejects.ndjson"), expected);
    assert_eq!(rows(&place, "SELECT count(*) FROM \"in\""), "2\n");

    // A file without bad records leaves no file that tells of some.
    place.write("in.csv", "id,price\n1,2.5\n");
    imported(&place, &[&typed[..], &["--on-error", "reject"]].concat());
    assert!(!place.path("in.rejects.ndjson").exists());
}

#[test]
fn json_and_xml_have_rejects_too() {
    let place = Workplace::new();
    place.write("a.ndjson", "{\"a\":1}\n{\"a\":}\n{\"a\":3}\n");
    place.write("b.xml", "<r><i><a>1</a></i><i><a>x</a></i><i><a>3</a></i></r>");
    let to = ["--on-error", "reject", "--rejects", "bad.ndjson"];
    imported(&place, &[&["a.ndjson"], &to[..]].concat());
    assert_eq!(rows(&place, "SELECT sum(a) FROM a"), "4\n");
    assert!(place.read("bad.ndjson").contains("\"source\":\"a.ndjson\",\"line\":2,"), "{}", place.read("bad.ndjson"));
    let said = imported(&place, &[&["b.xml", "--record", "i", "--column", "a:integer"], &to[..]].concat());
    assert!(said.contains("imported   2 rows → b (1 column, 1 reject)"), "{said}");
    assert_eq!(rows(&place, "SELECT sum(a) FROM b"), "4\n");
}

#[test]
fn files_are_added_to_a_table_each_once() {
    let place = Workplace::new();
    place.write("jan.csv", "id,price\n1,2\n2,3\n");
    place.write("feb.csv", "id,price\n1,2.5\n");
    let both = ["jan.csv", "feb.csv", "--table", "sales"];
    let ran = import(&place, &both);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let error = "error: feb.csv:2:3: `2.5` does not fit column `price` of integers, as the schema says (byte 11)\n";
    assert!(ran.stderr.ends_with(error), "{}", ran.stderr);
    assert_eq!(rows(&place, "SELECT * FROM sales"), "1,2\n2,3\n");

    let both = [&both[..], &["--column", "price:float", "--replace"]].concat();
    let said = imported(&place, &both);
    assert!(said.contains("imported   1 row → sales (2 columns, 0 rejects)"), "{said}");
    assert_eq!(rows(&place, "SELECT * FROM sales"), "1,2\n2,3\n1,2.5\n");
    let again = &both[..both.len() - 1];
    let said = imported(&place, again);
    assert_eq!(said, "unchanged  2 rows in sales (2 columns)\nunchanged  1 row in sales (2 columns)\n");

    place.write("mar.csv", "id,price\n9,1\n");
    imported(&place, &["mar.csv", "--table", "sales"]);
    assert_eq!(rows(&place, "SELECT count(*), sum(price) FROM sales"), "4,8.5\n");

    // Its rows cannot be told from those of others.
    place.write("feb.csv", "id,price\n1,2.5\n2,2\n");
    let ran = import(&place, again);
    assert_eq!(ran.code, 1);
    let error = "error: feb.csv: the table 'sales' has rows of this file, which has changed since, among those of others\n\
        hint: --replace makes the table anew, of the files named with it\n";
    assert!(ran.stderr.ends_with(error), "{}", ran.stderr);
    let ran = import(&place, &["mar.csv", "--table", "Sales"]);
    assert!(ran.stderr.contains("the tables 'sales' and 'Sales' differ only in case"), "{}", ran.stderr);
    imported(&place, &both);
    assert_eq!(rows(&place, "SELECT count(*), sum(price) FROM sales"), "4,9.5\n");
}

#[test]
fn drift_is_an_error_or_taken_in_as_told() {
    let place = Workplace::new();
    place.write("a.csv", "id,name\n1,x\n");
    place.write("b.csv", "id,email,Name\n2,e,y\n");
    place.write("c.csv", "id\n3\n");
    place.write("d.ndjson", "{\"id\":4,\"tags\":[1]}\n{\"id\":5,\"name\":7}\n");
    place.write("e.csv", "other\n3\n");
    let into = |file: &str, drift: &str| import(&place, &[file, "--table", "t", "--on-drift", drift]);
    assert_eq!(into("a.csv", "fail").code, 0);
    let cases = [
        (
            "b.csv",
            "error: b.csv: the table 't' has no column 'email'\n\
             hint: --on-drift add adds such columns to the table, --on-drift ignore leaves them out\n",
        ),
        (
            "c.csv",
            "error: c.csv: the file has no column 'name' of the table 't'\n\
             hint: --on-drift add or ignore makes them null in its rows\n",
        ),
        (
            "d.ndjson",
            "error: d.ndjson: the table 't' has no column 'tags'\n\
             hint: --on-drift add adds such columns to the table, --on-drift ignore leaves them out\n",
        ),
    ];
    for (file, message) in cases {
        let ran = into(file, "fail");
        assert_eq!((ran.code, ran.stderr.as_str()), (1, message));
    }
    let ran = into("e.csv", "ignore");
    assert_eq!(ran.stderr.lines().next(), Some("error: e.csv: no column of the file is one of the table 't'"));

    let said = into("b.csv", "ignore").stderr;
    assert!(said.starts_with("left out   b.csv: email\nimported   1 row → t (2 columns, 0 rejects)"), "{said}");
    assert_eq!(rows(&place, "SELECT * FROM t"), "1,x\n2,y\n");
    assert_eq!(into("c.csv", "add").code, 0);
    let said = into("d.ndjson", "add").stderr;
    assert!(said.starts_with("added      d.ndjson: tags\nimported   2 rows → t (3 columns, 0 rejects)"), "{said}");
    assert_eq!(rows(&place, "SELECT * FROM t"), "1,x,\n2,y,\n3,,\n4,,[1]\n5,7,\n");
}

#[test]
fn late_columns_drift_too() {
    let place = Workplace::new();
    let mut text = String::new();
    for id in 0..200_000 {
        writeln!(text, "{{\"id\":{id},\"pad\":\"{}\"}}", "x".repeat(40)).unwrap();
    }
    place.write("first.ndjson", "{\"id\":1,\"pad\":\"\"}\n");
    place.write("late.ndjson", format!("{text}{{\"id\":1,\"late\":true}}\n"));
    let into = |drift: &str| import(&place, &["first.ndjson", "late.ndjson", "--table", "t", "--on-drift", drift]);
    let ran = into("fail");
    assert!(ran.stderr.contains("error: late.ndjson: the table 't' has no column 'late'\n"), "{}", ran.stderr);
    assert_eq!(rows(&place, "SELECT count(*) FROM t"), "1\n");
    let said = into("ignore").stderr;
    assert!(said.contains("left out   late.ndjson: late\n"), "{said}");
    assert_eq!(rows(&place, "SELECT count(*) FROM t"), "200002\n");
}

#[test]
fn streams_are_imported_but_not_from_checkpoints() {
    let place = Workplace::new();
    let run = |more: &[&str]| {
        let arguments = [&["import", "-", "--db", "d.db"], more].concat();
        let input = std::fs::File::open(place.path("tips.csv")).unwrap();
        let output = place.command(&arguments).stdin(input).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let nameless = "error: say with --table what standard input is imported into\n";
    assert_eq!(run(&[]), (Some(1), nameless.to_owned()));
    let message = "error: -: cannot be read again from a checkpoint\nhint: --checkpoint is for files\n";
    assert_eq!(run(&["--table", "t", "--checkpoint", "5"]), (Some(1), message.to_owned()));
    let (code, said) = run(&["--table", "t", "--threads", "1", "--memory-limit", "64MiB"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(rows(&place, "SELECT count(*) FROM t"), "244\n");
}

#[test]
fn checkpoints_end_in_the_same_table() {
    let place = Workplace::new();
    let lines: String = (0..1000).map(|id| format!("{id},{}\n", id % 7)).collect();
    place.write("t.csv", format!("id,n\n{lines}1000\n"));
    let run = |more: &[&str]| import(&place, &[&["t.csv", "--checkpoint", "64"], more].concat());
    // A fault is met before anything is committed, as types are settled first.
    let ran = run(&[]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (
            1,
            "error: t.csv:1002: 1 field, expected 2 (byte 5895)\nhint: `--pad` fills rows that are too short and drops empty fields behind those too long\n"
        )
    );
    assert!(!place.path("d.db").exists());
    let said = run(&["--on-error", "reject", "--index", "n"]).stderr;
    assert!(said.starts_with("rejected   1 record → t.rejects.ndjson\nimported   1,000 rows → t"), "{said}");
    assert_eq!(rows(&place, "SELECT count(*), count(DISTINCT id), sum(id) FROM t"), "1000,1000,499500\n");
    assert!(run(&["--on-error", "reject", "--index", "n"]).stderr.starts_with("unchanged  1,000 rows"));
}

/// A table of the database's own, with a rule of each sort.
const RULES: [&str; 3] = [
    "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
    "INSERT INTO parents VALUES (1), (2)",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, n INTEGER CHECK (n < 100), parent INTEGER REFERENCES parents (id))",
];

/// A fresh database in which these statements were run: a file, and a schema of the server under test if there is one.
fn databases(place: &Workplace, statements: &[&str]) -> Vec<String> {
    let mut urls = vec![format!("sqlite:{}", place.path("d.db").display())];
    match std::env::var("TAIPAN_POSTGRES") {
        Ok(server) => {
            let schema = format!("import_{}_{}", std::process::id(), random(u64::MAX));
            let home = taipan::store::Store::open(&server).unwrap();
            let create = format!("CREATE SCHEMA {schema}");
            home.transaction(&TransactionOptions::default(), |tx| tx.execute(&create, &[])).unwrap();
            urls.push(format!("{server}?schema={schema}"));
        }
        Err(_) => eprintln!("PostgreSQL skipped: 'cargo xtask test' starts one"),
    }
    for url in &urls {
        let store = taipan::store::Store::open(url).unwrap();
        let run = |sql: &&str| store.transaction(&TransactionOptions::default(), |tx| tx.execute(sql, &[])).map(|_| ());
        statements.iter().try_for_each(run).unwrap();
    }
    urls
}

/// What the database refuses is a reject like any other: named by its line, with its reason and its own text.
#[test]
fn rows_that_the_database_refuses_are_rejects() {
    let place = Workplace::new();
    let header = "id,name,n,parent\n";
    let csv = "1,a,1,1\n2,\"b\nb\",200,1\n1,c,3,\n4,d,4,9\n5,,5,\nbad\n7,g,7,2\n";
    place.write("in.csv", format!("{header}{csv}"));
    place.write(
        "in.ndjson",
        "{\"id\":1,\"name\":\"a\",\"n\":1}\n{\"id\":2,\"name\":\"b\",\"n\":200}\n\n{\"id\":1,\"name\":\"c\",\"n\":3}\n{\"id\":7,\"name\":\"g\"}\n",
    );
    place.write(
        "in.xml",
        "<r><i><id>1</id><name>a</name></i>\n<i><id>1</id><name>c</name></i>\n<i><id>7</id><name>g</name></i></r>",
    );
    place.ok(&["convert", "in.ndjson", "in.parquet"]);
    for url in databases(&place, &RULES) {
        let import = |file: &str, more: &[&str]| {
            let common =
                ["import", file, "--db", &url, "--table", "t", "--rejects", "bad.ndjson", "--on-drift", "ignore"];
            place.run(&[&common[..], more].concat())
        };
        let rejects = || -> Vec<(u64, String, String)> {
            let line = |line: &str| {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                let text = |name: &str| value[name].as_str().unwrap().to_owned();
                (value["line"].as_u64().unwrap(), text("reason"), text("raw"))
            };
            place.read("bad.ndjson").lines().map(line).collect()
        };
        let there = || place.ok(&["query", "SELECT id, name FROM t ORDER BY id", "--db", &url, "--format", "csv"]);
        let clear = || {
            let store = taipan::store::Store::open(&url).unwrap();
            store.transaction(&TransactionOptions::default(), |tx| tx.execute("DELETE FROM t", &[])).unwrap();
        };

        let ran = import("in.csv", &[]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert_eq!(there(), "id,name\n");
        let ran = import("in.csv", &["--on-error", "reject", "--max-rejects", "2"]);
        assert!(ran.code == 1 && ran.stderr.contains("more than 2 rejects"), "{url}: {}", ran.stderr);
        assert_eq!(there(), "id,name\n");

        let ran = import("in.csv", &["--on-error", "reject"]);
        assert_eq!(ran.code, 0, "{url}: {}", ran.stderr);
        assert!(ran.stderr.contains("imported   2 rows → t (4 columns, 5 rejects)"), "{url}: {}", ran.stderr);
        assert_eq!(there(), "id,name\n1,a\n7,g\n");
        let mut found = rejects();
        found.sort();
        let raw: Vec<(u64, &str)> = found.iter().map(|(line, _, raw)| (*line, raw.as_str())).collect();
        assert_eq!(raw, [(3, "2,\"b\nb\",200,1"), (5, "1,c,3,"), (6, "4,d,4,9"), (7, "5,,5,"), (8, "bad")], "{url}");
        let duplicate = "table \"t\", column \"id\": the value \"1\" is there already and must be unique";
        assert_eq!(found[1].1, duplicate, "{url}");
        assert!(found[2].1.contains("a row that it refers to"), "{url}: {}", found[2].1);
        assert_eq!(found[3].1, "table \"t\", column \"name\": a value is missing and must be given", "{url}");

        for (file, lines) in [("in.ndjson", vec![2, 4]), ("in.xml", vec![2]), ("in.parquet", vec![2, 3])] {
            clear();
            let ran = import(file, &["--on-error", "reject", "--record", "i"][..if file == "in.xml" { 4 } else { 2 }]);
            assert_eq!(ran.code, 0, "{url}: {}", ran.stderr);
            assert_eq!(there(), "id,name\n1,a\n7,g\n", "{url}: {file}");
            let of_file: Vec<(u64, String, String)> = rejects()
                .into_iter()
                .filter(|(_, _, raw)| raw.starts_with(if file == "in.xml" { "<i>" } else { "{" }))
                .collect();
            assert_eq!(of_file.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), lines, "{url}: {file}: {of_file:?}");
            std::fs::remove_file(place.path("bad.ndjson")).unwrap();
        }
    }
}

/// An import that goes on from a checkpoint tells what was refused before it, too.
#[test]
fn what_was_refused_before_a_checkpoint_is_told_by_the_run_that_ends() {
    let place = Workplace::new();
    let text: String =
        (0..30_000).map(|id| format!("{},n,{},\n", id, if id % 7 == 3 { 100 + id } else { id % 100 })).collect();
    place.write("in.csv", format!("id,name,n,parent\n{text}"));
    let refused = (0..30_000).filter(|id| id % 7 == 3).count();
    for url in databases(&place, &RULES) {
        let import = [
            "import",
            "in.csv",
            "--db",
            &url,
            "--table",
            "t",
            "--on-error",
            "reject",
            "--checkpoint",
            "1000",
            "--rejects",
            "bad.ndjson",
        ];
        let mut cut_short = 0;
        let started = Instant::now();
        place.ok(&import);
        let mut within = started.elapsed();
        for round in 0..6 {
            let store = taipan::store::Store::open(&url).unwrap();
            let clear = |tx: &mut taipan::store::Transaction<'_>| tx.execute("DELETE FROM t", &[]);
            store.transaction(&TransactionOptions::default(), clear).unwrap();
            // What was recorded of the table that is gone is gone with it.
            place.write("in.csv", format!("id,name,n,parent\n{text}{},n,0,\n", 30_000 + round));
            let _ = std::fs::remove_file(place.path("bad.ndjson"));
            for _ in 0..3 {
                cut_short += usize::from(!killed(&place, &import, &mut within));
            }
            place.ok(&import);
            let counted =
                place.ok(&["query", "SELECT count(*), count(DISTINCT id) FROM t", "--db", &url, "--format", "csv"]);
            let rows = 30_001 - refused;
            assert!(counted.ends_with(&format!("\n{rows},{rows}\n")), "{url}: {counted}");
            assert_eq!(place.read("bad.ndjson").lines().count(), refused, "{url}");
        }
        assert!(cut_short > 3, "{cut_short} imports were cut short");
    }
}

/// A number below a bound that the next call does not repeat.
fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below.max(1)
}

/// Starts a command and kills it at a random moment within a time, with no more to say or as Ctrl-C does; whether it had
/// ended before. The time follows the runs: beside other work they take longer or shorter than the first, which was timed.
fn killed(place: &Workplace, arguments: &[&str], within: &mut Duration) -> bool {
    let mut child = place.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(*within * (random(100) as u32) / 100);
    let ended = child.try_wait().unwrap().is_some_and(|status| status.success());
    let signal = ["-KILL", "-INT"][random(2) as usize];
    Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
    child.wait().unwrap();
    *within = if ended { *within * 4 / 5 } else { *within * 11 / 10 };
    ended
}

/// Kills imports at random moments, some with checkpoints and some without, and looks at what is there.
fn kill_imports(rounds: usize) {
    const ROWS: u64 = 20_000;
    let place = Workplace::new();
    let mut text = String::from("id,pad\n");
    let mut rejects = 0;
    for id in 0..ROWS {
        writeln!(text, "{id},{}", "x".repeat((id % 50) as usize)).unwrap();
        if id % 997 == 5 {
            text.push_str("bad\n");
            rejects += 1;
        }
    }
    place.write("t.csv", text);
    let whole = format!("{ROWS},{ROWS},{}\n", ROWS * (ROWS - 1) / 2);
    let counts = "SELECT count(*), count(DISTINCT id), sum(id) FROM t";
    let plain = ["import", "t.csv", "--db", "d.db", "--on-error", "reject"];
    let pieces = [&plain[..], &["--checkpoint", "700"]].concat();
    let fresh = || {
        for file in place.files().iter().filter(|name| name.starts_with("d.db") || name.ends_with("rejects.ndjson")) {
            std::fs::remove_file(place.path(file)).unwrap();
        }
    };
    let time = |arguments: &[&str]| {
        fresh();
        let started = Instant::now();
        place.ok(arguments);
        started.elapsed()
    };
    let (mut within_plain, mut within_pieces) = (time(&plain), time(&pieces));
    let mut cut_short = 0;
    for round in 0..rounds {
        let with_checkpoints = round % 2 == 1;
        let (arguments, within) =
            if with_checkpoints { (&pieces[..], &mut within_pieces) } else { (&plain[..], &mut within_plain) };
        fresh();
        for _ in 0..=random(3) {
            let ended = killed(&place, arguments, within);
            cut_short += usize::from(!ended);
            if place.path("d.db").exists() {
                let ran = place.run(&["query", counts, "--db", "d.db", "--format", "csv"]);
                let there = ran.stdout.split_once('\n').map_or("", |(_, rows)| rows);
                if with_checkpoints {
                    let count: u64 = there.split(',').next().unwrap_or_default().parse().unwrap_or(0);
                    assert!(count.is_multiple_of(700) || count == ROWS, "{count}");
                } else {
                    assert!(ran.code != 0 || there == whole, "a partial table: {there}");
                }
            }
        }
        place.ok(arguments);
        assert_eq!(rows(&place, counts), whole, "round {round}");
        assert_eq!(place.read("t.rejects.ndjson").lines().count(), rejects, "round {round}");
    }
    assert!(cut_short > rounds / 4, "{cut_short} imports of {rounds} rounds were cut short");
}

/// A small disk; nothing where the user may not make one.
#[cfg(target_os = "linux")]
struct SmallDisk(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        mount.is_ok_and(|done| done.status.success()).then_some(Self(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// A disk that fills up on the way leaves the table as it was.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "long"]
fn a_full_disk_leaves_the_table_as_it_was() {
    let Some(disk) = SmallDisk::new("3m") else {
        eprintln!("skipped: making a small disk takes the rights of an administrator");
        return;
    };
    let place = Workplace::new();
    let fits: String = (0..20_000).map(|id| format!("{id},fits\n")).collect();
    place.write("t.csv", format!("id,pad\n{fits}"));
    let db = disk.0.path().join("d.db").display().to_string();
    place.ok(&["import", "t.csv", "--db", &db]);
    for round in 0..40 {
        let size = 100_000 + random(400_000);
        let rows: String = (0..size).map(|id| format!("{id},{round} {}\n", "x".repeat(20))).collect();
        place.write("t.csv", format!("id,pad\n{rows}"));
        let ran = place.run(&["import", "t.csv", "--db", &db]);
        assert!(ran.code == 1 && ran.stderr.contains("no space left"), "{}", ran.stderr);
        let counted = place.ok(&["query", "SELECT count(*), max(pad) FROM t", "--db", &db, "--format", "csv"]);
        assert!(counted.ends_with("\n20000,fits\n"), "{counted}");
    }
}

#[test]
fn a_killed_import_loses_and_doubles_nothing() {
    kill_imports(6);
}

/// Two hundred rounds in all, in parts that run side by side.
#[test]
#[ignore = "long"]
fn killed_imports_lose_and_double_nothing_1() {
    kill_imports(50);
}

#[test]
#[ignore = "long"]
fn killed_imports_lose_and_double_nothing_2() {
    kill_imports(50);
}

#[test]
#[ignore = "long"]
fn killed_imports_lose_and_double_nothing_3() {
    kill_imports(50);
}

#[test]
#[ignore = "long"]
fn killed_imports_lose_and_double_nothing_4() {
    kill_imports(50);
}
