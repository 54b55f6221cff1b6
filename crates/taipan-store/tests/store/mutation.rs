//! Changes: what they do, what they are refused for, and many at once.

use std::sync::mpsc::channel;

use taipan_store::document::{Condition, Document, Field, Path};
use taipan_store::mutation::{Change, Mutation, OnConflict, Stamp, Tag, row_tag};
use taipan_store::{Compare, Count, ErrorKind, Select, Store, Value, Violation};

use crate::document::{run, staff};
use crate::foreign::database;

fn insert(table: &str, columns: &[&str], rows: Vec<Vec<Option<Value>>>) -> Mutation {
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    Mutation::new(table, Change::Insert { columns, rows, on_conflict: None })
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn is(column: &str, value: impl Into<i64>) -> Condition {
    Condition::compare(Path::column(column), Compare::Eq, Value::Integer(value.into()))
}

fn body(page: Option<taipan_store::JsonPage>) -> String {
    String::from_utf8(page.unwrap().body).unwrap()
}

fn all(store: &Store, table: &str) -> String {
    String::from_utf8(store.read_json(&Select::new(table), Count::None).unwrap().body).unwrap()
}

#[test]
fn rows_are_inserted_in_order_and_told() {
    let (_folder, store) = staff();
    let rows = vec![
        vec![Some(Value::Integer(9)), Some(text("Nine"))],
        vec![Some(Value::Integer(7)), Some(text("Seven"))],
        vec![None, Some(text("Ten"))],
    ];
    let shown = Document::new("departments").field(Field::column("id")).field(Field::column("name"));
    let outcome = store.mutate(insert("departments", &["id", "name"], rows).returning(shown)).unwrap();
    assert_eq!((outcome.affected, outcome.created), (3, 3));
    assert_eq!(body(outcome.returned), r#"[{"id":9,"name":"Nine"},{"id":7,"name":"Seven"},{"id":10,"name":"Ten"}]"#);

    let pair = vec![vec![Some(Value::Integer(3)), Some(Value::Integer(1))]];
    let outcome = store.mutate(insert("employee_skills", &["employee_id", "skill_id"], pair).observed()).unwrap();
    assert_eq!(outcome.observed.unwrap(), br#"[{"employee_id":3,"skill_id":1}]"#);
    assert_eq!(
        outcome.key,
        [("employee_id".to_owned(), Value::Integer(3)), ("skill_id".to_owned(), Value::Integer(1))]
    );

    let nothing = store.mutate(insert("skills", &[], vec![Vec::new()])).unwrap();
    assert_eq!(nothing.key, [("id".to_owned(), Value::Integer(3))]);
}

#[test]
fn rows_that_are_there_are_merged_or_left() {
    let (_folder, store) = staff();
    let upsert = |columns: &[&str], merge| {
        let on_conflict = Some(OnConflict { columns: columns.iter().map(|c| (*c).to_owned()).collect(), merge });
        let columns = vec!["id".to_owned(), "name".to_owned()];
        let rows =
            vec![vec![Some(Value::Integer(1)), Some(text("New"))], vec![Some(Value::Integer(4)), Some(text("Four"))]];
        store.mutate(Mutation::new("skills", Change::Insert { columns, rows, on_conflict }))
    };
    let left = upsert(&[], false).unwrap();
    assert_eq!((left.affected, left.created), (1, 1));
    assert!(all(&store, "skills").starts_with(r#"[{"id":1,"name":"rust"}"#));
    let merged = upsert(&["id"], true).unwrap();
    assert_eq!((merged.affected, merged.created), (2, 0));
    assert!(all(&store, "skills").starts_with(r#"[{"id":1,"name":"New"}"#));
    assert!(matches!(upsert(&["name"], true).unwrap_err().kind(), ErrorKind::NotUnique { .. }));
}

#[test]
fn rows_are_updated_and_deleted_by_filter() {
    let (_folder, store) = staff();
    let raise = |filter: Condition| {
        let set = Change::Update { values: vec![("salary".to_owned(), Value::Integer(99))] };
        Mutation::new("employees", set).filter(filter)
    };
    let shown = || Document::new("employees").field(Field::column("id")).field(Field::column("salary"));
    let outcome = store.mutate(raise(is("department_id", 1)).returning(shown())).unwrap();
    assert_eq!(outcome.affected, 2);
    assert_eq!(body(outcome.returned), r#"[{"id":1,"salary":99},{"id":2,"salary":99}]"#);

    let too_many = store.mutate(raise(is("department_id", 1)).most(1)).unwrap_err();
    assert_eq!(too_many.kind(), &ErrorKind::TooMany { affected: 2, most: 1 });

    let undone = store.mutate(raise(is("id", 3)).returning(shown()).rollback()).unwrap();
    assert_eq!(body(undone.returned), r#"[{"id":3,"salary":99}]"#);
    assert!(all(&store, "employees").contains(r#""name":"Cy","salary":30"#));

    let gone = Mutation::new("employees", Change::Delete).filter(is("id", 4)).returning(shown());
    let outcome = store.mutate(gone).unwrap();
    assert_eq!((outcome.affected, body(outcome.returned).as_str()), (1, r#"[{"id":4,"salary":null}]"#));
    assert!(!all(&store, "employees").contains("Di"));

    let pair = Mutation::new("employee_skills", Change::Delete).filter(is("skill_id", 2));
    assert_eq!(store.mutate(pair).unwrap().affected, 2);
}

#[test]
fn a_change_of_what_has_changed_is_refused() {
    let (_folder, store) = staff();
    let object = |store: &Store| {
        let page = store.read_json(&Select::new("skills").limit(1), Count::None).unwrap().body;
        page[1..page.len() - 1].to_vec()
    };
    let rename = |tag: Tag, name: &str| {
        let set = Change::Update { values: vec![("name".to_owned(), text(name))] };
        store.mutate(Mutation::new("skills", set).filter(is("id", 1)).tag(tag))
    };
    let seen = row_tag(&object(&store));
    run(&store, "UPDATE skills SET name = 'theirs' WHERE id = 1");
    let stale = rename(Tag::OneOf(vec![seen]), "mine").unwrap_err();
    assert_eq!(stale.to_string(), "the row has changed since it was read");
    assert_eq!(object(&store), br#"{"id":1,"name":"theirs"}"#);
    rename(Tag::OneOf(vec!["x".to_owned(), row_tag(&object(&store))]), "mine").unwrap();
    rename(Tag::Any, "again").unwrap();
    assert_eq!(object(&store), br#"{"id":1,"name":"again"}"#);
}

#[test]
fn rules_are_told_and_nothing_is_done() {
    let (_folder, store) = staff();
    let violation = |mutation| match store.mutate(mutation).unwrap_err().kind() {
        ErrorKind::Constraint { violation, column, row, .. } => (violation.clone(), column.clone(), *row),
        other => panic!("{other:?}"),
    };
    let before = (all(&store, "departments"), all(&store, "employees"));
    let two = |one: &str, other: &str| vec![vec![Some(text(one))], vec![Some(text(other))]];
    let duplicate = violation(insert("departments", &["name"], two("New", "Sales")));
    assert_eq!(duplicate, (Violation::Duplicate, Some("name".to_owned()), Some(2)));
    let null = violation(insert("departments", &["open"], vec![vec![Some(Value::Bool(true))]]));
    assert_eq!((null.0, null.1.as_deref()), (Violation::Null, Some("name")));
    let row = |column: &str, value| insert("employees", &["name", column], vec![vec![Some(text("E")), Some(value)]]);
    assert_eq!(violation(row("department_id", Value::Integer(77))).0, Violation::Foreign);
    assert!(matches!(violation(row("salary", Value::Integer(-1))).0, Violation::Check(_)));
    let used = Mutation::new("departments", Change::Delete).filter(is("id", 1));
    assert_eq!(violation(used).0, Violation::Foreign);
    for (column, value) in [("department_id", Value::Real(1.5)), ("salary", text("much")), ("data", text("{"))] {
        let error = store.mutate(row(column, value)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidValue { row: Some(1), .. }), "{error}");
    }
    assert_eq!((all(&store, "departments"), all(&store, "employees")), before);
}

#[test]
fn many_at_once_share_a_commit_and_fail_alone() {
    let (_folder, store) = staff();
    let (sender, receiver) = channel();
    let mut must_work = 0;
    for number in 0..300_i64 {
        // Each third is there already.
        let id = if number % 3 == 0 { 1 } else { 1000 + number };
        let mutation = insert("skills", &["id"], vec![vec![Some(Value::Integer(id))]]);
        let sender = sender.clone();
        must_work += u32::from(store.submit(mutation, move |outcome| sender.send((number, outcome.is_ok())).unwrap()));
    }
    assert_eq!(must_work, 1, "one works for all");
    store.work();
    let mut told: Vec<(i64, bool)> = receiver.try_iter().collect();
    told.sort_unstable();
    assert_eq!(told, (0..300).map(|number| (number, number % 3 != 0)).collect::<Vec<_>>());
    assert_eq!(store.count("skills", None).unwrap(), 202);
}

#[test]
fn a_rule_that_is_judged_at_the_end_fails_its_own_change_only() {
    let (_folder, _connection, store) = database(
        "CREATE TABLE a (id INTEGER PRIMARY KEY);
         CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED);",
    );
    let (sender, receiver) = channel();
    for (number, mutation) in [
        insert("a", &["id"], vec![vec![Some(Value::Integer(1))]]),
        insert("b", &["a"], vec![vec![Some(Value::Integer(9))]]),
        insert("b", &["a"], vec![vec![Some(Value::Integer(1))]]),
    ]
    .into_iter()
    .enumerate()
    {
        let sender = sender.clone();
        let _ = store.submit(mutation, move |outcome| sender.send((number, outcome.is_ok())).unwrap());
    }
    store.work();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [(0, true), (1, false), (2, true)]);
    assert_eq!(all(&store, "b"), r#"[{"id":1,"a":1}]"#);
}

#[test]
fn writers_on_many_threads_lose_nothing() {
    let (_folder, store) = staff();
    std::thread::scope(|scope| {
        for thread in 0..8_i64 {
            let store = store.clone();
            scope.spawn(move || {
                for number in 0..25_i64 {
                    let id = 10_000 + thread * 100 + number;
                    store.mutate(insert("skills", &["id"], vec![vec![Some(Value::Integer(id))]])).unwrap();
                }
            });
        }
    });
    assert_eq!(store.count("skills", None).unwrap(), 202);
}

#[test]
fn a_rule_holds_before_and_after() {
    let (_folder, store) = staff();
    let rule = || Condition::compare(Path::column("salary"), Compare::Lt, Value::Integer(25));
    let refused = |mutation: Mutation| {
        let before = all(&store, "employees");
        let error = store.mutate(mutation.rule(rule())).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Forbidden { table: "employees".into() }, "{error}");
        assert_eq!(all(&store, "employees"), before);
    };
    let pay = |salary: i64| Change::Update { values: vec![("salary".to_owned(), Value::Integer(salary))] };
    let row = |id: i64, salary: Option<i64>| {
        let salary = salary.map_or(Value::Null, Value::Integer);
        insert(
            "employees",
            &["id", "name", "salary"],
            vec![vec![Some(Value::Integer(id)), Some(text("E")), Some(salary)]],
        )
    };
    let merged = |mutation: Mutation| {
        let Change::Insert { columns, rows, .. } = mutation.change().clone() else { unreachable!() };
        let on_conflict = Some(OnConflict { columns: vec![], merge: true });
        Mutation::new("employees", Change::Insert { columns, rows, on_conflict })
    };
    // What is inserted, what becomes of a row, and what is unknown.
    refused(row(50, Some(25)));
    refused(row(50, None));
    refused(Mutation::new("employees", pay(30)).filter(is("id", 1)));
    // Rows that were not so before are not touched, or refuse to be merged into.
    let others = store.mutate(Mutation::new("employees", pay(1)).rule(rule())).unwrap();
    assert_eq!(others.affected, 2);
    assert_eq!(
        store.mutate(Mutation::new("employees", Change::Delete).filter(is("id", 3)).rule(rule())).unwrap().affected,
        0
    );
    refused(merged(row(3, Some(5))));
    refused(merged(row(1, Some(99))));
    assert_eq!(store.mutate(merged(row(1, Some(2))).rule(rule())).unwrap().created, 0);
    assert_eq!(store.mutate(merged(row(60, Some(2))).rule(rule())).unwrap().created, 1);
}

#[test]
fn stamps_are_set_and_columns_are_kept() {
    let (_folder, store) = staff();
    let update = |values: Vec<(&str, Value)>| {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Mutation::new("employees", Change::Update { values })
            .filter(is("id", 1))
            .stamps([("department_id", Stamp::Next)])
    };
    store.mutate(update(vec![("name", text("A"))])).unwrap();
    store.mutate(update(vec![("name", text("B")), ("department_id", Value::Integer(77))])).unwrap();
    let departments =
        |store: &Store| store.read_rows(&Select::new("employees").column("department_id").limit(1)).unwrap().rows;
    assert_eq!(departments(&store), [[Value::Integer(3)]]);
    // Which no department has: the change is refused whole.
    assert!(store.mutate(update(vec![("name", text("C"))])).is_err());

    let row = vec![Some(Value::Integer(1)), Some(text("M")), Some(Value::Integer(2))];
    let on_conflict = Some(OnConflict { columns: vec![], merge: true });
    let columns = vec!["id".to_owned(), "name".to_owned(), "department_id".to_owned()];
    let merge = Mutation::new("employees", Change::Insert { columns, rows: vec![row], on_conflict });
    let shown = Document::new("employees").field(Field::column("name")).field(Field::column("department_id"));
    let merged = store.mutate(merge.kept(["department_id"]).returning(shown)).unwrap();
    assert_eq!(body(merged.returned), r#"[{"name":"M","department_id":3}]"#);
}

#[test]
fn what_is_not_seen_is_not_told() {
    let (_folder, store) = staff();
    let shown = ["id", "name"];
    let page = Document::new("departments").field(Field::column("id")).field(Field::column("name")).filter(is("id", 1));
    let object = store.read_document(&page, taipan_store::document::Form::Json, Count::None).unwrap().body;
    let seen = row_tag(&object[1..object.len() - 1]);
    let rename = Change::Update { values: vec![("name".to_owned(), text("New"))] };
    let outcome = store
        .mutate(
            Mutation::new("departments", rename).filter(is("id", 1)).seen(shown).tag(Tag::OneOf(vec![seen])).observed(),
        )
        .unwrap();
    assert_eq!(outcome.observed.unwrap(), br#"[{"id":1,"name":"New"}]"#);
}
