//! `GET /health`: whether the application can answer, for monitors and load balancers.

use serde::Serialize;
use taipan_web::Json;

use crate::State;
use crate::error::Error;

/// The state of the application.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    version: &'static str,
    tables: usize,
    models: usize,
}

/// Answers 200 when the tables can be listed, or the error that stands in the way.
pub(crate) async fn health(taipan_web::State(state): taipan_web::State<State>) -> Result<Json<Health>, Error> {
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
