//! A file as batches, in order, of so many rows and no more.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::ahead::Ahead;
use crate::blocks::{Block, Blocks};
use crate::error::{Error, ErrorKind, Result};
use crate::input::{Layout, ReadOptions};
use crate::records::{self, Records};
use crate::reject::{Reject, Tally};

/// An iterator over a file's batches; ends after the first error.
#[derive(Debug)]
pub struct Batches {
    parsed: Ahead<(RecordBatch, Vec<Reject>, Option<Records>)>,
    batch_rows: usize,
    rejects: Vec<Reject>,
    tally: Tally,
    /// Slices of the last block's batch, with the row that each begins at.
    queue: VecDeque<(usize, RecordBatch)>,
    /// The slice handed out last.
    last: Option<(usize, RecordBatch)>,
    /// The bytes that the last block's rows were made of, if they are kept.
    records: Option<Records>,
    /// The rows of the last block's batch, and of those before it.
    rows: u64,
    rows_before: u64,
    ended: bool,
}

impl Batches {
    pub(crate) fn new(blocks: Blocks, options: &ReadOptions) -> Self {
        let parse = |blocks: &Blocks, block| {
            let (batch, rejects) = blocks.parse_and_reject(block)?;
            Ok((batch, rejects, None))
        };
        Self::made_by(blocks, options, parse)
    }

    /// The same with the bytes that the rows are made of, so that rows can be [rejected](Self::reject).
    pub(crate) fn with_records(blocks: Blocks, options: &ReadOptions) -> Self {
        let parse = |blocks: &Blocks, block| {
            let (batch, rejects, records) = blocks.parse_and_keep(block)?;
            Ok((batch, rejects, Some(records)))
        };
        Self::made_by(blocks, options, parse)
    }

    fn made_by(
        blocks: Blocks,
        options: &ReadOptions,
        parse: impl Fn(&Blocks, Block) -> Result<(RecordBatch, Vec<Reject>, Option<Records>)> + Send + Sync + 'static,
    ) -> Self {
        Self {
            parsed: Ahead::new(blocks, parse),
            batch_rows: options.batch_row_limit(),
            rejects: Vec::new(),
            tally: Tally::new(options.reject_limit()),
            queue: VecDeque::new(),
            last: None,
            records: None,
            rows: 0,
            rows_before: 0,
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

    /// Rejects a row of the batch that came last, counted from 0, as a record that cannot be used for this reason: it
    /// comes with the next rejects that are [taken](Self::take_rejects). Of Parquet and Arrow, the row's number stands for
    /// the line, and its values as JSON for the text.
    ///
    /// # Errors
    /// [`ErrorKind::TooManyRejects`]; [`ErrorKind::InvalidOption`] if the batches are not those of
    /// [`Input::batches_to_refuse`](crate::Input::batches_to_refuse), or have no such row.
    pub fn reject(&mut self, row: usize, reason: impl Into<String>) -> Result<()> {
        let reject = self.reject_of(row, reason.into())?;
        self.keep(vec![reject])
    }

    /// What is wrong with a row of the batch that came last, with its place where that is known.
    pub(crate) fn fault(&mut self, row: usize, kind: ErrorKind) -> Error {
        match self.reject_of(row, String::new()) {
            Ok(reject) => Error::new(kind).at(reject.place()),
            Err(_) => Error::new(kind).in_source(self.parsed.blocks().input().name()),
        }
    }

    fn reject_of(&mut self, row: usize, reason: String) -> Result<Reject> {
        let input = self.parsed.blocks().input();
        let reject = match (&mut self.records, &self.last) {
            (Some(_), Some((first, batch))) if matches!(input.layout(), Layout::Columnar(_)) => {
                let before = self.rows_before + *first as u64;
                (row < batch.num_rows()).then(|| records::of_columns(batch, row, before, reason, input))
            }
            (Some(records), Some((first, batch))) if row < batch.num_rows() => records.reject(first + row, reason),
            _ => None,
        };
        reject.ok_or_else(|| {
            let message = format!("row {row} of the last batch cannot be rejected");
            Error::new(ErrorKind::InvalidOption(message)).in_source(input.name())
        })
    }

    /// Keeps the rejects of a block, as long as there are not too many.
    fn keep(&mut self, rejects: Vec<Reject>) -> Result<()> {
        self.tally.add(&rejects)?;
        self.rejects.extend(rejects);
        Ok(())
    }

    fn slice(&mut self, batch: &RecordBatch) {
        let rows = batch.num_rows();
        for start in (0..rows).step_by(self.batch_rows) {
            self.queue.push_back((start, batch.slice(start, self.batch_rows.min(rows - start))));
        }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((first, batch)) = self.queue.pop_front() {
                self.last = Some((first, batch.clone()));
                return Some(Ok(batch));
            }
            if self.ended {
                return None;
            }
            match self.parsed.next() {
                Ok(Some((batch, rejects, records))) => {
                    self.rows_before += self.rows;
                    self.rows = batch.num_rows() as u64;
                    if let Some(done) = std::mem::replace(&mut self.records, records) {
                        self.parsed.blocks().reuse(done);
                    }
                    self.last = None;
                    self.slice(&batch);
                    if let Err(error) = self.keep(rejects) {
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
