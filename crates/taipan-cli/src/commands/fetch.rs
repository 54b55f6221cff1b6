//! `taipan fetch`

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use taipan::Error;
use taipan::arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use taipan::arrow::record_batch::RecordBatch;
use taipan::io::AtomicFile;
use taipan::io::fetch::{FetchOptions, Fetched, Fetcher, Keep};

use crate::args::{Fetch, Global, Printing};
use crate::message::{counted, duration, grouped, printable};
use crate::output::Printer;

/// Lines of the report printed together when nobody watches.
const LINES: usize = 256;

pub(crate) fn run(args: &Fetch, global: &Global) -> Result<()> {
    let start = Instant::now();
    let fetcher = Fetcher::new(options(args)?).map_err(Error::from)?;
    let mut records = match &args.ndjson {
        Some(path) => Some(Records::create(path)?),
        None => None,
    };
    // Records on standard output leave no room for a report.
    let mut report = match &records {
        Some(Records::Stdout(_)) => None,
        _ => Some(Report::new(args)?),
    };
    let (urls, unread) = urls(args)?;
    let (mut count, mut failed, mut bytes) = (0u64, 0u64, 0u64);
    for mut fetched in fetcher.fetch(urls) {
        count += 1;
        failed += u64::from(fetched.failure.is_some());
        bytes += fetched.bytes;
        if let Some(records) = &mut records {
            fetched.write_json(records)?;
        }
        if let Some(report) = &mut report {
            report.add(fetched)?;
        }
    }
    if let Some(report) = report {
        report.finish()?;
    }
    if let Some(error) = unread.take() {
        return Err(error.into());
    }
    if let Some(records) = records {
        records.finish()?;
    }
    if !global.quiet {
        let urls = counted(count, "URL");
        eprintln!("{urls}, {} bytes in {}", grouped(bytes), duration(start.elapsed().as_secs_f64()));
    }
    if failed > 0 {
        bail!("{} of {} could not be fetched", grouped(failed), counted(count, "URL"));
    }
    Ok(())
}

fn options(args: &Fetch) -> Result<FetchOptions> {
    let keep = match (&args.output, &args.ndjson) {
        (Some(folder), _) => {
            fs::create_dir_all(folder).map_err(|error| of_io(error, folder))?;
            Keep::Folder(folder.clone())
        }
        (None, Some(_)) => Keep::Body,
        (None, None) => Keep::Nothing,
    };
    let options = FetchOptions::default()
        .keep(keep)
        .concurrency(args.concurrency.get())
        .per_host(args.per_host.get())
        .retries(args.retries)
        .connect_timeout(args.connect_timeout)
        .timeout(args.timeout)
        .max_bytes(args.max_size as u64)
        .polite(args.polite)
        .public_only(args.public_only);
    Ok(match &args.user_agent {
        Some(name) => options.user_agent(name),
        None => options,
    })
}

fn of_io(error: io::Error, path: &Path) -> Error {
    taipan::io::Error::of_io(error, path).into()
}

/// The URLs of the command line, then those of the file, which is read as they are needed; and what kept it from being
/// read to its end.
fn urls(args: &Fetch) -> Result<(impl Iterator<Item = String>, Rc<RefCell<Option<io::Error>>>)> {
    let file: Box<dyn BufRead> = match &args.from_file {
        None => Box::new(io::empty()),
        Some(path) if path.as_os_str() == "-" => Box::new(io::stdin().lock()),
        Some(path) => Box::new(BufReader::new(File::open(path).map_err(|error| of_io(error, path))?)),
    };
    let unread = Rc::new(RefCell::new(None));
    let place = unread.clone();
    let lines = file.lines().map_while(move |line| match line {
        Ok(line) => Some(line.trim().to_owned()),
        Err(error) => {
            *place.borrow_mut() = Some(error);
            None
        }
    });
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok((args.urls.clone().into_iter().chain(lines), unread))
}

/// Where the records go.
enum Records {
    Stdout(BufWriter<io::StdoutLock<'static>>),
    File(BufWriter<AtomicFile>),
}

impl Records {
    fn create(path: &Path) -> Result<Self> {
        Ok(if path.as_os_str() == "-" {
            Self::Stdout(BufWriter::with_capacity(1 << 16, io::stdout().lock()))
        } else {
            Self::File(BufWriter::with_capacity(1 << 16, AtomicFile::create(path)?))
        })
    }

    fn finish(mut self) -> Result<()> {
        self.flush()?;
        match self {
            Self::Stdout(_) => Ok(()),
            Self::File(writer) => Ok(writer.into_inner().map_err(io::IntoInnerError::into_error)?.commit()?),
        }
    }
}

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(writer) => writer.write(bytes),
            Self::File(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(writer) => writer.flush(),
            Self::File(writer) => writer.flush(),
        }
    }
}

/// What is said of each URL.
enum Report {
    /// To a person who watches: each line at once.
    Live,
    Rows {
        printer: Box<Printer>,
        waiting: Vec<Fetched>,
        with_files: bool,
    },
}

impl Report {
    fn new(args: &Fetch) -> Result<Self> {
        if args.format.is_none() && io::stdout().is_terminal() {
            return Ok(Self::Live);
        }
        let with_files = args.output.is_some();
        let printing = Printing { format: args.format, output: None, safe_cells: false };
        let printer = Box::new(Printer::new(&printing, &batch(&[], with_files)?.schema())?);
        Ok(Self::Rows { printer, waiting: Vec::new(), with_files })
    }

    fn add(&mut self, mut fetched: Fetched) -> Result<()> {
        match self {
            Self::Live => {
                writeln!(io::stdout(), "{}", printable(&line(&fetched)))?;
            }
            Self::Rows { printer, waiting, with_files } => {
                fetched.body = None;
                waiting.push(fetched);
                if waiting.len() == LINES {
                    printer.write(&batch(waiting, *with_files)?)?;
                    waiting.clear();
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if let Self::Rows { mut printer, waiting, with_files } = self {
            printer.write(&batch(&waiting, with_files)?)?;
            printer.finish()?;
        }
        Ok(())
    }
}

/// `200      1,234 bytes   0.12 s  https://example.org/`, and the error behind it.
fn line(fetched: &Fetched) -> String {
    let status = fetched.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let (bytes, time) = (grouped(fetched.bytes), duration(fetched.elapsed.as_secs_f64()));
    let line = format!("{status:<3} {bytes:>15} bytes {time:>8}  {}", fetched.url);
    match &fetched.failure {
        Some(failure) => format!("{line}  {failure}"),
        None => line,
    }
}

fn batch(lines: &[Fetched], with_files: bool) -> Result<RecordBatch> {
    let status: Int64Array = lines.iter().map(|line| line.status.map(i64::from)).collect();
    let bytes: Int64Array = lines.iter().map(|line| i64::try_from(line.bytes).ok()).collect();
    let seconds: Float64Array =
        lines.iter().map(|line| Some((line.elapsed.as_secs_f64() * 1e6).round() / 1e6)).collect();
    let url: StringArray = lines.iter().map(|line| Some(line.url.as_str())).collect();
    let error: StringArray = lines.iter().map(|line| line.failure.as_ref().map(ToString::to_string)).collect();
    let mut columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("status", Arc::new(status), true),
        ("bytes", Arc::new(bytes), true),
        ("seconds", Arc::new(seconds), true),
        ("url", Arc::new(url), true),
        ("error", Arc::new(error), true),
    ];
    if with_files {
        let file: StringArray =
            lines.iter().map(|line| line.path.as_ref().map(|path| path.display().to_string())).collect();
        columns.push(("file", Arc::new(file), true));
    }
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
