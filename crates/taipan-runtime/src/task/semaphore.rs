//! At most so many at once.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

/// Lets at most so many hold a permit at once. Clones are the same semaphore; who waits first is served first.
///
/// ```
/// # use taipan_runtime::{Error, task::*};
/// # run(async {
/// let semaphore = Semaphore::new(2);
/// let permit = semaphore.acquire().await;
/// assert_eq!(semaphore.available(), 1);
/// drop(permit); // given back
/// # Ok::<_, Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Semaphore(Arc<tokio::sync::Semaphore>);

/// The right to be one of those; given back when dropped.
#[derive(Debug)]
pub struct Permit(#[allow(dead_code)] Option<OwnedSemaphorePermit>);

impl Semaphore {
    /// A semaphore with `permits` permits.
    pub fn new(permits: usize) -> Self {
        Self(Arc::new(tokio::sync::Semaphore::new(permits.min(tokio::sync::Semaphore::MAX_PERMITS))))
    }

    /// Waits for a permit.
    pub async fn acquire(&self) -> Permit {
        // It is an error only when the semaphore is closed, which nobody can do.
        Permit(Arc::clone(&self.0).acquire_owned().await.ok())
    }

    /// A permit, if one is free now.
    pub fn try_acquire(&self) -> Option<Permit> {
        Arc::clone(&self.0).try_acquire_owned().ok().map(|permit| Permit(Some(permit)))
    }

    /// How many permits are free.
    pub fn available(&self) -> usize {
        self.0.available_permits()
    }
}
