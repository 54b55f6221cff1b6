//! Many at once: readers beside a writer, scans beside everything, and nothing held by what was dropped.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use taipan_store::{Compare, Count, ErrorKind, Filter, Mode, Select, Store, Value, WriteOptions};

use crate::sample::{batch, integers, memory, write};

/// A table of one column whose every row says how many rows there are.
fn generation(rows: i64) -> arrow::record_batch::RecordBatch {
    batch(vec![("n", integers((0..rows).map(|_| rows)))])
}

fn check_whole(store: &Store) {
    let page = store.read_json(&Select::new("t").limit(1), Count::Exact).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&page.body).unwrap();
    assert_eq!(rows[0]["n"].as_u64(), page.total, "page and count are of one moment");
    let mut scan = store.scan(&Select::new("t")).unwrap();
    let total: usize = scan.by_ref().map(|batch| batch.unwrap().num_rows()).sum();
    let one = Filter::compare("n", Compare::Neq, Value::Integer(total as i64));
    let _ = store.count("t", Some(&one)).unwrap();
    assert!([1000, 3000].contains(&total), "{total} rows: neither old nor new");
}

#[test]
fn a_store_is_shared_and_a_scan_is_sent() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    shared::<Store>();
    sent::<taipan_store::Scan>();
    sent::<taipan_store::Error>();
}

#[test]
fn readers_see_the_old_table_or_the_new_one() {
    let store = memory();
    write(&store, "t", &generation(1000), &WriteOptions::default()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    check_whole(&store);
                }
            });
        }
        let replace = WriteOptions::default().mode(Mode::Replace).index("n");
        for round in 0..30 {
            let rows = generation(if round % 2 == 0 { 3000 } else { 1000 });
            let parts = (0..rows.num_rows() / 100).map(|part| Ok::<_, String>(rows.slice(part * 100, 100)));
            store.write_table("t", &rows.schema(), &replace, parts).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_reader_does_not_wait_for_a_writer() {
    let store = memory();
    write(&store, "t", &generation(1000), &WriteOptions::default()).unwrap();
    let rows = generation(3000);
    let parts = (0..30).map(|part| {
        // In the midst of the write, on the same thread: were there a lock, this would never end.
        check_whole(&store);
        assert_eq!(store.count("t", None).unwrap(), 1000);
        Ok::<_, String>(rows.slice(part * 100, 100))
    });
    let replace = WriteOptions::default().mode(Mode::Replace);
    store.write_table("t", &rows.schema(), &replace, parts).unwrap();
    assert_eq!(store.count("t", None).unwrap(), 3000);
}

#[test]
fn a_scan_keeps_its_moment() {
    let store = memory();
    write(&store, "t", &generation(20_000), &WriteOptions::default()).unwrap();
    let mut scan = store.scan(&Select::new("t")).unwrap();
    let first = scan.next().unwrap().unwrap().num_rows();
    store.drop_table("t").unwrap();
    let late = store.scan(&Select::new("t")).map(|_| ()).unwrap_err();
    assert!(matches!(late.kind(), ErrorKind::UnknownTable { .. }));
    assert_eq!(first + scan.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 20_000);
}

#[test]
fn a_dropped_scan_holds_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let store = Store::open(path.to_str().unwrap()).unwrap();
    write(&store, "t", &generation(100_000), &WriteOptions::default()).unwrap();
    for taken in [0, 1, 2] {
        let scan = store.scan(&Select::new("t")).unwrap();
        assert_eq!(scan.take(taken).count(), taken);
    }
    // A slow one, dropped in the midst of its first step.
    let none = Filter::compare("n", Compare::Eq, Value::Integer(-1));
    drop(store.scan(&Select::new("t").filter(none)).unwrap());
    // A checkpoint of everything is possible only if no reader is left in an old moment.
    write(&store, "t", &generation(10), &WriteOptions::default().mode(Mode::Replace)).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    let busy: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
    assert_eq!(store.count("t", None).unwrap(), 10);
}

#[test]
fn a_scan_outlives_its_store_and_its_thread() {
    let store = memory();
    write(&store, "t", &generation(50_000), &WriteOptions::default()).unwrap();
    let scan = store.scan(&Select::new("t")).unwrap();
    drop(store);
    let rows = thread::spawn(move || scan.map(|batch| batch.unwrap().num_rows()).sum::<usize>()).join().unwrap();
    assert_eq!(rows, 50_000);
}

#[test]
fn many_scans_and_reads_at_once() {
    let store = memory();
    write(&store, "t", &generation(1000), &WriteOptions::default()).unwrap();
    let scans: Vec<_> = (0..80).map(|_| store.scan(&Select::new("t")).unwrap()).collect();
    thread::scope(|scope| {
        for _ in 0..80 {
            scope.spawn(|| assert_eq!(store.count("t", None).unwrap(), 1000));
        }
    });
    for scan in scans {
        assert_eq!(scan.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 1000);
    }
}

#[test]
fn writers_take_turns() {
    let store = memory();
    let names = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for writer in 0..8 {
            let (store, names) = (&store, &names);
            scope.spawn(move || {
                let name = format!("t{writer}");
                write(store, &name, &generation(100), &WriteOptions::default()).unwrap();
                names.lock().unwrap().push(name);
            });
        }
    });
    assert_eq!(store.tables().unwrap().len(), names.into_inner().unwrap().len());
}
