//! One read: planned from the request, run on a store, answered in the form asked for.
//!
//! What a [`Select`] can say is read as one, which is the faster; the rest as a [`Document`].

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures::stream;
use taipan::store::document::{Document, Form};
use taipan::store::mutation::row_tag;
use taipan::store::{Compare, Count, Filter, Part, Select, Store, StreamOptions, Table};
use taipan_web::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG};
use taipan_web::{Body, Bytes, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::request::{AVAILABLE, Media, Preferences, apply_range};
use super::{arrow, csv, query};
use crate::error::{Error, Result};
use crate::rights::{Asker, Visible};

pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Rows that a read may pass over and still count as brief.
const BRIEF_ROWS: u64 = 100;

/// The rows that a body is made of in one piece, at most, unless their number is known to be small otherwise.
const SHORT_ROWS: u64 = 1000;

/// A read that is ready to run.
#[derive(Debug)]
pub(super) struct Read {
    document: Document,
    select: Option<Select>,
    media: Media,
    preferences: Preferences,
    head_only: bool,
    /// Whether the answer has a tag where it is one row.
    is_tagged: bool,
}

impl Read {
    pub(super) fn of(store: &Store, asker: &Asker, table: &Arc<Table>, request: &Request) -> Result<Self> {
        let headers = request.headers();
        let media = Media::negotiate(headers)?;
        let preferences = Preferences::of(headers)?;
        let pairs = query::pairs(request.uri().query().unwrap_or_default())?;
        let asker = asker.clone().asking(pairs.iter().map(|(name, _)| name.as_str()));
        asker.readable(table)?;
        let tables = Visible { store, asker: &asker };
        let mut document = query::parse_pairs(&tables, &asker.columns(table), &pairs)?;
        let is_whole = document.fields.is_empty();
        asker.narrow(&mut document, &tables)?;
        apply_range(headers, request.method(), &mut document)?;
        let select = document.as_select();
        if media == Media::Arrow && select.is_none() {
            return Err(Error::not_acceptable("application/vnd.apache.arrow.stream of nested rows", AVAILABLE));
        }
        let head_only = request.method() == Method::HEAD;
        let mut read = Self { document, select, media, preferences, head_only, is_tagged: false };
        // A tag is of a whole row, its nulls included. An array has one where it cannot be of several rows.
        read.is_tagged = is_whole
            && (media == Media::Object || media == Media::Json && asker.is_versioned(table) && read.is_by_key(table));
        Ok(read)
    }

    /// Whether the read touches so few rows that handing it to another thread would take longer than running it:
    /// one row by its key, or the first rows of a table in its own order or an index's.
    pub(super) fn is_brief(&self, table: &Table) -> bool {
        let Some(select) = &self.select else { return false };
        match &select.filter {
            _ if table.is_view || self.media == Media::Arrow => false,
            Some(_) => self.is_by_key(table),
            None => {
                let rows = select.limit.map(|limit| limit.saturating_add(select.offset));
                rows.is_some_and(|rows| rows <= BRIEF_ROWS)
                    && self.is_in_order(table)
                    && matches!(self.preferences.count, Count::None)
            }
        }
    }

    /// Whether rows come in the order that is wanted without being sorted.
    fn is_in_order(&self, table: &Table) -> bool {
        match self.select.as_ref().map_or(&[][..], |select| &select.order) {
            [] => true,
            [order] => table.columns.iter().any(|column| column.indexed && column.name == order.column),
            _ => false,
        }
    }

    /// Whether the answer may be too long to be held in memory.
    pub(super) fn is_long(&self, table: &Table) -> bool {
        let is_counted_only = self.head_only && self.preferences.count == Count::Exact;
        !self.media.is_object()
            && !is_counted_only
            && (self.media == Media::Arrow
                || self.document.limit.is_none_or(|limit| limit > SHORT_ROWS) && !self.is_by_key(table))
    }

    /// Whether a filter leaves one row at most, by the table's key.
    fn is_by_key(&self, table: &Table) -> bool {
        let filters = match self.select.as_ref().and_then(|select| select.filter.as_ref()) {
            Some(Filter::And(filters)) => filters.as_slice(),
            Some(filter) => std::slice::from_ref(filter),
            None => return false,
        };
        let is_given = |key: &str| {
            let by_key = |f: &Filter| matches!(f, Filter::Compare { column, op: Compare::Eq, .. } if column == key);
            filters.iter().any(by_key)
        };
        let mut keys = table.primary_key().peekable();
        keys.peek().is_some() && keys.all(|column| is_given(&column.name))
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
    ) -> Result<()> {
        let options = StreamOptions::default().count(self.preferences.count).stopped(stopped);
        let mut lines = csv::Writer::default();
        let form = match (&self.select, self.media) {
            (Some(select), Media::Arrow) => return arrow::stream(store, select, self.preferences.count, sink),
            (Some(select), Media::Csv) => return Ok(store.stream_rows(select, options, &mut lines, sink)?),
            (Some(select), Media::Json | Media::Object) => return Ok(store.stream_json(select, options, sink)?),
            (_, media) => form(media, &mut lines),
        };
        Ok(store.stream_document(&self.document, options, form, sink)?)
    }

    /// Runs the read. This waits for the database.
    pub(super) fn run(&self, store: &Store) -> Result<Response> {
        let count = self.preferences.count;
        let mut tag = None;
        let (body, rows, total) = match (&self.select, self.media) {
            (_, media) if !media.is_object() && self.head_only && count == Count::Exact => {
                let total = self.count(store)?;
                (None, self.rows_of(total), Some(total))
            }
            (_, Media::Object | Media::StrippedObject) => {
                let (object, total) = self.one_object(store)?;
                tag = self.is_tagged.then(|| tag_of(&object));
                (Some(object.into()), 1, total)
            }
            (Some(select), Media::Json) => {
                let page = store.read_json(select, count)?;
                let body = Bytes::from(page.body);
                tag = (self.is_tagged && page.rows == 1).then(|| tag_of(&only_object(body.clone())));
                (Some(body.into()), page.rows, page.total)
            }
            (Some(select), Media::Csv) => {
                let total = match count {
                    Count::None => None,
                    Count::Exact => Some(self.count(store)?),
                };
                let rows = store.read_rows(select)?;
                let count = rows.rows.len() as u64;
                (Some(csv::write(&rows).into()), count, total)
            }
            (_, media) => {
                let page = store.read_document(&self.document, form(media, &mut csv::Writer::default()), count)?;
                (Some(page.body.into()), page.rows, page.total)
            }
        };
        let mut response = self.answer(body, rows, total)?;
        if let Some(Some(tag)) = tag {
            response.headers_mut().insert(ETAG, tag);
        }
        Ok(response)
    }

    fn count(&self, store: &Store) -> Result<u64> {
        Ok(match &self.select {
            Some(select) => store.count(&select.table, select.filter.as_ref())?,
            None => store.count_document(&self.document)?,
        })
    }

    /// The only row, without the brackets of an array. Asking for two tells one from many.
    fn one_object(&self, store: &Store) -> Result<(Bytes, Option<u64>)> {
        let limit = Some(self.document.limit.map_or(2, |limit| limit.min(2)));
        let page = match (&self.select, self.media) {
            (Some(select), Media::Object) => {
                let mut select = select.clone();
                select.limit = limit;
                store.read_json(&select, self.preferences.count)?
            }
            (_, media) => {
                let mut document = self.document.clone();
                document.limit = limit;
                store.read_document(&document, form(media, &mut csv::Writer::default()), self.preferences.count)?
            }
        };
        if page.rows == 1 {
            return Ok((only_object(page.body), page.total));
        }
        let rows = if page.rows == 0 { 0 } else { self.rows_of(self.count(store)?) };
        Err(Error::not_single(rows))
    }

    /// The rows that limit and offset leave of `total`.
    fn rows_of(&self, total: u64) -> u64 {
        total.saturating_sub(self.document.offset).min(self.document.limit.unwrap_or(u64::MAX))
    }

    /// The answer with a body of `rows` rows, or with none where they were not read.
    pub(super) fn answer(&self, body: Option<Body>, rows: u64, total: Option<u64>) -> Result<Response> {
        let offset = self.document.offset;
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
        headers.insert(CONTENT_RANGE, content_range(offset, rows, total)?);
        if let Some(applied) = self.preferences.applied() {
            headers.insert(PREFERENCE_APPLIED, HeaderValue::try_from(applied).map_err(Error::internal)?);
        }
        Ok(response)
    }
}

/// The header that names a row as it is, given as its object.
pub(super) fn tag_of(object: &[u8]) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("\"{}\"", row_tag(object))).ok()
}

/// An array's only member.
pub(super) fn only_object(array: impl Into<Bytes>) -> Bytes {
    let body = array.into();
    body.slice(1..body.len().saturating_sub(1).max(1))
}

fn form(media: Media, lines: &mut csv::Writer) -> Form<'_> {
    match media {
        Media::Stripped | Media::StrippedObject => Form::Stripped,
        Media::Lines => Form::Lines,
        Media::Csv => Form::Rows(lines),
        Media::Json | Media::Object | Media::Arrow => Form::Json,
    }
}

/// `0-9/1000`; `*` stands for no rows, and for a total that was not counted.
pub(super) fn content_range(offset: u64, rows: u64, total: Option<u64>) -> Result<HeaderValue> {
    let last = offset.saturating_add(rows.saturating_sub(1));
    // By hand, since every answer has one: `format!` takes as long as a fiftieth of a small read.
    let mut range = Vec::with_capacity(3 * 20 + 2);
    if rows == 0 {
        range.push(b'*');
    } else {
        decimal(&mut range, offset);
        range.push(b'-');
        decimal(&mut range, last);
    }
    range.push(b'/');
    match total {
        None => range.push(b'*'),
        Some(total) => decimal(&mut range, total),
    }
    HeaderValue::try_from(range).map_err(Error::internal)
}

fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let begin = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[begin..].reverse();
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
            (u64::MAX - 1, 2, Some(u64::MAX), "18446744073709551614-18446744073709551615/18446744073709551615"),
        ];
        for (offset, rows, total, expected) in cases {
            let range = content_range(offset, rows, total).expect("a header value");
            assert_eq!(range, expected);
        }
    }
}
