//! The browser behind the browser test: finds or installs Chromium, starts its driver, stops it at the end.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{http, install};

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A running driver; dropping it ends it and every browser it opened.
pub(crate) struct Chromedriver {
    process: Child,
    port: u16,
}

impl Chromedriver {
    /// Starts a driver on a free port and waits until it answers.
    pub(crate) fn start() -> Result<Self> {
        let browser = || BROWSERS.iter().any(|name| install::find(name).is_some());
        if install::find("chromedriver").is_none() || !browser() {
            install::debian_packages(&["chromium", "chromium-driver"], "the browser test")?;
        }
        if !browser() {
            bail!("the browser test needs one of {}", BROWSERS.join(", "));
        }
        let program = install::find("chromedriver").context("chromedriver is not on PATH")?;
        let port = http::free_port()?;
        let process = Command::new(program)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("chromedriver")?;
        let mut driver = Self { process, port };
        let process = &mut driver.process;
        let alive = || matches!(process.try_wait(), Ok(None));
        http::wait_ready(port, "/status", Duration::from_secs(30), alive).context("chromedriver")?;
        Ok(driver)
    }

    /// Where a WebDriver client connects.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // Asked to shut down it closes its browsers too, which a kill would leave behind.
        let asked = http::get(self.port, "/shutdown").is_ok();
        let start = Instant::now();
        while asked && start.elapsed() < Duration::from_secs(5) {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Already gone is fine; there is nobody left to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
