//! Reading in chunks: rows are written as they come, and what is written goes when it is as long as a chunk.

use std::borrow::Cow;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, Result as SqliteResult, Row};

use crate::error::Result;
use crate::json::JsonColumn;
use crate::kind::Kind;
use crate::select::{Count, Select};
use crate::sql::{self, Query};
use crate::sqlite::Database;
use crate::sqlite::pool::Reader;
use crate::sqlite::read::{cell, cursor, write_json_row};
use crate::stream::{Opening, Part, RowWriter, StreamOptions};
use crate::table::Table;
use crate::value::Value;

/// The steps of SQLite's machine between two looks at whether the read is still wanted: a millisecond or less.
const STEPS: i32 = 20_000;
/// The most that is set aside for a chunk before it is filled.
const MOST_RESERVED: usize = 1 << 20;

impl Database {
    pub(crate) fn stream_json(
        &self,
        select: &Select,
        options: StreamOptions,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        self.stream(select, options, sink, |query| Json {
            columns: JsonColumn::of(query).into_iter().map(JsonColumn::into_owned).collect(),
        })
    }

    pub(crate) fn stream_rows(
        &self,
        select: &Select,
        options: StreamOptions,
        writer: &mut dyn RowWriter,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        self.stream(select, options, sink, |query| Written {
            writer,
            columns: query.columns.iter().map(|output| (output.name.to_owned(), output.column.kind)).collect(),
            values: Vec::with_capacity(query.columns.len()),
        })
    }

    fn stream<F: Form>(
        &self,
        select: &Select,
        options: StreamOptions,
        sink: impl FnMut(Part) -> ControlFlow<()>,
        form: impl FnOnce(&Query<'_>) -> F,
    ) -> Result<()> {
        let StreamOptions { count, chunk_bytes, stopped } = options;
        self.read_long(|reader, catalog| {
            let table = catalog.table(&select.table)?;
            let query = sql::select(select, table)?;
            let watch = Watch::new(reader, stopped).map_err(|error| self.failure(error))?;
            let run = Run { database: self, reader, table, select, count, chunk_bytes };
            match run.send(&query, form(&query), sink) {
                // Nobody is left who would want to know.
                Err(_) if watch.has_stopped() => Ok(()),
                ended => ended,
            }
        })
    }
}

/// Bytes made of rows.
trait Form {
    fn begin(&mut self, out: &mut Vec<u8>);
    fn row(&mut self, out: &mut Vec<u8>, row: &Row<'_>, is_first: bool) -> SqliteResult<()>;
    fn end(&mut self, out: &mut Vec<u8>);
}

struct Json {
    columns: Vec<JsonColumn<'static>>,
}

impl Form for Json {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.push(b'[');
    }

    fn row(&mut self, out: &mut Vec<u8>, row: &Row<'_>, is_first: bool) -> SqliteResult<()> {
        if !is_first {
            out.push(b',');
        }
        write_json_row(out, row, &self.columns)
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.push(b']');
    }
}

struct Written<'a> {
    writer: &'a mut dyn RowWriter,
    columns: Vec<(String, Kind)>,
    values: Vec<Value>,
}

impl Form for Written<'_> {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        self.writer.begin(out, &names);
    }

    fn row(&mut self, out: &mut Vec<u8>, row: &Row<'_>, _: bool) -> SqliteResult<()> {
        self.values.clear();
        for (index, (_, kind)) in self.columns.iter().enumerate() {
            self.values.push(cell(row.get_ref(index)?).value(*kind));
        }
        self.writer.row(out, &self.values);
        Ok(())
    }

    fn end(&mut self, _: &mut Vec<u8>) {}
}

/// One read on its way.
struct Run<'a> {
    database: &'a Database,
    reader: &'a Reader,
    table: &'a Table,
    select: &'a Select,
    count: Count,
    chunk_bytes: usize,
}

impl Run<'_> {
    fn send(
        &self,
        query: &Query<'_>,
        mut form: impl Form,
        mut sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        let failure = |error| self.database.failure(error);
        let mut statement = self.reader.prepare_cached(&query.sql).map_err(failure)?;
        let mut cursor = cursor(&mut statement, query.values.iter().map(Cow::as_ref)).map_err(failure)?;
        let mut body = Vec::with_capacity(512);
        form.begin(&mut body);
        let (mut rows, mut has_begun) = (0, false);
        while let Some(row) = cursor.next().map_err(failure)? {
            // Only now is it known that the chunk is not the last.
            if body.len() >= self.chunk_bytes && rows > 0 {
                let room = self.chunk_bytes.saturating_add(self.chunk_bytes / 8).min(MOST_RESERVED);
                let chunk = mem::replace(&mut body, Vec::with_capacity(room));
                let part = if has_begun { Part::Next(chunk) } else { Part::First(self.opening(chunk)?) };
                has_begun = true;
                if sink(part).is_break() {
                    return Ok(());
                }
            }
            form.row(&mut body, row, rows == 0).map_err(failure)?;
            rows += 1;
        }
        form.end(&mut body);
        let last = if has_begun {
            Part::Last(body)
        } else {
            let total = self.database.total(self.reader, self.table, self.select, self.count, rows)?;
            Part::Whole(Opening { body, rows, total })
        };
        let _ = sink(last);
        Ok(())
    }

    /// The first chunk of many: how many rows will come is counted, at the moment they are read.
    fn opening(&self, body: Vec<u8>) -> Result<Opening> {
        let Select { filter, limit, offset, .. } = self.select;
        let is_all = limit.is_none() && *offset == 0;
        let query = match self.count {
            Count::None if !is_all => sql::count_page(self.select, self.table)?,
            _ => sql::count(self.table, filter.as_ref())?,
        };
        let counted =
            self.database.count_once(self.reader, self.table, &query).map_err(|error| self.database.failure(error))?;
        Ok(match self.count {
            Count::None => Opening { body, rows: counted, total: None },
            Count::Exact => {
                let rows = counted.saturating_sub(*offset).min(limit.unwrap_or(u64::MAX));
                Opening { body, rows, total: Some(counted) }
            }
        })
    }
}

/// Ends the statements of a connection once they are not wanted any more, for as long as it lives.
pub(super) struct Watch<'a> {
    connection: &'a Connection,
    has_stopped: Arc<AtomicBool>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(connection: &'a Connection, mut stopped: Box<dyn FnMut() -> bool + Send>) -> SqliteResult<Self> {
        let has_stopped = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&has_stopped);
        let look = move || {
            let stop = stopped();
            told.fetch_or(stop, Ordering::Relaxed);
            stop
        };
        connection.progress_handler(STEPS, Some(look))?;
        Ok(Watch { connection, has_stopped })
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.has_stopped.load(Ordering::Relaxed)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        // It fails only for a connection of another thread.
        let _ = self.connection.progress_handler(0, None::<fn() -> bool>);
    }
}
