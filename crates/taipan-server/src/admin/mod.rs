//! The admin site: pages for people over the same tables, models and plots that the API serves.
//!
//! Each page is a file: its handler gathers what it shows into a struct, and a template of `templates/` words it. Pages
//! are rendered here and work without a script; `assets/app.js` only adds comfort. The address of a table's page is
//! the address of the same view in the REST API with another path, so every view is a link (see `address.rs`).

mod account;
mod address;
mod cell;
mod edit;
mod facet;
mod filter;
mod jobs;
mod model;
mod overview;
mod paging;
mod plot;
mod record;
mod shell;
mod sql;
mod table;
#[cfg(test)]
mod tests;
mod total;
mod users;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use serde::Serialize;
use taipan::store;
use taipan_web::{
    Asset, IntoResponse, Problem, Redirect, Response, Router, StatusCode, Templates, blocking, format, get, post,
};

use self::shell::Link;
pub(crate) use self::shell::Shell;
use crate::State;
use crate::access::{Verb, to_login};
use crate::docs;
use crate::error::Error;
use crate::rights::Asker;

static ASSETS: [Asset; 5] = [
    Asset::hashed("app.css", include_bytes!("../../assets/app.css")),
    Asset::hashed("app.js", include_bytes!("../../assets/app.js")),
    Asset::hashed("picture.js", taipan::plotting::SCRIPT.as_bytes()),
    Asset::hashed("plot.js", include_bytes!("../../assets/plot.js")),
    Asset::fixed("favicon.svg", include_bytes!("../../assets/icon.svg")),
];

/// The pages' templates by name; those of an application's own folder may stand in their place.
const SOURCES: [(&str, &str); 18] = [
    ("base.html", include_str!("../../templates/base.html")),
    ("icons.html", include_str!("../../templates/icons.html")),
    ("overview.html", include_str!("../../templates/overview.html")),
    ("table.html", include_str!("../../templates/table.html")),
    ("record.html", include_str!("../../templates/record.html")),
    ("model.html", include_str!("../../templates/model.html")),
    ("plot.html", include_str!("../../templates/plot.html")),
    ("error.html", include_str!("../../templates/error.html")),
    ("messages.html", include_str!("../../templates/messages.html")),
    ("login.html", include_str!("../../templates/login.html")),
    ("setup.html", include_str!("../../templates/setup.html")),
    ("reset.html", include_str!("../../templates/reset.html")),
    ("account.html", include_str!("../../templates/account.html")),
    ("users.html", include_str!("../../templates/users.html")),
    ("edit.html", include_str!("../../templates/edit.html")),
    ("jobs.html", include_str!("../../templates/jobs.html")),
    ("sql.html", include_str!("../../templates/sql.html")),
    ("docs.html", include_str!("../../templates/docs.html")),
];

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    // They are part of the program: a test renders each of them.
    Templates::new(&SOURCES, &all_assets()).expect("the built-in templates parse")
});

fn all_assets() -> Vec<Asset> {
    [&ASSETS[..], docs::assets()].concat()
}

/// The pages, at `/` and under `/admin`.
pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/", get(overview::everything))
        .route("/admin", get(overview::tables))
        .route("/admin/tables/{table}", get(table::page))
        .route("/admin/tables/{table}/{key}", get(record::page))
        .route("/admin/tables/{table}/_new", get(edit::new_form).post(edit::create))
        .route("/admin/tables/{table}/{key}/edit", get(edit::form).post(edit::save))
        .route("/admin/tables/{table}/{key}/delete", post(edit::delete))
        .route("/admin/sql", get(sql::page))
        .route("/admin/sql.csv", get(sql::file))
        .route("/admin/users", get(users::list).post(users::change))
        .route("/admin/jobs", get(jobs::list).post(jobs::change))
        .route("/login", get(account::login_form).post(account::login))
        .route("/logout", post(account::logout))
        .route("/setup", get(account::setup_form).post(account::setup))
        .route("/reset", get(users::reset_form).post(users::reset))
        .route("/account", get(account::account).post(account::change_account))
        .route("/admin/models/{name}", get(model::page))
        .route("/admin/plots/{name}", get(plot::page))
}

/// The pages' templates, `error.html` among them; those of a folder before the program's own, read anew at each page where
/// one develops.
pub(crate) fn templates(folder: Option<&Path>, reload: bool) -> Templates {
    match folder {
        Some(folder) => Templates::over(folder, &SOURCES, &all_assets(), reload).expect("the built-in templates parse"),
        None => TEMPLATES.clone(),
    }
}

/// The style sheet, the script and the icon.
pub(crate) fn assets() -> &'static [Asset] {
    &ASSETS
}

/// What a handler answers.
type Answer = Result<Response, Problem>;

/// Gathers and renders a page where it may wait for the database.
async fn page(state: State, make: impl FnOnce(&State) -> Answer + Send + 'static) -> Answer {
    blocking(move || make(&state)).await?
}

/// A page for an address that names what is not there, with the name that may have been meant.
#[derive(Serialize)]
struct Missing<'a> {
    shell: &'a Shell,
    status: u16,
    title: &'static str,
    message: String,
    hint: Option<String>,
    nearest: Option<Link>,
}

fn missing(state: &State, message: String, hint: Option<String>, nearest: Option<Link>) -> Answer {
    let shell = Shell::new(state, "Not Found", "")?;
    let values = Missing { shell: &shell, status: 404, title: "Not Found", message, hint, nearest };
    Ok(state.templates.render("error.html", &values)?.status(StatusCode::NOT_FOUND).into_response())
}

/// The page for a model or a plot that is not there, or not for whoever looks.
fn unseen(state: &State, error: &Error, message: String, here: &str) -> Answer {
    match error.status() {
        StatusCode::NOT_FOUND => missing(state, message, error.told_hint().map(sentence), None),
        StatusCode::UNAUTHORIZED => Err(to_login(here)),
        status => Err(Problem::new(status, sentence(error.message()) + ".")),
    }
}

/// A table with the columns that whoever looks is shown, or the page that is shown instead.
fn seen(state: &State, asker: &Asker, name: &str, here: &str) -> Result<Arc<store::Table>, Box<Answer>> {
    let table = state.project.store().table(name).map_err(|error| Box::new(store_failure(state, &error)))?;
    if asker.rows(&table, Verb::Read).is_some() {
        return Ok(asker.columns(&table));
    }
    Err(Box::new(Err(match asker.user() {
        None => {
            let login = format!("/login?next={}", format::url_part(here));
            return Err(Box::new(Ok(Redirect::to(&login).into_response())));
        }
        Some(_) => Problem::new(StatusCode::FORBIDDEN, format!("Your account may not read “{name}”.")),
    })))
}

/// A refusal of the REST interface as one of a page.
fn refusal(error: &crate::error::Error) -> Problem {
    if error.status().is_server_error() {
        return Problem::internal(error.reason());
    }
    Problem::new(error.status(), error.message().to_owned())
}

/// What a failure of the database means for a page. An unknown table is answered here.
fn store_failure(state: &State, error: &store::Error) -> Answer {
    match error.kind() {
        store::ErrorKind::UnknownTable { name, nearest } => {
            let nearest = nearest.as_deref().map(Link::to_table);
            missing(state, format!("There is no table “{name}”."), None, nearest)
        }
        _ => Err(problem(error)),
    }
}

/// Any other failure of the database: 503 while it is locked, else 500 with the reason for the log only.
fn problem(error: &store::Error) -> Problem {
    match error.kind() {
        store::ErrorKind::Busy => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The database is locked by another program; try again shortly.",
        ),
        _ => Problem::internal(error),
    }
}

/// A hint of the library as a sentence of a page.
fn sentence(hint: &str) -> String {
    let mut letters = hint.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The file or URL that a table came from, as short as it can be said. Where the folders of this machine are is nobody's
/// business.
fn source_name(source: &str) -> String {
    let path = Path::new(source);
    match path.file_name() {
        Some(name) if path.is_absolute() => name.to_string_lossy().into_owned(),
        _ => source.strip_prefix("./").unwrap_or(source).to_owned(),
    }
}

fn table_path(table: &str) -> String {
    format!("/admin/tables/{}", format::url_part(table))
}

fn record_path(table: &str, key: &str) -> String {
    format!("/admin/tables/{}/{}", format::url_part(table), format::url_part(key))
}

fn model_path(model: &str) -> String {
    format!("/admin/models/{}", format::url_part(model))
}

fn plot_path(plot: &str) -> String {
    format!("/admin/plots/{}", format::url_part(plot))
}

/// The pictures of a plot for a light and for a dark page.
fn pictures(plot: &str) -> (String, String) {
    let light = format!("/plots/{}.svg", format::url_part(plot));
    let dark = format!("{light}?theme=dark");
    (light, dark)
}
