//! Reading: filters, order, pages and JSON, one case a line.

use taipan_store::{Compare, Count, Filter, Is, Nulls, Order, Select, Selected, Value, WriteOptions};

use crate::sample::{ids, json, with_people};

fn compare(column: &str, op: Compare, value: Value) -> Filter {
    Filter::compare(column, op, value)
}

fn like(column: &str, pattern: &str, case_sensitive: bool) -> Filter {
    Filter::Like { column: column.into(), pattern: pattern.into(), case_sensitive }
}

fn is(column: &str, is: Is) -> Filter {
    Filter::Is { column: column.into(), is }
}

fn contains(text: &str) -> Filter {
    Filter::Contains { text: text.into() }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

#[test]
fn filters() {
    use Compare::{Eq, Gt, Gte, Lt, Lte, Neq};
    let thirty = || compare("age", Eq, Value::Integer(30));
    let cases = [
        (thirty(), vec![3, 5]),
        (not(thirty()), vec![1, 2]),
        (compare("age", Neq, Value::Integer(30)), vec![1, 2]),
        (compare("age", Gt, Value::Text("30".into())), vec![1]),
        (compare("age", Gte, Value::Real(29.5)), vec![1, 3, 5]),
        (compare("height", Lt, Value::Integer(2)), vec![1, 3, 4]),
        (compare("height", Lte, Value::Integer(2)), vec![1, 3, 4, 5]),
        (compare("age", Eq, Value::Null), vec![]),
        (compare("active", Eq, Value::Bool(true)), vec![2, 3]),
        (compare("active", Eq, Value::Text("false".into())), vec![1, 5]),
        (compare("name", Gt, Value::Text("Z".into())), vec![3, 4, 5]),
        (Filter::In { column: "age".into(), values: vec![Value::Integer(7), Value::Integer(36)] }, vec![1, 2]),
        (not(Filter::In { column: "age".into(), values: vec![Value::Integer(7), Value::Null] }), vec![]),
        (not(Filter::In { column: "age".into(), values: vec![] }), vec![1, 2, 3, 4, 5]),
        (is("age", Is::Null), vec![4]),
        (is("age", Is::NotNull), vec![1, 2, 3, 5]),
        (is("active", Is::True), vec![2, 3]),
        (not(is("active", Is::True)), vec![1, 4, 5]),
        (is("active", Is::False), vec![1, 5]),
        (is("active", Is::Unknown), vec![4]),
        (like("name", "Ada%", true), vec![1]),
        (like("name", "ada%", false), vec![1, 4]),
        (like("name", "émile", true), vec![]),
        (like("name", "émile", false), vec![3]),
        (like("name", "%\\_50\\%", true), vec![5]),
        (like("name", "a_a", false), vec![1]),
        (not(like("name", "a%", false)), vec![3, 5]),
        (like("age", "3%", true), vec![1, 3, 5]),
        (contains("LOVE"), vec![4]),
        (contains("ë"), vec![5]),
        (contains("Ë"), vec![5]),
        (not(contains("a")), vec![2, 3, 5]),
        (contains("'; DROP TABLE people; --"), vec![]),
        (Filter::And(vec![]), vec![1, 2, 3, 4, 5]),
        (Filter::Or(vec![]), vec![]),
        (Filter::Or(vec![thirty(), is("age", Is::Null)]), vec![3, 4, 5]),
        (Filter::Or(vec![thirty(); 5000]), vec![3, 5]),
    ];
    let store = with_people(&WriteOptions::default().primary_key("id").index("age"));
    for (filter, expected) in cases {
        let select = Select::new("people").filter(filter.clone());
        assert_eq!(ids(&store, &select), expected, "{filter:?}");
        assert_eq!(store.count("people", Some(&filter)).unwrap(), expected.len() as u64, "{filter:?}");
    }
}

#[test]
fn wrong_filters_are_named() {
    let store = with_people(&WriteOptions::default());
    let cases = [
        (
            compare("age", Compare::Eq, Value::Text("old".into())),
            r#"table "people", column "age": "old" is not an INTEGER"#,
        ),
        (compare("aeg", Compare::Eq, Value::Null), r#"table "people" has no column "aeg"; did you mean "age"?"#),
        (is("name", Is::True), r#"table "people", column "name": "TEXT" is not a BOOLEAN"#),
        (like("nome", "%", true), r#"table "people" has no column "nome"; did you mean "name"?"#),
        (Filter::In { column: "x".into(), values: vec![] }, r#"table "people" has no column "x""#),
    ];
    for (filter, message) in cases {
        let select = Select::new("people").filter(filter);
        assert_eq!(store.read_json(&select, Count::None).unwrap_err().to_string(), message);
        assert_eq!(store.scan(&select).map(|_| ()).unwrap_err().to_string(), message);
    }
    let order = Select::new("people").order(Order::asc("hieght"));
    let message = r#"table "people" has no column "hieght"; did you mean "height"?"#;
    assert_eq!(store.read_rows(&order).unwrap_err().to_string(), message);
}

#[test]
fn orders() {
    let nulls = |mut order: Order, nulls| {
        order.nulls = Some(nulls);
        order
    };
    let cases = [
        (vec![], vec![3, 1, 4, 2, 5]),
        (vec![Order::asc("id")], vec![1, 2, 3, 4, 5]),
        (vec![Order::asc("age"), Order::asc("id")], vec![2, 3, 5, 1, 4]),
        (vec![Order::desc("age"), Order::desc("id")], vec![4, 1, 5, 3, 2]),
        (vec![nulls(Order::asc("age"), Nulls::First), Order::asc("id")], vec![4, 2, 3, 5, 1]),
        (vec![nulls(Order::desc("age"), Nulls::Last), Order::asc("id")], vec![1, 3, 5, 2, 4]),
        (vec![Order::asc("name")], vec![1, 5, 4, 3, 2]),
    ];
    for options in [WriteOptions::default(), WriteOptions::default().index("age").index("name")] {
        let store = with_people(&options);
        for (order, expected) in &cases {
            let select = Select { order: order.clone(), ..Select::new("people") };
            assert_eq!(ids(&store, &select), *expected, "{order:?}");
        }
    }
}

#[test]
fn an_index_does_not_change_the_tables_own_order() {
    let store = with_people(&WriteOptions::default().index("age").index("id"));
    let some = Select::new("people").filter(compare("age", Compare::Lt, Value::Integer(100)));
    assert_eq!(ids(&store, &some), [3, 1, 2, 5]);
    assert_eq!(ids(&store, &Select::new("people")), [3, 1, 4, 2, 5]);
}

#[test]
fn pages_and_counts() {
    let store = with_people(&WriteOptions::default().primary_key("id"));
    let cases = [
        (None, 0, vec![1, 2, 3, 4, 5]),
        (Some(2), 0, vec![1, 2]),
        (Some(2), 4, vec![5]),
        (Some(5), 0, vec![1, 2, 3, 4, 5]),
        (Some(2), 5, vec![]),
        (None, 3, vec![4, 5]),
        (Some(0), 0, vec![]),
        (Some(u64::MAX), 0, vec![1, 2, 3, 4, 5]),
        (Some(2), u64::MAX, vec![]),
    ];
    for (limit, offset, expected) in cases {
        let select = Select { limit, offset, ..Select::new("people") };
        assert_eq!(ids(&store, &select), expected, "{limit:?} {offset}");
        let page = store.read_json(&select, Count::Exact).unwrap();
        assert_eq!((page.rows, page.total), (expected.len() as u64, Some(5)), "{limit:?} {offset}");
        assert_eq!(store.read_json(&select, Count::None).unwrap().total, None);
    }
    let some = Select::new("people").filter(is("age", Is::NotNull)).limit(1);
    assert_eq!(store.read_json(&some, Count::Exact).unwrap().total, Some(4));
}

#[test]
fn columns_and_aliases() {
    let store = with_people(&WriteOptions::default().primary_key("id"));
    let mut select = Select::new("people").column("age").limit(1);
    select.columns.push(Selected { column: "id".into(), alias: Some("the \"id\"".into()) });
    assert_eq!(json(&store, &select), r#"[{"age":36,"the \"id\"":1}]"#);
    let batch = store.scan(&select).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.schema().field(1).name(), "the \"id\"");
    assert_eq!(store.read_rows(&select).unwrap().columns[1].name, "the \"id\"");
    assert_eq!(
        json(&store, &Select::new("people").limit(2)),
        "[{\"id\":1,\"name\":\"Ada\",\"age\":36,\"height\":1.65,\"active\":false},\
         {\"id\":2,\"name\":null,\"age\":7,\"height\":null,\"active\":true}]"
    );
}
