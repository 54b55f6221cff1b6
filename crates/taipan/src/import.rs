//! Data files into database tables: all rows of a file or none, and only when the file changed.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::{Instant, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use taipan_io::{ErrorKind as InputErrorKind, Input, ReadOptions, table_name};
use taipan_store::{ErrorKind as StoreErrorKind, Mode, Origin, Store, WriteError, WriteOptions};

use crate::error::{Error, Result};

/// How a file becomes a table.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    table: Option<String>,
    primary_key: Option<String>,
    indexes: Vec<String>,
    replace: bool,
    again: bool,
}

impl ImportOptions {
    /// The table's name; made from the file's name when absent.
    #[must_use]
    pub fn table(mut self, name: Option<String>) -> Self {
        self.table = name;
        self
    }

    /// The column that identifies a row. When absent, an integer column `id` without repeats is taken.
    #[must_use]
    pub fn primary_key(mut self, column: Option<String>) -> Self {
        self.primary_key = column;
        self
    }

    /// Columns to index.
    #[must_use]
    pub fn indexes(mut self, columns: Vec<String>) -> Self {
        self.indexes = columns;
        self
    }

    /// Replaces a table of the same name even if it was not made from a file.
    #[must_use]
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    /// Imports even when the file has not changed.
    #[must_use]
    pub fn again(mut self, again: bool) -> Self {
        self.again = again;
        self
    }
}

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The table.
    pub table: String,
    /// The file, as the user named it.
    pub source: String,
    /// Rows of the table that came from it.
    pub rows: u64,
    /// Columns of the table.
    pub columns: usize,
    /// Whether the file had to be read.
    pub outcome: Outcome,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Whether a step had to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// Its result was there already, made from the same input.
    Unchanged,
}

/// Imports one file into `store`, in one transaction.
///
/// A table that an earlier import made is replaced when the file's content or the options changed, and left
/// alone otherwise. `progress` is called with the bytes read so far and the file's length.
///
/// Errors name the file and line; the table is then as it was before.
pub fn import_file(
    store: &Store,
    path: &Path,
    options: &ImportOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Imported> {
    let started = Instant::now();
    let table = options.table.clone().unwrap_or_else(|| table_name(path));
    let source = path.display().to_string();
    let before = store.origin(&table)?;
    let exists = store.tables()?.iter().any(|known| known.name.eq_ignore_ascii_case(&table));
    if exists && before.is_none() && !options.replace {
        let error = Error::invalid(format!("{source}: the table '{table}' exists and was not imported from a file"));
        return Err(error.with_hint("give another name with --table, or replace it with --replace"));
    }
    let fingerprint = Fingerprint::of(path, options)?;
    if let (true, false, Some(origin)) = (exists, options.again, &before)
        && fingerprint.matches(&origin.fingerprint, path)?
    {
        let columns = store.table(&table)?.columns.len();
        return Ok(Imported {
            table,
            source,
            rows: origin.rows,
            columns,
            outcome: Outcome::Unchanged,
            seconds: started.elapsed().as_secs_f64(),
        });
    }

    let mut input = Input::open(path, &ReadOptions::default())?;
    let mut keys = keys_to_try(&input, options);
    let fingerprint = fingerprint.with_content(path)?;
    let rows = loop {
        let options = WriteOptions {
            mode: if exists { Mode::Replace } else { Mode::Create },
            primary_key: keys.last().cloned().flatten(),
            indexes: options.indexes.clone(),
            origin: Some(Origin {
                source: source.clone(),
                fingerprint: fingerprint.clone(),
                rows: 0,
                imported_at: String::new(),
            }),
        };
        let total = input.len_bytes().unwrap_or(0);
        let mut batches = input.batches(None)?;
        let batches = std::iter::from_fn(|| {
            let next = batches.next();
            progress(batches.bytes_read(), total);
            next
        });
        match store.write_table(&table, input.schema(), &options, batches) {
            Ok(rows) => break rows,
            Err(WriteError::Input(error)) => match error.kind() {
                InputErrorKind::Misfit(misfit) => input = input.widen(misfit),
                _ => return Err(error.into()),
            },
            Err(WriteError::Store(error)) => match error.kind() {
                // The key was only a guess; the table does without.
                StoreErrorKind::Constraint { .. } if keys.len() > 1 => {
                    keys.pop();
                }
                _ => return Err(error.into()),
            },
        }
    };
    let columns = input.schema().fields().len();
    Ok(Imported { table, source, rows, columns, outcome: Outcome::Done, seconds: started.elapsed().as_secs_f64() })
}

/// Primary keys to try, the last one first: the one that was asked for, or a guess that may prove wrong.
fn keys_to_try(input: &Input, options: &ImportOptions) -> Vec<Option<String>> {
    if options.primary_key.is_some() {
        return vec![options.primary_key.clone()];
    }
    let mut fields = input.schema().fields().iter();
    match fields.find(|field| field.name().eq_ignore_ascii_case("id") && field.data_type().is_integer()) {
        Some(field) => vec![None, Some(field.name().clone())],
        None => vec![None],
    }
}

/// What decides whether a file must be read again: its size and time, else its content, and the options.
struct Fingerprint {
    stamp: String,
    options: String,
}

impl Fingerprint {
    fn of(path: &Path, options: &ImportOptions) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let stamp = format!("{}-{}", metadata.len(), modified.map_or(0, |time| time.as_nanos()));
        let keys = format!("{:?} {:?}", options.primary_key, options.indexes);
        let options = hex(&Sha256::digest(keys.as_bytes()))[..16].to_owned();
        Ok(Self { stamp, options })
    }

    fn with_content(&self, path: &Path) -> Result<String> {
        Ok(format!("{} {} {}", self.options, self.stamp, content_hash(path)?))
    }

    fn matches(&self, before: &str, path: &Path) -> Result<bool> {
        let mut parts = before.split(' ');
        let (options, stamp, content) = (parts.next(), parts.next(), parts.next());
        if options != Some(&self.options) {
            return Ok(false);
        }
        Ok(stamp == Some(&self.stamp) || content == Some(&content_hash(path)?))
    }
}

/// SHA-256 of a file's bytes, in hexadecimal.
fn content_hash(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(|error| Error::io(path, error))? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
