//! Reading documents, in chunks like `stream.rs` does rows.

use std::mem;
use std::ops::ControlFlow;

use rusqlite::{Connection, Result as SqliteResult};

use super::Database;
use super::catalog::Catalog;
use super::read::{cell, cursor};
use super::shaping;
use super::stream::Watch;
use crate::document::form::Writer;
use crate::document::sql::{self, Statement};
use crate::document::{Document, Form};
use crate::error::{Error, Result};
use crate::select::{Count, JsonPage};
use crate::stream::{Opening, Part, StreamOptions};
use crate::value::Cell;

impl Database {
    pub(crate) fn stream_document(
        &self,
        document: &Document,
        options: StreamOptions,
        form: Form<'_>,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        let StreamOptions { count, chunk_bytes, stopped } = options;
        self.read_long(|reader, catalog| {
            let connection: &Connection = reader;
            let statement = sql::rows(document, &|name| catalog.table(name).cloned())?;
            let watch = Watch::new(connection, stopped).map_err(|error| self.failure(error))?;
            let run = Run { database: self, connection, catalog, document, count, chunk_bytes };
            match run.send(&statement, form, sink) {
                // Nobody is left who would want to know.
                Err(_) if watch.has_stopped() => Ok(()),
                ended => ended,
            }
        })
    }

    pub(crate) fn count_document(&self, document: &Document) -> Result<u64> {
        self.read(|connection, catalog| self.counted(connection, catalog, document, false))
    }

    /// All documents of a statement at once, on a connection that may be in the middle of a change.
    pub(super) fn collect_statement(
        &self,
        connection: &Connection,
        catalog: &Catalog,
        document: &Document,
        statement: &Statement,
        form: Form<'_>,
        most_bytes: usize,
    ) -> Result<JsonPage> {
        let run = Run { database: self, connection, catalog, document, count: Count::None, chunk_bytes: most_bytes };
        let mut page = JsonPage { body: Vec::new(), rows: 0, total: None };
        let mut is_too_long = false;
        run.send(statement, form, |part| {
            if let Part::Whole(Opening { body, rows, .. }) = part {
                (page.body, page.rows) = (body, rows);
            } else {
                is_too_long = true;
            }
            ControlFlow::Break(())
        })?;
        if is_too_long {
            return Err(Error::unsupported(format!("an answer of more than {most_bytes} bytes; ask for less of it")));
        }
        Ok(page)
    }

    fn counted(&self, connection: &Connection, catalog: &Catalog, document: &Document, paged: bool) -> Result<u64> {
        let statement = sql::count(document, &|name| catalog.table(name).cloned(), paged)?;
        let count = || -> SqliteResult<i64> {
            let mut prepared = connection.prepare_cached(&statement.sql)?;
            let mut rows = cursor(&mut prepared, &statement.values)?;
            rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?.get(0)
        };
        count().map(i64::unsigned_abs).map_err(|error| self.failed(error))
    }

    /// A failure of the statement, or of one of this crate's functions in it.
    pub(super) fn failed(&self, error: rusqlite::Error) -> Error {
        shaping::cause(error).unwrap_or_else(|error| self.failure(error))
    }
}

/// One read on its way.
struct Run<'a> {
    database: &'a Database,
    connection: &'a Connection,
    catalog: &'a Catalog,
    document: &'a Document,
    count: Count,
    chunk_bytes: usize,
}

impl Run<'_> {
    fn send(&self, statement: &Statement, form: Form<'_>, mut sink: impl FnMut(Part) -> ControlFlow<()>) -> Result<()> {
        let failure = |error| self.database.failed(error);
        let mut prepared = self.connection.prepare_cached(&statement.sql).map_err(failure)?;
        let mut cursor = cursor(&mut prepared, &statement.values).map_err(failure)?;
        let mut writer = Writer::new(form, &statement.columns);
        let mut body = Vec::with_capacity(512);
        writer.begin(&mut body);
        let (mut rows, mut has_begun) = (0, false);
        while let Some(row) = cursor.next().map_err(failure)? {
            // Only now is it known that the chunk is not the last.
            if body.len() >= self.chunk_bytes && rows > 0 {
                let chunk = mem::take(&mut body);
                let part = if has_begun { Part::Next(chunk) } else { Part::First(self.opening(chunk)?) };
                has_begun = true;
                if sink(part).is_break() {
                    return Ok(());
                }
            }
            let cells = (0..statement.columns.len()).map(|index| row.get_ref(index).map_or(Cell::Null, cell));
            writer.row(&mut body, cells, rows == 0);
            rows += 1;
        }
        writer.end(&mut body);
        let last =
            if has_begun { Part::Last(body) } else { Part::Whole(Opening { body, rows, total: self.total(rows)? }) };
        let _ = sink(last);
        Ok(())
    }

    /// The documents there are, of which limit and offset left `rows`.
    fn total(&self, rows: u64) -> Result<Option<u64>> {
        let Document { limit, offset, .. } = self.document;
        Ok(match self.count {
            Count::None => None,
            // A page that is not full ends where the rows do.
            Count::Exact if limit.is_none_or(|limit| rows < limit) && (rows > 0 || *offset == 0) => Some(offset + rows),
            Count::Exact => Some(self.database.counted(self.connection, self.catalog, self.document, false)?),
        })
    }

    /// The first chunk of many: how many rows will come is counted, at the moment they are read.
    fn opening(&self, body: Vec<u8>) -> Result<Opening> {
        let Document { limit, offset, .. } = self.document;
        let counted = self.database.counted(self.connection, self.catalog, self.document, self.count == Count::None)?;
        Ok(match self.count {
            Count::None => Opening { body, rows: counted, total: None },
            Count::Exact => {
                let rows = counted.saturating_sub(*offset).min(limit.unwrap_or(u64::MAX));
                Opening { body, rows, total: Some(counted) }
            }
        })
    }
}
