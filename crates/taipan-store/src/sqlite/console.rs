//! A query that somebody types, on a connection of its own that may do nothing but read the tables that are shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::Type;
use rusqlite::{ErrorCode, Result as SqliteResult};

use super::Database;
use super::read::cell;
use crate::console::{ConsoleAnswer, ConsoleLimits};
use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;
use crate::value::Value;

/// The steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

impl Database {
    pub(crate) fn console(
        &self,
        sql: &str,
        limits: &ConsoleLimits,
        mut stopped: impl FnMut() -> bool + Send + 'static,
    ) -> Result<ConsoleAnswer> {
        let connection = self.location.reader()?;
        let (begun, time) = (Instant::now(), limits.time);
        let (is_late, is_stopped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (late, stop) = (Arc::clone(&is_late), Arc::clone(&is_stopped));
        let look = move || {
            late.fetch_or(begun.elapsed() > time, Ordering::Relaxed);
            stop.fetch_or(stopped(), Ordering::Relaxed);
            late.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed)
        };
        let length = i32::try_from(limits.bytes).unwrap_or(i32::MAX);
        let set_up = || -> SqliteResult<()> {
            connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, length)?;
            connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.progress_handler(STEPS, Some(look))?;
            connection.authorizer(Some(authorize))
        };
        set_up().map_err(|error| self.failure(error))?;
        let answer = run(&connection, sql, limits);
        answer.map_err(|error| {
            if is_stopped.load(Ordering::Relaxed) {
                return Error::new(ErrorKind::Stopped("the query was cancelled".to_owned()));
            }
            if is_late.load(Ordering::Relaxed) {
                let seconds = time.as_secs_f64();
                return Error::new(ErrorKind::Stopped(format!("the query was stopped after {seconds} s")));
            }
            match error.sqlite_error_code() {
                Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly) => Error::new(ErrorKind::Sql(
                    "only queries of this database's tables are possible here: SELECT, WITH, VALUES, EXPLAIN"
                        .to_owned(),
                )),
                Some(ErrorCode::TooBig | ErrorCode::OutOfMemory) => {
                    Error::new(ErrorKind::Sql(format!("a value is larger than {} bytes", limits.bytes)))
                }
                // The words are about the text that was typed.
                _ => Error::new(super::failure::of(error).kind().clone()),
            }
        })
    }
}

fn run(connection: &rusqlite::Connection, sql: &str, limits: &ConsoleLimits) -> SqliteResult<ConsoleAnswer> {
    let mut statement = connection.prepare(sql)?;
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut answer = ConsoleAnswer { columns, rows: Vec::new(), is_cut: false };
    let mut bytes = 0;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if answer.rows.len() >= limits.rows || bytes > limits.bytes {
            answer.is_cut = true;
            break;
        }
        let mut values = Vec::with_capacity(answer.columns.len());
        for index in 0..answer.columns.len() {
            let value = row.get_ref(index)?;
            let kind = match value.data_type() {
                Type::Integer => Kind::Integer,
                Type::Real => Kind::Real,
                Type::Blob => Kind::Blob,
                Type::Null | Type::Text => Kind::Text,
            };
            let value = cell(value).value(kind);
            bytes += match &value {
                Value::Text(text) => text.len() + 24,
                Value::Blob(blob) => blob.len() + 24,
                _ => 24,
            };
            values.push(value);
        }
        answer.rows.push(values);
    }
    Ok(answer)
}

/// Lets through what reads the tables that are shown, and what computes.
fn authorize(context: AuthContext<'_>) -> Authorization {
    let is_shown = |table: &str| {
        let lower = table.to_ascii_lowercase();
        !lower.starts_with("_taipan_")
            && !lower.starts_with("pragma_")
            && (!lower.starts_with("sqlite_") || matches!(&*lower, "sqlite_schema" | "sqlite_master"))
    };
    let allowed = match context.action {
        AuthAction::Select | AuthAction::Recursive => true,
        AuthAction::Read { table_name, .. } => is_shown(table_name),
        AuthAction::Function { function_name } => {
            !["load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"]
                .iter()
                .any(|name| function_name.eq_ignore_ascii_case(name))
        }
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}
