//! Copies made in use, checked, and put back; and locks with an owner and an end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use taipan_store::{ErrorKind, Store, TransactionOptions, Value, WriteOptions};
use tempfile::TempDir;

use crate::sample::{fresh, json, memory, people, with_people, write};

fn unless_missing(result: taipan_store::Result<()>) -> bool {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported(_)) => {
            println!("skipped: {error}");
            false
        }
        other => {
            other.unwrap();
            true
        }
    }
}

#[test]
fn a_copy_comes_back() {
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy");
    let store = with_people(&WriteOptions::default().primary_key("id"));
    let all = taipan_store::Select::new("people");
    let before = json(&store, &all);
    if !unless_missing(store.backup(&copy)) {
        return;
    }
    store.transaction(&TransactionOptions::default(), |tx| tx.delete("people", None)).unwrap();
    write(&store, "later", &people(), &WriteOptions::default()).unwrap();
    assert_eq!(json(&store, &all), "[]");
    store.restore(&copy).unwrap();
    assert_eq!(json(&store, &all), before);
    let added = [("name", Value::Text("new".into()))];
    assert!(store.table("later").is_err());
    store.transaction(&TransactionOptions::default(), |tx| tx.insert("people", &added)).unwrap();
    assert_eq!(store.count("people", None).unwrap(), 6);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something else was left");
}

#[test]
fn a_copy_made_in_use_is_of_one_moment() {
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy");
    let url = fresh();
    let store = Store::open(&url).unwrap();
    let both = |tx: &mut taipan_store::Transaction<'_>, value: i64| {
        tx.insert("a", &[("n", Value::Integer(value))])?;
        tx.insert("b", &[("n", Value::Integer(value))])
    };
    store
        .transaction(&TransactionOptions::default(), |tx| {
            tx.execute("CREATE TABLE a (n INTEGER)", &[])?;
            tx.execute("CREATE TABLE b (n INTEGER)", &[])?;
            (0..500).try_for_each(|value| both(tx, value))
        })
        .unwrap();
    let (stop, mut made) = (AtomicBool::new(false), true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for value in 500.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                store.transaction(&TransactionOptions::default().retry(50), |tx| both(tx, value)).unwrap();
            }
        });
        for _ in 0..3 {
            made = made && unless_missing(store.backup(&copy));
        }
        stop.store(true, Ordering::Relaxed);
    });
    if made {
        store.restore(&copy).unwrap();
        let (a, b) = (store.count("a", None).unwrap(), store.count("b", None).unwrap());
        assert!(a == b && a >= 500, "{a} and {b}");
    }
}

#[test]
fn what_is_no_copy_is_refused_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("notes");
    std::fs::write(&file, "not a copy at all, but a text. ".repeat(300)).unwrap();
    let store = with_people(&WriteOptions::default());
    assert!(store.restore(&file).is_err());
    assert!(store.restore(&folder.path().join("missing")).is_err());
    assert_eq!(store.count("people", None).unwrap(), 5);
    assert!(store.backup(&folder.path().join("no/such/folder")).is_err());
}

#[test]
fn a_lock_has_one_owner_and_an_end() {
    let store = memory();
    let minute = Duration::from_mins(1);
    let held = store.try_lock("nightly", "a", minute).unwrap().unwrap();
    assert!(store.try_lock("nightly", "b", minute).unwrap().is_none());
    assert!(store.try_lock("other", "b", minute).unwrap().is_some());
    held.renew(minute).unwrap();
    held.release().unwrap();

    let short = store.try_lock("nightly", "b", Duration::ZERO).unwrap().unwrap();
    let token = short.token();
    let next = store.try_lock("nightly", "a", minute).unwrap().unwrap();
    assert!(next.token() > token);
    let lost = short.renew(minute).unwrap_err();
    assert!(matches!(lost.kind(), ErrorKind::Conflict(_)), "{lost:?}");
    // What was lost is not given back for its new owner.
    drop(short);
    assert!(store.try_lock("nightly", "b", minute).unwrap().is_none());
    let again = store.try_lock("nightly", "a", minute).unwrap().unwrap();
    assert!(next.renew(minute).is_err());
    drop(again);
    assert!(store.try_lock("nightly", "b", minute).unwrap().is_some());
}

#[test]
fn of_many_who_want_a_lock_one_gets_it() {
    let store = memory();
    let taken = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for owner in 0..6 {
            let (store, taken) = (&store, &taken);
            scope.spawn(move || {
                let lock = store.try_lock("one", &format!("owner {owner}"), Duration::from_mins(1)).unwrap();
                taken.lock().unwrap().extend(lock);
            });
        }
    });
    assert_eq!(taken.lock().unwrap().len(), 1);
}
