//! A task in one piece of memory: its work, what is to be known of it, and at last what it gave.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Polled, Poll, ready};

use futures::task::{ArcWake, waker_ref};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tracing::Span;

use super::context::{Around, Leaving, enter, here};
use super::executor::{Cancel, Ends, Executor, Job, Place};
use super::state::State;

/// How a task ended.
pub(super) enum Ended<T, E> {
    Done(Result<T, E>),
    Panicked(Box<dyn Any + Send>),
    Cancelled,
}

/// What else comes of a task's end; dropped after it.
pub(super) trait Witness<T, E>: Send {
    fn ended(&mut self, outcome: Ended<T, E>) -> Ended<T, E>;
}

/// Nothing else.
pub(super) struct Nobody;

impl<T, E> Witness<T, E> for Nobody {
    fn ended(&mut self, outcome: Ended<T, E>) -> Ended<T, E> {
        outcome
    }
}

/// What a task's handle has of it.
pub(super) trait Joined<T, E>: Cancel {
    fn name(&self) -> Option<&str>;
    fn has_ended(&self) -> bool;
    /// What it gave, once, at its end.
    fn take(&self) -> Option<Ended<T, E>>;
    /// Tells it that nobody wants what it gives.
    fn leave(&self);
    /// Lets it run on without a handle.
    fn detach(self: Arc<Self>);
}

pub(super) struct Cell<F, T, E, W>
where
    F: Future<Output = Result<T, E>>,
{
    state: State,
    executor: Arc<Executor>,
    /// A `run` waits for its end.
    is_counted: bool,
    particulars: Option<Box<Particulars>>,
    leaving: Leaving,
    inside: Mutex<Inside<F, T, E, W>>,
}

/// What few tasks have.
struct Particulars {
    name: Option<Arc<str>>,
    /// The fields that log records have here.
    span: Span,
    /// Who counts it, when that is not the executor that polls it.
    counted_by: Option<Arc<Executor>>,
}

type Guard<'a, F, T, E, W> = MutexGuard<'a, Inside<F, T, E, W>>;

struct Inside<F, T, E, W>
where
    F: Future<Output = Result<T, E>>,
{
    work: Work<F, T, E>,
    place: Option<Place>,
    witness: Option<W>,
}

pin_project! {
    #[project = WorkProjection]
    enum Work<F, T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        Goes { #[pin] future: F },
        /// Over, but perhaps for the clean-up.
        Gave { outcome: Option<Ended<T, E>> },
    }
}

impl<F, T, E, W> Cell<F, T, E, W>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    W: Witness<T, E> + 'static,
{
    /// A task of the runtime here, to be [put](Self::put) in line.
    pub(super) fn new(work: F, name: Option<Arc<str>>, witness: W) -> Arc<Self> {
        let runtime = Handle::current();
        let counted_by = here(|around| around.counted_by().cloned()).flatten();
        let is_counted = counted_by.is_some();
        let (executor, counted_by) = match counted_by {
            Some(executor) if executor.serves(&runtime) => (executor, None),
            elsewhere => (Executor::of(&runtime), elsewhere),
        };
        counted_by.as_ref().or(is_counted.then_some(&executor)).into_iter().for_each(|by| by.count());
        let span = Span::current();
        let is_plain = name.is_none() && span.is_none() && counted_by.is_none();
        Arc::new(Self {
            state: State::called(),
            executor,
            is_counted,
            particulars: (!is_plain).then(|| Box::new(Particulars { name, span, counted_by })),
            leaving: Leaving::default(),
            inside: Mutex::new(Inside { work: Work::Goes { future: work }, place: None, witness: Some(witness) }),
        })
    }

    /// Puts it in line, when it was called.
    pub(super) fn put(self: &Arc<Self>) {
        self.executor.put(Arc::clone(self) as Arc<dyn Job>);
    }

    fn lock(&self) -> Guard<'_, F, T, E, W> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls the work, and what it leaves behind; ready when all is over.
    fn go_on(self: &Arc<Self>, inside: &mut Guard<'_, F, T, E, W>, is_cancelled: bool) -> Poll<()> {
        let waker = waker_ref(self);
        let mut polled = Polled::from_waker(&waker);
        let (mut work, witness) = Self::parts(inside);
        match work.as_mut().project() {
            WorkProjection::Goes { future } => {
                let outcome = if is_cancelled {
                    Poll::Ready(Ended::Cancelled)
                } else {
                    match catch_unwind(AssertUnwindSafe(|| future.poll(&mut polled))) {
                        Ok(output) => output.map(Ended::Done),
                        Err(payload) => Poll::Ready(Ended::Panicked(payload)),
                    }
                };
                if let Poll::Ready(outcome) = outcome {
                    work.as_mut().end(outcome);
                }
            }
            WorkProjection::Gave { outcome } => {
                if is_cancelled && let Some(Ended::Done(_)) = outcome {
                    *outcome = Some(Ended::Cancelled);
                }
            }
        }
        // While the work goes on, too.
        ready!(self.leaving.poll(&mut polled));
        let WorkProjection::Gave { outcome } = work.project() else { return Poll::Pending };
        if let Some(gave) = outcome.take() {
            let gave = match witness {
                Some(witness) => witness.ended(gave),
                None => gave,
            };
            if self.state.is_unwanted() {
                // Here, since it may leave something behind as well.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(gave)));
                ready!(self.leaving.poll(&mut polled));
            } else {
                *outcome = Some(gave);
            }
        }
        Poll::Ready(())
    }

    /// After all else.
    fn finish(self: &Arc<Self>, mut inside: Guard<'_, F, T, E, W>, ends: &mut Ends<'_>) {
        let (place, witness) = (inside.place.take(), inside.witness.take());
        drop(inside);
        if self.state.end() {
            drop(self.take());
        }
        if let Some(place) = place {
            self.executor.let_go(Arc::as_ptr(self) as *const dyn Job, place);
        }
        drop(witness);
        if let Some(by) = self.counted_by() {
            ends.add(by);
        }
    }

    /// Ends it where it is. What clean-up it leaves is for others.
    fn give_up(self: &Arc<Self>, mut inside: Guard<'_, F, T, E, W>, ends: &mut Ends<'_>) {
        {
            let _around = self.enter();
            Self::parts(&mut inside).0.end(Ended::Cancelled);
        }
        self.leaving.abandon();
        self.finish(inside, ends);
    }

    /// What runs here is of this task, until the guards are dropped.
    fn enter(self: &Arc<Self>) -> impl Sized + '_ {
        let span = self.particulars.as_ref().map(|particulars| particulars.span.enter());
        (span, enter(Arc::clone(self) as Arc<dyn Around>))
    }

    #[expect(
        unsafe_code,
        reason = "the work needs no piece of memory of its own, which is a quarter of what a small task takes"
    )]
    fn parts<'a>(inside: &'a mut Guard<'_, F, T, E, W>) -> (Pin<&'a mut Work<F, T, E>>, &'a mut Option<W>) {
        let Inside { work, witness, .. } = &mut **inside;
        // SAFETY: the work stays where it is until it is dropped there. It is in a cell, as every guard here is of a
        // cell's mutex, and `new` puts each cell in an `Arc`; nothing takes it out of that (the cell's fields are known
        // to this file alone, which does not call `Arc::try_unwrap` or its like), and nothing reaches the work in the
        // cell but through this pin.
        (unsafe { Pin::new_unchecked(work) }, witness)
    }
}

impl<F, T, E> Work<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    /// Drops the future, which may panic.
    fn end(mut self: Pin<&mut Self>, outcome: Ended<T, E>) {
        let dropped = catch_unwind(AssertUnwindSafe(|| self.set(Self::Gave { outcome: Some(outcome) })));
        if let Err(payload) = dropped {
            self.set(Self::Gave { outcome: Some(Ended::Panicked(payload)) });
        }
    }
}

impl<F, T, E, W> Job for Cell<F, T, E, W>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    W: Witness<T, E> + 'static,
{
    fn run(self: Arc<Self>, ends: &mut Ends<'_>) {
        let is_cancelled = self.state.begin();
        let mut inside = self.lock();
        let over = {
            let _around = self.enter();
            self.go_on(&mut inside, is_cancelled)
        };
        if over.is_ready() {
            return self.finish(inside, ends);
        }
        if inside.place.is_none() {
            inside.place = self.executor.keep(Arc::clone(&self) as Arc<dyn Job>);
            if inside.place.is_none() {
                return self.give_up(inside, ends);
            }
        }
        drop(inside);
        if self.state.pause() {
            self.put();
        }
    }

    fn shut_down(self: Arc<Self>) {
        self.state.begin();
        self.give_up(self.lock(), &mut Ends::new(&self.executor));
    }

    fn call_to_end(&self) -> bool {
        self.state.cancel()
    }
}

impl<F, T, E, W> Cancel for Cell<F, T, E, W>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    W: Witness<T, E> + 'static,
{
    fn cancel(self: Arc<Self>) {
        if self.state.cancel() {
            self.put();
        }
    }

    fn poll_ended(&self, polled: &mut Polled<'_>) -> Poll<()> {
        self.state.poll_ended(polled.waker())
    }
}

impl<F, T, E, W> ArcWake for Cell<F, T, E, W>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    W: Witness<T, E> + 'static,
{
    fn wake_by_ref(cell: &Arc<Self>) {
        if cell.state.call() {
            cell.put();
        }
    }
}

impl<F, T, E, W> Around for Cell<F, T, E, W>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    W: Witness<T, E> + 'static,
{
    fn name(&self) -> Option<&Arc<str>> {
        self.particulars.as_ref().and_then(|particulars| particulars.name.as_ref())
    }

    fn counted_by(&self) -> Option<&Arc<Executor>> {
        let elsewhere = self.particulars.as_ref().and_then(|particulars| particulars.counted_by.as_ref());
        elsewhere.or(self.is_counted.then_some(&self.executor))
    }

    fn leaving(&self) -> &Leaving {
        &self.leaving
    }
}

impl<F, T, E, W> Joined<T, E> for Cell<F, T, E, W>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    W: Witness<T, E> + 'static,
{
    fn name(&self) -> Option<&str> {
        Around::name(self).map(|name| &**name)
    }

    fn has_ended(&self) -> bool {
        self.state.has_ended()
    }

    fn take(&self) -> Option<Ended<T, E>> {
        match Self::parts(&mut self.lock()).0.project() {
            WorkProjection::Gave { outcome } => outcome.take(),
            WorkProjection::Goes { .. } => None,
        }
    }

    fn leave(&self) {
        if self.state.leave() {
            drop(self.take());
        }
    }

    fn detach(self: Arc<Self>) {
        self.leave();
        if let Some(by) = self.counted_by().cloned() {
            by.detach(self);
        }
    }
}
