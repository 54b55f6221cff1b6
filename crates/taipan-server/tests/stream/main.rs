//! Long reads over real sockets: their memory, their clients' pace, and how they end. The tests run one after another,
//! because they look at the memory of the process and fill the places that all of it shares.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use taipan::arrow::array::{ArrayRef, Int64Array, StringArray};
use taipan::arrow::record_batch::RecordBatch;
use taipan::store::{Count, Mode, Select, Store, WriteOptions};
use taipan::{Project, ProjectOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const ROWS: i64 = 200_000;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A server of the table `long`, of about 200 bytes a row, and `short`, of three rows.
struct Site {
    address: SocketAddr,
    project: Project,
    runtime: Option<Runtime>,
    _folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Site {
    fn new(rows: i64) -> Self {
        Self::of(rows, |_| ())
    }

    /// `change` may do to the database's file what it likes.
    fn of(rows: i64, change: impl FnOnce(&std::path::Path)) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("data.db");
        let app = "[app]\nname = \"long\"\ndatabase = \"sqlite:data.db\"\n";
        std::fs::write(folder.path().join("taipan.toml"), app).expect("a file");
        {
            let store = Store::open(file.to_str().expect("a path")).expect("a store");
            write(&store, "long", rows);
            write(&store, "short", 3);
        }
        change(&file);
        let project = Project::open(&ProjectOptions::new([folder.path().to_owned()])).expect("a project");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let app = taipan_server::app(project.clone());
        let listener = runtime.block_on(taipan_web::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(taipan_web::serve(app, listener, std::future::pending()));
        Self { address, project, runtime: Some(runtime), _folder: folder, _alone: alone }
    }

    /// Sends a request and reads nothing yet.
    fn send(&self, method: &str, path: &str, headers: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).expect("a connection");
        socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
        let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).expect("a request sent");
        socket
    }

    fn get(&self, path: &str, headers: &str) -> Answer {
        let mut bytes = Vec::new();
        let _ = self.send("GET", path, headers).read_to_end(&mut bytes);
        Answer::of(&bytes)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }
}

fn write(store: &Store, table: &str, rows: i64) {
    let mut words = Vec::new();
    for row in 0..rows {
        let mut word = String::new();
        let _ = write!(word, "row {row}, \"as text\" ");
        words.push(word.repeat(9));
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let words: ArrayRef = Arc::new(StringArray::from(words));
    let batch = RecordBatch::try_from_iter([("n", numbers), ("word", words)]).expect("a batch");
    let options = WriteOptions::default().mode(Mode::Replace).index("n");
    let batches = [Ok::<_, Infallible>(batch.clone())].into_iter();
    store.write_table(table, &batch.schema(), &options, batches).expect("a table");
}

/// An answer as it came, with its chunks put together.
struct Answer {
    head: String,
    body: Vec<u8>,
    /// Whether the end of the body was said, by its length or by the empty chunk.
    is_whole: bool,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").expect("headers");
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let mut rest = &bytes[end + 4..];
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(str::to_owned);
        if let Some(length) = length {
            let is_whole = rest.len().to_string() == length;
            return Self { head, body: rest.to_vec(), is_whole };
        }
        let (mut body, mut is_whole) = (Vec::new(), false);
        while let Some(at) = rest.windows(2).position(|part| part == b"\r\n") {
            let size = std::str::from_utf8(&rest[..at]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
            let Some((size, data)) = size.zip(rest.get(at + 2..)) else { break };
            body.extend_from_slice(&data[..size.min(data.len())]);
            is_whole = size == 0;
            rest = data.get(size + 2..).unwrap_or_default();
        }
        Self { head, body, is_whole }
    }

    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

#[test]
fn long_bodies_are_those_of_one_piece() {
    let site = Site::new(20_000);
    let store = site.project.store();
    let cases = [
        ("", "", "200", "0-19999/*"),
        ("", "prefer: count=exact\r\n", "200", "0-19999/20000"),
        ("?limit=5000&offset=17000", "", "200", "17000-19999/*"),
        ("?limit=5000&offset=100", "prefer: count=exact\r\n", "206", "100-5099/20000"),
        ("", "range: 10-9009\r\n", "200", "10-9009/*"),
        ("?n=gte.19990", "", "200", "19990-19999/*"),
        ("?n=gte.100&offset=50000", "", "200", "*/*"),
    ];
    for (query, headers, status, range) in cases {
        let answer = site.get(&format!("/api/long{query}"), headers);
        let filtered = query == "?n=gte.19990";
        let range = if filtered { "0-9/*" } else { range };
        assert_eq!((answer.status(), answer.header("content-range")), (status, Some(range)), "{query} {headers}");
        assert!(answer.is_whole, "{query}");
        // Only what was not known to end is sent in chunks.
        let is_small = filtered || range == "*/*";
        assert_eq!(answer.header("content-length").is_some(), is_small, "{query}");
        let (first, last) = range.split('/').next().and_then(|rows| rows.split_once('-')).unwrap_or(("0", ""));
        let first: u64 = if filtered { 19_990 } else { first.parse().expect("a number") };
        let rows = last.parse::<u64>().map_or(0, |last| if filtered { last + 1 } else { last + 1 - first });
        let page = store.read_json(&Select::new("long").offset(first).limit(rows), Count::None).expect("rows");
        assert!(answer.body == page.body, "{query} {headers}");
    }
    let refused = site.get("/api/long?offset=20001", "prefer: count=exact\r\n");
    assert_eq!((refused.status(), refused.header("content-range")), ("416", Some("*/20000")));
    let unknown = site.get("/api/long?m=eq.1", "");
    assert_eq!((unknown.status(), unknown.is_whole), ("400", true));

    let csv = site.get("/api/long", "accept: text/csv\r\n");
    assert_eq!((csv.status(), csv.header("content-range"), csv.is_whole), ("200", Some("0-19999/*"), true));
    let lines: Vec<&[u8]> = csv.body.split(|byte| *byte == b'\n').collect();
    assert_eq!((lines.len(), lines[0], lines[20_001]), (20_002, b"n,word".as_slice(), b"".as_slice()));
    assert!(lines[20_000].starts_with(b"19999,\"row 19999, \"\"as text\"\" row"));

    let mut head = Vec::new();
    site.send("HEAD", "/api/long", "").read_to_end(&mut head).expect("an answer");
    let head = Answer::of(&head);
    assert_eq!((head.status(), head.header("content-range")), ("200", Some("0-19999/*")));
    assert_eq!((head.header("content-length"), head.body.len()), (None, 0));
}

/// The bytes of memory in use.
#[cfg(target_os = "linux")]
fn memory() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("pages") * 4096
}

#[cfg(target_os = "linux")]
#[test]
fn a_slow_client_costs_no_memory() {
    const MOST: usize = 16 << 20;
    let site = Site::new(ROWS);
    assert_eq!(site.get("/api/long?limit=3000", "").status(), "200");
    for (path, headers) in [("/api/long", ""), ("/api/long", "accept: text/csv\r\n"), ("/api/long?order=word", "")] {
        let before = memory();
        let mut socket = site.send("GET", path, headers);
        let (mut piece, mut taken, mut most) = (vec![0; 256 << 10], 0, 0);
        // Were the body made at once, it would be while nothing is read here.
        std::thread::sleep(Duration::from_millis(1500));
        loop {
            let size = socket.read(&mut piece).expect("bytes");
            most = most.max(memory());
            if size == 0 {
                break;
            }
            taken += size;
            std::thread::sleep(Duration::from_micros(200));
        }
        assert!(taken > 2 * MOST, "{path}: {taken} bytes prove nothing");
        let grown = most.saturating_sub(before);
        assert!(grown < MOST, "{path} {headers}: {grown} bytes for a body of {taken}");
    }
}

#[test]
fn clients_that_wait_or_leave_hold_nobody_up() {
    let site = Site::new(ROWS);
    let turns = 2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(16);
    // More than there are turns; each asks for megabytes and reads nothing.
    let waiting: Vec<TcpStream> = (0..turns + 4).map(|_| site.send("GET", "/api/long", "")).collect();
    let mut first = [0; 12];
    // Some have a place, and no more than half of the turns go with it.
    let has_begun = |mut socket: &TcpStream, first: &mut [u8]| {
        socket.set_read_timeout(Some(Duration::from_millis(100))).is_ok() && socket.read_exact(first).is_ok()
    };
    let begun = waiting.iter().filter(|socket| has_begun(socket, &mut first)).count();
    assert!(begun <= turns / 2, "{begun} of {turns}");
    for path in ["/api/short", "/api/short?limit=2", "/api/long?order=word&limit=2", "/api/long?n=eq.7", "/health"] {
        assert_eq!(site.get(path, "").status(), "200", "{path}");
    }
    // When they leave, their reads end and others have the places; then nothing holds the table.
    drop(waiting);
    let answer = site.get("/api/long", "");
    assert!(answer.is_whole && answer.status() == "200");
    site.project.store().drop_table("long").expect("dropped");
    assert_eq!(site.get("/api/long", "").status(), "404");
}

#[test]
fn a_failure_midway_cuts_the_connection() {
    let site = Site::of(20_000, |file| {
        let mut bytes = std::fs::read(file).expect("a file");
        // A page of the table's last rows. They are counted by their index, which is whole.
        let rows: Vec<usize> = (0..bytes.len() / 4096).filter(|page| bytes[page * 4096] == 0x0d).collect();
        let page = rows[rows.len() * 9 / 10];
        bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
        std::fs::write(file, bytes).expect("a file");
    });
    for headers in ["", "accept: text/csv\r\n"] {
        let answer = site.get("/api/long", headers);
        assert_eq!((answer.status(), answer.header("content-range")), ("200", Some("0-19999/*")));
        assert!(answer.body.len() > 1 << 20 && !answer.is_whole, "{} bytes", answer.body.len());
    }
    // What fails at once is told.
    assert_eq!(site.get("/api/long?order=word", "").status(), "500");
    assert_eq!(site.get("/api/short", "").status(), "200");
}
