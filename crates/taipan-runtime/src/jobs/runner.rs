//! Workers that do the jobs of a queue.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::cron::Cron;
use super::store::{Handover, Job, JobStore, Lease, NewJob};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result, panic_message};

/// Whatever may go wrong in a handler.
pub type JobError = Box<dyn std::error::Error + Send + Sync>;

type Handler = Arc<dyn Fn(&RunningJob<'_>) -> Result<Value, JobError> + Send + Sync>;

/// However long there is nothing to do, the queue is looked at this often: other processes put jobs in, too.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often progress is kept at most: each time may be a write to a disk.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Does the jobs of a queue; set up with handlers, and then started.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use serde_json::json;
/// use taipan_runtime::jobs::{MemoryJobs, NewJob, Runner};
///
/// let runner = Runner::new(Arc::new(MemoryJobs::new()))
///     .handle("square", |job| {
///         let n = job.payload()["n"].as_i64().ok_or("n is missing")?;
///         Ok(json!(n * n))
///     })
///     .start(2)?;
/// let id = runner.enqueue(NewJob::new("square", json!({"n": 7})).key("square of 7"))?;
/// assert_eq!(runner.wait(id, Duration::from_secs(60))?.result, Some(json!(49)));
/// # Ok::<(), taipan_runtime::Error>(())
/// ```
pub struct Runner {
    store: Arc<dyn JobStore>,
    handlers: HashMap<String, Handler>,
    schedules: Vec<Schedule>,
    lease: Duration,
}

struct Schedule {
    name: String,
    cron: Cron,
    job: NewJob,
}

/// A job in the hands of its handler.
pub struct RunningJob<'a> {
    store: &'a dyn JobStore,
    job: Job,
    lease: Lease,
    token: CancelToken,
    /// When progress was kept last.
    told: Mutex<Option<Instant>>,
}

impl RunningJob<'_> {
    /// The job's number.
    pub fn id(&self) -> u64 {
        self.job.id
    }

    /// The job as it was put in.
    pub fn task(&self) -> &NewJob {
        &self.job.job
    }

    /// What the job is to be done with.
    pub fn payload(&self) -> &Value {
        &self.job.job.payload
    }

    /// The number of this attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.job.attempts
    }

    /// Tells how far the job has come. It costs nothing to tell it often: what is kept is the end, and ten times a
    /// second on the way there.
    ///
    /// Errors: [`ErrorKind::Cancelled`] when it is to stop, [`ErrorKind::LeaseLost`] when another worker has it.
    pub fn progress(&self, done: u64, total: Option<u64>) -> Result<()> {
        self.token.check()?;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if total != Some(done) && told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return Ok(());
        }
        *told = Some(Instant::now());
        self.store.progress(self.lease, done, total)
    }

    /// What is cancelled when the job is to stop, or was lost to another worker.
    pub fn token(&self) -> &CancelToken {
        &self.token
    }
}

impl fmt::Debug for RunningJob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningJob").field("job", &self.job).finish_non_exhaustive()
    }
}

impl Runner {
    /// A runner over `store`.
    pub fn new(store: Arc<dyn JobStore>) -> Self {
        Self { store, handlers: HashMap::new(), schedules: Vec::new(), lease: Duration::from_secs(30) }
    }

    /// Does jobs of this kind by `handler`, whose value is the job's result. An error or a panic is a failed attempt. A
    /// job may be begun again after its handler has done part of it.
    #[must_use]
    pub fn handle(
        mut self,
        kind: impl Into<String>,
        handler: impl Fn(&RunningJob<'_>) -> Result<Value, JobError> + Send + Sync + 'static,
    ) -> Self {
        self.handlers.insert(kind.into(), Arc::new(handler));
        self
    }

    /// Puts `job` in again and again. However many processes do so, each time is one job: `name` and the time are its
    /// key.
    #[must_use]
    pub fn schedule(mut self, name: impl Into<String>, cron: Cron, job: NewJob) -> Self {
        self.schedules.push(Schedule { name: name.into(), cron, job });
        self
    }

    /// Holds a job so long without a sign of life of its worker; 30 s unless told otherwise.
    #[must_use]
    pub fn lease(mut self, duration: Duration) -> Self {
        self.lease = duration.max(Duration::from_millis(10));
        self
    }

    /// Starts so many workers.
    ///
    /// Errors: [`ErrorKind::Invalid`] for none, or no handler; [`ErrorKind::System`] without threads.
    pub fn start(self, workers: usize) -> Result<RunningJobs> {
        if workers == 0 || self.handlers.is_empty() {
            return Err(Error::invalid("jobs are done by workers and handlers: give one of each at least"));
        }
        let shared = Arc::new(Shared {
            store: self.store,
            handlers: self.handlers,
            lease: self.lease,
            state: Mutex::default(),
            work: Condvar::new(),
            over: Condvar::new(),
            stop: Condvar::new(),
        });
        shared.lock().workers = workers;
        let mut running = RunningJobs { shared: Arc::clone(&shared), threads: Vec::new() };
        for number in 1..=workers {
            let shared = Arc::clone(&shared);
            running.spawn(format!("job worker {number}"), move || shared.work())?;
        }
        let schedules = self.schedules;
        running.spawn("job clock".to_owned(), move || shared.keep_time(&schedules))?;
        Ok(running)
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("kinds", &self.handlers.keys()).finish_non_exhaustive()
    }
}

/// Workers that do jobs. Dropped, they finish those that they have begun, and begin no more.
pub struct RunningJobs {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl RunningJobs {
    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = thread::Builder::new().name(name).spawn(work);
        self.threads.push(thread.map_err(|error| Error::system("the workers of jobs could not start", error))?);
        Ok(())
    }

    /// Puts a job in; of a job whose key is known, the number of that one.
    pub fn enqueue(&self, job: NewJob) -> Result<u64> {
        let (id, is_new) = self.shared.store.enqueue(job, SystemTime::now())?;
        if is_new {
            self.shared.wake_one();
        }
        Ok(id)
    }

    /// Cancels a job: one that waits at once, one that runs when its handler looks.
    pub fn cancel(&self, id: u64) -> Result<()> {
        self.shared.store.cancel(id)?;
        for (lease, token) in &self.shared.lock().held {
            if lease.job == id {
                token.cancel();
            }
        }
        self.shared.tell_over(id);
        Ok(())
    }

    /// The job of this number.
    pub fn job(&self, id: u64) -> Result<Job> {
        self.shared.store.job(id)
    }

    /// Waits until nothing more will happen to the job, at most so long.
    ///
    /// Errors: [`ErrorKind::TimedOut`], [`ErrorKind::UnknownJob`].
    pub fn wait(&self, id: u64, timeout: Duration) -> Result<Job> {
        let end = SystemTime::now() + timeout;
        let awaited = Awaited::new(&self.shared, id);
        loop {
            // Before the look: what happens after it is told.
            awaited.is_over.store(false, Ordering::SeqCst);
            let job = self.shared.store.job(id)?;
            if job.state.is_final() {
                return Ok(job);
            }
            let left = end.duration_since(SystemTime::now()).unwrap_or_default();
            if left.is_zero() {
                return Err(Error::new(ErrorKind::TimedOut(timeout)).at(format!("job {id}")));
            }
            // Told by the workers here; looked at for those elsewhere.
            let state = self.shared.lock();
            let waits = |_: &mut Running| !awaited.is_over.load(Ordering::SeqCst);
            drop(self.shared.over.wait_timeout_while(state, left.min(LOOK_EVERY), waits));
        }
    }

    /// Finishes the jobs that were begun, and begins no more.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.work.notify_all();
        self.shared.stop.notify_all();
        for thread in self.threads.drain(..) {
            // They panic in no other way than those that are caught.
            let _ = thread.join();
        }
    }
}

impl Drop for RunningJobs {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for RunningJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningJobs").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

struct Shared {
    store: Arc<dyn JobStore>,
    handlers: HashMap<String, Handler>,
    lease: Duration,
    state: Mutex<Running>,
    /// A job was put in: one of the workers that rest is to look.
    work: Condvar,
    /// A job is over.
    over: Condvar,
    /// All is to stop, or a worker is gone.
    stop: Condvar,
}

#[derive(Default)]
struct Running {
    stopping: bool,
    /// How often jobs were put in: who has found nothing looks again if it has changed meanwhile.
    put: u64,
    /// Jobs whose end somebody waits for.
    awaited: Vec<(u64, Arc<AtomicBool>)>,
    /// Workers gone; the clock goes on until all are, since their leases must be kept up.
    gone: usize,
    workers: usize,
    held: HashMap<Lease, CancelToken>,
}

/// A job whose end is waited for, until dropped.
struct Awaited<'a> {
    shared: &'a Shared,
    is_over: Arc<AtomicBool>,
}

impl<'a> Awaited<'a> {
    fn new(shared: &'a Shared, id: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        shared.lock().awaited.push((id, Arc::clone(&is_over)));
        Self { shared, is_over }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.shared.lock().awaited.retain(|(_, other)| !Arc::ptr_eq(other, &self.is_over));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_one(&self) {
        self.lock().put += 1;
        self.work.notify_one();
    }

    fn tell_over(&self, id: u64) {
        let mut is_awaited = false;
        for (_, is_over) in self.lock().awaited.iter().filter(|(awaited, _)| *awaited == id) {
            is_over.store(true, Ordering::SeqCst);
            is_awaited = true;
        }
        if is_awaited {
            self.over.notify_all();
        }
    }

    /// What a worker does until all is to stop.
    fn work(&self) {
        let kinds: Vec<&str> = self.handlers.keys().map(String::as_str).collect();
        let mut done: Option<(Lease, Value)> = None;
        loop {
            let (stopping, put) = {
                let state = self.lock();
                (state.stopping, state.put)
            };
            let next = match done.take() {
                Some((lease, result)) if stopping => {
                    let completed = self.store.complete(lease, result);
                    self.end_job(lease, completed);
                    break;
                }
                None if stopping => break,
                Some((lease, result)) => {
                    let Handover { completed, next } = self.store.complete_and_lease(lease, result, &kinds, self.lease);
                    self.end_job(lease, completed);
                    next
                }
                None => self.store.lease(&kinds, SystemTime::now(), self.lease),
            };
            match next {
                Ok(Some((job, lease))) => done = self.do_job(job, lease).map(|result| (lease, result)),
                Ok(None) => self.rest(&kinds, put),
                Err(error) => {
                    crate::warning!(logger: crate::logging::get_logger("taipan.jobs"), "no job could be had: {error}");
                    self.pause(LOOK_EVERY);
                }
            }
        }
        self.lock().gone += 1;
        self.stop.notify_all();
    }

    /// Waits until there may be something to do; `put` is what was known to be put in when there was nothing.
    fn rest(&self, kinds: &[&str], put: u64) {
        loop {
            let due = self.store.next_due(kinds).ok().flatten();
            let wait = due.map_or(LOOK_EVERY, |due| due.duration_since(SystemTime::now()).unwrap_or_default());
            let nothing_new = |state: &mut Running| !state.stopping && state.put == put;
            let state = self.work.wait_timeout_while(self.lock(), wait.min(LOOK_EVERY), nothing_new);
            let (mut state, _) = state.unwrap_or_else(PoisonError::into_inner);
            if wait.is_zero() || !nothing_new(&mut state) {
                return;
            }
        }
    }

    fn pause(&self, duration: Duration) {
        let state = self.lock();
        drop(self.stop.wait_timeout_while(state, duration, |state| !state.stopping));
    }

    /// Does a job. Gives the result, which is to be acknowledged; a failure is told here.
    fn do_job(&self, job: Job, lease: Lease) -> Option<Value> {
        let handler = self.handlers.get(&job.job.kind)?;
        let token = CancelToken::new();
        if job.cancel_requested {
            token.cancel();
        }
        self.lock().held.insert(lease, token.clone());
        let running = RunningJob { store: &*self.store, job, lease, token, told: Mutex::default() };
        let outcome = catch_unwind(AssertUnwindSafe(|| handler(&running)));
        self.lock().held.remove(&lease);
        let message = match outcome {
            Ok(Ok(result)) => return Some(result),
            Ok(Err(error)) => error.to_string(),
            Err(payload) => format!("panicked: {}", panic_message(payload.as_ref())),
        };
        self.end_job(lease, self.store.fail(lease, &message, SystemTime::now()));
        None
    }

    fn end_job(&self, lease: Lease, told: Result<()>) {
        // Lost to another worker, who answers for it now.
        if let Err(error) = told {
            crate::warning!(logger: crate::logging::get_logger("taipan.jobs"), "{error}");
        }
        self.tell_over(lease.job);
    }

    /// Keeps leases up, passes cancellation on and puts scheduled jobs in.
    fn keep_time(&self, schedules: &[Schedule]) {
        let mut next: Vec<Option<SystemTime>> =
            schedules.iter().map(|schedule| schedule.cron.next(SystemTime::now())).collect();
        loop {
            let due = next.iter().flatten().min();
            let until_due = due.map(|due| due.duration_since(SystemTime::now()).unwrap_or_default());
            // Not at once, should the one that is due not go in.
            let wait = until_due.map_or(self.lease / 3, |until_due| until_due.max(LOOK_EVERY).min(self.lease / 3));
            let state = self.lock();
            let state = self.stop.wait_timeout_while(state, wait, |state| !state.stopping);
            let (state, _) = state.unwrap_or_else(PoisonError::into_inner);
            if state.stopping && state.gone == state.workers {
                return;
            }
            let held: Vec<(Lease, CancelToken)> =
                state.held.iter().map(|(lease, token)| (*lease, token.clone())).collect();
            let stopping = state.stopping;
            drop(state);
            let now = SystemTime::now();
            for (lease, token) in held {
                // An error that is not the loss of the lease may pass; if not, the lease is lost in the end.
                match self.store.renew(lease, now, self.lease) {
                    Ok(true) => token.cancel(),
                    Err(error) if *error.kind() == ErrorKind::LeaseLost(lease.job) => token.cancel(),
                    Ok(false) | Err(_) => {}
                }
            }
            if stopping {
                let state = self.lock();
                drop(self.stop.wait_timeout_while(state, self.lease / 3, |state| state.gone < state.workers));
                continue;
            }
            for (schedule, next) in schedules.iter().zip(&mut next) {
                while let Some(time) = next.filter(|time| *time <= now) {
                    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
                    let job = schedule.job.clone().key(format!("{} at {since}", schedule.name)).run_at(time);
                    if let Err(error) = self.store.enqueue(job, now) {
                        crate::warning!(
                            logger: crate::logging::get_logger("taipan.jobs"),
                            "schedule '{}' could not put its job in: {error}", schedule.name
                        );
                        break;
                    }
                    *next = schedule.cron.next(time);
                    self.wake_one();
                }
            }
        }
    }
}
