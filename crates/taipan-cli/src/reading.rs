//! How files are read, as the command line says it: one set of options for every command that reads files.

use std::path::PathBuf;

use crate::args::Global;
use anyhow::Result;
use clap::{Args, ValueEnum};
use taipan::Error;
use taipan::io::{OnError, ReadOptions, column, read_schema};

/// How a file is read; what is not said is found out.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Reading {
    /// csv, json, xml, parquet or arrow [default: told by name and content]
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true, help_heading = "Reading")]
    pub(crate) input_format: Option<InputFormat>,
    /// A file with the types of all columns, JSON or TOML
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub(crate) schema: Option<PathBuf>,
    /// The type of a column, such as price:float; may be repeated
    #[arg(long, value_name = "NAME:TYPE", value_parser = typed, help_heading = "Reading")]
    pub(crate) column: Vec<String>,
    /// Where the records are: /items in JSON, channel/item in XML
    #[arg(long, value_name = "PATH", help_heading = "Reading")]
    pub(crate) record: Option<String>,
    /// The encoding of the text, such as latin1 or utf-16
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) encoding: Option<String>,
    /// A text that stands for null in CSV, '' for the empty one
    #[arg(long = "null", value_name = "TEXT", help_heading = "Reading")]
    pub(crate) nulls: Vec<String>,
    /// The character between CSV fields; 'tab' is one
    #[arg(long, value_name = "CHAR", value_parser = character, help_heading = "Reading")]
    pub(crate) delimiter: Option<String>,
    /// The character around CSV fields
    #[arg(long, value_name = "CHAR", value_parser = character, help_heading = "Reading")]
    pub(crate) quote: Option<String>,
    /// The character that escapes a quote inside CSV quotes, or 'none'
    #[arg(long, value_name = "CHAR", value_parser = mark, help_heading = "Reading")]
    pub(crate) escape: Option<String>,
    /// The character that begins a comment line in CSV, or 'none'
    #[arg(long, value_name = "CHAR", value_parser = mark, help_heading = "Reading")]
    pub(crate) comment: Option<String>,
    /// Whether the first CSV row names the columns: true or false
    #[arg(long, value_name = "BOOL", hide_possible_values = true, help_heading = "Reading")]
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
    /// How deep JSON and XML may be nested [default: 1024]
    #[arg(long, value_name = "N", help_heading = "Reading")]
    pub(crate) max_depth: Option<usize>,
}

/// What is done about bad records.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Rejecting {
    /// Bad records: fail, or reject to set them aside
    #[arg(
        long,
        value_enum,
        value_name = "ACTION",
        default_value = "fail",
        hide_possible_values = true,
        help_heading = "Reading"
    )]
    pub(crate) on_error: Action,
    /// The most records that may be rejected
    #[arg(long, value_name = "N", requires = "on_error", help_heading = "Reading")]
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

impl Reading {
    /// The options of the library.
    pub(crate) fn options(&self, global: &Global) -> Result<ReadOptions> {
        let mut options = ReadOptions::default();
        if let Some(bytes) = global.memory_limit {
            options = options.memory_limit(bytes);
        }
        if let Some(path) = &self.schema {
            options = options.schema(&read_schema(path).map_err(Error::from)?);
        }
        for (name, value) in self.words() {
            options = options.set(name, &value).map_err(Error::from)?;
        }
        Ok(options)
    }

    /// The options by their names in the library, but for a schema.
    pub(crate) fn words(&self) -> Vec<(&'static str, String)> {
        let mut words = Vec::new();
        let mut say = |name, value: Option<String>| words.extend(value.map(|value| (name, value)));
        let format = self.input_format.map(|format| match format {
            InputFormat::Csv => "csv",
            InputFormat::Json => "json",
            InputFormat::Xml => "xml",
            InputFormat::Parquet => "parquet",
            InputFormat::Arrow => "arrow",
        });
        say("format", format.map(str::to_owned));
        self.column.iter().for_each(|column| say("column", Some(column.clone())));
        say("record", self.record.clone());
        say("encoding", self.encoding.clone());
        self.nulls.iter().for_each(|text| say("null", Some(text.clone())));
        say("delimiter", self.delimiter.clone());
        say("quote", self.quote.clone());
        say("escape", self.escape.clone());
        say("comment", self.comment.clone());
        say("header", self.header.map(|header| header.to_string()));
        say("skip_lines", self.skip_lines.map(|lines| lines.to_string()));
        say("pad", self.pad.then(|| "true".to_owned()));
        say("max_record", self.max_record.map(|bytes| bytes.to_string()));
        say("max_depth", self.max_depth.map(|levels| levels.to_string()));
        words
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

/// A column and its type, kept as it was said once it is known to be one.
fn typed(text: &str) -> Result<String, String> {
    column(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn character(text: &str) -> Result<String, String> {
    match text.as_bytes() {
        [_] | b"tab" | b"\\t" => Ok(text.to_owned()),
        _ => Err("expected one ASCII character".to_owned()),
    }
}

fn mark(text: &str) -> Result<String, String> {
    if text == "none" { Ok(text.to_owned()) } else { character(text) }
}
