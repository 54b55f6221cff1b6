//! An application's own work as durable jobs: importing its files, training its models and drawing its plots while it is
//! served. What was asked for is done, whatever happens to the process: a job of one that was killed is begun again by the
//! next.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use taipan_learn::Watch;
use taipan_runtime::CancelToken;
use taipan_runtime::jobs::{Job, JobError, JobStore, NewJob, Runner, RunningJob, RunningJobs, State};
use taipan_store::DurableJobs;

use crate::error::{Error, ErrorKind, Result, nearest};
use crate::import::{Imported, Outcome};
use crate::project::{Drawn, Project, Trained};

/// How long a worker may be silent before its job is begun again by another.
const LEASE: Duration = Duration::from_secs(15);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// The parts that progress counts each step in.
const PARTS: u64 = 1000;
/// Jobs that are over are forgotten after so long.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// What an application can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Task {
    /// Import the files that changed, train what was learnt from them anew, and draw all plots.
    Refresh {},
    /// Import the files of a table, or all, if they changed.
    Import {
        /// The table; all of them if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
    },
    /// Train a model, or all, if their rows or parameters changed, and draw all plots.
    Train {
        /// The model; all of them if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
}

impl Task {
    /// Its kind's name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refresh {} => "refresh",
            Self::Import { .. } => "import",
            Self::Train { .. } => "train",
        }
    }

    /// The task of a job.
    pub fn of(job: &NewJob) -> Option<Self> {
        let mut fields = job.payload.clone();
        fields.as_object_mut()?.insert("kind".to_owned(), job.kind.clone().into());
        serde_json::from_value(fields).ok()
    }

    /// As a job; of equal keys, it is one.
    fn job(&self, key: Option<&str>) -> NewJob {
        let mut payload = json!(self);
        payload.as_object_mut().map(|fields| fields.remove("kind"));
        let job = NewJob::new(self.kind(), payload).max_attempts(3);
        key.map_or(job.clone(), |key| job.key(key))
    }

    /// Refuses one that names what the application does not have.
    fn check(&self, project: &Project) -> Result<()> {
        let (name, known, unknown): (_, _, fn(String) -> ErrorKind) = match self {
            Self::Refresh {} => return Ok(()),
            Self::Import { table } => (table, project.imported_tables(), ErrorKind::UnknownTable),
            Self::Train { model } => (model, project.declared_models(), ErrorKind::UnknownModel),
        };
        let Some(name) = name.as_deref().filter(|name| !known.contains(name)) else { return Ok(()) };
        let error = Error::new(unknown(name.to_owned()));
        Err(match (nearest(name, known), self) {
            (Some(near), _) => error.with_hint(format!("did you mean '{near}'?")),
            (None, Self::Import { .. }) => error.with_hint("only tables that came from files are imported again"),
            (None, _) => error,
        })
    }

    /// The steps that it consists of, for progress.
    fn steps(&self, project: &Project) -> u64 {
        let tables = project.imported_tables().len() as u64;
        let models = project.declared_models().len() as u64;
        let of = |named: bool, all: u64| if named { 1 } else { all };
        match self {
            Self::Refresh {} => tables + models + 1,
            Self::Import { table } => of(table.is_some(), tables),
            Self::Train { model } => of(model.is_some(), models) + 1,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Import { table: Some(name) } | Self::Train { model: Some(name) } => {
                write!(f, "{} {name}", self.kind())
            }
            _ => f.write_str(self.kind()),
        }
    }
}

/// The tasks of an application, done one after the other by a worker of their own.
///
/// The queue is a table of the application's database, made with the first task. Dropped, it waits for nobody: a task that
/// is being done then goes on while the process lives, and is begun again by the next one if it does not.
pub struct Tasks {
    project: Project,
    running: Mutex<Option<Arc<Started>>>,
}

/// The worker, until it is to end.
struct Started(Mutex<Option<RunningJobs>>);

impl Tasks {
    /// The tasks of `project`. Those that an earlier process left are gone on with.
    pub fn of(project: Project) -> Self {
        let tasks = Self { project, running: Mutex::default() };
        // A database that cannot be read now is told of when something is asked for.
        if DurableJobs::exists(tasks.project.store()).unwrap_or(false) {
            let _ = tasks.started();
        }
        tasks
    }

    /// Asks for a task and gives its job's number. Those of one key are one job.
    ///
    /// # Errors
    /// It names what the application does not have, or the database cannot be written.
    pub fn ask(&self, task: &Task, key: Option<&str>) -> Result<u64> {
        task.check(&self.project)?;
        self.with_jobs(|jobs| Ok(jobs.enqueue(task.job(key))?))
    }

    /// Cancels a job: one that waits at once, one that is being done at its next step.
    ///
    /// # Errors
    /// There is no such job.
    pub fn cancel(&self, id: u64) -> Result<()> {
        existing(&self.project, id)?;
        self.with_jobs(|jobs| Ok(jobs.cancel(id)?))
    }

    /// A job.
    ///
    /// # Errors
    /// There is no such job.
    pub fn job(&self, id: u64) -> Result<Job> {
        Ok(existing(&self.project, id)?.job(id)?)
    }

    /// The latest jobs, the last one first; only those in `state` if it is given.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn jobs(&self, state: Option<State>, limit: usize) -> Result<Vec<Job>> {
        latest(&self.project, state, limit)
    }

    /// What can be asked for: the whole, each table that came from files, each model.
    pub fn choices(&self) -> Vec<Task> {
        let imports = self.project.imported_tables().into_iter().map(|name| Task::Import { table: Some(name.into()) });
        let models = self.project.declared_models().into_iter().map(|name| Task::Train { model: Some(name.into()) });
        [Task::Refresh {}].into_iter().chain(imports).chain(models).collect()
    }

    fn with_jobs<T>(&self, work: impl FnOnce(&RunningJobs) -> Result<T>) -> Result<T> {
        let started = self.started()?;
        let jobs = started.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*jobs {
            Some(jobs) => work(jobs),
            None => Err(Error::invalid("the application is being closed")),
        }
    }

    fn started(&self) -> Result<Arc<Started>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(started) = &*running {
            return Ok(Arc::clone(started));
        }
        let queue = DurableJobs::open(self.project.store())?;
        queue.forget(SystemTime::now() - KEPT)?;
        let mut runner = Runner::new(Arc::new(queue)).lease(LEASE);
        for kind in ["refresh", "import", "train"] {
            let project = self.project.clone();
            runner = runner.handle(kind, move |job| perform(&project, job));
        }
        // One at a time: each uses all cores, and a table is not trained on while it is replaced.
        let started = Arc::new(Started(Mutex::new(Some(runner.start(1)?))));
        *running = Some(Arc::clone(&started));
        Ok(started)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Nobody waits for the end of a training to close the application.
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = thread::Builder::new().name("job end".to_owned()).spawn(move || drop(jobs));
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("project", &self.project.name()).finish_non_exhaustive()
    }
}

/// The latest jobs of an application, whoever does them.
///
/// # Errors
/// The database cannot be read.
pub fn latest(project: &Project, state: Option<State>, limit: usize) -> Result<Vec<Job>> {
    if !DurableJobs::exists(project.store())? {
        return Ok(Vec::new());
    }
    Ok(DurableJobs::open(project.store())?.jobs(state, limit)?)
}

/// A job for a program: its number, what it is, where it stands and what came of it.
pub fn job_json(job: &Job) -> Value {
    let mut entry = json!({
        "id": job.id,
        "kind": job.job.kind,
        "state": job.state.name(),
        "attempts": job.attempts,
        "progress": job.progress.map(|(done, total)| json!({ "done": done, "total": total })),
        "result": job.result,
        "error": job.error,
    });
    for (name, value) in job.job.payload.as_object().into_iter().flatten() {
        entry[name] = value.clone();
    }
    entry
}

/// How much of a running job is done, in percent, if that is known.
pub fn job_percent(job: &Job) -> Option<u64> {
    let (done, total) = job.progress.filter(|_| job.state == State::Running)?;
    total.filter(|total| *total > 0).map(|total| done * 100 / total)
}

/// Cancels a job of an application that another process may be doing, and returns it.
///
/// # Errors
/// There is no such job.
pub fn cancel(project: &Project, id: u64) -> Result<Job> {
    let queue = existing(project, id)?;
    queue.cancel(id)?;
    Ok(queue.job(id)?)
}

/// The queue, for a job that is said to be in it.
fn existing(project: &Project, id: u64) -> Result<DurableJobs> {
    if DurableJobs::exists(project.store())? {
        return Ok(DurableJobs::open(project.store())?);
    }
    Err(taipan_runtime::Error::new(taipan_runtime::ErrorKind::UnknownJob(id)).into())
}

/// How far a task has come, and whether it is to stop. Told by the threads that compute, read by the one that reports.
struct Meter {
    parts: AtomicU64,
    step: AtomicU64,
    token: CancelToken,
}

impl Meter {
    /// So much of the step is done.
    fn within(&self, done: u64, total: u64) {
        let part = if total == 0 { 0 } else { (u128::from(done) * u128::from(PARTS) / u128::from(total)) as u64 };
        self.parts.store(self.step.load(Ordering::Relaxed) * PARTS + part.min(PARTS), Ordering::Relaxed);
    }

    fn next_step(&self) {
        let step = self.step.fetch_add(1, Ordering::Relaxed) + 1;
        self.parts.store(step * PARTS, Ordering::Relaxed);
    }
}

impl Watch for Meter {
    fn progress(&self, done: usize, total: usize) {
        self.within(done as u64, total as u64);
    }

    fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }
}

/// Does a job, and tells meanwhile how far it is.
fn perform(project: &Project, job: &RunningJob<'_>) -> std::result::Result<Value, JobError> {
    let task = Task::of(job.task()).ok_or("the job is none that this program knows")?;
    task.check(project)?;
    let total = task.steps(project) * PARTS;
    let meter = Arc::new(Meter { parts: AtomicU64::new(0), step: AtomicU64::new(0), token: job.token().clone() });
    let done = thread::scope(|scope| {
        // Hung up when the task is over, however it ends.
        let (_at_work, over) = mpsc::channel::<()>();
        let parts = &meter.parts;
        scope.spawn(move || {
            while over.recv_timeout(TELL_EVERY) == Err(RecvTimeoutError::Timeout) {
                // A job that is lost to another worker, or is to stop, says so by its token.
                let _ = job.progress(parts.load(Ordering::Relaxed).min(total), Some(total));
            }
        });
        do_task(project, &task, &meter)
    })?;
    job.progress(total, Some(total))?;
    Ok(done)
}

fn do_task(project: &Project, task: &Task, meter: &Arc<Meter>) -> Result<Value> {
    let mut result = serde_json::Map::new();
    if let Task::Refresh {} | Task::Import { .. } = task {
        let only = if let Task::Import { table } = task { table.as_deref() } else { None };
        let mut tables = Vec::new();
        let mut note = |imported: &Imported| {
            tables.push(told_import(imported));
            meter.next_step();
        };
        project.import_some(only, &meter.token, &mut note, &|_, read, total| meter.within(read, total))?;
        result.insert("tables".to_owned(), tables.into());
        stop_if_asked(meter)?;
    }
    if let Task::Refresh {} | Task::Train { .. } = task {
        let only = if let Task::Train { model } = task { model.as_deref() } else { None };
        let mut models = Vec::new();
        let watch: Arc<dyn Watch + Send + Sync> = Arc::clone(meter) as _;
        let note = |trained: &Trained| {
            models.push(told_training(trained));
            meter.next_step();
        };
        project.train_some(only, Some(&watch), note)?;
        result.insert("models".to_owned(), models.into());
        stop_if_asked(meter)?;
        let mut plots: Vec<Value> = Vec::new();
        project.draw(|drawn: &Drawn| plots.push(drawn.name.clone().into()))?;
        result.insert("plots".to_owned(), plots.into());
        meter.next_step();
    }
    Ok(result.into())
}

fn stop_if_asked(meter: &Meter) -> Result<()> {
    Ok(meter.token.check()?)
}

fn told_import(imported: &Imported) -> Value {
    json!({
        "name": imported.table,
        "source": imported.source,
        "rows": imported.rows,
        "rejects": imported.rejects,
        "changed": imported.outcome == Outcome::Done,
        "seconds": imported.seconds,
    })
}

fn told_training(trained: &Trained) -> Value {
    json!({
        "name": trained.name,
        "estimator": trained.estimator,
        "score": trained.score,
        "changed": trained.outcome == Outcome::Done,
        "seconds": trained.seconds,
    })
}
