//! `taipan serve` ends as by a power cut while many clients write: whatever was acknowledged is there afterwards.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use support::{Server, Workplace};

const CLIENTS: u64 = 8;
/// So many writes are acknowledged before the end comes.
const BEFORE: usize = 200;

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let place = Workplace::new();
    place.write("log.csv", "id,text\n1,first\n");
    place.write("taipan.toml", "[app]\nname = \"log\"\ndatabase = \"sqlite:log.db\"\n\n[source.log]\nfile = \"log.csv\"\nprimary_key = \"id\"\n");
    let args = [".", "--write", "public"];
    let mut written = BTreeSet::from([1]);
    let next = AtomicU64::new(2);
    for round in 0..3 {
        let server = place.serve(&args);
        let address = server.address.clone();
        let (acknowledged, over) = (Mutex::new(BTreeSet::new()), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| write(&Server::at(&address), &next, &acknowledged, &over));
            }
            let start = std::time::Instant::now();
            while acknowledged.lock().unwrap().len() < BEFORE {
                assert!(start.elapsed() < Duration::from_mins(2), "writes are too slow to be tested");
                std::thread::sleep(Duration::from_millis(1));
            }
            // In the middle of whatever is being written.
            server.kill();
            over.store(true, Ordering::Relaxed);
        });
        let acknowledged = acknowledged.into_inner().unwrap();
        assert!(acknowledged.len() >= BEFORE, "{round}");
        written.extend(acknowledged);

        let server = place.serve(&args);
        let rows = server.get("/api/log?select=id,text&order=id").json();
        let found: BTreeSet<u64> = rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect();
        let lost: Vec<&u64> = written.difference(&found).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let whole = |row: &serde_json::Value| row["id"] == 1 || row["text"] == format!("row {}", row["id"]);
        assert!(rows.as_array().unwrap().iter().all(whole), "nothing is there by half");
        server.kill();
    }
}

/// Writes rows until the server is gone.
fn write(server: &Server, next: &AtomicU64, acknowledged: &Mutex<BTreeSet<u64>>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let id = next.fetch_add(1, Ordering::Relaxed);
        let row = format!("{{\"id\":{id},\"text\":\"row {id}\"}}");
        let sent = server.try_send("POST", "/api/log", &[("content-type", "application/json")], Some(&row));
        match sent {
            Some(answer) if answer.status == 201 => {
                acknowledged.lock().unwrap().insert(id);
            }
            Some(answer) => panic!("{}: {}", answer.status, answer.body),
            None => return,
        }
    }
}

/// A server that is killed while it does what it was asked for leaves the job to the next one, which does it once.
#[test]
fn a_job_outlives_the_server_that_did_it() {
    let place = Workplace::new();
    let numbers = |from: u64| {
        let lines: Vec<String> = (from..from + 400_000).map(|n| n.to_string()).collect();
        format!("n\n{}\n", lines.join("\n"))
    };
    place.write("numbers.csv", numbers(0));
    place.write("taipan.toml", "[app]\ndatabase = \"sqlite:numbers.db\"\n");
    let args = [".", "--write", "public"];
    let server = place.serve(&args);
    let listener = Listener::new(&server);
    place.write("numbers.csv", numbers(1));
    let asked = server.send("POST", "/jobs", &[("content-type", "application/json")], Some("{\"kind\":\"refresh\"}"));
    assert_eq!(asked.status, 202, "{}", asked.body);
    let path = asked.header("location").unwrap().to_owned();
    assert!(listener.hears("\"state\":\"running\""), "its beginning is told to who listens");
    server.kill();
    let listed = place.ok(&["jobs", ".", "--state", "running"]);
    assert!(listed.trim_start().starts_with("1  running    refresh"), "{listed}");

    let server = place.serve(&args);
    let start = std::time::Instant::now();
    loop {
        let job = server.get(&path).json();
        if job["state"] == "done" {
            assert_eq!(job["attempts"], 2, "{job}");
            break;
        }
        assert!(start.elapsed() < Duration::from_mins(2), "{job}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let found = server.get("/api/numbers?select=n&order=n.desc&limit=1").json();
    assert_eq!(found[0]["n"], 400_000);
    let json: serde_json::Value = serde_json::from_str(&place.ok(&["jobs", ".", "--format", "json"])).unwrap();
    assert_eq!((&json[0]["state"], json.as_array().unwrap().len()), (&serde_json::json!("done"), 1));
    let unknown = place.run(&["jobs", ".", "--cancel", "7"]);
    assert_eq!((unknown.code, unknown.stderr.trim()), (1, "error: there is no job 7"));
    server.kill();
}

/// A connection to `/jobs/changes`.
struct Listener(std::io::BufReader<std::net::TcpStream>);

impl Listener {
    fn new(server: &Server) -> Self {
        use std::io::Write;
        let host = server.address.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        write!(stream, "GET /jobs/changes HTTP/1.1\r\nhost: {host}\r\n\r\n").unwrap();
        let mut listener = Self(std::io::BufReader::new(stream));
        assert!(listener.next().is_some_and(|line| line.contains("200")));
        listener
    }

    /// Whether a line with this in it comes.
    fn hears(self, text: &str) -> bool {
        let mut lines = self;
        lines.any(|line| line.contains(text))
    }
}

impl Iterator for Listener {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        use std::io::BufRead;
        let mut line = String::new();
        (self.0.read_line(&mut line).ok()? > 0).then_some(line)
    }
}
