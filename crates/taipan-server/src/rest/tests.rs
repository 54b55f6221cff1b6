//! Query strings and the selects they mean: a table of examples, and any select written as a URL and read back.

use std::convert::Infallible;
use std::sync::Arc;

use proptest::prelude::*;
use taipan::arrow::datatypes::{DataType, Field, Schema};
use taipan::store::{Compare, Filter, Is, Nulls, Order, Select, Selected, Store, Table, Value, WriteOptions};
use taipan_web::format::url_part;

use super::parse_query;
use super::query::{decode, pairs};
use crate::error::Result;

/// A table with a column of each usual type, and some names that need care in a URL.
fn table() -> Arc<Table> {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("salary", DataType::Float64, true),
        Field::new("active", DataType::Boolean, true),
        Field::new("hired", DataType::Date32, true),
        Field::new("a.b", DataType::Int64, true),
        Field::new("order", DataType::Int64, true),
        Field::new("x,\"y\\", DataType::Utf8, true),
    ]);
    let store = Store::open("sqlite::memory:").expect("a store");
    let none = std::iter::empty::<std::result::Result<_, Infallible>>();
    store.write_table("t", &schema, &WriteOptions::default(), none).expect("a table");
    store.table("t").expect("the table")
}

fn parse(table: &Table, query: &str) -> Result<Select> {
    let pairs: Vec<(String, String)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    parse_query(table, &pairs)
}

fn compare(column: &str, op: Compare, value: impl Into<Typed>) -> Filter {
    Filter::compare(column, op, value.into().0)
}

/// A value from its Rust counterpart.
struct Typed(Value);

impl From<i64> for Typed {
    fn from(value: i64) -> Self {
        Self(Value::Integer(value))
    }
}

impl From<f64> for Typed {
    fn from(value: f64) -> Self {
        Self(Value::Real(value))
    }
}

impl From<bool> for Typed {
    fn from(value: bool) -> Self {
        Self(Value::Bool(value))
    }
}

impl From<&str> for Typed {
    fn from(value: &str) -> Self {
        Self(Value::Text(value.to_owned()))
    }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

#[test]
fn urls_mean_selects() {
    let table = table();
    let all = || Select::new("t");
    let cases = [
        ("", all()),
        ("select=*", all()),
        ("select=", all()),
        ("id=eq.5", all().filter(compare("id", Compare::Eq, 5))),
        ("id=eq.-5", all().filter(compare("id", Compare::Eq, -5))),
        ("salary=gte.5", all().filter(compare("salary", Compare::Gte, 5.0))),
        ("active=neq.true", all().filter(compare("active", Compare::Neq, true))),
        ("hired=lt.2020-02-29", all().filter(compare("hired", Compare::Lt, "2020-02-29"))),
        ("name=eq.", all().filter(compare("name", Compare::Eq, ""))),
        ("name=eq.null", all().filter(compare("name", Compare::Eq, "null"))),
        ("name=not.eq.a.b", all().filter(not(compare("name", Compare::Eq, "a.b")))),
        (
            "id=gt.1&id=lte.9",
            all().filter(Filter::And(vec![compare("id", Compare::Gt, 1), compare("id", Compare::Lte, 9)])),
        ),
        ("a.b=eq.1", all().filter(compare("a.b", Compare::Eq, 1))),
        ("\"order\"=eq.1", all().filter(compare("order", Compare::Eq, 1))),
        ("\"x,\\\"y\\\\\"=eq.1", all().filter(compare("x,\"y\\", Compare::Eq, "1"))),
        ("x,\"y\\=eq.1", all().filter(compare("x,\"y\\", Compare::Eq, "1"))),
        (
            "name=in.(a,\"b,c\")",
            all().filter(Filter::In {
                column: "name".into(),
                values: vec![Value::Text("a".into()), Value::Text("b,c".into())],
            }),
        ),
        ("id=in.()", all().filter(Filter::In { column: "id".into(), values: vec![] })),
        ("name=is.null", all().filter(Filter::Is { column: "name".into(), is: Is::Null })),
        (
            "name=ilike.*x_%",
            all().filter(Filter::Like { column: "name".into(), pattern: "%x_%".into(), case_sensitive: false }),
        ),
        (
            "not.or=(id.eq.1,and(a.b.is.null,name.not.like.*))",
            all().filter(not(Filter::Or(vec![
                compare("id", Compare::Eq, 1),
                Filter::And(vec![
                    Filter::Is { column: "a.b".into(), is: Is::Null },
                    not(Filter::Like { column: "name".into(), pattern: "%".into(), case_sensitive: true }),
                ]),
            ]))),
        ),
        (
            "order=id,name.desc,salary.asc.nullsfirst,a.b.nullslast,id.desc",
            all()
                .order(Order::asc("id"))
                .order(Order::desc("name"))
                .order(Order { nulls: Some(Nulls::First), ..Order::asc("salary") })
                .order(Order { nulls: Some(Nulls::Last), ..Order::asc("a.b") }),
        ),
        ("limit=10&offset=20", all().limit(10).offset(20)),
        ("limit=-0", all().limit(0)),
        ("limit=99999999999999999999", all().limit(i64::MAX.unsigned_abs())),
        ("columns=id&on_conflict=id", all()),
    ];
    for (query, expected) in cases {
        assert_eq!(parse(&table, query), Ok(expected), "{query}");
    }

    let renamed = |column: &str, alias: &str| Selected { column: column.into(), alias: Some(alias.into()) };
    let plain = |column: &str| Selected { column: column.into(), alias: None };
    let star = || table.columns.iter().map(|column| plain(&column.name));
    let cases: [(&str, Vec<Selected>); 4] = [
        ("select=name,n:name", vec![plain("name"), renamed("name", "n")]),
        ("select=name,name", vec![plain("name")]),
        ("select=a.b,\"a:b\":\"x,\\\"y\\\\\"", vec![plain("a.b"), renamed("x,\"y\\", "a:b")]),
        ("select=n:name,*", [renamed("name", "n")].into_iter().chain(star()).collect()),
    ];
    for (query, expected) in cases {
        assert_eq!(parse(&table, query).map(|select| select.columns), Ok(expected), "{query}");
    }
}

#[test]
fn percent_encoding_is_undone_once() {
    let cases = [("a%20b+c", "a b c"), ("%C3%A9%2525", "é%25"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("%+1", "% 1")];
    for (encoded, expected) in cases {
        assert_eq!(decode(encoded).as_deref(), Ok(expected), "{encoded}");
    }
    assert_eq!(decode("%ff").map_err(|error| error.code()), Err("22021"));
    let select = pairs("&name=eq.a%26b%3Dc&&limit=1&").and_then(|pairs| parse_query(&table(), &pairs));
    assert_eq!(select, Ok(Select::new("t").filter(compare("name", Compare::Eq, "a&b=c")).limit(1)));
}

/// A select as the query string that means it.
fn write(select: &Select) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let parts = match &select.filter {
        None => &[][..],
        Some(Filter::And(parts)) if parts.len() > 1 => parts,
        Some(filter) => std::slice::from_ref(filter),
    };
    for part in parts {
        let (negation, inner) = match part {
            Filter::Not(inner) => ("not.", inner.as_ref()),
            other => ("", other),
        };
        pairs.push(match inner {
            Filter::And(members) => (format!("{negation}and"), write_members(members)),
            Filter::Or(members) => (format!("{negation}or"), write_members(members)),
            leaf => {
                let (column, condition) = write_leaf(leaf, false);
                (column, format!("{negation}{condition}"))
            }
        });
    }
    let selected: Vec<String> = select
        .columns
        .iter()
        .map(|selected| match &selected.alias {
            Some(alias) => format!("{}:{}", quote(alias), quote(&selected.column)),
            None => quote(&selected.column),
        })
        .collect();
    let order: Vec<String> = select
        .order
        .iter()
        .map(|order| {
            let direction = if order.descending { ".desc" } else { "" };
            let nulls = match order.nulls {
                None => "",
                Some(Nulls::First) => ".nullsfirst",
                Some(Nulls::Last) => ".nullslast",
            };
            format!("{}{direction}{nulls}", quote(&order.column))
        })
        .collect();
    for (name, list) in [("select", selected), ("order", order)] {
        if !list.is_empty() {
            pairs.push((name.to_owned(), list.join(",")));
        }
    }
    pairs.extend(select.limit.map(|limit| ("limit".to_owned(), limit.to_string())));
    if select.offset > 0 {
        pairs.push(("offset".to_owned(), select.offset.to_string()));
    }
    let encoded = pairs.iter().map(|(key, value)| format!("{}={}", url_part(key), url_part(value)));
    encoded.collect::<Vec<_>>().join("&")
}

fn write_members(members: &[Filter]) -> String {
    let member = |member: &Filter| {
        let (negation, inner) = match member {
            Filter::Not(inner) => ("not.", inner.as_ref()),
            other => ("", other),
        };
        match inner {
            Filter::And(members) => format!("{negation}and{}", write_members(members)),
            Filter::Or(members) => format!("{negation}or{}", write_members(members)),
            leaf => {
                let (column, condition) = write_leaf(leaf, true);
                format!("{column}.{negation}{condition}")
            }
        }
    };
    format!("({})", members.iter().map(member).collect::<Vec<_>>().join(","))
}

/// A condition as its column and `operator.operand`; within a list the operand is quoted.
fn write_leaf(filter: &Filter, listed: bool) -> (String, String) {
    let operand = |text: &str| if listed { quote(text) } else { text.to_owned() };
    match filter {
        Filter::Compare { column, op, value } => {
            let op = match op {
                Compare::Eq => "eq",
                Compare::Neq => "neq",
                Compare::Gt => "gt",
                Compare::Gte => "gte",
                Compare::Lt => "lt",
                Compare::Lte => "lte",
            };
            (quote(column), format!("{op}.{}", operand(&text(value))))
        }
        Filter::In { column, values } => {
            let values: Vec<String> = values.iter().map(|value| quote(&text(value))).collect();
            (quote(column), format!("in.({})", values.join(",")))
        }
        Filter::Is { column, is } => {
            let is = match is {
                Is::Null => "null",
                Is::NotNull => "not_null",
                Is::True => "true",
                Is::False => "false",
                Is::Unknown => "unknown",
            };
            (quote(column), format!("is.{is}"))
        }
        Filter::Like { column, pattern, case_sensitive } => {
            (quote(column), format!("{}.{}", if *case_sensitive { "like" } else { "ilike" }, operand(pattern)))
        }
        other => panic!("{other:?} cannot be written in a URL"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Text(value) => value.clone(),
        other => panic!("{other:?} cannot be written in a URL"),
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,5}", "[a,.()\"\\\\ &=+%;']{0,6}"]
}

fn leaf() -> impl Strategy<Value = Filter> {
    let op =
        prop::sample::select(vec![Compare::Eq, Compare::Neq, Compare::Gt, Compare::Gte, Compare::Lt, Compare::Lte]);
    let texts = || prop::sample::select(vec!["name", "x,\"y\\"]);
    let integers = || prop::sample::select(vec!["id", "a.b", "order"]);
    let real = any::<f64>().prop_filter("finite", |value| value.is_finite());
    let value = prop_oneof![
        (texts(), words()).prop_map(|(column, value)| (column, Value::Text(value))),
        (integers(), any::<i64>()).prop_map(|(column, value)| (column, Value::Integer(value))),
        real.prop_map(|value| ("salary", Value::Real(value))),
        any::<bool>().prop_map(|value| ("active", Value::Bool(value))),
        (1u32..=28).prop_map(|day| ("hired", Value::Text(format!("2024-02-{day:02}")))),
    ];
    let is = prop::sample::select(vec![Is::Null, Is::NotNull, Is::True, Is::False, Is::Unknown]);
    prop_oneof![
        (value, op).prop_map(|((column, value), op)| Filter::compare(column, op, value)),
        (integers(), prop::collection::vec(any::<i64>().prop_map(Value::Integer), 0..4))
            .prop_map(|(column, values)| Filter::In { column: column.into(), values }),
        (texts(), prop::collection::vec(words().prop_map(Value::Text), 0..4))
            .prop_map(|(column, values)| Filter::In { column: column.into(), values }),
        is.prop_map(|is| Filter::Is { column: "active".into(), is }),
        (texts(), words(), any::<bool>()).prop_map(|(column, pattern, case_sensitive)| Filter::Like {
            column: column.into(),
            // A star in a URL is a percent sign, so no URL means a star.
            pattern: pattern.replace('*', ""),
            case_sensitive,
        }),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let maybe_not = |filter: Filter, negated: bool| match filter {
        // The grammar has one `not` for a condition.
        Filter::Not(_) => filter,
        filter if negated => not(filter),
        filter => filter,
    };
    let leaf = (leaf(), any::<bool>()).prop_map(move |(filter, negated)| maybe_not(filter, negated));
    leaf.prop_recursive(4, 24, 4, move |inner| {
        (prop::collection::vec(inner, 1..4), any::<bool>(), any::<bool>()).prop_map(move |(members, and, negated)| {
            maybe_not(if and { Filter::And(members) } else { Filter::Or(members) }, negated)
        })
    })
}

fn any_select() -> impl Strategy<Value = Select> {
    let names = || prop::sample::subsequence(vec!["id", "name", "salary", "a.b", "order", "x,\"y\\"], 0..=6);
    let order = (any::<bool>(), prop::option::of(prop::sample::select(vec![Nulls::First, Nulls::Last])));
    (
        names(),
        prop::option::of("[a-z:,\"\\\\ .*()é]{1,6}"),
        names(),
        prop::collection::vec(order, 6),
        prop::option::of(filter()),
        prop::option::of(0..=i64::MAX.unsigned_abs()),
        prop_oneof![Just(0), 0..=i64::MAX.unsigned_abs()],
    )
        .prop_map(|(selected, alias, ordered, directions, filter, limit, offset)| {
            let mut select = Select::new("t");
            select.columns = selected.into_iter().map(|name| Selected { column: name.into(), alias: None }).collect();
            // One alias, so that no two columns share a name.
            let taken = |name: &String| select.columns.iter().any(|selected| selected.column == *name);
            let alias = alias.filter(|alias| !taken(alias));
            if let Some(first) = select.columns.first_mut() {
                first.alias = alias;
            }
            select.order = ordered
                .into_iter()
                .zip(directions)
                .map(|(name, (descending, nulls))| Order { column: name.into(), descending, nulls })
                .collect();
            (select.filter, select.limit, select.offset) = (filter, limit, offset);
            select
        })
}

proptest! {
    #[test]
    fn a_select_written_as_a_url_is_read_back(select in any_select()) {
        let table = TABLE.with(Arc::clone);
        let url = write(&select);
        prop_assert_eq!(pairs(&url).and_then(|pairs| parse_query(&table, &pairs)), Ok(select), "{}", url);
    }

    #[test]
    fn no_text_breaks_the_parser(key in "\\PC{0,8}", value in "[a-z.,()\"\\\\ é]{0,24}") {
        let table = TABLE.with(Arc::clone);
        for key in [key.as_str(), "id", "name", "select", "order", "or", "not.and", "limit"] {
            if let Err(error) = parse_query(&table, &[(key.to_owned(), value.clone())]) {
                prop_assert!((400..500).contains(&error.status().as_u16()), "{:?}", error);
            }
        }
    }
}

thread_local! {
    static TABLE: Arc<Table> = table();
}
