//! A file as batches, in order, of so many rows and no more.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::ahead::Ahead;
use crate::blocks::Blocks;
use crate::error::Result;

/// An iterator over a file's batches; ends after the first error.
#[derive(Debug)]
pub struct Batches {
    parsed: Ahead<RecordBatch>,
    batch_rows: usize,
    /// Slices of the last batch.
    queue: VecDeque<RecordBatch>,
    ended: bool,
}

impl Batches {
    pub(crate) fn new(blocks: Blocks, batch_rows: usize) -> Self {
        Self { parsed: Ahead::new(blocks, Blocks::parse), batch_rows, queue: VecDeque::new(), ended: false }
    }

    /// The schema of the batches: the projected columns.
    pub fn schema(&self) -> &SchemaRef {
        self.parsed.blocks().schema()
    }

    /// Bytes of the file read so far.
    pub fn bytes_read(&self) -> u64 {
        self.parsed.blocks().bytes_read()
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
