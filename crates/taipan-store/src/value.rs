//! Single values: what a filter compares with and what a row holds. Also the [`Cell`], a value borrowed from the
//! engine or from an Arrow array on its way through.

use std::borrow::Cow;

use crate::calendar;
use crate::error::{Error, Result};
use crate::json;
use crate::kind::Kind;

/// A value of a row or of a filter. Dates and timestamps are text, `2024-02-29` and `2024-02-29 13:00:00.5`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text, and also a date, a timestamp or JSON.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A value as the engine stores it, borrowed. Text is UTF-8 unless another program wrote it badly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
    /// A day, counted from 1970-01-01.
    Day(i32),
    /// Microseconds from 1970-01-01.
    Moment(i64),
}

impl Value {
    /// Reads a value of a kind from text: `true`/`false` (also `t`, `f`, `yes`, `no`, `on`, `off`, `1`, `0`) for a
    /// boolean, ISO 8601 for dates and timestamps (an offset is converted to UTC), `\x` and hexadecimal for bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue), naming the value and the type.
    pub fn parse(kind: Kind, text: &str) -> Result<Value> {
        let value = match kind {
            Kind::Boolean => parse_bool(text).map(Value::Bool),
            Kind::Integer => text.trim().parse().ok().map(Value::Integer),
            Kind::Real => text.trim().parse().ok().map(Value::Real),
            Kind::Text => Some(Value::Text(text.to_owned())),
            Kind::Date => calendar::parse_date(text).map(|_| Value::Text(text.to_owned())),
            Kind::Timestamp => parse_timestamp(text).map(Value::Text),
            Kind::Json => json::is_valid(text.as_bytes()).then(|| Value::Text(text.to_owned())),
            Kind::Blob => parse_hex(text).map(Value::Blob),
        };
        value.ok_or_else(|| Error::invalid_value(text, kind.described()))
    }

    /// This value as the engine must see it to compare it with a column of a kind.
    pub(crate) fn coerce(&self, kind: Kind) -> Result<Cow<'_, Value>> {
        let as_is = matches!(
            (self, kind),
            (Value::Null, _)
                | (Value::Bool(_) | Value::Integer(0 | 1), Kind::Boolean)
                | (Value::Integer(_) | Value::Real(_), Kind::Integer | Kind::Real)
                | (Value::Text(_), Kind::Text)
                | (Value::Blob(_), Kind::Blob)
        );
        match (self, kind) {
            _ if as_is => Ok(Cow::Borrowed(self)),
            (Value::Text(text), _) => Value::parse(kind, text).map(Cow::Owned),
            (Value::Bool(_) | Value::Integer(_) | Value::Real(_), Kind::Text | Kind::Json) => {
                Ok(Cow::Owned(Value::Text(self.text().into_owned())))
            }
            _ => Err(Error::invalid_value(&self.text(), kind.described())),
        }
    }

    /// This value as it is stored in a column of a kind: what is compared with it, but nothing that would not come back.
    pub(crate) fn stored(&self, kind: Kind) -> Result<Value> {
        match (self, kind) {
            (Value::Real(real), Kind::Integer) => {
                let whole = *real as i64;
                if (whole as f64).to_bits() == (*real + 0.0).to_bits() && whole != i64::MAX {
                    return Ok(Value::Integer(whole));
                }
                Err(Error::invalid_value(&self.text(), kind.described()))
            }
            (Value::Integer(value @ (0 | 1)), Kind::Boolean) => Ok(Value::Bool(*value == 1)),
            // As the import does: an engine may have no NaN, and 0 is 0.
            (Value::Real(real), Kind::Real) => Ok(if real.is_nan() { Value::Null } else { Value::Real(real + 0.0) }),
            _ => self.coerce(kind).map(Cow::into_owned),
        }
    }

    pub(crate) fn cell(&self) -> Cell<'_> {
        match self {
            Value::Null => Cell::Null,
            Value::Bool(value) => Cell::Integer(i64::from(*value)),
            Value::Integer(value) => Cell::Integer(*value),
            Value::Real(value) => Cell::Real(*value),
            Value::Text(text) => Cell::Text(text.as_bytes()),
            Value::Blob(bytes) => Cell::Blob(bytes),
        }
    }

    fn text(&self) -> Cow<'_, str> {
        match self {
            Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            other => other.cell().text(),
        }
    }
}

impl<'a> Cell<'a> {
    /// The value as text: numbers in their shortest form, bytes in hexadecimal, null as `null`.
    pub(crate) fn text(self) -> Cow<'a, str> {
        match self {
            Cell::Null => Cow::Borrowed("null"),
            Cell::Integer(value) => Cow::Owned(value.to_string()),
            Cell::Real(value) => {
                let mut out = Vec::new();
                json::write_number(&mut out, value);
                Cow::Owned(String::from_utf8_lossy(&out).trim_matches('"').to_owned())
            }
            Cell::Text(text) => String::from_utf8_lossy(text),
            Cell::Blob(bytes) => {
                let mut out = Vec::new();
                json::write_hex(&mut out, bytes);
                Cow::Owned(format!("\\x{}", String::from_utf8_lossy(&out)))
            }
            Cell::Day(day) => {
                let mut out = String::new();
                let infinite = infinity(i64::from(day), i64::from(i32::MIN), i64::from(i32::MAX));
                if infinite.is_none() && !calendar::write_date(&mut out, day) {
                    out = format!("day {day} from 1970-01-01");
                }
                infinite.map_or(Cow::Owned(out), Cow::Borrowed)
            }
            Cell::Moment(moment) => {
                let mut out = String::new();
                let infinite = infinity(moment, i64::MIN, i64::MAX);
                if infinite.is_none() && !calendar::write_timestamp(&mut out, moment, ' ') {
                    out = format!("{moment} microseconds from 1970-01-01");
                }
                infinite.map_or(Cow::Owned(out), Cow::Borrowed)
            }
        }
    }

    /// The value of a column of a kind. What another program stored against the kind is kept as it is.
    pub(crate) fn value(self, kind: Kind) -> Value {
        match (self, kind) {
            (Cell::Null, _) => Value::Null,
            (Cell::Integer(value @ (0 | 1)), Kind::Boolean) => Value::Bool(value == 1),
            (Cell::Integer(_) | Cell::Real(_), Kind::Text) | (Cell::Text(_) | Cell::Day(_) | Cell::Moment(_), _) => {
                Value::Text(self.text().into_owned())
            }
            (Cell::Integer(value), Kind::Real) if value.unsigned_abs() <= 1 << 53 => Value::Real(value as f64),
            (Cell::Integer(value), _) => Value::Integer(value),
            (Cell::Real(value), _) => Value::Real(value),
            (Cell::Blob(bytes), _) => Value::Blob(bytes.to_owned()),
        }
    }
}

/// PostgreSQL's moments before and after all others.
fn infinity(value: i64, least: i64, greatest: i64) -> Option<&'static str> {
    match value {
        value if value == least => Some("-infinity"),
        value if value == greatest => Some("infinity"),
        _ => None,
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    if is(&["true", "t", "yes", "y", "on", "1"]) {
        Some(true)
    } else if is(&["false", "f", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

fn parse_timestamp(text: &str) -> Option<String> {
    let microseconds = calendar::parse_timestamp(text)?;
    let mut out = String::with_capacity(26);
    calendar::write_timestamp(&mut out, microseconds, ' ').then_some(out)
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    if digits.len() % 2 == 1 {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing() {
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        let cases = [
            (Kind::Boolean, "TRUE", Some(Value::Bool(true))),
            (Kind::Boolean, "f", Some(Value::Bool(false))),
            (Kind::Boolean, "maybe", None),
            (Kind::Integer, "-9223372036854775808", Some(Value::Integer(i64::MIN))),
            (Kind::Integer, "9223372036854775808", None),
            (Kind::Integer, "1.5", None),
            (Kind::Integer, "", None),
            (Kind::Real, "1e3", Some(Value::Real(1000.0))),
            (Kind::Real, "-Infinity", Some(Value::Real(f64::NEG_INFINITY))),
            (Kind::Real, "1,5", None),
            (Kind::Text, "", text("")),
            (Kind::Date, "2024-02-29", text("2024-02-29")),
            (Kind::Date, "2023-02-29", None),
            (Kind::Timestamp, "2024-02-29T13:00:00.500+01:00", text("2024-02-29 12:00:00.5")),
            (Kind::Timestamp, "2024-02-29", text("2024-02-29 00:00:00")),
            (Kind::Timestamp, "0000-01-01T00:00:00+01:00", None),
            (Kind::Json, r#"{"a": [1]}"#, text(r#"{"a": [1]}"#)),
            (Kind::Json, "{a}", None),
            (Kind::Blob, "\\x00fF", Some(Value::Blob(vec![0, 255]))),
            (Kind::Blob, "\\x0", None),
            (Kind::Blob, "00", None),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(Value::parse(kind, text).ok(), expected, "{kind} {text}");
        }
    }

    #[test]
    fn a_refusal_names_value_and_type() {
        let error = Value::parse(Kind::Integer, "abc").unwrap_err();
        assert_eq!(error.to_string(), r#""abc" is not an INTEGER"#);
    }

    #[test]
    fn coercion_to_a_column() {
        let cases = [
            (Value::Text("5".into()), Kind::Integer, Some(Value::Integer(5))),
            (Value::Text("x".into()), Kind::Integer, None),
            (Value::Real(1.5), Kind::Integer, Some(Value::Real(1.5))),
            (Value::Integer(5), Kind::Text, Some(Value::Text("5".into()))),
            (Value::Real(1.0), Kind::Text, Some(Value::Text("1".into()))),
            (Value::Bool(true), Kind::Text, Some(Value::Text("true".into()))),
            (Value::Bool(true), Kind::Integer, None),
            (Value::Integer(2), Kind::Boolean, None),
            (Value::Integer(2), Kind::Date, None),
            (Value::Null, Kind::Date, Some(Value::Null)),
            (Value::Text("yes".into()), Kind::Boolean, Some(Value::Bool(true))),
        ];
        for (value, kind, expected) in cases {
            assert_eq!(value.coerce(kind).ok().map(Cow::into_owned), expected, "{value:?} {kind}");
        }
    }
}
