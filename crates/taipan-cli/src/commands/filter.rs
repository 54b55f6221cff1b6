//! `taipan filter`

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use taipan::Error;
use taipan::io::{AtomicFile, Filter, Filtered, Format, Input, Output, RejectFile};

use crate::args::{self, Global};
use crate::message::{counted, duration, grouped, printable};
use crate::output::OutputFormat;

pub(crate) fn run(args: &args::Filter, global: &Global) -> Result<()> {
    let started = Instant::now();
    let options = args.rejecting.apply(args.reading.options(global)?).faults_in_turn();
    let input = Input::open(&args.input, &options).map_err(Error::from)?;
    let target = args.output.as_deref().filter(|path| *path != Path::new("-"));
    let output = match (args.format, target.and_then(Output::of_path)) {
        (Some(format), _) => Some(OutputFormat::output(format)),
        // One array, a record a line, or whatever else: a file called json stays what it is.
        (None, Some(Output::Json)) if input.format() == Format::Json => None,
        (None, by_name) => by_name,
    };
    let mut filter = Filter::new(input, &args.condition).map_err(Error::from)?;
    if let Some(output) = output {
        filter = filter.output(output);
    }
    if args.safe_cells {
        filter = filter.safe_cells();
    }
    let mut rejects = match (&args.rejects, target) {
        (Some(path), _) => RejectFile::at(path),
        (None, Some(target)) => RejectFile::beside(target),
        (None, None) => RejectFile::beside(Path::new("stdout")),
    };
    let (done, rejected) = if let Some(path) = target {
        let mut file = AtomicFile::packed(path).map_err(Error::from)?;
        let done = filter.run(&mut file, |bad| rejects.write(bad)).map_err(Error::from)?;
        let rejected = commit(rejects, done.rejected)?;
        file.commit().map_err(Error::from)?;
        (done, rejected)
    } else {
        let mut stdout = BufWriter::with_capacity(1 << 16, io::stdout());
        let done = filter.run(&mut stdout, |bad| rejects.write(bad)).map_err(Error::from)?;
        stdout.flush()?;
        let rejected = commit(rejects, done.rejected)?;
        (done, rejected)
    };
    tell(&done, rejected.as_deref(), args, global, started);
    Ok(())
}

/// Puts the file of rejects in its place, and answers where that is if there are any.
fn commit(rejects: RejectFile, count: u64) -> Result<Option<PathBuf>> {
    // A file of an earlier run goes only where this one might have written it.
    let path = rejects.path().to_owned();
    if count == 0 && !path.exists() {
        return Ok(None);
    }
    let written = rejects.commit().map_err(Error::from)?;
    Ok((written > 0).then_some(path))
}

fn tell(done: &Filtered, rejects: Option<&Path>, args: &args::Filter, global: &Global, started: Instant) {
    if let Some(path) = rejects {
        eprintln!("rejected  {} → {}", counted(done.rejected, "record"), path.display());
    }
    if global.quiet {
        return;
    }
    for name in &done.missing {
        eprintln!("warning: no record has `{}`", printable(name));
    }
    if io::stdout().is_terminal() || args.output.is_some() {
        let seconds = duration(started.elapsed().as_secs_f64());
        eprintln!("kept      {} of {} in {seconds}", grouped(done.kept), counted(done.records, "record"));
    }
}
