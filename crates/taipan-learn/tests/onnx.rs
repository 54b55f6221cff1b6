//! What ONNX Runtime computes of an exported estimator is what the estimator computes.
//!
//! `cargo xtask test` names a Python with the package `onnxruntime` in `TAIPAN_PYTHON`; without it the test says that it
//! was skipped.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use ndarray::{Array1, Array2, ArrayView2};
use serde_json::{Value, json};
use taipan_learn::onnx::{Answer, Graph, Type};
use taipan_learn::{
    ColumnTransformer, Estimator, Kind, ParamValue, Pipeline, Predictor, RandomState, Remainder, Training, registry,
};

const ROWS: usize = 60;
const FEATURES: usize = 4;

/// A model, what it is tried on, and what it gives.
struct Case {
    name: String,
    fitted: Box<dyn Predictor>,
    x: Array2<f64>,
}

fn estimator(name: &str, params: &[(&str, ParamValue)]) -> Box<dyn Estimator> {
    let mut estimator = registry::estimator(name).unwrap();
    for (param, value) in params {
        estimator.set_param(param, value.clone()).unwrap();
    }
    estimator
}

/// Rows of few different values, so that encoders have something to encode; targets of so many classes, or numbers.
fn data(classes: usize, missing: bool) -> (Array2<f64>, Array1<f64>) {
    let mut random = RandomState::new(7);
    let mut draw = || random.random_sample();
    let mut x = Array2::from_shape_fn((ROWS, FEATURES), |_| (draw() * 6.0).floor() / 3.0 + 0.1);
    let y = Array1::from_shape_fn(ROWS, |row| {
        if classes == 0 {
            return 3.0 * x[(row, 0)] - x[(row, 2)] + draw();
        }
        let class = (x[(row, 0)] + x[(row, 1)] + draw() - 1.0) / 3.0 * classes as f64;
        class.floor().clamp(0.0, classes as f64 - 1.0) * 2.0
    });
    if missing {
        for row in (0..ROWS).step_by(5) {
            x[(row, row % FEATURES)] = f64::NAN;
        }
    }
    (x, y)
}

fn case(name: &str, classes: usize, params: &[(&str, ParamValue)]) -> Case {
    fitted(&format!("{name} {classes} {params:?}"), &*estimator(name, params), classes)
}

fn fitted(name: &str, estimator: &dyn Estimator, classes: usize) -> Case {
    let (x, y) = data(classes, estimator.allows_nan());
    let training = match estimator.kind() {
        Kind::Transformer | Kind::Clusterer => Training::unsupervised(x.view()),
        _ => Training::supervised(x.view(), y.view()),
    };
    let fitted = estimator.fit_on(&training).unwrap_or_else(|error| panic!("{name}: {error}"));
    Case { name: name.to_owned(), fitted, x }
}

fn cases() -> Vec<Case> {
    let seed = || ("random_state", ParamValue::from(0));
    let trees = || ("n_estimators", ParamValue::from(7));
    let mut cases = Vec::new();
    for name in ["LinearRegression", "Ridge", "Lasso", "ElasticNet", "DummyRegressor"] {
        cases.push(case(name, 0, &[]));
    }
    for name in ["DecisionTreeRegressor", "ExtraTreeRegressor"] {
        cases.push(case(name, 0, &[seed()]));
        // One leaf, and nothing else.
        cases.push(case(name, 0, &[seed(), ("min_samples_split", 1000.into())]));
    }
    for name in ["RandomForestRegressor", "ExtraTreesRegressor", "GradientBoostingRegressor"] {
        cases.push(case(name, 0, &[seed(), trees()]));
    }
    for classes in [2, 3] {
        cases.push(case("LogisticRegression", classes, &[]));
        cases.push(case("DummyClassifier", classes, &[]));
        cases.push(case("DummyClassifier", classes, &[("strategy", "most_frequent".into())]));
        for name in ["DecisionTreeClassifier", "ExtraTreeClassifier"] {
            cases.push(case(name, classes, &[seed(), ("max_depth", 4.into())]));
        }
        for name in ["RandomForestClassifier", "ExtraTreesClassifier", "GradientBoostingClassifier"] {
            cases.push(case(name, classes, &[seed(), trees(), ("max_depth", 3.into())]));
        }
    }
    cases.push(case("GradientBoostingClassifier", 2, &[seed(), trees(), ("loss", "exponential".into())]));
    cases.push(case("KMeans", 0, &[seed(), ("n_clusters", 3.into())]));
    cases.push(case("PCA", 0, &[("n_components", 2.into())]));
    cases.push(case("PCA", 0, &[("n_components", 2.into()), ("whiten", true.into())]));
    cases.push(case("StandardScaler", 0, &[]));
    cases.push(case("StandardScaler", 0, &[("with_mean", false.into())]));
    cases.push(case("MinMaxScaler", 0, &[]));
    cases.push(case("MinMaxScaler", 0, &[("clip", true.into())]));
    cases.push(case("SimpleImputer", 0, &[]));
    cases.push(case("SimpleImputer", 0, &[("add_indicator", true.into())]));
    cases.push(case("OneHotEncoder", 0, &[]));
    cases.push(case("OneHotEncoder", 0, &[("drop", "first".into())]));
    cases.push(case("OneHotEncoder", 0, &[("max_categories", 3.into())]));
    cases.push(case("OrdinalEncoder", 0, &[]));
    cases.push(case("OrdinalEncoder", 0, &[("encoded_missing_value", (-3.0).into())]));
    let scaled = || estimator("StandardScaler", &[]);
    let columns = ColumnTransformer::new()
        .boxed_transformer("scaled", scaled(), vec![1, 3])
        .boxed_transformer("encoded", estimator("OneHotEncoder", &[]), vec![0])
        .remainder(Remainder::Passthrough);
    cases.push(fitted("ColumnTransformer", &columns, 0));
    let pipeline = Pipeline::new()
        .boxed_step("fill", estimator("SimpleImputer", &[]))
        .boxed_step("scale", scaled())
        .boxed_step("fit", estimator("LogisticRegression", &[]));
    cases.push(fitted("Pipeline", &pipeline, 3));
    cases
}

/// Exports one model under names that do not depend on its kind.
fn exported(case: &Case) -> Vec<u8> {
    let mut graph = Graph::new();
    let x = graph.input("x", Type::Numbers, FEATURES);
    match case.fitted.onnx(&mut graph, &x).unwrap_or_else(|error| panic!("{}: {error}", case.name)) {
        Answer::Numbers(numbers) => graph.output("numbers", &numbers, Type::Numbers, Some(width(case))),
        Answer::Cluster(cluster) => graph.output("place", &cluster, Type::Integers, None),
        Answer::Class { place, probabilities } => {
            graph.output("place", &place, Type::Integers, None);
            graph.output("probabilities", &probabilities, Type::Numbers, Some(width(case)));
        }
        other => panic!("{}: {other:?}", case.name),
    }
    graph.encode()
}

fn width(case: &Case) -> usize {
    match case.fitted.classes() {
        [classes] => classes.len(),
        _ => case.fitted.transform(case.x.view()).map_or(1, |new| new.ncols()),
    }
}

/// What the estimator itself gives, by the names of the outputs.
fn expected(case: &Case) -> BTreeMap<&'static str, Array2<f64>> {
    let (fitted, x) = (&case.fitted, case.x.view());
    let column = |values: Array1<f64>| values.insert_axis(ndarray::Axis(1));
    let mut outputs = BTreeMap::new();
    if let [classes] = fitted.classes() {
        let place = |label: &f64| classes.iter().position(|class| class == label).unwrap() as f64;
        outputs.insert("place", column(fitted.predict(x).unwrap().iter().map(place).collect()));
        outputs.insert("probabilities", fitted.predict_proba(x).unwrap());
    } else if case.name.starts_with("KMeans") {
        outputs.insert("place", column(fitted.predict(x).unwrap()));
    } else {
        outputs.insert("numbers", fitted.transform(x).or_else(|_| fitted.predict(x).map(column)).unwrap());
    }
    outputs
}

fn rows(x: ArrayView2<'_, f64>) -> Vec<Vec<Option<f64>>> {
    let known = |value: &f64| (!value.is_nan()).then_some(*value);
    x.rows().into_iter().map(|row| row.iter().map(known).collect()).collect()
}

/// Every number of nested lists, in order; NaN for what JSON has no number for.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap_or(f64::NAN)],
    }
}

#[test]
fn onnx_runtime_agrees() {
    let Some(python) = std::env::var_os("TAIPAN_PYTHON") else {
        println!("skipped: TAIPAN_PYTHON names no Python with onnxruntime");
        return;
    };
    let folder = std::env::temp_dir().join(format!("taipan-onnx-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let cases = cases();
    for (number, case) in cases.iter().enumerate() {
        fs::write(folder.join(format!("{number}.onnx")), exported(case)).unwrap();
        let inputs = json!({ "x": rows(case.x.view()) });
        fs::write(folder.join(format!("{number}.inputs.json")), inputs.to_string()).unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/run_onnx.py");
    let run = Command::new(python).arg(script).arg(&folder).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    for (number, case) in cases.iter().enumerate() {
        let text = fs::read_to_string(folder.join(format!("{number}.outputs.json"))).unwrap();
        // Python writes NaN as no JSON does.
        let outputs: Value = serde_json::from_str(&text.replace("NaN", "null")).unwrap();
        for (name, expected) in expected(case) {
            let found = numbers(&outputs[name]);
            assert_eq!(found.len(), expected.len(), "{} {name}", case.name);
            for (found, expected) in found.into_iter().zip(expected) {
                let same = (found.is_nan() && expected.is_nan())
                    || (found - expected).abs() <= 1e-12 * expected.abs().max(1.0);
                assert!(same, "{} {name}: {found} for {expected}", case.name);
            }
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_draws_at_random_is_not_exported() {
    let fitted = case("DummyClassifier", 2, &[("strategy", "uniform".into())]).fitted;
    let mut graph = Graph::new();
    let x = graph.input("x", Type::Numbers, FEATURES);
    let message = fitted.onnx(&mut graph, &x).unwrap_err().to_string();
    assert_eq!(message, "PriorPredictor has no ONNX form where it draws at random or learnt several targets");
}
