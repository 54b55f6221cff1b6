//! Answers that go on for as long as the client listens, and end when the server does.

use futures::{Stream, StreamExt};
use tokio::sync::watch;

/// Ends streams when the server begins to stop, which would wait for them otherwise. All clones are the same.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// That of an app, to be given to it by [`App::stopping`](crate::App::stopping).
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// The stream for as long as the server is not about to stop.
    pub fn ends<S: Stream>(&self, stream: S) -> impl Stream<Item = S::Item> + use<S> {
        let mut stop = self.0.subscribe();
        stream.take_until(Box::pin(async move { drop(stop.wait_for(|stop| *stop).await) }))
    }

    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Default for Stopping {
    fn default() -> Self {
        Self::new()
    }
}
