//! Running work: taipan-runtime against Python's own modules, and against the Rust libraries it stands on.
//!
//! Each contender is a program that does the job's work and prints one line of JSON as in [`super::learn`], timing its
//! own work. The results must be equal.
//!
//! | contender | program |
//! |---|---|
//! | Taipan and Rust libraries | `crates/taipan-runtime/examples/runtime_bench`, arguments: the job and the contender |
//! | Taipan's primes | `crates/taipan/examples/primes_bench`, the same |
//! | Taipan's durable jobs | `crates/taipan-store/examples/jobs_bench`, the same |
//! | Python | `bench/peers/runtime_JOB.py` |
//! | C | `bench/peers/runtime_JOB.c` or another `.c` there, compiled by `cc` |

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::measure::{Contender, Sample, run_for_output};
use super::report::{Comparison, Line, Requirement, Section, TAIPAN, bytes, milliseconds, spread};
use super::{Options, Setting};
use crate::cargo::{self, cargo};
use crate::install;
use crate::venv::Venv;

/// A job, who else does it, and how much faster Taipan has to be than each.
struct Job {
    name: &'static str,
    task: &'static str,
    parts: &'static [&'static str],
    peers: &'static [Peer],
    rounds: usize,
    /// The crate and its example that is Taipan's side, and that of peers in Rust.
    ours: (&'static str, &'static str),
}

const RUNTIME: (&str, &str) = ("taipan-runtime", "runtime_bench");

const TASKS_OF_PYTHON: [(&str, f64); 4] =
    [("spawned", 20.0), ("gathered", 20.0), ("gathered, each waits once", 20.0), ("gathered tasks", 20.0)];

struct Peer {
    name: &'static str,
    program: Program,
    /// The least ratio for each part that the peer does; those that it does not do have none.
    required: &'static [(&'static str, f64)],
}

#[derive(Clone, Copy)]
enum Program {
    Rust(&'static str),
    Python(Option<&'static str>),
    /// A file of `bench/peers/`, and the library that it needs with its Debian package.
    C(&'static str, Option<(&'static str, &'static str)>),
}

const JOBS: &[Job] = &[
    Job {
        name: "primes",
        task: "The reference program: all primes to 100,000, and to 10,000,000, in four ranges. Taipan sieves as\n\
           `examples/primes.rs` does, C likewise; the reference program divides by every number up to the root.",
        parts: &["to 100,000", "to 10,000,000"],
        peers: &[
            Peer { name: "reference program", program: Program::Python(None), required: &[("to 100,000", 100.0)] },
            Peer {
                name: "C, the same sieve",
                program: Program::C("runtime_primes.c", None),
                required: &[("to 100,000", 1.0), ("to 10,000,000", 1.0)],
            },
            Peer {
                name: "primesieve, one thread",
                program: Program::C("runtime_primesieve.c", Some(("-lprimesieve", "libprimesieve-dev"))),
                required: &[("to 100,000", 0.0), ("to 10,000,000", 0.0)],
            },
        ],
        rounds: 5,
        ours: ("taipan", "primes_bench"),
    },
    Job {
        name: "pool-map",
        task: "The squares of 10,000,000 numbers, and 10,000 uneven tasks, in order: checksums (FNV-1a) of none to 2,000\n\
               bytes, and steps of Collatz sequences. Such a step is three cycles that wait for the one before, and some\n\
               50 ns in Python: it is the limit there, 47 to 55 times by machine, with no work of the pool at all.",
        parts: &["squares", "uneven", "uneven, Collatz"],
        peers: &[
            Peer {
                name: "multiprocessing.Pool",
                program: Program::Python(None),
                required: &[("squares", 50.0), ("uneven", 50.0), ("uneven, Collatz", 50.0)],
            },
            Peer {
                name: "concurrent.futures",
                program: Program::Python(Some("futures")),
                required: &[("squares", 50.0), ("uneven", 50.0), ("uneven, Collatz", 50.0)],
            },
            Peer {
                name: "rayon",
                program: Program::Rust("rayon"),
                required: &[("squares", 0.9), ("uneven", 0.9), ("uneven, Collatz", 0.9)],
            },
        ],
        rounds: 3,
        ours: RUNTIME,
    },
    Job {
        name: "tasks",
        task: "1,000,000 tasks spawned and awaited, and gathers of 100,000 pieces of work: done at once, each after waiting\n\
           once, and as tasks of their own. Beside tokio stands the `try_join_all` of futures.",
        parts: &["spawned", "gathered", "gathered, each waits once", "gathered tasks"],
        peers: &[
            Peer { name: "asyncio", program: Program::Python(None), required: &TASKS_OF_PYTHON },
            Peer { name: "uvloop", program: Program::Python(Some("uvloop")), required: &TASKS_OF_PYTHON },
            Peer {
                name: "tokio",
                program: Program::Rust("tokio"),
                required: &[
                    ("spawned", 0.8),
                    ("gathered", 0.8),
                    ("gathered, each waits once", 0.8),
                    ("gathered tasks", 0.8),
                ],
            },
        ],
        rounds: 3,
        ours: RUNTIME,
    },
    Job {
        name: "queue",
        task: "5,000,000 items through one queue of 1,024 places, from four producers to four workers, until all are done.",
        parts: &["queue"],
        peers: &[
            Peer { name: "queue.Queue", program: Program::Python(None), required: &[("queue", 30.0)] },
            Peer { name: "crossbeam-channel", program: Program::Rust("crossbeam"), required: &[("queue", 0.8)] },
        ],
        rounds: 3,
        ours: RUNTIME,
    },
    Job {
        name: "log",
        task: "10,000,000 records below the level, and 400,000 to a file with time, level and logger, from one thread and\n\
           from eight, until all is written; nothing is dropped. The callers themselves do not wait for the file in Taipan and\n\
           tracing-appender. spdlog publishes 5.8 million records a second to a file, from one thread and without waiting.",
        parts: &["disabled", "file, 1 thread", "file, 8 threads"],
        peers: &[
            Peer {
                name: "logging",
                program: Program::Python(None),
                required: &[("disabled", 25.0), ("file, 1 thread", 20.0), ("file, 8 threads", 20.0)],
            },
            Peer {
                name: "tracing-appender",
                program: Program::Rust("tracing"),
                required: &[("disabled", 0.0), ("file, 1 thread", 0.0), ("file, 8 threads", 0.0)],
            },
        ],
        rounds: 3,
        ours: RUNTIME,
    },
    Job {
        name: "durable-jobs",
        task: "3,000 jobs put into a SQLite database by 32 threads, done by 32 workers of the same process, each result read;\n\
           each step is on the disk before it counts (write-ahead log, synchronised). Huey hands a job out by deleting it, so\n\
           that one whose worker dies is lost; Taipan hands it out by a lease. The line without fsync may lose what it\n\
           acknowledged when the machine stops.",
        parts: &["jobs"],
        peers: &[
            Peer { name: "Huey", program: Program::Python(None), required: &[("jobs", 10.0)] },
            Peer { name: "Huey without fsync", program: Program::Python(Some("nofsync")), required: &[("jobs", 0.0)] },
        ],
        rounds: 5,
        ours: ("taipan-store", "jobs_bench"),
    },
];

pub(crate) fn is_job(name: &str) -> bool {
    names().any(|job| job == name)
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    JOBS.iter().map(|job| job.name)
}

/// Builds Taipan's side of a job, for a setting of its own: the peers in Python have their own environment.
pub(crate) fn setting(root: &Path, data: &Path, name: &str, options: &Options) -> Result<Setting> {
    let job = find(name)?;
    let venv = cargo::cache("taipan-bench")?.join("venv-runtime");
    Ok(Setting {
        root: root.to_owned(),
        data: data.to_owned(),
        venv: Venv::open(&venv, &root.join("bench").join(REQUIREMENTS))?,
        taipan: if options.peers_only { None } else { Some(build(root, job.ours)?) },
        runs: options.runs,
    })
}

const REQUIREMENTS: &str = "runtime-requirements.txt";

fn find(name: &str) -> Result<&'static Job> {
    JOBS.iter().find(|job| job.name == name).context("no such job")
}

fn build(root: &Path, (package, example): (&str, &str)) -> Result<PathBuf> {
    cargo::run(&mut cargo(root, &["build", "--release", "--package", package, "--example", example]))?;
    let metadata = cargo::metadata(root)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata: no target folder")?;
    Ok(Path::new(target).join("release/examples").join(example))
}

pub(crate) fn run(name: &str, setting: &Setting) -> Result<Section> {
    let job = find(name)?;
    // Peers in Rust are the same program, built even when only peers run.
    let rust = build(&setting.root, job.ours)?;
    let mut contenders = Vec::new();
    if setting.taipan.is_some() {
        contenders.push((contender(setting, TAIPAN, rust.clone(), vec![name.to_owned(), TAIPAN.to_owned()]), None));
    }
    for peer in job.peers {
        let script = format!("runtime_{}", name.replace('-', "_"));
        let (program, arguments) = match peer.program {
            Program::Rust(library) => (rust.clone(), vec![name.to_owned(), library.to_owned()]),
            Program::Python(argument) => {
                let script = setting.peer(&format!("{script}.py"));
                let arguments = std::iter::once(script).chain(argument.map(str::to_owned));
                (setting.venv.program("python"), arguments.collect())
            }
            Program::C(file, library) => (compiled(setting, file, library)?, Vec::new()),
        };
        contenders.push((contender(setting, peer.name, program, arguments), Some(peer)));
    }

    let mut expected: Option<Value> = None;
    for (contender, _) in &contenders {
        let result = measure(contender)?.1["result"].take();
        match &expected {
            None => expected = Some(result),
            Some(expected) if !agree(expected, &result) => bail!("{}: {result}, expected {expected}", contender.name),
            Some(_) => {}
        }
    }
    let rounds = setting.rounds(job.rounds);
    let mut runs: Vec<Vec<(Sample, Value)>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((contender, _), runs) in contenders.iter().zip(&mut runs) {
            runs.push(measure(contender)?);
        }
    }
    let mut comparisons = Vec::new();
    for &part in job.parts {
        let mut lines = Vec::new();
        for ((contender, peer), runs) in contenders.iter().zip(&runs) {
            let required = peer.map(|peer| peer.required.iter().find(|(name, _)| *name == part));
            if required == Some(None) {
                continue;
            }
            lines.push(line(
                contender,
                part,
                runs,
                required.flatten().map(|(_, ratio)| *ratio).filter(|ratio| *ratio > 0.0),
            )?);
        }
        comparisons.push(Comparison {
            title: part.to_owned(),
            columns: vec!["wall time", "CPU time of the process", "peak memory"],
            lines,
            rounds,
        });
    }
    let besides = figures(&runs).into_iter().map(|(title, worst)| {
        let limit = LIMITS.iter().find(|(name, _)| *name == title).map(|(_, limit)| *limit);
        let judged = match limit {
            Some(limit) if worst <= limit => format!(", may be {}: met", milliseconds(limit)),
            Some(limit) => format!(", may be {}: **missed**", milliseconds(limit)),
            None => String::new(),
        };
        format!("\nBesides: {title}: {} at most{judged}.", milliseconds(worst))
    });
    let task = std::iter::once(job.task.to_owned()).chain(besides).collect();
    let pinned = std::fs::read_to_string(setting.bench(REQUIREMENTS))?;
    let pinned =
        pinned.lines().filter_map(|line| line.split_once("==")).map(|(name, version)| format!("{name} {version}"));
    let versions = std::iter::once("Rust libraries as in Cargo.lock".to_owned()).chain(pinned).collect();
    Ok(Section { task, versions, comparisons })
}

/// The most seconds that a figure of Taipan's own may be.
const LIMITS: &[(&str, f64)] =
    &[("timer p99 while all cores compute", 0.005), ("10,000,000 disabled records of a logger", 0.05)];

/// What Taipan measures that no peer does: the greatest over the rounds, in seconds.
fn figures(runs: &[Vec<(Sample, Value)>]) -> Vec<(String, f64)> {
    let known: Vec<&str> = JOBS.iter().flat_map(|job| job.parts).copied().collect();
    let ours = runs.first().map(Vec::as_slice).unwrap_or_default();
    let Some(seconds) = ours.first().and_then(|(_, said)| said["seconds"].as_object()) else { return Vec::new() };
    seconds
        .keys()
        .filter(|part| !known.contains(&part.as_str()))
        .map(|part| {
            let worst = ours.iter().filter_map(|(_, said)| said["seconds"][part].as_f64()).fold(0.0, f64::max);
            (part.clone(), worst)
        })
        .collect()
}

fn contender(setting: &Setting, name: &'static str, program: PathBuf, arguments: Vec<String>) -> Contender {
    Contender { name, program, arguments, folder: setting.data.clone(), required: None }
}

fn compiled(setting: &Setting, file: &str, library: Option<(&str, &str)>) -> Result<PathBuf> {
    let program = setting.data.join(file.trim_end_matches(".c"));
    let compile = || {
        let mut cc = Command::new("cc");
        cc.args(["-O3", "-march=native", "-o"]).arg(&program).arg(setting.peer(file)).args(["-lm", "-lpthread"]);
        cc.args(library.map(|(library, _)| library));
        cc
    };
    match library {
        Some((_, package)) if cargo::output(&mut compile()).is_err() => {
            install::debian_packages(&[package], file)?;
            cargo::run(&mut compile())?;
        }
        Some(_) => {}
        None => cargo::run(&mut compile())?,
    }
    Ok(program)
}

fn measure(contender: &Contender) -> Result<(Sample, Value)> {
    let mut command = contender.command();
    let (sample, printed) = run_for_output(command.stdout(Stdio::piped())).with_context(|| contender.name)?;
    let last = printed.lines().last().unwrap_or_default();
    let said = serde_json::from_str(last).with_context(|| format!("{}: printed no JSON: {printed}", contender.name))?;
    Ok((sample, said))
}

/// Whether the results are equal, as far as the peer went.
fn agree(expected: &Value, result: &Value) -> bool {
    match (expected, result) {
        (Value::Array(expected), Value::Array(result)) => expected.iter().zip(result).all(|(a, b)| a == b),
        (expected, result) => expected == result,
    }
}

fn line(contender: &Contender, part: &str, runs: &[(Sample, Value)], required: Option<f64>) -> Result<Line> {
    let cost: Vec<f64> = runs
        .iter()
        .map(|(_, said)| said["seconds"][part].as_f64())
        .map(|seconds| seconds.with_context(|| format!("{}: no seconds for '{part}'", contender.name)))
        .collect::<Result<_>>()?;
    let cpu: Vec<f64> = runs.iter().map(|(sample, _)| sample.cpu.as_secs_f64()).collect();
    let peak = runs.iter().map(|(sample, _)| sample.peak_bytes).max().unwrap_or(0);
    Ok(Line {
        name: contender.name.to_owned(),
        columns: vec![spread(&cost, milliseconds), spread(&cpu, milliseconds), bytes(peak)],
        cost,
        required: required.map(Requirement),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_agree_as_far_as_a_peer_goes() {
        assert!(agree(&json!([1, 2]), &json!([1])));
        assert!(agree(&json!(3), &json!(3)));
        assert!(!agree(&json!([1, 2]), &json!([2])));
    }

    #[test]
    fn every_peer_has_its_program() {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/peers");
        for job in JOBS {
            for peer in job.peers {
                let script = format!("runtime_{}", job.name.replace('-', "_"));
                let file = match peer.program {
                    Program::Rust(_) => continue,
                    Program::Python(_) => format!("{script}.py"),
                    Program::C(file, _) => file.to_owned(),
                };
                assert!(peers.join(&file).is_file(), "{file}");
            }
        }
    }
}
