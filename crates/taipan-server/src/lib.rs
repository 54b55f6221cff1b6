//! The data application over HTTP: tables as a REST API, models, plots, their description, and the admin pages.
//!
//! ```no_run
//! # async fn serve(project: taipan::Project) -> Result<(), Box<dyn std::error::Error>> {
//! let listener = taipan_web::TcpListener::bind("127.0.0.1:8787").await?;
//! taipan_web::serve(taipan_server::app(project), listener, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | path | answers | file |
//! |---|---|---|
//! | `/api/{table}` | rows, in the dialect of PostgREST | `rest/` |
//! | `/models`, `/models/{name}`, `/models/{name}/predict` | models and predictions | `models.rs` |
//! | `/plots`, `/plots/{name}.svg` | plots | `plots.rs` |
//! | `/openapi.json`, `/api/`, `/docs` | the description of all this | `openapi.rs`, `docs.rs` |
//! | `/health` | whether it can answer | `health.rs` |
//! | everything else | pages for people | `admin/` |

mod admin;
mod docs;
mod error;
mod health;
mod models;
mod openapi;
mod plots;
mod rest;
mod rows;
mod run;
mod work;

pub use run::run;

use taipan::Project;
use taipan_web::{App, Router, Templates, get};

/// What every handler can reach. Cheap to clone.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) project: Project,
    pub(crate) templates: Templates,
}

/// The application of `project`, ready to be served or, in a test, called by a [`Client`](taipan_web::Client).
///
/// It holds no data of its own: what the project imports, trains or draws later is served from then on.
pub fn app(project: Project) -> App {
    let templates = admin::templates();
    let state = State { project, templates: templates.clone() };
    let routes = Router::new()
        .merge(rest::routes())
        .merge(models::routes())
        .merge(plots::routes())
        .merge(docs::routes())
        .merge(admin::routes())
        .route("/health", get(health::health))
        .route("/openapi.json", get(openapi::document))
        .with_state(state);
    App::new().routes(routes).assets(admin::assets()).assets(docs::assets()).templates(templates)
}
