//! `/models`: what is told of a model, and predictions for rows in JSON and CSV.

use serde_json::json;

use crate::Site;

#[tokio::test]
async fn a_model_is_described() {
    let site = Site::new();
    let list = site.client.get("/models").await.assert_status(200).json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!((&list[0]["name"], &list[0]["url"]), (&json!("slope"), &json!("/models/slope")));

    let model = site.client.get("/models/slope").await.assert_status(200).json();
    assert_eq!(model["estimator"], "LinearRegression");
    assert_eq!(model["features"], json!(["a", "b"]));
    assert_eq!(model["target"], "y");
    let coefficients = model["attributes"].as_object().expect("attributes");
    let coefficient = |name: &str| {
        let coef = coefficients.iter().find(|(key, _)| key.starts_with("coef")).map(|(_, value)| value);
        coef.and_then(|coef| coef[name].as_f64()).expect("a coefficient")
    };
    assert!((coefficient("a") - 2.0).abs() < 1e-9 && (coefficient("b") - 3.0).abs() < 1e-9, "{model}");
    assert!(model["scores"]["r2_train"].as_f64().is_some_and(|score| score > 0.999), "{model}");
    assert_eq!(model["lineage"]["from"], "points");
    assert_eq!(model["lineage"]["n_train"], "6");
    assert!(model["params"].is_object() || model["params"].is_array(), "{model}");

    let error = site.client.get("/models/slop").await.assert_status(404).json();
    assert_eq!((&error["code"], &error["message"]), (&json!("unknown_model"), &json!("no model 'slop'")));
    assert_eq!(error["hint"], "did you mean 'slope'?");
}

#[tokio::test]
async fn predictions_follow_their_rows() {
    let site = Site::new();
    let path = "/models/slope/predict";
    let rows = json!([{ "a": 1, "b": 2 }, { "b": 0.5, "a": 10, "unused": "x" }]);
    let answer = site.client.post_json(path, &rows).await.assert_status(200).json();
    let predicted: Vec<f64> =
        answer.as_array().expect("rows").iter().map(|row| row["y"].as_f64().expect("y")).collect();
    for (predicted, expected) in predicted.iter().zip([9.0, 22.5]) {
        assert!((predicted - expected).abs() < 1e-9, "{answer}");
    }
    let one = site.client.post_json(path, &json!({ "a": 0, "b": 0 })).await.assert_status(200).json();
    assert_eq!(one.as_array().map(Vec::len), Some(1));
    assert_eq!(site.client.post_json(path, &json!([])).await.assert_status(200).text(), "[]");

    let csv = site.client.post(path, "text/csv", "b,note,a\n2,\"x,\ny\",1\r\n0.5,,10\n").await.assert_status(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = csv.text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("y"));
    let predicted: Vec<f64> = lines.map(|line| line.parse().expect("a number")).collect();
    assert!((predicted[0] - 9.0).abs() < 1e-9 && (predicted[1] - 22.5).abs() < 1e-9, "{text}");
}

#[tokio::test]
async fn a_wrong_row_is_named() {
    let site = Site::new();
    let json = "application/json";
    let cases = [
        (json, r#"[{"a":1,"b":2},{"a":1}]"#, 400, "row 2: 'b' is missing"),
        (json, r#"[{"a":"x","b":2}]"#, 400, "row 1: 'a' is \"x\", and a number is needed"),
        (json, r#"[{"a":null,"b":2}]"#, 400, "row 1: 'a' is null"),
        (json, "[1]", 400, "row 1: a number, expected an object"),
        (json, "\"x\"", 400, "a string, expected an array of objects"),
        (json, "", 400, "the body is empty"),
        (json, "[{\"a\":1,\n \"b\":}]", 400, "line 2, column 6: expected value"),
        (json, "[{\"a\":1,\"b\":2}", 400, "line 1, column 14: EOF while parsing a list"),
        ("text/csv", "a,b\n1,x\n", 400, "row 1: 'b' is \"x\", and a number is needed"),
        ("text/csv", "a\n1\n", 400, "row 1: 'b' is missing"),
        ("text/csv", "a,b\n1,2\n1,\n", 400, "row 2: 'b' is null"),
        ("text/csv", "a,b\n1,2\n1\n", 400, "line 3: 1 field, expected 2"),
        ("text/csv", "a,b\n1,\"2\n", 400, "line 2: a quoted field is not closed"),
        ("text/csv", "a,b,a\n1,2,3\n", 400, "the header names 'a' twice"),
        ("text/csv", "", 400, "the body is empty"),
        ("application/xml", "<a/>", 415, "rows cannot be read from 'application/xml'"),
    ];
    for (kind, body, status, message) in cases {
        let answer = site.client.post("/models/slope/predict", kind, body).await.assert_status(status);
        assert_eq!(answer.json()["message"], message, "{body}");
    }
    let deep = "[".repeat(100_000);
    let _ = site.client.post("/models/slope/predict", json, deep).await.assert_status(400);
    let large = " ".repeat(17 << 20);
    let _ = site.client.post("/models/slope/predict", json, large).await.assert_status(413);
    let error = site.client.post("/models/nothing/predict", json, "[]").await.assert_status(404).json();
    assert_eq!(error["code"], "unknown_model");
}
