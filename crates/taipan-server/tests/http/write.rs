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
    let headers = headers.assert_status(201);
    assert_eq!(headers.header("location"), Some("/api/skills?id=eq.9"), "where it can be read");
    let row = site.client.get(headers.header("location").unwrap_or_default()).await.assert_status(200);
    assert_eq!(row.json(), json!([{ "id": 9, "name": "c" }]));

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
async fn changed_rows_are_told_in_every_form() {
    let site = staff();
    let object = "application/vnd.pgrst.object+json;nulls=stripped";
    let array = "application/vnd.pgrst.array+json;nulls=stripped";
    let (post, put, patch, delete) = (Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
    let row = |id: u64| json!({ "id": id, "name": null });
    let cases = [
        (post.clone(), "skills", row(60), "text/csv", 201, "id,name\n60,\n"),
        (
            post.clone(),
            "skills",
            json!([row(61), row(62)]),
            "application/x-ndjson",
            201,
            "{\"id\":61,\"name\":null}\n{\"id\":62,\"name\":null}\n",
        ),
        (post.clone(), "skills", row(63), array, 201, "[{\"id\":63}]"),
        (post.clone(), "skills", row(64), object, 201, "{\"id\":64}"),
        (post, "skills", json!([]), "text/csv", 201, "id,name\n"),
        (put.clone(), "skills?id=eq.60", json!({ "id": 60, "name": "a,b" }), "text/csv", 200, "id,name\n60,\"a,b\"\n"),
        (put, "skills?id=eq.65", row(65), object, 201, "{\"id\":65}"),
        (patch.clone(), "skills?id=eq.61&select=n:name", json!({ "name": "x" }), "text/csv", 200, "n\nx\n"),
        (patch.clone(), "skills?id=eq.61", json!({ "name": null }), object, 200, "{\"id\":61}"),
        (patch, "skills?id=eq.99", json!({ "name": "x" }), "application/x-ndjson", 200, ""),
        (delete.clone(), "skills?id=in.(61,62)&select=id", json!(null), "text/csv", 200, "id\n61\n62\n"),
        (delete.clone(), "skills?id=eq.63", json!(null), array, 200, "[{\"id\":63}]"),
        (delete, "skills?id=eq.64", json!(null), object, 200, "{\"id\":64}"),
    ];
    for (method, path, body, accept, status, expected) in cases {
        let answer = site.send(method.clone(), path, REPRESENTATION, &body).header("accept", accept).await;
        assert_eq!((answer.status(), answer.text().as_str()), (status, expected), "{method} {path} as {accept}");
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with(accept), "{method} {path}: {kind}");
    }

    let arrow = "application/vnd.apache.arrow.stream";
    let path = "employees?select=id,name,salary,data";
    let body = json!([{ "id": 70, "name": "E", "salary": 1.5, "data": { "n": [1] } }, { "id": 71, "name": "F", "salary": null, "data": null }]);
    let answer = site.send(Method::POST, path, REPRESENTATION, &body).header("accept", arrow).await.assert_status(201);
    let reader = arrow_ipc::reader::StreamReader::try_new(answer.bytes(), None).expect("a stream");
    let kinds: Vec<String> = reader.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(kinds, ["Int64", "Utf8", "Float64", "Utf8"]);
    assert_eq!(reader.map(|batch| batch.expect("a batch").num_rows()).sum::<usize>(), 2);
    let none = site.send(Method::DELETE, "skills?id=eq.99", REPRESENTATION, &Value::Null).header("accept", arrow).await;
    let none = none.assert_status(200);
    let reader = arrow_ipc::reader::StreamReader::try_new(none.bytes(), None);
    assert_eq!(reader.expect("a stream").count(), 0);
    let nested = site.send(
        Method::PATCH,
        "employees?id=eq.70&select=id,departments(name)",
        REPRESENTATION,
        &json!({ "salary": 9 }),
    );
    let nested = nested.header("accept", arrow).await.assert_status(406);
    assert_eq!(code(&nested), "PGRST107");
    assert_eq!(site.rows("employees?select=salary&id=eq.70").await, json!([{ "salary": 1.5 }]), "nothing was done");

    let one = |path: &str| site.client.get(&format!("/api/{path}")).header("accept", object);
    let read = one("employees?id=eq.71").await.assert_status(200);
    assert_eq!(read.json(), json!({ "id": 71, "name": "F", "version": 1 }));
    assert_eq!(read.header("content-type"), Some("application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"));
    assert_eq!(one("skills?id=eq.60").await.assert_status(200).json(), json!({ "id": 60, "name": "a,b" }));
    let several = one("employees?id=gt.1").await.assert_status(406);
    assert_eq!(several.json()["details"], "The result contains 5 rows");
    assert_eq!(code(&one("employees?id=eq.99").await.assert_status(406)), "PGRST116");
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
    for method in [Method::DELETE, Method::PATCH] {
        let gone = site.send(method, "skills?id=eq.77", "", &json!({ "name": "x" })).header("if-match", "*").await;
        let gone = gone.assert_status(412).json();
        assert_eq!(gone["code"], "412");
        assert_eq!(gone["message"], "The row is not there, or not yours to change; nothing was written");
    }
}

#[tokio::test]
async fn a_put_and_a_merge_of_what_has_changed_are_refused() {
    let site = staff();
    let tag = async |path: &str| {
        let read = site.client.get(path).header("accept", "application/vnd.pgrst.object+json").await;
        read.header("etag").expect("an ETag").to_owned()
    };
    let merge = "resolution=merge-duplicates,return=representation";
    for (method, path, prefer) in [
        (Method::PUT, "skills?id=eq.1", REPRESENTATION),
        (Method::POST, "skills", merge),
        (Method::POST, "skills?on_conflict=id", merge),
    ] {
        let before = tag("/api/skills?id=eq.1").await;
        let row = |name: &str| json!({ "id": 1, "name": name });
        let write = |name: &str, tag: &str| site.send(method.clone(), path, prefer, &row(name)).header("if-match", tag);
        assert_eq!(write("one", &before).await.assert_status(200).json(), json!([row("one")]));
        let stale = write("two", &before).await.assert_status(412).json();
        assert_eq!(stale["message"], "The row has changed since it was read; nothing was written", "{method} {path}");
        assert_eq!(site.rows("skills?id=eq.1").await, json!([row("one")]));
        let _ = write("three", "*").await.assert_status(200);
        let _ = write("rust", &tag("/api/skills?id=eq.1").await).await.assert_status(200);
    }
    let new = json!({ "id": 80, "name": "new" });
    for (method, path) in [(Method::PUT, "skills?id=eq.80"), (Method::POST, "skills")] {
        let absent = site.send(method, path, merge, &new).header("if-match", "*").await.assert_status(412);
        assert_eq!(absent.json()["message"], "The row is not there, or not yours to change; nothing was written");
    }
    for (path, prefer, body) in [
        ("skills", "", new.clone()),
        ("skills", "resolution=ignore-duplicates", new.clone()),
        ("skills", merge, json!([new, { "id": 81, "name": "other" }])),
        ("skills", merge, json!({ "name": "without a key" })),
    ] {
        let refused = site.send(Method::POST, path, prefer, &body).header("if-match", "*").await.assert_status(400);
        assert_eq!(refused.json()["message"], "If-Match says nothing of rows that are added", "{prefer} {body}");
    }
    assert_eq!(site.rows("skills").await, json!([{ "id": 1, "name": "rust" }, { "id": 2, "name": "sql" }]));
}

#[tokio::test]
async fn bounds_and_empty_changes() {
    let site = staff();
    let before = site.rows("skills").await;
    for path in ["skills?id=eq.1&limit=1", "skills?id=eq.1&offset=1"] {
        let put = site.send(Method::PUT, path, "", &json!({ "id": 1, "name": "x" })).await.assert_status(400).json();
        assert_eq!(
            (&put["code"], &put["message"]),
            (&json!("PGRST114"), &json!("limit/offset querystring parameters are not allowed for PUT"))
        );
    }
    for body in [json!({}), json!([]), json!([{}])] {
        let quiet = site.send(Method::PATCH, "skills", "count=exact", &body).await.assert_status(204);
        assert_eq!(quiet.header("content-range"), Some("*/0"), "{body}");
        let told = site.send(Method::PATCH, "skills?id=eq.1", REPRESENTATION, &body).await.assert_status(200);
        assert_eq!(told.json(), json!([]), "{body}");
    }
    let none = site.client.request(Method::PATCH, "/api/skills").header("content-type", "application/json").await;
    assert_eq!(code(&none.assert_status(400)), "PGRST102", "no body at all is none that is empty");
    assert_eq!(site.rows("skills").await, before);
}

#[tokio::test]
async fn rows_come_from_forms() {
    let site = staff();
    let form = |method: Method, path: &str, body: &'static str| {
        let call = site.client.request(method, &format!("/api/{path}")).header("prefer", REPRESENTATION);
        call.header("content-type", "application/x-www-form-urlencoded; charset=UTF-8").body(body)
    };
    let path = "employees?select=id,name,salary,version";
    let made = form(Method::POST, path, "id=80&name=J%C3%B6+%26+Co&salary=1.5&_csrf=x").await.assert_status(201);
    assert_eq!(made.json(), json!([{ "id": 80, "name": "J\u{f6} & Co", "salary": 1.5, "version": 1 }]));
    let ticked = form(Method::POST, "departments?select=name,open", "name=New&open=false&open=true").await;
    assert_eq!(ticked.assert_status(201).json(), json!([{ "name": "New", "open": true }]), "the last counts");
    let picked = form(Method::POST, "skills?columns=id,name", "id=81&other=1").await.assert_status(201);
    assert_eq!(picked.json(), json!([{ "id": 81, "name": null }]));
    let set = form(Method::PATCH, "skills?id=eq.81", "name=").await.assert_status(200);
    assert_eq!(set.json(), json!([{ "id": 81, "name": "" }]));
    let put = form(Method::PUT, "skills?id=eq.81", "id=81&name=y").await.assert_status(200);
    assert_eq!(put.json(), json!([{ "id": 81, "name": "y" }]));
    for (path, body, expected) in [
        ("employees", "name=E&salary=much", "22P02"),
        ("employees", "name=E&salary=", "22P02"),
        ("employees", "nane=E", "PGRST204"),
        ("employees", "name=%ff", "22021"),
        ("employees", "", "23502"),
    ] {
        assert_eq!(code(&form(Method::POST, path, body).await.assert_status(400)), expected, "{body}");
    }
    let foreign = form(Method::POST, "skills", "name=z").header("origin", "http://evil.example").await;
    let _ = foreign.assert_status(403);
    let foreign = form(Method::POST, "skills", "name=z").header("sec-fetch-site", "cross-site").await;
    let _ = foreign.assert_status(403);
    assert_eq!(site.rows("skills?name=eq.z").await, json!([]));
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
    let other = site.client.post("/api/employees", "text/plain", "name=E").await.assert_status(415);
    assert_eq!(code(&other), "PGRST102");
    assert_eq!(site.rows("employees").await, before);
    assert_eq!(site.project.tables().expect("tables").len(), 6);
}
