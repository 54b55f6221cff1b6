//! One plain HTTP GET on loopback: enough to ask a server of ours whether it is ready and what it answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A port that nothing listens on at the moment.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr().context("no free port")?.port())
}

/// The status and body of `GET path`.
pub(crate) fn get(port: u16, path: &str) -> Result<(u16, Vec<u8>)> {
    let place = || format!("http://127.0.0.1:{port}{path}");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).with_context(place)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).with_context(place)?;
    read_answer(BufReader::new(stream)).with_context(place)
}

/// Asks until the path answers 200; gives up after `patience` or when `alive` says that nobody will answer.
pub(crate) fn wait_ready(port: u16, path: &str, patience: Duration, mut alive: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    loop {
        let last = match get(port, path) {
            Ok((200, _)) => return Ok(()),
            Ok((status, _)) => anyhow::anyhow!("http://127.0.0.1:{port}{path}: status {status}"),
            Err(error) => error,
        };
        if !alive() {
            return Err(last.context("ended before it was ready"));
        }
        if start.elapsed() > patience {
            return Err(last.context(format!("not ready after {} s", patience.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Reads an answer whose end is told by its length, by its chunks, or by the end of the stream.
fn read_answer(mut answer: impl BufRead) -> Result<(u16, Vec<u8>)> {
    let first = line(&mut answer)?;
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let Some(status) = status else { bail!("the answer has no status: '{first}'") };
    let (mut length, mut chunked) = (None, false);
    loop {
        let header = line(&mut answer)?.to_ascii_lowercase();
        match header.split_once(':').map(|(name, value)| (name, value.trim())) {
            None if header.is_empty() => break,
            Some(("content-length", value)) => length = value.parse().ok(),
            Some(("transfer-encoding", value)) => chunked = value.ends_with("chunked"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = line(&mut answer)?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            match u64::from_str_radix(digits, 16) {
                Ok(0) => break,
                Ok(size) => take(&mut answer, size, &mut body)?,
                Err(_) => bail!("the answer has a chunk of unknown size: '{size}'"),
            }
            line(&mut answer)?;
        }
    } else if let Some(length) = length {
        take(&mut answer, length, &mut body)?;
    } else {
        answer.read_to_end(&mut body)?;
    }
    Ok((status, body))
}

fn take(answer: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> Result<()> {
    if answer.take(length).read_to_end(body)? as u64 != length {
        bail!("the answer ends too early");
    }
    Ok(())
}

/// One line without its end.
fn line(answer: &mut impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    if answer.read_until(b'\n', &mut line)? == 0 {
        bail!("the answer ends too early");
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_to_their_end() {
        let cases: [(&str, u16, &str); 5] = [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\n[1]\r\n\r\n", 200, "[1]\r\n\r\n"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1] and more", 200, "[1]"),
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 404, ""),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n[1,\r\nA\r\n 2, 3, 4 ]\r\n0\r\n\r\n",
                200,
                "[1, 2, 3, 4 ]",
            ),
            ("HTTP/1.0 200 OK\n\nplain", 200, "plain"),
        ];
        for (answer, status, body) in cases {
            let found = read_answer(answer.as_bytes()).expect(answer);
            assert_eq!(found, (status, body.as_bytes().to_vec()), "{answer}");
        }
    }

    #[test]
    fn broken_answers_are_errors() {
        for (answer, expected) in [
            ("", "the answer ends too early"),
            ("HTTP/1.1 200 OK\r\n", "the answer ends too early"),
            ("HTTP/1.1\r\n\r\n", "the answer has no status: 'HTTP/1.1'"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1]", "the answer ends too early"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
                "the answer has a chunk of unknown size: 'x'",
            ),
        ] {
            let error = read_answer(answer.as_bytes()).expect_err(answer);
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_real_answer_is_read_and_a_silent_port_is_an_error() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("port");
        let port = listener.local_addr().expect("address").port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("client");
            let mut request = [0; 512];
            let read = stream.read(&mut request).expect("request");
            stream.write_all(b"HTTP/1.0 404 Not Found\r\n\r\nno").expect("answer");
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let answer = get(port, "/status?full=1").expect("answer");
        assert_eq!(answer, (404, b"no".to_vec()));
        assert!(server.join().expect("server").starts_with("GET /status?full=1 HTTP/1.1\r\n"));

        let error = wait_ready(port, "/", Duration::from_secs(5), || false).expect_err("closed");
        assert_eq!(error.to_string(), "ended before it was ready");
    }
}
