//! Migrations: the difference between the tables that are wanted and those there are, as steps that can be shown, and
//! taken in one transaction.
//!
//! ```
//! use taipan_store::{Kind, Store, schema::{Field, Table}};
//! # fn main() -> taipan_store::Result<()> {
//! # let store = Store::open("sqlite::memory:")?;
//! let first = Table::new("notes").field(Field::new("id", Kind::Integer)).primary_key(["id"]);
//! store.migrate(&[first.clone().field(Field::new("txt", Kind::Text))], &[])?;
//!
//! let wanted = first.field(Field::new("text", Kind::Text).renamed_from("txt"));
//! let plan = store.plan(std::slice::from_ref(&wanted))?;
//! assert_eq!(plan.steps[0].what, r#"rename field "txt" of "notes" to "text""#);
//! store.migrate(&[wanted], &[])?;
//! # Ok(()) }
//! ```
//!
//! What was declared is recorded beside the tables (`_taipan_schema`), since a database does not give back all of it, and
//! so is each migration (`_taipan_migrations`). A table that was made otherwise, as by an import, is taken as it is found.

mod ddl;
mod plan;

use std::sync::Arc;

use crate::calendar;
use crate::error::{Error, ErrorKind, Result};
use crate::names;
use crate::schema;
use crate::table::{Dialect, Table};
use crate::transaction::Transaction;
use crate::value::Value;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS _taipan_schema (\"table\" TEXT NOT NULL PRIMARY KEY, \
                      declaration TEXT NOT NULL)";
const MIGRATIONS: &str = "CREATE TABLE IF NOT EXISTS _taipan_migrations (number INTEGER NOT NULL PRIMARY KEY, \
                          applied_at TEXT NOT NULL, steps TEXT NOT NULL)";

/// What leads from the tables there are to those that are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Migration {
    /// The steps, in order; none where the tables are as wanted.
    pub steps: Vec<Step>,
}

/// A step of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What it does, in words.
    pub what: String,
    /// How, in the database's SQL.
    pub sql: Vec<String>,
    /// What is lost by it: a table, or a field as `table.field`. Such a step is taken only if this name is allowed.
    pub loses: Option<String>,
}

impl Migration {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What would be lost, by the names that allow it.
    pub fn losses(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| step.loses.as_deref())
    }
}

/// The migration as a page of text: the words of each step, and below them its SQL.
impl std::fmt::Display for Migration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for step in &self.steps {
            let warning = step.loses.as_ref().map(|name| format!("  -- LOSES DATA: allow \"{name}\""));
            writeln!(f, "{}{}", step.what, warning.unwrap_or_default())?;
            for sql in &step.sql {
                writeln!(f, "    {sql};")?;
            }
        }
        Ok(())
    }
}

/// What is to be done, worked out within a transaction that sees the tables.
pub(crate) fn plan(tx: &mut Transaction<'_>, found: &[Arc<Table>], wanted: &[schema::Table]) -> Result<Migration> {
    for (index, table) in wanted.iter().enumerate() {
        table.validate()?;
        if tx.dialect() == Dialect::Postgres {
            ddl::check_lengths(table)?;
        }
        if let Some(other) = wanted[..index].iter().find(|other| other.name.eq_ignore_ascii_case(&table.name)) {
            return Err(Error::invalid_name(
                &table.name,
                format!("is given to two tables, also as \"{}\"", other.name),
            ));
        }
    }
    let recorded = recorded(tx)?;
    let steps = plan::Planner::new(tx, found, recorded, wanted).steps()?;
    Ok(Migration { steps })
}

/// Takes the steps of a plan within its transaction and records them.
pub(crate) fn apply(
    tx: &mut Transaction<'_>,
    migration: &Migration,
    wanted: &[schema::Table],
    allowed: &[&str],
) -> Result<()> {
    let refused: Vec<&str> = migration.losses().filter(|name| !allowed.contains(name)).collect();
    if !refused.is_empty() {
        return Err(Error::new(ErrorKind::Destructive(refused.into_iter().map(str::to_owned).collect())));
    }
    for sql in migration.steps.iter().flat_map(|step| &step.sql) {
        tx.execute(sql, &[])?;
    }
    tx.execute(SCHEMA, &[])?;
    let before = recorded(tx)?;
    for table in before.iter().filter(|table| !wanted.iter().any(|other| other.name == table.name)) {
        tx.execute("DELETE FROM _taipan_schema WHERE \"table\" = $1", &[Value::Text(table.name.clone())])?;
    }
    for table in wanted {
        // Where it came from is of no matter once it is there.
        let mut table = table.clone();
        table.renamed_from = None;
        table.fields.iter_mut().for_each(|field| field.renamed_from = None);
        if before.contains(&table) {
            continue;
        }
        let declaration = serde_json::to_string(&table)
            .map_err(|error| Error::unsupported("a declaration that cannot be recorded").because(error))?;
        tx.execute("DELETE FROM _taipan_schema WHERE \"table\" = $1", &[Value::Text(table.name.clone())])?;
        let row = [Value::Text(table.name.clone()), Value::Text(declaration)];
        tx.execute("INSERT INTO _taipan_schema VALUES ($1, $2)", &row)?;
    }
    if !migration.is_empty() {
        tx.execute(MIGRATIONS, &[])?;
        let number = "(SELECT coalesce(max(number), 0) + 1 FROM _taipan_migrations)";
        let insert = format!("INSERT INTO _taipan_migrations VALUES ({number}, $1, $2)");
        tx.execute(&insert, &[Value::Text(calendar::now()), Value::Text(migration.to_string())])?;
    }
    Ok(())
}

/// The tables as they were declared last.
fn recorded(tx: &mut Transaction<'_>) -> Result<Vec<schema::Table>> {
    let is_there = match tx.dialect() {
        Dialect::Sqlite => "SELECT name FROM sqlite_schema WHERE name = '_taipan_schema'",
        Dialect::Postgres => "SELECT 1 WHERE to_regclass('_taipan_schema') IS NOT NULL",
    };
    if tx.query(is_there, &[])?.rows.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx.query("SELECT declaration FROM _taipan_schema ORDER BY \"table\"", &[])?.rows;
    let tables = rows.iter().map(|row| match row.first() {
        Some(Value::Text(text)) => serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::Corrupt("a recorded declaration".to_owned())).because(error)),
        _ => Err(Error::new(ErrorKind::Corrupt("a recorded declaration".to_owned()))),
    });
    tables.filter(|table| !table.as_ref().is_ok_and(|table: &schema::Table| names::is_reserved(&table.name))).collect()
}
