//! Arguments of the commands that read files and URLs.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use taipan::io::Condition;

use super::{Format, Printing, size};
use crate::output::OutputFormat;
use crate::reading::{Reading, Rejecting};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan head tips.csv
  taipan head -n 20 products.json --format ndjson
  taipan head https://example.org/data.csv.gz
  zcat log.csv.gz | taipan head -")]
pub(crate) struct Head {
    /// A file, a URL, - for standard input, or a folder or pattern of files that are read as one
    pub(crate) file: PathBuf,
    /// How many rows
    #[arg(short = 'n', long = "rows", value_name = "N", default_value_t = 5)]
    pub(crate) rows: usize,
    #[command(flatten)]
    pub(crate) printing: Printing,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
#[command(after_help = "\
For each URL its status, bytes, time and error are printed, in the order given. One that fails stops no other, and makes
the exit code 1. Without -o and --ndjson the content is counted and thrown away.

Examples:
  taipan fetch https://example.org/a.csv https://example.org/b.csv -o downloads
  taipan fetch --from-file urls.txt --ndjson pages.ndjson --concurrency 200 --per-host 20
  taipan fetch --from-file urls.txt --polite -o pages")]
pub(crate) struct Fetch {
    /// What to fetch
    #[arg(value_name = "URL", required_unless_present = "from_file")]
    pub(crate) urls: Vec<String>,
    /// A file with a URL on each line (- for standard input); blank lines and lines that begin with # are left out
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
    /// Write each content to a file in this folder, named as its URL ends
    #[arg(short, long, value_name = "FOLDER", conflicts_with = "ndjson")]
    pub(crate) output: Option<PathBuf>,
    /// Write one line of JSON for each URL, content included, to a file (- for standard output)
    #[arg(long, value_name = "FILE")]
    pub(crate) ndjson: Option<PathBuf>,
    /// How the report is printed [default: table in a terminal, csv elsewhere]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// How many at once
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) concurrency: NonZeroUsize,
    /// How many at once from one host
    #[arg(long, value_name = "N", default_value = "8")]
    pub(crate) per_host: NonZeroUsize,
    /// How often to try again after 429, 5xx, a timeout or a broken connection
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) retries: u32,
    /// Seconds that connecting may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) connect_timeout: Duration,
    /// Seconds that one URL may take, all attempts together
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// The largest content, such as 100MiB or 2GB
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub(crate) max_size: usize,
    /// Do as each site's robots.txt asks
    #[arg(long)]
    pub(crate) polite: bool,
    /// Refuse addresses that are not public, also behind names and redirects
    #[arg(long)]
    pub(crate) public_only: bool,
    /// The name to go by
    #[arg(long, value_name = "NAME")]
    pub(crate) user_agent: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan schema tips.csv
  taipan schema orders.xml --record order --format json -o schema.json")]
pub(crate) struct Schema {
    /// A file, a URL, - for standard input, or a folder or pattern of files that are read as one
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) printing: Printing,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan validate orders.xml
  taipan validate events.ndjson --all")]
pub(crate) struct Validate {
    /// A CSV, JSON or XML file, a URL, or - for standard input
    pub(crate) file: PathBuf,
    /// Tell each fault, not the first one only
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan filter events.ndjson \"value > 100 AND user.country = 'DE'\" -o large.ndjson
  taipan filter flights.csv \"dep_delay > 60 AND carrier IN ('UA', 'DL')\" -o late.json

Conditions have = != < <= > >= AND OR NOT IN BETWEEN LIKE ILIKE IS NULL, 'text', \"a name\", @attribute and ().")]
pub(crate) struct Filter {
    /// A file, a URL, - for standard input, or a folder or pattern of files that are read as one
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// What a record must meet to be kept
    #[arg(value_parser = condition)]
    pub(crate) condition: Condition,
    /// Write to a file, which appears when it is whole, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The format to write [default: told by the name of FILE, else that of IN]
    #[arg(long, value_enum)]
    pub(crate) format: Option<OutputFormat>,
    /// Write CSV cells that a spreadsheet would take for formulas with a ' before them
    #[arg(long)]
    pub(crate) safe_cells: bool,
    /// Where rejected records are written [default: FILE.rejects.ndjson]
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) rejecting: Rejecting,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan query \"SELECT day, avg(tip) FROM 'tips.csv' GROUP BY day ORDER BY 2 DESC\"
  taipan query \"SELECT * FROM employees WHERE salary > 100000\" --db demo.db -o rich.csv
  taipan query \"SELECT title FROM read('feed.xml', 'record=channel/item')\"

read('FILE', 'OPTION=VALUE', …) takes the options below without their dashes; given as flags they hold for all files.")]
pub(crate) struct Query {
    /// One SELECT; files are named in quotes, tables of the database by name
    pub(crate) sql: String,
    /// The database whose tables may be named
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    #[command(flatten)]
    pub(crate) printing: Printing,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan convert flights.csv flights.parquet
  taipan convert feed.xml feed.ndjson --record channel/item --on-error reject
  zcat log.gz | taipan convert - log.parquet --input-format csv --column code:text")]
pub(crate) struct Convert {
    /// A file, a URL, - for standard input, or a folder or pattern of files that are read as one
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The file to write, which appears when it is whole, or - for standard output
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// The format to write [default: told by the name of OUT]
    #[arg(long, value_enum)]
    pub(crate) format: Option<OutputFormat>,
    /// Write CSV cells that a spreadsheet would take for formulas with a ' before them
    #[arg(long)]
    pub(crate) safe_cells: bool,
    /// Where rejected records are written [default: OUT.rejects.ndjson]
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) rejecting: Rejecting,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan import examples/demo/*.csv --db demo.db
  taipan import 'sales/*.csv' --db demo.db --table sales --on-drift add
  taipan import events.ndjson.gz --db demo.db --on-error reject --checkpoint 100000

Each file is imported once, whole or not at all; with --checkpoint the same command goes on.")]
pub(crate) struct Import {
    /// Files, patterns, folders or URLs, or - for standard input
    #[arg(required = true)]
    pub(crate) inputs: Vec<String>,
    /// The database, made when it is not there
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: String,
    /// The table, added to if it is there [default: one for each file]
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// A row's key [default: unique integers 'id'; none with --checkpoint]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) primary_key: Option<String>,
    /// A column to index; may be repeated
    #[arg(long, value_name = "COLUMN")]
    pub(crate) index: Vec<String>,
    /// Replace the table, whatever it came from
    #[arg(long)]
    pub(crate) replace: bool,
    /// Columns that the table lacks: fail, add or ignore
    #[arg(long, value_enum, value_name = "ACTION", default_value = "fail", hide_possible_values = true)]
    pub(crate) on_drift: OnDrift,
    /// Commit after every N rows, to go on from there if interrupted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) checkpoint: Option<u64>,
    /// Where rejected records are written [default: TABLE.rejects.ndjson]
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) rejecting: Rejecting,
}

/// What is done about columns that a table lacks, or that its file lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnDrift {
    /// End with an error
    Fail,
    /// Add the table's missing columns
    Add,
    /// Leave out the file's new columns
    Ignore,
}

/// A number of seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|seconds| !seconds.is_zero()).ok_or_else(|| "expected a number of seconds above 0".to_owned())
}

/// A condition, or what is wrong with it and where.
fn condition(text: &str) -> Result<Condition, String> {
    Condition::parse(text).map_err(|error| {
        let marked = error.marked().replace('\n', "\n  ");
        let hint = error.hint().map_or_else(String::new, |hint| format!("\n\n  hint: {hint}"));
        format!("{error}\n\n  {marked}{hint}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read() {
        for (text, expected) in
            [("10", Some(10.0)), ("0.5", Some(0.5)), ("0", None), ("-1", None), ("x", None), ("1e99", None)]
        {
            assert_eq!(seconds(text).ok().map(|seconds| seconds.as_secs_f64()), expected, "{text}");
        }
    }
}
