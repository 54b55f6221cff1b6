//! Scopes around async work.

use std::any::Any;
use std::fmt;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Polled, Poll};

use futures::FutureExt;

use super::{Exit, settle};
use crate::error::Error;
use crate::task::context::{CleanUp, Contained, defer};

/// An async context manager; made by [`scope_async`].
#[derive(Debug)]
pub struct AsyncScope<N, X> {
    pub(super) enter: N,
    pub(super) exit: X,
}

/// Makes a context manager of an async entrance and an async exit.
///
/// ```
/// use std::sync::Arc;
/// use taipan_runtime::Error;
/// use taipan_runtime::scope::scope_async;
/// use taipan_runtime::task::run;
///
/// let length = run(async {
///     let connection = scope_async(
///         async || Ok::<_, Error>(String::from("connected")),
///         |connection: Arc<String>, exit| {
///             let committed = exit.is_success();
///             async move {
///                 println!("{connection}: {}", if committed { "committed" } else { "rolled back" });
///                 Ok(())
///             }
///         },
///     );
///     connection.with(async |connection| Ok(connection.len())).await
/// })?;
/// assert_eq!(length, 9);
/// # Ok::<(), Error>(())
/// ```
///
/// When the work is cancelled, the exit still runs, and whoever cancelled through this crate (a task's handle, a
/// group, a timeout, a gather) waits for it.
pub fn scope_async<T, E, N, X, L>(enter: N, exit: X) -> AsyncScope<N, X>
where
    N: AsyncFnOnce() -> Result<T, E>,
    X: FnOnce(Arc<T>, Exit<'_, E>) -> L + Send + 'static,
    L: Future<Output = Result<(), E>> + Send + 'static,
    T: Send + Sync + 'static,
    E: fmt::Display + 'static,
{
    AsyncScope { enter, exit }
}

/// An async context manager that closes `value` at the end: `closing_async(connection, close)`.
#[expect(clippy::type_complexity, reason = "the closures have no other names")]
pub fn closing_async<T, E, L>(
    value: T,
    close: impl FnOnce(Arc<T>) -> L + Send + 'static,
) -> AsyncScope<impl AsyncFnOnce() -> Result<T, E>, impl FnOnce(Arc<T>, Exit<'_, E>) -> L + Send + 'static>
where
    L: Future<Output = Result<(), E>> + Send + 'static,
    T: Send + Sync + 'static,
    E: fmt::Display + 'static,
{
    scope_async(async move || Ok(value), move |value, _: Exit<'_, E>| close(value))
}

/// Does `work`; an error that is `expected` counts as none, and gives `None`.
pub async fn suppress_async<R, E>(
    expected: impl Fn(&E) -> bool,
    work: impl Future<Output = Result<R, E>>,
) -> Result<Option<R>, E> {
    let outcome = work.await;
    super::suppress(expected, || outcome)
}

impl<N, X> AsyncScope<N, X> {
    /// Enters, works and leaves.
    ///
    /// Errors: that of entering; that of the work; when the work returned, that of leaving.
    pub async fn with<R, T, E, L>(self, work: impl AsyncFnOnce(Arc<T>) -> Result<R, E>) -> Result<R, E>
    where
        N: AsyncFnOnce() -> Result<T, E>,
        X: FnOnce(Arc<T>, Exit<'_, E>) -> L + Send + 'static,
        L: Future<Output = Result<(), E>> + Send + 'static,
        T: Send + Sync + 'static,
        E: fmt::Display + 'static,
    {
        let value = Arc::new((self.enter)().await?);
        let mut unless_left = UnlessLeft { exit: Some((self.exit, Arc::clone(&value))), leave };
        // Declared after the exit, so that a cancelled inner scope is left before this one.
        let outcome = pin!(Contained::new(AssertUnwindSafe(work(value)).catch_unwind())).await;
        let left = match unless_left.exit.take() {
            Some((exit, value)) => ToTheEnd::new(Box::pin(exit(value, Exit::of(&outcome)))).await,
            None => Ok(()),
        };
        settle(outcome, left)
    }
}

/// Makes the exit of cancelled work.
fn leave<T, E, X, L>(exit: X, value: Arc<T>) -> CleanUp
where
    X: FnOnce(Arc<T>, Exit<'_, E>) -> L + Send + 'static,
    L: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + 'static,
{
    match catch_unwind(AssertUnwindSafe(|| exit(value, Exit::Cancelled))) {
        Ok(left) => to_the_end(left),
        Err(payload) => {
            report_panic(payload.as_ref());
            Box::pin(ready(()))
        }
    }
}

/// An exit that nobody hears of but the log, not even when it panics: the exits after it run all the same.
pub(super) fn to_the_end<E: fmt::Display>(exit: impl Future<Output = Result<(), E>> + Send + 'static) -> CleanUp {
    Box::pin(AssertUnwindSafe(exit).catch_unwind().map(|left| match left {
        Ok(left) => super::report(left),
        Err(payload) => report_panic(payload.as_ref()),
    }))
}

pub(super) fn report_panic(payload: &(dyn Any + Send)) {
    super::report(Err(Error::panicked(payload)));
}

/// Leaves the scope of work that was dropped.
struct UnlessLeft<X, T> {
    exit: Option<(X, Arc<T>)>,
    leave: fn(X, Arc<T>) -> CleanUp,
}

impl<X, T> Drop for UnlessLeft<X, T> {
    fn drop(&mut self) {
        if let Some((exit, value)) = self.exit.take() {
            defer((self.leave)(exit, value));
        }
    }
}

/// A future that is run to its end even when it is dropped.
pub(super) struct ToTheEnd<E: fmt::Display + 'static>(Option<Leaving<E>>);

pub(super) type Leaving<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

impl<E: fmt::Display + 'static> ToTheEnd<E> {
    pub(super) fn new(leaving: Leaving<E>) -> Self {
        Self(Some(leaving))
    }
}

impl<E: fmt::Display + 'static> Future for ToTheEnd<E> {
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<Self::Output> {
        let Some(mut future) = self.0.take() else { return Poll::Ready(Ok(())) };
        // One that panics here has run, and is not run again when this is dropped.
        let output = future.as_mut().poll(polled);
        if output.is_pending() {
            self.0 = Some(future);
        }
        output
    }
}

impl<E: fmt::Display + 'static> Drop for ToTheEnd<E> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take() {
            defer(to_the_end(future));
        }
    }
}
