//! `/api` beyond one table's columns: related tables, JSON, casts, aggregates, further operators and forms.

use serde_json::{Value, json};
use taipan::{Project, ProjectOptions};
use taipan_server::{Options, Who};
use taipan_web::Client;
use tempfile::TempDir;

pub(crate) const TABLES: &str = r#"
CREATE TABLE departments (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, open BOOLEAN);
CREATE TABLE employees (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, salary REAL CHECK (salary >= 0), data JSON, version INTEGER DEFAULT 1,
  department_id INTEGER REFERENCES departments (id), manager_id INTEGER REFERENCES employees (id)
);
CREATE TABLE skills (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE employee_skills (
  employee_id INTEGER REFERENCES employees, skill_id INTEGER REFERENCES skills, PRIMARY KEY (employee_id, skill_id)
) WITHOUT ROWID;
CREATE TABLE cards (code TEXT PRIMARY KEY, employee_id INTEGER UNIQUE REFERENCES employees (id));
CREATE VIEW names AS SELECT name FROM employees;
INSERT INTO departments VALUES (1, 'Research', 1), (2, 'Sales', 0), (3, 'Empty', NULL);
INSERT INTO employees (id, name, salary, data, department_id, manager_id) VALUES
  (1, 'Ada', 10.5, '{"a": {"b": [1, "x", true]}, "n": 5}', 1, NULL), (2, 'Bob', 20, '{"n": 7}', 1, 1),
  (3, 'Cy', 30, NULL, 2, 1), (4, 'Di', NULL, NULL, NULL, 2);
INSERT INTO skills VALUES (1, 'rust'), (2, 'sql');
INSERT INTO employee_skills VALUES (1, 1), (1, 2), (2, 2);
INSERT INTO cards VALUES ('x', 2);
"#;

/// An application over a database with relations, which everybody may write.
pub(crate) struct Staff {
    pub(crate) client: Client,
    pub(crate) project: Project,
    _folder: TempDir,
}

pub(crate) fn staff() -> Staff {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("taipan.toml"), "[app]\nname = \"staff\"\ndatabase = \"sqlite:staff.db\"\n")
        .expect("a file");
    let connection = rusqlite::Connection::open(folder.path().join("staff.db")).expect("a database");
    connection.execute_batch(TABLES).expect("tables");
    drop(connection);
    let project = Project::open(&ProjectOptions::new([folder.path().to_owned()])).expect("a project");
    let options = Options::new().write(Who::Everybody);
    let client = Client::new(taipan_server::app_with(project.clone(), options));
    Staff { client, project, _folder: folder }
}

#[tokio::test]
async fn related_rows_filters_and_orders() {
    let site = staff();
    let cases: &[(&str, Value)] = &[
        (
            "employees?select=name,departments(name)&id=lt.3",
            json!([
                { "name": "Ada", "departments": { "name": "Research" } }, { "name": "Bob", "departments": { "name": "Research" } },
            ]),
        ),
        ("employees?select=name,d:department_id(name)&id=eq.4", json!([{ "name": "Di", "d": null }])),
        (
            "departments?select=name,employees(name)&employees.salary=gt.15&id=lt.3",
            json!([
                { "name": "Research", "employees": [{ "name": "Bob" }] }, { "name": "Sales", "employees": [{ "name": "Cy" }] },
            ]),
        ),
        (
            "departments?select=name,employees(name)&employees.order=name.desc&employees.limit=1&id=eq.1",
            json!([
                { "name": "Research", "employees": [{ "name": "Bob" }] },
            ]),
        ),
        (
            "departments?select=name,employees!inner(name)&employees.name=eq.Cy",
            json!([
                { "name": "Sales", "employees": [{ "name": "Cy" }] },
            ]),
        ),
        ("departments?select=name,employees()&employees=is.null", json!([{ "name": "Empty" }])),
        (
            "departments?select=name,employees()&employees=not.is.null&order=name",
            json!([
                { "name": "Research" }, { "name": "Sales" },
            ]),
        ),
        (
            "departments?select=name,employees()&or=(employees.is.null,name.eq.Sales)",
            json!([
                { "name": "Sales" }, { "name": "Empty" },
            ]),
        ),
        (
            "employees?select=name,skills(name)&skills.order=name.desc&id=eq.1",
            json!([
                { "name": "Ada", "skills": [{ "name": "sql" }, { "name": "rust" }] },
            ]),
        ),
        (
            "employees?select=name,cards(code)&id=in.(1,2)",
            json!([
                { "name": "Ada", "cards": null }, { "name": "Bob", "cards": { "code": "x" } },
            ]),
        ),
        ("employees?select=name,boss:manager_id(name)&id=eq.2", json!([{ "name": "Bob", "boss": { "name": "Ada" } }])),
        (
            "employees?select=name,...departments(team:name)&order=departments(name).desc,name&id=gt.1",
            json!([
                { "name": "Di", "team": null }, { "name": "Cy", "team": "Sales" }, { "name": "Bob", "team": "Research" },
            ]),
        ),
        (
            "departments?select=name,employees(name,skills(name))&id=eq.1&employees.skills.name=eq.rust",
            json!([
                { "name": "Research", "employees": [
                    { "name": "Ada", "skills": [{ "name": "rust" }] }, { "name": "Bob", "skills": [] },
                ] },
            ]),
        ),
        (
            "departments?select=id,employees(*)&id=eq.2",
            json!([{ "id": 2, "employees": [{
            "id": 3, "name": "Cy", "salary": 30, "data": null, "version": 1, "department_id": 2, "manager_id": 1,
        }] }]),
        ),
        (
            "departments?select=name,employees(count())&order=id",
            json!([
                { "name": "Research", "employees": [{ "count": 2 }] }, { "name": "Sales", "employees": [{ "count": 1 }] },
                { "name": "Empty", "employees": [{ "count": 0 }] },
            ]),
        ),
    ];
    for (path, expected) in cases {
        let answer = site.client.get(&format!("/api/{path}")).await.assert_status(200);
        assert_eq!(&answer.json(), expected, "{path}");
    }
}

#[tokio::test]
async fn parts_of_json_casts_aggregates_and_operators() {
    let site = staff();
    let cases: &[(&str, Value)] = &[
        ("employees?select=data->a->b->0,x:data->a->b->>1,data->>n&id=eq.1", json!([{ "b": 1, "x": "x", "n": "5" }])),
        ("employees?select=id&data->>n=eq.7", json!([{ "id": 2 }])),
        ("employees?select=id&data->n=gt.5", json!([{ "id": 2 }])),
        ("employees?select=id&order=data->>n.desc.nullslast&limit=1", json!([{ "id": 2 }])),
        ("employees?select=salary::text,n:id::float&id=eq.1", json!([{ "salary": "10.5", "n": 1 }])),
        (
            "employees?select=count(),salary.avg(),top:salary.max()",
            json!([{ "count": 4, "avg": 20.166_666_666_666_668, "top": 30 }]),
        ),
        (
            "employees?select=department_id,salary.sum()::int&order=department_id",
            json!([
                { "department_id": 1, "sum": 30 }, { "department_id": 2, "sum": 30 }, { "department_id": null, "sum": null },
            ]),
        ),
        ("employees?select=id&name=match.^[AB]", json!([{ "id": 1 }, { "id": 2 }])),
        ("employees?select=id&name=imatch.^a", json!([{ "id": 1 }])),
        ("employees?select=id&department_id=isdistinct.1", json!([{ "id": 3 }, { "id": 4 }])),
        ("employees?select=id&name=like(any).{A*,D*}", json!([{ "id": 1 }, { "id": 4 }])),
        ("employees?select=id&name=ilike(all).{*a*,*d*}", json!([{ "id": 1 }])),
        ("employees?select=id&id=eq(any).{2,3}", json!([{ "id": 2 }, { "id": 3 }])),
        ("employees?select=id&or=(name.match.^A,id.gt(all).{2,3})", json!([{ "id": 1 }, { "id": 4 }])),
    ];
    for (path, expected) in cases {
        let path = path.replace('{', "%7B").replace('}', "%7D").replace('^', "%5E").replace('>', "%3E");
        let path = path.replace('[', "%5B").replace(']', "%5D");
        let answer = site.client.get(&format!("/api/{path}")).await.assert_status(200);
        assert_eq!(&answer.json(), expected, "{path}");
    }
}

#[tokio::test]
async fn further_forms() {
    let site = staff();
    let get = |query: &str, accept: &'static str| {
        site.client.get(&format!("/api/departments?{query}")).header("accept", accept)
    };
    let stripped = get("select=id,open", "application/vnd.pgrst.array+json;nulls=stripped").await.assert_status(200);
    assert_eq!(stripped.json(), json!([{ "id": 1, "open": true }, { "id": 2, "open": false }, { "id": 3 }]));
    let lines = get("select=id&limit=2", "application/x-ndjson").await.assert_status(200);
    assert_eq!(lines.text(), "{\"id\":1}\n{\"id\":2}\n");
    let csv = get("select=id,employees(name)&id=eq.2", "text/csv").await.assert_status(200);
    assert_eq!(csv.text(), "id,employees\n2,\"[{\"\"name\"\":\"\"Cy\"\"}]\"\n");
    let nested = get("select=id,employees(name)", "application/vnd.apache.arrow.stream").await.assert_status(406);
    assert_eq!(nested.json()["code"], "PGRST107");

    let arrow = get("select=id,name&id=gt.1", "application/vnd.apache.arrow.stream").await.assert_status(200);
    assert_eq!(arrow.header("content-range"), Some("0-1/*"));
    let reader = arrow_ipc::reader::StreamReader::try_new(arrow.bytes(), None).expect("a stream");
    let batches: Vec<_> = reader.collect::<Result<_, _>>().expect("batches");
    assert_eq!(batches.iter().map(|batch| (batch.num_rows(), batch.num_columns())).collect::<Vec<_>>(), [(2, 2)]);

    let count =
        site.client.get("/api/departments?select=name,employees!inner(id)&limit=1").header("prefer", "count=exact");
    assert_eq!(count.await.assert_status(206).header("content-range"), Some("0-0/2"));
}

#[tokio::test]
async fn wrong_relations_are_told() {
    let site = staff();
    for (path, status, code) in [
        ("employees?select=cities(name)", 400, "PGRST200"),
        ("employees?select=employees(name)", 300, "PGRST201"),
        ("employees?select=name,departments!nothing(name)", 400, "PGRST200"),
        ("departments?select=...employees(name)", 400, "PGRST119"),
        ("departments?select=name,employees(name)&order=employees(name)", 400, "PGRST118"),
        ("departments?select=name&order=employees(name)", 400, "PGRST108"),
        ("departments?select=name&employees.name=eq.x", 400, "PGRST108"),
        ("departments?select=name,employees(name)&employees=eq.x", 400, "PGRST120"),
        ("departments?select=name,employees(nothing)", 400, "42703"),
        ("departments?select=name::money", 400, "42704"),
        ("departments?select=name::int", 400, "22P02"),
        ("departments?select=name&name=match.(", 400, "22P02"),
        ("departments?name=fts.x", 404, "42883"),
        ("departments?id->a=eq.1", 404, "42883"),
    ] {
        let path = path.replace('>', "%3E");
        let answer = site.client.get(&format!("/api/{path}")).await.assert_status(status);
        assert_eq!(answer.json()["code"], code, "{path}: {}", answer.text());
    }
    let told = site.client.get("/api/employees?select=employees(name)").await.json();
    assert!(told["hint"].as_str().is_some_and(|hint| hint.contains("employees_manager_id_fkey")), "{told}");
}
