//! Tables of classes: made by `taipan serve` and `taipan migrate`, on SQLite and on the PostgreSQL server under test.

mod support;

use serde_json::{Value, json};
use support::{Database, Workplace};

const APP: &str = "\
[class.Employee]
metaclass = 'Resource'
table = 'staff'
fields.name = { type = 'text', required = true }
fields.salary = { type = 'integer', default = 10, check = 'salary >= 0' }
read = 'public'
";

/// A folder with an app file and nothing else to do.
fn workplace(database: &Database, app: &str) -> Workplace {
    let place = Workplace::empty();
    write(&place, database, app);
    place
}

fn write(place: &Workplace, database: &Database, app: &str) {
    place.write("taipan.toml", format!("[app]\ndatabase = '{}'\n{app}", database.url()));
}

#[test]
fn a_plan_is_shown_and_taken_once() {
    for database in Database::each() {
        let place = workplace(&database, APP);
        let plan = place.run(&["migrate", ".", "--plan"]);
        assert_eq!(plan.code, 0, "{}", plan.stderr);
        assert!(
            plan.stdout.starts_with("create table \"staff\"\n    CREATE TABLE \"staff\" (\"id\" "),
            "{}",
            plan.stdout
        );
        assert!(plan.stderr.ends_with(": 1 step to do, nothing was changed\n"), "{}", plan.stderr);
        if let Some(file) = database.file() {
            assert!(!place.path(file).exists(), "a plan makes no database");
        }
        let again: Value =
            serde_json::from_str(&place.ok(&["migrate", ".", "--plan", "--format", "json"])).expect("JSON");
        assert_eq!((&again[0]["step"], &again[0]["loses"]), (&json!("create table \"staff\""), &json!(null)));

        let done = place.run(&["migrate", "."]);
        assert_eq!((done.code, &*done.stdout), (0, "create table \"staff\"\n"), "{}", done.stderr);
        assert!(done.stderr.ends_with(": 1 step done\n"), "{}", done.stderr);
        let nothing = place.run(&["migrate", "taipan.toml"]);
        assert_eq!((nothing.code, &*nothing.stdout), (0, ""));
        assert!(nothing.stderr.ends_with(": the tables are as declared\n"), "{}", nothing.stderr);
    }
}

#[test]
fn what_would_be_lost_must_be_named() {
    for database in Database::each() {
        let place = workplace(&database, APP);
        place.ok(&["migrate", "."]);
        let less = APP.replace("fields.salary", "fields.bonus");
        write(&place, &database, &less.replace("salary", "bonus"));
        for command in ["migrate", "serve"] {
            let refused = place.run(&[command, "."]);
            assert_eq!((refused.code, &*refused.stdout), (1, ""), "{}", refused.stderr);
            let expected = "the migration would lose data and is refused unless it is allowed by name: staff.salary\n\
                            hint: 'taipan migrate . --plan' shows it, '--allow staff.salary' instead of --plan does it\n";
            assert!(refused.stderr.ends_with(expected), "{}", refused.stderr);
        }
        let plan = place.ok(&["migrate", ".", "--plan"]);
        assert!(plan.contains("drop field \"salary\" of \"staff\"  -- LOSES DATA: allow \"staff.salary\""), "{plan}");
        let other = place.run(&["migrate", ".", "--allow", "staff.name"]);
        assert_eq!(other.code, 1, "{}", other.stdout);
        let done = place.ok(&["migrate", ".", "--allow", "staff.salary"]);
        assert!(done.contains("drop field \"salary\" of \"staff\""), "{done}");
        assert_eq!(place.run(&["migrate", "."]).stdout, "");

        // A class that is gone takes its table along only where that is allowed.
        write(&place, &database, "");
        let refused = place.run(&["migrate", "."]);
        assert!(refused.stderr.contains("allowed by name: staff\n"), "{}", refused.stderr);
        assert_eq!(place.ok(&["migrate", ".", "--allow", "staff"]), "drop table \"staff\"\n");
        let nothing = place.run(&["migrate", "."]);
        assert_eq!(nothing.code, 1);
        assert_eq!(nothing.stderr, "error: .: no classes, and so no tables to make\n");
    }
}

#[test]
fn tables_of_classes_are_served() {
    for database in Database::each() {
        let place = workplace(&database, APP);
        let server = place.serve(&["."]);
        assert!(server.said.iter().any(|line| line == "migrated     create table \"staff\""), "{:#?}", server.said);
        assert_eq!(server.get("/api/staff").json(), json!([]));
        assert_eq!(server.get("/admin/tables/staff").status, 200);
        let paths = server.get("/openapi.json").json();
        assert!(paths["paths"]["/api/staff"]["get"].is_object(), "{paths}");
        assert_eq!(server.interrupt(), 0);

        // What can be added without loss is added at the next start.
        write(&place, &database, &format!("{APP}fields.note = {{ type = 'text' }}\n"));
        let server = place.serve(&["."]);
        let step = "migrated     add field \"note\" to \"staff\"";
        assert!(server.said.iter().any(|line| line == step), "{:#?}", server.said);
        assert_eq!(server.get("/api/staff?select=note").json(), json!([]));
    }
}

#[test]
fn files_are_imported_and_served_from_each_database() {
    for database in Database::each() {
        let place = Workplace::new();
        let server = place.serve(&[".", "--db", database.url()]);
        let said = |start: &str| server.said.iter().any(|line| line.starts_with(start));
        assert!(said("employees        1,000 rows  imported in"), "{:#?}", server.said);
        let top =
            server.get("/api/employees?salary=gt.100000&order=salary.desc,id&limit=10&select=id,name,salary").json();
        assert_eq!(top.as_array().map(Vec::len), Some(10));
        let days = server.get("/api/tips?select=day,count()&order=day").json();
        assert_eq!(days[0], json!({ "day": "Fri", "count": 19 }));
        let asked = server.send(
            "POST",
            "/models/prices/predict",
            &[("content-type", "application/json")],
            Some("[{\"Area\": 3300}]"),
        );
        assert_eq!(asked.status, 200, "{}", asked.body);
        assert_eq!(server.get("/plots/tips.svg").status, 200);
        assert_eq!(server.get("/admin/tables/tips").status, 200);
        let sql = server.get("/admin/sql?q=SELECT%20count%28*%29%20FROM%20tips");
        assert!(sql.status == 200 && sql.body.contains("244"), "{}", sql.body);
        assert_eq!(server.interrupt(), 0);

        let again = place.serve(&[".", "--db", database.url()]);
        assert!(
            again.said.iter().any(|line| line.starts_with("tips  ") && line.ends_with("unchanged")),
            "{:#?}",
            again.said
        );
        assert_eq!(again.interrupt(), 0);
        // Another command reads the same tables.
        let counted = place.ok(&["query", "SELECT count(*) AS n FROM tips", "--db", database.url(), "--format", "csv"]);
        assert_eq!(counted, "n\n244\n");
    }
}
