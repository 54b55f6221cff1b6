//! Fetching from servers on this machine that answer, fail, stall, redirect, break off and resume.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use taipan_io::fetch::{Failure, FetchOptions, Fetched, Fetcher, Keep};
use taipan_io::{ErrorKind, Input, ReadOptions};

use self::server::{Reply, Request, Server};

/// Options that lose no time.
fn quick() -> FetchOptions {
    FetchOptions::default().backoff(Duration::from_millis(1)).idle_timeout(Duration::from_secs(5)).keep(Keep::Body)
}

fn fetch(options: FetchOptions, urls: &[String]) -> Vec<Fetched> {
    Fetcher::new(options).unwrap().fetch(urls.to_vec()).collect()
}

fn one(options: FetchOptions, url: String) -> Fetched {
    fetch(options, &[url]).pop().unwrap()
}

fn body(fetched: &mut Fetched) -> Vec<u8> {
    let mut bytes = Vec::new();
    fetched.body.as_mut().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// `status bytes error`, and the text.
fn shown(mut fetched: Fetched) -> String {
    let status = fetched.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    if let Some(failure) = &fetched.failure {
        return format!("{status} {failure}");
    }
    let text = body(&mut fetched);
    format!("{status} {} {}", fetched.bytes, String::from_utf8_lossy(&text))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Text that no compression makes short.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'!' + (state >> 24) as u8 % 90
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn answers_come_in_order_and_failures_stop_nothing() {
    let server = Server::new(|request: &Request| match request.path.as_str() {
        "/slow" => Reply::ok("late").after(Duration::from_millis(100)),
        "/missing" => Reply::status("404 Not Found"),
        path => Reply::ok(path),
    });
    let urls: Vec<String> = ["/slow", "/missing", "/a"].iter().map(|path| server.url(path)).collect();
    let urls = [urls, vec!["ftp://example.org".into(), "no url".into(), "http://127.0.0.1:9/".into()]].concat();
    let answers: Vec<String> = fetch(quick(), &urls).into_iter().map(shown).collect();
    let expected = [
        "200 4 late",
        "404 404 Not Found",
        "200 2 /a",
        "- not a URL: `ftp` is not `http` or `https`",
        "- not a URL: relative URL without a base",
        "- cannot connect: connection refused",
    ];
    assert_eq!(answers, expected);
}

#[test]
fn many_are_fetched_within_the_limits() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let server = Server::new(|request: &Request| {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_micros(200));
        NOW.fetch_sub(1, Ordering::SeqCst);
        Reply::ok(&request.path)
    });
    let urls: Vec<String> = (0..2000).map(|i| server.url(&format!("/{i}"))).collect();
    for (i, mut fetched) in fetch(quick().per_host(5).concurrency(7), &urls).into_iter().enumerate() {
        assert_eq!(body(&mut fetched), format!("/{i}").as_bytes());
    }
    assert!(MOST.load(Ordering::SeqCst) <= 5);
    // A call that is given up stops, and the fetcher serves on.
    let fetcher = Fetcher::new(quick()).unwrap();
    assert!(fetcher.fetch(urls.clone()).next().unwrap().failure.is_none());
    assert!(fetcher.fetch(urls).next().unwrap().failure.is_none());
}

#[test]
fn what_fails_for_now_is_asked_again() {
    for (status, header, attempts) in [
        ("503 Service Unavailable", "", 3),
        ("500 Internal Server Error", "", 3),
        ("429 Too Many Requests", "Retry-After: 0\r\n", 3),
        ("404 Not Found", "", 1),
        ("501 Not Implemented", "", 1),
    ] {
        let server = Server::new(move |request: &Request| match request.number {
            0 | 1 => Reply::status(status).header(header),
            _ => Reply::ok("at last"),
        });
        let fetched = one(quick(), server.url("/"));
        assert_eq!(fetched.attempts, attempts, "{status}");
        assert_eq!(fetched.failure.is_none(), attempts == 3, "{status}");
        let once = one(quick().retries(0), server.url("/"));
        assert_eq!(once.attempts, 1);
    }
    let server = Server::new(|_: &Request| Reply::status("429 Too Many Requests").header("Retry-After: 1\r\n"));
    let waited = one(quick().retries(1), server.url("/"));
    assert_eq!((waited.failure, waited.attempts), (Some(Failure::Status(429)), 2));
    assert!(waited.elapsed >= Duration::from_secs(1));
}

#[test]
fn a_broken_answer_is_resumed() {
    let content = noise(200_000);
    let gzipped = gzip(&content);
    for (coding, sent) in [("", content.clone()), ("Content-Encoding: gzip\r\n", gzipped)] {
        for ranges in [true, false] {
            let whole = sent.clone();
            let server = Server::new(move |request: &Request| {
                let reply = if ranges { Reply::part(request, &whole) } else { Reply::ok(&whole) };
                let reply = reply.header("ETag: \"v1\"\r\n").header(coding);
                // Cut off by a third each time.
                if request.number < 3 { reply.cut(whole.len() / 3) } else { reply }
            });
            let mut fetched = one(quick(), server.url("/data"));
            assert_eq!(fetched.failure, None, "{coding} {ranges}");
            assert_eq!(body(&mut fetched), content);
            assert_eq!(fetched.bytes, content.len() as u64);
            // A stream cannot be taken back, but goes on all the same.
            let options = ReadOptions::default().header(false).delimiter(b',').fetch(quick());
            let server_again = server.fresh();
            let input = Input::open(server_again.url("/data.csv"), &options);
            assert_eq!(input.unwrap().sampled_rows(), (1, true), "{coding} {ranges}");
        }
    }
}

#[test]
fn what_nothing_names_is_resumed_if_it_begins_alike() {
    let content = noise(90_000);
    let whole = content.clone();
    // Neither a tag nor ranges.
    let server = Server::new(move |request: &Request| {
        let reply = Reply::ok(&whole);
        if request.number < 2 { reply.cut(whole.len() / 3 * (request.number + 1)) } else { reply }
    });
    let mut fetched = one(quick(), server.url("/data"));
    assert_eq!(fetched.failure, None);
    assert_eq!(body(&mut fetched), content);
    let options = ReadOptions::default().header(false).delimiter(b',').fetch(quick());
    assert_eq!(Input::open(server.fresh().url("/data.csv"), &options).unwrap().sampled_rows(), (1, true));

    let server = Server::new(|request: &Request| match request.number {
        0 => Reply::ok("a,b\n1,2\n").cut(5),
        _ => Reply::ok("a;b\n1;2\n"),
    });
    let error = Input::open(server.url("/"), &ReadOptions::default().fetch(quick())).unwrap_err();
    assert!(error.to_string().ends_with(": it changed while it was fetched"), "{error}");
}

#[test]
fn the_encoding_that_an_answer_names_is_read() {
    let japanese = encoding_rs::SHIFT_JIS.encode("name,n\n東京,1\n").0.into_owned();
    let server = Server::new(move |request: &Request| match request.path.as_str() {
        "/named.csv" => Reply::ok(&japanese).header("Content-Type: text/csv; charset=\"Shift_JIS\"\r\n"),
        // Of UTF-8 and of what nobody knows nothing is believed that the text denies.
        "/wrong.csv" => Reply::ok("name,n\n東京,1\n").header("Content-Type: text/csv; charset=iso-8859-1\r\n"),
        _ => Reply::ok("name,n\n東京,1\n").header("Content-Type: text/csv; charset=martian\r\n"),
    });
    for path in ["/named.csv", "/wrong.csv", "/unknown.csv"] {
        let input = Input::open(server.url(path), &ReadOptions::default().fetch(quick())).unwrap();
        let batch = input.batches(None).unwrap().next().unwrap().unwrap();
        assert_eq!(arrow::util::display::array_value_to_string(batch.column(0), 0).unwrap(), "東京", "{path}");
    }
}

#[test]
fn another_content_is_never_joined_to_the_first() {
    let server = Server::new(|request: &Request| match request.number {
        0 => Reply::ok("aaaaaaaaaa").header("ETag: \"a\"\r\n").cut(5),
        _ => Reply::part(request, b"bbbbbbbbbb").header("ETag: \"b\"\r\n"),
    });
    assert_eq!(shown(one(quick(), server.url("/"))), "200 10 bbbbbbbbbb");
    let error = Input::open(server.fresh().url("/"), &ReadOptions::default().fetch(quick())).unwrap_err();
    assert!(error.to_string().ends_with(": it changed while it was fetched"), "{error}");
}

#[test]
fn a_server_that_stalls_is_left() {
    let server = Server::new(|request: &Request| match request.path.as_str() {
        "/silent" => Reply::ok("x").after(Duration::from_secs(10)),
        _ => Reply::ok("0123456789").stall(5),
    });
    let options = quick().retries(1).connect_timeout(Duration::from_secs(1)).idle_timeout(Duration::from_millis(300));
    assert_eq!(shown(one(options.clone(), server.url("/silent"))), "- timed out waiting for an answer");
    assert_eq!(shown(one(options.clone(), server.url("/half"))), "200 timed out waiting for data");
    let options = options.idle_timeout(Duration::from_secs(10)).timeout(Duration::from_millis(200));
    assert_eq!(shown(one(options, server.url("/half"))), "200 timed out as a whole");
}

#[test]
fn redirects_are_followed_so_far() {
    let server = Server::new(|request: &Request| match request.path.trim_start_matches('/').parse::<u32>() {
        Ok(0) => Reply::ok("here"),
        Ok(n) => Reply::status("302 Found").header(&format!("Location: /{}\r\n", n - 1)),
        Err(_) => Reply::status("302 Found").header("Location: file:///etc/passwd\r\n"),
    });
    let fetched = one(quick().redirects(3), server.url("/3"));
    assert_eq!(fetched.location, Some(server.url("/0")));
    assert_eq!(shown(fetched), "200 4 here");
    assert_eq!(shown(one(quick().redirects(3), server.url("/4"))), "- more than 3 redirects");
    let away = shown(one(quick(), server.url("/away")));
    assert!(away.starts_with("302 302 Found") || away.contains("not a URL"), "{away}");
}

#[test]
fn private_addresses_are_refused() {
    let server = Server::new(|_: &Request| Reply::ok("secret"));
    let port = server.url("").rsplit(':').next().unwrap().to_owned();
    let public = || quick().public_only(true);
    for host in ["127.0.0.1", "localhost", "2130706433", "[::1]", "0.0.0.0", "10.0.0.1", "[::ffff:127.0.0.1]"] {
        let answer = one(public(), format!("http://{host}:{port}/"));
        assert!(matches!(answer.failure, Some(Failure::Private(_))), "{host}: {:?}", answer.failure);
    }
    assert_eq!(server.requests(), 0);
    let error = Input::open(server.url("/x.csv"), &ReadOptions::default().fetch(public())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Fetch(Failure::Private(_))), "{error}");
    assert_eq!(shown(one(quick(), server.url("/"))), "200 6 secret");
}

#[test]
fn content_is_unpacked_and_limited() {
    let text = "héllo ".repeat(10_000);
    let packed = |coding: &str| match coding {
        "gzip" => gzip(text.as_bytes()),
        "zstd" => zstd::encode_all(text.as_bytes(), 3).unwrap(),
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        _ => text.clone().into_bytes(),
    };
    for coding in ["gzip", "zstd", "deflate", "identity"] {
        let (bytes, header) = (packed(coding), format!("Content-Encoding: {coding}\r\n"));
        let half = bytes[..bytes.len() / 2].to_vec();
        let server = Server::new(move |request: &Request| {
            assert!(request.headers.contains("accept-encoding: gzip, br, zstd"), "{}", request.headers);
            Reply::ok(if request.path == "/half" { &half } else { &bytes }).header(&header)
        });
        let mut fetched = one(quick(), server.url("/"));
        assert_eq!(body(&mut fetched), text.as_bytes(), "{coding}");
        assert_eq!(shown(one(quick().max_bytes(1000), server.url("/"))), "200 larger than 1000 bytes", "{coding}");
        if coding != "identity" {
            let half = shown(one(quick(), server.url("/half")));
            assert!(half.contains(coding), "{half}");
        }
    }
    // "hello, hello, hello\n" as brotli has it.
    let brotli: &[u8] = b"\x8b\x09\x80hello, hello, hello\n\x03";
    let server = Server::new(move |_: &Request| Reply::ok(brotli).header("Content-Encoding: br\r\n"));
    assert_eq!(shown(one(quick(), server.url("/"))), "200 20 hello, hello, hello\n");
    let server = Server::new(|_: &Request| Reply::ok("x").header("Content-Encoding: martian\r\n"));
    assert_eq!(shown(one(quick(), server.url("/"))), "200 unknown content encoding `martian`");
}

#[test]
fn cookies_come_back() {
    let server = Server::new(|request: &Request| match request.path.as_str() {
        "/login" => Reply::ok("in").header("Set-Cookie: session=abc; Path=/\r\n"),
        _ => Reply::ok(if request.headers.contains("cookie: session=abc") { "known" } else { "who?" }),
    });
    let fetcher = Fetcher::new(quick()).unwrap();
    let get = |path: &str| shown(fetcher.fetch([server.url(path)]).next().unwrap());
    assert_eq!([get("/"), get("/login"), get("/")], ["200 4 who?", "200 2 in", "200 5 known"]);
}

#[test]
fn the_polite_ask_first() {
    let server = Server::new(|request: &Request| match request.path.as_str() {
        "/robots.txt" => Reply::ok("User-agent: *\nDisallow: /private\nCrawl-delay: 0.05\n"),
        _ => Reply::ok("x"),
    });
    let urls = ["/a", "/private/b", "/c"].map(|path| server.url(path));
    let start = std::time::Instant::now();
    let answers: Vec<String> = fetch(quick().polite(true), &urls).into_iter().map(shown).collect();
    assert_eq!(answers, ["200 1 x", "- robots.txt asks not to fetch this", "200 1 x"]);
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(server.requests(), 3);
    let silent = Server::new(|_: &Request| Reply::status("404 Not Found"));
    assert_eq!(shown(one(quick().polite(true), silent.url("/"))), "404 404 Not Found");
    let broken = Server::new(|_: &Request| Reply::status("500 Internal Server Error"));
    assert_eq!(shown(one(quick().polite(true), broken.url("/"))), "- robots.txt asks not to fetch this");
}

#[test]
fn files_appear_whole_or_not_at_all() {
    let server = Server::new(|request: &Request| match request.path.as_str() {
        "/cut.csv" => Reply::ok("0123456789").cut(5),
        "/empty" => Reply::ok(""),
        path => Reply::ok(path),
    });
    let folder = tempfile::tempdir().unwrap();
    let urls = ["/a.csv", "/cut.csv", "/a.csv?2", "/empty", "/"].map(|path| server.url(path));
    let options = quick().retries(0).keep(Keep::Folder(folder.path().to_owned()));
    let files: Vec<Option<String>> = fetch(options, &urls)
        .into_iter()
        .map(|fetched| fetched.path.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()))
        .collect();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(files, [name("a.csv"), None, name("a-2.csv"), name("empty"), name("index.html")]);
    let mut found: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    found.sort();
    assert_eq!(found, ["a-2.csv", "a.csv", "empty", "index.html"]);
    assert_eq!(fs::read_to_string(folder.path().join("a-2.csv")).unwrap(), "/a.csv?2");
    let nowhere = Keep::Folder(folder.path().join("no"));
    let failure = one(quick().keep(nowhere), server.url("/a")).failure;
    assert!(matches!(failure, Some(Failure::Write(_))), "{failure:?}");
}

#[test]
fn records_are_json() {
    let long = "x\"\\\n\u{1}é".repeat(30_000);
    let text = long.clone();
    let server = Server::new(move |request: &Request| match request.path.as_str() {
        "/latin1" => Reply::ok(b"M\xfcller").header("Content-Type: text/plain; charset=ISO-8859-1\r\n"),
        "/binary" => Reply::ok([0xff, 0, 1]),
        "/long" => Reply::ok(&text),
        "/away" => Reply::status("301 Moved Permanently").header("Location: /binary\r\n"),
        _ => Reply::status("404 Not Found"),
    });
    let urls = ["/latin1", "/binary", "/long", "/away", "/missing"].map(|path| server.url(path));
    let mut lines = Vec::new();
    for mut fetched in fetch(quick(), &urls) {
        fetched.write_json(&mut lines).unwrap();
    }
    let lines = String::from_utf8(lines).unwrap();
    let records: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 5);
    assert_eq!((&records[0]["text"], &records[0]["bytes"]), (&"Müller".into(), &6.into()));
    assert_eq!((&records[1]["base64"], &records[1]["text"]), (&"/wAB".into(), &serde_json::Value::Null));
    assert_eq!(records[2]["text"], long.as_str());
    assert_eq!(records[3]["location"], server.url("/binary"));
    assert_eq!((&records[4]["status"], &records[4]["error"]), (&404.into(), &"404 Not Found".into()));
    assert!(records.iter().all(|record| record["seconds"].is_number()));
}

#[test]
fn urls_are_read_as_files_are() {
    let server = Server::new(|request: &Request| match request.path.as_str() {
        "/data/t.csv.gz?v=1" => Reply::ok(gzip(b"a,b\n1,x\n2,y\n")),
        "/t.json" => Reply::ok("[{\"a\":1}]"),
        _ => Reply::status("404 Not Found"),
    });
    let options = ReadOptions::default().fetch(quick());
    let input = Input::open(server.url("/data/t.csv.gz?v=1"), &options).unwrap();
    assert_eq!(input.schema().fields().len(), 2);
    for _ in 0..2 {
        assert_eq!(input.batches(None).unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
    }
    assert_eq!(server.requests(), 1, "what was fetched is read again without another request");
    assert_eq!(Input::open(server.url("/t.json"), &options).unwrap().sampled_rows(), (1, true));
    let error = Input::open(server.url("/missing.csv"), &options).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: 404 Not Found", server.url("/missing.csv")));
}

#[test]
fn what_is_not_read_is_not_fetched() {
    let server = Server::new(|_: &Request| Reply::ok("1,x\n".repeat(10_000_000)));
    let options = ReadOptions::default().header(false).sample_bytes(1000).fetch(quick());
    let input = Input::open(server.url("/t.csv"), &options).unwrap();
    assert_eq!(input.batches(None).unwrap().next().unwrap().unwrap().num_rows(), 16_384);
    drop(input);
    assert!(server.sent() < 20_000_000, "{}", server.sent());
}

/// Servers cut off whoever takes nothing for a while, most of them after a minute. What is left is fetched when the reader
/// goes on.
#[test]
fn a_reader_may_pause_for_longer_than_the_server_waits() {
    let row = "1234567,some text that is long enough\n";
    let content = Arc::new(format!("a,b\n{}", row.repeat((32 << 20) / row.len())).into_bytes());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, cut) = channel();
    let served = content.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (content, sender) = (served.clone(), sender.clone());
            std::thread::spawn(move || impatient(stream, &content, &sender));
        }
    });
    let options = ReadOptions::default().fetch(quick()).sample_bytes(64 << 10).block_bytes(64 << 10);
    let input = Input::open(format!("http://{address}/t.csv"), &options).unwrap();
    let mut batches = input.read_once().batches(None).unwrap();
    let mut rows = batches.next().unwrap().unwrap().num_rows();
    let from = cut.recv_timeout(Duration::from_mins(2)).unwrap();
    assert_eq!(from, 0, "the first answer is cut off");
    rows += batches.map(|batch| batch.unwrap().num_rows()).sum::<usize>();
    assert_eq!(rows, (32 << 20) / row.len());
}

/// Answers one request with the content from where it is asked for, and tells where that was when nobody takes it.
fn impatient(mut stream: TcpStream, content: &[u8], cut: &Sender<usize>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        request.push(byte[0].to_ascii_lowercase());
    }
    let request = String::from_utf8(request).unwrap();
    let range = request.split("range: bytes=").nth(1).and_then(|range| range.split('-').next()?.parse().ok());
    let from: usize = range.unwrap_or(0);
    let (length, end) = (content.len() - from, content.len());
    let status = match range {
        Some(_) => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{end}", end - 1),
        None => "200 OK".to_owned(),
    };
    let head = format!("HTTP/1.1 {status}\r\nETag: \"1\"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content[from..])).is_err() {
        // The test may be over.
        let _ = cut.send(from);
    }
}
