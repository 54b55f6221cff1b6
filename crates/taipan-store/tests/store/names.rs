//! Names and values from hostile files: they work, or are refused by name.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use proptest::prelude::*;
use taipan_store::{Compare, ErrorKind, Filter, Mode, Order, Select, Value, WriteOptions};

use crate::sample::{batch, integers, memory, refusal, texts, write};

#[test]
fn hostile_names_work() {
    let long = "n".repeat(1000);
    let names = [
        "select",
        "table",
        "a b",
        "a\"b",
        "a'b",
        "a`b",
        "[a]",
        "a;b--",
        "a.b",
        "t",
        "rowid",
        "?1",
        ":a",
        "é",
        "日本語",
        "\u{1f40d}",
        " ",
        "\n",
        "a\\b",
        "NULL",
        "1",
        "*",
        "%",
        "main",
        "json_each",
        "pragma_table_info",
        &long,
    ];
    let store = memory();
    for name in names {
        let rows = batch(vec![(name, texts(["v", "w"]))]);
        write(&store, name, &rows, &WriteOptions::default().index(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let select = Select::new(name)
            .column(name)
            .filter(Filter::compare(name, Compare::Eq, Value::Text("v".into())))
            .filter(Filter::Contains { text: "V".into() })
            .order(Order::desc(name));
        let page = store.read_json(&select, taipan_store::Count::Exact).unwrap();
        let object: serde_json::Value = serde_json::from_slice(&page.body).unwrap();
        assert_eq!(object[0][name], "v", "{name}");
        assert_eq!(store.scan(&select).unwrap().next().unwrap().unwrap().schema().field(0).name(), name);
        write(&store, name, &rows, &WriteOptions::default().mode(Mode::Replace)).unwrap();
        write(&store, name, &rows, &WriteOptions::default().mode(Mode::Append)).unwrap();
        assert_eq!(store.count(name, None).unwrap(), 4);
    }
    assert_eq!(store.tables().unwrap().len(), names.len());
    for name in names {
        store.drop_table(name).unwrap();
    }
}

#[test]
fn impossible_names_are_refused() {
    let long = "n".repeat(1001);
    let cases = [
        ("", "x", "the name \"\" is empty"),
        ("t", "", "the name \"\" is empty"),
        ("a\0b", "x", "the name \"a\\0b\" holds a NUL character"),
        ("t", "a\0b", "the name \"a\\0b\" holds a NUL character"),
        ("sqlite_x", "x", "the name \"sqlite_x\" begins as the database's own tables do"),
        ("_TAIPAN_x", "x", "the name \"_TAIPAN_x\" begins as the database's own tables do"),
        (
            "PEOPLE",
            "x",
            "the name \"PEOPLE\" differs from the table \"people\" only in case, which SQLite does not tell apart",
        ),
    ];
    let store = memory();
    write(&store, "people", &batch(vec![("x", integers([1]))]), &WriteOptions::default()).unwrap();
    for (table, column, message) in cases {
        for mode in [Mode::Create, Mode::Replace, Mode::Append] {
            let rows = batch(vec![(column, integers([1]))]);
            let error = refusal(write(&store, table, &rows, &WriteOptions::default().mode(mode)));
            assert_eq!(error.to_string(), message);
            assert!(matches!(error.kind(), ErrorKind::InvalidName { .. }));
        }
    }
    let error = refusal(write(&store, &long, &batch(vec![("x", integers([1]))]), &WriteOptions::default()));
    assert!(error.to_string().ends_with("…\" is longer than 1000 bytes"), "{error}");
}

#[test]
fn columns_that_sqlite_cannot_tell_apart_are_refused() {
    let store = memory();
    let two = |a, b| batch(vec![(a, integers([1])), (b, integers([2]))]);
    let error = refusal(write(&store, "t", &two("A", "a"), &WriteOptions::default()));
    let expected = "the name \"a\" differs from the column \"A\" only in case, which SQLite does not tell apart";
    assert_eq!(error.to_string(), expected);
    let error = refusal(write(&store, "t", &two("a", "a"), &WriteOptions::default()));
    assert_eq!(error.to_string(), "the name \"a\" is given to two columns");
    write(&store, "t", &two("É", "é"), &WriteOptions::default()).unwrap();
    assert_eq!(store.read_rows(&Select::new("t").column("é")).unwrap().rows, [[Value::Integer(2)]]);
}

#[test]
fn a_table_may_be_as_wide_as_sqlite_allows() {
    let store = memory();
    let wide = |count: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("c{index}")).collect();
        batch(names.iter().map(|name| (name.as_str(), texts(["Needle"]))).collect())
    };
    write(&store, "wide", &wide(2000), &WriteOptions::default()).unwrap();
    let search = Select::new("wide").filter(Filter::Contains { text: "needle".into() }).column("c1999");
    assert_eq!(store.read_json(&search, taipan_store::Count::None).unwrap().body, br#"[{"c1999":"Needle"}]"#);
    let error = refusal(write(&store, "wider", &wide(2001), &WriteOptions::default()));
    assert_eq!(error.to_string(), "table \"wider\" would have 2001 columns; SQLite holds at most 2000");
}

#[test]
fn names_are_case_sensitive_when_asked_for() {
    let store = memory();
    write(&store, "people", &batch(vec![("Name", integers([1]))]), &WriteOptions::default()).unwrap();
    let table = store.table("People").unwrap_err();
    assert_eq!(table.to_string(), "no table \"People\"; did you mean \"people\"?");
    let column = store.read_rows(&Select::new("people").column("name")).unwrap_err();
    assert_eq!(column.to_string(), "table \"people\" has no column \"name\"; did you mean \"Name\"?");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_name_works_or_is_refused(table in any::<String>(), columns in prop::collection::vec(any::<String>(), 1..4)) {
        let store = memory();
        let arrays = columns.iter().map(|name| (name.as_str(), integers([1]))).collect();
        match write(&store, &table, &batch(arrays), &WriteOptions::default().index(&columns[0])) {
            Ok(_) => {
                let rows = store.read_rows(&Select::new(&table)).unwrap();
                prop_assert_eq!(rows.columns.iter().map(|column| &column.name).collect::<Vec<_>>(), columns.iter().collect::<Vec<_>>());
            }
            Err(error) => {
                let error = refusal(Err(error));
                prop_assert!(matches!(error.kind(), ErrorKind::InvalidName { .. }), "{:?}", error);
            }
        }
    }

    #[test]
    fn any_text_is_kept_and_found(values in prop::collection::vec(any::<String>(), 1..5)) {
        let array: ArrayRef = Arc::new(StringArray::from(values.clone()));
        let store = memory();
        write(&store, "t", &batch(vec![("x", array)]), &WriteOptions::default()).unwrap();
        for value in &values {
            let found = store.count("t", Some(&Filter::compare("x", Compare::Eq, Value::Text(value.clone())))).unwrap();
            prop_assert_eq!(found as usize, values.iter().filter(|other| *other == value).count());
        }
        let rows = store.read_rows(&Select::new("t")).unwrap().rows;
        prop_assert_eq!(rows, values.into_iter().map(|value| vec![Value::Text(value)]).collect::<Vec<_>>());
    }
}
