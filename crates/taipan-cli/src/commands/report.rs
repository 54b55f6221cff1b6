//! `taipan report`

use std::io::{self, Write};

use anyhow::Result;
use taipan::io::{AtomicFile, Input};
use taipan::{Error, Report};

use crate::args::{Global, Summary};
use crate::message::counted;

pub(crate) fn run(args: &Summary, global: &Global) -> Result<()> {
    // A page that cannot be written is told before a large file is read.
    let to_stdout = args.output.as_os_str() == "-";
    let file = if to_stdout { None } else { Some(AtomicFile::create(&args.output).map_err(Error::from)?) };
    let input = Input::open(&args.file, &args.reading.options(global)?).map_err(Error::from)?;
    let report = Report::of(&input, args.file.display().to_string())?;
    let page = report.html()?;
    match file {
        None => io::stdout().lock().write_all(page.as_bytes())?,
        Some(mut file) => {
            file.write_all(page.as_bytes())?;
            file.commit().map_err(Error::from)?;
            if !global.quiet {
                let (rows, columns) = (counted(report.rows(), "row"), counted(report.columns() as u64, "column"));
                eprintln!("wrote {}: {rows}, {columns}", args.output.display());
            }
        }
    }
    Ok(())
}
