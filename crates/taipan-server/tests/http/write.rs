//! `/api`: writes, what they answer, and what a wrong one is told.

use serde_json::{Value, json};
use taipan_web::{Answer, Call, Method};

use crate::related::{Staff, staff};

const REPRESENTATION: &str = "return=representation";

impl Staff {
    fn send(&self, method: Method, path: &str, prefer: &str, body: &Value) -> Call<'_> {
        let call = self.client.request(method, &format!("/api/{path}")).header("prefer", prefer);
        call.header("content-type", "application/json").body(body.to_string())
    }

    async fn rows(&self, path: &str) -> Value {
        self.client.get(&format!("/api/{path}")).await.assert_status(200).json()
    }
}

fn code(answer: &Answer) -> String {
    answer.json()["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn rows_are_inserted() {
    let site = staff();
    let minimal = site.send(Method::POST, "skills", "", &json!({ "name": "go" })).await.assert_status(201);
    assert!(minimal.bytes().is_empty());
    assert_eq!(minimal.header("content-range"), Some("*/*"));

    let headers = site.send(Method::POST, "skills", "return=headers-only", &json!({ "id": 9, "name": "c" })).await;
    assert_eq!(headers.assert_status(201).header("location"), Some("/skills?id=eq.9"));

    let body = json!([{ "name": "Eve", "department_id": 1, "data": { "n": [1] } }, { "name": "Fay", "department_id": null, "data": "text" }]);
    let path = "employees?select=name,data,version,departments(name)";
    let full = site.send(Method::POST, path, "return=representation,count=exact", &body).await.assert_status(201);
    assert_eq!(
        full.json(),
        json!([
            { "name": "Eve", "data": { "n": [1] }, "version": 1, "departments": { "name": "Research" } },
            { "name": "Fay", "data": "text", "version": 1, "departments": null },
        ])
    );
    assert_eq!(full.header("content-range"), Some("*/2"));
    assert_eq!(full.header("preference-applied"), Some("return=representation, count=exact"));

    let one = site.send(Method::POST, "skills", REPRESENTATION, &json!([{ "id": 20, "name": "x" }]));
    let one = one.header("accept", "application/vnd.pgrst.object+json").await.assert_status(201);
    assert_eq!(one.json(), json!({ "id": 20, "name": "x" }));

    let csv = "id,name\n30,\"a,b\"\n31,NULL\n32,\"\"\n";
    let answer = site.client.post("/api/skills", "text/csv", csv).header("prefer", REPRESENTATION).await;
    assert_eq!(
        answer.assert_status(201).json(),
        json!([{ "id": 30, "name": "a,b" }, { "id": 31, "name": null }, { "id": 32, "name": "" }])
    );
    let none = site.send(Method::POST, "skills", REPRESENTATION, &json!([])).await.assert_status(201);
    assert_eq!(none.json(), json!([]));
    let picked = json!([{ "id": 40, "name": "x", "other": 1 }]);
    let picked = site.send(Method::POST, "skills?columns=id", REPRESENTATION, &picked).await.assert_status(201);
    assert_eq!(picked.json(), json!([{ "id": 40, "name": null }]));
    let missing = json!([{ "name": "G", "version": 5 }, { "name": "H" }]);
    let path = "employees?select=name,version&columns=name,version";
    let missing = site.send(Method::POST, path, "return=representation,missing=default", &missing).await;
    assert_eq!(
        missing.assert_status(201).json(),
        json!([{ "name": "G", "version": 5 }, { "name": "H", "version": 1 }])
    );
}

#[tokio::test]
async fn rows_are_merged_or_ignored() {
    let site = staff();
    let body = json!([{ "id": 1, "name": "Rust" }, { "id": 7, "name": "new" }]);
    let ignore = site.send(Method::POST, "skills", "resolution=ignore-duplicates,return=representation", &body).await;
    assert_eq!(ignore.assert_status(201).json(), json!([{ "id": 7, "name": "new" }]));
    let merge = site.send(Method::POST, "skills", "resolution=merge-duplicates,return=representation", &body).await;
    assert_eq!(merge.assert_status(200).json(), body);
    let by_name = json!([{ "name": "Sales", "open": true }]);
    let path = "departments?on_conflict=name&select=id,open";
    let merge = site.send(Method::POST, path, "resolution=merge-duplicates,return=representation", &by_name).await;
    assert_eq!(merge.assert_status(200).json(), json!([{ "id": 2, "open": true }]));
    let wrong = site.send(Method::POST, "departments?on_conflict=open", "resolution=merge-duplicates", &by_name).await;
    assert_eq!(code(&wrong.assert_status(400)), "42P10");

    let put = |path: &str, body: Value| site.send(Method::PUT, path, REPRESENTATION, &body);
    let created = put("skills?id=eq.50", json!({ "id": 50, "name": "z" })).await.assert_status(201);
    assert_eq!(created.json(), json!([{ "id": 50, "name": "z" }]));
    put("skills?id=eq.50", json!({ "id": 50, "name": "y" })).await.assert_status(200).json();
    assert_eq!(code(&put("skills?id=eq.50", json!({ "id": 51 })).await.assert_status(400)), "PGRST115");
    assert_eq!(code(&put("skills?name=eq.y", json!({ "id": 50 })).await.assert_status(405)), "PGRST105");
}

#[tokio::test]
async fn rows_are_changed_and_removed() {
    let site = staff();
    let raise = json!({ "salary": 99 });
    let quiet =
        site.send(Method::PATCH, "employees?department_id=eq.1", "count=exact", &raise).await.assert_status(204);
    assert_eq!(quiet.header("content-range"), Some("0-1/2"));
    let full = site.send(Method::PATCH, "employees?id=eq.3&select=name,salary", REPRESENTATION, &raise).await;
    assert_eq!(full.assert_status(200).json(), json!([{ "name": "Cy", "salary": 99 }]));
    let none = site.send(Method::PATCH, "employees?id=eq.77", REPRESENTATION, &raise).await.assert_status(200);
    assert_eq!(none.json(), json!([]));
    let strict = "handling=strict,max-affected=1";
    let many = site.send(Method::PATCH, "employees?id=gt.0", strict, &json!({ "salary": 1 })).await.assert_status(400);
    assert_eq!(code(&many), "PGRST124");
    let single = site.send(Method::PATCH, "employees?id=gt.0", REPRESENTATION, &json!({ "salary": 1 }));
    let single = single.header("accept", "application/vnd.pgrst.object+json").await.assert_status(406);
    assert_eq!(code(&single), "PGRST116");
    let undone = site.send(
        Method::PATCH,
        "employees?id=eq.1&select=salary",
        "tx=rollback,return=representation",
        &json!({ "salary": 2 }),
    );
    assert_eq!(undone.await.assert_status(200).json(), json!([{ "salary": 2 }]));
    assert_eq!(site.rows("employees?select=salary&salary=lt.99").await, json!([]), "nothing of these was done");
    assert_eq!(code(&site.send(Method::PATCH, "employees?limit=1", "", &raise).await.assert_status(400)), "PGRST100");

    let gone = site.send(Method::DELETE, "employees?id=eq.4&select=name", REPRESENTATION, &Value::Null).await;
    assert_eq!(gone.assert_status(200).json(), json!([{ "name": "Di" }]));
    let rest = site.send(Method::DELETE, "employee_skills?employee_id=eq.1", "count=exact", &Value::Null).await;
    assert_eq!(rest.assert_status(204).header("content-range"), Some("*/2"));
    assert_eq!(site.rows("employee_skills").await, json!([{ "employee_id": 2, "skill_id": 2 }]));
}

#[tokio::test]
async fn an_update_of_what_has_changed_is_refused() {
    let site = staff();
    let read = site.client.get("/api/skills?id=eq.1").header("accept", "application/vnd.pgrst.object+json").await;
    let tag = read.header("etag").expect("an ETag").to_owned();
    let rename = |name: &str, tag: &str| {
        let call = site.send(Method::PATCH, "skills?id=eq.1", REPRESENTATION, &json!({ "name": name }));
        call.header("accept", "application/vnd.pgrst.object+json").header("if-match", tag)
    };
    let first = rename("one", &tag).await.assert_status(200);
    assert_eq!(code(&rename("two", &tag).await.assert_status(412)), "412");
    assert_eq!(site.rows("skills?id=eq.1").await, json!([{ "id": 1, "name": "one" }]));
    let next = first.header("etag").expect("an ETag").to_owned();
    let _ = rename("three", &next).await.assert_status(200);
    let gone = site.send(Method::DELETE, "skills?id=eq.77", "", &Value::Null).header("if-match", "*").await;
    assert_eq!(code(&gone.assert_status(412)), "412");
}

#[tokio::test]
async fn wrong_writes_change_nothing_and_say_why() {
    let site = staff();
    let before = site.rows("employees").await;
    let cases = [
        (Method::POST, "employees", json!([{ "name": "E" }, { "salary": 1 }]), 400, "PGRST102"),
        (Method::POST, "employees", json!({ "nane": "E" }), 400, "PGRST204"),
        (Method::POST, "employees", json!({ "salary": 1 }), 400, "23502"),
        (Method::POST, "employees", json!({ "name": "E", "salary": -1 }), 400, "23514"),
        (Method::POST, "employees", json!({ "name": "E", "department_id": 77 }), 409, "23503"),
        (Method::POST, "employees", json!([{ "id": 9, "name": "E" }, { "id": 1, "name": "F" }]), 409, "23505"),
        (Method::POST, "employees", json!({ "name": "E", "salary": "much" }), 400, "22P02"),
        (Method::POST, "employees", json!({ "name": "E", "id": 1.5 }), 400, "22P02"),
        (Method::POST, "employees", json!(5), 400, "PGRST102"),
        (Method::PATCH, "employees?id=eq.1", json!([{ "name": "a" }, { "name": "b" }]), 400, "PGRST102"),
        (Method::DELETE, "departments?id=eq.1", json!(null), 409, "23503"),
        (Method::POST, "names", json!({ "name": "E" }), 405, "PGRST117"),
        (Method::POST, "nothing", json!({ "name": "E" }), 404, "PGRST205"),
    ];
    for (method, path, body, status, expected) in cases {
        let answer = site.send(method.clone(), path, "", &body).await.assert_status(status);
        assert_eq!(code(&answer), expected, "{method} {path} {body}: {}", answer.text());
        let text = answer.text();
        assert!(!text.contains("INSERT") && !text.contains("staff.db") && !text.contains("salary >="), "{text}");
    }
    let form = site.client.post("/api/employees", "application/x-www-form-urlencoded", "name=E").await;
    assert_eq!(code(&form.assert_status(415)), "PGRST102", "what a foreign page may send is not taken");
    assert_eq!(site.rows("employees").await, before);
    assert_eq!(site.project.tables().expect("tables").len(), 6);
}
