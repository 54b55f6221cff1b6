//! The queue in memory: for tests, and for jobs that need not outlive the process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::store::{Job, JobStore, Lease, NewJob, State};
use crate::error::{Error, ErrorKind, Result};

/// A [`JobStore`] in memory.
#[derive(Debug, Default)]
pub struct MemoryJobs(Mutex<Jobs>);

#[derive(Debug, Default)]
struct Jobs {
    known: BTreeMap<u64, Job>,
    keys: HashMap<String, u64>,
    /// Those that wait, by kind and time.
    due: HashMap<String, BTreeSet<(SystemTime, u64)>>,
    /// Those that run, by the end of their lease.
    leased: BTreeSet<(SystemTime, u64)>,
    until: HashMap<u64, SystemTime>,
}

impl MemoryJobs {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Jobs {
    fn job(&mut self, id: u64) -> Result<&mut Job> {
        self.known.get_mut(&id).ok_or_else(|| Error::new(ErrorKind::UnknownJob(id)))
    }

    /// The job that the lease is for, if it is the latest.
    fn held(&mut self, lease: Lease) -> Result<&mut Job> {
        let job = self.job(lease.job)?;
        if job.state == State::Running && job.attempts == lease.attempt {
            Ok(job)
        } else {
            Err(Error::new(ErrorKind::LeaseLost(lease.job)))
        }
    }

    fn wait(&mut self, id: u64, due: SystemTime) {
        if let Some(job) = self.known.get_mut(&id) {
            job.state = State::Waiting;
            job.due = due;
            self.due.entry(job.job.kind.clone()).or_default().insert((due, id));
        }
    }

    fn end_lease(&mut self, id: u64) {
        if let Some(until) = self.until.remove(&id) {
            self.leased.remove(&(until, id));
        }
    }

    /// What becomes of a job whose attempt came to nothing.
    fn failed(&mut self, id: u64, error: &str, now: SystemTime) {
        self.end_lease(id);
        let Some(job) = self.known.get_mut(&id) else { return };
        job.error = Some(error.to_owned());
        if job.cancel_requested {
            job.state = State::Cancelled;
        } else if job.attempts >= job.job.max_attempts {
            job.state = State::Failed;
        } else {
            let due = now + job.job.pause_after(job.attempts);
            self.wait(id, due);
        }
    }
}

impl JobStore for MemoryJobs {
    fn enqueue(&self, job: NewJob, now: SystemTime) -> Result<(u64, bool)> {
        let mut jobs = self.lock();
        if let Some(known) = job.key.as_ref().and_then(|key| jobs.keys.get(key)) {
            return Ok((*known, false));
        }
        let id = jobs.known.last_key_value().map_or(1, |(last, _)| last + 1);
        if let Some(key) = &job.key {
            jobs.keys.insert(key.clone(), id);
        }
        let due = job.run_at.unwrap_or(now);
        let job = Job {
            id,
            job,
            state: State::Waiting,
            attempts: 0,
            due,
            progress: None,
            result: None,
            error: None,
            cancel_requested: false,
        };
        jobs.known.insert(id, job);
        jobs.wait(id, due);
        Ok((id, true))
    }

    fn lease(&self, kinds: &[&str], now: SystemTime, duration: Duration) -> Result<Option<(Job, Lease)>> {
        let mut jobs = self.lock();
        while let Some((until, id)) = jobs.leased.first().copied()
            && until <= now
        {
            jobs.failed(id, "its worker was not heard of any more", now);
        }
        let first = kinds
            .iter()
            .filter_map(|kind| jobs.due.get(*kind).and_then(|due| due.first().copied()))
            .filter(|(due, _)| *due <= now)
            .min();
        let Some((due, id)) = first else { return Ok(None) };
        let job = jobs.job(id)?;
        job.state = State::Running;
        job.attempts += 1;
        let job = job.clone();
        if let Some(waiting) = jobs.due.get_mut(&job.job.kind) {
            waiting.remove(&(due, id));
        }
        jobs.leased.insert((now + duration, id));
        jobs.until.insert(id, now + duration);
        let lease = Lease { job: id, attempt: job.attempts };
        Ok(Some((job, lease)))
    }

    fn renew(&self, lease: Lease, now: SystemTime, duration: Duration) -> Result<bool> {
        let mut jobs = self.lock();
        let cancel = jobs.held(lease)?.cancel_requested;
        jobs.end_lease(lease.job);
        jobs.leased.insert((now + duration, lease.job));
        jobs.until.insert(lease.job, now + duration);
        Ok(cancel)
    }

    fn progress(&self, lease: Lease, done: u64, total: Option<u64>) -> Result<()> {
        self.lock().held(lease)?.progress = Some((done, total));
        Ok(())
    }

    fn complete(&self, lease: Lease, result: Value) -> Result<()> {
        let mut jobs = self.lock();
        let job = jobs.held(lease)?;
        job.state = State::Done;
        job.result = Some(result);
        job.error = None;
        jobs.end_lease(lease.job);
        Ok(())
    }

    fn fail(&self, lease: Lease, error: &str, now: SystemTime) -> Result<()> {
        let mut jobs = self.lock();
        jobs.held(lease)?;
        jobs.failed(lease.job, error, now);
        Ok(())
    }

    fn cancel(&self, id: u64) -> Result<State> {
        let mut jobs = self.lock();
        let job = jobs.job(id)?;
        match job.state {
            State::Waiting => {
                job.state = State::Cancelled;
                let (kind, due) = (job.job.kind.clone(), job.due);
                if let Some(waiting) = jobs.due.get_mut(&kind) {
                    waiting.remove(&(due, id));
                }
                Ok(State::Cancelled)
            }
            State::Running => {
                job.cancel_requested = true;
                Ok(State::Running)
            }
            over => Ok(over),
        }
    }

    fn job(&self, id: u64) -> Result<Job> {
        self.lock().job(id).cloned()
    }

    fn jobs(&self, state: Option<State>, limit: usize) -> Result<Vec<Job>> {
        let jobs = self.lock();
        let wanted = jobs.known.values().rev().filter(|job| state.is_none_or(|state| job.state == state));
        Ok(wanted.take(limit).cloned().collect())
    }

    fn next_due(&self, kinds: &[&str]) -> Result<Option<SystemTime>> {
        let jobs = self.lock();
        let due = kinds.iter().filter_map(|kind| jobs.due.get(*kind).and_then(|due| due.first()));
        Ok(due.chain(jobs.leased.first()).map(|(time, _)| *time).min())
    }
}
