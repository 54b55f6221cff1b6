//! A server for tests, on the standard library alone: each answer is made by a function, which may also break it off.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// A request.
pub(crate) struct Request {
    /// How many came before.
    pub(crate) number: usize,
    /// Path and query.
    pub(crate) path: String,
    /// The lines of the headers, their names in lower case.
    pub(crate) headers: String,
}

/// An answer.
pub(crate) struct Reply {
    status: String,
    headers: String,
    body: Vec<u8>,
    after: Duration,
    /// So many bytes, and then the connection breaks.
    cut: Option<usize>,
    /// So many bytes, and then nothing.
    stall: Option<usize>,
}

type Answer = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A server that lives as long as the test.
pub(crate) struct Server {
    address: String,
    answer: Answer,
    requests: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::of(Arc::new(answer))
    }

    /// The same answers, counted anew.
    pub(crate) fn fresh(&self) -> Self {
        Self::of(self.answer.clone())
    }

    fn of(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (requests, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = Self { address, answer, requests, sent };
        let (answer, requests, sent) = (server.answer.clone(), server.requests.clone(), server.sent.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, requests, sent) = (answer.clone(), requests.clone(), sent.clone());
                // Whoever hangs up is not answered.
                thread::spawn(move || serve(stream?, &answer, &requests, &sent));
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Bytes of bodies that the system took.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Reply {
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self { body: body.as_ref().to_vec(), ..Self::status("200 OK") }
    }

    pub(crate) fn status(status: &str) -> Self {
        let (headers, body) = (String::new(), Vec::new());
        Self { status: status.to_owned(), headers, body, after: Duration::ZERO, cut: None, stall: None }
    }

    /// The part of a content that the request asks for.
    pub(crate) fn part(request: &Request, content: &[u8]) -> Self {
        let range = request.headers.lines().find_map(|line| line.strip_prefix("range: bytes="));
        let Some(from) = range.map(|range| range.trim_end_matches('-').parse::<usize>().unwrap()) else {
            return Self::ok(content);
        };
        let (last, whole) = (content.len() - 1, content.len());
        Self { body: content[from..].to_vec(), ..Self::status("206 Partial Content") }
            .header(&format!("Content-Range: bytes {from}-{last}/{whole}\r\n"))
    }

    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers.push_str(line);
        self
    }

    pub(crate) fn after(mut self, pause: Duration) -> Self {
        self.after = pause;
        self
    }

    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    pub(crate) fn stall(mut self, bytes: usize) -> Self {
        self.stall = Some(bytes);
        self
    }
}

fn serve(mut stream: TcpStream, answer: &Answer, requests: &AtomicUsize, sent: &AtomicUsize) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = String::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.extend([&name.to_ascii_lowercase(), ": ", value, "\n"]),
                None => break,
            }
        }
        let number = requests.fetch_add(1, Ordering::SeqCst);
        let reply = answer(&Request { number, path, headers });
        thread::sleep(reply.after);
        let head =
            format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n", reply.status, reply.body.len(), reply.headers);
        let end = reply.cut.or(reply.stall).unwrap_or(reply.body.len()).min(reply.body.len());
        let mut bytes = head.into_bytes();
        for piece in reply.body[..end].chunks(1 << 16) {
            bytes.extend_from_slice(piece);
            stream.write_all(&bytes)?;
            sent.fetch_add(bytes.len(), Ordering::SeqCst);
            bytes.clear();
        }
        stream.write_all(&bytes)?;
        if reply.stall.is_some() {
            thread::sleep(Duration::from_secs(10));
        }
        if reply.cut.is_some() || reply.stall.is_some() {
            return stream.shutdown(Shutdown::Both);
        }
    }
}
