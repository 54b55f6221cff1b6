//! Threads that work off a queue.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::{Order, Queue};
use crate::error::{Error, Result};
use crate::task::ErrorGroup;

/// Threads that take items from one queue and work on them, each until the queue is shut down and empty.
///
/// An item whose work fails or panics stops no worker; [`finish`](Self::finish) hands back what went wrong.
pub struct Workers<T, O: Order<T>, E> {
    queue: Queue<T, O>,
    threads: Vec<JoinHandle<()>>,
    errors: Arc<Mutex<Vec<E>>>,
}

impl<T, O, E> Workers<T, O, E>
where
    T: Send + 'static,
    O: Order<T, Held: Send + Sync> + 'static,
    E: From<Error> + Send + 'static,
{
    /// Starts `count` workers over `queue`.
    ///
    /// Errors: [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for none, [`ErrorKind::System`](crate::ErrorKind::System)
    /// when the system refuses a thread.
    pub fn start(
        count: usize,
        queue: &Queue<T, O>,
        work: impl Fn(T) -> Result<(), E> + Send + Sync + 'static,
    ) -> Result<Self> {
        if count == 0 {
            return Err(Error::invalid("a queue without workers is never done: give it one at least"));
        }
        let work = Arc::new(work);
        let errors = Arc::new(Mutex::new(Vec::new()));
        let mut workers = Self { queue: queue.clone(), threads: Vec::with_capacity(count), errors };
        for number in 1..=count {
            let (queue, errors, work) = (queue.clone(), Arc::clone(&workers.errors), Arc::clone(&work));
            let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                while let Ok(item) = queue.get() {
                    let outcome = catch_unwind(AssertUnwindSafe(|| work(item)))
                        .unwrap_or_else(|payload| Err(Error::panicked(payload.as_ref()).at("a worker").into()));
                    if let Err(error) = outcome {
                        errors.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                    }
                    // Before it is called done, or who joins the queue would miss the error.
                    let _ = queue.task_done();
                }
            });
            match thread {
                Ok(thread) => workers.threads.push(thread),
                Err(error) => return Err(Error::system(format_args!("worker {number} could not start"), error)),
            }
        }
        Ok(workers)
    }
}

impl<T, O: Order<T>, E> Workers<T, O, E> {
    /// Waits until every item is done, then shuts the queue down and ends the workers.
    ///
    /// Errors: all that the work gave, in the order it gave them.
    pub fn finish(mut self) -> Result<(), ErrorGroup<E>> {
        self.queue.join();
        self.end();
        let errors = std::mem::take(&mut *self.errors.lock().unwrap_or_else(PoisonError::into_inner));
        ErrorGroup::of(errors).map_or(Ok(()), Err)
    }

    /// How many items have failed so far.
    pub fn failed(&self) -> usize {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn end(&mut self) {
        self.queue.shutdown();
        for thread in self.threads.drain(..) {
            // A worker panics in no other way than those that are caught.
            let _ = thread.join();
        }
    }
}

/// Lets nothing more in, and waits until what is in the queue has been worked off.
impl<T, O: Order<T>, E> Drop for Workers<T, O, E> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T, O: Order<T>, E> fmt::Debug for Workers<T, O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("threads", &self.threads.len())
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
