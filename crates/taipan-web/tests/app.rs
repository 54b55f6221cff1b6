//! The promises of an [`App`], each seen from a client.

use std::sync::{Arc, Mutex};
use taipan_web::{
    App, Asset, Client, Form, Hosts, IntoResponse, Json, Method, Page, Path, Problem, Router, State, StatusCode,
    Templates, blocking, get, header, post,
};

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

static ASSETS: [Asset; 2] = [Asset::hashed("app.css", b"body{}"), Asset::fixed("favicon.svg", b"<svg/>")];

fn templates() -> Templates {
    let sources = [
        ("hello.html", "<link href=\"{{ asset('app.css') }}\">Hello, {{ name }}"),
        ("broken.html", "\n{{ nothing }}"),
        ("error.html", "<h1>{{ status }} {{ title }}</h1>{{ message }}{% if hint %} {{ hint }}{% endif %}"),
    ];
    Templates::new(&sources, &ASSETS).expect("templates parse")
}

async fn hello(State(templates): State<Templates>, Path(name): Path<String>) -> Result<Page, Problem> {
    Ok(templates.render("hello.html", &serde_json::json!({ "name": name }))?)
}

async fn broken(State(templates): State<Templates>) -> Result<Page, Problem> {
    Ok(templates.render("broken.html", &serde_json::json!({}))?)
}

async fn boom() -> &'static str {
    panic!("secret {}", 42)
}

fn app() -> App {
    let router = Router::new()
        .route("/hello/{name}", get(hello))
        .route("/broken", get(broken))
        .route("/boom", get(boom))
        .route("/boom-blocking", get(|| async { blocking(|| panic!("deep secret")).await.map(|()| "") }))
        .route("/missing", get(|| async { Problem::not_found("no table “tipps”").hint("did you mean tips?") }))
        .route("/own", get(|| async { (StatusCode::CONFLICT, Json(serde_json::json!({ "mine": 1 }))) }))
        .route("/echo", post(|Json(value): Json<serde_json::Value>| async { Json(value) }))
        .route("/form", post(|Form(pairs): Form<Vec<(String, String)>>| async move { format!("{pairs:?}") }))
        .route("/login", get(|| async { [(header::SET_COOKIE, "id=7; HttpOnly; Path=/")] }))
        .route("/logout", get(|| async { [(header::SET_COOKIE, "id=; Max-Age=0")] }))
        .route("/cookies", get(|headers: taipan_web::HeaderMap| async move { format!("{:?}", headers.get("cookie")) }))
        .route(
            "/loose",
            get(|| async { ([(header::CONTENT_SECURITY_POLICY, "default-src 'self'")], "").into_response() }),
        )
        .with_state(templates());
    App::new().routes(router).templates(templates()).assets(&ASSETS)
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let client = Client::new(app());
    // Data is not shown as a page, so it needs no rules for one.
    for (path, is_page) in [
        ("/hello/you", true),
        ("/login", true),
        ("/favicon.svg", true),
        ("/nowhere", false),
        ("/boom", false),
        ("/own", false),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("content-security-policy"), is_page.then_some(POLICY), "{path}");
        assert_eq!(answer.header("referrer-policy"), is_page.then_some("same-origin"), "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), is_page.then_some("same-origin"), "{path}");
    }
    let own = client.get("/loose").await.assert_status(200);
    assert_eq!(own.header("content-security-policy"), Some("default-src 'self'"), "a handler may set its own policy");
}

#[tokio::test]
async fn pages_are_rendered_and_escaped() {
    let answer = Client::new(app()).get("/hello/%3Cb%3E").await.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.text().ends_with("Hello, &lt;b&gt;"), "{}", answer.text());
}

#[tokio::test]
async fn errors_are_pages_for_browsers_and_json_for_programs() {
    let client = Client::new(app());
    let cases = [
        ("/nowhere", 404, "<h1>404 Not Found</h1>There is nothing at this address."),
        ("/missing", 404, "<h1>404 Not Found</h1>no table “tipps” did you mean tips?"),
        ("/echo", 405, "<h1>405 Method Not Allowed</h1>This address does not answer that method."),
        ("/boom", 500, "<h1>500 Internal Server Error</h1>The server failed to answer; the reason is in its log."),
        (
            "/boom-blocking",
            500,
            "<h1>500 Internal Server Error</h1>The server failed to answer; the reason is in its log.",
        ),
        ("/broken", 500, "<h1>500 Internal Server Error</h1>The server failed to answer; the reason is in its log."),
    ];
    for (path, status, page) in cases {
        let answer = client.get(path).browser().await.assert_status(status);
        assert_eq!(answer.text(), page, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let answer = client.get(path).await.assert_status(status);
        assert_eq!(answer.json()["code"], status.to_string(), "{path}");
        assert!(!answer.text().contains("secret") && !answer.text().contains("broken.html"), "{}", answer.text());
    }
    assert_eq!(client.get("/missing").await.json()["hint"], "did you mean tips?");
    assert_eq!(client.get("/own").browser().await.assert_status(409).json()["mine"], 1, "a handler's own body stays");
    let rejected = client.post("/echo", "application/json", "{").await.assert_status(400);
    assert!(rejected.json()["message"].as_str().is_some_and(|text| text.contains("JSON")), "{}", rejected.text());
    let head = client.request(Method::HEAD, "/nowhere").browser().await.assert_status(404);
    assert!(head.bytes().is_empty());
    assert_eq!(client.get("/echo").await.header("allow"), Some("POST"));
}

#[tokio::test]
async fn without_a_template_the_page_is_plain() {
    let answer = Client::new(App::new()).get("/").browser().await.assert_status(404);
    assert!(answer.text().contains("<h1>Not Found</h1>"), "{}", answer.text());
}

#[tokio::test]
async fn failures_are_reported_with_their_reason() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&lines);
    let client = Client::new(app().report(move |line| heard.lock().expect("not poisoned").push(line.to_owned())));
    for path in ["/boom", "/broken?q=1", "/nowhere"] {
        let _ = client.get(path).await;
    }
    let lines = lines.lock().expect("not poisoned");
    assert_eq!(*lines, ["GET /boom: 500: panicked: secret 42", "GET /broken: 500: broken.html:2: undefined value"]);
}

#[tokio::test]
async fn a_shortcut_answers_before_the_routes_and_behind_the_hooks() {
    let reported = Arc::new(Mutex::new(Vec::new()));
    let reports = Arc::clone(&reported);
    let app = app()
        .before(|request| if request.uri().path() == "/hello/nobody" { Err(Problem::not_found("")) } else { Ok(()) })
        .shortcut(|request| match request.uri().path() {
            "/hello/you" | "/hello/nobody" => Some("at once".into_response()),
            "/hello/all" => panic!("no {}", "answer"),
            _ => None,
        })
        .report(move |line| reports.lock().expect("no panic").push(line.to_owned()));
    let client = Client::new(app);
    assert_eq!(client.get("/hello/you").await.assert_status(200).text(), "at once");
    assert!(client.get("/hello/them").await.assert_status(200).text().contains("Hello, them"));
    let _ = client.get("/hello/nobody").await.assert_status(404);
    let _ = client.get("/hello/all").await.assert_status(500);
    assert_eq!(*reported.lock().expect("no panic"), ["GET /hello/all: 500: panicked: no answer"]);
}

#[tokio::test]
async fn assets_are_kept_for_ever_or_revalidated() {
    let client = Client::new(app());
    let answer = client.get(&ASSETS[0].path()).await.assert_status(200);
    assert_eq!(answer.text(), "body{}");
    assert_eq!(answer.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let _ = client.get("/assets/app.0000000000000000.css").await.assert_status(404);

    let icon = client.get("/favicon.svg").await.assert_status(200);
    assert_eq!(icon.header("cache-control"), Some("no-cache"));
    let etag = icon.header("etag").expect("an ETag").to_owned();
    for tags in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let again = client.get("/favicon.svg").header("if-none-match", &tags).await.assert_status(304);
        assert!(again.bytes().is_empty(), "{tags}");
    }
    let _ = client.get("/favicon.svg").header("if-none-match", "\"x\"").await.assert_status(200);
}

#[tokio::test]
async fn bodies_are_limited_whether_or_not_their_length_is_told() {
    let client = Client::new(app().body_limit(10));
    let _ = client.post_json("/echo", &[1, 2]).await.assert_status(200);
    let told = client.post_json("/echo", &[1_000_000, 2_000_000]).await.assert_status(413);
    assert_eq!(told.json()["hint"], "At most 10 B are read.");
    let untold = client.post("/echo", "application/json", "[1000000,2000000]").header("content-length", "5").await;
    assert_eq!(untold.status(), 413, "{}", untold.text());
}

#[tokio::test]
async fn foreign_hosts_are_refused_when_told_so() {
    let client = Client::new(app().hosts(Hosts::Loopback));
    let cases = [("localhost:8787", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example", 421), ("", 421)];
    for (host, status) in cases {
        let _ = client.get("/hello/you").header("host", host).await.assert_status(status);
    }
    let foreign = client.get("http://evil.example/hello/you").await.assert_status(421).json();
    assert_eq!(
        foreign["hint"],
        "Start the server with --allow-host and this name, or with the name in its list of hosts."
    );
    let any = Client::new(app());
    let _ = any.get("/hello/you").header("host", "evil.example").await.assert_status(200);
}

#[tokio::test]
async fn the_client_keeps_cookies() {
    let client = Client::new(app());
    let _ = client.get("/login").await.assert_status(200);
    assert_eq!(client.cookie("id").as_deref(), Some("7"));
    assert_eq!(client.get("/cookies").await.text(), "Some(\"id=7\")");
    let _ = client.get("/logout").await.assert_status(200);
    assert_eq!(client.get("/cookies").await.text(), "None");
}

#[tokio::test]
async fn forms_and_nested_routes() {
    let inner = Router::new().route("/page", get(|| async { "inner" }));
    let client = Client::new(app().nest("/admin", inner));
    assert_eq!(client.get("/admin/page").await.assert_status(200).text(), "inner");
    let answer = client.post("/form", "application/x-www-form-urlencoded", "a=1&b=x+y").await.assert_status(200);
    assert_eq!(answer.text(), r#"[("a", "1"), ("b", "x y")]"#);
}
