//! A file as blocks that end where records do: read one after another under a lock, parsed by whoever took them.
//!
//! Several threads may share one [`Blocks`]; each calls [`next_block`](Blocks::next_block) and
//! [`parse`](Blocks::parse) in turn. The first blocks are small, so that the head of a file comes at once.
//!
//! Where records end is found under the lock, which is held for a third of all the work on JSON then. So whoever takes blocks
//! in order may ask for [lines](Blocks::in_lines) once a file seems to have a record on each: only the last newline is looked
//! for, and whoever took a block finds its records. If it is not made of whole ones, it and all behind it count for nothing,
//! and the reader [goes back](Blocks::go_back) to it and on as before.

mod position;
mod reader;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use self::position::place;
pub(crate) use self::position::{ANY_NEWLINE, Position, broken, newline, place_in};
use self::reader::Reader;
use crate::columnar::Piece;
use crate::csv;
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::input::{Input, Layout};
use crate::json;
use crate::picked::Pick;
use crate::records::Records;
use crate::reject::{Bad, Refused, Reject, placed};
use crate::xml::{self, Found};

/// Buffers kept for later blocks.
const SPARE: usize = 64;

/// What a block in work needs for each of its bytes: its buffer, the batch made of it, and as much on the way there.
const WORKING: usize = 4;

/// Raw blocks of a file and the means to parse them; shared by the threads that read it.
#[derive(Debug)]
pub struct Blocks {
    input: Input,
    projection: Vec<usize>,
    schema: SchemaRef,
    /// Which rows are wanted.
    pick: Option<Pick>,
    reader: Mutex<Reader>,
    spare: Mutex<Vec<Vec<u8>>>,
    bytes_read: AtomicU64,
    /// Values made of what was read, nulls included.
    values: AtomicU64,
    /// The size of the last block's buffer.
    buffer: AtomicUsize,
    /// Whether the last block was handed out.
    exhausted: AtomicBool,
}

/// Some whole records of a file, not yet parsed.
#[derive(Debug)]
pub struct Block {
    data: Vec<u8>,
    end: usize,
    /// JSON and XML: where the records are.
    records: Found,
    /// All of the block is one bad record.
    bad: Option<Fault>,
    position: Position,
    /// JSON: it is lines, which are records if it is as it seems; they are not yet found.
    lines: bool,
    /// What it is of a file of columns, and then it has no bytes.
    piece: Option<Piece>,
    /// The file it is of.
    input: Input,
}

impl Blocks {
    pub(crate) fn new(input: Input, projection: Option<&[usize]>) -> Result<Self> {
        let projection = match projection {
            Some(columns) => columns.to_vec(),
            None => (0..input.schema().fields().len()).collect(),
        };
        let schema = Arc::new(input.schema().project(&projection).map_err(|_| {
            let columns = input.schema().fields().len();
            let message = format!("column indices {projection:?}, the file has {columns} columns");
            Error::new(ErrorKind::InvalidOption(message)).in_source(input.name())
        })?);
        let pick = match input.test() {
            Some(test) => Some(Pick::new(test.clone(), input.schema(), &projection)?),
            None => None,
        };
        let reader = Reader::new(&input, pick.as_ref().map_or(&projection, |pick| &pick.all))?;
        let bytes_read = AtomicU64::new(reader.bytes_read());
        let (reader, spare) = (Mutex::new(reader), Mutex::default());
        Ok(Self {
            input,
            projection,
            schema,
            pick,
            reader,
            spare,
            bytes_read,
            values: AtomicU64::default(),
            buffer: AtomicUsize::default(),
            exhausted: AtomicBool::default(),
        })
    }

    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    /// The same blocks with all of the file in them: what stands where no record is comes as a block without any.
    pub(crate) fn keeping_all(self) -> Self {
        lock(&self.reader).keep_all();
        self
    }

    /// The same blocks, some of which may be lines: to be [made of records](Self::find_records) by whoever takes them.
    pub(crate) fn in_lines(self) -> Self {
        lock(&self.reader).allow_lines();
        self
    }

    /// Finds the records of a block that is lines; false if it is not made of whole ones.
    pub(crate) fn find_records(block: &mut Block) -> bool {
        if !block.lines {
            return true;
        }
        let Some(found) = json::lines(block.bytes(), block.input.options().refused().depth()) else { return false };
        (block.lines, block.records) = (false, found);
        true
    }

    /// Goes back to a block, which was not made of whole records, and gives it another time with its number. No other thread
    /// may be at work on the blocks behind it.
    pub(crate) fn go_back(&self, number: u64, to: Position) -> Result<()> {
        lock(&self.reader).go_back(number, to)?;
        self.exhausted.store(false, Ordering::Release);
        Ok(())
    }

    /// The schema of the batches: the projected columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The projected columns of the file.
    pub(crate) fn projection(&self) -> &[usize] {
        &self.projection
    }

    /// Bytes of the file in the blocks handed out so far, and before them.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// How many values were made of what was read so far: of the columns that a test looks at, and of the others in the
    /// rows that pass it.
    pub fn values_made(&self) -> u64 {
        self.values.load(Ordering::Relaxed)
    }

    /// The next block in the order of the file, nothing after the last one or after an error.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; [`ErrorKind::TooLong`]; [`ErrorKind::Syntax`] where the grammar breaks between records.
    pub fn next_block(&self) -> Result<Option<Block>> {
        self.next_numbered().1
    }

    /// Parses the projected columns of a block; bad records, if they do not end the reading, are left out.
    ///
    /// # Errors
    /// [`ErrorKind::Ragged`], [`ErrorKind::Syntax`], [`ErrorKind::Encoding`] name the line; [`ErrorKind::Misfit`] tells
    /// to widen a column and start again.
    pub fn parse(&self, block: Block) -> Result<RecordBatch> {
        self.parse_and_reject(block).map(|(batch, _)| batch)
    }

    /// Parses the projected columns of a block; also answers the bad records, which the batch does not have.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_and_reject(&self, block: Block) -> Result<(RecordBatch, Vec<Reject>)> {
        let (batch, rejects, records) = self.parse_and_keep(block)?;
        self.reuse(records);
        Ok((batch, rejects))
    }

    /// The same, with the bytes that the rows were made of.
    pub(crate) fn parse_and_keep(&self, mut block: Block) -> Result<(RecordBatch, Vec<Reject>, Records)> {
        let input = block.input.clone();
        if let (Layout::Columnar(table), Some(piece)) = (input.layout(), block.piece.take()) {
            let batch = match &self.pick {
                Some(pick) => table.decode_picked(piece, pick, &self.projection, &self.schema, &self.values)?,
                None => self.counted(table.decode(piece, &self.projection, &self.schema)?),
            };
            return Ok((batch, Vec::new(), Records::default()));
        }
        let (done, records) = Self::work_and_keep(block, |bytes, found, refused| match &self.pick {
            Some(pick) => pick.rows(self, &input, bytes, found, refused),
            None => self.columns(&input, bytes, found, &self.projection, &self.schema, refused).map(Ok),
        });
        match done {
            Ok((Ok(batch), rejects)) => Ok((batch, rejects, records)),
            Ok((Err(error), _)) | Err(error) => {
                self.reuse(records);
                Err(error)
            }
        }
    }

    /// Some columns of the records in these bytes of a file.
    pub(crate) fn columns(
        &self,
        input: &Input,
        bytes: &[u8],
        found: &Found,
        projection: &[usize],
        schema: &SchemaRef,
        refused: &mut Refused,
    ) -> std::result::Result<RecordBatch, Fault> {
        let file = input.schema();
        let batch = match input.layout() {
            Layout::Csv(dialect) => csv::parse(bytes, self.reading(*dialect), file, projection, schema, refused),
            Layout::Json(_) => json::parse(bytes, found, file, projection, schema, refused),
            Layout::Xml(_) => xml::parse(bytes, found, file, projection, schema, refused),
            Layout::Columnar(_) => Ok(RecordBatch::new_empty(schema.clone())),
        };
        batch.map(|batch| self.counted(batch))
    }

    /// How the bytes of CSV are read.
    pub(crate) fn reading(&self, dialect: csv::Dialect) -> csv::Reading<'_> {
        csv::Reading { dialect, nulls: self.input.options().null_texts() }
    }

    fn counted(&self, batch: RecordBatch) -> RecordBatch {
        self.values.fetch_add((batch.num_rows() * batch.num_columns()) as u64, Ordering::Relaxed);
        batch
    }

    /// Does some work on the bytes of a block and, for JSON and XML, the places of its records, and takes its buffer back.
    pub(crate) fn work<T>(
        &self,
        block: Block,
        work: impl FnOnce(&[u8], &Found, &mut Refused) -> std::result::Result<T, Fault>,
    ) -> Result<(T, Vec<Reject>)> {
        let (done, records) = Self::work_and_keep(block, work);
        self.reuse(records);
        done
    }

    fn work_and_keep<T>(
        mut block: Block,
        work: impl FnOnce(&[u8], &Found, &mut Refused) -> std::result::Result<T, Fault>,
    ) -> (Result<(T, Vec<Reject>)>, Records) {
        let bytes = block.data.get(..block.end).unwrap_or_default();
        let input = &block.input;
        let mut refused = input.options().refused();
        // A block that is one bad record has no other.
        let bad = block.bad.take().map(|fault| Bad { record: 0..block.end, fault });
        let good = if bad.is_some() { &[] } else { bytes };
        let mut no_rows = Vec::new();
        let done = work(good, &block.records, &mut refused)
            .map(|done| {
                let bad: Vec<Bad> = refused.into_bad().into_iter().chain(bad).collect();
                no_rows.extend(bad.iter().map(|bad| bad.record.clone()));
                (done, placed(bad, input.name(), newline(input.layout()), block.position, bytes))
            })
            .map_err(|fault| place(input, fault, block.position, bytes));
        let mut records = Records::new(block.data, block.end, block.records.records, block.position);
        records.bad = no_rows;
        records.input = Some(block.input);
        (done, records)
    }

    /// Takes back the buffer of a block that nobody looks at any more.
    pub(crate) fn reuse(&self, records: Records) {
        self.take_back(records.data);
    }

    pub(crate) fn take_back(&self, data: Vec<u8>) {
        let mut spare = lock(&self.spare);
        // A buffer that one long record has blown up is not kept.
        if spare.len() < SPARE && !data.is_empty() && data.len() <= 2 * self.input.block_bytes() {
            spare.push(data);
        }
    }

    /// The next block and its number. Errors and the end have numbers too, so that they can be put in order.
    pub(crate) fn next_numbered(&self) -> (u64, Result<Option<Block>>) {
        let buffer = lock(&self.spare).pop().unwrap_or_default();
        let mut reader = lock(&self.reader);
        let (number, block) = reader.next_numbered(buffer);
        if let Ok(Some(block)) = &block {
            let size = block.piece.as_ref().map_or(block.data.len(), Piece::size);
            self.buffer.store(size, Ordering::Relaxed);
        }
        self.bytes_read.store(reader.bytes_read(), Ordering::Relaxed);
        // Beside the lock, which is held for as long as a pipe has nothing to say.
        self.exhausted.store(reader.is_exhausted(), Ordering::Release);
        (number, block)
    }

    /// How many blocks of the size seen last may be in work at once.
    pub(crate) fn most_in_work(&self) -> usize {
        let buffer = self.buffer.load(Ordering::Relaxed).max(self.input.block_bytes());
        (self.input.memory_limit() / buffer.saturating_mul(WORKING)).max(1)
    }

    /// Whether the last block was handed out.
    pub(crate) fn exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Acquire)
    }
}

impl Block {
    /// The file it is of.
    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    /// Whether it is lines whose records are not yet found.
    pub(crate) fn is_lines(&self) -> bool {
        self.lines
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.data.get(..self.end).unwrap_or_default()
    }

    /// Where it begins.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Its buffer, for another block.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.data
    }
}

/// No code panics while it holds these locks; if it did, the data under them would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
