//! taipan-learn's side of the learning jobs of `cargo xtask bench`: `learn_bench JOB`.
//!
//! Each job makes its data, from the same seeds as its peer in `bench/peers/`, does the work, and prints one line of
//! JSON: the seconds of each part, and the result, for the harness to compare.

mod grid_iris;
mod linear;
mod machine;
mod trees;

use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Map, Value, json};

/// What a job measured: seconds by part, its result, and how often it went over the data where that tells its limit.
struct Report {
    seconds: Map<String, Value>,
    passes: usize,
    result: Value,
}

impl Report {
    fn new() -> Self {
        Self { seconds: Map::new(), passes: 1, result: Value::Null }
    }

    /// Times a part of the work.
    fn time<T>(&mut self, part: &str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = work();
        self.seconds.insert(part.to_owned(), started.elapsed().as_secs_f64().into());
        done
    }
}

type Job = fn(&mut Report) -> taipan_learn::Result<()>;

const JOBS: &[(&str, Job)] = &[
    ("grid-iris", grid_iris::run),
    ("linear", linear::linear),
    ("logistic", linear::logistic),
    ("lasso", linear::lasso),
    ("pca", linear::pca),
    ("kmeans", linear::kmeans),
    ("forest", trees::small),
    ("forest-large", trees::large),
    ("forest-predict", trees::predict),
    ("gradient-boosting", trees::boosting),
    ("machine", |report| {
        machine::run(report);
        Ok(())
    }),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == "--version" {
        println!("taipan-learn {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let Some((_, job)) = JOBS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = JOBS.iter().map(|(name, _)| *name).collect();
        eprintln!("name a job: {}", known.join(", "));
        return ExitCode::from(2);
    };
    let mut report = Report::new();
    match job(&mut report) {
        Ok(()) => {
            println!("{}", json!({"seconds": report.seconds, "passes": report.passes, "result": report.result}));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
