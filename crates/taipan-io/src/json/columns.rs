//! JSON values to Arrow columns: scalars, structs of columns, lists of them; what has no type of its own stays JSON text.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListArray, NullBufferBuilder, StringBuilder, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::error::ArrowError;

use super::record::{items, members, string};
use crate::value;

/// A column under construction.
pub(super) enum Column {
    Boolean(BooleanBuilder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Utf8(StringBuilder),
    Struct(Object),
    List(List),
}

/// The value is of another type than its column.
#[derive(Debug)]
pub(super) struct Unfit;

pub(super) struct Object {
    keys: Keys,
    fields: Fields,
    columns: Vec<Column>,
    nulls: NullBufferBuilder,
}

pub(super) struct List {
    field: FieldRef,
    item: Box<Column>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

/// The places of keys.
pub(super) struct Keys {
    names: Vec<String>,
    index: HashMap<String, usize>,
}

impl Keys {
    pub(super) fn new(fields: &Fields) -> Self {
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let index = names.iter().enumerate().map(|(i, name)| (name.clone(), i)).collect();
        Self { names, index }
    }

    /// The place of a key; the one after the last key found is tried first.
    pub(super) fn find(&self, key: &str, expected: usize) -> Option<usize> {
        if self.names.get(expected).is_some_and(|name| name == key) {
            return Some(expected);
        }
        self.index.get(key).copied()
    }
}

impl Column {
    pub(super) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Float64 => Self::Float64(Float64Builder::new()),
            DataType::Struct(fields) => Self::Struct(Object {
                keys: Keys::new(fields),
                columns: fields.iter().map(|field| Self::new(field.data_type())).collect(),
                fields: fields.clone(),
                nulls: NullBufferBuilder::new(0),
            }),
            DataType::List(field) => Self::List(List {
                field: field.clone(),
                item: Box::new(Self::new(field.data_type())),
                offsets: vec![0],
                nulls: NullBufferBuilder::new(0),
            }),
            _ => Self::Utf8(StringBuilder::new()),
        }
    }

    /// Appends a value, a valid JSON text.
    pub(super) fn push(&mut self, text: &str) -> Result<(), Unfit> {
        if text == "null" {
            self.push_null();
            return Ok(());
        }
        match self {
            Self::Boolean(builder) => builder.append_value(match text {
                "true" => true,
                "false" => false,
                _ => return Err(Unfit),
            }),
            Self::Int64(builder) => builder.append_value(value::int(text.as_bytes()).ok_or(Unfit)?),
            Self::Float64(builder) => builder.append_value(value::float(text.as_bytes()).ok_or(Unfit)?),
            Self::Utf8(builder) => match text.as_bytes().first() {
                Some(b'"') => builder.append_value(string(text).ok_or(Unfit)?),
                _ => builder.append_value(text),
            },
            Self::Struct(object) => object.push(text)?,
            Self::List(list) => list.push(text)?,
        }
        Ok(())
    }

    pub(super) fn push_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Utf8(builder) => builder.append_null(),
            Self::Struct(object) => {
                object.columns.iter_mut().for_each(Self::push_null);
                object.nulls.append_null();
            }
            Self::List(list) => {
                list.offsets.push(list.offsets.last().copied().unwrap_or(0));
                list.nulls.append_null();
            }
        }
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Int64(mut builder) => Arc::new(builder.finish()),
            Self::Float64(mut builder) => Arc::new(builder.finish()),
            Self::Utf8(mut builder) => Arc::new(builder.finish()),
            Self::Struct(mut object) => {
                let columns = object.columns.into_iter().map(Self::finish).collect::<Result<_, _>>()?;
                Arc::new(StructArray::try_new(object.fields, columns, object.nulls.finish())?)
            }
            Self::List(mut list) => {
                let offsets = OffsetBuffer::new(list.offsets.into());
                Arc::new(ListArray::try_new(list.field, offsets, list.item.finish()?, list.nulls.finish())?)
            }
        })
    }
}

impl Object {
    fn push(&mut self, text: &str) -> Result<(), Unfit> {
        // The last of equal keys counts, so all are seen before any is kept.
        let mut values: Vec<Option<&str>> = vec![None; self.columns.len()];
        let (mut expected, mut unknown) = (0, false);
        let keys = &self.keys;
        members(text, |key, value| match keys.find(&key, expected) {
            Some(i) => {
                expected = i + 1;
                if let Some(slot) = values.get_mut(i) {
                    *slot = Some(value);
                }
            }
            None => unknown = true,
        })
        .map_err(|_| Unfit)?;
        if unknown {
            return Err(Unfit);
        }
        for (column, value) in self.columns.iter_mut().zip(values) {
            match value {
                Some(value) => column.push(value)?,
                None => column.push_null(),
            }
        }
        self.nulls.append_non_null();
        Ok(())
    }
}

impl List {
    fn push(&mut self, text: &str) -> Result<(), Unfit> {
        let mut length = self.offsets.last().copied().unwrap_or(0);
        let mut fits = Ok(());
        items(text, |value| {
            if fits.is_ok() {
                fits = self.item.push(value);
                length += 1;
            }
        })
        .map_err(|_| Unfit)?;
        fits?;
        self.offsets.push(length);
        self.nulls.append_non_null();
        Ok(())
    }
}
