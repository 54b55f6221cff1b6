//! Rows to standard output or a file, in the format that was asked for.

use std::io::{self, IsTerminal, Write};

use anyhow::{Result, bail};
use clap::ValueEnum;
use taipan::arrow::datatypes::Schema;
use taipan::arrow::record_batch::RecordBatch;
use taipan::io::{AtomicFile, BatchWriter, Output};

use crate::args::{Format, Printing};
use crate::table::TableWriter;

/// A format that files are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Comma-separated values
    Csv,
    /// Tab-separated values
    Tsv,
    /// One JSON array
    Json,
    /// One JSON object per line
    Ndjson,
    /// Apache Parquet
    Parquet,
    /// Apache Arrow IPC
    Arrow,
}

impl OutputFormat {
    /// What the library calls it.
    pub(crate) fn output(self) -> Output {
        match self {
            Self::Csv => Output::Csv,
            Self::Tsv => Output::Tsv,
            Self::Json => Output::Json,
            Self::Ndjson => Output::NdJson,
            Self::Parquet => Output::Parquet,
            Self::Arrow => Output::Arrow,
        }
    }
}

/// Where rows go. [`Printer::finish`] makes a file appear under its name; without it nothing is left.
pub(crate) struct Printer {
    target: Target,
    rows: u64,
}

type Stdout = io::BufWriter<io::StdoutLock<'static>>;

enum Target {
    Table(TableWriter<Stdout>),
    TableFile(TableWriter<AtomicFile>),
    Stdout(BatchWriter<Stdout>),
    File(BatchWriter<AtomicFile>),
}

impl Printer {
    /// Starts printing rows of `schema`.
    pub(crate) fn new(printing: &Printing, schema: &Schema) -> Result<Self> {
        let format = match (printing.format, &printing.output) {
            (Some(format), _) => format,
            (None, Some(path)) if path.as_os_str() != "-" => match Output::of_path(path) {
                Some(Output::Csv) => Format::Csv,
                Some(Output::Tsv) => Format::Tsv,
                Some(Output::Json) => Format::Json,
                Some(Output::NdJson) => Format::Ndjson,
                Some(Output::Parquet) => Format::Parquet,
                Some(Output::Arrow) => Format::Arrow,
                None => bail!(
                    "{}: the name does not end in csv, tsv, json, ndjson, parquet or arrow; say which with --format",
                    path.display()
                ),
            },
            (None, _) if io::stdout().is_terminal() => Format::Table,
            (None, _) => Format::Csv,
        };
        let file = match &printing.output {
            Some(path) if path.as_os_str() != "-" => Some(AtomicFile::packed(path)?),
            _ => None,
        };
        let stdout = || io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
        let target = match (written(format), file) {
            (Some(output), Some(file)) => Target::File(safe(BatchWriter::new(output, file, schema), printing)),
            (Some(output), None) => Target::Stdout(safe(BatchWriter::new(output, stdout(), schema), printing)),
            (None, Some(file)) => Target::TableFile(TableWriter::new(file, schema)),
            (None, None) => Target::Table(TableWriter::new(stdout(), schema)),
        };
        Ok(Self { target, rows: 0 })
    }

    /// Prints the rows of `batch`.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        match &mut self.target {
            Target::Table(writer) => writer.write(batch)?,
            Target::TableFile(writer) => writer.write(batch)?,
            Target::Stdout(writer) => writer.write(batch)?,
            Target::File(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Ends the output and returns how many rows it has.
    pub(crate) fn finish(self) -> Result<u64> {
        match self.target {
            Target::Table(writer) => writer.finish()?.flush()?,
            Target::TableFile(writer) => writer.finish()?.commit()?,
            Target::Stdout(writer) => writer.finish()?.flush()?,
            Target::File(writer) => writer.finish()?.commit()?,
        }
        Ok(self.rows)
    }
}

/// The writer, with cells that no spreadsheet takes for formulas where that was asked for.
fn safe<W: io::Write>(writer: BatchWriter<W>, printing: &Printing) -> BatchWriter<W> {
    if printing.safe_cells { writer.safe_cells() } else { writer }
}

fn written(format: Format) -> Option<Output> {
    match format {
        Format::Table => None,
        Format::Csv => Some(Output::Csv),
        Format::Tsv => Some(Output::Tsv),
        Format::Json => Some(Output::Json),
        Format::Ndjson => Some(Output::NdJson),
        Format::Parquet => Some(Output::Parquet),
        Format::Arrow => Some(Output::Arrow),
    }
}
