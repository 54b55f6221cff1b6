//! `taipan predict`

use anyhow::Result;

use super::{engine, relation};
use crate::args::{Global, Predict};
use crate::message::counted;
use crate::output::Printer;

pub(crate) fn run(args: &Predict, global: &Global) -> Result<()> {
    let model = taipan::load_model(&args.model)?;
    let engine = engine(global, args.db.as_deref())?;
    let rows = taipan::predict(&engine, &model, &relation(&args.source), args.proba)?;
    let printed = print(rows, &args.printing)?;
    if !global.quiet {
        eprintln!("{} predicted by {} ({})", counted(printed, "row"), model.estimator, model.target);
    }
    Ok(())
}

/// Prints rows as they are made.
pub(super) fn print(mut rows: taipan::Prediction, printing: &crate::args::Printing) -> Result<u64> {
    let mut next = rows.next().transpose()?;
    let mut printer = Printer::new(printing, &rows.schema())?;
    while let Some(batch) = next {
        printer.write(&batch)?;
        next = rows.next().transpose()?;
    }
    printer.finish()
}
