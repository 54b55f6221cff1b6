//! Reads that go on in the transaction of the read before, as long as nothing was committed.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use taipan_store::{Count, Mode, Select, Store, WriteOptions};
use tempfile::TempDir;

use crate::sample::{batch, integers, write};

/// A database whose one row another program counts up, in a journal mode.
fn counter(mode: &str) -> (TempDir, Connection, Store) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("counter.db");
    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "journal_mode", mode).unwrap();
    other.pragma_update(None, "synchronous", "OFF").unwrap();
    other.busy_timeout(Duration::from_secs(20)).unwrap();
    other.execute_batch("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0)").unwrap();
    let store = Store::open(path.to_str().unwrap()).unwrap();
    (folder, other, store)
}

fn number(store: &Store) -> i64 {
    let page = store.read_json(&Select::new("t"), Count::None).unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&page.body).unwrap();
    rows[0]["n"].as_i64().unwrap()
}

#[test]
fn a_read_sees_what_any_program_committed_before_it() {
    for (mode, rounds) in [("wal", 500), ("delete", 50), ("truncate", 50)] {
        let (_folder, other, store) = counter(mode);
        for round in 1..=rounds {
            other.execute("UPDATE t SET n = n + 1", []).unwrap();
            assert_eq!((number(&store), number(&store)), (round, round), "{mode}");
        }
    }
}

/// Ends the readers of a test, also when the writer fails: they wait for nothing else.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn no_thread_ever_reads_what_was_replaced_before_it_asked() {
    let (_folder, other, store) = counter("wal");
    let (committed, ended) = (AtomicI64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !ended.load(Ordering::SeqCst) {
                    let before = committed.load(Ordering::SeqCst);
                    let read = number(&store);
                    assert!(read >= before, "read {read} after {before} was committed");
                }
            });
        }
        let _ended = Ended(&ended);
        for round in 1..=1000 {
            other.execute("UPDATE t SET n = ?1", [round]).unwrap();
            committed.store(round, Ordering::SeqCst);
            // A log that was copied into the database starts anew: what readers go on in then is of another log.
            if round % 100 == 0 {
                let copied: i64 = other.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2)).unwrap();
                assert!(copied >= 0);
            }
        }
    });
}

#[test]
fn a_read_sees_columns_that_another_program_added() {
    let (_folder, other, store) = counter("wal");
    for round in 0..20 {
        other.execute_batch(&format!("ALTER TABLE t ADD COLUMN c{round} INTEGER DEFAULT {round}")).unwrap();
        assert_eq!(store.table("t").unwrap().columns.len(), round + 2);
        let page = store.read_json(&Select::new("t"), Count::None).unwrap();
        assert!(String::from_utf8(page.body).unwrap().contains(&format!("\"c{round}\":{round}")));
    }
}

#[test]
fn a_read_sees_what_the_same_store_wrote() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path().join("own.db").to_str().unwrap()).unwrap();
    let replace = WriteOptions::default().mode(Mode::Replace);
    for round in 0..50 {
        write(&store, "t", &batch(vec![("n", integers([round]))]), &replace).unwrap();
        assert_eq!((number(&store), number(&store)), (round, round));
    }
}

/// An idle store must not keep other programs from emptying the log.
#[test]
fn an_idle_store_lets_go_of_the_log() {
    let (folder, other, store) = counter("wal");
    other.execute("UPDATE t SET n = 1", []).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(number(&store), 1));
        }
    });
    other.busy_timeout(Duration::ZERO).unwrap();
    let empties = || -> bool {
        let busy: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        busy == 0
    };
    let start = Instant::now();
    while !empties() {
        assert!(start.elapsed() < Duration::from_secs(30), "the log is still held");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(std::fs::metadata(folder.path().join("counter.db-wal")).unwrap().len(), 0);
    assert_eq!(number(&store), 1);
}
