//! The side of taipan-store in the job `durable-jobs` of `cargo xtask bench`: `jobs_bench durable-jobs taipan` puts jobs
//! into a SQLite database in the folder it runs in, does them with 32 workers, and prints one line of JSON.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that only measures")]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use taipan_runtime::jobs::{NewJob, Runner};
use taipan_store::{DurableJobs, Store};

const JOBS: u64 = 3_000;
const WORKERS: usize = 32;
/// The threads that put jobs in.
const PRODUCERS: u64 = 32;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("taipan-store {}", env!("CARGO_PKG_VERSION"));
        return;
    }
    let folder = tempfile::tempdir_in(".").unwrap();
    let store = Store::open(folder.path().join("jobs.db").to_str().unwrap()).unwrap();
    let runner = Runner::new(Arc::new(DurableJobs::open(&store).unwrap()))
        .handle("square", |job| {
            let n = job.payload().as_u64().ok_or("no number")?;
            Ok(json!(n * n))
        })
        .start(WORKERS)
        .unwrap();
    let start = Instant::now();
    let put = |producer: u64| {
        let numbers = (producer..JOBS).step_by(PRODUCERS as usize);
        numbers.map(|n| runner.enqueue(NewJob::new("square", json!(n))).unwrap()).collect::<Vec<u64>>()
    };
    let ids: Vec<u64> = thread::scope(|threads| {
        let put = &put;
        let producers: Vec<_> = (0..PRODUCERS).map(|producer| threads.spawn(move || put(producer))).collect();
        producers.into_iter().flat_map(|producer| producer.join().unwrap()).collect()
    });
    let result = |id: u64| runner.wait(id, Duration::from_mins(5)).unwrap().result.unwrap().as_u64().unwrap();
    let total: u64 = ids.into_iter().map(result).sum();
    let seconds = start.elapsed().as_secs_f64();
    runner.stop();
    println!("{}", json!({"seconds": {"jobs": seconds}, "result": total}));
}
