//! What a queue of jobs promises, whoever keeps it.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::error::Result;

/// A job to be done. The defaults: at once, up to five attempts, the first pause a second.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// What is to be done; a [`Runner`](super::Runner) has a handler of this name.
    pub kind: String,
    /// With what.
    pub payload: Value,
    /// Jobs with the same key are one job.
    pub key: Option<String>,
    /// Not before this time.
    pub run_at: Option<SystemTime>,
    /// How often it is begun at most.
    pub max_attempts: u32,
    /// The pause after the first failure; each later one is twice as long.
    pub backoff: Duration,
    /// The longest pause.
    pub max_backoff: Duration,
}

impl NewJob {
    /// A job of this kind.
    pub fn new(kind: impl Into<String>, payload: Value) -> Self {
        Self {
            kind: kind.into(),
            payload,
            key: None,
            run_at: None,
            max_attempts: 5,
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_hours(1),
        }
    }

    /// Makes it the same job as every other with this key: put in twice, it is done once.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Is not begun before this time.
    #[must_use]
    pub fn run_at(mut self, time: SystemTime) -> Self {
        self.run_at = Some(time);
        self
    }

    /// Is begun so often at most, when it fails or its worker dies.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Waits so long after the first failure, twice as long after the next, and so on up to `most`.
    #[must_use]
    pub fn backoff(mut self, first: Duration, most: Duration) -> Self {
        self.backoff = first;
        self.max_backoff = most;
        self
    }

    /// The pause after the attempt of this number, from 1.
    pub fn pause_after(&self, attempt: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1).min(30));
        self.backoff.saturating_mul(factor).min(self.max_backoff)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Waiting for its time and a worker.
    Waiting,
    /// A worker has it.
    Running,
    /// Done; it has a result.
    Done,
    /// Given up after its last attempt; it has an error.
    Failed,
    /// Cancelled.
    Cancelled,
}

impl State {
    /// Whether nothing more will happen to the job.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// The state of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|state| state.name() == name)
    }

    /// The state's name, as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A job in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// What was put in.
    pub job: NewJob,
    /// Where it stands.
    pub state: State,
    /// How often it was begun.
    pub attempts: u32,
    /// When it is due, if it waits.
    pub due: SystemTime,
    /// How far it has come, and how far there is to go if that is known.
    pub progress: Option<(u64, Option<u64>)>,
    /// What came out.
    pub result: Option<Value>,
    /// The last error.
    pub error: Option<String>,
    /// Whether it is to stop.
    pub cancel_requested: bool,
}

/// The right to work on a job, for a while. Only who holds the latest one can answer for the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job's number.
    pub job: u64,
    /// The number of the attempt, which tells this lease from earlier ones.
    pub attempt: u32,
}

/// What became of a job that a worker has done, and the next one.
#[derive(Debug)]
pub struct Handover {
    /// As [`JobStore::complete`] gives it.
    pub completed: Result<()>,
    /// As [`JobStore::lease`] gives it.
    pub next: Result<Option<(Job, Lease)>>,
}

/// A queue of jobs. What a call has returned from is kept, whatever happens to the process then.
///
/// A job is handed out to one worker at a time. When the worker's lease runs out, because it died or hangs, the job is
/// handed out again; the first worker can then answer for it no more. So each job is begun at least once and
/// acknowledged exactly once. `taipan_runtime::jobs::conformance` checks an implementation.
pub trait JobStore: Send + Sync {
    /// Puts a job in and gives its number; of a job whose key is known, the number of that one, and false.
    fn enqueue(&self, job: NewJob, now: SystemTime) -> Result<(u64, bool)>;

    /// Hands out the job of one of these kinds that has been due longest, until `now + duration`.
    ///
    /// Before that, jobs whose lease has run out wait again; one that was begun as often as it may be has failed, and
    /// one that was to be cancelled is cancelled.
    fn lease(&self, kinds: &[&str], now: SystemTime, duration: Duration) -> Result<Option<(Job, Lease)>>;

    /// Makes a lease last until `now + duration`. True when the job is to stop.
    ///
    /// Errors: [`ErrorKind::LeaseLost`](crate::ErrorKind::LeaseLost).
    fn renew(&self, lease: Lease, now: SystemTime, duration: Duration) -> Result<bool>;

    /// Notes how far a job has come.
    ///
    /// Errors: [`ErrorKind::LeaseLost`](crate::ErrorKind::LeaseLost).
    fn progress(&self, lease: Lease, done: u64, total: Option<u64>) -> Result<()>;

    /// Acknowledges a job with its result.
    ///
    /// Errors: [`ErrorKind::LeaseLost`](crate::ErrorKind::LeaseLost): then the result counts for nothing.
    fn complete(&self, lease: Lease, result: Value) -> Result<()>;

    /// Acknowledges a job as [`complete`](Self::complete) does, and hands out the next as [`lease`](Self::lease) does:
    /// at once, where the store can. Each has its own outcome.
    fn complete_and_lease(&self, lease: Lease, result: Value, kinds: &[&str], duration: Duration) -> Handover {
        let completed = self.complete(lease, result);
        Handover { completed, next: self.lease(kinds, SystemTime::now(), duration) }
    }

    /// Says that an attempt failed. The job waits for the next one, or has failed if that was the last, or is
    /// cancelled if that was asked.
    ///
    /// Errors: [`ErrorKind::LeaseLost`](crate::ErrorKind::LeaseLost).
    fn fail(&self, lease: Lease, error: &str, now: SystemTime) -> Result<()>;

    /// Cancels a job that waits, and asks one that runs to stop. A job that is over stays as it is. Gives its state.
    ///
    /// Errors: [`ErrorKind::UnknownJob`](crate::ErrorKind::UnknownJob).
    fn cancel(&self, id: u64) -> Result<State>;

    /// The job of this number.
    ///
    /// Errors: [`ErrorKind::UnknownJob`](crate::ErrorKind::UnknownJob).
    fn job(&self, id: u64) -> Result<Job>;

    /// The latest jobs, the last one put in first; only those in `state` if it is given.
    fn jobs(&self, state: Option<State>, limit: usize) -> Result<Vec<Job>>;

    /// When the next job of these kinds is due or runs out of its lease.
    fn next_due(&self, kinds: &[&str]) -> Result<Option<SystemTime>>;
}
