//! Filtering as a caller does: which records stay, byte for byte, and what the errors say.

#![allow(clippy::unwrap_used, clippy::format_collect, reason = "a test may panic, and need not be fast")]

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use taipan_io::{Condition, Filter, Filtered, Input, OnError, Output, ReadOptions, Reject, Result, Scalar};
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

/// What stays of a file, what was counted, and the rejects.
fn filtered(
    path: &PathBuf,
    condition: &str,
    output: Option<Output>,
    options: &ReadOptions,
) -> Result<(String, Filtered, Vec<Reject>)> {
    let condition = Condition::parse(condition).unwrap();
    let mut filter = Filter::new(Input::open(path, options)?, &condition)?;
    if let Some(output) = output {
        filter = filter.output(output);
    }
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    let done = filter.run(&mut out, |bad| {
        rejects.extend_from_slice(bad);
        Ok(())
    })?;
    Ok((String::from_utf8(out).unwrap(), done, rejects))
}

/// Filters with blocks of every size and some numbers of threads, which must not matter, and compares.
#[track_caller]
fn check(name: &str, content: impl AsRef<[u8]>, condition: &str, output: Option<Output>, expected: &str) {
    let file = file(name, content);
    for block in [1, 7, 64, 1 << 20] {
        for threads in [1, 3] {
            let options = ReadOptions::default().block_bytes(block);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| filtered(&file.path, condition, output, &options));
            let shown = found.map_or_else(|error| error.to_string(), |(text, ..)| text);
            assert_eq!(shown, expected, "with blocks of {block} and {threads} threads");
        }
    }
}

#[test]
fn records_are_copied() {
    let lines =
        "{\"a\": 1, \"u\":{\"c\":\"DE\"}}\n{\"a\":1.50e1,\"u\":{\"c\":\"\\u0046R\"},\"x\":[1, 2]}\n\n{\"u\":null}\n7\n";
    let cases = [
        ("a > 1", "{\"a\":1.50e1,\"u\":{\"c\":\"\\u0046R\"},\"x\":[1, 2]}\n"),
        ("u.c = 'FR'", "{\"a\":1.50e1,\"u\":{\"c\":\"\\u0046R\"},\"x\":[1, 2]}\n"),
        ("U.C = 'DE'", "{\"a\": 1, \"u\":{\"c\":\"DE\"}}\n"),
        ("a IS NULL", "{\"u\":null}\n7\n"),
        ("value = 7", "7\n"),
        ("a > 100", ""),
        ("u.c.d IS NOT NULL", ""),
    ];
    for (condition, expected) in cases {
        check("t.ndjson", lines, condition, None, expected);
        check("t.json", lines, condition, None, expected);
    }
    check("t.json", "{\"a\":1}{\"a\":2} {\"a\":3}", "a <> 2", None, "{\"a\":1}\n{\"a\":3}\n");
    check("t.json", "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n", "a = 2", None, "{\n  \"a\": 2\n}\n");
}

#[test]
fn arrays_look_as_before() {
    let compact = "[{\"a\":1},{\"a\":2},{\"a\":3}]\n";
    let pretty = "[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": 2\n  },\n  {\n    \"a\": 3\n  }\n]\n";
    check("t.json", compact, "a <> 2", None, "[{\"a\":1},{\"a\":3}]\n");
    check("t.json", compact, "true", None, compact);
    check("t.json", compact, "false", None, "[]\n");
    check("t.json", pretty, "a > 1", None, "[\n  {\n    \"a\": 2\n  },\n  {\n    \"a\": 3\n  }\n]\n");
    check("t.json", pretty, "true", None, pretty);
    check("t.json", "[]", "a = 1", None, "[]\n");
    check("t.json", "[{\"a\":1}]", "a = 1", None, "[\n{\"a\":1}\n]\n");
    check("t.json", pretty, "a > 1", Some(Output::NdJson), "{\"a\":2}\n{\"a\":3}\n");
    check("t.json", "{\"a\":1}\n{\"a\":2}\n", "true", Some(Output::Json), "[\n{\"a\":1},\n{\"a\":2}\n]\n");
}

#[test]
fn csv_rows_are_copied() {
    let csv = "id,\"na me\",day\r\n1,\"a \"\"b\"\"\",2024-01-01\r\n\r\n2,  c,2024-03-01\r\n3,,\r\n10,d,2024-04-01";
    let cases = [
        ("id > 1.5", "id,\"na me\",day\r\n2,  c,2024-03-01\r\n3,,\r\n10,d,2024-04-01\r\n"),
        ("id > '9'", "id,\"na me\",day\r\n10,d,2024-04-01\r\n"),
        ("\"na me\" = 'a \"b\"'", "id,\"na me\",day\r\n1,\"a \"\"b\"\"\",2024-01-01\r\n"),
        ("\"NA ME\" IS NULL", "id,\"na me\",day\r\n3,,\r\n"),
        ("day >= '2024-02-29 12:00'", "id,\"na me\",day\r\n2,  c,2024-03-01\r\n10,d,2024-04-01\r\n"),
        ("id = 77", "id,\"na me\",day\r\n"),
    ];
    for (condition, expected) in cases {
        check("t.csv", csv, condition, None, expected);
        check("t.csv", format!("\u{feff}{csv}"), condition, Some(Output::Csv), expected);
    }
    check("t.csv", "1;x\n2;y\n", "column_1 = 2", None, "2;y\n");
    check("t.csv", csv, "id = 2", Some(Output::NdJson), "{\"id\":2,\"na me\":\"  c\",\"day\":\"2024-03-01\"}\n");
    check("t.json", "[{\"a\":1,\"b\":\"x\"},{\"a\":2}]", "a = 1", Some(Output::Csv), "a,b\n1,x\n");
}

/// The message with the folder taken off, the same for every size of blocks and whatever field is asked for.
#[track_caller]
fn check_error(name: &str, content: impl AsRef<[u8]>, condition: &str, expected: &str) {
    let file = file(name, content);
    let folder = format!("{}/", file.path.parent().unwrap().display());
    for block in [1, 64, 1 << 20] {
        for sample in [1, 1 << 20] {
            let options = ReadOptions::default().block_bytes(block).sample_bytes(sample);
            let error = filtered(&file.path, condition, None, &options).map(|(text, ..)| text).unwrap_err();
            assert_eq!(error.to_string().replace(&folder, ""), expected, "blocks of {block}, a sample of {sample}");
        }
    }
}

#[test]
fn faults_are_placed() {
    for condition in ["a = 1", "other = 1", "a.b = 1", "true"] {
        for (content, expected) in [
            ("{\"a\":1}\n{\"a\":1,}", "t.json:2:8: trailing comma before `}` or `]`"),
            ("{\"a\":1}\n{\"é\" 1}", "t.json:2:6: expected `:`"),
            ("{\"a\":1}\n{\"b\":[{\"c\":01}]}", "t.json:2:13: invalid number"),
            ("{\"a\":1}\n{\"b\":\"\\ud800\"}", "t.json:2:7: half a surrogate pair is escaped alone"),
            ("[{\"a\":1},\n {\"a\":2},]", "t.json:2:10: trailing comma before `]`"),
            ("[{\"a\":1}\n {\"a\":2}]", "t.json:2:2: expected `,` or `]`, found `{`"),
            ("{\"a\":1}\n{\"a\":\n", "t.json:2:1: the object that starts here is not closed"),
        ] {
            check_error("t.json", content, condition, expected);
        }
    }
    check_error(
        "t.json",
        "{\"a\":1}\n{\"b\":0,\n\"a\":\"n/a\"}",
        "a > 0",
        "t.json:3:5: `a` is `n/a`, which is no number but compared with one",
    );
    check_error(
        "t.csv",
        "a,b\n1,x\n2,n/a\n",
        "b > 0 OR a = 1",
        "t.csv:2: `b` is `x`, which is no number but compared with one",
    );
    check_error("t.csv", "a,b\n1,x\n2\n", "a = 1", "t.csv:3: 1 field, expected 2");
    check_error("t.csv", "alpha,b\n1,x\n", "alpah = 1", "t.csv: condition, column 1: no field `alpah`");
}

#[test]
fn a_field_that_no_record_has_is_told() {
    let file = file("t.json", "{\"a\":1}\n{\"a\":2}\n");
    let (.., done, _) = filtered(&file.path, "a = 1 OR b.c = 2", None, &ReadOptions::default()).unwrap();
    assert_eq!(done, Filtered { records: 2, kept: 1, rejected: 0, missing: vec!["b.c".to_owned()] });
}

#[test]
fn bad_records_are_set_aside() {
    let cases = [
        (
            "t.ndjson",
            "{\"a\":1}\n{\"a\":2,}\n{\"a\":\"x\"}\n{\"a\":3}\n{\"a\":\"\\q\"}\n",
            "{\"a\":3}\n",
            "2:{\"a\":2,}|3:{\"a\":\"x\"}|5:{\"a\":\"\\q\"}",
        ),
        ("t.json", "[{\"a\":1},\n{\"a\":02},{\"a\":5}]", "[{\"a\":5}]\n", "2:{\"a\":02}"),
        ("t.csv", "a,b\n1,2\n3\n4,5\n", "a,b\n4,5\n", "3:3"),
    ];
    for (name, content, expected, rejected) in cases {
        let file = file(name, content);
        for block in [1, 16, 1 << 20] {
            let options = ReadOptions::default().block_bytes(block).on_error(OnError::Reject);
            let (text, done, rejects) = filtered(&file.path, "a > 2", None, &options).unwrap();
            let shown: Vec<String> = rejects.iter().map(|reject| format!("{}:{}", reject.line, reject.raw)).collect();
            assert_eq!((text.as_str(), shown.join("|").as_str()), (expected, rejected), "with blocks of {block}");
            assert_eq!(done.rejected, rejects.len() as u64);
            let error = filtered(&file.path, "a > 2", None, &options.max_rejects(0)).unwrap_err().to_string();
            assert!(error.contains("more than 0 rejects"), "{error}");
        }
    }
}

/// What a condition cannot judge is set aside whatever the rows are written as, or told with its line.
#[test]
fn what_cannot_be_judged_is_a_reject_in_every_format() {
    let csv: String =
        (0..300).fold("a,b\n".to_owned(), |text, n| text + &if n == 7 { "x,7\n".into() } else { format!("{n},{n}\n") });
    let cases = [
        (
            "t.ndjson",
            "{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":2}\n{\"a\":3,}\n{\"a\":0}\n",
            "2:{\"a\":\"x\"}|4:{\"a\":3,}",
            2,
            "t.ndjson:4",
        ),
        ("t.json", "[{\"a\":1},\n{\"a\":\"x\"},{\"a\":2}]", "2:{\"a\":\"x\"}", 2, "t.json:2"),
        ("t.csv", &csv, "9:x,7", 298, "t.csv:9"),
        ("t.xml", "<r><i><a>1</a></i>\n<i><a>x</a></i>\n<i><a>2</a></i></r>", "2:<i><a>x</a></i>", 2, "t.xml:2"),
    ];
    for (name, content, rejected, kept, place) in cases {
        let file = file(name, content);
        for output in [Output::Csv, Output::Json, Output::NdJson, Output::Parquet, Output::Arrow] {
            for block in [16, 1 << 20] {
                let options = ReadOptions::default().block_bytes(block);
                let input = || Input::open(&file.path, &options.clone().on_error(OnError::Reject)).unwrap();
                let mut rejects = Vec::new();
                let condition = Condition::parse("a > 0").unwrap();
                let filter = Filter::new(input(), &condition).unwrap().output(output);
                let done = filter.run(&mut Vec::new(), |bad| {
                    rejects.extend(bad.iter().map(|reject| format!("{}:{}", reject.line, reject.raw)));
                    Ok(())
                });
                let done = done.unwrap();
                assert_eq!((rejects.join("|").as_str(), done.kept), (rejected, kept), "{name} {output:?} {block}");
                assert_eq!(done.rejected, rejects.len() as u64);
                let input = Input::open(&file.path, &options);
                let error = input.and_then(|input| {
                    Filter::new(input, &condition).unwrap().output(output).run(&mut Vec::new(), |_| Ok(()))
                });
                let error = error.unwrap_err().to_string();
                assert!(error.contains(place), "{error}");
            }
        }
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-3i64..3).prop_map(Into::into),
        prop::sample::select(vec![-0.5, 2.5, 1e300]).prop_map(Into::into),
        "[a\"\\\\\n\u{e9}1]{0,3}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map("[abc]|x\"y", inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What a condition says of a record, by another parser's reading of it.
fn plainly(condition: &Condition, record: &serde_json::Value) -> Option<bool> {
    let texts: Vec<(serde_json::Value, String)> = condition
        .fields()
        .iter()
        .map(|path| {
            let mut found = Some(record);
            for name in path.names() {
                found = found.and_then(|value| value.as_object()?.get(name));
            }
            let found = found.cloned().unwrap_or_default();
            let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            (found, text)
        })
        .collect();
    let scalar = |field: usize| match &texts[field] {
        (serde_json::Value::Null, _) => Scalar::Null,
        (serde_json::Value::Bool(truth), _) => Scalar::Boolean(*truth),
        (serde_json::Value::Number(_), text) => Scalar::Number(text),
        (serde_json::Value::String(_), text) => Scalar::Text(text),
        _ => Scalar::Nested(""),
    };
    condition.evaluate(scalar).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Records in are records out and rejects, the same ones whatever the form, the blocks and the threads.
    #[test]
    fn as_another_parser(
        records in prop::collection::vec(value(), 0..30),
        form in 0..4,
        block in 1usize..200,
        condition in "(a|b|a\\.b|c) (=|<>) (1|'a'|-0\\.5|null) (AND|OR) (b IS NULL|a IS NOT NULL|NOT c IS NULL)",
    ) {
        // Those that the condition cannot judge have tests of their own.
        let condition = Condition::parse(&condition).unwrap();
        let unlike = |value: &serde_json::Value| value.is_boolean() || value.is_array() || value.is_object();
        let records: Vec<serde_json::Value> = records
            .into_iter()
            .filter(serde_json::Value::is_object)
            .filter(|record| condition.fields().iter().all(|path| {
                let mut found = Some(record);
                for name in path.names() {
                    found = found.and_then(|value| value.as_object()?.get(name));
                }
                !found.is_some_and(unlike)
            }))
            .collect();
        let texts: Vec<String> = records
            .iter()
            .map(|record| if form == 3 { serde_json::to_string_pretty(record).unwrap() } else { record.to_string() })
            .collect();
        let join = |texts: &[String]| match form {
            0 | 3 => texts.iter().map(|text| format!("{text}\n")).collect::<String>(),
            1 if texts.is_empty() => "[]\n".to_owned(),
            1 => format!("[{}]\n", texts.join(",")),
            _ if texts.is_empty() => "[]\n".to_owned(),
            _ => format!("[\n {}\n]\n", texts.join(",\n ")),
        };
        prop_assume!(texts.len() > 1);
        let kept: Vec<String> = texts.iter().zip(&records)
            .filter(|(_, record)| plainly(&condition, record) == Some(true))
            .map(|(text, _)| text.clone())
            .collect();
        let file = file("t.json", join(&texts));
        let options = ReadOptions::default().block_bytes(block);
        let (out, done, _) = filtered(&file.path, condition.text(), None, &options).unwrap();
        prop_assert_eq!(out, join(&kept));
        prop_assert_eq!((done.records, done.kept), (records.len() as u64, kept.len() as u64));
    }
}

#[test]
fn xml_keeps_the_document_around_its_records() {
    let document = "<?xml version=\"1.0\"?>\n<!-- all -->\n<rows kind='x'>\n  <note>kept</note>\n  <row id='1'><v>150</v></row>\n\
                    \x20 <row id='2'>\n    <v>7</v>\n  </row>\n  <!-- between -->\n  <row id='3'><v> 1e3 </v></row>\n  <row id='4'/>\n</rows>\n";
    let expected = "<?xml version=\"1.0\"?>\n<!-- all -->\n<rows kind='x'>\n  <note>kept</note>\n  <row id='1'><v>150</v></row>\n\
                    \x20 <!-- between -->\n  <row id='3'><v> 1e3 </v></row>\n</rows>\n";
    check("t.xml", document, "v > 100", None, expected);
    check("t.xml", document, "\"@id\" = 1 OR v = 1000", None, expected);
    let none =
        "<?xml version=\"1.0\"?>\n<!-- all -->\n<rows kind='x'>\n  <note>kept</note>\n  <!-- between -->\n</rows>\n";
    check("t.xml", document, "v > 10000", None, none);
    check("t.xml", document, "v > 100", Some(Output::NdJson), "{\"@id\":1,\"v\":150.0}\n{\"@id\":3,\"v\":1000.0}\n");
}

#[test]
fn xml_fields_are_elements_attributes_and_texts() {
    let record = |inner: &str| format!("<r><i>{inner}</i><i><a>x</a><a>y</a></i></r>");
    let cases = [
        ("<u><c>D&amp;E</c></u>", "u.c = 'D&E'"),
        ("<u c='5'>text</u>", "u.\"@c\" < 6"),
        ("<u c='5'>text</u>", "u = 'text'"),
        ("<u c='5'>text</u>", "u.\"#text\" = 'text'"),
        ("<n:u xmlns:n='x'>2024-01-02</n:u>", "\"n:u\" < DATE '2024-02-01'"),
        ("<i>9007199254740993</i>", "i > 9007199254740992"),
        ("<u><![CDATA[<b>]]></u>", "u LIKE '<%'"),
        ("<u/>", "u = ''"),
    ];
    for (inner, condition) in cases {
        let expected = format!("<r><i>{inner}</i></r>");
        check("t.xml", record(inner), condition, None, &expected);
    }
    let file = file("t.xml", record("<u>1</u>"));
    let (text, done, _) = filtered(&file.path, "u = 1 AND none IS NULL", None, &ReadOptions::default()).unwrap();
    assert_eq!(text, "<r><i><u>1</u></i></r>");
    assert_eq!((done.records, done.kept, done.missing), (2, 1, vec!["none".to_owned()]));
    let error = filtered(&file.path, "a = 'x'", None, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("t.xml:1:"), "{error}");
}

#[test]
fn xml_rejects_go_and_the_rest_stays() {
    let file = file("t.xml", "<r>\n<i><v>5</v></i>\n<i><v>6</b></i>\n<i><v>x</v></i>\n<i><v>7</v></i>\n</r>\n");
    for block in [1, 20, 1000] {
        let options = ReadOptions::default().on_error(OnError::Reject).block_bytes(block);
        let (text, done, rejects) = filtered(&file.path, "v > 5", None, &options).unwrap();
        assert_eq!(text, "<r>\n<i><v>7</v></i>\n</r>\n", "{block}");
        assert_eq!((done.records, done.kept, done.rejected, rejects.len()), (2, 1, 2, 2));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn xml_output_does_not_depend_on_blocks(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "<i><v>1</v></i>", "<i><v>9</v></i>", "<i/>", " ", "\n", "text", "<!-- c -->", "<k/>",
        ]), 1..30),
        block in 1usize..200,
    ) {
        let document = format!("<r>{}</r>", pieces.concat());
        let file = file("t.xml", &document);
        let options = ReadOptions::default().record("r/i").unwrap();
        let (whole, done, _) = filtered(&file.path, "v > 5", None, &options).unwrap();
        let (text, again, _) = filtered(&file.path, "v > 5", None, &options.clone().block_bytes(block)).unwrap();
        prop_assert_eq!(&text, &whole);
        prop_assert_eq!(again, done.clone());
        prop_assert_eq!(whole.matches("<v>").count() as u64, done.kept);
        prop_assert_eq!(whole.matches("<k/>").count(), document.matches("<k/>").count());
        prop_assert_eq!(whole.replace(['\n', ' '], ""), document.replace("<i><v>1</v></i>", "").replace("<i/>", "").replace(['\n', ' '], ""));
        let (all, ..) = filtered(&file.path, "v > 5 OR v <= 5 OR v IS NULL", None, &options).unwrap();
        prop_assert_eq!(all, document);
    }
}

#[test]
fn the_delimiter_is_that_of_the_format_asked_for() {
    check("t.csv", "a;b\n1;x\n2;y\n", "a > 1", Some(Output::Csv), "a;b\n2;y\n");
    check("t.csv", "a;b\n1;x\n2;y\n", "a > 1", Some(Output::Tsv), "a\tb\n2\ty\n");
    check("t.tsv", "a\tb\n1\tx\n2\ty,z\n", "a > 1", Some(Output::Csv), "a,b\n2,\"y,z\"\n");
    check("t.tsv", "a\tb\n1\tx\n2\ty\n", "a > 1", None, "a\tb\n2\ty\n");
}

#[test]
fn cells_can_be_made_safe() {
    let file = file("t.csv", "a,b\n1,=2+3\n2,x\n");
    let condition = Condition::parse("a < 3").unwrap();
    let filter = Filter::new(Input::open(&file.path, &ReadOptions::default()).unwrap(), &condition).unwrap();
    let mut out = Vec::new();
    filter.safe_cells().run(&mut out, |_| Ok(())).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "a,b\n1,'=2+3\n2,x\n");
}
