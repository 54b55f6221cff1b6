//! An object keyed by id, `{"u1": {…}, "u2": {…}}`: when a document is taken for one, and the column of its keys.

use std::collections::HashSet;
use std::ops::Range;

use arrow::datatypes::{DataType, Field, Fields};
use serde::de::IgnoredAny;

use super::splitter::Splitter;
use super::text::unescape;
use crate::error::{ErrorKind, Fault, Misfit, excerpt};
use crate::xml::Found;

/// The column of the keys, unless a record has a member of that name.
const KEY: &str = "key";

/// So many members are looked into.
const LOOKED_INTO: usize = 100;

/// On one line stands what may be a record of NDJSON, unless it has so many members.
const MANY: usize = 20;

/// Whether a document is one object of records: at least two members, all of them objects that have half of their keys or
/// more in common with the first one, on more than one line or very many. `whole` says that these bytes are all there is.
#[expect(clippy::zero_sized_map_values, reason = "of a map, serde reads the keys alone in no other way")]
pub(crate) fn is_keyed(sample: &[u8], whole: bool, limit: u32) -> bool {
    if sample.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    let mut splitter = Splitter::new(limit).keyed();
    let mut position = 0;
    let mut first: Option<HashSet<String>> = None;
    let mut members = 0;
    while let Ok(member) = splitter.next(sample, &mut position, whole) {
        let Some(record) = member else {
            let lines = memchr::memchr(b'\n', sample.trim_ascii()).is_some();
            return members > 1 && (lines || members >= MANY);
        };
        let record = sample.get(record).unwrap_or_default();
        if record.first() != Some(&b'{') {
            return false;
        }
        members += 1;
        if members > LOOKED_INTO {
            continue;
        }
        let Ok(record) = serde_json::from_slice::<std::collections::HashMap<String, IgnoredAny>>(record) else {
            return false;
        };
        let keys: HashSet<String> = record.into_keys().collect();
        match &first {
            None if keys.is_empty() => return false,
            None => first = Some(keys),
            Some(first) if 2 * first.intersection(&keys).count() < first.len().max(keys.len()) => return false,
            Some(_) => {}
        }
    }
    // What follows the object makes it a record among others.
    false
}

/// Whether a document is one object whose members, as far as they are seen, are all objects: records by their keys, if it
/// is said that they are.
pub(crate) fn holds_objects(sample: &[u8], whole: bool, limit: u32) -> bool {
    if sample.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    let mut splitter = Splitter::new(limit).keyed();
    let mut position = 0;
    while let Ok(Some(member)) = splitter.next(sample, &mut position, whole) {
        if sample.get(member.start) != Some(&b'{') {
            return false;
        }
    }
    // The value that is cut off, or wrong.
    let rest = sample.get(position..).unwrap_or_default().trim_ascii_start();
    !matches!(rest.first(), Some(b'[' | b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9'))
}

/// The name of the column of keys beside those of the members.
pub(super) fn key_name(members: &Fields) -> String {
    let mut name = KEY.to_owned();
    while members.find(&name).is_some() {
        name.insert(0, '_');
    }
    name
}

/// The keys of the records of a block.
pub(super) struct KeyColumn<'a> {
    bytes: &'a [u8],
    found: &'a Found,
    /// The record at hand.
    at: usize,
    text: Vec<u8>,
}

impl<'a> KeyColumn<'a> {
    pub(super) fn new(bytes: &'a [u8], found: &'a Found) -> Self {
        Self { bytes, found, at: 0, text: Vec::new() }
    }

    /// Goes to a record, which is behind the one at hand, or is it.
    pub(super) fn enter(&mut self, record: &Range<usize>) {
        while self.found.records.get(self.at).is_some_and(|at| at.start < record.start) {
            self.at += 1;
        }
        self.text.clear();
        let inner = self.place();
        unescape(self.bytes.get(inner.start + 1..inner.end.max(2) - 1).unwrap_or_default(), &mut self.text);
    }

    /// Its key, as it reads.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The fault of a key that does not fit the type its column was given.
    pub(super) fn misfit(&self, field: &Field) -> Fault {
        let (column, from) = (field.name().clone(), field.data_type().clone());
        let misfit = Misfit { column, value: excerpt(&self.text), from, to: DataType::Utf8 };
        Fault::on_column(self.place().start, ErrorKind::Misfit(misfit))
    }

    fn place(&self) -> Range<usize> {
        self.found.keys.get(self.at).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_keyed_by_id() {
        for (text, keyed) in [
            ("{\"a\":{\"x\":1},\n\"b\":{\"x\":2}}", true),
            (r#"{"a":{"x":1},"b":{"x":2}}"#, false),
            ("{\"a\":{\"x\":1},\"b\":{\"x\":2}}\n", false),
            (" {\n\"a\" : {\"x\":1,\"y\":2} , \"b\":{\"x\":2}\n}\n", true),
            (r#"{"a":{"x":1}}"#, false),
            (r#"{"a":{"x":1},"b":2}"#, false),
            (r#"{"a":{"x":1},"b":{"y":2}}"#, false),
            (r#"{"a":{},"b":{}}"#, false),
            (r#"{"a":{"x":1},"b":{"x":2}} {"a":{"x":1},"b":{"x":2}}"#, false),
            (r#"{"a":{"x":1},"b":{"x":2}"#, false),
            (r#"[{"a":{"x":1},"b":{"x":2}}]"#, false),
            ("{}", false),
            ("", false),
        ] {
            assert_eq!(is_keyed(text.as_bytes(), true, 64), keyed, "{text}");
        }
        // Of a document that goes on, what is there decides.
        assert!(is_keyed(b"{\"a\":{\"x\":1},\n\"b\":{\"x\":2},\"c\":{", false, 64));
        let many: Vec<String> = (0..MANY).map(|i| format!("\"{i}\":{{\"x\":{i}}}")).collect();
        assert!(is_keyed(format!("{{{}}}\n", many.join(",")).as_bytes(), true, 64));
    }
}
