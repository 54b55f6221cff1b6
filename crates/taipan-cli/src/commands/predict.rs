//! `taipan predict`

use anyhow::Result;

use super::{engine, relation};
use crate::args::{Global, Predict};
use crate::message::counted;
use crate::output::Printer;

pub(crate) fn run(args: &Predict, global: &Global) -> Result<()> {
    let model = taipan::load_model(&args.model)?;
    let engine = engine(global, args.db.as_deref())?;
    let mut rows = taipan::predict(&engine, &model, &relation(&args.source))?;
    let mut next = rows.next().transpose()?;
    let mut printer = Printer::new(&args.printing, &rows.schema())?;
    while let Some(batch) = next {
        printer.write(&batch)?;
        next = rows.next().transpose()?;
    }
    let printed = printer.finish()?;
    if !global.quiet {
        eprintln!("{} predicted by {} ({})", counted(printed, "row"), model.estimator, model.target);
    }
    Ok(())
}
