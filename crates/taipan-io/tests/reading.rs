//! Reading files as a caller does: what comes out of each kind of file, and what the errors say.

#![allow(clippy::unwrap_used, clippy::format_collect, reason = "a test may panic, and need not be fast")]

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use taipan_io::{BatchWriter, Error, ErrorKind, Input, Output, ReadOptions, Result};
use tempfile::TempDir;

/// A file in a folder of its own.
struct Sample {
    _folder: TempDir,
    path: PathBuf,
}

fn file(name: &str, content: impl AsRef<[u8]>) -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    Sample { _folder: folder, path }
}

/// Everything in a file, widened as often as it asks for.
fn read(path: &PathBuf, options: &ReadOptions) -> Result<RecordBatch> {
    let mut input = Input::open(path, options)?;
    loop {
        match input.batches(None)?.collect::<Result<Vec<_>>>() {
            Ok(batches) => return Ok(concat_batches(input.schema(), &batches).unwrap()),
            Err(error) => match error.kind() {
                ErrorKind::Misfit(misfit) => input = input.widen(misfit),
                _ => return Err(error),
            },
        }
    }
}

/// The schema as `name:Type …`, then the rows as NDJSON.
fn show(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let columns: Vec<String> =
        schema.fields().iter().map(|field| format!("{}:{}", field.name(), field.data_type())).collect();
    let mut writer = BatchWriter::new(Output::NdJson, Vec::new(), &schema);
    writer.write(batch).unwrap();
    format!("{}\n{}", columns.join(" "), String::from_utf8(writer.finish().unwrap()).unwrap())
}

/// Reads with blocks and samples of every size, which must not matter, and compares.
#[track_caller]
fn check(name: &str, content: impl AsRef<[u8]>, expected: &str) {
    let file = file(name, content);
    for block in [1, 7, 64, 1 << 20] {
        let options = ReadOptions::default().block_bytes(block);
        let shown = read(&file.path, &options).map_or_else(|error| error.to_string(), |batch| show(&batch));
        assert_eq!(shown.trim_end(), expected, "with blocks of {block}");
    }
}

/// The message with the folder taken off.
#[track_caller]
fn check_error(name: &str, content: impl AsRef<[u8]>, expected: &str) {
    let file = file(name, content);
    let folder = format!("{}/", file.path.parent().unwrap().display());
    for block in [1, 64, 1 << 20] {
        for sample in [1, 1 << 20] {
            let options = ReadOptions::default().block_bytes(block).sample_bytes(sample);
            let error = read(&file.path, &options).map(|batch| show(&batch)).unwrap_err();
            let message = error.to_string().replace(&folder, "");
            assert_eq!(message, expected, "with blocks of {block} and a sample of {sample}");
        }
    }
}

#[test]
fn csv_types() {
    check(
        "t.csv",
        "i,f,b,d,t,s\n1,1.5,true,2024-02-29,2024-02-29 10:00,x\n-2,2,FALSE,2024-03-01,2024-03-01,\"\"\n,,,,,\n",
        "i:Int64 f:Float64 b:Boolean d:Date32 t:Timestamp(µs) s:Utf8\n\
         {\"i\":1,\"f\":1.5,\"b\":true,\"d\":\"2024-02-29\",\"t\":\"2024-02-29T10:00:00\",\"s\":\"x\"}\n\
         {\"i\":-2,\"f\":2.0,\"b\":false,\"d\":\"2024-03-01\",\"t\":\"2024-03-01T00:00:00\",\"s\":\"\"}\n\
         {\"i\":null,\"f\":null,\"b\":null,\"d\":null,\"t\":null,\"s\":null}",
    );
}

#[test]
fn csv_numbers_are_never_guessed_wrong() {
    check(
        "t.csv",
        "zip,big,wide,phone\n007,9223372036854775808,9007199254740993,+49\n12,1,0.5,1\n",
        "zip:Utf8 big:Utf8 wide:Utf8 phone:Utf8\n\
         {\"zip\":\"007\",\"big\":\"9223372036854775808\",\"wide\":\"9007199254740993\",\"phone\":\"+49\"}\n\
         {\"zip\":\"12\",\"big\":\"1\",\"wide\":\"0.5\",\"phone\":\"1\"}",
    );
}

#[test]
fn csv_missing_values() {
    check(
        "t.csv",
        "n,s,q\nNA,NA,\"\"\n 1 ,x,\"5\"\nnull,None,\"N/A\"\n",
        "n:Int64 s:Utf8 q:Int64\n{\"n\":null,\"s\":\"NA\",\"q\":null}\n{\"n\":1,\"s\":\"x\",\"q\":5}\n{\"n\":null,\"s\":\"None\",\"q\":null}",
    );
}

#[test]
fn csv_layouts() {
    let rows = "a:Int64 b:Utf8\n{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}";
    for content in [
        "a,b\n1,x\n2,y\n",
        "a,b\n1,x\n2,y",
        "a,b\r\n1,x\r\n\r\n2,y\r\n",
        "\u{feff}a;b\n1;x\n2;y\n",
        "a\tb\n1\tx\n2\ty\n",
        "\n\na|b\n\n1|x\n2|y\n\n",
        "\"a\",\"b\"\n\"1\",\"x\"\n\"2\",\"y\"\n",
        "a,b\r1,x\r2,y\r",
    ] {
        check("t.csv", content, rows);
    }
    check("t.tsv", "a\tb\n1\tx, y; z\n", "a:Int64 b:Utf8\n{\"a\":1,\"b\":\"x, y; z\"}");
    check("t", "{\"a\":1}", "a:Int64\n{\"a\":1}");
    check("t", "a,b\n1,2\n", "a:Int64 b:Int64\n{\"a\":1,\"b\":2}");
}

#[test]
fn csv_quotes_and_newlines() {
    check(
        "t.csv",
        "a,b\n\"x\ny\",\"say \"\"hi\"\"\"\r\n5\" pipe,\"\"\n",
        "a:Utf8 b:Utf8\n{\"a\":\"x\\ny\",\"b\":\"say \\\"hi\\\"\"}\n{\"a\":\"5\\\" pipe\",\"b\":\"\"}",
    );
}

#[test]
fn csv_headers() {
    check(
        "t.csv",
        "1,2\n3,4\n",
        "column_1:Int64 column_2:Int64\n{\"column_1\":1,\"column_2\":2}\n{\"column_1\":3,\"column_2\":4}",
    );
    check(
        "t.csv",
        "name,name,\nx,1,2\n",
        "name:Utf8 name_2:Int64 column_3:Int64\n{\"name\":\"x\",\"name_2\":1,\"column_3\":2}",
    );
    check("t.csv", "a,b\n", "a:Utf8 b:Utf8");
    check("t.csv", "a,b\nx,y\n", "a:Utf8 b:Utf8\n{\"a\":\"x\",\"b\":\"y\"}");
    check("t.csv", "a,A\nx,y\n", "a:Utf8 A_2:Utf8\n{\"a\":\"x\",\"A_2\":\"y\"}");
    check(
        "t.csv",
        "country,2019,2020\nFR,1,2\n",
        "country:Utf8 2019:Int64 2020:Int64\n{\"country\":\"FR\",\"2019\":1,\"2020\":2}",
    );
    let file = file("t.csv", "a\nb\n");
    let batch = read(&file.path, &ReadOptions::default().header(false)).unwrap();
    assert_eq!(batch.num_rows(), 2);
}

#[test]
fn csv_errors() {
    check_error("t.csv", "a,b\n1,2\n\n\"x\ny\",2,3\n", "t.csv:4: 3 fields, expected 2");
    check_error("t.csv", "a,b\n1,2\n3\n4,5,6\n", "t.csv:3: 1 field, expected 2");
    check_error("t.csv", "a,b\n1,2\n3,\"x\n4,5\n", "t.csv:3:3: a quote is opened here and never closed");
    check_error("t.csv", b"a,b\n1,2\nx,\xff\n", "t.csv:3:3: invalid UTF-8");
    check_error("t.csv", "", "t.csv: the file is empty");
    check_error("t.csv", "\n\n", "t.csv: the file is empty");
    check_error("t.json", " \n", "t.json: the file is empty");
    check_error("t.csv", b"\x1f\x8b\x08\x00", "t.csv: the gzip data ends too soon");
}

#[test]
fn every_projection_checks_every_row() {
    let rows: String = (0..5000).map(|i| format!("{i},x,{i}\n")).collect();
    let file = file("t.csv", format!("a,b,c\n{rows}1,2\n"));
    let options = ReadOptions::default().sample_bytes(100).block_bytes(1000);
    let input = Input::open(&file.path, &options).unwrap();
    for projection in [&[][..], &[1], &[2, 0]] {
        let error = input.batches(Some(projection)).unwrap().find_map(Result::err).unwrap();
        assert_eq!(error.kind(), &ErrorKind::Ragged { found: 2, expected: 3 });
        let place = error.place().unwrap();
        assert_eq!((place.line, place.column, place.byte), (Some(5002), None, Some(6 + rows.len() as u64)));
    }
}

#[test]
fn projections_choose_and_order_columns() {
    for (name, content) in [("t.csv", "a,b,c\n1,x,0.5\n"), ("t.json", "[{\"a\":1,\"b\":\"x\",\"c\":0.5}]")] {
        let file = file(name, content);
        let input = Input::open(&file.path, &ReadOptions::default()).unwrap();
        let batch = input.batches(Some(&[2, 0])).unwrap().next().unwrap().unwrap();
        assert_eq!(show(&batch).trim_end(), "c:Float64 a:Int64\n{\"c\":0.5,\"a\":1}");
        let counted = input.batches(Some(&[])).unwrap().next().unwrap().unwrap();
        assert_eq!((counted.num_columns(), counted.num_rows()), (0, 1));
        let error = input.batches(Some(&[3])).unwrap_err().to_string();
        assert!(error.ends_with(": column indices [3], the file has 3 columns"), "{error}");
    }
}

#[test]
fn a_late_misfit_widens() {
    let types = |rows: &str| {
        let numbers: String = (0..3000).map(|i| format!("{i},2024-01-01,1\n")).collect();
        let file = file("t.csv", format!("a,b,c\n{numbers}{rows}"));
        let options = ReadOptions::default().sample_bytes(100).block_bytes(1000);
        let batch = read(&file.path, &options).unwrap();
        assert_eq!(batch.num_rows(), 3000 + rows.lines().count());
        let schema = batch.schema();
        schema.fields().iter().map(|field| field.data_type().to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(types("1,2024-01-01,1\n"), "Int64 Date32 Int64");
    assert_eq!(types("1.5,2024-01-01T10:00:00,x\n"), "Float64 Timestamp(µs) Utf8");
    assert_eq!(types("1.5,NA,1\n9007199254740993,7,NA\n"), "Utf8 Utf8 Int64");
}

#[test]
fn misfits_say_what_and_where() {
    let file = file("t.csv", "size\n1\n2\nmany\n");
    let input = Input::open(&file.path, &ReadOptions::default().sample_bytes(8)).unwrap();
    let error: Error = input.batches(None).unwrap().find_map(Result::err).unwrap();
    assert!(error.to_string().ends_with("t.csv:4:1: `many` does not fit column `size` of integers"), "{error}");
}

#[test]
fn json_shapes() {
    let rows = "a:Int64 b:Utf8\n{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":null}";
    for content in [
        "[{\"a\":1,\"b\":\"x\"},{\"a\":2}]",
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n",
        "{\"a\":1,\"b\":\"x\"}{\"a\":2}",
        "\u{feff}[\n  {\n    \"a\": 1,\n    \"b\": \"x\"\n  },\n  {\"b\": null, \"a\": 2}\n]\n",
        "{\"a\":7,\"b\":\"x\",\"a\":1}\n{\"a\":2}",
    ] {
        check("t.json", content, rows);
    }
    check("t.json", "[]", "");
    check("t.json", "[1, \"x\", null]", "value:Utf8\n{\"value\":\"1\"}\n{\"value\":\"x\"}\n{\"value\":null}");
    check("t.json", "1 2.5", "value:Float64\n{\"value\":1.0}\n{\"value\":2.5}");
}

#[test]
fn json_nests() {
    check(
        "t.json",
        "{\"o\":{\"x\":1,\"l\":[1,2]},\"m\":[{\"k\":\"é\\n\"}]}\n{\"o\":{\"x\":2.5},\"m\":[]}\n{\"o\":null}",
        "o:Struct(\"x\": Float64, \"l\": List(Int64)) m:List(Struct(\"k\": Utf8))\n\
         {\"o\":{\"x\":1.0,\"l\":[1,2]},\"m\":[{\"k\":\"é\\n\"}]}\n\
         {\"o\":{\"x\":2.5,\"l\":null},\"m\":[]}\n\
         {\"o\":null,\"m\":null}",
    );
}

#[test]
fn json_mixed_values_stay_json() {
    check(
        "t.json",
        "[{\"a\":1},{\"a\":{\"b\":[1, 2]}},{\"a\":\"x\"},{\"a\":12345678901234567890123}]",
        "a:Utf8\n{\"a\":\"1\"}\n{\"a\":\"{\\\"b\\\":[1, 2]}\"}\n{\"a\":\"x\"}\n{\"a\":\"12345678901234567890123\"}",
    );
}

#[test]
fn json_late_keys_and_types_widen() {
    let rows: String = (0..1000).map(|i| format!("{{\"a\":{i},\"o\":{{\"x\":null,\"y\":1}}}}\n")).collect();
    let file = file("t.ndjson", format!("{rows}{{\"new\":true,\"a\":0.5,\"o\":{{\"z\":1}}}}\n"));
    let batch = read(&file.path, &ReadOptions::default().sample_bytes(100).block_bytes(1000)).unwrap();
    assert_eq!(batch.num_rows(), 1001);
    let shown = show(&batch);
    assert_eq!(shown.lines().next(), Some("a:Float64 o:Struct(\"x\": Utf8, \"y\": Int64, \"z\": Int64) new:Boolean"));
    assert_eq!(shown.lines().last(), Some("{\"a\":0.5,\"o\":{\"x\":null,\"y\":null,\"z\":1},\"new\":true}"));
}

#[test]
fn json_errors() {
    for (content, expected) in [
        ("[{\"a\":1},\n {\"a\":2},]", "t.json:2:10: trailing comma before `]`"),
        ("[{\"a\":1}\n {\"a\":2}]", "t.json:2:2: expected `,` or `]`, found `{`"),
        ("[{\"a\":1}]\n\nx", "t.json:3:1: expected nothing after the end of the array, found `x`"),
        ("[{\"a\":1},\n {\"a\":2}\n", "t.json:3:1: the array is not closed: expected `]`"),
        ("{\"a\":1}\n{\"a\":\n", "t.json:2:1: the object that starts here is not closed"),
        ("{\"é\":1}\n{\"é\":1,}", "t.json:2:8: trailing comma before `}` or `]`"),
        ("{\"a\":1}\n{\"é\" 1}", "t.json:2:6: expected `:`"),
        ("{\"a\":1}\n{\"a\":[1 2]}", "t.json:2:9: expected `,` or `]`"),
        ("{\"a\":1}\n{\"a\":1]", "t.json:2:7: expected `,` or `}`"),
        ("{\"a\":1}\n{a:1}", "t.json:2:2: expected a key in quotes"),
        ("{\"a\":1} {\"a\":01}", "t.json:1:15: invalid number"),
        ("{\"a\":1}\n{\"a\":tru}", "t.json:2:9: invalid word, expected `true`, `false` or `null`"),
        ("[1,\n\n  nul]", "t.json:3:5: the value ends too early"),
        ("1\nx", "t.json:2:1: expected a value"),
        ("{\"a\":\"\\x\"}", "t.json:1:8: invalid escape in a string"),
        ("{\"a\":\"\\ud800\"}", "t.json:1:7: half a surrogate pair is escaped alone"),
        ("{\"a\":\"x\ty\"}", "t.json:1:8: control character in a string, expected its escape"),
    ] {
        check_error("t.json", content, expected);
    }
    check_error("t.json", b"{\"a\":\"\xff\"}", "t.json:1:7: invalid UTF-8");
    let deep = ["{\"a\":\n", &"[".repeat(2000), &"]".repeat(2000), "}"].concat();
    check_error("t.json", deep, "t.json:2:1024: nested deeper than 1024 levels");
    for (open, at) in [("[", "1:1026"), ("{\"a\":", "1:5121"), ("[{\"a\":", "1:3074")] {
        check_error("t.json", open.repeat(100_000), &format!("t.json:{at}: nested deeper than 1024 levels"));
    }
}

#[test]
fn what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: PathBuf| {
        let message = Input::open(&path, &ReadOptions::default()).unwrap_err().to_string();
        message.replace(&path.display().to_string(), "PATH")
    };
    assert_eq!(message(folder.path().join("nope.csv")), "PATH: no such file");
    let nothing = "no data files (csv, tsv, json, ndjson, jsonl, xml, parquet, arrow) in this directory";
    assert_eq!(message(folder.path().to_owned()), format!("PATH: {nothing}"));
}

#[test]
fn a_delimiter_must_be_possible() {
    let file = file("t.csv", "a\n1\n");
    let error = Input::open(&file.path, &ReadOptions::default().delimiter(b'"')).unwrap_err();
    assert_eq!(error.to_string(), "`\\\"` cannot be a delimiter: expected an ASCII character but no quote or newline");
}

#[test]
fn what_an_input_knows() {
    let file = file("t.csv", "a,b\n1,2\n3,4\n");
    let input = Input::open(&file.path, &ReadOptions::default()).unwrap();
    assert_eq!(input.sampled_rows(), (2, true));
    assert_eq!(input.len_bytes(), Some(12));
    assert_eq!(input.name(), file.path.display().to_string());
    let sampled = Input::open(&file.path, &ReadOptions::default().sample_bytes(9)).unwrap();
    assert_eq!(sampled.sampled_rows(), (1, false));
    let mut batches = input.batches(None).unwrap();
    assert_eq!(batches.bytes_read(), 4);
    assert_eq!(batches.by_ref().count(), 1);
    assert_eq!(batches.bytes_read(), 12);
}

#[test]
fn the_head_of_a_large_file_reads_little() {
    let rows: String = (0..400_000).map(|i| format!("{i},some text here\n")).collect();
    let file = file("t.csv", format!("a,b\n{rows}"));
    let input = Input::open(&file.path, &ReadOptions::default().batch_rows(1000)).unwrap();
    let mut batches = input.batches(None).unwrap();
    assert_eq!(batches.next().unwrap().unwrap().num_rows(), 1000);
    assert!(batches.bytes_read() <= 1 << 16, "{}", batches.bytes_read());
    let rest: usize = batches.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rest, 399_000);
}

#[test]
fn a_record_beyond_64_mib_is_refused() {
    let long = "x".repeat(65 << 20);
    for (name, content, line) in [("t.csv", format!("a,b\n1,2\n\"{long}"), 3), ("t.json", format!("[\"{long}"), 1)] {
        let file = file(name, content);
        let error = read(&file.path, &ReadOptions::default()).unwrap_err();
        assert_eq!(
            (error.kind(), error.place().unwrap().line),
            (&ErrorKind::TooLong { limit: 64 << 20 }, Some(line)),
            "{name}"
        );
    }
}

#[test]
fn a_first_record_that_is_too_long_is_told_at_its_line() {
    let file = file("t.csv", format!("a,b\n1,\"{}\"\n3,y\n", "x".repeat(5000)));
    let small = ReadOptions::default().sample_bytes(100).max_record(1000);
    let error = Input::open(&file.path, &small).unwrap_err();
    assert!(error.to_string().ends_with("t.csv:2: a record is longer than 1000 bytes"), "{error}");
}

#[test]
fn threads_of_the_pool_do_not_wait_for_each_other() {
    let rows: String = (0..100_000).map(|i| format!("{i},x\n")).collect();
    let file = file("t.csv", format!("a,b\n{rows}"));
    let input = Input::open(&file.path, &ReadOptions::default().sample_bytes(1000).block_bytes(10_000)).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let rows = pool.install(|| input.batches(None).unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>());
    assert_eq!(rows, 100_000);
}

#[test]
fn the_example_files_read() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/demo"));
    for (name, rows, types) in [
        ("tips.csv", 244, "Float64 Float64 Utf8 Utf8 Utf8 Utf8 Int64"),
        ("iris.csv", 150, "Float64 Float64 Float64 Float64 Utf8"),
    ] {
        let batch = read(&folder.join(name), &ReadOptions::default()).unwrap();
        let schema = batch.schema();
        let found: Vec<String> = schema.fields().iter().map(|field| field.data_type().to_string()).collect();
        assert_eq!((batch.num_rows(), found.join(" ").as_str()), (rows, types), "{name}");
    }
}

/// The limit is the caller's, for whole records and for what surrounds an array, and named by the error.
#[test]
fn json_may_be_nested_as_deep_as_told() {
    let nested = |levels: usize| format!("{}{}", "{\"a\":".repeat(levels), "1".to_owned() + &"}".repeat(levels));
    let read = |text: &str, options: &ReadOptions| {
        let input = Input::from_reader("in.json", Cursor::new(text.to_owned()), options)?;
        input.batches(None)?.map(|batch| batch.map(|batch| batch.num_rows())).sum::<taipan_io::Result<usize>>()
    };
    for (limit, levels) in [(3, 3), (3, 4), (1024, 1024), (1024, 1025), (5000, 5000), (5000, 5001)] {
        let options = ReadOptions::default().max_depth(limit);
        let fits = levels <= limit;
        for text in [nested(levels), format!("{{\"a\":1}}\n{}\n", nested(levels))] {
            match read(&text, &options) {
                Ok(_) => assert!(fits, "{levels} of {limit}"),
                Err(error) => {
                    assert!(!fits, "{levels} of {limit}: {error}");
                    assert!(error.to_string().ends_with(&format!("nested deeper than {limit} levels")), "{error}");
                }
            }
        }
        let around = format!("{{\"x\":{},\"items\":[1,2]}}", nested(levels - 1));
        assert_eq!(read(&around, &options.record("/items").unwrap()).ok(), fits.then_some(2), "{levels} of {limit}");
    }
}

/// An object keyed by id: each member is a row, and its key the first column.
#[test]
fn members_of_an_object_are_records_where_they_are_alike() {
    let read = |text: &str, options: &ReadOptions| {
        let input = Input::from_reader("in.json", Cursor::new(text.to_owned()), options)?;
        let batches = input.batches(None)?.collect::<Result<Vec<_>>>()?;
        let mut out = Vec::new();
        let mut writer = BatchWriter::new(Output::NdJson, &mut out, input.schema());
        batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.finish()?;
        Ok::<_, Error>(String::from_utf8(out).unwrap())
    };
    let plain = ReadOptions::default();
    let two = "{\n  \"u\\u0031\" : {\"x\": 1, \"y\": \"a\"},\n  \"u2\":{\"x\":2}\n}\n";
    let rows = "{\"key\":\"u1\",\"x\":1,\"y\":\"a\"}\n{\"key\":\"u2\",\"x\":2,\"y\":null}\n";
    let within = format!("{{\"n\":2,\"users\":{two},\"z\":[]}}");
    for (text, options) in [(two, plain.clone()), (&within, plain.clone().record("/users").unwrap())] {
        for block in [1, 7, 1 << 20] {
            assert_eq!(read(text, &options.clone().block_bytes(block)).unwrap(), rows, "{text} in blocks of {block}");
        }
    }
    // On one line it may be a record like any other, unless it is said to be none.
    let line = "{\"a\":{\"x\":1},\"b\":{\"x\":2}}\n";
    assert_eq!(read(line, &plain).unwrap(), "{\"a\":{\"x\":1},\"b\":{\"x\":2}}\n");
    let root = plain.clone().record("/").unwrap();
    assert_eq!(read(line, &root).unwrap(), "{\"key\":\"a\",\"x\":1}\n{\"key\":\"b\",\"x\":2}\n");
    let ages = "{\n\"12\":{\"key\":\"a\"},\"7\":{\"key\":\"b\"}}";
    let numbered = plain.clone().column("_key", arrow::datatypes::DataType::Int64);
    assert_eq!(read(ages, &numbered).unwrap(), "{\"_key\":12,\"key\":\"a\"}\n{\"_key\":7,\"key\":\"b\"}\n");

    // What is told by the path need not be alike.
    let prices = plain.clone().record("prices").unwrap();
    let mixed = "{\"prices\":{\"a\":1,\"b\":2.5}}";
    assert_eq!(read(mixed, &prices).unwrap(), "{\"key\":\"a\",\"value\":1.0}\n{\"key\":\"b\",\"value\":2.5}\n");

    for (text, message) in [
        ("{\"a\":{\"x\":1},\n\"b\":{\"x\":tru}}", "in.json:2:13: "),
        ("{\"p\":{\"a\":{\"x\":1},\n\"b\" {\"x\":1}}}", "in.json:2:5: expected `:` after a key, found `{`"),
        ("{\"p\":{\"a\":{\"x\":1},\n}}", "in.json:2:1: trailing comma before `}`"),
        ("{\"p\":{\"a\":{\"x\":1} \"b\":{}}}", "in.json:1:19: expected `,` or `}`, found "),
        ("{\"p\":{a:{\"x\":1}}}", "in.json:1:7: expected a key in quotes, found `a`"),
    ] {
        let options = if text.starts_with("{\"p\"") { plain.clone().record("p").unwrap() } else { plain.clone() };
        let error = read(text, &options).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text}: {error}");
    }

    // A filter keeps the keys.
    let input = Input::from_reader("in.json", Cursor::new(two.to_owned()), &plain).unwrap();
    let condition = taipan_io::Condition::parse("key = 'u2'").unwrap();
    let mut out = Vec::new();
    let filtered = taipan_io::Filter::new(input, &condition).unwrap().run(&mut out, |_| Ok(())).unwrap();
    assert_eq!((filtered.records, filtered.kept), (2, 1));
    let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(out, serde_json::json!([{"key": "u2", "x": 2, "y": null}]));
}

#[test]
fn arrays_one_behind_another_are_records() {
    check("t.json", "[1,2]\n[3,4]\n", "value:List(Int64)\n{\"value\":[1,2]}\n{\"value\":[3,4]}");
    check("t.ndjson", "[1]\n[\"a\"]\n[]", "value:List(Utf8)\n{\"value\":[\"1\"]}\n{\"value\":[\"a\"]}\n{\"value\":[]}");
    check("t.json", "[[1,2],\n[3,4]]\n", "value:List(Int64)\n{\"value\":[1,2]}\n{\"value\":[3,4]}");
}

#[test]
fn an_array_that_holds_the_data_is_found() {
    let rows = "{\"a\":1}, {\"a\":2}, {\"a\":3}";
    let expected = "a:Int64\n{\"a\":1}\n{\"a\":2}\n{\"a\":3}";
    check("t.json", format!("{{\"count\":3,\"items\":[{rows}]}}"), expected);
    // Also where the sample does not reach its end.
    let many = vec!["{\"a\":1}"; 500].join(",\n ");
    let file = file("t.json", format!("{{\"count\":500,\n\"items\":[{many}]}}\n"));
    let small = ReadOptions::default().sample_bytes(300).block_bytes(100);
    assert_eq!(read(&file.path, &small).unwrap().num_rows(), 500);
    // The document itself is one record.
    let whole = read(&file.path, &small.record("/").unwrap()).unwrap();
    assert_eq!((whole.num_rows(), whole.schema().field(1).name().as_str()), (1, "items"));
    // A line is a record, whatever it holds.
    check(
        "t.ndjson",
        format!("{{\"items\":[{rows}]}}"),
        &format!("items:List(Struct(\"a\": Int64))\n{{\"items\":[{}]}}", rows.replace(", ", ",")),
    );
}
