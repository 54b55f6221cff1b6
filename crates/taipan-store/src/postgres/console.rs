//! A query that somebody types: in a transaction that only reads, as a part of a statement that can be nothing but a
//! query, and run only after the server's own plan of it names no table but those that are shown, and no function but
//! built-in ones that compute.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value as Json;

use crate::console::{ConsoleAnswer, ConsoleLimits};
use crate::error::{Error, ErrorKind, Result};
use crate::names;
use crate::postgres::Database;
use crate::postgres::cell::{kind_of, parsed};
use crate::postgres::connection::{Connection, Param, Statement};
use crate::postgres::failure::Failure;
use crate::value::Value;

/// The name that what was typed has in the statement around it.
const TYPED: &str = "_taipan_typed";
/// The functions that one query may call.
const MOST_FUNCTIONS: usize = 500;

/// The functions of these names that do more than compute: they change something, or read what their arguments say.
const UNSAFE: &str = "SELECT p.proname::text FROM pg_catalog.pg_proc AS p WHERE p.proname = ANY ($1::text[]) AND NOT (\
     p.pronamespace = 'pg_catalog'::regnamespace AND (p.provolatile = 'i' \
     OR p.proname IN ('random', 'gen_random_uuid', 'clock_timestamp', 'timeofday') \
     OR (p.provolatile = 's' AND p.proname !~ '_to_xml|^(pg_|has_|ts_|lo_|to_reg|current_setting|cursor_|col_|obj_|shobj_)')))";

impl Database {
    pub(crate) fn console(
        &self,
        sql: &str,
        limits: &ConsoleLimits,
        mut stopped: impl FnMut() -> bool + Send + 'static,
    ) -> Result<ConsoleAnswer> {
        let mut loan = self.pool.take_long().map_err(|failure| self.failure(failure, ""))?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_stopped);
        let look = move || {
            stop.fetch_or(stopped(), Ordering::Relaxed);
            stop.load(Ordering::Relaxed)
        };
        let begin = begin(limits.time);
        let asked = self.retried(&mut loan, |connection| connection.batch(&begin)).and_then(|()| {
            loan.give_up_when(Some(Box::new(look)))?;
            let answer = ask(&mut loan, sql, limits);
            if !loan.is_broken() {
                loan.give_up_when(None)?;
                // Nothing was written, so how it ends does not matter.
                let _ = loan.batch("ROLLBACK");
            }
            answer
        });
        asked.map_err(|failure| {
            if is_stopped.load(Ordering::Relaxed) {
                return Error::new(ErrorKind::Stopped("the query was cancelled".to_owned()));
            }
            let error = failure.error("");
            match error.kind() {
                ErrorKind::Timeout => {
                    let seconds = limits.time.as_secs_f64();
                    Error::new(ErrorKind::Stopped(format!("the query was stopped after {seconds} s")))
                }
                ErrorKind::InvalidValue { value, .. } if *value == too_large(limits) => {
                    Error::new(ErrorKind::Sql(too_large(limits)))
                }
                // The words are about the text that was typed.
                ErrorKind::InvalidValue { .. } | ErrorKind::ReadOnly => Error::new(ErrorKind::Sql(error.to_string())),
                _ => error,
            }
        })
    }
}

fn begin(time: Duration) -> String {
    let milliseconds = time.as_millis().clamp(1, i32::MAX as u128);
    format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {milliseconds}")
}

fn too_large(limits: &ConsoleLimits) -> String {
    format!("a value is larger than {} bytes", limits.bytes)
}

fn ask(connection: &mut Connection, sql: &str, limits: &ConsoleLimits) -> Result<ConsoleAnswer, Failure> {
    let (is_explained, typed) = typed(sql);
    let query = format!("WITH {TYPED} AS MATERIALIZED (\n{typed}\n) SELECT * FROM {TYPED}");
    check(connection, &query)?;
    let text = if is_explained {
        format!("EXPLAIN {query}")
    } else {
        // Said by a cast that fails, since a value that is too large must not come here at all.
        let (row, bytes, refused) = (format!("{TYPED}::text"), limits.bytes, too_large(limits));
        let fails = format!("(left({row}, 0) || '{refused}')::int = 0");
        format!(
            "{query} WHERE CASE WHEN octet_length({row}) > {bytes} THEN {fails} ELSE TRUE END LIMIT {}",
            limits.rows.saturating_add(1)
        )
    };
    let statement = Statement { sql: &text, params: Vec::new(), as_text: true };
    let mut answer = ConsoleAnswer { columns: Vec::new(), rows: Vec::new(), is_cut: false };
    let kinds = RefCell::new(Vec::new());
    let mut bytes = 0;
    connection.run_described(
        &statement,
        |described| {
            *kinds.borrow_mut() = described.iter().map(|column| kind_of(column.oid)).collect();
            answer.columns = described.into_iter().map(|column| column.name).collect();
        },
        |row| {
            if answer.rows.len() >= limits.rows || bytes > limits.bytes {
                answer.is_cut = true;
                return Ok(());
            }
            let kinds = kinds.borrow();
            let cells = row.cells().zip(&*kinds);
            let values: Vec<Value> = cells
                .map(|(cell, kind)| {
                    bytes += cell.map_or(0, <[u8]>::len) + 24;
                    parsed(*kind, cell)
                })
                .collect();
            answer.rows.push(values);
            Ok(())
        },
    )?;
    Ok(answer)
}

/// What was typed, and whether it is to be explained only.
fn typed(sql: &str) -> (bool, &str) {
    let sql = sql.trim().trim_end_matches(';').trim_end();
    match sql.get(..8) {
        Some(word) if word.eq_ignore_ascii_case("explain ") => (true, sql[8..].trim_start()),
        _ => (false, sql),
    }
}

/// Refuses a query whose plan reads or calls what is not for those who type.
fn check(connection: &mut Connection, query: &str) -> Result<(), Failure> {
    let refused = |what: String| Failure::Own(Error::new(ErrorKind::Sql(what)));
    let explain = format!("EXPLAIN (VERBOSE, FORMAT JSON) {query}");
    let statement = Statement { sql: &explain, params: Vec::new(), as_text: true };
    let mut text = String::new();
    connection.run_described(
        &statement,
        |_| (),
        |row| {
            text.push_str(&row.text(0).unwrap_or_default());
            Ok(())
        },
    )?;
    let plan: Json = serde_json::from_str(&text).map_err(|_| Failure::garbled())?;
    let mut seen = Seen::default();
    seen.look(&plan);
    let mut schema = String::new();
    connection.run(&[Statement::new("SELECT current_schema()::text")], |_, row| {
        schema = row.text(0).unwrap_or_default();
        Ok(())
    })?;
    let others = seen.relations.iter().find(|(of, name)| *of != schema || names::is_reserved(name));
    if let Some((_, name)) = others {
        return Err(refused(format!(
            "permission denied for table {name}: only the tables that are listed can be read here"
        )));
    }
    if seen.functions.len() > MOST_FUNCTIONS {
        return Err(refused(format!("more than {MOST_FUNCTIONS} functions in one query")));
    }
    let names = seen.functions.iter().map(|name| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")));
    let names = format!("{{{}}}", names.collect::<Vec<_>>().join(","));
    let mut forbidden = None;
    connection.run(&[Statement::with(UNSAFE, vec![Param::text(names)])], |_, row| {
        forbidden = row.text(0);
        Ok(())
    })?;
    match forbidden {
        Some(name) => Err(refused(format!(
            "permission denied for function {name}: only functions that compute can be called here"
        ))),
        None => Ok(()),
    }
}

/// What a plan names.
#[derive(Default)]
struct Seen {
    /// Tables by schema and name.
    relations: Vec<(String, String)>,
    functions: Vec<String>,
}

impl Seen {
    fn look(&mut self, plan: &Json) {
        match plan {
            Json::Object(node) => {
                if let Some(name) = node.get("Relation Name").and_then(Json::as_str) {
                    let schema = node.get("Schema").and_then(Json::as_str).unwrap_or_default();
                    self.relations.push((schema.to_owned(), name.to_owned()));
                }
                if let Some(name) = node.get("Function Name").and_then(Json::as_str) {
                    self.functions.push(name.to_owned());
                }
                node.values().for_each(|value| self.look(value));
            }
            Json::Array(parts) => parts.iter().for_each(|part| self.look(part)),
            Json::String(text) => calls(text, &mut self.functions),
            _ => {}
        }
    }
}

/// The names that stand before a parenthesis in an expression as the server writes it.
fn calls(expression: &str, names: &mut Vec<String>) {
    let mut chars = expression.chars().peekable();
    let mut name: Option<String> = None;
    while let Some(char) = chars.next() {
        match char {
            '\'' => {
                // A doubled quote ends one text and begins the next.
                chars.by_ref().find(|char| *char == '\'');
                name = None;
            }
            '"' => {
                let mut quoted = String::new();
                while let Some(char) = chars.next() {
                    if char == '"' && chars.next_if_eq(&'"').is_none() {
                        break;
                    }
                    quoted.push(char);
                }
                name = Some(quoted);
            }
            '(' => names.extend(name.take()),
            char if char.is_alphanumeric() || char == '_' || char == '$' => {
                let mut word = String::from(char);
                while let Some(char) = chars.next_if(|char| char.is_alphanumeric() || matches!(char, '_' | '$')) {
                    word.push(char);
                }
                name = Some(word);
            }
            char if char.is_whitespace() => {}
            _ => name = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_and_texts_are_not() {
        for (expression, expected) in [
            ("lower(name)", vec!["lower"]),
            ("pg_catalog.pg_sleep(1)", vec!["pg_sleep"]),
            ("\"odd \"\"name\"(a) + f(g(1), 'h(x) it''s i(')", vec!["odd \"name", "f", "g"]),
            ("(a + b)", vec![]),
            ("count (*)", vec!["count"]),
            ("'pg_sleep('::text", vec![]),
        ] {
            let mut names = Vec::new();
            calls(expression, &mut names);
            assert_eq!(names, expected, "{expression}");
        }
    }

    #[test]
    fn what_is_typed_is_trimmed() {
        for (sql, expected) in [
            (" SELECT 1 ;; ", (false, "SELECT 1")),
            ("Explain  SELECT 1", (true, "SELECT 1")),
            ("explainer", (false, "explainer")),
            ("", (false, "")),
        ] {
            assert_eq!(typed(sql), expected);
        }
    }
}
