//! Tables of classes over HTTP: who sees and writes what, in every form in which rows are told, on SQLite and on the
//! PostgreSQL server under test.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use taipan::store::{Store, TransactionOptions, Value as Stored};
use taipan::{Project, ProjectOptions};
use taipan_server::{Options, Who};
use taipan_web::{Accounts, Answer, Client, Method, NewUser, Scope};
use tempfile::TempDir;

const PASSWORD: &str = "a long password";

const APP: &str = r#"
[class.Note]
bases = ["Owned", "Versioned", "Timestamped", "Audited"]
metaclass = "Resource"
table = "notes"
fields.title = { type = "text", required = true }
fields.secret = { type = "text", hidden = true }
fields.stars = { type = "integer", default = 3, check = "stars BETWEEN 0 AND 5" }
fields.book = { type = "integer", references = "Book" }
read = "owner"
write = "owner"

[class.Book]
metaclass = "Resource"
table = "books"
fields.name = { type = "text", unique = true }
fields.author = { type = "text" }
fields.published = { type = "boolean", default = false }
read = "published OR author = :user"
write = "author = :user"

[class.Tag]
bases = ["SoftDeleted"]
metaclass = "Resource"
table = "tags"
fields.name = { type = "text", required = true }
read = "public"
write = "user"

[class.Tagging]
metaclass = "Resource"
table = "taggings"
fields.book = { type = "integer", references = "Book", primary_key = true }
fields.tag = { type = "integer", references = "Tag", primary_key = true }
read = "tag <> 2"

[class.Post]
bases = ["Owned"]
metaclass = "Resource"
table = "posts"
fields.text = { type = "text" }
read = "public"
write = "user"

[class.Guestbook]
bases = ["Owned"]
metaclass = "Resource"
table = "guestbook"
fields.text = { type = "text" }
read = "public"
write = "public"

[class.Report]
metaclass = "Resource"
table = "reports"
fields.text = { type = "text" }
read = "staff"

[class.Box]
metaclass = "Resource"
table = "box"
fields.text = { type = "text", required = true }
read = "staff"
write = "public"

[class.Plain]
metaclass = "Resource"
table = "plain"
fields.text = { type = "text" }
"#;

/// An application with the classes above, some rows, and four accounts: `root`, `staff`, `ada` and `bob`.
struct Site {
    client: Client,
    accounts: Accounts,
    project: Project,
    store: Store,
    _folder: TempDir,
}

/// One on each database.
fn sites(options: &Options) -> Vec<Site> {
    let mut urls = vec!["sqlite:test.db".to_owned()];
    if let Ok(server) = std::env::var("TAIPAN_POSTGRES") {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("classes_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let store = Store::open(&server).expect("a server");
        execute(&store, &format!("CREATE SCHEMA {name}"));
        urls.push(format!("{server}?schema={name}&pool=4"));
    }
    urls.iter().map(|url| site(url, options.clone())).collect()
}

fn execute(store: &Store, sql: &str) {
    store.transaction(&TransactionOptions::default(), |tx| tx.execute(sql, &[])).expect(sql);
}

fn site(url: &str, options: Options) -> Site {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("taipan.toml"), format!("[app]\ndatabase = '{url}'\n{APP}")).expect("a file");
    let project = Project::open(&ProjectOptions::new([folder.path().to_owned()])).expect("a project");
    project.migrate(&[]).expect("tables");
    let store = project.store().clone();
    for sql in [
        "INSERT INTO books (name, author, published) VALUES ('Open', 'ada', TRUE), ('Draft', 'ada', FALSE), ('Other', 'bob', FALSE)",
        "INSERT INTO notes (title, secret, owner, book) VALUES ('of ada', 's1', 'ada', 2), ('of bob', 's2', 'bob', 1)",
        "INSERT INTO tags (name) VALUES ('red'), ('blue')",
        "INSERT INTO tags (name, deleted_at) VALUES ('gone', '2024-01-01 00:00:00')",
        "INSERT INTO taggings (book, tag) VALUES (1, 1), (1, 2), (1, 3)",
        "INSERT INTO reports (text) VALUES ('internal')",
        "INSERT INTO plain (text) VALUES ('x')",
    ] {
        execute(&store, sql);
    }
    let accounts = Accounts::new(store.clone()).with_quick_hashes();
    for (name, group) in [("root", "administrators"), ("staff", "staff"), ("ada", ""), ("bob", "")] {
        let user = NewUser::new(name, PASSWORD);
        accounts.create(if group.is_empty() { user } else { user.group(group) }).expect("an account");
    }
    let app = taipan_server::app_with(project.clone(), options.quick_hashes());
    Site { client: Client::new(app), accounts, project, store, _folder: folder }
}

impl Site {
    fn token(&self, user: &str) -> String {
        self.accounts.create_token(user, "test", &[Scope::Read, Scope::Write], None).expect("a token")
    }

    /// Sends a request as a user, or as nobody.
    async fn send(&self, user: &str, method: Method, path: &str, prefer: &str, body: &Value) -> Answer {
        let mut call = self.client.request(method, path).header("prefer", prefer);
        if !user.is_empty() {
            call = call.header("authorization", &format!("Bearer {}", self.token(user)));
        }
        call.header("content-type", "application/json").body(body.to_string()).await
    }

    async fn get(&self, user: &str, path: &str) -> Answer {
        self.send(user, Method::GET, path, "", &Value::Null).await
    }

    async fn status(&self, user: &str, path: &str) -> u16 {
        self.get(user, path).await.status()
    }

    async fn rows(&self, user: &str, path: &str) -> Value {
        self.get(user, path).await.assert_status(200).json()
    }

    /// A value in the database itself.
    fn stored(&self, sql: &str) -> Stored {
        let rows = self.store.transaction(&TransactionOptions::default().read_only(), |tx| tx.query(sql, &[]));
        rows.expect(sql).rows.into_iter().next().and_then(|row| row.into_iter().next()).unwrap_or(Stored::Null)
    }

    async fn log_in(&self, name: &str) {
        self.client.forget();
        let _ = self.client.login("/login", name, PASSWORD).await.assert_status(303);
    }

    async fn page(&self, path: &str) -> Answer {
        self.client.get(path).browser().await
    }
}

/// A page's text with its links as they lead.
fn links(page: &Answer) -> String {
    page.text().replace("&#x2f;", "/")
}

fn names(rows: &Value) -> Vec<&str> {
    let rows = rows.as_array().expect("rows");
    rows.iter().map(|row| row.get("name").or(row.get("title")).and_then(Value::as_str).unwrap_or("?")).collect()
}

#[tokio::test]
async fn rows_are_read_by_those_who_may() {
    for site in sites(&Options::new()) {
        for (user, path, expected) in [
            ("", "/api/notes", 401),
            ("ada", "/api/notes", 200),
            ("", "/api/reports", 401),
            ("ada", "/api/reports", 403),
            ("staff", "/api/reports", 200),
            ("root", "/api/reports", 200),
            ("", "/api/books", 200),
            ("", "/api/tags", 200),
            ("", "/api/plain", 200),
            ("ada", "/api/box", 403),
            ("", "/api/nothing", 404),
            ("", "/api/reports/changes", 401),
            ("ada", "/api/books/changes", 403),
            // Which changes are told is not for filters to say.
            ("staff", "/api/plain/changes?text=eq.x", 400),
        ] {
            assert_eq!(site.status(user, path).await, expected, "{user} {path}");
        }
        let denied = site.get("ada", "/api/reports").await.json();
        assert_eq!(
            (&denied["code"], &denied["message"]),
            (&json!("42501"), &json!("permission denied for table reports"))
        );
        for (user, path, expected) in [
            ("ada", "/api/notes", vec!["of ada"]),
            ("bob", "/api/notes", vec!["of bob"]),
            ("staff", "/api/notes?order=id", vec!["of ada", "of bob"]),
            ("bob", "/api/notes?owner=eq.ada", vec![]),
            ("bob", "/api/notes?or=(owner.eq.ada,owner.eq.bob)", vec!["of bob"]),
            ("bob", "/api/notes?not.and=(owner.eq.bob)", vec![]),
            ("", "/api/books?order=id", vec!["Open"]),
            ("bob", "/api/books?order=id", vec!["Open", "Other"]),
            ("ada", "/api/books?order=id", vec!["Open", "Draft"]),
            ("staff", "/api/books?order=id", vec!["Open", "Draft", "Other"]),
            ("", "/api/books?name=eq.Draft", vec![]),
            ("", "/api/tags?order=id", vec!["red", "blue"]),
            ("ada", "/api/tags?deleted_at=not.is.null", vec![]),
            ("staff", "/api/tags?deleted_at=not.is.null", vec!["gone"]),
        ] {
            assert_eq!(names(&site.rows(user, path).await), expected, "{user} {path}");
        }
        // Counts, groups and other forms are of the same rows.
        let counted = site.send("", Method::GET, "/api/books?limit=1", "count=exact", &Value::Null).await;
        assert_eq!(counted.header("content-range"), Some("0-0/1"));
        let head = site.send("", Method::HEAD, "/api/books", "count=exact", &Value::Null).await;
        assert_eq!(head.header("content-range"), Some("0-0/1"));
        assert_eq!(site.rows("", "/api/books?select=count()").await, json!([{ "count": 1 }]));
        for accept in ["text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream"] {
            let answer = site.client.get("/api/books").header("accept", accept).await.assert_status(200);
            let text = String::from_utf8_lossy(answer.bytes()).into_owned();
            assert!(text.contains("Open") && !text.contains("Draft") && !text.contains("Other"), "{accept}: {text}");
        }
    }
}

#[tokio::test]
async fn what_is_embedded_is_as_hidden_as_elsewhere() {
    for site in sites(&Options::new()) {
        let bobs = site.rows("bob", "/api/notes?select=title,books(name)").await;
        assert_eq!(bobs, json!([{ "title": "of bob", "books": { "name": "Open" } }]));
        // The draft is ada's.
        execute(&site.store, "UPDATE notes SET book = 2 WHERE owner = 'bob'");
        let bobs = site.rows("bob", "/api/notes?select=title,books(name)").await;
        assert_eq!(bobs, json!([{ "title": "of bob", "books": null }]));
        assert_eq!(site.rows("bob", "/api/notes?select=title,books!inner(name)").await, json!([]));
        assert_eq!(site.rows("bob", "/api/notes?select=title,books()&books=not.is.null").await, json!([]));
        let own = site.rows("ada", "/api/books?select=name,notes(title)&order=id").await;
        assert_eq!(
            own,
            json!([{ "name": "Open", "notes": [] }, { "name": "Draft", "notes": [{ "title": "of ada" }] }])
        );
        // By a table between, whose rows have a rule too; what was deleted is not there.
        let tags = site.rows("ada", "/api/books?select=name,tags(name)&id=eq.1").await;
        assert_eq!(tags, json!([{ "name": "Open", "tags": [{ "name": "red" }] }]));
        let refused = site.get("", "/api/books?select=name,notes(title)").await.assert_status(400);
        assert_eq!(refused.json()["code"], "PGRST200", "what may not be read is not there to be embedded");
    }
}

#[tokio::test]
async fn hidden_fields_never_leave() {
    for site in sites(&Options::new()) {
        for query in [
            "select=secret",
            "select=x:secret",
            "select=secret.max()",
            "select=secret::text",
            "secret=eq.s1",
            "secret=not.is.null",
            "or=(secret.eq.s1,id.eq.1)",
            "order=secret",
            "select=secret-%3Ea",
        ] {
            for user in ["ada", "root"] {
                let refused = site.get(user, &format!("/api/notes?{query}")).await.assert_status(400);
                assert!(!refused.text().contains("s1"), "{}", refused.text());
            }
        }
        for query in
            ["select=name,notes(secret)", "select=name,notes(title)&notes.secret=eq.s1", "select=name,notes(*)"]
        {
            let answer = site.get("root", &format!("/api/books?{query}")).await;
            assert!(
                !answer.text().contains("\"s1\"") && !answer.text().contains("\"s2\""),
                "{query}: {}",
                answer.text()
            );
        }
        let columns = site.rows("ada", "/api/notes?select=*").await;
        assert!(columns[0].get("secret").is_none() && columns[0].get("stars").is_some(), "{columns}");
        for accept in ["text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream"] {
            let call = site.client.get("/api/notes").header("accept", accept);
            let answer =
                call.header("authorization", &format!("Bearer {}", site.token("root"))).await.assert_status(200);
            let text = String::from_utf8_lossy(answer.bytes()).into_owned();
            assert!(text.contains("of ada") && !text.contains("s1") && !text.contains("secret"), "{accept}: {text}");
        }
        // It can be written, by those who may, and is not told then either.
        let body = json!({ "title": "new", "secret": "s3" });
        let made =
            site.send("ada", Method::POST, "/api/notes", "return=representation", &body).await.assert_status(201);
        assert!(made.json()[0].get("secret").is_none(), "{}", made.text());
        assert_eq!(site.stored("SELECT secret FROM notes WHERE title = 'new'"), Stored::Text("s3".into()));
        let upsert = "/api/notes?on_conflict=secret";
        let refused = site.send("ada", Method::POST, upsert, "resolution=merge-duplicates", &body).await;
        assert_eq!(refused.status(), 400, "{}", refused.text());

        // A tag tells nothing of it, and changes need the one that is shown.
        let object = |path: &'static str| {
            let call = site.client.get(path).header("accept", "application/vnd.pgrst.object+json");
            call.header("authorization", &format!("Bearer {}", site.token("ada")))
        };
        let tag = object("/api/notes?id=eq.1").await.assert_status(200).header("etag").expect("a tag").to_owned();
        execute(&site.store, "UPDATE notes SET secret = 'other' WHERE id = 1");
        assert_eq!(object("/api/notes?id=eq.1").await.header("etag"), Some(tag.as_str()));
        let patch = |tag: String| {
            let call = site.client.request(Method::PATCH, "/api/notes?id=eq.1").header("if-match", &tag);
            let call = call.header("authorization", &format!("Bearer {}", site.token("ada")));
            call.header("content-type", "application/json").body(r#"{"title":"again"}"#)
        };
        assert_eq!(patch(tag.clone()).await.status(), 204);
        assert_eq!(patch(tag).await.status(), 412, "the version has moved on");

        // One versioned row read by its key has its tag in an array as well.
        let array = site.get("ada", "/api/notes?id=eq.1").await;
        let tag = array.header("etag").expect("a tag").to_owned();
        assert_eq!(object("/api/notes?id=eq.1").await.header("etag"), Some(tag.as_str()));
        for path in [
            "/api/notes",
            "/api/notes?id=gt.0",
            "/api/notes?id=eq.99",
            "/api/notes?id=eq.1&select=id",
            "/api/tags?id=eq.1",
        ] {
            assert_eq!(site.get("ada", path).await.header("etag"), None, "{path}");
        }
        let put = |user: &'static str, tag: &str, title: &str| {
            let body = json!({ "id": 1, "title": title }).to_string();
            let call = site.client.request(Method::PUT, "/api/notes?id=eq.1").header("if-match", tag).body(body);
            let call = call.header("content-type", "application/json").header("prefer", "return=representation");
            call.header("authorization", &format!("Bearer {}", site.token(user)))
        };
        let done = put("ada", &tag, "put").await.assert_status(200);
        assert_eq!((&done.json()[0]["title"], &done.json()[0]["version"]), (&json!("put"), &json!(3)));
        assert_eq!(put("ada", &tag, "stale").await.status(), 412);
        let hidden = put("bob", "*", "theirs").await.assert_status(412).json();
        assert_eq!(hidden["message"], "The row is not there, or not yours to change; nothing was written");
        assert_eq!(site.stored("SELECT title FROM notes WHERE id = 1"), Stored::Text("put".into()));
    }
}

#[tokio::test]
async fn what_the_server_keeps_is_not_for_clients_to_set() {
    for site in sites(&Options::new()) {
        let forged = json!({
            "title": "forged", "owner": "ada", "version": 9, "created_at": "2001-01-01T00:00:00",
            "updated_at": "2001-01-01T00:00:00", "created_by": "bob", "updated_by": "bob",
        });
        let kept = |note: &Value| {
            assert_eq!((&note["owner"], &note["created_by"]), (&json!("ada"), &json!("ada")), "{note}");
            assert!(!note["created_at"].as_str().unwrap_or("2001").starts_with("2001"), "{note}");
            assert!(!note["updated_at"].as_str().unwrap_or("2001").starts_with("2001"), "{note}");
        };
        let rows = json!([forged, { "title": "another" }]);
        let path = "/api/notes?columns=title,version,created_at,updated_at,created_by,updated_by";
        for (path, body) in [("/api/notes", &forged), (path, &rows)] {
            let made = site.send("ada", Method::POST, path, "return=representation", body).await.assert_status(201);
            for note in made.json().as_array().expect("rows") {
                kept(note);
                assert_eq!(note["version"], 1);
            }
        }
        let note = site.rows("ada", "/api/notes?title=eq.forged&limit=1").await;
        let path = format!("/api/notes?id=eq.{}", note[0]["id"]);
        for method in [Method::PATCH, Method::PUT] {
            let mut body = forged.clone();
            body["id"] = note[0]["id"].clone();
            body["stars"] = json!(1);
            body["book"] = Value::Null;
            body["secret"] = Value::Null;
            let answer = site.send("ada", method.clone(), &path, "return=representation", &body).await;
            let note = answer.assert_status(200).json()[0].clone();
            kept(&note);
            assert_eq!(note["version"], if method == Method::PATCH { json!(2) } else { json!(3) }, "{method}");
        }
        // Only staff may say whose a row is.
        let (text, theirs) = (json!({ "text": "x" }), json!({ "text": "x", "owner": "bob" }));
        for (user, path, mine, forged) in
            [("ada", "/api/posts", 201, 403), ("staff", "/api/posts", 201, 201), ("", "/api/guestbook", 201, 401)]
        {
            assert_eq!(site.send(user, Method::POST, path, "", &text).await.status(), mine, "{user} {path}");
            assert_eq!(site.send(user, Method::POST, path, "", &theirs).await.status(), forged, "{user} {path}");
            let own = format!("{path}?id=eq.1");
            let patched = site.send(user, Method::PATCH, &own, "", &theirs).await.status();
            assert_eq!(patched, if forged == 201 { 204 } else { forged }, "{user} {path}");
        }
        let given = site.send("staff", Method::PATCH, &path, "return=representation", &json!({ "owner": "bob" })).await;
        assert_eq!(given.assert_status(200).json()[0]["owner"], "bob");
    }
}

#[tokio::test]
async fn rows_are_written_by_those_who_may() {
    for site in sites(&Options::new()) {
        let row = json!({ "title": "mine" });
        assert_eq!(site.send("", Method::POST, "/api/notes", "", &row).await.status(), 401);
        let made = site.send("ada", Method::POST, "/api/notes", "return=representation", &row).await.assert_status(201);
        let made = &made.json()[0];
        let told = ["owner", "created_by", "updated_by", "version", "stars"].map(|name| made[name].clone());
        assert_eq!(told, [json!("ada"), json!("ada"), json!("ada"), json!(1), json!(3)]);
        let id = made["id"].as_i64().expect("an id");
        let own = format!("/api/notes?id=eq.{id}");

        // Nobody gives a row away, takes one, or touches another's.
        let theirs = json!({ "title": "x", "owner": "bob" });
        assert_eq!(site.send("ada", Method::POST, "/api/notes", "", &theirs).await.status(), 403);
        assert_eq!(site.send("ada", Method::PATCH, &own, "", &json!({ "owner": "bob" })).await.status(), 403);
        let untouched = site.send("bob", Method::PATCH, &own, "return=representation", &json!({ "title": "x" })).await;
        assert_eq!((untouched.status(), untouched.json()), (200, json!([])));
        assert_eq!(
            site.send("bob", Method::DELETE, &own, "count=exact", &Value::Null).await.header("content-range"),
            Some("*/0")
        );
        let take = json!({ "id": id, "title": "taken", "owner": "bob" });
        let merge = "resolution=merge-duplicates,return=representation";
        let taken = site.send("bob", Method::POST, "/api/notes", merge, &take).await;
        assert_eq!(taken.status(), 403, "{}", taken.text());
        assert!(!taken.text().contains("mine"));
        let put = site.send("bob", Method::PUT, &own, "", &take).await;
        assert_eq!(put.status(), 403, "{}", put.text());

        // Changes are stamped, whatever they say themselves.
        let change = json!({ "title": "changed", "version": 99, "updated_by": "eve", "updated_at": "1999-01-01" });
        let changed = site.send("ada", Method::PATCH, &own, "return=representation", &change).await.assert_status(200);
        let changed = &changed.json()[0];
        assert_eq!(
            (&changed["version"], &changed["updated_by"], &changed["title"]),
            (&json!(2), &json!("ada"), &json!("changed"))
        );
        assert!(changed["updated_at"].as_str() > Some("2020"), "{changed}");
        let merged =
            site.send("staff", Method::POST, "/api/notes", merge, &json!({ "id": id, "title": "merged" })).await;
        let merged = merged.assert_status(200).json();
        let told = ["owner", "created_by", "updated_by", "version"].map(|name| merged[0][name].clone());
        assert_eq!(told, [json!("ada"), json!("ada"), json!("staff"), json!(3)], "a merge leaves whose it is");

        // What the fields ask for.
        let empty = site.send("ada", Method::POST, "/api/notes", "", &json!({ "stars": 1 })).await;
        assert_eq!((empty.status(), &empty.json()["code"]), (400, &json!("23502")));
        let many = site.send("ada", Method::POST, "/api/notes", "", &json!({ "title": "x", "stars": 6 })).await;
        assert_eq!((many.status(), &many.json()["code"]), (400, &json!("23514")), "{}", many.text());
        let wrong = site.send("ada", Method::POST, "/api/notes", "", &json!({ "title": "x", "stars": "many" })).await;
        assert_eq!(wrong.status(), 400, "{}", wrong.text());
        let nowhere = site.send("ada", Method::POST, "/api/notes", "", &json!({ "title": "x", "book": 99 })).await;
        assert_eq!((nowhere.status(), &nowhere.json()["code"]), (409, &json!("23503")));

        // A rule, before and after.
        let book = |name: &str, author: &str| json!({ "name": name, "author": author });
        assert_eq!(site.send("", Method::POST, "/api/books", "", &book("n", "")).await.status(), 401);
        assert_eq!(site.send("bob", Method::POST, "/api/books", "", &book("New", "bob")).await.status(), 201);
        assert_eq!(site.send("bob", Method::POST, "/api/books", "", &book("Newer", "ada")).await.status(), 403);
        assert_eq!(
            site.send("bob", Method::PATCH, "/api/books?id=eq.1", "", &json!({ "name": "Closed" })).await.status(),
            204
        );
        assert_eq!(
            site.stored("SELECT name FROM books WHERE id = 1"),
            Stored::Text("Open".into()),
            "read, but not bob's"
        );
        let steal = "/api/books?on_conflict=name";
        let stolen = site.send("bob", Method::POST, steal, "resolution=merge-duplicates", &book("Draft", "bob")).await;
        assert_eq!(stolen.status(), 403);
        assert_eq!(site.stored("SELECT author FROM books WHERE name = 'Draft'"), Stored::Text("ada".into()));

        // Rows that may be dropped in and not be looked at.
        let drop = json!({ "text": "psst" });
        assert_eq!(site.send("", Method::POST, "/api/box", "", &drop).await.status(), 201);
        for (method, prefer) in [
            (Method::POST, "return=representation"),
            (Method::POST, "resolution=merge-duplicates"),
            (Method::PATCH, ""),
            (Method::DELETE, ""),
        ] {
            let answer = site.send("", method.clone(), "/api/box?id=eq.1", prefer, &drop).await;
            assert_eq!(answer.status(), 401, "{method} {prefer}: {}", answer.text());
        }
        assert_eq!(site.stored("SELECT count(*) FROM box"), Stored::Integer(1));
        let reading = site.accounts.create_token("staff", "r", &[Scope::Read], None).expect("a token");
        let call = site
            .client
            .request(Method::DELETE, "/api/box?id=eq.1")
            .header("authorization", &format!("Bearer {reading}"));
        assert_eq!(call.await.status(), 403, "a token may less than its user");
    }
}

#[tokio::test]
async fn deleted_rows_are_kept() {
    for site in sites(&Options::new()) {
        let gone = site.send("ada", Method::DELETE, "/api/tags?id=eq.1", "return=representation", &Value::Null).await;
        assert_eq!(names(&gone.assert_status(200).json()), ["red"]);
        assert_eq!(names(&site.rows("ada", "/api/tags").await), ["blue"]);
        assert_ne!(site.stored("SELECT deleted_at FROM tags WHERE id = 1"), Stored::Null);
        let again = site.send("ada", Method::DELETE, "/api/tags?id=eq.1", "count=exact", &Value::Null).await;
        assert_eq!(again.header("content-range"), Some("*/0"));
        let back = json!({ "deleted_at": null });
        let path = "/api/tags?id=eq.1&deleted_at=not.is.null";
        assert_eq!(
            site.send("ada", Method::PATCH, path, "count=exact", &back).await.header("content-range"),
            Some("*/0")
        );
        assert_eq!(site.send("staff", Method::PATCH, path, "", &back).await.status(), 204);
        assert_eq!(names(&site.rows("", "/api/tags?order=id").await), ["red", "blue"]);
    }
}

#[tokio::test]
async fn beyond_loopback_only_what_is_public_needs_no_login() {
    for site in sites(&Options::new().read(Who::Users)) {
        for (user, path, expected) in [
            ("", "/api/plain", 401),
            ("ada", "/api/plain", 200),
            ("", "/api/tags", 200),
            ("", "/api/books", 200),
            ("", "/api/notes", 401),
            ("", "/api/", 401),
            ("", "/openapi.json", 401),
            ("", "/api/nothing", 401),
            ("ada", "/api/nothing", 404),
            ("", "/api/plain/changes", 401),
            ("", "/api/rpc/x", 401),
            ("", "/models", 401),
        ] {
            assert_eq!(site.status(user, path).await, expected, "{user} {path}");
        }
        let options = site.client.request(Method::OPTIONS, "/api/plain").await;
        assert_eq!(options.status(), 401);
        let refused = site.get("", "/api/tags?select=name,plain(text)").await;
        assert!(!refused.text().contains("\"x\""));
    }
}

#[tokio::test]
async fn the_description_is_of_what_one_may_call() {
    for site in sites(&Options::new()) {
        let nobody = site.rows("", "/openapi.json").await;
        let (ada, staff) = (site.rows("ada", "/openapi.json").await, site.rows("staff", "/openapi.json").await);
        let has = |document: &Value, path: &str, verb: &str| document["paths"][path][verb].is_object();
        for (document, path, verb, expected) in [
            (&nobody, "/api/notes", "get", false),
            (&nobody, "/api/reports", "get", false),
            (&nobody, "/api/tags", "get", true),
            (&nobody, "/api/box", "post", true),
            (&nobody, "/api/box", "get", false),
            (&nobody, "/api/plain", "get", true),
            (&nobody, "/api/plain", "post", false),
            (&nobody, "/jobs", "post", false),
            (&staff, "/jobs", "post", true),
            (&staff, "/api/plain/changes", "get", true),
            (&ada, "/api/notes", "get", true),
            (&ada, "/api/notes", "post", true),
            (&ada, "/api/reports", "get", false),
            (&ada, "/api/plain", "post", false),
            (&staff, "/api/reports", "post", true),
            (&staff, "/api/plain", "post", true),
        ] {
            assert_eq!(has(document, path, verb), expected, "{path} {verb}");
        }
        let needs = |document: &Value, path: &str, verb: &str| document["paths"][path][verb]["security"].clone();
        assert_eq!(needs(&staff, "/api/box", "post"), json!([]));
        assert_eq!(needs(&staff, "/api/plain", "post"), json!([{ "token": [] }]));
        assert_eq!(needs(&ada, "/api/notes", "get"), json!([{ "token": [] }]));
        let schemas = &ada["components"]["schemas"];
        assert!(schemas["row.notes"]["properties"].get("secret").is_none());
        let new = &schemas["new.notes"];
        assert_eq!(new["required"], json!(["title"]));
        assert_eq!(new["properties"]["stars"]["default"], 3);
        assert_eq!(new["properties"]["secret"]["writeOnly"], true);
        let filters = ada["paths"]["/api/notes"]["get"]["parameters"].to_string();
        assert!(filters.contains("\"stars\"") && !filters.contains("secret"));
    }
}

/// A request over a socket, whose answer may have no end.
fn call(address: SocketAddr, head: &str, token: &str, body: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).expect("a request sent");
    socket
}

/// Reads on until some text has come, and gives all that was read.
fn until(socket: &mut TcpStream, text: &str) -> String {
    let (mut all, mut part) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&all).contains(text) {
        let read = socket.read(&mut part).expect("more to read");
        assert!(read > 0, "no {text} in {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_to_those_who_may_read() {
    for site in sites(&Options::new()) {
        let listener = taipan_web::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = taipan_server::app_with(site.project.clone(), Options::new());
        tokio::spawn(taipan_web::serve(app, listener, std::future::pending()));
        tokio::task::block_in_place(|| {
            let mut heard = ["ada", "bob", "staff"].map(|user| {
                let mut socket = call(address, "GET /api/notes/changes", &site.token(user), "");
                until(&mut socket, ": listening");
                socket
            });
            for (user, row) in [("ada", r#"{"title":"ada's","secret":"s9"}"#), ("bob", r#"{"title":"bob's"}"#)] {
                let mut made = call(address, "POST /api/notes", &site.token(user), row);
                assert!(until(&mut made, "\r\n").starts_with("HTTP/1.1 201"));
            }
            let told: Vec<String> =
                ["ada's", "bob's", "bob's"].iter().zip(&mut heard).map(|(text, socket)| until(socket, text)).collect();
            assert!(!told[1].contains("ada's"), "{}", told[1]);
            assert!(told[2].contains("ada's"), "{}", told[2]);
            assert!(told.iter().all(|text| !text.contains("s9") && !text.contains("secret")), "{told:?}");
        });
    }
}

#[tokio::test]
async fn the_admin_site_shows_no_more() {
    for site in sites(&Options::new()) {
        let rail = links(&site.page("/").await.assert_status(200));
        assert!(rail.contains("/admin/tables/tags"), "{rail}");
        assert!(!rail.contains("/admin/tables/notes"), "{rail}");
        for path in ["/admin/tables/notes", "/admin/tables/notes/1", "/admin/tables/reports"] {
            let answer = site.page(path).await.assert_status(303);
            assert!(answer.header("location").is_some_and(|to| to.starts_with("/login?next=")), "{path}");
        }
        assert_eq!(site.page("/admin/sql").await.status(), 401);
        let books = site.page("/admin/tables/books").await.assert_status(200).text();
        assert!(books.contains("Open") && !books.contains("Draft"));
        assert_eq!(site.page("/admin/tables/books/2").await.status(), 404);
        let found = async |text: &str| links(&site.page(&format!("/admin/tables/books?search={text}")).await);
        assert!(found("Open").await.contains("/admin/tables/books/1"));
        assert!(!found("Draft").await.contains("/admin/tables/books/2"));

        site.log_in("ada").await;
        let notes = site.page("/admin/tables/notes").await.assert_status(200).text();
        assert!(notes.contains("of ada") && !notes.contains("of bob") && !notes.contains("secret"), "{notes}");
        let record = site.page("/admin/tables/notes/1").await.assert_status(200).text();
        assert!(record.contains("of ada") && !record.contains("s1"));
        for path in ["/admin/tables/notes?secret=eq.s1", "/admin/tables/notes?order=secret"] {
            assert_eq!(site.page(path).await.status(), 400, "{path}");
        }
        let search = site.page("/admin/tables/notes?search=s1").await.assert_status(200).text();
        assert!(!search.contains("of ada"), "nothing is found by what is hidden");
        assert!(site.page("/admin/tables/notes?search=OF%20A").await.text().contains("of ada"));
        for path in ["/admin/tables/notes/2", "/admin/tables/notes/2/edit"] {
            assert_eq!(site.page(path).await.status(), 404, "{path}");
        }
        for path in ["/admin/tables/reports", "/admin/tables/reports/1", "/admin/sql", "/admin/tables/plain/_new"] {
            assert_eq!(site.page(path).await.status(), 403, "{path}");
        }

        let new = "/admin/tables/notes/_new";
        let fields = [("f:title", "typed"), ("f:secret", "not for you"), ("f:stars", "5")];
        let made = site.client.submit(new, new, &fields).await.assert_status(303);
        let path = made.header("location").expect("a page").to_owned();
        assert_eq!(
            site.stored("SELECT secret FROM notes WHERE title = 'typed' AND owner = 'ada'"),
            Stored::Text("not for you".into())
        );
        let edit = format!("{path}/edit");
        let form = site.page(&edit).await.assert_status(200).text();
        assert!(!form.contains("not for you") && !form.contains("f:secret"));
        let tag =
            form.split_once("name=\"_tag\" value=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a tag").0;
        let saved = site.client.submit(&edit, &edit, &[("_tag", tag), ("f:title", "typed again")]).await;
        assert_eq!(saved.status(), 303, "{}", saved.text());
        assert_eq!(site.stored("SELECT version FROM notes WHERE title = 'typed again'"), Stored::Integer(2));
        assert_eq!(
            site.stored("SELECT secret FROM notes WHERE title = 'typed again'"),
            Stored::Text("not for you".into())
        );
        let delete = format!("{path}/delete");
        assert_eq!(site.client.submit(&path, &delete, &[]).await.status(), 303);
        assert_eq!(site.page(&path).await.status(), 404);
        let tag = "/admin/tables/tags/1";
        assert_eq!(site.client.submit(tag, &format!("{tag}/delete"), &[]).await.status(), 303);
        assert_ne!(site.stored("SELECT deleted_at FROM tags WHERE id = 1"), Stored::Null);

        site.log_in("root").await;
        let everything = site.page("/admin/tables/notes").await.assert_status(200).text();
        assert!(everything.contains("of bob") && !everything.contains("secret"));
        assert_eq!(site.page("/admin/sql").await.status(), 200);
    }
}

#[test]
fn a_rule_that_makes_no_sense_is_found_at_the_start() {
    let folder = TempDir::new().expect("a folder");
    let app = "[class.A]\nmetaclass = 'Resource'\nfields.x = { type = 'text' }\nread = \"y = :user\"\n";
    std::fs::write(folder.path().join("taipan.toml"), app).expect("a file");
    let project = Project::open(&ProjectOptions::new([folder.path().to_owned()])).expect("a project");
    let error = project.migrate(&[]).expect_err("no column y").to_string();
    assert!(error.starts_with("class A: read = \"y = :user\": no such column: y"), "{error}");
}
