//! Standard output, sent elsewhere for a while.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};

/// Runs `work` while standard output goes to `file`, and then puts it back.
///
/// It is the process's standard output that goes elsewhere: `println!` of every thread and what child processes
/// inherit. Threads that redirect at the same time wait for one another; one thread may nest its own.
///
/// ```no_run
/// use std::fs::File;
/// use taipan_runtime::scope::redirect_stdout;
///
/// redirect_stdout(&File::create("report.txt")?, || println!("into the file"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn redirect_stdout<R>(file: &File, work: impl FnOnce() -> R) -> io::Result<R> {
    let _turn = Turn::take();
    io::stdout().flush()?;
    let before = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(file)?;
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let flushed = io::stdout().flush();
    rustix::stdio::dup2_stdout(before)?;
    match outcome {
        Ok(value) => flushed.map(|()| value),
        Err(payload) => resume_unwind(payload),
    }
}

static OWNER: Mutex<Option<(ThreadId, usize)>> = Mutex::new(None);
static FREED: Condvar = Condvar::new();

/// The right to redirect, which one thread has as often as it nests.
struct Turn;

impl Turn {
    fn take() -> Self {
        let this = thread::current().id();
        let mut owner = OWNER.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &mut *owner {
                None => *owner = Some((this, 1)),
                Some((thread, depth)) if *thread == this => *depth += 1,
                Some(_) => {
                    owner = FREED.wait(owner).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            }
            return Self;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut owner = OWNER.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *owner {
            Some((_, depth)) if *depth > 1 => *depth -= 1,
            _ => *owner = None,
        }
        drop(owner);
        FREED.notify_one();
    }
}
