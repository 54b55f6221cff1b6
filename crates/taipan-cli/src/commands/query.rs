//! `taipan query`

use std::io::{self, IsTerminal};
use std::time::Instant;

use anyhow::{Result, bail};
use taipan::Error;

use super::engine_reading;
use crate::args::{Global, Query};
use crate::message::{counted, duration};
use crate::output::Printer;

pub(crate) fn run(args: &Query, global: &Global) -> Result<()> {
    let started = Instant::now();
    if args.reading.schema.is_some() {
        bail!("--schema is for one file; give a query's files types by --column, or read('FILE', 'column=NAME:TYPE')");
    }
    let engine = engine_reading(global, args.db.as_deref(), args.reading.words())?;
    let mut rows = engine.sql(&args.sql).map_err(Error::from)?;
    // The first batch is computed before anything is printed: a query that fails leaves no header behind.
    let mut next = rows.next().transpose().map_err(Error::from)?;
    let mut printer = Printer::new(&args.printing, rows.schema())?;
    while let Some(batch) = next {
        printer.write(&batch)?;
        next = rows.next().transpose().map_err(Error::from)?;
    }
    let printed = printer.finish()?;
    if !global.quiet && (io::stdout().is_terminal() || args.printing.output.is_some()) {
        eprintln!("{} in {}", counted(printed, "row"), duration(started.elapsed().as_secs_f64()));
    }
    Ok(())
}
