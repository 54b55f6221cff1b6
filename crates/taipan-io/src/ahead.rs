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

use crate::blocks::{Block, Blocks, Position};
use crate::error::Result;

/// What is made of a block.
type Work<T> = Arc<dyn Fn(&Blocks, Block) -> Result<T> + Send + Sync>;

/// What is made of a block of lines in one go, if nothing about it is special.
type Shortcut<T> = Arc<dyn Fn(&Block) -> Option<T> + Send + Sync>;

/// What a task brings back: the number of its block, and what was made of it.
type Done<T> = (u64, Result<Made<T>>);

enum Made<T> {
    Of(T),
    /// There was no block any more.
    End,
    /// The block, which begins here, was not made of whole records, so it and all behind it must be read anew.
    Torn(Position),
}

/// What is made of a file's blocks, one after another.
pub(crate) struct Ahead<T> {
    blocks: Arc<Blocks>,
    work: Work<T>,
    shortcut: Option<Shortcut<T>>,
    /// What came before its turn.
    early: BTreeMap<u64, Result<Made<T>>>,
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
            blocks: Arc::new(blocks.in_lines()),
            work: Arc::new(work),
            shortcut: None,
            early: BTreeMap::new(),
            turn: 0,
            running: 0,
            cancelled: Arc::default(),
            sender,
            receiver,
        }
    }

    /// The same with another way for blocks of lines, which is tried first.
    pub(crate) fn with_shortcut(
        blocks: Blocks,
        shortcut: impl Fn(&Block) -> Option<T> + Send + Sync + 'static,
        work: impl Fn(&Blocks, Block) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        let mut ahead = Self::new(blocks, work);
        ahead.shortcut = Some(Arc::new(shortcut));
        ahead
    }

    /// What is made of the next block, nothing at the end. Not to be called again after an error.
    pub(crate) fn next(&mut self) -> Result<Option<T>> {
        loop {
            let made = match self.take()? {
                Made::Of(made) => Some(made),
                Made::End => None,
                Made::Torn(start) => {
                    self.go_back(start)?;
                    continue;
                }
            };
            self.turn += 1;
            return Ok(made);
        }
    }

    fn take(&mut self) -> Result<Made<T>> {
        if self.turn == 0 || self.finished_reading() {
            return run(&self.blocks, &self.work, self.shortcut.as_ref()).1;
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
                return Ok(Made::End);
            }
            let Some((number, done)) = self.receive() else { return Ok(Made::End) };
            self.running -= 1;
            self.early.insert(number, done);
        }
    }

    /// Drops what was made of the blocks from this turn's on, and goes back to it.
    fn go_back(&mut self, start: Position) -> Result<()> {
        while self.running > 0 && self.receive().is_some() {
            self.running -= 1;
        }
        self.early.clear();
        self.blocks.go_back(self.turn, start)
    }

    fn finished_reading(&self) -> bool {
        self.running == 0 && self.early.is_empty() && self.blocks.exhausted()
    }

    fn spawn(&mut self) {
        let (blocks, work, shortcut) = (self.blocks.clone(), self.work.clone(), self.shortcut.clone());
        let (sender, cancelled) = (self.sender.clone(), self.cancelled.clone());
        self.running += 1;
        rayon::spawn(move || {
            if !cancelled.load(Ordering::Relaxed) {
                // A receiver that is gone wants no more.
                let _ = sender.send(run(&blocks, &work, shortcut.as_ref()));
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

fn run<T>(blocks: &Blocks, work: &Work<T>, shortcut: Option<&Shortcut<T>>) -> Done<T> {
    let (number, block) = blocks.next_numbered();
    let made = match block {
        Ok(Some(block)) => made_of(blocks, block, work, shortcut),
        Ok(None) => Ok(Made::End),
        Err(error) => Err(error),
    };
    (number, made)
}

fn made_of<T>(blocks: &Blocks, mut block: Block, work: &Work<T>, shortcut: Option<&Shortcut<T>>) -> Result<Made<T>> {
    if block.is_lines()
        && let Some(made) = shortcut.and_then(|shortcut| shortcut(&block))
    {
        blocks.take_back(block.into_buffer());
        return Ok(Made::Of(made));
    }
    if !Blocks::find_records(&mut block) {
        let start = block.position();
        blocks.take_back(block.into_buffer());
        return Ok(Made::Torn(start));
    }
    work(blocks, block).map(Made::Of)
}
