//! A file as batches, in order, of so many rows and no more.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::ahead::Ahead;
use crate::blocks::Blocks;
use crate::error::Result;
use crate::input::ReadOptions;
use crate::reject::{Reject, Tally};

/// An iterator over a file's batches; ends after the first error.
#[derive(Debug)]
pub struct Batches {
    parsed: Ahead<(RecordBatch, Vec<Reject>)>,
    batch_rows: usize,
    rejects: Vec<Reject>,
    tally: Tally,
    /// Slices of the last batch.
    queue: VecDeque<RecordBatch>,
    ended: bool,
}

impl Batches {
    pub(crate) fn new(blocks: Blocks, options: &ReadOptions) -> Self {
        Self {
            parsed: Ahead::new(blocks, Blocks::parse_and_reject),
            batch_rows: options.batch_row_limit(),
            rejects: Vec::new(),
            tally: Tally::new(options.reject_limit()),
            queue: VecDeque::new(),
            ended: false,
        }
    }

    /// The schema of the batches: the projected columns.
    pub fn schema(&self) -> &SchemaRef {
        self.parsed.blocks().schema()
    }

    /// Bytes of the file read so far.
    pub fn bytes_read(&self) -> u64 {
        self.parsed.blocks().bytes_read()
    }

    /// How many values were made of what was read so far, as [`Blocks::values_made`] counts them.
    pub fn values_made(&self) -> u64 {
        self.parsed.blocks().values_made()
    }

    /// How many records were rejected so far, those of the batches to come not counted.
    pub fn rejected(&self) -> u64 {
        self.tally.rejected()
    }

    /// The records rejected since this was last called, in the order of the file. To be called after each batch and
    /// after the last one, or they pile up.
    pub fn take_rejects(&mut self) -> Vec<Reject> {
        std::mem::take(&mut self.rejects)
    }

    /// Keeps the rejects of a block, as long as there are not too many.
    fn reject(&mut self, rejects: Vec<Reject>) -> Result<()> {
        self.tally.add(&rejects)?;
        self.rejects.extend(rejects);
        Ok(())
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
            match self.parsed.next() {
                Ok(Some((batch, rejects))) => {
                    self.slice(&batch);
                    if let Err(error) = self.reject(rejects) {
                        self.ended = true;
                        self.queue.clear();
                        return Some(Err(error));
                    }
                }
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
