//! The records of a block that meet a condition.

use std::ops::Range;

use super::machine::{self, MAX_DEPTH, What};
use super::record;
use super::structure::Structure;
use super::walk::{Slots, Walk, Wanted};
use crate::condition::{Condition, FieldPath, Mismatch, Scalar};
use crate::error::{ErrorKind, Fault};
use crate::reject::Refused;

/// A condition on JSON records.
#[derive(Debug)]
pub(crate) struct Selector {
    condition: Condition,
    wanted: Wanted,
}

/// What is kept between blocks, so that it need not be made anew.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    structure: Structure,
    slots: Vec<Option<Range<usize>>>,
    /// Strings with escapes, as they read.
    texts: Vec<String>,
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
        scratch: &mut Scratch,
        refused: &mut Refused,
        mut keep: impl FnMut(&[u8]),
    ) -> Result<Tally, Fault> {
        let fields = self.condition.fields().len();
        let mut tally = Tally { seen: vec![false; fields], ..Tally::default() };
        let Scratch { structure, slots, texts } = scratch;
        slots.resize(fields, None);
        texts.resize(fields, String::new());
        let Some(first) = records.first() else { return Ok(tally) };
        // What stands between blocks was checked by whoever found the records.
        let text = bytes.get(first.start..).unwrap_or_default();
        let mut done = 0;
        if structure.find(text).is_ok() {
            let walk = Walk::new(text, structure, MAX_DEPTH);
            let mut k = 0;
            for record in records {
                let Some((value, next)) = walk.record(k, &self.wanted, slots) else { break };
                if value.start + first.start != record.start || value.end + first.start != record.end {
                    break;
                }
                k = walk.behind_comma(next);
                self.judge(text, value, first.start, slots, texts, &mut tally, refused, &mut keep)?;
                done += 1;
            }
        }
        for range in records.iter().skip(done) {
            let text = bytes.get(range.clone()).unwrap_or_default();
            if let Err((at, what)) = machine::check(text, MAX_DEPTH) {
                refused.take(range.clone(), fault(range.start + at, what))?;
                continue;
            }
            let walked = structure.find(text).is_ok().then(|| Walk::new(text, structure, MAX_DEPTH));
            let found = walked.and_then(|walk| walk.record(0, &self.wanted, slots));
            debug_assert!(found.is_some(), "the fast path refuses what the plain one takes: {}", text.escape_ascii());
            if let Some((value, _)) = found {
                self.judge(text, value, range.start, slots, texts, &mut tally, refused, &mut keep)?;
            }
        }
        Ok(tally)
    }

    #[expect(clippy::too_many_arguments, reason = "the loops that call it own them")]
    #[inline]
    fn judge(
        &self,
        text: &[u8],
        record: Range<usize>,
        offset: usize,
        slots: &Slots,
        texts: &mut [String],
        tally: &mut Tally,
        refused: &mut Refused,
        keep: &mut impl FnMut(&[u8]),
    ) -> Result<(), Fault> {
        let value = |slot: &Option<Range<usize>>| slot.clone().and_then(|range| text.get(range)).unwrap_or_default();
        for ((slot, decoded), seen) in slots.iter().zip(&mut *texts).zip(&mut tally.seen) {
            *seen |= slot.is_some();
            if let [b'"', inner @ .., b'"'] = value(slot)
                && inner.contains(&b'\\')
            {
                decoded.clear();
                decoded.push_str(&decode(value(slot)));
            }
        }
        let texts = &*texts;
        let judged = self.condition.evaluate(|field| {
            let text = slots.get(field).map(value).unwrap_or_default();
            scalar(text, texts.get(field).map(String::as_str).unwrap_or_default())
        });
        match judged {
            Ok(truth) => {
                tally.records += 1;
                if truth == Some(true) {
                    tally.kept += 1;
                    keep(text.get(record).unwrap_or_default());
                }
                Ok(())
            }
            Err(mismatch) => {
                let at = self.place(&mismatch, slots).unwrap_or(record.start);
                let fault = Fault::on_column(offset + at, ErrorKind::Mismatch(mismatch));
                refused.take(offset + record.start..offset + record.end, fault)
            }
        }
    }

    fn place(&self, mismatch: &Mismatch, slots: &Slots) -> Option<usize> {
        let name = mismatch.field()?;
        let field = self.condition.fields().iter().position(|field| field.to_string() == name)?;
        Some(slots.get(field)?.as_ref()?.start)
    }
}

/// The fault that the plain path found.
pub(crate) fn fault(at: usize, what: What) -> Fault {
    let kind = match what {
        What::Syntax(message) => ErrorKind::Syntax(message.to_owned()),
        What::TooDeep => ErrorKind::TooDeep,
        What::Encoding => ErrorKind::Encoding,
    };
    Fault::on_column(at, kind)
}

/// A valid value as a condition sees it; `decoded` is what it reads as if it is a string with escapes.
#[inline]
fn scalar<'a>(value: &'a [u8], decoded: &'a str) -> Scalar<'a> {
    // What was checked is text.
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).unwrap_or_default();
    match value {
        [] | [b'n', ..] => Scalar::Null,
        [b't', ..] => Scalar::Boolean(true),
        [b'f', ..] => Scalar::Boolean(false),
        [b'"', inner @ .., _] if inner.contains(&b'\\') => Scalar::Text(decoded),
        [b'"', inner @ .., _] => Scalar::Text(text(inner)),
        [b'{' | b'[', ..] => Scalar::Nested(""),
        number => Scalar::Number(text(number)),
    }
}

fn decode(string: &[u8]) -> String {
    std::str::from_utf8(string).ok().and_then(record::string).map(std::borrow::Cow::into_owned).unwrap_or_default()
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
