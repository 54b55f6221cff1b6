use std::convert::Infallible;
use std::iter;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{Field, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use rusqlite::types::Value;

use super::*;
use crate::sqlite::Database;
use crate::write::{Kept, Mode, WriteError, WriteOptions};

/// What came of a write: the rows written or the error, the rows refused and why, and the whole table.
#[derive(Debug, PartialEq)]
struct Outcome {
    written: std::result::Result<u64, String>,
    refused: Vec<(u64, String)>,
    rows: Vec<(i64, Vec<String>)>,
    /// The bytes of its records.
    payload: i64,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Moved,
    Inserted,
}

/// Writes a batch to the table `t`, maybe past the rows that are refused; also whether rows were moved.
fn write(database: &Database, batch: &RecordBatch, options: &WriteOptions, way: Way, past: bool) -> (Outcome, bool) {
    let (mut refused, mut moved) = (Vec::new(), false);
    let written = (|| {
        let writer = database.writer()?;
        let mut write = writer.write_table("t", batch.schema_ref(), options, past)?;
        if way == Way::Inserted {
            write.transfer = None;
        }
        if past {
            let mut refuse = |row, error: crate::Error| {
                refused.push((row, error.to_string()));
                Ok::<_, WriteError<Infallible>>(())
            };
            let pushed = write.push_past(batch, &mut refuse);
            pushed.map_err(|WriteError::Store(error)| error)?;
        } else {
            write.push(batch)?;
        }
        moved = write.transfer.as_ref().is_some_and(|transfer| transfer.is_attached);
        write.finish(Kept::default())
    })();
    let connection = database.writer().unwrap();
    let attached: i64 =
        connection.query_row("SELECT count(*) FROM pragma_database_list", [], |row| row.get(0)).unwrap();
    assert_eq!(attached, 1, "nothing stays attached");
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let payload = "SELECT coalesce(sum(payload), 0) FROM dbstat WHERE name = 't'";
    let outcome = Outcome {
        written: written.map_err(|error: crate::Error| error.to_string()),
        refused,
        rows: rows(&connection),
        payload: connection.query_row(payload, [], |row| row.get(0)).unwrap(),
    };
    (outcome, moved)
}

fn rows(connection: &Connection) -> Vec<(i64, Vec<String>)> {
    let Ok(mut statement) = connection.prepare("SELECT rowid, * FROM t ORDER BY rowid") else { return Vec::new() };
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let value = |column| format!("{:?}", row.get::<_, Value>(column).unwrap());
        Ok((row.get(0)?, (1..columns).map(value).collect()))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// Writes a batch both ways, each to a database of its own that some SQL has set up, and compares what comes of it.
fn same(setup: &str, batch: &RecordBatch, options: &WriteOptions, past: bool) -> (Outcome, bool) {
    let [moved, inserted] = [Way::Moved, Way::Inserted].map(|way| {
        let database = Database::temporary().unwrap();
        database.writer().unwrap().execute_batch(setup).unwrap();
        write(&database, batch, options, way, past)
    });
    assert!(moved.0.rows == inserted.0.rows, "{setup} {options:?}: not the same rows");
    assert_eq!((&moved.0.written, &moved.0.refused), (&inserted.0.written, &inserted.0.refused));
    assert_eq!(moved.0.payload, inserted.0.payload);
    moved
}

fn batch(columns: Vec<(&str, ArrayRef, bool)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array, nullable)| Field::new(*name, array.data_type().clone(), *nullable)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array, _)| array).collect())
        .unwrap()
}

fn integers(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

fn texts<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(values.into_iter().map(|text| Some(text.as_ref().to_owned())).collect::<StringArray>())
}

fn numbered(rows: i64) -> Vec<(&'static str, ArrayRef, bool)> {
    vec![("id", integers(0..rows), false), ("n", integers((0..rows).map(|id| id * 7)), true)]
}

#[test]
fn records_are_moved_as_they_are() {
    let database = Database::temporary().unwrap();
    let writer = database.writer().unwrap();
    let batch = batch(numbered(9000));
    for key in [false, true] {
        let options = WriteOptions { primary_key: key.then(|| "id".to_owned()), ..WriteOptions::default() };
        let mut write = writer.write_table("t", batch.schema_ref(), &options.mode(Mode::Replace), false).unwrap();
        write.push(&batch).unwrap();
        let transfer = write.transfer.as_ref().unwrap();
        let mut plan = transfer.connection.prepare(&format!("EXPLAIN {}", transfer.insert())).unwrap();
        let steps = plan.query_map([], |row| row.get::<_, String>(1)).unwrap().map(Result::unwrap);
        let steps: Vec<String> = steps.collect();
        assert!(steps.iter().any(|step| step == "RowCell"), "{steps:?}");
        assert!(!steps.iter().any(|step| step == "MakeRecord"), "{steps:?}");
    }
}

#[test]
fn rows_that_break_a_rule_are_refused_as_if_inserted() {
    let key = || WriteOptions::default().primary_key("id");
    let append = || WriteOptions::default().mode(Mode::Append);
    let made = "CREATE TABLE \"t\" (\"id\" INTEGER NOT NULL, \"n\" INTEGER);";
    let made_with_key = "CREATE TABLE \"t\" (\"id\" INTEGER NOT NULL PRIMARY KEY, \"n\" INTEGER);";
    let with_id = |change: fn(i64) -> i64| {
        let mut columns = numbered(9000);
        columns[0].1 = integers((0..9000).map(change));
        batch(columns)
    };
    let whole = || with_id(|id| id);
    let missing = batch(vec![
        ("id", integers(0..9000), false),
        ("r", Arc::new((0..9000).map(|id| if id == 6000 { f64::NAN } else { 0.5 }).collect::<Float64Array>()), false),
    ]);
    let named =
        batch(vec![("id", texts((0..9000).map(|id| (id % 8999).to_string())), false), ("n", integers(0..9000), true)]);
    // What is set up, what is written and how, whether rows are moved, and how many are refused.
    let cases: Vec<(String, RecordBatch, WriteOptions, bool, usize)> = vec![
        (String::new(), whole(), WriteOptions::default(), true, 0),
        (String::new(), whole(), key(), true, 0),
        (String::new(), with_id(|id| if id == 6000 { 5999 } else { id }), key(), true, 1),
        (String::new(), with_id(|id| if id == 6000 { 3 } else { id }), key(), true, 1),
        (String::new(), with_id(|id| if id == 6000 { -1 } else { id }), key(), true, 0),
        (String::new(), with_id(|id| (id * 7919) % 9001), key(), false, 0),
        (String::new(), with_id(|id| -id), key(), false, 0),
        (String::new(), missing, WriteOptions::default(), true, 1),
        (String::new(), named, key(), false, 1),
        (made.to_owned(), whole(), append(), true, 0),
        (format!("{made} INSERT INTO t VALUES (1, 2); DELETE FROM t"), whole(), append(), true, 0),
        (
            format!("{made} INSERT INTO t (rowid, id) VALUES (92233720368547758, 2)"),
            with_id(|id| id + 10),
            append(),
            true,
            0,
        ),
        (format!("{made_with_key} INSERT INTO t VALUES (8000, 2), (-5, 2), (100000, 0)"), whole(), append(), true, 1),
        (format!("{made} CREATE UNIQUE INDEX u ON t (n); INSERT INTO t VALUES (1, 49000)"), whole(), append(), true, 1),
        (format!("{made} CREATE INDEX i ON t (n)"), whole(), append(), true, 0),
        (
            format!(
                "{made} CREATE TRIGGER r BEFORE INSERT ON t WHEN new.n = 42000 BEGIN SELECT RAISE(ABORT, 'not this'); END"
            ),
            whole(),
            append(),
            true,
            1,
        ),
        ("CREATE TABLE t (id INTEGER NOT NULL, n INTEGER CHECK (n <> 42000))".to_owned(), whole(), append(), false, 1),
        ("CREATE TABLE t (id INTEGER NOT NULL, n INTEGER, more TEXT)".to_owned(), whole(), append(), false, 0),
        ("CREATE TABLE t (n INTEGER, id INTEGER NOT NULL)".to_owned(), whole(), append(), false, 0),
        (
            "CREATE TABLE o (k INTEGER PRIMARY KEY); INSERT INTO o VALUES (7); \
             CREATE TABLE t (id INTEGER NOT NULL, n INTEGER REFERENCES o (k))"
                .to_owned(),
            whole(),
            append(),
            false,
            8999,
        ),
    ];
    for (setup, batch, options, is_moved, refusals) in cases {
        let what = format!("{setup} {options:?}");
        let (past, moved) = same(&setup, &batch, &options, true);
        assert_eq!((past.refused.len(), moved), (refusals, is_moved), "{what}");
        assert_eq!(past.written, Ok((9000 - refusals) as u64), "{what}");
        let (whole, _) = same(&setup, &batch, &options, false);
        assert_eq!(whole.written.is_ok(), refusals == 0, "{what}");
    }
}

#[test]
fn a_table_that_others_refer_to_may_be_replaced_by_one_with_the_same_keys() {
    let setup = "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (7), (8999); \
                 CREATE TABLE c (k INTEGER REFERENCES \"T\" (id)); INSERT INTO c VALUES (7), (8999)";
    let replace = WriteOptions::default().mode(Mode::Replace).primary_key("id");
    for (rows, fits) in [(9000, true), (8999, false)] {
        let (outcome, moved) = same(setup, &batch(numbered(rows)), &replace, false);
        assert_eq!((outcome.written.is_ok(), moved), (fits, false), "{:?}", outcome.written);
    }
}

#[test]
fn rows_longer_than_a_page_and_rows_around_every_limit_are_written() {
    let long = [0, 1, 57, 58, 3980, 4026, 4027, 4060, 4061, 4090, 8185, 8186, 16_400, 65_460, 65_470];
    let lengths = long.into_iter().chain(65_480..65_500).chain([65_535, 65_536, 70_000, 200_000]);
    let lengths: Vec<usize> = lengths.flat_map(|length| iter::repeat_n(3, 5200).chain([length, length])).collect();
    let batch = batch(vec![
        ("id", integers((0..lengths.len() as i64).map(|id| id * 3_000_000_000 - 7_000_000_000_000_000)), true),
        ("s", texts(lengths.iter().map(|length| "x".repeat(*length))), true),
    ]);
    for options in [WriteOptions::default(), WriteOptions::default().primary_key("id")] {
        assert!(same("", &batch, &options, false).1);
    }
}

#[test]
fn images_of_many_pages_follow_each_other() {
    let id = |row: i64| i64::MIN + row * 1_000_000_007;
    let again = |row: i64| if row == 8000 { id(1) } else { id(row) };
    for (ids, refused) in [((0..9000).map(id).collect::<Vec<_>>(), 0), ((0..9000).map(again).collect(), 1)] {
        let texts = texts((0..9000).map(|row| format!("{row:01200}")));
        let batch = batch(vec![("id", integers(ids), false), ("s", texts, true)]);
        assert!(same("", &batch, &WriteOptions::default(), false).1);
        let (outcome, moved) = same("", &batch, &WriteOptions::default().primary_key("id"), false);
        assert!(moved || refused > 0);
        let duplicate = format!(
            "table \"t\", row 8001, column \"id\": the value \"{}\" is there already and must be unique",
            id(1)
        );
        assert_eq!(outcome.written, if refused == 0 { Ok(9000) } else { Err(duplicate) });
        let (outcome, _) = same("", &batch, &WriteOptions::default().primary_key("id"), true);
        assert_eq!(outcome.written, Ok(9000 - refused));
    }
}

#[test]
fn text_in_utf_16_is_inserted() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    Connection::open(&path).unwrap().execute_batch("PRAGMA encoding = 'UTF-16'; CREATE TABLE o (x)").unwrap();
    let database = Database::open(&path, false).unwrap();
    let batch = batch(vec![("s", texts((0..12_000).map(|id| format!("{id} é"))), true)]);
    let (outcome, moved) = write(&database, &batch, &WriteOptions::default(), Way::Moved, false);
    assert_eq!((outcome.written, moved), (Ok(12_000), false));
    assert_eq!(outcome.rows[11_999].1, ["Text(\"11999 é\")"]);
}

#[test]
fn a_write_that_ends_early_leaves_nothing() {
    let database = Database::temporary().unwrap();
    let batch = batch(numbered(9000));
    for _ in 0..2 {
        let writer = database.writer().unwrap();
        let mut write = writer.write_table("t", batch.schema_ref(), &WriteOptions::default(), false).unwrap();
        write.push(&batch).unwrap();
        drop(write);
        let names = "SELECT count(*) FROM pragma_database_list";
        assert_eq!(writer.query_row(names, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
        assert!(rows(&writer).is_empty());
    }
}

#[test]
fn a_text_that_may_be_a_number_is_not_encoded_where_sqlite_would_make_it_one() {
    for (text, encoded) in
        [("1", 0), (" \n-1e5 ", 0), (".5", 0), ("+1", 0), ("[1]", 1), ("{}", 1), ("null", 1), ("", 1), ("\"1\"", 1)]
    {
        let cells = [Cells::Text(StringArray::from(vec![text]))];
        for (kind, expected) in [(Kind::Json, encoded), (Kind::Text, 1)] {
            let mut encoder = Encoder::new("t", "CREATE TABLE t (x)".to_owned(), &[(kind, true)], None).unwrap();
            assert_eq!(encoder.encode(&cells, 0..1).rows, expected, "{text:?} as {kind}");
        }
    }
}

fn nullable<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T> + 'static,
    rows: usize,
) -> BoxedStrategy<Vec<Option<T>>> {
    prop::collection::vec(prop::option::weighted(0.8, value), rows).boxed()
}

fn integer() -> impl Strategy<Value = i64> {
    // Around each number of bytes that is one too many.
    let around = (0..63_u32, -2..=2_i64, any::<bool>())
        .prop_map(|(bits, off, negative)| (1_i64 << bits).wrapping_add(off) * if negative { -1 } else { 1 });
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -3..3_i64, around]
}

fn real() -> impl Strategy<Value = f64> {
    let edges = [f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324, 1e18, -1e19];
    prop_oneof![any::<f64>(), integer().prop_map(|value| value as f64), prop::sample::select(edges.to_vec())]
}

fn column(rows: usize) -> BoxedStrategy<ArrayRef> {
    fn array<A: arrow::array::Array + 'static>(array: A) -> ArrayRef {
        Arc::new(array)
    }
    let lists = prop::collection::vec(prop::option::of(any::<i32>()), 0..3);
    prop_oneof![
        nullable(any::<bool>(), rows).prop_map(|values| array(BooleanArray::from(values))),
        nullable(integer(), rows).prop_map(|values| array(Int64Array::from(values))),
        nullable(any::<u32>(), rows).prop_map(|values| array(UInt32Array::from(values))),
        nullable(real(), rows).prop_map(|values| array(Float64Array::from(values))),
        nullable(any::<String>(), rows).prop_map(|values| array(StringArray::from(values))),
        nullable("[ +-]?[0-9]{0,3}\\.?", rows).prop_map(|values| array(StringArray::from(values))),
        nullable(-719_528..=2_932_896_i32, rows).prop_map(|values| array(Date32Array::from(values))),
        nullable(-62_167_219_200_000_000..253_402_300_800_000_000_i64, rows)
            .prop_map(|values| array(TimestampMicrosecondArray::from(values))),
        nullable(any::<Vec<u8>>(), rows)
            .prop_map(|values| array(values.iter().map(Option::as_deref).collect::<BinaryArray>())),
        nullable(lists, rows).prop_map(|values| array(ListArray::from_iter_primitive::<Int32Type, _, _>(values))),
    ]
    .boxed()
}

/// A few rows over and over, with ids that go up.
fn rows_enough() -> impl Strategy<Value = RecordBatch> {
    (1..30_usize, 1..8_usize, 0..1000_i64, integer()).prop_flat_map(|(rows, columns, step, first)| {
        prop::collection::vec(column(rows), columns).prop_map(move |arrays| {
            let count = LEAST.div_ceil(arrays.len() + 1) + 50;
            let again: UInt32Array = (0..count as u32).map(|row| row % rows as u32).collect();
            let first = first.min(i64::MAX - 2000 * count as i64);
            let ids = integers((0..count as i64).map(|row| first + row * (step + 1)));
            let names = ["a", "b", "c", "d", "e", "f", "g"];
            let columns =
                names.into_iter().zip(&arrays).map(|(name, array)| (name, take(array, &again, None).unwrap(), true));
            batch(iter::once(("id", ids, false)).chain(columns).collect())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_moved_is_what_is_inserted(batch in rows_enough(), key in any::<bool>()) {
        let options = WriteOptions { primary_key: key.then(|| "id".to_owned()), ..WriteOptions::default() };
        prop_assert!(same("", &batch, &options, false).1, "rows were moved");
    }
}
