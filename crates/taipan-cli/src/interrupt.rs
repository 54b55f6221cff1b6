//! Ctrl-C as a request: work that asks [`is_requested`] stops by itself and leaves nothing half done.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C only asks; a second one ends the process at once.
pub(crate) fn listen() {
    // Where the system refuses, Ctrl-C ends the process as ever.
    let _ = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// Whether the work is to stop.
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
