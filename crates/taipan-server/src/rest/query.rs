//! A query string bound to a table: PostgREST's parameters in, a [`Document`] out.
//!
//! Names are checked against the tables' columns and values are typed by them, so that what leaves here holds no
//! text that could mean anything but a value. How much one request may ask for is bounded here too.

use std::borrow::Cow;
use std::sync::Arc;

use taipan::store::document::{Aggregate, Condition, Document, Embed, Field, Path, Sort, Step};
use taipan::store::{Column, Is, Kind, Nulls, Select, Table, Value};
use taipan_web::StatusCode;

use super::embed::{Tables, resolve};
use super::grammar::{self, Item, Join, Operator, Steps, Tree};
use crate::error::{self, Error, Result};

/// Conditions in one request, at most: a database nests what `and` and `or` join, and its nesting is bounded.
const MAX_CONDITIONS: usize = 256;
/// Values in one request, at most.
const MAX_VALUES: usize = 16_000;
/// Columns selected in one request, at most, unless the table itself has more.
const MAX_SELECTED: usize = 1_000;

/// Reads the parameters of a request that is about one table alone. Pairs are decoded; parameters of other pages are not
/// expected.
///
/// # Errors
/// An unknown column, a value of the wrong type, or text that does not follow the grammar.
pub(crate) fn parse_query(table: &Table, pairs: &[(String, String)]) -> Result<Select> {
    let alone = Alone(Arc::new(table.clone()));
    let document = parse_pairs(&alone, table, pairs)?;
    document.as_select().ok_or_else(|| {
        Error::new(StatusCode::BAD_REQUEST, "PGRST100", "only whole columns of this table can be shown here")
    })
}

/// Reads the parameters of a request for `table`.
pub(super) fn parse_pairs(tables: &dyn Tables, table: &Table, pairs: &[(String, String)]) -> Result<Document> {
    let mut query = Query { tables, conditions: 0, values: 0 };
    let mut document = Document::new(table.name.as_str());
    // What is embedded must be known before it is filtered.
    for (_, value) in pairs.iter().filter(|(key, _)| key == "select") {
        document.fields = query.selected(table, value)?;
    }
    for (key, value) in pairs.iter().filter(|(key, _)| key != "select") {
        query.parameter(&mut document, table, key, value)?;
    }
    settle(&mut document);
    Ok(document)
}

/// Adds a condition to those of a document, which are a list until all are known.
fn keep(document: &mut Document, condition: Condition) {
    match &mut document.filter {
        Some(Condition::And(all)) => all.push(condition),
        _ => document.filter = Some(Condition::And(vec![condition])),
    }
}

/// A list of one condition is that condition.
fn settle(document: &mut Document) {
    document.filter = match document.filter.take() {
        Some(Condition::And(mut all)) if all.len() == 1 => all.pop(),
        other => other,
    };
    for field in &mut document.fields {
        if let Field::Embed(embed) = field {
            settle(&mut embed.document);
        }
    }
}

/// The decoded parameters of a query string as it stands in the URL.
pub(super) fn pairs(encoded: &str) -> Result<Vec<(String, String)>> {
    let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?.into_owned(), decode(value)?.into_owned()))
        })
        .collect()
}

/// A table without others.
struct Alone(Arc<Table>);

impl Tables for Alone {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        (self.0.name == name).then(|| Arc::clone(&self.0))
    }

    fn all(&self) -> Result<Vec<Arc<Table>>> {
        Ok(Vec::new())
    }
}

/// Undoes percent-encoding, and `+` for a space.
pub(crate) fn decode(encoded: &str) -> Result<Cow<'_, str>> {
    if !encoded.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(Cow::Borrowed(encoded));
    }
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut ahead = rest.clone();
                match (digit(ahead.next()), digit(ahead.next())) {
                    (Some(high), Some(low)) => {
                        rest = ahead;
                        (high * 16 + low) as u8
                    }
                    _ => b'%',
                }
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| {
        Error::new(StatusCode::BAD_REQUEST, "22021", "the query string is not valid UTF-8")
            .details(format!("invalid byte sequence in \"{encoded}\""))
    })
}

/// What the parameters of a request add up to.
struct Query<'t> {
    tables: &'t dyn Tables,
    conditions: usize,
    values: usize,
}

impl Query<'_> {
    fn parameter(&mut self, document: &mut Document, table: &Table, key: &str, value: &str) -> Result<()> {
        match key {
            "select" => document.fields = self.selected(table, value)?,
            "order" => document.order = self.order(document, table, value)?,
            "limit" => document.limit = Some(row_number("limit", value)?),
            "offset" => document.offset = row_number("offset", value)?,
            "and" => self.group(document, table, Join::And, false, value)?,
            "or" => self.group(document, table, Join::Or, false, value)?,
            "not.and" => self.group(document, table, Join::And, true, value)?,
            "not.or" => self.group(document, table, Join::Or, true, value)?,
            // They tell a write which columns it has; a read has no use for them.
            "columns" | "on_conflict" => {}
            key => {
                let name = grammar::key(key);
                if !has_column(table, &name)
                    && let Some((embed, rest)) = name.split_once('.')
                    && let Some(embed) = embed_mut(document, embed)
                {
                    let inner = self.tables.table(&embed.document.table);
                    let inner = inner.ok_or_else(|| Error::unknown_table(&embed.document.table, None))?;
                    return self.parameter(&mut embed.document, &inner, rest, value);
                }
                let condition = grammar::condition(value)?;
                let filter = self.condition(document, table, &name, condition)?;
                keep(document, filter);
            }
        }
        Ok(())
    }

    fn group(&mut self, document: &mut Document, table: &Table, join: Join, negated: bool, text: &str) -> Result<()> {
        let tree = grammar::group(join, negated, text, &|name| has_column(table, name))?;
        let filter = self.tree(document, table, tree)?;
        keep(document, filter);
        Ok(())
    }

    fn tree(&mut self, document: &Document, table: &Table, tree: Tree<'_>) -> Result<Condition> {
        match tree {
            Tree::Leaf { column, condition } => self.condition(document, table, &column, condition),
            Tree::Group { negated, join, members } => {
                let members = members.into_iter().map(|member| self.tree(document, table, member));
                let members = members.collect::<Result<Vec<_>>>()?;
                let filter = match join {
                    Join::And => Condition::And(members),
                    Join::Or => Condition::Or(members),
                };
                Ok(if negated { Condition::Not(Box::new(filter)) } else { filter })
            }
        }
    }

    fn condition(
        &mut self,
        document: &Document,
        table: &Table,
        name: &str,
        condition: grammar::Condition<'_>,
    ) -> Result<Condition> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(Error::too_much(format!("more than {MAX_CONDITIONS} conditions in one request")));
        }
        let grammar::Condition { negated, operator } = condition;
        let filter = if !has_column(table, name) && document.embeds().any(|embed| embed.name == name) {
            related(name, &operator)?
        } else {
            let (path, kind) = path(table, name)?;
            self.test(&path, kind, operator)?
        };
        Ok(if negated { Condition::Not(Box::new(filter)) } else { filter })
    }

    fn test(&mut self, path: &Path, kind: Kind, operator: Operator<'_>) -> Result<Condition> {
        let path = path.clone();
        Ok(match operator {
            Operator::Compare(op, value) => Condition::Compare { value: self.value(kind, &value)?, path, op },
            Operator::Distinct(value) => Condition::Distinct { value: self.value(kind, &value)?, path },
            Operator::In(values) => Condition::In {
                path,
                values: values.iter().map(|value| self.value(kind, value)).collect::<Result<_>>()?,
            },
            Operator::Is(is) => Condition::Is { path, is: checked_is(kind, is)? },
            Operator::Like { pattern, case_sensitive } => {
                is_text(kind, if case_sensitive { "~~" } else { "~~*" })?;
                Condition::Like { path, pattern, case_sensitive }
            }
            Operator::Match { pattern, case_sensitive } => {
                is_text(kind, if case_sensitive { "~" } else { "~*" })?;
                Condition::Match { path, pattern: pattern.into_owned(), case_sensitive }
            }
            Operator::Quantified { all, members } => {
                let tests = members.into_iter().map(|member| self.test(&path, kind, member));
                let tests = tests.collect::<Result<Vec<_>>>()?;
                if all { Condition::And(tests) } else { Condition::Or(tests) }
            }
        })
    }

    fn value(&mut self, kind: Kind, text: &str) -> Result<Value> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Error::too_much(format!("more than {MAX_VALUES} values in one request")));
        }
        Value::parse(kind, text).map_err(|_| Error::invalid_value(kind, text))
    }

    fn selected(&self, table: &Table, text: &str) -> Result<Vec<Field>> {
        if matches!(text, "" | "*") {
            return Ok(Vec::new());
        }
        self.fields(table, grammar::select(text)?)
    }

    fn fields(&self, table: &Table, items: Vec<Item<'_>>) -> Result<Vec<Field>> {
        if items == [Item::Star] {
            return Ok(Vec::new());
        }
        let mut fields = Vec::new();
        let most = MAX_SELECTED.max(table.columns.len());
        let embeds: Vec<String> = items.iter().filter_map(embedded_as).collect();
        for item in items {
            match item {
                Item::Star => {
                    for column in &table.columns {
                        // A related row of this name is told instead.
                        if !embeds.contains(&column.name) {
                            add_once(&mut fields, Field::column(&column.name))?;
                        }
                    }
                }
                Item::Count { alias, cast } => {
                    let name = alias.map_or_else(|| "count".to_owned(), Cow::into_owned);
                    let shown_as = cast.map(kind_of_cast).transpose()?;
                    add_once(&mut fields, Field::Count { shown_as, name })?;
                }
                // As programs counted related rows before there were aggregates.
                Item::Column { name, steps, alias, cast, aggregate: None }
                    if name == "count" && steps.steps.is_empty() && !has_column(table, "count") =>
                {
                    let name = alias.map_or_else(|| name.into_owned(), Cow::into_owned);
                    let shown_as = cast.map(kind_of_cast).transpose()?;
                    add_once(&mut fields, Field::Count { shown_as, name })?;
                }
                Item::Column { name, steps, alias, cast, aggregate } => {
                    let column = error::column(table, &name)?;
                    let (aggregate, outer) = aggregate.unzip();
                    let usual = match (aggregate, steps.steps.iter().rev().find_map(key_of)) {
                        (Some(aggregate), _) => format!("{aggregate:?}").to_ascii_lowercase(),
                        (None, Some(key)) => key.to_owned(),
                        (None, None) => column.name.clone(),
                    };
                    let path = Path { column: column.name.clone(), steps: steps.steps, as_text: steps.as_text };
                    let cast = cast.map(kind_of_cast).transpose()?;
                    let shown_as = outer.flatten().map(kind_of_cast).transpose()?;
                    if let Some(aggregate) = aggregate {
                        is_for(aggregate, cast.or_else(|| kind_of_path(column, &path)))?;
                    }
                    let name = alias.map_or(usual, Cow::into_owned);
                    add_once(&mut fields, Field::Value { path, cast, aggregate, shown_as, name })?;
                }
                Item::Embed { name, alias, hint, inner, spread, items } => {
                    let (target, relation) = resolve(self.tables, table, &name, hint.as_deref())?;
                    let mut document = Document::new(target.name.as_str());
                    let hidden = items.is_empty();
                    document.fields = self.fields(&target, items)?;
                    let name = alias.map_or_else(|| name.into_owned(), Cow::into_owned);
                    let embed = Embed { name, relation, document, inner, spread, hidden };
                    add_once(&mut fields, Field::Embed(Box::new(embed)))?;
                }
            }
            if fields.len() > most {
                return Err(Error::too_much(format!("more than {most} columns in one request")));
            }
        }
        Ok(fields)
    }

    fn order(&self, document: &Document, table: &Table, text: &str) -> Result<Vec<Sort>> {
        let mut order: Vec<Sort> = Vec::new();
        for term in grammar::order(text, &|name| has_column(table, name))? {
            let embed = term.embed.map(Cow::into_owned);
            let column = match &embed {
                None => error::column(table, &term.name)?.name.clone(),
                Some(name) => {
                    let found =
                        document.embeds().find(|embed| embed.name == *name).ok_or_else(|| not_embedded(name))?;
                    if found.relation.many {
                        return Err(Error::new(
                            StatusCode::BAD_REQUEST,
                            "PGRST118",
                            format!("A related order on '{name}' is not possible"),
                        )
                        .details(format!(
                            "'{}' and '{name}' do not form a many-to-one or one-to-one relationship",
                            table.name
                        )));
                    }
                    let inner = self.tables.table(&found.document.table);
                    let inner = inner.ok_or_else(|| Error::unknown_table(&found.document.table, None))?;
                    error::column(&inner, &term.name)?.name.clone()
                }
            };
            let Steps { steps, as_text } = term.steps;
            let path = Path { column, steps, as_text };
            // A column orders once; later mentions could only break ties among equals.
            if order.iter().all(|earlier| earlier.path != path || earlier.embed != embed) {
                let nulls = term.nulls_first.map(|first| if first { Nulls::First } else { Nulls::Last });
                order.push(Sort { embed, path, descending: term.descending, nulls });
            }
        }
        Ok(order)
    }
}

fn embed_mut<'d>(document: &'d mut Document, name: &str) -> Option<&'d mut Embed> {
    document.fields.iter_mut().find_map(|field| match field {
        Field::Embed(embed) if embed.name == name => Some(embed.as_mut()),
        _ => None,
    })
}

fn not_embedded(name: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "PGRST108", format!("'{name}' is not an embedded resource in this request"))
        .hint(format!("Verify that '{name}' is included in the 'select' query parameter."))
}

/// Whether there are related rows: `department=is.null`, `department=not.is.null`.
fn related(name: &str, operator: &Operator<'_>) -> Result<Condition> {
    let exists = Condition::Related { embed: name.to_owned() };
    match operator {
        Operator::Is(Is::Null) => Ok(Condition::Not(Box::new(exists))),
        Operator::Is(Is::NotNull) => Ok(exists),
        _ => Err(Error::new(
            StatusCode::BAD_REQUEST,
            "PGRST120",
            "Only is null or not is null filters are allowed on embedded resources",
        )),
    }
}

/// A filter's name as a column, or a part of its JSON.
fn path(table: &Table, name: &str) -> Result<(Path, Kind)> {
    if let Some(column) = table.columns.iter().find(|column| column.name == name) {
        return Ok((Path::column(name), column.kind));
    }
    let (column, Steps { steps, as_text }) = grammar::steps(name)?;
    if steps.is_empty()
        && let Some((embed, _)) = name.split_once('.')
        && table.column(name).is_err()
        && !has_column(table, embed)
    {
        // Most likely a filter on a table that is not embedded.
        let unknown = error::column(table, name).err();
        return Err(unknown.filter(Error::has_hint).unwrap_or_else(|| not_embedded(embed)));
    }
    let column: &Column = error::column(table, &column)?;
    if !matches!(column.kind, Kind::Json | Kind::Text) {
        return Err(Error::no_operator(column.kind, "->"));
    }
    let kind = if as_text { Kind::Text } else { Kind::Json };
    Ok((Path { column: column.name.clone(), steps, as_text }, kind))
}

fn key_of(step: &Step) -> Option<&str> {
    match step {
        Step::Key(key) => Some(key),
        Step::Index(_) => None,
    }
}

fn is_text(kind: Kind, operator: &str) -> Result<()> {
    if kind == Kind::Text { Ok(()) } else { Err(Error::no_operator(kind, operator)) }
}

/// A type by one of its names in PostgreSQL.
fn kind_of_cast(name: &str) -> Result<Kind> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "text" | "varchar" | "character varying" | "char" | "bpchar" => Kind::Text,
        "int" | "int2" | "int4" | "int8" | "integer" | "smallint" | "bigint" => Kind::Integer,
        "real" | "float" | "float4" | "float8" | "double precision" | "numeric" | "decimal" => Kind::Real,
        "bool" | "boolean" => Kind::Boolean,
        "date" => Kind::Date,
        "timestamp" | "timestamptz" => Kind::Timestamp,
        "json" | "jsonb" => Kind::Json,
        _ => {
            return Err(Error::new(StatusCode::BAD_REQUEST, "42704", format!("type \"{name}\" does not exist")));
        }
    })
}

/// What related rows are called in the object around them.
fn embedded_as(item: &Item<'_>) -> Option<String> {
    match item {
        Item::Embed { name, alias, spread: false, items, .. } if !items.is_empty() => {
            Some(alias.as_ref().unwrap_or(name).clone().into_owned())
        }
        _ => None,
    }
}

/// What kind of value a path leads to; none in particular for a column without a declared type.
fn kind_of_path(column: &Column, path: &Path) -> Option<Kind> {
    match (path.steps.is_empty(), path.as_text) {
        (true, _) => (!column.is_untyped()).then_some(column.kind),
        (false, true) => Some(Kind::Text),
        (false, false) => Some(Kind::Json),
    }
}

/// Whether PostgreSQL has this aggregate of these values; SQLite would make something of all.
fn is_for(aggregate: Aggregate, kind: Option<Kind>) -> Result<()> {
    let Some(kind) = kind else { return Ok(()) };
    let is_there = match aggregate {
        Aggregate::Count => true,
        Aggregate::Sum | Aggregate::Avg => matches!(kind, Kind::Integer | Kind::Real),
        Aggregate::Min | Aggregate::Max => !matches!(kind, Kind::Boolean | Kind::Json | Kind::Blob),
    };
    if is_there {
        return Ok(());
    }
    let name = format!("{aggregate:?}").to_ascii_lowercase();
    let of = error::type_name(kind);
    Err(Error::new(StatusCode::NOT_FOUND, "42883", format!("function {name}({of}) does not exist")).hint(format!(
        "No function matches the given name and argument types. You might need to add explicit type casts: ::numeric.{name}()"
    )))
}

fn has_column(table: &Table, name: &str) -> bool {
    table.columns.iter().any(|column| column.name == name)
}

/// Adds a field unless it is there; two of one name would make an object with a repeated key.
fn add_once(fields: &mut Vec<Field>, field: Field) -> Result<()> {
    let name = |field: &Field| match field {
        Field::Value { name, .. } | Field::Count { name, .. } => Some(name.clone()),
        Field::Embed(embed) if !embed.spread => Some(embed.name.clone()),
        Field::Embed(_) | Field::All => None,
    };
    let own = name(&field);
    match fields.iter().find(|earlier| own.is_some() && name(earlier) == own) {
        None => fields.push(field),
        Some(earlier) if *earlier == field => {}
        Some(_) => {
            let name = own.unwrap_or_default();
            return Err(Error::new(
                StatusCode::BAD_REQUEST,
                "42701",
                format!("column name \"{name}\" specified more than once"),
            )
            .hint(format!("Give one of them another name: other:{name}")));
        }
    }
    Ok(())
}

fn checked_is(kind: Kind, is: Is) -> Result<Is> {
    let word = match is {
        Is::True => "TRUE",
        Is::False => "FALSE",
        Is::Unknown => "UNKNOWN",
        _ => return Ok(is),
    };
    if kind == Kind::Boolean { Ok(is) } else { Err(Error::not_boolean(kind, word)) }
}

/// A count of rows. What is beyond the largest a database can count to means the same as the largest.
fn row_number(what: &'static str, text: &str) -> Result<u64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let at = text.len() - digits.len();
        let stray = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
        return Err(Error::syntax(what, text, at + stray, "a whole number"));
    }
    let number = digits.parse::<i64>().unwrap_or(i64::MAX).unsigned_abs();
    if text.starts_with('-') && number > 0 {
        return Err(Error::range(match what {
            "limit" => "Limit should be greater than or equal to zero.",
            _ => "Offset should be greater than or equal to zero.",
        }));
    }
    Ok(number)
}
