//! The REST interface to tables, under `/api`: PostgREST's dialect, reads only.
//!
//! A request passes through three steps, each a file: `grammar.rs` and `query.rs` turn the URL into a
//! [`Select`](taipan::store::Select), `request.rs` reads the headers, `read.rs` runs it and puts the answer in form,
//! by way of `stream.rs` where it may be long.

mod csv;
mod grammar;
mod query;
mod read;
mod request;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use taipan::store::{Store, Table};
use taipan_web::axum::extract::rejection::PathRejection;
use taipan_web::header::ALLOW;
use taipan_web::{HeaderValue, IntoResponse, Method, Path, Request, Response, Router, any, get};

pub(crate) use self::csv::field as csv_field;
pub(crate) use self::query::parse_query;
pub(crate) use crate::error::Error;

use self::read::Read;
use crate::State;
use crate::error::Result;

/// The methods a table answers to.
const METHODS: &str = "GET, HEAD, OPTIONS";

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/api", get(crate::openapi::document))
        .route("/api/", get(crate::openapi::document))
        .route("/api/{table}", any(table))
        .route("/api/{table}/{*rest}", any(|| async { Error::no_such_path() }))
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
        Method::GET | Method::HEAD => understand(store, &name, &request)?,
        Method::OPTIONS => {
            store.table(&name)?;
            let allow = [(ALLOW, HeaderValue::from_static(METHODS))];
            return Ok(allow.into_response());
        }
        ref method => {
            store.table(&name)?;
            return Err(Error::method_not_allowed(method.as_str(), METHODS));
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

/// The read that a request asks for, by the table as it was last seen; where that does not fit, as it is now.
fn understand(store: &Store, name: &str, request: &Request) -> Result<(Arc<Table>, Read)> {
    if let Some(table) = store.known_table(name)
        && let Ok(read) = Read::of(&table, request)
    {
        return Ok((table, read));
    }
    let table = store.table(name)?;
    let read = Read::of(&table, request)?;
    Ok((table, read))
}
