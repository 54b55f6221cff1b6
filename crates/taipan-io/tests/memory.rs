//! Memory stays bounded whatever comes in: each case reads a generated stream on standard input in a process of its own,
//! whose peak the kernel tells.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use taipan_io::{Conversion, Input, Output, ReadOptions};
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
            _ => "unknown job".to_owned(),
        }
    );
}

/// Runs a job on so many MiB of a line repeated behind a head; answers what it printed and its peak in MiB.
fn run(job: &str, head: &str, line: &[u8], mib: usize) -> (String, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "job", "--ignored", "--nocapture", "--quiet"])
        .env(JOB, job)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let block = line.repeat((1 << 20) / line.len() + 1);
    let head = head.to_owned();
    let writer = thread::spawn(move || -> io::Result<()> {
        stdin.write_all(head.as_bytes())?;
        (0..mib).try_for_each(|_| stdin.write_all(&block))
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
fn check(job: &str, head: &str, line: &[u8], mib: usize, expected: &str, most: u64) {
    let (answer, peak) = run(job, head, line, mib);
    assert_eq!(answer, expected);
    assert!(peak < most, "{job} of {mib} MiB took {peak} MiB");
}

const LINE: &[u8] = b"1234567,some text that is long enough,0.25\n";
const LINES: usize = (1 << 20) / LINE.len() + 1;

#[test]
fn streams_need_a_fraction_of_their_size() {
    check("once", "a,b,c\n", LINE, 80, &format!("{} rows", 80 * LINES), 64);
    check("settled", "a,b,c\n", LINE, 70, &format!("{} rows", 70 * LINES), 64);
    check("ndjson", "a,b,c\n", LINE, 30, &format!("{} rows", 30 * LINES), 96);
    check("head", "a,b,c\n", LINE, 1000, "5 rows", 64);
}

#[test]
fn a_line_without_end_is_refused() {
    let expected = "standard input:1: a record is longer than 64 MiB";
    check("once", "", b"x", 1024, expected, 160);
    let expected = "standard input:1: a record is longer than 64 MiB";
    check("once", "a\n\"", b"x", 1024, expected, 160);
    let expected = "standard input:1: a record is longer than 64 MiB";
    check("once", "[\"", b"x", 1024, expected, 160);
}

#[test]
#[ignore = "long"]
fn gigabytes_stay_under_256_mib() {
    for job in ["once", "settled", "parquet", "ndjson"] {
        check(job, "a,b,c\n", LINE, 4 << 10, &format!("{} rows", 4096 * LINES), 256);
    }
}
