//! CSV: from bytes to a layout (dialect, names, types) and from blocks of rows to record batches.

mod columns;
mod parser;
mod sniff;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use self::columns::{Column, Reject, bare};
pub(crate) use self::parser::Dialect;
use self::parser::{Flaw, Parser, Rows};
pub(crate) use self::sniff::dialect;
use crate::error::{ErrorKind, Fault, Misfit, excerpt};
use crate::infer::{Guess, Kind, join};
use crate::value;

/// Rows whose places are found before their fields are converted, column by column: few enough to stay in the cache.
const STRIDE: usize = 512;

/// Samples are inferred in pieces of this size, on all cores if there are several.
const PIECE: usize = 1 << 20;

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
/// of the first row of data. `whole` says that they are all there is.
pub(crate) fn infer(
    text: &[u8],
    dialect: Dialect,
    header: Option<bool>,
    whole: bool,
) -> Result<Option<Inferred>, Fault> {
    let (end, flaw) = last_boundary(text, dialect, whole);
    if let Some(fault) = flaw {
        return Err(fault);
    }
    let text = text.get(..end).unwrap_or_default();
    let Some((first, below)) = parser::first_row(text, dialect) else {
        return if whole { Err(Fault::on_line(0, ErrorKind::Empty)) } else { Ok(None) };
    };
    if below == text.len() && !whole {
        return Ok(None);
    }
    valid_text(text)?;
    let body = text.get(below..).unwrap_or_default();
    let (mut guesses, mut rows) = guess(body, dialect, first.len()).map_err(|fault| fault.shifted(below))?;
    let first: Vec<&[u8]> = first.into_iter().map(|field| text.get(field).unwrap_or_default()).collect();
    let header = header.unwrap_or_else(|| sniff::has_header(&first, &guesses, body, dialect));
    let names = if header {
        sniff::names(&first)
    } else {
        rows += 1;
        guesses.iter_mut().zip(&first).for_each(|(guess, field)| observe(guess, field));
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
    dialect: Dialect,
    file: &Schema,
    projection: &[usize],
    schema: &SchemaRef,
) -> Result<RecordBatch, Fault> {
    let text = valid_text(bytes)?;
    let capacity = bytes.len() / (4 * file.fields().len().max(1));
    let mut columns: Vec<Column> =
        schema.fields().iter().map(|field| Column::new(field.data_type(), capacity)).collect();
    let mut parser = Parser::new(bytes, dialect);
    let mut rows = Rows::new(file.fields().len());
    let mut count = 0;
    loop {
        parser.fill(&mut rows, STRIDE).map_err(fault)?;
        if rows.len() == 0 {
            break;
        }
        count += rows.len();
        // The fault that stands first in the file is told, whichever column it is in.
        let rejects = columns
            .iter_mut()
            .zip(projection)
            .filter_map(|(column, &index)| column.extend(text, &rows, index).err().map(|reject| (reject, index)));
        if let Some((reject, index)) = rejects.min_by_key(|(reject, index)| (reject.row, *index)) {
            return Err(misfit(&reject, &rows, file.field(index)));
        }
    }
    let columns: Vec<ArrayRef> = columns.into_iter().map(Column::finish).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// Takes the values that some columns have in a block of whole rows into their guesses; every row's width is checked.
/// `guesses` are of all columns.
pub(crate) fn survey(bytes: &[u8], dialect: Dialect, columns: &[usize], guesses: &mut [Guess]) -> Result<(), Fault> {
    valid_text(bytes)?;
    guess_piece(bytes, dialect, columns, guesses).map(|_| ())
}

/// Where the last row ends that is whole: behind the last newline outside quotes, or at the end if these bytes are the
/// last ones; and the fault behind it if there is one.
pub(crate) fn last_boundary(text: &[u8], dialect: Dialect, last: bool) -> (usize, Option<Fault>) {
    match parser::last_boundary(text, dialect) {
        (end, Some(quote)) if last => (end, Some(open_quote(quote))),
        _ if last => (text.len(), None),
        (end, _) => (end, None),
    }
}

fn valid_text(bytes: &[u8]) -> Result<&str, Fault> {
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(Fault::on_line(at, ErrorKind::UnknownFormat("binary")));
    }
    std::str::from_utf8(bytes).map_err(|error| Fault::on_line(error.valid_up_to(), ErrorKind::Encoding))
}

fn guess(body: &[u8], dialect: Dialect, width: usize) -> Result<(Vec<Guess>, u64), Fault> {
    let pieces = pieces(body, dialect);
    let columns: Vec<usize> = (0..width).collect();
    let of = |piece: &Range<usize>| {
        let mut guesses = vec![Guess::default(); width];
        guess_piece(body.get(piece.clone()).unwrap_or_default(), dialect, &columns, &mut guesses)
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

/// Takes in the values of some columns; answers how many rows there are.
fn guess_piece(bytes: &[u8], dialect: Dialect, columns: &[usize], guesses: &mut [Guess]) -> Result<u64, Fault> {
    let mut parser = Parser::new(bytes, dialect);
    let mut rows = Rows::new(guesses.len());
    let mut count = 0;
    loop {
        parser.fill(&mut rows, STRIDE).map_err(fault)?;
        if rows.len() == 0 {
            return Ok(count);
        }
        count += rows.len() as u64;
        for &column in columns {
            let Some(guess) = guesses.get_mut(column) else { continue };
            for field in rows.column(column) {
                if guess.kind() == Kind::Utf8 {
                    break;
                }
                observe(guess, bytes.get(field).unwrap_or_default());
            }
        }
    }
}

fn observe(guess: &mut Guess, field: &[u8]) {
    match field {
        // Most fields are bare already.
        [b'0'..=b'9' | b'-', .., b'0'..=b'9'] | [b'0'..=b'9'] => guess.observe(field),
        _ => {
            let field = bare(field);
            if !value::is_missing(&field) {
                guess.observe(&field);
            }
        }
    }
}

fn misfit(reject: &Reject, rows: &Rows, field: &Field) -> Fault {
    let from = field.data_type().clone();
    let to = join(&from, &Kind::of(&reject.value).data_type());
    // An integer too wide for the floats of its column joins them as text only.
    let to = if to == from { arrow::datatypes::DataType::Utf8 } else { to };
    let misfit = Misfit { column: field.name().clone(), value: excerpt(&reject.value), from, to };
    Fault::on_line(rows.start(reject.row), ErrorKind::Misfit(misfit))
}

fn fault(flaw: Flaw) -> Fault {
    match flaw {
        Flaw::Ragged { at, found, expected } => Fault::on_line(at, ErrorKind::Ragged { found, expected }),
        Flaw::OpenQuote { at } => open_quote(at),
    }
}

fn open_quote(at: usize) -> Fault {
    Fault::on_line(at, ErrorKind::Syntax("a quote is opened here and never closed".to_owned()))
}
