//! Parity of scalers, encoders, the imputer and the dummies with scikit-learn: `data/preprocessing.json`, written by
//! `data/preprocessing.py`, holds its results.
//!
//! Encoders, extremes and random draws must be the same; means and deviations agree to a relative 1e-10.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, clippy::float_cmp)]

mod fixture;

use ndarray::{Array1, Array2};
use serde_json::Value;
use taipan_learn::{ErrorKind, ParamValue, Predictor, Training, registry};

fn section(name: &str) -> Vec<Value> {
    let Value::Array(cases) = fixture::read("preprocessing")[name].take() else { panic!("{name} is no list") };
    assert!(!cases.is_empty(), "{name}");
    cases
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        Value::String(text) => vec![text.parse().unwrap()],
        Value::Bool(flag) => vec![f64::from(u8::from(*flag))],
        number => vec![number.as_f64().unwrap()],
    }
}

fn matrix(rows: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = rows.as_array().unwrap().iter().map(flat).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn weight(case: &Value) -> Option<Array1<f64>> {
    (!case["weight"].is_null()).then(|| flat(&case["weight"]).into())
}

fn fit(case: &Value, data: &Training<'_>) -> Box<dyn Predictor> {
    let mut estimator = registry::estimator(case["estimator"].as_str().unwrap()).unwrap();
    for (name, value) in case["params"].as_object().unwrap() {
        let value: ParamValue = serde_json::from_value(value.clone()).unwrap();
        estimator.set_param(name, value).unwrap();
    }
    estimator.fit_on(data).unwrap()
}

#[track_caller]
fn near<'a>(found: impl IntoIterator<Item = &'a f64>, expected: &Value, context: &str) {
    let (found, expected): (Vec<f64>, _) = (found.into_iter().copied().collect(), flat(expected));
    assert_eq!(found.len(), expected.len(), "{context}");
    for (found, expected) in found.iter().zip(expected) {
        let same = found.is_nan() && expected.is_nan() || (found - expected).abs() <= 1e-10 * expected.abs() + 1e-12;
        assert!(same, "{context}: {found:?}, expected {expected:?}");
    }
}

#[test]
fn transformers() {
    for (at, case) in section("transformer").iter().enumerate() {
        let (x, new) = (matrix(&case["x"]), matrix(&case["new"]));
        let weight = weight(case);
        let mut data = Training::unsupervised(x.view());
        if let Some(weight) = &weight {
            data = data.sample_weight(weight.view());
        }
        let model = fit(case, &data);
        let context = format!("case {at}, {} {}", case["estimator"], case["params"]);
        let transformed = model.transform(x.view()).unwrap();
        near(&transformed, &case["x_out"], &context);
        match model.transform(new.view()) {
            Ok(out) => near(&out, &case["new_out"], &context),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::UnknownCategory { .. }), "{context}: {error}");
                assert!(case["new_out"].is_null(), "{context}: {error}");
            }
        }
        if !case["back"].is_null() {
            near(&model.inverse_transform(transformed.view()).unwrap(), &case["back"], &context);
        }
        let names: Vec<String> = (0..x.ncols()).map(|j| format!("x{j}")).collect();
        let expected: Vec<String> = serde_json::from_value(case["names"].clone()).unwrap();
        assert_eq!(model.feature_names_out(&names).unwrap(), expected, "{context}");
    }
}

#[test]
fn dummies() {
    for (at, case) in section("dummy").iter().enumerate() {
        let y = matrix(&case["y"]);
        let x = Array2::zeros((y.nrows(), 1));
        let weight = weight(case);
        let mut data = Training::outputs(x.view(), y.view());
        if let Some(weight) = &weight {
            data = data.sample_weight(weight.view());
        }
        let model = fit(case, &data);
        let context = format!("case {at}, {} {}", case["estimator"], case["params"]);
        let new = Array2::zeros((12, 1));
        near(&model.predict_outputs(new.view()).unwrap(), &case["predicted"], &context);
        if let Some(expected) = case["proba"].as_array() {
            let found = model.predict_proba_outputs(new.view()).unwrap();
            assert_eq!(found.len(), expected.len(), "{context}");
            for (found, expected) in found.iter().zip(expected) {
                near(found, expected, &context);
            }
        }
    }
}
