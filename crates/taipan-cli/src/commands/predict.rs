//! `taipan predict`

use std::fs;

use anyhow::{Context as _, Result};
use taipan::learn::Model;

use super::{engine, relation};
use crate::args::{Global, Predict};
use crate::message::counted;
use crate::output::Printer;

pub(crate) fn run(args: &Predict, global: &Global) -> Result<()> {
    let name = args.model.display();
    let bytes = fs::read(&args.model).with_context(|| format!("{name} could not be read"))?;
    let model = Model::from_bytes(&bytes).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
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
