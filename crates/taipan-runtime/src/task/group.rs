//! Tasks that live and die together.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;

use futures::task::AtomicWaker;

use super::cell::{Cell, Ended, Joined, Witness};
use super::context::{Contained, defer};
use super::executor::Cancel;
use super::{OnDrop, Task};
use crate::error::{Error, ErrorKind};

/// Tasks none of which outlives the group; made by [`TaskGroup::run`].
///
/// ```
/// use taipan_runtime::Error;
/// use taipan_runtime::task::{TaskGroup, run};
///
/// let sum = run(async {
///     TaskGroup::run(async |group| {
///         let one = group.create_task(async { Ok(1) });
///         let two = group.create_task(async { Ok(2) });
///         Ok::<i32, Error>(one.await? + two.await?)
///     })
///     .await
///     .map_err(|errors| errors.into_first())
/// })?;
/// assert_eq!(sum, 3);
/// # Ok::<(), Error>(())
/// ```
pub struct TaskGroup<E>(Arc<Inner<E>>);

struct Inner<E> {
    state: Mutex<State<E>>,
    /// Wakes the group when a task fails or the last one ends.
    changed: AtomicWaker,
}

struct State<E> {
    tasks: Vec<Weak<dyn Cancel>>,
    running: usize,
    errors: Vec<E>,
    closed: bool,
}

/// Everything that went wrong in a [`TaskGroup`], in the order it did.
#[derive(Debug)]
pub struct ErrorGroup<E> {
    first: E,
    rest: Vec<E>,
}

impl<E> ErrorGroup<E> {
    /// The group of these errors, if there are any.
    pub(crate) fn of(errors: impl IntoIterator<Item = E>) -> Option<Self> {
        let mut errors = errors.into_iter();
        errors.next().map(|first| Self { first, rest: errors.collect() })
    }

    /// The error that came first, for which the others were cancelled.
    pub fn first(&self) -> &E {
        &self.first
    }

    /// The same, taken out.
    pub fn into_first(self) -> E {
        self.first
    }

    /// All errors, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

impl<E: fmt::Display> fmt::Display for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        match self.rest.len() {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for ErrorGroup<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.first.source()
    }
}

impl<E: From<Error> + Send + 'static> TaskGroup<E> {
    /// Runs `work`, which may start tasks in the group, and ends when all of them have.
    ///
    /// The first error, of a task or of the work itself, cancels all others. Dropped, it cancels everything.
    ///
    /// Errors: all that were returned; a task that was cancelled is none.
    pub async fn run<R>(work: impl AsyncFnOnce(TaskGroup<E>) -> Result<R, E>) -> Result<R, ErrorGroup<E>> {
        let state = State { tasks: Vec::new(), running: 0, errors: Vec::new(), closed: false };
        let inner = Arc::new(Inner { state: Mutex::new(state), changed: AtomicWaker::new() });
        // Dropped before it was disarmed, the group was cancelled: its tasks are to go, too.
        let armed = Armed(Arc::clone(&inner));
        let mut work = pin!(Contained::new(work(TaskGroup(Arc::clone(&inner)))));
        let output = poll_fn(|polled| {
            inner.changed.register(polled.waker());
            if inner.lock().errors.is_empty() { work.as_mut().poll(polled).map(Some) } else { Poll::Ready(None) }
        })
        .await;
        let output = match output {
            Some(Ok(value)) => Some(value),
            Some(Err(error)) => {
                inner.fail(error);
                None
            }
            None => {
                work.as_mut().cancel().await;
                None
            }
        };
        inner.finished().await;
        drop(armed);
        let errors = std::mem::take(&mut inner.lock().errors);
        match (ErrorGroup::of(errors), output) {
            (Some(errors), _) => Err(errors),
            (None, Some(value)) => Ok(value),
            (None, None) => Err(ErrorGroup { first: Error::new(ErrorKind::Cancelled).into(), rest: Vec::new() }),
        }
    }

    /// Starts a task of the group. Its handle may be dropped: the group waits for it.
    ///
    /// When the task fails, the group has its error, and the handle gives [`ErrorKind::Failed`].
    pub fn create_task<T, F>(&self, work: F) -> Task<T, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        let group = Arc::clone(&self.0);
        let cell = Cell::new(work, None, Member(Arc::clone(&group)));
        let handle: Arc<dyn Joined<T, E>> = Arc::clone(&cell) as _;
        let task: Arc<dyn Cancel> = Arc::clone(&cell) as _;
        {
            let mut state = group.lock();
            if state.closed || !state.errors.is_empty() {
                Arc::clone(&task).cancel();
            }
            state.running += 1;
            if state.tasks.len() == state.tasks.capacity() {
                state.tasks.retain(|task| task.strong_count() > 0);
            }
            state.tasks.push(Arc::downgrade(&task));
        }
        cell.put();
        Task::new(handle, OnDrop::LeaveAlone)
    }
}

impl<E> Inner<E> {
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an error and cancels the rest.
    fn fail(&self, error: E) {
        self.lock().errors.push(error);
        self.cancel();
        self.changed.wake();
    }

    /// Cancels all tasks.
    fn cancel(&self) {
        // Not with the lock, which a task needs at its end.
        let tasks: Vec<_> = self.lock().tasks.iter().filter_map(Weak::upgrade).collect();
        tasks.into_iter().for_each(Cancel::cancel);
    }

    /// Waits until no task runs; none may be started from now on.
    async fn finished(&self) {
        poll_fn(|polled| {
            self.changed.register(polled.waker());
            let mut state = self.lock();
            state.closed = true;
            if state.running == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A task's place in the group, until the task is gone.
struct Member<E>(Arc<Inner<E>>);

impl<T, E: From<Error> + Send> Witness<T, E> for Member<E> {
    fn ended(&mut self, outcome: Ended<T, E>) -> Ended<T, E> {
        let error = match outcome {
            Ended::Done(Err(error)) => error,
            Ended::Panicked(payload) => Error::panicked(payload.as_ref()).at("a task of a group").into(),
            ended => return ended,
        };
        self.0.fail(error);
        Ended::Done(Err(Error::new(ErrorKind::Failed).at("a task of a group").into()))
    }
}

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        let last = state.running == 0;
        drop(state);
        if last {
            self.0.changed.wake();
        }
    }
}

/// Cancels the group's tasks when it is dropped while some run.
struct Armed<E: Send + 'static>(Arc<Inner<E>>);

impl<E: Send + 'static> Drop for Armed<E> {
    fn drop(&mut self) {
        if self.0.lock().running == 0 {
            return;
        }
        self.0.cancel();
        let inner = Arc::clone(&self.0);
        defer(Box::pin(async move { inner.finished().await }));
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_struct("TaskGroup").field("running", &state.running).field("errors", &state.errors.len()).finish()
    }
}
