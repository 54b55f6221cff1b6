//! The SQL text of a [`Document`] for SQLite: names checked against the tables and quoted, values numbered and bound.

use std::fmt::Write;
use std::sync::Arc;

use super::{Aggregate, Condition, Document, Embed, Field, Path, Sort, Step};
use crate::error::{Error, Result};
use crate::json;
use crate::kind::Kind;
use crate::select::{Compare, Is, Nulls};
use crate::sql::quoted;
use crate::table::{Column, Table};
use crate::value::Value;

/// The values one statement may bind; SQLite's limit less some room.
const MOST_VALUES: usize = 32_000;
/// How deep conditions may be nested, well within what SQLite parses.
const MOST_NESTED: usize = 100;
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
    Text::new(tables).rows(document)
}

/// The documents of rows that are known by their keys, in the order of these: `columns` are SQL names, and `json` an array
/// of their values, or of arrays where there are several.
pub(crate) fn keyed(document: &Document, tables: Tables<'_>, columns: &[String], json: String) -> Result<Statement> {
    let mut document = document.clone();
    document.filter = None;
    let mut text = Text::new(tables);
    let json = text.bind(Value::Text(json));
    text.keyed = Some((json, columns.to_vec()));
    text.rows(&document)
}

/// The number of documents within limit and offset, or without them.
pub(crate) fn count(document: &Document, tables: Tables<'_>, paged: bool) -> Result<Statement> {
    let mut text = Text::new(tables);
    let mut plain = document.clone();
    plain.order.clear();
    if !paged {
        (plain.limit, plain.offset) = (None, 0);
    }
    let scope = text.scope(&plain)?;
    let sql = if plain.is_grouped() {
        let slots = text.slots(&scope)?;
        let tail = text.tail(&scope, &slots, None)?;
        format!("SELECT count(*) FROM (SELECT 1{tail})")
    } else {
        let from = text.from(&scope, None)?;
        if paged {
            let page = page(&plain);
            format!("SELECT count(*) FROM (SELECT 1{from}{page})")
        } else {
            format!("SELECT count(*){from}")
        }
    };
    text.finish(sql, Vec::new())
}

/// A condition on rows of a table under the name `t`, for a statement that changes them.
pub(crate) fn condition(document: &Document, tables: Tables<'_>) -> Result<(String, Vec<Value>)> {
    let mut text = Text::new(tables);
    let scope = text.scope(document)?;
    let from = text.from(&scope, None)?;
    let statement = text.finish(from, Vec::new())?;
    Ok((statement.sql, statement.values))
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
    values: Vec<Value>,
    names: usize,
    /// Where the keys of the outermost rows are, and the columns that they are of.
    keyed: Option<(String, Vec<String>)>,
}

impl<'t> Text<'t> {
    fn new(tables: Tables<'t>) -> Self {
        Text { tables, values: Vec::new(), names: 0, keyed: None }
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
        Ok(Statement { sql, values: self.values, columns })
    }

    fn name(&mut self) -> String {
        self.names += 1;
        if self.names == 1 { "t".to_owned() } else { format!("t{}", self.names) }
    }

    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
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
            all_columns(scope, &mut slots);
        }
        for field in &scope.document.fields {
            match field {
                Field::All => all_columns(scope, &mut slots),
                Field::Count { name } => {
                    let (name, sql) = (name.clone(), "count(*)".to_owned());
                    slots.push(Slot { name, kind: Some(Kind::Integer), sql, aggregated: true });
                }
                Field::Value { path, cast, aggregate, name } => {
                    let (sql, kind) = self.path(scope, path)?;
                    let (sql, kind) = match aggregate {
                        Some(aggregate) => aggregated(*aggregate, &sql, kind),
                        None => (sql, kind),
                    };
                    let (sql, kind) = match cast {
                        Some(to) => (casted(&sql, kind, *to), *to),
                        None => (sql, kind),
                    };
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
        tail.push_str(&page(scope.document));
        Ok(tail)
    }

    /// FROM and WHERE.
    fn from(&mut self, scope: &Scope<'_>, link: Option<&Link<'_>>) -> Result<String> {
        let mut sql = format!(" FROM main.{} AS {}", quoted(&scope.table.name), scope.alias);
        let mut conditions = Vec::new();
        if let Some((json, columns)) = self.keyed.as_ref().filter(|_| scope.depth == 0) {
            sql = format!(
                " FROM json_each({json}) AS k CROSS JOIN main.{} AS {}",
                quoted(&scope.table.name),
                scope.alias
            );
            let single = columns.len() == 1;
            let key = |(at, name): (usize, &String)| {
                let value = if single { "k.value".to_owned() } else { format!("k.value ->> {at}") };
                format!("{}.{name} = {value}", scope.alias)
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
            let _ = write!(sql, " JOIN main.{} AS {near} ON {}", quoted(&between.name), pairs.join(" AND "));
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
            format!("(SELECT '[' || ifnull(group_concat(o, ','), '') || ']' FROM (SELECT {object} AS o{tail}))")
        } else {
            let limit = if embed.document.limit.is_none() && embed.document.offset == 0 { " LIMIT 1" } else { "" };
            format!("ifnull((SELECT {object}{tail}{limit}), 'null')")
        })
    }

    /// Each field of the one related row by itself.
    fn spread(&mut self, outer: &Scope<'_>, embed: &Embed, slots: &mut Vec<Slot>) -> Result<()> {
        if embed.relation.many {
            return Err(Error::unsupported(format!("\"{}\" may be several rows and cannot be spread", embed.name)));
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
                None => (format!("ifnull((SELECT {}{tail} LIMIT 1), 'null')", slot.sql), None),
            };
            slots.push(Slot { name: slot.name, kind, sql, aggregated: false });
        }
        Ok(())
    }

    /// An object of values, as JSON text.
    fn object(&mut self, slots: &[Slot]) -> String {
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

    fn order(&mut self, scope: &Scope<'_>, slots: &[Slot]) -> Result<String> {
        let mut terms = Vec::new();
        for sort in &scope.document.order {
            terms.push(self.sort(scope, sort)?);
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

    fn sort(&mut self, scope: &Scope<'_>, sort: &Sort) -> Result<String> {
        let (mut sql, nullable) = match &sort.embed {
            None => {
                let column = scope.table.column(&sort.path.column)?;
                let nullable = column.nullable || !sort.path.steps.is_empty();
                (self.compared(scope, &sort.path)?.0, nullable)
            }
            Some(name) => {
                let embed = find(scope, name)?;
                if embed.relation.many {
                    return Err(Error::unsupported(format!(
                        "rows cannot be ordered by \"{name}\", which may be several"
                    )));
                }
                let inner = self.within(scope, &embed.document)?;
                let value = self.compared(&inner, &sort.path)?.0;
                let from = self.from(&inner, Some(&Link { outer: scope, embed }))?;
                (format!("(SELECT {value}{from} LIMIT 1)"), true)
            }
        };
        sql.push_str(if sort.descending { " DESC" } else { "" });
        let nulls = sort.nulls.unwrap_or(if sort.descending { Nulls::First } else { Nulls::Last });
        if nullable {
            sql.push_str(if nulls == Nulls::First { " NULLS FIRST" } else { " NULLS LAST" });
        }
        Ok(sql)
    }

    /// A value as it is shown.
    fn path(&mut self, scope: &Scope<'_>, path: &Path) -> Result<(String, Kind)> {
        let column = scope.table.column(&path.column)?;
        let name = format!("{}.{}", scope.alias, quoted(&column.name));
        if path.steps.is_empty() {
            return Ok((name, column.kind));
        }
        if !matches!(column.kind, Kind::Json | Kind::Text) {
            return Err(Error::unsupported(format!(
                "table \"{}\", column \"{}\": {} has no parts",
                scope.table.name, column.name, column.kind
            )));
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

    /// A value as it is compared. A column without a declared type may hold numbers that are shown as text.
    fn compared(&mut self, scope: &Scope<'_>, path: &Path) -> Result<(String, Kind)> {
        let column = scope.table.column(&path.column)?;
        let (sql, kind) = self.path(scope, path)?;
        let cast = path.steps.is_empty() && column.untyped && column.kind == Kind::Text;
        Ok((if cast { format!("CAST({sql} AS TEXT)") } else { sql }, kind))
    }

    fn value(&mut self, scope: &Scope<'_>, path: &Path, kind: Kind, value: &Value) -> Result<String> {
        let value = value.coerce(kind).map_err(|error| error.at(&scope.table.name, &path.column, None))?;
        Ok(self.bind(value.into_owned()))
    }

    fn condition(&mut self, scope: &Scope<'_>, condition: &Condition, depth: usize) -> Result<String> {
        if depth > MOST_NESTED {
            return Err(Error::unsupported(format!("a filter nested deeper than {MOST_NESTED}")));
        }
        Ok(match condition {
            Condition::And(all) => self.all(scope, all, " AND ", "1", depth)?,
            Condition::Or(any) => self.all(scope, any, " OR ", "0", depth)?,
            Condition::Not(inner) => format!("NOT ({})", self.condition(scope, inner, depth + 1)?),
            Condition::Compare { path, op, value } => self.compare(scope, path, *op, value)?,
            Condition::Distinct { path, value } => {
                let (sql, kind) = self.compared(scope, path)?;
                let value = self.value(scope, path, kind, value)?;
                format!("{sql} IS NOT {value}")
            }
            Condition::In { path, values } => {
                let (sql, kind) = self.compared(scope, path)?;
                if values.is_empty() {
                    return Ok("0".to_owned());
                }
                let mut list = Vec::with_capacity(values.len());
                for value in values {
                    list.push(self.value(scope, path, kind, value)?);
                }
                format!("{sql} IN ({})", list.join(", "))
            }
            Condition::Is { path, is } => self.is(scope, path, *is)?,
            Condition::Like { path, pattern, case_sensitive } => {
                let pattern = self.bind(Value::Text(pattern.clone()));
                let (sql, _) = self.compared(scope, path)?;
                format!("taipan_like({pattern}, {sql}, {})", u8::from(*case_sensitive))
            }
            Condition::Match { path, pattern, case_sensitive } => {
                let pattern = self.bind(Value::Text(pattern.clone()));
                let (sql, _) = self.compared(scope, path)?;
                format!("taipan_match({pattern}, {sql}, {})", u8::from(*case_sensitive))
            }
            Condition::Contains { text } => self.contains(scope, text),
            Condition::Related { embed } => {
                let embed = find(scope, embed)?;
                self.exists(scope, embed)?
            }
        })
    }

    /// Conditions joined in a balanced tree: a plain list of a thousand would nest a thousand deep for SQLite's parser.
    fn all(
        &mut self,
        scope: &Scope<'_>,
        conditions: &[Condition],
        joint: &str,
        none: &str,
        depth: usize,
    ) -> Result<String> {
        Ok(match conditions {
            [] => none.to_owned(),
            [one] => self.condition(scope, one, depth + 1)?,
            _ => {
                let (left, right) = conditions.split_at(conditions.len() / 2);
                let left = self.all(scope, left, joint, none, depth)?;
                format!("({left}{joint}{})", self.all(scope, right, joint, none, depth)?)
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
            // Numbers are compared as such, all else by its text.
            if let Value::Text(text) = value
                && let Ok(Value::Real(number)) = Value::parse(Kind::Real, text)
            {
                let number = self.bind(Value::Real(number));
                return Ok(format!("json_extract({sql}, '$') {sign} {number}"));
            }
            let value = self.value(scope, path, kind, value)?;
            return Ok(format!("json({sql}) {sign} json({value})"));
        }
        let value = self.value(scope, path, kind, value)?;
        Ok(format!("{sql} {sign} {value}"))
    }

    fn is(&mut self, scope: &Scope<'_>, path: &Path, is: Is) -> Result<String> {
        let (sql, kind) = self.compared(scope, path)?;
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
        Ok(format!("{sql} {test}"))
    }

    fn contains(&mut self, scope: &Scope<'_>, text: &str) -> String {
        let columns: Vec<&Column> = scope.table.columns.iter().filter(|column| column.kind == Kind::Text).collect();
        if columns.is_empty() {
            return "0".to_owned();
        }
        let needle = self.bind(Value::Text(text.to_owned()));
        let calls = columns.chunks(50).map(|group| {
            let names = group.iter().map(|column| format!(", {}.{}", scope.alias, quoted(&column.name)));
            format!("taipan_contains({needle}{})", names.collect::<String>())
        });
        format!("({})", calls.collect::<Vec<_>>().join(" OR "))
    }
}

fn all_columns(scope: &Scope<'_>, slots: &mut Vec<Slot>) {
    for column in &scope.table.columns {
        let sql = format!("{}.{}", scope.alias, quoted(&column.name));
        slots.push(Slot { name: column.name.clone(), kind: Some(column.kind), sql, aggregated: false });
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

fn page(document: &Document) -> String {
    if document.limit.is_none() && document.offset == 0 {
        return String::new();
    }
    let number = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
    let limit = document.limit.map_or(-1, number);
    let offset = if document.offset > 0 { format!(" OFFSET {}", number(document.offset)) } else { String::new() };
    format!(" LIMIT {limit}{offset}")
}

fn aggregated(aggregate: Aggregate, sql: &str, kind: Kind) -> (String, Kind) {
    let (function, kind) = match aggregate {
        Aggregate::Count => ("count", Kind::Integer),
        Aggregate::Sum => ("sum", kind),
        Aggregate::Avg => ("avg", Kind::Real),
        Aggregate::Min => ("min", kind),
        Aggregate::Max => ("max", kind),
    };
    (format!("{function}({sql})"), kind)
}

fn casted(sql: &str, from: Kind, to: Kind) -> String {
    format!("taipan_cast({sql}, '{}', '{}')", from.name(), to.name())
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

/// Names and kinds for `taipan_members`: a line of a kind's name for each, and its key.
fn members(slots: &[Slot]) -> String {
    let mut text = String::new();
    for slot in slots {
        let _ = writeln!(text, "{} {}", slot.kind.map_or("-", Kind::name), json::key(&slot.name));
    }
    text
}
