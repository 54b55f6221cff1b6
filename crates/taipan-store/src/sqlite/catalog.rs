//! The tables as the database describes them, Taipan's own or not, at one version of the schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, Result, Row};

use crate::kind::Kind;
use crate::names;
use crate::sql::quoted;
use crate::table::{Column, Dialect, ForeignKey, Table};

/// The table that records where imported tables came from.
pub(crate) const SOURCES: &str = "_taipan_sources";
/// The table that keeps artifacts.
pub(crate) const ARTIFACTS: &str = "_taipan_artifacts";

/// The names of a row's id that a column may hide.
const ROW_IDS: [&str; 3] = ["rowid", "_rowid_", "oid"];
/// The steps of SQLite's machine that looking at an undeclared column's values may take; a view may be costly.
const SAMPLE_STEPS: i32 = 1_000_000;

/// The tables and views.
#[derive(Default)]
pub(crate) struct Catalog {
    pub(crate) version: i64,
    tables: BTreeMap<String, Arc<Table>>,
    own: Vec<String>,
}

impl Catalog {
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(name)
    }

    /// The table that SQLite takes for this name, which differs in the case of its ASCII letters at most.
    pub(crate) fn find_any_case(&self, name: &str) -> Option<&Arc<Table>> {
        self.find(name).or_else(|| self.tables().find(|table| table.name.eq_ignore_ascii_case(name)))
    }

    /// Whether one of Taipan's own tables is there.
    pub(crate) fn has_own(&self, name: &str) -> bool {
        self.own.iter().any(|own| own == name)
    }
}

/// The number that every change of the schema raises; asking begins a read where none is going on.
pub(crate) fn version(connection: &Connection) -> Result<i64> {
    connection.prepare_cached("PRAGMA main.schema_version")?.query_row([], |row| row.get(0))
}

/// Reads the tables and views. The caller holds the moment at which the schema has this version.
pub(crate) fn reflect(connection: &Connection, version: i64) -> Result<Catalog> {
    let mut catalog = Catalog { version, tables: BTreeMap::new(), own: Vec::new() };
    let mut statement =
        connection.prepare_cached("SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        // A name that is not UTF-8 cannot be asked for.
        let (Some(name), Some(sort)) = (text(row, 0)?, text(row, 1)?) else { continue };
        if names::is_reserved(&name) {
            catalog.own.push(name);
        } else if sort != "shadow" {
            let found = Found { is_view: sort == "view", has_row_id: sort == "table" && !row.get::<_, bool>(2)?, name };
            if let Some(table) = reflect_table(connection, found)? {
                catalog.tables.insert(table.name.clone(), Arc::new(table));
            }
        }
    }
    Ok(catalog)
}

struct Found {
    name: String,
    is_view: bool,
    has_row_id: bool,
}

/// A table; none if nothing can be read from it, such as a view of a table that is gone.
fn reflect_table(connection: &Connection, found: Found) -> Result<Option<Table>> {
    let described = describe(connection, &found);
    let (mut columns, own_order) = match described {
        Ok(described) => described,
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => return Ok(None),
        Err(error) => return Err(error),
    };
    if columns.is_empty() {
        return Ok(None);
    }
    if columns.iter().any(|column| column.untyped) {
        match sample(connection, &found.name, &mut columns) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => return Ok(None),
            other => other?,
        }
    }
    let foreign_keys = foreign_keys(connection, &found.name)?;
    let unique = unique(connection, &found.name, &columns)?;
    let relation = format!("main.{}", quoted(&found.name));
    let table = Table::named(found.name, relation, Dialect::Sqlite);
    Ok(Some(Table { columns, is_view: found.is_view, foreign_keys, unique, own_order, ..table }))
}

fn describe(connection: &Connection, found: &Found) -> Result<(Vec<Column>, Vec<String>)> {
    let mut statement = connection.prepare_cached(
        "SELECT name, type, \"notnull\", pk, hidden, dflt_value IS NOT NULL FROM pragma_table_xinfo(?1, 'main') ORDER BY cid",
    )?;
    let mut rows = statement.query([&found.name])?;
    let (mut columns, mut key, mut names) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let Some(name) = text(row, 0)? else { continue };
        let declared = text(row, 1)?.unwrap_or_default();
        let hidden: i64 = row.get(4)?;
        names.push(name.clone());
        if hidden == 1 {
            continue;
        }
        let position: i64 = row.get(3)?;
        let kind = Kind::of_declared(&declared);
        let mut column = Column::new(name, kind.unwrap_or(Kind::Text));
        column.untyped = kind.is_none();
        column.nullable = !row.get::<_, bool>(2)?;
        column.primary_key = position > 0;
        column.generated = hidden > 1;
        column.has_default = row.get(5)?;
        if position > 0 {
            key.push((position, columns.len(), declared.eq_ignore_ascii_case("INTEGER")));
        }
        columns.push(column);
    }
    // Such a key is the row's id, and never null, declared so or not.
    if let (true, [(_, index, true)]) = (found.has_row_id, key.as_slice()) {
        columns[*index].nullable = false;
        columns[*index].indexed = true;
        columns[*index].has_default = true;
    }
    for name in leading_columns(connection, &found.name)? {
        if let Some(column) = columns.iter_mut().find(|column| column.name == name) {
            column.indexed = true;
        }
    }
    let own_order = if found.has_row_id {
        let free = |id: &&str| !names.iter().any(|name| name.eq_ignore_ascii_case(id));
        ROW_IDS.iter().copied().find(free).map(|id| format!("t.{id}")).into_iter().collect()
    } else {
        key.sort_unstable();
        key.iter().map(|(_, index, _)| format!("t.{}", quoted(&columns[*index].name))).collect()
    };
    Ok((columns, own_order))
}

/// The foreign keys whose table and columns are there. SQLite does not tell their names.
fn foreign_keys(connection: &Connection, table: &str) -> Result<Vec<ForeignKey>> {
    let mut statement = connection.prepare_cached(
        "SELECT f.id, f.\"table\", f.\"from\", coalesce(f.\"to\", \
         (SELECT name FROM pragma_table_xinfo(f.\"table\", 'main') WHERE pk = f.seq + 1)) \
         FROM pragma_foreign_key_list(?1, 'main') AS f ORDER BY f.id DESC, f.seq",
    )?;
    let mut rows = statement.query([table])?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let (Some(target), Some(from), Some(to)) = (text(row, 1)?, text(row, 2)?, text(row, 3)?) else { continue };
        match keys.last_mut() {
            Some((last, key)) if *last == id => {
                key.columns.push(from);
                key.references.push(to);
            }
            _ => keys.push((
                id,
                ForeignKey { name: String::new(), columns: vec![from], table: target, references: vec![to] },
            )),
        }
    }
    let named = |(_, mut key): (i64, ForeignKey)| {
        key.name = format!("{table}_{}_fkey", key.columns.join("_"));
        key
    };
    Ok(keys.into_iter().map(named).collect())
}

/// The sets of columns that are unique over all rows: the primary key, then unique indexes of plain columns.
fn unique(connection: &Connection, table: &str, columns: &[Column]) -> Result<Vec<Vec<String>>> {
    let mut statement = connection.prepare_cached(
        "SELECT i.seq, c.name FROM pragma_index_list(?1, 'main') AS i, pragma_index_info(i.name, 'main') AS c \
         WHERE i.\"unique\" = 1 AND i.partial = 0 ORDER BY i.seq DESC, c.seqno",
    )?;
    let mut rows = statement.query([table])?;
    let mut indexes: Vec<(i64, Vec<Option<String>>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (sequence, name) = (row.get(0)?, text(row, 1)?);
        match indexes.last_mut() {
            Some((last, names)) if *last == sequence => names.push(name),
            _ => indexes.push((sequence, vec![name])),
        }
    }
    let key: Vec<String> = columns.iter().filter(|column| column.primary_key).map(|c| c.name.clone()).collect();
    let mut sets = if key.is_empty() { Vec::new() } else { vec![key] };
    for (_, names) in indexes {
        // An index of an expression has no name for it.
        if let Some(names) = names.into_iter().collect::<Option<Vec<String>>>()
            && !sets.iter().any(|set| same(set, &names))
        {
            sets.push(names);
        }
    }
    Ok(sets)
}

/// Whether two sets of names are the same, in whatever order.
fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

/// The columns that come first in an index over all rows, in the collation by which they are compared.
fn leading_columns(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT c.name FROM pragma_index_list(?1, 'main') AS i, pragma_index_xinfo(i.name, 'main') AS c \
         WHERE c.seqno = 0 AND i.partial = 0 AND c.coll = 'BINARY' AND c.name IS NOT NULL",
    )?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}

/// Takes the kinds of columns without a declared type, as views have, from their first values.
fn sample(connection: &Connection, table: &str, columns: &mut [Column]) -> Result<()> {
    let untyped: Vec<usize> = (0..columns.len()).filter(|index| columns[*index].untyped).collect();
    let types: Vec<String> =
        untyped.iter().map(|index| format!("typeof(t.{})", quoted(&columns[*index].name))).collect();
    let sql = format!("SELECT {} FROM main.{} AS t LIMIT 100", types.join(", "), quoted(table));
    let mut seen: Vec<Option<Kind>> = vec![None; untyped.len()];
    connection.progress_handler(SAMPLE_STEPS, Some(|| true))?;
    let looked = connection.prepare(&sql).and_then(|mut statement| {
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for (index, seen) in seen.iter_mut().enumerate() {
                *seen = widen(*seen, row.get_ref(index)?.as_str().unwrap_or_default());
            }
        }
        Ok(())
    });
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match looked {
        Err(error) if error.sqlite_error_code() != Some(ErrorCode::OperationInterrupted) => return Err(error),
        _ => {}
    }
    for (index, seen) in untyped.into_iter().zip(seen) {
        columns[index].kind = seen.unwrap_or(Kind::Text);
    }
    Ok(())
}

fn widen(seen: Option<Kind>, storage: &str) -> Option<Kind> {
    let next = match storage {
        "integer" => Kind::Integer,
        "real" => Kind::Real,
        "blob" => Kind::Blob,
        "text" => Kind::Text,
        _ => return seen,
    };
    Some(match (seen, next) {
        (None, next) => next,
        (Some(seen), next) if seen == next => seen,
        (Some(Kind::Integer | Kind::Real), Kind::Integer | Kind::Real) => Kind::Real,
        _ => Kind::Text,
    })
}

fn text(row: &Row<'_>, index: usize) -> Result<Option<String>> {
    let value = row.get_ref(index)?;
    Ok(if value.data_type() == Type::Text { value.as_str().ok().map(str::to_owned) } else { None })
}
