//! `taipan head`

use anyhow::Result;
use taipan::Error;
use taipan::io::{ErrorKind, Input};

use crate::args::{Global, Head};
use crate::message::{counted, grouped};
use crate::output::Printer;

/// How much of a stream types are inferred on.
const STREAMED: usize = 1 << 20;

pub(crate) fn run(args: &Head, global: &Global) -> Result<()> {
    // A sample from the net or a pipe is waited for, so it is a smaller one.
    let options = args.reading.options(global)?;
    let options = if args.file.is_file() { options } else { options.sample_bytes(STREAMED) };
    let mut input = Input::open(&args.file, &options).map_err(Error::from)?;
    let batches = loop {
        match first_rows(&input, args.rows) {
            Err(error) => match error.kind() {
                ErrorKind::Misfit(misfit) => input = input.widen(misfit),
                _ => return Err(Error::from(error).into()),
            },
            Ok(batches) => break batches,
        }
    };
    let mut printer = Printer::new(&args.printing, input.schema())?;
    for batch in &batches {
        printer.write(batch)?;
    }
    let shown = printer.finish()?;
    let (seen, whole) = input.sampled_rows();
    let more = if whole { "" } else { "+" };
    let columns = counted(input.schema().fields().len() as u64, "column");
    if !global.quiet {
        eprintln!("{} of {}{more} rows, {columns}", grouped(shown), grouped(seen.max(shown)));
    }
    Ok(())
}

/// The first `wanted` rows; only the blocks that hold them are read.
fn first_rows(input: &Input, wanted: usize) -> taipan::io::Result<Vec<taipan::arrow::record_batch::RecordBatch>> {
    let mut missing = wanted;
    let mut kept = Vec::new();
    if missing == 0 {
        return Ok(kept);
    }
    for batch in input.batches(None)? {
        let batch = batch?;
        let rows = batch.num_rows().min(missing);
        kept.push(batch.slice(0, rows));
        missing -= rows;
        if missing == 0 {
            break;
        }
    }
    Ok(kept)
}
