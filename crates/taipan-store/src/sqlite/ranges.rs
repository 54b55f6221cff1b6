//! A table cut into ranges of row ids that have about as many rows each.

use std::fmt::Write;

use rusqlite::{Connection, OptionalExtension, Result};

use crate::kind::Kind;
use crate::scan::{BATCH_BYTES, BATCH_ROWS};
use crate::select::Select;
use crate::sql::quoted;
use crate::table::Table;

/// The fewest rows worth more than one reader.
const LEAST_ROWS: u64 = 100_000;
/// The batches of a range, about: as many as its reader may read before its turn comes.
const BATCHES: usize = 2;
/// The most ranges. All of them are passed, be there rows in them or not.
const MOST: u64 = 1 << 20;
/// The places where a table is looked at to know how its ids lie, and the rows that are looked at there.
const PLACES: u64 = 16;
const LOOKED_AT: u64 = 64;

/// Ranges that together take all ids there can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranges {
    /// The least id there is, from which ranges are counted.
    first: i64,
    /// The ids of a range.
    step: u64,
    count: u64,
    /// The SQL of the id behind another.
    behind: String,
}

impl Ranges {
    /// Ranges of a table; none if it has so few rows that one reader is as fast.
    ///
    /// How many rows there are in each is a guess, by the distances of a few ids.
    pub(super) fn of(connection: &Connection, select: &Select, table: &Table, row_id: &str) -> Result<Option<Self>> {
        let from = format!("FROM {} AS t", table.relation);
        let end = |end: &str| {
            let sql = format!("SELECT {end}({row_id}) {from}");
            connection.prepare_cached(&sql)?.query_row([], |row| row.get::<_, Option<i64>>(0))
        };
        let (Some(first), Some(last)) = (end("min")?, end("max")?) else { return Ok(None) };
        let ids = last.abs_diff(first);
        if ids < LEAST_ROWS {
            return Ok(None);
        }
        let mut look = connection.prepare_cached(&format!(
            "SELECT count(*), max(id), total(bytes) FROM \
             (SELECT {row_id} AS id, {} AS bytes {from} WHERE {row_id} >= ?1 ORDER BY {row_id} LIMIT {LOOKED_AT})",
            bytes(select, table)
        ))?;
        let (mut rows, mut looked_at, mut total) = (0.0, 0.0, 0.0);
        let places = ids / PLACES;
        for place in 0..PLACES {
            let at = first.saturating_add_unsigned(place * places);
            let (count, up_to, bytes): (f64, Option<i64>, f64) =
                look.query_row([at], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let distance = up_to.map_or(u64::MAX, |id| id.abs_diff(at));
            rows += places as f64 * (count / (distance as f64 + 1.0));
            (looked_at, total) = (looked_at + count, total + bytes);
        }
        if rows < LEAST_ROWS as f64 {
            return Ok(None);
        }
        let bytes = total / f64::max(looked_at, 1.0);
        let most = BATCHES as f64 * f64::min(BATCH_ROWS as f64, (BATCH_BYTES as f64 / f64::max(bytes, 1.0)).ceil());
        // Where ids are missing, a range of so many may have a few rows more, for which there would be a batch.
        let ids_each = ids as f64 / rows;
        let step = if ids_each < 1.0 + 1e-3 { most } else { most * ids_each * 0.9 };
        Ok(Some(Ranges::new(
            first,
            last,
            step as u64,
            format!("SELECT {row_id} {from} WHERE {row_id} > ?1 ORDER BY {row_id} LIMIT 1"),
        )))
    }

    fn new(first: i64, last: i64, step: u64, behind: String) -> Self {
        let ids = last.abs_diff(first);
        let step = step.max(ids / MOST).max(1);
        Ranges { first, step, count: ids / step + 1, behind }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The least and the greatest id of a range.
    pub(super) fn range(&self, index: u64) -> (i64, i64) {
        let begin = |index| self.first.saturating_add_unsigned(self.step.saturating_mul(index));
        let from = if index == 0 { i64::MIN } else { begin(index) };
        let to = if index + 1 >= self.count { i64::MAX } else { begin(index + 1) - 1 };
        (from, to)
    }

    /// The range of the first row behind an id; the count of ranges if there is none.
    pub(super) fn behind(&self, connection: &Connection, id: i64) -> Result<u64> {
        let next = connection.prepare_cached(&self.behind)?.query_row([id], |row| row.get::<_, i64>(0)).optional()?;
        Ok(next.map_or(self.count, |next| (next.abs_diff(self.first) / self.step).min(self.count - 1)))
    }
}

/// The SQL of the bytes in a row's texts.
fn bytes(select: &Select, table: &Table) -> String {
    let wanted = |name: &str| select.columns.is_empty() || select.columns.iter().any(|column| column.column == name);
    let mut sum = "0".to_owned();
    for column in &table.columns {
        if matches!(column.kind, Kind::Text | Kind::Json | Kind::Blob) && !column.generated && wanted(&column.name) {
            // Writing to a String cannot fail.
            let _ = write!(sum, " + coalesce(octet_length(t.{}), 0)", quoted(&column.name));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_take_each_id_once() {
        for (first, last) in [(0, 0), (1, 100_000), (-50, 49), (i64::MIN, i64::MAX), (i64::MAX - 10, i64::MAX)] {
            for step in [1, 2, 3, 10, 16_384, 1 << 62, u64::MAX] {
                let ranges = Ranges::new(first, last, step, String::new());
                assert!(ranges.count() <= 2 * MOST, "{ranges:?}");
                let (mut next, most) = (i64::MIN, ranges.count() - 1);
                for index in 0..most.min(1000) {
                    let (from, to) = ranges.range(index);
                    assert_eq!(from, next, "{ranges:?}");
                    next = to + 1;
                }
                assert_eq!(ranges.range(most).1, i64::MAX, "{ranges:?}");
                assert!(ranges.range(most).0 <= last, "{ranges:?}");
            }
        }
    }

    #[test]
    fn empty_ranges_are_passed() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x); INSERT INTO t (rowid) VALUES (1), (2), (35), (100)").unwrap();
        let behind = "SELECT rowid FROM t WHERE rowid > ?1 ORDER BY rowid LIMIT 1".to_owned();
        let ranges = Ranges::new(1, 100, 10, behind);
        for (id, range) in [(i64::MIN, 0), (1, 0), (10, 3), (35, 9), (100, 10)] {
            assert_eq!(ranges.behind(&connection, id).unwrap(), range, "{id}");
        }
    }
}
