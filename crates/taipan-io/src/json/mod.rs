//! JSON: from bytes to a schema, and from blocks of records to record batches.
//!
//! An object is a row, its keys the columns; any other value is a row with the one column `value`.

mod brackets;
mod columns;
mod machine;
mod record;
mod select;
mod shape;
mod splitter;
mod structure;
mod walk;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use self::columns::{Column, Keys};
pub(crate) use self::select::{Scratch, Selector, Tally, on_one_line};
pub(crate) use self::shape::Members;
use self::shape::{Shape, settle};
use self::splitter::Flaw;
pub(crate) use self::splitter::Splitter;
use crate::error::{ErrorKind, Fault, Misfit, excerpt};
use crate::infer::join;
use crate::reject::Refused;

/// The column of a record that is no object.
const VALUE: &str = "value";

/// Samples beyond this are inferred on all cores.
const PIECE: usize = 1 << 20;

/// What a file's records are.
#[derive(Debug)]
pub(crate) struct Inferred {
    pub(crate) schema: SchemaRef,
    /// How many records were seen.
    pub(crate) rows: u64,
}

/// Infers the schema from the first bytes of a file, behind a byte order mark; nothing if they do not reach to the end
/// of the first record. `whole` says that they are all there is.
pub(crate) fn infer(sample: &[u8], whole: bool, refused: &mut Refused) -> Result<Option<Inferred>, Fault> {
    let (records, position, flaw) = split(&mut Splitter::default(), sample, whole);
    // A fault inside a record stands before one found behind it.
    let text = valid_text(sample.get(..position).unwrap_or_default())?;
    let members = shape(text, &records, refused)?;
    if let Some(fault) = flaw {
        return Err(fault);
    }
    if records.is_empty() && !whole {
        return Ok(None);
    }
    let schema = Arc::new(Schema::new(members.fields()));
    Ok(Some(Inferred { schema, rows: records.len() as u64 }))
}

/// The records in these bytes, where the rest begins that is none yet, and the fault behind them if there is one.
pub(crate) fn split(splitter: &mut Splitter, bytes: &[u8], last: bool) -> (Vec<Range<usize>>, usize, Option<Fault>) {
    let mut position = 0;
    let mut records = Vec::new();
    loop {
        match splitter.next(bytes, &mut position, last) {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, position, None),
            Err(flaw) => return (records, position, Some(fault(flaw))),
        }
    }
}

/// Converts the projected members of records; their keys are checked, whatever the projection.
pub(crate) fn parse(
    bytes: &[u8],
    records: &[Range<usize>],
    file: &Schema,
    projection: &[usize],
    schema: &SchemaRef,
    refused: &mut Refused,
) -> Result<RecordBatch, Fault> {
    let text = valid_text(bytes)?;
    let mut columns: Vec<Column> = schema.fields().iter().map(|field| Column::new(field.data_type())).collect();
    let keys = Keys::new(file.fields());
    let mut values: Vec<Option<&str>> = vec![None; file.fields().len()];
    let mut count = 0;
    for range in records {
        let record = text.get(range.clone()).unwrap_or_default();
        values.fill(None);
        let mut new: Option<(String, &str)> = None;
        let mut expected = 0;
        let read = each_member(record, |key, value| match keys.find(key, expected) {
            Some(i) => {
                expected = i + 1;
                if let Some(slot) = values.get_mut(i) {
                    *slot = Some(value);
                }
            }
            None => new = new.take().or_else(|| Some((key.to_owned(), value))),
        });
        let read = match new {
            Some((key, value)) => read.and(Err(misfit(&key, value, DataType::Null, 0))),
            None => read,
        };
        if let Err(fault) = read {
            refused.take(range.clone(), fault.shifted(range.start))?;
            continue;
        }
        count += 1;
        for (column, &index) in columns.iter_mut().zip(projection) {
            let Some(value) = values.get(index).copied().flatten() else {
                column.push_null();
                continue;
            };
            if column.push(value).is_err() {
                let field = file.field(index);
                let at = value.as_ptr() as usize - text.as_ptr() as usize;
                return Err(refused.judge(misfit(field.name(), value, field.data_type().clone(), at)));
            }
        }
    }
    let columns: Vec<ArrayRef> = columns.into_iter().map(Column::finish).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// What members these records have, beyond the ones already known.
pub(crate) fn survey(
    bytes: &[u8],
    records: &[Range<usize>],
    known: Members,
    refused: &mut Refused,
) -> Result<Members, Fault> {
    observe(valid_text(bytes)?, records, known, refused)
}

fn valid_text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| Fault::on_column(error.valid_up_to(), ErrorKind::Encoding))
}

fn shape(text: &str, records: &[Range<usize>], refused: &Refused) -> Result<Members, Fault> {
    let of = |records: &[Range<usize>]| observe(text, records, Members::default(), &mut refused.anew());
    // A small file is not worth waking threads for.
    let share = records.len() * PIECE / text.len().max(1);
    if text.len() < 2 * PIECE || share == 0 {
        return of(records);
    }
    let mut merged = Members::default();
    for members in records.par_chunks(share).map(of).collect::<Vec<_>>() {
        merged.merge(members?);
    }
    Ok(merged)
}

fn observe(text: &str, records: &[Range<usize>], mut all: Members, refused: &mut Refused) -> Result<Members, Fault> {
    for range in records {
        let record = text.get(range.clone()).unwrap_or_default();
        // A bad record must leave no trace in the types.
        if refused.takes()
            && let Err(fault) = each_member(record, |_, _| {})
        {
            refused.take(range.clone(), fault.shifted(range.start))?;
            continue;
        }
        let mut expected = 0;
        each_member(record, |key, value| expected = all.observe_member(key, value, expected) + 1)
            .map_err(|fault| fault.shifted(range.start))?;
    }
    Ok(all)
}

/// The members of a record as they come; whether the record as a whole is valid is known at the end.
fn each_member<'a>(record: &'a str, mut member: impl FnMut(&str, &'a str)) -> Result<(), Fault> {
    let parsed = if record.starts_with('{') {
        record::members(record, |key, value| member(&key, value))
    } else {
        record::check(record).map(|()| member(VALUE, record))
    };
    parsed.map_err(|error| syntax(record, &error))?;
    match record::lone_surrogate(record) {
        Some(at) => {
            let message = "half a surrogate pair is escaped alone".to_owned();
            Err(Fault::on_column(at, ErrorKind::Syntax(message)))
        }
        None => Ok(()),
    }
}

fn misfit(key: &str, value: &str, from: DataType, at: usize) -> Fault {
    let mut shape = Shape::default();
    shape.observe(value, 1);
    let to = settle(&join(&from, &shape.seen_type()));
    // What an observation alone would not widen, such as an integer among floats, joins as text.
    let to = if to == from { DataType::Utf8 } else { to };
    let misfit = Misfit { column: key.to_owned(), value: excerpt(value.as_bytes()), from, to };
    Fault::on_column(at, ErrorKind::Misfit(misfit))
}

fn fault(flaw: Flaw) -> Fault {
    match flaw {
        Flaw::Unexpected { at, message } => Fault::on_column(at, ErrorKind::Syntax(message)),
        Flaw::TooDeep { at } => Fault::on_column(at, ErrorKind::TooDeep),
        Flaw::Empty => Fault::on_line(0, ErrorKind::Empty),
    }
}

/// serde_json's error as a fault at its offset in the record, in the user's words.
fn syntax(record: &str, error: &serde_json::Error) -> Fault {
    let message = error.to_string();
    let message = match message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message) {
        "expected ident" => "invalid word, expected `true`, `false` or `null`",
        "expected value" => "expected a value",
        "key must be a string" => "expected a key in quotes",
        "trailing comma" => "trailing comma before `}` or `]`",
        "trailing characters" => "unexpected character after a value",
        "invalid escape" => "invalid escape in a string",
        message if message.starts_with("control character") => "control character in a string, expected its escape",
        message if message.starts_with("EOF") => "the value ends too early",
        message => message,
    };
    let line: usize = record.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut at = (line + error.column().saturating_sub(1)).min(record.len().saturating_sub(1));
    if message.starts_with("control") {
        // serde_json counts to the byte before it.
        at += record.bytes().skip(at).position(|byte| byte < b' ').unwrap_or(0);
    }
    Fault::on_column(at, ErrorKind::Syntax(message.to_owned()))
}
