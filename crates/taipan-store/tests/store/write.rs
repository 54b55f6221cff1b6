//! Writing: modes, keys, indexes, origins, artifacts, and that a write is whole or nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Int64Array, ListArray, NullArray, StructArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use taipan_store::{
    Artifact, ErrorKind, Kept, Kind, Mode, NewColumns, Origin, Select, Store, Value, Violation, WriteError,
    WriteOptions,
};

use crate::sample::{batch, ids, integers, json, memory, people, reals, refusal, texts, with_people, write};

fn mode(mode: Mode) -> WriteOptions {
    WriteOptions::default().mode(mode)
}

#[test]
fn modes() {
    let store = with_people(&WriteOptions::default());
    let small = people().slice(0, 2);
    let error = refusal(write(&store, "people", &small, &mode(Mode::Create)));
    assert_eq!(error.to_string(), "table \"people\" already exists");

    assert_eq!(write(&store, "people", &small, &mode(Mode::Append)).unwrap(), 2);
    assert_eq!(ids(&store, &Select::new("people")), [3, 1, 4, 2, 5, 3, 1]);

    assert_eq!(write(&store, "people", &small, &mode(Mode::Replace)).unwrap(), 2);
    assert_eq!(ids(&store, &Select::new("people")), [3, 1]);

    for (new, how) in [("a", Mode::Append), ("b", Mode::Replace)] {
        write(&store, new, &small, &mode(how)).unwrap();
        assert_eq!(store.count(new, None).unwrap(), 2);
    }

    // Another shape replaces the old one wholly.
    write(&store, "people", &batch(vec![("other", integers([1]))]), &mode(Mode::Replace)).unwrap();
    assert_eq!(json(&store, &Select::new("people")), r#"[{"other":1}]"#);
}

#[test]
fn no_batches_make_an_empty_table() {
    let store = memory();
    let none = std::iter::empty::<Result<RecordBatch, String>>();
    assert_eq!(store.write_table("t", &people().schema(), &WriteOptions::default(), none).unwrap(), 0);
    assert_eq!(json(&store, &Select::new("t")), "[]");
    assert_eq!(store.table("t").unwrap().columns.len(), 5);
}

#[test]
fn append_needs_columns_that_fit() {
    let store = with_people(&WriteOptions::default());
    let append = |columns| write(&store, "people", &batch(columns), &mode(Mode::Append));
    let unknown = refusal(append(vec![("agee", integers([1]))]));
    assert_eq!(unknown.to_string(), r#"table "people" has no column "agee"; did you mean "age"?"#);
    let wrong = refusal(append(vec![("age", texts(["x"]))]));
    assert_eq!(wrong.to_string(), r#"table "people", column "age": TEXT does not fit INTEGER"#);

    // In any order, some left out, integers into reals, and nothing at all into anything.
    let nothing: ArrayRef = Arc::new(NullArray::new(1));
    append(vec![("height", integers([2])), ("id", integers([9])), ("name", nothing)]).unwrap();
    let last = Select::new("people").offset(5);
    assert_eq!(json(&store, &last), r#"[{"id":9,"name":null,"age":null,"height":2,"active":null}]"#);
}

#[test]
fn a_key_must_be_unique_and_given() {
    let key = WriteOptions::default().primary_key("id");
    let long: Vec<i64> = (0..1000).chain([77]).collect();
    let cases = [
        (integers([Some(5), None]), r#"table "t", row 2, column "id": a value is missing and must be given"#),
        (integers([5, 6, 5]), r#"table "t", row 3, column "id": the value "5" is there already and must be unique"#),
        (integers(long), r#"table "t", row 1001, column "id": the value "77" is there already and must be unique"#),
        (texts([Some("a"), None]), r#"table "t", row 2, column "id": a value is missing and must be given"#),
        (texts(["a", "b", "a"]), r#"table "t", row 3, column "id": the value "a" is there already and must be unique"#),
    ];
    for (ids, message) in cases {
        let store = memory();
        let error = refusal(write(&store, "t", &batch(vec![("x", ids.clone()), ("id", ids)]), &key));
        assert_eq!(error.to_string(), message);
        assert!(store.tables().unwrap().is_empty());
    }
}

#[test]
fn rows_are_counted_across_batches() {
    let store = memory();
    let parts = [integers(0..300), integers(300..310), integers([310, 5])].map(|ids| batch(vec![("id", ids)]));
    let key = WriteOptions::default().primary_key("id");
    let result = store.write_table("t", &parts[0].schema(), &key, parts.iter().cloned().map(Ok));
    let error = refusal(result);
    let ErrorKind::Constraint { row, value, violation, .. } = error.kind() else { panic!("{error:?}") };
    assert_eq!((*row, value.as_deref(), violation), (Some(312), Some("5"), &Violation::Duplicate));
}

#[test]
fn an_integer_key_is_the_row_id() {
    let store = with_people(&WriteOptions::default().primary_key("id"));
    let table = store.table("people").unwrap();
    let id = table.column("id").unwrap();
    assert!(id.primary_key && !id.nullable);
    assert_eq!(ids(&store, &Select::new("people")), [1, 2, 3, 4, 5]);
    // The key holds for what is appended, null included.
    let again = refusal(write(&store, "people", &people().slice(1, 1), &mode(Mode::Append)));
    assert!(matches!(again.kind(), ErrorKind::Constraint { violation: Violation::Duplicate, .. }), "{again:?}");
    let null = batch(vec![("id", integers([None::<i64>]))]);
    let null = refusal(write(&store, "people", &null, &mode(Mode::Append)));
    assert!(matches!(null.kind(), ErrorKind::Constraint { violation: Violation::Null, .. }), "{null:?}");
}

#[test]
fn an_unknown_key_or_index_is_refused() {
    let store = memory();
    for options in [WriteOptions::default().primary_key("ide"), WriteOptions::default().index("ide")] {
        let error = refusal(write(&store, "people", &people(), &options));
        assert_eq!(error.to_string(), r#"table "people" has no column "ide"; did you mean "id"?"#);
    }
}

#[test]
fn indexes_have_names_of_their_own() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let store = Store::open(path.to_str().unwrap()).unwrap();
    let columns = || batch(vec![("c", integers([1])), ("b_c", integers([1]))]);
    write(&store, "a_b", &columns(), &WriteOptions::default().index("c")).unwrap();
    write(&store, "a", &columns(), &WriteOptions::default().index("b_c").index("c")).unwrap();
    write(&store, "a", &columns(), &mode(Mode::Append).index("c")).unwrap();
    let reader = rusqlite::Connection::open(&path).unwrap();
    let mut found =
        reader.prepare("SELECT name || ' on ' || tbl_name FROM sqlite_schema WHERE type = 'index'").unwrap();
    let mut found: Vec<String> = found.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    found.sort();
    assert_eq!(found, ["idx_a_b_c on a_b", "idx_a_b_c_2 on a", "idx_a_c on a"]);
}

#[test]
fn an_input_error_or_panic_leaves_the_table_as_it_was() {
    let store = with_people(&WriteOptions::default());
    store.put_artifact(&artifact("a", b"1")).unwrap();
    let before = json(&store, &Select::new("people"));
    let schema = people().schema();
    for how in [Mode::Replace, Mode::Append] {
        let options = mode(how).index("age").origin(Origin { source: "new.csv".into(), ..Origin::default() });
        let failing = (0..20).map(|part| if part < 15 { Ok(people()) } else { Err(format!("line {part}")) });
        let error = store.write_table("people", &schema, &options, failing).unwrap_err();
        assert!(matches!(&error, WriteError::Input(line) if line == "line 15"));
        assert_eq!(error.to_string(), "line 15");

        let panicking = (0..20).map(|part| {
            assert!(part < 15, "deliberate");
            Ok::<_, String>(people())
        });
        let write = || store.write_table("people", &schema, &options, panicking);
        assert!(catch_unwind(AssertUnwindSafe(write)).is_err());

        let other =
            (0..3).map(|part| Ok::<_, String>(if part == 2 { batch(vec![("x", integers([1]))]) } else { people() }));
        let error = store.write_table("people", &schema, &options, other).unwrap_err();
        assert_eq!(error.to_string(), "table \"people\": a batch has not the schema of the rest");

        assert_eq!(json(&store, &Select::new("people")), before);
        assert_eq!(store.origin("people").unwrap(), None);
    }
    // The writer is as good as new.
    write(&store, "people", &people(), &mode(Mode::Append)).unwrap();
    assert_eq!(store.count("people", None).unwrap(), 10);
}

#[test]
fn values_out_of_range_are_named() {
    let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![Some(1), None, Some(u64::MAX)]));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![0, i32::MAX]));
    let cases = [
        (unsigned, r#"table "t", row 3, column "x": "18446744073709551615" is not an INTEGER of 64 bits"#),
        (days, r#"table "t", row 2, column "x": "day 2147483647 from 1970-01-01" is not in the years 0000 to 9999"#),
    ];
    for (array, message) in cases {
        assert_eq!(
            refusal(write(&memory(), "t", &batch(vec![("x", array)]), &mode(Mode::Create))).to_string(),
            message
        );
    }
}

#[test]
fn types_are_declared_and_shown() {
    let inner: ArrayRef = integers([Some(1), None]);
    let nested = StructArray::from(vec![(Arc::new(Field::new("a", DataType::Int64, true)), inner)]);
    let moments = TimestampNanosecondArray::from(vec![Some(1_500_000_000), None]).with_timezone("+02:00");
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
    let columns = batch(vec![
        ("list", Arc::new(list) as ArrayRef),
        ("json", Arc::new(nested) as ArrayRef),
        ("moment", Arc::new(moments) as ArrayRef),
        ("nothing", Arc::new(NullArray::new(2)) as ArrayRef),
        ("number", reals([Some(f64::NAN), Some(f64::INFINITY)])),
    ]);
    let store = memory();
    write(&store, "t", &columns, &mode(Mode::Create)).unwrap();
    let kinds: Vec<Kind> = store.table("t").unwrap().columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Kind::Json, Kind::Json, Kind::Timestamp, Kind::Text, Kind::Real]);
    assert_eq!(
        json(&store, &Select::new("t")),
        "[{\"list\":[1,null],\"json\":{\"a\":1},\"moment\":\"1970-01-01T00:00:01.5\",\"nothing\":null,\"number\":null},\
         {\"list\":null,\"json\":{\"a\":null},\"moment\":null,\"nothing\":null,\"number\":\"Infinity\"}]"
    );
}

#[test]
fn other_arrow_types_are_converted() {
    let decimal = DataType::Decimal128(10, 2);
    let ticks = DataType::Time64(TimeUnit::Microsecond);
    let words = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let cases = [
        ("12", DataType::Int8, Kind::Integer, "12"),
        ("12", DataType::UInt64, Kind::Integer, "12"),
        ("0.5", DataType::Float32, Kind::Real, "0.5"),
        ("12.34", decimal, Kind::Real, "12.34"),
        ("a", DataType::LargeUtf8, Kind::Text, r#""a""#),
        ("a", DataType::Utf8View, Kind::Text, r#""a""#),
        ("a", words, Kind::Text, r#""a""#),
        ("13:00:00", ticks, Kind::Text, r#""13:00:00""#),
        ("2024-02-29", DataType::Date64, Kind::Date, r#""2024-02-29""#),
        (
            "2024-02-29T13:00:00",
            DataType::Timestamp(TimeUnit::Second, None),
            Kind::Timestamp,
            r#""2024-02-29T13:00:00""#,
        ),
        ("a", DataType::LargeBinary, Kind::Blob, r#""\\x61""#),
    ];
    for (text, data_type, kind, shown) in cases {
        let array = cast(&texts([Some(text), None]), &data_type).unwrap();
        let store = memory();
        write(&store, "t", &batch(vec![("x", array)]), &mode(Mode::Create)).unwrap();
        assert_eq!(store.table("t").unwrap().columns[0].kind, kind, "{data_type}");
        let expected = format!(r#"[{{"x":{shown}}},{{"x":null}}]"#);
        assert_eq!(json(&store, &Select::new("t")), expected, "{data_type}");
    }
    let durations: ArrayRef = cast(&integers([1]), &DataType::Duration(TimeUnit::Second)).unwrap();
    let error = refusal(write(&memory(), "t", &batch(vec![("x", durations)]), &mode(Mode::Create)));
    assert_eq!(error.to_string(), r#"table "t", column "x": Duration(s) cannot be stored"#);
}

#[test]
fn a_column_declared_without_nulls_stays_so() {
    let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, false)]));
    let given = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![1])) as Arc<dyn Array>]).unwrap();
    let store = memory();
    write(&store, "t", &given, &mode(Mode::Create)).unwrap();
    assert!(!store.table("t").unwrap().columns[0].nullable);
    let error = refusal(write(&store, "t", &batch(vec![("x", integers([Some(1), None]))]), &mode(Mode::Append)));
    assert_eq!(error.to_string(), r#"table "t", row 2, column "x": a value is missing and must be given"#);
}

#[test]
fn the_origin_follows_its_table() {
    let store = memory();
    let origin = Origin { source: "tips.csv".into(), fingerprint: "abc".into(), ..Origin::default() };
    write(&store, "people", &people(), &mode(Mode::Create).origin(origin.clone())).unwrap();
    let kept = store.origin("people").unwrap().unwrap();
    assert_eq!((kept.source.as_str(), kept.fingerprint.as_str(), kept.rows), ("tips.csv", "abc", 5));
    assert!(kept.imported_at.len() == 20 && kept.imported_at.ends_with('Z'), "{}", kept.imported_at);
    assert_eq!(store.tables().unwrap().len(), 1, "the bookkeeping is hidden");

    let exact = Origin { rows: 7, imported_at: "2024-02-29T00:00:00Z".into(), ..origin };
    write(&store, "people", &people(), &mode(Mode::Replace).origin(exact.clone())).unwrap();
    assert_eq!(store.origin("people").unwrap(), Some(exact));

    write(&store, "people", &people(), &mode(Mode::Append)).unwrap();
    assert_eq!(store.origin("people").unwrap(), None, "the table is no longer that of its source");
    assert_eq!(store.origin("other").unwrap(), None);
}

#[test]
fn dropping() {
    let store = memory();
    let origin = Origin { source: "x.csv".into(), ..Origin::default() };
    write(&store, "people", &people(), &mode(Mode::Create).origin(origin)).unwrap();
    store.drop_table("people").unwrap();
    let error = store.drop_table("people").unwrap_err();
    assert_eq!(error.to_string(), "no table \"people\"");
    write(&store, "people", &people(), &WriteOptions::default()).unwrap();
    assert_eq!(store.origin("people").unwrap(), None);
    let own = store.drop_table("_taipan_sources").unwrap_err();
    assert!(matches!(own.kind(), ErrorKind::UnknownTable { .. }));
    assert!(matches!(
        store.read_rows(&Select::new("_taipan_sources")).unwrap_err().kind(),
        ErrorKind::UnknownTable { .. }
    ));
}

fn artifact(name: &str, bytes: &[u8]) -> Artifact {
    Artifact { kind: "model".into(), name: name.into(), fingerprint: "f".into(), bytes: bytes.to_vec() }
}

#[test]
fn artifacts() {
    let store = memory();
    assert_eq!(store.artifact("model", "a").unwrap(), None);
    assert!(!store.drop_artifact("model", "a").unwrap());
    for (name, bytes) in [("b", &b"2"[..]), ("a", b""), ("b", b"\0\xff")] {
        store.put_artifact(&artifact(name, bytes)).unwrap();
    }
    assert_eq!(store.artifact("model", "b").unwrap(), Some(artifact("b", b"\0\xff")));
    assert_eq!(store.artifacts("model").unwrap(), [artifact("a", b""), artifact("b", b"\0\xff")]);
    assert!(store.artifacts("plot").unwrap().is_empty());
    assert!(store.drop_artifact("model", "a").unwrap());
    assert_eq!(store.artifacts("model").unwrap().len(), 1);
    assert!(store.tables().unwrap().is_empty());
}

#[test]
fn rows_come_back_as_values() {
    let store = with_people(&WriteOptions::default());
    let rows = store.read_rows(&Select::new("people").limit(1)).unwrap();
    let expected =
        vec![Value::Integer(3), Value::Text("Émile".into()), Value::Integer(30), Value::Real(1.8), Value::Bool(true)];
    assert_eq!(rows.rows, [expected]);
    assert_eq!(
        rows.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
        ["id", "name", "age", "height", "active"]
    );
}

#[test]
fn append_adds_columns_where_asked() {
    let store = with_people(&WriteOptions::default());
    let more = batch(vec![("id", integers([6])), ("email", texts(["z@example.org"])), ("score", reals([0.5]))]);
    let options = mode(Mode::Append);
    let error = refusal(write(&store, "people", &more, &options));
    assert_eq!(error.to_string(), r#"table "people" has no column "email""#);
    assert_eq!(store.table("people").unwrap().columns.len(), 5);

    write(&store, "people", &more, &options.new_columns(NewColumns::Add)).unwrap();
    let columns = store.table("people").unwrap().columns.iter().map(|column| column.kind).collect::<Vec<_>>();
    assert_eq!(columns[5..], [Kind::Text, Kind::Real]);
    let added = Select::new("people").column("id").column("email").column("score").column("age");
    let rows = json(&store, &added);
    assert!(rows.starts_with(r#"[{"id":3,"email":null,"score":null,"age":30}"#), "{rows}");
    assert!(rows.ends_with(r#"{"id":6,"email":"z@example.org","score":0.5,"age":null}]"#), "{rows}");
}

#[test]
fn artifacts_are_kept_with_the_rows_or_not_at_all() {
    let store = memory();
    let position = |rows: u64| Artifact {
        kind: "import".into(),
        name: "people".into(),
        fingerprint: String::new(),
        bytes: rows.to_string().into_bytes(),
    };
    let write = |batches: Vec<Result<RecordBatch, &'static str>>, fails: bool| {
        let keep = |rows| {
            if fails {
                Err("no")
            } else {
                {
                    let origin = Some(Origin { source: format!("{rows} rows"), rows: 100 + rows, ..Origin::default() });
                    Ok(Kept { origin, artifacts: vec![position(rows), position(rows + 1)] })
                }
            }
        };
        let options = mode(Mode::Append);
        store.write_table_and_keep("people", &people().schema(), &options, batches.into_iter(), keep)
    };
    assert_eq!(write(vec![Ok(people()), Ok(people())], false).unwrap(), 10);
    assert!(matches!(write(vec![Ok(people())], true), Err(WriteError::Input("no"))));
    assert!(matches!(write(vec![Ok(people()), Err("bad")], false), Err(WriteError::Input("bad"))));
    assert_eq!(store.artifact("import", "people").unwrap().map(|kept| kept.bytes), Some(b"11".to_vec()));
    assert_eq!(store.count("people", None).unwrap(), 10);
    let origin = store.origin("people").unwrap().unwrap();
    assert_eq!((origin.source.as_str(), origin.rows), ("10 rows", 110));
}
