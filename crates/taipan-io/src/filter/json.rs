//! JSON to JSON: the bytes of each kept record, with what stood between the records.

use std::io::{Read, Write};
use std::sync::Arc;

use super::{Filter, Filtered, Rejects, spelled};
use crate::ahead::Ahead;
use crate::blocks::Block;
use crate::error::{Error, Result};
use crate::input::Input;
use crate::json::{self, Found, Selector, Tally, on_one_line};
use crate::reject::Reject;

/// How far the beginning of a file is looked at to see how its records are laid out.
const BEGINNING: u64 = 64 << 10;

/// What the output looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// As the input.
    AsRead,
    /// One array.
    Array,
    /// A record on each line.
    Lines,
}

/// What is written around records.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    before: Vec<u8>,
    between: Vec<u8>,
    after: Vec<u8>,
    /// What is written where there is no record.
    empty: &'static [u8],
    /// Each record must take one line.
    lines: bool,
}

/// What became of a block.
struct Part {
    tally: Tally,
    /// The kept records, each behind what stands between records.
    kept: Vec<u8>,
}

pub(super) fn run(
    filter: Filter,
    shape: Shape,
    writer: &mut impl Write,
    mut rejects: Rejects<impl FnMut(&[Reject]) -> Result<()>>,
) -> Result<Filtered> {
    let Filter { input, condition, .. } = filter;
    let frame = Frame::new(&input, shape)?;
    let paths = spelled(&condition, input.schema());
    let fields: Vec<String> = condition.fields().iter().map(ToString::to_string).collect();
    let selector = Selector::new(condition, &paths);
    let (between, lines) = (frame.between.clone(), frame.lines);
    let keep = move |kept: &mut Vec<u8>, record: &[u8]| {
        kept.extend_from_slice(&between);
        if lines {
            on_one_line(record, kept);
        } else {
            kept.extend_from_slice(record);
        }
    };
    let (selector, keep) = (Arc::new(selector), Arc::new(keep));
    let (of_lines, keep_line) = (selector.clone(), keep.clone());
    let at_once = move |block: &Block| {
        let mut kept = Vec::new();
        let refused = block.input().options().refused();
        let tally = of_lines.select_in_sequence(block.bytes(), refused, |record| keep_line(&mut kept, record))?;
        Some((Part { tally, kept }, Vec::new()))
    };
    let mut parts = Ahead::with_shortcut(input.read_once().blocks(Some(&[]))?, at_once, move |blocks, block| {
        let mut kept = Vec::new();
        let done = blocks.work(block, |bytes, found, refused| {
            selector.select(bytes, &found.records, refused, |record| keep(&mut kept, record))
        });
        done.map(|(tally, rejects)| (Part { tally, kept }, rejects))
    });
    let mut done = Filtered::default();
    let mut seen = vec![false; fields.len()];
    let write = |writer: &mut dyn Write, bytes: &[u8]| writer.write_all(bytes).map_err(Error::from);
    while let Some((part, bad)) = parts.next()? {
        rejects.take(&bad)?;
        seen.iter_mut().zip(&part.tally.seen).for_each(|(all, one)| *all |= one);
        if !part.kept.is_empty() {
            let first = done.kept == 0;
            if first {
                write(writer, &frame.before)?;
            }
            write(writer, part.kept.get(if first { frame.between.len() } else { 0 }..).unwrap_or_default())?;
        }
        done.records += part.tally.records;
        done.kept += part.tally.kept;
    }
    write(writer, if done.kept == 0 { frame.empty } else { &frame.after })?;
    writer.flush()?;
    done.rejected = rejects.count;
    if done.records > 0 {
        done.missing = fields.into_iter().zip(seen).filter(|(_, seen)| !seen).map(|(name, _)| name).collect();
    }
    Ok(done)
}

impl Frame {
    fn new(input: &Input, shape: Shape) -> Result<Self> {
        let mut beginning = Vec::new();
        let mut source = input.source().bytes(input.data().byte)?;
        source
            .by_ref()
            .take(BEGINNING)
            .read_to_end(&mut beginning)
            .map_err(|error| Error::of_named(error, input.name()))?;
        let array = beginning.trim_ascii_start().first() == Some(&b'[');
        Ok(match shape {
            Shape::AsRead if array => Self::of_array(&beginning),
            Shape::AsRead | Shape::Lines => Self {
                before: Vec::new(),
                between: b"\n".to_vec(),
                after: b"\n".to_vec(),
                empty: b"",
                lines: shape == Shape::Lines,
            },
            Shape::Array => Self::array(b"\n".to_vec(), b"\n".to_vec()),
        })
    }

    fn array(first: Vec<u8>, between: Vec<u8>) -> Self {
        let end: &[u8] = if first.contains(&b'\n') { b"\n]\n" } else { b"]\n" };
        Self {
            before: [b"[", first.as_slice()].concat(),
            between: [b",", between.as_slice()].concat(),
            after: end.to_vec(),
            empty: b"[]\n",
            lines: false,
        }
    }

    /// An array whose records are as far apart as the first two here.
    fn of_array(beginning: &[u8]) -> Self {
        let mut splitter = json::Splitter::default();
        let mut found = Found::default();
        json::split(&mut splitter, beginning, false, &mut found);
        let records = found.records;
        let blanks = |from: usize, to: usize| {
            let gap = beginning.get(from..to).unwrap_or_default();
            gap.iter().copied().filter(u8::is_ascii_whitespace).collect::<Vec<u8>>()
        };
        match records.as_slice() {
            [first, second, ..] => {
                let comma = beginning.get(first.end..second.start).and_then(|gap| memchr::memchr(b',', gap));
                let comma = first.end + comma.unwrap_or(0);
                let start = beginning.iter().position(|byte| *byte == b'[').unwrap_or(0);
                Self::array(blanks(start, first.start), blanks(comma, second.start))
            }
            _ => Self::array(b"\n".to_vec(), b"\n".to_vec()),
        }
    }
}
