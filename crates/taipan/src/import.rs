//! Data files into database tables: all rows of a file or none, and only when the file changed.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::Path;
use std::time::{Instant, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use taipan_io::{ErrorKind as InputErrorKind, Input, ReadOptions, table_name};
use taipan_store::{ErrorKind as StoreErrorKind, Mode, Origin, Store, WriteError, WriteOptions};

use crate::error::{Error, Result};

/// Which table of the same name an import may replace, when the file's content or the options changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Replace {
    /// The one that the same file made.
    #[default]
    SameFile,
    /// One that any file made.
    Imported,
    /// Any table.
    Any,
}

/// How a file becomes a table.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    table: Option<String>,
    primary_key: Option<String>,
    indexes: Vec<String>,
    replace: Replace,
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

    /// Which table of the same name may be replaced.
    #[must_use]
    pub fn replace(mut self, replace: Replace) -> Self {
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
    let fingerprint = Fingerprint::of(path, options)?;
    let before = replaceable(store, &table, &source, &fingerprint, options.replace)?;
    if let (Some(Existing { origin: Some(origin) }), false) = (&before, options.again)
        && fingerprint.matches(&origin.fingerprint, path)?
    {
        let columns = store.table(&table)?.columns.len();
        let seconds = started.elapsed().as_secs_f64();
        return Ok(Imported { table, source, rows: origin.rows, columns, outcome: Outcome::Unchanged, seconds });
    }

    // The content's hash is taken before the content is read: of a file that changes meanwhile, the next import sees it.
    let content = fingerprint.with_content(path)?;
    let mut input = Input::open(path, &ReadOptions::default())?;
    let mut keys = keys_to_try(&input, options);
    let mut settled = false;
    let rows = loop {
        let options = WriteOptions {
            mode: if before.is_some() { Mode::Replace } else { Mode::Create },
            primary_key: keys.last().cloned().flatten(),
            indexes: options.indexes.clone(),
            origin: Some(Origin {
                source: source.clone(),
                fingerprint: content.clone(),
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
                // One pass over the file finds every type that its first megabytes did not show.
                InputErrorKind::Misfit(_) if !settled => {
                    input = input.settled(None)?;
                    settled = true;
                }
                _ => return Err(error.into()),
            },
            Err(WriteError::Store(error)) => match error.kind() {
                // The key was only a guess; the table does without.
                StoreErrorKind::Constraint { .. } if keys.len() > 1 => {
                    keys.pop();
                }
                StoreErrorKind::Constraint { .. }
                | StoreErrorKind::InvalidName { .. }
                | StoreErrorKind::InvalidValue { .. }
                | StoreErrorKind::UnknownColumn { .. } => return Err(Error::invalid(format!("{source}: {error}"))),
                _ => return Err(error.into()),
            },
        }
    };
    let columns = input.schema().fields().len();
    Ok(Imported { table, source, rows, columns, outcome: Outcome::Done, seconds: started.elapsed().as_secs_f64() })
}

/// The table of this name that the import replaces.
struct Existing {
    /// Where it came from, if from a file.
    origin: Option<Origin>,
}

/// The table to replace, or nothing when there is none of this name.
///
/// Errors when there is one that may not be replaced.
fn replaceable(
    store: &Store,
    table: &str,
    source: &str,
    fingerprint: &Fingerprint,
    replace: Replace,
) -> Result<Option<Existing>> {
    let folded = table.to_lowercase();
    let tables = store.tables()?;
    let Some(known) = tables.iter().find(|known| known.name.to_lowercase() == folded) else { return Ok(None) };
    let refused = |what: String| {
        Err(Error::invalid(format!("{source}: the table '{}' {what}", known.name))
            .with_hint("give another name with --table, or replace it with --replace"))
    };
    if known.name != table {
        return Err(Error::invalid(format!("{source}: the tables '{}' and '{table}' differ only in case", known.name))
            .with_hint("give another name with --table"));
    }
    match (store.origin(table)?, replace) {
        (None, Replace::Any) => Ok(Some(Existing { origin: None })),
        (None, _) => refused("exists and was not imported from a file".to_owned()),
        (Some(origin), Replace::SameFile) if !fingerprint.same_file(&origin.fingerprint) => {
            refused(format!("was imported from another file, {}", origin.source))
        }
        (Some(origin), _) => Ok(Some(Existing { origin: Some(origin) })),
    }
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

/// What decides whether a file must be read again: which file, how, its size and times, else its content.
struct Fingerprint {
    options: String,
    file: String,
    stamp: String,
}

impl Fingerprint {
    fn of(path: &Path, options: &ImportOptions) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
        let whole = path.canonicalize().map_err(|error| Error::io(path, error))?;
        let keys = format!("{:?} {:?}", options.primary_key, options.indexes);
        Ok(Self {
            options: short_hash(keys.as_bytes()),
            file: short_hash(whole.as_os_str().as_encoded_bytes()),
            stamp: stamp(&metadata),
        })
    }

    fn with_content(&self, path: &Path) -> Result<String> {
        Ok(format!("{} {} {} {}", self.options, self.file, self.stamp, content_hash(path)?))
    }

    fn same_file(&self, before: &str) -> bool {
        before.split(' ').nth(1) == Some(&self.file)
    }

    fn matches(&self, before: &str, path: &Path) -> Result<bool> {
        let mut parts = before.split(' ');
        let (options, file, stamp, content) = (parts.next(), parts.next(), parts.next(), parts.next());
        if options != Some(&self.options) {
            return Ok(false);
        }
        let untouched = file == Some(&self.file) && stamp == Some(&self.stamp);
        Ok(untouched || content == Some(&content_hash(path)?))
    }
}

/// Size and times. The time of the last change to the file's entry cannot be set back, as that of its content can.
fn stamp(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |time| time.as_nanos());
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        format!("{}.{}", metadata.ctime(), metadata.ctime_nsec())
    };
    #[cfg(not(unix))]
    let changed = "";
    format!("{}-{modified}-{changed}", metadata.len())
}

fn short_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
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
