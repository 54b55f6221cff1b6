//! axe-core finds no serious violation on any page, light and dark, wide and narrow. `cargo xtask test` installs it beside
//! the other clients from npm and names the folder in `TAIPAN_CLIENTS`.

use std::path::PathBuf;

use serde_json::Value;

use super::{Site, site};

/// Every page, in each of its states.
const PAGES: [&str; 22] = [
    "/",
    "/?search=nothing-of-this-name",
    "/admin",
    "/admin/tables/employees",
    "/admin/tables/employees?facets=on&city=eq.Lisbon&order=salary.desc&limit=50",
    "/admin/tables/employees?salary=gt.much",
    "/admin/tables/employees?name=eq.nobody",
    "/admin/tables/tips",
    "/admin/tables/employees/3",
    "/admin/tables/employees/3/edit",
    "/admin/tables/employees/_new",
    "/admin/sql",
    "/admin/sql?q=SELECT%20*%20FROM%20tips",
    "/admin/sql?q=SELECT%20nonsense",
    "/admin/models/species",
    "/admin/models/iris_pca",
    "/admin/plots/tips",
    "/admin/users",
    "/admin/jobs",
    "/account",
    "/docs",
    "/nothing",
];

/// Those without anybody logged in.
const OPEN: [&str; 3] = ["/login", "/login?next=%2Fadmin", "/setup?token=used"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_has_a_serious_violation() {
    let script = std::env::var_os("TAIPAN_CLIENTS")
        .map(|folder| PathBuf::from(folder).join("node_modules/axe-core/axe.min.js"))
        .and_then(|file| std::fs::read_to_string(file).ok());
    let Some(script) = script else {
        eprintln!("skipped: axe-core is not in TAIPAN_CLIENTS; 'cargo xtask test' installs it");
        return;
    };
    let Some(site) = site("1280,900").await else { return };
    let browser = site.browser.clone();
    let found = tokio::spawn(async move { violations(&site, &script).await }).await;
    browser.close().await.unwrap();
    let found = found.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

async fn violations(site: &Site, script: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in OPEN {
        site.go(path).await;
        look(site, script, path, &mut found).await;
    }
    site.set_up().await;
    for theme in ["light", "dark"] {
        site.run(&format!("localStorage.setItem('theme', '{theme}')")).await;
        for path in PAGES {
            site.go(path).await;
            look(site, script, &format!("{path} ({theme})"), &mut found).await;
        }
    }
    site.go("/").await;
    site.run("document.getElementById('shortcuts').showModal()").await;
    look(site, script, "the shortcuts", &mut found).await;
    site.browser.set_window_size(390, 844).await.unwrap();
    for path in PAGES {
        site.go(path).await;
        look(site, script, &format!("{path} (phone)"), &mut found).await;
        let wider = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let wider = site.browser.execute(wider, vec![]).await.unwrap();
        if wider.as_i64() != Some(0) {
            found.push(format!("{path} is wider than a phone by {wider} pixels"));
        }
    }
    found
}

async fn look(site: &Site, script: &str, name: &str, found: &mut Vec<String>) {
    site.browser.execute(script, vec![]).await.unwrap();
    let run = "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then(
            (result) => done(result.violations
                .filter((violation) => ['serious', 'critical'].includes(violation.impact))
                .map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.html + ' ' + node.failureSummary).join(' | ')}`)),
            (error) => done([`axe-core failed: ${error}`]));";
    let told = site.browser.execute_async(run, vec![]).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let Value::Array(told) = told else { panic!("{name}: {told}") };
    found.extend(told.iter().map(|violation| format!("{name}: {violation}")));
}
