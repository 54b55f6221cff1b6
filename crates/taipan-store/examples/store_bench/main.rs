//! taipan-store's side of the database jobs of `cargo xtask bench`: `store_bench JOB`.
//!
//! Each job makes its data as its peers in `bench/peers/` do, does the work in the folder it runs in, and prints one line
//! of JSON: the seconds of each part, and the result, for the harness to compare. `TAIPAN_POSTGRES` names the server.

#![allow(clippy::unwrap_used, reason = "a measurement that fails has nothing to tell")]

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value as Json, json};
use taipan_store::{Mode, Order, Select, Store, TransactionOptions, Value, WriteOptions};

/// The rows that are written and read in bulk.
const ROWS: i64 = 5_000_000;
/// The rows among which the highest paid are found.
const PEOPLE: i64 = 1_000_000;
/// How often they are asked for.
const QUESTIONS: usize = 5000;
/// The transactions of a job.
const TRANSACTIONS: i64 = 640;
const BATCH: i64 = 65_536;

struct Report {
    seconds: Map<String, Json>,
    result: Json,
}

impl Report {
    fn time<T>(&mut self, part: &str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = work();
        self.seconds.insert(part.to_owned(), started.elapsed().as_secs_f64().into());
        done
    }
}

type Job = fn(&mut Report);

const JOBS: &[(&str, Job)] = &[
    ("top10", top10),
    ("top10-rusqlite", top10_rusqlite),
    ("bulk-write", bulk_write),
    ("bulk-write-postgres", bulk_write_postgres),
    ("bulk-read", bulk_read),
    ("bulk-read-postgres", bulk_read_postgres),
    ("small-tx", small_tx),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == "--version" {
        println!("taipan-store {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let Some((_, job)) = JOBS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = JOBS.iter().map(|(name, _)| *name).collect();
        eprintln!("name a job: {}", known.join(", "));
        return ExitCode::from(2);
    };
    let mut report = Report { seconds: Map::new(), result: Json::Null };
    job(&mut report);
    println!("{}", json!({"seconds": report.seconds, "result": report.result}));
    ExitCode::SUCCESS
}

/// A number that looks random and is the same for all: the peers have the same line.
fn scattered(id: i64) -> i64 {
    (id * 7919 + 13) % 1_000_003
}

/// The rows of the bulk jobs from `from` on.
fn rows(from: i64) -> RecordBatch {
    let ids = from..(from + BATCH).min(ROWS);
    let schema = schema();
    RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(ids.clone().collect::<Int64Array>()),
            Arc::new(ids.clone().map(|id| Some(format!("name {}", scattered(id)))).collect::<StringArray>()),
            Arc::new(ids.clone().map(|id| scattered(id) as f64 / 8.0).collect::<Float64Array>()),
            Arc::new(ids.clone().map(|id| Some(scattered(id) % 100)).collect::<Int64Array>()),
            Arc::new(ids.map(|id| Some(id % 3 == 0)).collect::<BooleanArray>()),
        ],
    )
    .unwrap()
}

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("amount", DataType::Float64, false),
        Field::new("size", DataType::Int64, true),
        Field::new("flag", DataType::Boolean, true),
    ])
}

/// Makes the batches beforehand, so that only their writing is timed.
fn write(report: &mut Report, store: &Store, options: &WriteOptions) {
    let batches: Vec<RecordBatch> = (0..ROWS).step_by(BATCH as usize).map(rows).collect();
    let written = report.time("write", || {
        store.write_table("bulk", &schema(), options, batches.into_iter().map(Ok::<_, Infallible>)).unwrap()
    });
    report.result = json!(written);
}

fn bulk_write(report: &mut Report) {
    for file in ["store-bulk.db", "store-bulk.db-wal", "store-bulk.db-shm"] {
        let _ = std::fs::remove_file(file);
    }
    write(report, &Store::open("store-bulk.db").unwrap(), &WriteOptions::default());
}

fn bulk_write_postgres(report: &mut Report) {
    write(report, &server(), &WriteOptions::default().mode(Mode::Replace));
}

fn server() -> Store {
    Store::open(&std::env::var("TAIPAN_POSTGRES").unwrap()).unwrap()
}

fn read(report: &mut Report, store: &Store) {
    let (rows, sum) = report.time("read", || {
        let (mut rows, mut sum) = (0, 0);
        for batch in store.scan(&Select::new("bulk")).unwrap() {
            let batch = batch.unwrap();
            rows += batch.num_rows();
            let sizes = batch.column(3).as_any().downcast_ref::<Int64Array>().unwrap();
            sum += arrow::compute::sum::<Int64Type>(sizes).unwrap_or(0);
        }
        (rows, sum)
    });
    report.result = json!([rows, sum]);
}

fn bulk_read(report: &mut Report) {
    let store = Store::open("store-bulk.db").unwrap();
    if store.table("bulk").is_err() {
        write(report, &store, &WriteOptions::default());
    }
    read(report, &store);
}

fn bulk_read_postgres(report: &mut Report) {
    let store = server();
    if store.table("bulk").is_err() {
        write(report, &store, &WriteOptions::default());
    }
    read(report, &store);
}

/// The people, made once for all contenders.
fn people() -> Store {
    let store = Store::open("store-people.db").unwrap();
    if store.table("people").is_err() {
        let schema = Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("name", DataType::Utf8, false),
            Field::new("salary", DataType::Int64, false),
        ]);
        let batch = RecordBatch::try_new(
            Arc::new(schema.clone()),
            vec![
                Arc::new((0..PEOPLE).collect::<Int64Array>()),
                Arc::new((0..PEOPLE).map(|id| Some(format!("person {id}"))).collect::<StringArray>()),
                Arc::new((0..PEOPLE).map(scattered).collect::<Int64Array>()),
            ],
        );
        let options = WriteOptions::default().primary_key("id").index("salary");
        store.write_table("people", &schema, &options, [Ok::<_, Infallible>(batch.unwrap())].into_iter()).unwrap();
    }
    store
}

fn top10(report: &mut Report) {
    let store = people();
    let select = Select::new("people").order(Order::desc("salary")).limit(10);
    let last = report.time("queries", || {
        let mut last = Vec::new();
        for _ in 0..QUESTIONS {
            last = store.read_rows(&select).unwrap().rows;
        }
        last
    });
    let salary = |row: &Vec<Value>| if let Value::Integer(salary) = row[2] { salary } else { 0 };
    report.result = json!(last.iter().map(salary).collect::<Vec<_>>());
}

fn top10_rusqlite(report: &mut Report) {
    drop(people());
    let connection = rusqlite::Connection::open("store-people.db").unwrap();
    let last = report.time("queries", || {
        let mut last: Vec<(i64, String, i64)> = Vec::new();
        for _ in 0..QUESTIONS {
            let sql = "SELECT id, name, salary FROM people ORDER BY salary DESC LIMIT 10";
            let mut statement = connection.prepare_cached(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
            last = rows.collect::<rusqlite::Result<_>>().unwrap();
        }
        last
    });
    report.result = json!(last.iter().map(|row| row.2).collect::<Vec<_>>());
}

fn small_tx(report: &mut Report) {
    for file in ["store-small.db", "store-small.db-wal", "store-small.db-shm"] {
        let _ = std::fs::remove_file(file);
    }
    let store = Store::open("store-small.db").unwrap();
    let create = "CREATE TABLE small (id INTEGER PRIMARY KEY, name TEXT)";
    store.transaction(&TransactionOptions::default(), |tx| tx.execute(create, &[])).unwrap();
    let insert = |writers: i64| {
        std::thread::scope(|scope| {
            for _ in 0..writers {
                scope.spawn(|| {
                    for _ in 0..TRANSACTIONS / writers {
                        let row = [("name", Value::Text("a name".to_owned()))];
                        store.transaction(&TransactionOptions::default(), |tx| tx.insert("small", &row)).unwrap();
                    }
                });
            }
        });
    };
    report.time("1 writer", || insert(1));
    report.time("32 writers", || insert(32));
    report.result = json!(store.count("small", None).unwrap());
}
