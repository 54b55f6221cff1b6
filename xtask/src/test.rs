//! `cargo xtask test`: every check of the project, in the order that finds mistakes soonest and builds least.
//!
//! Clippy and the documentation share the metadata of the dependencies; all tests come from one build. The
//! run ends with a table of the steps, the name of the step that failed, and the sum of cargo's own test
//! results where that sum is the whole truth.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cargo::{self, cargo};
use crate::chromedriver::Chromedriver;
use crate::postgres::{Durability, Postgres};
use crate::venv::Venv;
use crate::{clients, edges, install};

/// A driver that already runs, for who has one; without it the run starts its own.
const WEBDRIVER: &str = "TAIPAN_WEBDRIVER";
/// A PostgreSQL server that already runs, as a URL; likewise.
const POSTGRES: &str = "TAIPAN_POSTGRES";
/// The certificate that this server shows, if it encrypts.
const POSTGRES_CERTIFICATE: &str = "TAIPAN_POSTGRES_CERTIFICATE";
/// A Python with the packages that tests compare with; likewise.
const PYTHON: &str = "TAIPAN_PYTHON";

/// Runs every step until one fails.
pub(crate) fn run(root: &Path, long: bool) -> ExitCode {
    let start = Instant::now();
    let mut log = Log::default();
    let mut totals = Totals::default();
    let finished = steps(root, long, &mut log, &mut totals).is_some();
    println!("\n{}", log.table(start.elapsed()));
    if let (false, Some(step)) = (finished, log.steps.last()) {
        println!("failed: {}", step.name);
    }
    if let Some(line) = totals.line(finished) {
        println!("{line}");
    }
    if finished { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn steps(root: &Path, long: bool, log: &mut Log, totals: &mut Totals) -> Option<()> {
    log.step("format", || {
        install::rust_component("fmt", "rustfmt")?;
        cargo::run(&mut cargo(root, &["fmt", "--all", "--check"]))
    })?;
    log.step("edges", || edges::check_workspace(root))?;
    // Before the long steps: a machine without a browser is told at once.
    let driver = log.step("browser", || match std::env::var_os(WEBDRIVER) {
        Some(_) => Ok(None),
        None => Chromedriver::start().map(Some),
    })?;
    let database = log.step("database", || match std::env::var_os(POSTGRES) {
        Some(_) => Ok(None),
        None => Postgres::start(Durability::None).map(Some),
    })?;
    let python = log.step("python", || {
        if let Some(python) = std::env::var_os(PYTHON) {
            return Ok(PathBuf::from(python));
        }
        let folder = cargo::cache("taipan-tests")?;
        Ok(Venv::open(&folder, &root.join("xtask/test-requirements.txt"))?.program("python"))
    })?;
    let clients = log.step("clients", || Ok(clients::install()))?;
    let peers = Peers { driver, database, python, clients };
    log.step("clippy", || {
        install::rust_component("clippy", "clippy")?;
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        cargo::run(&mut cargo(root, &arguments))
    })?;
    log.step("docs", || {
        let mut command = cargo(root, &["doc", "--workspace", "--no-deps"]);
        cargo::run(command.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    log.step("tests", || tests(root, long, &peers, totals))
}

/// The programs beside which tests run.
struct Peers {
    driver: Option<Chromedriver>,
    database: Option<Postgres>,
    python: PathBuf,
    clients: Option<PathBuf>,
}

impl Peers {
    /// Tells the tests where they are.
    fn tell(&self, command: &mut Command) {
        command.env(PYTHON, &self.python);
        if let Some(clients) = &self.clients {
            command.env("TAIPAN_CLIENTS", clients);
        }
        if let Some(driver) = &self.driver {
            command.env(WEBDRIVER, driver.url());
        }
        if let Some(database) = &self.database {
            command.env(POSTGRES, database.url());
            command.envs(database.certificate().map(|file| (POSTGRES_CERTIFICATE, file)));
        }
    }
}

/// Unit, documentation, command and browser tests, with their output passed through.
fn tests(root: &Path, long: bool, peers: &Peers, totals: &mut Totals) -> Result<()> {
    // Without stopping at the first failure, or the sum would not be the whole truth.
    let mut command = cargo(root, &["test", "--workspace", "--no-fail-fast"]);
    peers.tell(&mut command);
    if long {
        command.env("TAIPAN_LONG", "1").args(["--", "--include-ignored"]);
    }
    let mut process = command.stdout(Stdio::piped()).spawn().context("cargo test")?;
    let lines = process.stdout.take().context("cargo test: no output")?;
    let mut lines = BufReader::new(lines);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).context("cargo test")? > 0 {
        std::io::stdout().write_all(&line)?;
        totals.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let status = process.wait().context("cargo test")?;
    if !status.success() {
        bail!("cargo test: {status}");
    }
    Ok(())
}

/// What ran, how long it took and how it ended.
#[derive(Default)]
struct Log {
    steps: Vec<Step>,
}

struct Step {
    name: &'static str,
    time: Duration,
    passed: bool,
}

impl Log {
    /// Runs one step; `None` tells the caller to go no further.
    fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = work();
        let time = start.elapsed();
        self.steps.push(Step { name, time, passed: outcome.is_ok() });
        match outcome {
            Ok(value) => {
                println!("== {name}: {:.1} s", time.as_secs_f64());
                Some(value)
            }
            Err(error) => {
                println!("== {name} failed after {:.1} s: {error:#}", time.as_secs_f64());
                None
            }
        }
    }

    fn table(&self, total: Duration) -> String {
        let row = |name: &str, time: Duration, result: &str| {
            let row = format!("{name:<8} {:>7.1} s  {result}", time.as_secs_f64());
            row.trim_end().to_owned()
        };
        let mut rows = vec![format!("{:<8} {:>9}  result", "step", "time")];
        for step in &self.steps {
            let result = if step.passed { "ok" } else { "FAILED" };
            rows.push(row(step.name, step.time, result));
        }
        rows.push(row("all", total, ""));
        rows.join("\n")
    }
}

/// The sum of the result lines of cargo's test harness.
#[derive(Default)]
struct Totals {
    announced: u64,
    started: u64,
    ended: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Totals {
    fn read(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(count) = line.strip_prefix("running ").and_then(announced) {
            self.announced += count;
            self.started += 1;
        } else if let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) {
            self.ended += 1;
            for count in counts.split("; ") {
                match count.split_once(' ').map(|(number, what)| (number.parse::<u64>(), what)) {
                    Some((Ok(number), "passed")) => self.passed += number,
                    Some((Ok(number), "failed")) => self.failed += number,
                    Some((Ok(number), "ignored" | "measured")) => self.ignored += number,
                    _ => {}
                }
            }
        }
    }

    /// `N passed, N failed`, unless tests were announced and not accounted for: a test program that
    /// crashed or was never built makes any sum untrue.
    fn line(&self, succeeded: bool) -> Option<String> {
        let accounted = self.passed + self.failed + self.ignored;
        let whole = self.ended > 0 && self.started == self.ended && self.announced == accounted;
        let consistent = succeeded == (self.failed == 0);
        (whole && consistent).then(|| format!("{} passed, {} failed", self.passed, self.failed))
    }
}

/// The number in `3 tests` or `1 test`.
fn announced(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    matches!(unit, "test" | "tests").then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(output: &str) -> Totals {
        let mut totals = Totals::default();
        for line in output.lines() {
            totals.read(line);
        }
        totals
    }

    const GREEN: &str = "\
running 2 tests
test a ... ok
test b ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 1 test
test src/lib.rs - f (line 3) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.21s
";
    const RED: &str = "\
running 3 tests
test a ... FAILED
test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn result_lines_are_summed() {
        assert_eq!(totals(GREEN).line(true), Some("3 passed, 0 failed".to_owned()));
        let both = format!("{GREEN}{RED}");
        assert_eq!(totals(&both).line(false), Some("4 passed, 1 failed".to_owned()));
    }

    #[test]
    fn an_untrue_sum_is_not_printed() {
        // Nothing ran.
        assert_eq!(totals("").line(true), None);
        // A test program did not compile, or ended with an error of its own.
        assert_eq!(totals(GREEN).line(false), None);
        // One crashed between its announcement and its result.
        let crashed = format!("{RED}running 5 tests\ntest c ... ok\n");
        assert_eq!(totals(&crashed).line(false), None);
        // One crashed, and no other failed.
        let crashed = format!("{GREEN}running 5 tests\n");
        assert_eq!(totals(&crashed).line(false), None);
    }

    #[test]
    fn the_log_keeps_times_and_stops_at_a_failure() {
        let mut log = Log::default();
        assert_eq!(log.step("format", || Ok(7)), Some(7));
        assert_eq!(log.step("clippy", || -> Result<()> { bail!("lint") }), None);
        for step in &mut log.steps {
            step.time = Duration::from_millis(1250);
        }
        let expected = "\
step          time  result
format       1.2 s  ok
clippy       1.2 s  FAILED
all          3.0 s";
        assert_eq!(log.table(Duration::from_secs(3)), expected);
    }
}
