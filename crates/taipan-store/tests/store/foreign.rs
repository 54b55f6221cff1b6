//! Databases that other programs made: any declared type, views, odd tables, values against their type.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use rusqlite::Connection;
use taipan_store::{Compare, ErrorKind, Filter, Kind, Mode, Order, Select, Store, Value, WriteOptions};
use tempfile::TempDir;

use crate::sample::{batch, integers, json, refusal, texts, write};

pub(crate) fn database(sql: &str) -> (TempDir, Connection, Store) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("foreign.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(sql).unwrap();
    let store = Store::open(path.to_str().unwrap()).unwrap();
    (folder, connection, store)
}

fn kinds(store: &Store, table: &str) -> Vec<Kind> {
    store.table(table).unwrap().columns.iter().map(|column| column.kind).collect()
}

#[test]
fn columns_that_lead_an_index_are_known() {
    let (_folder, connection, store) = database(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INTEGER, c INTEGER, d TEXT, e INTEGER);
         CREATE INDEX bc ON t (b, c);
         CREATE INDEX d_folded ON t (d COLLATE NOCASE);
         CREATE INDEX e_partial ON t (e) WHERE e > 0;
         CREATE INDEX computed ON t (c + 1);",
    );
    let indexed = |store: &Store| -> Vec<bool> {
        store.table("t").unwrap().columns.iter().map(|column| column.indexed).collect()
    };
    assert_eq!(indexed(&store), [true, true, true, false, false, false]);
    connection.execute_batch("CREATE INDEX c ON t (c); DROP INDEX bc").unwrap();
    assert_eq!(indexed(&store), [true, true, false, true, false, false]);
}

#[test]
fn declared_types_and_keys() {
    use Kind::{Blob, Boolean, Integer, Json, Real, Text, Timestamp};
    let (_folder, _, store) = database(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(20) NOT NULL, b DECIMAL(10,2), c DATETIME, d BOOL, e JSONB,
                         f BLOB, g DOUBLE PRECISION, h AS (a || 'x'), i INT GENERATED ALWAYS AS (1) STORED);
         CREATE TABLE pair (b TEXT, a INTEGER, n, PRIMARY KEY (a, b)) WITHOUT ROWID;
         INSERT INTO pair VALUES ('z', 1, 1), ('a', 2, 2), ('a', 1, 3);
         CREATE TABLE nullable_key (id TEXT PRIMARY KEY);
         CREATE TABLE strict (id INT PRIMARY KEY, v ANY) STRICT;",
    );
    let table = store.table("t").unwrap();
    assert_eq!(kinds(&store, "t"), [Integer, Text, Real, Timestamp, Boolean, Json, Blob, Real, Text, Integer]);
    assert!(table.columns[0].primary_key && !table.columns[0].nullable);
    assert!(!table.columns[1].nullable && table.columns[2].nullable);
    assert!(table.columns[8].generated && table.columns[9].generated && !table.columns[0].generated);
    let generated = batch(vec![("h", texts(["x"]))]);
    let error = refusal(write(&store, "t", &generated, &WriteOptions::default().mode(Mode::Append)));
    assert_eq!(error.to_string(), r#"table "t", column "h": it is computed and cannot be written"#);

    let pair = store.table("pair").unwrap();
    assert!(pair.columns.iter().map(|column| column.primary_key).eq([true, true, false]));
    assert!(pair.columns.iter().map(|column| column.nullable).eq([false, false, true]));
    let rows = json(&store, &Select::new("pair"));
    assert_eq!(rows, r#"[{"b":"a","a":1,"n":3},{"b":"z","a":1,"n":1},{"b":"a","a":2,"n":2}]"#, "in the key's order");
    assert!(store.table("nullable_key").unwrap().columns[0].nullable);
}

#[test]
fn columns_that_hide_the_row_id() {
    let (_folder, _, store) = database(
        "CREATE TABLE a (rowid TEXT, x INT); INSERT INTO a VALUES ('z', 1), ('a', 2); CREATE INDEX i ON a (rowid, x);
         CREATE TABLE b (RowID TEXT, _rowid_ TEXT, oid TEXT); INSERT INTO b VALUES ('z', 'z', 'z'), ('a', 'a', 'a');",
    );
    assert_eq!(json(&store, &Select::new("a").column("x")), r#"[{"x":1},{"x":2}]"#);
    assert_eq!(store.count("b", None).unwrap(), 2);
    assert_eq!(store.read_rows(&Select::new("b")).unwrap().rows.len(), 2);
}

#[test]
fn views() {
    let (_folder, connection, store) = database(
        "CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'x'), (3, 'y');
         CREATE VIEW v AS SELECT b, count(*) AS n, avg(a) AS mean FROM t GROUP BY b ORDER BY b DESC;
         CREATE VIEW broken AS SELECT * FROM gone;
         CREATE VIEW endless AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) AS m FROM c;
         CREATE VIEW empty AS SELECT a + 1 AS b FROM t WHERE 0;",
    );
    let view = store.table("v").unwrap();
    assert!(view.is_view);
    assert_eq!(kinds(&store, "v"), [Kind::Text, Kind::Integer, Kind::Real]);
    assert_eq!(json(&store, &Select::new("v")), r#"[{"b":"y","n":1,"mean":3},{"b":"x","n":2,"mean":1.5}]"#);
    let names: Vec<String> = store.tables().unwrap().iter().map(|table| table.name.clone()).collect();
    assert_eq!(names, ["empty", "endless", "t", "v"], "a broken view is left out");
    assert_eq!(kinds(&store, "endless"), [Kind::Text], "looked at for a moment only");
    assert_eq!(kinds(&store, "empty"), [Kind::Text]);

    let error =
        refusal(write(&store, "v", &batch(vec![("b", texts(["x"]))]), &WriteOptions::default().mode(Mode::Replace)));
    assert_eq!(error.to_string(), "\"v\" is a view; it cannot be written");
    drop(connection);
    store.drop_table("v").unwrap();
    assert!(store.table("v").is_err());
}

#[test]
fn full_text_tables_hide_their_parts() {
    let (_folder, _, store) =
        database("CREATE VIRTUAL TABLE docs USING fts5(title, body); INSERT INTO docs VALUES ('a', 'some text');");
    let names: Vec<String> = store.tables().unwrap().iter().map(|table| table.name.clone()).collect();
    assert_eq!(names, ["docs"]);
    assert_eq!(json(&store, &Select::new("docs")), r#"[{"title":"a","body":"some text"}]"#);
}

#[test]
fn columns_without_a_type_take_that_of_their_values() {
    let (_folder, _, store) = database(
        "CREATE TABLE t (i, r, s, mixed, b); INSERT INTO t VALUES (1, 1, 'a', 1, x'00'), (2, 2.5, 'b', 'two', x'01');",
    );
    assert_eq!(kinds(&store, "t"), [Kind::Integer, Kind::Real, Kind::Text, Kind::Text, Kind::Blob]);
    assert_eq!(
        json(&store, &Select::new("t")),
        "[{\"i\":1,\"r\":1,\"s\":\"a\",\"mixed\":\"1\",\"b\":\"\\\\x00\"},\
         {\"i\":2,\"r\":2.5,\"s\":\"b\",\"mixed\":\"two\",\"b\":\"\\\\x01\"}]"
    );
    // What is shown as text is compared as text.
    let one = Filter::compare("mixed", Compare::Eq, Value::Text("1".into()));
    assert_eq!(store.count("t", Some(&one)).unwrap(), 1);
    let by_mixed = store.read_rows(&Select::new("t").column("i").order(Order::desc("mixed"))).unwrap().rows;
    assert_eq!(by_mixed, [[Value::Integer(2)], [Value::Integer(1)]]);
    let batch = store.scan(&Select::new("t")).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.column(1).as_primitive::<Float64Type>().values(), &[1.0, 2.5]);
    assert_eq!(batch.column(3).as_string::<i32>().value(0), "1");
}

#[test]
fn a_value_against_its_type_is_shown_but_not_scanned() {
    let cases = [
        ("INTEGER", "'many'", r#""many""#, r#"table "t", row 3, column "x": "many" is not an INTEGER"#),
        ("INTEGER", "1.5", "1.5", r#"table "t", row 3, column "x": "1.5" is not an INTEGER"#),
        ("REAL", "'n/a'", r#""n/a""#, r#"table "t", row 3, column "x": "n/a" is not a REAL number"#),
        ("BOOLEAN", "2", "2", r#"table "t", row 3, column "x": "2" is not a BOOLEAN"#),
        (
            "DATE",
            "'yesterday'",
            r#""yesterday""#,
            r#"table "t", row 3, column "x": "yesterday" is not a DATE such as 2024-02-29"#,
        ),
        (
            "TIMESTAMP",
            "1700000000",
            "1700000000",
            r#"table "t", row 3, column "x": "1700000000" is not a TIMESTAMP such as 2024-02-29T13:00:00"#,
        ),
        ("TEXT", "CAST(x'ff' AS TEXT)", "\"\u{fffd}\"", "table \"t\", row 3, column \"x\": \"\u{fffd}\" is not TEXT"),
        (
            "NUMERIC",
            "9007199254740993",
            "9007199254740993",
            r#"table "t", row 3, column "x": "9007199254740993" is not a REAL number"#,
        ),
    ];
    for (declared, value, shown, message) in cases {
        let (_folder, _, store) =
            database(&format!("CREATE TABLE t (x {declared}); INSERT INTO t VALUES (NULL), (NULL), ({value}), (NULL)"));
        let rows = json(&store, &Select::new("t"));
        assert_eq!(rows, format!(r#"[{{"x":null}},{{"x":null}},{{"x":{shown}}},{{"x":null}}]"#));
        let mut scan = store.scan(&Select::new("t")).unwrap();
        let error = scan.next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(matches!(error.kind(), ErrorKind::InvalidValue { .. }));
        assert!(scan.next().is_none());
        assert_eq!(store.read_rows(&Select::new("t")).unwrap().rows.len(), 4);
    }
}

#[test]
fn usual_timestamps_and_json_are_read() {
    let (_folder, _, store) = database(
        "CREATE TABLE t (at DATETIME, j JSON);
         INSERT INTO t VALUES ('2024-02-29 13:00:00', '{\"a\":1}'), ('2024-02-29T13:00:00.250Z', 'bad'), ('2024-02-29', 5)",
    );
    assert_eq!(
        json(&store, &Select::new("t")),
        "[{\"at\":\"2024-02-29T13:00:00\",\"j\":{\"a\":1}},{\"at\":\"2024-02-29T13:00:00.250Z\",\"j\":\"bad\"},\
         {\"at\":\"2024-02-29\",\"j\":5}]"
    );
    let batch = store.scan(&Select::new("t")).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.column(1).data_type(), &DataType::Utf8);
    assert_eq!(batch.column(0).null_count(), 0);
    let after = Filter::compare("at", Compare::Gte, Value::Text("2024-02-29T12:00:00".into()));
    assert_eq!(store.count("t", Some(&after)).unwrap(), 2);
}

#[test]
fn changes_by_another_program_are_seen_at_once() {
    let (_folder, connection, store) = database("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)");
    assert_eq!(json(&store, &Select::new("t")), r#"[{"a":1}]"#);
    connection.execute_batch("ALTER TABLE t ADD COLUMN b TEXT; INSERT INTO t VALUES (2, 'x')").unwrap();
    assert_eq!(json(&store, &Select::new("t")), r#"[{"a":1,"b":null},{"a":2,"b":"x"}]"#);
    connection.execute_batch("DROP TABLE t; CREATE TABLE t (a TEXT, c INT); INSERT INTO t VALUES (1, 2)").unwrap();
    assert_eq!(json(&store, &Select::new("t")), r#"[{"a":"1","c":2}]"#);
    connection.execute_batch("DROP TABLE t").unwrap();
    assert!(matches!(store.count("t", None).unwrap_err().kind(), ErrorKind::UnknownTable { .. }));
}

#[test]
fn a_referred_table_can_be_replaced_but_not_robbed() {
    let (_folder, connection, store) = database(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1), (2);
         CREATE TABLE child (p INTEGER REFERENCES parent (id)); INSERT INTO child VALUES (1);",
    );
    drop(connection);
    let replace = WriteOptions::default().mode(Mode::Replace).primary_key("id");
    write(&store, "parent", &batch(vec![("id", integers([1, 3]))]), &replace).unwrap();
    let error = refusal(write(&store, "parent", &batch(vec![("id", integers([3]))]), &replace));
    assert_eq!(error.to_string(), "table \"parent\": a row that it refers to, or that refers to it, stands in the way");
    assert_eq!(json(&store, &Select::new("parent")), r#"[{"id":1},{"id":3}]"#);
    let error = store.drop_table("parent").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Constraint { .. }), "{error:?}");
    let orphan = batch(vec![("p", integers([9]))]);
    let error = refusal(write(&store, "child", &orphan, &WriteOptions::default().mode(Mode::Append)));
    assert!(matches!(error.kind(), ErrorKind::Constraint { .. }), "{error:?}");
}

#[test]
fn a_check_of_the_table_names_the_row() {
    let (_folder, _, store) = database("CREATE TABLE t (a INTEGER CHECK (a < 100), b INTEGER UNIQUE)");
    let append = WriteOptions::default().mode(Mode::Append);
    let bad = batch(vec![("a", integers((0..200).rev().map(|a| a + 60)))]);
    let error = refusal(write(&store, "t", &bad, &append));
    assert_eq!(error.to_string(), "table \"t\", row 1: CHECK constraint failed: a < 100");
    let twice = batch(vec![("b", integers((0..100).chain([42])))]);
    let error = refusal(write(&store, "t", &twice, &append));
    assert_eq!(
        error.to_string(),
        r#"table "t", row 101, column "b": the value "42" is there already and must be unique"#
    );
    assert_eq!(store.count("t", None).unwrap(), 0);
}

#[test]
fn a_scan_reads_integers_as_integers() {
    let (_folder, _, store) =
        database("CREATE TABLE t (x BIGINT); INSERT INTO t VALUES (9223372036854775807), (-9223372036854775808)");
    let batch = store.scan(&Select::new("t")).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[i64::MAX, i64::MIN]);
}
