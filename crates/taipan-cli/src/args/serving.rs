//! Arguments of the commands that serve an application and look after its database.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Report;

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
    /// Write a line of JSON about each request to standard error
    #[arg(long)]
    pub(crate) access_log: bool,
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
