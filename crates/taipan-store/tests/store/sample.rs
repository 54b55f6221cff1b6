//! The tables that the tests write and read.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use taipan_store::{Count, Error, Select, Store, TransactionOptions, WriteError, WriteOptions};

/// A database of its own: of SQLite, or of the PostgreSQL server under test.
pub(crate) fn memory() -> Store {
    Store::open(&fresh()).unwrap()
}

/// The URL of a database of its own.
pub(crate) fn fresh() -> String {
    match postgres() {
        Some(server) => fresh_schema(&server),
        None => "sqlite::memory:".to_owned(),
    }
}

/// The server that the suite runs on, if it is not SQLite's turn.
pub(crate) fn postgres() -> Option<String> {
    std::env::var(ON_POSTGRES).is_ok().then(|| std::env::var(POSTGRES).unwrap())
}

/// A schema of its own in a server's database.
pub(crate) fn fresh_schema(server: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static HOME: OnceLock<Store> = OnceLock::new();
    let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let home = HOME.get_or_init(|| Store::open(server).unwrap());
    let create = format!("CREATE SCHEMA {name}");
    home.transaction(&TransactionOptions::default(), |tx| tx.execute(&create, &[])).unwrap();
    format!("{server}?schema={name}&pool=4")
}

/// A PostgreSQL server to test with, as a URL.
pub(crate) const POSTGRES: &str = "TAIPAN_POSTGRES";
/// Set where the suite runs on it.
pub(crate) const ON_POSTGRES: &str = "TAIPAN_STORE_ON_POSTGRES";

pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

pub(crate) fn integers(values: impl IntoIterator<Item = impl Into<Option<i64>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<Int64Array>())
}

pub(crate) fn reals(values: impl IntoIterator<Item = impl Into<Option<f64>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<Float64Array>())
}

pub(crate) fn texts<'a>(values: impl IntoIterator<Item = impl Into<Option<&'a str>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<StringArray>())
}

pub(crate) fn booleans(values: impl IntoIterator<Item = impl Into<Option<bool>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<BooleanArray>())
}

/// Five people, some of them half known.
pub(crate) fn people() -> RecordBatch {
    batch(vec![
        ("id", integers([3, 1, 4, 2, 5])),
        ("name", texts([Some("Émile"), Some("Ada"), Some("ada lovelace"), None, Some("Zoë_50%")])),
        ("age", integers([Some(30), Some(36), None, Some(7), Some(30)])),
        ("height", reals([Some(1.8), Some(1.65), Some(1.0), None, Some(2.0)])),
        ("active", booleans([Some(true), Some(false), None, Some(true), Some(false)])),
    ])
}

pub(crate) fn write(
    store: &Store,
    table: &str,
    batch: &RecordBatch,
    options: &WriteOptions,
) -> Result<u64, WriteError<Infallible>> {
    store.write_table(table, &batch.schema(), options, [Ok(batch.clone())].into_iter())
}

/// The store's error of a write that must fail.
pub(crate) fn refusal(result: Result<u64, WriteError<Infallible>>) -> Error {
    match result {
        Err(WriteError::Store(error)) => error,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

pub(crate) fn with_people(options: &WriteOptions) -> Store {
    let store = memory();
    write(&store, "people", &people(), options).unwrap();
    store
}

pub(crate) fn json(store: &Store, select: &Select) -> String {
    String::from_utf8(store.read_json(select, Count::None).unwrap().body).unwrap()
}

/// The ids of a query's rows, in order.
pub(crate) fn ids(store: &Store, select: &Select) -> Vec<i64> {
    let body = json(store, &select.clone().column("id"));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}
