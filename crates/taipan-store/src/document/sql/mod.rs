//! The SQL text of a [`Document`], in the dialect of its table: names checked against the tables and quoted, values
//! numbered and bound. What a row must meet is in `condition.rs`.

mod condition;

use std::fmt::Write;
use std::sync::Arc;

use super::{Aggregate, Condition, Document, Embed, Field, Sort};
use crate::error::{Error, Result};
use crate::json;
use crate::kind::Kind;
use crate::postgres;
use crate::select::Nulls;
use crate::sql::quoted;
use crate::table::{Dialect, Table};
use crate::value::Value;

/// The values one statement may bind; SQLite's limit less some room.
const MOST_VALUES: usize = 32_000;
/// How deep tables may be embedded.
const MOST_EMBEDDED: usize = 8;
/// The values one call of a function takes, less its first.
const MOST_ARGUMENTS: usize = 100;

/// Finds a table by its name.
pub(crate) type Tables<'a> = &'a dyn Fn(&str) -> Result<Arc<Table>>;

/// A statement to run.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
    /// The kind of what each value is compared with.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) columns: Vec<Output>,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) name: String,
    /// None for JSON that the statement itself makes.
    pub(crate) kind: Option<Kind>,
}

/// The documents.
pub(crate) fn rows(document: &Document, tables: Tables<'_>) -> Result<Statement> {
    Text::new(tables, document)?.rows(document)
}

/// The documents of rows that are known by their keys, in the order of these: `columns` are SQL names, and `json` an array
/// of their values, or of arrays where there are several.
pub(crate) fn keyed(document: &Document, tables: Tables<'_>, columns: &[String], json: String) -> Result<Statement> {
    let mut document = document.clone();
    document.filter = None;
    let mut text = Text::new(tables, &document)?;
    let json = text.bind(Value::Text(json));
    text.keyed = Some((json, columns.to_vec()));
    text.rows(&document)
}

/// The number of rows known by their keys, as for [`keyed`], that do not meet the document's condition.
pub(crate) fn strangers(
    document: &Document,
    tables: Tables<'_>,
    columns: &[String],
    json: String,
) -> Result<Statement> {
    let mut document = document.clone();
    let condition = document.filter.take().map(|filter| Condition::Not(Box::new(Condition::Sure(Box::new(filter)))));
    document.filter = condition.or(Some(Condition::Or(Vec::new())));
    let mut text = Text::new(tables, &document)?;
    let json = text.bind(Value::Text(json));
    text.keyed = Some((json, columns.to_vec()));
    let scope = text.scope(&document)?;
    let from = text.from(&scope, None)?;
    text.finish(format!("SELECT count(*){from}"), Vec::new())
}

/// The number of documents within limit and offset, or without them.
pub(crate) fn count(document: &Document, tables: Tables<'_>, paged: bool) -> Result<Statement> {
    let mut text = Text::new(tables, document)?;
    let mut plain = document.clone();
    plain.order.clear();
    if !paged {
        (plain.limit, plain.offset) = (None, 0);
    }
    let scope = text.scope(&plain)?;
    let sql = if plain.is_grouped() {
        let slots = text.slots(&scope)?;
        let tail = text.tail(&scope, &slots, None)?;
        format!("SELECT count(*) FROM (SELECT 1{tail}) AS page")
    } else {
        let from = text.from(&scope, None)?;
        if paged {
            let page = text.page(&plain);
            format!("SELECT count(*) FROM (SELECT 1{from}{page}) AS page")
        } else {
            format!("SELECT count(*){from}")
        }
    };
    text.finish(sql, Vec::new())
}

/// WHERE of the rows of a table under the name `t`, for a statement that changes them; empty for all.
pub(crate) fn taken(document: &Document, tables: Tables<'_>) -> Result<Statement> {
    let mut text = Text::new(tables, document)?;
    let scope = text.scope(document)?;
    let from = text.from(&scope, None)?;
    let all = format!(" FROM {} AS {}", scope.table.relation, scope.alias);
    let taken = from.strip_prefix(&all).unwrap_or_default().to_owned();
    text.finish(taken, Vec::new())
}

/// A document's table under the name it has in the statement.
struct Scope<'d> {
    document: &'d Document,
    table: Arc<Table>,
    alias: String,
    depth: usize,
}

/// A value of a result.
struct Slot {
    name: String,
    kind: Option<Kind>,
    sql: String,
    aggregated: bool,
}

struct Text<'t> {
    tables: Tables<'t>,
    dialect: Dialect,
    values: Vec<Value>,
    kinds: Vec<Kind>,
    names: usize,
    /// Where the keys of the outermost rows are, and the columns that they are of.
    keyed: Option<(String, Vec<String>)>,
}

impl<'t> Text<'t> {
    fn new(tables: Tables<'t>, document: &Document) -> Result<Self> {
        let dialect = tables(&document.table)?.dialect;
        Ok(Text { tables, dialect, values: Vec::new(), kinds: Vec::new(), names: 0, keyed: None })
    }

    fn is_sqlite(&self) -> bool {
        self.dialect == Dialect::Sqlite
    }

    fn rows(mut self, document: &Document) -> Result<Statement> {
        let scope = self.scope(document)?;
        let slots = self.slots(&scope)?;
        let list: Vec<&str> = slots.iter().map(|slot| slot.sql.as_str()).collect();
        let tail = self.tail(&scope, &slots, None)?;
        // A document of nothing is still one.
        let list = if list.is_empty() { "NULL".to_owned() } else { list.join(", ") };
        let columns = slots.into_iter().map(|slot| Output { name: slot.name, kind: slot.kind }).collect();
        self.finish(format!("SELECT {list}{tail}"), columns)
    }

    fn finish(self, sql: String, columns: Vec<Output>) -> Result<Statement> {
        if self.values.len() > MOST_VALUES {
            let count = self.values.len();
            return Err(Error::unsupported(format!("a filter of {count} values; at most {MOST_VALUES} are possible")));
        }
        Ok(Statement { sql, values: self.values, kinds: self.kinds, columns })
    }

    fn name(&mut self) -> String {
        self.names += 1;
        if self.names == 1 { "t".to_owned() } else { format!("t{}", self.names) }
    }

    /// A text of this crate's own.
    fn bind(&mut self, value: Value) -> String {
        self.bind_as(value, Kind::Text)
    }

    /// A value to compare something of a kind with.
    fn bind_as(&mut self, value: Value, kind: Kind) -> String {
        self.values.push(value);
        self.kinds.push(kind);
        format!("{}{}", self.dialect.parameter(), self.values.len())
    }

    fn scope<'d>(&mut self, document: &'d Document) -> Result<Scope<'d>> {
        Ok(Scope { document, table: (self.tables)(&document.table)?, alias: self.name(), depth: 0 })
    }

    fn within<'d>(&mut self, outer: &Scope<'_>, document: &'d Document) -> Result<Scope<'d>> {
        if outer.depth >= MOST_EMBEDDED {
            return Err(Error::unsupported(format!("tables embedded deeper than {MOST_EMBEDDED}")));
        }
        Ok(Scope { document, table: (self.tables)(&document.table)?, alias: self.name(), depth: outer.depth + 1 })
    }

    /// The values of a document, in order.
    fn slots(&mut self, scope: &Scope<'_>) -> Result<Vec<Slot>> {
        let mut slots = Vec::new();
        if scope.document.fields.is_empty() {
            self.all_columns(scope, &mut slots);
        }
        for field in &scope.document.fields {
            match field {
                Field::All => self.all_columns(scope, &mut slots),
                Field::Count { shown_as, name } => {
                    let (sql, kind) = self.as_kind("count(*)".to_owned(), Kind::Integer, *shown_as);
                    slots.push(Slot { name: name.clone(), kind: Some(kind), sql, aggregated: true });
                }
                Field::Value { path, cast, aggregate, shown_as, name } => {
                    let (sql, kind) = self.path(scope, path)?;
                    let (sql, kind) = self.as_kind(sql, kind, *cast);
                    let (sql, kind) = match aggregate {
                        Some(aggregate) => self.aggregated(*aggregate, &sql, kind),
                        None => (sql, kind),
                    };
                    let (sql, kind) = self.as_kind(sql, kind, *shown_as);
                    slots.push(Slot { name: name.clone(), kind: Some(kind), sql, aggregated: aggregate.is_some() });
                }
                Field::Embed(embed) if embed.hidden => {}
                Field::Embed(embed) if embed.spread => self.spread(scope, embed, &mut slots)?,
                Field::Embed(embed) => {
                    let sql = self.embed(scope, embed)?;
                    slots.push(Slot { name: embed.name.clone(), kind: None, sql, aggregated: false });
                }
            }
        }
        let mut seen = std::collections::HashSet::with_capacity(slots.len());
        slots.retain(|slot| seen.insert(slot.name.clone()));
        Ok(slots)
    }

    /// FROM to OFFSET.
    fn tail(&mut self, scope: &Scope<'_>, slots: &[Slot], link: Option<&Link<'_>>) -> Result<String> {
        let mut tail = self.from(scope, link)?;
        if slots.iter().any(|slot| slot.aggregated) {
            let groups: Vec<&str> =
                slots.iter().filter(|slot| !slot.aggregated).map(|slot| slot.sql.as_str()).collect();
            if !groups.is_empty() {
                let _ = write!(tail, " GROUP BY {}", groups.join(", "));
            }
        }
        let order = self.order(scope, slots)?;
        tail.push_str(&order);
        tail.push_str(&self.page(scope.document));
        Ok(tail)
    }

    /// FROM and WHERE.
    fn from(&mut self, scope: &Scope<'_>, link: Option<&Link<'_>>) -> Result<String> {
        let (relation, alias) = (&scope.table.relation, &scope.alias);
        let mut sql = format!(" FROM {relation} AS {alias}");
        let mut conditions = Vec::new();
        if let Some((json, columns)) = self.keyed.as_ref().filter(|_| scope.depth == 0) {
            sql = if self.is_sqlite() {
                format!(" FROM json_each({json}) AS k CROSS JOIN {relation} AS {alias}")
            } else {
                let keys = format!("jsonb_array_elements({json}::jsonb) WITH ORDINALITY AS k(value, key)");
                format!(" FROM {keys} CROSS JOIN {relation} AS {alias}")
            };
            let single = columns.len() == 1;
            let key = |(at, name): (usize, &String)| {
                let value = match (self.dialect, single) {
                    (Dialect::Sqlite, true) => "k.value".to_owned(),
                    (Dialect::Sqlite, false) => format!("k.value ->> {at}"),
                    // The columns are the system's own; see `postgres/mutation.rs`.
                    (Dialect::Postgres, _) if name == "tableoid" => format!("(k.value ->> {at})::oid"),
                    (Dialect::Postgres, _) => format!("(k.value ->> {at})::tid"),
                };
                format!("{alias}.{name} = {value}")
            };
            conditions.extend(columns.iter().enumerate().map(key));
        }
        if let Some(link) = link {
            self.link(scope, link, &mut sql, &mut conditions)?;
        }
        if let Some(filter) = &scope.document.filter {
            conditions.push(self.condition(scope, filter, 0)?);
        }
        for embed in scope.document.embeds().filter(|embed| embed.inner) {
            conditions.push(self.exists(scope, embed)?);
        }
        if !conditions.is_empty() {
            let _ = write!(sql, " WHERE {}", conditions.join(" AND "));
        }
        Ok(sql)
    }

    /// How an embedded table's rows belong to the row around.
    fn link(
        &mut self,
        scope: &Scope<'_>,
        link: &Link<'_>,
        sql: &mut String,
        conditions: &mut Vec<String>,
    ) -> Result<()> {
        let relation = &link.embed.relation;
        let mut near = scope.alias.clone();
        let mut near_table = Arc::clone(&scope.table);
        if let Some(through) = &relation.through {
            let between = (self.tables)(&through.table)?;
            near = self.name();
            let mut pairs = Vec::new();
            for (theirs, ours) in &through.on {
                let (theirs, ours) = (&between.column(theirs)?.name, &scope.table.column(ours)?.name);
                pairs.push(format!("{near}.{} = {}.{}", quoted(theirs), scope.alias, quoted(ours)));
            }
            let _ = write!(sql, " JOIN {} AS {near} ON {}", between.relation, pairs.join(" AND "));
            if let Some(filter) = &through.filter {
                let document = Document::new(&between.name);
                let scope =
                    Scope { document: &document, table: Arc::clone(&between), alias: near.clone(), depth: scope.depth };
                conditions.push(self.condition(&scope, filter, 0)?);
            }
            near_table = between;
        }
        for (outer, inner) in &relation.on {
            let (outer, inner) = (&link.outer.table.column(outer)?.name, &near_table.column(inner)?.name);
            conditions.push(format!("{near}.{} = {}.{}", quoted(inner), link.outer.alias, quoted(outer)));
        }
        Ok(())
    }

    fn exists(&mut self, outer: &Scope<'_>, embed: &Embed) -> Result<String> {
        let scope = self.within(outer, &embed.document)?;
        let from = self.from(&scope, Some(&Link { outer, embed }))?;
        Ok(format!("EXISTS (SELECT 1{from})"))
    }

    /// The JSON of related rows.
    fn embed(&mut self, outer: &Scope<'_>, embed: &Embed) -> Result<String> {
        let scope = self.within(outer, &embed.document)?;
        let slots = self.slots(&scope)?;
        let object = self.object(&slots);
        let tail = self.tail(&scope, &slots, Some(&Link { outer, embed }))?;
        Ok(if embed.relation.many {
            let joined = if self.is_sqlite() { "group_concat" } else { "string_agg" };
            format!("(SELECT '[' || coalesce({joined}(o, ','), '') || ']' FROM (SELECT {object} AS o{tail}) AS n)")
        } else {
            let limit = if embed.document.limit.is_none() && embed.document.offset == 0 { " LIMIT 1" } else { "" };
            format!("coalesce((SELECT {object}{tail}{limit}), 'null')")
        })
    }

    /// Each field of the one related row by itself, or of several an array.
    fn spread(&mut self, outer: &Scope<'_>, embed: &Embed, slots: &mut Vec<Slot>) -> Result<()> {
        if embed.relation.many {
            return self.spread_many(outer, embed, slots);
        }
        let scope = self.within(outer, &embed.document)?;
        let inner = self.slots(&scope)?;
        if inner.iter().any(|slot| slot.aggregated) {
            return Err(Error::unsupported("aggregates of a table that is spread are not possible"));
        }
        for slot in inner {
            let tail = self.tail(&scope, &[], Some(&Link { outer, embed }))?;
            let (sql, kind) = match slot.kind {
                Some(kind) => (format!("(SELECT {}{tail} LIMIT 1)", slot.sql), Some(kind)),
                None => (format!("coalesce((SELECT {}{tail} LIMIT 1), 'null')", slot.sql), None),
            };
            slots.push(Slot { name: slot.name, kind, sql, aggregated: false });
        }
        Ok(())
    }

    /// For each field the JSON of its values, in the order of the rows.
    fn spread_many(&mut self, outer: &Scope<'_>, embed: &Embed, slots: &mut Vec<Slot>) -> Result<()> {
        let scope = self.within(outer, &embed.document)?;
        let inner = self.slots(&scope)?;
        for slot in &inner {
            let value = self.json_of(slot);
            let tail = self.tail(&scope, &inner, Some(&Link { outer, embed }))?;
            let joined = if self.is_sqlite() { "group_concat" } else { "string_agg" };
            let sql =
                format!("(SELECT '[' || coalesce({joined}(o, ','), '') || ']' FROM (SELECT {value} AS o{tail}) AS n)");
            slots.push(Slot { name: slot.name.clone(), kind: None, sql, aggregated: false });
        }
        Ok(())
    }

    /// A value as JSON text.
    fn json_of(&mut self, slot: &Slot) -> String {
        if self.is_sqlite() {
            // A member without a key.
            let key = self.bind(Value::Text(format!("{} ", slot.kind.map_or("-", Kind::name))));
            return format!("taipan_members({key}, {})", slot.sql);
        }
        format!("coalesce({}, 'null')", to_json(slot))
    }

    /// An object of values, as JSON text.
    fn object(&mut self, slots: &[Slot]) -> String {
        if !self.is_sqlite() {
            return self.joined(slots);
        }
        let mut sql = String::from("'{'");
        for (index, part) in slots.chunks(MOST_ARGUMENTS).enumerate() {
            let keys = self.bind(Value::Text(members(part)));
            sql.push_str(if index == 0 { " || " } else { " || ',' || " });
            let _ = write!(sql, "taipan_members({keys}");
            for slot in part {
                let _ = write!(sql, ", {}", slot.sql);
            }
            sql.push(')');
        }
        sql.push_str(" || '}'");
        sql
    }

    /// The same in PostgreSQL's own words, which write values as this crate does.
    fn joined(&mut self, slots: &[Slot]) -> String {
        let mut sql = String::from("('{'");
        for (index, slot) in slots.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            let key = self.bind(Value::Text(format!("{separator}{}", json::key(&slot.name))));
            let _ = write!(sql, " || {key} || coalesce({}, 'null')", to_json(slot));
        }
        sql.push_str(" || '}')");
        sql
    }

    fn order(&mut self, scope: &Scope<'_>, slots: &[Slot]) -> Result<String> {
        let mut terms = Vec::new();
        let is_grouped = slots.iter().any(|slot| slot.aggregated);
        for sort in &scope.document.order {
            terms.extend(self.sort(scope, sort, is_grouped)?);
        }
        if terms.is_empty() && self.keyed.is_some() && scope.depth == 0 {
            terms.push("k.key".to_owned());
        } else if terms.is_empty() && !slots.iter().any(|slot| slot.aggregated) {
            // They are written for the name `t`.
            let own = scope.table.own_order.iter().map(|name| name.strip_prefix("t.").unwrap_or(name));
            terms.extend(own.map(|name| format!("{}.{name}", scope.alias)));
        }
        Ok(if terms.is_empty() { String::new() } else { format!(" ORDER BY {}", terms.join(", ")) })
    }

    fn sort(&mut self, scope: &Scope<'_>, sort: &Sort, is_grouped: bool) -> Result<Vec<String>> {
        let (values, nullable) = match &sort.embed {
            None => {
                let column = scope.table.column(&sort.path.column)?;
                let nullable = column.nullable || !sort.path.steps.is_empty();
                // Groups are told apart by what is shown.
                let values =
                    if is_grouped { vec![self.path(scope, &sort.path)?.0] } else { self.ordered(scope, &sort.path)? };
                (values, nullable)
            }
            Some(name) => {
                let embed = find(scope, name)?;
                if embed.relation.many {
                    return Err(Error::unsupported(format!(
                        "rows cannot be ordered by \"{name}\", which may be several"
                    )));
                }
                let inner = self.within(scope, &embed.document)?;
                let values = self.ordered(&inner, &sort.path)?;
                let from = self.from(&inner, Some(&Link { outer: scope, embed }))?;
                (values.iter().map(|value| format!("(SELECT {value}{from} LIMIT 1)")).collect(), true)
            }
        };
        let nulls = sort.nulls.unwrap_or(if sort.descending { Nulls::First } else { Nulls::Last });
        let nulls = match (nullable, nulls) {
            (false, _) => "",
            (true, Nulls::First) => " NULLS FIRST",
            (true, Nulls::Last) => " NULLS LAST",
        };
        let direction = if sort.descending { " DESC" } else { "" };
        Ok(values.into_iter().map(|value| value + direction + nulls).collect())
    }

    fn all_columns(&self, scope: &Scope<'_>, slots: &mut Vec<Slot>) {
        for column in &scope.table.columns {
            let sql = condition::shown(self.dialect, scope, column);
            slots.push(Slot { name: column.name.clone(), kind: Some(column.kind), sql, aggregated: false });
        }
    }

    fn page(&self, document: &Document) -> String {
        let number = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        let offset = if document.offset > 0 { format!(" OFFSET {}", number(document.offset)) } else { String::new() };
        match document.limit {
            None if document.offset > 0 && self.is_sqlite() => format!(" LIMIT -1{offset}"),
            None => offset,
            Some(limit) => format!(" LIMIT {}{offset}", number(limit)),
        }
    }

    fn aggregated(&self, aggregate: Aggregate, sql: &str, kind: Kind) -> (String, Kind) {
        let exact = |function: &str, to: &str| {
            if self.is_sqlite() { format!("{function}({sql})") } else { format!("{function}({sql})::{to}") }
        };
        match aggregate {
            Aggregate::Count => (format!("count({sql})"), Kind::Integer),
            Aggregate::Sum if kind == Kind::Integer => (exact("sum", "int8"), kind),
            Aggregate::Sum => (format!("sum({sql})"), kind),
            Aggregate::Avg => (exact("avg", "float8"), Kind::Real),
            // Which of two truths is the less, PostgreSQL says in other words.
            Aggregate::Min if kind == Kind::Boolean && !self.is_sqlite() => (format!("bool_and({sql})"), kind),
            Aggregate::Max if kind == Kind::Boolean && !self.is_sqlite() => (format!("bool_or({sql})"), kind),
            Aggregate::Min => (format!("min({sql})"), kind),
            Aggregate::Max => (format!("max({sql})"), kind),
        }
    }

    fn as_kind(&self, sql: String, from: Kind, to: Option<Kind>) -> (String, Kind) {
        match to {
            Some(to) => (self.casted(&sql, from, to), to),
            None => (sql, from),
        }
    }

    fn casted(&self, sql: &str, from: Kind, to: Kind) -> String {
        if self.is_sqlite() {
            return format!("taipan_cast({sql}, '{}', '{}')", from.name(), to.name());
        }
        match (from, to) {
            (from, to) if from == to => sql.to_owned(),
            (Kind::Boolean, Kind::Integer) => format!("({sql})::int4::int8"),
            (Kind::Integer, Kind::Boolean) => format!("(({sql}) <> 0)"),
            (Kind::Text, Kind::Json) => format!("({sql})::json::text"),
            (_, Kind::Json) => format!("to_json({sql})::text"),
            _ => format!("({sql})::{}", postgres::type_name(to)),
        }
    }
}

/// An embedded table and the row around it.
struct Link<'a> {
    outer: &'a Scope<'a>,
    embed: &'a Embed,
}

fn find<'d>(scope: &Scope<'d>, name: &str) -> Result<&'d Embed> {
    let missing = || Error::unsupported(format!("\"{name}\" is not an embedded table of this document"));
    scope.document.embeds().find(|embed| embed.name == name).ok_or_else(missing)
}

/// A value as PostgreSQL writes it in JSON; a null stays one.
fn to_json(slot: &Slot) -> String {
    match slot.kind {
        None | Some(Kind::Json) => slot.sql.clone(),
        // JSON has no NaN.
        Some(Kind::Real) => format!("to_json(nullif({}, 'NaN'))::text", slot.sql),
        Some(_) => format!("to_json({})::text", slot.sql),
    }
}

/// Names and kinds for `taipan_members`: a line of a kind's name for each, and its key.
fn members(slots: &[Slot]) -> String {
    let mut text = String::new();
    for slot in slots {
        let _ = writeln!(text, "{} {}", slot.kind.map_or("-", Kind::name), json::key(&slot.name));
    }
    text
}
