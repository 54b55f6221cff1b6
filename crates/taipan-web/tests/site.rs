//! Sessions, forgery, login, forms, uploads, static files, hooks and plugins, as a browser meets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use taipan_store::Store;
use taipan_web::axum::extract::Multipart;
use taipan_web::{
    Accounts, App, Client, Fields, Folder, HeaderMap, IntoResponse, NewUser, Plugin, Problem, Redirect, Response,
    Router, Routes, Session, Sessions, State, StatusCode, Templates, get, header, post, uploads,
};

async fn form(session: Session) -> String {
    format!("<input type=\"hidden\" name=\"_csrf\" value=\"{}\">", session.csrf_token())
}

async fn login(State(accounts): State<Accounts>, session: Session, mut fields: Fields) -> Result<Response, Problem> {
    let name = fields.text("name").required().value().unwrap_or_default();
    let password = fields.text("password").required().value().unwrap_or_default();
    match accounts.login(&name, &password, None, "test") {
        Ok(user) => {
            session.rotate();
            session.set("user", &user.name());
            session.flash("success", "Welcome.");
            Ok(Redirect::to("/me").into_response())
        }
        Err(denied) => Err(Problem::new(StatusCode::FORBIDDEN, denied.to_string())),
    }
}

async fn me(session: Session) -> String {
    format!("{:?} {:?}", session.get::<String>("user"), session.flashes())
}

async fn logout(session: Session) {
    session.clear();
}

fn site(sessions: Sessions) -> Client {
    let accounts = Accounts::new(Store::open("sqlite::memory:").expect("a store")).with_quick_hashes();
    accounts.create(NewUser::new("ada", "long enough")).expect("a user");
    let router = Router::new()
        .route("/login", get(form).post(login))
        .route("/logout", post(logout))
        .route("/me", get(me))
        .route("/plain", get(|| async { "plain" }).post(|| async { "changed" }))
        .with_state(accounts);
    Client::new(App::new().sessions(sessions).routes(router))
}

/// A schema of its own on the PostgreSQL server under test; none, said so, where there is no server.
fn postgres() -> Option<Store> {
    let Ok(server) = std::env::var("TAIPAN_POSTGRES") else {
        eprintln!("left out: TAIPAN_POSTGRES names no server; 'cargo xtask test' starts one");
        return None;
    };
    let name = format!("web_{}", std::process::id());
    let home = Store::open(&server).expect("the server");
    let create = format!("CREATE SCHEMA IF NOT EXISTS {name}");
    let made = home.transaction(&taipan_store::TransactionOptions::default(), |tx| tx.execute(&create, &[]));
    made.expect("a schema");
    Some(Store::open(&format!("{server}?schema={name}&pool=4")).expect("a store"))
}

/// Accounts and sessions in PostgreSQL outlive the program, as they do in SQLite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_kept_in_postgresql() {
    let opened = tokio::task::spawn_blocking(postgres).await.expect("no panic");
    let Some(store) = opened else { return };
    let client = site(Sessions::in_store(store.clone()));
    let _ = client.login("/login", "ada", "long enough").await.assert_status(303);
    let cookie = client.cookie("session").expect("a session");
    let again = site(Sessions::in_store(store));
    let told = again.get("/me").header("cookie", &format!("session={cookie}")).await.text();
    assert!(told.starts_with("Some(\"ada\")"), "another start of the program knows it: {told}");
    let out = again.post("/logout", "text/plain", "").header("cookie", &format!("session={cookie}")).await;
    assert_eq!(out.status(), 403, "and asks for its token");
    let _ = client.submit("/login", "/logout", &[]).await;
    let told = again.get("/me").header("cookie", &format!("session={cookie}")).await.text();
    assert!(told.starts_with("None"), "{told}");
}

#[tokio::test]
async fn a_login_gives_the_session_another_name() {
    let store = Store::open("sqlite::memory:").expect("a store");
    for sessions in [Sessions::in_memory(), Sessions::in_store(store)] {
        let client = site(sessions);
        assert_eq!(client.get("/plain").await.header("set-cookie"), None, "nothing is kept for whom nothing is known");
        let first = client.get("/login").await;
        let set = first.header("set-cookie").expect("a cookie").to_owned();
        assert!(set.contains("; HttpOnly; SameSite=Lax") && set.contains("; Path=/; Max-Age="), "{set}");
        let before = client.cookie("session").expect("a session");
        let _ = client.login("/login", "ada", "wrong password").await.assert_status(403);
        assert_eq!(client.cookie("session").as_ref(), Some(&before));
        let _ = client.login("/login", "ada", "long enough").await.assert_status(303);
        let after = client.cookie("session").expect("a session");
        assert_ne!(before, after, "a name that was planted is worth nothing");
        assert_eq!(client.get("/me").await.text(), r#"Some("ada") [("success", "Welcome.")]"#);
        assert_eq!(client.get("/me").await.text(), r#"Some("ada") []"#, "a message is shown once");

        let planted = client.get("/me").header("cookie", &format!("session={before}")).await;
        assert!(!planted.text().contains("ada") || client.cookie("session") == Some(after.clone()));
        client.forget();
        let old = client.get("/me").header("cookie", &format!("session={before}")).await;
        assert!(old.text().starts_with("None"), "{}", old.text());
        let made_up = "x".repeat(43);
        let _ = client.get("/login").header("cookie", &format!("session={made_up}")).await;
        assert_ne!(client.cookie("session"), Some(made_up), "a name that the server did not give is not taken");
    }
}

#[tokio::test]
async fn logging_out_ends_the_session_everywhere() {
    let client = site(Sessions::in_memory());
    let _ = client.login("/login", "ada", "long enough").await.assert_status(303);
    let id = client.cookie("session").expect("a session");
    let _ = client.submit("/login", "/logout", &[]).await.assert_status(200);
    assert_eq!(client.cookie("session"), None);
    let again = client.get("/me").header("cookie", &format!("session={id}")).await;
    assert!(again.text().starts_with("None"), "{}", again.text());
}

#[tokio::test]
async fn requests_of_other_sites_change_nothing() {
    let client = site(Sessions::in_memory());
    let token = client.get("/login").await.csrf_token().expect("a token");
    let form = "application/x-www-form-urlencoded";
    let post = |body: String| client.post("/plain", form, body);
    let good = || post(format!("a=1&_csrf={token}"));
    let _ = good().await.assert_status(200);
    let _ = good().header("origin", "http://localhost").await.assert_status(200);
    let _ = good().header("sec-fetch-site", "same-origin").await.assert_status(200);
    let _ = client.post("/plain", "application/json", "{}").header("x-csrf-token", &token).await.assert_status(200);
    for refused in [
        post(String::new()),
        post("_csrf=".to_owned()),
        post(format!("_csrf={token}x")),
        post(format!("x_csrf={token}")),
        client.post("/plain", "application/json", "{}"),
        client.post("/plain", "text/plain", format!("_csrf={token}")),
        good().header("origin", "http://evil.example"),
        good().header("origin", "null"),
        good().header("sec-fetch-site", "cross-site"),
        good().header("sec-fetch-site", "same-site"),
    ] {
        let _ = refused.await.assert_status(403);
    }
    client.forget();
    let _ = client.post("/plain", "application/json", "{}").await.assert_status(200);
    let login = client.post("/login", form, "name=ada&password=long+enough").header("origin", "http://evil.example");
    let _ = login.await.assert_status(403);
}

#[tokio::test]
async fn hooks_run_around_handlers() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let app = App::new()
        .before(move |request| {
            counted.fetch_add(1, Ordering::Relaxed);
            request.headers_mut().insert("x-seen", header::HeaderValue::from_static("yes"));
            Ok(())
        })
        .before(|request| match request.uri().path() {
            "/closed" => Err(Problem::of(StatusCode::FORBIDDEN)),
            _ => Ok(()),
        })
        .after(|response| {
            response.headers_mut().insert("x-after", header::HeaderValue::from_static("yes"));
        })
        .routes(
            Router::new().route("/", get(|headers: HeaderMap| async move { format!("{:?}", headers.get("x-seen")) })),
        );
    let client = Client::new(app);
    let answer = client.get("/").await.assert_status(200);
    assert_eq!((answer.text().as_str(), answer.header("x-after")), ("Some(\"yes\")", Some("yes")));
    assert_eq!(client.get("/closed").await.assert_status(403).header("x-after"), Some("yes"));
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn uploads_go_to_disk_and_are_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    let receive = move |form: Multipart| {
        let path = path.clone();
        async move {
            let (files, texts) = uploads(form, &path, 1000).await?;
            let told: Vec<String> = files
                .iter()
                .map(|file| {
                    let read = std::fs::read_to_string(file.path()).expect("the file");
                    format!("{} {} {} {read}", file.field(), file.file_name(), file.size())
                })
                .collect();
            Ok::<_, Problem>(format!("{told:?} {texts:?}"))
        }
    };
    let client = Client::new(App::new().routes(Router::new().route("/", post(receive))));
    let send = |file: String| {
        let body = format!(
            "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhi\r\n--x\r\n\
             Content-Disposition: form-data; name=\"f\"; filename=\"../../a.txt\"\r\n\r\n{file}\r\n--x--\r\n"
        );
        client.post("/", "multipart/form-data; boundary=x", body)
    };
    let answer = send("content".to_owned()).await.assert_status(200);
    assert_eq!(answer.text(), r#"["f a.txt 7 content"] [("title", "hi")]"#);
    let _ = send("x".repeat(1001)).await.assert_status(413);
    let _ = client.post("/", "multipart/form-data; boundary=x", "--x\r\nnonsense").await.assert_status(400);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn static_files_have_names_that_change_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    std::fs::create_dir(folder.path().join("js")).expect("a folder");
    write("app.css", "body{}");
    write("app.css.gz", "(gzip)");
    write("app.css.br", "(brotli)");
    write("js/a b.js", "1");
    write(".secret", "no");
    let outside = tempfile::tempdir().expect("a folder");
    std::fs::write(outside.path().join("x.txt"), "outside").expect("a file");
    let files = Folder::open("/static", folder.path()).expect("a folder");
    let url = files.url("app.css").expect("an address");
    assert!(url.starts_with("/static/app.") && url.len() == "/static/app..css".len() + 16, "{url}");
    let script = files.url("js/a b.js").expect("an address");
    let client = Client::new(App::new().routes(files.routes()));
    let hashed = client.get(&url).await.assert_status(200);
    assert_eq!(hashed.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!((hashed.text().as_str(), hashed.header("content-encoding")), ("body{}", None));
    let etag = hashed.header("etag").expect("an ETag").to_owned();
    let _ = client.get(&url).header("if-none-match", &etag).await.assert_status(304);
    assert_eq!(client.get("/static/app.css").await.assert_status(200).header("cache-control"), Some("no-cache"));
    for (accept, encoding, text) in [
        ("gzip", Some("gzip"), "(gzip)"),
        ("gzip, br", Some("br"), "(brotli)"),
        ("br;q=0, gzip;q=0.5", Some("gzip"), "(gzip)"),
        ("identity", None, "body{}"),
    ] {
        let answer = client.get(&url).header("accept-encoding", accept).await.assert_status(200);
        assert_eq!((answer.header("content-encoding"), answer.text().as_str()), (encoding, text), "{accept}");
        assert_eq!(answer.header("content-type"), Some("text/css; charset=utf-8"));
    }
    assert_eq!(client.get(&script).await.assert_status(200).text(), "1");
    for path in [
        "/static/.secret",
        "/static/../x.txt",
        "/static/%2e%2e/x.txt",
        "/static/..%2fx.txt",
        "/static//etc/passwd",
        "/static/js",
        "/static/none.css",
        "/static/%ff",
        "/static/app.css%00",
    ] {
        let _ = client.get(path).await.assert_status(404);
    }
}

#[tokio::test]
async fn templates_come_from_a_folder_and_know_routes() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |text: &str| std::fs::write(folder.path().join("page.html"), text).expect("a file");
    let routes: Routes = Routes::new().route("post", "/posts/{id:int}", get(|| async {}));
    write("<a href=\"{{ url_for('post', id=7) }}\">1</a>");
    let parameters = routes.parameters();
    let open = |reload| Templates::from_folder(folder.path(), &[], reload).expect("a folder").routes(&parameters);
    let (kept, live) = (open(false), open(true));
    let render = |templates: &Templates| templates.render("page.html", &()).map(|page| page.html().to_owned());
    assert_eq!(render(&kept).expect("a page"), "<a href=\"&#x2f;posts&#x2f;7\">1</a>");
    assert_eq!(render(&live).expect("a page"), render(&kept).expect("a page"));
    write("2 {{ url_for('post') }}");
    assert!(render(&kept).expect("a page").contains('1'));
    assert_eq!(
        render(&live).expect_err("a parameter is missing").to_string(),
        "page.html:1: invalid operation: no route “post” without id"
    );
}

struct Greeting;

impl Plugin for Greeting {
    fn name(&self) -> &'static str {
        "greeting"
    }

    fn routes(&self) -> Router {
        Router::new().route("/greeting", get(|| async { "hello" }))
    }

    fn extend(&self, app: App) -> App {
        app.after(|response| {
            response.headers_mut().insert("x-greeted", header::HeaderValue::from_static("yes"));
        })
    }
}

#[tokio::test]
async fn a_plugin_brings_routes_and_hooks() {
    let client = Client::new(App::new().plugin(&Greeting));
    let answer = client.get("/greeting").await.assert_status(200);
    assert_eq!((answer.text().as_str(), answer.header("x-greeted")), ("hello", Some("yes")));
}
