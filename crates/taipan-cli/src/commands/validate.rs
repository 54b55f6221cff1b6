//! `taipan validate`

use std::io::Write;

use anyhow::{Result, bail};
use taipan::Error;
use taipan::io::{Checks, validate};

use crate::args::{Global, Validate};
use crate::message::{counted, printable};

pub(crate) fn run(args: &Validate, global: &Global) -> Result<()> {
    if args.reading.schema.is_some() || !args.reading.column.is_empty() {
        bail!("types are nothing that validate checks: it looks at the form alone; 'taipan convert' checks them");
    }
    let checks = if args.all { Checks::All } else { Checks::First };
    let mut stdout = std::io::stdout().lock();
    let mut written = Ok(());
    let found = validate(&args.file, &args.reading.options(global)?, checks, |flaw| {
        if written.is_ok() {
            written = writeln!(stdout, "{}", printable(&flaw.to_string()));
        }
    })
    .map_err(Error::from)?;
    written.and_then(|()| stdout.flush())?;
    let name = args.file.display();
    let records = counted(found.records, "record");
    if !found.is_valid() {
        // Behind the first fault nothing was counted.
        let beside = if args.all { format!(" beside {records}") } else { String::new() };
        bail!("{name}: not well-formed, {}{beside}", counted(found.faults, "fault"));
    }
    if !global.quiet {
        eprintln!("{name}: well-formed, {records}");
    }
    Ok(())
}
