//! A URL as a stream of bytes: fetched by a thread of its own, which waits when nobody reads.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use crate::error::ErrorKind;
use crate::fetch::{self, Failure, FetchOptions, Sink};

/// Pieces that wait to be read.
const WAITING: usize = 16;

/// Whether a name is a URL that can be fetched, not a file.
pub fn is_url(name: &str) -> bool {
    let scheme = name.split_once("://").map(|(scheme, _)| scheme).unwrap_or_default();
    ["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

/// The content of a URL, unpacked as its `Content-Encoding` says. The request is made with the first reading.
pub(super) struct UrlReader {
    state: State,
    charset: Charset,
    piece: Vec<u8>,
    at: usize,
}

/// The encoding that the answer names for its text, once it has come.
pub(super) type Charset = Arc<OnceLock<String>>;

enum State {
    Idle(String, Box<FetchOptions>),
    Reading(Receiver<Message>),
    Ended,
}

enum Message {
    Bytes(Vec<u8>),
    Failed(Failure),
    /// The end of the content: a channel that merely closes is none.
    Whole,
}

impl UrlReader {
    pub(super) fn new(url: &str, options: FetchOptions) -> Self {
        Self {
            state: State::Idle(url.to_owned(), Box::new(options)),
            charset: Charset::default(),
            piece: Vec::new(),
            at: 0,
        }
    }

    /// Where the encoding stands that the answer names, as soon as any of its content was read.
    pub(super) fn charset(&self) -> Charset {
        self.charset.clone()
    }

    /// The next piece, nothing at the end.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let State::Idle(url, options) = &mut self.state {
            let (url, options) = (std::mem::take(url), options.clone());
            let (sender, receiver) = sync_channel(WAITING);
            let charset = self.charset.clone();
            self.state = State::Reading(receiver);
            thread::Builder::new().name("fetch".to_owned()).spawn(move || run(&url, *options, &sender, charset))?;
        }
        let State::Reading(receiver) = &self.state else { return Ok(None) };
        let failure = match receiver.recv() {
            Ok(Message::Bytes(piece)) => return Ok(Some(piece)),
            Ok(Message::Whole) => {
                self.state = State::Ended;
                return Ok(None);
            }
            Ok(Message::Failed(failure)) => failure,
            Err(_) => Failure::Broken("nobody fetches any more".to_owned()),
        };
        Err(ErrorKind::Fetch(failure).into())
    }
}

impl Read for UrlReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            if !rest.is_empty() {
                let read = { rest }.read(buffer)?;
                self.at += read;
                return Ok(read);
            }
            match self.next()? {
                Some(piece) => (self.piece, self.at) = (piece, 0),
                None => return Ok(0),
            }
        }
    }
}

fn run(url: &str, options: FetchOptions, sender: &SyncSender<Message>, charset: Charset) {
    let done = fetch::into_sink(url, options, Box::new(Pipe(sender.clone(), charset)));
    // A receiver that is gone wants no more.
    let _ = sender.send(done.map_or_else(Message::Failed, |()| Message::Whole));
}

struct Pipe(SyncSender<Message>, Charset);

impl Sink for Pipe {
    fn described(&mut self, content_type: Option<&str>) {
        let parameters = content_type.unwrap_or_default().split(';').skip(1);
        let named = parameters.filter_map(|parameter| parameter.split_once('='));
        let mut charsets = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        if let Some((_, charset)) = charsets.next() {
            let _ = self.1.set(charset.trim().trim_matches('"').to_owned());
        }
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(Message::Bytes(bytes.to_vec())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn restart(&mut self) -> bool {
        false
    }
}
