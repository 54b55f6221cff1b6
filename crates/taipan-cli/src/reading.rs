//! How files are read, as the command line says it: one set of options for every command that reads files.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use taipan::Error;
use taipan::arrow::datatypes::DataType;
use taipan::io::{Format, OnError, Ragged, ReadOptions, column, read_schema};

/// How a file is read; what is not said is found out.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Reading {
    /// The format of the input [default: told by its name and content]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Reading")]
    pub(crate) input_format: Option<InputFormat>,
    /// A file with the types of all columns, JSON or TOML
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub(crate) schema: Option<PathBuf>,
    /// The type of a column, such as price:float; may be repeated
    #[arg(long, value_name = "NAME:TYPE", value_parser = typed, help_heading = "Reading")]
    pub(crate) column: Vec<(String, DataType)>,
    /// Where the records are: /items in JSON, channel/item in XML
    #[arg(long, value_name = "PATH", help_heading = "Reading")]
    pub(crate) record: Option<String>,
    /// The encoding of the text, such as latin1 or utf-16
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) encoding: Option<String>,
    /// A text that stands for a null in CSV; may be repeated, and '' is the empty one
    #[arg(long = "null", value_name = "TEXT", help_heading = "Reading")]
    pub(crate) nulls: Vec<String>,
    /// The character between CSV fields; 'tab' is one
    #[arg(long, value_name = "CHAR", value_parser = character, help_heading = "Reading")]
    pub(crate) delimiter: Option<u8>,
    /// The character around CSV fields
    #[arg(long, value_name = "CHAR", value_parser = character, help_heading = "Reading")]
    pub(crate) quote: Option<u8>,
    /// The character that escapes a quote inside CSV quotes, or 'none'
    #[arg(long, value_name = "CHAR", value_parser = mark, help_heading = "Reading")]
    pub(crate) escape: Option<Mark>,
    /// The character that begins a comment line in CSV, or 'none'
    #[arg(long, value_name = "CHAR", value_parser = mark, help_heading = "Reading")]
    pub(crate) comment: Option<Mark>,
    /// Whether the first CSV row names the columns
    #[arg(long, value_name = "BOOL", help_heading = "Reading")]
    pub(crate) header: Option<bool>,
    /// Lines above the table of a CSV file
    #[arg(long, value_name = "N", help_heading = "Reading")]
    pub(crate) skip_lines: Option<usize>,
    /// Fill CSV rows that are too short with nulls
    #[arg(long, help_heading = "Reading")]
    pub(crate) pad: bool,
    /// The largest record
    #[arg(long, value_name = "SIZE", value_parser = crate::args::size, help_heading = "Reading")]
    pub(crate) max_record: Option<usize>,
}

/// What is done about bad records.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Rejecting {
    /// What a bad record does: end the command, or go to OUT.rejects.ndjson
    #[arg(long, value_enum, value_name = "ACTION", default_value = "fail", help_heading = "Reading")]
    pub(crate) on_error: Action,
    /// The most records that may be rejected
    #[arg(long, value_name = "N", help_heading = "Reading")]
    pub(crate) max_rejects: Option<u64>,
}

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// Delimited text
    Csv,
    /// JSON of any layout
    #[value(alias = "ndjson")]
    Json,
    /// XML
    Xml,
    /// Apache Parquet
    Parquet,
    /// Apache Arrow IPC
    Arrow,
}

/// What a bad record does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// End with an error
    #[default]
    Fail,
    /// Go on without it
    Reject,
}

/// A character with a meaning, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    Byte(u8),
}

impl Reading {
    /// The options of the library.
    pub(crate) fn options(&self) -> Result<ReadOptions> {
        let mut options = ReadOptions::default();
        if let Some(format) = self.input_format {
            options = options.format(match format {
                InputFormat::Csv => Format::Csv,
                InputFormat::Json => Format::Json,
                InputFormat::Xml => Format::Xml,
                InputFormat::Parquet => Format::Parquet,
                InputFormat::Arrow => Format::Arrow,
            });
        }
        if let Some(path) = &self.schema {
            options = options.schema(&read_schema(path).map_err(Error::from)?);
        }
        for (name, data_type) in &self.column {
            options = options.column(name, data_type.clone());
        }
        if let Some(path) = &self.record {
            options = options.record(path).map_err(Error::from)?;
        }
        if let Some(name) = &self.encoding {
            options = options.encoding(name);
        }
        if !self.nulls.is_empty() {
            options = options.nulls(self.nulls.iter().cloned());
        }
        if let Some(delimiter) = self.delimiter {
            options = options.delimiter(delimiter);
        }
        if let Some(quote) = self.quote {
            options = options.quote(quote);
        }
        if let Some(escape) = self.escape {
            options = options.escape(escape.byte());
        }
        if let Some(comment) = self.comment {
            options = options.comment(comment.byte());
        }
        if let Some(header) = self.header {
            options = options.header(header);
        }
        if let Some(lines) = self.skip_lines {
            options = options.skip_lines(lines);
        }
        if self.pad {
            options = options.ragged(Ragged::Pad);
        }
        if let Some(bytes) = self.max_record {
            options = options.max_record(bytes);
        }
        Ok(options)
    }
}

impl Rejecting {
    /// The options with what is done about bad records.
    pub(crate) fn apply(&self, options: ReadOptions) -> ReadOptions {
        let options = options.max_rejects(self.max_rejects.unwrap_or(u64::MAX));
        match self.on_error {
            Action::Fail => options,
            Action::Reject => options.on_error(OnError::Reject),
        }
    }
}

impl Mark {
    fn byte(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Byte(byte) => Some(byte),
        }
    }
}

fn typed(text: &str) -> Result<(String, DataType), String> {
    column(text).map_err(|error| error.to_string())
}

fn character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        b"tab" | b"\\t" => Ok(b'\t'),
        _ => Err("expected one ASCII character".to_owned()),
    }
}

fn mark(text: &str) -> Result<Mark, String> {
    if text == "none" { Ok(Mark::None) } else { character(text).map(Mark::Byte) }
}
