//! What comes out does not depend on how a file is cut into blocks, nor on how many threads work on them: the same rows,
//! rejects and bytes, and rows in are rows out and rejects, for every format.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use proptest::prelude::*;
use taipan_io::{Condition, Conversion, Filter, Input, OnError, Output, ReadOptions};

/// What a file becomes: each time the rows and the rejects, counted and as they are written.
#[derive(Debug, PartialEq)]
struct Outcome {
    counts: (u64, u64),
    text: String,
    rejects: String,
}

fn options(block: usize, sample: usize) -> ReadOptions {
    ReadOptions::default().on_error(OnError::Reject).encoding("utf-8").block_bytes(block).sample_bytes(sample)
}

fn filtered(path: &Path, options: &ReadOptions, output: Option<Output>, threads: usize) -> Outcome {
    let input = Input::open(path, options).unwrap();
    let mut filter = Filter::new(input, &Condition::parse("a > 3 OR b IS NULL").unwrap()).unwrap();
    if let Some(output) = output {
        filter = filter.output(output);
    }
    let (mut text, mut rejects) = (Vec::new(), String::new());
    let done = filter
        .threads(NonZeroUsize::new(threads))
        .run(&mut text, |bad| {
            rejects.extend(bad.iter().map(|bad| format!("{}:{} {} {}\n", bad.line, bad.byte, bad.reason, bad.raw)));
            Ok(())
        })
        .unwrap();
    Outcome { counts: (done.records, done.rejected), text: String::from_utf8_lossy(&text).into_owned(), rejects }
}

fn converted(path: &Path, options: &ReadOptions, output: Output) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let (target, rejects) = (folder.path().join("out"), folder.path().join("rejects"));
    let input = Input::open(path, options).unwrap();
    let done = Conversion::new(output).rejects(&rejects).to_file(&input, &target).unwrap();
    let text = String::from_utf8(fs::read(&target).unwrap()).unwrap();
    let rejects = fs::read_to_string(&rejects).unwrap_or_default();
    assert_eq!(rejects.lines().count() as u64, done.rejects);
    Outcome { counts: (done.rows, done.rejects), text, rejects }
}

/// Reads a file of so many records in every way.
fn check(name: &str, content: &[u8], records: usize, block: usize, sample: usize, threads: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    let shown = || String::from_utf8_lossy(content);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let of_record = |options: ReadOptions| if name == "t.xml" { options.record("/r/i").unwrap() } else { options };
    let (whole, pieces) = (of_record(options(1 << 20, 1 << 20)), of_record(options(block, sample)));
    let table = converted(&path, &whole, Output::NdJson);
    assert_eq!(table.counts.0 + table.counts.1, records as u64, "{}", shown());
    assert_eq!(table.text.lines().count() as u64, table.counts.0);
    assert_eq!(pool.install(|| converted(&path, &pieces, Output::NdJson)), table, "{}", shown());
    for output in [None, Some(Output::Csv)] {
        let plain = filtered(&path, &whole, output, 1);
        assert_eq!(plain.counts.0 + plain.counts.1, records as u64, "{}", shown());
        assert_eq!(filtered(&path, &pieces, output, threads), plain, "{}", shown());
    }
}

/// What random lines find seldom: two that break off, before one that ends where both would.
#[test]
fn lines_that_break_off_cost_themselves_alone() {
    for (block, sample) in [(1, 1), (7, 30), (1 << 20, 1 << 20)] {
        for broken in ["{\"a\":1\nnul", "{\"a\":\"x\nnul", "{\"a\":1\nnul\nnul"] {
            let content = format!("{{\"a\":1,\"b\":\"x\"}}\n{broken}\n{{\"a\":1}}}}\n");
            // The last line has a record, and a bracket behind it.
            let records = content.lines().count() + 1;
            check("t.ndjson", content.as_bytes(), records, block, sample, 2);
        }
    }
}

/// So large that it is read from the disk, in blocks cut at newlines alone where that does; in some places it does not.
#[test]
fn newlines_do_not_part_records() {
    for exception in [
        "{\"a\":\n4}",
        "{\"a\":5,\n\"b\":[\n{\"a\":1},\n{}]}",
        "{\"a\":4}{\"a\":5}",
        "{\"a\":\"x\n",
        "[4,\n5]",
        "\n\n7",
    ] {
        let mut content = String::from("{\"a\":1,\"b\":[\"x\"]}\n");
        for i in 0..60_000 {
            if i % 12_345 == 12_344 {
                content.push_str(exception);
                content.push('\n');
            }
            content.push_str("{\"a\":");
            content.push_str(&(i % 7).to_string());
            content.push_str(",\"b\":[\"{\"]}\n");
        }
        assert!(content.len() > 1 << 20);
        let more = match exception {
            "{\"a\":4}{\"a\":5}" => 8,
            _ => 4,
        };
        check("t.ndjson", content.as_bytes(), 60_001 + more, 5000, 1000, 2);
    }
}

/// Records, each with its separator behind it.
fn records(good: impl Strategy<Value = String>, bad: &[&[u8]]) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let bad: Vec<Vec<u8>> = bad.iter().map(|bytes| bytes.to_vec()).collect();
    let record = prop_oneof![4 => good.prop_map(String::into_bytes), 1 => prop::sample::select(bad)];
    prop::collection::vec(record, 0..40)
}

/// How files are cut and read.
fn ways() -> impl Strategy<Value = (usize, usize, usize)> {
    (prop_oneof![1usize..200, Just(1 << 20)], prop_oneof![1usize..300, Just(1 << 20)], 1usize..4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn csv(
        rows in records("-?[1-9]{1,2},(\"[a-c,\n]{0,5}\"|[a-c]{0,3})", &[b"1", b"1,2,3", b"1,\xff", b"1,x\0", b"x,\"y\n\",z"]),
        (block, sample, threads) in ways(),
    ) {
        let content: Vec<u8> = [&b"a,b\n1,x\n"[..], &rows.iter().flat_map(|row| [row, &b"\n"[..]].concat()).collect::<Vec<u8>>()].concat();
        check("t.csv", &content, rows.len() + 1, block, sample, threads);
    }

    /// A line for each record; some break off. What is only ever empty in a sample would be text.
    #[test]
    fn json_lines(
        rows in records(
            "\\{\"a\":-?[1-9]{1,2}(,\"b\":(\"[a-c\\\\\\\\]{0,2}x\"|null|\"\\\\u00e9\"))?(,\"o\":\\{\"x\":\\[[12]\\]\\})?\\}",
            &[
                b"{\"a\":1,}", b"{\"a\":01}", b"{\"a\":tru}", b"{\"a\" 1}", b"{\"a\":\"\\x\"}", b"{\"a\":\"\xff\"}", b"{\"a\":\"\\ud800\"}",
                b"{\"a\":1]", b"{\"a\":\"b", b"{\"a\":1", b"{\"b", b"{\"a\":\"\x01\"}", b"{\"a\":1}}", b"nul",
            ],
        ),
        (block, sample, threads) in ways(),
    ) {
        let content: Vec<u8> = [&b"{\"a\":1,\"b\":\"x\"}\n"[..], &rows.iter().flat_map(|row| [row, &b"\n"[..]].concat()).collect::<Vec<u8>>()].concat();
        // What stands alone behind a record is a reject of its own.
        let more = rows.iter().filter(|row| *row == b"{\"a\":1}}").count();
        check("t.ndjson", &content, rows.len() + 1 + more, block, sample, threads);
    }

    /// Some records take several lines, some share one.
    #[test]
    fn json_in_sequence(
        rows in records(
            "\\{(\n| |\r\n)?\"a\":-?[1-9]{1,2}(,(\n)?\"b\":(\"[a-c\\\\\\\\]{0,2}x\"|null|\\[(\n)?\\{\\},\n\"\\}\"\\]))?\\}",
            &[b"{\"a\":1,}", b"{\"a\":01}", b"{\"a\":\n\n tru}", b"{\"a\" 1}", b"{\"a\":\"\xff\"}", b"\"\"", b"5", b"[1,\n2]"],
        ),
        between in prop::sample::select(vec!["\n", "\r\n", " ", "\n\n \n", "\n"]),
        (block, sample, threads) in ways(),
    ) {
        let rows: Vec<_> = std::iter::once(b"{\"a\":1,\"b\":\"x\"}".to_vec()).chain(rows).collect();
        check("t.json", &rows.join(between.as_bytes()), rows.len(), block, sample, threads);
    }

    #[test]
    fn json_array(
        rows in records(
            "\\{\n  \"a\" : -?[1-9]{1,2}(,\n\"b\":\\[\"[a-c,]{0,2}\\\\n\"\\])?\n\\}",
            &[b"{\"a\":1,}", b"{\"a\":01}", b"{\"a\":tru}", b"{\"a\" 1}", b"{\"a\":\"\\x\"}", b"{\"a\":\"\xff\"}", b"{\"a\":\"\n\"}", b"{\"a\":1]"],
        ),
        (block, sample, threads) in ways(),
    ) {
        let rows: Vec<_> = std::iter::once(b"{\"a\":1,\"b\":[\"x\"]}".to_vec()).chain(rows).collect();
        let content = [b"[\n", &rows.join(&b",\n"[..])[..], b"\n]\n"].concat();
        check("t.json", &content, rows.len(), block, sample, threads);
    }

    #[test]
    fn xml(
        rows in records(
            "<i>(<a>-?[1-9]{1,2}</a>)?(<b c='1'>[a-c]{0,2}</b>|<b><!-- </i> --></b>|<b>&amp;<!\\[CDATA\\[<i>\\]\\]></b>)?\n</i>",
            &[b"<i><a></i>", b"<i>&no;</i>", b"<i><a b='1' b='2'/></i>", b"<i><a b=1/></i>", b"<i><!-- -- --></i>", b"<i>]]></i>"],
        ),
        (block, sample, threads) in ways(),
    ) {
        let content = [b"<r>\n<i><a>1</a><b c='1'>x</b></i>\n", &rows.join(&b"\n"[..])[..], b"\n</r>\n"].concat();
        check("t.xml", &content, rows.len() + 1, block, sample, threads);
    }
}
