//! Crashes: a process that writes with several threads is killed at random points, its disk fills up, or its writes fail.
//! Then every transaction that was acknowledged is there, and no other is there in part.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use taipan_store::{ErrorKind, Select, Store, TransactionOptions, Value};
use tempfile::TempDir;

use crate::sample::{fresh, fresh_schema, postgres};

/// Names the database to a child process.
const CHILD: &str = "TAIPAN_STORE_CRASH";
/// The threads that write.
const THREADS: i64 = 4;
/// The rows of a transaction: all are there, or none.
const ROWS: i64 = 3;

fn setup(store: &Store) {
    let made = store.transaction(&TransactionOptions::default(), |tx| {
        tx.execute(
            "CREATE TABLE log (id INTEGER PRIMARY KEY, tx BIGINT NOT NULL, part BIGINT NOT NULL, pad TEXT)",
            &[],
        )?;
        tx.execute("CREATE INDEX log_tx ON log (tx)", &[]).map(drop)
    });
    made.unwrap();
}

/// Not a test of its own: what the killed process does. It tells each transaction once it is acknowledged, until it is
/// killed or a write fails.
#[test]
fn child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let (url, first) = url.rsplit_once('#').unwrap();
    let first: i64 = first.parse().unwrap();
    let store = Store::open(url).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                for step in 0.. {
                    let number = first + step * THREADS + thread;
                    let pad = "x".repeat(usize::try_from(number % 700).unwrap());
                    let written = store.transaction(&TransactionOptions::default().retry(1000), |tx| {
                        (0..ROWS).try_for_each(|part| {
                            let row = [
                                ("id", Value::Integer(number * ROWS + part)),
                                ("tx", Value::Integer(number)),
                                ("part", Value::Integer(part)),
                                ("pad", Value::Text(pad.clone())),
                            ];
                            tx.insert("log", &row)
                        })
                    });
                    let mut out = std::io::stdout().lock();
                    match written {
                        Ok(()) => writeln!(out, "\nacknowledged {number}").unwrap(),
                        Err(error) => {
                            writeln!(out, "\nfailed {number} {:?}", error.kind()).unwrap();
                            return;
                        }
                    }
                }
            });
        }
    });
}

fn spawn(url: &str, first: i64, limit: Option<&str>) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match limit {
        // The shell takes the signal that would end the process, so that its writes fail instead.
        Some(limit) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"")).arg(program);
            shell
        }
        None => Command::new(program),
    };
    command
        .args(["crash::child", "--exact", "--nocapture", "--test-threads", "1"])
        .env(CHILD, format!("{url}#{first}"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What a child said.
#[derive(Default)]
struct Said {
    acknowledged: BTreeSet<i64>,
    failed: Vec<String>,
}

/// Reads a child's words until it ends; it is killed after some of them.
fn listen(mut child: Child, kill_after: Option<usize>) -> Said {
    let mut said = Said::default();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut is_killed = false;
    for line in lines {
        let Ok(line) = line else { break };
        if let Some(number) = line.strip_prefix("acknowledged ") {
            said.acknowledged.insert(number.parse().unwrap());
        } else if let Some(what) = line.strip_prefix("failed ") {
            said.failed.push(what.to_owned());
        }
        if !is_killed && kill_after.is_some_and(|most| said.acknowledged.len() >= most) {
            // What was said before the kill is still read.
            child.kill().unwrap();
            is_killed = true;
        }
    }
    child.wait().unwrap();
    said
}

/// The transactions that are there; each must be whole.
fn present(store: &Store) -> BTreeSet<i64> {
    let rows = store.read_rows(&Select::new("log").column("tx").column("part")).unwrap().rows;
    let mut seen = std::collections::BTreeMap::<i64, i64>::new();
    for row in rows {
        let [Value::Integer(tx), Value::Integer(part)] = row[..] else { panic!("{row:?}") };
        *seen.entry(tx).or_default() |= 1 << part;
    }
    for (tx, parts) in &seen {
        assert_eq!(*parts, (1 << ROWS) - 1, "transaction {tx} is there in part");
    }
    seen.into_keys().collect()
}

fn check_file(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let said: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(said, "ok");
}

/// All that was acknowledged is there. A transaction that was on its way when the process ended may be there or not, but
/// no more than one a thread.
fn judge(store: &Store, acknowledged: &BTreeSet<i64>, on_their_way: usize) {
    let present = present(store);
    let lost: Vec<&i64> = acknowledged.difference(&present).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let extra: Vec<&i64> = present.difference(acknowledged).collect();
    assert!(extra.len() <= on_their_way, "there without having been acknowledged: {extra:?}");
}

fn kill_often(kills: usize) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("crash.db");
    let url = if postgres().is_some() { fresh() } else { file.to_str().unwrap().to_owned() };
    setup(&Store::open(&url).unwrap());
    let mut acknowledged = BTreeSet::new();
    let mut random = 88_172_645_463_325_252_u64;
    for kill in 0..kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let said = listen(spawn(&url, kill as i64 * 1_000_000, None), Some((random % 60) as usize));
        assert!(said.failed.is_empty(), "{:?}", said.failed);
        acknowledged.extend(said.acknowledged);
        if postgres().is_some() {
            settle(&url);
        }
        let store = Store::open(&url).unwrap();
        judge(&store, &acknowledged, THREADS as usize * (kill + 1));
        // What was on its way is known from now on.
        acknowledged.extend(present(&store));
        drop(store);
        if postgres().is_none() && kill % 10 == 0 {
            check_file(&file);
        }
    }
    if postgres().is_none() {
        check_file(&file);
    }
}

/// Waits until the server has noticed that its client is gone.
fn settle(url: &str) {
    let store = Store::open(url).unwrap();
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE '%INTO%log%' \
                AND query LIKE $1";
    let schema = url.rsplit_once("schema=").and_then(|(_, rest)| rest.split('&').next()).unwrap_or_default();
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(1) {
        let values = [Value::Text(format!("%{schema}%"))];
        let rows = store.transaction(&TransactionOptions::default(), |tx| tx.query(busy, &values)).unwrap().rows;
        if rows == [[Value::Integer(0)]] {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_was_acknowledged_survives_kills() {
    kill_often(6);
}

#[test]
#[ignore = "long"]
fn what_was_acknowledged_survives_five_hundred_kills() {
    kill_often(500);
}

#[test]
fn a_write_that_fails_is_not_there() {
    if postgres().is_some() {
        return;
    }
    // No file may grow beyond this, in blocks of 512 bytes: the writes of the log fail when it is that long.
    for limit in ["400", "900"] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("crash.db");
        let url = file.to_str().unwrap().to_owned();
        setup(&Store::open(&url).unwrap());
        let said = listen(spawn(&url, 0, Some(limit)), Some(100_000));
        assert!(!said.failed.is_empty(), "the writes were to fail");
        let store = Store::open(&url).unwrap();
        judge(&store, &said.acknowledged, 0);
        assert!(store.transaction(&TransactionOptions::default(), |tx| tx.delete("log", None)).unwrap() > 0);
        drop(store);
        check_file(&file);
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    if postgres().is_some() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: only root can mount a small disk");
        return;
    }
    let _unmount = Unmount(folder.path());
    let file = folder.path().join("crash.db");
    let url = file.to_str().unwrap().to_owned();
    setup(&Store::open(&url).unwrap());
    let said = listen(spawn(&url, 0, None), Some(100_000));
    assert!(said.failed.iter().any(|what| what.contains("Full")), "{:?}", said.failed);
    let store = Store::open(&url).unwrap();
    judge(&store, &said.acknowledged, 0);
    drop(store);
    check_file(&file);
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_session_that_the_server_ends_leaves_nothing() {
    let Some(server) = postgres() else { return };
    let url = fresh_schema(&server);
    let store = Store::open(&url).unwrap();
    setup(&store);
    let ended = store.transaction(&TransactionOptions::default(), |tx| {
        tx.execute("INSERT INTO log VALUES (1, 1, 0, NULL)", &[])?;
        let me = tx.query("SELECT pg_backend_pid()", &[])?.rows[0][0].clone();
        let other = Store::open(&server)?;
        let end = "SELECT pg_terminate_backend($1::int)";
        other.transaction(&TransactionOptions::default(), |tx| tx.query(end, std::slice::from_ref(&me)).map(drop))?;
        tx.execute("INSERT INTO log VALUES (2, 1, 1, NULL)", &[])
    });
    let error = ended.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Lost(_)), "{error:?}");
    assert!(present(&store).is_empty());
}
