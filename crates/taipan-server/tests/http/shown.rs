//! Models and plots tell of the rows that they were made of: they are for those who may read these, and know no more.

use serde_json::{Value, json};
use taipan::store::{Store, TransactionOptions};
use taipan::{Project, ProjectOptions};
use taipan_server::Options;
use taipan_web::{Accounts, Answer, Client, Method, NewUser, Scope};
use tempfile::TempDir;

const PASSWORD: &str = "a long password";

const APP: &str = r#"
[app]
database = "sqlite:shown.db"

[class.Person]
bases = ["Owned", "Versioned", "Timestamped"]
metaclass = "Resource"
table = "people"
fields.age = { type = "integer" }
fields.income = { type = "integer" }
fields.weight = { type = "integer", hidden = true }
read = "owner"

[class.House]
bases = ["SoftDeleted"]
metaclass = "Resource"
table = "houses"
fields.area = { type = "integer" }
fields.price = { type = "integer" }
fields.kind = { type = "text" }
fields.sold = { type = "date" }
read = "public"

[model.income]
estimator = "LinearRegression"
from = "people"
target = "income"

[model.joined]
estimator = "LinearRegression"
from = "WITH h AS (SELECT * FROM houses) SELECT h.area, p.income FROM h JOIN People p ON p.id = h.id"
target = "income"

[model.price]
estimator = "LinearRegression"
from = "SELECT area, price FROM houses"
target = "price"

[model.kind]
estimator = "DecisionTreeClassifier"
from = "SELECT area, kind FROM houses"
target = "kind"

[query.cheap]
title = "Houses below a price"
sql = "SELECT area, kind FROM houses WHERE price < $most ORDER BY area"

[query.sold]
sql = "SELECT area FROM houses WHERE sold >= $since AND (kind = $kind OR $kind IS NULL) ORDER BY area"

[query.shares]
sql = "SELECT area / $by AS share FROM houses ORDER BY area"

[query.endless]
timeout = 1
sql = """SELECT count(*) FROM houses a, houses b, houses c, houses d, houses e, houses f, houses g, houses h, houses i, houses j,
    houses k, houses l, houses m, houses n, houses o, houses p, houses q, houses r, houses s, houses t, houses u, houses v,
    houses w, houses x, houses y, houses z WHERE a.area + z.area > $least"""

[query.rich]
sql = "SELECT * FROM people WHERE income >= $least"

[plot.ages]
from = "people"
kind = "scatter"
x = "age"
y = "income"

[plot.prices]
from = "SELECT area, price FROM houses"
kind = "scatter"
x = "area"
y = "price"

[plot.residuals]
from = "houses"
kind = "residuals"
model = "price"
"#;

fn execute(store: &Store, sql: &str) {
    store.transaction(&TransactionOptions::default(), |tx| tx.execute(sql, &[])).expect(sql);
}

fn open(app: &str) -> (Project, TempDir) {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("taipan.toml"), app).expect("a file");
    let project = Project::open(&ProjectOptions::new([folder.path().to_owned()])).expect("a project");
    project.migrate(&[]).expect("tables");
    let store = project.store();
    execute(
        store,
        "INSERT INTO people (age, income, weight, owner) VALUES (20, 40, 9, 'ada'), (30, 60, 7, 'ada'), (40, 80, 1, 'bob')",
    );
    execute(
        store,
        "INSERT INTO houses (area, price, kind, sold) VALUES (10, 100, 'small', '2024-01-31'), (20, 200, 'small', '2024-03-01'), (30, 300, 'large', NULL)",
    );
    execute(store, "INSERT INTO houses (area, price, deleted_at) VALUES (10, 9000, '2024-01-01 00:00:00')");
    (project, folder)
}

struct Site {
    client: Client,
    accounts: Accounts,
    _folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let (project, folder) = open(APP);
        project.train(|_| ()).expect("models");
        project.draw(|_| ()).expect("plots");
        let accounts = Accounts::new(project.store().clone()).with_quick_hashes();
        for (name, group) in [("root", "administrators"), ("staff", "staff"), ("ada", "")] {
            let user = NewUser::new(name, PASSWORD);
            accounts.create(if group.is_empty() { user } else { user.group(group) }).expect("an account");
        }
        let app = taipan_server::app_with(project, Options::new().quick_hashes());
        Self { client: Client::new(app), accounts, _folder: folder }
    }

    async fn send(&self, user: &str, method: Method, path: &str, body: &Value) -> Answer {
        let mut call = self.client.request(method, path).header("content-type", "application/json");
        if !user.is_empty() {
            let token = self.accounts.create_token(user, "test", &[Scope::Read], None).expect("a token");
            call = call.header("authorization", &format!("Bearer {token}"));
        }
        call.body(body.to_string()).await
    }

    async fn names(&self, user: &str, path: &str) -> Vec<String> {
        let list = self.send(user, Method::GET, path, &Value::Null).await.assert_status(200).json();
        let name = |entry: &Value| entry["name"].as_str().unwrap_or_default().to_owned();
        list.as_array().expect("a list").iter().map(name).collect()
    }
}

#[tokio::test]
async fn what_was_made_of_rows_is_for_those_who_may_read_them() {
    let site = Site::new();
    for (user, closed) in [("", 401), ("ada", 403), ("staff", 200), ("root", 200)] {
        let all = closed == 200;
        let of = |names: &[&str]| -> Vec<String> {
            names
                .iter()
                .filter(|name| all || !["income", "joined", "ages"].contains(name))
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(site.names(user, "/models").await, of(&["income", "joined", "price", "kind"]), "{user}");
        assert_eq!(site.names(user, "/plots").await, of(&["ages", "prices", "residuals"]), "{user}");
        for (path, expected) in [
            ("/models/income", closed),
            ("/models/joined", closed),
            ("/models/price", 200),
            ("/plots/ages.svg", closed),
            ("/plots/prices.svg", 200),
            ("/plots/residuals.svg", 200),
        ] {
            let answer = site.send(user, Method::GET, path, &Value::Null).await.assert_status(expected);
            if expected != 200 {
                assert_eq!(answer.json()["code"], "42501", "{path}");
            }
        }
        for (path, row, expected) in [
            ("/models/income/predict", json!({ "age": 50 }), closed),
            ("/api/rpc/income", json!({ "age": 50 }), closed),
            ("/api/rpc/price", json!({ "area": 50 }), 200),
            ("/api/rpc/rich", json!({ "least": 50 }), closed),
            ("/api/rpc/cheap", json!({ "most": 50 }), 200),
        ] {
            let _ = site.send(user, Method::POST, path, &row).await.assert_status(expected);
        }
        let document = site.send(user, Method::GET, "/openapi.json", &Value::Null).await.json();
        let paths = document["paths"].as_object().expect("paths");
        assert_eq!(paths.contains_key("/models/income/predict"), all, "{user}");
        assert_eq!(paths.contains_key("/api/rpc/rich"), all, "{user}");
        assert_eq!(paths["/api/rpc/cheap"]["post"]["summary"], "Houses below a price");
        assert!(paths.contains_key("/models/price/predict"), "{user}");
        // What nobody needs a login for is told apart.
        for (path, verb, is_open) in [
            ("/models/price/predict", "post", true),
            ("/api/rpc/cheap", "get", true),
            ("/plots/prices.svg", "get", true),
            ("/models/income", "get", false),
            ("/api/rpc/income", "post", false),
            ("/api/rpc/rich", "post", false),
            ("/plots/ages.svg", "get", false),
        ] {
            let needs = if is_open { json!([]) } else { json!([{ "token": [] }]) };
            assert!(!paths.contains_key(path) || paths[path][verb]["security"] == needs, "{user} {path}");
        }
    }
}

#[tokio::test]
async fn pages_show_no_more_than_that() {
    let site = Site::new();
    for (user, closed) in [("", 401), ("ada", 403), ("staff", 200)] {
        site.client.forget();
        if !user.is_empty() {
            let _ = site.client.login("/login", user, PASSWORD).await.assert_status(303);
        }
        for path in ["/admin/models/income", "/admin/plots/ages"] {
            assert_eq!(site.client.get(path).browser().await.status(), closed, "{user} {path}");
        }
        let overview = site.client.get("/").browser().await.assert_status(200).text();
        let overview = overview.replace("&#x2f;", "/");
        assert_eq!(overview.contains("models/income"), closed == 200, "{user}");
        assert_eq!(overview.contains("plots/ages"), closed == 200, "{user}");
        assert!(overview.contains("models/price") && overview.contains("plots/prices"), "{user}");
    }
}

#[tokio::test]
async fn a_model_learns_from_what_may_be_shown() {
    let site = Site::new();
    let model = site.send("root", Method::GET, "/models/income", &Value::Null).await.assert_status(200).json();
    assert_eq!(model["features"], json!(["age"]), "neither hidden nor keys nor what the server keeps");
    let row = json!({ "area": 50 });
    let price = site.send("", Method::POST, "/models/price/predict", &row).await.assert_status(200).json();
    let price = price[0]["price"].as_f64().expect("a price");
    assert!((price - 500.0).abs() < 1e-6, "deleted rows are not learnt from: {price}");
}

#[test]
fn a_hidden_field_cannot_be_named_by_a_model() {
    let app = APP.replace("from = \"people\"\ntarget", "from = \"SELECT weight, income FROM people\"\ntarget");
    let (project, _folder) = open(&app);
    let error = project.train(|_| ()).unwrap_err().to_string();
    assert!(error.contains("model 'income'") && error.contains("weight"), "{error}");
}

#[tokio::test]
async fn named_queries_are_called_with_their_parameters() {
    let site = Site::new();
    let (post, get) = (Method::POST, Method::GET);
    for (method, path, body, expected) in [
        (
            &post,
            "/api/rpc/cheap",
            json!({ "most": 250 }),
            json!([{ "area": 10, "kind": "small" }, { "area": 20, "kind": "small" }]),
        ),
        (&post, "/api/rpc/cheap", json!({ "most": 100.5 }), json!([{ "area": 10, "kind": "small" }])),
        (&get, "/api/rpc/cheap?most=101", Value::Null, json!([{ "area": 10, "kind": "small" }])),
        (&post, "/api/rpc/cheap", json!({ "most": null }), json!([])),
        (&post, "/api/rpc/sold", json!({ "since": "2024-02-01", "kind": null }), json!([{ "area": 20 }])),
        (&get, "/api/rpc/sold?since=2024-01-01&kind=small", Value::Null, json!([{ "area": 10 }, { "area": 20 }])),
        (&get, "/api/rpc/sold?since=2024-01-01&kind=it%27s%20%24most", Value::Null, json!([])),
    ] {
        let answer = site.send("", method.clone(), path, &body).await.assert_status(200);
        assert_eq!(answer.json(), expected, "{path} {body}");
    }
    let rich =
        site.send("staff", post.clone(), "/api/rpc/rich", &json!({ "least": 60 })).await.assert_status(200).json();
    assert_eq!(rich.as_array().map(Vec::len), Some(2));
    assert!(rich[0].get("weight").is_none() && rich[0].get("age").is_some(), "{rich}");
    for (method, path, body, status, code) in [
        (&post, "/api/rpc/cheap", json!({}), 404, "PGRST202"),
        (&post, "/api/rpc/cheap", json!({ "most": 1, "other": 2 }), 404, "PGRST202"),
        (&post, "/api/rpc/cheep", json!({}), 404, "PGRST202"),
        (&post, "/api/rpc/cheap", json!([1]), 400, "PGRST102"),
        (&get, "/api/rpc/price", Value::Null, 405, "PGRST117"),
        (&post, "/api/rpc/sold", json!({ "since": "soon", "kind": null }), 400, "22P02"),
        (&get, "/api/rpc/cheap?most=much", Value::Null, 400, "22P02"),
        (&get, "/api/rpc/shares?by=0", Value::Null, 400, "22012"),
        (&post, "/api/rpc/endless", json!({ "least": 0 }), 500, "57014"),
    ] {
        let answer = site.send("", method.clone(), path, &body).await.assert_status(status).json();
        assert_eq!(answer["code"], code, "{path} {body}: {answer}");
    }
    let forms = [("text/csv", "area,kind\n10,small\n"), ("application/x-ndjson", "{\"area\":10,\"kind\":\"small\"}\n")];
    let object = ("application/vnd.pgrst.object+json", "{\"area\":10,\"kind\":\"small\"}");
    for (accept, expected) in forms.into_iter().chain([object]) {
        let answer = site.client.get("/api/rpc/cheap?most=101").header("accept", accept).await.assert_status(200);
        assert_eq!(answer.text(), expected, "{accept}");
    }
    let two = site.client.get("/api/rpc/cheap?most=300").header("accept", object.0).await.assert_status(406).json();
    assert_eq!(two["code"], "PGRST116");
}

#[test]
fn what_is_made_of_an_empty_table_waits_for_rows() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("taipan.toml"), APP).expect("a file");
    let project = Project::open(&ProjectOptions::new([folder.path().to_owned()])).expect("a project");
    project.migrate(&[]).expect("tables");
    let mut told = Vec::new();
    project.train(|done| told.push(format!("{} {}", done.name, done.score))).expect("a start");
    project.draw(|_| ()).expect("plots");
    assert_eq!(told[0], "income table 'people' has no rows to learn from");
    assert_eq!((told.len(), project.models().len()), (4, 0));
    execute(project.store(), "INSERT INTO people (age, income, owner) VALUES (20, 40, 'ada'), (30, 60, 'ada')");
    told.clear();
    project.train(|done| told.push(done.name.clone())).expect("models");
    assert_eq!(project.models().iter().map(|model| model.name.clone()).collect::<Vec<_>>(), ["income"]);
}

#[test]
fn a_wrong_query_is_told_at_the_start() {
    for (query, expected) in [
        ("[query.x]\nsql = 'SELEC 1'\n", "query 'x': "),
        ("[query.income]\nsql = 'SELECT 1'\n", "there is a model 'income' too"),
        ("[query.x]\nsql = 'SELECT 1'\ntimeout = 0\n", "expected a nonzero u32"),
    ] {
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("taipan.toml"), format!("{APP}{query}")).expect("a file");
        let error = Project::open(&ProjectOptions::new([folder.path().to_owned()])).err().expect(query).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn predictions_come_in_the_form_and_with_the_probabilities_asked_for() {
    let site = Site::new();
    let row = json!([{ "area": 12 }, { "area": 40 }]);
    let answer = site.send("", Method::POST, "/models/kind/predict?proba=true", &row).await.assert_status(200).json();
    assert_eq!(
        answer,
        json!([
            { "kind": "small", "proba_large": 0.0, "proba_small": 1.0 },
            { "kind": "large", "proba_large": 1.0, "proba_small": 0.0 },
        ])
    );
    let refused = site.send("", Method::POST, "/models/price/predict?proba=true", &row).await.assert_status(400).json();
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("probabilities")), "{refused}");
    let _ = site.send("", Method::POST, "/models/kind/predict?proba=maybe", &row).await.assert_status(400);

    let path = "/models/kind/predict?proba=true";
    let call = site.client.post(path, "application/json", row.to_string()).header("accept", "text/csv");
    let csv = "kind,proba_large,proba_small\nsmall,0,1\nlarge,1,0\n";
    assert_eq!(call.await.assert_status(200).text(), csv);
    let call = site.client.post("/models/kind/predict", "text/csv", "area\n12\n").header("accept", "application/json");
    assert_eq!(call.await.assert_status(200).json(), json!([{ "kind": "small" }]));
    let call = site.client.post("/models/kind/predict", "text/csv", "area\n12\n").header("accept", "*/*");
    assert_eq!(call.await.assert_status(200).text(), "kind\nsmall\n");

    // What was answered as Arrow can be sent as such: predictions of one model are rows for another.
    let arrow = "application/vnd.apache.arrow.stream";
    let areas = site.client.get("/api/houses?select=area&order=area").header("accept", arrow).await.assert_status(200);
    let sent = site.client.post(path, arrow, areas.bytes().to_vec()).await.assert_status(200);
    assert_eq!(sent.header("content-type"), Some(arrow));
    assert!(sent.bytes().len() > 100);
    let call = site.client.post(path, arrow, areas.bytes().to_vec()).header("accept", "text/csv");
    assert_eq!(call.await.assert_status(200).text(), "kind,proba_large,proba_small\nsmall,0,1\nsmall,0,1\nlarge,1,0\n");
    let cut = areas.bytes().get(..60).unwrap_or_default().to_vec();
    let refused = site.client.post(path, arrow, cut).await.assert_status(400).json();
    assert!(
        refused["message"].as_str().is_some_and(|text| text.starts_with("the body is no Arrow stream")),
        "{refused}"
    );
    let other = site.client.get("/api/houses?select=price").header("accept", arrow).await.assert_status(200);
    let refused = site.client.post(path, arrow, other.bytes().to_vec()).await.assert_status(400).json();
    assert_eq!(refused["message"], "no column 'area' in the rows");
}
