//! Records to Arrow columns, as they are parsed. A record that turns out bad is taken back.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, NullBufferBuilder, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, FieldRef, Fields, Float64Type, Int64Type, Schema, TimestampMicrosecondType,
};
use arrow::error::ArrowError;

use super::attributes::Attributes;
use super::parser::Sink;
use super::shape::{MAX_TYPED_DEPTH, TEXT, is_declaration};
use crate::array::{Ends, Texts, Values, in_utc, some};
use crate::value;

/// The columns of some records, under construction.
#[derive(Debug)]
pub(super) struct Columns {
    nodes: Vec<Node>,
    open: Vec<Open>,
    text: String,
    key: String,
    /// Elements open below one that is not wanted.
    skipped: usize,
    /// Elements open below those that have a type.
    deep: usize,
    rows: usize,
    /// How many were opened, which numbers them.
    elements: u64,
    /// What does not fit in the record at hand.
    misfit: Option<Unfit>,
}

/// An element or attribute that does not fit its column.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) at: usize,
    /// The name of the column.
    pub(super) column: String,
    /// What does not fit.
    pub(super) value: String,
}

#[derive(Debug)]
enum Node {
    /// A column that is not wanted.
    Closed,
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

#[derive(Debug)]
struct Object {
    fields: Fields,
    index: HashMap<String, usize>,
    members: Vec<Member>,
    /// Where its own text goes.
    text: Option<usize>,
    nulls: NullBufferBuilder,
}

#[derive(Debug)]
struct Member {
    name: String,
    node: usize,
    /// The element in which it was seen last.
    seen: u64,
}

#[derive(Debug)]
struct List {
    field: FieldRef,
    item: usize,
    ends: Ends,
    /// Items so far, those of a list that goes on among them.
    items: i32,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    node: usize,
    /// Where it begins.
    at: usize,
    element: u64,
    text: usize,
    expected: usize,
}

impl Columns {
    /// For the projected columns of a file.
    pub(super) fn new(file: &Schema, projection: &[usize]) -> Self {
        let mut columns = Self {
            nodes: Vec::new(),
            open: Vec::new(),
            text: String::new(),
            key: String::new(),
            skipped: 0,
            deep: 0,
            rows: 0,
            elements: 0,
            misfit: None,
        };
        columns.object(file.fields(), |i| projection.contains(&i));
        columns
    }

    /// Ends a record: a row more, or none and what did not fit.
    pub(super) fn end_record(&mut self) -> Result<(), Unfit> {
        match self.misfit.take() {
            None => {
                self.rows += 1;
                Ok(())
            }
            Some(unfit) => {
                self.take_back();
                Err(unfit)
            }
        }
    }

    /// Takes back what a bad record has left.
    pub(super) fn take_back(&mut self) {
        (self.skipped, self.deep, self.misfit) = (0, 0, None);
        self.open.clear();
        self.text.clear();
        self.truncate(0, self.rows);
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The arrays of the projected columns.
    pub(super) fn finish(mut self, projection: &[usize]) -> Result<Vec<ArrayRef>, ArrowError> {
        let members: Vec<usize> = match self.nodes.first() {
            Some(Node::Struct(root)) => root.members.iter().map(|member| member.node).collect(),
            _ => Vec::new(),
        };
        let mut arrays: HashMap<usize, ArrayRef> = HashMap::new();
        for &column in projection {
            if let Some(&node) = members.get(column)
                && !arrays.contains_key(&column)
            {
                arrays.insert(column, self.finish_node(node)?);
            }
        }
        projection
            .iter()
            .map(|column| arrays.get(column).cloned().ok_or_else(|| ArrowError::SchemaError("no such column".into())))
            .collect()
    }

    fn node(&mut self, data_type: &DataType) -> usize {
        let node = match data_type {
            DataType::Struct(fields) => return self.object(fields, |_| true),
            DataType::List(field) => {
                let item = self.node(field.data_type());
                Node::List(List { field: field.clone(), item, ends: Ends::default(), items: 0 })
            }
            DataType::Boolean => Node::Boolean(Values::default()),
            DataType::Int64 => Node::Int64(Values::default()),
            DataType::Float64 => Node::Float64(Values::default()),
            DataType::Date32 => Node::Date32(Values::default()),
            DataType::Timestamp(_, None) => Node::Timestamp(Values::default()),
            DataType::Timestamp(_, Some(_)) => Node::Instant(Values::default()),
            _ => Node::Utf8(Texts::default()),
        };
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn object(&mut self, fields: &Fields, wanted: impl Fn(usize) -> bool) -> usize {
        let id = self.nodes.len();
        self.nodes.push(Node::Closed);
        let mut members = Vec::new();
        for (i, field) in fields.iter().enumerate() {
            let node = if wanted(i) {
                self.node(field.data_type())
            } else {
                self.nodes.push(Node::Closed);
                self.nodes.len() - 1
            };
            members.push(Member { name: field.name().clone(), node, seen: 0 });
        }
        let index = members.iter().enumerate().map(|(i, member)| (member.name.clone(), i)).collect();
        let text = members.iter().position(|member| member.name == TEXT);
        let object = Object { fields: fields.clone(), index, members, text, nulls: NullBufferBuilder::new(0) };
        if let Some(slot) = self.nodes.get_mut(id) {
            *slot = Node::Struct(object);
        }
        id
    }

    /// The node for a member of the element that is open innermost; nothing if it has no place there.
    #[inline]
    fn enter(&mut self, name: &str) -> Option<usize> {
        let open = self.open.last_mut()?;
        let Some(Node::Struct(object)) = self.nodes.get_mut(open.node) else { return None };
        let at = match object.members.get(open.expected) {
            Some(member) if member.name == name => open.expected,
            _ => *object.index.get(name)?,
        };
        open.expected = at + 1;
        let member = object.members.get_mut(at)?;
        let again = member.seen == open.element;
        member.seen = open.element;
        let node = member.node;
        match self.nodes.get_mut(node) {
            Some(Node::List(list)) => {
                list.items += 1;
                Some(list.item)
            }
            Some(Node::Closed) => Some(node),
            _ if again => None,
            _ => Some(node),
        }
    }

    /// Adds a value to a node that is no struct of its own.
    #[inline]
    fn value(&mut self, node: usize, text: &str) -> bool {
        match self.nodes.get_mut(node) {
            Some(Node::Boolean(values)) => push(values, text, value::boolean),
            Some(Node::Int64(values)) => push(values, text, value::int),
            Some(Node::Float64(values)) => push(values, text, value::float),
            Some(Node::Date32(values)) => push(values, text, value::date),
            Some(Node::Timestamp(values)) => push(values, text, value::timestamp),
            Some(Node::Instant(values)) => push(values, text, value::instant),
            Some(Node::Utf8(texts)) => texts.push(text.as_bytes()),
            Some(Node::Closed) | None => true,
            Some(Node::Struct(_) | Node::List(_)) => false,
        }
    }

    fn null(&mut self, node: usize) {
        match self.nodes.get_mut(node) {
            Some(Node::Boolean(values)) => values.null(),
            Some(Node::Int64(values) | Node::Timestamp(values) | Node::Instant(values)) => values.null(),
            Some(Node::Float64(values)) => values.null(),
            Some(Node::Date32(values)) => values.null(),
            Some(Node::Utf8(texts)) => texts.null(),
            Some(Node::Struct(object)) => {
                object.nulls.append_null();
                let members: Vec<usize> = object.members.iter().map(|member| member.node).collect();
                for node in members {
                    self.null(node);
                }
            }
            Some(Node::List(list)) => list.ends.null(),
            Some(Node::Closed) | None => {}
        }
    }

    /// Ends the element of a node, whose own text is known.
    #[inline]
    fn close(&mut self, open: &Open, text: &str) -> bool {
        let Some(Node::Struct(object)) = self.nodes.get_mut(open.node) else { return self.value(open.node, text) };
        object.nulls.append_non_null();
        let own = object.text;
        let bare = text.trim_ascii();
        let members = object.members.len();
        let mut fits = own.is_some() || bare.is_empty();
        for i in 0..members {
            let Some(Node::Struct(object)) = self.nodes.get_mut(open.node) else { return false };
            let Some(member) = object.members.get(i) else { return false };
            let (node, seen) = (member.node, member.seen == open.element);
            if Some(i) == own {
                // An element may bear that name too; it has no place then.
                if bare.is_empty() {
                    self.null(node);
                } else {
                    fits &= self.value(node, bare);
                }
            } else if let Some(Node::List(list)) = self.nodes.get_mut(node) {
                if seen {
                    list.ends.push(list.items);
                } else {
                    list.ends.null();
                }
            } else if !seen {
                self.null(node);
            }
        }
        fits
    }

    fn refuse(&mut self, at: usize, value: &str) {
        if self.misfit.is_some() {
            return;
        }
        // The column is the member of the record that is open.
        let column = self.open.get(1).map_or(self.key.as_str(), |open| self.name_of(open.node)).to_owned();
        self.misfit = Some(Unfit { at, column, value: value.to_owned() });
    }

    /// The name of the column that a node belongs to.
    fn name_of(&self, node: usize) -> &str {
        let Some(Node::Struct(root)) = self.nodes.first() else { return "" };
        let of_list =
            |member: &&Member| matches!(self.nodes.get(member.node), Some(Node::List(list)) if list.item == node);
        let member = root.members.iter().find(|member| member.node == node || of_list(member));
        member.map_or("", |member| member.name.as_str())
    }

    fn truncate(&mut self, node: usize, length: usize) {
        match self.nodes.get_mut(node) {
            Some(Node::Boolean(values)) => values.truncate(length),
            Some(Node::Int64(values) | Node::Timestamp(values) | Node::Instant(values)) => values.truncate(length),
            Some(Node::Float64(values)) => values.truncate(length),
            Some(Node::Date32(values)) => values.truncate(length),
            Some(Node::Utf8(texts)) => texts.truncate(length),
            Some(Node::Struct(object)) => {
                object.nulls.truncate(length);
                let members: Vec<usize> = object.members.iter().map(|member| member.node).collect();
                for node in members {
                    self.truncate(node, length);
                }
            }
            Some(Node::List(list)) => {
                let items = list.ends.truncate(length);
                list.items = list.ends.items();
                let item = list.item;
                self.truncate(item, items);
            }
            Some(Node::Closed) | None => {}
        }
    }

    fn finish_node(&mut self, node: usize) -> Result<ArrayRef, ArrowError> {
        let Some(slot) = self.nodes.get_mut(node) else {
            return Err(ArrowError::SchemaError("no such column".to_owned()));
        };
        Ok(match std::mem::replace(slot, Node::Closed) {
            Node::Boolean(values) => values.finish_booleans(),
            Node::Int64(values) => values.finish::<Int64Type>()?,
            Node::Float64(values) => values.finish::<Float64Type>()?,
            Node::Date32(values) => values.finish::<Date32Type>()?,
            Node::Timestamp(values) => values.finish::<TimestampMicrosecondType>()?,
            Node::Instant(values) => in_utc(&values.finish::<TimestampMicrosecondType>()?),
            Node::Utf8(texts) => texts.finish()?,
            Node::Struct(mut object) => {
                let arrays =
                    object.members.iter().map(|member| self.finish_node(member.node)).collect::<Result<_, _>>()?;
                Arc::new(StructArray::try_new(object.fields, arrays, some(object.nulls.finish()))?)
            }
            Node::List(list) => {
                let items = self.finish_node(list.item)?;
                let (offsets, nulls) = list.ends.finish();
                Arc::new(ListArray::try_new(list.field, offsets, items, nulls)?)
            }
            Node::Closed => return Err(ArrowError::SchemaError("the column was not read".to_owned())),
        })
    }
}

/// Adds a value that a text says, blanks around it or not; false if it says none and is not missing either.
#[inline]
fn push<T: Default>(values: &mut Values<T>, text: &str, parse: impl Fn(&[u8]) -> Option<T>) -> bool {
    if let Some(value) = parse(text.as_bytes()) {
        values.push(value);
        return true;
    }
    let bare = text.trim_ascii().as_bytes();
    values.push_found(parse(bare)) || value::is_missing(bare)
}

impl Sink for Columns {
    #[inline]
    fn start(&mut self, at: usize, name: &str, attributes: &Attributes) {
        if self.skipped > 0 {
            self.skipped += 1;
            return;
        }
        if self.deep > 0 || self.open.len() > MAX_TYPED_DEPTH {
            self.deep += 1;
            return;
        }
        let node = if self.open.is_empty() {
            0
        } else if let Some(node) = self.enter(name) {
            node
        } else {
            if self.open.len() == 1 {
                self.key.clear();
                self.key.push_str(name);
            }
            self.refuse(at, name);
            self.skipped = 1;
            return;
        };
        if matches!(self.nodes.get(node), Some(Node::Closed)) {
            self.skipped = 1;
            return;
        }
        self.elements += 1;
        self.open.push(Open { node, at, element: self.elements, text: self.text.len(), expected: 0 });
        if attributes.len() == 0 {
            return;
        }
        let mut key = std::mem::take(&mut self.key);
        for (name, value) in attributes.iter().filter(|(name, _)| !is_declaration(name)) {
            key.clear();
            key.extend(["@", name]);
            let fits = self.enter(&key).is_some_and(|node| self.value(node, value));
            if !fits {
                self.key.clone_from(&key);
                self.refuse(at, value);
            }
        }
        self.key = key;
    }

    #[inline]
    fn end(&mut self, _at: usize, _name: &str) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        if self.deep > 0 {
            self.deep -= 1;
            return;
        }
        let Some(open) = self.open.last() else { return };
        let open = *open;
        let text = std::mem::take(&mut self.text);
        let own = text.get(open.text..).unwrap_or_default();
        if !self.close(&open, own) {
            if self.open.len() == 1 {
                self.key.clear();
                self.key.push_str(TEXT);
            }
            self.refuse(open.at, own);
        }
        self.open.pop();
        self.text = text;
        self.text.truncate(open.text);
    }

    #[inline]
    fn text(&mut self, _at: usize, text: &str) {
        if self.skipped == 0 {
            self.text.push_str(text);
        }
    }

    fn skipped(&mut self, at: usize, reference: &str) {
        self.text(at, reference);
    }
}
