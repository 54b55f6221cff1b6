//! JSON: from bytes to a schema, and from blocks of records to record batches.
//!
//! An object is a row, its keys the columns; any other value is a row with the one column `value`. Of an object keyed by id
//! each member is a row, and its key the first column.

mod alike;
mod brackets;
mod columns;
mod held;
mod keyed;
mod machine;
#[cfg(test)]
mod oracle;
mod pointer;
mod records;
mod runs;
mod scalar;
mod select;
mod shape;
mod splitter;
mod structure;
mod text;
mod walk;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use self::columns::{Column, Keys};
pub(crate) use self::held::{held, may_hold_records};
use self::keyed::{KeyColumn, key_name};
pub(crate) use self::keyed::{holds_objects, is_keyed};
pub(crate) use self::pointer::{Located, Pointer};
use self::records::{Records, each};
pub(crate) use self::select::{Selector, Tally, on_one_line};
pub(crate) use self::shape::Members;
use self::shape::{Shape, settle};
use self::splitter::Flaw;
pub(crate) use self::splitter::{Document, Splitter, is_of_arrays};
use self::walk::Walk;
use crate::error::{ErrorKind, Fault, Misfit, excerpt};
use crate::infer::join;
use crate::reject::Refused;
pub(crate) use crate::xml::Found;

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
pub(crate) fn infer(
    sample: &[u8],
    whole: bool,
    document: Document,
    refused: &mut Refused,
) -> Result<Option<Inferred>, Fault> {
    let (records, flaw) = split_past_flaws(sample, whole, document, refused);
    // A fault inside a record stands before one found behind it.
    let members = shape(sample, &records, refused)?;
    if let Some(fault) = flaw {
        return Err(fault);
    }
    if records.is_empty() && !whole {
        return Ok(None);
    }
    let fields = members.fields();
    let key = (document == Document::Keyed).then(|| Arc::new(Field::new(key_name(&fields), DataType::Utf8, true)));
    let schema = Arc::new(Schema::new(key.into_iter().chain(fields.iter().cloned()).collect::<Vec<_>>()));
    Ok(Some(Inferred { schema, rows: records.len() as u64 }))
}

/// The records of a sample and the fault behind them. Who sets bad records aside has those behind the line of a fault too,
/// as the block reader will see them.
fn split_past_flaws(
    sample: &[u8],
    whole: bool,
    document: Document,
    refused: &Refused,
) -> (Vec<Range<usize>>, Option<Fault>) {
    let mut splitter = Splitter::of(document, refused.depth());
    let mut all = Vec::new();
    let mut from = 0;
    loop {
        let rest = sample.get(from..).unwrap_or_default();
        let mut found = Found::default();
        let (position, flaw) = split(&mut splitter, rest, whole, &mut found);
        all.extend(found.records.into_iter().map(|record| from + record.start..from + record.end));
        let bad = rest.get(position..).unwrap_or_default();
        match flaw {
            // Without a single byte there is nothing to set aside.
            Some(fault) if refused.takes() && !bad.is_empty() => {
                splitter.begin_leaving(fault.is_too_large());
                match splitter.leave(bad, false) {
                    (end, true) => from += position + end,
                    (_, false) => return (all, None),
                }
            }
            flaw => return (all, flaw.map(|fault| fault.shifted(from))),
        }
    }
}

/// Finds the records in these bytes; answers where the rest begins that is none yet, and the fault behind them if there is
/// one.
pub(crate) fn split(splitter: &mut Splitter, bytes: &[u8], last: bool, found: &mut Found) -> (usize, Option<Fault>) {
    let mut position = 0;
    loop {
        splitter.run(bytes, &mut position, &mut found.records);
        match splitter.next(bytes, &mut position, last) {
            Ok(Some(record)) => {
                found.records.push(record);
                found.keys.extend(splitter.key());
            }
            Ok(None) => return (position, None),
            Err(flaw) => return (position, Some(fault(flaw))),
        }
    }
}

/// The records of lines that stand between others, if there are any and all are whole.
pub(crate) fn lines(bytes: &[u8], depth: u32) -> Option<Found> {
    let mut splitter = Splitter::new(depth);
    splitter.begin_in_sequence();
    let mut found = Found::default();
    let (end, fault) = split(&mut splitter, bytes, false, &mut found);
    (fault.is_none() && end == bytes.len() && !found.records.is_empty()).then_some(found)
}

/// Converts the projected members of records; all of each is checked, whatever the projection.
pub(crate) fn parse(
    bytes: &[u8],
    found: &Found,
    file: &Schema,
    projection: &[usize],
    schema: &SchemaRef,
    refused: &mut Refused,
) -> Result<RecordBatch, Fault> {
    let keys = Keys::new(file.fields());
    let mut rows = Rows {
        key: (!found.keys.is_empty()).then(|| KeyColumn::new(bytes, found)),
        file,
        projection,
        places: vec![None; keys.len()],
        keys,
        new: None,
        columns: schema.fields().iter().map(|field| Column::new(field.data_type())).collect(),
        count: 0,
    };
    each(bytes, &found.records, refused, &mut rows)?;
    let columns: Vec<ArrayRef> = rows.columns.into_iter().map(Column::finish).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.count));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// Rows under construction.
struct Rows<'a> {
    /// The keys of the records, which are the file's first column.
    key: Option<KeyColumn<'a>>,
    file: &'a Schema,
    projection: &'a [usize],
    keys: Keys,
    /// The places of the members of the record at hand, by the column of the file.
    places: Vec<Option<usize>>,
    /// The first member that is no column, and its place.
    new: Option<(Vec<u8>, usize)>,
    columns: Vec<Column>,
    count: usize,
}

impl Records for Rows<'_> {
    #[inline]
    fn read(&mut self, walk: &Walk, k: usize) -> Option<(Range<usize>, usize)> {
        self.places.fill(None);
        self.new = None;
        let mut expected = 0;
        walk.whole_record(k, |key, value| match self.keys.find(key, expected) {
            Some(i) => {
                expected = i + 1;
                if let Some(place) = self.places.get_mut(i) {
                    *place = Some(value);
                }
            }
            None if self.new.is_none() => self.new = Some((key.to_vec(), value)),
            None => {}
        })
    }

    #[inline]
    fn take(&mut self, walk: &Walk, record: Range<usize>, offset: usize, refused: &mut Refused) -> Result<(), Fault> {
        let range = offset + record.start..offset + record.end;
        if let Some((key, k)) = self.new.take() {
            let key = String::from_utf8_lossy(&key);
            return refused.take(range.clone(), misfit(&key, walk, k, DataType::Null, range.start));
        }
        if let Some(key) = &mut self.key {
            key.enter(&range);
            if self.places.first().is_some_and(Option::is_some) {
                let message =
                    format!("`{}` is the key of the record, and a member of it too", self.file.field(0).name());
                return refused.take(range.clone(), Fault::on_column(range.start, ErrorKind::Syntax(message)));
            }
        }
        for (i, &index) in self.projection.iter().enumerate() {
            let Some(column) = self.columns.get_mut(i) else { continue };
            if let (0, Some(key)) = (index, &self.key) {
                if !column.push_text(key.text()) {
                    let fault = key.misfit(self.file.field(0));
                    self.columns.iter_mut().for_each(|column| column.truncate(self.count));
                    return refused.take(range, fault);
                }
                continue;
            }
            let place = self.places.get(index).copied().flatten();
            if !column.push_found(walk, place) {
                let k = place.unwrap_or_default();
                let field = self.file.field(index);
                let fault = misfit(field.name(), walk, k, field.data_type().clone(), offset + walk.start(k));
                // Nothing is left of a bad record.
                self.columns.iter_mut().for_each(|column| column.truncate(self.count));
                return refused.take(range, fault);
            }
        }
        self.count += 1;
        Ok(())
    }
}

/// What members these records have, beyond the ones already known.
pub(crate) fn survey(
    bytes: &[u8],
    records: &[Range<usize>],
    known: Members,
    refused: &mut Refused,
) -> Result<Members, Fault> {
    let mut observer = Observer(known);
    each(bytes, records, refused, &mut observer)?;
    Ok(observer.0)
}

/// Checks records.
pub(crate) fn check(bytes: &[u8], records: &[Range<usize>], refused: &mut Refused) -> Result<(), Fault> {
    each(bytes, records, refused, &mut Checker)
}

fn shape(bytes: &[u8], records: &[Range<usize>], refused: &Refused) -> Result<Members, Fault> {
    let of = |records: &[Range<usize>]| survey(bytes, records, Members::default(), &mut refused.anew());
    // A small file is not worth waking threads for.
    let share = records.len() * PIECE / bytes.len().max(1);
    if bytes.len() < 2 * PIECE || share == 0 {
        return of(records);
    }
    let mut merged = Members::default();
    for members in records.par_chunks(share).map(of).collect::<Vec<_>>() {
        merged.merge(members?);
    }
    Ok(merged)
}

/// Takes in the members of records. A bad record leaves no trace in the types.
struct Observer(Members);

impl Records for Observer {
    fn read(&mut self, walk: &Walk, k: usize) -> Option<(Range<usize>, usize)> {
        Checker.read(walk, k)
    }

    fn take(&mut self, walk: &Walk, record: Range<usize>, _: usize, _: &mut Refused) -> Result<(), Fault> {
        let k = walk.find(record.start);
        let mut expected = 0;
        let mut member = |key: &[u8], value| expected = self.0.observe_member(key, walk, value, expected, 1) + 1;
        if walk.first_byte(k) == b'{' {
            walk.members(k, member);
        } else {
            member(VALUE.as_bytes(), k);
        }
        Ok(())
    }
}

/// Takes nothing.
struct Checker;

impl Records for Checker {
    fn read(&mut self, walk: &Walk, k: usize) -> Option<(Range<usize>, usize)> {
        walk.whole_record(k, |_, _| {})
    }

    fn take(&mut self, _: &Walk, _: Range<usize>, _: usize, _: &mut Refused) -> Result<(), Fault> {
        Ok(())
    }
}

fn misfit(key: &str, walk: &Walk, k: usize, from: DataType, at: usize) -> Fault {
    let mut shape = Shape::default();
    shape.observe(walk, k, 1);
    let to = settle(&join(&from, &shape.seen_type()));
    // What an observation alone would not widen, such as an integer among floats, joins as text.
    let to = if to == from { DataType::Utf8 } else { to };
    let misfit = Misfit { column: key.to_owned(), value: excerpt(walk.source(k)), from, to };
    Fault::on_column(at, ErrorKind::Misfit(misfit))
}

fn fault(flaw: Flaw) -> Fault {
    match flaw {
        Flaw::Unexpected { at, message } => Fault::on_column(at, ErrorKind::Syntax(message)),
        Flaw::TooDeep { at, levels } => Fault::on_column(at, ErrorKind::TooDeep { levels: levels as usize }),
        Flaw::Empty => Fault::on_line(0, ErrorKind::Empty),
    }
}
