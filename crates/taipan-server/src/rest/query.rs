//! A query string bound to a table: PostgREST's parameters in, a [`Select`] out.
//!
//! Names are checked against the table's columns and values are typed by them, so that what leaves here holds no
//! text that could mean anything but a value. How much one request may ask for is bounded here too.

use std::borrow::Cow;

use taipan::store::{Column, Filter, Is, Kind, Nulls, Order, Select, Selected, Table, Value};
use taipan_web::StatusCode;

use super::grammar::{self, Condition, Item, Join, Operator, Tree};
use crate::error::{self, Error, Result};

/// Conditions in one request, at most: a database nests what `and` and `or` join, and its nesting is bounded.
const MAX_CONDITIONS: usize = 256;
/// Values in one request, at most.
const MAX_VALUES: usize = 16_000;
/// Columns selected in one request, at most, unless the table itself has more.
const MAX_SELECTED: usize = 1_000;

/// Reads the parameters of a request for `table`. Pairs are decoded; parameters of other pages are not expected.
///
/// # Errors
/// An unknown column, a value of the wrong type, or text that does not follow the grammar.
pub(crate) fn parse_query(table: &Table, pairs: &[(String, String)]) -> Result<Select> {
    let mut query = Query::new(table);
    for (key, value) in pairs {
        query.parameter(key, value)?;
    }
    Ok(query.finish())
}

/// Reads the parameters of a request for `table` from the query string as it stands in the URL.
pub(super) fn parse_encoded(table: &Table, encoded: &str) -> Result<Select> {
    let mut query = Query::new(table);
    for pair in encoded.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        query.parameter(&decode(key)?, &decode(value)?)?;
    }
    Ok(query.finish())
}

/// Undoes percent-encoding, and `+` for a space.
pub(super) fn decode(encoded: &str) -> Result<Cow<'_, str>> {
    if !encoded.contains(['%', '+']) {
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

/// A [`Select`] being put together, parameter by parameter.
struct Query<'t> {
    table: &'t Table,
    select: Select,
    filters: Vec<Filter>,
    conditions: usize,
    values: usize,
}

impl<'t> Query<'t> {
    fn new(table: &'t Table) -> Self {
        Self { table, select: Select::new(table.name.as_str()), filters: Vec::new(), conditions: 0, values: 0 }
    }

    fn parameter(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "select" => self.select.columns = self.selected(value)?,
            "order" => self.select.order = self.order(value)?,
            "limit" => self.select.limit = Some(row_number("limit", value)?),
            "offset" => self.select.offset = row_number("offset", value)?,
            "and" => self.group(Join::And, false, value)?,
            "or" => self.group(Join::Or, false, value)?,
            "not.and" => self.group(Join::And, true, value)?,
            "not.or" => self.group(Join::Or, true, value)?,
            // They tell a write which columns it has; a read has no use for them.
            "columns" | "on_conflict" => {}
            key => {
                let condition = grammar::condition(value)?;
                let filter = self.condition(&grammar::key(key), condition)?;
                self.filters.push(filter);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Select {
        let last = self.filters.pop();
        self.select.filter = if self.filters.is_empty() {
            last
        } else {
            self.filters.extend(last);
            Some(Filter::And(self.filters))
        };
        self.select
    }

    fn group(&mut self, join: Join, negated: bool, text: &str) -> Result<()> {
        let tree = grammar::group(join, negated, text, &|name| has_column(self.table, name))?;
        let filter = self.tree(tree)?;
        self.filters.push(filter);
        Ok(())
    }

    fn tree(&mut self, tree: Tree<'_>) -> Result<Filter> {
        match tree {
            Tree::Leaf { column, condition } => self.condition(&column, condition),
            Tree::Group { negated, join, members } => {
                let members = members.into_iter().map(|member| self.tree(member)).collect::<Result<Vec<_>>>()?;
                let filter = match join {
                    Join::And => Filter::And(members),
                    Join::Or => Filter::Or(members),
                };
                Ok(if negated { Filter::Not(Box::new(filter)) } else { filter })
            }
        }
    }

    fn condition(&mut self, name: &str, condition: Condition<'_>) -> Result<Filter> {
        let column = error::column(self.table, name)?;
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(Error::too_much(format!("more than {MAX_CONDITIONS} conditions in one request")));
        }
        let filter = match condition.operator {
            Operator::Compare(op, value) => {
                Filter::Compare { column: column.name.clone(), op, value: self.value(column, &value)? }
            }
            Operator::In(values) => Filter::In {
                column: column.name.clone(),
                values: values.iter().map(|value| self.value(column, value)).collect::<Result<_>>()?,
            },
            Operator::Is(is) => Filter::Is { column: column.name.clone(), is: checked_is(column, is)? },
            Operator::Like { pattern, case_sensitive } => {
                if column.kind != Kind::Text {
                    let operator = if case_sensitive { "~~" } else { "~~*" };
                    return Err(Error::no_operator(column.kind, operator));
                }
                Filter::Like { column: column.name.clone(), pattern, case_sensitive }
            }
        };
        Ok(if condition.negated { Filter::Not(Box::new(filter)) } else { filter })
    }

    fn value(&mut self, column: &Column, text: &str) -> Result<Value> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Error::too_much(format!("more than {MAX_VALUES} values in one request")));
        }
        Value::parse(column.kind, text).map_err(|_| Error::invalid_value(column.kind, text))
    }

    fn selected(&self, text: &str) -> Result<Vec<Selected>> {
        let mut selected: Vec<Selected> = Vec::new();
        if matches!(text, "" | "*") {
            return Ok(selected);
        }
        let most = MAX_SELECTED.max(self.table.columns.len());
        for item in grammar::select(text)? {
            match item {
                Item::Star => {
                    for column in &self.table.columns {
                        select_once(&mut selected, &column.name, None)?;
                    }
                }
                Item::Column { name, alias } => {
                    let column = error::column(self.table, &name)?;
                    select_once(&mut selected, &column.name, alias.as_deref())?;
                }
            }
            if selected.len() > most {
                return Err(Error::too_much(format!("more than {most} columns in one request")));
            }
        }
        Ok(selected)
    }

    fn order(&self, text: &str) -> Result<Vec<Order>> {
        let mut order: Vec<Order> = Vec::new();
        for term in grammar::order(text, &|name| has_column(self.table, name))? {
            let column = error::column(self.table, &term.name)?;
            // A column orders once; later mentions could only break ties among equals.
            if order.iter().all(|earlier| earlier.column != column.name) {
                order.push(Order {
                    column: column.name.clone(),
                    descending: term.descending,
                    nulls: term.nulls_first.map(|first| if first { Nulls::First } else { Nulls::Last }),
                });
            }
        }
        Ok(order)
    }
}

fn has_column(table: &Table, name: &str) -> bool {
    table.columns.iter().any(|column| column.name == name)
}

/// Adds a column unless it is there; two columns of one name would make an object with a repeated key.
fn select_once(selected: &mut Vec<Selected>, column: &str, alias: Option<&str>) -> Result<()> {
    let name = alias.unwrap_or(column);
    let same = selected.iter().find(|earlier| earlier.alias.as_deref().unwrap_or(&earlier.column) == name);
    match same {
        None => selected.push(Selected { column: column.to_owned(), alias: alias.map(str::to_owned) }),
        Some(earlier) if earlier.column == column => {}
        Some(_) => {
            return Err(Error::new(
                StatusCode::BAD_REQUEST,
                "42701",
                format!("column name \"{name}\" specified more than once"),
            ));
        }
    }
    Ok(())
}

fn checked_is(column: &Column, is: Is) -> Result<Is> {
    let word = match is {
        Is::True => "TRUE",
        Is::False => "FALSE",
        Is::Unknown => "UNKNOWN",
        _ => return Ok(is),
    };
    if column.kind == Kind::Boolean { Ok(is) } else { Err(Error::not_boolean(column.kind, word)) }
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
