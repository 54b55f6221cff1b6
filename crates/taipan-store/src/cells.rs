//! An Arrow batch as cells: each column brought to one of the five shapes that the engine stores, then read by row
//! without making a value of each.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray, StringBuilder,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Field, FieldRef, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::json::writer::{EncoderOptions, make_encoder};

use crate::calendar;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::value::Cell;

/// Where a batch's column stands, for errors.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) column: &'a str,
    /// The rows written before this batch.
    pub(crate) rows_before: u64,
}

/// A column of a batch.
pub(crate) enum Cells {
    Boolean(BooleanArray),
    Integer(Int64Array),
    Real(Float64Array),
    Text(StringArray),
    Blob(BinaryArray),
}

impl Place<'_> {
    fn row(self, row: Option<usize>) -> Option<u64> {
        row.map(|row| self.rows_before + row as u64 + 1)
    }
}

impl Cells {
    /// A column in the shape of its kind.
    ///
    /// # Errors
    /// `InvalidValue`, with the row, for a value outside the kind's range.
    pub(crate) fn new(place: Place<'_>, array: &ArrayRef, kind: Kind) -> Result<Cells> {
        let refused = |error| {
            let types = format!("{} as {kind}", array.data_type());
            Error::unsupported(format!("column \"{}\": cannot store {types}", place.column)).because(error)
        };
        Ok(match kind {
            Kind::Boolean => Cells::Boolean(cast(array, &DataType::Boolean).map_err(refused)?.as_boolean().clone()),
            Kind::Integer => {
                let wide = cast(array, &DataType::Int64);
                Cells::Integer(wide.map_err(|_| too_large(place, array))?.as_primitive::<Int64Type>().clone())
            }
            Kind::Real => {
                let wide = cast(array, &DataType::Float64).map_err(refused)?;
                Cells::Real(wide.as_primitive::<Float64Type>().clone())
            }
            Kind::Text => Cells::Text(cast(array, &DataType::Utf8).map_err(refused)?.as_string().clone()),
            Kind::Date => {
                let days = cast(array, &DataType::Date32).map_err(refused)?;
                let days = days.as_primitive::<Date32Type>();
                let write = |out: &mut String, row| calendar::write_date(out, days.value(row));
                Cells::Text(texts(place, days, write, |row| format!("day {} from 1970-01-01", days.value(row)))?)
            }
            Kind::Timestamp => {
                // A time zone only says how to show the moment, which is stored in UTC.
                let zone = match array.data_type() {
                    DataType::Timestamp(_, zone) => zone.clone(),
                    _ => None,
                };
                let moments = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone)).map_err(refused)?;
                let moments = moments.as_primitive::<TimestampMicrosecondType>();
                let write = |out: &mut String, row| calendar::write_timestamp(out, moments.value(row), ' ');
                let shown = |row| format!("{} microseconds from 1970-01-01", moments.value(row));
                Cells::Text(texts(place, moments, write, shown)?)
            }
            Kind::Json if array.data_type() == &DataType::Utf8 => Cells::Text(array.as_string().clone()),
            Kind::Json => Cells::Text(json(array).map_err(refused)?),
            Kind::Blob => Cells::Blob(cast(array, &DataType::Binary).map_err(refused)?.as_binary().clone()),
        })
    }

    /// The value in a row. Rows beyond the end are a mistake of the caller.
    #[inline]
    pub(crate) fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Cells::Boolean(array) if array.is_valid(row) => Cell::Integer(i64::from(array.value(row))),
            Cells::Integer(array) if array.is_valid(row) => Cell::Integer(array.value(row)),
            Cells::Real(array) if array.is_valid(row) => Cell::Real(array.value(row)),
            Cells::Text(array) if array.is_valid(row) => Cell::Text(array.value(row).as_bytes()),
            Cells::Blob(array) if array.is_valid(row) => Cell::Blob(array.value(row)),
            _ => Cell::Null,
        }
    }

    /// The first row without a value.
    pub(crate) fn first_null(&self) -> Option<usize> {
        let nulls = match self {
            Cells::Boolean(array) => array.nulls(),
            Cells::Integer(array) => array.nulls(),
            Cells::Real(array) => array.nulls(),
            Cells::Text(array) => array.nulls(),
            Cells::Blob(array) => array.nulls(),
        };
        nulls.filter(|nulls| nulls.null_count() > 0).and_then(|nulls| nulls.iter().position(|valid| !valid))
    }
}

/// A column cast to a type of its kind.
pub(crate) fn cast_for(place: Place<'_>, array: &ArrayRef, kind: Kind, to: &DataType) -> Result<ArrayRef> {
    cast(array, to).map_err(|error| {
        let types = format!("{} as {kind}", array.data_type());
        Error::unsupported(format!("column \"{}\": cannot store {types}", place.column)).because(error)
    })
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
}

/// Names the row of an unsigned integer beyond the range of INTEGER.
fn too_large(place: Place<'_>, array: &ArrayRef) -> Error {
    let as_text = cast(array, &DataType::Utf8).ok();
    let texts = as_text.as_ref().and_then(|array| array.as_string_opt::<i32>());
    let row =
        texts.and_then(|texts| texts.iter().position(|text| text.is_some_and(|text| text.parse::<i64>().is_err())));
    let value = texts.zip(row).map(|(texts, row)| texts.value(row)).unwrap_or_default();
    Error::invalid_value(value, "an INTEGER of 64 bits").at(place.table, place.column, place.row(row))
}

fn texts(
    place: Place<'_>,
    array: &dyn Array,
    mut write: impl FnMut(&mut String, usize) -> bool,
    shown: impl Fn(usize) -> String,
) -> Result<StringArray> {
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 19);
    let mut text = String::with_capacity(26);
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        text.clear();
        if !write(&mut text, row) {
            let error = Error::invalid_value(&shown(row), "in the years 0000 to 9999");
            return Err(error.at(place.table, place.column, place.row(Some(row))));
        }
        out.append_value(&text);
    }
    Ok(out.finish())
}

fn json(array: &ArrayRef) -> Result<StringArray, arrow::error::ArrowError> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let field: FieldRef = Arc::new(Field::new("", array.data_type().clone(), true));
    let mut encoder = make_encoder(&field, array.as_ref(), &options)?;
    let mut out = StringBuilder::new();
    let mut bytes = Vec::new();
    for row in 0..array.len() {
        if encoder.is_null(row) {
            out.append_null();
            continue;
        }
        bytes.clear();
        encoder.encode(row, &mut bytes);
        out.append_value(String::from_utf8_lossy(&bytes));
    }
    Ok(out.finish())
}
