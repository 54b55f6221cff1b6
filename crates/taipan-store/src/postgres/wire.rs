//! Bytes to and from a PostgreSQL server: its messages, framed, over TCP, a socket file or TLS. One thread speaks and
//! waits for the answer; nothing is copied but into the buffers.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

use crate::postgres::address::{Address, Host, Tls};
use crate::postgres::tls;

/// How often a read that may be given up is looked after.
const PATIENCE: Duration = Duration::from_millis(100);
/// The longest message believed, in bytes: a value has at most 1 GiB.
const LONGEST: usize = (1 << 30) + (1 << 20);
/// What is written at once.
const CHUNK: usize = 128 << 10;

/// A connection's two directions.
pub(super) struct Channel {
    stream: Stream,
    input: Vec<u8>,
    start: usize,
    end: usize,
    pub(super) output: Vec<u8>,
    given_up: Option<Box<dyn FnMut() -> bool + Send>>,
}

/// A message of the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    File(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Channel {
    /// Connects, and encrypts if the address wants it.
    pub(super) fn connect(address: &Address) -> io::Result<Channel> {
        let stream = match &address.host {
            #[cfg(unix)]
            Host::Folder(folder) => {
                Stream::File(UnixStream::connect(folder.join(format!(".s.PGSQL.{}", address.port)))?)
            }
            #[cfg(not(unix))]
            Host::Folder(_) => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "no socket files on this system"));
            }
            Host::Name(host) => {
                let tcp = tcp(host, address)?;
                match address.tls {
                    Tls::Disable => Stream::Tcp(tcp),
                    mode => encrypted(tcp, host, mode, address)?,
                }
            }
        };
        let channel = Channel {
            stream,
            input: vec![0; 64 << 10],
            start: 0,
            end: 0,
            output: Vec::with_capacity(CHUNK),
            given_up: None,
        };
        channel.set_timeout(Some(address.connect))?;
        Ok(channel)
    }

    pub(super) fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(tcp) => tcp.set_read_timeout(timeout),
            #[cfg(unix)]
            Stream::File(file) => file.set_read_timeout(timeout),
            Stream::Tls(tls) => tls.sock.set_read_timeout(timeout),
        }
    }

    /// Sets a test that is made while a read waits: once it is true, the read fails as `Interrupted`.
    pub(super) fn give_up_when(&mut self, given_up: Option<Box<dyn FnMut() -> bool + Send>>) -> io::Result<()> {
        self.set_timeout(given_up.is_some().then_some(PATIENCE))?;
        self.given_up = given_up;
        Ok(())
    }

    /// Adds a message to what is to be sent.
    pub(super) fn put(&mut self, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
        self.output.push(tag);
        self.put_untagged(body);
    }

    pub(super) fn put_untagged(&mut self, body: impl FnOnce(&mut Vec<u8>)) {
        let at = self.output.len();
        self.output.extend_from_slice(&[0; 4]);
        body(&mut self.output);
        let length = ((self.output.len() - at) as u32).to_be_bytes();
        self.output[at..at + 4].copy_from_slice(&length);
    }

    /// Sends all that was put.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let output = std::mem::take(&mut self.output);
        let sent = self.write_all(&output);
        self.output = output;
        self.output.clear();
        if self.output.capacity() > 8 * CHUNK {
            self.output.shrink_to(CHUNK);
        }
        sent
    }

    /// Sends what was put once it is worth a call of the system.
    pub(super) fn flush_if_long(&mut self) -> io::Result<()> {
        if self.output.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(tcp) => tcp.write_all(bytes),
            #[cfg(unix)]
            Stream::File(file) => file.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }

    /// The next message, waited for.
    #[inline]
    pub(super) fn receive(&mut self) -> io::Result<Message<'_>> {
        if self.end - self.start < 5 {
            self.fill(5)?;
        }
        let head = &self.input[self.start..self.start + 5];
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if !(4..=LONGEST).contains(&length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer that is not PostgreSQL's"));
        }
        if self.end - self.start <= length {
            self.fill(length + 1)?;
        }
        let (tag, body) = (self.input[self.start], self.start + 5);
        self.start += length + 1;
        Ok(Message { tag, body: &self.input[body..self.start] })
    }

    /// Reads until so many bytes are there.
    #[cold]
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < wanted {
            if self.input.len() < wanted {
                // Grows with what comes, not with what a broken answer claims.
                let longer = wanted.min(2 * self.input.len());
                if self.end == self.input.len() {
                    self.input.resize(longer, 0);
                }
            }
            let room = &mut self.input[self.end..];
            let read = match &mut self.stream {
                Stream::Tcp(tcp) => tcp.read(room),
                #[cfg(unix)]
                Stream::File(file) => file.read(room),
                Stream::Tls(tls) => tls.read(room),
            };
            match read {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
                Ok(bytes) => self.end += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_wait(&error) => match &mut self.given_up {
                    Some(given_up) => {
                        if given_up() {
                            self.given_up = None;
                            self.set_timeout(None)?;
                            return Err(io::Error::new(io::ErrorKind::Interrupted, "not wanted any more"));
                        }
                    }
                    None => return Err(io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time")),
                },
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn tcp(host: &str, address: &Address) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("no address is known for \"{host}\""));
    for place in (host, address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, address.connect) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Asks the server for TLS.
fn encrypted(mut tcp: TcpStream, host: &str, mode: Tls, address: &Address) -> io::Result<Stream> {
    const REQUEST: u32 = 80_877_103;
    tcp.set_read_timeout(Some(address.connect))?;
    tcp.write_all(&8_u32.to_be_bytes())?;
    tcp.write_all(&REQUEST.to_be_bytes())?;
    // One byte and no more: whatever came with it was not encrypted, and is read as a broken handshake.
    let mut answer = [0];
    tcp.read_exact(&mut answer)?;
    match (&answer, mode) {
        (b"S", _) => {
            let name = rustls::pki_types::ServerName::try_from(host.to_owned())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
            let config = tls::config(mode, address.root.as_deref())?;
            let client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(client, tcp);
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
            Ok(Stream::Tls(Box::new(stream)))
        }
        (b"N", Tls::Prefer) => Ok(Stream::Tcp(tcp)),
        (b"N", _) => Err(io::Error::new(io::ErrorKind::Unsupported, "the server does not encrypt (TLS)")),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "an answer that is not PostgreSQL's")),
    }
}
