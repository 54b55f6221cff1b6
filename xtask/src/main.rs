//! The project's own chores: `cargo xtask test`, `cargo xtask bench`, `cargo xtask parity`.
//!
//! Arguments are read here and nowhere else; each chore is a module that works in the workspace root.

mod bench;
mod cargo;
mod chromedriver;
mod clients;
mod edges;
mod http;
mod install;
mod parity;
mod postgres;
mod rust_source;
mod test;
mod venv;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <CHORE>

  test [--long]                          every check of the project; --long adds the long tests
  edges                                  the rules of the architecture alone (part of test)
  bench JOB|all [--runs N] [--peers]     measure Taipan against its peers and rewrite bench/RESULTS.md;
                                         --peers runs the peers alone and writes nothing
                                         jobs: startup, csv-query, rest-read, fetch, class-call, scatter-tips, scatter-1m, report, and of learning: grid-iris,
                                         forest, forest-large, forest-predict, gradient-boosting, linear, logistic,
                                         lasso, pca, kmeans, cold;
                                         of databases: top10, bulk-write, bulk-write-postgres, bulk-read,
                                         bulk-read-postgres, small-tx;
                                         of running work: primes, pool-map, tasks, queue, log, durable-jobs
  parity [--family F]                    make scikit-learn's reference results for taipan-learn anew
  parity --cases N [--family F] [--seed S]
                                         test taipan-learn on fresh random cases against scikit-learn
";

#[derive(Debug, PartialEq)]
enum Chore {
    Help,
    Test { long: bool },
    Edges,
    Bench(bench::Options),
    Parity(parity::Options),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let chore = match parse(&arguments) {
        Ok(chore) => chore,
        Err(message) => {
            eprint!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let root = root();
    let outcome = match chore {
        Chore::Help => {
            print!("{USAGE}");
            Ok(())
        }
        // Its last lines are part of its contract, so it prints its own failure.
        Chore::Test { long } => return test::run(&root, long),
        Chore::Edges => edges::check_workspace(&root),
        Chore::Bench(options) => bench::run(&root, &options),
        Chore::Parity(options) => parity::run(&root, &options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Chore, String> {
    let mut words = arguments.iter().map(String::as_str);
    let chore = match words.next() {
        None => return Err("name a chore".to_owned()),
        Some("help" | "--help" | "-h") => Chore::Help,
        Some("edges") => Chore::Edges,
        Some("parity") => {
            let mut options = parity::Options::default();
            while let Some(word) = words.next() {
                match word {
                    "--family" => options.family = Some(words.next().ok_or("--family needs a name")?.to_owned()),
                    "--cases" => options.cases = Some(positive("--cases", words.next())?),
                    "--seed" => options.seed = Some(positive("--seed", words.next())?),
                    other => return Err(format!("parity: unexpected argument '{other}'")),
                }
            }
            if options.seed.is_some() && options.cases.is_none() {
                return Err("parity: --seed needs --cases".to_owned());
            }
            Chore::Parity(options)
        }
        Some("test") => {
            let mut long = false;
            for word in words.by_ref() {
                match word {
                    "--long" => long = true,
                    other => return Err(format!("test: unexpected argument '{other}'")),
                }
            }
            Chore::Test { long }
        }
        Some("bench") => {
            let mut job = None;
            let mut runs = None;
            let mut peers_only = false;
            while let Some(word) = words.next() {
                match word {
                    "--peers" => peers_only = true,
                    "--runs" => runs = Some(positive("--runs", words.next())?),
                    name if job.is_none() && bench::is_job(name) => job = Some(name.to_owned()),
                    other => return Err(format!("bench: unexpected argument '{other}'")),
                }
            }
            let job = job.ok_or("bench: name a job, or all")?;
            Chore::Bench(bench::Options { job, runs, peers_only })
        }
        Some(other) => return Err(format!("unknown chore '{other}'")),
    };
    match words.next() {
        None => Ok(chore),
        Some(extra) => Err(format!("unexpected argument '{extra}'")),
    }
}

fn positive(option: &str, word: Option<&str>) -> Result<usize, String> {
    let text = word.ok_or_else(|| format!("{option} needs a number"))?;
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option} {text}: expected a number from 1")),
    }
}

/// The workspace root. Taken when running, not when compiling: clones may share one build cache.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut root = PathBuf::from(package);
    root.pop();
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Chore, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_read() {
        let bench =
            |job: &str, runs, peers_only| Chore::Bench(bench::Options { job: job.to_owned(), runs, peers_only });
        let parity = |family: Option<&str>, cases, seed| {
            Chore::Parity(parity::Options { family: family.map(str::to_owned), cases, seed })
        };
        let cases = [
            ("test", Chore::Test { long: false }),
            ("test --long", Chore::Test { long: true }),
            ("edges", Chore::Edges),
            ("parity", parity(None, None, None)),
            ("parity --cases 2000 --family trees --seed 7", parity(Some("trees"), Some(2000), Some(7))),
            ("--help", Chore::Help),
            ("bench all", bench("all", None, false)),
            ("bench startup --runs 3", bench("startup", Some(3), false)),
            ("bench --peers --runs 1 rest-read", bench("rest-read", Some(1), true)),
        ];
        for (line, expected) in cases {
            assert_eq!(read(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let cases = [
            ("", "name a chore"),
            ("tset", "unknown chore 'tset'"),
            ("test --short", "test: unexpected argument '--short'"),
            ("edges now", "unexpected argument 'now'"),
            ("bench", "bench: name a job, or all"),
            ("bench nothing", "bench: unexpected argument 'nothing'"),
            ("bench startup csv-query", "bench: unexpected argument 'csv-query'"),
            ("parity --seed 1", "parity: --seed needs --cases"),
            ("parity --cases", "--cases needs a number"),
            ("bench all --runs", "--runs needs a number"),
            ("bench all --runs 0", "--runs 0: expected a number from 1"),
        ];
        for (line, expected) in cases {
            assert_eq!(read(line), Err(expected.to_owned()), "{line}");
        }
    }
}
