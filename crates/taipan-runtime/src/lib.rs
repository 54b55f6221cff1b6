//! Running work: tasks, a pool, queues, jobs, scopes, logging and progress.
//!
//! The names follow asyncio, multiprocessing, concurrent.futures, queue, contextlib and logging; tokio, rayon and
//! tracing do the work.
//!
//! | module | for |
//! |---|---|
//! | [`task`] | async work: tasks, groups, gather, timeouts, cancellation |
//! | [`pool`] | computing on every core: map, imap, starmap, reduce |
//! | [`queue`] | bounded queues between threads and tasks, and workers over them |
//! | [`scope`] | context managers: exits that run however the work ends |
//! | [`logging`] | numeric levels, dotted loggers, handlers that never hold up the caller |
//! | [`jobs`] | jobs that are done at least once and acknowledged exactly once |
//! | [`progress`] | how far work has come: a bar, log lines, events |

mod cancel;
mod error;
pub mod jobs;
pub mod logging;
pub mod pool;
pub mod progress;
pub mod queue;
pub mod scope;
mod sync;
pub mod task;

pub use cancel::CancelToken;
pub use error::{Error, ErrorKind, Result};

#[doc(hidden)]
pub use tracing as __tracing;
