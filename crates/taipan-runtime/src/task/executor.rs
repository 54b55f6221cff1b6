//! Polls the tasks of a tokio runtime, on its threads.
//!
//! A task of tokio's own is more than most tasks of a program need. So a few of them, the drivers, poll all tasks of this
//! crate, many in one go, and sleep while there is none to poll. Since they poll on tokio's threads, and give way to what
//! else runs there, all of tokio works in a task as it does elsewhere.

use std::cell::RefCell;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context as Polled, Poll};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::task::coop::has_budget_remaining;
use tokio::task::try_id;

use super::dispatch::{Call, Coming, Dispatch};
use crate::sync::look_away;

/// What drivers poll.
pub(super) trait Job: Send + Sync {
    /// Polls it, which was in line. Its end is counted by `ends`.
    fn run(self: Arc<Self>, ends: &mut Ends<'_>);

    /// Ends it, which was in line: the runtime has.
    fn shut_down(self: Arc<Self>);

    /// Calls it to its end; true when the caller has to do that.
    fn call_to_end(&self) -> bool;
}

/// Asks for a task's end, and waits for it.
pub(super) trait Cancel: Send + Sync {
    fn cancel(self: Arc<Self>);
    fn poll_ended(&self, polled: &mut Polled<'_>) -> Poll<()>;
}

/// A runtime's drivers and what they have to do, and which of its tasks a [`run`](super::run) waits for.
pub(crate) struct Executor {
    runtime: Handle,
    dispatch: Dispatch<Arc<dyn Job>>,
    /// There is one thread: one driver does, which is always ready when it is awake.
    is_alone: bool,
    /// Those that wait. Who wakes them may forget them, and they are to end with the runtime.
    shelves: [Mutex<Shelf>; SHELVES],
    under_way: AtomicUsize,
    none_under_way: AtomicWaker,
    detached: Mutex<Detached>,
}

type Seat = super::dispatch::Seat<Arc<dyn Job>>;

const SHELVES: usize = 8;

/// Tasks that wait, each in a place of its own.
#[derive(Default)]
struct Shelf {
    is_closed: bool,
    places: Vec<Option<Arc<dyn Job>>>,
    free: Vec<Place>,
}

/// Where a task waits on its shelf, from 1.
#[derive(Clone, Copy)]
pub(super) struct Place(NonZeroUsize);

/// The tasks that nobody holds.
#[derive(Default)]
struct Detached {
    closing: bool,
    tasks: Vec<Weak<dyn Cancel>>,
}

/// The driver that polls here.
struct Here {
    executor: Arc<Executor>,
    seat: Arc<Seat>,
}

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
    /// The driver that was called here last, in a task.
    static LAST_CALLED: RefCell<Option<(Weak<Executor>, Arc<Seat>)>> = const { RefCell::new(None) };
    /// The executor that was looked up here last.
    static LAST: RefCell<Weak<Executor>> = const { RefCell::new(Weak::new()) };
}

/// One for each runtime that has tasks.
static EXECUTORS: Mutex<Vec<(Id, Weak<Executor>)>> = Mutex::new(Vec::new());

impl Executor {
    /// That of a runtime.
    pub(super) fn of(runtime: &Handle) -> Arc<Self> {
        let last = LAST.try_with(|last| last.borrow().upgrade()).ok().flatten();
        if let Some(last) = last
            && last.serves(runtime)
        {
            return last;
        }
        let executor = {
            let mut executors = lock(&EXECUTORS);
            let known = executors.iter().find(|(id, _)| *id == runtime.id()).and_then(|(_, known)| known.upgrade());
            known.unwrap_or_else(|| {
                let executor = Arc::new(Self::new(runtime.clone()));
                executors.retain(|(_, known)| known.strong_count() > 0);
                executors.push((runtime.id(), Arc::downgrade(&executor)));
                executor
            })
        };
        let _ = LAST.try_with(|last| last.replace(Arc::downgrade(&executor)));
        executor
    }

    fn new(runtime: Handle) -> Self {
        Self {
            is_alone: runtime.runtime_flavor() == RuntimeFlavor::CurrentThread,
            runtime,
            dispatch: Dispatch::new(),
            shelves: Default::default(),
            under_way: AtomicUsize::new(0),
            none_under_way: AtomicWaker::new(),
            detached: Mutex::default(),
        }
    }

    pub(super) fn serves(&self, runtime: &Handle) -> bool {
        self.runtime.id() == runtime.id()
    }

    /// Puts a job in line.
    pub(super) fn put(self: &Arc<Self>, job: Arc<dyn Job>) {
        // The driver here keeps it at hand.
        let mut job = Some(job);
        let put = HERE.try_with(|here| match &*here.borrow() {
            Some(here) if Arc::ptr_eq(&here.executor, self) => {
                job.take().map(|job| self.dispatch.put(job, Some(&here.seat)))
            }
            _ => None,
        });
        match put.ok().flatten().or_else(|| job.map(|job| self.dispatch.put(job, None))) {
            Some(Ok(Some(waiting))) => self.call_for(waiting),
            Some(Err(refused)) => refused.shut_down(),
            Some(Ok(None)) | None => {}
        }
    }

    /// Calls drivers for jobs that wait in a line.
    ///
    /// A task of tokio's own that is woken by another may have to wait until that one gives way, or until the next is
    /// woken: then it is up for any thread. So tokio has at most one wait, and so it is here: for one job a driver is
    /// called that comes perhaps, for more than one another, so that the first comes soon.
    fn call_for(self: &Arc<Self>, waiting: usize) {
        if try_id().is_none() {
            self.make(self.dispatch.call(Coming::Soon));
            return;
        }
        let last = LAST_CALLED.try_with(RefCell::take).ok().flatten();
        let mut last = last.filter(|(executor, seat)| executor.as_ptr() == Arc::as_ptr(self) && seat.may_be_late());
        for _ in usize::from(last.is_some())..waiting.min(2) {
            let call = self.dispatch.call(Coming::Perhaps);
            let called = (Arc::downgrade(self), Arc::clone(&call.seat));
            self.make(call);
            if let Some((_, seat)) = last.replace(called) {
                self.dispatch.comes(&seat);
            }
        }
        let _ = LAST_CALLED.try_with(|place| place.replace(last));
    }

    fn make(self: &Arc<Self>, Call { seat, waker }: Call<Arc<dyn Job>>) {
        match waker {
            Some(waker) => waker.wake(),
            None => drop(self.runtime.spawn(Driver { executor: Arc::clone(self), seat })),
        }
    }

    /// Keeps a task that waits; `None` when the runtime has ended.
    pub(super) fn keep(&self, job: Arc<dyn Job>) -> Option<Place> {
        let mut shelf = self.shelf(Arc::as_ptr(&job).addr());
        if shelf.is_closed {
            return None;
        }
        if let Some(place) = shelf.free.pop()
            && let Some(vacant) = shelf.places.get_mut(place.0.get() - 1)
        {
            *vacant = Some(job);
            return Some(place);
        }
        shelf.places.push(Some(job));
        NonZeroUsize::new(shelf.places.len()).map(Place)
    }

    /// Keeps it no more: it has ended.
    pub(super) fn let_go(&self, job: *const dyn Job, place: Place) {
        let mut shelf = self.shelf(job.addr());
        let kept = shelf.places.get_mut(place.0.get() - 1).and_then(Option::take);
        if kept.is_some() {
            shelf.free.push(place);
        }
        // Without the lock.
        drop(shelf);
    }

    /// The shelf for a task at this address.
    fn shelf(&self, address: usize) -> MutexGuard<'_, Shelf> {
        let [first, ..] = &self.shelves;
        // Those that are beside each other in memory are mostly of one thread.
        lock(self.shelves.get(address >> 12 & (SHELVES - 1)).unwrap_or(first))
    }

    /// Ends all tasks where they are: the runtime has ended.
    fn close(&self) {
        for job in self.dispatch.close() {
            job.shut_down();
        }
        for shelf in &self.shelves {
            let places = {
                let mut shelf = lock(shelf);
                shelf.is_closed = true;
                std::mem::take(&mut shelf.places)
            };
            // Those that are polled right now, or were in line, come back from there.
            for job in places.into_iter().flatten().filter(|job| job.call_to_end()) {
                job.shut_down();
            }
        }
    }

    /// Has [`all_gone`](Self::all_gone) wait for another task.
    pub(super) fn count(&self) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
    }

    fn uncount(&self, ended: usize) {
        if self.under_way.fetch_sub(ended, Ordering::AcqRel) == ended {
            self.none_under_way.wake();
        }
    }

    /// Waits until none of the tasks that count is under way. Only a `run` waits for that.
    pub(super) async fn all_gone(&self) {
        poll_fn(|polled| {
            self.none_under_way.register(polled.waker());
            if self.under_way.load(Ordering::Acquire) == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Notes a task that nobody holds.
    pub(super) fn detach(&self, task: Arc<dyn Cancel>) {
        let mut detached = lock(&self.detached);
        if detached.closing {
            drop(detached);
            task.cancel();
        } else {
            if detached.tasks.len() == detached.tasks.capacity() {
                detached.tasks.retain(|task| task.strong_count() > 0);
            }
            detached.tasks.push(Arc::downgrade(&task));
        }
    }

    /// Cancels what nobody holds, now and from now on.
    pub(super) fn cancel_detached(&self) {
        let tasks = {
            let mut detached = lock(&self.detached);
            detached.closing = true;
            std::mem::take(&mut detached.tasks)
        };
        for task in tasks.into_iter().filter_map(|task| task.upgrade()) {
            task.cancel();
        }
    }
}

/// Counts ended tasks, many in one go: all threads share that count.
pub(super) struct Ends<'a> {
    of: &'a Executor,
    count: usize,
}

impl<'a> Ends<'a> {
    pub(super) fn new(of: &'a Executor) -> Self {
        Self { of, count: 0 }
    }

    pub(super) fn add(&mut self, counted_by: &Executor) {
        if std::ptr::eq(self.of, counted_by) {
            self.count += 1;
        } else {
            counted_by.uncount(1);
        }
    }

    fn tell(&mut self) {
        let count = std::mem::take(&mut self.count);
        if count > 0 {
            self.of.uncount(count);
        }
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}

/// So long a driver polls before it gives way to what else there is.
const TURN: Duration = Duration::from_micros(50);

/// For fewer jobs outside a driver that has just polled lets some time pass: who puts them there would have to wait for
/// its look at each.
const FEW: usize = 16;

/// How often a driver looks at the lines again before it sleeps: to wake it costs more than some looks.
const LOOKS: u32 = 6;

/// A task of tokio's that polls jobs. It ends with the runtime.
struct Driver {
    executor: Arc<Executor>,
    seat: Arc<Seat>,
}

impl Driver {
    /// Whether there is a job in the own line now.
    fn find(&self) -> bool {
        self.executor.dispatch.fetch(&self.seat)
            || match self.executor.dispatch.take_over(&self.seat) {
                Ok(found) => found,
                Err(refused) => {
                    refused.into_iter().for_each(Job::shut_down);
                    false
                }
            }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.executor.close();
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<()> {
        let Self { executor, seat } = &*self;
        let dispatch = &executor.dispatch;
        if seat.is_asleep() {
            return Poll::Pending;
        }
        dispatch.comes(seat);
        let _here = Here::enter(executor, seat);
        let mut ends = Ends::new(executor);
        let start = Instant::now();
        let (mut polls, mut looks) = (0_u32, 0);
        // Whether it counts as ready, and whether it may poll what is in its line.
        let (mut is_ready, mut may_poll) = (true, executor.is_alone);
        dispatch.fetch(seat);
        loop {
            if !seat.has_next() {
                // After a poll only when there is much: see `FEW`.
                if (polls == 0 || looks > 0 || executor.is_alone || dispatch.outside() >= FEW) && self.find() {
                    may_poll = executor.is_alone;
                    continue;
                }
                ends.tell();
                if !is_ready {
                    dispatch.come_back();
                    is_ready = true;
                    may_poll = false;
                }
                if looks < LOOKS.min(polls) && !executor.is_alone {
                    look_away(looks);
                    looks += 1;
                } else if dispatch.sleep(seat, polled.waker()) {
                    return Poll::Pending;
                }
                continue;
            }
            if !may_poll {
                if is_ready {
                    dispatch.set_out();
                    is_ready = false;
                }
                if !dispatch.may_poll() {
                    // Comes here after this one, which any thread may go on with meanwhile.
                    let call = dispatch.call(Coming::Perhaps);
                    dispatch.come_back();
                    executor.make(call);
                    is_ready = true;
                    break;
                }
                may_poll = true;
            }
            let Some(job) = seat.next() else { continue };
            // What a task does is caught there; a waker of those who wait for its end may panic, too.
            let _ = catch_unwind(AssertUnwindSafe(|| job.run(&mut ends)));
            (polls, looks) = (polls + 1, 0);
            // The clock is looked at after the first polls, and then seldom.
            let is_time = (polls.is_power_of_two() || polls.is_multiple_of(8)) && start.elapsed() > TURN;
            // Without a budget all that waits for tokio would wait in vain.
            if is_time || !has_budget_remaining() {
                break;
            }
        }
        if !is_ready {
            dispatch.come_back();
        }
        polled.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Here {
    /// Until the guard is dropped.
    fn enter(executor: &Arc<Executor>, seat: &Arc<Seat>) -> impl Drop {
        struct Before(Option<Here>);

        impl Drop for Before {
            fn drop(&mut self) {
                let here = HERE.try_with(|here| here.replace(self.0.take()));
                drop(here);
            }
        }

        let here = Self { executor: Arc::clone(executor), seat: Arc::clone(seat) };
        Before(HERE.try_with(|current| current.replace(Some(here))).ok().flatten())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
