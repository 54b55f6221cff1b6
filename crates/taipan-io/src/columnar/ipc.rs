//! Arrow IPC: streams of messages, and files, which are such a stream between marks and an index of it.
//!
//! Both are read from front to end, message by message. What a message says of its size is believed only as far as
//! bytes follow. Source: the Arrow columnar format, "Serialization and Interprocess Communication".

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind as Io, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{Message, MessageHeader, root_as_message};

use super::{broken, distinct};
use crate::error::Result;
use crate::source::{Bytes, Limits, Source};

/// How a file begins and ends.
const MARK: &[u8] = b"ARROW1";
/// The mark and what fills it up; messages begin at multiples of this.
const HEAD: u64 = 8;
/// Writers that align to more than eight bytes fill up to this at most.
const PADDING: u64 = 4096;
/// Rows of a batch; more have no place in the implementations of most languages.
const MOST_ROWS: i64 = i32::MAX as i64;
/// Bytes that are allocated before any of them was read.
const STEP: usize = 16 << 20;

/// What of Arrow's own may fail; the name of the file is added by whoever knows it.
type Decoded<T> = std::result::Result<T, ArrowError>;

/// An opened file or stream.
#[derive(Debug)]
pub(crate) struct Table {
    begins: u64,
}

/// Its batches, read one after another.
pub(crate) struct Pieces {
    reader: BufReader<Bytes>,
    limits: Limits,
    schema: SchemaRef,
    projection: Option<Vec<usize>>,
    dictionaries: HashMap<i64, ArrayRef>,
}

impl Table {
    pub(super) fn open(source: &Source) -> Result<(Self, SchemaRef)> {
        let mut head = Vec::new();
        let name = source.name();
        source.bytes(0)?.take(PADDING).read_to_end(&mut head).map_err(|error| broken(name, error))?;
        let mut begins = 0;
        if head.starts_with(MARK) {
            let (file, length) = source.seekable()?;
            whole(file, length).map_err(|error| broken(name, error))?;
            let filled = head.iter().skip(MARK.len()).take_while(|byte| **byte == 0).count();
            begins = (MARK.len() + filled) as u64 / HEAD * HEAD;
        }
        let table = Self { begins };
        let schema = table.reader(source, None)?.schema;
        Ok((table, schema))
    }

    pub(super) fn pieces(&self, source: &Source, projection: &[usize]) -> Result<Pieces> {
        self.reader(source, Some(distinct(projection)))
    }

    fn reader(&self, source: &Source, projection: Option<Vec<usize>>) -> Result<Pieces> {
        let reader = BufReader::with_capacity(1 << 16, source.bytes(self.begins)?);
        Pieces::begun(reader, source.limits(), projection).map_err(|error| broken(source.name(), error))
    }
}

/// Whether a file ends as it began: one that was cut is known before it is read.
fn whole(mut file: File, length: u64) -> io::Result<()> {
    let mut end = [0; MARK.len()];
    let last = length.checked_sub(MARK.len() as u64).filter(|last| *last >= HEAD).ok_or(Io::UnexpectedEof)?;
    file.seek(SeekFrom::Start(last))?;
    file.read_exact(&mut end)?;
    if end == *MARK { Ok(()) } else { Err(Io::UnexpectedEof.into()) }
}

impl Pieces {
    fn begun(mut reader: BufReader<Bytes>, limits: Limits, projection: Option<Vec<usize>>) -> Decoded<Self> {
        let first = frame(&mut reader)?.ok_or_else(|| fault("the stream is empty"))?;
        let schema = message(&first)?.header_as_schema().ok_or_else(|| fault("the first message is no schema"))?;
        let schema: Schema = fb_to_schema(schema);
        Ok(Self { reader, limits, schema: Arc::new(schema), projection, dictionaries: HashMap::new() })
    }

    /// The next batch of the projected columns.
    pub(super) fn next(&mut self) -> Decoded<Option<RecordBatch>> {
        while let Some(frame) = frame(&mut self.reader)? {
            let message = message(&frame)?;
            let length = usize::try_from(message.bodyLength()).map_err(|_| fault("a message of less than no bytes"))?;
            let body = bytes(&mut self.reader, length)?.into();
            match message.header_type() {
                MessageHeader::RecordBatch => {
                    let batch = message.header_as_record_batch().ok_or_else(|| fault("a batch that says nothing"))?;
                    check(&batch, &body, self.limits)?;
                    let (schema, projection) = (Arc::clone(&self.schema), self.projection.as_deref());
                    let version = message.version();
                    return read_record_batch(&body, batch, schema, &self.dictionaries, projection, &version).map(Some);
                }
                MessageHeader::DictionaryBatch => {
                    let batch = message.header_as_dictionary_batch();
                    let batch = batch.ok_or_else(|| fault("a dictionary that says nothing"))?;
                    check(&batch.data().ok_or_else(|| fault("a dictionary without values"))?, &body, self.limits)?;
                    read_dictionary(&body, batch, &self.schema, &mut self.dictionaries, &message.version())?;
                }
                other => return Err(fault(format!("a message of kind {other:?} among the batches"))),
            }
        }
        Ok(None)
    }
}

/// What a batch says of its rows and its unpacked size, before anything is allocated for them.
fn check(batch: &arrow_ipc::RecordBatch<'_>, body: &Buffer, limits: Limits) -> Decoded<()> {
    let lengths = batch.nodes().into_iter().flatten().map(arrow_ipc::FieldNode::length).chain([batch.length()]);
    if let Some(rows) = lengths.into_iter().find(|rows| !(0..=MOST_ROWS).contains(rows)) {
        return Err(fault(format!("a batch of {rows} rows")));
    }
    if batch.compression().is_none() {
        return Ok(());
    }
    let mut unpacked = 0u64;
    for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() > 0) {
        let at = usize::try_from(buffer.offset()).ok();
        let size = at.and_then(|at| body.get(at..)).and_then(<[u8]>::first_chunk::<8>);
        let size = i64::from_le_bytes(*size.ok_or_else(|| fault("a buffer outside its message"))?);
        // Minus one stands for bytes that are not packed.
        unpacked = unpacked.saturating_add(size.max(0) as u64);
    }
    let packed = body.len() as u64;
    if unpacked > limits.total || (unpacked > limits.harmless && unpacked / limits.ratio.max(1) > packed) {
        return Err(fault(format!(
            "a batch of {packed} bytes that unpacks to {unpacked}: refused as a decompression bomb"
        )));
    }
    Ok(())
}

/// The head of the next message, or nothing at the end.
fn frame(reader: &mut impl Read) -> Decoded<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let mut read = 0;
    while read < length.len() {
        match reader.read(&mut length[read..]) {
            // A stream may end without the mark for it, but not within one.
            Ok(0) if read == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(Io::UnexpectedEof).into()),
            Ok(more) => read += more,
            Err(error) if error.kind() == Io::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    // Streams of 2019 and before have no such mark before the length.
    if length == [0xff; 4] {
        reader.read_exact(&mut length)?;
    }
    match usize::try_from(i32::from_le_bytes(length)) {
        Ok(0) => Ok(None),
        Ok(length) => Ok(Some(bytes(reader, length)?.to_vec())),
        Err(_) => Err(fault("a message of less than no bytes")),
    }
}

fn message(frame: &[u8]) -> Decoded<Message<'_>> {
    root_as_message(frame).map_err(|error| fault(format!("a message that cannot be read: {error}")))
}

/// This many bytes, allocated as they come.
fn bytes(reader: &mut impl Read, length: usize) -> Decoded<MutableBuffer> {
    let mut bytes = MutableBuffer::new(0);
    while bytes.len() < length {
        let begun = bytes.len();
        bytes.resize(length.min(begun + begun.max(STEP)), 0);
        reader.read_exact(&mut bytes.as_slice_mut()[begun..])?;
    }
    Ok(bytes)
}

fn fault(message: impl Into<String>) -> ArrowError {
    ArrowError::IpcError(message.into())
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces").field("schema", &self.schema).finish_non_exhaustive()
    }
}
