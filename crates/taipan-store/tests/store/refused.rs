//! Writes that go on past the rows which the database refuses.

use std::collections::BTreeSet;
use std::convert::Infallible;

use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use taipan_store::{ErrorKind, Kept, Mode, Select, Store, TransactionOptions, WriteError, WriteOptions};

use crate::sample::{batch, ids, integers, memory, texts};

fn run(store: &Store, statements: &[&str]) {
    let options = TransactionOptions::default();
    store.transaction(&options, |tx| statements.iter().try_for_each(|sql| tx.execute(sql, &[]).map(|_| ()))).unwrap();
}

type Refused = Vec<(u64, String)>;

/// Adds batches to the table `t`; answers the rows written, and the refused ones with the reasons.
fn add(store: &Store, batches: Vec<RecordBatch>) -> Result<(u64, Refused), WriteError<Infallible>> {
    let mut refused = Vec::new();
    let schema = batches[0].schema();
    let rows = store.write_table_past(
        "t",
        &schema,
        &WriteOptions::default().mode(Mode::Append),
        batches.into_iter().map(Ok),
        |row, error| {
            assert_eq!(error.row().unwrap_or(row), row, "{error}");
            refused.push((row, error.to_string()));
            Ok(())
        },
        |_| Ok(Kept::default()),
    )?;
    Ok((rows, refused))
}

#[test]
fn each_broken_rule_costs_its_row() {
    let store = memory();
    run(
        &store,
        &[
            "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
            "INSERT INTO parents VALUES (1)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INTEGER CHECK (age >= 0), \
             parent INTEGER REFERENCES parents (id))",
        ],
    );
    let first = batch(vec![
        ("id", integers([Some(1), Some(2), Some(3), Some(1), None, Some(6)])),
        ("name", texts([Some("a"), None, Some("c"), Some("d"), Some("e"), Some("f")])),
        ("age", integers([Some(1), Some(2), Some(-3), Some(4), Some(5), Some(6)])),
        ("parent", integers([Some(1), None, None, None, None, Some(9)])),
    ]);
    let second = batch(vec![
        ("id", integers([7, 8])),
        ("name", texts(["a", "g"])),
        ("age", integers([None::<i64>, None])),
        ("parent", integers([None::<i64>, Some(1)])),
    ]);
    let (rows, refused) = add(&store, vec![first, second]).unwrap();
    assert_eq!((rows, ids(&store, &Select::new("t"))), (2, vec![1, 8]));
    let numbers: Vec<u64> = refused.iter().map(|(row, _)| *row).collect();
    assert_eq!(numbers, [2, 3, 4, 5, 6, 7], "{refused:?}");
    let told = [
        "column \"name\": a value is missing and must be given",
        "age",
        "column \"id\": the value \"1\" is there already and must be unique",
        "column \"id\": a value is missing and must be given",
        "a row that it refers to, or that refers to it, stands in the way",
        "column \"name\": the value \"a\" is there already and must be unique",
    ];
    for ((row, reason), told) in refused.iter().zip(told) {
        assert!(reason.contains(told), "row {row}: {reason}");
    }
}

#[test]
fn what_is_not_of_a_row_ends_the_write() {
    let store = memory();
    run(&store, &["CREATE TABLE t (id INTEGER PRIMARY KEY)"]);
    let error = add(&store, vec![batch(vec![("idd", integers([1]))])]).unwrap_err();
    assert!(matches!(&error, WriteError::Store(error) if matches!(error.kind(), ErrorKind::UnknownColumn { .. })));

    // The caller may have had enough.
    let rows = batch(vec![("id", integers([1, 1, 2]))]);
    let write = store.write_table_past(
        "t",
        &rows.schema(),
        &WriteOptions::default().mode(Mode::Append),
        [Ok(rows)].into_iter(),
        |row, _| Err(WriteError::Input(format!("row {row} is one too many"))),
        |_| Ok(Kept::default()),
    );
    assert!(matches!(write, Err(WriteError::Input(message)) if message == "row 2 is one too many"));
    assert_eq!(store.count("t", None).unwrap(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Rows are written or refused, none is lost and none comes twice, however they stand in batches.
    #[test]
    fn as_one_row_after_another(keys in prop::collection::vec(0i64..40, 1..300), cut in 1usize..120, unique in any::<bool>()) {
        let store = memory();
        let rule = if unique { "UNIQUE" } else { "CHECK (id < 20)" };
        run(&store, &[&format!("CREATE TABLE t (id INTEGER {rule}, place INTEGER)")]);
        let batches = keys.chunks(cut).enumerate().map(|(at, keys)| {
            let places = (0..keys.len()).map(|i| (at * cut + i + 1) as i64);
            batch(vec![("id", integers(keys.iter().copied())), ("place", integers(places))])
        });
        let (rows, refused) = add(&store, batches.collect()).unwrap();
        let mut seen = BTreeSet::new();
        let is_good = |key: i64, seen: &mut BTreeSet<i64>| if unique { seen.insert(key) } else { key < 20 };
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (at, key) in keys.iter().enumerate() {
            if is_good(*key, &mut seen) { good.push(*key) } else { bad.push(at as u64 + 1) }
        }
        prop_assert_eq!(rows, good.len() as u64);
        prop_assert_eq!(refused.into_iter().map(|(row, _)| row).collect::<Vec<_>>(), bad);
        prop_assert_eq!(ids(&store, &Select::new("t").order(taipan_store::Order::asc("place"))), good);
    }
}
