//! CSV: from bytes to a layout (dialect, names, types) and from blocks of rows to record batches.

mod asked;
mod columns;
mod dialect;
mod header;
mod parser;
mod picked;
mod quotes;
mod select;
mod sniff;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

pub(crate) use self::asked::Asked;
pub use self::asked::Ragged;
use self::columns::{Column, Unfit, bare};
pub(crate) use self::dialect::{Dialect, Newline};
use self::parser::{Flaw, Parser, Rows};
pub(crate) use self::picked::picked;
pub(crate) use self::select::Selector;
pub(crate) use self::sniff::dialect;
use crate::error::{ErrorKind, Fault, Misfit, excerpt};
use crate::given::Nulls;
use crate::infer::{Guess, Kind, join};
use crate::reject::Refused;
use crate::scan;

/// Rows whose places are found before their fields are converted, column by column: few enough to stay in the cache.
const STRIDE: usize = 512;

/// Samples are inferred in pieces of this size, on all cores if there are several.
const PIECE: usize = 1 << 20;

/// How a file's bytes are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) nulls: &'a Nulls,
}

/// What a file's rows are.
#[derive(Debug)]
pub(crate) struct Inferred {
    /// Where the first row of data starts.
    pub(crate) data: usize,
    pub(crate) schema: SchemaRef,
    /// How many rows of data were seen.
    pub(crate) rows: u64,
}

/// Infers the columns from the first bytes of a file, behind a byte order mark; nothing if they do not reach to the end
/// of the first row of data. The table begins at `top`; `whole` says that these bytes are all there is.
pub(crate) fn infer(
    sample: &[u8],
    reading: Reading,
    top: usize,
    header: Option<bool>,
    whole: bool,
    refused: &mut Refused,
) -> Result<Option<Inferred>, Fault> {
    let text = sample.get(top..).unwrap_or_default();
    let inferred = infer_table(text, reading, header, whole, refused).map_err(|fault| fault.shifted(top))?;
    Ok(inferred.map(|inferred| Inferred { data: top + inferred.data, ..inferred }))
}

fn infer_table(
    text: &[u8],
    reading: Reading,
    header: Option<bool>,
    whole: bool,
    refused: &mut Refused,
) -> Result<Option<Inferred>, Fault> {
    let dialect = reading.dialect;
    let (end, flaw) = last_boundary(text, dialect, whole, usize::MAX);
    // What stands behind a quote that is never closed is seen as the block reader will see it.
    let mut tail = None;
    if let Some(fault) = flaw {
        if !refused.takes() {
            return Err(fault);
        }
        tail = dialect.line_end(text, end).map(|end| end + 1);
    }
    let rest = tail.and_then(|tail| text.get(tail..));
    let text = text.get(..end).unwrap_or_default();
    let Some((mut first, below)) = parser::first_row(text, dialect) else {
        return if whole { Err(Fault::on_line(0, ErrorKind::Empty)) } else { Ok(None) };
    };
    if below == text.len() && !whole {
        return Ok(None);
    }
    if !refused.takes() {
        valid_text(text)?;
    }
    let body = text.get(below..).unwrap_or_default();
    let unnamed = header != Some(false) && header::leaves_out_row_names(first.len(), body, reading);
    if unnamed {
        first.insert(0, 0..0);
    }
    let (mut guesses, mut rows) = guess(body, reading, first.len(), refused).map_err(|fault| fault.shifted(below))?;
    if let Some(rest) = rest {
        let (end, _) = last_boundary(rest, dialect, whole, usize::MAX);
        let (more, count) = guess(rest.get(..end).unwrap_or_default(), reading, first.len(), refused)?;
        guesses.iter_mut().zip(more).for_each(|(all, one)| all.merge(one));
        rows += count;
    }
    let first: Vec<&[u8]> = first.into_iter().map(|field| text.get(field).unwrap_or_default()).collect();
    let header = unnamed || header.unwrap_or_else(|| header::has_header(&first, &guesses, body, reading));
    let names = if header {
        header::names(&first, dialect)
    } else {
        rows += 1;
        guesses.iter_mut().zip(&first).for_each(|(guess, field)| observe(guess, field, reading));
        (1..=first.len()).map(|i| format!("column_{i}")).collect()
    };
    let fields: Vec<Field> =
        names.into_iter().zip(guesses).map(|(name, guess)| Field::new(name, guess.kind().data_type(), true)).collect();
    let data = if header { below } else { 0 };
    Ok(Some(Inferred { data, schema: Arc::new(Schema::new(fields)), rows }))
}

/// Converts the projected columns of a block of whole rows; every row's width is checked, whatever the projection.
pub(crate) fn parse(
    bytes: &[u8],
    reading: Reading,
    file: &Schema,
    projection: &[usize],
    schema: &SchemaRef,
    refused: &mut Refused,
) -> Result<RecordBatch, Fault> {
    let (text, broken) = text_of(bytes, refused)?;
    let capacity = bytes.len() / (4 * file.fields().len().max(1));
    let mut columns: Vec<Column> =
        schema.fields().iter().map(|field| Column::new(field.data_type(), capacity)).collect();
    let mut parser = Parser::new(text.as_bytes(), reading.dialect);
    let mut rows = Rows::new(file.fields().len());
    let mut count = 0;
    // Rows that were converted and then found bad.
    let mut dropped: Vec<usize> = Vec::new();
    loop {
        let filled = parser.fill(&mut rows, STRIDE);
        let mut bad = broken.rows(&rows);
        let unfit: Vec<(Unfit, usize)> = columns
            .iter_mut()
            .zip(projection)
            .flat_map(|(column, &index)| {
                column.extend(&text, &rows, index, reading).into_iter().map(move |one| (one, index))
            })
            .collect();
        if !unfit.is_empty() {
            bad.extend(misfits(unfit, &rows, file, &bad, refused)?);
        }
        bad.sort_by_key(|(row, _)| *row);
        for (row, fault) in bad {
            refused.take(rows.range(row), fault)?;
            dropped.push(count + row);
        }
        count += rows.len();
        match filled {
            Ok(()) if rows.len() == 0 => break,
            Ok(()) => {}
            Err(flaw) => refused.take(flaw.range(bytes.len()), fault(flaw))?,
        }
    }
    let columns: Vec<ArrayRef> = columns.into_iter().map(Column::finish).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(schema.clone(), columns, &options)?;
    if dropped.is_empty() {
        return Ok(batch);
    }
    let mut keep = vec![true; count];
    for row in dropped {
        if let Some(keep) = keep.get_mut(row) {
            *keep = false;
        }
    }
    Ok(filter_record_batch(&batch, &BooleanArray::from(keep))?)
}

/// Where the rows are that have the right width.
pub(crate) fn rows(bytes: &[u8], dialect: Dialect, width: usize) -> Vec<Range<usize>> {
    let mut parser = Parser::new(bytes, dialect);
    let mut rows = Rows::new(width);
    let mut found = Vec::new();
    loop {
        let filled = parser.fill(&mut rows, STRIDE);
        found.extend((0..rows.len()).map(|row| rows.range(row)));
        if filled.is_ok() && rows.len() == 0 {
            return found;
        }
    }
}

/// The bad rows that fields which fit no column make; the fault that stands first in the file is told of each. A field
/// that its column is to be widened for ends the reading, unless its row is bad anyhow.
fn misfits(
    mut unfit: Vec<(Unfit, usize)>,
    rows: &Rows,
    file: &Schema,
    bad: &[(usize, Fault)],
    refused: &Refused,
) -> Result<Vec<(usize, Fault)>, Fault> {
    unfit.sort_by_key(|(unfit, index)| (unfit.row, *index));
    let mut faults = Vec::new();
    for of_row in unfit.chunk_by(|(a, _), (b, _)| a.row == b.row) {
        let given = of_row.iter().find(|(_, index)| refused.is_given(file.field(*index).name()));
        let Some((unfit, index)) = given.filter(|_| refused.takes()).or(of_row.first()) else { continue };
        if bad.iter().any(|(row, _)| *row == unfit.row) {
            continue;
        }
        let fault = misfit(unfit, rows, file.field(*index), *index);
        if given.is_none() {
            return Err(fault);
        }
        faults.push((unfit.row, fault));
    }
    Ok(faults)
}

/// Takes the values that some columns have in a block of whole rows into their guesses; every row's width is checked.
/// `guesses` are of all columns.
pub(crate) fn survey(
    bytes: &[u8],
    reading: Reading,
    columns: &[usize],
    guesses: &mut [Guess],
    refused: &mut Refused,
) -> Result<(), Fault> {
    guess_piece(bytes, reading, columns, guesses, refused).map(|_| ())
}

/// Where the last row ends that is whole: behind the last newline outside quotes, or at the end if these bytes are the
/// last ones; and the fault behind it if there is one: a quote that is never closed, a row longer than a limit.
pub(crate) fn last_boundary(text: &[u8], dialect: Dialect, last: bool, limit: usize) -> (usize, Option<Fault>) {
    if text.len() > limit
        && let Some(start) = parser::first_too_long(text, dialect, limit)
    {
        return (start, Some(Fault::on_line(start, ErrorKind::TooLong { limit })));
    }
    let text = match text {
        // The line feed that belongs to it may come next.
        [rest @ .., b'\r'] if !last && dialect.newline == Newline::Any => rest,
        text => text,
    };
    match parser::last_boundary(text, dialect) {
        (end, Some(quote)) if last => (end, Some(open_quote(quote))),
        _ if last => (text.len(), None),
        (end, _) => (end, None),
    }
}

/// The rows that hold bytes which are no text, in the order of the file.
#[derive(Default)]
struct Broken(Vec<(usize, ErrorKind)>);

impl Broken {
    fn rows(&self, rows: &Rows) -> Vec<(usize, Fault)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for row in 0..rows.len() {
            let range = rows.range(row);
            let first = self.0.partition_point(|(at, _)| *at < range.start);
            if let Some((at, kind)) = self.0.get(first).filter(|(at, _)| *at < range.end) {
                found.push((row, Fault::on_column(*at, kind.clone())));
            }
        }
        found
    }
}

/// Bytes as text. If bad records are taken, what is no text in them is replaced, byte by byte, and told.
fn text_of<'a>(bytes: &'a [u8], refused: &Refused) -> Result<(Cow<'a, str>, Broken), Fault> {
    match valid_text(bytes) {
        Ok(text) => return Ok((Cow::Borrowed(text), Broken::default())),
        Err(fault) if !refused.takes() => return Err(fault),
        Err(_) => {}
    }
    let mut text = String::with_capacity(bytes.len());
    let mut broken = Vec::new();
    for chunk in bytes.utf8_chunks() {
        for (i, part) in chunk.valid().split('\0').enumerate() {
            if i > 0 {
                broken.push((text.len(), ErrorKind::UnknownFormat("binary")));
                text.push('?');
            }
            text.push_str(part);
        }
        for _ in chunk.invalid() {
            broken.push((text.len(), ErrorKind::Encoding));
            text.push('?');
        }
    }
    Ok((Cow::Owned(text), Broken(broken)))
}

#[expect(unsafe_code, reason = "what was just seen to be ASCII would be read once more")]
fn valid_text(bytes: &[u8]) -> Result<&str, Fault> {
    if scan::is_plain_ascii(bytes) {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(Fault::on_column(at, ErrorKind::UnknownFormat("binary")));
    }
    std::str::from_utf8(bytes).map_err(|error| Fault::on_column(error.valid_up_to(), ErrorKind::Encoding))
}

fn guess(body: &[u8], reading: Reading, width: usize, refused: &Refused) -> Result<(Vec<Guess>, u64), Fault> {
    let pieces = pieces(body, reading.dialect);
    let columns: Vec<usize> = (0..width).collect();
    let of = |piece: &Range<usize>| {
        let mut guesses = vec![Guess::default(); width];
        let piece_bytes = body.get(piece.clone()).unwrap_or_default();
        guess_piece(piece_bytes, reading, &columns, &mut guesses, &mut refused.anew())
            .map(|rows| (guesses, rows))
            .map_err(|fault| fault.shifted(piece.start))
    };
    // A small file is not worth waking threads for.
    let guesses: Vec<_> =
        if pieces.len() > 1 { pieces.par_iter().map(of).collect() } else { pieces.iter().map(of).collect() };
    let mut merged = vec![Guess::default(); width];
    let mut rows = 0;
    for guess in guesses {
        let (guess, count) = guess?;
        merged.iter_mut().zip(guess).for_each(|(all, one)| all.merge(one));
        rows += count;
    }
    Ok((merged, rows))
}

fn pieces(body: &[u8], dialect: Dialect) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut size = PIECE;
    while let Some(window) = body.get(start..start + size) {
        match parser::last_boundary(window, dialect) {
            (0, _) => size *= 2,
            (end, _) => {
                pieces.push(start..start + end);
                start += end;
                size = PIECE;
            }
        }
    }
    if start < body.len() {
        pieces.push(start..body.len());
    }
    pieces
}

/// Takes in the values of some columns; answers how many good rows there are.
fn guess_piece(
    bytes: &[u8],
    reading: Reading,
    columns: &[usize],
    guesses: &mut [Guess],
    refused: &mut Refused,
) -> Result<u64, Fault> {
    let (text, broken) = text_of(bytes, refused)?;
    let bytes = text.as_bytes();
    let mut parser = Parser::new(bytes, reading.dialect);
    let mut rows = Rows::new(guesses.len());
    let mut count = 0;
    loop {
        let filled = parser.fill(&mut rows, STRIDE);
        let bad = broken.rows(&rows);
        count += (rows.len() - bad.len()) as u64;
        for &column in columns {
            let Some(guess) = guesses.get_mut(column) else { continue };
            for (row, field) in rows.column(column).enumerate() {
                if guess.kind() == Kind::Utf8 {
                    break;
                }
                if bad.is_empty() || bad.iter().all(|(bad, _)| *bad != row) {
                    observe(guess, bytes.get(field).unwrap_or_default(), reading);
                }
            }
        }
        match filled {
            Ok(()) if rows.len() == 0 => return Ok(count),
            Ok(()) => {}
            Err(flaw) => refused.take(flaw.range(bytes.len()), fault(flaw))?,
        }
    }
}

fn observe(guess: &mut Guess, field: &[u8], reading: Reading) {
    match field {
        // Most fields are bare already.
        [b'0'..=b'9' | b'-', .., b'0'..=b'9'] | [b'0'..=b'9'] => guess.observe(field),
        _ => {
            let field = bare(field, reading.dialect);
            if !reading.nulls.is_missing(&field) {
                guess.observe(&field);
            }
        }
    }
}

fn misfit(unfit: &Unfit, rows: &Rows, field: &Field, column: usize) -> Fault {
    let from = field.data_type().clone();
    let to = join(&from, &Kind::of(&unfit.value).data_type());
    // An integer too wide for the floats of its column joins them as text only.
    let to = if to == from { arrow::datatypes::DataType::Utf8 } else { to };
    let misfit = Misfit { column: field.name().clone(), value: excerpt(&unfit.value), from, to };
    Fault::on_column(rows.field(unfit.row, column).start, ErrorKind::Misfit(misfit))
}

fn fault(flaw: Flaw) -> Fault {
    match flaw {
        Flaw::Ragged { at, found, expected, .. } => Fault::on_line(at, ErrorKind::Ragged { found, expected }),
        Flaw::OpenQuote { at } => open_quote(at),
        Flaw::BrokenQuote { at, .. } => {
            let message = "a field goes on behind its closing quote, so the file's quotes, which were guessed, are others: \
                           say which with `--quote` and `--escape`";
            Fault::on_column(at, ErrorKind::Syntax(message.to_owned()))
        }
    }
}

fn open_quote(at: usize) -> Fault {
    Fault::on_column(at, ErrorKind::Syntax("a quote is opened here and never closed".to_owned()))
}
