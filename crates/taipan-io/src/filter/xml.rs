//! XML to XML: the document as it is, without the records that do not meet the condition.
//!
//! What stands around the records stays: declaration, root, comments, other elements. A record that goes takes along the
//! blanks before it. The output is UTF-8, and its declaration says so.

use std::io::Write;

use arrow::datatypes::{DataType, Schema};

use super::{Filter, Filtered, Rejects, spelled};
use crate::ahead::Ahead;
use crate::condition::FieldPath;
use crate::error::{Error, Result};
use crate::reject::Reject;
use crate::xml::{Selector, Tally};

/// As many blanks between two records are held back to see whether the second one stays.
const GAP: usize = 1 << 20;

/// What became of a block.
struct Part {
    tally: Tally,
    /// What stands before its first record; all of it if it has none.
    before: Vec<u8>,
    /// Whether the first record stays; nothing if there is none.
    first: Option<bool>,
    /// From the first record to the last, without those that go.
    records: Vec<u8>,
    /// What stands behind the last one.
    behind: Vec<u8>,
}

pub(super) fn run(
    filter: Filter,
    writer: &mut impl Write,
    mut rejects: Rejects<impl FnMut(&[Reject]) -> Result<()>>,
) -> Result<Filtered> {
    let Filter { input, condition, .. } = filter;
    let paths = spelled(&condition, input.schema());
    let fields: Vec<String> = condition.fields().iter().map(ToString::to_string).collect();
    let typed = paths.iter().map(|path| is_typed(path, input.schema())).collect();
    let selector = Selector::new(condition, &paths, typed);
    let foreign = input.source().foreign_encoding().is_some();
    let blocks = input.read_once().blocks(Some(&[]))?.keeping_all();
    let mut parts = Ahead::new(blocks, move |blocks, block| {
        blocks.work(block, |bytes, found, refused| {
            let mut kept = found.records.iter().map(|_| false).collect::<Vec<bool>>();
            let mut at = 0;
            let tally = selector.select(bytes, found, refused, |range| {
                while found.records.get(at).is_some_and(|record| record.start < range.start) {
                    at += 1;
                }
                if let Some(kept) = kept.get_mut(at) {
                    *kept = true;
                }
            })?;
            let piece = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
            let mut done = found.records.first().map_or(bytes.len(), |record| record.start);
            let before = piece(0, done).to_vec();
            let mut records = Vec::new();
            for (i, (record, kept)) in found.records.iter().zip(&kept).enumerate() {
                let gap = piece(done, record.start);
                if i > 0 {
                    records.extend_from_slice(if *kept { gap } else { gap.trim_ascii_end() });
                }
                if *kept {
                    records.extend_from_slice(piece(record.start, record.end));
                }
                done = record.end;
            }
            let behind = piece(done, bytes.len()).to_vec();
            Ok(Part { tally, before, first: kept.first().copied(), records, behind })
        })
    });
    let mut done = Filtered::default();
    let mut seen = vec![false; fields.len()];
    let mut gap = Vec::new();
    let mut beginning = foreign;
    while let Some((part, bad)) = parts.next()? {
        rejects.take(&bad)?;
        seen.iter_mut().zip(&part.tally.seen).for_each(|(all, one)| *all |= one);
        done.records += part.tally.records;
        done.kept += part.tally.kept;
        gap.extend_from_slice(&part.before);
        if std::mem::take(&mut beginning) {
            gap = in_utf_8(&gap);
        }
        // The blanks at the end share the fate of the record behind them; the rest stays.
        let stays = if part.first == Some(true) || gap.len() > GAP { gap.len() } else { gap.trim_ascii_end().len() };
        writer.write_all(gap.get(..stays).unwrap_or_default()).map_err(Error::from)?;
        gap.drain(..stays);
        if part.first.is_some() {
            writer.write_all(&part.records).map_err(Error::from)?;
            gap = part.behind;
        }
    }
    writer.write_all(&gap).map_err(Error::from)?;
    writer.flush()?;
    done.rejected = rejects.count;
    if done.records > 0 {
        done.missing = fields.into_iter().zip(seen).filter(|(_, seen)| !seen).map(|(name, _)| name).collect();
    }
    Ok(done)
}

/// Whether the column that a path leads to has a type that is not text.
fn is_typed(path: &FieldPath, schema: &Schema) -> bool {
    let mut fields = Some(schema.fields());
    let mut found = None;
    for name in path.names() {
        found = fields.and_then(|fields| fields.find(name)).map(|(_, field)| field.data_type());
        fields = match found {
            Some(DataType::Struct(fields)) => Some(fields),
            _ => None,
        };
    }
    found.is_some_and(|data_type| *data_type != DataType::Utf8 && !data_type.is_nested())
}

/// The beginning of a document whose declaration names another encoding.
fn in_utf_8(beginning: &[u8]) -> Vec<u8> {
    let named = || {
        let end = memchr::memmem::find(beginning, b"?>").filter(|_| beginning.starts_with(b"<?xml"))?;
        let at = memchr::memmem::find(beginning.get(..end)?, b"encoding")? + b"encoding".len();
        let start = at + beginning.get(at..end)?.iter().position(|byte| matches!(byte, b'"' | b'\''))?;
        let quote = *beginning.get(start)?;
        let length = memchr::memchr(quote, beginning.get(start + 1..end)?)?;
        Some([beginning.get(..=start)?, b"UTF-8", beginning.get(start + 1 + length..)?].concat())
    };
    named().unwrap_or_else(|| beginning.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_say_utf_8() {
        let cases = [
            ("<?xml version='1.0' encoding='UTF-16'?><r>", "<?xml version='1.0' encoding='UTF-8'?><r>"),
            (
                "<?xml version=\"1.0\" encoding = \"latin1\" standalone='yes'?>",
                "<?xml version=\"1.0\" encoding = \"UTF-8\" standalone='yes'?>",
            ),
            ("<?xml version='1.0'?><r encoding='x'>", "<?xml version='1.0'?><r encoding='x'>"),
            ("<r encoding='x'/>", "<r encoding='x'/>"),
        ];
        for (beginning, expected) in cases {
            assert_eq!(String::from_utf8(in_utf_8(beginning.as_bytes())).unwrap(), expected);
        }
    }
}
