//! A bar for jobs that take over a second, on standard error when it is a terminal.

use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const QUIET_FOR: Duration = Duration::from_secs(1);

/// The progress of reading one file after another.
pub(crate) struct FileProgress {
    shown: bool,
    state: Mutex<State>,
}

struct State {
    name: String,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl FileProgress {
    /// A progress that shows nothing when `quiet`, or when standard error is no terminal.
    pub(crate) fn new(quiet: bool) -> Self {
        let state = State { name: String::new(), started: Instant::now(), bar: None };
        Self { shown: !quiet && io::stderr().is_terminal(), state: Mutex::new(state) }
    }

    /// Tells how much of file `name` has been read.
    pub(crate) fn update(&self, name: &str, read: u64, total: u64) {
        if !self.shown {
            return;
        }
        let Ok(mut state) = self.state.lock() else { return };
        if state.name != name {
            state.clear();
            name.clone_into(&mut state.name);
            state.started = Instant::now();
        }
        if state.bar.is_none() && state.started.elapsed() > QUIET_FOR {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let template = "{msg}  {bar:24}  {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("━━╌"));
            }
            bar.set_message(name.to_owned());
            bar.set_elapsed(state.started.elapsed());
            state.bar = Some(bar);
        }
        if let Some(bar) = &state.bar {
            bar.set_position(read);
        }
    }

    /// Takes the bar away, so that a closing line can be printed.
    pub(crate) fn clear(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.clear();
        }
    }
}

impl State {
    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
