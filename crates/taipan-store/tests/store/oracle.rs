//! Random queries of random rows, against a plain evaluation of what the query's documentation says.

use std::cmp::Ordering;

use arrow::array::Array;
use proptest::prelude::*;
use taipan_store::{Compare, Count, Filter, Is, Nulls, Order, Select, Value, WriteOptions};

use crate::sample::{batch, booleans, integers, memory, reals, texts, write};

const COLUMNS: [&str; 5] = ["id", "n", "x", "s", "b"];

type Row = Vec<Value>;

fn maybe<T>(value: Option<T>, wrap: impl Fn(T) -> Value) -> Value {
    value.map_or(Value::Null, wrap)
}

fn number() -> impl Strategy<Value = i64> {
    -2..3_i64
}

fn text() -> impl Strategy<Value = String> {
    "[aAéÉ%_]{0,3}"
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        prop::option::of(number()),
        prop::option::of(number()),
        prop::option::of(text()),
        prop::option::of(any::<bool>()),
    );
    prop::collection::vec(row, 0..12).prop_map(|rows| {
        let with_id = rows.into_iter().enumerate();
        let of_row = with_id.map(|(id, (n, x, s, b))| {
            vec![
                Value::Integer(id as i64),
                maybe(n, Value::Integer),
                maybe(x, |x| Value::Real(x as f64 / 2.0)),
                maybe(s, Value::Text),
                maybe(b, Value::Bool),
            ]
        });
        of_row.collect()
    })
}

/// A column, and a value fit to compare it with.
fn operand() -> impl Strategy<Value = (String, Value)> {
    let numeric = prop_oneof![
        number().prop_map(Value::Integer),
        number().prop_map(|value| Value::Real(value as f64 / 2.0)),
        Just(Value::Null)
    ];
    prop_oneof![
        (prop::sample::select(vec!["id", "n", "x"]), numeric),
        (Just("s"), prop_oneof![4 => text().prop_map(Value::Text), 1 => Just(Value::Null)]),
        (Just("b"), prop_oneof![4 => any::<bool>().prop_map(Value::Bool), 1 => Just(Value::Null)]),
    ]
    .prop_map(|(column, value)| (column.to_owned(), value))
}

fn filter() -> impl Strategy<Value = Filter> {
    use Compare::{Eq, Gt, Gte, Lt, Lte, Neq};
    let op = prop::sample::select(vec![Eq, Neq, Gt, Gte, Lt, Lte]);
    let any_column = || prop::sample::select(COLUMNS.to_vec()).prop_map(str::to_owned);
    let logical = prop::sample::select(vec!["n", "b"]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        4 => (operand(), op).prop_map(|((column, value), op)| Filter::Compare { column, op, value }),
        1 => prop::collection::vec(operand(), 0..4).prop_map(|operands| {
            let column = operands.first().map_or("n".to_owned(), |(column, _)| column.clone());
            let values = operands.into_iter().filter(|(other, _)| *other == column).map(|(_, value)| value).collect();
            Filter::In { column, values }
        }),
        1 => (any_column(), prop::sample::select(vec![Is::Null, Is::NotNull]))
            .prop_map(|(column, is)| Filter::Is { column, is }),
        1 => (logical, prop::sample::select(vec![Is::True, Is::False, Is::Unknown]))
            .prop_map(|(column, is)| Filter::Is { column, is }),
        2 => ("[aéÉ%_]{0,4}", any::<bool>())
            .prop_map(|(pattern, case_sensitive)| Filter::Like { column: "s".into(), pattern, case_sensitive }),
        1 => text().prop_map(|text| Filter::Contains { text }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn order() -> impl Strategy<Value = Vec<Order>> {
    let nulls = prop::option::of(prop::sample::select(vec![Nulls::First, Nulls::Last]));
    let by = (prop::sample::select(COLUMNS.to_vec()), any::<bool>(), nulls)
        .prop_map(|(column, descending, nulls)| Order { column: column.to_owned(), descending, nulls });
    prop::collection::vec(by, 0..3)
}

fn select() -> impl Strategy<Value = Select> {
    (prop::option::of(filter()), order(), prop::option::of(0..8_u64), 0..4_u64).prop_map(
        |(filter, mut order, limit, offset)| {
            if !order.is_empty() {
                order.push(Order::asc("id"));
            }
            Select { filter, order, limit, offset, ..Select::new("t") }
        },
    )
}

fn at<'r>(row: &'r Row, column: &str) -> &'r Value {
    &row[COLUMNS.iter().position(|name| *name == column).unwrap()]
}

fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    let as_real = |value: &Value| match value {
        Value::Integer(value) => Some(*value as f64),
        Value::Real(value) => Some(*value),
        _ => None,
    };
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => as_real(a)?.partial_cmp(&as_real(b)?),
    }
}

fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let parts: Vec<Option<bool>> = parts.collect();
    if parts.contains(&Some(false)) {
        Some(false)
    } else if parts.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn any_of(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all(parts.map(|part| part.map(|part| !part))).map(|none| !none)
}

fn is_like(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        (['%', rest @ ..], text) => (0..=text.len()).any(|taken| is_like(rest, &text[taken..])),
        (['_', rest @ ..], [_, text @ ..]) => is_like(rest, text),
        ([char, rest @ ..], [other, text @ ..]) => char == other && is_like(rest, text),
        (_, []) => false,
    }
}

/// True, false, or unknown.
fn holds(filter: &Filter, row: &Row) -> Option<bool> {
    match filter {
        Filter::And(parts) => all(parts.iter().map(|part| holds(part, row))),
        Filter::Or(parts) => any_of(parts.iter().map(|part| holds(part, row))),
        Filter::Not(inner) => holds(inner, row).map(|inner| !inner),
        Filter::Compare { column, op, value } => compare(at(row, column), value).map(|ordering| match op {
            Compare::Eq => ordering.is_eq(),
            Compare::Neq => ordering.is_ne(),
            Compare::Gt => ordering.is_gt(),
            Compare::Gte => ordering.is_ge(),
            Compare::Lt => ordering.is_lt(),
            Compare::Lte => ordering.is_le(),
        }),
        Filter::In { column, values } => {
            any_of(values.iter().map(|value| compare(at(row, column), value).map(Ordering::is_eq)))
        }
        Filter::Is { column, is } => {
            let value = at(row, column);
            let truth = match value {
                Value::Bool(value) => Some(*value),
                Value::Integer(value) => Some(*value != 0),
                _ => None,
            };
            Some(match is {
                Is::Null | Is::Unknown => *value == Value::Null,
                Is::NotNull => *value != Value::Null,
                Is::True => truth == Some(true),
                Is::False => truth == Some(false),
            })
        }
        Filter::Like { column, pattern, case_sensitive } => match at(row, column) {
            Value::Text(text) => {
                let chars = |text: &str| -> Vec<char> {
                    if *case_sensitive { text.chars().collect() } else { text.to_lowercase().chars().collect() }
                };
                Some(is_like(&chars(pattern), &chars(text)))
            }
            _ => None,
        },
        Filter::Contains { text } => Some(match at(row, "s") {
            Value::Text(value) => value.to_lowercase().contains(&text.to_lowercase()),
            _ => false,
        }),
        // None is drawn: its text is the database's own.
        Filter::Rule(_) => None,
    }
}

fn ordered(order: &[Order], a: &Row, b: &Row) -> Ordering {
    for by in order {
        let (a, b) = (at(a, &by.column), at(b, &by.column));
        let first = by.nulls.unwrap_or(if by.descending { Nulls::First } else { Nulls::Last }) == Nulls::First;
        let ordering = match (a == &Value::Null, b == &Value::Null) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, true) => {
                if first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, false) => {
                let ordering = compare(a, b).unwrap();
                if by.descending { ordering.reverse() } else { ordering }
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

/// The rows of a query, and how many there are before the page is cut out.
fn plainly(select: &Select, rows: &[Row]) -> (Vec<Row>, u64) {
    let taken = |row: &&Row| select.filter.as_ref().is_none_or(|filter| holds(filter, row) == Some(true));
    let mut found: Vec<Row> = rows.iter().filter(taken).cloned().collect();
    found.sort_by(|a, b| ordered(&select.order, a, b));
    let total = found.len() as u64;
    let page = found.into_iter().skip(select.offset as usize).take(select.limit.unwrap_or(u64::MAX) as usize);
    (page.collect(), total)
}

fn text_of(value: &Value) -> Option<&str> {
    if let Value::Text(value) = value { Some(value) } else { None }
}

fn table(rows: &[Row]) -> arrow::record_batch::RecordBatch {
    let column = |index: usize| rows.iter().map(move |row| &row[index]);
    let real = |value: &Value| if let Value::Real(value) = value { Some(*value) } else { None };
    let integer = |value: &Value| if let Value::Integer(value) = value { Some(*value) } else { None };
    let boolean = |value: &Value| if let Value::Bool(value) = value { Some(*value) } else { None };
    batch(vec![
        ("id", integers(column(0).map(integer))),
        ("n", integers(column(1).map(integer))),
        ("x", reals(column(2).map(real))),
        ("s", texts(column(3).map(text_of))),
        ("b", booleans(column(4).map(boolean))),
    ])
}

fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null | Value::Blob(_) => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Real(value) if value.fract() == 0.0 => (*value as i64).into(),
        Value::Real(value) => (*value).into(),
        Value::Text(value) => value.as_str().into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_query_is_its_plain_evaluation(
        rows in rows(),
        selects in prop::collection::vec(select(), 1..30),
        indexed in any::<bool>(),
    ) {
        let store = memory();
        let mut options = WriteOptions::default();
        if indexed {
            options = options.primary_key("id").index("n").index("x").index("s");
        }
        write(&store, "t", &table(&rows), &options).unwrap();
        for select in selects {
            let (expected, total) = plainly(&select, &rows);
            let read = store.read_rows(&select).unwrap().rows;
            prop_assert_eq!(&read, &expected, "{:?}", select);
            prop_assert_eq!(store.count("t", select.filter.as_ref()).unwrap(), total, "{:?}", select);

            let page = store.read_json(&select, Count::Exact).unwrap();
            prop_assert_eq!((page.rows, page.total), (expected.len() as u64, Some(total)), "{:?}", select);
            let objects: Vec<serde_json::Value> = serde_json::from_slice(&page.body).unwrap();
            for (object, row) in objects.iter().zip(&expected) {
                for (column, value) in COLUMNS.iter().zip(row) {
                    prop_assert_eq!(&object[column], &as_json(value));
                }
            }

            let scanned: Vec<_> = store.scan(&select).unwrap().map(Result::unwrap).collect();
            let expected = table(&expected);
            prop_assert_eq!(scanned.iter().map(arrow::record_batch::RecordBatch::num_rows).sum::<usize>(), expected.num_rows());
            for (column, found) in scanned.iter().flat_map(|batch| batch.columns().iter().enumerate()) {
                prop_assert_eq!(found.to_data(), expected.column(column).to_data(), "{:?}", select);
            }
        }
    }
}
