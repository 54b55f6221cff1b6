//! Pages of a table by the keys of their first and last rows: the next page begins after the last row of this one, however
//! deep that is, so page 200,000 takes no longer than the first. Where rows have no key, pages are counted from the first.
//!
//! A place is written into the address as JSON: the row's number, its values in the columns of the order, and its key.

use serde_json::json;
use taipan::store::{Compare, Filter, Is, Kind, Nulls, Order, Table, Value};

use super::table::primary_key;

/// Columns of an order, at most, that a place is told by.
const COLUMNS: usize = 8;

/// An order in which every row has a place of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paging {
    orders: Vec<Order>,
    nullable: Vec<bool>,
}

/// Which page of an order is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// The first, or the one that begins after so many rows.
    From(u64),
    /// The one after the row of this number.
    After(u64, Vec<Value>),
    /// The one before the row of this number.
    Before(u64, Vec<Value>),
    /// The last.
    End,
}

impl Place {
    /// Whether rows are read from the end of the order towards its beginning.
    pub(super) fn is_backward(&self) -> bool {
        matches!(self, Place::Before(..) | Place::End)
    }
}

impl Paging {
    /// The order that was asked for, made whole by the key; none where that cannot tell each row from all others.
    pub(super) fn of(table: &Table, order: &[Order]) -> Option<Self> {
        let key = primary_key(table)?;
        let mut orders = order.to_vec();
        if !orders.iter().any(|order| order.column == key) {
            orders.push(Order { column: key.to_owned(), descending: false, nulls: None });
        }
        if orders.len() > COLUMNS {
            return None;
        }
        let columns: Option<Vec<_>> = orders.iter().map(|order| table.column(&order.column).ok()).collect();
        let columns = columns?;
        // These have no order that all databases share.
        if columns.iter().any(|column| matches!(column.kind, Kind::Blob | Kind::Json)) {
            return None;
        }
        let nullable = columns.iter().map(|column| column.nullable && !column.primary_key).collect();
        Some(Self { orders, nullable })
    }

    /// The columns whose values say where a row is.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.orders.iter().map(|order| order.column.as_str())
    }

    /// The order in which the rows of a page are read.
    pub(super) fn order(&self, is_backward: bool) -> Vec<Order> {
        let turned = |(order, nullable): (&Order, &bool)| Order {
            column: order.column.clone(),
            descending: order.descending != is_backward,
            // Where there are no nulls, a word about them would only keep an index from being used.
            nulls: nullable.then(|| if nulls_last(order) == is_backward { Nulls::First } else { Nulls::Last }),
        };
        self.orders.iter().zip(&self.nullable).map(turned).collect()
    }

    /// The place that an address names; none where it names none that can be.
    pub(super) fn place(&self, after: Option<&str>, before: Option<&str>) -> Option<Place> {
        match (after, before) {
            (Some(text), _) => self.read(text).map(|(number, values)| Place::After(number, values)),
            (None, Some("end")) => Some(Place::End),
            (None, Some(text)) => self.read(text).map(|(number, values)| Place::Before(number, values)),
            (None, None) => Some(Place::From(0)),
        }
    }

    fn read(&self, text: &str) -> Option<(u64, Vec<Value>)> {
        let parts: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
        let (number, values) = parts.split_first()?;
        let values: Option<Vec<Value>> = values.iter().map(value).collect();
        let values = values.filter(|values| values.len() == self.orders.len())?;
        Some((number.as_u64()?, values))
    }

    /// A place as an address says it; none for a value that no address can say.
    pub(super) fn write(number: u64, values: &[Value]) -> Option<String> {
        let told = values.iter().map(|value| {
            Some(match value {
                Value::Null => json!(null),
                Value::Bool(value) => json!(value),
                Value::Integer(value) => json!(value),
                Value::Real(value) if value.is_finite() => json!(value),
                Value::Text(text) => json!(text),
                Value::Real(_) | Value::Blob(_) => return None,
            })
        });
        let told: Option<Vec<serde_json::Value>> = told.collect();
        let parts: Vec<serde_json::Value> = [json!(number)].into_iter().chain(told?).collect();
        serde_json::to_string(&parts).ok()
    }

    /// The condition that takes the rows of a place's page and all beyond it.
    pub(super) fn condition(&self, place: &Place) -> Option<Filter> {
        let values = match place {
            Place::After(_, values) | Place::Before(_, values) => values,
            Place::From(_) | Place::End => return None,
        };
        let orders = self.order(place.is_backward());
        // Equal in the first columns, and beyond in the next.
        let ways = (0..orders.len()).filter_map(|at| {
            let beyond = beyond(&orders[at], &values[at], self.nullable[at])?;
            let equal = orders.iter().zip(values).take(at).map(|(order, value)| equal(order, value));
            Some(all(equal.chain([beyond]).collect()))
        });
        let mut ways: Vec<Filter> = ways.collect();
        Some(if ways.len() == 1 { ways.remove(0) } else { Filter::Or(ways) })
    }
}

fn all(mut conditions: Vec<Filter>) -> Filter {
    if conditions.len() == 1 { conditions.remove(0) } else { Filter::And(conditions) }
}

/// Whether nulls come after all values; they count as greatest unless said otherwise.
fn nulls_last(order: &Order) -> bool {
    match order.nulls {
        Some(nulls) => nulls == Nulls::Last,
        None => !order.descending,
    }
}

fn equal(order: &Order, value: &Value) -> Filter {
    let column = order.column.clone();
    match value {
        Value::Null => Filter::Is { column, is: Is::Null },
        value => Filter::Compare { column, op: Compare::Eq, value: value.clone() },
    }
}

/// What comes after a value in an order; none where nothing can.
fn beyond(order: &Order, value: &Value, nullable: bool) -> Option<Filter> {
    let column = || order.column.clone();
    if *value == Value::Null {
        return (!nulls_last(order)).then(|| Filter::Is { column: column(), is: Is::NotNull });
    }
    let op = if order.descending { Compare::Lt } else { Compare::Gt };
    let greater = Filter::Compare { column: column(), op, value: value.clone() };
    Some(if nullable && nulls_last(order) {
        Filter::Or(vec![greater, Filter::Is { column: column(), is: Is::Null }])
    } else {
        greater
    })
}

fn value(json: &serde_json::Value) -> Option<Value> {
    Some(match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(value) => Value::Integer(value),
            None => Value::Real(number.as_f64()?),
        },
        serde_json::Value::String(text) => Value::Text(text.clone()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use taipan::store::{Select, Store};

    /// A table of rows with repeated and absent values, in a database of its own.
    fn table(rows: &[(Option<i64>, Option<&str>)]) -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.db");
        let connection = rusqlite::Connection::open(&path).expect("a database");
        connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT)").expect("a table");
        for (n, s) in rows {
            connection.execute("INSERT INTO t (n, s) VALUES (?1, ?2)", rusqlite::params![n, s]).expect("a row");
        }
        drop(connection);
        (Store::open(&format!("sqlite:{}", path.display())).expect("a store"), folder)
    }

    fn ids(store: &Store, select: &Select) -> Vec<Value> {
        let rows = store.read_rows(select).expect("rows").rows;
        rows.into_iter().map(|mut row| row.remove(0)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        /// Page by page, forwards and backwards, gives each row once and in order, whatever repeats and is absent.
        #[test]
        fn pages_are_the_rows_in_order(
            rows in prop::collection::vec((prop::option::of(0..4_i64), prop::option::of(prop::sample::select(vec!["a", "B", "é", ""]))), 0..30),
            order in prop::sample::subsequence(vec!["n", "s"], 0..=2),
            turned in prop::collection::vec((any::<bool>(), prop::option::of(any::<bool>())), 2),
            size in 1..7_u64,
        ) {
            let (store, _folder) = table(&rows);
            let found = store.table("t").expect("the table");
            let order: Vec<Order> = order.iter().zip(&turned).map(|(column, (descending, first))| Order {
                column: (*column).to_owned(),
                descending: *descending,
                nulls: first.map(|first| if first { Nulls::First } else { Nulls::Last }),
            }).collect();
            let paging = Paging::of(&found, &order).expect("a key");
            let mut whole = Select::new("t");
            whole.order = paging.order(false);
            let expected = ids(&store, &whole);

            for is_backward in [false, true] {
                let mut place = if is_backward { Place::End } else { Place::From(0) };
                let mut seen: Vec<Value> = Vec::new();
                loop {
                    let mut select = Select::new("t").limit(size);
                    select.order = paging.order(is_backward);
                    if let Some(condition) = paging.condition(&place) {
                        select = select.filter(condition);
                    }
                    let page = store.read_rows(&select).expect("a page").rows;
                    let Some(last) = page.last() else { break };
                    let values: Vec<Value> = paging
                        .columns()
                        .map(|name| last[["id", "n", "s"].iter().position(|known| *known == name).expect("a column")].clone())
                        .collect();
                    // As an address carries it.
                    let text = Paging::write(7, &values).expect("told");
                    place = if is_backward { paging.place(None, Some(&text)) } else { paging.place(Some(&text), None) }.expect("read");
                    seen.extend(page.iter().map(|row| row[0].clone()));
                    prop_assert!(seen.len() <= expected.len(), "rows repeat");
                }
                if is_backward {
                    seen.reverse();
                }
                prop_assert_eq!(&seen, &expected);
            }
        }
    }

    #[test]
    fn places_that_cannot_be_are_none() {
        let (store, _folder) = table(&[(Some(1), None)]);
        let paging = Paging::of(&store.table("t").expect("the table"), &[]).expect("a key");
        for text in ["", "x", "[]", "[1]", "[1,2,3]", "[-1,2]", "[1,[2]]", "{\"a\":1}"] {
            assert_eq!(paging.place(Some(text), None), None, "{text}");
        }
        assert_eq!(paging.place(Some("[1,2]"), None), Some(Place::After(1, vec![Value::Integer(2)])));
        assert_eq!(paging.place(None, Some("end")), Some(Place::End));
    }
}
