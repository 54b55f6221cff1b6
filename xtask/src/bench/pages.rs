//! A server of small pages for clients to be measured by: a thread for each connection, an answer of one write.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};

/// How long a page under `/slow/` lets wait.
const SLOW: Duration = Duration::from_millis(100);

/// The connections that may wait to be accepted. Those beyond are dropped by the system, and their clients try again
/// much later; a listener of the standard library has 128.
const BACKLOG: i32 = 4096;

/// Serves until the process ends.
pub(crate) struct PageServer {
    address: SocketAddr,
}

impl PageServer {
    /// Starts a server on a free port of this machine.
    pub(crate) fn start() -> Result<Self> {
        let listen = || -> std::io::Result<TcpListener> {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            socket.listen(BACKLOG)?;
            Ok(socket.into())
        };
        let listener = listen().context("no port to serve pages on")?;
        let address = listener.local_addr().context("no address")?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hangs up is not answered.
                let _ = thread::Builder::new().stack_size(128 << 10).spawn(move || serve(stream));
            }
        });
        Ok(Self { address })
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        requests.extend_from_slice(&piece[..read]);
        while let Some(end) = requests.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let path = path(&requests[..end]).to_owned();
            requests.drain(..end + 4);
            if path.starts_with("/slow/") {
                thread::sleep(SLOW);
            }
            stream.write_all(page(&path).as_bytes())?;
        }
    }
}

/// The path of `GET /path HTTP/1.1`.
fn path(request: &[u8]) -> &str {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    std::str::from_utf8(line).ok().and_then(|line| line.split(' ').nth(1)).unwrap_or("/")
}

fn page(path: &str) -> String {
    let filler = "Lorem ipsum dolor sit amet, consectetur adipiscing elit. ".repeat(17);
    let body = format!("<html><body><h1>This is {path}.</h1><p>{filler}</p></body></html>\n");
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_served_one_after_another() {
        let server = PageServer::start().expect("starts");
        let mut stream = TcpStream::connect(server.address).expect("connects");
        for page in ["/page/1", "/page/2"] {
            write!(stream, "GET {page} HTTP/1.1\r\nHost: x\r\n\r\n").expect("asks");
            let mut answer = String::new();
            while !answer.ends_with("</html>\n") {
                let mut piece = [0; 4096];
                let read = stream.read(&mut piece).expect("answers");
                answer.push_str(std::str::from_utf8(&piece[..read]).expect("text"));
            }
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(&format!("This is {page}.")));
        }
        assert_eq!(server.url("/x"), format!("http://{}/x", server.address));
    }
}
