//! One value of a record, and how two values compare.

use std::borrow::Cow;

use super::Comparison;
use super::decimal::Number;
use crate::error::excerpt;
use crate::value;

/// One value of a record, as a condition sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// Missing, or null.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A number as it is written, of any length: `-12.50e3`.
    Number(&'a str),
    /// Text.
    Text(&'a str),
    /// Days since 1970-01-01.
    Date(i32),
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    Timestamp(i128),
    /// An object or list: it is there, and compares with nothing.
    Nested(&'a str),
}

/// A scalar whose number was read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    Number(Number<'a>),
    Text(&'a str),
    Date(i32),
    Timestamp(i128),
    Nested,
}

/// Two values that do not compare.
#[derive(Debug)]
pub(super) struct Unlike;

const NANOS_PER_DAY: i128 = 86_400_000_000_000;

impl<'a> Value<'a> {
    pub(super) fn of(scalar: Scalar<'a>) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Boolean(truth) => Self::Boolean(truth),
            Scalar::Int(int) => Self::Number(Number::Int(int)),
            Scalar::Float(float) => Self::Number(Number::Float(float)),
            // What is handed in as a number but is none compares as the text it is.
            Scalar::Number(text) => Number::parse(text).map_or(Self::Text(text), Self::Number),
            Scalar::Text(text) => Self::Text(text),
            Scalar::Date(days) => Self::Date(days),
            Scalar::Timestamp(nanos) => Self::Timestamp(nanos),
            Scalar::Nested(_) => Self::Nested,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "text",
            Self::Date(_) => "date",
            Self::Timestamp(_) => "time",
            Self::Nested => "object or list",
        }
    }

    /// As messages show it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Number(number) => excerpt(number.text().as_bytes()),
            Self::Text(text) => format!("`{}`", excerpt(text.as_bytes())),
            Self::Date(days) => date_text(*days),
            Self::Timestamp(nanos) => {
                let day = i32::try_from(nanos.div_euclid(NANOS_PER_DAY)).unwrap_or_default();
                let second = nanos.rem_euclid(NANOS_PER_DAY) / 1_000_000_000;
                let (hour, minute) = (second / 3600, second / 60 % 60);
                format!("{} {hour:02}:{minute:02}:{:02}", date_text(day), second % 60)
            }
            Self::Nested => "an object or list".to_owned(),
        }
    }
}

impl Unlike {
    /// Why `value` does not compare with `other`, after "which".
    pub(super) fn message(value: &Value<'_>, other: &Value<'_>) -> Cow<'static, str> {
        match (value, other) {
            (Value::Text(_), Value::Number(_)) => "is no number but compared with one".into(),
            (Value::Text(_), Value::Date(_) | Value::Timestamp(_)) => "is no date or time but compared with one".into(),
            (Value::Number(_), Value::Text(_)) => "compares with no text that is no number".into(),
            (Value::Date(_) | Value::Timestamp(_), Value::Text(_)) => {
                "compares with no text but a date or time, as `2024-02-29`".into()
            }
            (_, other) => format!("compares with no {}", other.kind()).into(),
        }
    }
}

/// What a comparison of two values says; nothing if one is null.
pub(super) fn compare(comparison: Comparison, a: &Value<'_>, b: &Value<'_>) -> Result<Option<bool>, Unlike> {
    let ordering = match (a, b) {
        (Value::Null, _) | (_, Value::Null) => return Ok(None),
        (Value::Number(a), Value::Number(b)) => a.cmp(*b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::Number(number), Value::Text(text)) | (Value::Text(text), Value::Number(number)) => {
            match (Number::parse(text.trim()), comparison) {
                (Some(other), _) if matches!(a, Value::Text(_)) => other.cmp(*number),
                (Some(other), _) => number.cmp(other),
                (None, Comparison::Equal) => return Ok(Some(false)),
                (None, Comparison::NotEqual) => return Ok(Some(true)),
                (None, _) => return Err(Unlike),
            }
        }
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        _ => match (time(a), time(b)) {
            (Some(x), Some(y)) if !matches!((a, b), (Value::Text(_), Value::Text(_))) => x.cmp(&y),
            _ => return Err(Unlike),
        },
    };
    Ok(Some(match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    }))
}

fn date_text(days: i32) -> String {
    arrow::temporal_conversions::date32_to_datetime(days).map_or_else(|| days.to_string(), |day| day.date().to_string())
}

/// A date, a time, or text that is one of them, as nanoseconds.
fn time(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Date(days) => Some(i128::from(*days) * NANOS_PER_DAY),
        Value::Timestamp(nanos) => Some(*nanos),
        Value::Text(text) => value::moment(text.trim().as_bytes()).map(|micros| i128::from(micros) * 1000),
        _ => None,
    }
}
