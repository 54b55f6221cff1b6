//! Futures that are polled in one place, each when it was called.
//!
//! What is done at its first poll, as most work is that need not wait, costs no memory of its own: the next is put where
//! it was. What waits keeps its place on the heap, and has a waker of its own.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Polled, Poll};

use futures::task::{ArcWake, AtomicWaker, waker_ref};

/// Futures with their numbers.
pub(super) struct UnderWay<F> {
    waiting: Vec<Option<Place<F>>>,
    /// Which of these are empty.
    free: Vec<usize>,
    /// Those that were called, taken from `calls`.
    called: VecDeque<usize>,
    calls: Arc<Calls>,
    spare: Option<Place<F>>,
}

/// Where a future is.
struct Place<F> {
    number: usize,
    future: Pin<Box<Option<F>>>,
    call: Arc<Call>,
}

/// Which of those that wait were called, and who polls them.
#[derive(Default)]
struct Calls {
    places: Mutex<VecDeque<usize>>,
    waker: AtomicWaker,
}

/// Calls one future. It may come late, to one that has its place later or to none: that one is polled in vain.
struct Call {
    place: AtomicUsize,
    is_called: AtomicBool,
    calls: Arc<Calls>,
}

impl ArcWake for Call {
    fn wake_by_ref(call: &Arc<Self>) {
        if !call.is_called.swap(true, Ordering::AcqRel) {
            let mut places = call.calls.lock();
            let is_first = places.is_empty();
            places.push_back(call.place.load(Ordering::Relaxed));
            drop(places);
            // For others before it, who polls was called, and has not looked yet.
            if is_first {
                call.calls.waker.wake();
            }
        }
    }
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of a poll.
pub(super) enum Step<O> {
    Done(O),
    Waits,
    /// It has called itself already: it would let others go first.
    GivesWay,
}

impl<F: Future> UnderWay<F> {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::new(), free: Vec::new(), called: VecDeque::new(), calls: Arc::default(), spare: None }
    }

    /// How many futures there are.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() - self.free.len()
    }

    /// Says who polls: before all else in each poll.
    pub(super) fn register(&self, polled: &Polled<'_>) {
        self.calls.waker.register(polled.waker());
    }

    /// Polls a new future, and keeps it if it has to wait.
    pub(super) fn start(&mut self, number: usize, future: F) -> Step<F::Output> {
        let index = self.free.last().copied().unwrap_or(self.waiting.len());
        let mut place = self.vacant(index);
        place.number = number;
        place.future.set(Some(future));
        let step = place.poll();
        if let Step::Done(_) = step {
            self.leave(place);
        } else if let Some(vacant) = self.waiting.get_mut(index) {
            *vacant = Some(place);
            self.free.pop();
        } else {
            self.waiting.push(Some(place));
        }
        step
    }

    /// Polls the next that was called; `None` when there is none.
    pub(super) fn go_on(&mut self) -> Option<(usize, Step<F::Output>)> {
        loop {
            let index = self.next_called()?;
            let Some(known) = self.waiting.get_mut(index) else { continue };
            let Some(mut place) = known.take() else { continue };
            // Before the poll, and with all that whoever called it wrote: a call from now on is a new one.
            place.call.is_called.swap(false, Ordering::AcqRel);
            let number = place.number;
            let step = place.poll();
            if let Step::Done(_) = step {
                self.free.push(index);
                self.leave(place);
            } else {
                *known = Some(place);
            }
            return Some((number, step));
        }
    }

    fn next_called(&mut self) -> Option<usize> {
        if self.called.is_empty() {
            std::mem::swap(&mut self.called, &mut *self.calls.lock());
        }
        self.called.pop_front()
    }

    /// Ends a future, with all it holds, and keeps its place for another.
    fn leave(&mut self, mut place: Place<F>) {
        place.future.set(None);
        self.spare = Some(place);
    }

    /// A place for a future that may come to wait at `index`: the last one's, unless somebody still has its waker.
    fn vacant(&mut self, index: usize) -> Place<F> {
        if let Some(place) = self.spare.take()
            && Arc::strong_count(&place.call) == 1
        {
            // Whoever had the waker is done with it.
            fence(Ordering::Acquire);
            place.call.place.store(index, Ordering::Relaxed);
            place.call.is_called.store(false, Ordering::Relaxed);
            return place;
        }
        let call = Arc::new(Call {
            place: AtomicUsize::new(index),
            is_called: AtomicBool::new(false),
            calls: Arc::clone(&self.calls),
        });
        Place { number: 0, future: Box::pin(None), call }
    }
}

impl<F: Future> Place<F> {
    fn poll(&mut self) -> Step<F::Output> {
        let Some(future) = self.future.as_mut().as_pin_mut() else { return Step::Waits };
        match future.poll(&mut Polled::from_waker(&waker_ref(&self.call))) {
            Poll::Ready(output) => Step::Done(output),
            Poll::Pending if self.call.is_called.load(Ordering::Relaxed) => Step::GivesWay,
            Poll::Pending => Step::Waits,
        }
    }
}
