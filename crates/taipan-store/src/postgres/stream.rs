//! Reading in chunks: rows are fetched some at a time from a portal, and what is written goes when it is as long as a
//! chunk. Between two fetches the session is free to count.

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Result;
use crate::json::JsonColumn;
use crate::kind::Kind;
use crate::postgres::Database;
use crate::postgres::catalog::Known;
use crate::postgres::cell::{params, values};
use crate::postgres::connection::{Connection, Row, Statement};
use crate::postgres::failure::Failure;
use crate::postgres::read::{enter, write_json_row};
use crate::select::{Count, Select};
use crate::sql::{self, Query};
use crate::stream::{Opening, Part, RowWriter, StreamOptions};

/// The rows of the first fetch, which is most often the only one.
const FIRST: u32 = 1000;
/// The rows of a later fetch.
const MORE: u32 = 8000;
/// The portal's name.
const PORTAL: &str = "stream";

impl Database {
    pub(crate) fn stream_json(
        &self,
        select: &Select,
        options: StreamOptions,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        self.stream(select, options, sink, &mut Json)
    }

    pub(crate) fn stream_rows(
        &self,
        select: &Select,
        options: StreamOptions,
        writer: &mut dyn RowWriter,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        self.stream(select, options, sink, &mut Written(writer))
    }

    fn stream<F: Form>(
        &self,
        select: &Select,
        options: StreamOptions,
        mut sink: impl FnMut(Part) -> ControlFlow<()>,
        form: &mut F,
    ) -> Result<()> {
        let StreamOptions { count, chunk_bytes, mut stopped } = options;
        let mut loan = self.pool.take_long().map_err(|failure| self.failure(failure, &select.table))?;
        let has_stopped = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&has_stopped);
        // Once the read has begun, the test belongs to it.
        let mut watch: Option<Box<dyn FnMut() -> bool + Send>> = Some(Box::new(move || {
            let stop = stopped();
            told.fetch_or(stop, Ordering::Relaxed);
            stop
        }));
        let mut begun = None;
        self.read(&mut loan, &select.table, |connection, known| {
            // Names and values are checked before the server is asked.
            let query = sql::select(select, &known.table)?;
            let statement = Statement::with(&query.sql, params(&query)?);
            enter(connection, known)?;
            connection.open_portal(PORTAL, &statement).inspect_err(|_| {
                let _ = connection.batch("ROLLBACK");
            })?;
            begun = Some(known.clone());
            Ok(())
        })?;
        let Some(known) = begun else { return Ok(()) };
        let connection: &mut Connection = &mut loan;
        let mut send = || -> Result<(), Failure> {
            connection.give_up_when(watch.take())?;
            let query = sql::select(select, &known.table)?;
            let mut run = Run { connection, known: &known, select, count, chunk_bytes, rows: 0, has_begun: false };
            run.send(&query, form, &mut sink)
        };
        let sent = send();
        if !connection.is_broken() {
            // Nothing was written, so how it ends does not matter.
            let _ = connection.give_up_when(None);
            let _ = connection.batch("ROLLBACK");
        }
        match sent {
            Ok(()) | Err(Failure::Enough) => Ok(()),
            // Nobody is left who would want to know.
            Err(_) if has_stopped.load(Ordering::Relaxed) => Ok(()),
            Err(failure) => Err(self.failure(failure, &select.table)),
        }
    }
}

/// Bytes made of rows.
trait Form {
    /// What is known of the columns.
    type Columns;
    fn columns(&self, query: &Query<'_>) -> Self::Columns;
    fn begin(&mut self, out: &mut Vec<u8>, columns: &Self::Columns);
    fn row(&mut self, out: &mut Vec<u8>, row: Row<'_>, columns: &Self::Columns, is_first: bool) -> Result<(), Failure>;
    fn end(&mut self, out: &mut Vec<u8>);
}

struct Json;

impl Form for Json {
    type Columns = Vec<JsonColumn<'static>>;

    fn columns(&self, query: &Query<'_>) -> Self::Columns {
        JsonColumn::of(query).into_iter().map(JsonColumn::into_owned).collect()
    }

    fn begin(&mut self, out: &mut Vec<u8>, _: &Self::Columns) {
        out.push(b'[');
    }

    fn row(&mut self, out: &mut Vec<u8>, row: Row<'_>, columns: &Self::Columns, is_first: bool) -> Result<(), Failure> {
        if !is_first {
            out.push(b',');
        }
        write_json_row(out, row, columns)
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.push(b']');
    }
}

struct Written<'a>(&'a mut dyn RowWriter);

impl Form for Written<'_> {
    type Columns = Vec<(String, Kind)>;

    fn columns(&self, query: &Query<'_>) -> Self::Columns {
        query.columns.iter().map(|output| (output.name.to_owned(), output.column.kind)).collect()
    }

    fn begin(&mut self, out: &mut Vec<u8>, columns: &Self::Columns) {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        self.0.begin(out, &names);
    }

    fn row(&mut self, out: &mut Vec<u8>, row: Row<'_>, columns: &Self::Columns, _: bool) -> Result<(), Failure> {
        self.0.row(out, &values(row, columns.iter().map(|(_, kind)| *kind))?);
        Ok(())
    }

    fn end(&mut self, _: &mut Vec<u8>) {}
}

/// One read on its way.
struct Run<'a> {
    connection: &'a mut Connection,
    known: &'a Known,
    select: &'a Select,
    count: Count,
    chunk_bytes: usize,
    rows: u64,
    has_begun: bool,
}

impl Run<'_> {
    fn send<F: Form>(
        &mut self,
        query: &Query<'_>,
        form: &mut F,
        sink: &mut impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let columns = form.columns(query);
        let chunk_bytes = self.chunk_bytes;
        let mut body = Vec::with_capacity(512);
        let mut full: Vec<Vec<u8>> = Vec::new();
        form.begin(&mut body, &columns);
        let mut most = FIRST;
        loop {
            let mut rows = self.rows;
            let more = self.connection.fetch(PORTAL, most, |row| {
                // Only now is it known that the chunk is not the last.
                if body.len() >= chunk_bytes && rows > 0 {
                    let room = chunk_bytes.saturating_add(chunk_bytes / 8).min(1 << 20);
                    full.push(mem::replace(&mut body, Vec::with_capacity(room)));
                }
                form.row(&mut body, row, &columns, rows == 0)?;
                rows += 1;
                Ok(())
            })?;
            // Wide rows are fetched fewer at a time, so that what waits stays a few chunks.
            let waiting: usize = full.iter().map(Vec::len).sum::<usize>() + body.len();
            let fetched = rows - self.rows;
            let width = waiting / usize::try_from(fetched.max(1)).unwrap_or(1);
            most = (chunk_bytes.saturating_mul(4) / width.max(1)).clamp(16, MORE as usize) as u32;
            self.rows = rows;
            for chunk in full.drain(..) {
                let part = if self.has_begun { Part::Next(chunk) } else { Part::First(self.opening(chunk)?) };
                self.has_begun = true;
                if sink(part).is_break() {
                    return Ok(());
                }
            }
            if !more {
                break;
            }
        }
        form.end(&mut body);
        let last = if self.has_begun {
            Part::Last(body)
        } else {
            let (rows, offset) = (self.rows, self.select.offset);
            let total = match self.count {
                Count::None => None,
                // A page that is not full ends where the rows do.
                Count::Exact if self.select.limit.is_none_or(|limit| rows < limit) && (rows > 0 || offset == 0) => {
                    Some(offset + rows)
                }
                Count::Exact => Some(self.counted(&sql::count(&self.known.table, self.select.filter.as_ref())?)?),
            };
            Part::Whole(Opening { body, rows, total })
        };
        let _ = sink(last);
        Ok(())
    }

    /// The first chunk of many: how many rows will come is counted, at the moment they are read.
    fn opening(&mut self, body: Vec<u8>) -> Result<Opening, Failure> {
        let Select { filter, limit, offset, .. } = self.select;
        let is_all = limit.is_none() && *offset == 0;
        let query = match self.count {
            Count::None if !is_all => sql::count_page(self.select, &self.known.table)?,
            _ => sql::count(&self.known.table, filter.as_ref())?,
        };
        let counted = self.counted(&query)?;
        Ok(match self.count {
            Count::None => Opening { body, rows: counted, total: None },
            Count::Exact => {
                let rows = counted.saturating_sub(*offset).min(limit.unwrap_or(u64::MAX));
                Opening { body, rows, total: Some(counted) }
            }
        })
    }

    fn counted(&mut self, query: &Query<'_>) -> Result<u64, Failure> {
        let mut count = 0;
        self.connection.run(&[Statement::with(&query.sql, params(query)?)], |_, row| {
            count = row.integer(0).unwrap_or(0).unsigned_abs();
            Ok(())
        })?;
        Ok(count)
    }
}
