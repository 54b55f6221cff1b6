//! The values that a table's columns have, each with its number of rows, and the views that keep those rows.

use std::collections::HashMap;

use serde::Serialize;
use taipan::store::{Filter, Kind, Result, Select, Selected, Store, Table, Value};

use super::address::{Address, key};
use super::cell::text;

/// The rows whose values are counted, at most: the price of a page must not grow with its table.
pub(super) const SAMPLE: u64 = 20_000;
/// Columns that are looked at, at most.
const COLUMNS: usize = 12;
/// Columns with more values than this are no choice.
const CHOICES: usize = 40;
/// The values of a column that are shown.
const SHOWN: usize = 8;

/// A column and its commonest values.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Facet {
    name: String,
    values: Vec<Choice>,
    /// The values that are not shown.
    more: usize,
    most: u64,
}

/// A value, and the view with its rows alone or, where that is the view already, without this filter.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Choice {
    text: String,
    is_null: bool,
    count: u64,
    path: String,
    chosen: bool,
}

/// The facets of the rows that a filter takes, and whether all of those were looked at.
pub(super) fn facets(
    store: &Store,
    table: &Table,
    filter: Option<&Filter>,
    address: &Address,
) -> Result<(Vec<Facet>, bool)> {
    let is_choice = |kind: Kind| matches!(kind, Kind::Text | Kind::Boolean | Kind::Integer | Kind::Date);
    let candidates = table.columns.iter().filter(|column| !column.primary_key && is_choice(column.kind));
    let names: Vec<&str> = candidates.map(|column| column.name.as_str()).take(COLUMNS).collect();
    if names.is_empty() {
        return Ok((Vec::new(), true));
    }
    let mut select = Select::new(table.name.as_str()).limit(SAMPLE + 1);
    select.columns = names.iter().map(|name| Selected { column: (*name).to_owned(), alias: None }).collect();
    select.filter = filter.cloned();
    let rows = store.read_rows(&select)?.rows;
    let is_whole = rows.len() as u64 <= SAMPLE;

    let mut counts: Vec<Option<HashMap<Option<String>, u64>>> = names.iter().map(|_| Some(HashMap::new())).collect();
    for row in rows.iter().take(usize::try_from(SAMPLE).unwrap_or(usize::MAX)) {
        for (value, slot) in row.iter().zip(&mut counts) {
            let Some(counted) = slot else { continue };
            let value = (*value != Value::Null).then(|| text(value));
            *counted.entry(value).or_default() += 1;
            if counted.len() > CHOICES {
                *slot = None;
            }
        }
    }
    let facet = |(name, counted): (&str, Option<HashMap<Option<String>, u64>>)| {
        let mut counted: Vec<(Option<String>, u64)> = counted?.into_iter().collect();
        // A column with one value says nothing, unless that is what the view is about.
        let is_filtered = address.filters().any(|(_, column, _)| column == key(name));
        counted.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        let more = counted.len().saturating_sub(SHOWN);
        let most = counted.first().map_or(1, |(_, count)| *count);
        // Nor does one in which every row has a value of its own.
        if (counted.len() < 2 || most < 2) && !is_filtered {
            return None;
        }
        let values = counted.into_iter().take(SHOWN).map(|(value, count)| choice(address, name, value, count));
        Some(Facet { name: name.to_owned(), values: values.collect(), more, most })
    };
    Ok((names.into_iter().zip(counts).filter_map(facet).collect(), is_whole))
}

fn choice(address: &Address, column: &str, value: Option<String>, count: u64) -> Choice {
    let condition = value.as_ref().map_or_else(|| "is.null".to_owned(), |value| format!("eq.{value}"));
    let name = key(column);
    let chosen = address.filters().find(|(_, known, text)| *known == name && *text == condition).map(|(at, _, _)| at);
    Choice {
        is_null: value.is_none(),
        text: value.unwrap_or_else(|| "NULL".to_owned()),
        count,
        path: chosen.map_or_else(|| address.and(name, condition), |at| address.without(at)).page(),
        chosen: chosen.is_some(),
    }
}
