//! Waiting for the clock.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::context::Contained;
use crate::error::{Error, ErrorKind, Result};

/// Waits so long.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Gives `work` so long; what is not done by then is cancelled, and its clean-up awaited.
///
/// Errors: that of the work, or [`ErrorKind::TimedOut`].
pub async fn timeout<T, E, W>(duration: Duration, work: W) -> Result<T, E>
where
    W: IntoFuture<Output = Result<T, E>>,
    E: From<Error>,
{
    let mut work = pin!(Contained::new(work.into_future()));
    let mut alarm = pin!(tokio::time::sleep(duration));
    let done = poll_fn(|polled| match work.as_mut().poll(polled) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => alarm.as_mut().poll(polled).map(|()| None),
    })
    .await;
    if let Some(output) = done {
        return output;
    }
    work.as_mut().cancel().await;
    Err(Error::new(ErrorKind::TimedOut(duration)).into())
}
