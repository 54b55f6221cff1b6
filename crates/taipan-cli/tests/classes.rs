//! Classes of the app file: listed with their orders and the origins of their fields, checked with line and column.

mod support;

use serde_json::{Value, json};
use support::Workplace;

const APP: &str = "\
[class.Employee]
bases = ['Versioned', 'Timestamped']
metaclass = 'Resource'
table = 'staff'
fields.name = { type = 'text', required = true, index = true }
fields.salary = { type = 'integer', check = 'salary >= 0' }
read = 'public'

[class.Badge]
metaclass = 'Resource'
fields.employee = { type = 'integer', references = 'Employee', on_delete = 'cascade' }
";

#[test]
fn classes_are_listed_with_orders_and_origins() {
    let place = Workplace::new();
    place.write("app.toml", APP);
    let expected = "\
Employee (table staff, read public, write staff)
  order: Employee, Versioned, Timestamped, object
  id          integer    Employee     primary key
  name        text       Employee     required, indexed
  salary      integer    Employee     check salary >= 0
  version     integer    Versioned    required, default 1
  created_at  timestamp  Timestamped  required, default now
  updated_at  timestamp  Timestamped  required, default now

Badge (table badge, read as other tables, write staff)
  order: Badge, object
  id        integer  Badge  primary key
  employee  integer  Badge  refers to Employee
";
    assert_eq!(place.ok(&["classes", "app.toml"]), expected);
    assert_eq!(place.ok(&["classes", "app.toml", "--format", "table"]), expected);
    let found: Value = serde_json::from_str(&place.ok(&["classes", "app.toml", "--format", "json"])).expect("JSON");
    assert_eq!(found[0]["order"], json!(["Employee", "Versioned", "Timestamped", "object"]));
    assert_eq!(found[0]["fields"][3]["from"], "Versioned");
    assert_eq!(found[1]["fields"][1]["references"], "Employee");
    assert_eq!(place.ok(&["classes", "taipan.toml"]), "");
}

#[test]
fn faults_of_classes_are_found_by_check() {
    let place = Workplace::new();
    place.write("app.toml", APP);
    let ran = place.run(&["check", "app.toml"]);
    assert_eq!((ran.code, &*ran.stderr), (0, "app.toml: ok, 0 sources, 0 models, 0 plots, 2 classes\n"));
    place.write("bad.toml", APP.replace("'Timestamped'", "'Versioned'"));
    for command in ["check", "classes"] {
        let ran = place.run(&[command, "bad.toml"]);
        assert_eq!((ran.code, &*ran.stdout), (1, ""));
        assert!(ran.stderr.contains("bad.toml:2:9: class Employee: duplicate base class Versioned"), "{}", ran.stderr);
    }
}
