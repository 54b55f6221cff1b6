//! A file's rows on their way into a table, in pieces of so many rows, with its rejects put aside.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::PathBuf;

use arrow::record_batch::RecordBatch;
use taipan_io::{Batches, Reject, RejectFile, Result};
use taipan_runtime::CancelToken;
use taipan_store::ErrorKind as StoreErrorKind;

use super::columns::Columns;
use super::ledger::Refusal;

/// Rows that were handed out last.
#[derive(Default)]
struct Last {
    /// The first one's number in its batch.
    offset: usize,
    /// Its number in the file.
    seen: u64,
    /// How many came before it in the same piece.
    taken: u64,
}

/// Told the bytes read so far, and how many there are.
pub(super) type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Who follows the reading, and may end it.
#[derive(Clone, Copy)]
pub(super) struct Watch<'a> {
    pub(super) progress: Progress<'a>,
    pub(super) stop: &'a CancelToken,
}

/// Reads a file once, from its first row or a later one.
pub(super) struct Reader<'a>(RefCell<Reading<'a>>);

struct Reading<'a> {
    batches: Batches,
    rejects: &'a Rejects,
    watch: Watch<'a>,
    total: u64,
    /// Rows that are in the table already.
    skip: u64,
    /// Rows among these that the database refused then.
    refused: &'a [Refusal],
    /// What is left of a batch that the last piece took a part of, and its first row in the whole batch.
    rest: Option<(usize, RecordBatch)>,
    last: Last,
    /// Rows of the file that were handed out or skipped.
    seen: u64,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Begins behind the first `skip` rows. The rejects among and before them are told again, and those of them that the
    /// database `refused`.
    pub(super) fn new(
        columns: &Columns,
        (skip, refused): (u64, &'a [Refusal]),
        rejects: &'a Rejects,
        watch: Watch<'a>,
    ) -> Result<Self> {
        let (input, projection) = (&columns.input, Some(&*columns.projection));
        let batches =
            if input.sets_aside() { input.batches_to_refuse(projection)? } else { input.batches(projection)? };
        let total = input.len_bytes().unwrap_or(0);
        let (rest, last, seen, ended) = (None, Last::default(), 0, false);
        Ok(Self(RefCell::new(Reading { batches, rejects, watch, total, skip, refused, rest, last, seen, ended })))
    }

    /// At most so many of the next rows.
    pub(super) fn take(&self, rows: u64) -> impl Iterator<Item = Result<RecordBatch>> {
        let mut missing = rows;
        std::iter::from_fn(move || {
            if missing == 0 {
                return None;
            }
            let mut reading = self.0.borrow_mut();
            let (first, batch) = match reading.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            let taken = (batch.num_rows() as u64).min(missing) as usize;
            if taken < batch.num_rows() {
                reading.rest = Some((first + taken, batch.slice(taken, batch.num_rows() - taken)));
            }
            reading.last = Last { offset: first, seen: reading.seen, taken: rows - missing };
            missing -= taken as u64;
            reading.seen += taken as u64;
            Some(Ok(batch.slice(0, taken)))
        })
    }

    /// Rejects a row that the database refused, among those handed out last. `row` is counted from 1 in the piece.
    pub(super) fn refuse(&self, row: u64, error: &taipan_store::Error) -> Result<Refusal> {
        let mut reading = self.0.borrow_mut();
        let in_slice = row.saturating_sub(reading.last.taken + 1);
        let refusal = Refusal(reading.last.seen + in_slice, reason(error));
        let in_batch = reading.last.offset + in_slice as usize;
        reading.batches.reject(in_batch, refusal.1.clone())?;
        Ok(refusal)
    }

    /// Rows of the file that were handed out or skipped.
    pub(super) fn seen(&self) -> u64 {
        self.0.borrow().seen
    }

    /// Whether there is no further row.
    pub(super) fn has_ended(&self) -> bool {
        self.0.borrow().ended
    }
}

/// Why the database refused a row, without the row's number among those written, which says nothing of the file.
fn reason(error: &taipan_store::Error) -> String {
    let mut kind = error.kind().clone();
    if let StoreErrorKind::Constraint { row, .. } | StoreErrorKind::InvalidValue { row, .. } = &mut kind {
        *row = None;
    }
    kind.to_string()
}

impl Reading<'_> {
    /// The next rows, and the first one's number in its batch.
    fn next(&mut self) -> Option<Result<(usize, RecordBatch)>> {
        if let Some(rest) = self.rest.take() {
            return Some(Ok(rest));
        }
        loop {
            let next = self.batches.next();
            (self.watch.progress)(self.batches.bytes_read(), self.total);
            if next.is_some() && self.watch.stop.is_cancelled() {
                return Some(Err(io::Error::from(io::ErrorKind::Interrupted).into()));
            }
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
            let seen = self.seen;
            self.skip -= skipped;
            self.seen += skipped;
            let known = self.refused.iter().take_while(|refusal| refusal.0 < self.seen).count();
            let (known, later) = self.refused.split_at(known);
            self.refused = later;
            for Refusal(row, reason) in known {
                if let Err(error) = self.batches.reject(row.saturating_sub(seen) as usize, reason.clone()) {
                    return Some(Err(error));
                }
            }
            let skipped = skipped as usize;
            if skipped < batch.num_rows() {
                return Some(Ok((skipped, batch.slice(skipped, batch.num_rows() - skipped))));
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
