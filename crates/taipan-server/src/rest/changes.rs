//! `GET /api/{table}/changes`: the rows that are inserted, updated and deleted through this server, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use taipan_web::header::{CACHE_CONTROL, CONTENT_TYPE};
use taipan_web::{Body, Bytes, HeaderValue, Response};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

/// The changes kept for a client that is slow; one that is slower is told that it missed some.
const KEPT: usize = 256;
/// A word now and then, by which proxies and servers see that the other side is still there.
const PULSE: Duration = Duration::from_secs(15);

/// What happens to rows, told to all who listen.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    sender: broadcast::Sender<Arc<Change>>,
}

#[derive(Debug)]
struct Change {
    table: String,
    text: Bytes,
}

/// What happened to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Insert,
    Update,
    Delete,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(KEPT) }
    }

    /// Tells those who listen to a table; `rows` is a JSON array.
    pub(crate) fn tell(&self, table: &str, event: Event, rows: &[u8]) {
        if self.sender.receiver_count() == 0 || rows == b"[]" {
            return;
        }
        let name = match event {
            Event::Insert => "insert",
            Event::Update => "update",
            Event::Delete => "delete",
        };
        let mut text = format!("event: {name}\ndata: ").into_bytes();
        // A line break within JSON stands between its parts only.
        text.extend(rows.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
        text.extend_from_slice(b"\n\n");
        // It fails where the last listener has just gone.
        let _ = self.sender.send(Arc::new(Change { table: table.to_owned(), text: text.into() }));
    }

    /// The changes of a table from now on.
    pub(super) fn listen(&self, table: String) -> Response {
        let receiver = self.sender.subscribe();
        let events = stream::unfold((receiver, table, true), |(mut receiver, table, is_first)| async move {
            if is_first {
                return Some((Bytes::from_static(b": listening\n\n"), (receiver, table, false)));
            }
            loop {
                let text = match timeout(PULSE, receiver.recv()).await {
                    Err(_) => Bytes::from_static(b": still here\n\n"),
                    Ok(Ok(change)) if change.table == table => change.text.clone(),
                    Ok(Ok(_)) => continue,
                    Ok(Err(RecvError::Lagged(missed))) => format!("event: missed\ndata: {missed}\n\n").into(),
                    Ok(Err(RecvError::Closed)) => return None,
                };
                return Some((text, (receiver, table, false)));
            }
        });
        let ok = |bytes| Ok::<Bytes, std::convert::Infallible>(bytes);
        let mut response = Response::new(Body::from_stream(futures::StreamExt::map(events, ok)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
