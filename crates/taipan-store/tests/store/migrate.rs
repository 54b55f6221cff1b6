//! Migrations: from any tables to any others, with what stays kept, and nothing lost that was not named.

use proptest::prelude::*;
use taipan_store::schema::{Field, ForeignKey, Index, OnDelete, Part, Preset, Table};
use taipan_store::{
    Error, ErrorKind, Filter, Kind, Order, Result, Select, Store, Transaction, TransactionOptions, Value,
};

use crate::sample::{batch, integers, memory, texts, write};

fn run(store: &Store, work: impl FnMut(&mut Transaction<'_>) -> Result<()>) -> Result<()> {
    store.transaction(&TransactionOptions::default(), work)
}

fn insert(store: &Store, table: &str, row: &[(&str, Value)]) -> Result<()> {
    run(store, |tx| tx.insert(table, row))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn rows(store: &Store, table: &str, columns: &[&str]) -> Vec<Vec<Value>> {
    let select = columns.iter().fold(Select::new(table), |select, column| select.column(*column));
    store.read_rows(&select.order(Order::asc(columns[0]))).unwrap().rows
}

fn words(store: &Store, wanted: &[Table]) -> Vec<String> {
    store.plan(wanted).unwrap().steps.into_iter().map(|step| step.what).collect()
}

fn departments() -> Table {
    Table::new("departments")
        .field(Field::new("id", Kind::Integer))
        .field(Field::new("name", Kind::Text).required())
        .primary_key(["id"])
        .index(Index::on(["name"]).unique())
}

fn employees() -> Table {
    Table::new("employees")
        .field(Field::new("id", Kind::Integer))
        .field(Field::new("name", Kind::Text).required())
        .field(Field::new("salary", Kind::Integer).preset(Preset::Integer(10)).check("salary >= 0"))
        .field(Field::new("hired", Kind::Timestamp).preset(Preset::Now))
        .field(Field::new("department", Kind::Integer))
        .primary_key(["id"])
        .index(Index::on(["salary"]))
        .index(Index::on_expression("lower(name)"))
        .index(Index::on(["department"]).part(Part::Descending("salary".into())).only_where("department IS NOT NULL"))
        .foreign_key(ForeignKey::new(["department"], "departments", ["id"]).on_delete(OnDelete::SetNull))
}

/// A store with both tables and some rows.
fn company() -> Store {
    let store = memory();
    store.migrate(&[employees(), departments()], &[]).unwrap();
    insert(&store, "departments", &[("name", text("tools"))]).unwrap();
    for name in ["Ada", "Bob"] {
        insert(&store, "employees", &[("name", text(name)), ("department", Value::Integer(1))]).unwrap();
    }
    store
}

#[test]
fn what_was_declared_holds() {
    let store = company();
    assert!(store.plan(&[employees(), departments()]).unwrap().is_empty());
    let made = rows(&store, "employees", &["id", "name", "salary"]);
    assert_eq!(made[0], [Value::Integer(1), text("Ada"), Value::Integer(10)]);
    let hired = rows(&store, "employees", &["hired"]);
    assert!(matches!(&hired[0][0], Value::Text(now) if now.starts_with("20")), "{hired:?}");

    let broken = |row: &[(&str, Value)]| {
        matches!(insert(&store, "employees", row).unwrap_err().kind(), ErrorKind::Constraint { .. })
    };
    assert!(broken(&[("name", Value::Null)]));
    assert!(broken(&[("name", text("x")), ("salary", Value::Integer(-1))]));
    assert!(broken(&[("name", text("x")), ("department", Value::Integer(99))]));
    assert!(insert(&store, "departments", &[("name", text("tools"))]).is_err());
    run(&store, |tx| tx.delete("departments", None).map(drop)).unwrap();
    assert_eq!(rows(&store, "employees", &["id", "department"])[0], [Value::Integer(1), Value::Null]);
}

#[test]
fn a_plan_is_shown_and_changes_nothing() {
    let store = company();
    let mut wanted = employees();
    wanted.fields[1] = Field::new("title", Kind::Text).required().renamed_from("name");
    wanted.indexes.remove(1);
    wanted.fields.push(Field::new("note", Kind::Text));
    let plan = store.plan(&[wanted.clone(), departments()]).unwrap();
    let words: Vec<&str> = plan.steps.iter().map(|step| &*step.what).collect();
    assert!(words.contains(&r#"rename field "name" of "employees" to "title""#), "{plan}");
    assert!(words.contains(&r#"add field "note" to "employees""#), "{plan}");
    assert!(plan.to_string().contains("RENAME COLUMN \"name\" TO \"title\""), "{plan}");
    assert_eq!(rows(&store, "employees", &["name"]).len(), 2);
    store.migrate(&[wanted, departments()], &[]).unwrap();
    assert_eq!(rows(&store, "employees", &["title", "note"])[1], [text("Bob"), Value::Null]);
}

#[test]
fn what_would_be_lost_must_be_named() {
    let store = company();
    let mut wanted = employees();
    wanted.fields.remove(2);
    wanted.indexes = vec![];
    let error = store.migrate(std::slice::from_ref(&wanted), &[]).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Destructive(vec!["departments".into(), "employees.salary".into()]));
    assert_eq!(
        error.to_string(),
        "the migration would lose data and is refused unless it is allowed by name: departments, employees.salary"
    );
    assert!(store.migrate(std::slice::from_ref(&wanted), &["employees.salary"]).is_err());
    assert_eq!(rows(&store, "employees", &["salary"]).len(), 2);

    wanted.foreign_keys = vec![];
    store.migrate(std::slice::from_ref(&wanted), &["employees.salary", "departments"]).unwrap();
    assert!(store.table("departments").is_err());
    assert_eq!(rows(&store, "employees", &["name"]), [[text("Ada")], [text("Bob")]]);
    assert!(words(&store, &[wanted]).is_empty());
}

#[test]
fn rows_that_do_not_fit_stop_it() {
    let store = company();
    let mut wanted = employees();
    wanted.fields[2].check = Some("salary > 10".into());
    let error = store.migrate(&[wanted, departments()], &[]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Constraint { .. }), "{error:?}");
    let mut wanted = employees();
    wanted.fields.push(Field::new("badge", Kind::Text).required());
    assert!(store.migrate(&[wanted.clone(), departments()], &[]).is_err());
    assert!(store.plan(&[employees(), departments()]).unwrap().is_empty());

    wanted.fields[5].preset = Some(Preset::Text("none".into()));
    store.migrate(&[wanted, departments()], &[]).unwrap();
    assert_eq!(rows(&store, "employees", &["id", "badge"])[1], [Value::Integer(2), text("none")]);
}

#[test]
fn an_imported_table_is_taken_as_it_is() {
    let store = memory();
    let imported = batch(vec![("id", integers([1, 2])), ("name", texts(["a", "b"]))]);
    write(&store, "things", &imported, &taipan_store::WriteOptions::default().primary_key("id").index("name")).unwrap();
    write(&store, "others", &imported, &taipan_store::WriteOptions::default()).unwrap();
    let wanted = Table::new("things")
        .field(Field::new("id", Kind::Integer))
        .field(Field::new("name", Kind::Text).required())
        .field(Field::new("version", Kind::Integer).required().preset(Preset::Integer(1)))
        .primary_key(["id"])
        .index(Index::on(["name"]));
    store.migrate(std::slice::from_ref(&wanted), &[]).unwrap();
    assert_eq!(
        rows(&store, "things", &["id", "name", "version"])[1],
        [Value::Integer(2), text("b"), Value::Integer(1)]
    );
    // Nobody declared the other.
    assert_eq!(store.count("others", None).unwrap(), 2);
    assert!(words(&store, std::slice::from_ref(&wanted)).is_empty());
    insert(&store, "things", &[("name", text("c"))]).unwrap();
    assert_eq!(rows(&store, "things", &["id"]).len(), 3);
}

#[test]
fn tables_are_renamed_with_their_rows() {
    let store = company();
    let mut wanted = employees().renamed_from("employees");
    wanted.name = "staff".into();
    store.migrate(&[wanted.clone(), departments()], &[]).unwrap();
    assert_eq!(rows(&store, "staff", &["name"]).len(), 2);
    assert!(store.table("employees").is_err());
    assert!(words(&store, &[wanted, departments()]).is_empty());
}

#[test]
fn a_refused_declaration_is_named() {
    let store = memory();
    let error: Error = store.migrate(&[departments().check("1; DROP TABLE x")], &[]).unwrap_err();
    assert_eq!(error.to_string(), r#"table "departments": "1; DROP TABLE x" is not one SQL expression"#);
    let twice = store.plan(&[departments(), departments()]).unwrap_err();
    assert!(matches!(twice.kind(), ErrorKind::InvalidName { .. }), "{twice:?}");
}

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::{Blob, Boolean, Date, Integer, Json, Real, Text, Timestamp};
    prop::sample::select(vec![Boolean, Integer, Real, Text, Date, Timestamp, Json, Blob])
}

fn preset(kind: Kind) -> Preset {
    match kind {
        Kind::Boolean => Preset::Boolean(true),
        Kind::Integer => Preset::Integer(-7),
        Kind::Real => Preset::Real(2.5),
        Kind::Date => Preset::Text("2024-02-29".into()),
        Kind::Timestamp => Preset::Text("2024-02-29 13:00:00".into()),
        Kind::Json => Preset::Text("{\"a\": 1}".into()),
        Kind::Text | Kind::Blob => Preset::Text("it's".into()),
    }
}

/// A field whose rows can always be filled: one that is required has a preset.
fn field(name: &'static str) -> impl Strategy<Value = Field> {
    (kind(), any::<bool>(), any::<bool>()).prop_map(move |(kind, required, has_preset)| {
        let field = Field::new(name, kind);
        let can = kind != Kind::Blob;
        let field = if can && (required || has_preset) { field.preset(preset(kind)) } else { field };
        if required && can { field.required() } else { field }
    })
}

fn table(name: &'static str) -> impl Strategy<Value = Table> {
    let fields = ["a", "b\"c", "Dé", "e f"].map(|name| prop::option::weighted(0.7, field(name)));
    (fields, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(move |(fields, keyed, indexed, unique)| {
        let mut table = Table::new(name).field(Field::new("id", Kind::Integer).required());
        for field in fields.into_iter().flatten() {
            table = table.field(field);
        }
        let indexable =
            table.fields.iter().rev().find(|field| field.kind != Kind::Json).map(|field| field.name.clone());
        if let (true, Some(field)) = (indexed, indexable) {
            table = table.index(Index::on([field, "id".to_owned()]));
        }
        if unique {
            table = table.index(Index::on(["id"]).unique().only_where("id > 0"));
        }
        if keyed { table.primary_key(["id"]) } else { table }
    })
}

fn tables() -> impl Strategy<Value = Vec<Table>> {
    (prop::option::weighted(0.8, table("one")), prop::option::weighted(0.8, table("Two \"x\"")), any::<bool>())
        .prop_map(|(one, two, refers)| {
            let mut tables: Vec<Table> = one.into_iter().chain(two).collect();
            if let (true, [one, two]) = (refers, &mut tables[..])
                && !one.primary_key.is_empty()
            {
                two.fields.push(Field::new("ref", Kind::Integer));
                two.foreign_keys.push(ForeignKey::new(["ref"], "one", ["id"]));
            }
            tables
        })
}

fn sample(kind: Kind, row: i64) -> Value {
    match kind {
        Kind::Boolean => Value::Bool(row % 2 == 0),
        Kind::Integer => Value::Integer(row * 1000),
        Kind::Real => Value::Real(row as f64 + 0.5),
        Kind::Text => Value::Text(format!("row '{row}\"")),
        Kind::Date => Value::Text(format!("2020-01-0{row}")),
        Kind::Timestamp => Value::Text(format!("2020-01-0{row} 10:00:00.25")),
        Kind::Json => Value::Text(format!("[{row}]")),
        Kind::Blob => Value::Blob(vec![0, row as u8]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_tables_become_any_others(before in tables(), after in tables()) {
        let store = memory();
        store.migrate(&before, &[]).unwrap();
        for table in &before {
            for row in 1..=3 {
                let values: Vec<(&str, Value)> = table.fields.iter().filter(|field| field.name != "ref").map(|field| {
                    let value = if field.name == "id" { Value::Integer(row) } else { sample(field.kind, row) };
                    (field.name.as_str(), value)
                }).collect();
                insert(&store, &table.name, &values).unwrap();
            }
        }
        let plan = store.plan(&after).unwrap();
        let losses: Vec<&str> = plan.losses().collect();
        if !losses.is_empty() {
            prop_assert!(store.migrate(&after, &losses[1..]).is_err());
            prop_assert_eq!(&store.plan(&after).unwrap(), &plan);
        }
        store.migrate(&after, &losses).unwrap();
        prop_assert!(store.plan(&after).unwrap().is_empty(), "{}", store.plan(&after).unwrap());
        for table in &after {
            let found = store.table(&table.name).unwrap();
            for field in &table.fields {
                let column = found.column(&field.name).unwrap();
                prop_assert_eq!(column.kind, field.kind);
                prop_assert_eq!(column.nullable, field.nullable && !table.primary_key.contains(&field.name));
            }
            let Some(old) = before.iter().find(|old| old.name == table.name) else { continue };
            prop_assert_eq!(store.count(&table.name, None).unwrap(), 3);
            for field in table.fields.iter().filter(|field| field.name != "ref") {
                let Some(source) = old.fields.iter().find(|source| source.name == field.name && source.kind == field.kind) else { continue };
                for row in 1..=3 {
                    let expected = if field.name == "id" { Value::Integer(row) } else { sample(source.kind, row) };
                    let select = Select::new(&table.name).column(&field.name)
                        .filter(Filter::compare("id", taipan_store::Compare::Eq, Value::Integer(row)));
                    prop_assert_eq!(&store.read_rows(&select).unwrap().rows, &vec![vec![expected]]);
                }
            }
        }
    }
}
