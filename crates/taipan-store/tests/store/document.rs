//! Documents: related tables, JSON, aggregates, casts, and what is refused.

use std::ops::ControlFlow;

use rusqlite::Connection;
use taipan_store::document::{Aggregate, Condition, Document, Embed, Field, Form, Path, Relation, Sort, Step, Through};
use taipan_store::{Compare, Count, ErrorKind, Is, Kind, Part, Store, StreamOptions, Value};
use tempfile::TempDir;

use crate::foreign::database;

pub(crate) const STAFF: &str = r#"
CREATE TABLE departments (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, open BOOLEAN);
CREATE TABLE employees (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, salary REAL CHECK (salary >= 0), data JSON,
  department_id INTEGER REFERENCES departments (id)
);
CREATE TABLE skills (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE employee_skills (
  employee_id INTEGER REFERENCES employees, skill_id INTEGER REFERENCES skills, PRIMARY KEY (employee_id, skill_id)
) WITHOUT ROWID;
INSERT INTO departments VALUES (1, 'Research', 1), (2, 'Sales', 0), (3, 'Empty', NULL);
INSERT INTO employees VALUES
  (1, 'Ada', 10.5, '{"a": {"b": [1, "x", true]}, "n": 5}', 1), (2, 'Bob', 20, '{"n": 7}', 1),
  (3, 'Cy', 30, 'not json', 2), (4, 'Di', NULL, NULL, NULL);
INSERT INTO skills VALUES (1, 'rust'), (2, 'sql');
INSERT INTO employee_skills VALUES (1, 1), (1, 2), (2, 2);
"#;

fn staff() -> (TempDir, Connection, Store) {
    database(STAFF)
}

fn pair(from: &str, to: &str) -> Vec<(String, String)> {
    vec![(from.to_owned(), to.to_owned())]
}

fn embed(name: &str, many: bool, on: Vec<(String, String)>, document: Document) -> Embed {
    let relation = Relation { many, on, through: None };
    Embed { name: name.to_owned(), relation, document, inner: false, spread: false, hidden: false }
}

fn department() -> Embed {
    let document = Document::new("departments").field(Field::column("name"));
    embed("department", false, pair("department_id", "id"), document)
}

fn people() -> Embed {
    let document = Document::new("employees").field(Field::column("name"));
    embed("people", true, pair("id", "department_id"), document)
}

fn named(table: &str, embed: Embed) -> Document {
    Document::new(table).field(Field::column("name")).field(Field::Embed(Box::new(embed)))
}

fn value(path: Path, name: &str) -> Field {
    Field::Value { path, cast: None, aggregate: None, name: name.to_owned() }
}

fn path(column: &str, steps: &[&str], as_text: bool) -> Path {
    let step = |step: &&str| step.parse().map_or_else(|_| Step::Key((*step).to_owned()), Step::Index);
    Path { column: column.to_owned(), steps: steps.iter().map(step).collect(), as_text }
}

fn read(store: &Store, document: &Document) -> String {
    String::from_utf8(store.read_document(document, Form::Json, Count::None).unwrap().body).unwrap()
}

#[test]
fn foreign_keys_are_known() {
    let (_folder, _connection, store) = staff();
    let employees = store.table("employees").unwrap();
    let key = &employees.foreign_keys[0];
    assert_eq!(key.name, "employees_department_id_fkey");
    assert_eq!(
        (key.table.as_str(), &key.columns[0], &key.references[0]),
        ("departments", &"department_id".into(), &"id".into())
    );
    let join = store.table("employee_skills").unwrap();
    // What a key refers to without saying it is the other table's primary key.
    assert!(join.foreign_keys.iter().all(|key| key.references == ["id"]), "{:?}", join.foreign_keys);
    assert_eq!(store.table("departments").unwrap().unique, [["id"], ["name"]]);
}

#[test]
fn related_rows_are_nested() {
    let (_folder, _connection, store) = staff();
    let one = named("employees", department());
    assert_eq!(
        read(&store, &one),
        r#"[{"name":"Ada","department":{"name":"Research"}},{"name":"Bob","department":{"name":"Research"}},{"name":"Cy","department":{"name":"Sales"}},{"name":"Di","department":null}]"#
    );
    let mut inner = named("employees", department());
    let Field::Embed(embed) = &mut inner.fields[1] else { unreachable!() };
    embed.inner = true;
    embed.document.filter = Some(Condition::compare(Path::column("name"), Compare::Eq, Value::Text("Sales".into())));
    assert_eq!(read(&store, &inner), r#"[{"name":"Cy","department":{"name":"Sales"}}]"#);

    let many = named("departments", people());
    assert_eq!(
        read(&store, &many),
        r#"[{"name":"Research","people":[{"name":"Ada"},{"name":"Bob"}]},{"name":"Sales","people":[{"name":"Cy"}]},{"name":"Empty","people":[]}]"#
    );
    let mut last = named("departments", people());
    let Field::Embed(embed) = &mut last.fields[1] else { unreachable!() };
    embed.document.order = vec![Sort { embed: None, path: Path::column("salary"), descending: true, nulls: None }];
    embed.document.limit = Some(1);
    assert!(read(&store, &last).starts_with(r#"[{"name":"Research","people":[{"name":"Bob"}]}"#));

    let skills = Embed {
        relation: Relation {
            many: true,
            on: pair("id", "employee_id"),
            through: Some(Through { table: "employee_skills".into(), on: pair("skill_id", "id") }),
        },
        ..embed_of_skills()
    };
    let through = named("employees", skills).filter(Condition::Related { embed: "skills".into() });
    assert_eq!(
        read(&store, &through),
        r#"[{"name":"Ada","skills":[{"name":"rust"},{"name":"sql"}]},{"name":"Bob","skills":[{"name":"sql"}]}]"#
    );
}

fn embed_of_skills() -> Embed {
    embed("skills", true, Vec::new(), Document::new("skills").field(Field::column("name")))
}

#[test]
fn a_single_related_row_can_be_spread_and_ordered_by() {
    let (_folder, _connection, store) = staff();
    let mut spread = named("employees", department());
    let Field::Embed(embed) = &mut spread.fields[1] else { unreachable!() };
    embed.spread = true;
    let Field::Value { name, .. } = &mut embed.document.fields[0] else { unreachable!() };
    *name = "team".to_owned();
    spread.order = vec![
        Sort { embed: Some("department".into()), path: Path::column("name"), descending: true, nulls: None },
        Sort { embed: None, path: Path::column("name"), descending: true, nulls: None },
    ];
    assert_eq!(
        read(&store, &spread),
        r#"[{"name":"Di","team":null},{"name":"Cy","team":"Sales"},{"name":"Bob","team":"Research"},{"name":"Ada","team":"Research"}]"#
    );
    let mut several = named("departments", people());
    several.order =
        vec![Sort { embed: Some("people".into()), path: Path::column("name"), descending: false, nulls: None }];
    let error = store.read_document(&several, Form::Json, Count::None).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported(_)), "{error}");
}

#[test]
fn json_is_looked_into() {
    let (_folder, _connection, store) = staff();
    let document = Document::new("employees")
        .field(value(path("data", &["a", "b", "-1"], true), "last"))
        .field(value(path("data", &["a", "b"], false), "list"))
        .field(value(path("data", &["n"], true), "n"));
    assert_eq!(
        read(&store, &document),
        r#"[{"last":"true","list":[1,"x",true],"n":"5"},{"last":null,"list":null,"n":"7"},{"last":null,"list":null,"n":null},{"last":null,"list":null,"n":null}]"#
    );
    let by = |condition| read(&store, &Document::new("employees").field(Field::column("id")).filter(condition));
    let text = |text: &str| Value::Text(text.to_owned());
    let n = || path("data", &["n"], false);
    assert_eq!(by(Condition::compare(path("data", &["n"], true), Compare::Eq, text("5"))), r#"[{"id":1}]"#);
    assert_eq!(by(Condition::compare(n(), Compare::Gt, text("5"))), r#"[{"id":2}]"#);
    let list = path("data", &["a", "b"], false);
    assert_eq!(by(Condition::compare(list, Compare::Eq, text(r#"[1, "x", true]"#))), r#"[{"id":1}]"#);
    let salary = Document::new("employees").field(value(path("salary", &["a"], false), "x"));
    assert!(store.read_document(&salary, Form::Json, Count::None).is_err());
}

#[test]
fn groups_casts_and_expressions() {
    let (_folder, _connection, store) = staff();
    let of = |path: &str, aggregate, cast, name: &str| Field::Value {
        path: Path::column(path),
        cast,
        aggregate,
        name: name.to_owned(),
    };
    let grouped = Document::new("employees")
        .field(Field::column("department_id"))
        .field(Field::Count { name: "count".into() })
        .field(of("salary", Some(Aggregate::Avg), None, "avg"));
    let mut ordered = grouped.clone();
    ordered.order = vec![Sort { embed: None, path: Path::column("department_id"), descending: false, nulls: None }];
    assert_eq!(
        read(&store, &ordered),
        r#"[{"department_id":1,"count":2,"avg":15.25},{"department_id":2,"count":1,"avg":30},{"department_id":null,"count":1,"avg":null}]"#
    );
    assert_eq!(store.count_document(&grouped).unwrap(), 3);

    let cast = |column: &str, kind| {
        let document = Document::new("employees").field(of(column, None, Some(kind), "x"));
        store.read_document(&document, Form::Json, Count::None).map(|page| String::from_utf8(page.body).unwrap())
    };
    assert!(cast("salary", Kind::Text).unwrap().starts_with(r#"[{"x":"10.5"},{"x":"20"}"#));
    let refused = cast("name", Kind::Integer).unwrap_err();
    assert_eq!(refused.to_string(), r#""Ada" is not an INTEGER"#);

    let by = |condition| read(&store, &Document::new("employees").field(Field::column("id")).filter(condition));
    let matching = |pattern: &str, case_sensitive| {
        by(Condition::Match { path: Path::column("name"), pattern: pattern.into(), case_sensitive })
    };
    assert_eq!(matching("^a", false), r#"[{"id":1}]"#);
    assert_eq!(matching("^a", true), "[]");
    let distinct = Condition::Distinct { path: Path::column("department_id"), value: Value::Integer(1) };
    assert_eq!(by(distinct), r#"[{"id":3},{"id":4}]"#);
    let not_in = Condition::Not(Box::new(Condition::Is { path: Path::column("salary"), is: Is::Null }));
    assert_eq!(by(not_in), r#"[{"id":1},{"id":2},{"id":3}]"#);
}

#[test]
fn forms_and_chunks() {
    let (_folder, _connection, store) = staff();
    let document = Document::new("departments").field(Field::column("id")).field(Field::column("open"));
    let write = |form| String::from_utf8(store.read_document(&document, form, Count::None).unwrap().body).unwrap();
    assert_eq!(write(Form::Stripped), r#"[{"id":1,"open":true},{"id":2,"open":false},{"id":3}]"#);
    assert_eq!(write(Form::Lines), "{\"id\":1,\"open\":true}\n{\"id\":2,\"open\":false}\n{\"id\":3,\"open\":null}\n");

    let mut body = Vec::new();
    let mut opening = None;
    let options = StreamOptions::default().chunk_bytes(8).count(Count::Exact);
    store
        .stream_document(&document, options, Form::Json, |part| {
            match part {
                Part::Whole(first) | Part::First(first) => {
                    opening = Some((first.rows, first.total));
                    body.extend(first.body);
                }
                Part::Next(bytes) | Part::Last(bytes) => body.extend(bytes),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(opening, Some((3, Some(3))));
    assert_eq!(String::from_utf8(body).unwrap(), read(&store, &document));
    let none = Document::new("departments").filter(Condition::Or(Vec::new()));
    assert_eq!(read(&store, &none), "[]");
}
