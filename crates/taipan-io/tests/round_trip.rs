//! Tables written and read back are the same tables, whatever the blocks, samples, threads, delimiters and quotes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Int64Type};
use proptest::prelude::*;
use taipan_io::{BatchWriter, ErrorKind, Input, Output, ReadOptions, Result};

fn table(columns: Vec<ArrayRef>) -> RecordBatch {
    let named = columns.into_iter().enumerate().map(|(i, array)| (format!("c{i}"), array, true));
    RecordBatch::try_from_iter_with_nullable(named).unwrap()
}

/// Values of a column, the first of which gives its type away.
fn column<T: Clone + std::fmt::Debug>(
    first: T,
    value: impl Strategy<Value = T>,
    rows: usize,
) -> impl Strategy<Value = Vec<Option<T>>> {
    prop::collection::vec(prop::option::of(value), rows).prop_map(move |mut values| {
        if let Some(value) = values.first_mut() {
            *value = Some(first.clone());
        }
        values
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,6}", "[\"',;\t|\r\n x]{0,8}", "\\PC{0,6}", Just("NA".to_owned()), Just("5".to_owned())]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>().prop_filter("JSON has none", |v| v.is_finite()), (-9i32..9).prop_map(f64::from)]
}

fn scalar(rows: usize) -> impl Strategy<Value = ArrayRef> {
    prop_oneof![
        column(1, any::<i64>(), rows).prop_map(|v| Arc::new(Int64Array::from(v)) as ArrayRef),
        column(0.5, float(), rows).prop_map(|v| Arc::new(Float64Array::from(v)) as ArrayRef),
        column(true, any::<bool>(), rows).prop_map(|v| Arc::new(BooleanArray::from(v)) as ArrayRef),
        column("text".to_owned(), text(), rows).prop_map(|v| Arc::new(StringArray::from(v)) as ArrayRef),
    ]
}

fn csv_column(rows: usize) -> impl Strategy<Value = ArrayRef> {
    prop_oneof![
        4 => scalar(rows),
        1 => column(0, -100_000..100_000, rows).prop_map(|v| Arc::new(Date32Array::from(v)) as ArrayRef),
        1 => column(1, -1i64 << 50..1 << 50, rows).prop_map(|v| Arc::new(TimestampMicrosecondArray::from(v)) as ArrayRef),
    ]
}

fn json_column(rows: usize) -> impl Strategy<Value = ArrayRef> {
    let list = column(vec![Some(1)], prop::collection::vec(prop::option::of(any::<i64>()), 0..4), rows)
        .prop_map(|v| Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(v)) as ArrayRef);
    let object = (scalar(rows), scalar(rows)).prop_map(|(a, b)| {
        let field = |name: &str, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
        Arc::new(StructArray::from(vec![(field("a", &a), a), (field("b \"é", &b), b)])) as ArrayRef
    });
    prop_oneof![3 => scalar(rows), 1 => list, 1 => object]
}

fn tables<S: Strategy<Value = ArrayRef>>(column: fn(usize) -> S) -> impl Strategy<Value = RecordBatch> {
    (1usize..30, 2usize..5)
        .prop_flat_map(move |(rows, columns)| prop::collection::vec(column(rows), columns).prop_map(table))
}

fn options() -> impl Strategy<Value = ReadOptions> {
    (prop_oneof![1usize..200, Just(1 << 20)], prop_oneof![1usize..500, Just(8 << 20)], 1usize..50).prop_map(
        |(block, sample, rows)| ReadOptions::default().block_bytes(block).sample_bytes(sample).batch_rows(rows),
    )
}

/// Random texts bear the marks of other dialects by chance, so the dialect is said.
fn plain(options: ReadOptions) -> ReadOptions {
    options.header(true).quote(b'"').escape(None).comment(None).skip_lines(0)
}

fn written(output: Output, table: &RecordBatch) -> Vec<u8> {
    let mut writer = BatchWriter::new(output, Vec::new(), &table.schema());
    for start in (0..table.num_rows()).step_by(7) {
        writer.write(&table.slice(start, 7.min(table.num_rows() - start))).unwrap();
    }
    writer.finish().unwrap()
}

fn read(name: &str, content: &[u8], options: &ReadOptions) -> Result<RecordBatch> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    let mut input = Input::open(&path, options)?;
    loop {
        let batches = input.batches(None)?.collect::<Result<Vec<_>>>();
        match batches {
            Ok(batches) => {
                let table = concat_batches(input.schema(), &batches).unwrap();
                assert_eq!(table.num_rows(), rows_by_threads(&input), "threads of one's own see the same rows");
                return Ok(table);
            }
            Err(error) => match error.kind() {
                ErrorKind::Misfit(misfit) => input = input.widen(misfit),
                _ => return Err(error),
            },
        }
    }
}

fn rows_by_threads(input: &Input) -> usize {
    let blocks = input.blocks(Some(&[])).unwrap();
    let pull = || {
        let mut rows = 0;
        while let Some(block) = blocks.next_block().unwrap() {
            rows += blocks.parse(block).unwrap().num_rows();
        }
        rows
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(pull), scope.spawn(pull)];
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

/// CSV as other programs write it: any delimiter and newline, quotes where none are needed.
fn foreign_csv(table: &RecordBatch, delimiter: u8, newline: &[u8], quote_all: bool) -> Vec<u8> {
    let plain = written(Output::Csv, table);
    let text = String::from_utf8(plain).unwrap();
    let mut out = Vec::new();
    let (mut field, mut quoted, mut was_quoted) = (String::new(), false, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.push(letters.next().unwrap()),
            '"' => (quoted, was_quoted) = (!quoted, true),
            ',' | '\n' if !quoted => {
                let needs =
                    was_quoted || field.bytes().any(|byte| byte == delimiter) || (quote_all && !field.is_empty());
                if needs {
                    out.extend_from_slice(format!("\"{}\"", field.replace('"', "\"\"")).as_bytes());
                } else {
                    out.extend_from_slice(field.as_bytes());
                }
                if letter == ',' {
                    out.push(delimiter);
                } else {
                    out.extend_from_slice(newline);
                }
                field.clear();
                was_quoted = false;
            }
            letter => field.push(letter),
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn csv(table in tables(csv_column), options in options()) {
        let back = read("t.csv", &written(Output::Csv, &table), &plain(options).delimiter(b',')).unwrap();
        prop_assert_eq!(back, table);
    }

    #[test]
    fn csv_of_other_programs(
        table in tables(csv_column),
        options in options(),
        delimiter in prop::sample::select(b",;\t|".to_vec()),
        crlf: bool,
        quote_all: bool,
    ) {
        let newline: &[u8] = if crlf { b"\r\n" } else { b"\n" };
        let content = foreign_csv(&table, delimiter, newline, quote_all);
        let back = read("t.csv", &content, &plain(options).delimiter(delimiter)).unwrap();
        prop_assert_eq!(back, table);
    }

    #[test]
    fn json(table in tables(json_column), options in options(), lines: bool) {
        let output = if lines { Output::NdJson } else { Output::Json };
        let back = read("t.json", &written(output, &table), &options).unwrap();
        prop_assert_eq!(back, table);
    }

    #[test]
    fn the_sample_does_not_matter(
        rows in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![
            "1", "-7", "0.5", "9007199254740993", "true", "2024-01-01", "2024-01-01T01:00:00", "x", "007", "NA", "",
        ]), 3), 1..40),
        options in options(),
    ) {
        // A first row that knows every column, as a sample without a value would leave its column text.
        let mut content = "a,b,c\n1,2024-01-01,x\n".to_owned();
        for row in rows {
            content.push_str(&row.join(","));
            content.push('\n');
        }
        let whole = read("t.csv", content.as_bytes(), &ReadOptions::default().header(true)).unwrap();
        prop_assert_eq!(read("t.csv", content.as_bytes(), &options.header(true)).unwrap(), whole);
    }

    #[test]
    fn any_bytes_are_read_or_refused_alike(
        content in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[a1,\"\n;]{0,200}".prop_map(String::into_bytes),
            "[\\[\\]{}\",:a1\\\\ \n]{0,60}".prop_map(String::into_bytes),
        ],
        json: bool,
        options in options(),
    ) {
        let name = if json { "t.json" } else { "t.csv" };
        // What is told by a sample is given: the dialect, the encoding and what stands above the table.
        let header = |options: ReadOptions| options.header(true).delimiter(b',').skip_lines(0).encoding("utf-8");
        let whole = read(name, &content, &header(ReadOptions::default()));
        let parts = read(name, &content, &header(options));
        prop_assert_eq!(whole.is_ok(), parts.is_ok(), "{:?} or {:?}", whole, parts);
        if let (Ok(whole), Ok(parts)) = (whole, parts) {
            prop_assert_eq!(whole.num_rows(), parts.num_rows());
        }
    }
}
