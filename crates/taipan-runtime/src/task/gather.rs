//! Several at once: all results in order, or each as it comes.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context as Polled, Poll};

use futures::stream::{FuturesUnordered, Stream, StreamExt};

use super::context::Contained;
use super::under_way::{Step, UnderWay};

/// Works on all of `work` at once and gives their results in order. The first error is the error of the whole: the
/// others are cancelled then, and their clean-up awaited.
///
/// The work is done where the gathering is awaited, each part until it waits. It may borrow, and may be
/// [tasks](super::Task), which run on every core. At most [`limit`](Gather::limit) are under way at once.
pub fn gather<W, T, E>(work: impl IntoIterator<Item = W>) -> Gather<W::IntoFuture>
where
    W: IntoFuture<Output = Result<T, E>>,
{
    Gather { work: work.into_iter().map(IntoFuture::into_future).collect(), limit: usize::MAX }
}

/// Work to be done at once; made by [`gather`]. Await it.
pub struct Gather<F> {
    work: VecDeque<F>,
    limit: usize,
}

impl<F> Gather<F> {
    /// Has at most so many under way at once, and at least one.
    #[must_use]
    pub fn limit(mut self, at_once: usize) -> Self {
        self.limit = at_once.max(1);
        self
    }

    /// Gives each its own result; an error cancels no other.
    pub fn return_errors(self) -> ReturnErrors<F> {
        ReturnErrors(self)
    }
}

/// Like [`Gather`], with every result kept apart; made by [`Gather::return_errors`]. Await it.
pub struct ReturnErrors<F>(Gather<F>);

impl<F, T, E> IntoFuture for Gather<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Vec<T>, E>;
    type IntoFuture = Gathering<F, UntilError>;

    fn into_future(self) -> Self::IntoFuture {
        Gathering::new(self)
    }
}

impl<F, T, E> IntoFuture for ReturnErrors<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Vec<Result<T, E>>;
    type IntoFuture = Gathering<F, Everything>;

    fn into_future(self) -> Self::IntoFuture {
        Gathering::new(self.0)
    }
}

impl<F> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("work", &self.work.len()).field("limit", &self.limit).finish()
    }
}

impl<F> fmt::Debug for ReturnErrors<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReturnErrors").field(&self.0).finish()
    }
}

/// What is made of one output after the other.
#[doc(hidden)]
pub trait Keep<O> {
    type Kept;
    type Output;
    fn keep(output: O) -> ControlFlow<Self::Output, Self::Kept>;
    fn all(kept: Vec<Self::Kept>) -> Self::Output;
}

/// Stops at the first error.
#[doc(hidden)]
pub enum UntilError {}

/// Keeps errors with the rest.
#[doc(hidden)]
pub enum Everything {}

impl<T, E> Keep<Result<T, E>> for UntilError {
    type Kept = T;
    type Output = Result<Vec<T>, E>;

    fn keep(output: Result<T, E>) -> ControlFlow<Self::Output, T> {
        match output {
            Ok(value) => ControlFlow::Continue(value),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    }

    fn all(kept: Vec<T>) -> Self::Output {
        Ok(kept)
    }
}

impl<O> Keep<O> for Everything {
    type Kept = O;
    type Output = Vec<O>;

    fn keep(output: O) -> ControlFlow<Vec<O>, O> {
        ControlFlow::Continue(output)
    }

    fn all(kept: Vec<O>) -> Vec<O> {
        kept
    }
}

/// A [`Gather`] under way.
pub struct Gathering<F: Future, K: Keep<F::Output>>(Pin<Box<Contained<All<F, K>>>>);

impl<F: Future, K: Keep<F::Output>> Gathering<F, K> {
    fn new(gather: Gather<F>) -> Self {
        let Gather { work, limit } = gather;
        let kept = work.iter().map(|_| None).collect();
        let all = All { waiting: work, started: 0, limit, under_way: UnderWay::new(), kept };
        Self(Box::pin(Contained::new(all)))
    }
}

impl<F: Future, K: Keep<F::Output>> Future for Gathering<F, K> {
    type Output = K::Output;

    fn poll(mut self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<K::Output> {
        self.0.as_mut().poll(polled)
    }
}

impl<F: Future, K: Keep<F::Output>> fmt::Debug for Gathering<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gathering")
    }
}

struct All<F: Future, K: Keep<F::Output>> {
    waiting: VecDeque<F>,
    started: usize,
    limit: usize,
    under_way: UnderWay<F>,
    kept: Vec<Option<K::Kept>>,
}

// Nothing in it is pinned: what is under way is pinned on the heap.
impl<F: Future, K: Keep<F::Output>> Unpin for All<F, K> {}

impl<F: Future, K: Keep<F::Output>> All<F, K> {
    /// Starts the next, or goes on with one that was called.
    fn step(&mut self) -> Option<(usize, Step<F::Output>)> {
        if self.under_way.len() < self.limit
            && let Some(future) = self.waiting.pop_front()
        {
            let number = self.started;
            self.started += 1;
            return Some((number, self.under_way.start(number, future)));
        }
        self.under_way.go_on()
    }
}

impl<F: Future, K: Keep<F::Output>> Future for All<F, K> {
    type Output = K::Output;

    fn poll(self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<K::Output> {
        let this = self.get_mut();
        this.under_way.register(polled);
        // Other tasks have their turn when all were polled once, and when two have given way: tokio lets nothing go on
        // in a task that has gone on for long, and then every one would be polled in vain.
        let mut left = this.waiting.len() + this.under_way.len() + 1;
        let mut patience = 2;
        loop {
            if left == 0 || patience == 0 {
                polled.waker().wake_by_ref();
                break;
            }
            let Some((number, step)) = this.step() else { break };
            left -= 1;
            match step {
                Step::Done(output) => match K::keep(output) {
                    ControlFlow::Continue(kept) => {
                        if let Some(place) = this.kept.get_mut(number) {
                            *place = Some(kept);
                        }
                    }
                    ControlFlow::Break(output) => return Poll::Ready(output),
                },
                Step::Waits => {}
                Step::GivesWay => patience -= 1,
            }
        }
        if this.waiting.is_empty() && this.under_way.len() == 0 {
            return Poll::Ready(K::all(std::mem::take(&mut this.kept).into_iter().flatten().collect()));
        }
        Poll::Pending
    }
}

/// Works on all of `work` at once and hands out each result when it is there, the soonest first.
///
/// ```
/// # use std::time::Duration;
/// # use taipan_runtime::{Error, task::*};
/// # run(async {
/// let mut done = as_completed([30, 10].map(|ms| async move {
///     sleep(Duration::from_millis(ms)).await;
///     Ok::<_, Error>(ms)
/// }));
/// while let Some(result) = done.next().await {
///     println!("{} ms", result?);
/// }
/// # Ok::<_, Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn as_completed<W, T, E>(work: impl IntoIterator<Item = W>) -> AsCompleted<W::IntoFuture>
where
    W: IntoFuture<Output = Result<T, E>>,
{
    AsCompleted(work.into_iter().map(IntoFuture::into_future).collect())
}

/// Results as they come; made by [`as_completed`]. Also a [`Stream`].
pub struct AsCompleted<F>(FuturesUnordered<F>);

impl<F: Future> AsCompleted<F> {
    /// The next result; `None` when there are no more.
    pub async fn next(&mut self) -> Option<F::Output> {
        self.0.next().await
    }
}

impl<F: Future> Stream for AsCompleted<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<Option<F::Output>> {
        self.0.poll_next_unpin(polled)
    }
}

impl<F> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("under_way", &self.0.len()).finish()
    }
}
