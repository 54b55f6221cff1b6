//! Rows as Arrow's stream of record batches, in the memory of a few batches.

use std::mem;
use std::ops::ControlFlow;

use arrow_ipc::writer::StreamWriter;
use taipan::store::mutation::Records;
use taipan::store::{Count, Opening, Part, Select, Store};

use crate::error::{Error, Result};

/// The bytes of a part, about.
const CHUNK: usize = 64 << 10;

/// Runs a read in parts.
pub(super) fn stream(
    store: &Store,
    select: &Select,
    count: Count,
    mut sink: impl FnMut(Part) -> ControlFlow<()>,
) -> Result<()> {
    let total = store.count(&select.table, select.filter.as_ref())?;
    let rows = total.saturating_sub(select.offset).min(select.limit.unwrap_or(u64::MAX));
    let total = (count == Count::Exact).then_some(total);
    let scan = store.scan(select)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &scan.schema()).map_err(Error::internal)?;
    let mut has_begun = false;
    for batch in scan {
        writer.write(&batch?).map_err(Error::internal)?;
        if writer.get_ref().len() >= CHUNK {
            let body = mem::take(writer.get_mut());
            let part = if has_begun { Part::Next(body) } else { Part::First(Opening { body, rows, total }) };
            has_begun = true;
            if sink(part).is_break() {
                return Ok(());
            }
        }
    }
    writer.finish().map_err(Error::internal)?;
    let body = mem::take(writer.get_mut());
    let _ = sink(if has_begun { Part::Last(body) } else { Part::Whole(Opening { body, rows, total }) });
    Ok(())
}

/// The rows of a change, in one piece.
pub(super) fn whole(records: &Records) -> Result<Vec<u8>> {
    let mut writer = StreamWriter::try_new(Vec::new(), &records.schema()).map_err(Error::internal)?;
    for batch in records.batches()? {
        writer.write(&batch).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(Error::internal)
}
