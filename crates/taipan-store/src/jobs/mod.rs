//! Jobs that outlive the process: the queue of [`taipan_runtime::jobs`] as a table of the database, so that what was put
//! in is done whatever happens to the process, the machine or the worker that had it.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use serde_json::json;
//! use taipan_runtime::jobs::{NewJob, Runner};
//! use taipan_store::{DurableJobs, Store};
//!
//! let store = Store::open("sqlite::memory:")?;
//! let runner = Runner::new(Arc::new(DurableJobs::open(&store)?))
//!     .handle("square", |job| Ok(json!(job.payload().as_i64().unwrap_or_default().pow(2))))
//!     .start(4)?;
//! let id = runner.enqueue(NewJob::new("square", json!(7)).key("the square of 7"))?;
//! assert_eq!(runner.wait(id, Duration::from_secs(60))?.result, Some(json!(49)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | content |
//! |---|---|
//! | this one | [`DurableJobs`] and its transactions |
//! | `desk` | the writes of many threads, made in one transaction |
//! | `row` | a job as a row of the table |

mod desk;
mod row;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;
use taipan_runtime::jobs::{Handover, Job, JobStore, Lease, NewJob, State};
use taipan_runtime::{Error as RunError, ErrorKind as RunErrorKind};

use self::desk::{Answer, Desk, Wish};
use self::row::{COLUMNS, moment, time};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Engine, Store};
use crate::table::Dialect;
use crate::transaction::{Isolation, Transaction, TransactionOptions};
use crate::value::Value;

/// How often a transaction is begun anew after losing a race.
const RETRIES: u32 = 50;

const LOST: &str = "its worker was not heard of any more";

/// A [`JobStore`] in a database, SQLite or PostgreSQL; any number of processes may share it.
///
/// Each call is part of one transaction and returns when that is on the disk; what many threads put in, take and
/// acknowledge at the same moment goes there together. A job's time is the clock of the process that asks,
/// so the clocks of machines that share a queue must agree as well as leases are long.
#[derive(Clone)]
pub struct DurableJobs {
    store: Store,
    desk: Arc<Desk>,
}

impl DurableJobs {
    /// The queue of a database; its table is made if it is not there.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn open(store: &Store) -> Result<Self> {
        // Two that make it at once may fail each other; then it is there.
        let made = make(store);
        match made {
            Err(error) if store.transaction(&reading(), is_there).is_ok_and(|there| !there) => Err(error),
            _ => Ok(Self { store: store.clone(), desk: Arc::default() }),
        }
    }

    /// Whether a database has a queue.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn exists(store: &Store) -> Result<bool> {
        store.transaction(&reading(), is_there)
    }

    /// Puts a job in as part of a transaction: it is there if, and only if, whatever else the transaction did is there.
    /// Gives its number; of a job whose key is known, the number of that one, and false.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn enqueue_within(tx: &mut Transaction<'_>, job: &NewJob, now: SystemTime) -> Result<(u64, bool)> {
        const INSERT: &str = "INSERT INTO _taipan_jobs (kind, payload, \"key\", run_at, max_attempts, backoff, max_backoff, \
             state, attempts, due, cancel) VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', 0, $8, 0) \
             ON CONFLICT (\"key\") DO NOTHING RETURNING id";
        let rows = tx.query(INSERT, &row::of_new(job, now))?.rows;
        if let Some([Value::Integer(id)]) = rows.first().map(Vec::as_slice) {
            return Ok((id.unsigned_abs(), true));
        }
        let key = Value::Text(job.key.clone().unwrap_or_default());
        let rows = tx.query("SELECT id FROM _taipan_jobs WHERE \"key\" = $1", &[key])?.rows;
        match rows.first().map(Vec::as_slice) {
            Some([Value::Integer(id)]) => Ok((id.unsigned_abs(), false)),
            // Forgotten at this very moment; begun anew, it is put in.
            _ => Err(Error::new(ErrorKind::Conflict("the job of this key was being forgotten".to_owned()))),
        }
    }

    /// Removes the jobs that were over before this time, and their keys; gives their number. A job whose key is forgotten
    /// can be put in again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn forget(&self, over_before: SystemTime) -> Result<u64> {
        let sql = "DELETE FROM _taipan_jobs WHERE state IN ('done', 'failed', 'cancelled') AND ended < $1";
        self.write(|tx| tx.execute(sql, &[time(over_before)]))
    }

    fn write<T>(&self, work: impl FnMut(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        self.store.transaction(&writing(), work)
    }

    fn read<T>(&self, work: impl FnMut(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        self.store.transaction(&reading(), work)
    }

    /// Grants a wish, with those of others where that is faster.
    fn grant(&self, wish: Wish) -> Result<Answer, RunError> {
        match &self.store.engine {
            // In a transaction of this thread its own write is refused, and must not wait for others either.
            Engine::Sqlite(database) if !database.is_writing_here() => self.desk.grant(&self.store, wish),
            _ => self.write(|tx| wish.grant(tx)).map_err(RunError::storage)?.map_err(RunError::new),
        }
    }
}

/// Changes a job that a lease is for, if it is the latest: `set` sets what it sets with the values from `$3` on.
fn of_lease(tx: &mut Transaction<'_>, lease: Lease, set: &str, values: &[Value]) -> Result<Held<()>> {
    let sql = format!("UPDATE _taipan_jobs SET {set} WHERE id = $1 AND attempts = $2 AND state = 'running'");
    let mut all = vec![integer(lease.job), integer(lease.attempt.into())];
    all.extend_from_slice(values);
    match tx.execute(&sql, &all)? {
        0 => Ok(Err(lost(job_of(tx, lease.job, "")?.as_ref(), lease))),
        _ => Ok(Ok(())),
    }
}

/// What a lease allows, or why it does not.
type Held<T> = std::result::Result<T, RunErrorKind>;

fn lost(job: Option<&Job>, lease: Lease) -> RunErrorKind {
    if job.is_some() { RunErrorKind::LeaseLost(lease.job) } else { RunErrorKind::UnknownJob(lease.job) }
}

fn flat<T>(outcome: Result<Held<T>>) -> Result<T, RunError> {
    outcome.map_err(RunError::storage)?.map_err(RunError::new)
}

fn writing() -> TransactionOptions {
    // Every statement names the rows that it means, so more would only end transactions that do not touch each other.
    TransactionOptions::default().isolation(Isolation::ReadCommitted).retry(RETRIES)
}

fn reading() -> TransactionOptions {
    TransactionOptions::default().read_only().isolation(Isolation::ReadCommitted).retry(RETRIES)
}

fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn is_there(tx: &mut Transaction<'_>) -> Result<bool> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_schema WHERE name = '_taipan_jobs'",
        Dialect::Postgres => "SELECT 1 WHERE to_regclass('_taipan_jobs') IS NOT NULL",
    };
    Ok(!tx.query(sql, &[])?.rows.is_empty())
}

fn make(store: &Store) -> Result<()> {
    if store.transaction(&reading(), is_there)? {
        return Ok(());
    }
    store.transaction(&writing(), |tx| {
        if is_there(tx)? {
            return Ok(());
        }
        let id = match tx.dialect() {
            // A number is never given twice, not even that of a job which was forgotten.
            Dialect::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
            Dialect::Postgres => "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        };
        tx.execute(
            &format!(
                "CREATE TABLE _taipan_jobs (id {id}, kind TEXT NOT NULL, payload TEXT NOT NULL, \"key\" TEXT UNIQUE, \
                 run_at BIGINT, max_attempts BIGINT NOT NULL, backoff BIGINT NOT NULL, max_backoff BIGINT NOT NULL, \
                 state TEXT NOT NULL, attempts BIGINT NOT NULL, due BIGINT NOT NULL, until BIGINT, done BIGINT, \
                 total BIGINT, result TEXT, error TEXT, cancel BIGINT NOT NULL, ended BIGINT)"
            ),
            &[],
        )?;
        for index in [
            "CREATE INDEX _taipan_jobs_due ON _taipan_jobs (kind, due, id) WHERE state = 'waiting'",
            "CREATE INDEX _taipan_jobs_until ON _taipan_jobs (until) WHERE state = 'running'",
        ] {
            tx.execute(index, &[])?;
        }
        Ok(())
    })
}

/// The rows that other transactions have locked are theirs.
fn skipping(tx: &Transaction<'_>) -> &'static str {
    match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
    }
}

fn locking(tx: &Transaction<'_>) -> &'static str {
    match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE",
    }
}

fn job_of(tx: &mut Transaction<'_>, id: u64, lock: &str) -> Result<Option<Job>> {
    let rows = tx.query(&format!("SELECT {COLUMNS} FROM _taipan_jobs WHERE id = $1{lock}"), &[integer(id)])?.rows;
    rows.first().map(|row| row::job(row)).transpose()
}

/// What becomes of a job whose attempt came to nothing.
fn fail(tx: &mut Transaction<'_>, job: &Job, error: &str, now: SystemTime) -> Result<()> {
    let (state, due) = if job.cancel_requested {
        (State::Cancelled, job.due)
    } else if job.attempts >= job.job.max_attempts {
        (State::Failed, job.due)
    } else {
        (State::Waiting, now + job.job.pause_after(job.attempts))
    };
    let ended = if state.is_final() { time(now) } else { Value::Null };
    let sql = "UPDATE _taipan_jobs SET state = $1, due = $2, error = $3, ended = $4, until = NULL WHERE id = $5";
    let values =
        [Value::Text(state.name().to_owned()), time(due), Value::Text(error.to_owned()), ended, integer(job.id)];
    tx.execute(sql, &values).map(drop)
}

/// The first jobs that are due of each kind, `most` of each, as a query: the index then has them all at hand, however
/// many wait.
fn first_of_each(kinds: usize, from: usize, most: &str, due: &str, lock: &str) -> String {
    let one = |number: usize| {
        format!(
            "SELECT * FROM (SELECT id, due FROM _taipan_jobs WHERE state = 'waiting' AND kind = ${number}{due} \
             ORDER BY due, id LIMIT {most}{lock}) AS kind_{number}"
        )
    };
    (from..from + kinds).map(one).collect::<Vec<_>>().join(" UNION ALL ")
}

fn names<S: AsRef<str>>(kinds: &[S]) -> impl Iterator<Item = Value> {
    kinds.iter().map(|kind| Value::Text(kind.as_ref().to_owned()))
}

fn next_due(tx: &mut Transaction<'_>, kinds: &[&str]) -> Result<Option<SystemTime>> {
    let waiting = if kinds.is_empty() {
        String::new()
    } else {
        format!("SELECT due FROM ({}) AS waiting UNION ALL ", first_of_each(kinds.len(), 1, "1", "", ""))
    };
    let sql = format!(
        "SELECT min(due) FROM ({waiting}SELECT until AS due FROM (SELECT until FROM _taipan_jobs WHERE state = 'running' \
         ORDER BY until LIMIT 1) AS running) AS next"
    );
    let rows = tx.query(&sql, &names(kinds).collect::<Vec<_>>())?.rows;
    Ok(match rows.first().and_then(|row| row.first()) {
        Some(Value::Integer(due)) => Some(moment(*due)),
        _ => None,
    })
}

/// Hands out up to `most` jobs, those first that have been due longest.
fn lease(
    tx: &mut Transaction<'_>,
    kinds: &[String],
    now: SystemTime,
    until: SystemTime,
    most: usize,
) -> Result<Vec<Job>> {
    let lock = skipping(tx);
    let run_out = format!("SELECT {COLUMNS} FROM _taipan_jobs WHERE state = 'running' AND until <= $1{lock}");
    for row in tx.query(&run_out, &[time(now)])?.rows {
        fail(tx, &row::job(&row)?, LOST, now)?;
    }
    let first = first_of_each(kinds.len(), 4, "$3", " AND due <= $1", lock);
    // PostgreSQL may ask for the rows of an IN more than once, and lock others the second time; there it is one at a time.
    let is = if most == 1 { "=" } else { "IN" };
    let sql = format!(
        "UPDATE _taipan_jobs SET state = 'running', attempts = attempts + 1, until = $2 \
         WHERE id {is} (SELECT id FROM ({first}) AS first ORDER BY due, id LIMIT $3) RETURNING {COLUMNS}"
    );
    let mut values = vec![time(now), time(until), integer(most as u64)];
    values.extend(names(kinds));
    let rows = tx.query(&sql, &values)?.rows;
    let mut jobs = rows.iter().map(|row| row::job(row)).collect::<Result<Vec<Job>>>()?;
    jobs.sort_by_key(|job| (job.due, job.id));
    Ok(jobs)
}

fn leased(job: Job) -> (Job, Lease) {
    let lease = Lease { job: job.id, attempt: job.attempts };
    (job, lease)
}

impl JobStore for DurableJobs {
    fn enqueue(&self, job: NewJob, now: SystemTime) -> Result<(u64, bool), RunError> {
        self.grant(Wish::Enqueue { job, now })?.number()
    }

    fn lease(&self, kinds: &[&str], now: SystemTime, duration: Duration) -> Result<Option<(Job, Lease)>, RunError> {
        if kinds.is_empty() {
            return Ok(None);
        }
        self.grant(Wish::lease(kinds, now, duration))?.job()
    }

    fn renew(&self, lease: Lease, now: SystemTime, duration: Duration) -> Result<bool, RunError> {
        self.grant(Wish::Renew { lease, until: now + duration })?.asks_to_stop()
    }

    fn progress(&self, lease: Lease, done: u64, total: Option<u64>) -> Result<(), RunError> {
        self.grant(Wish::Progress { lease, done, total }).map(drop)
    }

    fn complete(&self, lease: Lease, result: Json) -> Result<(), RunError> {
        self.grant(Wish::complete(lease, &result)).map(drop)
    }

    fn complete_and_lease(&self, lease: Lease, result: Json, kinds: &[&str], duration: Duration) -> Handover {
        let wish = Wish::complete(lease, &result);
        let next = Wish::lease(kinds, SystemTime::now(), duration);
        match &self.store.engine {
            Engine::Sqlite(database) if !kinds.is_empty() && !database.is_writing_here() => {
                let [completed, next] = self.desk.grant_both(&self.store, [wish, next]);
                Handover { completed: completed.map(drop), next: next.and_then(Answer::job) }
            }
            _ => {
                Handover { completed: self.grant(wish).map(drop), next: self.lease(kinds, SystemTime::now(), duration) }
            }
        }
    }

    fn fail(&self, lease: Lease, error: &str, now: SystemTime) -> Result<(), RunError> {
        self.grant(Wish::Fail { lease, error: error.to_owned(), now }).map(drop)
    }

    fn cancel(&self, id: u64) -> Result<State, RunError> {
        flat(self.write(|tx| {
            let lock = locking(tx);
            let Some(job) = job_of(tx, id, lock)? else { return Ok(Err(RunErrorKind::UnknownJob(id))) };
            match job.state {
                State::Waiting => {
                    let sql = "UPDATE _taipan_jobs SET state = 'cancelled', ended = $2 WHERE id = $1";
                    tx.execute(sql, &[integer(id), time(SystemTime::now())])?;
                    Ok(Ok(State::Cancelled))
                }
                State::Running => {
                    tx.execute("UPDATE _taipan_jobs SET cancel = 1 WHERE id = $1", &[integer(id)])?;
                    Ok(Ok(State::Running))
                }
                over => Ok(Ok(over)),
            }
        }))
    }

    fn job(&self, id: u64) -> Result<Job, RunError> {
        flat(self.read(|tx| Ok(job_of(tx, id, "")?.ok_or(RunErrorKind::UnknownJob(id)))))
    }

    fn jobs(&self, state: Option<State>, limit: usize) -> Result<Vec<Job>, RunError> {
        let (filter, mut values) = match state {
            Some(state) => (" WHERE state = $2", vec![Value::Text(state.name().to_owned())]),
            None => ("", Vec::new()),
        };
        values.insert(0, integer(limit as u64));
        let sql = format!("SELECT {COLUMNS} FROM _taipan_jobs{filter} ORDER BY id DESC LIMIT $1");
        let rows = self.read(|tx| tx.query(&sql, &values)?.rows.iter().map(|row| row::job(row)).collect());
        rows.map_err(RunError::storage)
    }

    fn next_due(&self, kinds: &[&str]) -> Result<Option<SystemTime>, RunError> {
        self.read(|tx| next_due(tx, kinds)).map_err(RunError::storage)
    }
}

impl fmt::Debug for DurableJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableJobs").field("database", &self.store.name()).finish_non_exhaustive()
    }
}
