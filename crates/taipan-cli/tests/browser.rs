//! A real browser opens the admin site, filters a table and sees the plot.
//!
//! `cargo xtask test` starts the driver and names it in `TAIPAN_WEBDRIVER`; without it the test says that it was
//! skipped.
#![allow(clippy::unwrap_used)]

mod support;

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use support::{Server, Workplace};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_site_lists_filters_and_draws() {
    let Ok(driver) = std::env::var("TAIPAN_WEBDRIVER") else {
        eprintln!("skipped: TAIPAN_WEBDRIVER is not set; 'cargo xtask test' sets it");
        return;
    };
    let place = Workplace::new();
    let server = place.serve(&["."]);
    let profile = tempfile::tempdir().unwrap();
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
    ];
    let mut arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    arguments.push(format!("--user-data-dir={}", profile.path().display()));
    let capabilities = json!({
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities.as_object().unwrap().clone())
        .connect(&driver)
        .await
        .unwrap();
    let result = tokio::spawn(visit(client.clone(), server.address.clone())).await;
    client.close().await.unwrap();
    drop::<Server>(server);
    result.unwrap();
}

async fn visit(client: Client, address: String) {
    client.goto(&format!("{address}/admin")).await.unwrap();
    client.find(Locator::LinkText("employees")).await.unwrap().click().await.unwrap();
    assert!(client.current_url().await.unwrap().path().ends_with("/admin/tables/employees"));
    let text = client.find(Locator::Css("main")).await.unwrap().text().await.unwrap();
    assert!(text.contains("1,000"), "{text}");

    client.goto(&format!("{address}/admin/tables/employees?salary=gt.100000&order=salary.desc")).await.unwrap();
    let main = client.find(Locator::Css("main")).await.unwrap();
    assert!(main.text().await.unwrap().contains("250"), "the filter counts its rows");
    let first = client.find(Locator::Css("table tbody tr")).await.unwrap();
    first.find(Locator::Css("td")).await.unwrap();

    client.goto(&format!("{address}/")).await.unwrap();
    let drawn = client
        .execute("const image = [...document.images].find(i => i.currentSrc.includes('/plots/tips.svg')); return image ? [image.complete, image.naturalWidth] : null;", vec![])
        .await
        .unwrap();
    assert_eq!(drawn[0], true, "{drawn}");
    assert!(drawn[1].as_u64().unwrap() > 100, "{drawn}");
}
