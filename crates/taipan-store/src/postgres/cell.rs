//! Values on their way: to the server as parameters, from it as cells of rows in binary.

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::postgres::connection::{Param, Row};
use crate::postgres::failure::Failure;
use crate::sql::Query;
use crate::value::{Cell, Value};

/// The days from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(super) const EPOCH: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// The values of a query.
pub(super) fn params(query: &Query<'_>) -> Result<Vec<Param>> {
    let values = query.values.iter().zip(&query.kinds);
    values.map(|(value, kind)| kind.map_or_else(|| assigned(value), |kind| compared(value, kind))).collect()
}

/// The values of a statement of documents.
pub(super) fn compared_all(values: &[Value], kinds: &[Kind]) -> Result<Vec<Param>> {
    let kinds = kinds.iter().map(|kind| Some(*kind)).chain(std::iter::repeat(None));
    // Those beyond the kinds are stored in columns.
    values
        .iter()
        .zip(kinds)
        .map(|(value, kind)| kind.map_or_else(|| assigned(value), |kind| compared(value, kind)))
        .collect()
}

/// A value to compare a column of a kind with.
fn compared(value: &Value, kind: Kind) -> Result<Param> {
    let oid = match (value, kind) {
        // Exactly, where an infinity does not forbid it.
        (Value::Real(real), Kind::Integer) if real.is_finite() => 1700,
        (Value::Real(_), _) | (Value::Null, Kind::Real) => 701,
        (Value::Blob(_), _) | (_, Kind::Blob) => 17,
        (_, Kind::Boolean) => 16,
        (_, Kind::Integer | Kind::Real) => 20,
        (_, Kind::Date) => 1082,
        (_, Kind::Timestamp) => 1114,
        (_, Kind::Text | Kind::Json) => 25,
    };
    param(value, oid)
}

/// A value for a column, of whatever type that is; the server reads it as such.
pub(super) fn assigned(value: &Value) -> Result<Param> {
    param(value, if matches!(value, Value::Blob(_)) { 17 } else { 0 })
}

/// A value of a statement that somebody else wrote.
pub(super) fn given(value: &Value) -> Result<Param> {
    param(
        value,
        match value {
            Value::Null | Value::Text(_) => 0,
            Value::Bool(_) => 16,
            Value::Integer(_) => 20,
            Value::Real(_) => 701,
            Value::Blob(_) => 17,
        },
    )
}

fn param(value: &Value, oid: u32) -> Result<Param> {
    let text = match value {
        Value::Null => None,
        // As SQLite keeps it.
        Value::Real(real) if real.is_nan() => None,
        Value::Bool(value) => Some(if *value { b"t".to_vec() } else { b"f".to_vec() }),
        Value::Integer(value) => Some(value.to_string().into_bytes()),
        Value::Real(value) => Some(value.to_string().into_bytes()),
        Value::Text(text) if text.contains('\0') => {
            return Err(Error::invalid_value(text, "text without a NUL character, which PostgreSQL does not store"));
        }
        Value::Text(text) => Some(text.clone().into_bytes()),
        Value::Blob(bytes) => return Ok(Param { oid, ..Param::bytes(bytes) }),
    };
    Ok(Param { oid, text, is_binary: false })
}

/// A cell of a column that was read in its kind's own type.
#[inline]
pub(super) fn cell(kind: Kind, bytes: Option<&[u8]>) -> Result<Cell<'_>, Failure> {
    let Some(bytes) = bytes else { return Ok(Cell::Null) };
    Ok(match kind {
        Kind::Boolean => Cell::Integer(i64::from(bytes.first().is_some_and(|byte| *byte != 0))),
        Kind::Integer => Cell::Integer(i64::from_be_bytes(fixed(bytes)?)),
        Kind::Real => Cell::Real(f64::from_be_bytes(fixed(bytes)?)),
        Kind::Text | Kind::Json => Cell::Text(bytes),
        Kind::Blob => Cell::Blob(bytes),
        Kind::Date => Cell::Day(match i32::from_be_bytes(fixed(bytes)?) {
            infinite @ (i32::MIN | i32::MAX) => infinite,
            day => day.saturating_add(EPOCH_DAYS),
        }),
        Kind::Timestamp => Cell::Moment(match i64::from_be_bytes(fixed(bytes)?) {
            infinite @ (i64::MIN | i64::MAX) => infinite,
            moment => moment.saturating_add(EPOCH),
        }),
    })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Failure> {
    bytes.try_into().map_err(|_| Failure::garbled())
}

/// The values of a row that was read in binary.
pub(super) fn values(row: Row<'_>, kinds: impl Iterator<Item = Kind>) -> Result<Vec<Value>, Failure> {
    row.cells().zip(kinds).map(|(bytes, kind)| Ok(cell(kind, bytes)?.value(kind))).collect()
}

/// The kind of a column of which only the type is known, as text tells it.
pub(super) fn kind_of(oid: u32) -> Kind {
    match oid {
        16 => Kind::Boolean,
        20 | 21 | 23 | 26 => Kind::Integer,
        700 | 701 | 1700 => Kind::Real,
        1082 => Kind::Date,
        1114 | 1184 => Kind::Timestamp,
        114 | 3802 => Kind::Json,
        17 => Kind::Blob,
        _ => Kind::Text,
    }
}

/// A value that came as text.
pub(super) fn parsed(kind: Kind, text: Option<&[u8]>) -> Value {
    let Some(text) = text else { return Value::Null };
    let text = String::from_utf8_lossy(text);
    match kind {
        Kind::Real if &*text == "NaN" => Value::Null,
        // What this crate does not read, such as an infinite date, stays as it is written.
        kind => Value::parse(kind, &text).unwrap_or_else(|_| Value::Text(text.into_owned())),
    }
}
