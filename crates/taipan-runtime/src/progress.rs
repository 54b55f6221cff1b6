//! How far work has come: one trait, shown as a bar in a terminal, as log lines elsewhere, or handed on as events.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use taipan_runtime::progress::{Counter, Update};
//!
//! let seen = Arc::new(Mutex::new(Vec::new()));
//! let events = Arc::clone(&seen);
//! let counter = Counter::new(Arc::new(move |update: &Update| events.lock().unwrap().push(update.clone())), "rows", Some(3));
//! for _ in 0..3 {
//!     counter.add(1);
//! }
//! drop(counter);
//! let seen = seen.lock().unwrap();
//! assert_eq!(seen.last().map(|update| (update.done, update.finished)), Some((3, true)));
//! ```

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a [`Counter`] reports at most: more often than anyone can look, and seldom enough to cost nothing.
const AT_MOST_EVERY: Duration = Duration::from_millis(50);

/// Work that takes less shows no bar.
const QUIET_FOR: Duration = Duration::from_secs(1);

/// How far some work has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// What is worked on: a file, a step.
    pub what: Arc<str>,
    /// How much of it is done, in whatever is counted.
    pub done: u64,
    /// How much there is, if that is known.
    pub total: Option<u64>,
    /// Whether the work is over, well or not.
    pub finished: bool,
}

/// Who is told how far work has come. A closure will do.
pub trait Progress: Send + Sync {
    /// Takes the news. It is called from the threads that work, so it had better be quick.
    fn update(&self, update: &Update);
}

impl<F: Fn(&Update) + Send + Sync> Progress for F {
    fn update(&self, update: &Update) {
        self(update);
    }
}

/// Counts what is done and tells it; the last time when it is dropped.
pub struct Counter {
    progress: Arc<dyn Progress>,
    what: Arc<str>,
    total: Option<u64>,
    started: Instant,
    done: AtomicU64,
    /// Milliseconds from the start to when it may report again.
    next: AtomicU64,
}

impl Counter {
    /// A counter at zero, of `total` if that is known.
    pub fn new(progress: Arc<dyn Progress>, what: &str, total: Option<u64>) -> Self {
        let counter = Self {
            progress,
            what: what.into(),
            total,
            started: Instant::now(),
            done: AtomicU64::new(0),
            next: AtomicU64::new(0),
        };
        counter.report(false);
        counter
    }

    /// Counts so many more.
    pub fn add(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
        let now = self.started.elapsed().as_millis() as u64;
        let next = self.next.load(Ordering::Relaxed);
        let later = now + AT_MOST_EVERY.as_millis() as u64;
        // Of the threads that see that it is time, one reports.
        if now >= next && self.next.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.report(false);
        }
    }

    fn report(&self, finished: bool) {
        let done = self.done.load(Ordering::Relaxed);
        self.progress.update(&Update { what: Arc::clone(&self.what), done, total: self.total, finished });
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.report(true);
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter").field("what", &self.what).field("done", &self.done).finish_non_exhaustive()
    }
}

/// A bar in the terminal if standard error is one, else log lines.
pub fn shown(unit: Unit) -> Arc<dyn Progress> {
    if io::stderr().is_terminal() { Arc::new(Bar::new(unit)) } else { Arc::new(LogLines::new(Duration::from_secs(10))) }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Items,
    /// Bytes, shown as kB, MB, GB.
    Bytes,
}

/// A bar on standard error, for work that takes over a second.
pub struct Bar {
    unit: Unit,
    state: Mutex<Option<Drawn>>,
}

struct Drawn {
    what: Arc<str>,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Bar {
    /// A bar that counts `unit`.
    pub fn new(unit: Unit) -> Self {
        Self { unit, state: Mutex::new(None) }
    }

    /// Takes the bar away, so that something else can be printed.
    pub fn clear(&self) {
        if let Some(bar) = self.state.lock().unwrap_or_else(PoisonError::into_inner).take().and_then(|drawn| drawn.bar)
        {
            bar.finish_and_clear();
        }
    }

    fn begin(&self, update: &Update, started: Instant) -> ProgressBar {
        let target = ProgressDrawTarget::stderr();
        let bar = match update.total {
            Some(total) => ProgressBar::with_draw_target(Some(total), target),
            None => ProgressBar::with_draw_target(None, target),
        };
        let template = match (self.unit, update.total) {
            (Unit::Bytes, Some(_)) => {
                "{msg}  {bar:24}  {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}"
            }
            (Unit::Bytes, None) => "{msg}  {spinner}  {decimal_bytes}  {decimal_bytes_per_sec}  {elapsed}",
            (Unit::Items, Some(_)) => "{msg}  {bar:24}  {human_pos}/{human_len}  {per_sec}  {eta}",
            (Unit::Items, None) => "{msg}  {spinner}  {human_pos}  {per_sec}  {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━╌"));
        }
        bar.set_message(update.what.to_string());
        bar.set_elapsed(started.elapsed());
        bar
    }
}

impl Progress for Bar {
    fn update(&self, update: &Update) {
        if update.finished {
            return self.clear();
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.as_ref().is_some_and(|drawn| drawn.what != update.what)
            && let Some(bar) = state.take().and_then(|drawn| drawn.bar)
        {
            bar.finish_and_clear();
        }
        let drawn =
            state.get_or_insert_with(|| Drawn { what: Arc::clone(&update.what), started: Instant::now(), bar: None });
        if drawn.bar.is_none() && drawn.started.elapsed() > QUIET_FOR {
            drawn.bar = Some(self.begin(update, drawn.started));
        }
        if let Some(bar) = &drawn.bar {
            bar.set_position(update.done);
        }
    }
}

impl fmt::Debug for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bar").field("unit", &self.unit).finish_non_exhaustive()
    }
}

/// Log records at level INFO, one in so long, and one at the end of work that took longer than that.
#[derive(Debug)]
pub struct LogLines {
    every: Duration,
    last: Mutex<Option<(Arc<str>, Instant, bool)>>,
}

impl LogLines {
    /// Writes a line every so often.
    pub fn new(every: Duration) -> Self {
        Self { every, last: Mutex::new(None) }
    }
}

impl Progress for LogLines {
    fn update(&self, update: &Update) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, written) = match &*last {
            Some((what, since, written)) if *what == update.what => (*since, *written),
            _ => {
                *last = Some((Arc::clone(&update.what), Instant::now(), false));
                return;
            }
        };
        let due = since.elapsed() >= self.every;
        if due || update.finished && written {
            let (what, done) = (&update.what, update.done);
            if let Some(total) = update.total {
                tracing::info!(target: "taipan.progress", "{what}: {done} of {total}");
            } else {
                tracing::info!(target: "taipan.progress", "{what}: {done}");
            }
            *last = Some((Arc::clone(&update.what), Instant::now(), true));
        }
        if update.finished {
            *last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_tells_the_start_and_the_end() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let events = Arc::clone(&seen);
        let progress = Arc::new(move |update: &Update| events.lock().unwrap().push((update.done, update.finished)));
        let counter = Counter::new(progress, "rows", None);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| counter.add(2)));
            }
        });
        drop(counter);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.first(), Some(&(0, false)));
        assert_eq!(seen.last(), Some(&(8000, true)));
        assert_eq!(seen.iter().filter(|(_, finished)| *finished).count(), 1);
    }
}
