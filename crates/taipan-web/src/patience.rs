//! How long a client is waited for that began something and goes on slowly, or not at all: bodies that drip in, and
//! answers that nobody takes. A client that is honest but slow gets through; one that only holds a place does not.

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How patient a server is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the last request, or the beginning, until the headers of the next are complete.
    pub(crate) headers: Duration,
    /// For a body, and again for each [`PIECE`] of it that came.
    pub(crate) body: Duration,
    /// For a client that takes nothing of an answer.
    pub(crate) answer: Duration,
    /// For a handshake.
    pub(crate) handshake: Duration,
}

/// So much of a body may take as long as its beginning.
const PIECE: u64 = 32 << 10;

impl Patience {
    pub(crate) const USUAL: Self = Self {
        headers: Duration::from_secs(30),
        body: Duration::from_mins(1),
        answer: Duration::from_mins(1),
        handshake: Duration::from_secs(10),
    };
}

/// A request's body that fails when it comes too slowly.
struct TimedBody<B> {
    body: B,
    begun: Instant,
    patience: Duration,
    received: u64,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// The body of a request, which fails when it comes too slowly.
pub(crate) fn timed<B>(body: B, patience: Duration) -> Body
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return Body::new(body);
    }
    Body::new(TimedBody { body, begun: Instant::now(), patience, received: 0, alarm: None })
}

impl<B> HttpBody for TimedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            if let Some(Ok(frame)) = &frame {
                this.received += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        // Measured from the beginning: a byte now and then buys no time, a piece of some size does.
        let pieces = u32::try_from(this.received / PIECE).unwrap_or(u32::MAX - 1);
        let until = this.begun + this.patience.saturating_mul(pieces.saturating_add(1));
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if alarm.deadline() != until {
            alarm.as_mut().reset(until);
        }
        ready!(alarm.as_mut().poll(context));
        Poll::Ready(Some(Err("the body came too slowly".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that fails when its other end takes nothing for too long.
pub(crate) struct Taken<S> {
    stream: S,
    patience: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S> Taken<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, alarm: None }
    }

    /// What a write gave, or that it has waited for too long.
    fn judge<T>(&mut self, context: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.alarm = None;
            return wrote;
        }
        let patience = self.patience;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(alarm.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.judge(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::convert::Infallible;
    use tokio::io::AsyncWriteExt;

    /// A byte now and then, for ever or so often.
    fn drip(times: usize) -> Body {
        Body::from_stream(stream::unfold(0, move |sent| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            (sent < times).then(|| (Ok::<_, Infallible>(Bytes::from_static(b"x")), sent + 1))
        }))
    }

    #[tokio::test]
    async fn a_body_that_drips_for_ever_fails() {
        let body = timed(drip(usize::MAX), Duration::from_millis(50));
        let error = axum::body::to_bytes(body, usize::MAX).await.expect_err("it has no end");
        assert!(format!("{error:?}").contains("the body came too slowly"), "{error:?}");
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_whole() {
        let body = timed(drip(20), Duration::from_mins(10));
        assert_eq!(axum::body::to_bytes(body, usize::MAX).await.expect("whole").len(), 20);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_fails() {
        let (ours, theirs) = tokio::io::duplex(1000);
        let mut ours = Taken::new(ours, Duration::from_millis(50));
        ours.write_all(&[0; 1000]).await.expect("there is room");
        let error = ours.write_all(&[0; 1000]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(theirs);
    }
}
