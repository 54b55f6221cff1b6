//! Words for requests that never reach a handler: what is not HTTP, an address or headers without end. The HTTP library
//! answers them itself, with a bare status; here that answer is given the body that other errors have.
//!
//! It is recognized only until the connection's first request was read: until then everything that is written is the
//! library's own, while later a body that happens to look the same must pass as it is.

use crate::Problem;
use axum::http::StatusCode;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether a request was read from a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Begun(Arc<AtomicBool>);

impl Begun {
    pub(crate) fn mark(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_marked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection whose bare refusals are put in words.
pub(crate) struct Worded<S> {
    stream: S,
    begun: Begun,
    /// A refusal that is being written, and how much of it was.
    refusal: Option<(Vec<u8>, usize)>,
}

impl<S> Worded<S> {
    pub(crate) fn new(stream: S, begun: Begun) -> Self {
        Self { stream, begun, refusal: None }
    }
}

/// A bare refusal with a body; none for anything else.
fn worded(answer: &[u8]) -> Option<Vec<u8>> {
    const EMPTY: &str = "content-length: 0\r\n";
    let text = std::str::from_utf8(answer).ok()?;
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse::<u16>().ok()?;
    let status = StatusCode::from_u16(status).ok().filter(StatusCode::is_client_error)?;
    let (before, after) = text.split_once(EMPTY).filter(|_| text.ends_with("\r\n\r\n"))?;
    let problem = match status {
        StatusCode::BAD_REQUEST => Problem::of(status)
            .hint("In an address, `>`, `\"`, `{`, `}` and the like are written as %3E, %22, %7B and %7D."),
        StatusCode::URI_TOO_LONG => Problem::of(status).hint("Ask for less at once, or filter by a shorter list."),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::of(status).hint("Send fewer and shorter headers."),
        _ => Problem::of(status),
    };
    let body = problem.json();
    let kind = "content-type: application/json; charset=utf-8\r\nx-content-type-options: nosniff\r\n";
    let mut worded = format!("{before}{kind}content-length: {}\r\n{after}", body.len()).into_bytes();
    worded.extend_from_slice(&body);
    Some(worded)
}

impl<S: AsyncRead + Unpin> AsyncRead for Worded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Worded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.refusal.is_none() && !this.begun.is_marked() {
            this.refusal = worded(bytes).map(|refusal| (refusal, 0));
        }
        let Some((refusal, written)) = &mut this.refusal else {
            return Pin::new(&mut this.stream).poll_write(context, bytes);
        };
        while let Some(rest) = refusal.get(*written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut this.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => *written += more,
            }
        }
        this.refusal = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.begun.is_marked() {
            return Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        }
        let first = parts.iter().find(|part| !part.is_empty());
        self.poll_write(context, first.map_or(&[], |part| part))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const BARE: &str = "HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";

    #[test]
    fn only_bare_refusals_are_worded() {
        let refused = worded(BARE.as_bytes()).map(|bytes| String::from_utf8(bytes).expect("text")).expect("a refusal");
        let (head, body) = refused.split_once("\r\n\r\n").expect("a body");
        assert!(head.starts_with("HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-type: application/json;"));
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
        assert!(body.starts_with(r#"{"code":"414","message":"The request's address is longer"#), "{body}");
        let bare = BARE.replace("414 URI Too Long", "400 Bad Request");
        let unread = worded(bare.as_bytes()).map(|bytes| String::from_utf8(bytes).expect("text")).expect("a refusal");
        assert!(unread.contains("`>`") && unread.contains("%3E"), "{unread}");
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "x",
            "",
        ] {
            assert_eq!(worded(other.as_bytes()), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_written_whole_and_what_follows_a_request_as_it_is() {
        for is_begun in [false, true] {
            // So little room that it takes several writes.
            let (ours, mut theirs) = tokio::io::duplex(16);
            let begun = Begun::default();
            if is_begun {
                begun.mark();
            }
            let mut ours = Worded::new(ours, begun);
            let writing = tokio::spawn(async move { ours.write_all(BARE.as_bytes()).await });
            let mut text = String::new();
            theirs.read_to_string(&mut text).await.expect("text");
            writing.await.expect("no panic").expect("written");
            assert_eq!(text == BARE, is_begun, "{text}");
        }
    }
}
