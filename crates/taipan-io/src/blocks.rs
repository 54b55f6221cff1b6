//! A file as blocks that end where records do: read one after another under a lock, parsed by whoever took them.
//!
//! Several threads may share one [`Blocks`]; each calls [`next_block`](Blocks::next_block) and
//! [`parse`](Blocks::parse) in turn. The first blocks are small, so that the head of a file comes at once.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::columnar::{Piece, Pieces};
use crate::csv;
use crate::error::{Error, ErrorKind, Fault, Place, Precision, Result};
use crate::input::{Input, Layout};
use crate::json;
use crate::picked::Pick;
use crate::records::Records;
use crate::reject::{Bad, RAW, Refused, Reject, placed};
use crate::source::{Bytes, Source};
use crate::xml::{self, Found};

/// Stands for a newline that is a carriage return, a line feed, or both.
pub(crate) const ANY_NEWLINE: u8 = 0;

/// The size of the first block; each later one is four times larger up to the size asked for.
const FIRST: usize = 64 << 10;

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
    /// What it is of a file of columns, and then it has no bytes.
    piece: Option<Piece>,
    /// The file it is of.
    input: Input,
}

/// A point in a file: bytes and lines before it, and characters before it on its line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Position {
    pub(crate) byte: u64,
    pub(crate) lines: u64,
    pub(crate) characters: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
struct Reader {
    input: Input,
    /// The first file, which those behind it have to be like.
    first: Input,
    /// The columns that are read.
    projection: Vec<usize>,
    /// The files behind this one, and the bytes of those before it.
    others: VecDeque<PathBuf>,
    before: u64,
    source: Bytes,
    splitter: Splitter,
    /// What was read behind the last block: the beginning of a record.
    carry: Vec<u8>,
    position: Position,
    size: usize,
    blocks: u64,
    at_end: bool,
    /// What comes next is the rest of a bad record.
    skipping: bool,
    /// Bytes without a record are handed out too.
    keeps_all: bool,
    /// The fault behind the last block.
    failed: Option<Error>,
    done: bool,
}

#[derive(Debug)]
enum Splitter {
    Csv(csv::Dialect),
    Json(json::Splitter),
    Xml(Box<xml::Splitter>),
    Columnar(Pieces),
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
        let mut reader = Reader::new(&input, pick.as_ref().map_or(&projection, |pick| &pick.all))?;
        reader.others = input.others().iter().cloned().collect();
        let bytes_read = AtomicU64::new(reader.position.byte);
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
        lock(&self.reader).keeps_all = true;
        self
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
            Layout::Json { .. } => json::parse(bytes, found, file, projection, schema, refused),
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
        (done, records)
    }

    /// Takes back the buffer of a block that nobody looks at any more.
    pub(crate) fn reuse(&self, records: Records) {
        let mut spare = lock(&self.spare);
        // A buffer that one long record has blown up is not kept.
        if spare.len() < SPARE && !records.data.is_empty() && records.data.len() <= 2 * self.input.block_bytes() {
            spare.push(records.data);
        }
    }

    /// The next block and its number. Errors and the end have numbers too, so that they can be put in order.
    pub(crate) fn next_numbered(&self) -> (u64, Result<Option<Block>>) {
        let buffer = lock(&self.spare).pop().unwrap_or_default();
        let mut reader = lock(&self.reader);
        let mut block = reader.next(buffer);
        while matches!(block, Ok(None))
            && let Some(path) = reader.others.pop_front()
        {
            block = reader.go_on(&path).and_then(|()| reader.next(Vec::new()));
        }
        if block.is_err() {
            reader.others.clear();
        }
        reader.done |= block.is_err();
        reader.blocks += 1;
        if let Ok(Some(block)) = &block {
            let size = block.piece.as_ref().map_or(block.data.len(), Piece::size);
            self.buffer.store(size, Ordering::Relaxed);
        }
        self.bytes_read.store(reader.before + reader.position.byte, Ordering::Relaxed);
        // Beside the lock, which is held for as long as a pipe has nothing to say.
        let over = reader.at_end && reader.carry.is_empty() && reader.failed.is_none() && reader.others.is_empty();
        let exhausted = over || (reader.done && (block.is_err() || reader.others.is_empty()));
        self.exhausted.store(exhausted, Ordering::Release);
        (reader.blocks - 1, block)
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
}

impl Reader {
    fn new(input: &Input, projection: &[usize]) -> Result<Self> {
        let position = input.data();
        let source = if let Some(content) = input.content() {
            let mut content = Cursor::new(content.clone());
            content.set_position(position.byte);
            Bytes::Memory(content)
        } else {
            input.source().bytes(position.byte)?
        };
        let splitter = match input.layout() {
            Layout::Csv(dialect) => Splitter::Csv(*dialect),
            Layout::Json { keyed } => {
                let splitter = json::Splitter::new(input.options().refused().depth());
                Splitter::Json(if *keyed { splitter.keyed() } else { splitter })
            }
            Layout::Xml(records) => Splitter::Xml(Box::new(xml::Splitter::new(records.path.clone(), records.rules))),
            Layout::Columnar(table) => Splitter::Columnar(table.pieces(input.source(), projection, input.ranges())?),
        };
        Ok(Self {
            input: input.clone(),
            first: input.clone(),
            projection: projection.to_vec(),
            others: VecDeque::new(),
            before: 0,
            source,
            splitter,
            carry: Vec::new(),
            position,
            size: FIRST.min(input.block_bytes()),
            blocks: 0,
            at_end: false,
            skipping: false,
            keeps_all: false,
            failed: None,
            done: false,
        })
    }

    /// Goes on with another file.
    fn go_on(&mut self, path: &Path) -> Result<()> {
        let others = std::mem::take(&mut self.others);
        let before = self.before + self.position.byte;
        let first = self.first.clone();
        let next = Self::new(&first.continued(path)?, &self.projection)?;
        *self = Self { first, others, before, blocks: self.blocks, keeps_all: self.keeps_all, ..next };
        Ok(())
    }

    fn next(&mut self, mut data: Vec<u8>) -> Result<Option<Block>> {
        let input = &self.input.clone();
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.done {
            return Ok(None);
        }
        if let Splitter::Columnar(pieces) = &mut self.splitter {
            let piece = pieces.next(input.name())?;
            self.done = piece.is_none();
            // How far it is, as far as this can be said of pieces that are not of one size.
            self.position.byte = self.position.byte.saturating_add(piece.as_ref().map_or(0, Piece::packed) as u64);
            let position = self.position;
            return Ok(piece.map(|piece| Block {
                data,
                end: 0,
                records: Found::default(),
                bad: None,
                position,
                piece: Some(piece),
                input: input.clone(),
            }));
        }
        let limit = input.options().max_record_bytes();
        let mut filled = 0;
        self.fill(&mut data, &mut filled, input)?;
        while self.skipping {
            let (end, over) = self.splitter.leave_bad(data.get(..filled).unwrap_or_default(), self.at_end);
            self.skipping = !over;
            self.pass(&mut data, &mut filled, end);
            self.fill(&mut data, &mut filled, input)?;
        }
        loop {
            let (end, records, fault) = self.split(data.get(..filled).unwrap_or_default(), limit);
            let nothing = if matches!(self.splitter, Splitter::Csv(_)) { end == 0 } else { records.records.is_empty() };
            let too_long = nothing && !self.at_end && filled - end > limit;
            let fault = fault.or_else(|| too_long.then(|| Fault::on_line(end, ErrorKind::TooLong { limit })));
            // What is wrong around the records of XML is no bad record.
            let takes = input.options().refused().takes() && (too_long || !matches!(self.splitter, Splitter::Xml(_)));
            if let Some(fault) = fault {
                if nothing && takes && end < filled {
                    self.pass(&mut data, &mut filled, end);
                    // As much of it is read as is kept, so that the same is kept whatever the blocks.
                    let kept = if matches!(fault.kind, ErrorKind::TooLong { .. }) { RAW } else { limit };
                    while filled < kept
                        && !self.at_end
                        && self.splitter.behind_bad(data.get(..filled).unwrap_or_default()).is_none()
                    {
                        self.size = self.size.max(filled).min(kept - filled);
                        self.fill(&mut data, &mut filled, input)?;
                    }
                    return Ok(Some(self.bad_block(data, filled, fault.shifted_back(end))));
                }
                if !takes || end >= filled {
                    let error = place(input, fault, self.position, data.get(..filled).unwrap_or_default());
                    if nothing {
                        return Err(error);
                    }
                    self.failed = Some(error);
                }
                // Else the next block begins with the bad record, and is it.
            }
            if !nothing || (self.keeps_all && end > 0) {
                let position = self.position;
                self.position = position.after(data.get(..end).unwrap_or_default(), self.splitter.newline());
                if self.failed.is_none() {
                    self.carry.extend_from_slice(data.get(end..filled).unwrap_or_default());
                }
                self.size = self.size.saturating_mul(4).min(input.block_bytes());
                let input = input.clone();
                return Ok(Some(Block { data, end, records, bad: None, position, piece: None, input }));
            }
            // What stood between records is done with; what is left begins one that goes on behind the buffer.
            self.pass(&mut data, &mut filled, end);
            if self.at_end {
                self.done = true;
                return Ok(None);
            }
            // Doubling keeps the work linear; no further than to see that the record is too long.
            self.size = self.size.max(filled).min((limit + 1).saturating_sub(filled).max(1));
            self.fill(&mut data, &mut filled, input)?;
        }
    }

    /// Leaves the first bytes behind.
    fn pass(&mut self, data: &mut [u8], filled: &mut usize, end: usize) {
        self.position = self.position.after(data.get(..end).unwrap_or_default(), self.splitter.newline());
        data.copy_within(end..*filled, 0);
        *filled -= end;
    }

    /// The block of a bad record that the data begins with, as much of it as there is.
    fn bad_block(&mut self, data: Vec<u8>, filled: usize, fault: Fault) -> Block {
        let bytes = data.get(..filled).unwrap_or_default();
        let (behind, over) = self.splitter.leave_bad(bytes, self.at_end);
        self.skipping = !over;
        let position = self.position;
        self.position = position.after(bytes.get(..behind).unwrap_or_default(), self.splitter.newline());
        self.carry.extend_from_slice(bytes.get(behind..).unwrap_or_default());
        let record = bytes.get(..behind).unwrap_or_default();
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let end = record.strip_suffix(b"\r").unwrap_or(record).len();
        let (records, input) = (Found::default(), self.input.clone());
        Block { data, end, records, bad: Some(fault), position, piece: None, input }
    }

    /// Adds a block's size to the buffer: what was carried over, then bytes of the file.
    fn fill(&mut self, data: &mut Vec<u8>, filled: &mut usize, input: &Input) -> Result<()> {
        // One byte more than is left shows the end of the file in the same go.
        let left = input.left(self.position.byte + (*filled + self.carry.len()) as u64);
        let size = left.map_or(self.size, |left| self.size.min(left.max(FIRST / 16) + 1));
        let end = *filled + self.carry.len() + size;
        if data.is_empty() {
            // Zeroed by the system, which costs nothing until it is touched.
            *data = vec![0; end];
        } else if data.len() < end {
            data.resize(end, 0);
        }
        if let Some(head) = data.get_mut(*filled..*filled + self.carry.len()) {
            head.copy_from_slice(&self.carry);
            *filled += self.carry.len();
            self.carry.clear();
        }
        while let Some(rest) = data.get_mut(*filled..end)
            && !rest.is_empty()
        {
            match self.source.read(rest) {
                Ok(0) => {
                    self.at_end = true;
                    if matches!(self.source, Bytes::File(_))
                        && self.position.byte + (*filled as u64) < input.len_bytes().unwrap_or_default()
                    {
                        return Err(input.source().changed());
                    }
                    break;
                }
                Ok(read) => *filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let bytes = data.get(..*filled).unwrap_or_default();
                    return Err(broken(input.source(), error, self.position, bytes));
                }
            }
        }
        Ok(())
    }

    fn split(&mut self, bytes: &[u8], limit: usize) -> (usize, Found, Option<Fault>) {
        match &mut self.splitter {
            Splitter::Csv(dialect) => {
                let (end, fault) = csv::last_boundary(bytes, *dialect, self.at_end, limit);
                (end, Found::default(), fault)
            }
            Splitter::Json(splitter) => {
                let mut found = Found::default();
                let (end, fault) = json::split(splitter, bytes, self.at_end, &mut found);
                (end, found, fault)
            }
            Splitter::Xml(splitter) => {
                let mut found = Found::default();
                let (end, flaw) = splitter.split(bytes, self.at_end, &mut found);
                (end, found, flaw.map(xml::fault))
            }
            Splitter::Columnar(_) => (bytes.len(), Found::default(), None),
        }
    }
}

impl Splitter {
    fn newline(&self) -> u8 {
        match self {
            Self::Csv(dialect) => dialect.line_byte(),
            Self::Json(_) | Self::Xml(_) | Self::Columnar(_) => b'\n',
        }
    }

    /// Where a bad record that began before these bytes, or with them, is over; nothing if it goes on behind them.
    fn behind_bad(&mut self, bytes: &[u8]) -> Option<usize> {
        // The line that is at fault, as a quote or bracket that is never closed would take the rest of the file along.
        match self {
            Self::Csv(dialect) => {
                let end = dialect.line_end(bytes, 0)? + 1;
                let crlf = matches!(bytes.get(end - 1..), Some([b'\r', b'\n', ..])) && self.newline() == ANY_NEWLINE;
                Some(end + usize::from(crlf))
            }
            Self::Json(_) | Self::Columnar(_) => memchr::memchr(b'\n', bytes).map(|end| end + 1),
            Self::Xml(splitter) => splitter.behind_record(bytes),
        }
    }

    /// Where to go on behind these bytes of a bad record, and whether it is over there.
    fn leave_bad(&mut self, bytes: &[u8], last: bool) -> (usize, bool) {
        if let Self::Xml(splitter) = self {
            return splitter.leave(bytes, last);
        }
        let end = self.behind_bad(bytes);
        (end.unwrap_or(bytes.len()), end.is_some() || last)
    }
}

impl Position {
    /// The point behind some more bytes, whose lines end with a byte, or with [`ANY_NEWLINE`].
    pub(crate) fn after(self, bytes: &[u8], newline: u8) -> Self {
        let (lines, last) = match newline {
            ANY_NEWLINE => {
                let alone = |i: &usize| bytes.get(i + 1) != Some(&b'\n');
                let returns = memchr::memchr_iter(b'\r', bytes).filter(alone).count();
                (returns + memchr::memchr_iter(b'\n', bytes).count(), memchr::memrchr2(b'\r', b'\n', bytes))
            }
            _ => (memchr::memchr_iter(newline, bytes).count(), memchr::memrchr(newline, bytes)),
        };
        let lines = lines as u64;
        let (line, before) = match last {
            Some(last) => (bytes.get(last + 1..).unwrap_or_default(), 0),
            None => (bytes, self.characters),
        };
        // Every character has one byte that does not continue another. So few of them fit a byte, and many such are added at
        // once: of an array without newlines all bytes come here.
        let few = |bytes: &[u8]| bytes.iter().map(|byte| u8::from(byte & 0xC0 != 0x80)).sum::<u8>();
        let characters: u64 = line.chunks(255).map(|bytes| u64::from(few(bytes))).sum();
        Self { byte: self.byte + bytes.len() as u64, lines: self.lines + lines, characters: before + characters }
    }
}

/// The error for a source that ends in one, at its line where that helps.
pub(crate) fn broken(source: &Source, error: io::Error, position: Position, bytes: &[u8]) -> Error {
    let error = Error::of_named(error, source.name());
    match error.kind() {
        ErrorKind::Compression(_) => {
            place_in(source, b'\n', Fault::on_line(bytes.len(), error.kind().clone()), position, bytes)
        }
        _ => error,
    }
}

/// The error for a fault in bytes that stand at a position of the file.
pub(crate) fn place(input: &Input, fault: Fault, position: Position, bytes: &[u8]) -> Error {
    place_in(input.source(), newline(input.layout()), fault, position, bytes)
}

/// The byte that ends lines.
pub(crate) fn newline(layout: &Layout) -> u8 {
    match layout {
        Layout::Csv(dialect) => dialect.line_byte(),
        Layout::Json { .. } | Layout::Xml(_) | Layout::Columnar(_) => b'\n',
    }
}

pub(crate) fn place_in(source: &Source, newline: u8, fault: Fault, position: Position, bytes: &[u8]) -> Error {
    if matches!(fault.kind, ErrorKind::Empty) {
        return Error::new(fault.kind).in_source(source.name());
    }
    let kind = match (fault.kind, source.foreign_encoding()) {
        (ErrorKind::Encoding, Some(name)) => ErrorKind::ForeignEncoding(name),
        (kind, _) => kind,
    };
    let position = position.after(bytes.get(..fault.at).unwrap_or(bytes), newline);
    let column = (fault.precision == Precision::Column).then_some(position.characters + 1);
    Error::new(kind).at(Place {
        source: source.name().to_owned(),
        line: Some(position.lines + 1),
        column,
        byte: Some(position.byte),
    })
}

/// No code panics while it holds these locks; if it did, the data under them would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
