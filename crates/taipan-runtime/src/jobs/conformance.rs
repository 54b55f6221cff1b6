//! What every [`JobStore`] must do; its tests call [`check`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::store::{JobStore, NewJob, State};
use crate::error::{Error, ErrorKind};

const LEASE: Duration = Duration::from_secs(30);
const KINDS: &[&str] = &["send", "count"];

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind().clone())
}

/// Checks a store; `open` makes an empty one.
///
/// # Panics
/// When the store breaks a promise.
pub fn check<S: JobStore>(open: impl Fn() -> S) {
    jobs_are_done_once_in_order(&open());
    keys_make_jobs_one(&open());
    failures_are_tried_again_and_given_up(&open());
    a_lost_lease_counts_for_nothing(&open());
    a_job_whose_workers_die_is_given_up(&open());
    waiting_and_running_jobs_are_cancelled(&open());
    many_workers_share_the_jobs(&open());
}

fn must<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the store failed: {error}"),
    }
}

fn lease(store: &impl JobStore, now: SystemTime) -> Option<(u64, super::Lease)> {
    must(store.lease(KINDS, now, LEASE)).map(|(job, lease)| {
        assert_eq!((job.state, job.id, job.attempts), (State::Running, lease.job, lease.attempt));
        (job.id, lease)
    })
}

fn some_lease(store: &impl JobStore, now: SystemTime) -> super::Lease {
    match lease(store, now) {
        Some((_, lease)) => lease,
        None => panic!("a job is due and was not handed out"),
    }
}

fn jobs_are_done_once_in_order(store: &impl JobStore) {
    let (late, _) = must(store.enqueue(NewJob::new("send", json!({"to": "Bob"})).run_at(at(50)), at(0)));
    let (first, fresh) = must(store.enqueue(NewJob::new("send", json!({"to": "Ann"})), at(1)));
    let (second, _) = must(store.enqueue(NewJob::new("count", json!(null)), at(2)));
    must(store.enqueue(NewJob::new("other", json!(null)), at(0)));
    assert!(fresh);
    assert_eq!(must(store.next_due(KINDS)), Some(at(1)));
    let held = some_lease(store, at(10));
    assert_eq!(held.job, first);
    assert_eq!(some_lease(store, at(10)).job, second);
    assert_eq!(lease(store, at(10)), None, "what is not due, or of another kind, is not handed out");
    must(store.progress(held, 3, Some(4)));
    assert_eq!(must(store.job(first)).progress, Some((3, Some(4))));
    must(store.complete(held, json!({"sent": true})));
    let done = must(store.job(first));
    assert_eq!((done.state, done.result, done.attempts), (State::Done, Some(json!({"sent": true})), 1));
    assert_eq!(kind(store.complete(held, json!(2))), Some(ErrorKind::LeaseLost(first)), "acknowledged once");
    assert_eq!(some_lease(store, at(55)).job, late);
    assert_eq!(must(store.jobs(None, 10)).len(), 4);
    assert_eq!(must(store.jobs(Some(State::Done), 10)).iter().map(|job| job.id).collect::<Vec<_>>(), [first]);
    assert_eq!(kind(store.job(999)), Some(ErrorKind::UnknownJob(999)));
}

fn keys_make_jobs_one(store: &impl JobStore) {
    let job = || NewJob::new("send", json!(1)).key("once");
    let (id, fresh) = must(store.enqueue(job(), at(0)));
    assert_eq!((must(store.enqueue(job(), at(1))), fresh), ((id, false), true));
    must(store.complete(some_lease(store, at(2)), json!(null)));
    assert_eq!(must(store.enqueue(job(), at(3))), (id, false), "done, it is known still");
    assert_eq!(lease(store, at(4)), None);
}

fn failures_are_tried_again_and_given_up(store: &impl JobStore) {
    let job = NewJob::new("send", json!(1)).max_attempts(3).backoff(Duration::from_secs(10), Duration::from_secs(15));
    let (id, _) = must(store.enqueue(job, at(0)));
    for (now, next) in [(0, Some(10)), (10, Some(25)), (25, None)] {
        must(store.fail(some_lease(store, at(now)), "no route", at(now)));
        let job = must(store.job(id));
        assert_eq!(job.error.as_deref(), Some("no route"));
        match next {
            Some(next) => {
                assert_eq!((job.state, job.due), (State::Waiting, at(next)), "the pauses grow up to the longest");
                assert_eq!(lease(store, at(next - 1)), None);
            }
            None => assert_eq!(job.state, State::Failed),
        }
    }
    assert_eq!(lease(store, at(1000)), None);
}

fn a_lost_lease_counts_for_nothing(store: &impl JobStore) {
    let job = NewJob::new("send", json!(1)).backoff(Duration::ZERO, Duration::ZERO);
    let (id, _) = must(store.enqueue(job, at(0)));
    let first = some_lease(store, at(0));
    assert!(!must(store.renew(first, at(20), LEASE)));
    assert_eq!(lease(store, at(49)), None, "a lease that was renewed holds");
    let second = some_lease(store, at(50));
    assert_eq!((second.job, second.attempt), (id, 2));
    let lost = Some(ErrorKind::LeaseLost(id));
    assert_eq!(kind(store.complete(first, json!("late"))), lost);
    assert_eq!(kind(store.fail(first, "late", at(51))), lost);
    assert_eq!(kind(store.progress(first, 1, None)), lost);
    assert_eq!(kind(store.renew(first, at(51), LEASE)), lost);
    must(store.complete(second, json!("in time")));
    assert_eq!(must(store.job(id)).result, Some(json!("in time")));
}

fn a_job_whose_workers_die_is_given_up(store: &impl JobStore) {
    let job = NewJob::new("send", json!(1)).max_attempts(2).backoff(Duration::ZERO, Duration::ZERO);
    let (id, _) = must(store.enqueue(job, at(0)));
    assert_eq!(some_lease(store, at(0)).attempt, 1);
    assert_eq!(must(store.next_due(KINDS)), Some(at(30)));
    assert_eq!(some_lease(store, at(30)).attempt, 2);
    assert_eq!(lease(store, at(60)), None);
    assert_eq!(must(store.job(id)).state, State::Failed);
}

fn waiting_and_running_jobs_are_cancelled(store: &impl JobStore) {
    let (waiting, _) = must(store.enqueue(NewJob::new("send", json!(1)), at(0)));
    assert_eq!(must(store.cancel(waiting)), State::Cancelled);
    assert_eq!(lease(store, at(1)), None);

    let (running, _) = must(store.enqueue(NewJob::new("send", json!(1)), at(0)));
    let held = some_lease(store, at(1));
    assert_eq!(must(store.cancel(running)), State::Running);
    assert!(must(store.renew(held, at(2), LEASE)), "the worker is told");
    must(store.fail(held, "cancelled", at(3)));
    assert_eq!(must(store.job(running)).state, State::Cancelled);
    assert_eq!(must(store.cancel(running)), State::Cancelled);

    // One that is done all the same is done.
    let (done, _) = must(store.enqueue(NewJob::new("send", json!(1)), at(0)));
    let held = some_lease(store, at(4));
    must(store.cancel(done));
    must(store.complete(held, json!(1)));
    assert_eq!(must(store.job(done)).state, State::Done);
}

fn many_workers_share_the_jobs(store: &impl JobStore) {
    const JOBS: u64 = 200;
    for number in 0..JOBS {
        must(store.enqueue(NewJob::new("count", json!(number)), at(0)));
    }
    let done: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = 0;
                    while let Some((_, lease)) = lease(store, at(1)) {
                        must(store.complete(lease, json!(true)));
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_default()).sum()
    });
    assert_eq!(done, JOBS, "each job is handed out once");
    assert_eq!(must(store.jobs(Some(State::Done), usize::MAX)).len() as u64, JOBS);
}
