//! A bounded queue without a lock.
//!
//! Puts and gets are counted, and the count says which slot is meant. A slot has a stamp, which says for which count it
//! is ready and for what. Who finds it ready for himself and then moves the count on owns the slot until he stamps it
//! anew:
//!
//! | stamp of the slot of count `n` | it is ready for |
//! |---|---|
//! | `n` without its place in the ring | the put of count `n` |
//! | that, and one | the get of count `n` |
//! | that, and the number of slots | the put of the next round |
//!
//! The lowest bit of the count of puts says that the queue is closed; so nothing can be put once it is. The idea is
//! Dmitry Vyukov's (Bounded MPMC queue, 1024cores.net). There is no lock, but whoever is held up between the count and
//! the stamp holds up those that come to the same slot; they give the processor away until then.
//!
//! What the orders of memory are for:
//!
//! - The stamp hands the item over: it is stored with `Release` by who is done with the slot, and loaded with `Acquire`
//!   by who is next. For the item alone, the counts could be `Relaxed`.
//! - The counts are changed with `SeqCst`, and loaded so before anybody is refused, because who is refused may wait:
//!   [`waiting`](super::waiting) needs these changes and looks in one order with its own.
//! - First looks at the counts are `Relaxed`, and so is what a failed exchange brings: a count that is out of date fails
//!   at the exchange, or is loaded anew before anybody is refused.

#![expect(
    clippy::inline_always,
    reason = "what is put and got goes through memory otherwise, written in parts and read at once, which takes longer \
              than the rest of a get"
)]
#![expect(unsafe_code, reason = "with a lock, eight threads on two cores take twice as long for an item")]

use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::sync::{AtomicU64, Ordering, UnsafeCell, back_off, pause};

use super::core::{Buffer, Refusal};

/// One or more words that are written together, apart from all others.
#[repr(align(128))]
struct Line<T>(T);

/// A queue of a fixed number of places; the first put is the first got.
pub struct Ring<T> {
    slots: Box<[Slot<T>]>,
    /// The number of slots, less one: the bits of a count that are its place.
    places: u64,
    capacity: u64,
    /// How many were put, twice, and one if the queue is closed.
    tail: Line<Tail>,
    head: Line<Head>,
}

struct Tail {
    count: AtomicU64,
    /// What `head` was at least when somebody who puts looked last. `Relaxed`, since too low a count only makes one look.
    head: AtomicU64,
}

struct Head {
    /// How many were got.
    count: AtomicU64,
    /// How many of these are done. Here, since the same threads write it.
    done: AtomicU64,
}

struct Slot<T> {
    stamp: AtomicU64,
    item: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: an item is moved from the thread that puts to the one that gets, which `T: Send` allows, and is never shared.
// That no two threads touch a slot's item at once is shown where it is touched.
unsafe impl<T: Send> Sync for Ring<T> {}

// Nothing panics while a slot is neither empty nor full, so that no panic leaves anything half done.
impl<T> UnwindSafe for Ring<T> {}
impl<T> RefUnwindSafe for Ring<T> {}

const CLOSED: u64 = 1;

impl<T> Ring<T> {
    /// The memory that a ring of this capacity takes, in bytes.
    pub(crate) fn size(capacity: usize) -> Option<usize> {
        capacity.checked_next_power_of_two()?.max(2).checked_mul(size_of::<Slot<T>>())
    }

    /// The slot of a count, and its stamp when it is ready for the put of that count.
    fn slot(&self, count: u64) -> (&Slot<T>, u64) {
        (&self.slots[(count & self.places) as usize], count & !self.places)
    }

    /// Whether the put of this count is within the capacity. With as many slots as that, their stamps say it.
    fn has_room(&self, count: u64) -> bool {
        self.capacity > self.places || count.wrapping_sub(self.tail.0.head.load(Ordering::Relaxed)) < self.capacity
    }

    /// The count to try a put with, when it could not be done with `tail`, or why it cannot be done.
    #[cold]
    fn later_put(&self, tail: u64, step: &mut u32) -> Result<u64, Refusal> {
        if tail & CLOSED != 0 {
            return Err(Refusal::ShutDown);
        }
        let head = self.head.0.count.load(Ordering::SeqCst);
        let newer = self.tail.0.count.load(Ordering::SeqCst);
        if newer == tail {
            let count = tail >> 1;
            // Nothing was put before `head` was loaded that is not in this count, so that `head` is not beyond it.
            if count - head >= self.capacity {
                return Err(Refusal::NotNow);
            }
            self.tail.0.head.store(head, Ordering::Relaxed);
            // Somebody else is just about to take the item out of the slot.
            let (slot, ready) = self.slot(count);
            if slot.stamp.load(Ordering::Relaxed) != ready {
                pause(*step);
                *step = step.saturating_add(1);
            }
        }
        Ok(newer)
    }

    /// The count to try a get with, when it could not be done with `head`, or why it cannot be done.
    #[cold]
    fn later_got(&self, head: u64, step: &mut u32) -> Result<u64, Refusal> {
        let tail = self.tail.0.count.load(Ordering::SeqCst);
        if tail >> 1 == head {
            return Err(if tail & CLOSED == 0 { Refusal::NotNow } else { Refusal::ShutDown });
        }
        let newer = self.head.0.count.load(Ordering::SeqCst);
        if newer == head {
            // Somebody else is just about to put the item into the slot.
            pause(*step);
            *step = step.saturating_add(1);
        }
        Ok(newer)
    }
}

impl<T> Buffer for Ring<T> {
    type Item = T;

    fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        // Two at least, or the stamps for the get of one round and the put of the next were the same.
        let slots = capacity.next_power_of_two().max(2);
        let slot = |_| Slot { stamp: AtomicU64::new(0), item: UnsafeCell::new(MaybeUninit::uninit()) };
        Self {
            slots: (0..slots).map(slot).collect(),
            places: slots as u64 - 1,
            capacity: capacity as u64,
            tail: Line(Tail { count: AtomicU64::new(0), head: AtomicU64::new(0) }),
            head: Line(Head { count: AtomicU64::new(0), done: AtomicU64::new(0) }),
        }
    }

    #[inline(always)]
    fn push(&self, item: T) -> Result<(), (T, Refusal)> {
        let mut step = 0_u32;
        let mut tail = self.tail.0.count.load(Ordering::Relaxed);
        loop {
            let count = tail >> 1;
            let (slot, ready) = self.slot(count);
            if tail & CLOSED == 0 && self.has_room(count) && slot.stamp.load(Ordering::Acquire) == ready {
                let (order, failure) = (Ordering::SeqCst, Ordering::Relaxed);
                match self.tail.0.count.compare_exchange_weak(tail, tail + 2, order, failure) {
                    Ok(_) => {
                        slot.item.with_mut(|place| {
                            // SAFETY: the stamp said that the slot is ready for the put of this count, so that whoever
                            // got from it before is done, and only the one thread that moved the count on has this
                            // count. Nobody reads the slot before the stamp below.
                            unsafe { (*place).write(item) };
                        });
                        slot.stamp.store(ready + 1, Ordering::Release);
                        return Ok(());
                    }
                    Err(newer) => {
                        tail = newer;
                        back_off(step);
                        step = step.saturating_add(1);
                    }
                }
            } else {
                match self.later_put(tail, &mut step) {
                    Ok(newer) => tail = newer,
                    Err(refusal) => return Err((item, refusal)),
                }
            }
        }
    }

    #[inline(always)]
    fn pop(&self) -> Result<T, Refusal> {
        let mut step = 0_u32;
        let mut head = self.head.0.count.load(Ordering::Relaxed);
        loop {
            let (slot, ready) = self.slot(head);
            if slot.stamp.load(Ordering::Acquire) == ready + 1 {
                match self.head.0.count.compare_exchange_weak(head, head + 1, Ordering::SeqCst, Ordering::Relaxed) {
                    Ok(_) => {
                        // SAFETY: the stamp said that the put of this count is done, which wrote the item, and only the
                        // one thread that moved the count on has this count. Nobody writes the slot before the stamp
                        // below.
                        let item = slot.item.with_mut(|place| unsafe { (*place).assume_init_read() });
                        slot.stamp.store(ready + self.places + 1, Ordering::Release);
                        return Ok(item);
                    }
                    Err(newer) => {
                        head = newer;
                        back_off(step);
                        step = step.saturating_add(1);
                    }
                }
            } else {
                head = self.later_got(head, &mut step)?;
            }
        }
    }

    fn close(&self) {
        self.tail.0.count.fetch_or(CLOSED, Ordering::SeqCst);
    }

    fn is_closed(&self) -> bool {
        self.tail.0.count.load(Ordering::SeqCst) & CLOSED != 0
    }

    fn len(&self) -> usize {
        let head = self.head.0.count.load(Ordering::SeqCst);
        (self.put() - head).min(self.capacity) as usize
    }

    fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// One that is just being put counts.
    fn put(&self) -> u64 {
        self.tail.0.count.load(Ordering::SeqCst) >> 1
    }

    /// What was got was put. `Acquire`, or one who sees what is done might not see that it was put.
    fn put_at_least(&self) -> u64 {
        self.head.0.count.load(Ordering::Acquire)
    }

    fn done(&self) -> &AtomicU64 {
        &self.head.0.done
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // Nobody else is here, nor in the midst of a step: what was put and not got is in its slots.
        let head = self.head.0.count.load(Ordering::Relaxed);
        let tail = self.tail.0.count.load(Ordering::Relaxed) >> 1;
        for count in head..tail {
            let (slot, _) = self.slot(count);
            // SAFETY: the item of this count was put, and nobody has got it; no other thread has the ring. Each count is
            // come to once.
            slot.item.with_mut(|place| unsafe { (*place).assume_init_drop() });
        }
    }
}
