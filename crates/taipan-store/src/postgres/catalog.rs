//! The tables as the server describes them, each with a mark by which a later change is seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kind::Kind;
use crate::names;
use crate::postgres::connection::{Connection, Param, Row, Statement};
use crate::postgres::failure::Failure;
use crate::sql::quoted;
use crate::table::{Column, Dialect, ForeignKey, Table};

/// The mark of the table `$1`: which it is, and the transactions that last changed each of its columns.
macro_rules! mark {
    ($of:literal) => {
        concat!(
            "(SELECT coalesce(string_agg(m.attrelid::text || '.' || m.attnum::text || '.' || m.xmin::text, ' ' ",
            "ORDER BY m.attnum), '') FROM pg_catalog.pg_attribute AS m WHERE m.attnum > 0 AND m.attrelid = ",
            $of,
            ")"
        )
    };
}

/// Gives the mark of a table by its relation, as SQL names it.
pub(super) const MARK: &str = concat!("SELECT ", mark!("to_regclass($1)"));

const TABLES: &str = concat!(
    "SELECT n.nspname::text, c.relname::text, c.relkind::text, ",
    mark!("c.oid"),
    " FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
     AND has_table_privilege(c.oid, 'SELECT') ORDER BY c.relname"
);

const COLUMNS: &str = "SELECT c.relname::text, a.attname::text, \
     (CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END)::int8, a.attnotnull OR t.typnotnull, \
     a.attgenerated <> '' OR a.attidentity = 'a', coalesce(k.collname, '') IN ('', 'C', 'POSIX') OR \
     (k.collname = 'default' AND (SELECT datcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8') \
     FROM pg_catalog.pg_database WHERE datname = current_database())), \
     coalesce(array_position(p.conkey, a.attnum), 0)::int8, \
     EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum \
     AND i.indpred IS NULL AND i.indisvalid), t.typcategory = 'A', a.atthasdef OR a.attidentity <> '' \
     FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid \
     LEFT JOIN pg_catalog.pg_collation AS k ON k.oid = a.attcollation \
     LEFT JOIN pg_catalog.pg_constraint AS p ON p.conrelid = c.oid AND p.contype = 'p' \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
     AND ($1 = '' OR c.relname = $1) ORDER BY c.relname, a.attnum";

/// Foreign keys, and sets of columns that are unique: the table, the sort, a name, the columns, and what they refer to.
const KEYS: &str = "SELECT c.relname::text, 'f', k.conname::text, \
     (SELECT json_agg(a.attname ORDER BY o.n)::text FROM unnest(k.conkey) WITH ORDINALITY AS o(num, n) \
     JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = o.num), r.relname::text, \
     (SELECT json_agg(a.attname ORDER BY o.n)::text FROM unnest(k.confkey) WITH ORDINALITY AS o(num, n) \
     JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = o.num), k.oid::int8 AS number \
     FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid \
     JOIN pg_catalog.pg_class AS r ON r.oid = k.confrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND r.relnamespace = c.relnamespace AND k.contype = 'f' \
     UNION ALL SELECT c.relname::text, CASE WHEN i.indisprimary THEN 'a' ELSE 'u' END, '', \
     (SELECT json_agg(a.attname ORDER BY o.n)::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS o(num, n) \
     JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = o.num), '', '', i.indexrelid::int8 \
     FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid \
     JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND i.indisunique \
     AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = i.indnatts ORDER BY 1, 2, number";

/// The tables and views of the current schema.
#[derive(Default)]
pub(super) struct Catalog {
    tables: BTreeMap<String, Known>,
}

/// A table as it was when its mark was this.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) table: Arc<Table>,
    pub(super) mark: Arc<str>,
}

impl Catalog {
    pub(super) fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values().map(|known| &known.table)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Known> {
        self.tables.get(name)
    }

    /// Reads the tables and views.
    pub(super) fn reflect(connection: &mut Connection) -> Result<Catalog, Failure> {
        let mut found = BTreeMap::new();
        let mut keys: BTreeMap<String, Vec<(i64, usize)>> = BTreeMap::new();
        let statements =
            [Statement::new(TABLES), Statement::with(COLUMNS, vec![Param::text("")]), Statement::new(KEYS)];
        connection.run(&statements, |statement, row| {
            let text = |index| row.text(index).unwrap_or_default();
            if statement == 0 {
                let (schema, name, sort) = (text(0), text(1), text(2));
                if names::is_reserved(&name) {
                    return Ok(());
                }
                let relation = format!("{}.{}", quoted(&schema), quoted(&name));
                let is_view = matches!(&*sort, "v" | "m");
                let table = Table { is_view, ..Table::named(name.clone(), relation, Dialect::Postgres) };
                found.insert(name, (table, text(3)));
            } else if let (2, Some((table, _))) = (statement, found.get_mut(&text(0))) {
                let list = |index| serde_json::from_str::<Vec<String>>(&text(index)).unwrap_or_default();
                if text(1) == "f" {
                    let (columns, references) = (list(3), list(5));
                    table.foreign_keys.push(ForeignKey { name: text(2), columns, table: text(4), references });
                } else {
                    table.unique.push(list(3));
                }
            } else if let Some((table, _)) = found.get_mut(&text(0)) {
                let position = row.integer(6).unwrap_or(0);
                if position > 0 {
                    keys.entry(text(0)).or_default().push((position, table.columns.len()));
                }
                table.columns.push(column(text(1), row));
            }
            Ok(())
        })?;
        let tables =
            found.into_iter().filter(|(_, (table, _))| !table.columns.is_empty()).map(|(name, (table, mark))| {
                let mut table = table;
                let mut key = keys.remove(&name).unwrap_or_default();
                key.sort_unstable();
                table.own_order =
                    key.iter().map(|(_, index)| format!("t.{}", quoted(&table.columns[*index].name))).collect();
                for (_, index) in key {
                    table.columns[index].primary_key = true;
                }
                if table.own_order.is_empty() && !table.is_view {
                    // Where the row lies: the order of its insert, until rows are changed.
                    table.own_order.push("t.ctid".to_owned());
                }
                (name, Known { table: Arc::new(table), mark: mark.into() })
            });
        Ok(Catalog { tables: tables.collect() })
    }
}

fn column(name: String, row: Row<'_>) -> Column {
    let is = |index| row.integer(index) == Some(1);
    let (kind, cast) = match row.integer(2).unwrap_or(0) {
        16 => (Kind::Boolean, ("", "")),
        20 => (Kind::Integer, ("", "")),
        21 | 23 | 26 => (Kind::Integer, ("", "::int8")),
        701 => (Kind::Real, ("", "")),
        700 | 1700 => (Kind::Real, ("", "::float8")),
        790 => (Kind::Real, ("", "::numeric::float8")),
        25 | 1043 => (Kind::Text, ("", "")),
        1082 => (Kind::Date, ("", "")),
        1114 => (Kind::Timestamp, ("", "")),
        // The session's time zone is UTC.
        1184 => (Kind::Timestamp, ("", "::timestamp")),
        114 => (Kind::Json, ("", "")),
        3802 => (Kind::Json, ("", "::text")),
        17 => (Kind::Blob, ("", "")),
        _ if is(8) => (Kind::Json, ("to_json(", ")::text")),
        _ => (Kind::Text, ("", "::text")),
    };
    let mut column = Column::new(name, kind);
    column.cast = cast;
    column.nullable = !is(3);
    column.generated = is(4);
    column.collate = if kind == Kind::Text && !is(5) { " COLLATE \"C\"" } else { "" };
    column.indexed = is(7);
    column.has_default = is(9);
    column
}
