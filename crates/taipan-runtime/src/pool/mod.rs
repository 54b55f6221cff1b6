//! Computing on every core.
//!
//! The names are those of `multiprocessing.Pool`. Nothing is pickled or copied: the workers are threads that take items
//! from one another when they run out, and results keep the order of the items. A panic while working on an item is
//! that item's error. The pool's threads are not those that serve async work, so a computation delays no I/O; async
//! code computes by [`Pool::run`].
//!
//! ```
//! use taipan_runtime::pool::Pool;
//!
//! let pool = Pool::new(4)?;
//! assert_eq!(pool.map(0..10, |x| x * x)?, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
//! assert_eq!(pool.starmap(vec![(2, 3), (4, 5)], |a, b| a * b)?, [6, 20]);
//! assert_eq!(pool.reduce(1..=100, 0, |sum, n| sum + n)?, 5050);
//! # Ok::<(), taipan_runtime::Error>(())
//! ```

mod imap;
mod items;

use std::any::Any;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::oneshot;

pub use self::imap::Imap;
pub use self::items::{Integer, Items};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Counter, Progress};
use crate::task::context::defer;

/// Threads that compute. Clones share the threads; what is set on one is not set on the others.
#[derive(Clone, Default)]
pub struct Pool {
    /// Its own threads; without them the process's.
    threads: Option<Arc<ThreadPool>>,
    progress: Option<(Arc<dyn Progress>, Arc<str>)>,
    cancel: Option<CancelToken>,
    chunk_size: Option<NonZeroUsize>,
}

impl Pool {
    /// A pool of `threads` threads of its own. [`Pool::default`] shares one thread for each core with all the process.
    ///
    /// Errors: [`ErrorKind::Invalid`] for no thread, [`ErrorKind::System`] when the system refuses them.
    pub fn new(threads: usize) -> Result<Self> {
        if threads == 0 {
            return Err(Error::invalid("a pool needs a thread at least"));
        }
        let built = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("taipan-pool-{number}"))
            .build()
            .map_err(|error| {
                Error::system(format_args!("a pool of {threads} threads"), std::io::Error::other(error))
            })?;
        Ok(Self { threads: Some(Arc::new(built)), ..Self::default() })
    }

    /// Tells `progress` how many items are done, of work called `what`.
    #[must_use]
    pub fn progress(mut self, what: &str, progress: Arc<dyn Progress>) -> Self {
        self.progress = Some((progress, what.into()));
        self
    }

    /// Stops between two items once `token` is cancelled.
    #[must_use]
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Hands out so many items at once in [`imap`](Self::imap); 1 unless told otherwise. More is quicker for many
    /// small items. The other calls find the right size by themselves.
    #[must_use]
    pub fn chunk_size(mut self, items: NonZeroUsize) -> Self {
        self.chunk_size = Some(items);
        self
    }

    /// How many threads compute.
    pub fn threads(&self) -> usize {
        self.threads.as_ref().map_or_else(rayon::current_num_threads, |threads| threads.current_num_threads())
    }

    /// Works on every item; the results are in the order of the items.
    ///
    /// Errors: [`ErrorKind::Panicked`] with the number of the item, from 0; [`ErrorKind::Cancelled`].
    pub fn map<T, R>(&self, items: impl Items<Item = T>, work: impl Fn(T) -> R + Sync) -> Result<Vec<R>>
    where
        T: Send,
        R: Send,
    {
        self.caught(|failed| {
            let items = items.into_items().enumerate();
            match self.watch(items.len()) {
                // Apart, so that plain work is compiled as plain work.
                None => items.map(|(number, item)| failed.unless_done(number, || work(item))).collect(),
                Some(watch) => {
                    items.map(|(number, item)| watch.step(|| failed.unless_done(number, || work(item)))).collect()
                }
            }
        })
    }

    /// Works on every item; each has its own result, in the order of the items. A panic is the item's error.
    ///
    /// Errors: [`ErrorKind::Cancelled`] for the whole.
    pub fn map_each<I: Items, R: Send>(&self, items: I, work: impl Fn(I::Item) -> R + Sync) -> Result<Vec<Result<R>>> {
        self.map(items.into_items().enumerate().collect::<Vec<_>>(), |(number, item)| {
            catch_unwind(AssertUnwindSafe(|| work(item)))
                .map_err(|payload| Error::panicked(payload.as_ref()).at(item_place(number)))
        })
    }

    /// Works on every item, a tuple of arguments: `starmap(vec![(1, 2), (3, 4)], |a, b| a + b)`.
    ///
    /// Errors: those of [`map`](Self::map).
    pub fn starmap<A, R>(&self, items: impl Items<Item = A>, work: impl Star<A, R> + Sync) -> Result<Vec<R>>
    where
        A: Send,
        R: Send,
    {
        self.map(items, |arguments| work.call(arguments))
    }

    /// Combines all items and `initial` by `combine`, which must not care where the brackets stand: `(a + b) + c` is
    /// `a + (b + c)`. The order of the items is kept.
    ///
    /// Errors: those of [`map`](Self::map), without the item's number.
    pub fn reduce<T: Send>(
        &self,
        items: impl Items<Item = T>,
        initial: T,
        combine: impl Fn(T, T) -> T + Sync,
    ) -> Result<T> {
        self.caught(|_| {
            let items = items.into_items();
            let reduced = match self.watch(items.len()) {
                None => items.reduce_with(&combine),
                Some(watch) => items.map(|item| watch.step(|| item)).reduce_with(&combine),
            };
            match reduced {
                Some(reduced) => combine(initial, reduced),
                None => initial,
            }
        })
    }

    /// Works on items as an iterator yields them, and hands out the results in order, each with its own error.
    ///
    /// Only a few items more than there are threads are under way, so neither the items nor the results need to fit in
    /// memory. Dropped, it leaves what was not begun and waits for what was.
    pub fn imap<I, R, F>(&self, items: I, work: F) -> Imap<I::IntoIter, F, R>
    where
        I: IntoIterator<Item: Send + 'static>,
        R: Send + 'static,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
    {
        Imap::new(self, items.into_iter(), work, imap::Handing::InOrder)
    }

    /// The same, handing out each result as soon as it is there.
    pub fn imap_unordered<I, R, F>(&self, items: I, work: F) -> Imap<I::IntoIter, F, R>
    where
        I: IntoIterator<Item: Send + 'static>,
        R: Send + 'static,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
    {
        Imap::new(self, items.into_iter(), work, imap::Handing::AsDone)
    }

    /// Computes for async code, which waits for it without holding up a thread.
    ///
    /// When the wait is cancelled, so is the token that `work` is given, and whoever cancelled waits for its end; work
    /// that was not begun is not.
    ///
    /// Errors: [`ErrorKind::Panicked`].
    pub async fn run<R: Send + 'static>(&self, work: impl FnOnce(&CancelToken) -> R + Send + 'static) -> Result<R> {
        let token = CancelToken::new();
        let (sender, receiver) = oneshot::channel();
        let mut waiting = Waiting { token: token.clone(), receiver: Some(receiver) };
        self.spawn(move || {
            if token.is_cancelled() {
                return;
            }
            // Refused when nobody waits any more.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(|| work(&token))));
        });
        let outcome = match &mut waiting.receiver {
            Some(receiver) => receiver.await,
            None => return Err(Error::new(ErrorKind::Cancelled)),
        };
        waiting.receiver = None;
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(payload)) => Err(Error::panicked(payload.as_ref())),
            Err(_) => Err(Error::new(ErrorKind::Cancelled)),
        }
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        match &self.threads {
            Some(threads) => threads.spawn(work),
            None => rayon::spawn(work),
        }
    }

    /// Runs on the pool; a panic there is an error here.
    fn caught<R: Send>(&self, work: impl FnOnce(&Failed) -> R + Send) -> Result<R> {
        let failed = Failed(AtomicUsize::new(usize::MAX));
        let outcome = catch_unwind(AssertUnwindSafe(|| match &self.threads {
            Some(threads) => threads.install(|| work(&failed)),
            None => work(&failed),
        }));
        outcome.map_err(|payload| {
            if payload.is::<Stopped>() {
                return Error::new(ErrorKind::Cancelled);
            }
            let error = Error::panicked(payload.as_ref());
            match failed.0.into_inner() {
                usize::MAX => error,
                number => error.at(item_place(number)),
            }
        })
    }

    /// What has to be done at each item besides the work, if anything has.
    fn watch(&self, items: usize) -> Option<Watch> {
        if self.progress.is_none() && self.cancel.is_none() {
            return None;
        }
        let counter =
            self.progress.as_ref().map(|(progress, what)| Counter::new(Arc::clone(progress), what, Some(items as u64)));
        Some(Watch { counter, cancel: self.cancel.clone() })
    }
}

fn item_place(number: usize) -> String {
    format!("item {number}")
}

/// The number of the item whose work panicked; of several the first.
struct Failed(AtomicUsize);

impl Failed {
    /// Notes the number if `work` does not return. Costs nothing when it does: only unwinding passes the guard.
    fn unless_done<R>(&self, number: usize, work: impl FnOnce() -> R) -> R {
        struct InHand<'a>(&'a Failed, usize);
        impl Drop for InHand<'_> {
            fn drop(&mut self) {
                if thread::panicking() {
                    self.0.0.fetch_min(self.1, Ordering::Relaxed);
                }
            }
        }
        let in_hand = InHand(self, number);
        let result = work();
        std::mem::forget(in_hand);
        result
    }
}

/// Progress and cancellation of work on items.
struct Watch {
    counter: Option<Counter>,
    cancel: Option<CancelToken>,
}

/// What unwinds a cancelled computation; no panic anybody sees.
struct Stopped;

impl Watch {
    fn step<R>(&self, work: impl FnOnce() -> R) -> R {
        if self.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            resume_unwind(Box::new(Stopped) as Box<dyn Any + Send>);
        }
        let result = work();
        if let Some(counter) = &self.counter {
            counter.add(1);
        }
        result
    }
}

/// Async code that waits for a computation.
struct Waiting<R: Send + 'static> {
    token: CancelToken,
    receiver: Option<oneshot::Receiver<R>>,
}

impl<R: Send + 'static> Drop for Waiting<R> {
    fn drop(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            self.token.cancel();
            defer(Box::pin(async move {
                let _ = receiver.await;
            }));
        }
    }
}

/// A function of several arguments, called with a tuple of them.
pub trait Star<A, R> {
    /// Calls it.
    fn call(&self, arguments: A) -> R;
}

macro_rules! star {
    ($($argument:ident),+) => {
        impl<F, R, $($argument),+> Star<($($argument,)+), R> for F
        where
            F: Fn($($argument),+) -> R,
        {
            #[allow(non_snake_case, reason = "the arguments are named as their types")]
            fn call(&self, ($($argument,)+): ($($argument,)+)) -> R {
                self($($argument),+)
            }
        }
    };
}

star!(A);
star!(A, B);
star!(A, B, C);
star!(A, B, C, D);
star!(A, B, C, D, E);
star!(A, B, C, D, E, G);

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish_non_exhaustive()
    }
}
