//! Learning: taipan-learn against scikit-learn on two cores.
//!
//! Both sides are a program that makes its data, does the job's work, and prints one line of JSON:
//! `{"seconds": {"fit": 0.8, "predict": 0.1}, "result": …}`. They time their own work, so that neither starting Python
//! nor making the data counts; memory is that of the whole process. The results must agree to [`Job::tolerance`].
//!
//! | side | program |
//! |---|---|
//! | Taipan | `crates/taipan-learn/examples/learn_bench`, argument: the job |
//! | scikit-learn | `bench/peers/learn_JOB.py` |

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::measure::{Contender, Sample, run_for_output};
use super::report::{Comparison, Line, Requirement, Section, TAIPAN, bytes, median, milliseconds, spread};
use super::{Options, Setting};
use crate::cargo::{self, cargo};
use crate::venv::Venv;

/// A job and what is required of it.
struct Job {
    name: &'static str,
    /// What was asked of both, for the report.
    task: &'static str,
    /// The parts that are timed, each with the least ratio, if one is required.
    parts: &'static [(&'static str, Option<f64>)],
    limits: &'static [Limit],
    /// Greatest share of scikit-learn's peak memory that Taipan may need, if that is asked.
    memory: Option<f64>,
    /// Greatest relative difference between numbers of the two results.
    tolerance: f64,
    rounds: usize,
}

/// The least that a part has to read and to compute, whoever does it.
struct Limit {
    part: &'static str,
    gigabytes: f64,
    gigaflops: f64,
    /// A number in Taipan's output that both are to be multiplied with.
    times: Option<&'static str>,
    /// What is counted.
    what: &'static str,
}

const JOBS: &[Job] = &[
    Job {
        name: "grid-iris",
        task: "GridSearchCV over a RandomForestClassifier on iris (150 × 4): `n_estimators` 50, 100, 200 × `max_depth`\n\
           3, 5, 7, five folds, then the best refitted: 46 forests. The same best parameters and scores.\n\n\
           The data fits into the nearest cache and there is hardly anything to compute, so neither memory nor\n\
           arithmetic is the limit, but drawing, sorting and branching; forests of equal depth are grown once.",
        parts: &[("search", Some(40.0))],
        limits: &[],
        memory: None,
        tolerance: 0.0,
        rounds: 5,
    },
    Job {
        name: "linear",
        task: "LinearRegression and Ridge on 1,000,000 × 20 normal numbers. The same weights to a relative 1e-9.",
        parts: &[("ols", Some(3.0)), ("ridge", Some(3.0))],
        limits: &[
            Limit {
                part: "ols",
                gigabytes: 0.336,
                gigaflops: 0.88,
                times: None,
                what: "the table twice, for means and for the QR decomposition",
            },
            Limit {
                part: "ridge",
                gigabytes: 0.336,
                gigaflops: 0.44,
                times: None,
                what: "the table twice, for means and for products",
            },
        ],
        memory: None,
        tolerance: 1e-9,
        rounds: 5,
    },
    Job {
        name: "logistic",
        task: "LogisticRegression (L-BFGS) on 1,000,000 × 20 normal numbers. The same weights to a relative 1e-6.",
        parts: &[("fit", Some(2.0))],
        limits: &[Limit {
            part: "fit",
            gigabytes: 0.168,
            gigaflops: 0.08,
            times: Some("/passes"),
            what: "the table once for each step of L-BFGS",
        }],
        memory: None,
        tolerance: 1e-6,
        rounds: 5,
    },
    Job {
        name: "lasso",
        task: "Lasso (alpha 0.01) on 100,000 × 200 normal numbers, of which 20 features count. The same weights to a\n\
               relative 1e-9, in as many steps.",
        parts: &[("fit", Some(2.0))],
        limits: &[Limit {
            part: "fit",
            gigabytes: 0.322,
            gigaflops: 4.06,
            times: None,
            what: "the table twice, for means and for the products of its columns",
        }],
        memory: None,
        tolerance: 1e-9,
        rounds: 5,
    },
    Job {
        name: "pca",
        task: "PCA on 1,000,000 × 50 numbers, two components. The same ratios to a relative 1e-9.",
        parts: &[("fit", Some(1.5))],
        limits: &[Limit {
            part: "fit",
            gigabytes: 0.8,
            gigaflops: 2.55,
            times: None,
            what: "the table twice, for means and for covariances",
        }],
        memory: None,
        tolerance: 1e-9,
        rounds: 5,
    },
    Job {
        name: "kmeans",
        task: "KMeans with 20 clusters on 500,000 × 20 numbers. The same inertia to a relative 1e-9, in as many steps.",
        parts: &[("fit", Some(2.0))],
        limits: &[Limit {
            part: "fit",
            gigabytes: 2.4,
            gigaflops: 5.5,
            times: None,
            what: "the table for each of 20 starts, 8 steps and 2 sums, and every distance; bounds spare some of both",
        }],
        memory: None,
        tolerance: 1e-9,
        rounds: 5,
    },
    Job {
        name: "forest",
        task: "RandomForestClassifier of 50 trees from 100,000 × 20 normal numbers, two classes. The same trees.",
        parts: &[("fit", Some(4.0))],
        limits: &[FOREST],
        memory: Some(0.5),
        tolerance: 0.0,
        rounds: 3,
    },
    Job {
        name: "forest-large",
        task: "The same from 1,000,000 × 20.",
        parts: &[("fit", Some(4.0))],
        limits: &[FOREST],
        memory: Some(0.5),
        tolerance: 0.0,
        rounds: 1,
    },
    Job {
        name: "forest-predict",
        task: "The forest of 100,000 rows gives class probabilities for 1,000,000. The same ones.",
        parts: &[("predict", Some(8.0))],
        limits: &[Limit {
            part: "predict",
            gigabytes: 0.176,
            gigaflops: 0.0,
            times: None,
            what: "the table and the answers; the time goes to 50 million walks from root to leaf, each about 22 steps that \
                   wait for each other and read a node of 8 bytes and a value of 4, which 96 walks under way at once \
                   turn from waiting into about 3 reads a step",
        }],
        memory: None,
        tolerance: 1e-9,
        rounds: 3,
    },
    Job {
        name: "gradient-boosting",
        task: "GradientBoostingRegressor of 100 rounds from 100,000 × 20 normal numbers. The same trees.",
        parts: &[("fit", Some(4.0))],
        limits: &[Limit {
            part: "fit",
            gigabytes: 420e-9,
            gigaflops: 40e-9,
            times: Some("/result/samples"),
            what: "for each row of each node and feature a place in a sorted list, its target, and its move to a child",
        }],
        memory: None,
        tolerance: 0.0,
        rounds: 1,
    },
];

const FOREST: Limit = Limit {
    part: "fit",
    gigabytes: 160e-9,
    gigaflops: 80e-9,
    times: Some("/result/samples"),
    what: "for each row of each node and four features an 8-byte key, written, and sorted in two passes",
};

pub(crate) fn is_job(name: &str) -> bool {
    names().any(|job| job == name)
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    JOBS.iter().map(|job| job.name)
}

/// Builds taipan-learn's side and opens scikit-learn's.
pub(crate) fn setting(root: &Path, data: &Path, options: &Options) -> Result<Setting> {
    let venv = cargo::cache("taipan-parity")?.join("venv");
    Ok(Setting {
        root: root.to_owned(),
        data: data.to_owned(),
        venv: Venv::open(&venv, &root.join("xtask/parity-requirements.txt"))?,
        taipan: if options.peers_only { None } else { Some(build(root)?) },
        runs: options.runs,
    })
}

fn build(root: &Path) -> Result<std::path::PathBuf> {
    cargo::run(&mut cargo(root, &["build", "--release", "--package", "taipan-learn", "--example", "learn_bench"]))?;
    let metadata = cargo::metadata(root)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata: no target folder")?;
    Ok(Path::new(target).join("release/examples/learn_bench"))
}

/// One run: what the kernel says of the process, and what it says itself.
struct Run {
    sample: Sample,
    said: Value,
}

pub(crate) fn run(name: &str, setting: &Setting) -> Result<Section> {
    let job = JOBS.iter().find(|job| job.name == name).context("no such job")?;
    let script = format!("learn_{}.py", name.replace('-', "_"));
    let contender = |name, program, argument: String| Contender {
        name,
        program,
        arguments: vec![argument],
        folder: setting.data.clone(),
        required: None,
    };
    let mut contenders = Vec::new();
    if let Some(program) = &setting.taipan {
        contenders.push(contender(TAIPAN, program.clone(), name.to_owned()));
    }
    contenders.push(contender("scikit-learn", setting.venv.program("python"), setting.peer(&script)));

    let race =
        Race { contenders, environment: Vec::new(), tolerance: job.tolerance, rounds: setting.rounds(job.rounds) };
    let parts: Vec<&'static str> = job.parts.iter().map(|(part, _)| *part).collect();
    let runs = race.runs()?;
    let comparisons = race.compare(&runs, &parts, |_, part| job.parts[part].1)?;
    let mut task = job.task.to_owned();
    if let (Some(most), [ours, theirs]) = (job.memory, &runs[..]) {
        task = format!("{task}\n\n{}", memory_told(most, ours, theirs));
    }
    if let (Some(program), Some(ours), [_, ..]) = (&setting.taipan, runs.first(), job.limits) {
        let machine = race.measure(&contender(TAIPAN, program.clone(), "machine".to_owned()))?.said;
        for limit in job.limits {
            task = format!("{task}\n\n{}", limit.told(&machine["result"], ours)?);
        }
    }
    Ok(Section { task, versions: versions(&setting.root)?, comparisons })
}

/// The greatest memory of any run of each side, and whether Taipan's is as little as asked.
fn memory_told(most: f64, ours: &[Run], theirs: &[Run]) -> String {
    let peak = |runs: &[Run]| runs.iter().map(|run| run.sample.peak_bytes).max().unwrap_or(0);
    let (ours, theirs) = (peak(ours), peak(theirs));
    let share = ours as f64 / theirs as f64;
    let judged = if share <= most { "met" } else { "**missed**" };
    format!(
        "Peak memory with the table itself: {}, {share:.2} of scikit-learn's {}, may be {most}: {judged}.",
        bytes(ours),
        bytes(theirs)
    )
}

impl Limit {
    /// How long the machine needs for the least there is to do, and how much longer Taipan takes.
    fn told(&self, machine: &Value, runs: &[Run]) -> Result<String> {
        let speed = |what: &str| machine[what].as_f64().with_context(|| format!("the machine's {what} are not known"));
        let (bytes, flops) = (speed("bytes")? / 1e9, speed("flops")? / 1e9);
        let first = runs.first().context("there was no run")?;
        let times = match self.times {
            None => 1.0,
            Some(place) => first.said.pointer(place).and_then(Value::as_f64).context(place)?,
        };
        let (gigabytes, gigaflops) = (self.gigabytes * times, self.gigaflops * times);
        let least = (gigabytes / bytes).max(gigaflops / flops);
        let seconds: Vec<f64> = runs.iter().filter_map(|run| run.said["seconds"][self.part].as_f64()).collect();
        Ok(format!(
            "Limit of `{}`: {gigabytes:.2} GB and {gigaflops:.2} Gflop ({}), at {bytes:.1} GB/s and {flops:.0} Gflop/s, \
             which two threads reach here: {}. Taipan takes {:.1} times that.",
            self.part,
            self.what,
            milliseconds(least),
            median(&seconds) / least
        ))
    }
}

/// Programs that time their own parts of the same work, and print them.
pub(super) struct Race {
    /// The first is the one the others are compared with.
    pub(super) contenders: Vec<Contender>,
    pub(super) environment: Vec<(&'static str, String)>,
    /// Greatest relative difference between numbers of the results.
    pub(super) tolerance: f64,
    pub(super) rounds: usize,
}

impl Race {
    /// Runs them in turns after one warm-up each. `required` is the least ratio to a contender in a part.
    pub(super) fn run(
        &self,
        parts: &[&'static str],
        required: impl Fn(&str, usize) -> Option<f64>,
    ) -> Result<Vec<Comparison>> {
        self.compare(&self.runs()?, parts, required)
    }

    /// The runs of each contender, in turns after one warm-up each.
    fn runs(&self) -> Result<Vec<Vec<Run>>> {
        let warm: Vec<Run> = self.contenders.iter().map(|contender| self.measure(contender)).collect::<Result<_>>()?;
        for pair in warm.windows(2) {
            if let [ours, theirs] = pair
                && !same(&ours.said["result"], &theirs.said["result"], self.tolerance)
            {
                bail!("the results differ:\n{}\n{}", ours.said["result"], theirs.said["result"]);
            }
        }
        let mut runs: Vec<Vec<Run>> = self.contenders.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.rounds {
            for (contender, runs) in self.contenders.iter().zip(&mut runs) {
                runs.push(self.measure(contender)?);
            }
        }
        Ok(runs)
    }

    fn compare(
        &self,
        runs: &[Vec<Run>],
        parts: &[&'static str],
        required: impl Fn(&str, usize) -> Option<f64>,
    ) -> Result<Vec<Comparison>> {
        let comparison = |(index, part): (usize, &&'static str)| {
            comparison(part, |contender| required(contender, index), &self.contenders, runs, self.rounds)
        };
        parts.iter().enumerate().map(comparison).collect()
    }

    fn measure(&self, contender: &Contender) -> Result<Run> {
        measure(contender, &self.environment)
    }
}

fn comparison(
    part: &'static str,
    required: impl Fn(&str) -> Option<f64>,
    contenders: &[Contender],
    runs: &[Vec<Run>],
    rounds: usize,
) -> Result<Comparison> {
    let line = |(contender, runs): (&Contender, &Vec<Run>)| {
        let seconds = |run: &Run| run.said["seconds"][part].as_f64();
        let cost: Vec<f64> = runs
            .iter()
            .map(|run| seconds(run).with_context(|| format!("{}: no seconds for '{part}'", contender.name)))
            .collect::<Result<_>>()?;
        let cpu: Vec<f64> = runs.iter().map(|run| run.sample.cpu.as_secs_f64()).collect();
        let peak = runs.iter().map(|run| run.sample.peak_bytes).max().unwrap_or(0);
        Ok(Line {
            name: contender.name.to_owned(),
            columns: vec![spread(&cost, milliseconds), spread(&cpu, milliseconds), bytes(peak)],
            cost,
            required: required(contender.name).filter(|_| contender.name != TAIPAN).map(Requirement),
        })
    };
    Ok(Comparison {
        title: part.to_owned(),
        columns: vec!["wall time", "CPU time of the process", "peak memory"],
        lines: contenders.iter().zip(runs).map(line).collect::<Result<_>>()?,
        rounds,
    })
}

fn measure(contender: &Contender, environment: &[(&'static str, String)]) -> Result<Run> {
    let mut command = contender.command();
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    // scikit-learn gets both cores for its own threads and for its linear algebra, as Taipan does.
    command.envs([("OMP_NUM_THREADS", "2"), ("OPENBLAS_NUM_THREADS", "2"), ("RAYON_NUM_THREADS", "2")]);
    let (sample, printed) = run_for_output(command.stdout(Stdio::piped())).with_context(|| contender.name)?;
    let last = printed.lines().last().unwrap_or_default();
    let said = serde_json::from_str(last).with_context(|| format!("{}: printed no JSON: {printed}", contender.name))?;
    Ok(Run { sample, said })
}

/// Whether the results are alike, numbers within the tolerance.
fn same(left: &Value, right: &Value, tolerance: f64) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right, tolerance))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| same(left, right, tolerance)))
        }
        (Value::Number(left), Value::Number(right)) => match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => (left - right).abs() <= tolerance * left.abs().max(right.abs()),
            _ => left == right,
        },
        (left, right) => left == right,
    }
}

fn versions(root: &Path) -> Result<Vec<String>> {
    let path = root.join("xtask/parity-requirements.txt");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(text
        .lines()
        .filter_map(|line| line.split_once("=="))
        .map(|(name, version)| format!("{name} {version}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_are_compared_within_the_tolerance() {
        let result = json!({"best": {"max_depth": 3}, "scores": [0.96, 1.0]});
        for (other, tolerance, expected) in [
            (json!({"best": {"max_depth": 3.0}, "scores": [0.96, 1.0]}), 0.0, true),
            (json!({"best": {"max_depth": 3}, "scores": [0.960_001, 1.0]}), 0.0, false),
            (json!({"best": {"max_depth": 3}, "scores": [0.960_001, 1.0]}), 1e-5, true),
            (json!({"best": {"max_depth": 3}, "scores": [0.96]}), 1.0, false),
            (json!({"best": {"max_depth": "3"}, "scores": [0.96, 1.0]}), 1.0, false),
            (json!({"best": {}, "scores": [0.96, 1.0]}), 1.0, false),
        ] {
            assert_eq!(same(&result, &other, tolerance), expected, "{other}");
        }
    }

    #[test]
    fn the_share_of_memory_is_judged() {
        let run = |peak_bytes| Run { sample: Sample { peak_bytes, ..Sample::default() }, said: Value::Null };
        let theirs = [run(100_000_000), run(200_000_000)];
        for (ours, expected) in [
            (100_000_000, "100.0 MB, 0.50 of scikit-learn's 200.0 MB, may be 0.5: met."),
            (150_000_000, "150.0 MB, 0.75 of scikit-learn's 200.0 MB, may be 0.5: **missed**."),
        ] {
            assert_eq!(
                memory_told(0.5, &[run(ours)], &theirs),
                format!("Peak memory with the table itself: {expected}")
            );
        }
    }

    #[test]
    fn the_distance_from_the_limit_is_told() {
        let run = |seconds: f64| Run {
            sample: Sample::default(),
            said: json!({"seconds": {"fit": seconds}, "passes": 4, "result": null}),
        };
        let limit = Limit { part: "fit", gigabytes: 0.5, gigaflops: 1.0, times: Some("/passes"), what: "passes" };
        let machine = json!({"bytes": 10e9, "flops": 100e9});
        assert_eq!(
            limit.told(&machine, &[run(0.8), run(0.4), run(0.5)]).expect("told"),
            "Limit of `fit`: 2.00 GB and 4.00 Gflop (passes), at 10.0 GB/s and 100 Gflop/s, which two threads reach here: \
             200 ms. Taipan takes 2.5 times that."
        );
        assert!(limit.told(&json!({}), &[run(0.8)]).is_err());
    }

    #[test]
    fn every_job_has_its_peer() {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/peers");
        for name in names() {
            assert!(peers.join(format!("learn_{}.py", name.replace('-', "_"))).is_file(), "{name}");
        }
    }
}
