//! A file as batches, in order: blocks parsed ahead on rayon's threads, so many and no more.
//!
//! The first block is read and parsed by the caller's own thread, so a small file, or the head of a large one, starts
//! no threads at all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::blocks::Blocks;
use crate::error::Result;

/// What a task brings back: the number of its block, and its batch or the end.
type Parsed = (u64, Result<Option<RecordBatch>>);

/// An iterator over a file's batches; ends after the first error.
#[derive(Debug)]
pub struct Batches {
    blocks: Arc<Blocks>,
    batch_rows: usize,
    /// Slices of the last batch.
    queue: VecDeque<RecordBatch>,
    /// Batches that came before their turn.
    early: BTreeMap<u64, Result<Option<RecordBatch>>>,
    turn: u64,
    running: usize,
    ended: bool,
    cancelled: Arc<AtomicBool>,
    sender: Sender<Parsed>,
    receiver: Receiver<Parsed>,
}

impl Batches {
    pub(crate) fn new(blocks: Blocks, batch_rows: usize) -> Self {
        let (sender, receiver) = channel();
        Self {
            blocks: Arc::new(blocks),
            batch_rows,
            queue: VecDeque::new(),
            early: BTreeMap::new(),
            turn: 0,
            running: 0,
            ended: false,
            cancelled: Arc::default(),
            sender,
            receiver,
        }
    }

    /// The schema of the batches: the projected columns.
    pub fn schema(&self) -> &SchemaRef {
        self.blocks.schema()
    }

    /// Bytes of the file read so far.
    pub fn bytes_read(&self) -> u64 {
        self.blocks.bytes_read()
    }

    /// The next block's batch, nothing at the end.
    fn next_parsed(&mut self) -> Result<Option<RecordBatch>> {
        if self.turn == 0 || self.finished_reading() {
            return parse_next(&self.blocks).1;
        }
        let ahead = 2 * rayon::current_num_threads();
        while self.running + self.early.len() < ahead && !self.blocks.exhausted() {
            self.spawn();
        }
        loop {
            if let Some(batch) = self.early.remove(&self.turn) {
                return batch;
            }
            if self.running == 0 {
                return Ok(None);
            }
            let Some((number, batch)) = self.receive() else { return Ok(None) };
            self.running -= 1;
            self.early.insert(number, batch);
        }
    }

    fn finished_reading(&self) -> bool {
        self.running == 0 && self.early.is_empty() && self.blocks.exhausted()
    }

    fn spawn(&mut self) {
        let (blocks, sender, cancelled) = (self.blocks.clone(), self.sender.clone(), self.cancelled.clone());
        self.running += 1;
        rayon::spawn(move || {
            if !cancelled.load(Ordering::Relaxed) {
                // A receiver that is gone wants no more.
                let _ = sender.send(parse_next(&blocks));
            }
        });
    }

    /// Waits for a task. One of rayon's own threads works meanwhile, or all of them could wait for each other.
    fn receive(&self) -> Option<Parsed> {
        if rayon::current_thread_index().is_none() {
            return self.receiver.recv().ok();
        }
        loop {
            match self.receiver.try_recv() {
                Ok(parsed) => return Some(parsed),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {
                    if rayon::yield_now() != Some(rayon::Yield::Executed)
                        && let Ok(parsed) = self.receiver.recv_timeout(Duration::from_micros(50))
                    {
                        return Some(parsed);
                    }
                }
            }
        }
    }

    fn slice(&mut self, batch: &RecordBatch) {
        let rows = batch.num_rows();
        for start in (0..rows).step_by(self.batch_rows) {
            self.queue.push_back(batch.slice(start, self.batch_rows.min(rows - start)));
        }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.queue.pop_front() {
                return Some(Ok(batch));
            }
            if self.ended {
                return None;
            }
            let parsed = self.next_parsed();
            self.turn += 1;
            match parsed {
                Ok(Some(batch)) => self.slice(&batch),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

fn parse_next(blocks: &Blocks) -> Parsed {
    let (number, block) = blocks.next_numbered();
    let batch = match block {
        Ok(Some(block)) => blocks.parse(block).map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    (number, batch)
}
