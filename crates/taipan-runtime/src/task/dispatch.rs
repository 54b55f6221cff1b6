//! Which driver polls which job when, and when a driver is called.
//!
//! Jobs from outside stand in one line for all. Each driver has a seat with a line of its own, for what its jobs call and
//! for what it took from the line outside; from there the others take when they have nothing.
//!
//! What keeps every job moving is one rule: while a job is in some line, there is a driver that is *ready*, on its way
//! to look at all lines. A driver that polls is not, since what it polls may go on for long, or wait for that very job.
//! So whoever puts a job in line looks afterwards whether a driver is ready, and calls one if none is; and a driver that
//! is ready no more looks at the lines afterwards. One of the two sees the other.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, PoisonError};
use std::task::Waker;

use crate::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering, RwLock, before_a_look};

/// At most so many jobs are taken from a line at once.
const HANDFUL: usize = 64;

/// So many are room for in a line that is empty.
const ROOM: usize = 4096;

/// The lines of jobs, and the drivers that work them off.
pub(super) struct Dispatch<J> {
    outside: Apart<Line<J>>,
    seats: RwLock<Vec<Arc<Seat<J>>>>,
    /// The seats of those that sleep, with what wakes them.
    asleep: Mutex<Vec<(Arc<Seat<J>>, Waker)>>,
    ready: Apart<AtomicUsize>,
}

/// In cache lines that hold nothing else: others write what is beside it.
#[repr(align(128))]
struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A driver's own line.
pub(super) struct Seat<J> {
    line: Line<J>,
    is_asleep: AtomicBool,
    /// Called, but not counted as ready before it comes.
    may_be_late: AtomicBool,
}

/// A driver that is called: by its waker, or, when none slept, by starting it.
#[must_use]
pub(super) struct Call<J> {
    pub(super) seat: Arc<Seat<J>>,
    pub(super) waker: Option<Waker>,
}

/// What a call can rely on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Coming {
    /// It comes as soon as a thread is free.
    Soon,
    /// It may have to wait until the one who calls gives way.
    Perhaps,
}

struct Line<J> {
    /// None when it is closed.
    jobs: Mutex<Option<VecDeque<J>>>,
    /// How many jobs; for a look without the lock.
    length: AtomicUsize,
}

impl<J> Line<J> {
    fn new() -> Self {
        Self { jobs: Mutex::new(Some(VecDeque::new())), length: AtomicUsize::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<J>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn len(&self) -> usize {
        self.length.load(Ordering::SeqCst)
    }

    /// How many are in line now; the job back when the line is closed.
    fn put(&self, job: J) -> Result<usize, J> {
        let mut line = self.lock();
        let Some(jobs) = line.as_mut() else { return Err(job) };
        jobs.push_back(job);
        // In one order with the looks at who is ready.
        self.length.store(jobs.len(), Ordering::SeqCst);
        Ok(jobs.len())
    }

    fn pop(&self) -> Option<J> {
        let mut line = self.lock();
        let jobs = line.as_mut()?;
        let job = jobs.pop_front();
        // One that looks and sees more than there are looks in vain once.
        self.length.store(jobs.len(), Ordering::Release);
        job
    }

    fn close(&self) -> VecDeque<J> {
        let jobs = self.lock().take().unwrap_or_default();
        self.length.store(0, Ordering::Release);
        jobs
    }
}

impl<J> Seat<J> {
    /// The next in the driver's own line.
    pub(super) fn next(&self) -> Option<J> {
        self.line.pop()
    }

    pub(super) fn has_next(&self) -> bool {
        self.line.len() > 0
    }

    /// Whether the driver was not called since it went to sleep.
    pub(super) fn is_asleep(&self) -> bool {
        self.is_asleep.load(Ordering::Acquire)
    }

    /// Whether the driver was called, and has not come yet.
    pub(super) fn may_be_late(&self) -> bool {
        self.may_be_late.load(Ordering::Acquire)
    }
}

impl<J> Dispatch<J> {
    pub(super) fn new() -> Self {
        Self {
            outside: Apart(Line::new()),
            seats: RwLock::new(Vec::new()),
            asleep: Mutex::new(Vec::new()),
            ready: Apart(AtomicUsize::new(0)),
        }
    }

    /// Puts a job in line, a driver in its own. Gives how many are in line there if a driver has to be called for them,
    /// or the job back when all is closed.
    pub(super) fn put(&self, job: J, seat: Option<&Seat<J>>) -> Result<Option<usize>, J> {
        let line = seat.map_or(&*self.outside, |seat| &seat.line);
        let waiting = line.put(job)?;
        before_a_look();
        Ok((self.ready.load(Ordering::SeqCst) == 0).then_some(waiting))
    }

    /// A driver to be called.
    pub(super) fn call(&self, coming: Coming) -> Call<J> {
        let sleeper = {
            let mut asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
            let sleeper = asleep.pop();
            if let Some((seat, _)) = &sleeper {
                self.count(seat, coming);
                seat.is_asleep.store(false, Ordering::Release);
            }
            sleeper
        };
        if let Some((seat, waker)) = sleeper {
            return Call { seat, waker: Some(waker) };
        }
        let seat = Arc::new(Seat {
            line: Line::new(),
            is_asleep: AtomicBool::new(false),
            may_be_late: AtomicBool::new(false),
        });
        self.count(&seat, coming);
        self.seats.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&seat));
        Call { seat, waker: None }
    }

    fn count(&self, seat: &Seat<J>, coming: Coming) {
        match coming {
            Coming::Soon => self.come_back(),
            Coming::Perhaps => seat.may_be_late.store(true, Ordering::Release),
        }
    }

    /// A driver that was called comes, or is sure to come soon.
    pub(super) fn comes(&self, seat: &Seat<J>) {
        if seat.may_be_late() && seat.may_be_late.swap(false, Ordering::AcqRel) {
            self.come_back();
        }
    }

    /// How many jobs are in line outside.
    pub(super) fn outside(&self) -> usize {
        self.outside.len()
    }

    /// Takes jobs from the line outside to that of a driver; whether there were any.
    pub(super) fn fetch(&self, seat: &Seat<J>) -> bool {
        if self.outside.len() == 0 {
            return false;
        }
        let (mut own, mut outside) = (seat.line.lock(), self.outside.lock());
        let (Some(own), Some(outside)) = (own.as_mut(), outside.as_mut()) else { return false };
        let some = outside.len().div_ceil(2).min(HANDFUL);
        own.extend(outside.drain(..some));
        if outside.is_empty() && outside.capacity() > ROOM {
            *outside = VecDeque::new();
        }
        seat.line.length.store(own.len(), Ordering::SeqCst);
        self.outside.length.store(outside.len(), Ordering::Release);
        some > 0
    }

    /// Takes jobs from the line of another driver; whether there were any. The jobs back when all is closed.
    pub(super) fn take_over(&self, seat: &Seat<J>) -> Result<bool, VecDeque<J>> {
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        for other in seats.iter().filter(|other| other.line.len() > 0 && !std::ptr::eq(&raw const ***other, seat)) {
            // One lock after the other: two drivers may take from each other. What is in no line meanwhile is seen to by
            // this one, which is ready.
            let taken: VecDeque<J> = {
                let mut line = other.line.lock();
                let Some(jobs) = line.as_mut() else { continue };
                let some = jobs.len().div_ceil(2);
                let taken = jobs.drain(..some).collect();
                other.line.length.store(jobs.len(), Ordering::Release);
                taken
            };
            if !taken.is_empty() {
                let mut line = seat.line.lock();
                let Some(jobs) = line.as_mut() else { return Err(taken) };
                jobs.extend(taken);
                seat.line.length.store(jobs.len(), Ordering::SeqCst);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A driver that was ready is so no more.
    pub(super) fn set_out(&self) {
        let ready = self.ready.fetch_sub(1, Ordering::SeqCst);
        debug_assert!(ready > 0, "it was not counted");
    }

    /// Whether a driver that has set out may poll the next in its line: unless another job would have to wait for that.
    pub(super) fn may_poll(&self) -> bool {
        before_a_look();
        self.ready.load(Ordering::SeqCst) > 0 || self.waiting(2) < 2
    }

    /// A driver is ready again.
    pub(super) fn come_back(&self) {
        self.ready.fetch_add(1, Ordering::SeqCst);
    }

    /// A driver that was ready goes to sleep, until `waker` wakes it. False when there is something to do.
    pub(super) fn sleep(&self, seat: &Arc<Seat<J>>, waker: &Waker) -> bool {
        {
            let mut asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
            seat.is_asleep.store(true, Ordering::Relaxed);
            asleep.push((Arc::clone(seat), waker.clone()));
        }
        self.set_out();
        before_a_look();
        if self.waiting(1) == 0 {
            return true;
        }
        let mut asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = asleep.iter().position(|(sleeper, _)| Arc::ptr_eq(sleeper, seat)) {
            asleep.swap_remove(place);
            seat.is_asleep.store(false, Ordering::Relaxed);
            self.come_back();
        } else {
            self.comes(seat);
        }
        false
    }

    /// How many jobs are in line, as far as `enough`.
    fn waiting(&self, enough: usize) -> usize {
        let mut waiting = self.outside.len();
        if waiting < enough {
            let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
            for seat in seats.iter() {
                waiting += seat.line.len();
                if waiting >= enough {
                    break;
                }
            }
        }
        waiting.min(enough)
    }

    /// Takes all jobs out of all lines; none can be put there from now on.
    pub(super) fn close(&self) -> Vec<J> {
        let mut jobs = Vec::from(self.outside.close());
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        for seat in seats.iter() {
            jobs.extend(seat.line.close());
        }
        jobs
    }
}
