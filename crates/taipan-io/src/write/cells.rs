//! The cells of one Arrow column as CSV and JSON text: the type is looked at once per batch, not once per value.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, LargeStringArray,
    ListArray, MapArray, StringArray, StringViewArray, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Field, Fields, Float32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::Result;
use crate::value::EXACT;

/// A column, ready to be written cell by cell.
#[derive(Debug)]
pub(super) enum Cells {
    Null,
    Boolean(BooleanArray),
    Integer(Int64Array),
    Unsigned(UInt64Array),
    Float32(Float32Array),
    Float64(Float64Array),
    Utf8(StringArray),
    LargeUtf8(LargeStringArray),
    Utf8View(StringViewArray),
    /// Days since 1970-01-01.
    Date(Int32Array),
    /// Microseconds since 1970-01-01 00:00, and whether they are in a zone.
    Timestamp(Int64Array, bool),
    Struct(ArrayRef, Vec<Vec<u8>>, Vec<Cells>),
    List(ListArray, Box<Cells>),
    /// Keys and values of all maps, one behind another.
    Map(MapArray, Box<Cells>, Box<Cells>),
    /// Numbers that are written as Arrow shows them.
    Decimal(ArrayRef),
    /// Anything else that Arrow can show.
    Shown(ArrayRef),
}

impl Cells {
    pub(super) fn new(array: &ArrayRef) -> Result<Self> {
        use DataType as T;
        let converted = |to: &DataType| Self::new(&cast(array, to)?);
        Ok(match array.data_type() {
            T::Null => Self::Null,
            T::Boolean => Self::Boolean(array.as_boolean().clone()),
            T::Int64 => Self::Integer(array.as_primitive::<Int64Type>().clone()),
            T::Int8 | T::Int16 | T::Int32 | T::UInt8 | T::UInt16 | T::UInt32 => return converted(&T::Int64),
            T::UInt64 => Self::Unsigned(array.as_primitive::<UInt64Type>().clone()),
            T::Float32 => Self::Float32(array.as_primitive::<Float32Type>().clone()),
            T::Float64 => Self::Float64(array.as_primitive::<Float64Type>().clone()),
            T::Float16 => return converted(&T::Float32),
            T::Utf8 => Self::Utf8(array.as_string().clone()),
            T::LargeUtf8 => Self::LargeUtf8(array.as_string().clone()),
            T::Utf8View => Self::Utf8View(array.as_string_view().clone()),
            T::Date32 => Self::Date(array.as_primitive::<Date32Type>().reinterpret_cast()),
            T::Date64 => return converted(&T::Date32),
            T::Timestamp(TimeUnit::Microsecond, zone) => {
                Self::Timestamp(array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast(), zone.is_some())
            }
            T::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, zone) => {
                return converted(&T::Timestamp(TimeUnit::Microsecond, zone.clone()));
            }
            T::Struct(fields) => {
                let children = array.as_struct().columns().iter().map(Self::new).collect::<Result<_>>()?;
                Self::Struct(array.clone(), keys(fields), children)
            }
            T::List(_) => {
                let list: &ListArray = array.as_list();
                Self::List(list.clone(), Box::new(Self::new(list.values())?))
            }
            T::Map(..) => {
                let map = array.as_map();
                let of = |array: &ArrayRef| Self::new(array).map(Box::new);
                Self::Map(map.clone(), of(map.keys())?, of(map.values())?)
            }
            T::LargeList(field) | T::FixedSizeList(field, _) => return converted(&T::List(field.clone())),
            T::Dictionary(_, value) => return converted(value),
            T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => Self::Decimal(array.clone()),
            _ => {
                // A type that cannot be shown is refused here, not in the middle of a row.
                ArrayFormatter::try_new(array, &FormatOptions::default())?;
                Self::Shown(array.clone())
            }
        })
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Null => true,
            Self::Boolean(array) => array.is_null(row),
            Self::Integer(array) | Self::Timestamp(array, _) => array.is_null(row),
            Self::Unsigned(array) => array.is_null(row),
            Self::Float32(array) => array.is_null(row),
            Self::Float64(array) => array.is_null(row),
            Self::Utf8(array) => array.is_null(row),
            Self::LargeUtf8(array) => array.is_null(row),
            Self::Utf8View(array) => array.is_null(row),
            Self::Date(array) => array.is_null(row),
            Self::List(array, _) => array.is_null(row),
            Self::Map(array, ..) => array.is_null(row),
            Self::Struct(array, ..) | Self::Decimal(array) | Self::Shown(array) => array.is_null(row),
        }
    }

    /// Writes a CSV field: a null is empty, an empty text is `""`.
    pub(super) fn csv(&self, row: usize, delimiter: u8, safe: bool, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return;
        }
        match self {
            Self::Float32(array) => float(f64::from(array.value(row)), &array.value(row), out),
            Self::Float64(array) => float(array.value(row), &array.value(row), out),
            Self::Date(array) => date(i64::from(array.value(row)), out),
            Self::Timestamp(array, zone) => timestamp(array.value(row), *zone, out),
            Self::Utf8(array) => csv_text(array.value(row), delimiter, safe, out),
            Self::LargeUtf8(array) => csv_text(array.value(row), delimiter, safe, out),
            Self::Utf8View(array) => csv_text(array.value(row), delimiter, safe, out),
            Self::Shown(array) => csv_text(&shown(array, row), delimiter, safe, out),
            Self::Struct(..) | Self::List(..) | Self::Map(..) => {
                let mut json = Vec::new();
                self.json(row, &mut json);
                csv_text(&String::from_utf8_lossy(&json), delimiter, safe, out);
            }
            Self::Null | Self::Boolean(_) | Self::Integer(_) | Self::Unsigned(_) | Self::Decimal(_) => {
                self.json(row, out);
            }
        }
    }

    /// Writes a JSON value.
    pub(super) fn json(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match self {
            Self::Null => {}
            Self::Boolean(array) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
            Self::Integer(array) => json(&array.value(row), out),
            Self::Unsigned(array) => json(&array.value(row), out),
            // serde_json writes null for what JSON has no number for.
            Self::Float32(array) => json(&array.value(row), out),
            Self::Float64(array) => json(&array.value(row), out),
            Self::Utf8(array) => json(array.value(row), out),
            Self::LargeUtf8(array) => json(array.value(row), out),
            Self::Utf8View(array) => json(array.value(row), out),
            Self::Date(array) => quoted(out, |out| date(i64::from(array.value(row)), out)),
            Self::Timestamp(array, zone) => quoted(out, |out| timestamp(array.value(row), *zone, out)),
            Self::Struct(_, keys, children) => object(keys, children, row, out),
            Self::List(list, items) => {
                let offsets = list.value_offsets();
                let at = |i: usize| offsets.get(i).map_or(0, |offset| *offset as usize);
                out.push(b'[');
                for (i, item) in (at(row)..at(row + 1)).enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    items.json(item, out);
                }
                out.push(b']');
            }
            Self::Map(map, keys, values) => {
                let offsets = map.value_offsets();
                let at = |i: usize| offsets.get(i).map_or(0, |offset| *offset as usize);
                out.push(b'{');
                for (i, entry) in (at(row)..at(row + 1)).enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    keys.json_key(entry, out);
                    out.push(b':');
                    values.json(entry, out);
                }
                out.push(b'}');
            }
            Self::Decimal(array) => out.extend_from_slice(shown(array, row).as_bytes()),
            Self::Shown(array) => json(&shown(array, row), out),
        }
    }
}

impl Cells {
    /// Writes a value as the key of an object, which is a text whatever it is made of.
    fn json_key(&self, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        self.json(row, out);
        if out.get(start) != Some(&b'"') {
            let text = String::from_utf8_lossy(out.get(start..).unwrap_or_default()).into_owned();
            out.truncate(start);
            json(text.as_str(), out);
        }
    }
}

/// The keys of an object as JSON, each with its colon and the brace or comma before it.
pub(super) fn keys(fields: &Fields) -> Vec<Vec<u8>> {
    let key = |(i, field): (usize, &Arc<Field>)| {
        let mut key = vec![if i == 0 { b'{' } else { b',' }];
        json(field.name(), &mut key);
        key.push(b':');
        key
    };
    fields.iter().enumerate().map(key).collect()
}

/// Writes one row of columns as an object.
pub(super) fn object(keys: &[Vec<u8>], columns: &[Cells], row: usize, out: &mut Vec<u8>) {
    if keys.is_empty() {
        out.push(b'{');
    }
    for (key, column) in keys.iter().zip(columns) {
        out.extend_from_slice(key);
        column.json(row, out);
    }
    out.push(b'}');
}

/// Writes a text as a CSV field, in quotes if it needs them; if `safe`, no spreadsheet takes it for a formula.
pub(super) fn csv_text(text: &str, delimiter: u8, safe: bool, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let formula = safe && matches!(bytes.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
    let special = |byte: &u8| *byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
    // At the start of a field these could be taken for the marks of another dialect.
    let mark = matches!(bytes.first(), None | Some(b'\'' | b'#'));
    if !mark && !bytes.iter().any(special) {
        if formula {
            out.push(b'\'');
        }
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    if formula {
        out.push(b'\'');
    }
    for &byte in bytes {
        if byte == b'"' {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Writes into memory, which does not fail.
fn json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}

/// The fewest digits that read back as the same number; with an exponent where digits alone would read back as an
/// integer that no float holds, or be mostly zeros.
fn float(number: f64, shortest: &(impl std::fmt::Display + std::fmt::LowerExp), out: &mut Vec<u8>) {
    let size = number.abs();
    let plain = size == 0.0 || !size.is_finite() || (1e-5..=EXACT as f64).contains(&size);
    let _ = if plain { write!(out, "{shortest}") } else { write!(out, "{shortest:e}") };
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Days since 1970-01-01 as `2024-02-29`.
fn date(days: i64, out: &mut Vec<u8>) {
    // Civil from days: the year begins in March, so that the leap day comes last.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// Microseconds since 1970-01-01 00:00 as `2024-02-29T12:30:15.5`.
fn timestamp(micros: i64, zone: bool, out: &mut Vec<u8>) {
    let seconds = micros.div_euclid(1_000_000);
    let mut fraction = micros.rem_euclid(1_000_000);
    date(seconds.div_euclid(86_400), out);
    let second = seconds.rem_euclid(86_400);
    let _ = write!(out, "T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    if fraction > 0 {
        let mut digits = 6;
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        let _ = write!(out, ".{fraction:0digits$}");
    }
    if zone {
        out.push(b'Z');
    }
}

fn shown(array: &ArrayRef, row: usize) -> String {
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default());
    formatter.ok().and_then(|formatter| formatter.value(row).try_to_string().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    proptest! {
        #[test]
        fn dates_read_back(days in -719_528i32..2_932_897) {
            prop_assert_eq!(value::date(&text(|out| date(i64::from(days), out))), Some(days));
        }

        #[test]
        fn timestamps_read_back(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000, zone: bool) {
            prop_assert_eq!(value::moment(&text(|out| timestamp(micros, zone, out))), Some(micros));
        }

        #[test]
        fn floats_read_back(number: f64) {
            prop_assume!(!number.is_nan());
            let read = value::float(&text(|out| float(number, &number, out)));
            prop_assert_eq!(read.map(f64::to_bits), Some(number.to_bits()));
        }
    }
}
