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

mod cell;
pub(crate) mod context;
mod dispatch;
mod executor;
mod gather;
mod group;
mod run;
mod semaphore;
mod state;
mod timing;
mod under_way;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Polled, Poll, ready};

use tokio::task::coop::poll_proceed;

use self::cell::{Cell, Ended, Joined, Nobody};
use self::context::defer;
use self::executor::Cancel;
pub use self::gather::{AsCompleted, Gather, ReturnErrors, as_completed, gather};
pub use self::group::{ErrorGroup, TaskGroup};
pub use self::run::run;
pub use self::semaphore::{Permit, Semaphore};
pub use self::timing::{sleep, timeout};
use crate::error::{Error, ErrorKind};

/// A task that runs; made by [`create_task`]. Await it for its result.
///
/// Dropped, it cancels the task.
pub struct Task<T, E> {
    cell: Arc<dyn Joined<T, E>>,
    // In a box, since few are looked at before they are awaited.
    result: Option<Box<Result<T, E>>>,
    on_drop: OnDrop,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDrop {
    Cancel,
    LeaveAlone,
    /// Its result was taken.
    Nothing,
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
    let cell = Cell::new(work, name, Nobody);
    cell.put();
    Task::new(cell, OnDrop::Cancel)
}

impl<T, E> Task<T, E> {
    fn new(cell: Arc<dyn Joined<T, E>>, on_drop: OnDrop) -> Self {
        Self { cell, result: None, on_drop }
    }
}

impl<T, E: From<Error>> Task<T, E> {
    /// Asks the task to end where it waits next. Await it to know that it has: it gives
    /// [`ErrorKind::Cancelled`] then, or its result if it was done before.
    pub fn cancel(&self) {
        Arc::clone(&self.cell).cancel();
    }

    /// The task's name.
    pub fn name(&self) -> Option<&str> {
        self.cell.name()
    }

    /// Whether the task has ended.
    pub fn is_done(&self) -> bool {
        self.cell.has_ended()
    }

    /// The result, when the task has ended.
    pub fn result(&mut self) -> Option<&Result<T, E>> {
        if self.result.is_none() && self.cell.has_ended() && self.on_drop != OnDrop::Nothing {
            self.result = Some(Box::new(self.take()));
        }
        self.result.as_deref()
    }

    /// The error, when the task has ended with one.
    pub fn exception(&mut self) -> Option<&E> {
        self.result().and_then(|result| result.as_ref().err())
    }

    /// Lets the task run on by itself. What is left of such tasks when [`run`] ends is cancelled.
    pub fn detach(mut self) {
        self.on_drop = OnDrop::Nothing;
        Arc::clone(&self.cell).detach();
    }

    fn place(&self) -> String {
        match self.name() {
            Some(name) => format!("task '{name}'"),
            None => "a task".to_owned(),
        }
    }

    /// What the ended task gave.
    fn take(&mut self) -> Result<T, E> {
        self.on_drop = OnDrop::Nothing;
        match self.cell.take() {
            Some(Ended::Done(result)) => result,
            Some(Ended::Panicked(payload)) => Err(Error::panicked(payload.as_ref()).at(self.place()).into()),
            Some(Ended::Cancelled) | None => Err(Error::new(ErrorKind::Cancelled).at(self.place()).into()),
        }
    }
}

impl<T, E: From<Error>> Future for Task<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<Result<T, E>> {
        if let Some(result) = self.result.take() {
            return Poll::Ready(*result);
        }
        // Who awaits one task after the other gives way to others now and then, as with all that tokio has to wait for.
        let turn = ready!(poll_proceed(polled));
        ready!(self.cell.poll_ended(polled));
        turn.made_progress();
        Poll::Ready(self.take())
    }
}

impl<T, E> Unpin for Task<T, E> {}

impl<T, E> Drop for Task<T, E> {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::Nothing {
            return;
        }
        let goes_on = !self.cell.has_ended();
        self.cell.leave();
        if goes_on && self.on_drop == OnDrop::Cancel {
            Arc::clone(&self.cell).cancel();
            // Who waits for the one that dropped this waits for the task's end, too.
            let cell: Arc<dyn Cancel> = Arc::clone(&self.cell) as _;
            defer(Box::pin(poll_fn(move |polled| cell.poll_ended(polled))));
        }
    }
}

impl<T, E> fmt::Debug for Task<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("name", &self.cell.name())
            .field("done", &self.cell.has_ended())
            .finish_non_exhaustive()
    }
}
