//! The application's own work: `POST /jobs` asks for it, `GET /jobs` and `/jobs/{id}` show it, `DELETE /jobs/{id}` stops
//! it, and `/jobs/changes` tells of each step as it is made. It is for those who may write.
//!
//! A job is kept in the database: it is done even if the server is killed meanwhile. An `Idempotency-Key` makes a request
//! that is sent twice one job.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use serde_json::Value;
use taipan::runtime::jobs::{Job, State as Stage};
use taipan::{Task, Tasks, job_json};
use taipan_web::axum::extract::FromRequest;
use taipan_web::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use taipan_web::{
    Body, Bytes, HeaderValue, IntoResponse, Json, Path, Query, Request, Response, Router, State as Shared, StatusCode,
    get,
};

use crate::State;
use crate::access::Verb;
use crate::error::{Error, Result};

/// How often the queue is looked at for those who listen.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// A listener hears something so often, that the connection is known to stand.
const PULSES: u32 = 40;
/// Jobs shown unless told otherwise, and at most.
const SHOWN: usize = 50;
const MOST_SHOWN: usize = 1000;
/// The longest key of a request.
const LONGEST_KEY: usize = 200;

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/jobs", get(list).post(ask))
        .route("/jobs/changes", get(listen))
        .route("/jobs/{id}", get(one).delete(cancel))
}

/// A job, with where it is found.
fn entry(job: &Job) -> Value {
    let mut entry = job_json(job);
    entry["url"] = format!("/jobs/{}", job.id).into();
    entry
}

fn allow(state: &State, request: &Request) -> Result<()> {
    state.access.check(request.headers(), request.extensions(), Verb::Write)
}

#[derive(serde::Deserialize)]
struct Wanted {
    state: Option<String>,
    limit: Option<usize>,
}

async fn list(
    Shared(state): Shared<State>,
    Query(wanted): Query<Wanted>,
    request: Request,
) -> Result<Json<Vec<Value>>> {
    allow(&state, &request)?;
    let stage = match &wanted.state {
        None => None,
        Some(name) => Some(Stage::of_name(name).ok_or_else(|| {
            Error::new(StatusCode::BAD_REQUEST, "22P02", format!("no job is ever '{name}'"))
                .hint("The states are waiting, running, done, failed and cancelled.")
        })?),
    };
    let limit = wanted.limit.unwrap_or(SHOWN).min(MOST_SHOWN);
    let jobs = crate::work::blocking(move || state.tasks.jobs(stage, limit)).await?;
    Ok(Json(jobs.iter().map(entry).collect()))
}

async fn ask(Shared(state): Shared<State>, request: Request) -> Result<Response> {
    allow(&state, &request)?;
    let key = request.headers().get("idempotency-key").map(|key| key.to_str().unwrap_or_default().to_owned());
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > LONGEST_KEY) {
        let message = format!("an Idempotency-Key has 1 to {LONGEST_KEY} characters");
        return Err(Error::new(StatusCode::BAD_REQUEST, "22P02", message));
    }
    let body = Bytes::from_request(request, &()).await;
    let body = body.map_err(|refused| Error::new(refused.status(), "body", refused.body_text()))?;
    let task: Task = serde_json::from_slice(&body).map_err(|error| {
        Error::new(StatusCode::BAD_REQUEST, "22P02", format!("the body is no job: {error}"))
            .hint(r#"Send {"kind": "refresh"}, {"kind": "import", "table": …} or {"kind": "train", "model": …}."#)
    })?;
    let job = crate::work::blocking(move || {
        let id = state.tasks.ask(&task, key.map(|key| format!("request {key}")).as_deref())?;
        state.tasks.job(id)
    })
    .await?;
    let place = HeaderValue::try_from(format!("/jobs/{}", job.id)).map_err(Error::internal)?;
    Ok((StatusCode::ACCEPTED, [(LOCATION, place)], Json(entry(&job))).into_response())
}

async fn one(Shared(state): Shared<State>, Path(id): Path<String>, request: Request) -> Result<Json<Value>> {
    allow(&state, &request)?;
    let id = number(&id)?;
    let job = crate::work::blocking(move || state.tasks.job(id)).await?;
    Ok(Json(entry(&job)))
}

async fn cancel(Shared(state): Shared<State>, Path(id): Path<String>, request: Request) -> Result<Json<Value>> {
    allow(&state, &request)?;
    let id = number(&id)?;
    let job = crate::work::blocking(move || {
        state.tasks.cancel(id)?;
        state.tasks.job(id)
    })
    .await?;
    Ok(Json(entry(&job)))
}

fn number(id: &str) -> Result<u64> {
    id.parse().map_err(|_| Error::new(StatusCode::NOT_FOUND, "PGRST116", format!("no job '{id}'")))
}

/// Each job whose state or progress changes, from now on; first those that are not over.
async fn listen(Shared(state): Shared<State>, request: Request) -> Result<Response> {
    allow(&state, &request)?;
    let news = News { tasks: Arc::clone(&state.tasks), told: None, silent: 0 };
    let events = stream::unfold(news, |mut news| async move {
        let text = news.next().await;
        Some((Ok::<Bytes, Infallible>(text.into()), news))
    });
    let mut response = Response::new(Body::from_stream(state.stopping.ends(events)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What a listener has been told.
struct News {
    tasks: Arc<Tasks>,
    /// The jobs as they were told last; none before the first look.
    told: Option<HashMap<u64, Value>>,
    silent: u32,
}

impl News {
    async fn next(&mut self) -> String {
        loop {
            let is_first = self.told.is_none();
            if !is_first {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            let tasks = Arc::clone(&self.tasks);
            let Ok(jobs) = crate::work::blocking(move || tasks.jobs(None, SHOWN)).await else {
                // It may be locked; the next look tells.
                self.told.get_or_insert_default();
                continue;
            };
            let now: HashMap<u64, Value> = jobs.iter().map(|job| (job.id, entry(job))).collect();
            let is_new = |job: &&Job| match &self.told {
                Some(told) => told.get(&job.id) != now.get(&job.id),
                None => !job.state.is_final(),
            };
            // The oldest first: they came first.
            let events = jobs.iter().rev().filter(is_new).filter_map(|job| now.get(&job.id));
            let mut text = String::new();
            for job in events {
                let _ = write!(text, "event: job\ndata: {job}\n\n");
            }
            self.told = Some(now);
            self.silent += 1;
            if is_first || (text.is_empty() && self.silent >= PULSES) {
                text.insert_str(0, ": still here\n\n");
            }
            if !text.is_empty() {
                self.silent = 0;
                return text;
            }
        }
    }
}
