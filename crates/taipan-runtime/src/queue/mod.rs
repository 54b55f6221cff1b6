//! Queues between threads, between tasks, and between the two.
//!
//! As in Python's `queue` and `asyncio`: [`put`](Queue::put), [`get`](Queue::get), [`task_done`](Queue::task_done),
//! [`join`](Queue::join), [`shutdown`](Queue::shutdown); first in first out, or last, or the least. The plain calls
//! block a thread, the `_async` ones let a task wait, on one and the same queue. [`Workers`] are threads that work off
//! a queue.
//!
//! ```
//! use taipan_runtime::Error;
//! use taipan_runtime::queue::{Queue, Workers};
//!
//! let queue = Queue::new(100);
//! let workers = Workers::start(3, &queue, |item: u32| {
//!     println!("Processing {item}");
//!     Ok::<(), Error>(())
//! })?;
//! for item in 0..10 {
//!     queue.put(item)?;
//! }
//! workers.finish()?; // all ten are done
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod core;
mod locked;
mod order;
mod ring;
mod waiting;
mod workers;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use self::core::{Core, Refusal};
pub use self::order::{Fifo, Lifo, Order, Priority};
use self::waiting::{Patience, Ticket};
pub use self::workers::Workers;
use crate::error::{Error, ErrorKind, Result};

/// A queue; clones are the same queue.
pub struct Queue<T, O: Order<T> = Fifo>(Arc<Core<O::Held>>);

/// An item that was not put, and why.
pub struct PutError<T> {
    /// The item.
    pub item: T,
    /// [`ErrorKind::ShutDown`], [`ErrorKind::Full`] or [`ErrorKind::TimedOut`].
    pub error: Error,
}

impl<T> Queue<T, Fifo> {
    /// A queue that hands out first what was put first, and holds up to `maxsize` items, or with 0 any number.
    pub fn new(maxsize: usize) -> Self {
        Self::of(maxsize)
    }
}

impl<T> Queue<T, Lifo> {
    /// A queue that hands out first what was put last.
    pub fn lifo(maxsize: usize) -> Self {
        Self::of(maxsize)
    }
}

impl<T: Ord> Queue<T, Priority> {
    /// A queue that hands out the least item first; of equals the one that was put first.
    pub fn priority(maxsize: usize) -> Self {
        Self::of(maxsize)
    }
}

impl<T, O: Order<T>> Queue<T, O> {
    fn of(maxsize: usize) -> Self {
        Self(Arc::new(Core::new(if maxsize == 0 { usize::MAX } else { maxsize })))
    }

    /// Puts an item, and waits for room.
    ///
    /// Errors: [`ErrorKind::ShutDown`], with the item.
    #[inline]
    pub fn put(&self, item: T) -> Result<(), PutError<T>> {
        self.0.put(item, Patience::Endless).map_err(|refused| PutError::new(refused, ErrorKind::Full))
    }

    /// Puts an item if there is room.
    ///
    /// Errors: [`ErrorKind::Full`], [`ErrorKind::ShutDown`], with the item.
    pub fn try_put(&self, item: T) -> Result<(), PutError<T>> {
        self.0.put(item, Patience::None).map_err(|refused| PutError::new(refused, ErrorKind::Full))
    }

    /// Puts an item, and waits so long for room.
    ///
    /// Errors: [`ErrorKind::TimedOut`], [`ErrorKind::ShutDown`], with the item.
    pub fn put_timeout(&self, item: T, timeout: Duration) -> Result<(), PutError<T>> {
        let put = self.0.put(item, patience(timeout));
        put.map_err(|refused| PutError::new(refused, ErrorKind::TimedOut(timeout)))
    }

    /// Takes the next item, and waits for one.
    ///
    /// Errors: [`ErrorKind::ShutDown`], when nothing is left either.
    #[inline]
    pub fn get(&self) -> Result<T> {
        self.0.get(Patience::Endless).map_err(|refusal| error(refusal, ErrorKind::Empty))
    }

    /// Takes the next item if there is one.
    ///
    /// Errors: [`ErrorKind::Empty`], [`ErrorKind::ShutDown`].
    pub fn try_get(&self) -> Result<T> {
        self.0.get(Patience::None).map_err(|refusal| error(refusal, ErrorKind::Empty))
    }

    /// Takes the next item, and waits so long for one.
    ///
    /// Errors: [`ErrorKind::TimedOut`], [`ErrorKind::ShutDown`].
    pub fn get_timeout(&self, timeout: Duration) -> Result<T> {
        self.0.get(patience(timeout)).map_err(|refusal| error(refusal, ErrorKind::TimedOut(timeout)))
    }

    /// Puts an item from a task. Cancelled, nothing was put.
    ///
    /// Errors: those of [`put`](Self::put).
    pub async fn put_async(&self, item: T) -> Result<(), PutError<T>> {
        Putting { queue: self, item: Some(item), ticket: None }.await
    }

    /// Takes the next item in a task. Cancelled, nothing was taken.
    ///
    /// Errors: those of [`get`](Self::get).
    pub async fn get_async(&self) -> Result<T> {
        Getting { queue: self, ticket: None }.await
    }

    /// Says that one of the items that were got is done.
    ///
    /// Errors: [`ErrorKind::NothingToDo`] when none was left.
    #[inline]
    pub fn task_done(&self) -> Result<()> {
        if self.0.task_done() { Ok(()) } else { Err(Error::new(ErrorKind::NothingToDo)) }
    }

    /// Waits until every item that was put is done.
    pub fn join(&self) {
        self.0.join(Patience::Endless);
    }

    /// Waits so long for that.
    ///
    /// Errors: [`ErrorKind::TimedOut`].
    pub fn join_timeout(&self, timeout: Duration) -> Result<()> {
        if self.0.join(patience(timeout)) { Ok(()) } else { Err(Error::new(ErrorKind::TimedOut(timeout))) }
    }

    /// Waits in a task until every item that was put is done.
    pub async fn join_async(&self) {
        Joining { queue: self, ticket: None }.await;
    }

    /// Lets nothing more in. Who waits to put is refused; who gets is given what is left, and refused then.
    pub fn shutdown(&self) {
        self.0.shut_down();
    }

    /// Lets nothing more in and takes out what nobody has got, in order. It counts as done.
    pub fn shutdown_now(&self) -> Vec<T> {
        self.0.drain()
    }

    /// Whether the queue was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.0.is_shut_down()
    }

    /// How many items wait to be got.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items were put and are not done yet.
    pub fn unfinished(&self) -> usize {
        self.0.unfinished()
    }
}

fn patience(timeout: Duration) -> Patience {
    Instant::now().checked_add(timeout).map_or(Patience::Endless, Patience::Until)
}

fn error(refusal: Refusal, not_now: ErrorKind) -> Error {
    Error::new(match refusal {
        Refusal::ShutDown => ErrorKind::ShutDown,
        Refusal::NotNow => not_now,
    })
}

impl<T> PutError<T> {
    fn new((item, refusal): (T, Refusal), not_now: ErrorKind) -> Self {
        Self { item, error: error(refusal, not_now) }
    }
}

struct Putting<'a, T, O: Order<T>> {
    queue: &'a Queue<T, O>,
    item: Option<T>,
    ticket: Ticket,
}

impl<T, O: Order<T>> Unpin for Putting<'_, T, O> {}

impl<T, O: Order<T>> Future for Putting<'_, T, O> {
    type Output = Result<(), PutError<T>>;

    fn poll(mut self: Pin<&mut Self>, polled: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.queue.0.poll_put(&mut this.item, &mut this.ticket, polled.waker()).map(|put| {
            match (put, this.item.take()) {
                (Err(refusal), Some(item)) => Err(PutError::new((item, refusal), ErrorKind::Full)),
                _ => Ok(()),
            }
        })
    }
}

impl<T, O: Order<T>> Drop for Putting<'_, T, O> {
    fn drop(&mut self) {
        self.queue.0.give_up_put(&mut self.ticket);
    }
}

struct Getting<'a, T, O: Order<T>> {
    queue: &'a Queue<T, O>,
    ticket: Ticket,
}

impl<T, O: Order<T>> Future for Getting<'_, T, O> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, polled: &mut Context<'_>) -> Poll<Result<T>> {
        let this = &mut *self;
        let got = this.queue.0.poll_get(&mut this.ticket, polled.waker());
        got.map_err(|refusal| error(refusal, ErrorKind::Empty))
    }
}

impl<T, O: Order<T>> Drop for Getting<'_, T, O> {
    fn drop(&mut self) {
        self.queue.0.give_up_get(&mut self.ticket);
    }
}

struct Joining<'a, T, O: Order<T>> {
    queue: &'a Queue<T, O>,
    ticket: Ticket,
}

impl<T, O: Order<T>> Future for Joining<'_, T, O> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, polled: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.queue.0.poll_join(&mut this.ticket, polled.waker())
    }
}

impl<T, O: Order<T>> Drop for Joining<'_, T, O> {
    fn drop(&mut self) {
        self.queue.0.give_up_join(&mut self.ticket);
    }
}

impl<T, O: Order<T>> Clone for Queue<T, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, O: Order<T>> fmt::Debug for Queue<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("len", &self.len()).field("unfinished", &self.unfinished()).finish()
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> std::error::Error for PutError<T> {}

impl<T> From<PutError<T>> for Error {
    fn from(put: PutError<T>) -> Self {
        put.error
    }
}
