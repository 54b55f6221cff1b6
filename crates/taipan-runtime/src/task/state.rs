//! Where a task stands, and who waits for its end.
//!
//! A task is called (by its making, a waker or its cancelling), polled, and called again, until it has ended. Whoever's
//! call is the first since the last poll began puts it in line; a call during a poll puts it in line after that. So it
//! is in line once at most, and one thread at a time polls it.

use std::sync::PoisonError;
use std::task::{Poll, Waker};

use crate::sync::{AtomicU32, Mutex, Ordering};

/// In line, or to be put there when its poll is over.
const CALLED: u32 = 1;
const POLLED: u32 = 1 << 1;
const ENDED: u32 = 1 << 2;
const CANCELLED: u32 = 1 << 3;
/// Somebody left a waker.
const AWAITED: u32 = 1 << 4;
/// Nobody wants what it gives.
const UNWANTED: u32 = 1 << 5;

pub(super) struct State {
    bits: AtomicU32,
    waiting: Mutex<Option<Waker>>,
}

impl State {
    /// That of a task which is about to be put in line.
    pub(super) fn called() -> Self {
        Self { bits: AtomicU32::new(CALLED), waiting: Mutex::new(None) }
    }

    /// True when the caller has to put it in line.
    #[must_use]
    pub(super) fn call(&self) -> bool {
        self.bits.fetch_or(CALLED, Ordering::AcqRel) & (CALLED | POLLED | ENDED) == 0
    }

    /// The same, and it is to end.
    #[must_use]
    pub(super) fn cancel(&self) -> bool {
        self.bits.fetch_or(CALLED | CANCELLED, Ordering::AcqRel) & (CALLED | POLLED | ENDED) == 0
    }

    /// Goes from the line to a poll; whether it is to end.
    pub(super) fn begin(&self) -> bool {
        // One of the two is set and the other is not.
        self.bits.fetch_xor(CALLED | POLLED, Ordering::AcqRel) & CANCELLED != 0
    }

    /// Ends a poll that gave nothing. True when it was called meanwhile, and has to be put in line again.
    #[must_use]
    pub(super) fn pause(&self) -> bool {
        self.bits.fetch_and(!POLLED, Ordering::AcqRel) & CALLED != 0
    }

    /// Ends it, and wakes who waits for that. What it gave is where it belongs. True when nobody wants that.
    pub(super) fn end(&self) -> bool {
        let before = self.bits.fetch_or(ENDED, Ordering::AcqRel);
        if before & AWAITED != 0 {
            let waker = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        before & UNWANTED != 0
    }

    pub(super) fn has_ended(&self) -> bool {
        self.bits.load(Ordering::Acquire) & ENDED != 0
    }

    pub(super) fn is_unwanted(&self) -> bool {
        self.bits.load(Ordering::Acquire) & UNWANTED != 0
    }

    /// From now on nobody wants what it gives. True when it has ended before.
    pub(super) fn leave(&self) -> bool {
        self.bits.fetch_or(UNWANTED, Ordering::AcqRel) & ENDED != 0
    }

    /// Ready at its end. One at a time may wait: the last one that asked.
    pub(super) fn poll_ended(&self, waker: &Waker) -> Poll<()> {
        if self.has_ended() {
            return Poll::Ready(());
        }
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *waiting {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        // It may have ended since: then nobody wakes.
        if self.bits.fetch_or(AWAITED, Ordering::AcqRel) & ENDED != 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}
