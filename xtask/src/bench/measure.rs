//! Time, CPU and peak memory of one command, as the kernel reports them at its end.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use wait4::Wait4;

use super::report::{Comparison, Line, Requirement, bytes, milliseconds, spread};

/// One run of a command.
#[cfg_attr(test, derive(Default))]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_bytes: u64,
}

/// A program in the race.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Where it runs: the folder of its input.
    pub(crate) folder: PathBuf,
    pub(crate) required: Option<Requirement>,
}

impl Contender {
    /// The command, new for each run.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder);
        command
    }
}

/// Runs the contenders in turns after one warm-up each; the first is the one the others are compared with.
pub(crate) fn race(title: &str, contenders: &[Contender], rounds: usize) -> Result<Comparison> {
    for contender in contenders {
        sample(contender)?;
    }
    race_warm(title, contenders, rounds)
}

/// The same for contenders that have all just run.
pub(crate) fn race_warm(title: &str, contenders: &[Contender], rounds: usize) -> Result<Comparison> {
    let mut samples: Vec<Vec<Sample>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (contender, samples) in contenders.iter().zip(&mut samples) {
            samples.push(sample(contender)?);
        }
    }
    let lines = contenders.iter().zip(&samples).map(|(contender, samples)| {
        let walls: Vec<f64> = samples.iter().map(|sample| sample.wall.as_secs_f64()).collect();
        let cpus: Vec<f64> = samples.iter().map(|sample| sample.cpu.as_secs_f64()).collect();
        let peak = samples.iter().map(|sample| sample.peak_bytes).max().unwrap_or(0);
        Line {
            name: contender.name.to_owned(),
            columns: vec![spread(&walls, milliseconds), spread(&cpus, milliseconds), bytes(peak)],
            cost: walls,
            required: contender.required,
        }
    });
    Ok(Comparison {
        title: title.to_owned(),
        columns: vec!["wall time", "CPU time", "peak memory"],
        lines: lines.collect(),
        rounds,
    })
}

fn sample(contender: &Contender) -> Result<Sample> {
    run(&mut contender.command()).with_context(|| contender.name)
}

/// Runs the command with its output thrown away.
fn run(command: &mut Command) -> Result<Sample> {
    command.stdout(Stdio::null());
    Ok(run_for_output(command)?.0)
}

/// Runs the command and gives what it printed, if that is piped.
pub(crate) fn run_for_output(command: &mut Command) -> Result<(Sample, String)> {
    command.stdin(Stdio::null());
    let start = Instant::now();
    let mut process = command.spawn().context("could not be started")?;
    let mut printed = String::new();
    if let Some(mut pipe) = process.stdout.take() {
        pipe.read_to_string(&mut printed).context("its output could not be read")?;
    }
    let end = process.wait4().context("could not be waited for")?;
    let wall = start.elapsed();
    if !end.status.success() {
        bail!("{}", end.status);
    }
    let usage = end.rusage;
    Ok((Sample { wall, cpu: usage.utime + usage.stime, peak_bytes: usage.maxrss }, printed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Contender {
        Contender {
            name: "peer",
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            folder: std::env::temp_dir(),
            required: None,
        }
    }

    #[test]
    fn a_command_is_measured() {
        let sample = run(&mut shell("sleep 0.05; echo hidden").command()).expect("runs");
        assert!(sample.wall >= Duration::from_millis(50), "{:?}", sample.wall);
        assert!(sample.cpu <= sample.wall, "{:?} of {:?}", sample.cpu, sample.wall);
        assert!(sample.peak_bytes > 100_000, "{}", sample.peak_bytes);
    }

    #[test]
    fn a_failing_contender_is_named() {
        let error = race("t", &[shell("exit 4")], 1).err().expect("exit 4");
        assert_eq!(format!("{error:#}"), "peer: exit status: 4");
    }

    #[test]
    fn every_contender_has_its_rounds() {
        let comparison = race("t", &[shell("true"), shell("true")], 3).expect("race");
        let rounds: Vec<_> = comparison.lines.iter().map(|line| line.cost.len()).collect();
        assert_eq!(rounds, [3, 3]);
    }
}
