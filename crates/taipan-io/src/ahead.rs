//! Work on the blocks of a file, done ahead on rayon's threads, so many and no more, and handed out in order.
//!
//! The first block is read and worked on by the caller's own thread, so a small file, or the head of a large one,
//! starts no threads at all.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use crate::blocks::{Block, Blocks};
use crate::error::Result;

/// What is made of a block.
type Work<T> = Arc<dyn Fn(&Blocks, Block) -> Result<T> + Send + Sync>;

/// What a task brings back: the number of its block, and what was made of it, or the end.
type Done<T> = (u64, Result<Option<T>>);

/// What is made of a file's blocks, one after another.
pub(crate) struct Ahead<T> {
    blocks: Arc<Blocks>,
    work: Work<T>,
    /// What came before its turn.
    early: BTreeMap<u64, Result<Option<T>>>,
    turn: u64,
    running: usize,
    cancelled: Arc<AtomicBool>,
    sender: Sender<Done<T>>,
    receiver: Receiver<Done<T>>,
}

impl<T: Send + 'static> Ahead<T> {
    pub(crate) fn new(blocks: Blocks, work: impl Fn(&Blocks, Block) -> Result<T> + Send + Sync + 'static) -> Self {
        let (sender, receiver) = channel();
        Self {
            blocks: Arc::new(blocks),
            work: Arc::new(work),
            early: BTreeMap::new(),
            turn: 0,
            running: 0,
            cancelled: Arc::default(),
            sender,
            receiver,
        }
    }

    /// What is made of the next block, nothing at the end. Not to be called again after an error.
    pub(crate) fn next(&mut self) -> Result<Option<T>> {
        let done = self.take();
        self.turn += 1;
        done
    }

    fn take(&mut self) -> Result<Option<T>> {
        if self.turn == 0 || self.finished_reading() {
            return run(&self.blocks, &self.work).1;
        }
        let ahead = (2 * rayon::current_num_threads()).min(self.blocks.most_in_work());
        while self.running + self.early.len() < ahead && !self.blocks.exhausted() {
            self.spawn();
        }
        loop {
            if let Some(done) = self.early.remove(&self.turn) {
                return done;
            }
            if self.running == 0 {
                return Ok(None);
            }
            let Some((number, done)) = self.receive() else { return Ok(None) };
            self.running -= 1;
            self.early.insert(number, done);
        }
    }

    fn finished_reading(&self) -> bool {
        self.running == 0 && self.early.is_empty() && self.blocks.exhausted()
    }

    fn spawn(&mut self) {
        let (blocks, work) = (self.blocks.clone(), self.work.clone());
        let (sender, cancelled) = (self.sender.clone(), self.cancelled.clone());
        self.running += 1;
        rayon::spawn(move || {
            if !cancelled.load(Ordering::Relaxed) {
                // A receiver that is gone wants no more.
                let _ = sender.send(run(&blocks, &work));
            }
        });
    }

    /// Waits for a task. One of rayon's own threads works meanwhile, or all of them could wait for each other.
    fn receive(&self) -> Option<Done<T>> {
        if rayon::current_thread_index().is_none() {
            return self.receiver.recv().ok();
        }
        loop {
            match self.receiver.try_recv() {
                Ok(done) => return Some(done),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {
                    if rayon::yield_now() != Some(rayon::Yield::Executed)
                        && let Ok(done) = self.receiver.recv_timeout(Duration::from_micros(50))
                    {
                        return Some(done);
                    }
                }
            }
        }
    }
}

impl<T> Ahead<T> {
    pub(crate) fn blocks(&self) -> &Blocks {
        &self.blocks
    }
}

impl<T> fmt::Debug for Ahead<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").field("blocks", &self.blocks).field("turn", &self.turn).finish_non_exhaustive()
    }
}

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

fn run<T>(blocks: &Blocks, work: &Work<T>) -> Done<T> {
    let (number, block) = blocks.next_numbered();
    let done = match block {
        Ok(Some(block)) => work(blocks, block).map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    (number, done)
}
