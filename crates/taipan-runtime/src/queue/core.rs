//! A queue without its orders and its errors: what holds the items, who waits, and how much of the work is done.
//!
//! `tests/queue_loom.rs` runs this file, [`ring`](super::ring) and [`waiting`](super::waiting) under loom.

use std::task::{Poll, Waker};

use crate::sync::{AtomicU64, Ordering, back_off};

use super::waiting::{Patience, Ticket, Waiters};

/// What holds the items, and so decides which is next.
pub(crate) trait Buffer {
    type Item;
    /// One that holds up to `capacity` items.
    fn new(capacity: usize) -> Self;
    /// Puts an item in, or hands it back when there is no room, or the buffer is closed.
    fn push(&self, item: Self::Item) -> Result<(), (Self::Item, Refusal)>;
    /// Takes the next item out; when there is none, it is shut down if the buffer is closed.
    fn pop(&self) -> Result<Self::Item, Refusal>;
    /// Lets nothing more in.
    fn close(&self);
    fn is_closed(&self) -> bool;
    fn len(&self) -> usize;
    fn capacity(&self) -> usize;
    /// How many items were ever put in.
    fn put(&self) -> u64;
    /// Not more than that: what those who get know without a look at what others write who put.
    fn put_at_least(&self) -> u64;
    /// How many items are done. The buffer only has it, beside what is written by those who get.
    fn done(&self) -> &AtomicU64;
}

/// Why an item was neither put nor got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    ShutDown,
    /// No room, or no item, in time.
    NotNow,
}

pub(crate) struct Core<B> {
    buffer: B,
    getters: Waiters,
    putters: Waiters,
    joiners: Waiters,
}

impl<B: Buffer> Core<B> {
    /// A queue that holds up to `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { buffer: B::new(capacity), getters: Waiters::new(), putters: Waiters::new(), joiners: Waiters::new() }
    }

    /// Puts an item, when there is room; else it is handed back.
    #[inline]
    pub(crate) fn put(&self, item: B::Item, patience: Patience) -> Result<(), (B::Item, Refusal)> {
        let put = match self.buffer.push(item) {
            Err((item, Refusal::NotNow)) => self.put_later(item, patience),
            put => put,
        };
        if put.is_ok() {
            self.getters.call_one();
        }
        put
    }

    #[cold]
    fn put_later(&self, item: B::Item, patience: Patience) -> Result<(), (B::Item, Refusal)> {
        let mut item = Some(item);
        let put = self.putters.wait(patience, || self.push(&mut item), || self.has_room());
        let refusal = put.and_then(Result::err).unwrap_or(Refusal::NotNow);
        item.map_or(Ok(()), |item| Err((item, refusal)))
    }

    /// Takes the next item; after the shutdown, what is left.
    #[inline]
    pub(crate) fn get(&self, patience: Patience) -> Result<B::Item, Refusal> {
        let got = match self.buffer.pop() {
            Err(Refusal::NotNow) => self.get_later(patience),
            got => got,
        };
        if got.is_ok() {
            self.putters.call_one();
        }
        got
    }

    #[cold]
    fn get_later(&self, patience: Patience) -> Result<B::Item, Refusal> {
        self.getters.wait(patience, || self.pop(), || self.has_items()).unwrap_or(Err(Refusal::NotNow))
    }

    /// Puts for a task, which is called when it may try again.
    pub(crate) fn poll_put(
        &self,
        item: &mut Option<B::Item>,
        ticket: &mut Ticket,
        waker: &Waker,
    ) -> Poll<Result<(), Refusal>> {
        let put = self.putters.poll(ticket, waker, || self.push(item), || self.has_room());
        if matches!(put, Poll::Ready(Ok(()))) {
            self.getters.call_one();
        }
        put
    }

    /// Takes for a task, which is called when it may try again.
    pub(crate) fn poll_get(&self, ticket: &mut Ticket, waker: &Waker) -> Poll<Result<B::Item, Refusal>> {
        let got = self.getters.poll(ticket, waker, || self.pop(), || self.has_items());
        if matches!(got, Poll::Ready(Ok(_))) {
            self.putters.call_one();
        }
        got
    }

    /// Takes back a task's wish to put; a call it has had is passed on.
    pub(crate) fn give_up_put(&self, ticket: &mut Ticket) {
        self.putters.give_up(ticket, || self.has_room());
    }

    /// Takes back a task's wish to get; a call it has had is passed on.
    pub(crate) fn give_up_get(&self, ticket: &mut Ticket) {
        self.getters.give_up(ticket, || self.has_items());
    }

    /// Says that an item which was got is done. False when there was none left to be done.
    #[inline]
    pub(crate) fn task_done(&self) -> bool {
        let count = self.buffer.done();
        let mut step = 0_u32;
        let mut done = count.load(Ordering::Relaxed);
        while done < self.buffer.put_at_least() || done < self.buffer.put() {
            match count.compare_exchange_weak(done, done + 1, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => {
                    if self.joiners.is_somebody() {
                        self.call_joiners();
                    }
                    return true;
                }
                Err(newer) => done = newer,
            }
            back_off(step);
            step = step.saturating_add(1);
        }
        false
    }

    #[cold]
    fn call_joiners(&self) {
        if self.unfinished() == 0 {
            self.joiners.call_all();
        }
    }

    /// Waits until all that was put is done. False when that took too long.
    pub(crate) fn join(&self, patience: Patience) -> bool {
        self.unfinished() == 0 || self.joiners.wait(patience, || self.is_all_done(), || false).is_some()
    }

    /// Waits for the same as a task.
    pub(crate) fn poll_join(&self, ticket: &mut Ticket, waker: &Waker) -> Poll<()> {
        self.joiners.poll(ticket, waker, || self.is_all_done(), || false)
    }

    /// Takes back a task's wish to join.
    pub(crate) fn give_up_join(&self, ticket: &mut Ticket) {
        self.joiners.give_up(ticket, || false);
    }

    /// How many items were put and are not done.
    pub(crate) fn unfinished(&self) -> usize {
        // In this order: what was done then had been put then.
        let done = self.buffer.done().load(Ordering::SeqCst);
        (self.buffer.put() - done) as usize
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.buffer.is_closed()
    }

    /// Lets nothing more in, and tells all who wait.
    pub(crate) fn shut_down(&self) {
        self.buffer.close();
        self.getters.call_all();
        self.putters.call_all();
    }

    /// Lets nothing more in and takes out what nobody has got; that counts as done.
    pub(crate) fn drain(&self) -> Vec<B::Item> {
        self.buffer.close();
        let items: Vec<B::Item> = std::iter::from_fn(|| self.buffer.pop().ok()).collect();
        self.shut_down();
        for _ in &items {
            self.task_done();
        }
        items
    }

    fn push(&self, item: &mut Option<B::Item>) -> Option<Result<(), Refusal>> {
        match self.buffer.push(item.take()?) {
            Ok(()) => Some(Ok(())),
            Err((refused, refusal)) => {
                *item = Some(refused);
                (refusal == Refusal::ShutDown).then_some(Err(refusal))
            }
        }
    }

    fn pop(&self) -> Option<Result<B::Item, Refusal>> {
        match self.buffer.pop() {
            Err(Refusal::NotNow) => None,
            got => Some(got),
        }
    }

    fn is_all_done(&self) -> Option<()> {
        (self.unfinished() == 0).then_some(())
    }

    fn has_items(&self) -> bool {
        self.buffer.len() > 0
    }

    fn has_room(&self) -> bool {
        self.buffer.len() < self.buffer.capacity()
    }
}
