//! One pass over a file: sketches of its columns and a sample of its rows.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use rayon::prelude::*;
use taipan_io::Input;

use super::sketch::{Counts, Distinct, Identity, Moments, Reservoir, hash, mixed};
use crate::error::{Error, Result};
use crate::picture::{is_time, numbers_of};

/// Rows kept of the file.
pub(super) const SAMPLE: usize = 20_000;
/// Rows shown as they are.
const FIRST: usize = 8;
/// So many rows are told apart exactly; beyond, duplicates are estimated.
const MOST_ROWS: usize = 3_000_000;
/// Characters kept of a text.
const LONGEST: usize = 80;
/// Stands for the hash of a value that is not there.
const MISSING: u64 = 1;

/// What a file holds.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) rows: u64,
    pub(super) columns: Vec<Column>,
    /// Rows that repeat an earlier one, and whether their number is exact.
    pub(super) duplicates: (u64, bool),
    pub(super) first: Vec<Vec<Option<String>>>,
}

/// What a column holds.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) data_type: DataType,
    pub(super) kind: Sort,
    pub(super) nulls: u64,
    pub(super) moments: Moments,
    pub(super) counts: Counts,
    distinct: Distinct,
    /// Bytes of texts, all together and at most.
    pub(super) lengths: Moments,
    /// Values of the sampled rows: numbers and times, NaN where missing.
    pub(super) numbers: Vec<f64>,
    /// Texts of the sampled rows.
    pub(super) texts: Vec<Option<Box<str>>>,
}

/// How a column is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Number,
    Time,
    Text,
    /// Lists and objects: only counted.
    Nested,
}

impl Column {
    fn new(name: &str, data_type: &DataType) -> Self {
        let kind = match data_type {
            kind if is_time(kind) => Sort::Time,
            kind if kind.is_numeric() => Sort::Number,
            kind if kind.is_nested() => Sort::Nested,
            _ => Sort::Text,
        };
        Self {
            name: name.to_owned(),
            data_type: data_type.clone(),
            kind,
            nulls: 0,
            moments: Moments::default(),
            counts: Counts::default(),
            distinct: Distinct::default(),
            lengths: Moments::default(),
            numbers: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// Values that differ, and whether their number is exact.
    pub(super) fn distinct(&self) -> (u64, bool) {
        if self.counts.is_exact() {
            (self.counts.len() as u64, true)
        } else {
            (self.distinct.estimate().round() as u64, false)
        }
    }

    /// Takes in a batch, of which some rows are kept at places of the sample, and returns the hashes of its values.
    fn take_in(&mut self, array: &ArrayRef, kept: &[(usize, usize)]) -> Result<Vec<u64>> {
        self.nulls += array.null_count() as u64;
        let mut hashes = vec![MISSING; array.len()];
        match self.kind {
            Sort::Number | Sort::Time => self.take_numbers(array, &mut hashes, kept)?,
            Sort::Text | Sort::Nested => self.take_texts(array, &mut hashes, kept)?,
        }
        Ok(hashes)
    }

    fn take_numbers(&mut self, array: &ArrayRef, hashes: &mut [u64], kept: &[(usize, usize)]) -> Result<()> {
        let values = numbers_of(array)?;
        // Large integers are told apart by their own digits, which a float has not.
        let exact = (*array.data_type() == DataType::Int64).then(|| array.as_primitive::<Int64Type>());
        let nulls = array.null_count() > 0;
        let time = self.kind == Sort::Time;
        for (row, (value, of_row)) in values.iter().zip(hashes).enumerate() {
            if nulls && array.is_null(row) {
                continue;
            }
            let bits = exact.map_or(value.to_bits(), |e| e.value(row) as u64);
            let hash = mixed(7, bits);
            *of_row = hash;
            self.distinct.add(hash);
            self.moments.add(*value);
            self.counts.add(hash, || {
                let words = match exact {
                    Some(exact) => exact.value(row).to_string(),
                    None if time => taipan_plot::time_in_words(*value),
                    None => value.to_string(),
                };
                words.into()
            });
        }
        for (row, place) in kept {
            if self.numbers.len() <= *place {
                self.numbers.resize(*place + 1, f64::NAN);
            }
            self.numbers[*place] = values[*row];
        }
        Ok(())
    }

    fn take_texts(&mut self, array: &ArrayRef, hashes: &mut [u64], kept: &[(usize, usize)]) -> Result<()> {
        let failed = |error: arrow::error::ArrowError| Error::invalid(error.to_string());
        let strings = array.as_string_opt::<i32>();
        let options = FormatOptions::default();
        let words =
            if strings.is_none() { Some(ArrayFormatter::try_new(array, &options).map_err(failed)?) } else { None };
        let mut buffer = String::new();
        let mut places = kept.iter().peekable();
        for (row, of_row) in hashes.iter_mut().enumerate() {
            let place = places.next_if(|(kept, _)| *kept == row).map(|(_, place)| *place);
            if let Some(place) = place
                && self.texts.len() <= place
            {
                self.texts.resize(place + 1, None);
            }
            if array.is_null(row) {
                if let Some(place) = place {
                    self.texts[place] = None;
                }
                continue;
            }
            let text = match (&strings, &words) {
                (Some(strings), _) => strings.value(row),
                (None, Some(words)) => {
                    use std::fmt::Write;
                    buffer.clear();
                    let _ = write!(buffer, "{}", words.value(row));
                    &buffer
                }
                (None, None) => "",
            };
            let hash = hash(text.as_bytes());
            *of_row = hash;
            self.distinct.add(hash);
            self.lengths.add(text.len() as f64);
            self.counts.add(hash, || clipped(text));
            if let Some(place) = place {
                self.texts[place] = Some(clipped(text));
            }
        }
        Ok(())
    }
}

fn clipped(text: &str) -> Box<str> {
    match text.char_indices().nth(LONGEST) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// Rows told apart by their hash.
struct Rows {
    seen: HashSet<u64, BuildHasherDefault<Identity>>,
    distinct: Distinct,
    repeated: u64,
    all: u64,
}

impl Rows {
    fn add(&mut self, hash: u64) {
        self.all += 1;
        self.distinct.add(hash);
        if self.seen.len() < MOST_ROWS && !self.seen.insert(hash) {
            self.repeated += 1;
        }
    }

    fn duplicates(&self) -> (u64, bool) {
        if self.seen.len() < MOST_ROWS {
            return (self.repeated, true);
        }
        let estimate = self.all.saturating_sub(self.distinct.estimate() as u64);
        // The estimate of what differs is off by a little: less than that is no duplicate.
        (if estimate < self.all / 20 { self.repeated } else { estimate }, false)
    }
}

/// Reads all of an input.
pub(super) fn scan(input: &Input) -> Result<Scanned> {
    let fields = input.schema().fields().clone();
    let mut columns: Vec<Column> = fields.iter().map(|field| Column::new(field.name(), field.data_type())).collect();
    let mut seen = Rows { seen: HashSet::default(), distinct: Distinct::default(), repeated: 0, all: 0 };
    let mut reservoir = Reservoir::new(SAMPLE);
    let mut first: Vec<Vec<Option<String>>> = Vec::new();
    let mut rows = 0;
    for batch in input.batches(None)? {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        if first.len() < FIRST {
            show(&batch, &mut first)?;
        }
        let kept: Vec<(usize, usize)> =
            (0..batch.num_rows()).filter_map(|row| Some((row, reservoir.place()?))).collect();
        let of_columns =
            columns.par_iter_mut().zip(batch.columns()).map(|(column, array)| column.take_in(array, &kept));
        let of_columns = of_columns.collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            seen.add(of_columns.iter().fold(0, |hash, of_column| mixed(hash, of_column[row])));
        }
    }
    Ok(Scanned { rows, columns, duplicates: seen.duplicates(), first })
}

/// The first rows in words.
fn show(batch: &RecordBatch, first: &mut Vec<Vec<Option<String>>>) -> Result<()> {
    let options = FormatOptions::default();
    let words = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let words = words.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| Error::invalid(error.to_string()))?;
    for row in 0..batch.num_rows().min(FIRST - first.len()) {
        let cells = words.iter().zip(batch.columns());
        first.push(
            cells
                .map(|(words, column)| column.is_valid(row).then(|| clipped(&words.value(row).to_string()).into()))
                .collect(),
        );
    }
    Ok(())
}
