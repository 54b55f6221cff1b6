//! Importing, training and drawing anew while the application is served: who may ask, and what comes of it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taipan_server::{Options, Who};
use taipan_web::{Client, Method};

use crate::accounts::{self, PASSWORD};
use crate::{POINTS, Site};

/// Asks for a job and waits for its end.
async fn done(client: &Client, task: &Value) -> Value {
    let asked = client.post_json("/jobs", task).await.assert_status(202);
    let place = asked.header("location").expect("its place").to_owned();
    assert_eq!(asked.json()["url"], place.as_str());
    assert_eq!(asked.json()["kind"], task["kind"]);
    end(client, &place).await
}

async fn end(client: &Client, place: &str) -> Value {
    let start = Instant::now();
    loop {
        let job = client.get(place).await.assert_status(200).json();
        if ["done", "failed", "cancelled"].iter().any(|state| job["state"] == *state) {
            return job;
        }
        assert!(start.elapsed() < Duration::from_mins(2), "{job}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_imported_trained_and_drawn_anew() {
    let site = Site::new();
    let client = Client::new(taipan_server::app_with(site.project.clone(), Options::new().write(Who::Everybody)));
    assert_eq!(client.get("/jobs").await.assert_status(200).json(), json!([]));
    let predicted =
        async || client.post_json("/models/slope/predict", &json!([{ "a": 10, "b": 0 }])).await.json()[0]["y"].clone();
    let near = |value: &Value, expected: f64| (value.as_f64().expect("a number") - expected).abs() < 1e-9;
    assert!(near(&predicted().await, 21.0));
    let before = client.get("/plots/ages.svg").await.text();

    let idle = done(&client, &json!({ "kind": "refresh" })).await;
    assert_eq!(idle["state"], "done", "{idle}");
    assert!(
        idle["result"]["tables"].as_array().expect("tables").iter().all(|table| table["changed"] == false),
        "{idle}"
    );
    assert_eq!(idle["progress"]["done"], idle["progress"]["total"]);

    // y = 2a + 3b + 1 becomes y = 2a + 3b + 101.
    let (names, rows) = POINTS.split_once('\n').expect("rows");
    let raise = |row: &str| {
        let (start, y) = row.rsplit_once(',').expect("a value");
        format!("{start},{}\n", y.parse::<i64>().expect("a number") + 100)
    };
    let points = site.folder().join("points.csv");
    std::fs::write(&points, format!("{names}\n{}", rows.lines().map(raise).collect::<String>())).expect("a file");
    let alone = done(&client, &json!({ "kind": "import", "table": "employees" })).await;
    assert_eq!(alone["result"]["tables"].as_array().map(Vec::len), Some(1), "{alone}");
    assert!(near(&predicted().await, 21.0), "only what was named is imported");
    let job = done(&client, &json!({ "kind": "refresh" })).await;
    assert_eq!(job["state"], "done", "{job}");
    let of = |kind: &str, name: &str| {
        let entries = job["result"][kind].as_array().expect("entries");
        entries.iter().find(|entry| entry["name"] == name).expect("the entry").clone()
    };
    assert_eq!((&of("tables", "points")["changed"], &of("tables", "points")["rows"]), (&json!(true), &json!(6)));
    assert_eq!(of("tables", "employees")["changed"], false);
    assert_eq!(of("models", "slope")["changed"], true);
    assert!(near(&predicted().await, 121.0));
    assert_ne!(client.get("/plots/ages.svg").await.text(), before);

    std::fs::write(&points, "a,b,y\n1,2\n").expect("a file");
    let asked = client.post_json("/jobs", &json!({ "kind": "import", "table": "points" })).await.assert_status(202);
    let place = asked.header("location").expect("its place").to_owned();
    let failed = loop {
        let job = client.get(&place).await.json();
        if job["error"] != Value::Null {
            break job;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(failed["error"].as_str().is_some_and(|error| error.contains("points.csv")), "{failed}");
    // It would be tried again; nobody waits for that.
    let _ = client.request(Method::DELETE, &place).await.assert_status(200);
    assert_eq!(end(&client, &place).await["state"], "cancelled");
    assert!(near(&predicted().await, 121.0), "the table is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused_and_those_sent_twice_are_one() {
    let site = Site::new();
    let client = Client::new(taipan_server::app_with(site.project.clone(), Options::new().write(Who::Everybody)));
    for (task, status, message) in [
        (json!({ "kind": "train", "model": "slop" }), 404, "no model 'slop'"),
        (json!({ "kind": "import", "table": "none" }), 404, "Could not find the table 'none'"),
        (json!({ "kind": "dance" }), 400, "the body is no job: unknown variant `dance`"),
        (json!({ "kind": "train", "table": "points" }), 400, "the body is no job: unknown field `table`"),
        (json!({ "kind": "refresh", "all": true }), 400, "the body is no job: unknown field `all`"),
        (json!([]), 400, "the body is no job"),
    ] {
        let refused = client.post_json("/jobs", &task).await.assert_status(status).json();
        assert!(refused["message"].as_str().is_some_and(|text| text.starts_with(message)), "{task}: {refused}");
        assert!(status == 400 || task["kind"] == "import" || refused["hint"] == "did you mean 'slope'?", "{refused}");
    }
    assert_eq!(client.get("/jobs").await.json(), json!([]), "nothing was put in");
    for path in ["/jobs/1", "/jobs/x", "/jobs/-1"] {
        let _ = client.get(path).await.assert_status(404);
        let _ = client.request(Method::DELETE, path).await.assert_status(404);
    }
    let mut numbers = Vec::new();
    for key in ["a", "a", "b"] {
        let call = client.post_json("/jobs", &json!({ "kind": "refresh" })).header("idempotency-key", key);
        let asked = call.await.assert_status(202);
        numbers.push(asked.json()["id"].clone());
        let _ = end(&client, asked.header("location").expect("its place")).await;
    }
    assert_eq!(numbers[0], numbers[1]);
    assert_ne!(numbers[0], numbers[2]);
    let listed = client.get("/jobs?state=done&limit=1").await.assert_status(200).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0]["id"], numbers[2], "the last one first");
    let wrong = client.get("/jobs?state=never").await.assert_status(400).json();
    assert_eq!(wrong["message"], "no job is ever 'never'");
    let over = client.request(Method::DELETE, "/jobs/1").await.assert_status(200).json();
    assert_eq!(over["state"], "done", "what is over stays as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_for_those_who_may_write() {
    let site = accounts::site(Options::new());
    for (method, path) in [
        (Method::GET, "/jobs"),
        (Method::POST, "/jobs"),
        (Method::GET, "/jobs/1"),
        (Method::DELETE, "/jobs/1"),
        (Method::GET, "/jobs/changes"),
    ] {
        let _ = site.client.request(method, path).await.assert_status(401);
    }
    let away = site.page("/admin/jobs").await.assert_status(303);
    assert_eq!(away.header("location"), Some("/login?next=%2Fadmin%2Fjobs"));
    site.set_up().await;
    site.add("reader", "reader").await;
    let read = site.token(&["read"]).await;
    let write = site.token(&["write"]).await;
    let empty = site.page("/admin/jobs").await.assert_status(200).text();
    assert!(empty.contains("Nothing was asked for yet.") && empty.contains("aria-current=\"page\">Jobs"), "{empty}");
    let asked = [("task", r#"{"kind":"refresh"}"#)];
    let sent = site.client.submit("/admin/jobs", "/admin/jobs", &asked).await.assert_status(303);
    assert_eq!(sent.header("location"), Some("/admin/jobs"));
    let wrong = [("task", "{}")];
    let _ = site.client.submit("/admin/jobs", "/admin/jobs", &wrong).await.assert_status(400);
    let start = Instant::now();
    loop {
        let page = site.page("/admin/jobs").await.assert_status(200).text();
        if page.contains("nothing had changed") {
            assert!(page.contains("<b>refresh</b>") && page.contains(">done<"), "{page}");
            break;
        }
        assert!(start.elapsed() < Duration::from_mins(2), "{page}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let forged = site.client.post("/jobs", "application/json", r#"{"kind":"refresh"}"#).await;
    assert_eq!(forged.status(), 403, "a cookie alone does not ask for work");

    site.client.forget();
    let _ = site.client.login("/login", "reader", PASSWORD).await.assert_status(303);
    let _ = site.page("/admin/jobs").await.assert_status(403);
    site.client.forget();
    for (token, status) in [(&read, 403), (&write, 200)] {
        let call = site.client.get("/jobs").header("authorization", &format!("Bearer {token}"));
        let _ = call.await.assert_status(status);
    }
}
