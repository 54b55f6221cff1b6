//! Exported models, run by ONNX Runtime on the rows of a file, predict what the command predicts.
//!
//! `cargo xtask test` names a Python with the package `onnxruntime` in `TAIPAN_PYTHON`; without it the test says that it
//! was skipped.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;

use serde_json::{Map, Value, json};
use support::Workplace;

const MODELS: [(&str, &[&str]); 6] = [
    ("forest", &["iris.csv", "--estimator", "RandomForestClassifier", "--target", "species", "--random-state", "0"]),
    ("logistic", &["tips.csv", "--estimator", "LogisticRegression", "--target", "sex"]),
    ("boosting", &["tips.csv", "--estimator", "GradientBoostingRegressor", "--target", "tip", "--random-state", "0"]),
    ("ridge", &["tips.csv", "--estimator", "Ridge", "--target", "tip"]),
    ("clusters", &["iris.csv", "--estimator", "KMeans", "--exclude", "species", "--random-state", "0"]),
    ("components", &["iris.csv", "--estimator", "PCA", "--param", "n_components=2", "--exclude", "species"]),
];

fn rows(place: &Workplace, arguments: &[&str]) -> Vec<Map<String, Value>> {
    serde_json::from_str(&place.ok(&[arguments, &["--format", "json"]].concat())).unwrap()
}

fn column(rows: &[Map<String, Value>], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

fn assert_close(name: &str, found: &Value, expected: &Value) {
    match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => {
            assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{name}: {found} for {expected}");
        }
        _ => assert_eq!(found, expected, "{name}"),
    }
}

#[test]
fn onnx_runtime_predicts_the_same() {
    let place = Workplace::new();
    for (name, arguments) in MODELS {
        let model = format!("{name}.model");
        place.ok(&[&["train"], arguments, &["-o", &model]].concat());
        place.ok(&["export", &model]);
    }
    let Some(python) = std::env::var_os("TAIPAN_PYTHON") else {
        println!("skipped: TAIPAN_PYTHON names no Python with onnxruntime");
        return;
    };
    for (name, arguments) in MODELS {
        let given = rows(&place, &["query", &format!("SELECT * FROM '{}'", arguments[0])]);
        let inputs: Map<String, Value> =
            given[0].keys().map(|column_name| (column_name.clone(), json!(column(&given, column_name)))).collect();
        place.write(&format!("{name}.inputs.json"), Value::from(inputs).to_string());
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../taipan-learn/tests/run_onnx.py");
    let run = Command::new(python).arg(script).arg(place.path("")).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    for (name, arguments) in MODELS {
        let outputs: Value = serde_json::from_str(&place.read(&format!("{name}.outputs.json"))).unwrap();
        let model = format!("{name}.model");
        if name == "components" {
            let expected = rows(&place, &["transform", &model, arguments[0]]);
            for (row, found) in expected.iter().zip(outputs["transformed"].as_array().unwrap()) {
                assert_close(name, &found[0], &row["pc1"]);
                assert_close(name, &found[1], &row["pc2"]);
            }
            continue;
        }
        let classifies = outputs.get("probabilities").is_some();
        let proba: &[&str] = if classifies { &["--proba"] } else { &[] };
        let expected = rows(&place, &[&["predict", &model, arguments[0]], proba].concat());
        let found = outputs["prediction"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (at, row) in expected.iter().enumerate() {
            assert_close(name, &found[at], &row["prediction"]);
            let shares = row.iter().filter(|(column, _)| column.starts_with("proba_"));
            for (class, (_, share)) in shares.enumerate() {
                assert_close(name, &outputs["probabilities"][at][class], share);
            }
        }
    }
}

#[test]
fn the_file_stands_where_it_is_asked_for() {
    let place = Workplace::new();
    place.ok(&["train", "iris.csv", "--estimator", "DummyClassifier", "--target", "species", "-o", "a.model"]);
    place.ok(&["export", "a.model", "-o", "b.onnx"]);
    assert!(place.path("b.onnx").exists() && !place.path("a.onnx").exists());
    let random = ["--param", "strategy=uniform", "-o", "c.model"];
    place.ok(&[&["train", "iris.csv", "--estimator", "DummyClassifier", "--target", "species"][..], &random].concat());
    let ran = place.run(&["export", "c.model"]);
    let message = ran.stderr;
    assert!(ran.code == 1 && message.contains("has no ONNX form where it draws at random"), "{message}");
    assert!(!place.path("c.onnx").exists());
}
