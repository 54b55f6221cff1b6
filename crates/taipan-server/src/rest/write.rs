//! One change: POST, PATCH, PUT or DELETE planned from the request, made in one transaction, and answered with as much of
//! the rows as was asked for.

use std::sync::Arc;

use taipan::store::document::{Condition, Document, Path};
use taipan::store::mutation::{Change, Mutation, OnConflict, Outcome, Shape, Tag};
use taipan::store::{Compare, Count, Store, Table, Value};
use taipan_web::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION};
use taipan_web::{Body, Bytes, HeaderMap, HeaderValue, Method, Response, StatusCode, format};
use tokio::sync::oneshot;

use super::changes::{Changes, Event};
use super::payload::{self, Payload};
use super::read::{PREFERENCE_APPLIED, content_range, only_object, tag_of};
use super::request::{AVAILABLE, Media, Preferences, Resolution, Returns};
use super::{arrow, csv, query};
use crate::error::{Error, Result};
use crate::rights::{Asker, Visible};

/// A change that is ready to be made.
#[derive(Debug)]
pub(super) struct Write {
    verb: Verb,
    table: Arc<Table>,
    mutation: Mutation,
    media: Media,
    preferences: Preferences,
    /// Whether the answer shows whole rows, so that it can be tagged.
    is_whole: bool,
    is_empty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Insert,
    Upsert,
    Put,
    Update,
    Delete,
}

impl Write {
    pub(super) fn of(
        store: &Store,
        asker: Asker,
        table: Arc<Table>,
        method: &Method,
        encoded: &str,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Self> {
        let preferences = Preferences::of(headers)?;
        let media = match Media::negotiate(headers)? {
            media if media.is_object() || preferences.returns == Some(Returns::Representation) => media,
            _ => Media::Json,
        };
        let pairs = query::pairs(encoded)?;
        let parameter = |name: &str| pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let asker = asker.asking(pairs.iter().map(|(name, _)| name.as_str()));
        let tables = Visible { store, asker: &asker };
        let shown = asker.columns(&table);
        let asked = query::parse_pairs(&tables, &shown, &pairs)?;
        let is_bounded = asked.limit.is_some() || asked.offset > 0;
        if method == Method::PUT && is_bounded {
            return Err(Error::new(
                StatusCode::BAD_REQUEST,
                "PGRST114",
                "limit/offset querystring parameters are not allowed for PUT",
            ));
        }
        if method != Method::POST && is_bounded {
            return Err(Error::new(
                StatusCode::BAD_REQUEST,
                "PGRST100",
                "limit and offset do not bound a change; filter its rows",
            ));
        }
        let columns = parameter("columns").map(payload::names).transpose()?;
        let (verb, change, filter) = if method == Method::DELETE {
            (Verb::Delete, Change::Delete, asked.filter.clone())
        } else {
            let payload = Payload::read(&table, headers, body, columns, preferences.missing_default)?;
            if method == Method::PATCH {
                (Verb::Update, Change::Update { values: payload.row_to_set()? }, asked.filter.clone())
            } else if method == Method::PUT {
                (Verb::Put, put(&table, payload, asked.filter.as_ref())?, asked.filter.clone())
            } else {
                let on = parameter("on_conflict").map(payload::names).transpose()?;
                for name in on.iter().flatten() {
                    crate::error::column(&shown, name)?;
                }
                let merge = preferences.resolution.map(|resolution| resolution == Resolution::Merge);
                let on_conflict = merge.map(|merge| OnConflict { columns: on.unwrap_or_default(), merge });
                let verb = if on_conflict.is_some() { Verb::Upsert } else { Verb::Insert };
                let there = match if_match(headers) {
                    Some(_) => Some(merged(&table, &payload, on_conflict.as_ref())?),
                    None => None,
                };
                let Payload { columns, rows } = payload;
                (verb, Change::Insert { columns, rows, on_conflict }, there)
            }
        };
        let is_empty = matches!(&change, Change::Insert { rows, .. } if rows.is_empty());
        let is_whole = asked.fields.is_empty();
        let is_shown = preferences.returns == Some(Returns::Representation);
        let tag = if_match(headers);
        let looks = verb != Verb::Insert || is_shown || tag.is_some();
        let mut mutation = asker.mutation(&table, change, filter, looks)?;
        if is_shown {
            let document = Document { filter: None, limit: None, offset: 0, ..asked };
            let document = asker.returning(document, &tables)?;
            if media == Media::Arrow && document.as_select().is_none() {
                return Err(Error::not_acceptable("application/vnd.apache.arrow.stream of nested rows", AVAILABLE));
            }
            mutation = mutation.returning(document).shape(shape(media));
        }
        if let Some(tag) = tag {
            mutation = mutation.tag(tag);
        }
        // One object cannot show several rows; what it cannot show is not done.
        let one = media.is_object().then_some(1);
        if let Some(most) = one.or(preferences.max_affected) {
            mutation = mutation.most(most);
        }
        if preferences.rollback {
            mutation = mutation.rollback();
        }
        Ok(Self { verb, table, mutation, media, preferences, is_whole, is_empty })
    }

    /// Makes the change, together with others that wait, and tells those who follow the table.
    pub(super) async fn run(self, store: &Store, changes: &Changes) -> Result<Response> {
        let outcome = match make(store, self.mutation.clone()).await {
            Err(error) if self.media.is_object() && error.code_is("PGRST124") => {
                return Err(Error::not_single(2));
            }
            made => made?,
        };
        if !self.preferences.rollback
            && let Some(rows) = &outcome.observed
        {
            let event = match self.verb {
                Verb::Update => Event::Update,
                Verb::Delete => Event::Delete,
                Verb::Insert | Verb::Upsert | Verb::Put => Event::Insert,
            };
            changes.tell(&self.table.name, event, rows);
        }
        self.answer(outcome)
    }

    /// The rows changed as they were asked for, and the tag where these are one whole row.
    fn body(&self, outcome: &mut Outcome) -> Result<(Body, Option<HeaderValue>)> {
        if let Some(records) = outcome.records.take() {
            let bytes = match self.media {
                Media::Arrow => arrow::whole(&records)?,
                _ => records.write(&mut csv::Writer::default()),
            };
            return Ok((Body::from(bytes), None));
        }
        let Some(page) = outcome.returned.take() else { return Ok((Body::empty(), None)) };
        if !self.media.is_object() {
            return Ok((Body::from(page.body), None));
        }
        if page.rows != 1 {
            return Err(Error::not_single(page.rows));
        }
        let object = only_object(page.body);
        let is_tagged = self.is_whole && self.media == Media::Object;
        let tag = if is_tagged { tag_of(&object) } else { None };
        Ok((Body::from(object), tag))
    }

    fn answer(self, mut outcome: Outcome) -> Result<Response> {
        let represented = self.preferences.returns == Some(Returns::Representation);
        let status = match self.verb {
            Verb::Insert => StatusCode::CREATED,
            Verb::Upsert if outcome.created > 0 || outcome.affected == 0 && !self.is_empty => StatusCode::CREATED,
            Verb::Upsert => StatusCode::OK,
            Verb::Put if outcome.created > 0 => StatusCode::CREATED,
            Verb::Put | Verb::Update | Verb::Delete if represented => StatusCode::OK,
            Verb::Put | Verb::Update | Verb::Delete => StatusCode::NO_CONTENT,
        };
        let (body, tag) = self.body(&mut outcome)?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if represented {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media.content_type()));
        }
        let total = (self.preferences.count == Count::Exact).then_some(outcome.affected);
        let shown = match self.verb {
            Verb::Update => outcome.affected,
            _ => 0,
        };
        headers.insert(CONTENT_RANGE, content_range(0, shown, total)?);
        if let Some(tag) = tag {
            headers.insert(ETAG, tag);
        }
        if self.preferences.returns == Some(Returns::HeadersOnly)
            && matches!(self.verb, Verb::Insert | Verb::Upsert)
            && let Some(location) = location(&self.table.name, &outcome.key)
        {
            headers.insert(LOCATION, location);
        }
        if let Some(applied) = self.preferences.applied_to_write() {
            headers.insert(PREFERENCE_APPLIED, HeaderValue::try_from(applied).map_err(Error::internal)?);
        }
        Ok(response)
    }
}

/// The form in which a change's rows are read.
fn shape(media: Media) -> Shape {
    match media {
        Media::Json | Media::Object => Shape::Json,
        Media::Stripped | Media::StrippedObject => Shape::Stripped,
        Media::Lines => Shape::Lines,
        Media::Csv | Media::Arrow => Shape::Values,
    }
}

/// Makes a change where it may wait for the disk; many that come at once share one commit.
async fn make(store: &Store, mutation: Mutation) -> Result<Outcome> {
    let (sender, receiver) = oneshot::channel();
    let must_work = store.submit(mutation, move |outcome| drop(sender.send(outcome)));
    if must_work {
        let store = store.clone();
        drop(tokio::task::spawn_blocking(move || store.work()));
    }
    match receiver.await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Error::internal("a change was given up")),
    }
}

/// The row of a PUT, whose key is what the filters say.
fn put(table: &Table, payload: Payload, filter: Option<&Condition>) -> Result<Change> {
    let refused = || {
        Error::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "PGRST105",
            "Filters must include all and only primary key columns with 'eq' operators",
        )
    };
    let filters = match filter {
        Some(Condition::And(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let mut wanted: Vec<(&str, &Value)> = Vec::new();
    for filter in filters {
        match filter {
            Condition::Compare { path, op: Compare::Eq, value } if path.steps.is_empty() => {
                wanted.push((&path.column, value));
            }
            _ => return Err(refused()),
        }
    }
    let keys: Vec<&str> = table.primary_key().map(|column| column.name.as_str()).collect();
    let all = keys.iter().all(|key| wanted.iter().any(|(name, _)| name == key));
    if keys.is_empty() || wanted.len() != keys.len() || !all {
        return Err(refused());
    }
    let row = payload.only_row()?;
    let parsed = |column: &str, value: &Value| {
        let kind = table.column(column).ok()?.kind;
        let text = payload::text(value)?;
        Value::parse(kind, &text).ok()
    };
    let agrees = |(name, value): &(&str, &Value)| {
        row.iter().any(|(column, given)| column == name && parsed(name, given) == parsed(name, value))
    };
    if !wanted.iter().all(agrees) {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "PGRST115",
            "Payload values do not match URL in primary key column(s)",
        ));
    }
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    let rows = vec![values.into_iter().map(Some).collect()];
    Ok(Change::Insert { columns, rows, on_conflict: Some(OnConflict { columns: Vec::new(), merge: true }) })
}

/// The row that a POST with `If-Match` merges into.
fn merged(table: &Table, payload: &Payload, on_conflict: Option<&OnConflict>) -> Result<Condition> {
    let refused = || {
        Error::new(StatusCode::BAD_REQUEST, "0A000", "If-Match says nothing of rows that are added").hint(
            "Send it with PATCH, PUT or DELETE, or with one row that Prefer: resolution=merge-duplicates merges by its key.",
        )
    };
    let (Some(on), [row]) = (on_conflict.filter(|on| on.merge), payload.rows.as_slice()) else {
        return Err(refused());
    };
    let keys: Vec<&str> = match on.columns.as_slice() {
        [] => table.primary_key().map(|column| column.name.as_str()).collect(),
        columns => columns.iter().map(String::as_str).collect(),
    };
    let condition = |key: &&str| {
        let at = payload.columns.iter().position(|column| column == key)?;
        let text = payload::text(row.get(at)?.as_ref()?)?;
        let value = Value::parse(table.column(key).ok()?.kind, &text).ok()?;
        Some(Condition::compare(Path::column(*key), Compare::Eq, value))
    };
    let conditions = keys.iter().map(condition).collect::<Option<Vec<_>>>().filter(|all| !all.is_empty());
    conditions.map(Condition::And).ok_or_else(refused)
}

fn if_match(headers: &HeaderMap) -> Option<Tag> {
    let text = headers.get(IF_MATCH)?.to_str().unwrap_or_default();
    let tags = text.split(',').map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned());
    let tags: Vec<String> = tags.collect();
    Some(if tags == ["*"] { Tag::Any } else { Tag::OneOf(tags) })
}

/// Where the row that was inserted can be read: `/api/employees?id=eq.7`.
fn location(table: &str, key: &[(String, Value)]) -> Option<HeaderValue> {
    if key.is_empty() {
        return None;
    }
    let condition = |(name, value): &(String, Value)| {
        Some(format!("{}=eq.{}", format::url_part(name), format::url_part(&payload::text(value)?)))
    };
    let conditions: Vec<String> = key.iter().map(condition).collect::<Option<_>>()?;
    HeaderValue::try_from(format!("/api/{}?{}", format::url_part(table), conditions.join("&"))).ok()
}
