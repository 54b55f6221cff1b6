//! The values a parameter may take.

use std::fmt;

use super::ParamValue;

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
    /// A whole number between two bounds, both included.
    Integer {
        /// Least value, if bounded.
        min: Option<i64>,
        /// Greatest value, if bounded.
        max: Option<i64>,
    },
    /// A finite number.
    Number(Interval),
    /// A finite number written with a decimal point, so that `1` and `1.0` can mean different things: one row, or all.
    Fraction(Interval),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Values that all lie in one range.
    List(&'static Range),
    /// Values by name that all lie in one range.
    Map(&'static Range),
    /// A value of any of these ranges.
    AnyOf(&'static [Range]),
    /// What the phrase says; the estimator checks it itself.
    Described(&'static str),
}

/// Bounds of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Least value, if bounded.
    pub min: Option<f64>,
    /// Greatest value, if bounded.
    pub max: Option<f64>,
    /// Whether `min` itself is out.
    pub min_excluded: bool,
    /// Whether `max` itself is out.
    pub max_excluded: bool,
    /// Whether infinity is in, although no bound reaches it.
    pub or_infinity: bool,
}

impl Range {
    /// `true` or `false`.
    pub const BOOLEAN: Self = Self::of(RangeKind::Boolean);
    /// Any finite number.
    pub const NUMBER: Self = Self::number(None, None);
    /// A seed of random numbers, or none for a different one each time.
    pub const SEED: Self = Self::integer_between(0, u32::MAX as i64).or_none();

    const fn of(kind: RangeKind) -> Self {
        Self { kind, or_none: false }
    }

    const fn number(min: Option<f64>, max: Option<f64>) -> Self {
        Self::of(RangeKind::Number(Interval { min, max, min_excluded: false, max_excluded: false, or_infinity: false }))
    }

    /// A finite number, `min` or more.
    pub const fn at_least(min: f64) -> Self {
        Self::number(Some(min), None)
    }

    /// A finite number greater than `min`.
    pub const fn above(min: f64) -> Self {
        Self::at_least(min).min_excluded()
    }

    /// A number from `min` to `max`, both included.
    pub const fn between(min: f64, max: f64) -> Self {
        Self::number(Some(min), Some(max))
    }

    /// A whole number, `min` or more.
    pub const fn integer_from(min: i64) -> Self {
        Self::of(RangeKind::Integer { min: Some(min), max: None })
    }

    /// A whole number from `min` to `max`, both included.
    pub const fn integer_between(min: i64, max: i64) -> Self {
        Self::of(RangeKind::Integer { min: Some(min), max: Some(max) })
    }

    /// One of these words.
    pub const fn one_of(words: &'static [&'static str]) -> Self {
        Self::of(RangeKind::OneOf(words))
    }

    /// A list of such values.
    pub const fn list(of: &'static Range) -> Self {
        Self::of(RangeKind::List(of))
    }

    /// Names with such values.
    pub const fn map(of: &'static Range) -> Self {
        Self::of(RangeKind::Map(of))
    }

    /// A value of any of these ranges.
    pub const fn any_of(ranges: &'static [Range]) -> Self {
        Self::of(RangeKind::AnyOf(ranges))
    }

    /// Any value as far as the range goes: the estimator checks what the phrase says.
    pub const fn described(phrase: &'static str) -> Self {
        Self::of(RangeKind::Described(phrase))
    }

    /// The same values, or none.
    #[must_use]
    pub const fn or_none(mut self) -> Self {
        self.or_none = true;
        self
    }

    /// The same numbers without the least.
    #[must_use]
    pub const fn min_excluded(mut self) -> Self {
        if let RangeKind::Number(interval) | RangeKind::Fraction(interval) = &mut self.kind {
            interval.min_excluded = true;
        }
        self
    }

    /// The same numbers without the greatest.
    #[must_use]
    pub const fn max_excluded(mut self) -> Self {
        if let RangeKind::Number(interval) | RangeKind::Fraction(interval) = &mut self.kind {
            interval.max_excluded = true;
        }
        self
    }

    /// The same numbers, or infinity.
    #[must_use]
    pub const fn or_infinity(mut self) -> Self {
        if let RangeKind::Number(interval) = &mut self.kind {
            interval.or_infinity = true;
        }
        self
    }

    /// The same numbers, if written with a decimal point: see [`RangeKind::Fraction`].
    #[must_use]
    pub const fn fraction(mut self) -> Self {
        if let RangeKind::Number(interval) = self.kind {
            self.kind = RangeKind::Fraction(interval);
        }
        self
    }

    /// The shape of the range, for a form or a schema.
    pub fn kind(&self) -> RangeKind {
        self.kind
    }

    /// Whether the parameter may be left without a value.
    pub fn allows_none(&self) -> bool {
        self.or_none || matches!(self.kind, RangeKind::AnyOf(ranges) if ranges.iter().any(Self::allows_none))
    }

    /// Whether `value` lies in the range. A whole number counts as a number; NaN never does, and infinities only where the
    /// range says so.
    pub fn allows(&self, value: &ParamValue) -> bool {
        if self.or_none && *value == ParamValue::None {
            return true;
        }
        match (self.kind, value) {
            (RangeKind::AnyOf(ranges), value) => ranges.iter().any(|range| range.allows(value)),
            (RangeKind::Boolean, ParamValue::Bool(_)) | (RangeKind::Described(_), _) => true,
            (RangeKind::Integer { min, max }, ParamValue::Integer(value)) => {
                min.is_none_or(|min| *value >= min) && max.is_none_or(|max| *value <= max)
            }
            (RangeKind::Number(interval), ParamValue::Integer(value)) => interval.contains(*value as f64),
            (RangeKind::Number(interval) | RangeKind::Fraction(interval), ParamValue::Real(value)) => {
                interval.contains(*value)
            }
            (RangeKind::OneOf(words), ParamValue::Text(word)) => words.contains(&word.as_str()),
            (RangeKind::List(range), ParamValue::List(values)) => values.iter().all(|value| range.allows(value)),
            (RangeKind::Map(range), ParamValue::Map(values)) => values.values().all(|value| range.allows(value)),
            _ => false,
        }
    }
}

impl Interval {
    /// Whether the number is finite and within the bounds, or the infinity that is allowed.
    pub fn contains(&self, number: f64) -> bool {
        if self.or_infinity && number == f64::INFINITY {
            return true;
        }
        let above = |min| if self.min_excluded { number > min } else { number >= min };
        let below = |max| if self.max_excluded { number < max } else { number <= max };
        number.is_finite() && self.min.is_none_or(above) && self.max.is_none_or(below)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = if self.min_excluded { "above" } else { "of at least" };
        let most = if self.max_excluded { "below" } else { "of at most" };
        match (self.min, self.max) {
            (None, None) => f.write_str("a finite number"),
            (Some(min), None) => write!(f, "a finite number {least} {min}"),
            (None, Some(max)) => write!(f, "a finite number {most} {max}"),
            (Some(min), Some(max)) if !self.min_excluded && !self.max_excluded => {
                write!(f, "a number from {min} to {max}")
            }
            (Some(min), Some(max)) => write!(f, "a number {least} {min} and {} {max}", most.trim_start_matches("of ")),
        }?;
        f.write_str(if self.or_infinity { " or inf" } else { "" })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RangeKind::Boolean => f.write_str("true or false")?,
            RangeKind::Integer { min, max } => match (min, max) {
                (None, None) => f.write_str("a whole number")?,
                (Some(min), None) => write!(f, "a whole number of at least {min}")?,
                (None, Some(max)) => write!(f, "a whole number of at most {max}")?,
                (Some(min), Some(max)) => write!(f, "a whole number from {min} to {max}")?,
            },
            RangeKind::Number(interval) => interval.fmt(f)?,
            RangeKind::Fraction(interval) => write!(f, "{interval} with a decimal point")?,
            RangeKind::OneOf(words) => write!(f, "one of {}", words.join(", "))?,
            RangeKind::List(range) => write!(f, "a list of: {range}")?,
            RangeKind::Map(range) => write!(f, "a map to: {range}")?,
            RangeKind::AnyOf(ranges) => {
                for (i, range) in ranges.iter().enumerate() {
                    write!(f, "{}{range}", if i > 0 { ", or " } else { "" })?;
                }
            }
            RangeKind::Described(phrase) => f.write_str(phrase)?,
        }
        f.write_str(if self.or_none { ", or None" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_allow_and_describe() {
        const WORDS: &[&str] = &["mean", "median"];
        const SPLIT: &[Range] = &[Range::integer_from(2), Range::between(0.0, 1.0).min_excluded().fraction()];
        const ANY: Range = Range::at_least(0.0);
        let cases: [(Range, &str, &[&str], &[&str]); 12] = [
            (Range::BOOLEAN, "true or false", &["true"], &["1", "None", "yes"]),
            (
                Range::at_least(0.0),
                "a finite number of at least 0",
                &["0", "1", "1e300"],
                &["-1", "-1e-9", "nan", "inf", "None", "true", "x"],
            ),
            (
                Range::above(0.0).or_infinity().or_none(),
                "a finite number above 0 or inf, or None",
                &["1", "inf", "None"],
                &["0", "-inf", "nan"],
            ),
            (Range::above(0.0), "a finite number above 0", &["1", "1e-300"], &["0", "0.0", "-1"]),
            (Range::between(0.0, 1.0), "a number from 0 to 1", &["0", "1"], &["1.01", "None"]),
            (
                Range::between(0.0, 1.0).max_excluded(),
                "a number of at least 0 and below 1",
                &["0", "0.99"],
                &["1", "1.0"],
            ),
            (Range::NUMBER.or_none(), "a finite number, or None", &["-5", "None"], &["inf", "x"]),
            (Range::integer_between(1, 3), "a whole number from 1 to 3", &["1", "3"], &["0", "4", "2.0", "None"]),
            (Range::one_of(WORDS), "one of mean, median", &["mean"], &["mode", "1", "None"]),
            (
                Range::any_of(SPLIT),
                "a whole number of at least 2, or a number above 0 and at most 1 with a decimal point",
                &["2", "1.0", "0.5"],
                &["1", "0.0", "1.5", "None"],
            ),
            (
                Range::list(&ANY),
                "a list of: a finite number of at least 0",
                &["[]", "[1, 2.5]"],
                &["[1, -1]", "1", "[null]"],
            ),
            (
                Range::map(&ANY),
                "a map to: a finite number of at least 0",
                &["{}", r#"{"a": 1}"#],
                &[r#"{"a": -1}"#, "[1]"],
            ),
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
