//! Rows picked while they are read: the same rows as all of them filtered, from fewer values.
#![allow(clippy::unwrap_used, clippy::format_collect, clippy::format_push_string)]

use std::path::Path;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;
use taipan_io::{ColumnRange, Conversion, Input, OnError, Output, ReadOptions, RowTest};

/// Rows `0..rows` of four columns, `id`, `name`, `n` and `note`.
fn csv(rows: usize) -> String {
    let mut text = String::from("id,name,n,note\n");
    for id in 0..rows {
        let name = if id % 5 == 0 { "\"a \"\"b\"\"\nc\"".to_owned() } else { format!("n{id}") };
        text.push_str(&format!("{id},{name},{},{}\n", id % 10, "x".repeat(id % 7)));
    }
    text
}

/// The same rows in every format, in a folder.
fn files(folder: &Path, rows: usize) -> Vec<std::path::PathBuf> {
    let source = folder.join("t.csv");
    std::fs::write(&source, csv(rows)).unwrap();
    let input = Input::open(&source, &ReadOptions::default()).unwrap();
    let mut files = vec![source];
    for (name, output) in [
        ("t.json", Output::Json),
        ("t.ndjson", Output::NdJson),
        ("t.parquet", Output::Parquet),
        ("t.arrow", Output::Arrow),
    ] {
        Conversion::new(output).to_file(&input, &folder.join(name)).unwrap();
        files.push(folder.join(name));
    }
    let mut xml = String::from("<r>");
    for id in 0..rows {
        xml.push_str(&format!("<i><id>{id}</id><name>n{id}</name><n>{}</n><note>{}</note></i>", id % 10, id % 7));
    }
    std::fs::write(folder.join("t.xml"), xml + "</r>").unwrap();
    files.push(folder.join("t.xml"));
    files
}

/// Rows whose `n` is below a bound; null for none.
fn below(input: &Input, bound: i64) -> RowTest {
    let n = input.schema().index_of("n").unwrap();
    RowTest::new([n], move |batch| {
        let n = batch.column(0).as_primitive::<Int64Type>();
        Ok(n.iter().map(|n| n.map(|n| n < bound)).collect::<BooleanArray>())
    })
}

fn all(input: &Input, projection: Option<&[usize]>) -> (RecordBatch, u64) {
    let mut batches = input.batches(projection).unwrap();
    let schema = batches.schema().clone();
    let read: Vec<RecordBatch> = batches.by_ref().map(Result::unwrap).collect();
    let count = read.iter().map(RecordBatch::num_rows).sum();
    let made = batches.values_made();
    if schema.fields().is_empty() {
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(count));
        return (RecordBatch::try_new_with_options(schema, vec![], &options).unwrap(), made);
    }
    (concat_batches(&schema, &read).unwrap(), made)
}

/// All rows of some columns, filtered afterwards.
fn filtered(input: &Input, bound: i64, projection: &[usize]) -> RecordBatch {
    let (all, _) = all(input, None);
    let n = all.column_by_name("n").unwrap().as_primitive::<Int64Type>();
    let mask: BooleanArray = n.iter().map(|n| n.map(|n| n < bound)).collect();
    filter_record_batch(&all, &mask).unwrap().project(projection).unwrap()
}

#[test]
fn every_format_gives_the_rows_that_pass_and_makes_fewer_values() {
    let folder = tempfile::tempdir().unwrap();
    for file in files(folder.path(), 5000) {
        let input = Input::open(&file, &ReadOptions::default().block_bytes(20_000)).unwrap();
        let column = |name: &str| input.schema().index_of(name).unwrap();
        let (id, name, n, note) = (column("id"), column("name"), column("n"), column("note"));
        for projection in [vec![id, name, n, note], vec![note, id], vec![n], vec![]] {
            for (bound, passing) in [(0, 0), (1, 500), (10, 5000)] {
                let picked = input.clone().picked(below(&input, bound));
                let (rows, made) = all(&picked, Some(&projection));
                let what = format!("{} {projection:?} {bound}", file.display());
                assert_eq!(rows.num_rows(), passing, "{what}");
                assert_eq!(rows, filtered(&input, bound, &projection), "{what}");
                let others = projection.iter().filter(|column| **column != n).count();
                let expected = if file.ends_with("t.arrow") { 5000 * others } else { passing * others };
                assert_eq!(made, (5000 + expected) as u64, "{what}");
            }
        }
    }
}

#[test]
fn a_record_that_fails_is_still_checked() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, place) in [
        ("t.csv", format!("{}7,x,9\n", csv(2000)), ":2402: "),
        ("t.ndjson", format!("{}{{\"n\":9,\"id\":tru}}\n", "{\"n\":1,\"id\":2}\n".repeat(2000)), ":2001:"),
        (
            "t.xml",
            format!("<r>{}<i><n>9</n><id>&no;</id></i></r>", "<i><n>1</n><id>2</id></i>\n".repeat(2000)),
            ":2001:",
        ),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        let input = Input::open(&file, &ReadOptions::default().sample_bytes(1000)).unwrap();
        let n = input.schema().index_of("n").unwrap();
        let picked = input.clone().picked(below(&input, 0));
        let error = picked.batches(Some(&[n])).unwrap().find_map(Result::err).unwrap().to_string();
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn a_value_that_does_not_fit_is_told_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    std::fs::write(&file, format!("n,id\n{}1,x\n", "9,1\n".repeat(3000))).unwrap();
    let input = Input::open(&file, &ReadOptions::default().sample_bytes(1000)).unwrap();
    let error = input.clone().picked(below(&input, 2)).batches(None).unwrap().find_map(Result::err).unwrap();
    assert!(error.to_string().ends_with("t.csv:3002:3: `x` does not fit column `id` of integers"), "{error}");
    // Of rows that do not pass nobody asks.
    let none = input.clone().picked(below(&input, 0));
    assert_eq!(all(&none, None).0.num_rows(), 0);
}

#[test]
fn pages_and_row_groups_without_a_value_are_not_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.parquet");
    let source = folder.path().join("t.csv");
    let lines: String = (0..300_000).map(|id| format!("{id},{}\n", id % 1000)).collect();
    std::fs::write(&source, format!("n,m\n{lines}")).unwrap();
    let input = Input::open(&source, &ReadOptions::default()).unwrap();
    Conversion::new(Output::Parquet).to_file(&input, &file).unwrap();
    let input = Input::open(&file, &ReadOptions::default()).unwrap();
    let bound = |value: i64| Some(std::sync::Arc::new(arrow::array::Int64Array::from(vec![value])) as _);
    let range = ColumnRange { column: 0, low: bound(0), high: bound(99) };
    let (rows, made) = all(&input.clone().pruned(vec![range.clone()]).picked(below(&input, 100)), None);
    assert_eq!(rows.num_rows(), 100);
    // Of one page each `n` is tested, of the rows that pass the other column is read.
    assert!(made < 40_000, "{made}");
    let (rows, _) = all(&input.clone().pruned(vec![range]), None);
    assert!((100..40_000).contains(&rows.num_rows()), "{}", rows.num_rows());
    let nowhere = ColumnRange { column: 0, low: bound(-5), high: bound(-1) };
    assert_eq!(all(&input.pruned(vec![nowhere]), None).0.num_rows(), 0);
}

#[test]
fn a_test_that_fails_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for file in files(folder.path(), 50) {
        let input = Input::open(&file, &ReadOptions::default()).unwrap();
        let fails = RowTest::new([0], |_| Err(arrow::error::ArrowError::DivideByZero));
        let error = input.clone().picked(fails).batches(None).unwrap().find_map(Result::err).unwrap();
        assert!(error.to_string().contains("Divide by zero"), "{error}");
        let short = RowTest::new([0], |_| Ok(BooleanArray::from(vec![true])));
        let error = input.picked(short).batches(None).unwrap().find_map(Result::err).unwrap();
        assert!(error.to_string().contains("a test answered for 1 of 50 rows"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn rejects_are_the_same(
        cells in prop::collection::vec((0i64..12, prop::sample::select(vec!["1", "x", "1,2", ""])), 1..200),
        block in 1usize..300,
    ) {
        let text: String = cells.iter().map(|(n, other)| format!("{n},{other}\n")).collect();
        let options = ReadOptions::default()
            .on_error(OnError::Reject)
            .block_bytes(block)
            .header(true)
            .column("n", arrow::datatypes::DataType::Int64)
            .column("m", arrow::datatypes::DataType::Int64);
        let input = Input::from_reader("t.csv", std::io::Cursor::new(format!("n,m\n{text}")), &options).unwrap();
        let mut everything = input.batches(None).unwrap();
        let rows: Vec<RecordBatch> = everything.by_ref().map(Result::unwrap).collect();
        let rejects = everything.take_rejects();
        let kept: usize = rows
            .iter()
            .map(|batch| batch.column(0).as_primitive::<Int64Type>().iter().filter(|n| n.is_some_and(|n| n < 5)).count())
            .sum();
        let mut picked = input.clone().picked(below(&input, 5)).batches(None).unwrap();
        let found: usize = picked.by_ref().map(|batch| batch.unwrap().num_rows()).sum();
        prop_assert_eq!(found, kept);
        prop_assert_eq!(picked.take_rejects(), rejects);
    }
}
