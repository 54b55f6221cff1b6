//! `/openapi.json` and `/docs`: the document follows OpenAPI's rules and says what is there, and the page shows it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use taipan_web::Method;

use crate::Site;

/// Every value of an object's key, anywhere in a document.
fn all<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(key));
            map.values().for_each(|value| all(value, key, found));
        }
        Value::Array(values) => values.iter().for_each(|value| all(value, key, found)),
        _ => {}
    }
}

fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(target) => document.pointer(&target[1..]).unwrap_or_else(|| panic!("{target} points nowhere")),
        None => value,
    }
}

#[tokio::test]
async fn the_document_follows_the_rules_of_openapi() {
    let site = Site::new();
    let document = site.client.get("/openapi.json").await.assert_status(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());

    let mut references = Vec::new();
    all(&document, "$ref", &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let target = reference.as_str().expect("a text");
        assert!(target.starts_with("#/components/") && document.pointer(&target[1..]).is_some(), "{target}");
    }
    for kind in ["schemas", "parameters", "headers"] {
        for name in document["components"][kind].as_object().expect("components").keys() {
            assert!(name.chars().all(|char| char.is_ascii_alphanumeric() || "._-".contains(char)), "{name}");
        }
    }

    let tags: BTreeSet<&str> =
        document["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        assert!(path.starts_with('/') && !path.contains(['?', '#', ' ']), "{path}");
        let templated: BTreeSet<&str> =
            path.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect();
        for (method, call) in item.as_object().expect("a path item") {
            let place = format!("{method} {path}");
            assert!(["get", "head", "post", "put", "patch", "delete"].contains(&method.as_str()), "{place}");
            assert!(ids.insert(call["operationId"].as_str().expect("an id").to_owned()), "{place}");
            assert!(
                call["tags"]
                    .as_array()
                    .is_some_and(|used| used.iter().all(|tag| tags.contains(tag.as_str().unwrap_or("")))),
                "{place}"
            );
            let mut names = BTreeSet::new();
            let mut in_path = BTreeSet::new();
            for parameter in call["parameters"].as_array().into_iter().flatten() {
                let parameter = resolve(&document, parameter);
                let (name, place_of) = (parameter["name"].as_str(), parameter["in"].as_str());
                let known = matches!(place_of, Some("query" | "header" | "path"));
                assert!(known && parameter["schema"].is_object(), "{parameter}");
                if place_of == Some("path") {
                    assert_eq!(parameter["required"], true, "{place}: {parameter}");
                    in_path.insert(name.expect("a name"));
                }
                assert!(names.insert((name.expect("a name"), place_of)), "{place}: {parameter}");
            }
            assert_eq!(in_path, templated, "{place}");
            let answers = call["responses"].as_object().expect("responses");
            assert!(!answers.is_empty(), "{place}");
            for (status, answer) in answers {
                assert!(status.len() == 3 && status.parse::<u16>().is_ok(), "{place}: {status}");
                assert!(answer["description"].is_string(), "{place}: {status}");
                for media in answer["content"].as_object().into_iter().flat_map(|content| content.values()) {
                    assert!(media["schema"].is_object(), "{place}: {status}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_document_says_what_is_there() {
    let site = Site::new();
    let document = site.client.get("/openapi.json").await.assert_status(200).json();
    assert_eq!(document, site.client.get("/api/").await.assert_status(200).json());
    assert_eq!(document["info"]["title"], "staff");
    let paths: BTreeSet<&str> = document["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
    let expected = BTreeSet::from([
        "/api/",
        "/api/employees",
        "/api/employees/changes",
        "/api/odd",
        "/api/odd/changes",
        "/api/points",
        "/api/points/changes",
        "/api/rpc/slope",
        "/health",
        "/models",
        "/models/slope",
        "/models/slope/predict",
        "/openapi.json",
        "/plots",
        "/plots/ages.svg",
    ]);
    assert_eq!(paths, expected);

    // Every GET that needs neither a login nor a parameter answers as it says.
    for path in paths.iter().filter(|path| !path.contains('{') && !path.ends_with("/changes")) {
        for (method, call) in document["paths"][path].as_object().expect("a path item") {
            let is_open = call["security"].as_array().is_none_or(Vec::is_empty);
            assert!(is_open, "{path} is for those who log in");
            if method == "get" || method == "head" {
                let method = if method == "get" { Method::GET } else { Method::HEAD };
                let answer = site.client.request(method.clone(), path).await.assert_status(200);
                let kind = answer.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
                let content = &call["responses"]["200"]["content"];
                assert!(method == Method::HEAD || content[kind].is_object(), "{path}: {kind}");
            }
        }
    }

    let schemas = &document["components"]["schemas"];
    let row = &schemas["row.employees"]["properties"];
    assert_eq!(row["id"], json!({ "type": "integer", "format": "int64", "description": "Primary key." }));
    assert_eq!(row["salary"]["type"].as_array().and_then(|kinds| kinds.first()), Some(&json!("number")));
    assert_eq!(row["hired"]["format"], "date");
    assert_eq!(
        schemas["features.slope"],
        json!({ "type": "object", "properties": { "a": { "type": "number" }, "b": { "type": "number" } }, "required": ["a", "b"] })
    );

    // The example of a prediction's body can be sent as it is.
    let body = &document["paths"]["/models/slope/predict"]["post"]["requestBody"]["content"];
    let json = body["application/json"]["example"].to_string();
    let csv = body["text/csv"]["example"].as_str().expect("an example").to_owned();
    for (kind, text) in [("application/json", json), ("text/csv", csv)] {
        let _ = site.client.post("/models/slope/predict", kind, text).await.assert_status(200);
    }

    // Each filter parameter reaches its column, also where the column's name is a word of the dialect.
    for table in ["employees", "odd"] {
        let call = &document["paths"][format!("/api/{table}")]["get"];
        for parameter in call["parameters"].as_array().expect("parameters") {
            if let Some(name) = parameter["name"].as_str() {
                let path = format!("/api/{table}?{}=not.is.null&limit=1", taipan_web::format::url_part(name));
                let _ = site.client.get(&path).await.assert_status(200);
            }
        }
    }
}

#[tokio::test]
async fn the_page_shows_every_call_within_the_policy() {
    let site = Site::new();
    let page = site.client.get("/docs").browser().await.assert_status(200);
    assert!(page.header("content-security-policy").is_some_and(|policy| !policy.contains("unsafe")));
    let text = page.text();
    for call in ["/api/employees", "/models/slope/predict", "/plots/ages.svg", "/health"] {
        let path = call.replace('/', "&#x2f;");
        assert!(text.contains(call) || text.contains(&path), "{call} is not shown");
    }
    for forbidden in ["<style", " style=", "<script>", " onclick=", " onsubmit=", "javascript:", "http://", "https://"]
    {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
    let assets: Vec<String> = text
        .split(['"', '\''])
        .map(|part| part.replace("&#x2f;", "/"))
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    assert!(assets.iter().any(|asset| asset.contains("docs.")), "{assets:?}");
    for asset in assets {
        let _ = site.client.get(&asset).await.assert_status(200);
    }
}
