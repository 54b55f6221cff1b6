//! The REST interface to tables, under `/api`: PostgREST's dialect.
//!
//! A read passes through three steps, each a file: `grammar.rs`, `query.rs` and `embed.rs` turn the URL into a
//! [`Document`](taipan::store::document::Document), `request.rs` reads the headers, `read.rs` runs it and puts the answer
//! in form, by way of `stream.rs` where it may be long. A change has `payload.rs` for its body and `write.rs` for the rest;
//! `changes.rs` tells who listens.

mod arrow;
mod changes;
mod csv;
mod embed;
mod grammar;
mod payload;
mod query;
mod read;
mod request;
mod stream;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use taipan::store::{Store, Table};
use taipan_web::axum::extract::FromRequest;
use taipan_web::axum::extract::rejection::PathRejection;
use taipan_web::header::ALLOW;
use taipan_web::{Bytes, HeaderValue, IntoResponse, Method, Path, Request, Response, Router, StatusCode, any, get};

pub(crate) use self::changes::{Changes, Event};
pub(crate) use self::csv::{field as csv_field, rows as csv_rows};
pub(crate) use self::embed::Tables;
pub(crate) use self::query::{decode, parse_query};
pub(crate) use self::request::Media;
pub(crate) use crate::error::Error;

use self::read::Read;
use self::write::Write;
use crate::State;
use crate::access::Verb;
use crate::error::Result;
use crate::rights::Asker;

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/api", get(crate::openapi::document))
        .route("/api/", get(crate::openapi::document))
        .route("/api/rpc/{name}", get(crate::queries::call).post(crate::queries::call))
        .route("/api/{table}", any(table))
        .route("/api/{table}/changes", get(listen))
        .route("/api/{table}/{*rest}", any(|| async { Error::no_such_path() }))
}

/// The methods that a table answers to.
fn methods(table: &Table) -> &'static str {
    if table.is_view { "GET, HEAD, OPTIONS" } else { "GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS" }
}

async fn table(
    taipan_web::State(state): taipan_web::State<State>,
    name: std::result::Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response> {
    let Ok(Path(name)) = name else {
        return Err(Error::no_such_path());
    };
    let store = state.project.store();
    let (table, read) = match *request.method() {
        Method::GET | Method::HEAD => {
            let asker = state.access.asker(request.headers(), request.extensions(), Verb::Read)?;
            understand(store, asker, &name, &request)?
        }
        Method::OPTIONS => {
            let asker = state.access.asker(request.headers(), request.extensions(), Verb::Write)?;
            let table = store.table(&name)?;
            if !asker.may_write(&table) {
                asker.readable(&table)?;
            }
            let allow = [(ALLOW, HeaderValue::from_static(methods(&table)))];
            return Ok(allow.into_response());
        }
        Method::POST | Method::PATCH | Method::PUT | Method::DELETE => return change(state, &name, request).await,
        ref method => {
            let asker = state.access.asker(request.headers(), request.extensions(), Verb::Read)?;
            let table = store.table(&name)?;
            asker.readable(&table)?;
            return Err(Error::method_not_allowed(method.as_str(), methods(&table)));
        }
    };
    drop(request);
    if read.is_brief(&table) {
        return read.run(store);
    }
    let store = store.clone();
    if read.is_long(&table) {
        return stream::respond(read, store).await;
    }
    crate::work::blocking(move || read.run(&store)).await
}

async fn change(state: State, name: &str, request: Request) -> Result<Response> {
    let store = state.project.store().clone();
    let asker = state.access.asker(request.headers(), request.extensions(), Verb::Write)?;
    let table = known(&store, &asker, name)?;
    if !asker.may_write(&table) {
        if !table.is_view {
            return Err(asker.denied(&table, Verb::Write));
        }
        asker.readable(&table)?;
        return Err(Error::method_not_allowed(request.method().as_str(), methods(&table)));
    }
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let encoded = request.uri().query().unwrap_or_default().to_owned();
    let body = Bytes::from_request(request, &()).await.map_err(|rejection| {
        let code = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { "413" } else { "PGRST102" };
        Error::new(rejection.status(), code, rejection.body_text())
    })?;
    let write = Write::of(&store, asker, table, &method, &encoded, &headers, &body)?;
    write.run(&store, &state.changes).await
}

async fn listen(
    taipan_web::State(state): taipan_web::State<State>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response> {
    let asker = state.access.asker(request.headers(), request.extensions(), Verb::Read)?;
    let table = known(state.project.store(), &asker, &name)?;
    let whose = asker.hears(&table)?;
    if let Some(parameter) = request.uri().query().filter(|query| !query.is_empty()) {
        let parameter = parameter.split(['=', '&']).next().unwrap_or_default();
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "PGRST100",
            format!("changes take no parameter '{parameter}'"),
        )
        .hint("all changes of the table are told that you may see: choose among them as they come"));
    }
    Ok(state.changes.listen(table.name.clone(), whose, &state.stopping))
}

/// A table as it is now. Those who may do nothing at all are told no more of what there is.
fn known(store: &Store, asker: &Asker, name: &str) -> Result<Arc<Table>> {
    store.table(name).map_err(|error| asker.unknown(error))
}

/// The answer to a read of a table that is brief, before a route is looked for. Whatever else there is to say, its route
/// says.
pub(crate) fn brief(state: &State, request: &Request) -> Option<Response> {
    let name = request.uri().path().strip_prefix("/api/").filter(|_| request.method() == Method::GET)?;
    // Not of a table's name as it is: a path below it, or a name that is encoded.
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let table = state.project.store().known_table(name).filter(|_| is_plain)?;
    let asker = state.access.asker(request.headers(), request.extensions(), Verb::Read).ok()?;
    let read = Read::of(state.project.store(), &asker, &table, request).ok()?;
    if read.is_brief(&table) { read.run(state.project.store()).ok() } else { None }
}

/// The read that a request asks for, by the table as it was last seen; where that does not fit, as it is now.
fn understand(store: &Store, asker: Asker, name: &str, request: &Request) -> Result<(Arc<Table>, Read)> {
    if let Some(table) = store.known_table(name)
        && let Ok(read) = Read::of(store, &asker, &table, request)
    {
        return Ok((table, read));
    }
    let table = known(store, &asker, name)?;
    let read = Read::of(store, &asker, &table, request)?;
    Ok((table, read))
}
