//! `taipan convert`

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use taipan::Error;
use taipan::io::{Conversion, Input, Output, RejectFile};

use crate::args::{Convert, Global};
use crate::message::{counted, duration};
use crate::output::OutputFormat;
use crate::progress::FileProgress;

pub(crate) fn run(args: &Convert, global: &Global) -> Result<()> {
    let started = Instant::now();
    let to_stdout = args.output == Path::new("-");
    let output = match (args.format, Output::of_path(&args.output)) {
        (Some(format), _) => OutputFormat::output(format),
        (None, Some(output)) => output,
        (None, None) if to_stdout => bail!("say with --format what is written to standard output"),
        (None, None) => bail!(
            "{}: the name does not end in csv, tsv, json, ndjson, parquet or arrow; say which with --format",
            args.output.display()
        ),
    };
    let options = args.rejecting.apply(args.reading.options(global)?);
    let input = Input::open(&args.input, &options).map_err(Error::from)?;
    let progress = std::sync::Arc::new(FileProgress::new(global.quiet));
    let (shown, name, total) = (progress.clone(), input.name().to_owned(), input.len_bytes().unwrap_or(0));
    let mut conversion = Conversion::new(output).progress(move |read| shown.update(&name, read, total.max(read)));
    if args.safe_cells {
        conversion = conversion.safe_cells();
    }
    let rejects = match &args.rejects {
        Some(path) => path.clone(),
        None => RejectFile::beside(if to_stdout { Path::new("stdout") } else { &args.output }).path().to_owned(),
    };
    let conversion = conversion.rejects(&rejects);
    let converted = if to_stdout {
        let stdout = io::BufWriter::with_capacity(1 << 16, io::stdout());
        conversion.to_writer(&input, stdout)
    } else {
        conversion.to_file(&input, &args.output)
    };
    progress.clear();
    let converted = converted.map_err(Error::from)?;
    io::stdout().flush()?;
    if converted.rejects > 0 {
        eprintln!("rejected   {} → {}", counted(converted.rejects, "record"), rejects.display());
    }
    if !global.quiet && !to_stdout {
        let rows = counted(converted.rows, "row");
        eprintln!("converted  {rows} → {} in {}", args.output.display(), duration(started.elapsed().as_secs_f64()));
    }
    Ok(())
}
