//! The command line, declared once: parsing, help and completions come from here.

mod learning;

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use taipan::io::Condition;
use taipan::runtime::logging::{self, Level};

use crate::output::OutputFormat;
use crate::reading::{Reading, Rejecting};

pub(crate) use learning::{Estimators, Evaluate, Export, Learning, Predict, Report, Search, Train, Transform};

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
  zcat log.json.gz | taipan filter - \"level = 'error'\" --on-error reject

A condition has = != < <= > >=, AND OR NOT, IN, BETWEEN, LIKE, ILIKE, IS NULL and parentheses.
Text stands in single quotes, names with blanks in double quotes, attributes of XML are @id.")]
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
    /// The column that identifies a row [default: integers 'id', if unique]
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

#[derive(Debug, Args)]
#[command(after_help = "\
A copy of a SQLite database is a SQLite database; one of PostgreSQL is an archive of pg_dump, which must be installed.

Examples:
  taipan backup --db demo.db -o demo-copy.db
  taipan backup --db postgres://me@localhost/shop -o shop.dump")]
pub(crate) struct Backup {
    /// The database
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: String,
    /// The file to write; it gets its name once the copy is whole and was checked
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan restore demo-copy.db --db demo.db")]
pub(crate) struct Restore {
    /// A file that `taipan backup` wrote
    pub(crate) file: PathBuf,
    /// The database; what it holds is replaced
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan plot scatter tips.csv --x total_bill --y tip --color day
  taipan plot histogram employees --db demo.db --x salary -o salaries.svg
  taipan plot box tips.csv --x day --y tip --facet sex -o tips.png
  taipan plot confusion iris.model iris.csv -o confusion.html

Tables: scatter, line, bar, histogram, density, box, violin, strip, heatmap, correlation, pair,
joint, residuals. Models: confusion, roc, precision-recall, importance, tree, pca, boundary,
residuals, learning-curve, validation-curve.")]
pub(crate) struct Plot {
    /// The kind: see below
    pub(crate) kind: String,
    /// A file, a query, a table of the database, or a model's file
    pub(crate) source: String,
    /// The rows that a model is drawn of
    pub(crate) rows: Option<String>,
    /// Column of the horizontal axis
    #[arg(long, value_name = "COLUMN")]
    pub(crate) x: Option<String>,
    /// Column of the vertical axis
    #[arg(long, value_name = "COLUMN")]
    pub(crate) y: Option<String>,
    /// Column that colours the marks; a heatmap shows its mean
    #[arg(long, value_name = "COLUMN")]
    pub(crate) color: Option<String>,
    /// Column that gives points their size
    #[arg(long, value_name = "COLUMN")]
    pub(crate) size: Option<String>,
    /// Column that gives points their marker, or lines their dash
    #[arg(long, value_name = "COLUMN")]
    pub(crate) style: Option<String>,
    /// Column whose values get a panel each
    #[arg(long, value_name = "COLUMN")]
    pub(crate) facet: Option<String>,
    /// Columns of a correlation or pair plot [default: all numbers]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Title above the picture
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Draw the least-squares line of a scatter
    #[arg(long)]
    pub(crate) fit: bool,
    /// Show x by its logarithm
    #[arg(long)]
    pub(crate) log_x: bool,
    /// Show y by its logarithm
    #[arg(long)]
    pub(crate) log_y: bool,
    /// The number of a histogram's bars
    #[arg(long, value_name = "N")]
    pub(crate) bins: Option<usize>,
    /// What a validation curve varies, such as max_depth=1,2,3
    #[arg(long, value_name = "NAME=VALUES", value_parser = pair)]
    pub(crate) parameter: Option<(String, String)>,
    /// Colours for a light or a dark page, or for print
    #[arg(long, value_enum, default_value_t = Theme::Light)]
    pub(crate) theme: Theme,
    /// Width in pixels
    #[arg(long, value_name = "PIXELS")]
    pub(crate) width: Option<u32>,
    /// Height in pixels
    #[arg(long, value_name = "PIXELS")]
    pub(crate) height: Option<u32>,
    /// Pixels of a PNG to one of the picture
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0)]
    pub(crate) scale: f64,
    /// The database whose tables may be named
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    /// Write a .svg, .png or .html file; '-' prints SVG [default: the terminal]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan report tips.csv -o tips.html
  taipan report flights.csv.gz -o flights.html --null NA")]
pub(crate) struct Summary {
    /// A file, a URL, or '-' for standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// The page to write; '-' is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// The page that a plot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Theme {
    /// A light page
    Light,
    /// A dark page
    Dark,
    /// Paper
    Print,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan serve examples/demo
  taipan serve tips.csv houses.csv --port 9000
  taipan serve --db employees.db
  taipan serve . --host 0.0.0.0 --port 443 --tls-cert data.pem --tls-key data.key
  taipan serve . --dev

Beyond loopback nothing is shown without a login, unless --read public. The folder's templates/ go before the program's
own, and its static/ is served to everybody. Behind a proxy, name it by --proxy and its host by --allow-host.")]
pub(crate) struct Serve {
    /// A folder, an app file, a database, or data files
    #[arg(required_unless_present = "db")]
    pub(crate) inputs: Vec<PathBuf>,
    /// The database instead of the app file's
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8787)]
    pub(crate) port: u16,
    /// Import and train everything again, whether it changed or not
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Who may read [default: public on loopback, else user]
    #[arg(long, value_enum)]
    pub(crate) read: Option<Reach>,
    /// Who may write [default: user]
    #[arg(long, value_enum)]
    pub(crate) write: Option<Reach>,
    /// A host name to answer to, besides this machine's and the certificate's (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// A proxy in front to believe about its clients: an address or network (repeatable)
    #[arg(long, value_name = "NETWORK")]
    pub(crate) proxy: Vec<String>,
    /// Speak TLS with this chain of certificates (PEM), read again when it is renewed
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Follow the app file, data, templates and static files, and refresh open pages
    #[arg(long)]
    pub(crate) dev: bool,
}

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reach {
    /// Everybody who reaches the server
    Public,
    /// Whoever logs in, or sends a token; to write, those in the group staff
    User,
    /// Nobody
    Nobody,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Jobs are asked for on the page /admin/jobs, or by POST /jobs with {\"kind\": \"refresh\"}.

Examples:
  taipan jobs examples/demo
  taipan jobs examples/demo --state failed
  taipan jobs examples/demo --cancel 12")]
pub(crate) struct Jobs {
    /// The folder that is served, or its app file
    pub(crate) app: PathBuf,
    /// The database instead of the app file's
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    /// Only those that are waiting, running, done, failed or cancelled
    #[arg(long, value_name = "STATE", conflicts_with = "cancel")]
    pub(crate) state: Option<String>,
    /// The most that are listed, the latest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// Stop this one
    #[arg(long, value_name = "JOB")]
    pub(crate) cancel: Option<u64>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub(crate) format: Report,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan migrate shop --plan
  taipan migrate shop --db postgres://me@localhost/shop
  taipan migrate shop --allow employees.salary")]
pub(crate) struct Migrate {
    /// An app file, or its folder
    pub(crate) app: PathBuf,
    /// The database instead of the app file's
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    /// Only show the steps, with their SQL
    #[arg(long)]
    pub(crate) plan: bool,
    /// What may be lost: a table, or a field as TABLE.FIELD; may be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "plan")]
    pub(crate) allow: Vec<String>,
    /// How the steps are printed
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub(crate) format: Report,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan check examples/demo/taipan.toml
  taipan check examples/demo")]
pub(crate) struct Check {
    /// An app file, or its folder
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan classes examples/demo
  taipan classes taipan.toml --format json")]
pub(crate) struct Classes {
    /// An app file, or its folder
    pub(crate) app: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub(crate) format: Report,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan completions bash > ~/.local/share/bash-completion/completions/taipan
  taipan completions zsh > ~/.zfunc/_taipan")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
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
    fn seconds_are_read() {
        for (text, expected) in
            [("10", Some(10.0)), ("0.5", Some(0.5)), ("0", None), ("-1", None), ("x", None), ("1e99", None)]
        {
            assert_eq!(seconds(text).ok().map(|seconds| seconds.as_secs_f64()), expected, "{text}");
        }
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
