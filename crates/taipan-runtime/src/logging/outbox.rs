//! From the threads that log to the thread that writes: bounded, in order, and never waiting for the sink.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// After a batch the writer waits so long for the next: who logs much need not wake it for each record.
const GATHERING: Duration = Duration::from_millis(1);

/// A sink that failed is tried again after this, and then after longer.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// Where records go in the end.
pub(super) trait Sink: Send {
    /// Writes records; `ends` says where in `bytes` each ends. An error says how many of them were written whole; of
    /// the next nothing may be left.
    fn write(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), Unwritten>;
}

/// A sink could not write any more.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// How many records were written.
    pub(super) records: usize,
    pub(super) error: io::Error,
}

/// Records that wait for the writer.
pub(super) struct Outbox {
    state: Mutex<State>,
    /// There is something to do for the writer.
    work: Condvar,
    /// All that was put in before has been written, or given up.
    idle: Condvar,
    capacity: usize,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    batch: Batch,
    /// Records that were dropped since the last one was put in.
    dropped: u64,
    asleep: bool,
    writing: bool,
    /// How many wait for everything to be written.
    flushing: usize,
    closed: bool,
}

#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Outbox {
    /// An outbox of up to `capacity` bytes, and the thread that empties it into `sink`. `notice` makes the record that
    /// tells how many were dropped.
    pub(super) fn start(
        name: &str,
        capacity: usize,
        sink: Box<dyn Sink>,
        notice: impl Fn(u64) -> String + Send + 'static,
    ) -> Result<Arc<Self>> {
        let outbox = Arc::new(Self {
            state: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
            capacity,
            dropped: AtomicU64::new(0),
        });
        let writer = Writer { outbox: Arc::clone(&outbox), sink, complained: false };
        thread::Builder::new()
            .name(format!("log {name}"))
            .spawn(move || writer.run(&notice))
            .map_err(|error| Error::system("the thread that writes the log could not start", error))?;
        Ok(outbox)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a record in, or counts it as dropped when there is no room. Never waits for the sink.
    pub(super) fn put(&self, record: &[u8]) {
        let mut state = self.lock();
        if state.batch.bytes.len() + record.len() > self.capacity {
            state.dropped += 1;
            drop(state);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.batch.bytes.extend_from_slice(record);
        let end = state.batch.bytes.len();
        state.batch.ends.push(end);
        let wake = std::mem::take(&mut state.asleep);
        drop(state);
        if wake {
            self.work.notify_one();
        }
    }

    /// How many records were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was put in is written, but not longer than that. False if it was too long.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        state.flushing += 1;
        self.work.notify_one();
        let flushed = loop {
            if state.batch.ends.is_empty() && state.dropped == 0 && !state.writing {
                break true;
            }
            let Some(left) = end.checked_duration_since(Instant::now()) else { break false };
            state = self.idle.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        state.flushing -= 1;
        flushed
    }

    /// Ends the writer once it has written what is there; a sink that fails then is not tried again.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }
}

struct Writer {
    outbox: Arc<Outbox>,
    sink: Box<dyn Sink>,
    complained: bool,
}

impl Writer {
    fn run(mut self, notice: &dyn Fn(u64) -> String) {
        let mut batch = Batch::default();
        while self.next(&mut batch, notice) {
            self.write(&batch);
            batch.bytes.clear();
            batch.ends.clear();
            // What one burst needed is not kept for ever.
            batch.bytes.shrink_to(1 << 20);
            batch.ends.shrink_to(1 << 14);
        }
    }

    /// Takes what there is, and waits for it; false at the end.
    fn next(&mut self, batch: &mut Batch, notice: &dyn Fn(u64) -> String) -> bool {
        let outbox = &self.outbox;
        let mut state = outbox.lock();
        if std::mem::take(&mut state.writing) && state.flushing == 0 && !state.closed && state.batch.ends.is_empty() {
            state = outbox.work.wait_timeout(state, GATHERING).unwrap_or_else(PoisonError::into_inner).0;
        }
        while state.batch.ends.is_empty() && state.dropped == 0 {
            outbox.idle.notify_all();
            if state.closed {
                return false;
            }
            state.asleep = true;
            state = outbox.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.asleep = false;
        std::mem::swap(&mut state.batch, batch);
        // They were dropped after the others were put in.
        let dropped = std::mem::take(&mut state.dropped);
        if dropped > 0 {
            batch.bytes.extend_from_slice(notice(dropped).as_bytes());
            batch.ends.push(batch.bytes.len());
        }
        state.writing = true;
        true
    }

    /// Writes all of the batch, however often the sink has to be tried.
    fn write(&mut self, batch: &Batch) {
        let (mut bytes, mut first) = (0, 0);
        let mut pause = FIRST_RETRY;
        while first < batch.ends.len() {
            let ends: Vec<usize>;
            let rest = if first == 0 {
                batch.ends.as_slice()
            } else {
                ends = batch.ends.iter().skip(first).map(|end| end - bytes).collect();
                &ends
            };
            let Err(unwritten) = self.sink.write(batch.bytes.get(bytes..).unwrap_or_default(), rest) else {
                self.complained = false;
                return;
            };
            if unwritten.records > 0 {
                pause = FIRST_RETRY;
                first += unwritten.records;
                bytes = batch.ends.get(first - 1).copied().unwrap_or(bytes);
            }
            if !self.complained {
                self.complained = true;
                // The log itself cannot tell.
                eprintln!("the log could not be written, and is tried again: {}", unwritten.error);
            }
            let state = self.outbox.lock();
            if !state.closed {
                drop(self.outbox.work.wait_timeout_while(state, pause, |state| !state.closed));
                pause = (pause * 2).min(LAST_RETRY);
                continue;
            }
            drop(state);
            self.outbox.dropped.fetch_add((batch.ends.len() - first) as u64, Ordering::Relaxed);
            return;
        }
    }
}
