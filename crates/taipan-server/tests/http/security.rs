//! The security checklist, each point a test of its name: what an attacker tries, and that nothing comes of it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use taipan_server::{Options, Who};
use taipan_web::{Client, Hosts, Method, Peer};

use crate::accounts::{PASSWORD, site};

/// Text that means something to SQL, HTML, URLs, CSV, templates or a terminal.
const HOSTILE: [&str; 16] = [
    "'; DROP TABLE employees; --",
    "\" OR 1=1 --",
    "1) UNION SELECT name, hash FROM _taipan_artifacts --",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "../../etc/passwd",
    "%00%0d%0aSet-Cookie: a=b",
    "\\u0000\u{0}",
    "=HYPERLINK(\"http://evil.example\")",
    "\u{1b}[2J\u{202e}",
    "eq.1&select=*",
    "in.(1,2",
    "not.not.eq.",
    "\u{fffd}🦀é",
];

#[tokio::test]
async fn csrf_needs_the_sessions_token_and_this_origin() {
    let site = site(Options::new());
    site.set_up().await;
    let token = site.page("/account").await.csrf_token().expect("a token");
    let form = |token: &str| format!("_csrf={token}&do=create&name=eve&password=long+enough&role=administrator");
    let kind = "application/x-www-form-urlencoded";
    let post = |body: String| site.client.post("/admin/users", kind, body);
    for (call, why) in [
        (post(form("")), "no token"),
        (post(form("made-up")), "a wrong token"),
        (post(form(&token)).header("origin", "https://evil.example"), "from elsewhere"),
        (post(form(&token)).header("sec-fetch-site", "cross-site"), "from elsewhere, says the browser"),
        (post(form(&token)).header("sec-fetch-site", "same-site"), "from a neighbour"),
    ] {
        assert_eq!(call.await.status(), 403, "{why}");
    }
    assert!(!site.page("/admin/users").await.text().contains("eve"));
    let _ = post(form(&token)).header("origin", "http://localhost").await.assert_status(303);
}

#[tokio::test]
async fn session_fixation_is_worth_nothing() {
    let site = site(Options::new());
    site.set_up().await;
    site.client.forget();
    // A name that the attacker made up, and one that the server gave and the attacker planted.
    let planted = "A".repeat(43);
    let page = site.client.get("/login").header("cookie", &format!("taipan={planted}")).browser().await;
    let given = page.header("set-cookie").expect("a session of its own").to_owned();
    assert!(!given.contains(&planted));
    let before = site.client.cookie("taipan").expect("a session");
    let _ = site.client.login("/login", "root", PASSWORD).await.assert_status(303);
    let after = site.client.cookie("taipan").expect("a session");
    assert_ne!(before, after);
    site.client.forget();
    for old in [planted, before] {
        let _ = site.client.get("/account").header("cookie", &format!("taipan={old}")).await.assert_status(303);
    }
    let _ = site.client.get("/account").header("cookie", &format!("taipan={after}")).await.assert_status(200);
}

#[tokio::test]
async fn cookie_flags_keep_scripts_and_other_sites_away() {
    let site = site(Options::new());
    let plain = site.client.get("/login").browser().await;
    let cookie = plain.header("set-cookie").expect("a cookie").to_owned();
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(flag), "{flag} in {cookie}");
    }
    assert!(!cookie.contains("Domain="), "{cookie}");
    site.client.forget();
    let peer = Peer::new("198.51.100.7".parse().expect("an address"), true);
    let secret = site.client.get("/login").browser().peer(peer).await;
    assert!(secret.header("set-cookie").is_some_and(|cookie| cookie.contains("; Secure")), "over TLS");
    assert!(secret.header("strict-transport-security").is_some());
}

#[tokio::test]
async fn open_redirects_lead_back_here() {
    let site = site(Options::new());
    site.set_up().await;
    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
    ] {
        site.client.forget();
        let fields = [("name", "root"), ("password", PASSWORD), ("next", next)];
        let answer = site.client.submit("/login", "/login", &fields).await.assert_status(303);
        assert_eq!(answer.header("location"), Some("/"), "{next}");
    }
}

#[tokio::test]
async fn host_headers_that_are_foreign_are_refused() {
    let site = site(Options::new());
    for (hosts, host, expected) in [
        (Hosts::Loopback, "localhost:8787", 200),
        (Hosts::Loopback, "evil.example", 421),
        (Hosts::Loopback, "localhost.evil.example", 421),
        (Hosts::Loopback, "", 421),
        (Hosts::ListAndAddresses(vec!["data.example.org".into()]), "data.example.org", 200),
        (Hosts::ListAndAddresses(vec!["data.example.org".into()]), "192.0.2.7", 200),
        (Hosts::ListAndAddresses(vec!["data.example.org".into()]), "evil.example", 421),
    ] {
        let client = Client::new(taipan_server::app(site.project.clone()).hosts(hosts));
        assert_eq!(client.get("/health/live").header("host", host).await.status(), expected, "{host:?}");
    }
    // A link that is mailed or printed never takes its host from the request.
    site.set_up().await;
    site.add("bob", "reader").await;
    let reset = [("do", "reset"), ("name", "bob")];
    let _ = site.client.submit("/admin/users", "/admin/users", &reset).await.assert_status(303);
    let page = site.client.get("/admin/users").header("host", "evil.example").browser().await.text();
    assert!(page.contains("reset?token=") && !page.contains("evil.example"), "{page}");
}

#[tokio::test]
async fn path_traversal_finds_nothing() {
    let site = site(Options::new());
    for path in [
        "/assets/../taipan.toml",
        "/assets/..%2f..%2ftaipan.toml",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2fstaff.db",
        "/static/../../etc/passwd",
        "/plots/..%2f..%2fetc%2fpasswd.svg",
        "/admin/plots/..%2f..%2fetc%2fpasswd",
        "/models/..%2fstaff.db",
        "/api/..%2f_taipan_artifacts",
        "/api/_taipan_artifacts",
        "/api/sqlite_schema",
    ] {
        let answer = site.client.get(path).await;
        assert_eq!(answer.status(), 404, "{path}: {}", answer.text());
        assert!(!answer.text().contains("root:") && !answer.text().contains("sqlite:"), "{path}");
    }
}

#[tokio::test]
async fn ssrf_by_import_url_calls_nobody() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let url = format!("http://{}/secret.csv", listener.local_addr().expect("an address"));
    let site = site(Options::new());
    site.set_up().await;
    let ask = |sql: &str| format!("/admin/sql?q={}", taipan_web::format::url_part(sql));
    for sql in [
        format!("SELECT * FROM '{url}'"),
        format!("SELECT * FROM read('{url}')"),
        format!("SELECT * FROM read_csv('{url}')"),
        format!("ATTACH '{url}' AS other"),
    ] {
        let _ = site.page(&ask(&sql)).await.assert_status(400);
    }
    let csrf = site.page("/account").await.csrf_token().expect("a token");
    let body = format!("name\n{url}\n");
    let post = site.client.post("/api/skills", "text/csv", body).header("x-csrf-token", &csrf);
    let _ = post.await.assert_status(201);
    assert!(listener.accept().is_err(), "nobody came");
}

#[tokio::test]
async fn xss_through_every_value_and_name_is_text() {
    let site = site(Options::new());
    site.set_up().await;
    let csrf = site.page("/account").await.csrf_token().expect("a token");
    let mut paths = vec!["/admin/tables/skills?limit=1000".to_owned(), "/admin/tables/skills?facets=on".to_owned()];
    for (at, text) in HOSTILE.iter().enumerate() {
        let row = json!({ "id": 100 + at, "name": text });
        let made = site.client.post_json("/api/skills", &row).header("x-csrf-token", &csrf).await;
        // Of all text, databases that other programs read cannot hold a NUL alike.
        assert!(made.status() == 201 || text.contains('\0'), "{text:?}: {}", made.text());
        let part = taipan_web::format::url_part(text);
        paths.extend([
            format!("/admin/tables/skills/{}", 100 + at),
            format!("/admin/tables/skills/{}/edit", 100 + at),
            format!("/admin/tables/skills?name=eq.{part}"),
            format!("/admin/tables/skills?search={part}"),
            format!("/admin/tables/skills?{part}=eq.1"),
            format!("/admin/tables/skills?order={part}"),
            format!("/admin/tables/skills?after={part}"),
            format!("/admin/tables/{part}"),
            format!("/admin/sql?q={part}"),
            format!("/login?next={part}"),
            format!("/?search={part}"),
        ]);
    }
    for path in paths {
        let page = site.page(&path).await;
        assert!(page.status() < 500, "{path}: {}", page.text());
        let html = page.text();
        for tag in ["<script>", "<img src=x", " onerror=alert(1)>", "href=\"javascript:"] {
            assert!(!html.contains(tag), "{path}: {tag}");
        }
        assert!(!html.contains("49{%"), "{path}: a value is no template");
        assert!(page.header("set-cookie").is_none_or(|cookie| !cookie.contains("a=b")), "{path}");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn clickjacking_is_refused_on_every_page() {
    let site = site(Options::new());
    for path in ["/", "/login", "/admin/sql", "/nothing", "/admin/tables/skills"] {
        let page = site.page(path).await;
        let policy = page.header("content-security-policy").expect("a policy").to_owned();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

/// What a login says must not tell whether there is such a user. (That it costs the same work is a test of `taipan-web`.)
#[tokio::test]
async fn login_answers_do_not_tell_names() {
    let site = site(Options::new());
    site.set_up().await;
    site.add("bob", "reader").await;
    site.add("closed", "reader").await;
    let close = [("do", "close"), ("name", "closed")];
    let _ = site.client.submit("/admin/users", "/admin/users", &close).await.assert_status(303);
    let mut told = BTreeSet::new();
    for name in ["bob", "nobody", "closed"] {
        site.client.forget();
        let answer = site.client.login("/login", name, "a wrong password").await.assert_status(403);
        let text = answer.text().replace(name, "NAME");
        // The forms' tokens are of their sessions.
        told.insert(
            text.split("name=\"_csrf\" value=\"")
                .map(|part| part.split_once('"').map_or(part, |(_, rest)| rest))
                .collect::<String>(),
        );
    }
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[tokio::test]
async fn token_scopes_are_kept_and_lent_to_nobody() {
    let site = site(Options::new());
    site.set_up().await;
    let read = site.token(&["read"]).await;
    site.client.forget();
    let call = |method: Method, path: &str| {
        site.client
            .request(method, path)
            .header("authorization", &format!("Bearer {read}"))
            .header("content-type", "application/json")
            .body("{\"name\":\"x\"}")
    };
    for (method, path, status) in [
        (Method::GET, "/api/skills", 200),
        (Method::POST, "/api/skills", 403),
        (Method::PATCH, "/api/skills?id=eq.1", 403),
        (Method::PUT, "/api/skills?id=eq.1", 403),
        (Method::DELETE, "/api/skills?id=eq.1", 403),
    ] {
        assert_eq!(call(method.clone(), path).await.status(), status, "{method} {path}");
    }
    // A token is no login: pages that act for a person do not take it.
    for path in ["/account", "/admin/users", "/admin/tables/skills/_new"] {
        assert_eq!(call(Method::GET, path).browser().await.status(), 303, "{path}");
    }
    for bad in ["Bearer", "Bearer ", "Basic cm9vdDpyb290", "Bearer tpn_0000", "bearer\t"] {
        let answer = site.client.get("/api/skills").header("authorization", bad).await;
        assert_eq!(answer.status(), 401, "{bad:?}");
    }
}

/// Whatever stands where a name or value may: no server error, no row more or less than the value itself takes, and the
/// tables are as they were.
#[test]
fn hostile_values_are_only_values() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let site = site(Options::new().write(Who::Everybody));
    let text = prop_oneof![
        2 => prop::sample::select(&HOSTILE[..]).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => "[\\x00-\\x7f]{0,12}",
        2 => "['\"\\\\%_;,.()*:&=<>{}\\-]{1,8}",
    ];
    let strategy = (text.clone(), text);
    let mut runner = TestRunner::new(Config { cases: 150, ..Config::default() });
    let part = |text: &str| taipan_web::format::url_part(text);
    let tried = runner.run(&strategy, |(name, value)| {
        runtime.block_on(async {
            let client = &site.client;
            let (n, v) = (part(&name), part(&value));
            for path in [
                format!("/api/skills?{n}=eq.{v}"),
                format!("/api/skills?name={v}"),
                format!("/api/skills?select={v}"),
                format!("/api/skills?order={v}"),
                format!("/api/skills?limit={v}&offset={n}"),
                format!("/api/skills?or=({v})"),
                format!("/api/skills?select=name,{v}(*)"),
                format!("/api/skills?on_conflict={v}"),
                format!("/api/{v}"),
                format!("/api/{v}/changes{n}"),
                format!("/models/{v}"),
                format!("/admin/tables/skills?_column={n}&_op={v}&_value={v}"),
                format!("/admin/tables/skills?after={v}&order={n}"),
                format!("/admin/tables/skills/{v}"),
                format!("/admin/sql?q={v}"),
            ] {
                let answer = client.get(&path).await;
                prop_assert!(answer.status() < 500, "{}: {} {}", path, answer.status(), answer.text());
            }
            // What is stored comes back, and a filter by it takes just that.
            let stored = client
                .post_json("/api/skills", &json!({ "name": value }))
                .header("prefer", "return=representation")
                .await;
            let is_storable = !value.contains('\0');
            prop_assert!(
                stored.status() == 201 || (!is_storable && stored.status() < 500),
                "{:?}: {}",
                value,
                stored.text()
            );
            if stored.status() == 201 {
                let rows = stored.json();
                prop_assert_eq!(&rows[0]["name"], &Value::String(value.clone()));
                let id = &rows[0]["id"];
                let found = client.get(&format!("/api/skills?name=eq.{v}&select=id,name")).await.json();
                let found = found.as_array().cloned().unwrap_or_default();
                prop_assert!(found.iter().any(|row| &row["id"] == id), "{:?} is found", value);
                prop_assert!(found.iter().all(|row| row["name"] == Value::String(value.clone())), "{:?}", value);
                let gone = client.request(Method::DELETE, &format!("/api/skills?id=eq.{id}")).await;
                prop_assert_eq!(gone.status(), 204);
            }
            let rows = client.get("/api/skills?select=name&order=id").await.json();
            prop_assert_eq!(rows, json!([{ "name": "rust" }, { "name": "sql" }]));
            let tables = client.get("/health").await.json();
            prop_assert_eq!(&tables["status"], "ok");
            Ok(())
        })
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
}
