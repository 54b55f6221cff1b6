//! Rows in are rows out and rejects, whatever options say how a file is written and how it is read: the good rows come in
//! their order, and each bad one is a reject of its own, in every format.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write;
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use taipan_io::{Input, OnError, Ragged, ReadOptions, Reject};

/// The longest record that is allowed, in bytes of UTF-8; good ones are far shorter.
const LONGEST: usize = 400;
/// The deepest value that is allowed.
const DEEPEST: usize = 12;

/// A row: its text, or what is wrong with it.
#[derive(Debug, Clone)]
enum Row {
    Good(String),
    /// No number where the schema says so.
    Misfit,
    TooLong,
    TooDeep,
    /// Against the grammar, as far as the end of its line or element.
    Broken,
}

/// How a file is written.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, alone and beside the others")]
struct Written {
    encoding: &'static str,
    is_packed: bool,
    crlf: bool,
    header: bool,
    skipped: usize,
    delimiter: u8,
    quote: u8,
    escape: bool,
    comments: bool,
    null: &'static str,
    pads: bool,
}

/// How it is read.
#[derive(Debug, Clone)]
struct Reading {
    block: usize,
    sample: usize,
    batch: usize,
    threads: usize,
    columns: Option<Vec<&'static str>>,
}

fn csv(rows: &[Row], how: &Written) -> String {
    let (delimiter, quote) = (char::from(how.delimiter), char::from(how.quote));
    let end = if how.crlf { "\r\n" } else { "\n" };
    let quoted = |text: &str| {
        let escaped = if how.escape {
            text.replace('\\', "\\\\").replace(quote, &format!("\\{quote}"))
        } else {
            text.replace(quote, &format!("{quote}{quote}"))
        };
        format!("{quote}{escaped}{quote}")
    };
    let mut lines: Vec<String> = (0..how.skipped).map(|n| format!("line {n} of something else")).collect();
    if how.header {
        lines.push(["a", "b", "c"].join(&delimiter.to_string()));
    }
    for (n, row) in rows.iter().enumerate() {
        if how.comments && n % 3 == 1 {
            lines.push(format!("# {quote} comment"));
        }
        let line = |a: &str, b: &str| [a, b, how.null].join(&delimiter.to_string());
        lines.push(match row {
            Row::Good(text) if how.pads && n % 2 == 1 => [n.to_string(), quoted(text)].join(&delimiter.to_string()),
            Row::Good(text) => line(&n.to_string(), &quoted(text)),
            Row::Misfit => line(&format!("x{n}"), &quoted("b")),
            Row::TooLong => line(&n.to_string(), &quoted(&"y".repeat(LONGEST))),
            // CSV has no depth.
            Row::TooDeep | Row::Broken => [&n.to_string(), "1", "2", "3"].join(&delimiter.to_string()),
        });
    }
    lines.join(end) + end
}

/// A record; one that is broken ends with its line.
fn object(n: usize, row: &Row) -> String {
    let record = |a: String, b: &str| format!(r#"{{"a":{a},"b":{},"c":null}}"#, serde_json::to_string(b).unwrap());
    match row {
        Row::Good(text) => record(n.to_string(), text),
        Row::Misfit => record(format!("\"x{n}\""), "b"),
        Row::TooLong => record(n.to_string(), &"y".repeat(LONGEST)),
        Row::TooDeep => format!(r#"{{"a":{n},"c":{}1{}}}"#, "[".repeat(DEEPEST + 1), "]".repeat(DEEPEST + 1)),
        Row::Broken => format!(r#"{{"a":{n},"b" "c"}}"#),
    }
}

fn lines(rows: &[Row], how: &Written) -> String {
    let end = if how.crlf { "\r\n" } else { "\n" };
    rows.iter().enumerate().map(|(n, row)| object(n, row) + end).collect()
}

/// The records one level below the document: each on a line of its own, all on one line, or over several.
fn array(rows: &[Row], how: &Written) -> String {
    let end = match (how.crlf, how.header) {
        (true, _) => ",\r\n",
        (false, true) => ",\n",
        (false, false) => ",",
    };
    let over_lines = |record: String| if how.pads { record.replace(",\"c\":", "\n,\n\"c\":") } else { record };
    let records: Vec<String> = rows.iter().enumerate().map(|(n, row)| over_lines(object(n, row))).collect();
    format!("{{\"of\": \"it\", \"items\": [{}]}}\n", records.join(end))
}

/// The records as members of an object.
fn members(rows: &[Row], how: &Written) -> String {
    let end = if how.crlf { ",\n" } else { "," };
    let records: Vec<String> =
        rows.iter().enumerate().map(|(n, row)| format!("\"k{n}\" : {}", object(n, row))).collect();
    format!("{{\"items\": {{{}}}}}\n", records.join(end))
}

fn xml(rows: &[Row], how: &Written) -> String {
    let mut text = format!("<?xml version=\"1.0\" encoding=\"{}\"?>\n<r><items>", how.encoding);
    for (n, row) in rows.iter().enumerate() {
        if how.comments && n % 3 == 1 {
            text.push_str("<!-- <i> -->");
        }
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('\r', "&#13;");
        let record = |a: String, b: &str| format!("<i><a>{a}</a><b>{b}</b><c/></i>");
        let record = match row {
            Row::Good(text) => record(n.to_string(), &escaped(text)),
            Row::Misfit => record(format!("x{n}"), "b"),
            Row::TooLong => record(n.to_string(), &"y".repeat(LONGEST)),
            Row::TooDeep => format!("<i><a>{n}</a>{}{}</i>", "<c>".repeat(DEEPEST), "</c>".repeat(DEEPEST)),
            Row::Broken => format!("<i><a>{n}</b></i>"),
        };
        text.push_str(&record);
        text.push('\n');
    }
    text + "</items></r>\n"
}

/// The text in the encoding, in which all of it can be written.
fn encoded(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "utf-16le" => [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
        "iso-8859-1" => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
        _ => text.as_bytes().to_vec(),
    }
}

fn options(how: &Written, reading: &Reading) -> ReadOptions {
    ReadOptions::default()
        .on_error(OnError::Reject)
        .encoding(how.encoding)
        .column("a", DataType::Int64)
        .column("b", DataType::Utf8)
        .column("c", DataType::Utf8)
        .max_record(LONGEST)
        .max_depth(DEEPEST)
        .block_bytes(reading.block)
        .sample_bytes(reading.sample)
        .batch_rows(reading.batch)
}

fn csv_options(how: &Written, reading: &Reading) -> ReadOptions {
    let options = options(how, reading)
        .header(how.header)
        .skip_lines(how.skipped)
        .delimiter(how.delimiter)
        .quote(how.quote)
        .escape(how.escape.then_some(b'\\'))
        .comment(how.comments.then_some(b'#'))
        .null(how.null)
        .ragged(if how.pads { Ragged::Pad } else { Ragged::Error });
    if how.header {
        return options;
    }
    let names = ["column_1", "column_2", "column_3"].into_iter().zip([DataType::Int64, DataType::Utf8, DataType::Utf8]);
    let bare = ReadOptions::default().on_error(OnError::Reject).encoding(how.encoding).max_record(LONGEST);
    let bare = bare.block_bytes(reading.block).sample_bytes(reading.sample).batch_rows(reading.batch);
    let bare = bare.header(false).skip_lines(how.skipped).delimiter(how.delimiter).quote(how.quote);
    let bare = bare.escape(how.escape.then_some(b'\\')).comment(how.comments.then_some(b'#')).null(how.null);
    let bare = bare.ragged(if how.pads { Ragged::Pad } else { Ragged::Error });
    names.fold(bare, |options, (name, data_type)| options.column(name, data_type))
}

/// The numbers of the rows that came, their texts if they were asked for, and the rejects.
type Came = (Vec<i64>, Option<Vec<String>>, Vec<Reject>);

fn read(path: &Path, options: &ReadOptions, reading: &Reading) -> Came {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(reading.threads).build().unwrap();
    pool.install(|| {
        let input = Input::open(path, options).unwrap().settled(None).unwrap();
        let place = |column: &&str| {
            let known = ["a", "b", "c"].iter().position(|name| name == column).unwrap();
            let names = [*column, ["column_1", "column_2", "column_3"][known]];
            input.schema().fields().iter().position(|field| names.contains(&field.name().as_str())).unwrap()
        };
        let wanted = reading.columns.as_ref().map(|columns| columns.iter().map(place).collect::<Vec<_>>());
        let mut batches = input.batches(wanted.as_deref()).unwrap();
        let (mut numbers, mut texts, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(batch) = batches.next() {
            let batch = batch.unwrap();
            assert!(batch.num_rows() <= reading.batch);
            let column = |names: [&str; 2]| names.into_iter().find_map(|name| batch.column_by_name(name));
            numbers.extend(column(["a", "column_1"]).unwrap().as_primitive::<Int64Type>().values());
            if let Some(column) = column(["b", "column_2"]) {
                texts.extend(column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()));
            }
            rejects.extend(batches.take_rejects());
        }
        rejects.extend(batches.take_rejects());
        let has_texts = reading.columns.as_ref().is_none_or(|columns| columns.contains(&"b"));
        (numbers, has_texts.then_some(texts), rejects)
    })
}

fn check(name: &str, text: &str, rows: &[Row], options: &ReadOptions, how: &Written, reading: &Reading) {
    let folder = tempfile::tempdir().unwrap();
    let bytes = encoded(text, how.encoding);
    let path = folder.path().join(if how.is_packed { format!("{name}.gz") } else { name.to_owned() });
    if how.is_packed {
        let mut packed = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
        packed.write_all(&bytes).unwrap();
        packed.finish().unwrap();
    } else {
        fs::write(&path, &bytes).unwrap();
    }
    let (numbers, texts, rejects) = read(&path, options, reading);
    let good = |row: &(usize, &Row)| matches!(row.1, Row::Good(_));
    let expected: Vec<i64> = rows.iter().enumerate().filter(good).map(|(n, _)| n as i64).collect();
    assert_eq!(numbers, expected, "{text}");
    assert_eq!(rejects.len(), rows.len() - expected.len(), "{rejects:?} {text}");
    if let Some(texts) = texts {
        let expected: Vec<&str> =
            rows.iter().filter_map(|row| if let Row::Good(text) = row { Some(&**text) } else { None }).collect();
        assert_eq!(texts, expected, "{text}");
    }
    // Each at its place: where the line begins, or the element.
    let bad = rows.iter().enumerate().filter(|row| !good(row)).map(|(n, row)| (n.to_string(), row));
    for ((number, row), reject) in bad.zip(&rejects) {
        assert!(reject.raw.contains(&number), "{row:?} {reject:?}");
        let reason = match row {
            Row::Misfit => "does not fit column",
            Row::TooLong => "a record is longer than 400 bytes",
            Row::TooDeep if !name.starts_with("t.csv") => "deep",
            Row::TooDeep | Row::Broken | Row::Good(_) => "",
        };
        assert!(reject.reason.contains(reason), "{row:?} {reject:?}");
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    // What every encoding can say, but no text that is nothing or NULL.
    let good = "[a-z\",;'|\\\\&<>#é\n]{0,20}".prop_map(|text| Row::Good(format!("t{text}.")));
    let bad = prop::sample::select(vec![Row::Misfit, Row::TooLong, Row::TooDeep, Row::Broken]);
    prop::collection::vec(prop_oneof![3 => good.clone(), 1 => bad], 1..40)
        .prop_flat_map(move |rows| good.clone().prop_map(move |first| [vec![first], rows.clone()].concat()))
}

prop_compose! {
    fn written()(
        encoding in prop::sample::select(vec!["utf-8", "utf-8", "iso-8859-1", "utf-16le"]),
        (is_packed, crlf, header, escape, comments, pads) in any::<(bool, bool, bool, bool, bool, bool)>(),
        skipped in 0usize..3,
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
        quote in prop::sample::select(vec![b'"', b'\'']),
        null in prop::sample::select(vec!["", "-", "NULL"]),
    ) -> Written {
        Written { encoding, is_packed, crlf, header, skipped, delimiter, quote, escape, comments, null, pads }
    }
}

prop_compose! {
    fn reading()(
        block in prop_oneof![1usize..600, Just(1 << 20)],
        sample in prop_oneof![1usize..900, Just(8 << 20)],
        batch in prop_oneof![1usize..9, Just(65_536)],
        threads in 1usize..4,
        columns in prop::sample::select(vec![None, Some(vec!["a"]), Some(vec!["a", "c"]), Some(vec!["b", "a"])]),
    ) -> Reading {
        Reading { block, sample, batch, threads, columns }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_csv(rows in rows(), how in written(), reading in reading()) {
        check("t.csv", &csv(&rows, &how), &rows, &csv_options(&how, &reading), &how, &reading);
    }

    #[test]
    fn of_lines_of_json(rows in rows(), how in written(), reading in reading()) {
        check("t.ndjson", &lines(&rows, &how), &rows, &options(&how, &reading), &how, &reading);
    }

    #[test]
    fn of_an_array_of_json(rows in rows(), how in written(), reading in reading()) {
        let options = options(&how, &reading).record("/items").unwrap();
        check("t.json", &array(&rows, &how), &rows, &options, &how, &reading);
    }

    #[test]
    fn of_members_of_json(rows in rows(), how in written(), reading in reading()) {
        let options = options(&how, &reading).record("/items").unwrap();
        check("t.json", &members(&rows, &how), &rows, &options, &how, &reading);
    }

    #[test]
    fn of_xml(rows in rows(), how in written(), reading in reading()) {
        let options = options(&how, &reading).record("items/i").unwrap();
        check("t.xml", &xml(&rows, &how), &rows, &options, &how, &reading);
    }
}
