//! Jobs that outlive who asked for them: done at least once, acknowledged exactly once.
//!
//! A [`JobStore`] keeps the queue and promises what its documentation says; [`MemoryJobs`] is one that lasts as long as
//! the process, and a database's lasts longer. A [`Runner`] does the jobs: workers that hold a job by a lease,
//! tries again after failures with growing pauses, schedules ([`Cron`]), progress, cancellation, results.

pub mod conformance;
mod cron;
mod memory;
mod runner;
mod store;

pub use self::cron::Cron;
pub use self::memory::MemoryJobs;
pub use self::runner::{JobError, Runner, RunningJob, RunningJobs};
pub use self::store::{Handover, Job, JobStore, Lease, NewJob, State};
