//! How many rows there are: counted once, and known until something is committed.
//!
//! Whoever turns the pages of a table asks for the same number at each, and it may take a look at every row to find it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result as SqliteResult};

use crate::sql::Query;
use crate::sqlite::Database;
use crate::sqlite::moment::Moment;
use crate::sqlite::pool::Reader;
use crate::sqlite::read::cursor;
use crate::table::Table;

/// What takes less is counted again as fast as it is looked up.
const WORTH: Duration = Duration::from_micros(50);
/// The most numbers that are known.
const MOST: usize = 1024;
/// The bytes of the longest question that is kept.
const LONGEST: usize = 4096;

/// Numbers that were counted at one moment of the database.
#[derive(Default)]
pub(super) struct Counts(Mutex<Known>);

#[derive(Default)]
struct Known {
    moment: Option<Moment>,
    numbers: HashMap<String, u64>,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, moment: Moment, question: &str) -> Option<u64> {
        let known = self.lock();
        if known.moment == Some(moment) { known.numbers.get(question).copied() } else { None }
    }

    fn keep(&self, moment: Moment, question: String, number: u64) {
        let mut known = self.lock();
        if known.moment != Some(moment) || known.numbers.len() >= MOST {
            known.numbers.clear();
            known.moment = Some(moment);
        }
        known.numbers.insert(question, number);
    }
}

impl Database {
    /// The number that a query counts in a table.
    pub(super) fn count_once(&self, reader: &Reader, table: &Table, query: &Query<'_>) -> SqliteResult<u64> {
        // A view may have another number at each look, by the time or by chance.
        let Some(moment) = reader.moment().filter(|_| !table.is_view) else { return count(reader, query) };
        let question = question(query);
        if let Some(number) = self.counts.get(moment, &question) {
            return Ok(number);
        }
        let begin = Instant::now();
        let number = count(reader, query)?;
        if begin.elapsed() >= WORTH && question.len() <= LONGEST {
            self.counts.keep(moment, question, number);
        }
        Ok(number)
    }
}

/// The statement and its values, as no other has them.
fn question(query: &Query<'_>) -> String {
    let mut question = query.sql.clone();
    // Writing to a String cannot fail. The values are told apart as they would be in a program.
    let _ = write!(question, "\0{:?}", query.values);
    question
}

fn count(connection: &Connection, query: &Query<'_>) -> SqliteResult<u64> {
    let mut statement = connection.prepare_cached(&query.sql)?;
    let mut cursor = cursor(&mut statement, query.values.iter().map(Cow::as_ref))?;
    let count: i64 = cursor.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?.get(0)?;
    Ok(count.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::Filter;
    use crate::value::Value;
    use crate::{Compare, Select};

    /// Rows enough that to count them takes a while.
    const FILL: &str = "CREATE TABLE t (n INTEGER, text TEXT); CREATE VIEW v AS SELECT n FROM t;
        WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000)
        INSERT INTO t SELECT i % 10, 'text ' || i FROM c;";

    fn known(database: &Database) -> usize {
        database.counts.lock().numbers.len()
    }

    #[test]
    fn a_number_is_known_until_something_is_committed() {
        let database = Database::temporary().unwrap();
        database.writer().unwrap().execute_batch(FILL).unwrap();
        let is = |n| Filter::compare("n", Compare::Eq, Value::Integer(n));
        let count = |n| database.count("t", Some(&is(n))).unwrap();
        // The first read of a connection does not know yet where it could see a commit.
        assert_eq!((count(1), known(&database)), (2000, 0));
        assert_eq!((count(1), known(&database)), (2000, 1));
        assert_eq!((count(1), count(2), known(&database)), (2000, 2000, 2));
        // Other values and other tables are other questions.
        let text = Filter::compare("text", Compare::Eq, Value::Text("1".into()));
        assert_eq!((database.count("t", Some(&text)).unwrap(), known(&database)), (0, 3));
        assert_eq!(database.count("v", Some(&is(1))).unwrap(), 2000);
        assert_eq!(known(&database), 3, "a view is asked each time");

        let page = database.read_json(&Select::new("t").filter(is(1)).limit(2), crate::Count::Exact).unwrap();
        assert_eq!((page.rows, page.total), (2, Some(2000)));
        assert_eq!(known(&database), 3);

        database.writer().unwrap().execute_batch("DELETE FROM t WHERE n = 1 AND rowid < 1000").unwrap();
        assert_eq!((count(1), count(2), known(&database)), (1900, 2000, 2));
        let other = Connection::open(&database.location.file).unwrap();
        other.execute_batch("INSERT INTO t VALUES (1, 'of another program')").unwrap();
        assert_eq!((count(1), count(2)), (1901, 2000));
        other.execute_batch("PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (1, 'again')").unwrap();
        assert_eq!((count(1), count(2)), (1902, 2000));
    }

    #[test]
    fn readers_never_count_less_than_was_committed_before_they_asked() {
        let database = Database::temporary().unwrap();
        database.writer().unwrap().execute_batch(FILL).unwrap();
        let all = Filter::compare("n", Compare::Gte, Value::Integer(0));
        let committed = std::sync::atomic::AtomicU64::new(20_000);
        std::thread::scope(|scope| {
            let readers = [(); 4].map(|()| {
                scope.spawn(|| {
                    let (mut last, mut numbers) = (0, 0);
                    while last < 20_200 {
                        let before = committed.load(std::sync::atomic::Ordering::SeqCst);
                        let number = database.count("t", Some(&all)).unwrap();
                        let after = committed.load(std::sync::atomic::Ordering::SeqCst);
                        // One more may be committed and not yet told.
                        assert!((before..=after + 1).contains(&number), "{before} {number} {after}");
                        numbers += u32::from(number != last);
                        last = number;
                    }
                    numbers
                })
            });
            let other = Connection::open(&database.location.file).unwrap();
            for _ in 0..200 {
                other.execute_batch("INSERT INTO t VALUES (1, '')").unwrap();
                committed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
            for reader in readers {
                assert!(reader.join().unwrap() > 1);
            }
        });
    }
}
