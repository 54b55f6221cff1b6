//! Many who change one row at once: with `If-Match` no change is lost, whoever comes second is told so and tries again.

use std::sync::Arc;

use serde_json::json;
use taipan_server::{Options, Who};
use taipan_web::{Client, Method};

use crate::accounts::site;

const ROW: &str = "/api/employees?id=eq.1";
const EDITORS: u64 = 6;
const EDITS: u64 = 5;

/// Sets the salary of the row that has this tag, and gives the status.
async fn set(client: &Client, salary: f64, tag: &str) -> u16 {
    let call = client.request(Method::PATCH, ROW).header("content-type", "application/json").header("if-match", tag);
    call.body(json!({ "salary": salary }).to_string()).await.status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_edits_of_one_row_lose_nothing() {
    let site = Arc::new(site(Options::new().write(Who::Everybody)));
    assert_eq!(set(&site.client, 0.0, "*").await, 204);
    let mut editors = Vec::new();
    for _ in 0..EDITORS {
        let site = Arc::clone(&site);
        editors.push(tokio::spawn(async move {
            let (mut done, mut refused) = (0, 0);
            while done < EDITS {
                let read = site.client.get(ROW).header("accept", "application/vnd.pgrst.object+json").await;
                let read = read.assert_status(200);
                let tag = read.header("etag").expect("a tag").to_owned();
                let salary = read.json()["salary"].as_f64().expect("a number");
                match set(&site.client, salary + 1.0, &tag).await {
                    204 => done += 1,
                    412 => refused += 1,
                    status => panic!("{status}"),
                }
                assert!(refused < 10_000, "somebody always gets through");
            }
        }));
    }
    for editor in editors {
        editor.await.expect("no panic");
    }
    let salary = site.client.get("/api/employees?id=eq.1&select=salary").await.json();
    assert_eq!(salary[0]["salary"].as_f64(), Some((EDITORS * EDITS) as f64));
}
