//! How far reading has come: a bar for jobs that take over a second where standard error is a terminal, else lines of the
//! log, which `-v` shows.

use std::sync::{Arc, Mutex, PoisonError};

use taipan::runtime::progress::{Progress, Unit, Update, shown};

/// The progress of reading one file after another.
pub(crate) struct FileProgress {
    shown: Option<Arc<dyn Progress>>,
    last: Mutex<Option<Update>>,
}

impl FileProgress {
    /// A progress that shows nothing when `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { shown: (!quiet).then(|| shown(Unit::Bytes)), last: Mutex::default() }
    }

    /// Tells how much of file `name` has been read.
    pub(crate) fn update(&self, name: &str, read: u64, total: u64) {
        let Some(shown) = &self.shown else { return };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let what = match &*last {
            Some(last) if *last.what == *name => Arc::clone(&last.what),
            _ => Arc::from(name),
        };
        let update = Update { what, done: read, total: Some(total), finished: false };
        shown.update(&update);
        *last = Some(update);
    }

    /// Takes the bar away, so that a closing line can be printed.
    pub(crate) fn clear(&self) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(shown), Some(last)) = (&self.shown, last) {
            shown.update(&Update { finished: true, ..last });
        }
    }
}
