//! Jobs in the database: the promises of a queue, and that no job is lost or acknowledged twice however often the process
//! that puts jobs in and does them is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use taipan_runtime::jobs::{Handover, Job, JobStore, Lease, NewJob, Runner, RunningJobs, State, conformance};
use taipan_runtime::{Error as RunError, ErrorKind as RunErrorKind};
use taipan_store::{DurableJobs, Error, Store, TransactionOptions, Value};
use tempfile::TempDir;

use crate::sample::{fresh, memory, postgres};

/// Names the database to a child process, and the first number that it puts in.
const CHILD: &str = "TAIPAN_STORE_JOBS";
/// Killed workers' jobs are done by others after this.
const LEASE: Duration = Duration::from_millis(500);
/// Longer than anything here takes on the slowest machine.
const DEADLINE: Duration = Duration::from_mins(5);

#[test]
fn the_queue_keeps_the_promises() {
    conformance::check(|| DurableJobs::open(&memory()).unwrap());
}

#[test]
fn a_job_has_what_it_was_given_after_the_database_was_closed() {
    let folder = TempDir::new().unwrap();
    let url = if postgres().is_some() { fresh() } else { folder.path().join("jobs.db").display().to_string() };
    let at = UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
    let job = NewJob::new("send", json!({"to": "Zoë", "parts": [1, null, 0.5]}))
        .key("mail 7")
        .run_at(at)
        .max_attempts(3)
        .backoff(Duration::from_micros(1_500), Duration::from_hours(20));
    let jobs = DurableJobs::open(&Store::open(&url).unwrap()).unwrap();
    let (id, _) = jobs.enqueue(job.clone(), UNIX_EPOCH).unwrap();
    let (_, lease) = jobs.lease(&["send"], at, LEASE).unwrap().unwrap();
    jobs.progress(lease, 2, Some(5)).unwrap();
    jobs.cancel(id).unwrap();
    drop(jobs);
    let jobs = DurableJobs::open(&Store::open(&url).unwrap()).unwrap();
    let expected = Job {
        id,
        job,
        state: State::Running,
        attempts: 1,
        due: at,
        progress: Some((2, Some(5))),
        result: None,
        error: None,
        cancel_requested: true,
    };
    assert_eq!(jobs.job(id).unwrap(), expected);
    assert_eq!(jobs.jobs(None, 10).unwrap(), [expected]);
    assert_eq!(jobs.next_due(&["other"]).unwrap(), Some(at + LEASE), "whoever looks sees the end of a lease");
}

#[test]
fn a_job_put_in_within_a_transaction_is_there_with_the_rest_or_not_at_all() {
    let store = memory();
    let jobs = DurableJobs::open(&store).unwrap();
    let options = TransactionOptions::default();
    store.transaction(&options, |tx| tx.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)", &[])).unwrap();
    let order = |number: i64, fails: bool| {
        store.transaction(&options, |tx| {
            tx.insert("orders", &[("id", Value::Integer(number))])?;
            let job = NewJob::new("ship", json!(number)).key(format!("order {number}"));
            let put = DurableJobs::enqueue_within(tx, &job, SystemTime::now())?;
            if fails { Err(Error::abort("out of stock")) } else { Ok(put) }
        })
    };
    assert_eq!(order(1, true).unwrap_err().to_string(), "out of stock");
    assert!(jobs.jobs(None, 10).unwrap().is_empty());
    let (id, fresh) = order(1, false).unwrap();
    assert!(fresh);
    assert_eq!(jobs.job(id).unwrap().job.payload, json!(1));
}

#[test]
fn jobs_that_are_over_are_forgotten_with_their_keys() {
    let jobs = DurableJobs::open(&memory()).unwrap();
    let put = |kind: &str| jobs.enqueue(NewJob::new(kind, json!(null)).key(kind), UNIX_EPOCH).unwrap().0;
    let (done, waiting) = (put("done"), put("waiting"));
    let (_, lease) = jobs.lease(&["done"], SystemTime::now(), LEASE).unwrap().unwrap();
    jobs.complete(lease, json!(1)).unwrap();
    assert_eq!(jobs.forget(UNIX_EPOCH).unwrap(), 0, "it was over after that");
    assert_eq!(jobs.forget(SystemTime::now() + Duration::from_mins(1)).unwrap(), 1);
    assert_eq!(jobs.job(done).unwrap_err().kind(), &RunErrorKind::UnknownJob(done));
    assert_eq!(jobs.complete(lease, json!(1)).unwrap_err().kind(), &RunErrorKind::UnknownJob(done));
    assert_eq!(jobs.job(waiting).unwrap().state, State::Waiting);
    assert_ne!(put("done"), done, "a number is not given twice");
}

/// Says each acknowledgement once it is kept.
struct Telling(DurableJobs);

impl JobStore for Telling {
    fn enqueue(&self, job: NewJob, now: SystemTime) -> Result<(u64, bool), RunError> {
        self.0.enqueue(job, now)
    }

    fn lease(&self, kinds: &[&str], now: SystemTime, duration: Duration) -> Result<Option<(Job, Lease)>, RunError> {
        self.0.lease(kinds, now, duration)
    }

    fn renew(&self, lease: Lease, now: SystemTime, duration: Duration) -> Result<bool, RunError> {
        self.0.renew(lease, now, duration)
    }

    fn progress(&self, lease: Lease, done: u64, total: Option<u64>) -> Result<(), RunError> {
        self.0.progress(lease, done, total)
    }

    fn complete(&self, lease: Lease, result: Json) -> Result<(), RunError> {
        self.0.complete(lease, result)?;
        say(&format!("done {} {}", lease.job, lease.attempt));
        Ok(())
    }

    fn complete_and_lease(&self, lease: Lease, result: Json, kinds: &[&str], duration: Duration) -> Handover {
        let handover = self.0.complete_and_lease(lease, result, kinds, duration);
        if handover.completed.is_ok() {
            say(&format!("done {} {}", lease.job, lease.attempt));
        }
        handover
    }

    fn fail(&self, lease: Lease, error: &str, now: SystemTime) -> Result<(), RunError> {
        self.0.fail(lease, error, now)
    }

    fn cancel(&self, id: u64) -> Result<State, RunError> {
        self.0.cancel(id)
    }

    fn job(&self, id: u64) -> Result<Job, RunError> {
        self.0.job(id)
    }

    fn jobs(&self, state: Option<State>, limit: usize) -> Result<Vec<Job>, RunError> {
        self.0.jobs(state, limit)
    }

    fn next_due(&self, kinds: &[&str]) -> Result<Option<SystemTime>, RunError> {
        self.0.next_due(kinds)
    }
}

fn say(what: &str) {
    writeln!(std::io::stdout().lock(), "\n{what}").unwrap();
}

/// Does the jobs of `url`: the result of a job is the number of its attempt.
fn start(url: &str, begun: impl Fn(u64, u32) + Send + Sync + 'static) -> RunningJobs {
    let jobs = DurableJobs::open(&Store::open(url).unwrap()).unwrap();
    Runner::new(Arc::new(Telling(jobs)))
        .handle("step", move |job| {
            begun(job.id(), job.attempt());
            Ok(json!(job.attempt()))
        })
        .lease(LEASE)
        .start(4)
        .unwrap()
}

/// Not a test of its own: what the killed process does.
#[test]
fn child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let (url, first) = url.rsplit_once('#').unwrap();
    let runner = start(url, |id, attempt| say(&format!("begun {id} {attempt}")));
    for number in first.parse::<u64>().unwrap().. {
        let job = NewJob::new("step", json!(number)).key(number.to_string());
        let id = runner.enqueue(job.max_attempts(u32::MAX).backoff(Duration::ZERO, Duration::ZERO)).unwrap();
        say(&format!("kept {number} {id}"));
    }
}

fn spawn(url: &str, first: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["jobs::child", "--exact", "--nocapture", "--test-threads", "1"]).env(CHILD, format!("{url}#{first}"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What the children said, each before it was killed.
#[derive(Default)]
struct Said {
    /// Numbers that were put in, and the job that each is.
    kept: BTreeMap<u64, u64>,
    begun: BTreeSet<(u64, u32)>,
    /// Jobs that were acknowledged, with the attempt.
    done: BTreeMap<u64, u32>,
}

impl Said {
    /// Listens to a child, which is killed after so many words.
    fn listen(&mut self, mut child: Child, kill_after: u64) {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut words, mut is_killed) = (0, false);
        // A last line may be cut short by the kill only if the pipe was full, which it is not.
        for line in lines.map_while(Result::ok) {
            let [what, a, b] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
            let (Ok(a), Ok(b)) = (a.parse::<u64>(), b.parse::<u64>()) else { continue };
            match what {
                "kept" => assert_eq!(*self.kept.entry(a).or_insert(b), b, "the key {a} is two jobs"),
                "begun" => assert!(self.begun.insert((a, b as u32)), "job {a} was begun twice as attempt {b}"),
                "done" => assert_eq!(self.done.insert(a, b as u32), None, "job {a} was acknowledged twice"),
                _ => continue,
            }
            words += 1;
            if !is_killed && words >= kill_after {
                child.kill().unwrap();
                is_killed = true;
            }
        }
        child.wait().unwrap();
    }
}

fn kill_often(kills: u64) {
    let folder = TempDir::new().unwrap();
    let url = if postgres().is_some() { fresh() } else { folder.path().join("jobs.db").display().to_string() };
    let mut said = Said::default();
    let mut random = 88_172_645_463_325_252_u64;
    for _ in 0..kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let first = said.kept.last_key_value().map_or(0, |(number, _)| number + 1);
        said.listen(spawn(&url, first), random % 90);
    }
    // What is left is done by one that lives.
    let begun = Arc::new(Mutex::new(BTreeSet::new()));
    let noting = Arc::clone(&begun);
    let runner = start(&url, move |id, attempt| {
        noting.lock().unwrap().insert((id, attempt));
    });
    let jobs = DurableJobs::open(&Store::open(&url).unwrap()).unwrap();
    let since = Instant::now();
    while [State::Waiting, State::Running].into_iter().any(|state| !jobs.jobs(Some(state), 1).unwrap().is_empty()) {
        assert!(since.elapsed() < DEADLINE, "jobs are left");
        thread::sleep(Duration::from_millis(20));
    }
    runner.stop();
    said.begun.append(&mut begun.lock().unwrap());
    let all: BTreeMap<u64, Job> = jobs.jobs(None, usize::MAX).unwrap().into_iter().map(|job| (job.id, job)).collect();
    for (number, id) in &said.kept {
        assert_eq!(all.get(id).map(|job| &job.job.payload), Some(&json!(number)), "job {id} was kept and is lost");
    }
    for (id, job) in &all {
        assert_eq!((job.state, job.result.clone()), (State::Done, Some(json!(job.attempts))), "job {id}");
        assert!(said.begun.contains(&(*id, job.attempts)), "job {id} was done by nobody");
        if let Some(attempt) = said.done.get(id) {
            assert_eq!(*attempt, job.attempts, "job {id} was done again after it was acknowledged");
        }
    }
    let numbers: BTreeSet<String> = all.values().map(|job| job.job.payload.to_string()).collect();
    assert_eq!(numbers.len(), all.len(), "a number is one job");
    assert!(said.kept.len() as u64 >= kills, "{} kept", said.kept.len());
}

#[test]
fn no_job_is_lost_or_acknowledged_twice_by_kills() {
    kill_often(8);
}

#[test]
#[ignore = "long"]
fn no_job_is_lost_or_acknowledged_twice_by_four_hundred_kills() {
    kill_often(400);
}
