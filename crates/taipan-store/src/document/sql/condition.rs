//! What a row must meet, and the values that this is about, as SQL.

use std::fmt::Write;

use super::{Scope, Text, find};
use crate::document::{Condition, Path, Step};
use crate::error::{Error, Result};
use crate::json;
use crate::kind::Kind;
use crate::rule::Rule;
use crate::select::{Compare, Is};
use crate::sql::{FOLDING, quoted};
use crate::table::{Column, Dialect};
use crate::value::Value;

/// How deep conditions may be nested, well within what the databases parse.
const MOST_NESTED: usize = 100;

/// A column as it is shown.
pub(super) fn shown(dialect: Dialect, scope: &Scope<'_>, column: &Column) -> String {
    let name = format!("{}.{}", scope.alias, quoted(&column.name));
    match (dialect, column.kind) {
        (Dialect::Sqlite, _) => name,
        // Its text, since PostgreSQL cannot tell whether two are the same, as groups need.
        (Dialect::Postgres, Kind::Json) if column.cast.1.is_empty() => format!("{name}::text"),
        (Dialect::Postgres, _) => format!("{}{name}{}", column.cast.0, column.cast.1),
    }
}

impl Text<'_> {
    /// A value as it is shown.
    pub(super) fn path(&mut self, scope: &Scope<'_>, path: &Path) -> Result<(String, Kind)> {
        let column = scope.table.column(&path.column)?;
        if path.steps.is_empty() {
            return Ok((shown(self.dialect, scope, column), column.kind));
        }
        // PostgreSQL would end the query at the first text that is no JSON.
        let is_json = column.kind == Kind::Json || (column.kind == Kind::Text && self.is_sqlite());
        if !is_json {
            return Err(Error::unsupported(format!(
                "table \"{}\", column \"{}\": {} has no parts",
                scope.table.name, column.name, column.kind
            )));
        }
        let name = format!("{}.{}", scope.alias, quoted(&column.name));
        if !self.is_sqlite() {
            return Ok(self.part(&name, path));
        }
        let way = self.bind(Value::Text(way(&path.steps)));
        Ok(if path.as_text {
            // The engine would make numbers of true and false.
            let sql = format!(
                "CASE WHEN NOT json_valid({name}) THEN NULL ELSE CASE json_type({name}, {way}) WHEN 'true' THEN 'true' \
                 WHEN 'false' THEN 'false' ELSE CAST(json_extract({name}, {way}) AS TEXT) END END"
            );
            (sql, Kind::Text)
        } else {
            (format!("CASE WHEN json_valid({name}) THEN {name} -> {way} END"), Kind::Json)
        })
    }

    /// A part of JSON in PostgreSQL's words.
    fn part(&mut self, name: &str, path: &Path) -> (String, Kind) {
        let mut sql = format!("({name}::json");
        for (at, step) in path.steps.iter().enumerate() {
            let arrow = if path.as_text && at + 1 == path.steps.len() { "->>" } else { "->" };
            let step = match step {
                Step::Key(key) => self.bind(Value::Text(key.clone())),
                // As the type that arrays are counted in.
                Step::Index(index) => format!("({})::int4", (*index).clamp(i64::from(i32::MIN), i64::from(i32::MAX))),
            };
            let _ = write!(sql, " {arrow} {step}");
        }
        if path.as_text { (sql + ")", Kind::Text) } else { (sql + ")::text", Kind::Json) }
    }

    /// A value as it is compared. A column without a declared type may hold numbers that are shown as text.
    pub(super) fn compared(&mut self, scope: &Scope<'_>, path: &Path) -> Result<(String, Kind)> {
        let column = scope.table.column(&path.column)?;
        let (sql, kind) = self.path(scope, path)?;
        let is_whole = path.steps.is_empty();
        Ok(match self.dialect {
            Dialect::Sqlite if is_whole && column.untyped && column.kind == Kind::Text => {
                (format!("CAST({sql} AS TEXT)"), kind)
            }
            // A cast that is not needed would cost an index.
            Dialect::Postgres if is_whole && !matches!(kind, Kind::Text | Kind::Json) => {
                (format!("{}.{}", scope.alias, quoted(&column.name)), kind)
            }
            _ => (sql, kind),
        })
    }

    /// The values by which rows are ordered, one after the other: texts by code points, JSON as PostgreSQL orders it.
    pub(super) fn ordered(&mut self, scope: &Scope<'_>, path: &Path) -> Result<Vec<String>> {
        let (sql, kind) = self.compared(scope, path)?;
        Ok(match (kind, self.dialect) {
            (Kind::Json, Dialect::Postgres) => vec![format!("({sql})::jsonb")],
            (Kind::Json, Dialect::Sqlite) => {
                let sort = format!(
                    "CASE json_type({sql}) WHEN 'null' THEN 0 WHEN 'text' THEN 1 WHEN 'integer' THEN 2 WHEN 'real' THEN 2 \
                     WHEN 'true' THEN 3 WHEN 'false' THEN 3 WHEN 'array' THEN 4 WHEN 'object' THEN 5 END"
                );
                vec![sort, format!("json_extract({sql}, '$')")]
            }
            _ => vec![sql + self.collate(scope, path, kind)?],
        })
    }

    fn collate(&self, scope: &Scope<'_>, path: &Path, kind: Kind) -> Result<&'static str> {
        Ok(match self.dialect {
            Dialect::Postgres if path.steps.is_empty() && kind == Kind::Text => {
                scope.table.column(&path.column)?.collate
            }
            Dialect::Postgres if matches!(kind, Kind::Text | Kind::Json) => " COLLATE \"C\"",
            _ => "",
        })
    }

    fn value(&mut self, scope: &Scope<'_>, path: &Path, kind: Kind, value: &Value) -> Result<String> {
        let value = value.coerce(kind).map_err(|error| error.at(&scope.table.name, &path.column, None))?;
        Ok(self.bind_as(value.into_owned(), kind))
    }

    pub(super) fn condition(&mut self, scope: &Scope<'_>, condition: &Condition, depth: usize) -> Result<String> {
        if depth > MOST_NESTED {
            return Err(Error::unsupported(format!("a filter nested deeper than {MOST_NESTED}")));
        }
        Ok(match condition {
            Condition::And(all) => self.all(scope, all, true, depth)?,
            Condition::Or(any) => self.all(scope, any, false, depth)?,
            Condition::Not(inner) => format!("NOT ({})", self.condition(scope, inner, depth + 1)?),
            Condition::Sure(inner) => format!("({}) IS TRUE", self.condition(scope, inner, depth + 1)?),
            Condition::Compare { path, op, value } => self.compare(scope, path, *op, value)?,
            Condition::Distinct { path, value } => {
                let (sql, kind) = self.compared(scope, path)?;
                let sign = if self.is_sqlite() { "IS NOT" } else { "IS DISTINCT FROM" };
                if kind == Kind::Json {
                    return self.json(scope, path, &sql, sign, value);
                }
                let value = self.value(scope, path, kind, value)?;
                format!("{sql} {sign} {value}")
            }
            Condition::In { path, values } => {
                let (sql, kind) = self.compared(scope, path)?;
                if values.is_empty() {
                    return Ok(self.truth(false).to_owned());
                }
                if kind == Kind::Json {
                    let equal = |value: &Value| Condition::compare(path.clone(), Compare::Eq, value.clone());
                    return self.all(scope, &values.iter().map(equal).collect::<Vec<_>>(), false, depth);
                }
                let mut list = Vec::with_capacity(values.len());
                for value in values {
                    list.push(self.value(scope, path, kind, value)?);
                }
                format!("{sql} IN ({})", list.join(", "))
            }
            Condition::Is { path, is } => self.is(scope, path, *is)?,
            Condition::Like { path, pattern, case_sensitive } if self.is_sqlite() => {
                let pattern = self.bind(Value::Text(pattern.clone()));
                let (sql, _) = self.compared(scope, path)?;
                format!("taipan_like({pattern}, {sql}, {})", u8::from(*case_sensitive))
            }
            Condition::Like { path, pattern, case_sensitive } => {
                let (sql, _) = self.compared(scope, path)?;
                // A last backslash that takes nothing literally stands for itself.
                let escapes = pattern.len() - pattern.trim_end_matches('\\').len();
                let end = if escapes % 2 == 1 { "\\" } else { "" };
                let pattern = self.bind(Value::Text(format!("{pattern}{end}")));
                let sign = if *case_sensitive { "LIKE" } else { "ILIKE" };
                format!("({sql})::text {FOLDING} {sign} {pattern}")
            }
            Condition::Match { path, pattern, case_sensitive } => {
                let pattern = self.bind(Value::Text(pattern.clone()));
                let (sql, _) = self.compared(scope, path)?;
                if self.is_sqlite() {
                    format!("taipan_match({pattern}, {sql}, {})", u8::from(*case_sensitive))
                } else {
                    format!("({sql})::text {FOLDING} {} {pattern}", if *case_sensitive { "~" } else { "~*" })
                }
            }
            Condition::Contains { text } => self.contains(scope, text),
            Condition::Related { embed } => {
                let embed = find(scope, embed)?;
                self.exists(scope, embed)?
            }
            Condition::Rule(rule) => self.rule(scope, rule),
        })
    }

    /// A rule is written for the table's own names: the row is put under these, whatever else the statement reads.
    fn rule(&mut self, scope: &Scope<'_>, rule: &Rule) -> String {
        let user = rule.names_user().then(|| self.bind(rule.user()));
        let alias = &scope.alias;
        let columns = scope.table.columns.iter().map(|column| {
            let name = quoted(&column.name);
            format!("{alias}.{name} AS {name}")
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let (table, rule) = (quoted(&scope.table.name), rule.sql(user.as_deref().unwrap_or_default()));
        format!("EXISTS (SELECT 1 FROM (SELECT {columns}) AS {table} WHERE ({rule}\n))")
    }

    fn truth(&self, truth: bool) -> &'static str {
        match (self.dialect, truth) {
            (Dialect::Sqlite, true) => "1",
            (Dialect::Sqlite, false) => "0",
            (Dialect::Postgres, true) => "TRUE",
            (Dialect::Postgres, false) => "FALSE",
        }
    }

    /// Conditions joined in a balanced tree: a plain list of a thousand would nest a thousand deep for SQLite's parser.
    fn all(&mut self, scope: &Scope<'_>, conditions: &[Condition], are_all: bool, depth: usize) -> Result<String> {
        Ok(match conditions {
            [] => self.truth(are_all).to_owned(),
            [one] => self.condition(scope, one, depth + 1)?,
            _ => {
                let (left, right) = conditions.split_at(conditions.len() / 2);
                let left = self.all(scope, left, are_all, depth)?;
                let joint = if are_all { "AND" } else { "OR" };
                format!("({left} {joint} {})", self.all(scope, right, are_all, depth)?)
            }
        })
    }

    fn compare(&mut self, scope: &Scope<'_>, path: &Path, op: Compare, value: &Value) -> Result<String> {
        let sign = match op {
            Compare::Eq => "=",
            Compare::Neq => "<>",
            Compare::Gt => ">",
            Compare::Gte => ">=",
            Compare::Lt => "<",
            Compare::Lte => "<=",
        };
        let (sql, kind) = self.compared(scope, path)?;
        if kind == Kind::Json {
            return self.json(scope, path, &sql, sign, value);
        }
        let is_order = !matches!(op, Compare::Eq | Compare::Neq);
        let collate = if is_order { self.collate(scope, path, kind)? } else { "" };
        let value = self.value(scope, path, kind, value)?;
        Ok(format!("{sql}{collate} {sign} {value}"))
    }

    /// JSON compared with a value that is JSON itself.
    fn json(&mut self, scope: &Scope<'_>, path: &Path, sql: &str, sign: &str, value: &Value) -> Result<String> {
        if !self.is_sqlite() {
            let value = self.value(scope, path, Kind::Json, value)?;
            return Ok(format!("({sql})::jsonb {sign} {value}::jsonb"));
        }
        // Numbers are compared as such, all else by its text.
        if let Value::Text(text) = value
            && let Ok(Value::Real(number)) = Value::parse(Kind::Real, text)
        {
            let number = self.bind_as(Value::Real(number), Kind::Real);
            return Ok(format!("json_extract({sql}, '$') {sign} {number}"));
        }
        let value = self.value(scope, path, Kind::Json, value)?;
        Ok(format!("json({sql}) {sign} json({value})"))
    }

    fn is(&mut self, scope: &Scope<'_>, path: &Path, is: Is) -> Result<String> {
        let (mut sql, kind) = self.compared(scope, path)?;
        // A member that is JSON's null is there, and is not SQL's null; as text it is.
        let test = match is {
            Is::NotNull => "IS NOT NULL",
            Is::Null | Is::Unknown => "IS NULL",
            Is::True => "IS TRUE",
            Is::False => "IS FALSE",
        };
        if matches!(is, Is::True | Is::False | Is::Unknown) && !matches!(kind, Kind::Boolean | Kind::Integer) {
            let error = Error::invalid_value(kind.name(), Kind::Boolean.described());
            return Err(error.at(&scope.table.name, &path.column, None));
        }
        // PostgreSQL's integers are neither true nor false.
        if matches!(is, Is::True | Is::False) && kind == Kind::Integer && !self.is_sqlite() {
            sql = format!("({sql} <> 0)");
        }
        Ok(format!("{sql} {test}"))
    }

    fn contains(&mut self, scope: &Scope<'_>, text: &str) -> String {
        let columns: Vec<&Column> = scope.table.columns.iter().filter(|column| column.kind == Kind::Text).collect();
        if columns.is_empty() {
            return self.truth(false).to_owned();
        }
        let needle = self.bind(Value::Text(text.to_owned()));
        let name = |column: &Column| format!("{}.{}", scope.alias, quoted(&column.name));
        let tests: Vec<String> = if self.is_sqlite() {
            let call = |group: &[&Column]| {
                let names = group.iter().map(|column| format!(", {}", name(column)));
                format!("taipan_contains({needle}{})", names.collect::<String>())
            };
            columns.chunks(50).map(call).collect()
        } else {
            let test = |column: &&Column| {
                let (name, folding) = (name(column), FOLDING);
                format!("coalesce(strpos(lower({name}::text {folding}), lower({needle} {folding})) > 0, FALSE)")
            };
            columns.iter().map(test).collect()
        };
        format!("({})", tests.join(" OR "))
    }
}

/// The way into JSON as SQLite writes it: `$."a"[0][#-1]`.
fn way(steps: &[Step]) -> String {
    let mut way = String::from("$");
    for step in steps {
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Key(key) => {
                let mut text = Vec::new();
                json::write_text(&mut text, key.as_bytes());
                write!(way, ".{}", String::from_utf8_lossy(&text))
            }
            Step::Index(index) if *index < 0 => write!(way, "[#-{}]", index.unsigned_abs()),
            Step::Index(index) => write!(way, "[{index}]"),
        };
    }
    way
}
