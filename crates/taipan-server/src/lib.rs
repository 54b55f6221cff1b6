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
//! | `/jobs`, `/jobs/{id}`, `/jobs/changes` | importing, training and drawing anew | `jobs.rs` |
//! | `/openapi.json`, `/api/`, `/docs` | the description of all this | `openapi.rs`, `docs.rs` |
//! | `/health`, `/health/live`, `/health/ready`, `/metrics` | whether it can answer, and what it did | `health.rs` |
//! | everything else | pages for people | `admin/` |

mod access;
mod admin;
mod development;
mod docs;
mod error;
mod forms;
mod health;
mod jobs;
mod models;
mod openapi;
mod plots;
mod queries;
mod rest;
mod rights;
mod rows;
mod run;
mod shown;
mod work;

pub use access::Who;
pub use run::{Ready, Serving, machine_name, run};
pub use taipan_web::{Error, Proxies, Tls};

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use taipan::{Project, Tasks};
use taipan_web::{Accounts, App, Folder, Reload, Router, Sessions, Stopping, Templates, get};

use access::{Access, Verb};
use health::Metrics;
use rest::Changes;

/// What every handler can reach, in one piece: each request has its own handle.
#[derive(Clone)]
pub(crate) struct State(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) project: Project,
    pub(crate) templates: Templates,
    pub(crate) access: Access,
    pub(crate) changes: Changes,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) stopping: Stopping,
}

impl Deref for State {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// How an application is served.
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    read: Who,
    write: Who,
    quick_hashes: bool,
    log: bool,
    templates: Option<PathBuf>,
    files: Option<Folder>,
    reload: Option<Reload>,
}

impl Options {
    /// Everybody who reaches the server may read, and those who log in may write: right for a loopback address.
    pub fn new() -> Self {
        Self {
            read: Who::Everybody,
            write: Who::Users,
            quick_hashes: false,
            log: false,
            templates: None,
            files: None,
            reload: None,
        }
    }

    /// Sets who may read tables.
    pub fn read(mut self, who: Who) -> Self {
        self.read = who;
        self
    }

    /// Sets who may write them.
    pub fn write(mut self, who: Who) -> Self {
        self.write = who;
        self
    }
}

impl Options {
    /// Makes password hashes that are quick to guess: for tests.
    pub fn quick_hashes(mut self) -> Self {
        self.quick_hashes = true;
        self
    }

    /// Writes a line of JSON for each request to standard error.
    pub fn log(mut self, log: bool) -> Self {
        self.log = log;
        self
    }

    /// Looks for templates of pages in this folder before it takes those that come with the program.
    pub fn templates(mut self, folder: impl Into<PathBuf>) -> Self {
        self.templates = Some(folder.into());
        self
    }

    /// Serves these files to everybody.
    pub fn files(mut self, files: Folder) -> Self {
        self.files = Some(files);
        self
    }

    /// Reads templates and files anew at each request, and lets open pages load themselves again when told to.
    pub fn reload(mut self, reload: Reload) -> Self {
        self.reload = Some(reload);
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// The application of `project`, ready to be served or, in a test, called by a [`Client`](taipan_web::Client).
///
/// It holds no data of its own: what the project imports, trains or draws later is served from then on.
pub fn app(project: Project) -> App {
    app_with(project, Options::new())
}

/// The same, served in another way than usual.
pub fn app_with(project: Project, options: Options) -> App {
    prepare(project, options).0
}

/// The application, and the token with which its first administrator can be made, where there is none yet.
pub fn app_to_set_up(project: Project, options: Options) -> (App, Option<String>) {
    let (app, access) = prepare(project, options);
    (app, access.new_setup_token())
}

fn prepare(project: Project, options: Options) -> (App, Access) {
    let mut templates = admin::templates(options.templates.as_deref(), options.reload.is_some());
    let mut extra = Router::new();
    if let Some(files) = &options.files {
        let files = if options.reload.is_some() { files.clone().live() } else { files.clone() };
        templates = templates.folder(&files);
        extra = extra.merge(files.routes());
    }
    if let Some(reload) = &options.reload {
        templates = templates.global("reload_script", Reload::SCRIPT_PATH);
        extra = extra.merge(reload.routes());
    }
    let store = project.store().clone();
    let accounts = Accounts::new(store.clone());
    let accounts = if options.quick_hashes { accounts.with_quick_hashes() } else { accounts };
    let classes = project.classes().clone();
    let access = Access::new(options.read, options.write, accounts, classes);
    let metrics = Metrics::default();
    let tasks = Arc::new(Tasks::of(project.clone()));
    let stopping = Stopping::new();
    let parts = Parts {
        project,
        templates: templates.clone(),
        access: access.clone(),
        changes: Changes::new(),
        metrics: metrics.clone(),
        tasks,
        stopping: stopping.clone(),
    };
    let state = State(Arc::new(parts));
    let at_hand = state.clone();
    let routes = Router::new()
        .merge(rest::routes())
        .merge(models::routes())
        .merge(plots::routes())
        .merge(jobs::routes())
        .merge(docs::routes())
        .merge(admin::routes())
        .merge(health::routes())
        .route("/openapi.json", get(openapi::document))
        .with_state(state);
    let guard = access.clone();
    let app = App::new()
        .routes(routes)
        .routes(extra)
        .assets(admin::assets())
        .assets(docs::assets())
        .templates(templates)
        .stopping(stopping)
        .sessions(Sessions::in_store(store).cookie_name("taipan"))
        .before(move |request| admit(&guard, request))
        .shortcut(move |request| rest::brief(&at_hand, request))
        .heard(move |visit| {
            metrics.count(visit);
            if options.log {
                eprintln!("{}", visit.json());
            }
        });
    (app, access)
}

/// What can be reached by those who may not read: logging in, and being told that all is well.
const OPEN: [&str; 8] = ["/login", "/setup", "/reset", "/health", "/favicon.svg", "/assets", FILES, "/_reload"];

/// Where an application's own files are.
pub(crate) const FILES: &str = "/static";

/// Where reading is not for everybody, nothing but the way in is.
fn admit(access: &Access, request: &taipan_web::Request) -> Result<(), taipan_web::Problem> {
    let path = request.uri().path();
    let is_open = |open: &&str| path == *open || path.strip_prefix(*open).is_some_and(|rest| rest.starts_with('/'));
    // Tables say for themselves who may read and write them.
    let is_table = path.strip_prefix("/api/").is_some_and(|rest| !rest.is_empty() && !rest.starts_with("rpc/"));
    if access.read == Who::Everybody || is_table || OPEN.iter().any(is_open) {
        return Ok(());
    }
    access.check(request.headers(), request.extensions(), Verb::Read).map_err(|error| {
        let problem = taipan_web::Problem::new(error.status(), error.message().to_owned()).code(error.code());
        let problem = match error.told_hint() {
            Some(hint) => problem.hint(hint.to_owned()),
            None => problem,
        };
        let is_page = path == "/" || path.starts_with("/admin") || path == "/docs";
        if is_page { access::to_login(path) } else { problem }
    })
}
