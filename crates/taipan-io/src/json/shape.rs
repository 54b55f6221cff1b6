//! What a JSON column is, as far as its values were seen: a [`Shape`] takes in values and becomes an Arrow type.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::walk::Walk;
use crate::infer::{Guess, Kind};

/// Objects and lists nested deeper than this become text, the JSON they were.
pub(super) const MAX_TYPED_DEPTH: usize = 32;

#[derive(Debug, Clone, Default)]
pub(super) enum Shape {
    #[default]
    Null,
    Boolean,
    /// Integers and floats, which meet as floats only if no integer is rounded.
    Number(Guess),
    Object(Members),
    List(Box<Shape>),
    /// Strings, or values that have no other type in common.
    Utf8,
}

/// Shapes by key, in the order of first appearance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    shapes: Vec<(String, Shape)>,
    index: HashMap<String, usize>,
}

impl Shape {
    /// The shape that a column of this type starts from; it can only become wider.
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            DataType::Int64 | DataType::Float64 => Self::Number(Guess::of(data_type)),
            DataType::Struct(fields) => Self::Object(Members::of(fields, |_| true)),
            DataType::List(item) => Self::List(Box::new(Self::of(item.data_type()))),
            _ => Self::Utf8,
        }
    }

    /// Takes in the valid value at a place.
    pub(super) fn observe(&mut self, walk: &Walk, k: usize, depth: usize) {
        match (walk.first_byte(k), &mut *self) {
            (b'n', _) | (_, Self::Utf8) | (b't' | b'f', Self::Boolean) => {}
            (b't' | b'f', Self::Null) => *self = Self::Boolean,
            (b'-' | b'0'..=b'9', Self::Null | Self::Number(_)) => {
                let mut guess = if let Self::Number(guess) = self { *guess } else { Guess::default() };
                guess.observe(walk.token(k));
                *self = if guess.kind() == Kind::Utf8 { Self::Utf8 } else { Self::Number(guess) };
            }
            (b'{', Self::Null) if depth < MAX_TYPED_DEPTH => {
                *self = Self::Object(Members::default());
                self.observe(walk, k, depth);
            }
            (b'{', Self::Object(object)) => object.observe(walk, k, depth),
            (b'[', Self::Null) if depth < MAX_TYPED_DEPTH => {
                *self = Self::List(Box::default());
                self.observe(walk, k, depth);
            }
            (b'[', Self::List(item)) => walk.items(k, |k| item.observe(walk, k, depth + 1)),
            _ => *self = Self::Utf8,
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Utf8, _) | (_, Self::Null) | (Self::Boolean, Self::Boolean) => {}
            (Self::Null, other) => *self = other,
            (Self::Number(a), Self::Number(b)) => {
                a.merge(b);
                if a.kind() == Kind::Utf8 {
                    *self = Self::Utf8;
                }
            }
            (Self::List(a), Self::List(b)) => a.merge(*b),
            (Self::Object(a), Self::Object(b)) => a.merge(b),
            _ => *self = Self::Utf8,
        }
    }

    /// The Arrow type of what was seen, `Null` where nothing but null was.
    pub(super) fn seen_type(&self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Utf8 => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Number(guess) => guess.kind().data_type(),
            Self::Object(object) => DataType::Struct(
                object.shapes.iter().map(|(key, shape)| Field::new(key, shape.seen_type(), true)).collect(),
            ),
            Self::List(item) => DataType::List(Arc::new(Field::new_list_field(item.seen_type(), true))),
        }
    }

    /// The Arrow type of a column of such values.
    pub(super) fn data_type(&self) -> DataType {
        settle(&self.seen_type())
    }
}

/// The type for a column: what was never but null is text, which takes whatever comes; so is an object without keys,
/// of which no columns can be made.
pub(super) fn settle(seen: &DataType) -> DataType {
    let field = |field: &Field| field.clone().with_data_type(settle(field.data_type()));
    match seen {
        DataType::Null => DataType::Utf8,
        DataType::Struct(fields) if fields.is_empty() => DataType::Utf8,
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|child| field(child)).collect()),
        DataType::List(item) => DataType::List(Arc::new(field(item))),
        other => other.clone(),
    }
}

impl Members {
    /// The members that these fields start from. Those not to be observed are taken for text, which costs nothing.
    pub(crate) fn of(fields: &Fields, observed: impl Fn(usize) -> bool) -> Self {
        let mut members = Self::default();
        for (i, field) in fields.iter().enumerate() {
            let slot = members.slot(field.name(), i);
            if let Some((_, shape)) = members.shapes.get_mut(slot) {
                *shape = if observed(i) { Shape::of(field.data_type()) } else { Shape::Utf8 };
            }
        }
        members
    }

    /// Takes in the members of a valid object.
    fn observe(&mut self, walk: &Walk, k: usize, depth: usize) {
        let mut expected = 0;
        walk.members(k, |key, value| expected = self.observe_member(key, walk, value, expected, depth + 1) + 1);
    }

    /// Takes in a value of a key; answers the key's place, and is told where to look for it first.
    pub(super) fn observe_member(
        &mut self,
        key: &[u8],
        walk: &Walk,
        value: usize,
        expected: usize,
        depth: usize,
    ) -> usize {
        // What is valid is text.
        let i = self.slot(std::str::from_utf8(key).unwrap_or_default(), expected);
        if let Some((_, shape)) = self.shapes.get_mut(i) {
            shape.observe(walk, value, depth);
        }
        i
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (key, shape) in other.shapes {
            let i = self.slot(&key, 0);
            if let Some((_, known)) = self.shapes.get_mut(i) {
                known.merge(shape);
            }
        }
    }

    pub(crate) fn fields(&self) -> Fields {
        self.shapes.iter().map(|(key, shape)| Field::new(key, shape.data_type(), true)).collect()
    }

    /// The place of a key; records mostly hold the same keys in the same order, so the place after the last is tried first.
    fn slot(&mut self, key: &str, expected: usize) -> usize {
        if self.shapes.get(expected).is_some_and(|(known, _)| known == key) {
            return expected;
        }
        if let Some(&i) = self.index.get(key) {
            return i;
        }
        let i = self.shapes.len();
        self.shapes.push((key.to_owned(), Shape::Null));
        self.index.insert(key.to_owned(), i);
        i
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::MAX_DEPTH;
    use super::super::structure::Structure;
    use super::*;

    fn observe(shape: &mut Shape, value: &str) {
        let mut structure = Structure::default();
        structure.find(value.as_bytes()).unwrap();
        shape.observe(&Walk::new(value.as_bytes(), &structure, MAX_DEPTH), 0, 0);
    }

    #[test]
    fn shapes_become_types() {
        let cases: [(&[&str], &str); 14] = [
            (&["null"], "Utf8"),
            (&["true", "null"], "Boolean"),
            (&["1", "2"], "Int64"),
            (&["1", "2.0"], "Float64"),
            (&["1", "true"], "Utf8"),
            (&["1", "\"1\""], "Utf8"),
            (&["9223372036854775808"], "Utf8"),
            (&["9007199254740993", "1.5"], "Utf8"),
            (&["1e400"], "Utf8"),
            (&["[]", "[1]", "[null, 2.5]"], "List(Float64)"),
            (&["[1]", "2"], "Utf8"),
            (&["{}"], "Utf8"),
            (&["{\"a\": 1}", "{}", "{\"b\": [], \"a\": 2.5}"], "Struct(\"a\": Float64, \"b\": List(Utf8))"),
            (&["{\"a\": 1}", "[]"], "Utf8"),
        ];
        for (values, expected) in cases {
            let mut whole = Shape::default();
            for value in values {
                observe(&mut whole, value);
            }
            assert_eq!(whole.data_type().to_string(), expected, "{values:?}");
            let mut merged = Shape::default();
            for value in values {
                let mut one = Shape::default();
                observe(&mut one, value);
                merged.merge(one);
            }
            assert_eq!(merged.data_type(), whole.data_type(), "{values:?} merged");
        }
    }

    #[test]
    fn deep_nesting_becomes_text() {
        let mut shape = Shape::default();
        observe(&mut shape, &["[".repeat(100), "]".repeat(100)].concat());
        assert_eq!(shape.data_type().to_string().matches("List").count(), MAX_TYPED_DEPTH);
    }
}
