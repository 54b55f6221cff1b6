//! Classes become tables: fields merged along the order, faults named with their place.

use taipan_store::Kind;
use taipan_store::resource::{Access, ClassSpec, Classes, FieldSpec, mixins};
use taipan_store::schema::{OnDelete, Preset};

fn resource(name: &str) -> ClassSpec {
    ClassSpec::new(name).metaclass("Resource")
}

fn field(name: &str, kind: Kind) -> FieldSpec {
    FieldSpec::new(name, kind)
}

#[test]
fn fields_are_merged_along_the_order_and_the_nearest_wins() {
    let strict = FieldSpec { check: Some("version > 0".into()), ..field("version", Kind::Integer) };
    let classes = Classes::build(&[
        resource("Employee").base("Person").base("Versioned").base("Timestamped").table("employees").field(strict),
        ClassSpec::new("Person").into_abstract().field(field("name", Kind::Text).required()),
        resource("PersonOfNote").base("Person"),
    ])
    .expect("classes");
    let employee = classes.get("Employee").expect("Employee");
    let fields: Vec<_> = employee.fields.iter().map(|field| format!("{}.{}", field.from, field.spec.name)).collect();
    let expected =
        ["Employee.id", "Employee.version", "Person.name", "Timestamped.created_at", "Timestamped.updated_at"];
    assert_eq!(fields, expected);
    let table = &employee.resource.as_ref().expect("a table").table;
    assert_eq!((&*table.name, &table.primary_key[..]), ("employees", &["id".to_owned()][..]));
    assert_eq!(table.fields[1].check.as_deref(), Some("version > 0"));
    assert_eq!(table.fields[1].preset, None, "the nearer field takes the farther one's place whole");
    assert!(!table.fields[2].nullable && table.fields[3].preset == Some(Preset::Now));
    assert!(classes.get("Person").expect("Person").resource.is_none());
    let names: Vec<_> = classes.tables().into_iter().map(|table| table.name).collect();
    assert_eq!(names, ["employees", "person_of_note"]);
    assert_eq!(classes.of_table("employees").expect("a class").class.name(), "Employee");
}

#[test]
fn references_keys_and_access() {
    let code = FieldSpec { unique: true, ..field("code", Kind::Text) };
    let department = FieldSpec { on_delete: Some(OnDelete::SetNull), ..field("department", Kind::Integer) };
    let classes = Classes::build(&[
        resource("Employee").base("Owned").field(department.references("Department")).access("owner", "staff"),
        resource("Manager")
            .base("Employee")
            .access("salary > 0 AND city = 'Lisbon'", "user")
            .field(field("salary", Kind::Real))
            .field(field("city", Kind::Text)),
        resource("Department").field(code),
    ])
    .expect("classes");
    let employee = classes.get("Employee").and_then(|class| class.resource.clone()).expect("a table");
    let key = &employee.table.foreign_keys[0];
    assert_eq!(
        (&*key.table, &key.references[..], key.on_delete),
        ("department", &["id".to_owned()][..], OnDelete::SetNull)
    );
    assert_eq!((employee.read, employee.write), (Some(Access::Owner), Access::Staff));
    let manager = classes.get("Manager").and_then(|class| class.resource.clone()).expect("a table");
    assert_eq!(manager.read, Some(Access::Rule("salary > 0 AND city = 'Lisbon'".into())));
    assert_eq!(manager.table.foreign_keys.len(), 1);
    let department = classes.get("Department").and_then(|class| class.resource.clone()).expect("a table");
    assert!(department.table.indexes[0].unique);
    assert_eq!((department.read, department.write), (None, Access::Staff));
}

#[test]
fn the_application_may_replace_a_shipped_mixin() {
    let own = ClassSpec::new("Versioned").into_abstract().field(field("revision", Kind::Integer));
    let classes = Classes::build(&[own, resource("A").base("Versioned")]).expect("classes");
    let names: Vec<_> = classes.get("A").expect("A").fields.iter().map(|field| field.spec.name.clone()).collect();
    assert_eq!(names, ["id", "revision"]);
    assert_eq!(mixins().len(), 5);
}

#[test]
fn faults_name_class_field_and_setting() {
    let text = |name: &str| field(name, Kind::Text);
    let cases: Vec<(Vec<ClassSpec>, &str, Option<&str>)> = vec![
        (
            vec![ClassSpec::new("A"), ClassSpec::new("B").base("A"), resource("C").base("A").base("B")],
            "class C: Cannot create a consistent method resolution order (MRO) for bases A, B",
            Some("bases"),
        ),
        (vec![resource("C").base("Owned").base("Owned")], "class C: duplicate base class Owned", Some("bases")),
        (vec![resource("C").base("Version")], "class C: no class 'Version'", Some("bases")),
        (
            vec![ClassSpec::new("A").base("B"), ClassSpec::new("B").base("C"), ClassSpec::new("C").base("A")],
            "class A: the bases of A lead back to it: A → B → C → A",
            Some("bases"),
        ),
        (vec![ClassSpec::new("C").metaclass("Resorce")], "class C: no metaclass 'Resorce'", Some("metaclass")),
        (
            vec![resource("C").base("Versioned").field(text("version"))],
            "class C, field 'version': 'version' is text in C, and integer in Versioned",
            Some("type"),
        ),
        (
            vec![ClassSpec::new("M").into_abstract().field(text("version")), resource("C").base("M").base("Versioned")],
            "class C: 'version' is text in M, and integer in Versioned",
            Some("bases"),
        ),
        (
            vec![resource("C").field(field("n", Kind::Integer).preset(Preset::Text("x".into())))],
            "class C, field 'n': table \"c\", column \"n\": \"x\" is not an INTEGER",
            Some("default"),
        ),
        (
            vec![resource("C").field(FieldSpec { check: Some("(n".into()), ..text("n") })],
            "class C, field 'n': table \"c\": \"(n\" is not one SQL expression",
            Some("check"),
        ),
        (
            vec![resource("C").field(text("id"))],
            "class C, field 'id': no field is the primary key, and 'id' is taken by one that is not",
            None,
        ),
        (
            vec![resource("C").field(text("d").references("D"))],
            "class C, field 'd': 'D' is no class",
            Some("references"),
        ),
        (
            vec![resource("C").field(text("d").references("D")), resource("D")],
            "class C, field 'd': 'd' is text, and D.id is integer",
            Some("references"),
        ),
        (
            vec![resource("C").field(text("d").references("Owned")), ClassSpec::new("Owned").into_abstract()],
            "class C, field 'd': 'Owned' has no table",
            Some("references"),
        ),
        (
            vec![resource("C").field(FieldSpec { on_delete: Some(OnDelete::Cascade), ..text("d") })],
            "class C, field 'd': it refers to nothing that could be deleted",
            Some("on_delete"),
        ),
        (
            vec![resource("C").access("pubic", "staff")],
            "class C: 'pubic' is nobody: public, user, staff, owner, or an SQL condition",
            Some("read"),
        ),
        (vec![resource("C").access("public", "owner")], "class C: there is no field 'owner'", Some("write")),
        (
            vec![resource("C").access("a = 1; DROP TABLE c", "staff")],
            "class C: table \"c\": \"a = 1; DROP TABLE c\" is not one SQL expression",
            Some("read"),
        ),
        (
            vec![resource("C").table("t"), resource("D").table("t")],
            "class D: the table 't' is that of C already",
            Some("table"),
        ),
    ];
    for (specs, message, key) in cases {
        let fault = Classes::build(&specs).expect_err(message);
        assert_eq!(fault.to_string(), message);
        assert_eq!(fault.key, key, "{fault}");
    }
    let fault = Classes::build(&[resource("C").base("Timestampd")]).expect_err("a slip");
    assert_eq!(fault.hint.as_deref(), Some("did you mean 'Timestamped'?"));
    let fault = Classes::build(&[resource("C").access("pubic", "staff")]).expect_err("a slip");
    assert_eq!(fault.hint.as_deref(), Some("did you mean 'public'?"));
}
