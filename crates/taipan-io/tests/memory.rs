//! Memory stays bounded whatever comes in: each case reads a generated stream on standard input in a process of its own,
//! whose peak the kernel tells.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use taipan_io::{Condition, Conversion, Filter, Input, Output, ReadOptions};
use wait4::Wait4;

const JOB: &str = "TAIPAN_MEMORY_JOB";

/// What the other process does; without a job it is no test.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn job() {
    let Ok(job) = std::env::var(JOB) else { return };
    let options = ReadOptions::default();
    let input = match Input::open("-", &options) {
        Ok(input) => input,
        Err(error) => return println!("{error}"),
    };
    let rows = |input: &Input| {
        let mut rows = 0;
        for batch in input.batches(None).unwrap() {
            match batch {
                Ok(batch) => rows += batch.num_rows(),
                Err(error) => return error.to_string(),
            }
        }
        format!("{rows} rows")
    };
    println!(
        "{}",
        match job.as_str() {
            "once" => rows(&input.read_once()),
            "settled" => rows(&input.settled(None).unwrap()),
            "head" => format!("{} rows", input.batches(None).unwrap().next().unwrap().unwrap().num_rows().min(5)),
            "parquet" | "ndjson" => {
                let output = if job == "parquet" { Output::Parquet } else { Output::NdJson };
                let folder = tempfile::tempdir().unwrap();
                let converted = Conversion::new(output).to_file(&input, &folder.path().join("out")).unwrap();
                format!("{} rows", converted.rows)
            }
            "filter" => {
                let condition = Condition::parse("a > 0 AND b <> 'y'").unwrap();
                let filtered = Filter::new(input, &condition).unwrap().run(&mut io::sink(), |_| Ok(())).unwrap();
                format!("{} rows", filtered.kept)
            }
            _ => "unknown job".to_owned(),
        }
    );
}

/// A stream: lines between a head and a tail.
#[derive(Clone, Copy)]
struct Stream {
    head: &'static str,
    line: &'static str,
    tail: &'static str,
}

impl Stream {
    /// The lines that make up a MiB, or a little more.
    fn lines(self) -> usize {
        (1 << 20) / self.line.len() + 1
    }
}

/// Runs a job on so many MiB of a stream; answers what it printed and its peak in MiB.
fn run(job: &str, stream: Stream, mib: usize) -> (String, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "job", "--ignored", "--nocapture", "--quiet"])
        .env(JOB, job)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let block = stream.line.repeat(stream.lines());
    let writer = thread::spawn(move || -> io::Result<()> {
        stdin.write_all(stream.head.as_bytes())?;
        (0..mib).try_for_each(|_| stdin.write_all(block.as_bytes()))?;
        stdin.write_all(stream.tail.as_bytes())
    });
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    // Who has read enough leaves the rest.
    let _ = writer.join().unwrap();
    let end = child.wait4().unwrap();
    assert!(end.status.success(), "{printed}");
    let answer = printed.lines().find(|line| line.contains(" rows") || line.contains(": "));
    (answer.unwrap_or_default().to_owned(), end.rusage.maxrss >> 20)
}

#[track_caller]
fn check(job: &str, stream: Stream, mib: usize, expected: &str, most: u64) {
    let (answer, peak) = run(job, stream, mib);
    assert_eq!(answer, expected, "{job} of {}", stream.line);
    assert!(peak < most, "{job} of {mib} MiB of {} took {peak} MiB", stream.line);
}

/// The same when all rows come through.
#[track_caller]
fn check_rows(job: &str, stream: Stream, mib: usize, most: u64) {
    check(job, stream, mib, &format!("{} rows", mib * stream.lines()), most);
}

const CSV: Stream = Stream { head: "a,b,c\n", line: "1234567,some text that is long enough,0.25\n", tail: "" };
const LINES: Stream = Stream {
    head: "",
    line: "{\"a\":1234567,\"b\":\"some text that is long enough\",\"c\":{\"d\":[0.25]}}\n",
    tail: "",
};
const ARRAY: Stream =
    Stream { head: "[", line: "{\"a\":1234567,\n\"b\":\"some text that is long enough\"},\n", tail: "{\"b\":\"y\"}]" };
const XML: Stream = Stream {
    head: "<r>\n",
    line: "<i n='1'>\n  <a>1234567</a>\n  <b>some text that is long enough</b>\n</i>\n",
    tail: "</r>\n",
};

#[test]
fn streams_need_a_fraction_of_their_size() {
    check_rows("once", CSV, 80, 64);
    // With the 16 MiB that are kept in memory for the second reading.
    check_rows("settled", CSV, 70, 80);
    check_rows("ndjson", CSV, 30, 96);
    check("head", CSV, 1000, "5 rows", 64);
}

/// What is copied is held for no longer than the block it stands in.
#[test]
fn filters_need_a_fraction_of_their_input() {
    for (stream, mib) in [(CSV, 100), (LINES, 100), (ARRAY, 100), (XML, 70)] {
        check_rows("filter", stream, mib, 64);
    }
}

#[test]
fn conversions_need_a_fraction_of_their_input() {
    for (stream, job) in [(LINES, "ndjson"), (XML, "ndjson"), (LINES, "parquet"), (CSV, "parquet")] {
        check_rows(job, stream, 50, 120);
    }
}

#[test]
fn a_line_without_end_is_refused() {
    let line = Stream { head: "", line: "x", tail: "" };
    for (head, at) in [("", 1), ("a\n\"", 2), ("[\"", 1), ("{\"a\":\"", 1)] {
        let expected = format!("standard input:{at}: a record is longer than 64 MiB");
        check("once", Stream { head, ..line }, 1024, &expected, 160);
    }
}

const JOBS: [&str; 5] = ["once", "settled", "parquet", "ndjson", "filter"];

#[test]
#[ignore = "long"]
fn gigabytes_of_csv_stay_under_256_mib() {
    for job in JOBS {
        check_rows(job, CSV, 4 << 10, 256);
    }
}

#[test]
#[ignore = "long"]
fn gigabytes_of_json_stay_under_256_mib() {
    for job in JOBS {
        check_rows(job, LINES, 4 << 10, 256);
    }
    check_rows("filter", ARRAY, 4 << 10, 256);
}

#[test]
#[ignore = "long"]
fn gigabytes_of_xml_stay_under_256_mib() {
    for job in JOBS {
        check_rows(job, XML, 4 << 10, 256);
    }
}
