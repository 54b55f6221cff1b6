//! Parity of PCA and KMeans with scikit-learn: `data/unsupervised.json`, written by `data/unsupervised.py`, holds its
//! results.
//!
//! Components agree to a relative 1e-10 where singular values lie apart; clusterings are no worse than scikit-learn's,
//! and nearly always the same.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, clippy::float_cmp)]

mod fixture;

use ndarray::{Array1, Array2};
use serde_json::Value;
use taipan_learn::{Estimator, KMeans, ParamValue, Pca, Predictor, Training};

fn section(name: &str) -> Vec<Value> {
    let Value::Array(cases) = fixture::read("unsupervised")[name].take() else { panic!("{name} is no list") };
    assert!(!cases.is_empty(), "{name}");
    cases
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn matrix(rows: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = rows.as_array().unwrap().iter().map(flat).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn set_params(estimator: &mut dyn Estimator, case: &Value) {
    for (name, value) in case["params"].as_object().unwrap() {
        let value: ParamValue = serde_json::from_value(value.clone()).unwrap();
        estimator.set_param(name, value).unwrap();
    }
}

#[track_caller]
fn near<'a>(found: impl IntoIterator<Item = &'a f64>, expected: &[f64], tolerance: f64, context: &str) {
    let found: Vec<f64> = found.into_iter().copied().collect();
    assert_eq!(found.len(), expected.len(), "{context}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{context}: {found:?}, expected {expected:?} to {tolerance:e}");
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()))
}

#[test]
fn pca() {
    for (at, case) in section("pca").iter().enumerate() {
        let x = matrix(&case["x"]);
        let mut pca = Pca::new();
        set_params(&mut pca, case);
        let context = format!("case {at}, {}, {:?}", case["params"], x.dim());
        let model = pca.fit(x.view()).unwrap_or_else(|error| panic!("{context}: {error}"));
        let expected = |name: &str| flat(&case[name]);
        let first = largest(&expected("singular_values")).max(1e-9);
        // The covariance has half the digits where variances are small, and a projection only nears the axes.
        let digits = 1e-10 / case["gap"].as_f64().unwrap().clamp(1e-6, 1.0);
        let digits = if case["params"]["svd_solver"] == "randomized" { digits.max(1e-6) } else { digits };
        near(model.mean(), &expected("mean"), 1e-12 * largest(&expected("mean")).max(1e-3), &context);
        let variance = largest(&expected("explained_variance")).max(1e-9);
        near(model.explained_variance(), &expected("explained_variance"), digits * variance, &context);
        near(model.explained_variance_ratio(), &expected("explained_variance_ratio"), digits, &context);
        near(model.singular_values(), &expected("singular_values"), digits.max(1e-7) * first, &context);
        near(&[model.noise_variance()], &expected("noise_variance"), digits * variance.max(1.0), &context);
        if case["gap"].as_f64().unwrap() < 1e-6 {
            // Axes without variance, or with the same, may point anywhere.
            continue;
        }
        near(model.components(), &expected("components"), 10.0 * digits, &context);
        if !case["transformed"].is_null() {
            let new = matrix(&case["new"]);
            let transformed = model.transform(new.view()).unwrap();
            let scale = largest(&expected("transformed")) + largest(&expected("new"));
            let least = expected("explained_variance").into_iter().fold(f64::INFINITY, f64::min).sqrt().min(1.0);
            near(&transformed, &expected("transformed"), 100.0 * digits * scale / least, &context);
            let back = model.inverse_transform(transformed.view()).unwrap();
            near(&back, &expected("inverse"), 100.0 * digits * scale / least, &context);
        }
        if let Some(score) = case["score"].as_f64() {
            let found = model.score(x.view()).unwrap();
            assert!(
                (found - score).abs() <= 1e4 * digits * score.abs().max(1.0),
                "{context}: {found}, expected {score}"
            );
        }
    }
}

#[test]
fn iris() {
    let case = fixture::read("unsupervised")["iris"].take();
    let x = matrix(&case["x"]);
    let model = Pca::new().n_components(2_usize).fit(x.view()).unwrap();
    near(model.explained_variance_ratio(), &flat(&case["ratio"]), 1e-12, "ratio");
    near(model.components(), &flat(&case["components"]), 1e-12, "components");
    near(&[model.noise_variance()], &flat(&case["noise_variance"]), 1e-12, "noise");
    let rows = model.transform(x.slice(ndarray::s![..5, ..])).unwrap();
    near(&rows, &flat(&case["rows"]), 1e-12, "rows");
    let full = Pca::new().n_components(2_usize).svd_solver(taipan_learn::SvdSolver::Full).fit(x.view()).unwrap();
    near(full.components(), &flat(&case["full"]), 1e-12, "full");
}

#[test]
fn kmeans() {
    let cases = section("kmeans");
    let mut same = 0;
    for (at, case) in cases.iter().enumerate() {
        let x = matrix(&case["x"]);
        let weight = (!case["weight"].is_null()).then(|| Array1::from(flat(&case["weight"])));
        let mut kmeans = KMeans::new();
        set_params(&mut kmeans, case);
        let context = format!("case {at}, {}, {:?}", case["params"], x.dim());
        let mut data = Training::unsupervised(x.view());
        if let Some(weight) = &weight {
            data = data.sample_weight(weight.view());
        }
        let model = kmeans.fit_on(&data).unwrap_or_else(|error| panic!("{context}: {error}"));
        let inertia = case["inertia"].as_f64().unwrap();
        let labels: Vec<f64> = model.labels().iter().map(|label| f64::from(*label)).collect();
        if labels == flat(&case["labels"]) && model.n_iter() as f64 == case["n_iter"].as_f64().unwrap() {
            same += 1;
            near(model.cluster_centers(), &flat(&case["centers"]), 1e-10 * largest(&flat(&case["x"])), &context);
            assert!((model.inertia() - inertia).abs() <= 1e-9 * inertia + 1e-9, "{context}");
            let distances = model.transform(x.slice(ndarray::s![..2, ..])).unwrap();
            near(&distances, &flat(&case["distances"]), 1e-6, &context);
        }
        assert_eq!(model.predict(x.view()).unwrap().to_vec(), labels, "{context}");
    }
    // Rows that are equally far from two centres may go to either.
    assert!(same * 100 >= cases.len() * 97, "{same} of {} the same", cases.len());
}
