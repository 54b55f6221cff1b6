//! Making a change, step by step, on whichever database: what is asked is checked, done, and read again.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use super::records::Collector;
use super::{Change, Mutation, OnConflict, Outcome, Shape, Stamp, Tag, row_tag};
use crate::document::sql::{self, Statement};
use crate::document::{Condition, Document, Field, Form, Path};
use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;
use crate::select::{Compare, JsonPage};
use crate::sql::quoted;
use crate::table::{Column, Dialect, Table};
use crate::value::Value;

/// A database in the middle of a transaction.
pub(crate) trait Engine {
    /// The table of a name.
    fn table(&self, name: &str) -> Result<Arc<Table>>;
    /// Inserts rows, and keeps the keys that the statement returns; gives how many it inserted or merged, and how many of
    /// them are new.
    fn insert(&mut self, insert: &Insert<'_>, keys: &mut Keys) -> Result<(u64, u64)>;
    /// Runs a statement that changes rows and returns their keys; gives how many.
    fn change(&mut self, table: &str, statement: &Statement, keys: &mut Keys) -> Result<u64>;
    /// Reads documents in a form.
    fn collect(&mut self, document: &Document, statement: &Statement, form: Form<'_>) -> Result<JsonPage>;
    /// The values of a statement's only row; none without a row.
    fn row(&mut self, statement: &Statement, kinds: &[Kind]) -> Result<Vec<Value>>;
}

/// Rows of one shape to insert.
pub(crate) struct Insert<'a> {
    pub(crate) table: &'a Table,
    pub(crate) sql: &'a str,
    /// For each row its values, and the statement that finds a row it may be merged into.
    pub(crate) rows: Vec<(Vec<Value>, Option<Statement>)>,
    /// The number of the first row.
    pub(crate) first: u64,
}

/// The rows of a change by what tells them apart: their row id, their primary key, or where they lie.
pub(crate) struct Keys {
    /// The columns, as SQL names.
    pub(crate) columns: Vec<String>,
    /// An array of values, or of arrays where there are several columns.
    pub(crate) json: Vec<u8>,
    pub(crate) count: u64,
}

/// One change being made.
pub(crate) struct Making<'a, E> {
    pub(crate) engine: E,
    pub(crate) mutation: &'a Mutation,
}

impl<E: Engine> Making<'_, E> {
    pub(crate) fn make(mut self) -> Result<Outcome> {
        let table = self.engine.table(&self.mutation.table)?;
        if table.is_view {
            return Err(Error::unsupported(format!("\"{}\" is a view; it cannot be written", table.name)));
        }
        self.check_tag()?;
        match &self.mutation.change {
            Change::Insert { columns, rows, on_conflict } => self.insert(&table, columns, rows, on_conflict.as_ref()),
            Change::Update { values } => self.update(&table, values),
            Change::Delete => self.delete(&table),
        }
    }

    fn check_tag(&mut self) -> Result<()> {
        let Some(tag) = &self.mutation.tag else { return Ok(()) };
        // A row that the rule does not take is as good as not there: its tag is nobody's business.
        let mut document = self.chosen(self.mutation.whole());
        document.limit = Some(2);
        let page = self.collect(&document)?;
        match tag {
            _ if page.rows == 0 => Err(Error::new(ErrorKind::Missing)),
            Tag::Any => Ok(()),
            Tag::OneOf(_) if page.rows > 1 => Err(Error::unsupported("If-Match needs a filter that takes one row")),
            Tag::OneOf(tags) => {
                let object = page.body.get(1..page.body.len().saturating_sub(1)).unwrap_or_default();
                if tags.contains(&row_tag(object)) { Ok(()) } else { Err(Error::new(ErrorKind::Stale)) }
            }
        }
    }

    fn insert(
        &mut self,
        table: &Table,
        columns: &[String],
        rows: &[Vec<Option<Value>>],
        on_conflict: Option<&OnConflict>,
    ) -> Result<Outcome> {
        let targets = columns.iter().map(|name| writable(table, name)).collect::<Result<Vec<_>>>()?;
        let conflict = on_conflict.map(|on| Conflict::new(table, on)).transpose()?;
        let mut keys = Keys::of(table)?;
        let mut outcome = Outcome::default();
        let mut rest = rows;
        while let Some(first) = rest.first() {
            let shape = |row: &[Option<Value>]| row.iter().map(Option::is_some).collect::<Vec<bool>>();
            let given = shape(first);
            let same = rest.iter().take_while(|row| shape(row) == given).count();
            let (these, others) = rest.split_at(same);
            let before = (rows.len() - rest.len()) as u64;
            let sql = self.insert_text(table, &targets, &given, conflict.as_ref(), &keys);
            let mut prepared = Vec::with_capacity(these.len());
            for (number, row) in these.iter().enumerate() {
                let number = Some(before + number as u64 + 1);
                let mut values = Vec::with_capacity(row.len());
                for (column, value) in targets.iter().zip(row) {
                    if let Some(value) = value {
                        values.push(stored_as(value, column).map_err(|e| e.at(&table.name, &column.name, number))?);
                    }
                }
                let there = conflict.as_ref().and_then(|conflict| conflict.row(table, &targets, row));
                if let (Some(there), Some(true)) = (&there, conflict.as_ref().map(|conflict| conflict.merge)) {
                    self.check_there(there)?;
                }
                let probe = there.map(|document| sql::count(&document, &|name| self.engine.table(name), false));
                prepared.push((values, probe.transpose()?));
            }
            let insert = Insert { table, sql: &sql, rows: prepared, first: before + 1 };
            let (affected, created) = self.engine.insert(&insert, &mut keys)?;
            outcome.affected += affected;
            outcome.created += created;
            rest = others;
        }
        self.check_rule(&keys)?;
        if rows.len() == 1 && outcome.affected == 1 {
            outcome.key = self.key(table, &keys)?;
        }
        self.finish(outcome, Some(&keys))
    }

    /// Refuses to merge into a row that the rule does not take.
    fn check_there(&mut self, there: &Document) -> Result<()> {
        let Some(rule) = &self.mutation.rule else { return Ok(()) };
        let unmet = Condition::Not(Box::new(Condition::Sure(Box::new(rule.clone()))));
        let statement = sql::count(&there.clone().filter(unmet), &|name| self.engine.table(name), false)?;
        self.refuse_any(&statement)
    }

    /// Refuses rows that do not meet the rule now.
    fn check_rule(&mut self, keys: &Keys) -> Result<()> {
        let Some(rule) = &self.mutation.rule else { return Ok(()) };
        let document = Document::new(&self.mutation.table).filter(rule.clone());
        let statement = sql::strangers(&document, &|name| self.engine.table(name), &keys.columns, keys.text())?;
        self.refuse_any(&statement)
    }

    fn refuse_any(&mut self, count: &Statement) -> Result<()> {
        match self.engine.row(count, &[Kind::Integer])?.as_slice() {
            [Value::Integer(0)] => Ok(()),
            _ => Err(Error::new(ErrorKind::Forbidden { table: self.mutation.table.clone() })),
        }
    }

    fn update(&mut self, table: &Table, values: &[(String, Value)]) -> Result<Outcome> {
        let mut keys = Keys::of(table)?;
        let mut statement = self.taken()?;
        let mut set = Vec::new();
        for (name, value) in values {
            let column = writable(table, name)?;
            if self.stamp(name).is_some() {
                continue;
            }
            let value = stored_as(value, column).map_err(|error| error.at(&table.name, name, None))?;
            statement.values.push(value);
            let number = statement.values.len();
            set.push(format!("{} = {}{number}", quoted(name), table.dialect.parameter()));
        }
        let mut affected = 0;
        if !values.is_empty() {
            set.extend(self.stamped(table));
            let (relation, set, rows) = (&table.relation, set.join(", "), &statement.sql);
            statement.sql = format!("UPDATE {relation} AS t SET {set}{rows} RETURNING {}", keys.returned());
            affected = self.engine.change(&table.name, &statement, &mut keys)?;
        }
        self.check_rule(&keys)?;
        self.finish(Outcome { affected, ..Outcome::default() }, Some(&keys))
    }

    fn delete(&mut self, table: &Table) -> Result<Outcome> {
        let mut keys = Keys::of(table)?;
        let mut statement = self.taken()?;
        // What is gone cannot be read.
        let before = self.finish(Outcome::default(), None)?;
        let rows = &statement.sql;
        statement.sql = format!("DELETE FROM {} AS t{rows} RETURNING {}", table.relation, keys.returned());
        let affected = self.engine.change(&table.name, &statement, &mut keys)?;
        self.check_most(affected)?;
        Ok(Outcome { affected, ..before })
    }

    /// The condition that takes the rows of the change, which are those that the rule takes too.
    fn taken(&mut self) -> Result<Statement> {
        let document = self.chosen(Document::new(&self.mutation.table));
        sql::taken(&document, &|name| self.engine.table(name))
    }

    /// The rows that an update or a delete is about, or that a tag is of.
    fn chosen(&self, document: Document) -> Document {
        let mut document = document;
        document.filter.clone_from(&self.mutation.filter);
        match &self.mutation.rule {
            Some(rule) => document.filter(rule.clone()),
            None => document,
        }
    }

    fn stamp(&self, column: &str) -> Option<Stamp> {
        self.mutation.stamps.iter().find(|(name, _)| name == column).map(|(_, stamp)| *stamp)
    }

    fn stamped(&self, table: &Table) -> Vec<String> {
        let stamps = self.mutation.stamps.iter().filter(|(name, _)| table.column(name).is_ok());
        let text = |(name, stamp): &(String, Stamp)| {
            let name = quoted(name);
            match (stamp, table.dialect) {
                (Stamp::Next, _) => format!("{name} = coalesce(t.{name}, 0) + 1"),
                (Stamp::Now, Dialect::Sqlite) => format!("{name} = strftime('%Y-%m-%d %H:%M:%f', 'now')"),
                (Stamp::Now, Dialect::Postgres) => format!("{name} = (now() AT TIME ZONE 'UTC')"),
            }
        };
        stamps.map(text).collect()
    }

    /// The statement that inserts a row with values in some of the columns.
    fn insert_text(
        &self,
        table: &Table,
        targets: &[&Column],
        given: &[bool],
        conflict: Option<&Conflict<'_>>,
        keys: &Keys,
    ) -> String {
        let columns = targets.iter().zip(given).filter(|(_, given)| **given).map(|(column, _)| *column);
        let names: Vec<String> = columns.map(|column| quoted(&column.name)).collect();
        let mut text = format!("INSERT INTO {} AS t ", table.relation);
        if names.is_empty() {
            text.push_str("DEFAULT VALUES");
        } else {
            let parameter = |number: usize| format!("{}{number}", table.dialect.parameter());
            let values: Vec<String> = (1..=names.len()).map(parameter).collect();
            let _ = write!(text, "({}) VALUES ({})", names.join(", "), values.join(", "));
        }
        if let Some(conflict) = conflict.filter(|_| !names.is_empty()) {
            let on: Vec<String> = conflict.columns.iter().map(|column| quoted(&column.name)).collect();
            let stamped = self.mutation.stamps.iter().map(|(name, _)| name);
            let others: HashSet<String> = stamped.chain(&self.mutation.kept).map(|name| quoted(name)).collect();
            let set = names.iter().filter(|name| !on.contains(name) && !others.contains(*name));
            let mut set: Vec<String> = set.map(|name| format!("{name} = excluded.{name}")).collect();
            let _ = write!(text, " ON CONFLICT ({}) DO ", on.join(", "));
            if conflict.merge && !set.is_empty() {
                set.extend(self.stamped(table));
                let _ = write!(text, "UPDATE SET {}", set.join(", "));
            } else {
                text.push_str("NOTHING");
            }
        }
        let _ = write!(text, " RETURNING {}", keys.returned());
        text
    }

    /// Reads what is wanted of the rows changed.
    fn finish(&mut self, mut outcome: Outcome, keys: Option<&Keys>) -> Result<Outcome> {
        self.check_most(outcome.affected)?;
        if let Some(document) = &self.mutation.returning {
            let statement = self.reading(document, keys)?;
            let mut collector = Collector::new();
            let form = match self.mutation.shape {
                Shape::Json => Form::Json,
                Shape::Stripped => Form::Stripped,
                Shape::Lines => Form::Lines,
                Shape::Values => Form::Rows(&mut collector),
            };
            let page = self.engine.collect(document, &statement, form)?;
            match self.mutation.shape {
                Shape::Values => outcome.records = Some(collector.records(&statement.columns)?),
                _ => outcome.returned = Some(page),
            }
        }
        if self.mutation.observed {
            let document = self.mutation.whole();
            let statement = self.reading(&document, keys)?;
            outcome.observed = Some(self.engine.collect(&document, &statement, Form::Json)?.body);
        }
        Ok(outcome)
    }

    /// The statement that reads a document of the rows changed, by their keys, or of those that will be.
    fn reading(&mut self, document: &Document, keys: Option<&Keys>) -> Result<Statement> {
        match keys {
            Some(keys) => sql::keyed(document, &|name| self.engine.table(name), &keys.columns, keys.text()),
            None => sql::rows(&self.chosen(document.clone()), &|name| self.engine.table(name)),
        }
    }

    fn collect(&mut self, document: &Document) -> Result<JsonPage> {
        let statement = sql::rows(document, &|name| self.engine.table(name))?;
        self.engine.collect(document, &statement, Form::Json)
    }

    fn check_most(&self, affected: u64) -> Result<()> {
        match self.mutation.most {
            Some(most) if affected > most => Err(Error::new(ErrorKind::TooMany { affected, most })),
            _ => Ok(()),
        }
    }

    /// The primary key of the one row.
    fn key(&mut self, table: &Table, keys: &Keys) -> Result<Vec<(String, Value)>> {
        let columns: Vec<&Column> = table.primary_key().collect();
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let document =
            columns.iter().fold(Document::new(&table.name), |d, column| d.field(Field::column(&column.name)));
        let statement = sql::keyed(&document, &|name| self.engine.table(name), &keys.columns, keys.text())?;
        let kinds: Vec<Kind> = columns.iter().map(|column| column.kind).collect();
        let values = self.engine.row(&statement, &kinds)?;
        Ok(columns.iter().map(|column| column.name.clone()).zip(values).collect())
    }
}

impl Keys {
    fn of(table: &Table) -> Result<Self> {
        let columns: Vec<String> = match table.dialect {
            Dialect::Sqlite => {
                table.own_order.iter().map(|name| name.strip_prefix("t.").unwrap_or(name).to_owned()).collect()
            }
            // Where a row lies, which nobody else can change until the transaction ends.
            Dialect::Postgres => vec!["tableoid".to_owned(), "ctid".to_owned()],
        };
        if columns.is_empty() {
            return Err(Error::unsupported(format!("the rows of \"{}\" cannot be told apart", table.name)));
        }
        Ok(Keys { columns, json: vec![b'['], count: 0 })
    }

    /// What a statement returns of each row.
    fn returned(&self) -> String {
        let columns = self.columns.iter().map(|name| match name.as_str() {
            "tableoid" => "t.tableoid::int8".to_owned(),
            "ctid" => "t.ctid::text, t.xmax = 0".to_owned(),
            name => name.to_owned(),
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    fn text(&self) -> String {
        format!("{}]", String::from_utf8_lossy(&self.json))
    }
}

/// The columns by which rows conflict, and what then happens.
struct Conflict<'t> {
    columns: Vec<&'t Column>,
    merge: bool,
}

impl<'t> Conflict<'t> {
    fn new(table: &'t Table, on: &OnConflict) -> Result<Self> {
        let columns: Vec<&Column> = if on.columns.is_empty() {
            table.primary_key().collect()
        } else {
            on.columns.iter().map(|name| table.column(name)).collect::<Result<_>>()?
        };
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let is_unique =
            |set: &Vec<String>| set.len() == names.len() && set.iter().all(|name| names.contains(&name.as_str()));
        if names.is_empty() || !table.unique.iter().any(is_unique) {
            return Err(Error::new(ErrorKind::NotUnique { table: table.name.clone(), columns: names.join(", ") }));
        }
        Ok(Conflict { columns, merge: on.merge })
    }

    /// The row that is there already, if its columns are all given.
    fn row(&self, table: &Table, targets: &[&Column], row: &[Option<Value>]) -> Option<Document> {
        let mut document = Document::new(&table.name);
        for column in &self.columns {
            let at = targets.iter().position(|target| target.name == column.name)?;
            let value = row.get(at)?.clone().filter(|value| *value != Value::Null)?;
            document = document.filter(Condition::compare(Path::column(&column.name), Compare::Eq, value));
        }
        Some(document)
    }
}

fn writable<'t>(table: &'t Table, name: &str) -> Result<&'t Column> {
    let column = table.column(name)?;
    if column.generated {
        let what = format!("table \"{}\", column \"{name}\": it is computed and cannot be written", table.name);
        return Err(Error::unsupported(what));
    }
    Ok(column)
}

/// A value as a column holds it; nothing is rounded or guessed.
fn stored_as(value: &Value, column: &Column) -> Result<Value> {
    if let (Value::Real(real), Kind::Integer) = (value, column.kind) {
        let whole = real.fract() == 0.0 && real.abs() < 9e18;
        let refused = || Error::invalid_value(&real.to_string(), column.kind.described());
        return if whole { Ok(Value::Integer(*real as i64)) } else { Err(refused()) };
    }
    let value = value.coerce(column.kind)?.into_owned();
    Ok(match (value, column.kind) {
        // SQLite has no NaN; it would store a null where none may be meant.
        (Value::Real(real), _) if real.is_nan() => return Err(Error::invalid_value("NaN", column.kind.described())),
        (Value::Integer(value), Kind::Real) => Value::Real(value as f64),
        (Value::Integer(value @ (0 | 1)), Kind::Boolean) => Value::Bool(value == 1),
        (other, _) => other,
    })
}
