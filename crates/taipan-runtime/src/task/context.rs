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
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context as Polled, Poll, ready};

use futures::task::AtomicWaker;
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Does not panic, or what is left after it would be lost.
pub(crate) type CleanUp = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// The context of what is polled here.
    static CONTEXT: RefCell<Option<Arc<Context>>> = const { RefCell::new(None) };
}

/// What `look` sees in the context here, if there is one.
fn here<R>(look: impl FnOnce(&Context) -> R) -> Option<R> {
    CONTEXT.try_with(|context| context.borrow().as_deref().map(look)).ok().flatten()
}

/// Has `work` done in a context; at the very end of a thread, in none.
fn within<R>(context: &Arc<Context>, work: impl FnOnce() -> R) -> R {
    struct Around(Option<Arc<Context>>);

    impl Drop for Around {
        fn drop(&mut self) {
            let _ = CONTEXT.try_with(|context| context.replace(self.0.take()));
        }
    }

    let around = CONTEXT.try_with(|current| Around(current.replace(Some(Arc::clone(context)))));
    let output = work();
    drop(around);
    output
}

/// Shared by a task, its handle, and what it leaves behind.
#[derive(Default)]
pub(crate) struct Context {
    pub(crate) name: Option<Arc<str>>,
    cancelled: AtomicBool,
    pub(crate) waker: AtomicWaker,
    some_clean_up: AtomicBool,
    clean_up: Mutex<Vec<CleanUp>>,
    run: Run,
    end: AtomicU8,
    waits_for_the_end: AtomicWaker,
}

/// What a context is to the [`run`](super::run) around it.
enum Run {
    /// A part of some task, or none of a `run`.
    Part(Weak<Alive>),
    /// A task, which holds it until its end.
    Task(Mutex<Option<Arc<Alive>>>),
}

impl Default for Run {
    fn default() -> Self {
        Self::Part(Weak::new())
    }
}

/// What a context's end was told.
const GOES_ON: u8 = 0;
const SOMEBODY_WAITS: u8 = 1;
const HAS_ENDED: u8 = 2;

/// Held by every task that a [`run`](super::run) has to wait for; the last one to go tells it.
pub(crate) struct Alive {
    pub(crate) detached: Mutex<Detached>,
    _gone: oneshot::Sender<()>,
}

/// The tasks that nobody holds.
#[derive(Default)]
pub(crate) struct Detached {
    pub(crate) closing: bool,
    tasks: Vec<Weak<Context>>,
}

impl Alive {
    /// The first holder, and what resolves once there is none.
    pub(crate) fn new() -> (Arc<Self>, oneshot::Receiver<()>) {
        let (gone, all_gone) = oneshot::channel();
        (Arc::new(Self { detached: Mutex::default(), _gone: gone }), all_gone)
    }

    pub(crate) fn detach(&self, task: &Arc<Context>) {
        let mut detached = self.detached.lock().unwrap_or_else(PoisonError::into_inner);
        if detached.closing {
            task.cancel();
        } else {
            if detached.tasks.len() == detached.tasks.capacity() {
                detached.tasks.retain(|task| task.strong_count() > 0);
            }
            detached.tasks.push(Arc::downgrade(task));
        }
    }

    /// Cancels what nobody holds, now and from now on.
    pub(crate) fn close(&self) {
        let mut detached = self.detached.lock().unwrap_or_else(PoisonError::into_inner);
        detached.closing = true;
        for task in detached.tasks.drain(..).filter_map(|task| task.upgrade()) {
            task.cancel();
        }
    }
}

impl Context {
    /// A context for a task that is started here.
    pub(crate) fn task(name: Option<Arc<str>>) -> Arc<Self> {
        let alive = here(Self::alive).flatten();
        Arc::new(Self { name, run: Run::Task(Mutex::new(alive)), ..Self::default() })
    }

    /// A context for a part of the task here, with its name.
    fn part() -> Arc<Self> {
        let inherited = here(|parent| {
            let alive = match &parent.run {
                Run::Part(alive) => alive.clone(),
                Run::Task(_) => parent.alive().as_ref().map(Arc::downgrade).unwrap_or_default(),
            };
            (parent.name.clone(), Run::Part(alive))
        });
        let (name, run) = inherited.unwrap_or_default();
        Arc::new(Self { name, run, ..Self::default() })
    }

    pub(crate) fn root(alive: &Arc<Alive>) -> Arc<Self> {
        Arc::new(Self { run: Run::Part(Arc::downgrade(alive)), ..Self::default() })
    }

    /// What the [`run`](super::run) around waits for, as long as there is one, and a task has not ended.
    pub(crate) fn alive(&self) -> Option<Arc<Alive>> {
        match &self.run {
            Run::Part(alive) => alive.upgrade(),
            Run::Task(alive) => alive.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Only what runs in this context pushes, and it is polled by who will take: nobody needs to be woken.
    fn push(&self, clean_up: CleanUp) {
        self.clean_up.lock().unwrap_or_else(PoisonError::into_inner).push(clean_up);
        self.some_clean_up.store(true, Ordering::Release);
    }

    /// Tells who waits that the task is gone, with all that it held.
    fn set_ended(&self) {
        if self.end.swap(HAS_ENDED, Ordering::AcqRel) == SOMEBODY_WAITS {
            self.waits_for_the_end.wake();
        }
        if let Run::Task(alive) = &self.run {
            let alive = alive.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(alive);
        }
    }

    /// Waits until the task is gone. Only its handle does, once.
    pub(crate) async fn ended(&self) {
        poll_fn(|polled| {
            self.waits_for_the_end.register(polled.waker());
            let (order, failure) = (Ordering::AcqRel, Ordering::Acquire);
            match self.end.compare_exchange(GOES_ON, SOMEBODY_WAITS, order, failure) {
                Err(HAS_ENDED) => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
    }

    fn take(&self) -> Vec<CleanUp> {
        if !self.some_clean_up.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut clean_up = self.clean_up.lock().unwrap_or_else(PoisonError::into_inner);
        self.some_clean_up.store(false, Ordering::Release);
        std::mem::take(&mut clean_up)
    }
}

/// The name of the task that runs here, if it has one.
pub(crate) fn current_name() -> Option<Arc<str>> {
    here(|context| context.name.clone()).flatten()
}

/// Leaves clean-up to the surrounding task or scope; where there is none, to the runtime, and without one, to a
/// thread of its own.
pub(crate) fn defer(clean_up: CleanUp) {
    let mut clean_up = Some(clean_up);
    here(|context| clean_up.take().map(|clean_up| context.push(clean_up)));
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

/// Clean-up that is not done yet. Dropped, it is left to whoever is around, and the context has ended.
pub(crate) struct Left {
    context: Arc<Context>,
    queue: VecDeque<CleanUp>,
}

impl Left {
    /// Ready when all is done. One is run after the other, in the order they were left.
    fn poll(&mut self, polled: &mut Polled<'_>) -> Poll<()> {
        loop {
            self.queue.extend(self.context.take());
            let Some(first) = self.queue.front_mut() else { return Poll::Ready(()) };
            ready!(within(&self.context, || first.as_mut().poll(polled)));
            self.queue.pop_front();
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.queue.extend(self.context.take());
        if !self.queue.is_empty() {
            let queue = std::mem::take(&mut self.queue);
            defer(Box::pin(async move {
                for clean_up in queue {
                    clean_up.await;
                }
            }));
        }
        self.context.set_ended();
    }
}

impl<F: Future> Contained<F> {
    /// Gives `future` a context of its own.
    pub(crate) fn new(future: F) -> Self {
        Self::within(future, Context::part())
    }

    pub(crate) fn within(future: F, context: Arc<Context>) -> Self {
        Self { work: Work::Goes { future }, left: Left { context, queue: VecDeque::new() } }
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.left.context
    }

    /// Drops the future, and is ready when its clean-up is done.
    pub(crate) async fn cancel(mut self: Pin<&mut Self>) {
        self.as_mut().drop_future();
        poll_fn(|polled| self.as_mut().poll_left(polled)).await;
    }

    /// Drops the future in its context, to which its destructors leave clean-up.
    pub(crate) fn drop_future(self: Pin<&mut Self>) {
        let mut this = self.project();
        if matches!(*this.work, Work::Goes { .. }) {
            within(&this.left.context, || this.work.set(Work::Gone));
        }
    }

    pub(crate) fn poll_left(self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<()> {
        self.project().left.poll(polled)
    }
}

impl<F: Future> Future for Contained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if matches!(*this.work, Work::Goes { .. }) {
            // In its context, as is its end.
            within(&this.left.context, || {
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
