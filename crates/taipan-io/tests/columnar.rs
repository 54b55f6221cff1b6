//! Parquet and Arrow files: written and read back the same, pruned by their statistics, refused when they are broken.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::from_iter_instead_of_collect, reason = "the type of a column is what matters")]

use std::fs::{self, File};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int64Type};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use taipan_io::{BatchWriter, ColumnRange, ErrorKind, Format, Input, OnError, Output, ReadOptions, Result};

fn table(rows: i64) -> RecordBatch {
    let numbers = || (0..rows).map(move |i| (i % 7 != 3).then_some(i));
    let inner: ArrayRef = Arc::new(Int64Array::from_iter(numbers()));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter(numbers()))),
        ("small", Arc::new(Int32Array::from_iter(numbers().map(|i| i.map(|i| i as i32))))),
        ("price", Arc::new(Float64Array::from_iter(numbers().map(|i| i.map(|i| i as f64 / 8.0))))),
        ("name", Arc::new(StringArray::from_iter(numbers().map(|i| i.map(|i| format!("n{}", i % 100)))))),
        ("open", Arc::new(BooleanArray::from_iter(numbers().map(|i| i.map(|i| i % 2 == 0))))),
        ("day", Arc::new(Date32Array::from_iter(numbers().map(|i| i.map(|i| i as i32))))),
        ("at", Arc::new(TimestampMicrosecondArray::from_iter(numbers()))),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(
                numbers().map(|i| i.map(|i| vec![Some(i), None])),
            )),
        ),
        ("object", Arc::new(StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int64, true)), inner)]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn written(output: Output, table: &RecordBatch, step: usize) -> Vec<u8> {
    let mut writer = BatchWriter::new(output, Vec::new(), &table.schema());
    for start in (0..table.num_rows()).step_by(step) {
        writer.write(&table.slice(start, step.min(table.num_rows() - start))).unwrap();
    }
    writer.finish().unwrap()
}

fn file(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

fn all(input: &Input, projection: Option<&[usize]>) -> Result<RecordBatch> {
    let batches = input.batches(projection)?;
    let schema = batches.schema().clone();
    Ok(concat_batches(&schema, &batches.collect::<Result<Vec<_>>>()?).unwrap())
}

#[test]
fn tables_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for rows in [0, 1, 5000] {
        let table = table(rows);
        for (output, name, format) in
            [(Output::Parquet, "t.parquet", Format::Parquet), (Output::Arrow, "t.arrow", Format::Arrow)]
        {
            let content = written(output, &table, 1777);
            let path = file(folder.path(), name, &content);
            let options = ReadOptions::default().batch_rows(999);
            let named = Input::open(&path, &options).unwrap();
            let streamed = Input::from_reader("-", Cursor::new(content), &options).unwrap();
            for input in [named, streamed] {
                assert_eq!(input.format(), format);
                assert_eq!(all(&input, None).unwrap(), table, "{name}");
                assert_eq!(
                    all(&input.settled(None).unwrap(), Some(&[3, 0, 3])).unwrap(),
                    table.project(&[3, 0, 3]).unwrap()
                );
                assert_eq!(all(&input, Some(&[])).unwrap().num_rows(), table.num_rows());
                assert!(matches!(input.batches(Some(&[99])).unwrap_err().kind(), ErrorKind::InvalidOption(_)));
            }
        }
    }
}

#[test]
fn a_stream_of_arrow_messages_reads() {
    let table = table(100);
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &table.schema()).unwrap();
    writer.write(&table).unwrap();
    writer.write(&table).unwrap();
    let content = writer.into_inner().unwrap();
    let input = Input::from_reader("-", Cursor::new(content), &ReadOptions::default()).unwrap();
    assert_eq!(all(&input, Some(&[0])).unwrap().num_rows(), 200);
}

#[test]
fn row_groups_without_a_wanted_value_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let table = table(1000);
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), table.schema(), Some(properties)).unwrap();
    writer.write(&table).unwrap();
    writer.close().unwrap();
    let input = Input::open(&path, &ReadOptions::default()).unwrap();
    let number = |value: i64| Some(Arc::new(Int64Array::from(vec![value])) as ArrayRef);
    let text = |value: &str| Some(Arc::new(StringArray::from(vec![value])) as ArrayRef);
    let range = |column, low, high| ColumnRange { column, low, high };
    let cases = [
        (vec![], 1000),
        (vec![range(0, number(250), number(260))], 100),
        (vec![range(0, number(299), number(300))], 200),
        (vec![range(0, number(950), None)], 100),
        (vec![range(0, None, number(99)), range(0, number(100), None)], 0),
        (vec![range(3, text("z"), None)], 0),
        // Of another type than the column: it says nothing.
        (vec![range(3, number(1), None)], 1000),
        (vec![range(42, number(1), None)], 1000),
    ];
    for (ranges, rows) in cases {
        let shown = format!("{ranges:?}");
        assert_eq!(all(&input.clone().pruned(ranges), Some(&[1])).unwrap().num_rows(), rows, "{shown}");
    }
}

#[test]
fn large_row_groups_come_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let text: ArrayRef = Arc::new(StringArray::from_iter_values((0..4000).map(|i| format!("{i:0>10000}"))));
    let table = RecordBatch::try_from_iter([("text", text)]).unwrap();
    let path = file(folder.path(), "t.parquet", &written(Output::Parquet, &table, 500));
    let input = Input::open(&path, &ReadOptions::default().batch_rows(usize::MAX)).unwrap();
    let sizes: Vec<usize> = input.batches(None).unwrap().map(|batch| batch.unwrap().num_rows()).collect();
    assert!(sizes.len() > 1 && sizes.iter().sum::<usize>() == 4000, "{sizes:?}");
    assert_eq!(all(&input, None).unwrap().columns(), table.columns());
}

#[test]
fn what_is_broken_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (output, name) in [(Output::Parquet, "t.parquet"), (Output::Arrow, "t.arrow")] {
        let whole = written(output, &table(100), 100);
        for content in [&whole[..whole.len() / 2], &whole[..8], &whole[..7]] {
            let path = file(folder.path(), name, content);
            let error = Input::open(&path, &ReadOptions::default()).and_then(|input| all(&input, None)).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Syntax(_)), "{error:?}");
            assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        }
        let path = file(folder.path(), name, b"a,b\n1,2\n");
        assert!(Input::open(&path, &ReadOptions::default()).is_err());
        let path = file(folder.path(), name, &whole);
        let given = ReadOptions::default().column("id", DataType::Utf8);
        let message = Input::open(&path, &given).unwrap_err().to_string();
        assert!(message.ends_with("a file that says the types of its columns is given no others"), "{message}");
    }
}

#[test]
fn formulas_are_told_apart() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["=1+1", "+1", "-x", "@a", "\tb", "a=b", "", "=\"a\",b"]));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![-1; 8]));
    let table = RecordBatch::try_from_iter([("=a", text), ("n", number)]).unwrap();
    let mut writer = BatchWriter::new(Output::Csv, Vec::new(), &table.schema()).safe_cells();
    writer.write(&table).unwrap();
    let content = String::from_utf8(writer.finish().unwrap()).unwrap();
    let expected = "'=a,n\n'=1+1,-1\n'+1,-1\n'-x,-1\n'@a,-1\n'\tb,-1\na=b,-1\n\"\",-1\n\"'=\"\"a\"\",b\",-1\n";
    assert_eq!(content, expected);
}

/// What is read of a changed file is unknown; that it ends in an answer is not.
fn ends_in_an_answer(name: &str, content: Vec<u8>) {
    let options = ReadOptions::default().on_error(OnError::Reject);
    if let Ok(input) = Input::from_reader(name, Cursor::new(content), &options) {
        let rows: usize =
            input.batches(None).map_or(0, |batches| batches.map_while(Result::ok).map(|b| b.num_rows()).sum());
        assert!(rows <= 1 << 40);
    }
}

/// Lengths, offsets and counts of every size, wherever one may stand.
#[test]
fn no_number_is_believed() {
    for (output, name) in [(Output::Parquet, "t.parquet"), (Output::Arrow, "t.arrow")] {
        let whole = written(output, &table(30), 30);
        for at in (0..whole.len() - 8).step_by(4) {
            for number in [-1, 1 << 20, i64::from(i32::MAX), 1 << 40, i64::MAX] {
                let mut content = whole.clone();
                content[at..at + 8].copy_from_slice(&number.to_le_bytes());
                ends_in_an_answer(name, content);
            }
        }
    }
}

#[test]
fn what_an_arrow_file_says_of_its_size_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let whole = written(Output::Arrow, &table(30), 30);
    let with = |number: i64, other: i64| {
        let found: Vec<usize> = (0..whole.len() - 8).filter(|at| whole[*at..*at + 8] == number.to_le_bytes()).collect();
        assert!(!found.is_empty(), "{number}");
        let mut content = whole.clone();
        for at in found {
            content[at..at + 8].copy_from_slice(&other.to_le_bytes());
        }
        content
    };
    let path = file(folder.path(), "t.arrow", &with(30, 1 << 40));
    let error = Input::open(&path, &ReadOptions::default()).and_then(|input| all(&input, None)).unwrap_err();
    assert!(error.to_string().ends_with("t.arrow: Ipc error: a batch of 1099511627776 rows"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn no_bytes_panic(at in 0usize..3000, byte: u8, cut in 0usize..4000, parquet: bool) {
        let (output, name) = if parquet { (Output::Parquet, "t.parquet") } else { (Output::Arrow, "t.arrow") };
        let mut content = written(output, &table(30), 30);
        content.truncate(content.len().max(cut) - cut.min(content.len()) / 8);
        let length = content.len();
        content[at % length] = byte;
        ends_in_an_answer(name, content);
    }
}
