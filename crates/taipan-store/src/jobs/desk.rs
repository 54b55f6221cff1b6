//! The writes of many threads, made in one transaction.
//!
//! A transaction costs a wait for the disk and a change of threads, whatever it holds. So who finds nobody at the desk
//! grants all wishes that are there, commits, and only then tells those who wished; meanwhile others come, and one of
//! them is next. Each wish has its own answer. Where the transaction fails, each is granted by itself.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;
use taipan_runtime::Error as RunError;
use taipan_runtime::jobs::{Job, Lease, NewJob, State};

use super::row::time;
use super::{DurableJobs, Held, fail, integer, job_of, lease, leased, locking, lost, of_lease, writing};
use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;
use crate::transaction::Transaction;
use crate::value::Value;

/// Something that is to be written.
pub(super) enum Wish {
    Enqueue { job: NewJob, now: SystemTime },
    Lease { kinds: Vec<String>, now: SystemTime, duration: Duration },
    Renew { lease: Lease, until: SystemTime },
    Progress { lease: Lease, done: u64, total: Option<u64> },
    Complete { lease: Lease, result: String, now: SystemTime },
    Fail { lease: Lease, error: String, now: SystemTime },
}

/// What a wish that was granted comes to.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// The number of a job, and whether it is new.
    Number(u64, bool),
    Job(Option<Box<Job>>),
    /// Whether the job is to stop.
    IsToStop(bool),
    Done,
}

impl Answer {
    pub(super) fn number(self) -> Result<(u64, bool), RunError> {
        if let Self::Number(id, is_new) = self { Ok((id, is_new)) } else { Err(another()) }
    }

    pub(super) fn job(self) -> Result<Option<(Job, Lease)>, RunError> {
        if let Self::Job(job) = self { Ok(job.map(|job| leased(*job))) } else { Err(another()) }
    }

    pub(super) fn asks_to_stop(self) -> Result<bool, RunError> {
        if let Self::IsToStop(stop) = self { Ok(stop) } else { Err(another()) }
    }
}

fn another() -> RunError {
    RunError::storage(Error::new(ErrorKind::Corrupt("an answer was for another wish".to_owned())))
}

impl Wish {
    pub(super) fn lease(kinds: &[&str], now: SystemTime, duration: Duration) -> Self {
        Self::Lease { kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(), now, duration }
    }

    pub(super) fn complete(lease: Lease, result: &Json) -> Self {
        Self::Complete { lease, result: result.to_string(), now: SystemTime::now() }
    }

    /// Grants it as part of a transaction.
    pub(super) fn grant(&self, tx: &mut Transaction<'_>) -> Result<Held<Answer>> {
        match self {
            Self::Enqueue { job, now } => {
                DurableJobs::enqueue_within(tx, job, *now).map(|(id, is_new)| Ok(Answer::Number(id, is_new)))
            }
            Self::Lease { kinds, now, duration } => {
                let job = lease(tx, kinds, *now, *now + *duration, 1)?.pop();
                Ok(Ok(Answer::Job(job.map(Box::new))))
            }
            Self::Renew { lease, until } => {
                let sql = "UPDATE _taipan_jobs SET until = $3 WHERE id = $1 AND attempts = $2 AND state = 'running' \
                           RETURNING cancel";
                let values = [integer(lease.job), integer(lease.attempt.into()), time(*until)];
                match tx.query(sql, &values)?.rows.first().map(Vec::as_slice) {
                    Some([Value::Integer(cancel)]) => Ok(Ok(Answer::IsToStop(*cancel != 0))),
                    _ => Ok(Err(lost(job_of(tx, lease.job, "")?.as_ref(), *lease))),
                }
            }
            Self::Progress { lease, done, total } => {
                let total = total.map_or(Value::Null, integer);
                let held = of_lease(tx, *lease, "done = $3, total = $4", &[integer(*done), total])?;
                Ok(held.map(|()| Answer::Done))
            }
            Self::Complete { lease, result, now } => {
                let set = "state = 'done', result = $3, error = NULL, until = NULL, ended = $4";
                let held = of_lease(tx, *lease, set, &[Value::Text(result.clone()), time(*now)])?;
                Ok(held.map(|()| Answer::Done))
            }
            Self::Fail { lease, error, now } => {
                let lock = locking(tx);
                match job_of(tx, lease.job, lock)? {
                    Some(job) if job.state == State::Running && job.attempts == lease.attempt => {
                        fail(tx, &job, error, *now).map(|()| Ok(Answer::Done))
                    }
                    job => Ok(Err(lost(job.as_ref(), *lease))),
                }
            }
        }
    }
}

type Outcome = std::result::Result<Held<Answer>, ErrorKind>;

/// Where wishes are granted.
#[derive(Default)]
pub(super) struct Desk {
    state: Mutex<AtDesk>,
}

#[derive(Default)]
struct AtDesk {
    is_served: bool,
    waiting: Vec<Arc<Waiting>>,
}

/// Somebody who has wishes.
struct Waiting {
    wishes: Vec<Wish>,
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
enum Told {
    #[default]
    Nothing,
    /// Granting the wishes of all is this one's turn.
    Serve,
    Outcomes(Vec<Outcome>),
}

impl Desk {
    pub(super) fn grant(&self, store: &Store, wish: Wish) -> Result<Answer, RunError> {
        self.grant_all(store, vec![wish]).pop().unwrap_or_else(|| Err(given_up()))
    }

    pub(super) fn grant_both(&self, store: &Store, wishes: [Wish; 2]) -> [Result<Answer, RunError>; 2] {
        let mut outcomes = self.grant_all(store, wishes.into()).into_iter();
        std::array::from_fn(|_| outcomes.next().unwrap_or_else(|| Err(given_up())))
    }

    fn grant_all(&self, store: &Store, wishes: Vec<Wish>) -> Vec<Result<Answer, RunError>> {
        let waiting = Arc::new(Waiting { wishes, told: Mutex::default(), changed: Condvar::new() });
        let mut state = lock(&self.state);
        state.waiting.push(Arc::clone(&waiting));
        let is_served = std::mem::replace(&mut state.is_served, true);
        drop(state);
        if !is_served || waiting.is_to_serve() {
            self.serve(store);
        }
        let outcomes = match std::mem::take(&mut *lock(&waiting.told)) {
            Told::Outcomes(outcomes) => outcomes,
            Told::Nothing | Told::Serve => Vec::new(),
        };
        let answer = |outcome: Outcome| match outcome {
            Ok(held) => held.map_err(RunError::new),
            Err(kind) => Err(RunError::storage(Error::new(kind).in_database(&store.name().into()))),
        };
        outcomes.into_iter().map(answer).collect()
    }

    /// Grants the wishes that are there, and calls the next to serve if more have come.
    fn serve(&self, store: &Store) {
        let all = std::mem::take(&mut lock(&self.state).waiting);
        let served = Served { desk: self, all };
        let wishes: Vec<&Wish> = served.all.iter().flat_map(|waiting| &waiting.wishes).collect();
        let mut outcomes = grant_together(store, &wishes).into_iter();
        for waiting in &served.all {
            let own = outcomes.by_ref().take(waiting.wishes.len()).collect();
            waiting.tell(Told::Outcomes(own));
        }
    }
}

/// The wishes that are being granted. Dropped, even by a panic, it leaves nobody waiting.
struct Served<'a> {
    desk: &'a Desk,
    all: Vec<Arc<Waiting>>,
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.all.iter().for_each(|waiting| waiting.tell(Told::Outcomes(Vec::new())));
        }
        let mut state = lock(&self.desk.state);
        match state.waiting.first() {
            Some(next) => next.tell(Told::Serve),
            None => state.is_served = false,
        }
    }
}

impl Waiting {
    fn tell(&self, what: Told) {
        let mut told = lock(&self.told);
        if !matches!(*told, Told::Outcomes(_)) {
            *told = what;
        }
        drop(told);
        self.changed.notify_one();
    }

    /// Waits to be told; whether it is to serve.
    fn is_to_serve(&self) -> bool {
        let told = self.changed.wait_while(lock(&self.told), |told| matches!(told, Told::Nothing));
        matches!(*told.unwrap_or_else(PoisonError::into_inner), Told::Serve)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn given_up() -> RunError {
    RunError::storage(Error::new(ErrorKind::Sql("the change was given up".to_owned())))
}

/// Grants wishes in one transaction; where that fails for one, each in its own.
fn grant_together(store: &Store, wishes: &[&Wish]) -> Vec<Outcome> {
    let (mut is_begun, mut is_granted) = (false, false);
    let together = store.transaction(&writing(), |tx| {
        (is_begun, is_granted) = (true, false);
        let outcomes = grant_within(tx, wishes)?;
        is_granted = true;
        Ok(outcomes)
    });
    match together {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        // It was the wish of one; or none had its turn in time, and one after another they would wait as long again; or all
        // were well and the commit failed, which must not be tried again for each.
        Err(error) if wishes.len() == 1 || !is_begun || is_granted => {
            wishes.iter().map(|_| Err(error.kind().clone())).collect()
        }
        Err(_) => wishes
            .iter()
            .map(|wish| store.transaction(&writing(), |tx| wish.grant(tx)).map_err(|error| error.kind().clone()))
            .collect(),
    }
}

/// Grants wishes as they come, but the leases at the end and together: of those that want the same, one statement hands
/// out the jobs of all.
fn grant_within(tx: &mut Transaction<'_>, wishes: &[&Wish]) -> Result<Vec<Held<Answer>>> {
    let mut answers: Vec<Held<Answer>> = vec![Ok(Answer::Job(None)); wishes.len()];
    let mut leases: Vec<(&[String], Duration, SystemTime, Vec<usize>)> = Vec::new();
    for (place, wish) in wishes.iter().enumerate() {
        let Wish::Lease { kinds, now, duration } = wish else {
            answers[place] = wish.grant(tx)?;
            continue;
        };
        match leases.iter_mut().find(|known| known.0 == kinds.as_slice() && known.1 == *duration) {
            Some(known) => {
                known.2 = known.2.max(*now);
                known.3.push(place);
            }
            None => leases.push((kinds, *duration, *now, vec![place])),
        }
    }
    for (kinds, duration, now, places) in leases {
        let jobs = lease(tx, kinds, now, now + duration, places.len())?;
        for (place, job) in places.into_iter().zip(jobs) {
            answers[place] = Ok(Answer::Job(Some(Box::new(job))));
        }
    }
    Ok(answers)
}
