//! Work that waits on a disk or keeps a core busy, moved off the async workers.

use crate::Problem;
use axum::http::StatusCode;

/// Runs `work` on the blocking pool and waits for it, so that other requests go on meanwhile.
///
/// # Errors
/// 503 when the server is stopping and the work was never begun. A panic of `work` goes on in the caller, where the
/// app turns it into a 500 page.
pub async fn blocking<T, W>(work: W) -> Result<T, Problem>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => Ok(value),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Problem::of(StatusCode::SERVICE_UNAVAILABLE)),
    }
}
