//! CSV fields to Arrow columns: each type its own loop over the rows, text appended without a copy of its own.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, NullBufferBuilder, PrimitiveArray, StringBuilder};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow::error::ArrowError;

use super::Reading;
use super::dialect::Dialect;
use super::parser::Rows;
use super::quotes::unquote;
use crate::array::in_utc;
use crate::value;

/// A column under construction.
pub(super) enum Column {
    Boolean(BooleanBuilder),
    Int64(Values<i64>),
    Float64(Values<f64>),
    Date32(Values<i32>),
    Timestamp(Values<i64>),
    Instant(Values<i64>),
    Utf8(StringBuilder),
}

/// A field that does not fit its column: its row among those given, and its text.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) row: usize,
    pub(super) value: Vec<u8>,
}

pub(super) struct Values<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

impl Column {
    pub(super) fn new(data_type: &DataType, rows: usize) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Int64 => Self::Int64(Values::new(rows)),
            DataType::Float64 => Self::Float64(Values::new(rows)),
            DataType::Date32 => Self::Date32(Values::new(rows)),
            DataType::Timestamp(_, None) => Self::Timestamp(Values::new(rows)),
            DataType::Timestamp(_, Some(_)) => Self::Instant(Values::new(rows)),
            _ => Self::Utf8(StringBuilder::with_capacity(rows, rows * 8)),
        }
    }

    /// Appends one column of the rows found in `text`, null for what does not fit, and answers the fields that do not.
    pub(super) fn extend(&mut self, text: &str, rows: &Rows, column: usize, reading: Reading) -> Vec<Unfit> {
        match self {
            Self::Boolean(builder) => {
                typed(text, rows, column, reading, within(value::boolean), value::boolean, |value| {
                    builder.append_option(value);
                })
            }
            Self::Int64(values) => values.extend(text, rows, column, reading, value::int_in, value::int),
            Self::Float64(values) => values.extend(text, rows, column, reading, within(value::float), value::float),
            Self::Date32(values) => values.extend(text, rows, column, reading, within(value::date), value::date),
            Self::Timestamp(values) => {
                values.extend(text, rows, column, reading, within(value::timestamp), value::timestamp)
            }
            Self::Instant(values) => values.extend(text, rows, column, reading, within(value::instant), value::instant),
            Self::Utf8(builder) => {
                let quote = Some(&reading.dialect.quote);
                for field in rows.column(column) {
                    // Separators are ASCII, so a field always begins and ends between characters.
                    let field = text.get(field).unwrap_or_default();
                    if field.as_bytes().first() == quote {
                        match unquote(field.as_bytes(), reading.dialect) {
                            Cow::Borrowed(_) => builder.append_value(field.get(1..field.len() - 1).unwrap_or_default()),
                            Cow::Owned(text) => builder.append_value(String::from_utf8_lossy(&text)),
                        }
                    } else if reading.nulls.is_null_text(field.as_bytes()) {
                        builder.append_null();
                    } else {
                        builder.append_value(field);
                    }
                }
                Vec::new()
            }
        }
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Int64(values) => values.finish::<Int64Type>()?,
            Self::Float64(values) => values.finish::<Float64Type>()?,
            Self::Date32(values) => values.finish::<Date32Type>()?,
            Self::Timestamp(values) => values.finish::<TimestampMicrosecondType>()?,
            Self::Instant(values) => in_utc(&values.finish::<TimestampMicrosecondType>()?),
            Self::Utf8(mut builder) => Arc::new(builder.finish()),
        })
    }
}

impl<T: ArrowNativeType> Values<T> {
    fn new(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows) }
    }

    fn extend(
        &mut self,
        text: &str,
        rows: &Rows,
        column: usize,
        reading: Reading,
        quick: impl Fn(&[u8], Range<usize>) -> Option<T>,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Vec<Unfit> {
        typed(text, rows, column, reading, quick, parse, |value| {
            self.values.push(value.unwrap_or_default());
            self.nulls.append(value.is_some());
        })
    }

    fn finish<A: ArrowPrimitiveType<Native = T>>(mut self) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(PrimitiveArray::<A>::try_new(self.values.into(), self.nulls.finish())?))
    }
}

/// What a field says in a column that is not text: without quotes and blanks around it.
pub(super) fn bare(field: &[u8], dialect: Dialect) -> Cow<'_, [u8]> {
    match unquote(field, dialect) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
        Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_vec()),
    }
}

/// What reads a value, told where in a text it stands.
fn within<T>(parse: impl Fn(&[u8]) -> Option<T>) -> impl Fn(&[u8], Range<usize>) -> Option<T> {
    move |text, field| parse(text.get(field)?)
}

/// `quick` reads a field as it stands in the text, which most are, `parse` what a field says.
#[inline]
fn typed<T>(
    text: &str,
    rows: &Rows,
    column: usize,
    reading: Reading,
    quick: impl Fn(&[u8], Range<usize>) -> Option<T>,
    parse: impl Fn(&[u8]) -> Option<T>,
    mut append: impl FnMut(Option<T>),
) -> Vec<Unfit> {
    let mut unfit = Vec::new();
    for (row, field) in rows.column(column).enumerate() {
        if let Some(value) = quick(text.as_bytes(), field.clone()) {
            append(Some(value));
            continue;
        }
        let field = bare(text.as_bytes().get(field).unwrap_or_default(), reading.dialect);
        if reading.nulls.is_missing(&field) {
            append(None);
        } else if let Some(value) = parse(&field) {
            append(Some(value));
        } else {
            append(None);
            unfit.push(Unfit { row, value: field.into_owned() });
        }
    }
    unfit
}
