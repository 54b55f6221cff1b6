//! `/admin/sql`: questions in SQL about the application's tables, read-only and bounded; `/admin/sql.csv` gives the answer as
//! a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use taipan::store::{ConsoleAnswer, ConsoleLimits, Kind, Value};
use taipan_web::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use taipan_web::{HeaderValue, IntoResponse, Problem, Query, Session, State as Shared, StatusCode};

use super::Answer;
use super::cell::Cell;
use super::shell::Shell;
use crate::State;
use crate::access::to_login;
use crate::rest::csv_field;
use crate::rights::Asker;
use crate::work;

/// How long a question may take.
const TIME: Duration = Duration::from_secs(10);
/// The rows of a file.
const FILE_ROWS: usize = 100_000;

#[derive(serde::Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

#[derive(Serialize)]
struct View {
    shell: Shell,
    sql: String,
    asked: bool,
    error: Option<String>,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    is_cut: bool,
    milliseconds: u64,
    file: String,
    seconds: u64,
    examples: Vec<String>,
    dialect: &'static str,
}

pub(super) async fn page(Shared(state): Shared<State>, Query(asked): Query<Asked>, session: Session) -> Answer {
    let asker = admitted(&state, &session)?;
    let sql = asked.q.trim().to_owned();
    let begun = Instant::now();
    let answer = if sql.is_empty() { None } else { Some(ask(&state, &sql, ConsoleLimits::new().time(TIME)).await?) };
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    super::page(state, move |state| {
        let (error, answer) = match answer {
            Some(Ok(answer)) => (None, Some(answer)),
            Some(Err(error)) => (Some(error), None),
            None => (None, None),
        };
        let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        let tables = state.project.store().tables().unwrap_or_default();
        let mut examples = Vec::new();
        if let Some(first) = tables.first().map(|table| &table.name) {
            examples.push(format!("SELECT * FROM \"{first}\" LIMIT 10"));
            examples.push(format!("SELECT count(*) AS rows FROM \"{first}\""));
        }
        let is_postgres = state.project.store().name().contains("://");
        // Only SQLite's catalog is among what can be read.
        if !is_postgres {
            let catalog = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE '\\_%' ESCAPE '\\'";
            examples.push(catalog.to_owned());
        }
        let (columns, rows, is_cut) = answer.map_or_else(Default::default, |answer| {
            let cells = |row: Vec<Value>| row.iter().map(|value| Cell::new(kind(value), value)).collect();
            (answer.columns, answer.rows.into_iter().map(cells).collect::<Vec<Vec<Cell>>>(), answer.is_cut)
        });
        let values = View {
            shell: Shell::new(state, "SQL", "/admin/sql")?.of(&session, asker.user()),
            file: format!("/admin/sql.csv?q={}", taipan_web::format::url_part(&sql)),
            asked: !sql.is_empty(),
            sql,
            error,
            columns,
            rows,
            is_cut,
            milliseconds,
            seconds: TIME.as_secs(),
            examples,
            dialect: if is_postgres { "PostgreSQL" } else { "SQLite" },
        };
        Ok(state.templates.render("sql.html", &values)?.status(status).into_response())
    })
    .await
}

pub(super) async fn file(Shared(state): Shared<State>, Query(asked): Query<Asked>, session: Session) -> Answer {
    let _ = admitted(&state, &session)?;
    let limits = ConsoleLimits::new().time(TIME).rows(FILE_ROWS).bytes(64 << 20);
    let answer = ask(&state, &asked.q, limits).await?.map_err(Problem::bad_request)?;
    let mut text = String::new();
    for (at, name) in answer.columns.iter().enumerate() {
        text.push_str(if at > 0 { "," } else { "" });
        csv_field(&mut text, name);
    }
    text.push('\n');
    text.push_str(&crate::rest::csv_rows(&answer.rows));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"answer.csv\"")),
    ];
    Ok((headers, text).into_response())
}

/// Whoever may ask about all there is: a statement reads whatever it names, whole.
fn admitted(state: &State, session: &Session) -> Result<Asker, Problem> {
    let asker = state.access.visitor(session);
    match asker.user() {
        _ if asker.reads_everything() => Ok(asker),
        None => Err(to_login("/admin/sql")),
        Some(_) => Err(Problem::new(StatusCode::FORBIDDEN, "Only administrators may ask about everything there is.")),
    }
}

/// Asks, and cancels where the one who asked goes away: whoever leaves the page ends the query.
async fn ask(state: &State, sql: &str, limits: ConsoleLimits) -> Result<Result<ConsoleAnswer, String>, Problem> {
    /// Tells the query that nobody waits any more.
    struct Gone(Arc<AtomicBool>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stopped = Arc::new(AtomicBool::new(false));
    let gone = Gone(Arc::clone(&stopped));
    let (store, sql, metrics) = (state.project.store().clone(), sql.to_owned(), state.metrics.clone());
    let answer = work::blocking(move || {
        let _running = metrics.query();
        let answer = store.console(&sql, &limits, move || stopped.load(Ordering::Relaxed));
        Ok::<_, crate::error::Error>(match answer {
            Ok(answer) => Ok(answer),
            Err(error) => match error.kind() {
                taipan::store::ErrorKind::Sql(_) | taipan::store::ErrorKind::Stopped(_) => Err(sentence(&error)),
                _ => return Err(error.into()),
            },
        })
    })
    .await;
    drop(gone);
    answer.map_err(|error| Problem::internal(error.reason()))
}

fn sentence(error: &taipan::store::Error) -> String {
    format!("{}.", super::sentence(&error.to_string()))
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Bool(_) => Kind::Boolean,
        Value::Integer(_) => Kind::Integer,
        Value::Real(_) => Kind::Real,
        Value::Blob(_) => Kind::Blob,
        _ => Kind::Text,
    }
}
