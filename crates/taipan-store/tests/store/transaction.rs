//! Transactions: whole or nothing, retried, locked, in crowds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use taipan_store::{
    Compare, Error, ErrorKind, Filter, OnLocked, Order, Result, Select, Store, Transaction, TransactionOptions, Value,
    Violation,
};

use crate::sample::{memory, postgres};

fn options() -> TransactionOptions {
    TransactionOptions::default()
}

/// A store with a table of accounts.
fn accounts(count: i64) -> Store {
    let store = memory();
    store
        .transaction(&options(), |tx| {
            tx.execute(
                "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0), \
                 version INTEGER NOT NULL DEFAULT 1, note TEXT)",
                &[],
            )?;
            (0..count).try_for_each(|id| account(tx, id, 100))
        })
        .unwrap();
    store
}

fn account(tx: &mut Transaction<'_>, id: i64, balance: i64) -> Result<()> {
    tx.insert("accounts", &[("id", Value::Integer(id)), ("balance", Value::Integer(balance))])
}

fn id(id: i64) -> Filter {
    Filter::compare("id", Compare::Eq, Value::Integer(id))
}

fn balances(store: &Store) -> Vec<i64> {
    let rows = store.read_rows(&Select::new("accounts").column("balance").order(Order::asc("id"))).unwrap().rows;
    let balance = |row: &Vec<Value>| match row[0] {
        Value::Integer(balance) => balance,
        ref other => panic!("{other:?}"),
    };
    rows.iter().map(balance).collect()
}

#[test]
fn what_fails_leaves_nothing() {
    let store = accounts(2);
    let aborted = store.transaction(&options(), |tx| {
        tx.update("accounts", None, &[("balance", Value::Integer(1))])?;
        Err::<(), _>(Error::abort("changed my mind"))
    });
    assert_eq!(aborted.unwrap_err().to_string(), "changed my mind");
    assert_eq!(balances(&store), [100, 100]);

    let panicked = catch_unwind(AssertUnwindSafe(|| {
        store.transaction(&options(), |tx| -> Result<()> {
            tx.delete("accounts", None)?;
            panic!("midway")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(balances(&store), [100, 100]);

    let broken = store.transaction(&options(), |tx| {
        account(tx, 7, 1)?;
        account(tx, 1, 1)
    });
    let error = broken.unwrap_err();
    let ErrorKind::Constraint { table, column, violation, .. } = error.kind() else { panic!("{error:?}") };
    assert_eq!((&**table, column.as_deref(), violation), ("accounts", Some("id"), &Violation::Duplicate));
    let negative = store.transaction(&options(), |tx| tx.update("accounts", None, &[("balance", Value::Integer(-1))]));
    assert!(matches!(negative.unwrap_err().kind(), ErrorKind::Constraint { .. }));
    assert_eq!(balances(&store), [100, 100]);
    store.transaction(&options(), |tx| account(tx, 7, 1)).unwrap();
    assert_eq!(balances(&store), [100, 100, 1]);
}

#[test]
fn it_sees_itself_and_others_do_not_until_the_end() {
    let store = accounts(1);
    store
        .transaction(&options(), |tx| {
            tx.update("accounts", Some(&id(0)), &[("balance", Value::Integer(7))])?;
            assert_eq!(tx.read_rows(&Select::new("accounts").column("balance"))?.rows, [[Value::Integer(7)]]);
            assert_eq!(tx.count("accounts", None)?, 1);
            assert_eq!(balances(&store), [100]);
            tx.execute("CREATE TABLE other (x TEXT)", &[])?;
            tx.insert("other", &[("x", Value::Text("y".into()))])?;
            assert!(store.table("other").is_err());
            Ok(())
        })
        .unwrap();
    assert_eq!(balances(&store), [7]);
    assert_eq!(store.count("other", None).unwrap(), 1);
}

#[test]
fn a_read_only_transaction_reads_at_one_moment() {
    let store = accounts(1);
    let set = |to| {
        let set = [("balance", Value::Integer(to))];
        store.transaction(&options().retry(5), |tx| tx.update("accounts", None, &set)).unwrap();
    };
    let seen = store.transaction(&options().read_only(), |tx| {
        let before = tx.read_rows(&Select::new("accounts"))?;
        thread::scope(|scope| scope.spawn(|| set(5)).join().unwrap());
        assert_eq!(tx.read_rows(&Select::new("accounts"))?.rows, before.rows);
        Ok(())
    });
    seen.unwrap();
    assert_eq!(balances(&store), [5]);
    let written = store.transaction(&options().read_only(), |tx| tx.delete("accounts", None));
    assert!(matches!(written.unwrap_err().kind(), ErrorKind::ReadOnly));
}

#[test]
fn a_stale_write_is_a_conflict() {
    let store = accounts(1);
    let write = |version, balance| {
        store.transaction(&options(), |tx| {
            tx.update_versioned("accounts", &id(0), version, &[("balance", Value::Integer(balance))])
        })
    };
    assert_eq!(write(1, 50).unwrap(), 1);
    let stale = write(1, 60).unwrap_err();
    assert!(matches!(stale.kind(), ErrorKind::Conflict(_)));
    assert_eq!(
        stale.to_string(),
        r#"another transaction was there first: the row of "accounts" is not of version 1 any more"#
    );
    assert_eq!(write(2, 60).unwrap(), 1);
    assert_eq!(balances(&store), [60]);
}

#[test]
fn retry_begins_anew_and_gives_up() {
    let store = accounts(1);
    let runs = AtomicUsize::new(0);
    let conflict = |tx: &mut Transaction<'_>| {
        runs.fetch_add(1, Ordering::Relaxed);
        tx.update_versioned("accounts", &id(0), 9, &[("balance", Value::Integer(1))])
    };
    assert!(store.transaction(&options().retry(3), conflict).is_err());
    assert_eq!(runs.load(Ordering::Relaxed), 4);
}

#[test]
fn a_crowd_loses_nothing() {
    let store = accounts(4);
    thread::scope(|scope| {
        for thread in 0..8_i64 {
            let store = &store;
            scope.spawn(move || {
                for step in 0..25 {
                    let (from, to) = ((thread + step) % 4, (thread + 3 * step + 1) % 4);
                    let moved = store.transaction(&options().retry(200), |tx| {
                        tx.execute("UPDATE accounts SET balance = balance - 1 WHERE id = $1", &[Value::Integer(from)])?;
                        tx.execute("UPDATE accounts SET balance = balance + 1 WHERE id = $1", &[Value::Integer(to)])?;
                        tx.insert(
                            "accounts",
                            &[("id", Value::Integer(100 + thread * 100 + step)), ("balance", Value::Integer(0))],
                        )
                    });
                    moved.unwrap();
                }
            });
        }
    });
    let all = balances(&store);
    assert_eq!(all.len(), 4 + 200);
    assert_eq!(all.iter().sum::<i64>(), 400);
}

#[test]
fn one_that_fails_in_a_crowd_fails_alone() {
    let store = accounts(1);
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..8_i64 {
            let (store, refused) = (&store, &refused);
            scope.spawn(move || {
                for step in 0..20 {
                    let number = 10 + thread * 100 + step;
                    let done = store.transaction(&options().retry(200), |tx| {
                        account(tx, number, 1)?;
                        if number % 3 == 0 { Err(Error::abort("no")) } else { Ok(()) }
                    });
                    assert_eq!(done.is_err(), number % 3 == 0, "{done:?}");
                    refused.fetch_add(usize::from(done.is_err()), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(balances(&store).len(), 1 + 160 - refused.load(Ordering::Relaxed));
}

#[test]
fn a_locked_row_is_waited_for_skipped_or_refused() {
    let store = accounts(3);
    let (locked, is_locked) = channel();
    let (done, is_done) = channel::<()>();
    let all = Select::new("accounts").column("id").order(Order::asc("id"));
    thread::scope(|scope| {
        let store = &store;
        scope.spawn(move || {
            let work = store.transaction(&options(), |tx| {
                tx.for_update(&Select::new("accounts").filter(id(1)), OnLocked::Wait)?;
                locked.send(()).unwrap();
                // Until the others have seen it.
                let _ = is_done.recv_timeout(Duration::from_mins(1));
                Ok(())
            });
            work.unwrap();
        });
        is_locked.recv_timeout(Duration::from_mins(1)).unwrap();
        let short = options().timeout(Duration::from_millis(200));
        let get = |on_locked| store.transaction(&short, |tx| tx.for_update(&all, on_locked)).map(|rows| rows.rows);
        if postgres().is_some() {
            assert_eq!(get(OnLocked::Skip).unwrap(), [[Value::Integer(0)], [Value::Integer(2)]]);
            assert!(matches!(get(OnLocked::Fail).unwrap_err().kind(), ErrorKind::Timeout));
        }
        assert!(matches!(get(OnLocked::Wait).unwrap_err().kind(), ErrorKind::Timeout));
        done.send(()).unwrap();
    });
    assert_eq!(store.transaction(&options(), |tx| tx.for_update(&all, OnLocked::Wait)).unwrap().rows.len(), 3);
}

#[test]
fn a_deadlock_is_named_or_cannot_be() {
    let store = accounts(2);
    let (first, second) = (std::sync::Barrier::new(2), &store);
    let run = |order: [i64; 2]| {
        let mut meets = postgres().is_some();
        second.transaction(&options().isolation(taipan_store::Isolation::ReadCommitted), |tx| {
            tx.for_update(&Select::new("accounts").filter(id(order[0])), OnLocked::Wait)?;
            if std::mem::take(&mut meets) {
                first.wait();
            }
            tx.for_update(&Select::new("accounts").filter(id(order[1])), OnLocked::Wait).map(drop)
        })
    };
    let outcomes = thread::scope(|scope| {
        let one = scope.spawn(|| run([0, 1]));
        let other = scope.spawn(|| run([1, 0]));
        [one.join().unwrap(), other.join().unwrap()]
    });
    let deadlocks = outcomes
        .iter()
        .filter(|outcome| outcome.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::Deadlock)));
    assert_eq!(deadlocks.count(), usize::from(postgres().is_some()), "{outcomes:?}");
}

#[test]
fn a_write_within_its_own_transaction_is_refused_not_stuck() {
    if postgres().is_some() {
        return;
    }
    let store = accounts(1);
    let inner = store.transaction(&options(), |_| store.transaction(&options(), |tx| account(tx, 5, 5)));
    assert!(matches!(inner.unwrap_err().kind(), ErrorKind::Unsupported(_)));
    assert_eq!(balances(&store), [100]);
}

#[test]
fn statements_bind_their_values() {
    let store = accounts(1);
    let run =
        |sql: &str, values: &[Value]| store.transaction(&options(), |tx| tx.query(sql, values)).map(|rows| rows.rows);
    let text = Value::Text("x'); DROP TABLE accounts; --".into());
    run("UPDATE accounts SET note = $1", std::slice::from_ref(&text)).unwrap();
    assert_eq!(run("SELECT note, id FROM accounts", &[]).unwrap(), [[text, Value::Integer(0)]]);
    assert!(run("SELECT id FROM accounts WHERE id = $1", &[]).is_err());
    assert!(run("SELECT nothing FROM accounts", &[]).is_err());
    let wrong = store.transaction(&options(), |tx| tx.insert("accounts", &[("balence", Value::Null)])).unwrap_err();
    assert_eq!(wrong.to_string(), r#"table "accounts" has no column "balence"; did you mean "balance"?"#);
    let wrong =
        store.transaction(&options(), |tx| tx.insert("accounts", &[("balance", Value::Real(1.5))])).unwrap_err();
    assert_eq!(wrong.to_string(), r#"table "accounts", column "balance": "1.5" is not an INTEGER"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn hostile_names_and_values_are_only_names_and_values(
        table in "[a-zA-Z\"'`;\\-\\[\\]$%. é]{1,20}",
        columns in prop::collection::hash_set("[a-z\"'`;\\-\\[\\]$?:@. é]{1,20}", 1..4),
        values in prop::collection::vec("[^\\x00]{0,30}", 4),
    ) {
        let columns: Vec<&String> = columns.iter().collect();
        let store = accounts(1);
        let batch = crate::sample::batch(columns.iter().map(|name| (name.as_str(), crate::sample::texts(["first"]))).collect());
        crate::sample::write(&store, &table, &batch, &taipan_store::WriteOptions::default()).unwrap();
        let row: Vec<(&str, Value)> =
            columns.iter().zip(&values).map(|(name, value)| (name.as_str(), Value::Text(value.clone()))).collect();
        let mine = Filter::compare(columns[0].as_str(), Compare::Eq, row[0].1.clone());
        store.transaction(&options(), |tx| {
            tx.insert(&table, &row)?;
            tx.update(&table, Some(&mine), &row)?;
            tx.update(&table, Some(&Filter::Not(Box::new(mine.clone()))), &row[..1]).map(drop)
        }).unwrap();
        let rows = store.read_rows(&Select::new(table.as_str()).filter(mine.clone())).unwrap().rows;
        prop_assert_eq!(rows.len(), 2);
        let inserted: Vec<Value> = row.iter().map(|(_, value)| value.clone()).collect();
        prop_assert!(rows.contains(&inserted));
        store.transaction(&options(), |tx| tx.delete(&table, Some(&mine))).unwrap();
        prop_assert_eq!(store.count(&table, None).unwrap(), 0);
        prop_assert_eq!(balances(&store), vec![100]);
    }
}
