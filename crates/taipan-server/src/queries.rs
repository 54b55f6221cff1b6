//! `/api/rpc/{name}`: the queries of the app file with their parameters, and predictions.
//!
//! Parameters come as the members of a JSON object by POST, or in the URL by GET. A query tells of the tables that it
//! reads, so it is for those who may read all of them, whole.

use std::time::Duration;

use serde_json::{Map, Value};
use taipan::NamedQuery;
use taipan::query::{ErrorKind as QueryErrorKind, Param};
use taipan_web::axum::http::{Extensions, Method};
use taipan_web::{Bytes, HeaderMap, Path, RawQuery, Response, State as Shared, StatusCode};
use tokio::sync::oneshot;

use crate::State;
use crate::access::Verb;
use crate::error::{Error, Result};
use crate::forms;
use crate::models;
use crate::rest::{Media, decode};

/// The most bytes of an answer.
const BYTES: usize = 64 << 20;

pub(crate) async fn call(
    method: Method,
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let text = query.clone().unwrap_or_default();
    let Some(named) = state.project.named_query(&name)? else {
        return match (state.project.model(&name), method) {
            (Ok(_), Method::POST) => {
                models::predict(Shared(state), Path(name), RawQuery(query), extensions, headers, body).await
            }
            (Ok(_), method) => Err(Error::method_not_allowed(method.as_str(), "POST, OPTIONS")),
            (Err(_), _) => {
                let nearest = state.project.nearest_call(&name);
                Err(Error::unknown_function(&name, nearest.map(|name| format!("did you mean '{name}'?"))))
            }
        };
    };
    let asker = state.reader(&headers, &extensions)?;
    if !asker.reads_whole(state.project.store(), &named.reads) {
        return Err(asker
            .refused(&format!("query {name}"), Verb::Read)
            .details("It reads rows that you may not read."));
    }
    let media = Media::negotiate(&headers)?;
    let given = if method == Method::POST { of_body(&body)? } else { of_url(&text)? };
    let values = matched(&named, given)?;
    let timeout = named.timeout;
    // Dropped with this call, so that nothing is computed for a client that has gone.
    let (_waiting, gone) = oneshot::channel::<()>();
    let stop = tokio::time::timeout(timeout, gone);
    crate::work::blocking(move || {
        let failed = |error| failed(error, timeout);
        let rows = state.project.run_query(&named, &values).map_err(failed)?;
        let rows = rows.until(async { drop(stop.await) }).map_err(|error| failed(error.into()))?;
        let schema = rows.schema().clone();
        let (mut batches, mut bytes) = (Vec::new(), 0);
        for batch in rows {
            let batch = batch.map_err(|error| failed(error.into()))?;
            bytes += batch.get_array_memory_size();
            if bytes > BYTES {
                return Err(Error::new(StatusCode::BAD_REQUEST, "54000", "The answer is larger than 64 MiB")
                    .hint("Let the query take fewer rows: LIMIT."));
            }
            batches.push(batch);
        }
        forms::answer(&schema, &batches, media)
    })
    .await
}

/// What a failure means to whoever asked: a value may not fit, or be one that cannot be computed with.
fn failed(error: taipan::Error, timeout: Duration) -> Error {
    let taipan::ErrorKind::Query(query) = error.kind() else { return error.into() };
    let (status, code) = match query.kind() {
        QueryErrorKind::Invalid(_) => (StatusCode::BAD_REQUEST, "22P02"),
        QueryErrorKind::Execution(text) if text.contains("division by zero") => (StatusCode::BAD_REQUEST, "22012"),
        QueryErrorKind::Execution(_) => (StatusCode::BAD_REQUEST, "22000"),
        QueryErrorKind::Memory(_) => (StatusCode::SERVICE_UNAVAILABLE, "53200"),
        QueryErrorKind::Stopped => {
            let message = format!("The query was stopped after {} s", timeout.as_secs());
            return Error::new(StatusCode::INTERNAL_SERVER_ERROR, "57014", message)
                .hint("Give it values for which it has less to do, or a longer timeout in the app file.");
        }
        _ => return error.into(),
    };
    Error::new(status, code, query.to_string())
}

/// The members of an object; none where nothing was sent.
fn of_body(body: &Bytes) -> Result<Vec<(String, Param)>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let members: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
        Error::new(StatusCode::BAD_REQUEST, "PGRST102", "Parameters are the members of a JSON object")
            .details(error.to_string())
    })?;
    let param = |value: Value| match value {
        Value::Null => Param::Null,
        Value::Bool(value) => Param::Boolean(value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Param::Integer(whole),
            None => Param::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Param::Text(text),
        other => Param::Text(other.to_string()),
    };
    Ok(members.into_iter().map(|(name, value)| (name, param(value))).collect())
}

fn of_url(query: &str) -> Result<Vec<(String, Param)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| Ok((decode(name)?.into_owned(), Param::Text(decode(value)?.into_owned())))).collect()
}

/// Every parameter of the query with its value, and no other.
fn matched(named: &NamedQuery, given: Vec<(String, Param)>) -> Result<Vec<(String, Param)>> {
    let is_whole = named.parameters.iter().all(|name| given.iter().any(|(other, _)| other == name));
    if is_whole && given.iter().all(|(name, _)| named.parameters.contains(name)) {
        return Ok(given);
    }
    let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    let message =
        format!("Could not find the function public.{}({}) in the schema cache", named.name, names.join(", "));
    Err(Error::new(StatusCode::NOT_FOUND, "PGRST202", message).hint(format!(
        "Perhaps you meant to call the function public.{}({})",
        named.name,
        named.parameters.join(", ")
    )))
}
