//! The types of columns and how they widen.
//!
//! `Null < Boolean | Int64 | Date32 | Instant`; `Int64 < Float64`; `Date32 < Timestamp`; everything else meets in `Utf8`,
//! times with a zone and times without one too, as nobody knows in what zone the others are. A [`Guess`] collects the values of one CSV column; [`join`] meets whole Arrow types, structs field by field and lists
//! item by item.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use crate::value;

/// What a single value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Int64,
    Float64,
    Date32,
    /// Without a zone.
    Timestamp,
    /// A time with its zone, kept in UTC.
    Instant,
    Utf8,
}

impl Kind {
    pub(crate) fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (Self::Int64, Self::Float64) | (Self::Float64, Self::Int64) => Self::Float64,
            (Self::Date32, Self::Timestamp) | (Self::Timestamp, Self::Date32) => Self::Timestamp,
            _ => Self::Utf8,
        }
    }

    /// The column's Arrow type; a column without any value is text, which takes whatever comes.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Null | Self::Utf8 => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Date32 => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Instant => instants(),
        }
    }

    /// What one value is, read alone.
    pub(crate) fn of(value: &[u8]) -> Self {
        match value.first() {
            None => Self::Null,
            Some(b'0'..=b'9' | b'-' | b'.' | b'i' | b'I') => {
                if value::int(value).is_some() {
                    Self::Int64
                } else if value::is_float(value) {
                    Self::Float64
                } else if value::date(value).is_some() {
                    Self::Date32
                } else if value::timestamp(value).is_some() {
                    Self::Timestamp
                } else if value::instant(value).is_some() {
                    Self::Instant
                } else {
                    Self::Utf8
                }
            }
            Some(b't' | b'f' | b'T' | b'F') if value::boolean(value).is_some() => Self::Boolean,
            Some(_) => Self::Utf8,
        }
    }
}

/// The type of a column as far as its values were seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guess {
    kind: Kind,
    /// An integer beyond 2^53 was seen: as a float it would be rounded.
    wide: bool,
}

impl Default for Guess {
    fn default() -> Self {
        Self { kind: Kind::Null, wide: false }
    }
}

impl Guess {
    /// The guess that a column of this type starts from; it can only become wider.
    pub(crate) fn of(data_type: &DataType) -> Self {
        let kind = match data_type {
            DataType::Null => Kind::Null,
            DataType::Boolean => Kind::Boolean,
            DataType::Int64 => Kind::Int64,
            DataType::Float64 => Kind::Float64,
            DataType::Date32 => Kind::Date32,
            DataType::Timestamp(_, None) => Kind::Timestamp,
            DataType::Timestamp(_, Some(_)) => Kind::Instant,
            _ => Kind::Utf8,
        };
        Self { kind, wide: false }
    }

    pub(crate) fn kind(self) -> Kind {
        if self.wide && self.kind == Kind::Float64 { Kind::Utf8 } else { self.kind }
    }

    /// Takes in one value, unquoted and trimmed, that is neither empty nor a token for "missing".
    pub(crate) fn observe(&mut self, value: &[u8]) {
        let known = match self.kind {
            Kind::Utf8 => return,
            Kind::Boolean => value::boolean(value).is_some(),
            Kind::Int64 => value::int(value).is_some(),
            Kind::Date32 => value::date(value).is_some(),
            Kind::Timestamp => value::timestamp(value).is_some(),
            Kind::Instant => value::instant(value).is_some(),
            Kind::Float64 => value::is_float(value),
            Kind::Null => false,
        };
        if !known {
            self.kind = self.kind.join(Kind::of(value));
        }
        // Sixteen characters are the shortest integer beyond 2^53.
        if value.len() >= 16 && value::int(value).is_some_and(|v| v.unsigned_abs() > value::EXACT) {
            self.wide = true;
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.kind = self.kind.join(other.kind);
        self.wide |= other.wide;
    }
}

/// The type of times with a zone: instants, in UTC.
pub(crate) fn instants() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The narrowest type that holds the values of both.
pub(crate) fn join(a: &DataType, b: &DataType) -> DataType {
    use DataType::{Date32, Float64, Int64, List, Null, Struct, Timestamp, Utf8};
    match (a, b) {
        _ if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (Int64, Float64) | (Float64, Int64) => Float64,
        (Date32, Timestamp(_, None)) => b.clone(),
        (Timestamp(_, None), Date32) => a.clone(),
        (Struct(a), Struct(b)) => Struct(join_fields(a, b)),
        (List(a), List(b)) => List(Arc::new(Field::new_list_field(join(a.data_type(), b.data_type()), true))),
        _ => Utf8,
    }
}

/// `a`'s fields, widened by those of `b` that bear the same name, then `b`'s other fields.
fn join_fields(a: &Fields, b: &Fields) -> Fields {
    let widened = a.iter().map(|field| match b.find(field.name()) {
        Some((_, other)) => Field::new(field.name(), join(field.data_type(), other.data_type()), true),
        None => field.as_ref().clone(),
    });
    let added = b.iter().filter(|field| a.find(field.name()).is_none()).map(|field| field.as_ref().clone());
    widened.chain(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        let cases: [(&[&str], Kind); 21] = [
            (&[], Kind::Null),
            (&["1", "-2", "0"], Kind::Int64),
            (&["1", "2.5"], Kind::Float64),
            (&["1e3"], Kind::Float64),
            (&["inf", "1"], Kind::Float64),
            (&["TRUE", "false"], Kind::Boolean),
            (&["true", "1"], Kind::Utf8),
            (&["2024-02-29"], Kind::Date32),
            (&["2023-02-29"], Kind::Utf8),
            (&["2024-02-29", "2024-01-01T10:00:00"], Kind::Timestamp),
            (&["2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00"], Kind::Instant),
            (&["2024-01-01T10:00:00Z", "2024-01-01T10:00:00"], Kind::Utf8),
            (&["2024-01-01T10:00:00", "2024-01-01T10:00:00Z"], Kind::Utf8),
            (&["2024-02-29", "2024-01-01T10:00:00Z"], Kind::Utf8),
            (&["2024-02-29", "7"], Kind::Utf8),
            (&["007"], Kind::Utf8),
            (&["+49"], Kind::Utf8),
            (&["9223372036854775807"], Kind::Int64),
            (&["9223372036854775808"], Kind::Utf8),
            (&["9007199254740993", "0.5"], Kind::Utf8),
            (&["0.5", "9007199254740993"], Kind::Utf8),
        ];
        for (values, expected) in cases {
            let mut guess = Guess::default();
            for value in values {
                guess.observe(value.as_bytes());
            }
            assert_eq!(guess.kind(), expected, "{values:?}");
        }
    }

    #[test]
    fn nested_types_join_by_field_and_item() {
        let object = |fields: &[(&str, DataType)]| {
            DataType::Struct(fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect())
        };
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        assert_eq!(
            join(
                &object(&[("a", DataType::Int64), ("b", DataType::Utf8)]),
                &object(&[("c", DataType::Boolean), ("a", DataType::Float64)])
            ),
            object(&[("a", DataType::Float64), ("b", DataType::Utf8), ("c", DataType::Boolean)])
        );
        assert_eq!(join(&list(DataType::Null), &list(DataType::Int64)), list(DataType::Int64));
        assert_eq!(join(&list(DataType::Int64), &DataType::Int64), DataType::Utf8);
    }
}
