//! `GET /health`: whether the application can answer, for monitors and load balancers; `/health/live` and `/health/ready`
//! for those that restart it or send it work; `/metrics` in the form of Prometheus.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use taipan_web::header::CONTENT_TYPE;
use taipan_web::{HeaderValue, IntoResponse, Json, Response, Router, Visit, get};

use crate::State;
use crate::error::Error;

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/health", get(health))
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
}

/// The bounds of the histogram of times, in microseconds.
const BOUNDS: [u64; 8] = [500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000];

/// What was answered so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// By the first digit of the status.
    by_status: [AtomicU64; 6],
    by_time: [AtomicU64; BOUNDS.len()],
    microseconds: AtomicU64,
    /// Queries of the console that run now.
    queries: AtomicU64,
}

/// Counts a query of the console for as long as it runs.
pub(crate) struct Running(Metrics);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.queries.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn count(&self, visit: &Visit<'_>) {
        let class = usize::from(visit.status().as_u16() / 100).min(5);
        let micros = u64::try_from(visit.time().as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.0.by_status.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(at) = BOUNDS.iter().position(|bound| micros <= *bound) {
            self.0.by_time[at].fetch_add(1, Ordering::Relaxed);
        }
        self.0.microseconds.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn query(&self) -> Running {
        self.0.queries.fetch_add(1, Ordering::Relaxed);
        Running(self.clone())
    }

    fn text(&self) -> String {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut text = String::from("# TYPE taipan_http_requests_total counter\n");
        for (class, count) in self.0.by_status.iter().enumerate().skip(1) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "taipan_http_requests_total{{status=\"{class}xx\"}} {}", load(count));
        }
        text.push_str("# TYPE taipan_http_request_seconds histogram\n");
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(&self.0.by_time) {
            below += load(count);
            let seconds = *bound as f64 / 1e6;
            let _ = writeln!(text, "taipan_http_request_seconds_bucket{{le=\"{seconds}\"}} {below}");
        }
        let all: u64 = self.0.by_status.iter().map(load).sum();
        let _ = writeln!(text, "taipan_http_request_seconds_bucket{{le=\"+Inf\"}} {all}");
        let _ = writeln!(text, "taipan_http_request_seconds_sum {}", load(&self.0.microseconds) as f64 / 1e6);
        let _ = writeln!(text, "taipan_http_request_seconds_count {all}");
        text.push_str("# TYPE taipan_sql_running gauge\n");
        let _ = writeln!(text, "taipan_sql_running {}", load(&self.0.queries));
        text
    }
}

async fn metrics(taipan_web::State(state): taipan_web::State<State>) -> Response {
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"))];
    (kind, state.metrics.text()).into_response()
}

/// Ready where the database answers.
async fn ready(taipan_web::State(state): taipan_web::State<State>) -> Result<&'static str, Error> {
    crate::work::blocking(move || state.project.tables().map(|_| "ready\n")).await
}

/// The state of the application.
#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    tables: usize,
    models: usize,
}

/// Answers 200 when the tables can be listed, or the error that stands in the way.
async fn health(taipan_web::State(state): taipan_web::State<State>) -> Result<Json<Health>, Error> {
    let health = crate::work::blocking(move || {
        Ok::<_, taipan::Error>(Health {
            status: "ok",
            version: env!("CARGO_PKG_VERSION"),
            tables: state.project.tables()?.len(),
            models: state.project.models().len(),
        })
    });
    health.await.map(Json)
}
