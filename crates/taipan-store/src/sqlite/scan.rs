//! Scans: the rows of a query as batches, read by threads of their own; those of a large table by several at once.
//!
//! Nearly all the time of a scan is SQLite's, which walks from row to row in one thread. So a large table is cut into
//! [ranges](super::ranges) of row ids, which a few connections read in turn, all of them at one moment of the database.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use arrow::record_batch::RecordBatch;
use rusqlite::{Connection, Result as SqliteResult};

use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;
use crate::scan::{self, BatchBuilder, Scan};
use crate::select::Select;
use crate::sql;
use crate::sqlite::connection::Location;
use crate::sqlite::moment::Header;
use crate::sqlite::pool::Reader;
use crate::sqlite::ranges::Ranges;
use crate::sqlite::read::{cell, cursor};
use crate::sqlite::{Database, catalog};
use crate::table::Table;
use crate::value::Value;

/// The most connections that read one table.
const MOST_READERS: usize = 4;
/// What a thread sends ahead of its turn: the batches of a range, and that the range ends there.
const AHEAD: usize = 3;
/// How often several connections try to begin at the same moment.
const ATTEMPTS: usize = 8;

impl Database {
    /// A scan has connections and threads of its own: a statement borrows its connection, so that they cannot move
    /// together, and rows are decoded while the caller works on those before.
    pub(crate) fn scan(&self, select: &Select) -> Result<Scan> {
        let failure = |error| self.failure(error);
        let mut readers = vec![self.readers.take_long()?];
        // Begun here, not in the thread, so that the rows are those of the moment of the call.
        let mut catalog = self.catalog(&readers[0], begin(&readers[0]).map_err(failure)?)?;
        let table = catalog.table(&select.table)?;
        let most = thread::available_parallelism().map_or(1, usize::from).min(MOST_READERS);
        let mut ranges = match table.row_id() {
            Some(row_id) if most > 1 && is_whole(select) => {
                Ranges::of(&readers[0], select, table, row_id).map_err(failure)?
            }
            _ => None,
        };
        if ranges.is_some() {
            while readers.len() < most {
                readers.push(self.readers.take_long()?);
            }
            let version = begin_together(&readers).map_err(failure)?;
            if version != Some(catalog.version) {
                // Others write all the time, or have just changed the tables.
                ranges = None;
                readers.truncate(1);
                let version = begin(&readers[0]).map_err(failure)?;
                catalog = self.catalog(&readers[0], version)?;
            }
        }
        self.read_ahead(select, catalog.table(&select.table)?, readers, ranges)
    }

    /// Sends the threads off.
    fn read_ahead(&self, select: &Select, table: &Table, readers: Vec<Reader>, ranges: Option<Ranges>) -> Result<Scan> {
        let query = match (&ranges, table.row_id()) {
            (Some(_), Some(row_id)) => sql::select_range(select, table, row_id)?,
            _ => sql::select(select, table)?,
        };
        let schema = scan::schema(&query.columns);
        let (count, every) = (ranges.as_ref().map_or(1, Ranges::count), readers.len() as u64);
        let (mut pieces, mut threads) = (Vec::new(), Vec::new());
        for (own, reader) in (0..).zip(readers) {
            reader.prepare_cached(&query.sql).map_err(|error| self.failure(error))?;
            let kinds = query.columns.iter().map(|output| output.column.kind);
            let source = Source {
                location: Arc::clone(&self.location),
                table: table.name.clone(),
                columns: query.columns.iter().map(|output| (output.column.name.clone(), output.column.kind)).collect(),
                batch: BatchBuilder::new(Arc::clone(&schema), kinds),
                sql: query.sql.clone(),
                share: match &ranges {
                    Some(ranges) => Share::Ranges { ranges: ranges.clone(), own, every },
                    None => Share::All(query.values.iter().cloned().map(Cow::into_owned).collect()),
                },
            };
            let interrupt = reader.get_interrupt_handle();
            let (sender, receiver) = sync_channel(AHEAD);
            let thread =
                thread::Builder::new().name("taipan-scan".to_owned()).spawn(move || source.run(reader, &sender));
            // Those that are on their way find nobody who listens, and end.
            let refused = |error| Error::new(ErrorKind::Io(format!("no thread to read with: {error}"))).because(error);
            threads.push((interrupt, thread.map_err(refused)?));
            pieces.push(Source::pieces(receiver));
        }
        Ok(Scan::new(schema, InOrder { readers: pieces, count, next: 0, rows: 0, rows_before: 0 }, move || {
            for (interrupt, _) in &threads {
                interrupt.interrupt();
            }
            // The readers go back to the pool only here, after the interrupt, which would else hit their next users.
            for (_, thread) in threads {
                drop(thread.join());
            }
        }))
    }
}

/// Whether these are all rows of a table, in its own order.
fn is_whole(select: &Select) -> bool {
    select.filter.is_none() && select.order.is_empty() && select.limit.is_none() && select.offset == 0
}

/// Begins to read at the newest state, and returns the version of its schema.
fn begin(reader: &Reader) -> SqliteResult<i64> {
    if !reader.is_autocommit() {
        reader.execute_batch("COMMIT")?;
    }
    reader.execute_batch("BEGIN")?;
    catalog::version(reader)
}

/// Begins to read with all connections at one moment, and returns the version of its schema; none if that cannot be
/// known, as without a log that all share, or if others commit so often that it was missed each time.
///
/// The first must have read already.
fn begin_together(readers: &[Reader]) -> SqliteResult<Option<i64>> {
    let Some(header) = readers.first().map(|reader| Header::of(reader)).transpose()?.flatten() else { return Ok(None) };
    for _ in 0..ATTEMPTS {
        // Each connection begins at a state that the header tells of meanwhile. Every commit counts up in it, and a log
        // that starts anew changes its salts, so that it is the same before and after only if it was so all along.
        let before = header.moment();
        let mut version = None;
        for reader in readers {
            version = Some(begin(reader)?);
        }
        if header.moment() == before {
            return Ok(version);
        }
    }
    Ok(None)
}

/// What a scan's thread reads.
struct Source {
    location: Arc<Location>,
    table: String,
    columns: Vec<(String, Kind)>,
    batch: BatchBuilder,
    sql: String,
    share: Share,
}

/// The rows that are one thread's.
enum Share {
    /// All of a query with these values.
    All(Vec<Value>),
    /// Some ranges: its own, and then each that comes so many behind.
    Ranges { ranges: Ranges, own: u64, every: u64 },
}

/// What a thread sends.
enum Piece {
    Batch(RecordBatch),
    /// All its ranges before this one are read.
    Before(u64),
    /// The row, where there is one, is counted within the range.
    Failed(Error),
}

/// Why a thread reads no further.
enum End {
    Failed(Error),
    /// Nobody listens any more.
    Unheard,
}

impl Source {
    fn pieces(receiver: Receiver<Piece>) -> Pieces {
        Pieces { receiver, done: 0 }
    }

    fn run(mut self, reader: Reader, sender: &SyncSender<Piece>) -> Reader {
        if let Err(End::Failed(error)) = self.send(&reader, sender) {
            // Where nobody listens any more, the error is that of being interrupted.
            let _ = sender.send(Piece::Failed(error));
        }
        // Where this fails, the pool closes the connection.
        let _ = reader.execute_batch("COMMIT");
        reader
    }

    fn send(&mut self, connection: &Connection, sender: &SyncSender<Piece>) -> Result<(), End> {
        let tell = |piece| sender.send(piece).map_err(|_| End::Unheard);
        let (ranges, mut next, every) = match &self.share {
            Share::All(values) => {
                let values = values.clone();
                self.read(connection, &values, tell)?;
                return tell(Piece::Before(1));
            }
            Share::Ranges { ranges, own, every } => (ranges.clone(), *own, *every),
        };
        while next < ranges.count() {
            let (from, to) = ranges.range(next);
            let rows = self.read(connection, &[Value::Integer(from), Value::Integer(to)], tell)?;
            next += every;
            if rows == 0 {
                let range = ranges.behind(connection, to).map_err(|error| End::Failed(self.location.failure(error)))?;
                next += range.saturating_sub(next).next_multiple_of(every);
            }
            tell(Piece::Before(next))?;
        }
        Ok(())
    }

    /// Reads the rows of a query with some values, and returns how many there are.
    fn read(
        &mut self,
        connection: &Connection,
        values: &[Value],
        tell: impl Fn(Piece) -> Result<(), End>,
    ) -> Result<u64, End> {
        let failure = |error| End::Failed(self.location.failure(error));
        let mut statement = connection.prepare_cached(&self.sql).map_err(failure)?;
        let mut cursor = cursor(&mut statement, values).map_err(failure)?;
        let mut rows = 0;
        while let Some(row) = cursor.next().map_err(failure)? {
            rows += 1;
            for (index, (name, _)) in self.columns.iter().enumerate() {
                let cell = cell(row.get_ref(index).map_err(failure)?);
                let placed = |error: Error| End::Failed(error.at(&self.table, name, Some(rows)));
                self.batch.push(index, cell).map_err(placed)?;
            }
            if self.batch.end_row()
                && let Some(batch) = self.batch.finish()
            {
                tell(Piece::Batch(batch.map_err(End::Failed)?))?;
            }
        }
        if let Some(batch) = self.batch.finish() {
            tell(Piece::Batch(batch.map_err(End::Failed)?))?;
        }
        Ok(rows)
    }
}

/// What comes from a thread.
struct Pieces {
    receiver: Receiver<Piece>,
    /// Its ranges before this one are done.
    done: u64,
}

/// The batches of all ranges in their order. Each is a thread's, in turn.
struct InOrder {
    readers: Vec<Pieces>,
    count: u64,
    /// The range that is read.
    next: u64,
    /// The rows that came, and those of them that came before this range.
    rows: u64,
    rows_before: u64,
}

impl Iterator for InOrder {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.count {
            let turn = self.next % self.readers.len() as u64;
            let reader = self.readers.get_mut(turn as usize)?;
            if reader.done > self.next {
                self.next += 1;
                self.rows_before = self.rows;
                continue;
            }
            match reader.receiver.recv() {
                Ok(Piece::Batch(batch)) => {
                    self.rows += batch.num_rows() as u64;
                    return Some(Ok(batch));
                }
                Ok(Piece::Before(range)) => reader.done = range,
                Ok(Piece::Failed(error)) => {
                    let row = error.row().map(|row| self.rows_before + row);
                    return Some(Err(error.of_row(row)));
                }
                Err(_) => {
                    let what = "a thread that reads the database ended before its rows did";
                    return Some(Err(Error::new(ErrorKind::Io(what.to_owned()))));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use arrow::array::AsArray;
    use arrow::compute::concat_batches;
    use arrow::datatypes::Int64Type;

    use super::*;

    const ROWS: i64 = 150_000;

    /// A database with one table, whose ids are an expression of the row's number `i`.
    fn database(id: &str) -> Database {
        let database = Database::temporary().unwrap();
        let fill = format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT); \
             WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i + 1 < {ROWS}) \
             INSERT INTO t SELECT {id}, i, 'row ' || i FROM r"
        );
        database.writer().unwrap().execute_batch(&fill).unwrap();
        database
    }

    fn batches(database: &Database, select: &Select) -> Vec<RecordBatch> {
        database.scan(select).unwrap().map(Result::unwrap).collect()
    }

    fn is_cut(database: &Database, select: &Select) -> bool {
        let reader = database.readers.take_long().unwrap();
        let catalog = database.catalog(&reader, begin(&reader).unwrap()).unwrap();
        let table = catalog.table("t").unwrap();
        Ranges::of(&reader, select, table, table.row_id().unwrap()).unwrap().is_some()
    }

    /// What one reader reads: a limit keeps a scan whole.
    fn alone(select: &Select) -> Select {
        select.clone().limit(u64::MAX)
    }

    #[test]
    fn however_ids_lie_several_read_what_one_reads() {
        let cases = [
            "i",
            "i - 70000",
            "7 * i",
            "i + i / 1000",
            "i * 60000000000000 - 4500000000000000000",
            "CASE i WHEN 0 THEN -9223372036854775808 WHEN 149999 THEN 9223372036854775807 ELSE i END",
            "i + 1000000 * (i / 50000)",
            // Where a gap hides how many there are, one reader reads them.
            "CASE WHEN i = 0 THEN 1 ELSE 4611686018427387904 + i END",
        ];
        for id in cases {
            let database = database(id);
            for select in [Select::new("t"), Select::new("t").column("s").column("id")] {
                assert_eq!(is_cut(&database, &select), !id.contains("THEN 1 "), "{id}");
                let (given, expected) = (batches(&database, &select), batches(&database, &alone(&select)));
                assert!(given.iter().all(|batch| (1..=scan::BATCH_ROWS).contains(&batch.num_rows())), "{id}");
                let schema = expected[0].schema();
                let (all, rows) =
                    (concat_batches(&schema, &given).unwrap(), concat_batches(&schema, &expected).unwrap());
                assert_eq!(rows.num_rows() as i64, ROWS);
                assert!(all == rows, "{id}: not the same rows in the same order");
            }
        }
    }

    #[test]
    fn without_gaps_the_batches_are_those_of_one_reader() {
        let database = database("i + 1");
        let sizes = |select: &Select| batches(&database, select).iter().map(RecordBatch::num_rows).collect::<Vec<_>>();
        assert_eq!(sizes(&Select::new("t")), sizes(&alone(&Select::new("t"))));
    }

    #[test]
    fn few_rows_are_not_cut() {
        let database = database("i");
        database.writer().unwrap().execute_batch("DELETE FROM t WHERE id BETWEEN 90000 AND 120000").unwrap();
        assert!(is_cut(&database, &Select::new("t")));
        database.writer().unwrap().execute_batch("DELETE FROM t WHERE id > 50000 AND id < 149000").unwrap();
        assert!(!is_cut(&database, &Select::new("t")), "many ids, few rows");
        database.writer().unwrap().execute_batch("DELETE FROM t").unwrap();
        assert!(!is_cut(&database, &Select::new("t")));
    }

    #[test]
    fn long_texts_make_narrow_ranges() {
        let database = database("i");
        database.writer().unwrap().execute_batch("UPDATE t SET s = printf('%.2000c', 'x')").unwrap();
        let reader = database.readers.take_long().unwrap();
        let catalog = database.catalog(&reader, begin(&reader).unwrap()).unwrap();
        let table = catalog.table("t").unwrap();
        let count = |select: &Select| Ranges::of(&reader, select, table, "t.rowid").unwrap().unwrap().count();
        assert_eq!(count(&Select::new("t").column("n")), 10);
        let bytes = ROWS as u64 * 2000;
        assert_eq!(count(&Select::new("t")), bytes.div_ceil(2 * scan::BATCH_BYTES as u64));
    }

    #[test]
    fn an_error_names_the_row_of_the_table_and_comes_once() {
        for row in [5, 20_000, 100_001, ROWS - 1] {
            let database = database("i");
            let spoil = format!("UPDATE t SET n = 'x' WHERE id = {row}");
            database.writer().unwrap().execute_batch(&spoil).unwrap();
            let mut scan = database.scan(&Select::new("t")).unwrap();
            let error = scan.by_ref().find_map(Result::err).unwrap();
            let expected = format!("table \"t\", row {}, column \"n\": \"x\" is not an INTEGER", row + 1);
            assert_eq!(error.to_string(), expected);
            assert!(scan.next().is_none());
        }
    }

    #[test]
    fn a_dropped_scan_lets_go() {
        let database = database("i");
        for taken in [0, 1, 3, 100] {
            assert_eq!(database.scan(&Select::new("t")).unwrap().take(taken).count(), taken.min(19));
            database.writer().unwrap().execute_batch("UPDATE t SET n = n + 1 WHERE id = 5").unwrap();
            let other = Connection::open(&database.location.file).unwrap();
            let busy: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
            assert_eq!(busy, 0);
        }
    }

    /// Ends the writer of a test, also when a reader fails.
    struct Ended<'a>(&'a AtomicBool);

    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn several_readers_are_at_one_moment_whatever_is_committed() {
        let database = database("i");
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let other = Connection::open(&database.location.file).unwrap();
                other.pragma_update(None, "synchronous", "OFF").unwrap();
                other.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
                let mut round = 0;
                while !ended.load(Ordering::SeqCst) {
                    // From the first rows one goes behind the last, and another's number to a row far away.
                    let write = format!(
                        "BEGIN IMMEDIATE; UPDATE t SET id = id + {ROWS} WHERE id = {round}; \
                         UPDATE t SET n = n + 1 WHERE id = {}; UPDATE t SET n = n - 1 WHERE id = {}; COMMIT",
                        ROWS - 1,
                        ROWS / 2,
                    );
                    other.execute_batch(&write).unwrap();
                    round += 1;
                    if round % 64 == 0 {
                        let mode = if round % 128 == 0 { "RESTART" } else { "PASSIVE" };
                        other.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())).unwrap();
                    }
                }
            });
            let _ended = Ended(&ended);
            let mut together = 0;
            for _ in 0..30 {
                let readers = [(); 3].map(|()| database.readers.take_long().unwrap());
                begin(&readers[0]).unwrap();
                if begin_together(&readers).unwrap().is_some() {
                    together += 1;
                    let seen = "SELECT min(id), max(id), (SELECT n FROM t WHERE id = 149999) FROM t";
                    let seen = readers.each_ref().map(|reader| {
                        reader
                            .query_row(seen, [], |row| Ok([0, 1, 2].map(|at| row.get::<_, i64>(at).unwrap())))
                            .unwrap()
                    });
                    assert!(seen[0] == seen[1] && seen[1] == seen[2], "{seen:?}");
                }
                drop(readers);
                let (mut rows, mut sum, mut last) = (0, 0, -1);
                for batch in database.scan(&Select::new("t")).unwrap() {
                    let batch = batch.unwrap();
                    let ids = batch.column(0).as_primitive::<Int64Type>();
                    assert!(ids.values().iter().all(|id| std::mem::replace(&mut last, *id) < *id), "in order");
                    rows += ids.len() as i64;
                    sum += arrow::compute::sum(batch.column(1).as_primitive::<Int64Type>()).unwrap();
                }
                assert_eq!((rows, sum), (ROWS, ROWS * (ROWS - 1) / 2));
            }
            assert!(together > 0, "never at one moment");
        });
    }
}
