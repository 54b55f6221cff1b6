//! Polls the tasks of a tokio runtime, on its threads.
//!
//! A task of tokio's own is more than most tasks of a program need. So a few of them, the drivers, poll all tasks of this
//! crate, many in one go, and sleep while there is none to poll. Since they poll on tokio's threads, and give way to what
//! else runs there, all of tokio works in a task as it does elsewhere.

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context as Polled, Poll};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::task::coop::has_budget_remaining;

use super::dispatch::{Call, Dispatch};
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
    /// Its drivers look more than once before they sleep: jobs may come from another thread.
    is_patient: bool,
    /// Those that wait. Who wakes them may forget them, and they are to end with the runtime.
    shelves: [Mutex<Shelf>; SHELVES],
    next_shelf: AtomicUsize,
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
    free: Vec<usize>,
}

/// Where a task waits: on which shelf, and where there.
#[derive(Clone, Copy)]
pub(super) struct Place(usize, usize);

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
            is_patient: runtime.runtime_flavor() != RuntimeFlavor::CurrentThread,
            runtime,
            dispatch: Dispatch::new(),
            shelves: Default::default(),
            next_shelf: AtomicUsize::new(0),
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
            Some(Ok(call)) => self.make(call),
            Some(Err(refused)) => refused.shut_down(),
            None => {}
        }
    }

    fn make(self: &Arc<Self>, calls: impl IntoIterator<Item = Call>) {
        for call in calls {
            match call {
                Call::Wake(waker) => waker.wake(),
                Call::Start => drop(self.runtime.spawn(Driver::new(Arc::clone(self)))),
            }
        }
    }

    /// Keeps a task that waits; `None` when the runtime has ended.
    pub(super) fn keep(&self, job: Arc<dyn Job>) -> Option<Place> {
        let number = self.next_shelf.fetch_add(1, Ordering::Relaxed) % SHELVES;
        let mut shelf = lock(self.shelves.get(number)?);
        if shelf.is_closed {
            return None;
        }
        let place = shelf.free.pop().unwrap_or(shelf.places.len());
        match shelf.places.get_mut(place) {
            Some(vacant) => *vacant = Some(job),
            None => shelf.places.push(Some(job)),
        }
        Some(Place(number, place))
    }

    /// Keeps it no more: it has ended.
    pub(super) fn let_go(&self, Place(number, place): Place) {
        let Some(shelf) = self.shelves.get(number) else { return };
        let mut shelf = lock(shelf);
        let gone = shelf.places.get_mut(place).and_then(Option::take);
        if gone.is_some() {
            shelf.free.push(place);
        }
        drop(shelf);
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

/// How often a driver looks at the lines again before it sleeps: to wake it costs more than some looks.
const LOOKS: u32 = 6;

/// A task of tokio's that polls jobs. It ends with the runtime.
struct Driver {
    executor: Arc<Executor>,
    seat: Arc<Seat>,
}

impl Driver {
    fn new(executor: Arc<Executor>) -> Self {
        let seat = executor.dispatch.seat();
        Self { executor, seat }
    }

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
        if dispatch.is_asleep(seat) {
            return Poll::Pending;
        }
        let _here = Here::enter(executor, seat);
        let mut ends = Ends::new(executor);
        let start = Instant::now();
        let (mut polls, mut looks) = (0_u32, 0);
        let (mut is_ready, mut brought_some) = (true, dispatch.fetch(seat));
        loop {
            let Some(job) = dispatch.next(seat) else {
                if self.find() {
                    brought_some = true;
                    continue;
                }
                ends.tell();
                if !is_ready {
                    dispatch.come_back();
                    is_ready = true;
                }
                if looks < LOOKS && executor.is_patient {
                    look_away(looks);
                    looks += 1;
                } else if dispatch.sleep(seat, polled.waker()) {
                    return Poll::Pending;
                }
                continue;
            };
            if is_ready {
                executor.make(dispatch.set_out().into_iter().flatten());
            } else if brought_some {
                executor.make(dispatch.see_to_the_rest().into_iter().flatten());
            }
            (is_ready, brought_some) = (false, false);
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
        dispatch.come_back();
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
