//! What belongs to a task besides its future: whether it is cancelled, and the clean-up that is left to do.
//!
//! Cancelling drops a future where it waits. What it held is freed by its destructors; async clean-up cannot run in
//! a destructor and is handed to the surrounding context by [`defer`]. Whoever drops a future on purpose (a cancelled
//! task, a timeout, a failed gather) does so through [`Contained`], which runs that clean-up before it says that the
//! future is gone.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Polled, Poll, ready};

use pin_project_lite::pin_project;
use tokio::runtime::Handle;

use super::executor::Executor;

/// Does not panic, or what is left after it would be lost.
pub(crate) type CleanUp = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is around polled code: a task, or a part of one.
pub(super) trait Around: Send + Sync {
    /// The task's name.
    fn name(&self) -> Option<&Arc<str>>;

    /// Who counts the tasks that are started here: the executor of the [`run`](super::run) around.
    fn counted_by(&self) -> Option<&Arc<Executor>>;

    fn leaving(&self) -> &Leaving;
}

thread_local! {
    /// What is around the code that is polled here.
    static AROUND: RefCell<Option<Arc<dyn Around>>> = const { RefCell::new(None) };
}

/// What `look` sees around, if there is something.
pub(super) fn here<R>(look: impl FnOnce(&dyn Around) -> R) -> Option<R> {
    AROUND.try_with(|around| around.borrow().as_deref().map(look)).ok().flatten()
}

/// Has this around until the guard is dropped; at the very end of a thread, nothing.
pub(super) fn enter(around: Arc<dyn Around>) -> impl Drop {
    struct Before(Option<Arc<dyn Around>>);

    impl Drop for Before {
        fn drop(&mut self) {
            let around = AROUND.try_with(|around| around.replace(self.0.take()));
            drop(around);
        }
    }

    Before(AROUND.try_with(|before| before.replace(Some(around))).ok().flatten())
}

/// The clean-up that is left to do.
#[derive(Default)]
pub(super) struct Leaving {
    is_some: AtomicBool,
    /// In a box, since few tasks leave any.
    clean_up: Mutex<Option<Box<CleanUps>>>,
}

#[derive(Default)]
struct CleanUps(VecDeque<CleanUp>);

impl Leaving {
    fn lock(&self) -> MutexGuard<'_, Option<Box<CleanUps>>> {
        self.clean_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only what runs in this context pushes, and it is polled by who will clean up: nobody needs to be woken.
    fn push(&self, clean_up: CleanUp) {
        self.lock().get_or_insert_default().0.push_back(clean_up);
        self.is_some.store(true, Ordering::Release);
    }

    /// Ready when all is done. One is run after the other, in the order they were left. Has to be polled in the context
    /// that this is of.
    pub(super) fn poll(&self, polled: &mut Polled<'_>) -> Poll<()> {
        while self.is_some.load(Ordering::Acquire) {
            let first = self.lock().as_mut().and_then(|clean_up| clean_up.0.pop_front());
            let Some(mut first) = first else {
                self.is_some.store(false, Ordering::Release);
                break;
            };
            if first.as_mut().poll(polled).is_pending() {
                self.lock().get_or_insert_default().0.push_front(first);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Leaves all to who is around.
    pub(super) fn abandon(&self) {
        if self.is_some.load(Ordering::Acquire) {
            let clean_ups = self.lock().take();
            defer(Box::pin(async move {
                for clean_up in clean_ups.into_iter().flat_map(|clean_ups| clean_ups.0) {
                    clean_up.await;
                }
            }));
        }
    }
}

/// The context of a part of a task.
#[derive(Default)]
struct Context {
    name: Option<Arc<str>>,
    counted_by: Option<Arc<Executor>>,
    leaving: Leaving,
}

impl Around for Context {
    fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    fn counted_by(&self) -> Option<&Arc<Executor>> {
        self.counted_by.as_ref()
    }

    fn leaving(&self) -> &Leaving {
        &self.leaving
    }
}

/// The name of the task that runs here, if it has one.
pub(crate) fn current_name() -> Option<Arc<str>> {
    here(|around| around.name().cloned()).flatten()
}

/// Leaves clean-up to the surrounding task or scope; where there is none, to the runtime, and without one, to a
/// thread of its own.
pub(crate) fn defer(clean_up: CleanUp) {
    let mut clean_up = Some(clean_up);
    here(|around| clean_up.take().map(|clean_up| around.leaving().push(clean_up)));
    if let Some(clean_up) = clean_up {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(clean_up)),
            Err(_) => {
                // Without a thread the clean-up is dropped, which frees what it holds.
                let _ = std::thread::Builder::new()
                    .name("taipan-clean-up".to_owned())
                    .spawn(|| futures::executor::block_on(clean_up));
            }
        }
    }
}

pin_project! {
    /// A future with a context of its own: it is over when its clean-up is.
    pub(crate) struct Contained<F>
    where
        F: Future,
    {
        #[pin]
        work: Work<F>,
        left: Left,
    }

    impl<F: Future> PinnedDrop for Contained<F> {
        fn drop(this: Pin<&mut Self>) {
            this.drop_future();
        }
    }
}

pin_project! {
    #[project = WorkProjection]
    enum Work<F>
    where
        F: Future,
    {
        Goes { #[pin] future: F },
        /// Done, but for the clean-up.
        Gave { output: Option<F::Output> },
        Gone,
    }
}

/// A context. Dropped, it leaves its clean-up to whoever is around.
struct Left(Arc<Context>);

impl Left {
    /// Has `work` done in the context.
    fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        let _around = enter(Arc::clone(&self.0) as Arc<dyn Around>);
        work()
    }

    fn poll(&self, polled: &mut Polled<'_>) -> Poll<()> {
        // Mostly there is nothing.
        if self.0.leaving.is_some.load(Ordering::Acquire) {
            self.within(|| self.0.leaving.poll(polled))
        } else {
            Poll::Ready(())
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.0.leaving.abandon();
    }
}

impl<F: Future> Contained<F> {
    /// Gives `future` a context of its own.
    pub(crate) fn new(future: F) -> Self {
        let around = here(|around| (around.name().cloned(), around.counted_by().cloned()));
        let (name, counted_by) = around.unwrap_or_default();
        Self::within(future, name, counted_by)
    }

    /// The same, whose tasks are counted.
    pub(super) fn counted(future: F, by: Arc<Executor>) -> Self {
        Self::within(future, None, Some(by))
    }

    fn within(future: F, name: Option<Arc<str>>, counted_by: Option<Arc<Executor>>) -> Self {
        let context = Context { name, counted_by, leaving: Leaving::default() };
        Self { work: Work::Goes { future }, left: Left(Arc::new(context)) }
    }

    /// Drops the future, and is ready when its clean-up is done.
    pub(crate) async fn cancel(mut self: Pin<&mut Self>) {
        self.as_mut().drop_future();
        poll_fn(|polled| self.left.poll(polled)).await;
    }

    /// Drops the future in its context, to which its destructors leave clean-up.
    fn drop_future(self: Pin<&mut Self>) {
        let mut this = self.project();
        if matches!(*this.work, Work::Goes { .. }) {
            this.left.within(|| this.work.set(Work::Gone));
        }
    }
}

impl<F: Future> Future for Contained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if matches!(*this.work, Work::Goes { .. }) {
            // In its context, as is its end.
            this.left.within(|| {
                if let WorkProjection::Goes { future } = this.work.as_mut().project()
                    && let Poll::Ready(output) = future.poll(polled)
                {
                    this.work.set(Work::Gave { output: Some(output) });
                }
            });
        }
        // While the work goes on, too.
        ready!(this.left.poll(polled));
        match this.work.project() {
            WorkProjection::Gave { output } => output.take().map_or(Poll::Pending, Poll::Ready),
            WorkProjection::Goes { .. } | WorkProjection::Gone => Poll::Pending,
        }
    }
}
