//! `GET /api/{table}/changes`: the rows that are inserted, updated and deleted through this server, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use taipan_web::header::{CACHE_CONTROL, CONTENT_TYPE};
use taipan_web::{Body, Bytes, HeaderValue, Response, Stopping};
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
    event: Event,
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
        // It fails where the last listener has just gone.
        let _ = self.sender.send(Arc::new(Change { table: table.to_owned(), event, text: event.text(rows) }));
    }

    /// The changes of a table from now on; where `whose` says so, those of rows that have this value in this column.
    pub(super) fn listen(&self, table: String, whose: Option<(String, String)>, stopping: &Stopping) -> Response {
        let receiver = self.sender.subscribe();
        let events = stream::unfold((receiver, (table, whose), true), |(mut receiver, about, is_first)| async move {
            if is_first {
                return Some((Bytes::from_static(b": listening\n\n"), (receiver, about, false)));
            }
            let (table, whose) = &about;
            loop {
                let text = match timeout(PULSE, receiver.recv()).await {
                    Err(_) => Bytes::from_static(b": still here\n\n"),
                    Ok(Ok(change)) if change.table == *table => match whose {
                        None => change.text.clone(),
                        Some((column, value)) => match change.of(column, value) {
                            Some(text) => text,
                            None => continue,
                        },
                    },
                    Ok(Ok(_)) => continue,
                    Ok(Err(RecvError::Lagged(missed))) => format!("event: missed\ndata: {missed}\n\n").into(),
                    Ok(Err(RecvError::Closed)) => return None,
                };
                return Some((text, (receiver, about, false)));
            }
        });
        let ok = |bytes| Ok::<Bytes, std::convert::Infallible>(bytes);
        let events = stopping.ends(futures::StreamExt::map(events, ok));
        let mut response = Response::new(Body::from_stream(events));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl Change {
    /// The same with those rows only that have this value; none where no row has.
    fn of(&self, column: &str, value: &str) -> Option<Bytes> {
        let data = self.text.split(|byte| *byte == b'\n').nth(1)?.strip_prefix(b"data: ")?;
        let mut rows: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(data).ok()?;
        rows.retain(|row| row.get(column).and_then(|found| found.as_str()) == Some(value));
        let text = serde_json::to_vec(&rows).ok().filter(|_| !rows.is_empty())?;
        Some(self.event.text(&text))
    }
}

impl Event {
    fn text(self, rows: &[u8]) -> Bytes {
        let name = match self {
            Event::Insert => "insert",
            Event::Update => "update",
            Event::Delete => "delete",
        };
        let mut text = format!("event: {name}\ndata: ").into_bytes();
        // A line break within JSON stands between its parts only.
        text.extend(rows.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
        text.extend_from_slice(b"\n\n");
        text.into()
    }
}
