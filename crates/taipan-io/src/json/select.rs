//! The records of a block that meet a condition.

use std::ops::Range;

use super::alike::Molds;
use super::records::{Records, each, each_in_sequence};
use super::text::unescape;
use super::walk::{Walk, Wanted};
use crate::condition::{Condition, FieldPath, Mismatch, Scalar};
use crate::error::{ErrorKind, Fault};
use crate::reject::Refused;
use crate::value;

/// A condition on JSON records.
#[derive(Debug)]
pub(crate) struct Selector {
    condition: Condition,
    wanted: Wanted,
}

/// What a block's records gave.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Records that are valid and could be judged.
    pub(crate) records: u64,
    pub(crate) kept: u64,
    /// Which of the condition's fields some record had.
    pub(crate) seen: Vec<bool>,
}

impl Selector {
    /// `paths` are those of the condition's fields as the file spells them.
    pub(crate) fn new(condition: Condition, paths: &[FieldPath]) -> Self {
        let wanted = Wanted::new(paths.iter().map(FieldPath::names));
        Self { condition, wanted }
    }

    /// Checks all records, and hands on those that meet the condition.
    pub(crate) fn select(
        &self,
        bytes: &[u8],
        records: &[Range<usize>],
        refused: &mut Refused,
        keep: impl FnMut(&[u8]),
    ) -> Result<Tally, Fault> {
        let mut selection = Selection::new(self, keep);
        each(bytes, records, refused, &mut selection)?;
        Ok(selection.tally)
    }

    /// The same for objects that stand one after another and whose places are not known. Nothing if that is not all that there
    /// is, or if any of them is bad; some may then have been handed on.
    pub(crate) fn select_in_sequence(
        &self,
        bytes: &[u8],
        mut refused: Refused,
        keep: impl FnMut(&[u8]),
    ) -> Option<Tally> {
        let mut selection = Selection::new(self, keep);
        each_in_sequence(bytes, &mut refused, &mut selection)?;
        refused.into_bad().is_empty().then_some(selection.tally)
    }
}

/// The selection from a block.
struct Selection<'s, K> {
    selector: &'s Selector,
    molds: Molds,
    /// Where the fields of the record at hand stand.
    slots: Vec<Option<Range<usize>>>,
    /// Strings with escapes, as they read.
    texts: Vec<Vec<u8>>,
    tally: Tally,
    keep: K,
}

impl<'s, K: FnMut(&[u8])> Selection<'s, K> {
    fn new(selector: &'s Selector, keep: K) -> Self {
        let fields = selector.condition.fields().len();
        Self {
            selector,
            molds: Molds::default(),
            slots: vec![None; fields],
            texts: vec![Vec::new(); fields],
            tally: Tally { seen: vec![false; fields], ..Tally::default() },
            keep,
        }
    }
}

impl<K: FnMut(&[u8])> Records for Selection<'_, K> {
    #[inline]
    fn read(&mut self, walk: &Walk, k: usize) -> Option<(Range<usize>, usize)> {
        if let Some(found) = self.molds.find(walk, k, &mut self.slots) {
            return Some(found);
        }
        let (record, next) = walk.record(k, &self.selector.wanted, &mut self.slots)?;
        self.molds.learn(walk, k, next, &self.selector.wanted, &self.slots);
        Some((record, next))
    }

    #[inline]
    fn take(&mut self, walk: &Walk, record: Range<usize>, offset: usize, refused: &mut Refused) -> Result<(), Fault> {
        let text = walk.bytes();
        let value = |slot: &Option<Range<usize>>| slot.clone().and_then(|range| text.get(range)).unwrap_or_default();
        for ((slot, read), seen) in self.slots.iter().zip(&mut self.texts).zip(&mut self.tally.seen) {
            *seen |= slot.is_some();
            if let [b'"', inner @ .., b'"'] = value(slot)
                && inner.contains(&b'\\')
            {
                read.clear();
                unescape(inner, read);
            }
        }
        let condition = &self.selector.condition;
        let judged = condition.evaluate(|field| {
            let source = self.slots.get(field).map(value).unwrap_or_default();
            scalar(source, self.texts.get(field).map(Vec::as_slice).unwrap_or_default())
        });
        match judged {
            Ok(truth) => {
                self.tally.records += 1;
                if truth == Some(true) {
                    self.tally.kept += 1;
                    (self.keep)(text.get(record).unwrap_or_default());
                }
                Ok(())
            }
            Err(mismatch) => {
                let at = self.place(&mismatch).unwrap_or(record.start);
                let fault = Fault::on_column(offset + at, ErrorKind::Mismatch(mismatch));
                refused.take(offset + record.start..offset + record.end, fault)
            }
        }
    }
}

impl<K> Selection<'_, K> {
    fn place(&self, mismatch: &Mismatch) -> Option<usize> {
        let name = mismatch.field()?;
        let field = self.selector.condition.fields().iter().position(|field| field.to_string() == name)?;
        Some(self.slots.get(field)?.as_ref()?.start)
    }
}

/// A valid value as a condition sees it; `read` is what it reads as if it is a string with escapes.
#[inline]
fn scalar<'a>(source: &'a [u8], read: &'a [u8]) -> Scalar<'a> {
    // What was checked is text.
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).unwrap_or_default();
    match source {
        [] | [b'n', ..] => Scalar::Null,
        [b't', ..] => Scalar::Boolean(true),
        [b'f', ..] => Scalar::Boolean(false),
        [b'"', inner @ .., _] if inner.contains(&b'\\') => Scalar::Text(text(read)),
        [b'"', inner @ .., _] => Scalar::Text(text(inner)),
        [b'{' | b'[', ..] => Scalar::Nested(""),
        number => value::int(number).map_or_else(|| Scalar::Number(text(number)), Scalar::Int),
    }
}

/// A record without the blanks that JSON does not need, so that it takes one line.
pub(crate) fn on_one_line(record: &[u8], out: &mut Vec<u8>) {
    if memchr::memchr2(b'\n', b'\r', record).is_none() {
        out.extend_from_slice(record);
        return;
    }
    let (mut string, mut escaped) = (false, false);
    for &byte in record {
        if string || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            out.push(byte);
        }
        if byte == b'"' && !escaped {
            string = !string;
        }
        escaped = byte == b'\\' && !escaped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line() {
        let cases = [
            ("{\n \"a b\": [ 1,\r\n2 ],\"c\\\" d\":\" x\"}", "{\"a b\":[1,2],\"c\\\" d\":\" x\"}"),
            ("{ \"a\": 1 }", "{ \"a\": 1 }"),
        ];
        for (record, expected) in cases {
            let mut out = Vec::new();
            on_one_line(record.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
