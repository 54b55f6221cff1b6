//! One read of one table: planned from the request, run on a store, answered in the form asked for.

use std::convert::Infallible;
use std::ops::ControlFlow;

use futures::stream;
use taipan::store::{Compare, Count, Filter, Part, Select, Store, StreamOptions, Table};
use taipan_web::header::{CONTENT_RANGE, CONTENT_TYPE};
use taipan_web::{Body, Bytes, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::request::{Media, Preferences, apply_range};
use super::{csv, query};
use crate::error::{Error, Result};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Rows that a read may pass over and still count as brief.
const BRIEF_ROWS: u64 = 100;

/// The rows that a body is made of in one piece, at most, unless their number is known to be small otherwise.
const SHORT_ROWS: u64 = 1000;

/// A read that is ready to run.
#[derive(Debug)]
pub(super) struct Read {
    select: Select,
    media: Media,
    preferences: Preferences,
    head_only: bool,
}

impl Read {
    pub(super) fn of(table: &Table, request: &Request) -> Result<Self> {
        let headers = request.headers();
        let media = Media::negotiate(headers)?;
        let preferences = Preferences::of(headers)?;
        let mut select = query::parse_encoded(table, request.uri().query().unwrap_or_default())?;
        apply_range(headers, request.method(), &mut select)?;
        Ok(Self { select, media, preferences, head_only: request.method() == Method::HEAD })
    }

    /// Whether the read touches so few rows that handing it to another thread would take longer than running it:
    /// one row by its key, or the first rows of a table in its own order or an index's.
    pub(super) fn is_brief(&self, table: &Table) -> bool {
        match &self.select.filter {
            _ if table.is_view => false,
            Some(_) => self.is_by_key(table),
            None => {
                let rows = self.select.limit.map(|limit| limit.saturating_add(self.select.offset));
                rows.is_some_and(|rows| rows <= BRIEF_ROWS)
                    && self.is_in_order(table)
                    && matches!(self.preferences.count, Count::None)
            }
        }
    }

    /// Whether rows come in the order that is wanted without being sorted.
    fn is_in_order(&self, table: &Table) -> bool {
        match self.select.order.as_slice() {
            [] => true,
            [order] => table.columns.iter().any(|column| column.indexed && column.name == order.column),
            _ => false,
        }
    }

    /// Whether the answer may be too long to be held in memory.
    pub(super) fn is_long(&self, table: &Table) -> bool {
        let is_counted_only = self.head_only && self.preferences.count == Count::Exact;
        self.media != Media::Object
            && !is_counted_only
            && self.select.limit.is_none_or(|limit| limit > SHORT_ROWS)
            && !self.is_by_key(table)
    }

    /// Whether a filter leaves one row at most, by the table's key.
    fn is_by_key(&self, table: &Table) -> bool {
        let key = |name: &str| table.columns.iter().any(|column| column.primary_key && column.name == *name);
        let one_key = table.columns.iter().filter(|column| column.primary_key).count() == 1;
        let by_key = |filter: &Filter| matches!(filter, Filter::Compare { column, op: Compare::Eq, .. } if key(column));
        match &self.select.filter {
            Some(Filter::And(filters)) => one_key && filters.iter().any(by_key),
            Some(filter) => one_key && by_key(filter),
            None => false,
        }
    }

    /// Whether only the headers are wanted.
    pub(super) fn is_head(&self) -> bool {
        self.head_only
    }

    /// Runs the read in parts, until `stopped`. This waits for the database and for `sink`.
    pub(super) fn stream(
        &self,
        store: &Store,
        stopped: impl FnMut() -> bool + Send + 'static,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> std::result::Result<(), taipan::store::Error> {
        let options = StreamOptions::default().count(self.preferences.count).stopped(stopped);
        match self.media {
            Media::Csv => store.stream_rows(&self.select, options, &mut csv::Writer::default(), sink),
            Media::Json | Media::Object => store.stream_json(&self.select, options, sink),
        }
    }

    /// Runs the read. This waits for the database.
    pub(super) fn run(&self, store: &Store) -> Result<Response> {
        let (body, rows, total) = match self.media {
            Media::Json | Media::Csv if self.head_only && self.preferences.count == Count::Exact => {
                let total = store.count(&self.select.table, self.select.filter.as_ref())?;
                (None, self.rows_of(total), Some(total))
            }
            Media::Json => {
                let page = store.read_json(&self.select, self.preferences.count)?;
                (Some(page.body.into()), page.rows, page.total)
            }
            Media::Object => {
                let (object, total) = self.one_object(store)?;
                (Some(object.into()), 1, total)
            }
            Media::Csv => {
                let total = match self.preferences.count {
                    Count::None => None,
                    Count::Exact => Some(store.count(&self.select.table, self.select.filter.as_ref())?),
                };
                let rows = store.read_rows(&self.select)?;
                let count = rows.rows.len() as u64;
                (Some(csv::write(&rows).into()), count, total)
            }
        };
        self.answer(body, rows, total)
    }

    /// The only row, without the brackets of an array. Asking for two tells one from many.
    fn one_object(&self, store: &Store) -> Result<(Bytes, Option<u64>)> {
        let mut select = self.select.clone();
        select.limit = Some(select.limit.map_or(2, |limit| limit.min(2)));
        let page = store.read_json(&select, self.preferences.count)?;
        if page.rows == 1 {
            let body = Bytes::from(page.body);
            let object = body.slice(1..body.len().saturating_sub(1).max(1));
            return Ok((object, page.total));
        }
        let rows = if page.rows == 0 {
            0
        } else {
            self.rows_of(store.count(&self.select.table, self.select.filter.as_ref())?)
        };
        Err(Error::not_single(rows))
    }

    /// The rows that limit and offset leave of `total`.
    fn rows_of(&self, total: u64) -> u64 {
        total.saturating_sub(self.select.offset).min(self.select.limit.unwrap_or(u64::MAX))
    }

    /// The answer with a body of `rows` rows, or with none where they were not read.
    pub(super) fn answer(&self, body: Option<Body>, rows: u64, total: Option<u64>) -> Result<Response> {
        let offset = self.select.offset;
        if let Some(total) = total
            && offset > total
        {
            return Err(Error::out_of_bounds(offset, total));
        }
        // What a HEAD leaves out has the length that a GET would have, or none where the rows were not read.
        let unread = || Body::from_stream(stream::empty::<std::result::Result<Bytes, Infallible>>());
        let mut response = Response::new(body.unwrap_or_else(unread));
        if total.is_some_and(|total| rows < total) {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media.content_type()));
        headers.insert(CONTENT_RANGE, content_range(self.select.offset, rows, total)?);
        if let Some(applied) = self.preferences.applied() {
            headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static(applied));
        }
        Ok(response)
    }
}

/// `0-9/1000`; `*` stands for no rows, and for a total that was not counted.
fn content_range(offset: u64, rows: u64, total: Option<u64>) -> Result<HeaderValue> {
    let last = offset.saturating_add(rows.saturating_sub(1));
    let range = match (rows, total) {
        (0, None) => return Ok(HeaderValue::from_static("*/*")),
        (0, Some(total)) => format!("*/{total}"),
        (_, None) => format!("{offset}-{last}/*"),
        (_, Some(total)) => format!("{offset}-{last}/{total}"),
    };
    HeaderValue::try_from(range).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let cases = [
            (0, 10, Some(1000), "0-9/1000"),
            (5, 1, None, "5-5/*"),
            (0, 0, Some(0), "*/0"),
            (7, 0, Some(7), "*/7"),
            (3, 0, None, "*/*"),
        ];
        for (offset, rows, total, expected) in cases {
            let range = content_range(offset, rows, total).expect("a header value");
            assert_eq!(range, expected);
        }
    }
}
