//! Hyperparameters: their values, their ranges and their declarations.
//!
//! An estimator declares each parameter once (see the `estimator!` macro): name, Rust type, default, range, one line
//! of documentation. Setters, `get_params`, `set_param` and the check at `fit` all follow from that declaration.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The value of a parameter where its type is not known statically: command line, app file, model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// A word, such as the name of a strategy.
    Text(String),
    /// Not given.
    None,
}

/// One declared parameter of an estimator.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Param {
    /// Name, as in scikit-learn.
    pub name: &'static str,
    /// Value when not set.
    pub default: ParamValue,
    /// Values allowed; its `Display` is a phrase: "a number of at least 0".
    pub range: Range,
    /// What it does, in a line.
    pub doc: &'static str,
}

/// The values a parameter may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    kind: RangeKind,
    or_none: bool,
}

/// The shape of a [`Range`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RangeKind {
    /// `true` or `false`.
    Boolean,
    /// A finite number between two bounds, both included.
    Number {
        /// Least value, if bounded.
        min: Option<f64>,
        /// Greatest value, if bounded.
        max: Option<f64>,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
}

impl Range {
    /// `true` or `false`.
    pub const BOOLEAN: Self = Self::of(RangeKind::Boolean);
    /// Any finite number.
    pub const NUMBER: Self = Self::of(RangeKind::Number { min: None, max: None });

    const fn of(kind: RangeKind) -> Self {
        Self { kind, or_none: false }
    }

    /// A finite number, `min` or more.
    pub const fn at_least(min: f64) -> Self {
        Self::of(RangeKind::Number { min: Some(min), max: None })
    }

    /// A number from `min` to `max`, both included.
    pub const fn between(min: f64, max: f64) -> Self {
        Self::of(RangeKind::Number { min: Some(min), max: Some(max) })
    }

    /// One of these words.
    pub const fn one_of(words: &'static [&'static str]) -> Self {
        Self::of(RangeKind::OneOf(words))
    }

    /// The same values, or none.
    #[must_use]
    pub const fn or_none(mut self) -> Self {
        self.or_none = true;
        self
    }

    /// The shape of the range, for a form or a schema.
    pub fn kind(&self) -> RangeKind {
        self.kind
    }

    /// Whether the parameter may be left without a value.
    pub fn allows_none(&self) -> bool {
        self.or_none
    }

    /// Whether `value` lies in the range. A whole number counts as a number; NaN and infinities never do.
    pub fn allows(&self, value: &ParamValue) -> bool {
        let number = match value {
            ParamValue::None => return self.or_none,
            ParamValue::Integer(value) => Some(*value as f64),
            ParamValue::Real(value) => Some(*value),
            ParamValue::Bool(_) | ParamValue::Text(_) => None,
        };
        match (self.kind, value) {
            (RangeKind::Boolean, value) => matches!(value, ParamValue::Bool(_)),
            (RangeKind::Number { min, max }, _) => number.is_some_and(|number| {
                number.is_finite() && min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max)
            }),
            (RangeKind::OneOf(words), ParamValue::Text(word)) => words.contains(&word.as_str()),
            (RangeKind::OneOf(_), _) => false,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RangeKind::Boolean => f.write_str("true or false")?,
            RangeKind::Number { min, max } => match (min, max) {
                (None, None) => f.write_str("a finite number")?,
                (Some(min), None) => write!(f, "a finite number of at least {min}")?,
                (None, Some(max)) => write!(f, "a finite number of at most {max}")?,
                (Some(min), Some(max)) => write!(f, "a number from {min} to {max}")?,
            },
            RangeKind::OneOf(words) => write!(f, "one of {}", words.join(", "))?,
        }
        f.write_str(if self.or_none { ", or None" } else { "" })
    }
}

/// A Rust type that a parameter can have.
pub trait ParamType: Sized {
    /// Reads the value, or nothing when it is of another type.
    fn from_value(value: &ParamValue) -> Option<Self>;
    /// The same value, dynamically typed.
    fn to_value(&self) -> ParamValue;
}

impl ParamType for bool {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        ParamValue::Bool(*self)
    }
}

impl ParamType for f64 {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Integer(value) => Some(*value as f64),
            ParamValue::Real(value) => Some(*value),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        ParamValue::Real(*self)
    }
}

impl<T: ParamType> ParamType for Option<T> {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::None => Some(None),
            value => T::from_value(value).map(Some),
        }
    }

    fn to_value(&self) -> ParamValue {
        self.as_ref().map_or(ParamValue::None, T::to_value)
    }
}

impl From<bool> for ParamValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for ParamValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for ParamValue {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for ParamValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// Reads a value as typed on a command line: `true`, `10`, `0.5`, `None`; anything else is text.
impl FromStr for ParamValue {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "true" | "True" => Self::Bool(true),
            "false" | "False" => Self::Bool(false),
            "None" | "none" | "null" => Self::None,
            _ => match (text.parse(), text.parse()) {
                (Ok(value), _) => Self::Integer(value),
                (_, Ok(value)) => Self::Real(value),
                _ => Self::Text(text.to_owned()),
            },
        })
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Real(value) => fmt::Debug::fmt(value, f),
            Self::Text(value) => value.fmt(f),
            Self::None => f.write_str("None"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_the_value_it_looks_like() {
        for (text, value) in [
            ("true", ParamValue::Bool(true)),
            ("False", ParamValue::Bool(false)),
            ("10", ParamValue::Integer(10)),
            ("-3", ParamValue::Integer(-3)),
            ("0.5", ParamValue::Real(0.5)),
            ("1e-6", ParamValue::Real(1e-6)),
            ("99999999999999999999", ParamValue::Real(1e20)),
            ("None", ParamValue::None),
            ("mean", "mean".into()),
            ("", "".into()),
        ] {
            assert_eq!(text.parse(), Ok(value), "{text}");
        }
    }

    #[test]
    fn values_survive_json() {
        let values = vec![
            ParamValue::Bool(true),
            ParamValue::Integer(1),
            ParamValue::Real(1.0),
            ParamValue::Real(0.1 + 0.2),
            "mean".into(),
            ParamValue::None,
        ];
        let json = serde_json::to_string(&values).unwrap();
        assert_eq!(json, r#"[true,1,1.0,0.30000000000000004,"mean",null]"#);
        assert_eq!(serde_json::from_str::<Vec<ParamValue>>(&json).unwrap(), values);
    }

    #[test]
    fn ranges_allow_and_describe() {
        const WORDS: &[&str] = &["mean", "median"];
        let cases: [(Range, &str, &[&str], &[&str]); 5] = [
            (Range::BOOLEAN, "true or false", &["true"], &["1", "None", "yes"]),
            (
                Range::at_least(0.0),
                "a finite number of at least 0",
                &["0", "1", "1e300"],
                &["-1", "-1e-9", "nan", "inf", "None", "true", "x"],
            ),
            (Range::between(0.0, 1.0), "a number from 0 to 1", &["0", "1"], &["1.01", "None"]),
            (Range::NUMBER.or_none(), "a finite number, or None", &["-5", "None"], &["inf", "x"]),
            (Range::one_of(WORDS), "one of mean, median", &["mean"], &["mode", "1", "None"]),
        ];
        for (range, phrase, good, bad) in cases {
            assert_eq!(range.to_string(), phrase);
            for (texts, allowed) in [(good, true), (bad, false)] {
                for text in texts {
                    let Ok(value) = text.parse();
                    assert_eq!(range.allows(&value), allowed, "{phrase}: {text}");
                }
            }
        }
    }
}
