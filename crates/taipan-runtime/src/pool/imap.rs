//! Work on items that an iterator yields, a bounded number at a time.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use std::vec;

use rayon::Yield;

use super::{CancelToken, Counter, Pool, item_place};
use crate::error::{Error, ErrorKind, Result};

/// Chunks under way for each thread: one is worked on while the next lie ready.
const AHEAD: usize = 4;

/// The results of [`Pool::imap`] and [`Pool::imap_unordered`].
pub struct Imap<I: Iterator, F, R> {
    pool: Pool,
    items: I,
    work: Arc<F>,
    handing: Handing,
    shared: Arc<Shared<R>>,
    /// Nobody wants more.
    dropped: CancelToken,
    counter: Option<Arc<Counter>>,
    /// The numbers of the next item to take, and of the next chunk to give.
    next_item: usize,
    next_chunk: usize,
    under_way: usize,
    ready: vec::IntoIter<Result<R>>,
}

/// Which result is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handing {
    InOrder,
    AsDone,
}

struct Shared<R> {
    /// Results of chunks by their number, counted from the first that was not handed out.
    done: Mutex<VecDeque<(usize, Vec<Result<R>>)>>,
    changed: Condvar,
}

impl<I, F, R> Imap<I, F, R>
where
    I: Iterator,
{
    pub(super) fn new(pool: &Pool, items: I, work: F, handing: Handing) -> Self {
        let total = items.size_hint().1.map(|most| most as u64);
        let counter =
            pool.progress.as_ref().map(|(progress, what)| Arc::new(Counter::new(Arc::clone(progress), what, total)));
        Self {
            pool: pool.clone(),
            items,
            work: Arc::new(work),
            handing,
            shared: Arc::new(Shared { done: Mutex::default(), changed: Condvar::new() }),
            dropped: CancelToken::new(),
            counter,
            next_item: 0,
            next_chunk: 0,
            under_way: 0,
            ready: Vec::new().into_iter(),
        }
    }

    /// Waits for the chunk that is next.
    fn wait(&mut self) -> Vec<Result<R>> {
        let mut done = self.shared.done.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let place = match self.handing {
                Handing::InOrder => done.iter().position(|(number, _)| *number == self.next_chunk),
                Handing::AsDone => (!done.is_empty()).then_some(0),
            };
            if let Some((_, results)) = place.and_then(|place| done.remove(place)) {
                self.next_chunk += 1;
                self.under_way -= 1;
                return results;
            }
            drop(done);
            // A thread of the pool that waits for the pool works meanwhile.
            let yielded = match &self.pool.threads {
                Some(threads) => threads.yield_now(),
                None => rayon::yield_now(),
            };
            done = self.shared.done.lock().unwrap_or_else(PoisonError::into_inner);
            let ready = match self.handing {
                Handing::InOrder => done.iter().any(|(number, _)| *number == self.next_chunk),
                Handing::AsDone => !done.is_empty(),
            };
            done = match yielded {
                _ if ready => done,
                Some(Yield::Executed) => done,
                Some(Yield::Idle) => {
                    let waited = self.shared.changed.wait_timeout(done, Duration::from_millis(1));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.shared.changed.wait(done).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl<I, F, R> Imap<I, F, R>
where
    I: Iterator<Item: Send + 'static>,
    R: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
{
    /// Hands out work until enough is under way.
    fn fill(&mut self) {
        let size = self.pool.chunk_size.map_or(1, NonZeroUsize::get);
        while self.under_way < AHEAD * self.pool.threads() {
            let items: Vec<I::Item> = self.items.by_ref().take(size).collect();
            if items.is_empty() {
                return;
            }
            let (first, number) = (self.next_item, self.next_chunk + self.under_way);
            self.next_item += items.len();
            self.under_way += 1;
            let (work, shared) = (Arc::clone(&self.work), Arc::clone(&self.shared));
            let (dropped, cancel, counter) = (self.dropped.clone(), self.pool.cancel.clone(), self.counter.clone());
            self.pool.spawn(move || {
                let one = |(item, number)| {
                    if dropped.is_cancelled() || cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
                        return Err(Error::new(ErrorKind::Cancelled).at(item_place(number)));
                    }
                    let result = catch_unwind(AssertUnwindSafe(|| work(item)));
                    if let Some(counter) = &counter {
                        counter.add(1);
                    }
                    result.map_err(|payload| Error::panicked(payload.as_ref()).at(item_place(number)))
                };
                let results = items.into_iter().zip(first..).map(one).collect();
                // Gone before the results are seen: who drops the iterator may count on it.
                drop((work, counter));
                shared.done.lock().unwrap_or_else(PoisonError::into_inner).push_back((number, results));
                shared.changed.notify_all();
            });
        }
    }
}

impl<I, F, R> Iterator for Imap<I, F, R>
where
    I: Iterator<Item: Send + 'static>,
    R: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
{
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        loop {
            if let Some(result) = self.ready.next() {
                return Some(result);
            }
            self.fill();
            if self.under_way == 0 {
                return None;
            }
            self.ready = self.wait().into_iter();
        }
    }
}

impl<I: Iterator, F, R> Drop for Imap<I, F, R> {
    fn drop(&mut self) {
        self.dropped.cancel();
        self.handing = Handing::AsDone;
        while self.under_way > 0 {
            self.wait();
        }
    }
}

impl<I: Iterator, F, R> fmt::Debug for Imap<I, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap").field("under_way", &self.under_way).finish_non_exhaustive()
    }
}
