//! The records of a block that meet a condition.

use std::ops::Range;

use super::attributes::Attributes;
use super::parser::Sink;
use super::shape::{TEXT, is_declaration};
use super::{Found, each_record, fault};
use crate::condition::{Condition, FieldPath, Scalar};
use crate::error::{ErrorKind, Fault};
use crate::reject::Refused;
use crate::value;

/// A condition on XML records. A field that names an element stands for its text; one that has elements in it, or stands
/// beside itself, compares with nothing.
#[derive(Debug)]
pub(crate) struct Selector {
    condition: Condition,
    /// The names that the fields' paths go through, the record itself first.
    names: Vec<Name>,
    /// Whether a field's column is not text, so that blank is null.
    typed: Vec<bool>,
}

#[derive(Debug, Default)]
struct Name {
    /// Names and places of what is wanted inside.
    inside: Vec<(String, usize)>,
    /// The field that this is.
    field: Option<usize>,
}

/// What a block's records gave.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Records that are well-formed and could be judged.
    pub(crate) records: u64,
    pub(crate) kept: u64,
    /// Which of the condition's fields some record had.
    pub(crate) seen: Vec<bool>,
}

impl Selector {
    /// `paths` are those of the condition's fields as the file spells them; `typed` tells which are no text.
    pub(crate) fn new(condition: Condition, paths: &[FieldPath], typed: Vec<bool>) -> Self {
        let mut names = vec![Name::default()];
        for (field, path) in paths.iter().enumerate() {
            let mut at = 0;
            for name in path.names() {
                // The text of an element is what its own name stands for.
                if name != TEXT {
                    at = below(&mut names, at, name);
                }
            }
            if let Some(name) = names.get_mut(at) {
                name.field = name.field.or(Some(field));
            }
        }
        Self { condition, names, typed }
    }

    /// Checks all records, and tells of each that could be judged whether it is kept.
    pub(crate) fn select(
        &self,
        bytes: &[u8],
        found: &Found,
        refused: &mut Refused,
        mut keep: impl FnMut(&Range<usize>),
    ) -> Result<Tally, Fault> {
        let fields = self.condition.fields().len();
        let mut tally = Tally { seen: vec![false; fields], ..Tally::default() };
        let mut values = Values { names: &self.names, open: Vec::new(), skipped: 0, slots: Vec::new() };
        values.slots.resize_with(fields, Slot::default);
        each_record(bytes, found, |parser, text, range| {
            values.clear();
            if let Err(flaw) = parser.record(text, &mut values) {
                return refused.take(range.clone(), fault(flaw).shifted(range.start));
            }
            for (slot, seen) in values.slots.iter().zip(&mut tally.seen) {
                *seen |= slot.state != State::Missing;
            }
            let judged = self.condition.evaluate(|field| {
                let typed = self.typed.get(field).copied().unwrap_or(false);
                values.slots.get(field).map_or(Scalar::Null, |slot| slot.scalar(typed))
            });
            match judged {
                Ok(truth) => {
                    tally.records += 1;
                    if truth == Some(true) {
                        tally.kept += 1;
                        keep(&range);
                    }
                    Ok(())
                }
                Err(mismatch) => {
                    let place = mismatch.field().and_then(|name| {
                        let field = self.condition.fields().iter().position(|field| field.to_string() == name)?;
                        values.slots.get(field).map(|slot| slot.at)
                    });
                    let at = range.start + place.unwrap_or(0);
                    refused.take(range, Fault::on_column(at, ErrorKind::Mismatch(mismatch)))
                }
            }
        })?;
        Ok(tally)
    }
}

/// The place of a name inside another one.
fn below(names: &mut Vec<Name>, at: usize, name: &str) -> usize {
    let new = names.len();
    let Some(parent) = names.get_mut(at) else { return 0 };
    if let Some((_, known)) = parent.inside.iter().find(|(known, _)| known == name) {
        return *known;
    }
    parent.inside.push((name.to_owned(), new));
    names.push(Name::default());
    new
}

/// Takes the wanted values of a record.
struct Values<'s> {
    names: &'s [Name],
    /// The open elements that are wanted, or that something wanted is in.
    open: Vec<usize>,
    /// Elements open below one of which nothing is wanted.
    skipped: usize,
    slots: Vec<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    state: State,
    text: String,
    at: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Missing,
    Text,
    /// It has elements in it, or stands beside itself.
    Nested,
}

impl Slot {
    fn begin(&mut self, at: usize) {
        self.state = if self.state == State::Missing { State::Text } else { State::Nested };
        self.at = at;
    }

    fn scalar(&self, typed: bool) -> Scalar<'_> {
        match self.state {
            State::Missing => Scalar::Null,
            State::Nested => Scalar::Nested(""),
            State::Text if typed && value::is_missing(self.text.trim_ascii().as_bytes()) => Scalar::Null,
            State::Text if typed => Scalar::Text(self.text.trim_ascii()),
            State::Text => Scalar::Text(&self.text),
        }
    }
}

impl Values<'_> {
    fn clear(&mut self) {
        self.open.clear();
        self.skipped = 0;
        for slot in &mut self.slots {
            slot.state = State::Missing;
            slot.text.clear();
        }
    }

    /// The slot of a name, if it is a field itself.
    #[inline]
    fn slot(&mut self, name: usize) -> Option<&mut Slot> {
        self.slots.get_mut(self.names.get(name)?.field?)
    }

    #[inline]
    fn inside(&self, at: usize, name: &str) -> Option<usize> {
        let inside = &self.names.get(at)?.inside;
        inside.iter().find(|(known, _)| known == name).map(|(_, place)| *place)
    }
}

impl Sink for Values<'_> {
    #[inline]
    fn start(&mut self, at: usize, name: &str, attributes: &Attributes) {
        if self.skipped > 0 {
            self.skipped += 1;
            return;
        }
        let place = match self.open.last() {
            None => 0,
            Some(&parent) => {
                if parent != 0
                    && let Some(slot) = self.slot(parent)
                {
                    slot.state = State::Nested;
                }
                if let Some(place) = self.inside(parent, name) {
                    place
                } else {
                    self.skipped = 1;
                    return;
                }
            }
        };
        if let Some(slot) = self.slot(place) {
            slot.begin(at);
        }
        self.open.push(place);
        if attributes.len() == 0 {
            return;
        }
        for (name, value) in attributes.iter().filter(|(name, _)| !is_declaration(name)) {
            let names = self.names.get(place).map(|name| name.inside.as_slice()).unwrap_or_default();
            let wanted = names.iter().find(|(known, _)| known.strip_prefix('@') == Some(name));
            if let Some(&(_, place)) = wanted
                && let Some(slot) = self.slot(place)
            {
                slot.begin(at);
                slot.text.push_str(value);
            }
        }
    }

    #[inline]
    fn end(&mut self, _at: usize, _name: &str) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else {
            self.open.pop();
        }
    }

    #[inline]
    fn text(&mut self, _at: usize, text: &str) {
        if self.skipped == 0
            && let Some(&open) = self.open.last()
            && let Some(slot) = self.slot(open)
        {
            slot.text.push_str(text);
        }
    }

    fn skipped(&mut self, at: usize, reference: &str) {
        self.text(at, reference);
    }
}
