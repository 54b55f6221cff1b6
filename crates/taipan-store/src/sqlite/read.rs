//! Reading: rows as JSON and as values.

use std::borrow::Cow;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Result as SqliteResult, Row, Rows as Cursor, Statement};

use crate::error::Result;
use crate::json::JsonColumn;
use crate::select::{Count, Filter, JsonPage, Rows, Select};
use crate::sql::{self, Query};
use crate::sqlite::Database;
use crate::sqlite::pool::Reader;
use crate::table::Table;
use crate::value::{Cell, Value};

/// Room for the rows of a page.
const BODY: usize = 2048;

/// A cell as a parameter, without a copy of its own.
pub(crate) struct Bound<'a>(pub(crate) Cell<'a>);

impl ToSql for Bound<'_> {
    #[inline]
    fn to_sql(&self) -> SqliteResult<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Cell::Null => ValueRef::Null,
            Cell::Integer(value) => ValueRef::Integer(value),
            Cell::Real(value) => ValueRef::Real(value),
            Cell::Text(text) => ValueRef::Text(text),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
            // SQLite has no type for these.
            Cell::Day(_) | Cell::Moment(_) => return Ok(ToSqlOutput::from(self.0.text().into_owned())),
        }))
    }
}

/// SQLite's value as a cell.
#[inline]
pub(crate) fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(text) => Cell::Text(text),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    }
}

impl Database {
    pub(crate) fn read_json(&self, select: &Select, count: Count) -> Result<JsonPage> {
        self.read(|reader, catalog| {
            let table = catalog.table(&select.table)?;
            let query = sql::select(select, table)?;
            let mut body = Vec::with_capacity(BODY);
            let rows = write_rows(reader, &query, &mut body).map_err(|error| self.failure(error))?;
            let total = self.total(reader, table, select, count, rows)?;
            Ok(JsonPage { body, rows, total })
        })
    }

    /// The rows that a query's filter takes, of which its limit and offset left `rows`; none where not to be counted.
    pub(super) fn total(
        &self,
        reader: &Reader,
        table: &Table,
        select: &Select,
        count: Count,
        rows: u64,
    ) -> Result<Option<u64>> {
        Ok(match count {
            Count::None => None,
            // A page that is not full ends where the rows do.
            Count::Exact if select.limit.is_none_or(|limit| rows < limit) && (rows > 0 || select.offset == 0) => {
                Some(select.offset + rows)
            }
            Count::Exact => {
                let query = sql::count(table, select.filter.as_ref())?;
                Some(self.count_once(reader, table, &query).map_err(|error| self.failure(error))?)
            }
        })
    }

    pub(crate) fn read_rows(&self, select: &Select) -> Result<Rows> {
        self.read(|reader, catalog| {
            let query = sql::select(select, catalog.table(&select.table)?)?;
            let rows = collect_rows(reader, &query).map_err(|error| self.failure(error))?;
            Ok(Rows { columns: query.described(), rows })
        })
    }

    pub(crate) fn count(&self, table: &str, filter: Option<&Filter>) -> Result<u64> {
        self.read(|reader, catalog| {
            let table = catalog.table(table)?;
            let query = sql::count(table, filter)?;
            self.count_once(reader, table, &query).map_err(|error| self.failure(error))
        })
    }
}

pub(super) fn cursor<'s, 'v>(
    statement: &'s mut Statement<'_>,
    values: impl IntoIterator<Item = &'v Value>,
) -> SqliteResult<Cursor<'s>> {
    for (index, value) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(index + 1, Bound(value.cell()))?;
    }
    Ok(statement.raw_query())
}

fn write_rows(connection: &Connection, query: &Query<'_>, body: &mut Vec<u8>) -> SqliteResult<u64> {
    let mut statement = connection.prepare_cached(&query.sql)?;
    let mut cursor = cursor(&mut statement, query.values.iter().map(Cow::as_ref))?;
    let columns = JsonColumn::of(query);
    let mut rows = 0;
    body.push(b'[');
    while let Some(row) = cursor.next()? {
        if rows > 0 {
            body.push(b',');
        }
        rows += 1;
        write_json_row(body, row, &columns)?;
    }
    body.push(b']');
    Ok(rows)
}

/// Appends a row as an object.
#[inline]
pub(super) fn write_json_row(body: &mut Vec<u8>, row: &Row<'_>, columns: &[JsonColumn<'_>]) -> SqliteResult<()> {
    for (index, column) in columns.iter().enumerate() {
        column.write(body, index == 0, cell(row.get_ref(index)?));
    }
    body.push(b'}');
    Ok(())
}

fn collect_rows(connection: &Connection, query: &Query<'_>) -> SqliteResult<Vec<Vec<Value>>> {
    let mut statement = connection.prepare_cached(&query.sql)?;
    let mut cursor = cursor(&mut statement, query.values.iter().map(Cow::as_ref))?;
    let mut rows = Vec::new();
    while let Some(row) = cursor.next()? {
        let columns = query.columns.iter().enumerate();
        let values = columns.map(|(index, output)| Ok(cell(row.get_ref(index)?).value(output.column.kind)));
        rows.push(values.collect::<SqliteResult<Vec<Value>>>()?);
    }
    Ok(rows)
}
