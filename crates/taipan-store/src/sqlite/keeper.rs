//! The thread that ends transactions of idle readers, so that none holds back the log for longer than a blink.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::sqlite::pool::Pool;

/// How long an idle reader may stay in its transaction, about.
const PAUSE: Duration = Duration::from_millis(100);

/// Asleep until a transaction is left open, and then for a pause.
#[derive(Default)]
pub(super) struct Keeper {
    signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Signal {
    /// Whether a transaction was left open since the last look.
    left_open: AtomicBool,
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Keeper {
    /// Sees to it that a transaction that was left open is ended if nobody goes on with it; `false` if that cannot be
    /// promised.
    #[inline]
    pub(super) fn watch(&self, pool: &Arc<Pool>) -> bool {
        // Either the thread's next look comes after this and finds the connection, or this finds that it looked.
        fence(Ordering::SeqCst);
        self.signal.left_open.load(Ordering::Relaxed) || self.begin(pool)
    }

    #[cold]
    fn begin(&self, pool: &Arc<Pool>) -> bool {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = self.signal.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return false;
        }
        if thread.is_none() {
            let (pool, signal) = (Arc::downgrade(pool), Arc::clone(&self.signal));
            let spawned = thread::Builder::new().name("taipan-readers".to_owned()).spawn(move || signal.serve(&pool));
            let Ok(spawned) = spawned else { return false };
            *thread = Some(spawned);
        }
        self.signal.left_open.store(true, Ordering::Relaxed);
        self.signal.changed.notify_one();
        true
    }

    /// Ends the thread and waits for it.
    pub(super) fn close(&self) {
        *self.signal.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.signal.changed.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }
}

impl Signal {
    fn serve(&self, pool: &Weak<Pool>) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        while !*closed {
            if !self.left_open.load(Ordering::Relaxed) {
                closed = self.changed.wait(closed).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            closed = self.changed.wait_timeout(closed, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
            if *closed {
                return;
            }
            drop(closed);
            let Some(pool) = pool.upgrade() else { return };
            self.left_open.store(false, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            pool.leave_moments();
            drop(pool);
            closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
}
