//! The SQL text of a [`Select`]: names checked against the table and quoted, values numbered and bound. The text depends
//! on the query's shape only, so that a prepared statement serves all its values.

use std::borrow::Cow;
use std::fmt::Write;

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::select::{Compare, Filter, Is, Nulls, Order, Select};
use crate::table::{Column, Dialect, Table};
use crate::value::Value;

/// The values one statement may bind; SQLite's limit less some room.
const MOST_VALUES: usize = 32_000;
/// How deep filters may be nested, well within what SQLite parses.
const MOST_NESTED: usize = 100;

/// PostgreSQL's collation in which letters have two cases; columns that sort by code point have one that knows ASCII only.
pub(crate) const FOLDING: &str = "COLLATE \"default\"";

/// A statement to run.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) sql: String,
    pub(crate) values: Vec<Cow<'a, Value>>,
    /// The kind of the column that each value is compared with; none where it is stored in one.
    pub(crate) kinds: Vec<Option<Kind>>,
    pub(crate) columns: Vec<Output<'a>>,
}

/// A column of a query's result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output<'a> {
    pub(crate) column: &'a Column,
    pub(crate) name: &'a str,
}

impl Query<'_> {
    /// The result's columns, under their aliases.
    pub(crate) fn described(&self) -> Vec<Column> {
        let described =
            self.columns.iter().map(|output| Column { name: output.name.to_owned(), ..output.column.clone() });
        described.collect()
    }
}

/// The query's rows.
pub(crate) fn select<'a>(select: &'a Select, table: &'a Table) -> Result<Query<'a>> {
    let (mut text, columns) = Text::selecting(select, table)?;
    text.from(select.filter.as_ref())?;
    text.order(&select.order)?;
    text.page(select);
    text.finish(columns)
}

/// The query's rows whose ids lie from the first of two values that are yet to be bound to the second.
pub(crate) fn select_range<'a>(select: &'a Select, table: &'a Table, row_id: &str) -> Result<Query<'a>> {
    let (mut text, columns) = Text::selecting(select, table)?;
    text.from(None)?;
    let _ = write!(text.sql, " WHERE {row_id} BETWEEN ?1 AND ?2 ORDER BY {row_id}");
    text.finish(columns)
}

/// The number of rows that a filter takes.
pub(crate) fn count<'a>(table: &'a Table, filter: Option<&'a Filter>) -> Result<Query<'a>> {
    let mut text = Text::new(table, "SELECT count(*)");
    text.from(filter)?;
    text.finish(Vec::new())
}

/// The number of a query's rows. No more rows are looked at than the query itself would.
pub(crate) fn count_page<'a>(select: &'a Select, table: &'a Table) -> Result<Query<'a>> {
    let mut text = Text::new(table, "SELECT count(*) FROM (SELECT 1");
    text.from(select.filter.as_ref())?;
    text.page(select);
    text.sql.push_str(if table.dialect == Dialect::Sqlite { ")" } else { ") AS page" });
    text.finish(Vec::new())
}

/// A row to insert.
pub(crate) fn insert<'a>(table: &'a Table, row: &[(&str, Value)]) -> Result<Query<'a>> {
    let mut text = Text::new(table, "INSERT INTO ");
    text.sql.push_str(&table.relation);
    if row.is_empty() {
        text.sql.push_str(" DEFAULT VALUES");
        return text.finish(Vec::new());
    }
    let mut separator = " (";
    for (name, _) in row {
        text.sql.push_str(separator);
        separator = ", ";
        quote(&mut text.sql, &text.table.column(name)?.name);
    }
    separator = ") VALUES (";
    for (name, value) in row {
        text.sql.push_str(separator);
        separator = ", ";
        text.store(name, value)?;
    }
    text.sql.push(')');
    text.finish(Vec::new())
}

/// Rows to change.
pub(crate) fn update<'a>(table: &'a Table, filter: Option<&'a Filter>, set: &[(&str, Value)]) -> Result<Query<'a>> {
    let mut text = Text::new(table, "UPDATE ");
    text.sql.push_str(&table.relation);
    text.sql.push_str(" AS t");
    let mut separator = " SET ";
    for (name, value) in set {
        text.sql.push_str(separator);
        separator = ", ";
        quote(&mut text.sql, &text.table.column(name)?.name);
        text.sql.push_str(" = ");
        text.store(name, value)?;
    }
    if set.is_empty() {
        return Err(Error::unsupported(format!("table \"{}\": a change of no column", table.name)));
    }
    text.condition(filter)?;
    text.finish(Vec::new())
}

/// Rows to delete.
pub(crate) fn delete<'a>(table: &'a Table, filter: Option<&'a Filter>) -> Result<Query<'a>> {
    let mut text = Text::new(table, "DELETE FROM ");
    text.sql.push_str(&table.relation);
    text.sql.push_str(" AS t");
    text.condition(filter)?;
    text.finish(Vec::new())
}

/// A name as a quoted identifier.
pub(crate) fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    quote(&mut out, name);
    out
}

fn quote(out: &mut String, name: &str) {
    out.push('"');
    // Hardly a name has one.
    if name.as_bytes().contains(&b'"') {
        out.push_str(&name.replace('"', "\"\""));
    } else {
        out.push_str(name);
    }
    out.push('"');
}

fn outputs<'a>(select: &'a Select, table: &'a Table) -> Result<Vec<Output<'a>>> {
    if select.columns.is_empty() {
        return Ok(table.columns.iter().map(|column| Output { column, name: &column.name }).collect());
    }
    let output = |selected: &'a crate::select::Selected| {
        Ok(Output { column: table.column(&selected.column)?, name: selected.name() })
    };
    select.columns.iter().map(output).collect()
}

impl Dialect {
    /// What stands before the number of a bound value.
    pub(crate) fn parameter(self) -> char {
        match self {
            Dialect::Sqlite => '?',
            Dialect::Postgres => '$',
        }
    }
}

struct Text<'a> {
    table: &'a Table,
    sql: String,
    values: Vec<Cow<'a, Value>>,
    kinds: Vec<Option<Kind>>,
}

impl<'a> Text<'a> {
    fn new(table: &'a Table, begin: &str) -> Self {
        let mut sql = String::with_capacity(256);
        sql.push_str(begin);
        Text { table, sql, values: Vec::new(), kinds: Vec::new() }
    }

    /// A query up to its columns, and these.
    fn selecting(select: &'a Select, table: &'a Table) -> Result<(Self, Vec<Output<'a>>)> {
        let mut text = Text::new(table, "SELECT ");
        let columns = outputs(select, table)?;
        for (index, output) in columns.iter().enumerate() {
            text.sql.push_str(if index == 0 { "" } else { ", " });
            text.sql.push_str(output.column.cast.0);
            text.sql.push_str("t.");
            quote(&mut text.sql, &output.column.name);
            text.sql.push_str(output.column.cast.1);
        }
        Ok((text, columns))
    }

    fn is_sqlite(&self) -> bool {
        self.table.dialect == Dialect::Sqlite
    }

    fn finish(self, columns: Vec<Output<'a>>) -> Result<Query<'a>> {
        if self.values.len() > MOST_VALUES {
            let count = self.values.len();
            return Err(Error::unsupported(format!("a filter of {count} values; at most {MOST_VALUES} are possible")));
        }
        Ok(Query { sql: self.sql, values: self.values, kinds: self.kinds, columns })
    }

    fn from(&mut self, filter: Option<&'a Filter>) -> Result<()> {
        self.sql.push_str(" FROM ");
        self.sql.push_str(&self.table.relation);
        self.sql.push_str(" AS t");
        self.condition(filter)
    }

    fn condition(&mut self, filter: Option<&'a Filter>) -> Result<()> {
        if let Some(filter) = filter {
            self.sql.push_str(" WHERE ");
            self.filter(filter, 0)?;
        }
        Ok(())
    }

    /// A value that is stored in a column.
    fn store(&mut self, name: &str, value: &Value) -> Result<()> {
        let column = self.table.column(name)?;
        if column.generated {
            let place = format!("table \"{}\", column \"{name}\"", self.table.name);
            return Err(Error::unsupported(format!("{place}: it is computed and cannot be written")));
        }
        let stored = value.stored(column.kind).map_err(|error| error.at(&self.table.name, name, None))?;
        self.values.push(Cow::Owned(stored));
        self.kinds.push(None);
        let _ = write!(self.sql, "{}{}", self.table.dialect.parameter(), self.values.len());
        Ok(())
    }

    fn order(&mut self, order: &'a [Order]) -> Result<()> {
        let mut separator = " ORDER BY ";
        for by in order {
            self.sql.push_str(separator);
            separator = ", ";
            let column = self.column(&by.column)?;
            self.sql.push_str(column.collate);
            self.sql.push_str(if by.descending { " DESC" } else { "" });
            // SQLite counts nulls as least, PostgreSQL as greatest. Left out where there are none: it may cost an index.
            let nulls = by.nulls.unwrap_or(if by.descending { Nulls::First } else { Nulls::Last });
            if column.nullable {
                self.sql.push_str(if nulls == Nulls::First { " NULLS FIRST" } else { " NULLS LAST" });
            }
        }
        if order.is_empty() {
            for own in &self.table.own_order {
                self.sql.push_str(separator);
                separator = ", ";
                self.sql.push_str(own);
            }
        }
        Ok(())
    }

    fn page(&mut self, select: &Select) {
        if select.limit.is_none() && select.offset == 0 {
            return;
        }
        // The one number that stands in the text: the planner looks at it, and would plan a bound one anew at each read.
        match select.limit {
            // SQLite knows no OFFSET without.
            None if self.is_sqlite() => self.sql.push_str(" LIMIT -1"),
            None => {}
            Some(rows) => {
                let _ = write!(self.sql, " LIMIT {}", i64::try_from(rows).unwrap_or(i64::MAX));
            }
        }
        if select.offset > 0 {
            self.sql.push_str(" OFFSET ");
            let offset = Value::Integer(i64::try_from(select.offset).unwrap_or(i64::MAX));
            self.bind(Cow::Owned(offset), Kind::Integer);
        }
    }

    fn filter(&mut self, filter: &'a Filter, depth: usize) -> Result<()> {
        if depth > MOST_NESTED {
            return Err(Error::unsupported(format!("a filter nested deeper than {MOST_NESTED}")));
        }
        match filter {
            Filter::And(all) => self.all(all, " AND ", self.truth(true), depth)?,
            Filter::Or(any) => self.all(any, " OR ", self.truth(false), depth)?,
            Filter::Not(inner) => {
                self.sql.push_str("NOT (");
                self.filter(inner, depth + 1)?;
                self.sql.push(')');
            }
            Filter::Compare { column, op, value } => {
                let column = self.column(column)?;
                if !matches!(op, Compare::Eq | Compare::Neq) {
                    self.sql.push_str(column.collate);
                }
                self.sql.push_str(match op {
                    Compare::Eq => " = ",
                    Compare::Neq => " <> ",
                    Compare::Gt => " > ",
                    Compare::Gte => " >= ",
                    Compare::Lt => " < ",
                    Compare::Lte => " <= ",
                });
                self.value(column, value)?;
            }
            Filter::In { column, values } if values.is_empty() => {
                self.table.column(column)?;
                let never = self.truth(false);
                self.sql.push_str(never);
            }
            Filter::In { column, values } => {
                let column = self.column(column)?;
                let mut separator = " IN (";
                for value in values {
                    self.sql.push_str(separator);
                    separator = ", ";
                    self.value(column, value)?;
                }
                self.sql.push(')');
            }
            Filter::Is { column, is } => {
                let logical = matches!(is, Is::True | Is::False | Is::Unknown);
                // PostgreSQL's integers are neither true nor false.
                let as_number = !self.is_sqlite() && matches!(is, Is::True | Is::False);
                let as_number = as_number && self.table.column(column)?.kind == Kind::Integer;
                self.sql.push_str(if as_number { "(" } else { "" });
                let column = self.column(column)?;
                self.sql.push_str(if as_number { " <> 0)" } else { "" });
                let test = match is {
                    Is::NotNull => " IS NOT NULL",
                    Is::Null | Is::Unknown => " IS NULL",
                    Is::True => " IS TRUE",
                    Is::False => " IS FALSE",
                };
                if logical && !matches!(column.kind, Kind::Boolean | Kind::Integer) {
                    let error = Error::invalid_value(column.kind.name(), Kind::Boolean.described());
                    return Err(error.at(&self.table.name, &column.name, None));
                }
                self.sql.push_str(test);
            }
            Filter::Like { column, pattern, case_sensitive } if !self.is_sqlite() => {
                self.sql.push_str(self.table.column(column)?.cast.0);
                self.column_as_text(column)?;
                self.sql.push_str(if *case_sensitive { " LIKE " } else { " ILIKE " });
                // A last backslash that takes nothing literally stands for itself.
                let escapes = pattern.len() - pattern.trim_end_matches('\\').len();
                let end = if escapes % 2 == 1 { "\\" } else { "" };
                self.bind(Cow::Owned(Value::Text(format!("{pattern}{end}"))), Kind::Text);
            }
            Filter::Like { column, pattern, case_sensitive } => {
                self.sql.push_str("taipan_like(");
                self.bind(Cow::Owned(Value::Text(pattern.clone())), Kind::Text);
                self.sql.push_str(", ");
                self.column(column)?;
                self.sql.push_str(if *case_sensitive { ", 1)" } else { ", 0)" });
            }
            Filter::Contains { text } => self.contains(text),
            Filter::Rule(rule) => {
                let mut user = String::new();
                if rule.names_user() {
                    self.values.push(Cow::Owned(rule.user()));
                    self.kinds.push(Some(Kind::Text));
                    user = format!("{}{}", self.table.dialect.parameter(), self.values.len());
                }
                // It may end with a comment.
                let _ = write!(self.sql, "({}\n)", rule.sql(&user));
            }
        }
        Ok(())
    }

    /// Conditions joined in a balanced tree: a plain list of a thousand would nest a thousand deep for SQLite's parser.
    fn all(&mut self, conditions: &'a [Filter], joint: &str, none: &str, depth: usize) -> Result<()> {
        match conditions {
            [] => self.sql.push_str(none),
            [one] => self.filter(one, depth + 1)?,
            _ => {
                let (left, right) = conditions.split_at(conditions.len() / 2);
                self.sql.push('(');
                self.all(left, joint, none, depth)?;
                self.sql.push_str(joint);
                self.all(right, joint, none, depth)?;
                self.sql.push(')');
            }
        }
        Ok(())
    }

    fn contains(&mut self, text: &str) {
        let table = self.table;
        let columns: Vec<&Column> = table.columns.iter().filter(|column| column.kind == Kind::Text).collect();
        if columns.is_empty() {
            let never = self.truth(false);
            self.sql.push_str(never);
            return;
        }
        if !self.is_sqlite() {
            self.values.push(Cow::Owned(Value::Text(text.to_owned())));
            self.kinds.push(Some(Kind::Text));
            let needle = self.values.len();
            for (index, column) in columns.into_iter().enumerate() {
                self.sql.push_str(if index == 0 {
                    "(coalesce(strpos(lower(t."
                } else {
                    " OR coalesce(strpos(lower(t."
                });
                quote(&mut self.sql, &column.name);
                let _ = write!(self.sql, "::text {FOLDING}), lower(${needle} {FOLDING})) > 0, FALSE)");
            }
            self.sql.push(')');
            return;
        }
        // One call for all columns, whatever their number: no deep expression, and the needle is bound once.
        self.values.push(Cow::Owned(Value::Text(text.to_owned())));
        self.kinds.push(Some(Kind::Text));
        let needle = self.values.len();
        for (index, group) in columns.chunks(50).enumerate() {
            let _ = write!(self.sql, "{}taipan_contains(?{needle}", if index == 0 { "(" } else { " OR " });
            for column in group {
                self.sql.push_str(", t.");
                quote(&mut self.sql, &column.name);
            }
            self.sql.push(')');
        }
        self.sql.push(')');
    }

    /// A column of a filter or an order. Where it has no declared type it may hold numbers that are shown as text, so it
    /// is compared as text too.
    fn column(&mut self, name: &str) -> Result<&'a Column> {
        let column = self.table.column(name)?;
        let cast = match self.table.dialect {
            Dialect::Sqlite => column.untyped && column.kind == Kind::Text,
            Dialect::Postgres => column.kind == Kind::Json || (column.kind == Kind::Text && !column.cast.1.is_empty()),
        };
        self.sql.push_str(if cast { "CAST(t." } else { "t." });
        quote(&mut self.sql, &column.name);
        self.sql.push_str(if cast { " AS TEXT)" } else { "" });
        Ok(column)
    }

    /// The text of a column, in which letters have two cases.
    fn column_as_text(&mut self, name: &str) -> Result<()> {
        let column = self.table.column(name)?;
        self.sql.push_str("t.");
        quote(&mut self.sql, &column.name);
        let _ = write!(self.sql, "{}::text {FOLDING}", column.cast.1);
        Ok(())
    }

    fn truth(&self, truth: bool) -> &'static str {
        match (self.table.dialect, truth) {
            (Dialect::Sqlite, true) => "1",
            (Dialect::Sqlite, false) => "0",
            (Dialect::Postgres, true) => "TRUE",
            (Dialect::Postgres, false) => "FALSE",
        }
    }

    fn value(&mut self, column: &Column, value: &'a Value) -> Result<()> {
        let value = value.coerce(column.kind).map_err(|error| error.at(&self.table.name, &column.name, None))?;
        self.bind(value, column.kind);
        Ok(())
    }

    fn bind(&mut self, value: Cow<'a, Value>, kind: Kind) {
        self.values.push(value);
        self.kinds.push(Some(kind));
        let _ = write!(self.sql, "{}{}", self.table.dialect.parameter(), self.values.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = [("id", Kind::Integer), ("na\"me", Kind::Text), ("ok", Kind::Boolean)];
        let mut columns: Vec<Column> =
            columns.into_iter().map(|(name, kind)| Column::new(name.to_owned(), kind)).collect();
        columns[0].nullable = false;
        let relation = format!("main.{}", quoted("t\"x"));
        Table { columns, own_order: vec!["t.rowid".into()], ..Table::named("t\"x".into(), relation, Dialect::Sqlite) }
    }

    fn filter_text(filter: &Filter) -> String {
        let table = table();
        let query = count(&table, Some(filter)).map(|query| query.sql);
        query.map_or_else(|error| error.to_string(), |sql| sql.split("WHERE ").nth(1).unwrap().to_owned())
    }

    #[test]
    fn a_select_quotes_names_and_binds_values() {
        let (table, by_name) = (table(), Order::desc("na\"me"));
        let query = Select::new("t\"x")
            .column("na\"me")
            .filter(Filter::compare("id", Compare::Gte, Value::Integer(7)))
            .order(Order::asc("id"))
            .order(by_name)
            .limit(5)
            .offset(u64::MAX);
        let built = select(&query, &table).unwrap();
        assert_eq!(
            built.sql,
            "SELECT t.\"na\"\"me\" FROM main.\"t\"\"x\" AS t WHERE t.\"id\" >= ?1 \
             ORDER BY t.\"id\", t.\"na\"\"me\" DESC NULLS FIRST LIMIT 5 OFFSET ?2"
        );
        let values: Vec<Value> = built.values.into_iter().map(Cow::into_owned).collect();
        assert_eq!(values, [Value::Integer(7), Value::Integer(i64::MAX)]);
    }

    #[test]
    fn a_page_is_counted_within_its_limits() {
        let table = table();
        let query =
            Select::new("t\"x").filter(Filter::compare("id", Compare::Gt, Value::Integer(7))).limit(5).offset(2);
        assert_eq!(
            count_page(&query, &table).unwrap().sql,
            "SELECT count(*) FROM (SELECT 1 FROM main.\"t\"\"x\" AS t WHERE t.\"id\" > ?1 LIMIT 5 OFFSET ?2)"
        );
    }

    #[test]
    fn no_order_is_the_tables_own() {
        let (table, query) = (table(), Select::new("t\"x"));
        let built = select(&query, &table).unwrap();
        assert!(built.sql.ends_with("AS t ORDER BY t.rowid"), "{}", built.sql);
        assert_eq!(built.columns.len(), 3);
    }

    #[test]
    fn filters() {
        let id = |value| Filter::compare("id", Compare::Eq, value);
        let is = |column: &str, is| Filter::Is { column: column.into(), is };
        let one = || id(Value::Integer(1));
        let cases = [
            (Filter::And(vec![]), "1"),
            (Filter::Or(vec![]), "0"),
            (Filter::And(vec![one(), one(), one()]), r#"(t."id" = ?1 AND (t."id" = ?2 AND t."id" = ?3))"#),
            (Filter::Not(Box::new(one())), r#"NOT (t."id" = ?1)"#),
            (Filter::In { column: "id".into(), values: vec![] }, "0"),
            (Filter::In { column: "id".into(), values: vec![Value::Integer(1), Value::Null] }, r#"t."id" IN (?1, ?2)"#),
            (is("ok", Is::True), r#"t."ok" IS TRUE"#),
            (is("na\"me", Is::Unknown), r#"table "t"x", column "na"me": "TEXT" is not a BOOLEAN"#),
            (is("na\"me", Is::NotNull), "t.\"na\"\"me\" IS NOT NULL"),
            (
                Filter::Like { column: "id".into(), pattern: "1%".into(), case_sensitive: false },
                r#"taipan_like(?1, t."id", 0)"#,
            ),
            (Filter::Contains { text: "x".into() }, "(taipan_contains(?1, t.\"na\"\"me\"))"),
            (id(Value::Text("x".into())), r#"table "t"x", column "id": "x" is not an INTEGER"#),
            (
                Filter::compare("idd", Compare::Eq, Value::Null),
                r#"table "t"x" has no column "idd"; did you mean "id"?"#,
            ),
            (
                Filter::In { column: "id".into(), values: vec![Value::Null; 32_001] },
                "a filter of 32001 values; at most 32000 are possible",
            ),
            ((0..101).fold(one(), |inner, _| Filter::Not(Box::new(inner))), "a filter nested deeper than 100"),
        ];
        for (filter, expected) in cases {
            assert_eq!(filter_text(&filter), expected);
        }
    }
}
