//! From one format to another: records become batches, and their kept rows are written anew.

use std::io::Write;

use arrow::array::BooleanBuilder;
use arrow::compute::filter_record_batch;

use super::{Filter, Filtered, Rejects};
use crate::error::{Error, ErrorKind, Result};
use crate::format::Format;
use crate::reject::Reject;
use crate::write::{BatchWriter, Output};

pub(super) fn run(
    filter: Filter,
    output: Output,
    writer: &mut (impl Write + Send),
    mut rejects: Rejects<impl FnMut(&[Reject]) -> Result<()>>,
) -> Result<Filtered> {
    // Rows that were written cannot be taken back when a type turns out too narrow, so types are settled first.
    let input = filter.input.settled(None).map_err(|error| earlier(&filter).unwrap_or(error))?;
    let bound = filter.condition.bind(input.schema()).map_err(|error| Error::from(error).in_source(input.name()))?;
    let mut writer = BatchWriter::new(output, writer, input.schema());
    if filter.safe_cells {
        writer = writer.safe_cells();
    }
    let mut done = Filtered::default();
    let goes_on = input.options().refused().takes();
    let input = input.read_once();
    let can_refuse = input.can_refuse();
    let mut batches = if can_refuse { input.batches_to_refuse(None)? } else { input.batches(None)? };
    while let Some(batch) = batches.next() {
        let batch = batch?;
        let rows = bound.rows(&batch)?;
        let (mut mask, mut refused) = (BooleanBuilder::with_capacity(batch.num_rows()), 0);
        for row in 0..batch.num_rows() {
            match rows.evaluate(row) {
                Ok(met) => mask.append_option(met),
                Err(mismatch) if goes_on && can_refuse => {
                    mask.append_value(false);
                    refused += 1;
                    batches.reject(row, ErrorKind::Mismatch(mismatch).to_string())?;
                }
                Err(mismatch) => return Err(batches.fault(row, ErrorKind::Mismatch(mismatch))),
            }
        }
        let mut bad = batches.take_rejects();
        bad.sort_by_key(|reject| reject.byte);
        rejects.take(&bad)?;
        let kept = filter_record_batch(&batch, &mask.finish())?;
        writer.write(&kept)?;
        done.records += (batch.num_rows() - refused) as u64;
        done.kept += kept.num_rows() as u64;
    }
    rejects.take(&batches.take_rejects())?;
    writer.finish()?;
    done.rejected = rejects.count;
    Ok(done)
}

/// The mismatch that is met before any other fault when records are judged as they are, with its place.
fn earlier(filter: &Filter) -> Option<Error> {
    let (input, condition) = (filter.input.clone(), filter.condition.clone());
    let as_read = Filter { input, condition, output: None, safe_cells: false, threads: None };
    let several = !as_read.input.others().is_empty();
    if several || matches!(as_read.input.format(), Format::Parquet | Format::Arrow) || as_read.input.is_keyed() {
        return None;
    }
    let error = as_read.run(&mut std::io::sink(), |_| Ok(())).err()?;
    matches!(error.kind(), ErrorKind::Mismatch(_)).then_some(error)
}
