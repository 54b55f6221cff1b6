//! The command line, declared once: parsing, help and completions come from here.

mod files;
mod learning;
mod plots;
mod serving;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use taipan::runtime::logging::{self, Level};

pub(crate) use files::{Convert, Fetch, Filter, Head, Import, OnDrift, Query, Schema, Validate};
pub(crate) use learning::{Estimators, Evaluate, Export, Learning, Predict, Report, Search, Train, Transform};
pub(crate) use plots::{Plot, Summary, Theme};
pub(crate) use serving::{Backup, Check, Classes, Completions, Jobs, Migrate, Reach, Restore, Serve};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default());

/// Files and databases into tables, plots, models and a REST API with an admin site.
#[derive(Debug, Parser)]
#[command(name = "taipan", version, styles = STYLES, disable_help_flag = true, disable_help_subcommand = true, max_term_width = 100, after_help = "\
Examples:
  taipan serve examples/demo
  taipan head tips.csv
  taipan query \"SELECT day, avg(tip) FROM 'tips.csv' GROUP BY day\"")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Threads to compute with [default: one per core]
    #[arg(long, global = true, value_name = "N", help_heading = "Options of every command")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Working memory, such as 2GB [default: 256MiB, for queries 512MiB]
    #[arg(long, global = true, value_name = "SIZE", value_parser = size, help_heading = "Options of every command")]
    pub(crate) memory_limit: Option<usize>,
    /// Say nothing but errors
    #[arg(short, long, global = true, help_heading = "Options of every command")]
    pub(crate) quiet: bool,
    /// Say more: causes of errors and what is done; -vv says how
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet", help_heading = "Options of every command")]
    pub(crate) verbose: u8,
    /// Log from debug, info, warning or error up [default: warning]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Options of every command")]
    log_level: Option<Level>,
    /// Print help
    #[arg(short, long, global = true, action = ArgAction::HelpShort, help_heading = "Options of every command")]
    help: Option<bool>,
}

impl Global {
    /// The least level of records that are shown.
    pub(crate) fn level(&self) -> Level {
        self.log_level.unwrap_or(match (self.quiet, self.verbose) {
            (true, _) => logging::ERROR,
            (false, 0) => logging::WARNING,
            (false, 1) => logging::INFO,
            (false, _) => logging::DEBUG,
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the first rows of a file
    Head(Head),
    /// Fetch URLs, many at once
    Fetch(Fetch),
    /// Show the columns of a file: types, nulls, least and greatest values
    Schema(Schema),
    /// Check that a file is well-formed by the standard of its format
    Validate(Validate),
    /// Keep the records of a file that meet a condition
    Filter(Filter),
    /// Run SQL over files and databases
    Query(Query),
    /// Write a file anew in another format
    Convert(Convert),
    /// Import files into a database
    Import(Import),
    /// Train a model
    Train(Train),
    /// Search for a model's best parameters
    Search(Search),
    /// Judge a model by rows whose answers are known
    Evaluate(Evaluate),
    /// Predict with a trained model
    Predict(Predict),
    /// Transform rows with a trained model
    Transform(Transform),
    /// Write a trained model for other programs, as ONNX
    Export(Export),
    /// List what can be trained, with parameters
    Estimators(Estimators),
    /// Draw a plot
    Plot(Plot),
    /// Write a page about what a file holds
    Report(Summary),
    /// Copy a whole database to a file, while it is in use
    Backup(Backup),
    /// Put a copy back in the place of all that a database holds
    Restore(Restore),
    /// Import, train and draw what a folder holds, and serve it
    Serve(Serve),
    /// List what a served folder was asked to import and train anew, or stop it
    Jobs(Jobs),
    /// Bring the tables of a database to what the classes of an app file declare
    Migrate(Migrate),
    /// Check an app file
    Check(Check),
    /// List the classes of an app file, with their orders and fields
    Classes(Classes),
    /// Print completions for a shell
    Completions(Completions),
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns
    Table,
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

#[derive(Debug, Args)]
pub(crate) struct Printing {
    /// How rows are printed [default: table in a terminal, csv elsewhere; with -o by the file's name]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write CSV cells that would be formulas with a ' before them
    #[arg(long)]
    pub(crate) safe_cells: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// A number of bytes: `1000`, `256MiB`, `2GB`.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u128 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("expected a size such as 256MiB or 2GB".to_owned()),
    };
    let number: u128 = number.parse().map_err(|_| "expected a size such as 256MiB or 2GB".to_owned())?;
    match usize::try_from(number.saturating_mul(unit)) {
        Ok(bytes) if bytes >= 1 << 20 => Ok(bytes),
        Ok(_) => Err("at least 1MiB is needed".to_owned()),
        Err(_) => Err("that is more than this machine can address".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, expected) in [
            ("1048576", Some(1 << 20)),
            ("256MiB", Some(256 << 20)),
            ("2GB", Some(2_000_000_000)),
            ("2 gb", Some(2_000_000_000)),
            ("12", None),
            ("MiB", None),
            ("1.5GB", None),
            ("99999999999999999999GB", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }
}
