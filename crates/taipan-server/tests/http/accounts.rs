//! The first administrator, logins, tokens, editing, the SQL console, and what each may not do.

use serde_json::json;
use taipan::{Project, ProjectOptions};
use taipan_server::{Options, Who};
use taipan_web::{Answer, Client, Method};
use tempfile::TempDir;

use crate::related::TABLES;

pub(crate) const PASSWORD: &str = "a long password";

/// An application as `taipan serve` starts it, with the link by which its first administrator is made.
pub(crate) struct Site {
    pub(crate) client: Client,
    pub(crate) project: Project,
    setup: String,
    _folder: TempDir,
}

pub(crate) fn site(options: Options) -> Site {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("taipan.toml"), "[app]\nname = \"staff\"\ndatabase = \"sqlite:staff.db\"\n")
        .expect("a file");
    let connection = rusqlite::Connection::open(folder.path().join("staff.db")).expect("a database");
    connection.execute_batch(TABLES).expect("tables");
    drop(connection);
    let project = Project::open(&ProjectOptions::new([folder.path().to_owned()])).expect("a project");
    let (app, token) = taipan_server::app_to_set_up(project.clone(), options.quick_hashes());
    let setup = format!("/setup?token={}", token.expect("nobody has an account yet"));
    Site { client: Client::new(app), project, setup, _folder: folder }
}

impl Site {
    pub(crate) async fn set_up(&self) {
        let token = self.setup.split_once('=').expect("a token").1;
        let fields = [("token", token), ("name", "root"), ("password", PASSWORD)];
        let done = self.client.submit(&self.setup, "/setup", &fields).await.assert_status(303);
        assert_eq!(done.header("location"), Some("/"));
    }

    pub(crate) async fn page(&self, path: &str) -> Answer {
        self.client.get(path).browser().await
    }

    /// Adds a user as the administrator who is logged in.
    pub(crate) async fn add(&self, name: &str, role: &str) {
        let fields = [("do", "create"), ("name", name), ("password", PASSWORD), ("role", role)];
        let _ = self.client.submit("/admin/users", "/admin/users", &fields).await.assert_status(303);
    }

    async fn log_in(&self, name: &str) {
        self.client.forget();
        let _ = self.client.login("/login", name, PASSWORD).await.assert_status(303);
    }

    /// A new token of whoever is logged in.
    pub(crate) async fn token(&self, scopes: &[&str]) -> String {
        let mut fields = vec![("do", "token"), ("label", "test")];
        fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
        let _ = self.client.submit("/account", "/account", &fields).await.assert_status(303);
        let page = self.page("/account").await.assert_status(200).text();
        let (_, after) = page.split_once("id=\"new-token\">").expect("a token is shown");
        assert!(!self.page("/account").await.text().contains("new-token"), "once");
        after.split_once('<').expect("its end").0.to_owned()
    }

    async fn api(&self, method: Method, path: &str, token: &str) -> Answer {
        let call = self.client.request(method, path).header("authorization", &format!("Bearer {token}"));
        call.header("content-type", "application/json").body(r#"{"name":"x"}"#).await
    }
}

#[tokio::test]
async fn the_first_administrator_is_made_once() {
    let site = site(Options::new());
    let page = site.page(&site.setup).await.assert_status(200);
    assert!(page.text().contains("Create the administrator"));
    for wrong in ["/setup", "/setup?token=", "/setup?token=x"] {
        let _ = site.page(wrong).await.assert_status(404);
    }
    let token = site.setup.split_once('=').expect("a token").1.to_owned();
    let short = [("token", token.as_str()), ("name", "root"), ("password", "short")];
    let refused = site.client.submit(&site.setup, "/setup", &short).await.assert_status(400);
    assert!(refused.text().contains("Use 8 characters at least"), "{}", refused.text());
    let before = site.client.cookie("taipan").expect("a session");
    site.set_up().await;
    assert_ne!(site.client.cookie("taipan"), Some(before), "the session has another name");
    let _ = site.page(&site.setup).await.assert_status(404);
    assert!(site.page("/account").await.assert_status(200).text().contains("administrators"));
    let (_, token) = taipan_server::app_to_set_up(site.project.clone(), Options::new());
    assert_eq!(token, None, "there is an administrator");
}

#[tokio::test]
async fn logins_are_needed_to_write_and_checked() {
    let site = site(Options::new());
    site.set_up().await;
    site.add("reader", "reader").await;
    site.add("writer", "staff").await;
    site.client.forget();
    let _ = site.page("/admin/tables/skills").await.assert_status(200);
    let form = site.page("/admin/tables/skills/1/edit").await.assert_status(303);
    assert_eq!(form.header("location"), Some("/login?next=%2Fadmin%2Ftables%2Fskills%2F1%2Fedit"));
    let denied = site.client.login("/login", "root", "wrong password").await.assert_status(403);
    assert!(denied.text().contains("The name or the password is wrong."));
    let away = [("name", "writer"), ("password", PASSWORD), ("next", "//evil.example")];
    let entered = site.client.submit("/login", "/login", &away).await.assert_status(303);
    assert_eq!(entered.header("location"), Some("/"), "nobody is sent elsewhere");

    let _ = site.page("/admin/tables/skills/1/edit").await.assert_status(200);
    let _ = site.page("/admin/users").await.assert_status(403);
    site.log_in("reader").await;
    let _ = site.page("/admin/tables/skills/1/edit").await.assert_status(403);
    let save = [("f:name", "changed")];
    let _ = site.client.submit("/login", "/admin/tables/skills/1/edit", &save).await.assert_status(403);

    site.log_in("root").await;
    let close = [("do", "close"), ("name", "reader")];
    let _ = site.client.submit("/admin/users", "/admin/users", &close).await.assert_status(303);
    site.client.forget();
    let _ = site.client.login("/login", "reader", PASSWORD).await.assert_status(403);
}

#[tokio::test]
async fn rows_are_edited_and_conflicts_are_shown() {
    let site = site(Options::new());
    site.set_up().await;
    let edit = "/admin/tables/employees/2/edit";
    let form = site.page(edit).await.assert_status(200).text();
    let tag = |page: &str| {
        let (_, after) = page.split_once("name=\"_tag\" value=\"").expect("a tag");
        after.split_once('"').expect("its end").0.to_owned()
    };
    let seen = tag(&form);
    let save = |name: &'static str, tag: String| {
        let client = &site.client;
        async move {
            client.submit(edit, edit, &[("_tag", &tag), ("f:name", name), ("f:salary", "77.5"), ("f:data", "")]).await
        }
    };
    let _ = save("Bobby", seen.clone()).await.assert_status(303);
    let stored = site.client.get("/api/employees?id=eq.2&select=name,salary,data,department_id").await.json();
    assert_eq!(stored, json!([{ "name": "Bobby", "salary": 77.5, "data": null, "department_id": 1 }]));

    let conflict = save("Robert", seen).await.assert_status(409).text();
    assert!(
        conflict.contains("Somebody else changed this row") && conflict.contains("Now: <b>Bobby</b>"),
        "{conflict}"
    );
    assert!(conflict.contains("value=\"Robert\""), "what was typed is kept");
    assert_eq!(site.client.get("/api/employees?id=eq.2&select=name").await.json(), json!([{ "name": "Bobby" }]));
    let _ = save("Robert", tag(&conflict)).await.assert_status(303);

    let wrong = [("_tag", "x"), ("f:name", "Bob"), ("f:salary", "much")];
    let wrong = site.client.submit(edit, edit, &wrong).await.assert_status(400).text();
    assert!(wrong.contains("is not a REAL number") && wrong.contains("value=\"much\""), "{wrong}");

    let new = "/admin/tables/skills/_new";
    let made = site.client.submit(new, new, &[("f:id", ""), ("f:name", "<b>&\"x")]).await.assert_status(303);
    let path = made.header("location").expect("its page").to_owned();
    assert_eq!(path, "/admin/tables/skills/3");
    let page = site.page(&path).await.assert_status(200).text();
    assert!(page.contains("The row is saved.") && !page.contains("<b>&\""), "{page}");
    let used = site.client.submit("/admin/tables/skills/1", "/admin/tables/skills/1/delete", &[]).await;
    assert_eq!(used.assert_status(303).header("location"), Some("/admin/tables/skills/1"), "others refer to it");
    assert!(site.page("/admin/tables/skills/1").await.text().contains("violates foreign key constraint"));
    let gone = site.client.submit(&path, &format!("{path}/delete"), &[]).await.assert_status(303);
    assert_eq!(gone.header("location"), Some("/admin/tables/skills"));
    let _ = site.page(&path).await.assert_status(404);
    let _ = site.page("/admin/tables/names/_new").await.assert_status(400);
}

#[tokio::test]
async fn tokens_do_what_they_say_and_cookies_alone_do_not_write() {
    let site = site(Options::new());
    site.set_up().await;
    let (read, write) = (site.token(&["read"]).await, site.token(&["read", "write"]).await);
    let json =
        || site.client.request(Method::POST, "/api/skills").header("content-type", "application/json").body("{}");
    let _ = json().await.assert_status(403);
    let _ = json().header("x-csrf-token", "x").await.assert_status(403);
    let csrf = site.page("/account").await.csrf_token().expect("a token");
    let _ = json().header("x-csrf-token", &csrf).await.assert_status(201);
    let _ = json().header("x-csrf-token", &csrf).header("origin", "http://evil.example").await.assert_status(403);

    // A form is what another site can make a browser send with the cookie.
    let form = |body: String| {
        let call = site.client.request(Method::POST, "/api/skills");
        call.header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let with = |token: &str| format!("name=z&_csrf={token}");
    for body in ["name=z".to_owned(), with("x")] {
        let _ = form(body).await.assert_status(403);
    }
    for (name, value) in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let _ = form(with(&csrf)).header(name, value).await.assert_status(403);
    }
    assert_eq!(site.client.get("/api/skills?name=eq.z").await.json(), json!([]), "nothing was written");
    let _ = form(with(&csrf)).await.assert_status(201);
    assert_eq!(site.client.get("/api/skills?name=eq.z&select=name").await.json(), json!([{ "name": "z" }]));

    site.client.forget();
    let _ = json().await.assert_status(401);
    for (token, method, path, status) in [
        (read.as_str(), Method::GET, "/api/skills", 200),
        (&read, Method::POST, "/api/skills", 403),
        (&write, Method::POST, "/api/skills", 201),
        (&write, Method::DELETE, "/api/skills?id=gt.3", 204),
        ("tpn_made_up", Method::GET, "/api/skills", 401),
        ("", Method::GET, "/api/skills", 401),
    ] {
        let answer = site.api(method.clone(), path, token).await;
        assert_eq!(answer.status(), status, "{method} {path}: {}", answer.text());
    }
    let told = async |token: &str| site.api(Method::POST, "/api/skills", token).await;
    let narrow = told(&read).await;
    assert_eq!(
        narrow.json(),
        json!({
            "code": "42501",
            "message": "permission denied for table skills",
            "details": null,
            "hint": "The token lacks the scope write; make one with it on your account page.",
        })
    );
    let made_up = told("tpn_made_up").await.assert_status(401);
    assert_eq!(made_up.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    assert_eq!(made_up.json()["code"], "PGRST301");
    assert!(made_up.json()["hint"].is_string());
    let _ =
        site.client.get("/admin/users").header("authorization", &format!("Bearer {write}")).await.assert_status(303);
}

#[tokio::test]
async fn beyond_loopback_nothing_is_shown_without_a_login() {
    let site = site(Options::new().read(Who::Users));
    for path in [
        "/",
        "/admin",
        "/admin/tables/skills",
        "/admin/sql?q=SELECT%201",
        "/docs",
        "/openapi.json",
        "/api/",
        "/api/skills",
        "/api/skills/changes",
        "/models",
        "/plots",
        "/metrics",
        "/nothing",
    ] {
        let denied = site.client.get(path).await.assert_status(401);
        assert_eq!(denied.header("www-authenticate"), Some("Bearer"), "{path}");
        let denied = denied.json();
        let is_page = ["/", "/docs"].contains(&path) || path.starts_with("/admin");
        assert_eq!(denied["code"], if is_page { "401" } else { "42501" }, "{path}");
        assert!(denied["hint"].is_string() && denied["message"].is_string(), "{path}: {denied}");
        assert_eq!(denied.as_object().map(serde_json::Map::len), Some(4), "{path}");
    }
    for path in ["/login", "/health", "/health/live", "/health/ready", "/favicon.svg", &site.setup] {
        let page = site.page(path).await.assert_status(200).text();
        assert!(!page.contains("employees"), "{path} names no table");
    }
    site.set_up().await;
    let _ = site.page("/admin/tables/skills").await.assert_status(200);
    let read = site.token(&["read"]).await;
    site.client.forget();
    assert_eq!(
        site.api(Method::GET, "/api/skills?select=id", &read).await.assert_status(200).json(),
        json!([{ "id": 1 }, { "id": 2 }])
    );
}

#[tokio::test]
async fn the_console_reads_tables_and_nothing_else() {
    let site = site(Options::new());
    site.set_up().await;
    let ask = |sql: &str| format!("/admin/sql?q={}", taipan_web::format::url_part(sql));
    let page = site.page(&ask("SELECT name FROM employees WHERE id = 1")).await.assert_status(200).text();
    assert!(page.contains("<td>Ada</td>") && page.contains("1 row"), "{page}");
    for sql in [
        "DELETE FROM skills",
        "SELECT * FROM _taipan_artifacts",
        "ATTACH '/etc/passwd' AS x",
        "PRAGMA database_list",
        "SELECT readfile('/etc/passwd')",
        "SELECT * FROM read_csv('http://127.0.0.1/')",
        "nonsense",
    ] {
        let page = site.page(&ask(sql)).await.assert_status(400).text();
        assert!(page.contains("id=\"sql-error\"") && !page.contains("staff.db"), "{sql}: {page}");
    }
    let file = site.page("/admin/sql.csv?q=SELECT%20id%2C%20name%20FROM%20skills").await.assert_status(200);
    assert_eq!(file.text(), "id,name\n1,rust\n2,sql\n");
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"answer.csv\""));
    let hostile =
        site.page(&ask("SELECT '<script>alert(1)</script>' AS \"<img src=x>\"")).await.assert_status(200).text();
    assert!(!hostile.contains("<script>alert") && !hostile.contains("<img src=x>"), "{hostile}");
}

#[tokio::test]
async fn a_new_password_ends_other_logins() {
    let site = site(Options::new());
    site.set_up().await;
    site.add("bob", "reader").await;
    let reset = [("do", "reset"), ("name", "bob")];
    let _ = site.client.submit("/admin/users", "/admin/users", &reset).await.assert_status(303);
    let page = site.page("/admin/users").await.text();
    let (_, after) = page.split_once("/reset?token=").or_else(|| page.split_once("reset?token=")).expect("a link");
    let token: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    site.log_in("bob").await;
    let old = site.client.cookie("taipan").expect("a session");
    let path = format!("/reset?token={token}");
    let set = [("token", token.as_str()), ("password", "another password")];
    let done = site.client.submit(&path, "/reset", &set).await.assert_status(303);
    assert_eq!(done.header("location"), Some("/login"));
    let again = site.client.submit(&path, "/reset", &set).await.assert_status(400);
    assert!(again.text().contains("was used already"), "{}", again.text());
    site.client.forget();
    let over = site.client.get("/account").header("cookie", &format!("taipan={old}")).await;
    let _ = over.assert_status(303);
    let _ = site.client.login("/login", "bob", "another password").await.assert_status(303);
}

#[tokio::test]
async fn requests_are_counted_and_named() {
    let site = site(Options::new());
    let answer = site.client.get("/api/skills").header("x-request-id", "abc-1").await;
    assert_eq!(answer.header("x-request-id"), Some("abc-1"));
    let made_up = site.client.get("/api/skills").header("x-request-id", "a b<script>").await;
    assert!(made_up.header("x-request-id").is_some_and(|id| !id.contains('<')));
    let _ = site.client.get("/nothing").await.assert_status(404);
    let metrics = site.client.get("/metrics").await.assert_status(200).text();
    assert!(metrics.contains("taipan_http_requests_total{status=\"2xx\"} 2\n"), "{metrics}");
    assert!(metrics.contains("taipan_http_requests_total{status=\"4xx\"} 1\n"), "{metrics}");
    assert!(metrics.contains("taipan_http_request_seconds_count 3\n"), "{metrics}");
}
