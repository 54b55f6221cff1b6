//! Tasks: async work that runs by itself, and ways to wait for several.
//!
//! The names are asyncio's. Work is any future whose output is a `Result`; being cancelled, timed out or panicking are
//! errors of this crate, which the work's own error type is made from.
//!
//! ```
//! use std::time::Duration;
//! use taipan_runtime::Error;
//! use taipan_runtime::task::{create_task, gather, run, sleep, timeout};
//!
//! async fn square(n: u64) -> Result<u64, Error> {
//!     sleep(Duration::from_millis(n)).await;
//!     Ok(n * n)
//! }
//!
//! let squares = run(async {
//!     let task = create_task(square(3));
//!     let many = gather((0..3).map(square)).await?;
//!     let one = timeout(Duration::from_secs(60), task).await?;
//!     Ok::<_, Error>((many, one))
//! })?;
//! assert_eq!(squares, (vec![0, 1, 4], 9));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Cancellation
//! A future is cancelled by dropping it where it waits; its destructors run at once, and its
//! [async scopes](crate::scope::scope_async) are left before the one who cancelled goes on. Dropping the handle of a
//! task cancels the task, and whatever it waits for; [`Task::detach`] lets it run on. So nothing outlives what started
//! it unless it was told to, and [`run`] waits for the clean-up of even those.

pub(crate) mod context;
mod gather;
mod group;
mod run;
mod semaphore;
mod timing;
mod under_way;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Polled, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;
use tracing::Instrument;

use self::context::{Contained, Context, defer};
pub use self::gather::{AsCompleted, Gather, ReturnErrors, as_completed, gather};
pub use self::group::{ErrorGroup, TaskGroup};
pub use self::run::run;
pub use self::semaphore::{Permit, Semaphore};
pub use self::timing::{sleep, timeout};
use crate::error::{Error, ErrorKind};

/// How a task ended.
enum Ended<T, E> {
    Done(Result<T, E>),
    Panicked(Box<dyn Any + Send>),
    Cancelled,
}

/// A task that runs; made by [`create_task`]. Await it for its result.
///
/// Dropped, it cancels the task.
pub struct Task<T, E> {
    join: JoinHandle<Ended<T, E>>,
    context: Arc<Context>,
    // In a box, since few are looked at before they are awaited.
    result: Option<Box<Result<T, E>>>,
    on_drop: OnDrop,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDrop {
    Cancel,
    LeaveAlone,
}

/// Starts `work` as a task of the surrounding runtime ([`run`], or any tokio runtime).
///
/// # Panics
/// When there is no runtime around.
pub fn create_task<T, E, F>(work: F) -> Task<T, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    start(work, None)
}

/// The same, for a task with a name, which errors and log records tell.
///
/// # Panics
/// When there is no runtime around.
pub fn create_named_task<T, E, F>(name: &str, work: F) -> Task<T, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    start(work, Some(name.into()))
}

fn start<T, E, F>(work: F, name: Option<Arc<str>>) -> Task<T, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let running = Running::new(work, Context::task(name));
    let context = Arc::clone(running.context());
    Task { join: spawn(running), context, result: None, on_drop: OnDrop::Cancel }
}

/// Spawns with the fields that log records have here.
fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let span = tracing::Span::current();
    if span.is_none() { tokio::spawn(work) } else { tokio::spawn(work.instrument(span)) }
}

impl<T, E: From<Error>> Task<T, E> {
    /// Asks the task to end where it waits next. Await it to know that it has: it gives
    /// [`ErrorKind::Cancelled`] then, or its result if it was done before.
    pub fn cancel(&self) {
        self.context.cancel();
    }

    /// The task's name.
    pub fn name(&self) -> Option<&str> {
        self.context.name.as_deref()
    }

    /// Whether the task has ended.
    pub fn is_done(&self) -> bool {
        self.result.is_some() || self.join.is_finished()
    }

    /// The result, when the task has ended.
    pub fn result(&mut self) -> Option<&Result<T, E>> {
        if self.result.is_none() && self.join.is_finished() {
            let mut polled = Polled::from_waker(Waker::noop());
            if let Poll::Ready(result) = self.poll_join(&mut polled) {
                self.result = Some(Box::new(result));
            }
        }
        self.result.as_deref()
    }

    /// The error, when the task has ended with one.
    pub fn exception(&mut self) -> Option<&E> {
        self.result().and_then(|result| result.as_ref().err())
    }

    /// Lets the task run on by itself. What is left of such tasks when [`run`] ends is cancelled.
    pub fn detach(mut self) {
        self.on_drop = OnDrop::LeaveAlone;
        if let Some(alive) = self.context.alive() {
            alive.detach(&self.context);
        }
    }

    fn place(&self) -> String {
        match self.name() {
            Some(name) => format!("task '{name}'"),
            None => "a task".to_owned(),
        }
    }

    fn poll_join(&mut self, polled: &mut Polled<'_>) -> Poll<Result<T, E>> {
        Poll::Ready(match ready!(Pin::new(&mut self.join).poll(polled)) {
            Ok(Ended::Done(result)) => result,
            Ok(Ended::Panicked(payload)) => Err(Error::panicked(payload.as_ref()).at(self.place()).into()),
            // An error of the handle itself: the runtime was shut down with the task in it.
            Ok(Ended::Cancelled) | Err(_) => Err(Error::new(ErrorKind::Cancelled).at(self.place()).into()),
        })
    }
}

impl<T, E: From<Error>> Future for Task<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<Result<T, E>> {
        match self.result.take() {
            Some(result) => Poll::Ready(*result),
            None => self.poll_join(polled),
        }
    }
}

impl<T, E> Unpin for Task<T, E> {}

impl<T, E> Drop for Task<T, E> {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::LeaveAlone || self.join.is_finished() {
            return;
        }
        self.context.cancel();
        // Who waits for the one that dropped this waits for the task's end, too.
        let context = Arc::clone(&self.context);
        defer(Box::pin(async move { context.ended().await }));
    }
}

impl<T, E> fmt::Debug for Task<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("name", &self.context.name)
            .field("done", &self.join.is_finished())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The work of a task, which ends when it is cancelled, and after its clean-up.
    struct Running<F, T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        why: Option<Why>,
        // Last, since its context tells that all is gone.
        #[pin]
        work: Contained<F>,
    }
}

/// Why a task ended before its work.
enum Why {
    Panicked(Box<dyn Any + Send>),
    Cancelled,
}

impl<F, T, E> Running<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    fn new(work: F, context: Arc<Context>) -> Self {
        Self { why: None, work: Contained::within(work, context) }
    }

    fn context(&self) -> &Arc<Context> {
        self.work.context()
    }
}

impl<F, T, E> Future for Running<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Ended<T, E>;

    fn poll(self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<Ended<T, E>> {
        let mut this = self.project();
        if this.why.is_none() && !this.work.context().is_cancelled() {
            match catch_unwind(AssertUnwindSafe(|| this.work.as_mut().poll(polled))) {
                Ok(Poll::Ready(output)) => return Poll::Ready(Ended::Done(output)),
                Ok(Poll::Pending) => {
                    // Before the look at whether it is cancelled, or a call between the two would be missed. Work that
                    // is done at once is spared both.
                    this.work.context().waker.register(polled.waker());
                    if !this.work.context().is_cancelled() {
                        return Poll::Pending;
                    }
                }
                Err(payload) => {
                    *this.why = Some(Why::Panicked(payload));
                    this.work.as_mut().drop_future();
                }
            }
        }
        if this.why.is_none() {
            *this.why = Some(Why::Cancelled);
            this.work.as_mut().drop_future();
        }
        ready!(this.work.as_mut().poll_left(polled));
        match this.why.take() {
            Some(Why::Panicked(payload)) => Poll::Ready(Ended::Panicked(payload)),
            Some(Why::Cancelled) => Poll::Ready(Ended::Cancelled),
            None => Poll::Pending,
        }
    }
}
