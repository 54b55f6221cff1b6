//! The primitives that the queues are made of. The test under loom puts loom's in their place.

pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

/// How often a thread looks again before it sleeps: waking one costs more than a few looks.
pub(crate) const LOOKS: u32 = 8;
