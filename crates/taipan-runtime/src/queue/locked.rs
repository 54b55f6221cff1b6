//! A queue behind a lock, for orders that need all items together.

use std::sync::PoisonError;

use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};

use super::core::{Buffer, Refusal};

/// Items, and which of them is next.
pub(crate) trait Items: Default {
    type Item;

    fn push(&mut self, item: Self::Item);
    fn pop(&mut self) -> Option<Self::Item>;
    fn len(&self) -> usize;
}

/// Items, of which one thread at a time puts or gets.
pub struct Locked<I> {
    state: Mutex<State<I>>,
    capacity: usize,
    put: AtomicU64,
    done: AtomicU64,
}

struct State<I> {
    items: I,
    is_open: bool,
}

impl<I> Locked<I> {
    fn lock(&self) -> MutexGuard<'_, State<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: Items> Buffer for Locked<I> {
    type Item = I::Item;

    fn new(capacity: usize) -> Self {
        let state = Mutex::new(State { items: I::default(), is_open: true });
        Self { state, capacity, put: AtomicU64::new(0), done: AtomicU64::new(0) }
    }

    fn push(&self, item: I::Item) -> Result<(), (I::Item, Refusal)> {
        let mut state = self.lock();
        if !state.is_open {
            return Err((item, Refusal::ShutDown));
        }
        if state.items.len() >= self.capacity {
            return Err((item, Refusal::NotNow));
        }
        // Before anybody can get it and call it done.
        self.put.fetch_add(1, Ordering::SeqCst);
        state.items.push(item);
        Ok(())
    }

    fn pop(&self) -> Result<I::Item, Refusal> {
        let mut state = self.lock();
        let refusal = if state.is_open { Refusal::NotNow } else { Refusal::ShutDown };
        state.items.pop().ok_or(refusal)
    }

    fn close(&self) {
        self.lock().is_open = false;
    }

    fn is_closed(&self) -> bool {
        !self.lock().is_open
    }

    fn len(&self) -> usize {
        self.lock().items.len()
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn put(&self) -> u64 {
        self.put.load(Ordering::SeqCst)
    }

    fn put_at_least(&self) -> u64 {
        self.put()
    }

    fn done(&self) -> &AtomicU64 {
        &self.done
    }
}
