//! Jobs as their users see them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::json;
use taipan_runtime::ErrorKind;
use taipan_runtime::jobs::{JobStore, MemoryJobs, NewJob, Runner, State, conformance};

const LONG: Duration = Duration::from_mins(2);

#[test]
fn the_queue_in_memory_keeps_the_promises() {
    conformance::check(MemoryJobs::new);
}

#[test]
fn every_job_is_done_and_has_its_result() {
    let runner = Runner::new(Arc::new(MemoryJobs::new()))
        .handle("square", |job| {
            let n = job.payload()["n"].as_u64().ok_or("n is missing")?;
            job.progress(1, Some(1))?;
            Ok(json!(n * n))
        })
        .start(4)
        .expect("threads");
    let ids: Vec<u64> = (0..200)
        .map(|n| runner.enqueue(NewJob::new("square", json!({"n": n})).key(format!("square {n}"))).expect("a job"))
        .collect();
    assert_eq!(runner.enqueue(NewJob::new("square", json!({"n": 3})).key("square 3")).expect("a job"), ids[3]);
    for (n, id) in (0_u64..).zip(&ids) {
        let job = runner.wait(*id, LONG).expect("done");
        assert_eq!((job.state, job.result, job.progress), (State::Done, Some(json!(n * n)), Some((1, Some(1)))));
    }
    let wrong = runner.enqueue(NewJob::new("square", json!({})).max_attempts(1)).expect("a job");
    let job = runner.wait(wrong, LONG).expect("over");
    assert_eq!((job.state, job.error.as_deref()), (State::Failed, Some("n is missing")));
    runner.stop();
}

#[test]
fn failures_and_panics_are_tried_again() {
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&attempts);
    let runner = Runner::new(Arc::new(MemoryJobs::new()))
        .handle("flaky", move |job| match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Err("not yet".into()),
            1 => panic!("not yet either"),
            _ => Ok(json!(job.attempt())),
        })
        .start(2)
        .expect("threads");
    let job = NewJob::new("flaky", json!(null)).backoff(Duration::from_millis(1), Duration::from_millis(2));
    let id = runner.enqueue(job).expect("a job");
    assert_eq!(runner.wait(id, LONG).expect("done").result, Some(json!(3)));
}

#[test]
fn a_running_job_is_cancelled_and_a_long_one_keeps_its_lease() {
    let (begun, is_begun) = mpsc::channel();
    let runner = Runner::new(Arc::new(MemoryJobs::new()))
        .handle("endless", move |job| {
            begun.send(job.id())?;
            loop {
                job.progress(1, None)?;
                thread::sleep(Duration::from_millis(1));
            }
        })
        .handle("long", |job| {
            thread::sleep(Duration::from_millis(200));
            Ok(json!(job.attempt()))
        })
        .lease(Duration::from_millis(60))
        .start(2)
        .expect("threads");
    let endless = runner.enqueue(NewJob::new("endless", json!(null))).expect("a job");
    assert_eq!(is_begun.recv_timeout(LONG).expect("begun"), endless);
    runner.cancel(endless).expect("known");
    let job = runner.wait(endless, LONG).expect("over");
    assert_eq!((job.state, job.error.as_deref()), (State::Cancelled, Some("cancelled")));
    assert_eq!(runner.cancel(77).map_err(|error| error.kind().clone()), Err(ErrorKind::UnknownJob(77)));
    let long = runner.enqueue(NewJob::new("long", json!(null))).expect("a job");
    let job = runner.wait(long, LONG).expect("over");
    assert_eq!(job.state, State::Done);
}

#[test]
fn a_schedule_puts_each_time_in_once() {
    let store = Arc::new(MemoryJobs::new());
    // Two processes with one schedule: as if they had slept over a minute, both see the same times.
    let cron: taipan_runtime::jobs::Cron = "* * * * *".parse().expect("a schedule");
    let time = cron.next(SystemTime::now()).expect("a time");
    let job = NewJob::new("tick", json!(null)).key(format!("tick at {time:?}"));
    let first = store.enqueue(job.clone(), time).expect("a job");
    assert_eq!(store.enqueue(job, time).expect("a job"), (first.0, false));
    assert!(time.duration_since(SystemTime::now()).unwrap_or_default() <= Duration::from_mins(1));
    let none = Runner::new(store).start(1).expect_err("no handler");
    assert_eq!(none.to_string(), "jobs are done by workers and handlers: give one of each at least");
}
