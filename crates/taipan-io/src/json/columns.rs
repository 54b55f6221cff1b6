//! JSON values to Arrow columns: scalars, structs of columns, lists of them; what has no type of its own stays JSON text.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, NullBufferBuilder, StructArray};
use arrow::datatypes::{DataType, Date32Type, FieldRef, Fields, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;

use super::text::unescape;
use super::walk::Walk;
use crate::array::{Ends, Texts, Values, in_utc, some};
use crate::value;

/// A column under construction.
#[derive(Debug)]
pub(super) enum Column {
    Boolean(Values<bool>),
    Int64(Values<i64>),
    Float64(Values<f64>),
    Date32(Values<i32>),
    Timestamp(Values<i64>),
    Instant(Values<i64>),
    Utf8(Texts),
    Struct(Object),
    List(List),
}

/// A column of objects.
#[derive(Debug)]
pub(super) struct Object {
    keys: Keys,
    fields: Fields,
    columns: Vec<Column>,
    nulls: NullBufferBuilder,
    /// Places of the values of the object at hand.
    places: Vec<Option<usize>>,
}

/// A column of arrays.
#[derive(Debug)]
pub(super) struct List {
    field: FieldRef,
    item: Box<Column>,
    ends: Ends,
}

/// The places of keys.
#[derive(Debug)]
pub(super) struct Keys {
    names: Vec<Box<[u8]>>,
    index: HashMap<Box<[u8]>, usize>,
}

impl Keys {
    pub(super) fn new(fields: &Fields) -> Self {
        let names: Vec<Box<[u8]>> = fields.iter().map(|field| field.name().as_bytes().into()).collect();
        let index = names.iter().cloned().enumerate().map(|(i, name)| (name, i)).collect();
        Self { names, index }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The place of a key; the one after the last key found is tried first.
    #[inline]
    pub(super) fn find(&self, key: &[u8], expected: usize) -> Option<usize> {
        if self.names.get(expected).is_some_and(|name| **name == *key) {
            return Some(expected);
        }
        self.index.get(key).copied()
    }
}

impl Column {
    pub(super) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean(Values::default()),
            DataType::Int64 => Self::Int64(Values::default()),
            DataType::Float64 => Self::Float64(Values::default()),
            DataType::Date32 => Self::Date32(Values::default()),
            DataType::Timestamp(_, None) => Self::Timestamp(Values::default()),
            DataType::Timestamp(_, Some(_)) => Self::Instant(Values::default()),
            DataType::Struct(fields) => Self::Struct(Object {
                keys: Keys::new(fields),
                columns: fields.iter().map(|field| Self::new(field.data_type())).collect(),
                fields: fields.clone(),
                nulls: NullBufferBuilder::new(0),
                places: Vec::new(),
            }),
            DataType::List(field) => Self::List(List {
                field: field.clone(),
                item: Box::new(Self::new(field.data_type())),
                ends: Ends::default(),
            }),
            _ => Self::Utf8(Texts::default()),
        }
    }

    /// Appends the valid value at a place. False if it is of another type than the column, which has then to be
    /// [truncated](Self::truncate).
    #[inline]
    pub(super) fn push(&mut self, walk: &Walk, k: usize) -> bool {
        let first = walk.first_byte(k);
        if first == b'n' {
            self.null();
            return true;
        }
        match self {
            Self::Boolean(values) => values.push_found(match first {
                b't' => Some(true),
                b'f' => Some(false),
                _ => None,
            }),
            Self::Int64(values) => values.push_found(value::int(walk.token(k))),
            Self::Float64(values) => values.push_found(value::float(walk.token(k))),
            Self::Date32(values) => values.push_found(walk.quoted(k).and_then(|(text, _)| value::date(text))),
            Self::Timestamp(values) => values.push_found(walk.quoted(k).and_then(|(text, _)| value::timestamp(text))),
            Self::Instant(values) => values.push_found(walk.quoted(k).and_then(|(text, _)| value::instant(text))),
            Self::Utf8(texts) => match walk.quoted(k) {
                Some((text, true)) => texts.push_with(|joined| unescape(text, joined)),
                Some((text, false)) => texts.push(text),
                None => texts.push(walk.source(k)),
            },
            Self::Struct(object) => first == b'{' && object.push(walk, k),
            Self::List(list) => first == b'[' && list.push(walk, k),
        }
    }

    /// Appends a text that is no value of its own, such as a key. False as with [`push`](Self::push).
    pub(super) fn push_text(&mut self, text: &[u8]) -> bool {
        match self {
            Self::Boolean(values) => values.push_found(match text {
                b"true" => Some(true),
                b"false" => Some(false),
                _ => None,
            }),
            Self::Int64(values) => values.push_found(value::int(text)),
            Self::Float64(values) => values.push_found(value::float(text)),
            Self::Date32(values) => values.push_found(value::date(text)),
            Self::Timestamp(values) => values.push_found(value::timestamp(text)),
            Self::Instant(values) => values.push_found(value::instant(text)),
            Self::Utf8(texts) => texts.push(text),
            Self::Struct(_) | Self::List(_) => false,
        }
    }

    /// The same where there may be no value, which is null.
    #[inline]
    pub(super) fn push_found(&mut self, walk: &Walk, place: Option<usize>) -> bool {
        if let Some(k) = place {
            return self.push(walk, k);
        }
        self.null();
        true
    }

    fn null(&mut self) {
        match self {
            Self::Boolean(values) => values.null(),
            Self::Int64(values) | Self::Timestamp(values) | Self::Instant(values) => values.null(),
            Self::Float64(values) => values.null(),
            Self::Date32(values) => values.null(),
            Self::Utf8(texts) => texts.null(),
            Self::Struct(object) => {
                object.columns.iter_mut().for_each(Self::null);
                object.nulls.append_null();
            }
            Self::List(list) => list.ends.null(),
        }
    }

    /// Takes back all values but the first ones.
    pub(super) fn truncate(&mut self, length: usize) {
        match self {
            Self::Boolean(values) => values.truncate(length),
            Self::Int64(values) | Self::Timestamp(values) | Self::Instant(values) => values.truncate(length),
            Self::Float64(values) => values.truncate(length),
            Self::Date32(values) => values.truncate(length),
            Self::Utf8(texts) => texts.truncate(length),
            Self::Struct(object) => {
                object.columns.iter_mut().for_each(|column| column.truncate(length));
                object.nulls.truncate(length);
            }
            Self::List(list) => {
                let items = list.ends.truncate(length);
                list.item.truncate(items);
            }
        }
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Boolean(values) => values.finish_booleans(),
            Self::Int64(values) => values.finish::<Int64Type>()?,
            Self::Float64(values) => values.finish::<Float64Type>()?,
            Self::Date32(values) => values.finish::<Date32Type>()?,
            Self::Timestamp(values) => values.finish::<TimestampMicrosecondType>()?,
            Self::Instant(values) => in_utc(&values.finish::<TimestampMicrosecondType>()?),
            Self::Utf8(texts) => texts.finish()?,
            Self::Struct(mut object) => {
                let columns = object.columns.into_iter().map(Self::finish).collect::<Result<_, _>>()?;
                Arc::new(StructArray::try_new(object.fields, columns, some(object.nulls.finish()))?)
            }
            Self::List(list) => {
                let (offsets, nulls) = list.ends.finish();
                Arc::new(ListArray::try_new(list.field, offsets, list.item.finish()?, nulls)?)
            }
        })
    }
}

impl Object {
    fn push(&mut self, walk: &Walk, k: usize) -> bool {
        // The last of equal keys counts, so all are seen before any is kept.
        self.places.clear();
        self.places.resize(self.columns.len(), None);
        let (mut expected, mut known) = (0, true);
        walk.members(k, |key, value| match self.keys.find(key, expected) {
            Some(i) => {
                expected = i + 1;
                if let Some(place) = self.places.get_mut(i) {
                    *place = Some(value);
                }
            }
            None => known = false,
        });
        if !known {
            return false;
        }
        self.nulls.append_non_null();
        self.columns.iter_mut().zip(&self.places).all(|(column, place)| column.push_found(walk, *place))
    }
}

impl List {
    fn push(&mut self, walk: &Walk, k: usize) -> bool {
        let mut items = self.ends.items();
        let mut fits = true;
        walk.items(k, |k| {
            fits = fits && self.item.push(walk, k);
            items = items.saturating_add(1);
        });
        self.ends.push(items);
        fits
    }
}
