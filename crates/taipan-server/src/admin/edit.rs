//! Creating, changing and deleting one row by a form, with a widget for each type. Whoever saves a row that somebody else
//! changed meanwhile sees both, and decides.

use std::sync::Arc;

use serde::Serialize;
use taipan::store::document::{Condition, Document, Form, Path as Column};
use taipan::store::mutation::{Change, Mutation, Tag, row_tag};
use taipan::store::{Compare, Count, ErrorKind, Kind, Table, Value};
use taipan_web::{Fields, IntoResponse, Path, Problem, Redirect, Session, State as Shared, StatusCode};

use super::account::known;
use super::shell::{Link, Shell};
use super::table::primary_key;
use super::{Answer, cell, missing, page, problem, record_path, refusal, store_failure, table_path};
use crate::State;
use crate::error::Error;
use crate::rest::{Changes, Event};
use crate::rights::{Asker, Visible};

#[derive(Serialize)]
struct View {
    shell: Shell,
    csrf: String,
    table: String,
    action: String,
    back: String,
    is_new: bool,
    tag: String,
    fields: Vec<Input>,
    error: Option<String>,
    conflict: bool,
}

#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own that the form shows")]
#[derive(Serialize)]
struct Input {
    name: String,
    kind: String,
    widget: &'static str,
    value: String,
    is_null: bool,
    nullable: bool,
    required: bool,
    locked: bool,
    has_default: bool,
    /// What the row holds now, where somebody else changed it.
    theirs: Option<String>,
    error: Option<String>,
}

/// A row as it is now: its values as texts, and its tag.
struct Now {
    values: Vec<Value>,
    tag: String,
}

type Asked = (Shared<State>, Session);

/// Somebody who may write a table.
struct Editor {
    asker: Asker,
    /// The table with all of its columns.
    table: Arc<Table>,
    /// The table with those that are shown.
    shown: Arc<Table>,
}

/// Runs what needs somebody who may write.
async fn writing(
    (Shared(state), session): Asked,
    here: String,
    name: String,
    make: impl FnOnce(&State, &Session, &Editor) -> Answer + Send + 'static,
) -> Answer {
    page(state, move |state| {
        let table = match state.project.store().table(&name) {
            Ok(table) if table.is_view => return Err(Problem::bad_request("A view cannot be changed.")),
            Ok(table) => table,
            Err(error) => return store_failure(state, &error),
        };
        let asker = state.access.visitor(&session);
        if !asker.may_write(&table) {
            return match known(state, &session, &here) {
                Ok(_) => Err(Problem::new(StatusCode::FORBIDDEN, "Your account may read, but not change anything.")),
                Err(login) => Ok(*login),
            };
        }
        let shown = asker.columns(&table);
        make(state, &session, &Editor { asker, table, shown })
    })
    .await
}

pub(super) async fn new_form(asked: Asked, Path(name): Path<String>) -> Answer {
    writing(asked, format!("{}/_new", table_path(&name)), name, |state, session, editor| {
        show(state, session, &editor.table, None, None, Vec::new())
    })
    .await
}

pub(super) async fn form(asked: Asked, Path((name, key)): Path<(String, String)>) -> Answer {
    let here = format!("{}/edit", record_path(&name, &key));
    writing(asked, here, name, move |state, session, editor| match editor.now(state, &key)? {
        Some(row) => show(state, session, &editor.shown, Some((key.as_str(), row)), None, Vec::new()),
        None => gone(state, &editor.table, &key),
    })
    .await
}

fn gone(state: &State, table: &Table, key: &str) -> Answer {
    let message = format!("There is no row “{key}” of “{}”, or not any more.", table.name);
    missing(state, message, None, Some(Link::to_table(&table.name)))
}

fn condition(table: &Table, key: &str) -> Option<Condition> {
    let primary = primary_key(table)?;
    let value = Value::parse(table.column(primary).ok()?.kind, key).ok()?;
    Some(Condition::compare(Column::column(primary), Compare::Eq, value))
}

impl Editor {
    /// A row as it is shown now; none where there is none to be seen.
    fn now(&self, state: &State, key: &str) -> Result<Option<Now>, Problem> {
        let Some(condition) = condition(&self.shown, key) else { return Ok(None) };
        let store = state.project.store();
        let mut document = Document::new(self.table.name.as_str()).filter(condition);
        let tables = Visible { store, asker: &self.asker };
        self.asker.narrow(&mut document, &tables).map_err(|error| refusal(&error))?;
        let Some(select) = document.as_select() else { return Ok(None) };
        let rows = store.read_rows(&select).map_err(|error| problem(&error))?;
        let page = store.read_document(&document, Form::Json, Count::None).map_err(|error| problem(&error))?;
        let tag = row_tag(page.body.get(1..page.body.len().saturating_sub(1)).unwrap_or_default());
        Ok(rows.rows.into_iter().next().map(|values| Now { values, tag }))
    }

    /// A change as this editor may make it.
    fn mutation(&self, change: Change, filter: Option<Condition>) -> Result<Mutation, Problem> {
        let looks = filter.is_some();
        self.asker.mutation(&self.table, change, filter, looks).map_err(|error| refusal(&error))
    }
}

/// What was typed into a form, and what is wrong with it.
struct Typed {
    pairs: Vec<(String, Option<String>)>,
    error: Option<String>,
    conflict: bool,
}

fn show(
    state: &State,
    session: &Session,
    table: &Table,
    row: Option<(&str, Now)>,
    typed: Option<Typed>,
    wrong: Vec<(String, String)>,
) -> Answer {
    let user = state.access.logged_in(session);
    let (title, here, crumbs) = match &row {
        Some((key, _)) => (format!("Edit {key}"), format!("{}/edit", record_path(&table.name, key)), true),
        None => (format!("New row of {}", table.name), format!("{}/_new", table_path(&table.name)), false),
    };
    let mut links = vec![Link::new("Tables", "/admin"), Link::new(&table.name, table_path(&table.name))];
    if let (true, Some((key, _))) = (crumbs, &row) {
        links.push(Link::new(key, record_path(&table.name, key)));
    }
    let conflict = typed.as_ref().is_some_and(|typed| typed.conflict);
    let inputs = table.columns.iter().enumerate().map(|(at, column)| {
        let stored = row.as_ref().and_then(|(_, now)| now.values.get(at));
        // What is null stands empty, or it would be sent back as a word.
        let shown = stored.filter(|value| **value != Value::Null);
        let stored_text = shown.map(|value| cell::full_text(column.kind, value)).unwrap_or_default();
        let sent = typed.as_ref().and_then(|typed| typed.pairs.iter().find(|(name, _)| *name == column.name));
        let (value, is_null) = match sent {
            Some((_, Some(text))) => (text.clone(), false),
            Some((_, None)) => (String::new(), true),
            None => (stored_text.clone(), stored.is_none_or(|value| *value == Value::Null)),
        };
        let differs = conflict && (value != stored_text || is_null != (stored == Some(&Value::Null)));
        let theirs = if stored == Some(&Value::Null) { "NULL".to_owned() } else { stored_text };
        Input {
            name: column.name.clone(),
            kind: column.kind.name().to_lowercase(),
            widget: widget(column.kind, &value),
            is_null,
            nullable: column.nullable && !column.primary_key,
            required: !column.nullable && !column.has_default && row.is_none(),
            locked: column.generated || column.kind == Kind::Blob || (column.primary_key && row.is_some()),
            has_default: column.has_default,
            theirs: differs.then_some(theirs),
            error: wrong.iter().find(|(name, _)| *name == column.name).map(|(_, message)| message.clone()),
            value,
        }
    });
    let is_wrong = typed.is_some();
    let (is_new, tag) = (row.is_none(), row.as_ref().map(|(_, now)| now.tag.clone()).unwrap_or_default());
    let values = View {
        csrf: session.csrf_token(),
        table: table.name.clone(),
        action: here.clone(),
        back: row.as_ref().map_or_else(|| table_path(&table.name), |(key, _)| record_path(&table.name, key)),
        is_new,
        tag,
        fields: inputs.collect(),
        error: typed.and_then(|typed| typed.error),
        conflict,
        shell: Shell::new(state, &title, &here)?.under(links).of(session, user.as_ref()),
    };
    let status = match (is_wrong, conflict) {
        (_, true) => StatusCode::CONFLICT,
        (true, false) => StatusCode::BAD_REQUEST,
        (false, false) => StatusCode::OK,
    };
    Ok(state.templates.render("edit.html", &values)?.status(status).into_response())
}

fn widget(kind: Kind, value: &str) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer | Kind::Real => "number",
        Kind::Date => "date",
        Kind::Json => "json",
        Kind::Text if value.len() > 80 || value.contains('\n') => "long",
        _ => "text",
    }
}

pub(super) async fn create(asked: Asked, Path(name): Path<String>, fields: Fields) -> Answer {
    let here = format!("{}/_new", table_path(&name));
    writing(asked, here, name, move |state, session, editor| {
        let table = &editor.table;
        let typed = sent(table, &fields, true);
        let (values, wrong) = parsed(table, &typed);
        if !wrong.is_empty() {
            let typed = Typed { pairs: typed, error: None, conflict: false };
            return show(state, session, table, None, Some(typed), wrong);
        }
        let (columns, row): (Vec<_>, Vec<_>) = values.into_iter().map(|(name, value)| (name, Some(value))).unzip();
        let change = Change::Insert { columns, rows: vec![row], on_conflict: None };
        match state.project.store().mutate(editor.mutation(change, None)?) {
            Ok(outcome) => {
                tell(&state.changes, table, Event::Insert, outcome.observed.as_deref());
                session.flash("success", "The row is saved.");
                let to = match outcome.key.as_slice() {
                    [(_, key)] => key_text(key).map(|key| record_path(&table.name, &key)),
                    _ => None,
                };
                Ok(Redirect::to(&to.unwrap_or_else(|| table_path(&table.name))).into_response())
            }
            Err(error) => {
                let typed = Typed { pairs: typed, error: Some(told(error)?), conflict: false };
                show(state, session, table, None, Some(typed), Vec::new())
            }
        }
    })
    .await
}

pub(super) async fn save(asked: Asked, Path((name, key)): Path<(String, String)>, fields: Fields) -> Answer {
    let here = format!("{}/edit", record_path(&name, &key));
    writing(asked, here, name, move |state, session, editor| {
        let table = &editor.shown;
        let (Some(condition), Some(row)) = (condition(table, &key), editor.now(state, &key)?) else {
            return gone(state, table, &key);
        };
        let typed = sent(table, &fields, false);
        let (values, wrong) = parsed(table, &typed);
        if !wrong.is_empty() {
            let typed = Typed { pairs: typed, error: None, conflict: false };
            return show(state, session, table, Some((key.as_str(), row)), Some(typed), wrong);
        }
        let seen = fields.get("_tag").unwrap_or_default().to_owned();
        let mutation = editor.mutation(Change::Update { values }, Some(condition))?.tag(Tag::OneOf(vec![seen]));
        match state.project.store().mutate(mutation) {
            Ok(outcome) => {
                tell(&state.changes, table, Event::Update, outcome.observed.as_deref());
                session.flash("success", "The row is saved.");
                Ok(Redirect::to(&record_path(&table.name, &key)).into_response())
            }
            Err(error) if matches!(error.kind(), ErrorKind::Stale | ErrorKind::Missing) => {
                let Some(row) = editor.now(state, &key)? else { return gone(state, table, &key) };
                let typed = Typed { pairs: typed, error: None, conflict: true };
                show(state, session, table, Some((key.as_str(), row)), Some(typed), Vec::new())
            }
            Err(error) => {
                let typed = Typed { pairs: typed, error: Some(told(error)?), conflict: false };
                show(state, session, table, Some((key.as_str(), row)), Some(typed), Vec::new())
            }
        }
    })
    .await
}

pub(super) async fn delete(asked: Asked, Path((name, key)): Path<(String, String)>) -> Answer {
    let here = record_path(&name, &key);
    writing(asked, here, name, move |state, session, editor| {
        let table = &editor.table;
        let Some(condition) = condition(table, &key) else { return gone(state, table, &key) };
        match state.project.store().mutate(editor.mutation(Change::Delete, Some(condition))?) {
            Ok(outcome) if outcome.affected == 0 => gone(state, table, &key),
            Ok(outcome) => {
                tell(&state.changes, table, Event::Delete, outcome.observed.as_deref());
                session.flash("success", format!("The row {key} is deleted."));
                Ok(Redirect::to(&table_path(&table.name)).into_response())
            }
            Err(error) => {
                session.flash("error", told(error)?);
                Ok(Redirect::to(&record_path(&table.name, &key)).into_response())
            }
        }
    })
    .await
}

fn tell(changes: &Changes, table: &Table, event: Event, rows: Option<&[u8]>) {
    if let Some(rows) = rows {
        changes.tell(&table.name, event, rows);
    }
}

/// What a person is told of a rule that the row breaks; other failures go on as such.
fn told(error: taipan::store::Error) -> Result<String, Problem> {
    let error = Error::from(error);
    if error.status().is_server_error() {
        Err(Problem::internal(error.reason()))
    } else {
        Ok(error.message().to_owned())
    }
}

/// The columns that the form sent, each with its text or none for null. A form says by `_null` which boxes are ticked.
fn sent(table: &Table, fields: &Fields, is_new: bool) -> Vec<(String, Option<String>)> {
    let nulls = fields.all("_null");
    let mut sent = Vec::new();
    for column in &table.columns {
        let name = column.name.as_str();
        if column.generated || (column.primary_key && !is_new) {
            continue;
        }
        let Some(text) = fields.get(&format!("f:{name}")) else { continue };
        let is_null = nulls.contains(&name) || (text.is_empty() && column.kind != Kind::Text);
        // What is left empty in a new row gets its column's default.
        if is_new && text.is_empty() && (column.has_default || is_null) {
            continue;
        }
        sent.push((name.to_owned(), (!is_null).then(|| text.replace("\r\n", "\n"))));
    }
    sent
}

/// Values by column, and what is wrong by column.
type Parsed = (Vec<(String, Value)>, Vec<(String, String)>);

/// The values of texts, or what is wrong with them.
fn parsed(table: &Table, sent: &[(String, Option<String>)]) -> Parsed {
    let (mut values, mut wrong) = (Vec::new(), Vec::new());
    for (name, text) in sent {
        let Ok(column) = table.column(name) else { continue };
        match text {
            None if !column.nullable => wrong.push((name.clone(), "A value is needed.".to_owned())),
            None => values.push((name.clone(), Value::Null)),
            Some(text) => match Value::parse(column.kind, text) {
                Ok(value) => values.push((name.clone(), value)),
                Err(error) => wrong.push((name.clone(), format!("{error}."))),
            },
        }
    }
    (values, wrong)
}

fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::Integer(key) => Some(key.to_string()),
        Value::Text(key) if !key.is_empty() => Some(key.clone()),
        _ => None,
    }
}
