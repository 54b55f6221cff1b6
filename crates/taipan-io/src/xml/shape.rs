//! What the elements of records are, as far as they were seen: a [`Shapes`] takes in records and becomes columns.
//!
//! An element that has only ever text is a value; one with attributes or elements in it is a struct of these, its own
//! text among them as `#text`; one that stands twice beside itself is a list.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::attributes::Attributes;
use super::parser::Sink;
use crate::infer::{Guess, Kind};
use crate::value;

/// The column of an element's own text beside its attributes and elements.
pub(super) const TEXT: &str = "#text";

/// Elements nested deeper than this in a record count as text of the one around them.
pub(super) const MAX_TYPED_DEPTH: usize = 32;

/// The shapes of the elements of a kind of record.
#[derive(Debug, Clone)]
pub(crate) struct Shapes {
    /// The record itself comes first.
    nodes: Vec<Node>,
    /// Elements seen so far, which numbers them.
    elements: u64,
}

#[derive(Debug, Clone, Default)]
struct Node {
    guess: Guess,
    /// It had text that is not blank.
    text: bool,
    /// It stood beside itself.
    many: bool,
    members: Vec<(Box<str>, usize)>,
    index: HashMap<Box<str>, usize>,
    /// In which element it was seen last.
    seen: u64,
    /// Whatever is in it is not looked at.
    closed: bool,
}

impl Default for Shapes {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], elements: 0 }
    }
}

impl Shapes {
    /// The shapes that columns start from, which can only become wider. Those not to be observed stay what they are.
    pub(crate) fn of(fields: &Fields, observed: impl Fn(usize) -> bool) -> Self {
        let mut shapes = Self::default();
        for (i, field) in fields.iter().enumerate() {
            let node = shapes.member(0, field.name(), i);
            shapes.widen(node, field.data_type());
            if let Some(node) = shapes.nodes.get_mut(node) {
                node.closed = !observed(i);
            }
        }
        shapes
    }

    /// The columns.
    pub(crate) fn fields(&self) -> Fields {
        let root = self.nodes.first();
        let mut fields = self.members(root);
        if let Some(root) = root
            && (root.text || fields.is_empty())
            && !fields.iter().any(|field| field.name() == TEXT)
        {
            fields.push(Field::new(TEXT, root.guess.kind().data_type(), true));
        }
        fields.into()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.merge_node(0, other, 0);
    }

    fn merge_node(&mut self, node: usize, other: &Self, from: usize) {
        let Some(from) = other.nodes.get(from) else { return };
        if let Some(node) = self.nodes.get_mut(node) {
            node.guess.merge(from.guess);
            node.text |= from.text;
            node.many |= from.many;
            node.closed |= from.closed;
        }
        for (i, (name, child)) in from.members.iter().enumerate() {
            let known = self.member(node, name, i);
            self.merge_node(known, other, *child);
        }
    }

    /// Makes a node wide enough for a type.
    fn widen(&mut self, node: usize, data_type: &DataType) {
        match data_type {
            DataType::List(item) => {
                if let Some(node) = self.nodes.get_mut(node) {
                    node.many = true;
                }
                self.widen(node, item.data_type());
            }
            DataType::Struct(fields) => {
                for (i, field) in fields.iter().enumerate() {
                    if field.name() == TEXT {
                        self.widen(node, field.data_type());
                    } else {
                        let member = self.member(node, field.name(), i);
                        self.widen(member, field.data_type());
                    }
                }
            }
            scalar => {
                if let Some(node) = self.nodes.get_mut(node) {
                    node.guess.merge(Guess::of(scalar));
                    node.text |= *scalar != DataType::Null;
                }
            }
        }
    }

    fn data_type(&self, node: &Node) -> DataType {
        let mut fields = self.members(Some(node));
        let one = if fields.is_empty() {
            node.guess.kind().data_type()
        } else {
            if node.text {
                fields.push(Field::new(TEXT, node.guess.kind().data_type(), true));
            }
            DataType::Struct(fields.into())
        };
        if node.many { DataType::List(Arc::new(Field::new_list_field(one, true))) } else { one }
    }

    fn members(&self, node: Option<&Node>) -> Vec<Field> {
        let members = node.map(|node| node.members.as_slice()).unwrap_or_default();
        members
            .iter()
            .filter_map(|(name, child)| Some(Field::new(name.as_ref(), self.data_type(self.nodes.get(*child)?), true)))
            .collect()
    }

    /// The member of a name. Records mostly hold the same names in the same order, so that place is tried first.
    fn member(&mut self, node: usize, name: &str, expected: usize) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(node) else { return 0 };
        if let Some((known, child)) = node.members.get(expected)
            && **known == *name
        {
            return *child;
        }
        if let Some(&i) = node.index.get(name) {
            return node.members.get(i).map_or(0, |(_, child)| *child);
        }
        node.index.insert(name.into(), node.members.len());
        node.members.push((name.into(), new));
        self.nodes.push(Node::default());
        new
    }
}

/// The narrowest type that holds the values of both.
pub(crate) fn join(a: &DataType, b: &DataType) -> DataType {
    let mut shapes = Shapes::default();
    let node = shapes.member(0, "", 0);
    shapes.widen(node, a);
    shapes.widen(node, b);
    shapes.nodes.get(node).map_or(DataType::Utf8, |node| shapes.data_type(node))
}

/// Takes records into shapes.
#[derive(Debug)]
pub(super) struct Observer<'s> {
    shapes: &'s mut Shapes,
    open: Vec<Open>,
    text: String,
    /// Elements open below one that is not looked into.
    skipped: usize,
}

#[derive(Debug)]
struct Open {
    node: usize,
    /// The element among all.
    element: u64,
    /// Where its text begins.
    text: usize,
    /// The member that is likely next.
    expected: usize,
}

impl<'s> Observer<'s> {
    pub(super) fn new(shapes: &'s mut Shapes) -> Self {
        Self { shapes, open: Vec::new(), text: String::new(), skipped: 0 }
    }

    fn enter(&mut self, parent: usize, name: &str) -> usize {
        let Some(open) = self.open.get_mut(parent) else { return 0 };
        let node = self.shapes.member(open.node, name, open.expected);
        open.expected += 1;
        if let Some(node) = self.shapes.nodes.get_mut(node) {
            node.many |= node.seen == open.element;
            node.seen = open.element;
        }
        node
    }

    fn value(&mut self, node: usize, text: &str) {
        let Some(node) = self.shapes.nodes.get_mut(node) else { return };
        let bare = text.trim_ascii();
        node.text |= !bare.is_empty();
        if node.guess.kind() != Kind::Utf8 && !value::is_missing(bare.as_bytes()) {
            node.guess.observe(bare.as_bytes());
        }
    }
}

impl Sink for Observer<'_> {
    fn start(&mut self, _at: usize, name: &str, attributes: &Attributes) {
        if self.skipped > 0 || self.open.len() > MAX_TYPED_DEPTH {
            self.skipped += 1;
            return;
        }
        let node = match self.open.len().checked_sub(1) {
            Some(parent) => self.enter(parent, name),
            None => 0,
        };
        if self.shapes.nodes.get(node).is_some_and(|node| node.closed) {
            self.skipped = 1;
            return;
        }
        self.shapes.elements += 1;
        self.open.push(Open { node, element: self.shapes.elements, text: self.text.len(), expected: 0 });
        let parent = self.open.len() - 1;
        let mut key = String::new();
        for (name, value) in attributes.iter().filter(|(name, _)| !is_declaration(name)) {
            key.clear();
            key.extend(["@", name]);
            let node = self.enter(parent, &key);
            if self.shapes.nodes.get(node).is_some_and(|node| !node.closed) {
                self.value(node, value);
            }
        }
    }

    fn end(&mut self, _at: usize, _name: &str) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        if let Some(open) = self.open.pop() {
            let text = std::mem::take(&mut self.text);
            self.value(open.node, text.get(open.text..).unwrap_or_default());
            self.text = text;
            self.text.truncate(open.text);
        }
    }

    fn text(&mut self, _at: usize, text: &str) {
        // Of elements too deep to be looked into, the text counts.
        if self.skipped == 0 || self.open.len() > MAX_TYPED_DEPTH {
            self.text.push_str(text);
        }
    }

    fn skipped(&mut self, at: usize, reference: &str) {
        self.text(at, reference);
    }
}

/// Whether an attribute declares a namespace, and is no data.
pub(super) fn is_declaration(name: &str) -> bool {
    name.strip_prefix("xmlns").is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parser::{Parser, Rules};

    fn shown(records: &[&str]) -> String {
        let mut whole = Shapes::default();
        let mut merged = Shapes::default();
        for record in records {
            let mut one = Shapes::default();
            for shapes in [&mut whole, &mut one] {
                Parser::new(Rules::default()).record(record, &mut Observer::new(shapes)).unwrap();
            }
            merged.merge(&one);
        }
        assert_eq!(merged.fields(), whole.fields(), "{records:?} merged");
        let again = Shapes::of(&whole.fields(), |_| true);
        assert_eq!(again.fields(), whole.fields(), "{records:?} again");
        whole
            .fields()
            .iter()
            .map(|field| format!("{}:{}", field.name(), field.data_type()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn elements_become_types() {
        let cases: [(&[&str], &str); 13] = [
            (&["<r><a>1</a><b>x</b></r>"], "a:Int64 b:Utf8"),
            (&["<r a='1.5'><a>true</a></r>", "<r a='2'/>"], "@a:Float64 a:Boolean"),
            (&["<r><a> 2024-01-01 </a></r>", "<r><a/></r>"], "a:Date32"),
            (&["<r><a/></r>"], "a:Utf8"),
            (&["<r>5</r>"], "#text:Int64"),
            (&["<r/>"], "#text:Utf8"),
            (&["<r><a>1</a><b/><a>2</a></r>"], "a:List(Int64) b:Utf8"),
            (&["<r><a>1</a></r>", "<r><a>1</a><a>x</a></r>"], "a:List(Utf8)"),
            (&["<r><a><b>1</b>\n</a></r>"], "a:Struct(\"b\": Int64)"),
            (&["<r><a>1</a></r>", "<r><a c='x'>2</a></r>"], "a:Struct(\"@c\": Utf8, \"#text\": Int64)"),
            (&["<r><a c='x'/></r>", "<r><a>2</a><a/></r>"], "a:List(Struct(\"@c\": Utf8, \"#text\": Int64))"),
            (&["<r>x<b>1</b>y</r>"], "b:Int64 #text:Utf8"),
            (&["<r xmlns='u' xmlns:n='v' n:x='1'><n:a><![CDATA[2]]></n:a></r>"], "@n:x:Int64 n:a:Int64"),
        ];
        for (records, expected) in cases {
            assert_eq!(shown(records), expected, "{records:?}");
        }
    }

    #[test]
    fn deep_elements_become_text() {
        let deep = |depth: usize| format!("<r>{}x{}</r>", "<a>".repeat(depth), "</a>".repeat(depth));
        let mut shapes = Shapes::default();
        Parser::new(Rules::default()).record(&deep(100), &mut Observer::new(&mut shapes)).unwrap();
        let shown = shapes.fields()[0].data_type().to_string();
        assert_eq!(shown.matches("Struct").count(), MAX_TYPED_DEPTH - 1);
        assert!(shown.contains("\"a\": Utf8"), "{shown}");
    }
}
