//! Reading in chunks: rows are fetched some at a time from a portal, and what is written goes when it is as long as a
//! chunk. Between two fetches the session is free to count.

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::document::Form;
use crate::document::form::Writer;
use crate::document::sql::Output;
use crate::error::Result;
use crate::kind::Kind;
use crate::postgres::Database;
use crate::postgres::catalog::Known;
use crate::postgres::cell::{cell, params};
use crate::postgres::connection::{Connection, Param, Row, Statement};
use crate::postgres::failure::Failure;
use crate::postgres::read::enter;
use crate::select::{Count, Select};
use crate::sql::{self, Query};
use crate::stream::{Opening, Part, RowWriter, StreamOptions};
use crate::value::Cell;

/// The rows of the first fetch, which is most often the only one.
const FIRST: u32 = 1000;
/// The rows of a later fetch.
const MORE: u32 = 8000;
/// The portal's name.
const PORTAL: &str = "stream";

/// A statement with its values.
pub(super) type Prepared = (String, Vec<Param>);

/// What is read, and how it is counted.
pub(super) struct Reading {
    /// The tables it is made for.
    pub(super) knowns: Vec<Known>,
    pub(super) rows: Prepared,
    pub(super) columns: Vec<Output>,
    /// The number of all rows.
    pub(super) all: Prepared,
    /// The number of those that limit and offset leave, if that is another.
    pub(super) page: Option<Prepared>,
    pub(super) limit: Option<u64>,
    pub(super) offset: u64,
}

impl Database {
    pub(crate) fn stream_json(
        &self,
        select: &Select,
        options: StreamOptions,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        self.stream(&select.table, options, Form::Json, sink, |known| reading(select, known))
    }

    pub(crate) fn stream_rows(
        &self,
        select: &Select,
        options: StreamOptions,
        writer: &mut dyn RowWriter,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        self.stream(&select.table, options, Form::Rows(writer), sink, |known| reading(select, known))
    }

    /// Reads what `plan` makes of a table as it is known.
    pub(super) fn stream(
        &self,
        table: &str,
        options: StreamOptions,
        form: Form<'_>,
        mut sink: impl FnMut(Part) -> ControlFlow<()>,
        mut plan: impl FnMut(&Known) -> Result<Reading, Failure>,
    ) -> Result<()> {
        let StreamOptions { count, chunk_bytes, mut stopped } = options;
        let mut loan = self.pool.take_long().map_err(|failure| self.failure(failure, table))?;
        let has_stopped = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&has_stopped);
        // Once the read has begun, the test belongs to it.
        let mut watch: Option<Box<dyn FnMut() -> bool + Send>> = Some(Box::new(move || {
            let stop = stopped();
            told.fetch_or(stop, Ordering::Relaxed);
            stop
        }));
        let mut begun = None;
        self.read(&mut loan, table, |connection, known| {
            // Names and values are checked before the server is asked.
            let reading = plan(known)?;
            let statement = Statement::with(&reading.rows.0, reading.rows.1.clone());
            enter(connection, &reading.knowns)?;
            connection.open_portal(PORTAL, &statement).inspect_err(|_| {
                let _ = connection.batch("ROLLBACK");
            })?;
            begun = Some(reading);
            Ok(())
        })?;
        let Some(reading) = begun else { return Ok(()) };
        let connection: &mut Connection = &mut loan;
        let send = || -> Result<(), Failure> {
            connection.give_up_when(watch.take())?;
            let mut run = Run { connection, reading: &reading, count, chunk_bytes, rows: 0, has_begun: false };
            run.send(Writer::new(form, &reading.columns), &mut sink)
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
            Err(failure) => Err(self.failure(failure, table)),
        }
    }
}

fn reading(select: &Select, known: &Known) -> Result<Reading, Failure> {
    let prepared = |query: Query<'_>| -> Result<Prepared> {
        let params = params(&query)?;
        Ok((query.sql, params))
    };
    let query = sql::select(select, &known.table)?;
    let output = |output: &sql::Output<'_>| Output { name: output.name.to_owned(), kind: Some(output.column.kind) };
    let is_all = select.limit.is_none() && select.offset == 0;
    let page = if is_all { None } else { Some(prepared(sql::count_page(select, &known.table)?)?) };
    Ok(Reading {
        knowns: vec![known.clone()],
        columns: query.columns.iter().map(output).collect(),
        rows: prepared(query)?,
        all: prepared(sql::count(&known.table, select.filter.as_ref())?)?,
        page,
        limit: select.limit,
        offset: select.offset,
    })
}

/// Appends a row of a statement's columns.
pub(super) fn write_row(
    writer: &mut Writer<'_, '_>,
    out: &mut Vec<u8>,
    row: Row<'_>,
    columns: &[Output],
    is_first: bool,
) -> Result<(), Failure> {
    let mut garbled = None;
    let cells = row.cells().zip(columns).map(|(bytes, column)| {
        cell(column.kind.unwrap_or(Kind::Json), bytes).unwrap_or_else(|failure| {
            garbled = Some(failure);
            Cell::Null
        })
    });
    writer.row(out, cells, is_first);
    garbled.map_or(Ok(()), Err)
}

/// One read on its way.
struct Run<'a> {
    connection: &'a mut Connection,
    reading: &'a Reading,
    count: Count,
    chunk_bytes: usize,
    rows: u64,
    has_begun: bool,
}

impl Run<'_> {
    fn send(
        &mut self,
        mut writer: Writer<'_, '_>,
        sink: &mut impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let (chunk_bytes, columns) = (self.chunk_bytes, &self.reading.columns);
        let mut body = Vec::with_capacity(512);
        let mut full: Vec<Vec<u8>> = Vec::new();
        writer.begin(&mut body);
        let mut most = FIRST;
        loop {
            let mut rows = self.rows;
            let more = self.connection.fetch(PORTAL, most, |row| {
                // Only now is it known that the chunk is not the last.
                if body.len() >= chunk_bytes && rows > 0 {
                    let room = chunk_bytes.saturating_add(chunk_bytes / 8).min(1 << 20);
                    full.push(mem::replace(&mut body, Vec::with_capacity(room)));
                }
                write_row(&mut writer, &mut body, row, columns, rows == 0)?;
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
        writer.end(&mut body);
        let last = if self.has_begun {
            Part::Last(body)
        } else {
            let (rows, Reading { limit, offset, .. }) = (self.rows, self.reading);
            let total = match self.count {
                Count::None => None,
                // A page that is not full ends where the rows do.
                Count::Exact if limit.is_none_or(|limit| rows < limit) && (rows > 0 || *offset == 0) => {
                    Some(offset + rows)
                }
                Count::Exact => Some(counted(self.connection, &self.reading.all)?),
            };
            Part::Whole(Opening { body, rows, total })
        };
        let _ = sink(last);
        Ok(())
    }

    /// The first chunk of many: how many rows will come is counted, at the moment they are read.
    fn opening(&mut self, body: Vec<u8>) -> Result<Opening, Failure> {
        let Reading { all, page, limit, offset, .. } = self.reading;
        Ok(match self.count {
            Count::None => {
                let rows = counted(self.connection, page.as_ref().unwrap_or(all))?;
                Opening { body, rows, total: None }
            }
            Count::Exact => {
                let total = counted(self.connection, all)?;
                let rows = total.saturating_sub(*offset).min(limit.unwrap_or(u64::MAX));
                Opening { body, rows, total: Some(total) }
            }
        })
    }
}

/// The number that a statement gives.
pub(super) fn counted(connection: &mut Connection, (sql, params): &Prepared) -> Result<u64, Failure> {
    let mut count = 0;
    connection.run(&[Statement::with(sql, params.clone())], |_, row| {
        count = row.integer(0).unwrap_or(0).unsigned_abs();
        Ok(())
    })?;
    Ok(count)
}
