//! CSV to CSV: the header and the bytes of each kept row.

use std::io::{Read, Write};

use super::{Filter, Filtered, Rejects};
use crate::ahead::Ahead;
use crate::csv::{Newline, Reading, Selector};
use crate::error::{Error, Result};
use crate::format::after_bom;
use crate::input::Layout;
use crate::reject::Reject;

pub(super) fn run(
    filter: Filter,
    writer: &mut impl Write,
    mut rejects: Rejects<impl FnMut(&[Reject]) -> Result<()>>,
) -> Result<Filtered> {
    let Filter { input, condition, .. } = filter;
    let Layout::Csv(dialect) = *input.layout() else { return Ok(Filtered::default()) };
    let bound = condition.bind(input.schema()).map_err(|error| Error::from(error).in_source(input.name()))?;
    let columns = bound.field_columns().map(|i| (i, input.schema().field(i).data_type().clone())).collect();
    let selector = Selector { condition, columns, width: input.schema().fields().len() };
    // The header as it is, with whatever stands before it.
    let mut head = Vec::new();
    let to_header = input.source().bytes(0)?.take(input.data().byte).read_to_end(&mut head);
    to_header.map_err(|error| Error::of_named(error, input.name()))?;
    let head = after_bom(&head);
    let newline: &[u8] = match dialect.newline {
        Newline::Cr => b"\r",
        _ if head.ends_with(b"\r\n") => b"\r\n",
        _ => b"\n",
    };
    writer.write_all(head)?;
    if !head.is_empty() && !head.ends_with(newline) {
        writer.write_all(newline)?;
    }
    let mut parts = Ahead::new(input.read_once().blocks(Some(&[]))?, move |blocks, block| {
        let mut kept = Vec::new();
        let done = blocks.work(block, |bytes, _, refused| {
            let reading = Reading { dialect, nulls: blocks.input().options().null_texts() };
            selector.select(bytes, reading, refused, |row| {
                kept.extend_from_slice(row);
                kept.extend_from_slice(newline);
            })
        });
        done.map(|(counts, rejects)| (counts, kept, rejects))
    });
    let mut done = Filtered::default();
    while let Some(((records, kept), rows, bad)) = parts.next()? {
        rejects.take(&bad)?;
        writer.write_all(&rows)?;
        done.records += records;
        done.kept += kept;
    }
    writer.flush()?;
    done.rejected = rejects.count;
    Ok(done)
}
