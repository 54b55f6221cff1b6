//! Work that waits for the database or keeps a core busy, kept off the threads that serve connections.

use std::sync::{Arc, LazyLock};

use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// More at once would only take cores and database connections from each other, and leave none for the brief reads that
/// the connections' own threads make. The rest waits its turn in order.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Arc::new(Semaphore::new((2 * cores).min(32)))
});

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
