//! Rows in are rows out and rejects, whatever the blocks, samples and limits, and each reject says where and why.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use proptest::prelude::*;
use taipan_io::{BatchWriter, ErrorKind, Input, OnError, Output, ReadOptions, Reject, Result};

fn rejecting() -> ReadOptions {
    // Else bytes that are no UTF-8 would speak for another encoding.
    ReadOptions::default().on_error(OnError::Reject).encoding("utf-8")
}

fn read(path: &Path, options: &ReadOptions) -> Result<(RecordBatch, Vec<Reject>)> {
    let input = Input::open(path, options)?.settled(None)?;
    let mut batches = input.batches(None)?;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    while let Some(batch) = batches.next() {
        good.push(batch?);
        bad.extend(batches.take_rejects());
    }
    bad.extend(batches.take_rejects());
    assert_eq!(batches.rejected(), bad.len() as u64);
    Ok((concat_batches(input.schema(), &good).unwrap(), bad))
}

/// The good rows as CSV without its header, and the rejects as `line:byte: reason: raw`.
fn shown(name: &str, content: &[u8], options: &ReadOptions) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    let (table, rejects) = read(&path, options).unwrap();
    let mut writer = BatchWriter::new(Output::Csv, Vec::new(), &table.schema());
    writer.write(&table).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    let rows = text.split_once('\n').unwrap().1.to_owned();
    for reject in &rejects {
        assert_eq!(reject.source, path.display().to_string());
        let at = reject.byte as usize;
        assert_eq!(content[..at].split(|byte| *byte == b'\n').count() as u64, reject.line);
    }
    let rejects =
        rejects.iter().map(|r| format!("{}:{}: {}: {}", r.line, r.byte, r.reason, r.raw.escape_debug())).collect();
    (rows, rejects)
}

#[test]
fn csv() {
    let integer = rejecting().column("a", DataType::Int64);
    let cases: [(&[u8], &ReadOptions, &str, &[&str]); 12] = [
        (b"a,b\n1,2\n", &rejecting(), "1,2\n", &[]),
        (
            b"a,b\n1,2\n3\n4,5,6\n7,8\n",
            &rejecting(),
            "1,2\n7,8\n",
            &["3:8: 1 field, expected 2: 3", "4:10: 3 fields, expected 2: 4,5,6"],
        ),
        (b"a,b\n1,x\xff\n2,y\n", &rejecting(), "2,y\n", &["2:4: invalid UTF-8 (line 2, column 4): 1,x\u{fffd}"]),
        (b"a,b\n1,x\n2,y\xff", &rejecting(), "1,x\n", &["3:8: invalid UTF-8 (line 3, column 4): 2,y\u{fffd}"]),
        // A bad row leaves no trace in the types.
        (
            b"a,b\n1,x\nz,\xff\nz,z,z\n2,y\n",
            &rejecting().batch_rows(1),
            "1,x\n2,y\n",
            &["3:8: invalid UTF-8 (line 3, column 3): z,\u{fffd}", "4:12: 3 fields, expected 2: z,z,z"],
        ),
        // A quote that is never closed costs its line, and not the rest of the file.
        (
            b"a,b\n1,\"x\n2,y\n3,z\n",
            &rejecting(),
            "2,y\n3,z\n",
            &["2:4: a quote is opened here and never closed (line 2, column 3): 1,\\\"x"],
        ),
        (
            b"a,b\n1,x\n2,\"y",
            &rejecting(),
            "1,x\n",
            &["3:8: a quote is opened here and never closed (line 3, column 3): 2,\\\"y"],
        ),
        (
            b"a,b\nx,1\n2,2\n",
            &integer,
            "2,2\n",
            &["2:4: `x` does not fit column `a` of integers, as the schema says (line 2, column 1): x,1"],
        ),
        (
            b"a,b\n,1\nNA,2\n2.5,x\n",
            &integer,
            ",1\n,2\n",
            &["4:12: `2.5` does not fit column `a` of integers, as the schema says (line 4, column 1): 2.5,x"],
        ),
        (
            b"a,b\n1,22222\n1,333333\n1,\"a\n\"\n",
            &rejecting().max_record(7),
            "1,22222\n1,\"a\n\"\n",
            &["3:12: a record is longer than 7 bytes: 1,333333"],
        ),
        // Too long by its quotes: its first line goes, and the next is read for itself.
        (
            b"a,b\n1,\"2\n3,4\n5,6\"\n7,8\n",
            &rejecting().max_record(7),
            "3,4\n5,\"6\"\"\"\n7,8\n",
            &["2:4: a record is longer than 7 bytes: 1,\\\"2"],
        ),
        (
            b"a,b\n1,2\n12345678901234567890\n3,4\n",
            &rejecting().max_record(9),
            "1,2\n3,4\n",
            &["3:8: a record is longer than 9 bytes: 12345678901234567890"],
        ),
    ];
    for (content, options, rows, rejects) in cases {
        for block in [1, 3, 10, 1 << 20] {
            for sample in [5, 1 << 20] {
                let options = options.clone().header(true).delimiter(b',').block_bytes(block).sample_bytes(sample);
                let (good, bad) = shown("t.csv", content, &options);
                let text = String::from_utf8_lossy(content);
                assert_eq!(bad, rejects, "{text:?} in blocks of {block}");
                assert_eq!(good, rows, "{text:?} in blocks of {block}");
            }
        }
    }
}

#[test]
fn a_record_of_json_is_too_long_in_any_block() {
    let long = "{\\\"a\\\":         2}";
    let reasons = [
        format!("2:8: a record is longer than 9 bytes: {long}"),
        format!("4:33: a record is longer than 9 bytes: {long}"),
    ];
    let content = b"{\"a\":1}\n{\"a\":         2}\n{\"a\":3}\n{\"a\":         2}\n{\"a\":5}\n";
    for block in [1, 3, 10, 30, 1 << 20] {
        for sample in [5, 1 << 20] {
            let options = rejecting().max_record(9).block_bytes(block).sample_bytes(sample);
            let (good, bad) = shown("t.json", content, &options);
            assert_eq!(
                (good.as_str(), bad.as_slice()),
                ("1\n3\n5\n", &reasons[..]),
                "blocks of {block}, a sample of {sample}"
            );
        }
    }
}

#[test]
fn a_record_of_xml_is_too_long_in_any_block() {
    let long = "<i><a>2</a><b/><b/></i>";
    let reasons = [
        format!("2:19: a record is longer than 16 bytes: {long}"),
        format!("4:59: a record is longer than 16 bytes: {long}"),
    ];
    let content = format!("<r><i><a>1</a></i>\n{long}\n<i><a>3</a></i>\n{long}\n<i><a>5</a></i></r>");
    for block in [1, 3, 10, 30, 1 << 20] {
        for sample in [5, 1 << 20] {
            let options = rejecting().max_record(16).block_bytes(block).sample_bytes(sample);
            let (good, bad) = shown("t.xml", content.as_bytes(), &options);
            assert_eq!(
                (good.as_str(), bad.as_slice()),
                ("1\n3\n5\n", &reasons[..]),
                "blocks of {block}, a sample of {sample}"
            );
        }
    }
}

#[test]
fn a_character_spoils_its_record_of_xml_and_no_other() {
    let record = |text: &[u8]| [b"<i>\n<a>".as_slice(), text, b"</a></i>"].concat();
    for (bad, reason) in [
        (b"\xff".as_slice(), "invalid UTF-8 (line 4, column 4)"),
        (b"x\x01", "U+0001, a character that no document may hold (line 4, column 5)"),
    ] {
        for place in 0..4 {
            let mut records = vec![record(b"1"), record(b"2"), record(b"3")];
            records.insert(place, record(bad));
            let document = [b"<r>\n".as_slice(), &records.join(b"\n".as_slice()), b"</r>"].concat();
            for block in [1, 30, 1 << 20] {
                for options in [rejecting(), rejecting().record("r/i").unwrap()] {
                    for sample in [1, 1 << 20] {
                        let options = options.clone().block_bytes(block).sample_bytes(sample);
                        let (rows, rejects) = shown("t.xml", &document, &options);
                        assert_eq!(rows, "1\n2\n3\n", "{place} {block} {sample}");
                        let line = 2 * place + 2;
                        let reason = reason.replace("line 4", &format!("line {}", line + 1));
                        assert_eq!(rejects.len(), 1);
                        assert!(
                            rejects[0].starts_with(&format!("{line}:")) && rejects[0].contains(&reason),
                            "{rejects:?}"
                        );
                    }
                }
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.xml");
    for document in [b"<r>\xff<i>1</i><i>2</i></r>".as_slice(), b"<r><i>1</i><i>2</i>\x01</r>", b"<r><i>1</i><i>2\xff"]
    {
        fs::write(&path, document).unwrap();
        assert!(read(&path, &rejecting().record("r/i").unwrap()).is_err(), "around records nothing is one");
    }
}

#[test]
fn a_first_record_longer_than_any_sample_is_a_reject() {
    let long = "x".repeat(500);
    let array = format!("[{{\"a\":\"{long}\"}},\n{{\"a\":1}},\n{{\"a\":2}}]");
    let cases = [
        ("t.csv", format!("a\n{long}\n1\n2\n"), None, 2),
        ("t.csv", format!("a\n\"{long}\"\n1\n2\n"), None, 2),
        ("t.ndjson", format!("{{\"a\":{{\"b\":\"{long}\"}}}}\n{{\"a\":1}}\n{{\"a\":2}}\n"), None, 1),
        ("t.json", format!("{{\"a\":\"{long}\"}}\n{{\"a\":1}}\n{{\"a\":2}}\n"), None, 1),
        ("t.json", array, None, 1),
        ("t.xml", format!("<r>\n<i><a>{long}</a></i><i><a>1</a></i>\n<i><a>2</a></i></r>"), Some("r/i"), 2),
    ];
    for (name, content, record, line) in cases {
        for block in [1, 10, 1 << 20] {
            for sample in [5, 100] {
                let mut options = rejecting().max_record(90).block_bytes(block).sample_bytes(sample);
                if let Some(record) = record {
                    options = options.record(record).unwrap();
                }
                let (good, bad) = shown(name, content.as_bytes(), &options);
                assert_eq!(good, "1\n2\n", "{name} in blocks of {block}, a sample of {sample}");
                let [bad] = bad.as_slice() else { panic!("{bad:?}") };
                assert!(
                    bad.starts_with(&format!("{line}:")) && bad.contains("a record is longer than 90 bytes"),
                    "{bad}"
                );
            }
        }
    }
    // What may be one object with the records in it is none of them.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    fs::write(&path, format!("{{\"k\":{{\"a\":\"{long}\"}},\"l\":{{\"a\":1}}}}")).unwrap();
    let error = read(&path, &rejecting().max_record(90).sample_bytes(5)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLong { limit: 90 }), "{error}");
}

#[test]
fn a_given_type_is_not_widened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, "a,b\n1,2\nx,3\n").unwrap();
    let message = |options: &ReadOptions| {
        read(&path, options).unwrap_err().to_string().replace(&path.display().to_string(), "PATH")
    };
    let given = ReadOptions::default().column("a", DataType::Int64);
    assert_eq!(message(&given), "PATH:3:1: `x` does not fit column `a` of integers, as the schema says");
    let schema = |names: &[&str]| {
        Schema::new(names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>())
    };
    let (table, _) = read(&path, &ReadOptions::default().schema(&schema(&["b", "a"]))).unwrap();
    assert_eq!(table.schema().field(0), &Field::new("a", DataType::Utf8, true));
    let cases: [(&[&str], &str); 2] = [
        (&["a"], "PATH: the file has a column `b`, which the schema does not have"),
        (&["a", "b", "c"], "PATH: no column `c` in the file, which has: a, b"),
    ];
    for (names, expected) in cases {
        assert_eq!(message(&ReadOptions::default().schema(&schema(names))), expected);
    }
}

#[test]
fn there_may_be_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, "a,b\n1,2\n3\n4,5\n6\n7\n").unwrap();
    for block in [1, 1 << 20] {
        let options = rejecting().block_bytes(block);
        assert_eq!(read(&path, &options.clone().max_rejects(3)).unwrap().1.len(), 3);
        let error = read(&path, &options.max_rejects(2)).unwrap_err();
        let expected = "more than 2 rejects; the last one: 1 field, expected 2";
        assert_eq!(error.to_string(), format!("{}:6: {expected}", path.display()));
        assert!(matches!(error.kind(), ErrorKind::TooManyRejects { limit: 2, .. }));
    }
}

/// Rows of two integers, and rows that are bad in every way a row can be.
fn rows() -> impl Strategy<Value = Vec<(Vec<u8>, bool)>> {
    let good = (any::<i64>(), "[a-z\",\n]{0,12}")
        .prop_map(|(a, b)| (format!("{a},\"{}\"\n", b.replace('"', "\"\"")).into_bytes(), true));
    let bad = prop_oneof![
        Just(b"1\n".to_vec()),
        Just(b"1,2,\"3\n4\"\n".to_vec()),
        Just(b"1,\xff\n".to_vec()),
        Just(b"1,\0\n".to_vec()),
        Just(b"x,2\n".to_vec()),
        Just([&b"1,"[..], &[b'y'; 70], b"\n"].concat()),
    ];
    prop::collection::vec(prop_oneof![3 => good, 1 => bad.prop_map(|row| (row, false))], 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn rows_in_are_rows_out_and_rejects(
        rows in rows(),
        block in prop_oneof![1usize..200, Just(1 << 20)],
        sample in prop_oneof![1usize..300, Just(8 << 20)],
        batch in 1usize..40,
        threads in 1usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let content: Vec<u8> = std::iter::once(&b"a,b\n"[..]).chain(rows.iter().map(|(row, _)| &row[..])).collect::<Vec<_>>().concat();
        fs::write(&path, &content).unwrap();
        let options = rejecting().header(true).delimiter(b',').column("a", DataType::Int64).max_record(64);
        let options = options.block_bytes(block).sample_bytes(sample).batch_rows(batch);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (table, rejects) = pool.install(|| read(&path, &options)).unwrap();
        let good = rows.iter().filter(|(_, good)| *good).count();
        prop_assert_eq!(table.num_rows(), good);
        let mut at = 4;
        let mut expected = Vec::new();
        for (row, good) in &rows {
            if !good {
                expected.push((at as u64, String::from_utf8_lossy(row.strip_suffix(b"\n").unwrap()).into_owned()));
            }
            at += row.len();
        }
        let found: Vec<_> = rejects.into_iter().map(|reject| (reject.byte, reject.raw)).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_damaged_array_costs_the_damaged_line() {
    let cases: [(&str, &str, &[&str]); 3] = [
        (
            "[{\"a\":1},\n{\"a\":2,\n{\"a\":3},\n{\"a\":4}]\n",
            "1\n3\n4\n",
            &["2:10: expected a key in quotes: {\"a\":2,"],
        ),
        (
            "[{\"a\":1},\n{\"a\":[2},\n{\"a\":3},\n{\"a\":4}]\n",
            "1\n3\n4\n",
            &["2:10: expected `,` or `]` (line 2, column 8): {\"a\":[2},"],
        ),
        // What closes it goes with it.
        (
            "[{\"a\":1},\n{\"a\":2}},{\"a\":3}]",
            "1\n2\n",
            &["2:17: expected `,` or `]`, found `}` (line 2, column 8): },{\"a\":3}]"],
        ),
    ];
    for (content, rows, rejects) in cases {
        for block in [1, 7, 1 << 20] {
            let (found, bad) = shown("t.json", content.as_bytes(), &rejecting().block_bytes(block));
            let bad: Vec<String> = bad.iter().map(|text| text.replace("\\\"", "\"")).collect();
            assert_eq!((found.as_str(), bad), (rows, rejects.iter().map(ToString::to_string).collect()), "{content}");
        }
    }
}
