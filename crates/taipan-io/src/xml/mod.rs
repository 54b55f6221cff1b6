//! XML: from bytes to a schema, and from blocks of records to record batches.
//!
//! An element that is a record is a row. Its attributes are columns `@name`, the elements in it columns `name`; an element
//! with attributes or elements of its own is a struct of these, with its text as `#text`; one that is repeated is a list.
//! Names are as they are written, their prefixes included; declarations of namespaces are no data. An element that is
//! not there is null; an empty one is empty text in a column of text, and null in any other.

mod attributes;
#[cfg(test)]
mod cases;
mod chars;
mod columns;
mod cursor;
mod dtd;
mod entity;
mod find;
#[cfg(test)]
mod mutated;
mod namespace;
mod parser;
mod scan;
mod select;
mod shape;
mod splitter;
#[cfg(test)]
mod suite;
mod text;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef};
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use self::columns::{Columns, Unfit};
use self::find::Paths;
use self::parser::{Cause, Flaw, Ignore, Parser, Progress};
pub(crate) use self::parser::{MAX_DEPTH, Rules};
pub(crate) use self::select::{Selector, Tally};
use self::shape::Observer;
pub(crate) use self::shape::{Shapes, join};
pub(crate) use self::splitter::{Found, RecordPath, Splitter};
use crate::error::{ErrorKind, Fault, Misfit, excerpt};
use crate::reject::Refused;

/// Samples beyond this are inferred on all cores.
const PIECE: usize = 1 << 20;

/// What a document's records are, and how it is parsed.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    pub(crate) path: RecordPath,
    pub(crate) rules: Rules,
}

/// What a file's records are.
#[derive(Debug)]
pub(crate) struct Inferred {
    pub(crate) records: Records,
    pub(crate) schema: SchemaRef,
    /// How many records were seen.
    pub(crate) rows: u64,
}

/// Infers the schema from the first bytes of a file, behind a byte order mark; nothing if they do not reach to the end
/// of the first record. `whole` says that they are all there is.
pub(crate) fn infer(
    sample: &[u8],
    whole: bool,
    path: Option<&RecordPath>,
    rules: Rules,
    refused: &mut Refused,
) -> Result<Option<Inferred>, Fault> {
    let path = match path {
        Some(path) => path.clone(),
        None => match find(sample, whole, rules, refused)? {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let records = Records { path, rules };
    // Here a record that is too long is passed over like one that is bad.
    let mut splitter = Splitter::new(records.path.clone(), Rules { record: usize::MAX, ..rules });
    let (mut found, mut seen, mut rows, mut start) = (Found::default(), Shapes::default(), 0, 0);
    let flaw = loop {
        let rest = sample.get(start..).unwrap_or_default();
        let (end, flaw) = splitter.split(rest, whole, &mut found);
        // A fault inside a record stands before one found behind it.
        seen.merge(&shapes(rest, &found, rules.record, refused).map_err(|fault| fault.shifted(start))?);
        rows += found.records.len();
        if !refused.takes() || flaw.is_none() || !splitter.is_spoilt() {
            break flaw.map(|flaw| Flaw { at: start + flaw.at, ..flaw });
        }
        let (left, over) = splitter.leave(rest.get(end..).unwrap_or_default(), whole);
        start += end + left;
        if !over {
            break None;
        }
    };
    // Who sets bad records aside has the good ones first, and then meets the flaw again.
    if let Some(flaw) = flaw
        && (rows == 0 || !refused.takes())
    {
        return Err(fault(flaw));
    }
    if rows == 0 && !whole {
        return Ok(None);
    }
    let fields = if rows == 0 { Fields::empty() } else { seen.fields() };
    Ok(Some(Inferred { records, schema: Arc::new(Schema::new(fields)), rows: rows as u64 }))
}

/// What is known of a document by the path of its records alone, whose columns come as they are read.
pub(crate) fn unseen(path: &RecordPath, rules: Rules) -> Inferred {
    let records = Records { path: path.clone(), rules };
    Inferred { records, schema: Arc::new(Schema::empty()), rows: 0 }
}

/// The path of the records; nothing if more of the document must be seen to say.
fn find(sample: &[u8], whole: bool, rules: Rules, refused: &Refused) -> Result<Option<RecordPath>, Fault> {
    let (mut text, mut stop) = chars::valid(sample);
    let mended;
    if refused.takes() && stop.cause(whole).is_some() {
        // A character that spoils a record says nothing about what the records are.
        mended = chars::mended(sample);
        (text, stop) = (&mended, chars::Stop::End);
    }
    let mut parser = Parser::new(rules);
    let mut paths = Paths::default();
    let mut at = 0;
    let all = whole && stop == chars::Stop::End;
    loop {
        match parser.step(text, &mut at, all, &mut paths) {
            Ok(Progress::Token) => {}
            Ok(Progress::End | Progress::More) => break,
            // It may be in a record that is to be rejected.
            Err(_) if refused.takes() => break,
            Err(flaw) => return Err(fault(flaw)),
        }
    }
    let root = paths.root();
    // Whoever looks for the records finds what is wrong with the bytes.
    let wrong = stop.cause(whole);
    let path = paths.record(at).or_else(|| root.filter(|_| whole || wrong.is_some()));
    if let (None, Some(cause)) = (&path, wrong) {
        return Err(fault(Flaw { at: text.len(), cause }));
    }
    Ok(path.map(RecordPath::of))
}

/// Converts the projected columns of records; all of every record is checked, whatever the projection.
pub(crate) fn parse(
    bytes: &[u8],
    found: &Found,
    file: &Schema,
    projection: &[usize],
    schema: &SchemaRef,
    refused: &mut Refused,
) -> Result<RecordBatch, Fault> {
    let mut columns = Columns::new(file, projection);
    each_record(bytes, found, |parser, text, range| {
        let read = parser.record(text, &mut columns).map_err(|flaw| fault(flaw).shifted(range.start)).and_then(|()| {
            columns.end_record().map_err(|unfit| {
                let at = range.start + unfit.at;
                refused.judge(Fault::on_column(at, misfit(unfit, parser, text, file)))
            })
        });
        match read {
            Ok(()) => Ok(()),
            Err(fault) => {
                columns.take_back();
                refused.take(range, fault)
            }
        }
    })?;
    let options = RecordBatchOptions::new().with_row_count(Some(columns.rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns.finish(projection)?, &options)?)
}

/// What members these records have, beyond the ones already known.
pub(crate) fn survey(bytes: &[u8], found: &Found, known: Shapes, refused: &mut Refused) -> Result<Shapes, Fault> {
    let mut shapes = known;
    each_record(bytes, found, |parser, text, range| observe(parser, text, range, &mut shapes, refused))?;
    Ok(shapes)
}

/// Checks records.
pub(crate) fn check(bytes: &[u8], found: &Found, refused: &mut Refused) -> Result<(), Fault> {
    each_record(bytes, found, |parser, text, range| {
        parser.record(text, &mut Ignore).or_else(|flaw| refused.take(range.clone(), fault(flaw).shifted(range.start)))
    })
}

fn shapes(sample: &[u8], found: &Found, longest: usize, refused: &Refused) -> Result<Shapes, Fault> {
    let text = valid_text(sample);
    let of = |(start, records): (usize, &[Range<usize>])| {
        let mut shapes = Shapes::default();
        let mut refused = refused.anew();
        each_of(text, found, start, records, |parser, text, range| {
            if range.len() > longest {
                return refused.take(range.clone(), Fault::on_line(range.start, ErrorKind::TooLong { limit: longest }));
            }
            observe(parser, text, range, &mut shapes, &mut refused)
        })
        .map(|()| shapes)
    };
    // A small file is not worth waking threads for.
    let share = found.records.len() * PIECE / text.len().max(1);
    if text.len() < 2 * PIECE || share == 0 {
        return of((0, &found.records));
    }
    let chunks: Vec<(usize, &[Range<usize>])> =
        found.records.chunks(share).enumerate().map(|(i, records)| (i * share, records)).collect();
    let mut merged = Shapes::default();
    for shapes in chunks.par_chunks(1).flat_map_iter(|chunk| chunk.iter().copied().map(of)).collect::<Vec<_>>() {
        merged.merge(&shapes?);
    }
    Ok(merged)
}

fn observe(
    parser: &mut Parser,
    text: &str,
    range: Range<usize>,
    shapes: &mut Shapes,
    refused: &mut Refused,
) -> Result<(), Fault> {
    // A bad record must leave no trace in the types.
    if refused.takes()
        && let Err(flaw) = parser.record(text, &mut Ignore)
    {
        return refused.take(range.clone(), fault(flaw).shifted(range.start));
    }
    parser.record(text, &mut Observer::new(shapes)).map_err(|flaw| fault(flaw).shifted(range.start))
}

/// Calls `record` with each of the records, its text, where it stands, and the parser for it.
fn each_record(
    bytes: &[u8],
    found: &Found,
    record: impl FnMut(&mut Parser, &str, Range<usize>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    each_of(valid_text(bytes), found, 0, &found.records, record)
}

fn each_of(
    text: &str,
    found: &Found,
    start: usize,
    records: &[Range<usize>],
    mut record: impl FnMut(&mut Parser, &str, Range<usize>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut context = found.contexts.partition_point(|(first, _)| *first <= start).saturating_sub(1);
    let Some((_, surroundings)) = found.contexts.get(context) else { return Ok(()) };
    let mut parser = Parser::within(surroundings);
    for (i, range) in records.iter().enumerate() {
        if let Some((first, surroundings)) = found.contexts.get(context + 1)
            && *first == start + i
        {
            context += 1;
            parser = Parser::within(surroundings);
        }
        record(&mut parser, text.get(range.clone()).unwrap_or_default(), range.clone())?;
    }
    Ok(())
}

/// The text of bytes that were found to be text, up to where they are not.
fn valid_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_else(|error| {
        std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
    })
}

/// What to widen so that a record fits.
fn misfit(unfit: Unfit, parser: &mut Parser, text: &str, file: &Schema) -> ErrorKind {
    let Unfit { column, value, .. } = unfit;
    let from = file.field_with_name(&column).map_or(DataType::Null, |field| field.data_type().clone());
    let known = file.fields().iter().position(|field| *field.name() == column);
    let mut shapes = Shapes::of(file.fields(), |i| Some(i) == known);
    // The record was parsed before.
    let _ = parser.record(text, &mut Observer::new(&mut shapes));
    let to = shapes.fields().iter().find(|field| *field.name() == column).map(|field| field.data_type().clone());
    let to = to.filter(|to| *to != from).unwrap_or(DataType::Utf8);
    ErrorKind::Misfit(Misfit { column, value: excerpt(value.as_bytes()), from, to })
}

/// A flaw in the user's words.
pub(crate) fn fault(flaw: Flaw) -> Fault {
    match flaw.cause {
        Cause::Syntax(message) => Fault::on_column(flaw.at, ErrorKind::Syntax(message)),
        Cause::Encoding => Fault::on_column(flaw.at, ErrorKind::Encoding),
        Cause::TooDeep(levels) => Fault::on_column(flaw.at, ErrorKind::TooDeep { levels }),
        Cause::TooLong(limit) => Fault::on_line(flaw.at, ErrorKind::TooLong { limit }),
        Cause::Records(message) => Fault::on_line(flaw.at, ErrorKind::InvalidOption(message)),
        Cause::Empty => Fault::on_line(0, ErrorKind::Empty),
    }
}
