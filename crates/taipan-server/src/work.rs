//! Work that waits for the database or keeps a core busy, kept off the threads that serve connections.

use std::sync::{Arc, LazyLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// More at once would only take cores and database connections from each other, and leave none for the brief reads that
/// the connections' own threads make. The rest waits its turn in order.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(turns())));

/// The places for work that goes on at its client's pace. They are half of the turns, which such work keeps as well:
/// however slow the clients are, the other half is left to all else.
static STREAMS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(turns() / 2)));

fn turns() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (2 * cores).min(32)
}

/// Runs `work` on a thread where it may block, and waits for its result without blocking.
pub(crate) async fn blocking<T, E>(work: impl FnOnce() -> std::result::Result<T, E> + Send + 'static) -> Result<T>
where
    T: Send + 'static,
    E: Into<Error> + Send + 'static,
{
    let turn = Arc::clone(&TURNS).acquire_owned().await.map_err(Error::internal)?;
    let done = taipan_web::blocking(move || {
        // Kept until the work is done, even when its client has gone and nobody waits for it any more.
        let _turn = turn;
        work()
    });
    done.await?.map_err(Into::into)
}

/// Runs `work` as [`blocking`] does when it is its turn, but does not wait for its end.
pub(crate) async fn start(work: impl FnOnce() + Send + 'static) -> Result<()> {
    let turn = Arc::clone(&TURNS).acquire_owned().await.map_err(Error::internal)?;
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work();
    });
    Ok(())
}

/// A place for work that its client may hold up, if one is free.
pub(crate) fn try_stream_place() -> Option<OwnedSemaphorePermit> {
    Arc::clone(&STREAMS).try_acquire_owned().ok()
}

/// A place for work that its client may hold up, in order of asking.
pub(crate) async fn stream_place() -> Result<OwnedSemaphorePermit> {
    Arc::clone(&STREAMS).acquire_owned().await.map_err(Error::internal)
}
