//! The primitives that the queues and tasks are made of. The tests under loom put loom's in their place.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, RwLock};

/// How often a thread looks again before it sleeps: waking one costs more than some looks.
pub(crate) const LOOKS: u32 = 6;

/// What a thread reads and writes by a pointer, when it knows that no other does.
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, work: impl FnOnce(*mut T) -> R) -> R {
        work(self.0.get())
    }
}

/// The most steps in which waiting threads keep the processor.
const BY_ITSELF: u32 = 6;

/// Lets others go on: for a moment at first, and from the seventh step on, by giving the processor to another thread.
pub(crate) fn pause(step: u32) {
    if step > BY_ITSELF {
        std::thread::yield_now();
    } else {
        back_off(step);
    }
}

/// Stays away before the next look at a queue that had nothing to get or no room; from the second time on, other threads
/// may have the processor.
///
/// So long that the other side does some steps meanwhile: who looks again after the first goes for the same item as the
/// other side, and then each waits for the other's cache line at every item, which takes twice as long.
pub(crate) fn look_away(look: u32) {
    if look > 0 {
        std::thread::yield_now();
    }
    for _ in 0..128 {
        std::hint::spin_loop();
    }
}

/// Keeps a thread away for a moment from what others write, the longer the more often they were faster.
pub(crate) fn back_off(step: u32) {
    for _ in 0..1_u32 << step.min(BY_ITSELF) {
        std::hint::spin_loop();
    }
}

/// Stands between a change that is in the one order of all such changes (a `SeqCst` one) and a look at who waits for it.
/// There is nothing to do: that look is in the same order. Loom does not know that order but of fences.
pub(crate) fn before_a_look() {}
