//! Rows of a batch in the forms that COPY reads: binary where each column is of its kind's own type, else text.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::array::{Date32Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};

use crate::cells::{self, Cells, Place};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::postgres::cell::{EPOCH, EPOCH_DAYS};
use crate::value::Cell;

/// What a binary COPY begins with: its signature, no flags, no extension.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// A column of a batch.
pub(super) enum Column {
    Boolean(BooleanArray),
    Integer(Int64Array),
    Real(Float64Array),
    Text(StringArray),
    Blob(BinaryArray),
    Date(Date32Array),
    Timestamp(TimestampMicrosecondArray),
}

impl Column {
    /// A column in the shape of its kind.
    ///
    /// # Errors
    /// `InvalidValue`, with the row, for a value outside the kind's range.
    pub(super) fn new(place: Place<'_>, array: &ArrayRef, kind: Kind) -> Result<Column> {
        Ok(match kind {
            Kind::Date => {
                let days = cells::cast_for(place, array, kind, &DataType::Date32)?;
                let days = days.as_primitive::<Date32Type>().clone();
                // 0000-01-01 to 9999-12-31.
                let outside = first(&days, |row| !(-719_528..=2_932_896).contains(&days.value(row)));
                if let Some(row) = outside {
                    return Err(out_of_range(place, row, &format!("day {} from 1970-01-01", days.value(row))));
                }
                Column::Date(days)
            }
            Kind::Timestamp => {
                let zone = match array.data_type() {
                    DataType::Timestamp(_, zone) => zone.clone(),
                    _ => None,
                };
                let to = DataType::Timestamp(TimeUnit::Microsecond, zone);
                let moments = cells::cast_for(place, array, kind, &to)?;
                let moments = moments.as_primitive::<TimestampMicrosecondType>().clone();
                let within = -62_167_219_200_000_000..=253_402_300_799_999_999;
                if let Some(row) = first(&moments, |row| !within.contains(&moments.value(row))) {
                    let shown = format!("{} microseconds from 1970-01-01", moments.value(row));
                    return Err(out_of_range(place, row, &shown));
                }
                Column::Timestamp(moments)
            }
            _ => match Cells::new(place, array, kind)? {
                Cells::Boolean(array) => Column::Boolean(array),
                Cells::Integer(array) => Column::Integer(array),
                Cells::Real(array) => Column::Real(array),
                Cells::Blob(array) => Column::Blob(array),
                Cells::Text(array) => {
                    if array.value_data().contains(&0)
                        && let Some(row) = first(&array, |row| array.value(row).contains('\0'))
                    {
                        let expected = "text without a NUL character, which PostgreSQL does not store";
                        let error = Error::invalid_value(array.value(row), expected);
                        return Err(error.at(place.table, place.column, Some(place.rows_before + row as u64 + 1)));
                    }
                    Column::Text(array)
                }
            },
        })
    }

    /// Appends a cell in binary.
    #[inline]
    pub(super) fn put_binary(&self, out: &mut Vec<u8>, row: usize) {
        match self {
            Column::Integer(array) if array.is_valid(row) => fixed(out, array.value(row).to_be_bytes()),
            // NaN is kept as null and -0.0 as 0, as SQLite does.
            Column::Real(array) if array.is_valid(row) && !array.value(row).is_nan() => {
                fixed(out, (array.value(row) + 0.0).to_be_bytes());
            }
            Column::Boolean(array) if array.is_valid(row) => fixed(out, [u8::from(array.value(row))]),
            Column::Text(array) if array.is_valid(row) => bytes(out, array.value(row).as_bytes()),
            Column::Blob(array) if array.is_valid(row) => bytes(out, array.value(row)),
            Column::Date(array) if array.is_valid(row) => fixed(out, (array.value(row) - EPOCH_DAYS).to_be_bytes()),
            Column::Timestamp(array) if array.is_valid(row) => fixed(out, (array.value(row) - EPOCH).to_be_bytes()),
            _ => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }

    /// Appends a cell as text, escaped.
    pub(super) fn put_text(&self, out: &mut Vec<u8>, row: usize) {
        match self.cell(row) {
            Cell::Null => out.extend_from_slice(b"\\N"),
            Cell::Real(value) => out.extend_from_slice(value.to_string().as_bytes()),
            cell => {
                for byte in cell.text().bytes() {
                    match byte {
                        b'\\' => out.extend_from_slice(b"\\\\"),
                        b'\n' => out.extend_from_slice(b"\\n"),
                        b'\r' => out.extend_from_slice(b"\\r"),
                        b'\t' => out.extend_from_slice(b"\\t"),
                        other => out.push(other),
                    }
                }
            }
        }
    }

    /// A cell as it is stored.
    pub(super) fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Column::Boolean(array) if array.is_valid(row) => Cell::Integer(i64::from(array.value(row))),
            Column::Integer(array) if array.is_valid(row) => Cell::Integer(array.value(row)),
            Column::Real(array) if array.is_valid(row) && !array.value(row).is_nan() => {
                Cell::Real(array.value(row) + 0.0)
            }
            Column::Text(array) if array.is_valid(row) => Cell::Text(array.value(row).as_bytes()),
            Column::Blob(array) if array.is_valid(row) => Cell::Blob(array.value(row)),
            Column::Date(array) if array.is_valid(row) => Cell::Day(array.value(row)),
            Column::Timestamp(array) if array.is_valid(row) => Cell::Moment(array.value(row)),
            _ => Cell::Null,
        }
    }
}

fn first(array: &dyn Array, is: impl Fn(usize) -> bool) -> Option<usize> {
    (0..array.len()).find(|row| array.is_valid(*row) && is(*row))
}

fn out_of_range(place: Place<'_>, row: usize, shown: &str) -> Error {
    let row = Some(place.rows_before + row as u64 + 1);
    Error::invalid_value(shown, "in the years 0000 to 9999").at(place.table, place.column, row)
}

#[inline]
fn fixed<const N: usize>(out: &mut Vec<u8>, value: [u8; N]) {
    out.extend_from_slice(&(N as u32).to_be_bytes());
    out.extend_from_slice(&value);
}

#[inline]
fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(&(value.len() as u32).to_be_bytes());
    out.extend_from_slice(value);
}
