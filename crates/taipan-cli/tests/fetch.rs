//! `taipan fetch`, and `taipan head` of URLs and pipes, on the real binary.
#![allow(clippy::unwrap_used)]

#[path = "../../taipan-io/tests/server/mod.rs"]
#[allow(dead_code)]
mod server;
mod support;

use std::io::Write;
use std::process::Stdio;

use server::{Reply, Request, Server};
use support::{Ran, Workplace};

fn pages() -> Server {
    Server::new(|request: &Request| match request.path.as_str() {
        "/a.csv" => Reply::ok("x,y\n1,a\n2,b\n"),
        "/b.txt" => Reply::ok("some text"),
        _ => Reply::status("404 Not Found"),
    })
}

/// Runs a command with a text, as far as it is read, on its standard input.
fn piped(place: &Workplace, args: &[&str], text: &[u8]) -> Ran {
    let mut command = place.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&text));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn each_url_has_its_line_and_failures_stop_nothing() {
    let (place, server) = (Workplace::new(), pages());
    let urls = ["/a.csv", "/missing", "/b.txt"].map(|path| server.url(path));
    let ran = place.run(&["fetch", &urls[0], &urls[1], &urls[2]]);
    assert_eq!(ran.code, 1);
    let lines: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["status", "bytes", "seconds", "url", "error"]);
    let told: Vec<[&str; 4]> = lines[1..].iter().map(|line| [line[0], line[1], line[3], line[4]]).collect();
    let expected = [["200", "12", &urls[0], ""], ["404", "0", &urls[1], "404 Not Found"], ["200", "9", &urls[2], ""]];
    assert_eq!(told, expected);
    assert!(ran.stderr.starts_with("3 URLs, 21 bytes in "), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("error: 1 of 3 URLs could not be fetched\n"), "{}", ran.stderr);
}

#[test]
fn contents_become_files_or_records() {
    let (place, server) = (Workplace::new(), pages());
    place.write("urls.txt", format!("# two\n{}\n\n  {}\n", server.url("/a.csv"), server.url("/b.txt")));
    let report = place.ok(&["fetch", "--from-file", "urls.txt", "-o", "got", "--format", "ndjson", "--quiet"]);
    assert!(report.lines().next().unwrap().contains("a.csv\",\"error\":null,\"file\":\"got"), "{report}");
    assert_eq!((place.read("got/a.csv"), place.read("got/b.txt")), ("x,y\n1,a\n2,b\n".into(), "some text".into()));

    assert!(place.ok(&["fetch", "--from-file", "urls.txt", "--ndjson", "all.ndjson"]).starts_with("status,"));
    let records = place.read("all.ndjson");
    let texts: Vec<serde_json::Value> =
        records.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].clone()).collect();
    assert_eq!(texts, ["x,y\n1,a\n2,b\n", "some text"]);
    assert_eq!(place.ok(&["fetch", "--from-file", "urls.txt", "--ndjson", "-"]).lines().count(), 2);

    let urls = format!("{}\n", server.url("/a.csv"));
    let ran = piped(&place, &["fetch", "--from-file", "-"], urls.as_bytes());
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 2));
}

#[test]
fn wrong_use_and_private_addresses_are_told() {
    let (place, server) = (Workplace::new(), pages());
    assert_eq!(place.run(&["fetch"]).code, 2);
    assert_eq!(place.run(&["fetch", "x", "--timeout", "0"]).code, 2);
    let ran = place.run(&["fetch", "--from-file", "no.txt"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "error: no.txt: no such file\n"));
    let ran = place.run(&["fetch", "--public-only", &server.url("/a.csv")]);
    assert!(ran.stdout.contains("`127.0.0.1` is not a public address"), "{}", ran.stdout);
    assert_eq!((ran.code, server.requests()), (1, 0));
}

#[test]
fn head_reads_urls_and_pipes() {
    let (place, server) = (Workplace::new(), pages());
    assert_eq!(place.ok(&["head", &server.url("/a.csv"), "-n", "1"]), "x,y\n1,a\n");
    let ran = place.run(&["head", &server.url("/missing.csv")]);
    let expected = format!("error: {}: 404 Not Found\n", server.url("/missing.csv"));
    assert_eq!((ran.code, ran.stderr), (1, expected));

    let ran = piped(&place, &["head", "-", "-n", "2"], b"x,y\n1,a\n2,b\n3,c\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "x,y\n1,a\n2,b\n"));
    // So much that it is neither read to its end nor kept.
    let ran = piped(&place, &["head", "-", "-n", "1"], &b"{\"a\":1}\n".repeat(20_000_000));
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "a\n1\n"));
    let ran = piped(&place, &["head", "-"], b"");
    assert_eq!(ran.stderr, "error: standard input: the file is empty\n");
}
