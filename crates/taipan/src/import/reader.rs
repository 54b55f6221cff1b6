//! A file's rows on their way into a table, in pieces of so many rows, with its rejects put aside.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;

use arrow::record_batch::RecordBatch;
use taipan_io::{Batches, Reject, RejectFile, Result};

use super::columns::Columns;

/// Told the bytes read so far, and how many there are.
pub(super) type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Reads a file once, from its first row or a later one.
pub(super) struct Reader<'a> {
    batches: Batches,
    rejects: &'a Rejects,
    progress: Progress<'a>,
    total: u64,
    /// Rows that are in the table already.
    skip: u64,
    /// What is left of a batch that the last piece took a part of.
    rest: Option<RecordBatch>,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Begins behind the first `skip` rows. The rejects among and before them are told again.
    pub(super) fn new(columns: &Columns, skip: u64, rejects: &'a Rejects, progress: Progress<'a>) -> Result<Self> {
        let batches = columns.input.batches(Some(&columns.projection))?;
        let total = columns.input.len_bytes().unwrap_or(0);
        Ok(Self { batches, rejects, progress, total, skip, rest: None, ended: false })
    }

    /// At most so many of the next rows.
    pub(super) fn take(&mut self, rows: u64) -> impl Iterator<Item = Result<RecordBatch>> {
        let mut missing = rows;
        std::iter::from_fn(move || {
            if missing == 0 {
                return None;
            }
            let batch = match self.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            let taken = (batch.num_rows() as u64).min(missing) as usize;
            if taken < batch.num_rows() {
                self.rest = Some(batch.slice(taken, batch.num_rows() - taken));
            }
            missing -= taken as u64;
            Some(Ok(batch.slice(0, taken)))
        })
    }

    /// Whether there is no further row.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        if let Some(rest) = self.rest.take() {
            return Some(Ok(rest));
        }
        loop {
            let next = self.batches.next();
            (self.progress)(self.batches.bytes_read(), self.total);
            if let Err(error) = self.rejects.write(&self.batches.take_rejects()) {
                return Some(Err(error));
            }
            let Some(batch) = next else {
                self.ended = true;
                return None;
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            let skipped = (batch.num_rows() as u64).min(self.skip);
            self.skip -= skipped;
            let skipped = skipped as usize;
            if skipped < batch.num_rows() {
                return Some(Ok(batch.slice(skipped, batch.num_rows() - skipped)));
            }
        }
    }
}

/// The file of rejects of one reading. It takes its place when the rows are about to be committed.
pub(super) struct Rejects {
    pub(super) path: PathBuf,
    file: RefCell<Option<RejectFile>>,
    count: Cell<u64>,
}

impl Rejects {
    pub(super) fn new(file: RejectFile) -> Self {
        Self { path: file.path().to_owned(), file: RefCell::new(Some(file)), count: Cell::new(0) }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.get()
    }

    fn write(&self, rejects: &[Reject]) -> Result<()> {
        self.count.set(self.count.get() + rejects.len() as u64);
        self.file.borrow_mut().as_mut().map_or(Ok(()), |file| file.write(rejects))
    }

    pub(super) fn commit(&self) -> Result<()> {
        match self.file.take() {
            // Nothing is told by a file of an earlier run where there was none to tell of.
            Some(file) if self.count() > 0 || self.path.exists() => file.commit().map(|_| ()),
            _ => Ok(()),
        }
    }
}
