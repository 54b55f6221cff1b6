//! Rows as the program's own types, on both databases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taipan_store::schema::{Field, Table};
use taipan_store::{Error, ErrorKind, Kind, Order, Select, Store, TransactionOptions};

use crate::sample::memory;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Junior,
    Senior,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Employee {
    id: i32,
    name: String,
    salary: Option<f64>,
    active: bool,
    hired: Option<String>,
    level: Option<Level>,
    tags: Vec<String>,
}

fn store() -> Store {
    let store = memory();
    let table = Table::new("employees")
        .field(Field::new("id", Kind::Integer))
        .field(Field::new("name", Kind::Text).required())
        .field(Field::new("salary", Kind::Real))
        .field(Field::new("active", Kind::Boolean))
        .field(Field::new("hired", Kind::Date))
        .field(Field::new("level", Kind::Text))
        .field(Field::new("tags", Kind::Json))
        .primary_key(["id"]);
    store.migrate(&[table], &[]).unwrap();
    store
}

fn employee(id: i32, salary: Option<f64>) -> Employee {
    Employee {
        id,
        name: format!("it's \"{id}\""),
        salary,
        active: id % 2 == 0,
        hired: salary.map(|_| "2024-02-29".to_owned()),
        level: salary.map(|salary| if salary > 2.0 { Level::Senior } else { Level::Junior }),
        tags: vec!["a".to_owned(); id as usize],
    }
}

fn insert<T: Serialize>(store: &Store, row: &T) -> Result<(), Error> {
    store.transaction(&TransactionOptions::default(), |tx| tx.insert_typed("employees", row))
}

#[test]
fn what_is_written_is_read() {
    let store = store();
    let all = [employee(0, Some(1.0)), employee(1, None), employee(2, Some(2.5)), employee(3, Some(-1e300))];
    for row in &all {
        insert(&store, row).unwrap();
    }
    let select = Select::new("employees").order(Order::asc("id"));
    assert_eq!(store.read_typed::<Employee>(&select).unwrap(), all);
    let top: Vec<Employee> = store
        .transaction(&TransactionOptions::default(), |tx| {
            tx.read_typed(
                &Select::new("employees")
                    .order(Order { nulls: Some(taipan_store::Nulls::Last), ..Order::desc("salary") })
                    .limit(1),
            )
        })
        .unwrap();
    assert_eq!(top, [employee(2, Some(2.5))]);
    let some: Vec<BTreeMap<String, i64>> = store.read_typed(&Select::new("employees").column("id").limit(2)).unwrap();
    assert_eq!(some.iter().map(|row| row["id"]).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn what_does_not_fit_is_named() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read, or not")]
    struct Narrow {
        id: i8,
        salary: f64,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "not read")]
    struct Other {
        id: i64,
        nothing: String,
    }
    let store = store();
    insert(&store, &employee(1, Some(1.0))).unwrap();
    insert(&store, &Employee { id: 300, ..employee(2, Some(1.0)) }).unwrap();
    insert(&store, &employee(2, None)).unwrap();
    let narrow = |id: i64| {
        let only = taipan_store::Filter::compare("id", taipan_store::Compare::Eq, taipan_store::Value::Integer(id));
        store.read_typed::<Narrow>(&Select::new("employees").filter(only)).unwrap_err().to_string()
    };
    assert_eq!(narrow(300), r#"table "employees", row 1, column "id": "300" is not i8"#);
    assert_eq!(narrow(2), r#"table "employees", row 1, column "salary": "null" is not f64"#);
    let missing = store.read_typed::<Other>(&Select::new("employees")).unwrap_err();
    assert_eq!(missing.to_string(), r#"table "employees", row 1: missing field `nothing`"#);
    let level = BTreeMap::from([("id", "9"), ("name", "x"), ("active", "true"), ("level", "chief")]);
    insert(&store, &level).unwrap();
    let unknown = store.read_typed::<Employee>(&Select::new("employees")).unwrap_err();
    assert!(unknown.to_string().contains("column \"level\": \"chief\" is not"), "{unknown}");
    assert!(matches!(insert(&store, &5).unwrap_err().kind(), ErrorKind::Unsupported(_)));
    assert!(matches!(
        insert(&store, &BTreeMap::from([("nme", 1)])).unwrap_err().kind(),
        ErrorKind::UnknownColumn { .. }
    ));
}
