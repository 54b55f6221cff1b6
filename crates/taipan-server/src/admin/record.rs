//! `/admin/tables/{table}/{key}`: one row, by its primary key, with every value whole.

use serde::Serialize;
use taipan::store::{Compare, Filter, Table, Value};
use taipan_web::{IntoResponse, Path, Session, State as Shared};

use super::address::{key as parameter, rest_path, with_query};
use super::shell::{Link, Shell};
use super::table::primary_key;
use super::{Answer, cell, missing, page as render, problem, record_path, refusal, seen, table_path};
use crate::State;
use crate::rights::Asker;

#[derive(Serialize)]
struct View {
    shell: Shell,
    table: String,
    key: String,
    rest: String,
    fields: Vec<Field>,
    edit: Option<String>,
    delete: Option<String>,
    csrf: String,
    messages: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Field {
    name: String,
    kind: String,
    key: bool,
    text: String,
    class: &'static str,
}

pub(super) async fn page(
    Shared(state): Shared<State>,
    Path((name, key)): Path<(String, String)>,
    session: Session,
) -> Answer {
    render(state, move |state| {
        let asker = state.access.visitor(&session);
        match seen(state, &asker, &name, &record_path(&name, &key)) {
            Ok(table) => show(state, &asker, &table, &key, &session),
            Err(answer) => *answer,
        }
    })
    .await
}

fn show(state: &State, asker: &Asker, table: &Table, key: &str, session: &Session) -> Answer {
    let all = || Some(Link::to_table(&table.name));
    let Some(primary) = primary_key(table) else {
        let message =
            format!("The rows of “{}” have no key of one column, so they have no page of their own.", table.name);
        return missing(state, message, None, all());
    };
    let column = table.column(primary).map_err(|error| problem(&error))?;
    // A key that its column cannot hold is one that no row has.
    let readable = asker.select(table).map_err(|error| refusal(&error))?;
    let row = Value::parse(column.kind, key).ok().map(|value| {
        let select = readable.filter(Filter::compare(primary, Compare::Eq, value)).limit(1);
        state.project.store().read_rows(&select)
    });
    let row = row.transpose().map_err(|error| problem(&error))?.and_then(|found| found.rows.into_iter().next());
    let Some(values) = row else {
        return missing(state, format!("No row of “{}” has the {primary} “{key}”.", table.name), None, all());
    };
    let fields = table.columns.iter().zip(&values).map(|(column, value)| Field {
        name: column.name.clone(),
        kind: column.kind.name().to_lowercase(),
        key: column.primary_key,
        text: cell::full_text(column.kind, value),
        class: cell::own_class(column.kind, value),
    });
    let condition = [(parameter(primary), format!("eq.{key}"))];
    let user = asker.user();
    let may_write = asker.may_write(table) || (user.is_none() && !table.is_view);
    let path = record_path(&table.name, key);
    let values = View {
        edit: may_write.then(|| format!("{path}/edit")),
        delete: user.filter(|_| may_write).map(|_| format!("{path}/delete")),
        csrf: if user.is_some() { session.csrf_token() } else { String::new() },
        messages: session.flashes(),
        shell: Shell::new(state, key, &path)?
            .of(session, user)
            .under([Link::new("Tables", "/admin"), Link::new(&table.name, table_path(&table.name))]),
        table: table.name.clone(),
        key: key.to_owned(),
        rest: with_query(rest_path(&table.name), &condition),
        fields: fields.collect(),
    };
    Ok(state.templates.render("record.html", &values)?.into_response())
}
