//! Data files into database tables: all rows of a file or none, or so many at a time from where the last run ended, and
//! only when the file changed.

mod columns;
mod fingerprint;
mod ledger;
mod reader;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow::record_batch::RecordBatch;
use taipan_io::{ErrorKind as InputErrorKind, Input, ReadOptions, RejectFile, table_name};
use taipan_runtime::CancelToken;
use taipan_store::{ErrorKind as StoreErrorKind, Kept, Mode, NewColumns, Store, WriteError, WriteOptions};

use self::columns::Columns;
use self::fingerprint::Fingerprint;
pub(crate) use self::fingerprint::hex;
use self::ledger::{Reached, Refusal, Step, Target, Task};
use self::reader::{Progress, Reader, Rejects, Watch};
use crate::error::{Error, Result};

/// What an import does with a table of the same name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Existing {
    /// Replaces it if the same file made it, and the file's content or the options changed.
    #[default]
    ReplaceOwn,
    /// Replaces it if any file made it.
    ReplaceImported,
    /// Replaces it, whatever made it.
    ReplaceAny,
    /// Adds the file's rows to it, if they are not there already. A table that the same file made alone is replaced when
    /// the file changed.
    Add,
}

/// What an import does about a file whose columns are not those of the table that it is added to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Drift {
    /// It ends with an error. Only records of JSON and XML may lack columns.
    #[default]
    Fail,
    /// It adds the columns that the table lacks, and leaves null what the file lacks.
    Add,
    /// It leaves out the columns that the table lacks, and leaves null what the file lacks.
    Ignore,
}

/// How a file becomes a table.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    table: Option<String>,
    primary_key: Option<String>,
    keyless: bool,
    indexes: Vec<String>,
    existing: Existing,
    again: bool,
    reading: ReadOptions,
    drift: Drift,
    checkpoint: Option<u64>,
    rejects: Option<PathBuf>,
    stop: CancelToken,
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

    /// Takes no column for the key by its name, as rows of other files are to follow whose values of it may be the same.
    #[must_use]
    pub fn keyless(mut self, keyless: bool) -> Self {
        self.keyless = keyless;
        self
    }

    /// Columns to index.
    #[must_use]
    pub fn indexes(mut self, columns: Vec<String>) -> Self {
        self.indexes = columns;
        self
    }

    /// What is done with a table of the same name.
    #[must_use]
    pub fn existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// Imports even when the file has not changed.
    #[must_use]
    pub fn again(mut self, again: bool) -> Self {
        self.again = again;
        self
    }

    /// How the file is read, and what is done about bad records.
    #[must_use]
    pub fn reading(mut self, options: ReadOptions) -> Self {
        self.reading = options;
        self
    }

    /// What is done about columns that are not those of a table which is there.
    #[must_use]
    pub fn drift(mut self, drift: Drift) -> Self {
        self.drift = drift;
        self
    }

    /// Commits after every so many rows, instead of after the last one. If the import is cut short, the same one goes on
    /// behind the last commit: no row is lost, none comes twice. Only for files, which can be read again.
    #[must_use]
    pub fn checkpoint(mut self, rows: Option<u64>) -> Self {
        self.checkpoint = rows.map(|rows| rows.max(1));
        self
    }

    /// Where rejected records are written, else to `TABLE.rejects.ndjson` in the current folder.
    #[must_use]
    pub fn rejects(mut self, path: Option<PathBuf>) -> Self {
        self.rejects = path;
        self
    }

    /// Ends the import before its next rows once the token is cancelled: with an error, and the table as it was before, or
    /// at the last checkpoint.
    #[must_use]
    pub fn stop(mut self, token: CancelToken) -> Self {
        self.stop = token;
        self
    }

    /// What of the options for reading decides what is read.
    fn reading_key(&self) -> impl std::fmt::Debug {
        self.reading.clone().memory_limit(0)
    }
}

impl Existing {
    /// Whether a table that one file made may be replaced, `alone` being whether this file made it.
    fn replaces(self, alone: bool) -> bool {
        alone || matches!(self, Self::ReplaceImported | Self::ReplaceAny)
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
    /// Records of it that were rejected.
    pub rejects: u64,
    /// Where these were written, if there are any.
    pub rejected_to: Option<PathBuf>,
    /// Rows that an earlier import had committed, which this one went on from.
    pub resumed: u64,
    /// Columns of the table.
    pub columns: usize,
    /// Columns that the table got for it.
    pub added: Vec<String>,
    /// Columns of it that were left out.
    pub left_out: Vec<String>,
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
    /// There is nothing yet to do it with.
    Waiting,
}

/// Imports one file into `store`, in one transaction, or in several that go on from one another with
/// [`ImportOptions::checkpoint`].
///
/// A file that was imported before in the same way is left alone. Where bad records are rejected, they are written to a
/// file that takes its place just before the rows are committed. `progress` is called with the bytes read so far and the
/// file's length.
///
/// Errors name the file and line; the table is then as it was before, or at the last checkpoint.
pub fn import_file(
    store: &Store,
    path: &Path,
    options: &ImportOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Imported> {
    let started = Instant::now();
    let table = options.table.clone().unwrap_or_else(|| table_name(path));
    let fingerprint = Fingerprint::of(path, options)?;
    if options.checkpoint.is_some() && !fingerprint.is_file {
        let message = format!("{}: cannot be read again from a checkpoint", path.display());
        return Err(Error::invalid(message).with_hint("--checkpoint is for files"));
    }
    let mut imported = Imported {
        table: table.clone(),
        source: path.display().to_string(),
        rows: 0,
        rejects: 0,
        rejected_to: None,
        resumed: 0,
        columns: 0,
        added: Vec::new(),
        left_out: Vec::new(),
        outcome: Outcome::Unchanged,
        seconds: 0.0,
    };
    match Step::plan(store, &table, path, &fingerprint, options)? {
        Step::Unchanged(rows) => imported.rows = rows,
        Step::Write(task) => {
            imported.outcome = Outcome::Done;
            imported.resumed = task.done;
            Import { store, path, table: &table, options, task: *task, progress }.run(&mut imported)?;
        }
    }
    imported.columns = store.table(&table)?.columns.len();
    imported.seconds = started.elapsed().as_secs_f64();
    Ok(imported)
}

/// A file on its way into a table.
struct Import<'a> {
    store: &'a Store,
    path: &'a Path,
    table: &'a str,
    options: &'a ImportOptions,
    task: Task,
    progress: Progress<'a>,
}

impl Import<'_> {
    fn run(&self, imported: &mut Imported) -> Result<()> {
        let mut input = Input::open(self.path, &self.options.reading)?;
        let mut keys = self.keys_to_try(&input);
        let mut settled = input.is_settled();
        if self.options.checkpoint.is_some() && !settled {
            // Rows that were committed cannot be taken back when a type turns out too narrow.
            input = self.columns(&input)?.input.settled(None)?;
            settled = true;
        }
        loop {
            let mut columns = self.columns(&input)?;
            if settled && keys.len() == 1 {
                // Of a stream nothing needs to be kept.
                columns.input = columns.input.read_once();
            }
            let rejects = self.rejects();
            let key = Key { name: keys.last().cloned().flatten(), is_guess: keys.len() > 1 };
            let written = match self.options.checkpoint {
                None => self.write_whole(&columns, &key, &rejects),
                Some(rows) => self.write_pieces(&columns, &key, rows, &rejects),
            };
            match written {
                Ok(rows) => {
                    imported.rows = rows;
                    imported.rejects = rejects.count();
                    imported.rejected_to = (rejects.count() > 0).then(|| rejects.path.clone());
                    (imported.added, imported.left_out) = (columns.added, columns.left_out);
                    return Ok(());
                }
                // The reading ended for it, with an error that says less.
                Err(WriteError::Input(_)) if self.options.stop.is_cancelled() => self.options.stop.check()?,
                Err(WriteError::Input(error)) => match error.kind() {
                    // One pass over the file finds every type that its first megabytes did not show.
                    InputErrorKind::Misfit(_) if !settled => {
                        input = columns.input.settled(None)?;
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
                    | StoreErrorKind::UnknownColumn { .. } => {
                        return Err(Error::invalid(format!("{}: {error}", self.path.display())));
                    }
                    _ => return Err(error.into()),
                },
            }
        }
    }

    /// The file's columns as those of the table.
    fn columns(&self, input: &Input) -> Result<Columns> {
        match &self.task.target {
            Target::Existing(table) => Columns::of_table(input, table, self.options.drift),
            Target::New | Target::Replaced => Ok(Columns::all(input)),
        }
    }

    /// Primary keys to try, the last one first: the one that was asked for, or a guess that may prove wrong, where what
    /// was written then can be taken back.
    fn keys_to_try(&self, input: &Input) -> Vec<Option<String>> {
        if self.options.primary_key.is_some() {
            return vec![self.options.primary_key.clone()];
        }
        let guesses = self.options.checkpoint.is_none()
            && !self.options.keyless
            && !matches!(self.task.target, Target::Existing(_));
        let mut fields = input.schema().fields().iter();
        let id = fields.find(|field| field.name().eq_ignore_ascii_case("id") && field.data_type().is_integer());
        match id.filter(|_| guesses) {
            Some(field) => vec![None, Some(field.name().clone())],
            None => vec![None],
        }
    }

    /// Rejects of other files stay where these share a table.
    fn rejects(&self) -> Rejects {
        let path = self.options.rejects.clone();
        let file = path.map_or_else(|| RejectFile::beside(Path::new(self.table)), RejectFile::at);
        Rejects::new(match self.task.target {
            Target::Existing(_) => file.only_of(self.path.display().to_string()),
            Target::New | Target::Replaced => file,
        })
    }

    fn watch(&self) -> Watch<'_> {
        Watch { progress: self.progress, stop: &self.options.stop }
    }

    fn mode(&self) -> Mode {
        match self.task.target {
            Target::New => Mode::Create,
            Target::Replaced => Mode::Replace,
            Target::Existing(_) => Mode::Append,
        }
    }

    fn write_options(&self, mode: Mode, key: Option<&Key>) -> WriteOptions {
        let new_columns = if self.options.drift == Drift::Add { NewColumns::Add } else { NewColumns::Refuse };
        let primary_key = key.and_then(|key| key.name.clone());
        WriteOptions { primary_key, ..WriteOptions::default().mode(mode).new_columns(new_columns) }
    }

    /// All rows in one transaction.
    fn write_whole(&self, columns: &Columns, key: &Key, rejects: &Rejects) -> Written {
        let reader = Reader::new(columns, (0, &[]), rejects, self.watch()).map_err(WriteError::Input)?;
        let indexes = self.options.indexes.clone();
        let options = WriteOptions { indexes, ..self.write_options(self.mode(), Some(key)) };
        let keep = |rows, _: &[Refusal]| {
            rejects.commit()?;
            Ok(self.task.kept(Reached { rows, seen: reader.seen(), pieces: 0, whole: true }))
        };
        self.write_rows(columns, &options, key, (&reader, u64::MAX), keep)
    }

    /// So many rows in each transaction, with what is recorded of them, and then the end.
    fn write_pieces(&self, columns: &Columns, key: &Key, size: u64, rejects: &Rejects) -> Written {
        let (mut done, mut pieces) = (self.task.done, self.task.pieces);
        let before = (self.task.seen, &*self.task.refused);
        let reader = Reader::new(columns, before, rejects, self.watch()).map_err(WriteError::Input)?;
        let mut mode = self.mode();
        while !reader.has_ended() {
            let options = self.write_options(mode, Some(key));
            let keep = |rows, refused: &[Refusal]| {
                let mut kept_refused = None;
                if !refused.is_empty() {
                    kept_refused = Some(self.task.kept_refused(pieces, refused));
                    pieces += 1;
                }
                let reached = Reached { rows: done + rows, seen: reader.seen(), pieces, whole: false };
                let mut kept = self.task.kept(reached);
                kept.artifacts.extend(kept_refused);
                Ok(kept)
            };
            done += self.write_rows(columns, &options, key, (&reader, size), keep)?;
            mode = Mode::Append;
        }
        let indexes = self.options.indexes.clone();
        let options = WriteOptions { indexes, ..self.write_options(Mode::Append, None) };
        let none = std::iter::empty::<taipan_io::Result<RecordBatch>>();
        self.store.write_table_and_keep(self.table, &columns.schema, &options, none, |_| {
            rejects.commit()?;
            Ok(self.task.kept(Reached { rows: done, seen: reader.seen(), pieces: 0, whole: true }))
        })?;
        // The table is whole; what is left behind is in nobody's way.
        let _ = self.task.forget_refused(self.store, pieces);
        Ok(done)
    }

    /// At most so many rows in one transaction; those that the database refuses are rejects, if bad records are. `keep` is
    /// told the rows written, and those refused.
    fn write_rows(
        &self,
        columns: &Columns,
        options: &WriteOptions,
        key: &Key,
        (reader, most): (&Reader, u64),
        keep: impl FnOnce(u64, &[Refusal]) -> taipan_io::Result<Kept>,
    ) -> Written {
        let (schema, rows) = (&columns.schema, reader.take(most));
        if !columns.input.sets_aside() {
            return self.store.write_table_and_keep(self.table, schema, options, rows, |rows| keep(rows, &[]));
        }
        let refused = RefCell::new(Vec::new());
        let refuse = |row, error: taipan_store::Error| {
            // A key that was only a guess makes no row a bad one.
            if key.is_guess && matches!(error.kind(), StoreErrorKind::Constraint { .. }) {
                return Err(WriteError::Store(error));
            }
            let refusal = reader.refuse(row, &error).map_err(WriteError::Input)?;
            if self.options.checkpoint.is_some() {
                refused.borrow_mut().push(refusal);
            }
            Ok(())
        };
        self.store.write_table_past(self.table, schema, options, rows, refuse, |rows| keep(rows, &refused.borrow()))
    }
}

/// The primary key of a table that is made.
struct Key {
    name: Option<String>,
    /// Whether it was asked for by nobody, so that the table may do without.
    is_guess: bool,
}

/// The rows of a file in the table, or why there are none.
type Written = std::result::Result<u64, WriteError<taipan_io::Error>>;

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_file_that_was_touched_while_it_was_read_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let rows = (0..200_000).fold(String::new(), |rows, id| rows + &format!("{id},{}\n", id % 7));
        std::fs::write(&path, format!("id,n\n{rows}")).unwrap();
        let store = Store::open(&folder.path().join("d.db").display().to_string()).unwrap();
        let options = ImportOptions::default();
        let touch = |_, _| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        };
        assert_eq!(import_file(&store, &path, &options, &touch).unwrap().outcome, Outcome::Done);
        assert_eq!(import_file(&store, &path, &options, &|_, _| ()).unwrap().outcome, Outcome::Done);
        assert_eq!(import_file(&store, &path, &options, &touch).unwrap().outcome, Outcome::Unchanged);
        // Its content was hashed while it was left alone, so that the times do not matter.
        touch(0, 0);
        assert_eq!(import_file(&store, &path, &options, &|_, _| ()).unwrap().outcome, Outcome::Unchanged);
    }

    #[test]
    fn an_import_stops_amid_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let rows = (0..1000).fold(String::new(), |rows, id| rows + &format!("{id},{}\n", id % 7));
        std::fs::write(&path, format!("id,n\n{rows}")).unwrap();
        let store = Store::open(&folder.path().join("d.db").display().to_string()).unwrap();
        for checkpoint in [None, Some(64)] {
            let token = CancelToken::default();
            let options = ImportOptions::default().checkpoint(checkpoint).stop(token.clone());
            let options = options.reading(ReadOptions::default().block_bytes(1000));
            let calls = AtomicUsize::new(0);
            let progress = |_, _| {
                if calls.fetch_add(1, Ordering::Relaxed) == 2 {
                    token.cancel();
                }
            };
            let error = import_file(&store, &path, &options, &progress).unwrap_err();
            assert_eq!(error.to_string(), "cancelled");
            match checkpoint {
                None => assert!(store.table("t").is_err()),
                Some(rows) => assert_eq!(store.count("t", None).unwrap() % rows, 0),
            }
        }
        let again = ImportOptions::default().checkpoint(Some(64));
        let again = again.reading(ReadOptions::default().block_bytes(1000));
        assert_eq!(import_file(&store, &path, &again, &|_, _| ()).unwrap().rows, 1000);
    }

    /// Imports 1,000 rows in pieces of 64, and breaks off when the file is asked for more than the first batch.
    #[test]
    fn an_import_goes_on_behind_its_last_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let rows = (0..1000).fold(String::new(), |rows, id| rows + &format!("{id},{}\n", id % 7));
        std::fs::write(&path, format!("id,n\n{rows}")).unwrap();
        let store = Store::open(&folder.path().join("d.db").display().to_string()).unwrap();
        let options = ImportOptions::default()
            .checkpoint(Some(64))
            .indexes(vec!["n".to_owned()])
            .rejects(Some(folder.path().join("rejects.ndjson")));
        let broken_off = |options: &ImportOptions| {
            let calls = AtomicUsize::new(0);
            let progress = |_, _| assert!(calls.fetch_add(1, Ordering::Relaxed) == 0, "deliberate");
            catch_unwind(AssertUnwindSafe(|| import_file(&store, &path, options, &progress))).is_err()
        };
        assert!(broken_off(&options));
        assert_eq!(store.count("t", None).unwrap(), 960);
        // It may break off again before it has done anything.
        assert!(broken_off(&options));
        assert_eq!(store.count("t", None).unwrap(), 960);
        let done = import_file(&store, &path, &options, &|_, _| ()).unwrap();
        assert_eq!((done.rows, done.resumed, done.outcome), (1000, 960, Outcome::Done));
        assert_eq!(store.count("t", None).unwrap(), 1000);
        assert!(store.table("t").unwrap().column("n").unwrap().indexed);
        assert_eq!(store.origin("t").unwrap().unwrap().rows, 1000);
        let again = import_file(&store, &path, &options, &|_, _| ()).unwrap();
        assert_eq!((again.rows, again.outcome), (1000, Outcome::Unchanged));

        // Without checkpoints it is all or nothing, and a table that was left half done is made anew.
        let whole = options.clone().checkpoint(None);
        std::fs::write(&path, format!("id,n\n{rows}1000,1\n")).unwrap();
        assert!(broken_off(&whole));
        assert_eq!(store.count("t", None).unwrap(), 1000);
        assert!(broken_off(&options));
        let left = store.count("t", None).unwrap();
        assert!(left.is_multiple_of(64) && left < 1000, "{left}");
        assert_eq!(import_file(&store, &path, &whole, &|_, _| ()).unwrap().rows, 1001);
        assert_eq!(store.count("t", None).unwrap(), 1001);
    }
}
