//! The primitives that the queues are made of. The test under loom puts loom's in their place.

pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

/// How often a thread looks again before it sleeps: waking one costs more than a few looks.
pub(crate) const LOOKS: u32 = 8;

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

/// Lets others go on: for a moment at first, and from the seventh step on, by giving the processor to another thread.
pub(crate) fn pause(step: u32) {
    const BY_ITSELF: u32 = 6;
    if step > BY_ITSELF {
        return std::thread::yield_now();
    }
    for _ in 0..1_u32 << step {
        std::hint::spin_loop();
    }
}

/// Stands between a change that is in the one order of all such changes (a `SeqCst` one) and a look at who waits for it.
/// There is nothing to do: that look is in the same order. Loom does not know that order but of fences.
pub(crate) fn before_a_look() {}
