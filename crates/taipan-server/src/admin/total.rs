//! How many rows there are, at a bounded price: counted up to a limit, and beyond it told by the keys or by "more than".

use serde::Serialize;
use taipan::store::{Count, Filter, Kind, Order, Result, Select, Selected, Store, Table, Value};
use taipan_web::format;

use super::table::primary_key;

/// So many rows are counted one by one.
pub(super) const COUNTED: u64 = 100_000;

/// A number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Total {
    /// Each was counted.
    Exactly(u64),
    /// By the least and the greatest key, between which some may be missing.
    About(u64),
    /// There are more than were counted.
    MoreThan(u64),
}

/// A number of rows in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    /// `1,234`, `about 10,000,000`.
    pub(super) number: String,
    /// With `row` or `rows` behind it.
    pub(super) rows: String,
    /// Whether each was counted.
    pub(super) is_exact: bool,
}

impl Total {
    /// The rows that a filter takes.
    pub(super) fn of(store: &Store, table: &Table, filter: Option<&Filter>) -> Result<Self> {
        let Some(column) = primary_key(table).or_else(|| table.columns.first().map(|column| column.name.as_str()))
        else {
            return store.count(&table.name, filter).map(Total::Exactly);
        };
        let mut select = Select::new(table.name.as_str());
        select.columns = vec![Selected { column: column.to_owned(), alias: None }];
        let Some(filter) = filter else {
            // Rows that are passed over cost less than rows that are read.
            (select.offset, select.limit) = (COUNTED, Some(1));
            if store.read_json(&select, Count::None)?.rows == 0 {
                return store.count(&table.name, None).map(Total::Exactly);
            }
            let span = span(store, table)?.filter(|span| *span > COUNTED);
            return Ok(span.map_or(Total::MoreThan(COUNTED), Total::About));
        };
        // Where few match, one look at all rows is better than one for "are there more" and another to count.
        select = select.filter(filter.clone()).limit(COUNTED + 1);
        let counted = store.read_json(&select, Count::None)?.rows;
        Ok(if counted <= COUNTED { Total::Exactly(counted) } else { Total::MoreThan(COUNTED) })
    }

    /// The number, however it was found.
    pub(super) fn number(self) -> u64 {
        match self {
            Total::Exactly(number) | Total::About(number) | Total::MoreThan(number) => number,
        }
    }

    pub(super) fn told(self) -> Told {
        let words = match self {
            Total::Exactly(_) => "",
            Total::About(_) => "about ",
            Total::MoreThan(_) => "more than ",
        };
        let number = self.number();
        Told {
            number: format!("{words}{}", format::thousands(&number.to_string())),
            rows: format!("{words}{}", format::plural(number, "row")),
            is_exact: matches!(self, Total::Exactly(_)),
        }
    }
}

/// The room between the least and the greatest key.
fn span(store: &Store, table: &Table) -> Result<Option<u64>> {
    let Some(key) = primary_key(table) else { return Ok(None) };
    if table.column(key)?.kind != Kind::Integer {
        return Ok(None);
    }
    let end = |descending| -> Result<Option<i64>> {
        let mut select = Select::new(table.name.as_str()).limit(1);
        select.columns = vec![Selected { column: key.to_owned(), alias: None }];
        select.order = vec![Order { column: key.to_owned(), descending, nulls: None }];
        let first = store.read_rows(&select)?.rows.into_iter().next();
        Ok(first.and_then(|row| match row.first() {
            Some(Value::Integer(key)) => Some(*key),
            _ => None,
        }))
    };
    let (Some(least), Some(greatest)) = (end(false)?, end(true)?) else { return Ok(None) };
    Ok(greatest.checked_sub(least).and_then(|span| u64::try_from(span).ok()).map(|span| span.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rows_are_told_and_not_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.db");
        let connection = rusqlite::Connection::open(&path).expect("a database");
        let fill = "CREATE TABLE few (id INTEGER PRIMARY KEY, n INTEGER); CREATE TABLE many (id INTEGER PRIMARY KEY, n INTEGER);
             CREATE TABLE keyless (n INTEGER);
             WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 150000)
             INSERT INTO many SELECT i * 2, i % 3 FROM c;
             INSERT INTO keyless SELECT n FROM many; INSERT INTO few SELECT id, n FROM many WHERE id <= 14;";
        connection.execute_batch(fill).expect("rows");
        drop(connection);
        let store = Store::open(&format!("sqlite:{}", path.display())).expect("a store");
        let total = |name: &str, filter: Option<&Filter>| {
            let table = store.table(name).expect("a table");
            Total::of(&store, &table, filter).expect("a total").told()
        };
        let third = Filter::compare("n", taipan::store::Compare::Eq, Value::Integer(0));
        let all = Filter::compare("n", taipan::store::Compare::Gte, Value::Integer(0));
        for (told, expected, is_exact) in [
            (total("few", None), "7 rows", true),
            (total("few", Some(&third)), "2 rows", true),
            (total("many", None), "about 299,999 rows", false),
            (total("many", Some(&third)), "50,000 rows", true),
            (total("many", Some(&all)), "more than 100,000 rows", false),
            (total("keyless", None), "more than 100,000 rows", false),
        ] {
            assert_eq!((told.rows.as_str(), told.is_exact), (expected, is_exact));
        }
    }
}
