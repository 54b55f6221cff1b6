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
from = "houses"
target = "price"

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
    execute(store, "INSERT INTO houses (area, price) VALUES (10, 100), (20, 200), (30, 300)");
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
        let of = |names: [&str; 3]| -> Vec<String> {
            names
                .iter()
                .filter(|name| all || !["income", "joined", "ages"].contains(name))
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(site.names(user, "/models").await, of(["income", "joined", "price"]), "{user}");
        assert_eq!(site.names(user, "/plots").await, of(["ages", "prices", "residuals"]), "{user}");
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
        ] {
            let _ = site.send(user, Method::POST, path, &row).await.assert_status(expected);
        }
        let document = site.send(user, Method::GET, "/openapi.json", &Value::Null).await.json();
        let paths = document["paths"].as_object().expect("paths");
        assert_eq!(paths.contains_key("/models/income/predict"), all, "{user}");
        assert!(paths.contains_key("/models/price/predict"), "{user}");
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
