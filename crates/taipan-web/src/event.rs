//! Server-sent events: an answer without end, of which browsers hear each part (`EventSource`).

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::convert::Infallible;
use std::fmt::Write as _;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Event {
    name: Option<String>,
    data: String,
    id: Option<String>,
}

impl Event {
    /// An event with this text.
    pub fn data(data: impl Into<String>) -> Self {
        Self { data: data.into(), ..Self::default() }
    }

    /// Gives it a name, for those who listen to that.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives it an id, which a browser that comes back sends in `Last-Event-ID`.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    fn bytes(&self) -> Bytes {
        let mut text = String::with_capacity(self.data.len() + 32);
        // A line break would end the line of a name, and begin another.
        let line = |text: &str| text.replace(['\r', '\n', '\0'], " ");
        for (key, value) in [("event", &self.name), ("id", &self.id)] {
            if let Some(value) = value {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{key}: {}", line(value));
            }
        }
        for part in self.data.split('\n') {
            let _ = writeln!(text, "data: {}", part.replace('\r', ""));
        }
        text.push('\n');
        text.into()
    }
}

/// Events as an answer.
#[must_use]
pub struct Events(Body);

impl Events {
    /// Each event when it comes.
    pub fn new(events: impl Stream<Item = Event> + Send + 'static) -> Self {
        Self(Body::from_stream(events.map(|event| Ok::<Bytes, Infallible>(event.bytes()))))
    }
}

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (headers, self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines() {
        let cases = [
            (Event::data("a"), "data: a\n\n"),
            (Event::data("a\r\nb").name("x\ny").id("7"), "event: x y\nid: 7\ndata: a\ndata: b\n\n"),
            (Event::data(""), "data: \n\n"),
        ];
        for (event, text) in cases {
            assert_eq!(event.bytes(), text);
        }
    }
}
