//! What belongs to a task besides its future: whether it is cancelled, and the clean-up that is left to do.
//!
//! Cancelling drops a future where it waits. What it held is freed by its destructors; async clean-up cannot run in
//! a destructor and is handed to the surrounding context by [`defer`]. Whoever drops a future on purpose (a cancelled
//! task, a timeout, a failed gather) does so through [`Contained`], which runs that clean-up before it says that the
//! future is gone.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context as Polled, Poll, ready};

use futures::task::AtomicWaker;
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::futures::TaskLocalFuture;

pub(crate) type CleanUp = Pin<Box<dyn Future<Output = ()> + Send>>;

tokio::task_local! {
    static CONTEXT: Arc<Context>;
}

/// Shared by a task, its handle, and what it leaves behind.
#[derive(Default)]
pub(crate) struct Context {
    pub(crate) name: Option<Arc<str>>,
    cancelled: AtomicBool,
    pub(crate) waker: AtomicWaker,
    some_clean_up: AtomicBool,
    clean_up: Mutex<Vec<CleanUp>>,
    pub(crate) alive: Weak<Alive>,
    has_ended: AtomicBool,
    end: Notify,
}

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
    pub(crate) fn child(name: Option<Arc<str>>) -> Arc<Self> {
        let alive = CONTEXT.try_with(|parent| parent.alive.clone()).unwrap_or_default();
        Arc::new(Self { name, alive, ..Self::default() })
    }

    pub(crate) fn root(alive: &Arc<Alive>) -> Arc<Self> {
        Arc::new(Self { alive: Arc::downgrade(alive), ..Self::default() })
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

    /// Tells all who wait that the task is gone, with all that it held.
    pub(crate) fn set_ended(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.end.notify_waiters();
    }

    /// Waits until the task is gone.
    pub(crate) async fn ended(&self) {
        loop {
            let told = self.end.notified();
            if self.has_ended.load(Ordering::Acquire) {
                return;
            }
            told.await;
        }
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
    CONTEXT.try_with(|context| context.name.clone()).ok().flatten()
}

/// Leaves clean-up to the surrounding task or scope; where there is none, to the runtime, and without one, to a
/// thread of its own.
pub(crate) fn defer(clean_up: CleanUp) {
    let mut clean_up = Some(clean_up);
    let _ = CONTEXT.try_with(|context| {
        if let Some(clean_up) = clean_up.take() {
            context.push(clean_up);
        }
    });
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
        future: Option<TaskLocalFuture<Arc<Context>, F>>,
        output: Option<F::Output>,
        left: Left,
    }
}

/// Clean-up that is not done yet. Dropped, it is left to whoever is around.
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
            let context = Arc::clone(&self.context);
            ready!(CONTEXT.sync_scope(context, || first.as_mut().poll(polled)));
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
    }
}

impl<F: Future> Contained<F> {
    /// Gives `future` a context of its own.
    pub(crate) fn new(future: F) -> Self {
        Self::within(future, Context::child(current_name()))
    }

    pub(crate) fn within(future: F, context: Arc<Context>) -> Self {
        let future = Some(CONTEXT.scope(Arc::clone(&context), future));
        Self { future, output: None, left: Left { context, queue: VecDeque::new() } }
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.left.context
    }

    /// Drops the future, and is ready when its clean-up is done.
    pub(crate) async fn cancel(mut self: Pin<&mut Self>) {
        self.as_mut().drop_future();
        poll_fn(|polled| self.as_mut().poll_left(polled)).await;
    }

    pub(crate) fn drop_future(self: Pin<&mut Self>) {
        self.project().future.set(None);
    }

    pub(crate) fn poll_left(self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<()> {
        self.project().left.poll(polled)
    }
}

impl<F: Future> Future for Contained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let Some(future) = this.future.as_mut().as_pin_mut()
            && let Poll::Ready(output) = future.poll(polled)
        {
            *this.output = Some(output);
            this.future.set(None);
        }
        let left = this.left.poll(polled);
        match this.output.take() {
            Some(output) if left.is_ready() => Poll::Ready(output),
            output => {
                *this.output = output;
                Poll::Pending
            }
        }
    }
}
