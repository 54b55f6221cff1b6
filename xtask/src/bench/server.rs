//! A server under load: started on a free port, driven by wrk, its memory read, stopped by SIGINT.

use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{cargo, http};

/// A running server; dropping it kills it, [`Server::stop`] ends it properly.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    process: Child,
    log: PathBuf,
}

/// What wrk saw in one round.
#[derive(Debug, PartialEq)]
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) median_seconds: f64,
    pub(crate) p99_seconds: f64,
}

impl Server {
    /// Starts what `command` makes for a port, and waits until `ready` answers 200.
    pub(crate) fn start(
        name: &'static str,
        logs: &Path,
        ready: &str,
        command: impl FnOnce(u16) -> Command,
    ) -> Result<Self> {
        let port = http::free_port()?;
        let log = logs.join(format!("{name}.log"));
        let place = || log.display().to_string();
        let file = File::create(&log).with_context(place)?;
        let errors = file.try_clone().with_context(place)?;
        let process = command(port).stdin(Stdio::null()).stdout(file).stderr(errors).spawn().with_context(|| name)?;
        let mut server = Self { name, port, process, log };
        let process = &mut server.process;
        let alive = || matches!(process.try_wait(), Ok(None));
        http::wait_ready(port, ready, Duration::from_secs(30), alive)
            .with_context(|| format!("{name} (its output: {})", server.log.display()))?;
        Ok(server)
    }

    /// The memory of the server and its workers; pages they share count once.
    pub(crate) fn memory(&self) -> Result<u64> {
        let mut total = 0;
        let mut processes = vec![self.process.id()];
        while let Some(process) = processes.pop() {
            let folder = PathBuf::from(format!("/proc/{process}"));
            let rollup = fs::read_to_string(folder.join("smaps_rollup")).with_context(|| self.name)?;
            total += kibibytes(&rollup, "Pss:").context("smaps_rollup has no Pss")? * 1024;
            for thread in fs::read_dir(folder.join("task")).with_context(|| self.name)?.flatten() {
                // A thread that ended meanwhile has no children to count.
                let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                processes.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
        }
        Ok(total)
    }

    /// Interrupts the server as Ctrl+C does; one that does not end within ten seconds is a failure.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = self.process.id().to_string();
        cargo::run(Command::new("sh").args(["-c", "kill -INT \"$1\"", "sh", &id]))?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if self.process.try_wait().with_context(|| self.name)?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{}: still runs 10 s after SIGINT", self.name);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is fine; there is nobody left to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Drives the port with 64 kept connections by a script with these arguments.
pub(crate) fn wrk(script: &Path, port: u16, arguments: &[&str], time: Duration) -> Result<Load> {
    let text = cargo::output(
        Command::new("wrk")
            // A slow server is slow, and not broken, until half a minute has gone.
            .args(["--threads", "2", "--connections", "64", "--timeout", "30s"])
            .arg(format!("--duration={}s", time.as_secs()))
            .arg("--script")
            .arg(script)
            .arg(format!("http://127.0.0.1:{port}"))
            .arg("--")
            .args(arguments),
    )?;
    Load::read(&text)
}

impl Load {
    /// Reads the last line that the scripts print; an answer other than 2xx or 3xx is an error.
    fn read(text: &str) -> Result<Self> {
        let line = text.lines().rev().find_map(|line| line.strip_prefix("result "));
        let numbers: Option<Vec<f64>> = line.map(|line| line.split(' ').map_while(|word| word.parse().ok()).collect());
        let Some([requests, micros, lost, refused, median, p99]) = numbers.as_deref() else {
            bail!("wrk printed no result:\n{text}");
        };
        if *requests == 0.0 || *lost > 0.0 || *refused > 0.0 {
            bail!("{requests} requests, {lost} socket errors, {refused} answers with an error status");
        }
        Ok(Self { per_second: requests / micros * 1e6, median_seconds: median / 1e6, p99_seconds: p99 / 1e6 })
    }
}

/// The number after a name in the kernel's `Name:   123 kB` lines.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_wrk_are_read() {
        let text = "Running 5s test\nRequests/sec: 1\nresult 10000 5000000 0 0 1500 9000\n";
        let expected = Load { per_second: 2000.0, median_seconds: 0.0015, p99_seconds: 0.009 };
        assert_eq!(Load::read(text).expect("result"), expected);
    }

    #[test]
    fn errors_under_load_are_not_speed() {
        for (text, expected) in [
            ("result 10 5000000 0 3 1 1", "10 requests, 0 socket errors, 3 answers with an error status"),
            ("result 10 5000000 2 0 1 1", "10 requests, 2 socket errors, 0 answers with an error status"),
            ("result 0 5000000 0 0 0 0", "0 requests, 0 socket errors, 0 answers with an error status"),
            ("unable to connect", "wrk printed no result:\nunable to connect"),
            ("result 10 x", "wrk printed no result:\nresult 10 x"),
        ] {
            assert_eq!(Load::read(text).expect_err(text).to_string(), expected);
        }
    }

    #[test]
    fn memory_is_read() {
        let text = "Rss:  900 kB\nPss:                 512 kB\nPss_Dirty: 7 kB\n";
        assert_eq!(kibibytes(text, "Pss:"), Some(512));
        assert_eq!(kibibytes(text, "Swap:"), None);
    }

    #[test]
    fn a_server_that_ends_is_an_error() {
        let logs = std::env::temp_dir();
        let error = Server::start("xtask-ends", &logs, "/", |_| Command::new("true")).err().expect("nobody listens");
        let _ = fs::remove_file(logs.join("xtask-ends.log"));
        assert!(format!("{error:#}").contains("ended before it was ready"), "{error:#}");
    }
}
