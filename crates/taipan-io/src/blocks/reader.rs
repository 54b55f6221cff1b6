//! The one behind the lock: reads a file on, and cuts it where records end.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use super::Block;
use super::position::{ANY_NEWLINE, Position, broken, place};
use crate::columnar::{Piece, Pieces};
use crate::csv;
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::input::{Input, Layout};
use crate::json;
use crate::reject::RAW;
use crate::source::Bytes;
use crate::xml::{self, Found};

/// The size of the first block; each later one is four times larger up to the size asked for.
const FIRST: usize = 64 << 10;

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(super) struct Reader {
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
    lines: Lines,
}

/// How many blocks are cut where records end, at the least, behind one that was wrongly cut at a newline.
const CAREFUL: u64 = 16;

/// Whether blocks are cut at newlines alone.
#[derive(Debug, Default)]
struct Lines {
    /// Somebody asks for them, of a file that can be read again from any place.
    allowed: bool,
    /// The records seen last had a line each.
    seen: bool,
    /// So many blocks are to be cut where records end before any other is at newlines: twice as many each time that it was
    /// wrong.
    wait: u64,
    doubt: u64,
}

#[derive(Debug)]
enum Splitter {
    Csv(csv::Dialect),
    Json(json::Splitter),
    Xml(Box<xml::Splitter>),
    Columnar(Pieces),
}

impl Reader {
    pub(super) fn new(input: &Input, projection: &[usize]) -> Result<Self> {
        let mut reader = Self::at(input, projection, input.data())?;
        reader.others = input.others().iter().cloned().collect();
        Ok(reader)
    }

    /// A reader of one file from a place on where a record may begin.
    fn at(input: &Input, projection: &[usize], position: Position) -> Result<Self> {
        let source = if let Layout::Columnar(_) = input.layout() {
            // Its pieces have a reading of their own; a second one of a stream may not be there.
            Bytes::Memory(Cursor::default())
        } else if let Some(content) = input.content() {
            let mut content = Cursor::new(content.clone());
            content.set_position(position.byte);
            Bytes::Memory(content)
        } else {
            input.source().bytes(position.byte)?
        };
        let splitter = match input.layout() {
            Layout::Csv(dialect) => Splitter::Csv(*dialect),
            Layout::Json(document) => Splitter::Json(json::Splitter::of(*document, input.options().refused().depth())),
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
            lines: Lines::default(),
        })
    }

    /// Goes on with another file.
    fn go_on(&mut self, path: &Path) -> Result<()> {
        let others = std::mem::take(&mut self.others);
        let before = self.before + self.position.byte;
        let first = self.first.clone();
        let next = first.continued(path)?;
        let next = Self::at(&next, &self.projection, next.data())?;
        *self = Self { first, others, before, blocks: self.blocks, keeps_all: self.keeps_all, ..next };
        Ok(())
    }

    pub(super) fn keep_all(&mut self) {
        self.keeps_all = true;
    }

    /// Cuts at newlines alone where that seems to do.
    pub(super) fn allow_lines(&mut self) {
        let again = matches!(self.source, Bytes::File(_) | Bytes::Memory(_));
        self.lines.allowed = again && self.others.is_empty() && matches!(self.splitter, Splitter::Json(_));
    }

    /// Goes back to where a block began that was cut at newlines, which is the next one again.
    pub(super) fn go_back(&mut self, number: u64, to: Position) -> Result<()> {
        let mut back = Self::at(&self.input, &self.projection, to)?;
        if let Splitter::Json(splitter) = &mut back.splitter {
            splitter.begin_in_sequence();
        }
        let doubt = CAREFUL.max(2 * self.lines.doubt);
        let lines = Lines { allowed: true, seen: false, wait: doubt, doubt };
        *self = Self { size: self.size, blocks: number, keeps_all: self.keeps_all, lines, ..back };
        Ok(())
    }

    /// How much of all files was read, but for what is kept for the next block.
    pub(super) fn bytes_read(&self) -> u64 {
        self.before + self.position.byte
    }

    /// Whether nothing follows the last block, as far as this can be said without reading on.
    pub(super) fn is_exhausted(&self) -> bool {
        let over = self.at_end && self.carry.is_empty() && self.failed.is_none();
        (over || self.done) && self.others.is_empty()
    }

    /// The next block of this file or the ones behind it, and its number.
    pub(super) fn next_numbered(&mut self, buffer: Vec<u8>) -> (u64, Result<Option<Block>>) {
        let mut block = self.next(buffer);
        while matches!(block, Ok(None))
            && let Some(path) = self.others.pop_front()
        {
            block = self.go_on(&path).and_then(|()| self.next(Vec::new()));
        }
        if block.is_err() {
            self.others.clear();
            self.done = true;
        }
        self.blocks += 1;
        (self.blocks - 1, block)
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
                lines: false,
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
        if let Some(end) = self.end_of_lines(data.get(..filled).unwrap_or_default(), limit) {
            let block = self.block(data, filled, end, Found::default());
            return Ok(Some(Block { lines: true, ..block }));
        }
        loop {
            let (end, records, fault) = self.split(data.get(..filled).unwrap_or_default(), limit);
            let nothing = if matches!(self.splitter, Splitter::Csv(_)) { end == 0 } else { records.records.is_empty() };
            let has_no_end = nothing && !self.at_end && filled - end > limit;
            let fault = fault.or_else(|| has_no_end.then(|| Fault::on_line(end, ErrorKind::TooLong { limit })));
            let too_long = fault.as_ref().is_some_and(|fault| matches!(fault.kind, ErrorKind::TooLong { .. }));
            // What is wrong around the records of XML is no bad record.
            let in_record = match &self.splitter {
                Splitter::Xml(splitter) => too_long || splitter.is_spoilt(),
                _ => true,
            };
            let takes = in_record && input.options().refused().takes();
            if let Some(fault) = fault {
                if nothing && takes && end < filled {
                    self.pass(&mut data, &mut filled, end);
                    if let Splitter::Json(splitter) = &mut self.splitter {
                        splitter.begin_leaving(fault.is_too_large());
                    }
                    // As much of it is read as is kept, so that the same is kept whatever the blocks.
                    let kept = if matches!(fault.kind, ErrorKind::TooLong { .. }) { RAW } else { limit };
                    while filled < kept
                        && !self.at_end
                        && self.splitter.behind_bad(data.get(..filled).unwrap_or_default()).is_none()
                    {
                        let size = self.size.max(filled).min(kept - filled);
                        self.add(&mut data, &mut filled, input, size)?;
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
                self.lines.wait = self.lines.wait.saturating_sub(1);
                self.lines.seen = self.lines.allowed && self.failed.is_none() && self.has_lines(&data, &records);
                return Ok(Some(self.block(data, filled, end, records)));
            }
            // What stood between records is done with; what is left begins one that goes on behind the buffer.
            self.pass(&mut data, &mut filled, end);
            if self.at_end {
                self.done = true;
                return Ok(None);
            }
            // Doubling keeps the work linear; no further than to see that the record is too long.
            let size = self.size.max(filled).min((limit + 1).saturating_sub(filled).max(1));
            self.add(&mut data, &mut filled, input, size)?;
        }
    }

    /// Where the last line ends, if it may do to cut there.
    fn end_of_lines(&self, bytes: &[u8], limit: usize) -> Option<usize> {
        if !self.lines.seen || self.lines.wait > 0 || self.at_end || bytes.len() > limit {
            return None;
        }
        memchr::memrchr(b'\n', bytes).map(|end| end + 1)
    }

    /// Whether it seems that every record has a line of its own.
    fn has_lines(&self, bytes: &[u8], found: &Found) -> bool {
        let Splitter::Json(splitter) = &self.splitter else { return false };
        let Some(last) = found.records.last().filter(|_| splitter.is_in_sequence()) else { return false };
        let behind = bytes.get(last.end..);
        let ends = matches!(behind, Some([b'\n', ..] | [b'\r', b'\n', ..]));
        ends && bytes.get(last.clone()).is_some_and(|record| memchr::memchr(b'\n', record).is_none())
    }

    /// The block of all that stands before an end; the rest is kept for the next one.
    fn block(&mut self, data: Vec<u8>, filled: usize, end: usize, records: Found) -> Block {
        let position = self.position;
        self.position = position.after(data.get(..end).unwrap_or_default(), self.splitter.newline());
        if self.failed.is_none() {
            self.carry.extend_from_slice(data.get(end..filled).unwrap_or_default());
        }
        self.size = self.size.saturating_mul(4).min(self.input.block_bytes());
        let input = self.input.clone();
        Block { data, end, records, bad: None, position, lines: false, piece: None, input }
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
        self.lines.seen = false;
        let (records, input) = (Found::default(), self.input.clone());
        Block { data, end, records, bad: Some(fault), position, lines: false, piece: None, input }
    }

    /// Adds a block's size to the buffer.
    fn fill(&mut self, data: &mut Vec<u8>, filled: &mut usize, input: &Input) -> Result<()> {
        self.add(data, filled, input, self.size)
    }

    /// Adds so many bytes to the buffer: what was carried over, then bytes of the file.
    fn add(&mut self, data: &mut Vec<u8>, filled: &mut usize, input: &Input, size: usize) -> Result<()> {
        // One byte more than is left shows the end of the file in the same go.
        let left = input.left(self.position.byte + (*filled + self.carry.len()) as u64);
        let size = left.map_or(size, |left| size.min(left.max(FIRST / 16) + 1));
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
                let before = splitter.clone();
                let mut found = Found::default();
                let (end, fault) = json::split(splitter, bytes, self.at_end, &mut found);
                // Whether a record is too long does not depend on what else is in the block.
                if bytes.len() > limit
                    && let Some(long) = found.records.iter().find(|record| record.len() > limit)
                {
                    let short = bytes.get(..long.start).unwrap_or_default();
                    (*splitter, found) = (before, Found::default());
                    let (end, _) = json::split(splitter, short, false, &mut found);
                    return (end, found, Some(Fault::on_line(end, ErrorKind::TooLong { limit })));
                }
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
            Self::Json(splitter) => {
                Some(splitter.clone().leave(bytes, false)).filter(|(_, over)| *over).map(|(end, _)| end)
            }
            Self::Columnar(_) => None,
            Self::Xml(splitter) => splitter.behind_record(bytes),
        }
    }

    /// Where to go on behind these bytes of a bad record, and whether it is over there.
    fn leave_bad(&mut self, bytes: &[u8], last: bool) -> (usize, bool) {
        match self {
            Self::Xml(splitter) => return splitter.leave(bytes, last),
            Self::Json(splitter) => return splitter.leave(bytes, last),
            Self::Csv(_) | Self::Columnar(_) => {}
        }
        let end = self.behind_bad(bytes);
        (end.unwrap_or(bytes.len()), end.is_some() || last)
    }
}
