//! Every interleaving of a task's wakers, drivers and waiters, by loom: no call is lost, no poll runs beside another, and
//! whoever waits for the end is woken.
//!
//! The files that say so are compiled here a second time, on loom's locks and atomics.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, unreachable_pub, reason = "not every call is made here, and its crate has public names")]

#[path = "../src/task/dispatch.rs"]
mod dispatch;
#[path = "../src/task/state.rs"]
mod state;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock};

    /// Loom takes `SeqCst` accesses for acquiring and releasing ones; what they lack is in its fences.
    pub(crate) fn before_a_look() {
        fence(Ordering::SeqCst);
    }
}

use std::collections::VecDeque;
use std::sync::{Arc as StdArc, Weak};
use std::task::{Poll, Wake, Waker};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use self::dispatch::{Call, Coming, Dispatch, Seat};
use self::state::State;

/// Of the interleavings all in which the system takes the processor from a thread up to twice, besides where threads wait.
fn every_interleaving(work: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.max_branches = 20_000;
    model.check(work);
}

/// A thread sleeps until it is rung.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.rings.notify_all();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.rings.wait(rung).unwrap();
        }
        *rung = false;
    }
}

/// Loom's `Arc` makes no waker.
struct Ringer(Arc<Bell>);

impl Wake for Ringer {
    fn wake(self: StdArc<Self>) {
        self.0.ring();
    }
}

fn waker(bell: &Arc<Bell>) -> Waker {
    Waker::from(StdArc::new(Ringer(Arc::clone(bell))))
}

/// A task that is over once it was woken, or cancelled.
struct Task {
    state: State,
    is_polled: AtomicBool,
    was_woken: AtomicBool,
    line: Mutex<Line>,
    changed: Condvar,
}

struct Line {
    length: usize,
    is_over: bool,
}

impl Task {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: State::called(),
            is_polled: AtomicBool::new(false),
            was_woken: AtomicBool::new(false),
            line: Mutex::new(Line { length: 1, is_over: false }),
            changed: Condvar::new(),
        })
    }

    fn line_up(&self) {
        self.line.lock().unwrap().length += 1;
        self.changed.notify_all();
    }

    /// False when it is over.
    fn take_from_line(&self) -> bool {
        let mut line = self.line.lock().unwrap();
        while line.length == 0 && !line.is_over {
            line = self.changed.wait(line).unwrap();
        }
        line.length = line.length.saturating_sub(1);
        !line.is_over
    }

    /// Polls it whenever it is in line, until it has ended.
    fn drive(&self) {
        while self.take_from_line() {
            let is_cancelled = self.state.begin();
            assert!(!self.is_polled.swap(true, Ordering::AcqRel), "two polls at once");
            let is_over = is_cancelled || self.was_woken.load(Ordering::Acquire);
            self.is_polled.store(false, Ordering::Release);
            if is_over {
                self.state.end();
                self.line.lock().unwrap().is_over = true;
                self.changed.notify_all();
            } else if self.state.pause() {
                self.line_up();
            }
        }
    }

    fn wake(&self) {
        self.was_woken.store(true, Ordering::Release);
        if self.state.call() {
            self.line_up();
        }
    }

    fn cancel(&self) {
        if self.state.cancel() {
            self.line_up();
        }
    }

    fn await_end(&self) {
        let bell = Arc::new(Bell::default());
        while self.state.poll_ended(&waker(&bell)) == Poll::Pending {
            bell.wait();
        }
        assert!(self.state.has_ended());
    }
}

#[test]
fn a_wake_during_a_poll_is_not_lost() {
    every_interleaving(|| {
        let task = Task::new();
        let drivers = [0, 1].map(|_| {
            let task = Arc::clone(&task);
            thread::spawn(move || task.drive())
        });
        task.wake();
        task.await_end();
        for driver in drivers {
            driver.join().unwrap();
        }
    });
}

#[test]
fn a_cancelled_task_ends_once_whether_it_was_woken_or_not() {
    every_interleaving(|| {
        let task = Task::new();
        let (driver, waking) = (Arc::clone(&task), Arc::clone(&task));
        let driver = thread::spawn(move || driver.drive());
        let waking = thread::spawn(move || waking.wake());
        task.cancel();
        task.await_end();
        driver.join().unwrap();
        waking.join().unwrap();
    });
}

#[test]
fn what_it_gave_is_left_to_one_side() {
    every_interleaving(|| {
        let task = Task::new();
        task.wake();
        let leaving = Arc::clone(&task);
        let left = thread::spawn(move || leaving.state.leave());
        assert!(task.take_from_line());
        task.state.begin();
        let is_unwanted = task.state.end();
        // Either the one who leaves finds it ended, or the end finds it unwanted; both would take the result twice.
        assert!(is_unwanted ^ left.join().unwrap());
    });
}

/// Two threads that poll drivers, as those of tokio do, and the jobs that these poll: numbers, of which the first may block
/// its thread until the second is done.
struct Office {
    dispatch: Dispatch<usize>,
    first_blocks: bool,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    drivers: VecDeque<StdArc<Driver>>,
    done: Vec<usize>,
    jobs: usize,
}

struct Driver {
    office: Weak<Office>,
    seat: StdArc<Seat<usize>>,
    state: State,
    is_polled: AtomicBool,
}

impl Wake for Driver {
    fn wake(self: StdArc<Self>) {
        if self.state.call() {
            self.office.upgrade().unwrap().line_up(self);
        }
    }
}

impl Office {
    fn new(jobs: usize, first_blocks: bool) -> StdArc<Self> {
        StdArc::new(Self {
            dispatch: Dispatch::new(),
            first_blocks,
            queue: Mutex::new(Queue { drivers: VecDeque::new(), done: Vec::new(), jobs }),
            changed: Condvar::new(),
        })
    }

    fn line_up(&self, driver: StdArc<Driver>) {
        self.queue.lock().unwrap().drivers.push_back(driver);
        self.changed.notify_all();
    }

    fn make(self: &StdArc<Self>, Call { seat, waker }: Call<usize>) {
        if let Some(waker) = waker {
            waker.wake();
        } else {
            let office = StdArc::downgrade(self);
            let (state, is_polled) = (State::called(), AtomicBool::new(false));
            self.line_up(StdArc::new(Driver { office, seat, state, is_polled }));
        }
    }

    fn put(self: &StdArc<Self>, job: usize) {
        let Ok(waiting) = self.dispatch.put(job, None) else { panic!("closed") };
        if waiting.is_some() {
            self.make(self.dispatch.call(Coming::Soon));
        }
    }

    fn run(&self, job: usize) {
        let mut queue = self.queue.lock().unwrap();
        assert!(!queue.done.contains(&job), "a job was run twice");
        while job == 0 && self.first_blocks && !queue.done.contains(&1) {
            queue = self.changed.wait(queue).unwrap();
        }
        queue.done.push(job);
        drop(queue);
        self.changed.notify_all();
    }

    /// A thread, until all jobs are done.
    fn work(self: &StdArc<Self>) {
        loop {
            let driver = {
                let mut queue = self.queue.lock().unwrap();
                loop {
                    if queue.done.len() == queue.jobs {
                        return;
                    }
                    if let Some(driver) = queue.drivers.pop_front() {
                        break driver;
                    }
                    queue = self.changed.wait(queue).unwrap();
                }
            };
            driver.state.begin();
            assert!(!driver.is_polled.swap(true, Ordering::AcqRel), "two polls at once");
            self.poll(&driver);
            driver.is_polled.store(false, Ordering::Release);
            if driver.state.pause() {
                self.line_up(driver);
            }
        }
    }

    /// As the executor's drivers do, but for patience and turns.
    fn poll(self: &StdArc<Self>, driver: &StdArc<Driver>) {
        let (dispatch, seat) = (&self.dispatch, &driver.seat);
        if seat.is_asleep() {
            return;
        }
        dispatch.comes(seat);
        let (mut is_ready, mut may_poll) = (true, false);
        loop {
            if !seat.has_next() {
                if dispatch.fetch(seat) || dispatch.take_over(seat).unwrap_or(false) {
                    may_poll = false;
                    continue;
                }
                if !is_ready {
                    dispatch.come_back();
                    (is_ready, may_poll) = (true, false);
                }
                if dispatch.sleep(seat, &Waker::from(StdArc::clone(driver))) {
                    return;
                }
                continue;
            }
            if !may_poll {
                if is_ready {
                    dispatch.set_out();
                    is_ready = false;
                }
                if !dispatch.may_poll() {
                    let call = dispatch.call(Coming::Perhaps);
                    dispatch.come_back();
                    self.make(call);
                    return StdArc::clone(driver).wake();
                }
                may_poll = true;
            }
            if let Some(job) = seat.next() {
                self.run(job);
            }
        }
    }
}

fn jobs_are_done(jobs: usize, first_blocks: bool) {
    every_interleaving(move || {
        let office = Office::new(jobs, first_blocks);
        let threads = [0, 1].map(|_| {
            let office = StdArc::clone(&office);
            thread::spawn(move || office.work())
        });
        (0..jobs).for_each(|job| office.put(job));
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn every_job_is_run_once() {
    jobs_are_done(3, false);
}

#[test]
fn a_job_that_blocks_holds_up_no_other() {
    jobs_are_done(3, true);
}
