//! Forests and boosting on tables of random numbers.

use ndarray::{Array1, Array2};
use serde_json::json;
use taipan_learn::{GradientBoostingRegressor, Predictor, RandomForestClassifier, RandomState, Result, Training, Tree};

use crate::Report;

const FEATURES: usize = 20;

/// Normal features; a class that depends on three of them and on noise, and a number that does.
fn data(rows: usize) -> (Array2<f64>, Array1<f64>, Array1<f64>) {
    let mut random = RandomState::new(0);
    let x = Array2::from_shape_simple_fn((rows, FEATURES), || random.standard_normal());
    let noise = Array1::from_shape_simple_fn(rows, || random.standard_normal());
    let signal = |row: usize| (x[(row, 0)] + x[(row, 1)] * x[(row, 2)]) + 0.5 * noise[row];
    let number: Array1<f64> = (0..rows).map(signal).collect();
    let class = number.mapv(|number| f64::from(u8::from(number > 0.0)));
    (x, class, number)
}

/// What two programs compare to see that their trees are the same: sums over all nodes of all trees.
fn summary<'a>(trees: impl Iterator<Item = &'a Tree>) -> serde_json::Value {
    let (mut nodes, mut features, mut thresholds, mut samples) = (0, 0, 0_u64, 0_u64);
    for tree in trees {
        nodes += tree.node_count();
        features += tree.feature().into_iter().map(i64::from).sum::<i64>();
        samples += tree.n_node_samples().into_iter().map(u64::from).sum::<u64>();
        for threshold in tree.threshold().into_iter().chain(tree.impurity()).chain(tree.value()) {
            thresholds = thresholds.wrapping_add(threshold.to_bits() >> 16);
        }
    }
    json!({"nodes": nodes, "features": features, "samples": samples, "bits": thresholds})
}

fn forest(report: &mut Report, rows: usize) -> Result<()> {
    let (x, class, _) = data(rows);
    let estimator = RandomForestClassifier::new().n_estimators(50_usize).random_state(0_u32);
    let model = report.time("fit", || estimator.fit(x.view(), class.view()))?;
    report.result = summary(model.trees());
    Ok(())
}

/// `forest`: 100,000 rows, 50 trees.
pub(crate) fn small(report: &mut Report) -> Result<()> {
    forest(report, 100_000)
}

/// `forest-large`: a million rows, 50 trees.
pub(crate) fn large(report: &mut Report) -> Result<()> {
    forest(report, 1_000_000)
}

/// `forest-predict`: a forest of 50 trees from 100,000 rows predicts a million.
pub(crate) fn predict(report: &mut Report) -> Result<()> {
    let (x, class, _) = data(1_000_000);
    let few = ndarray::s![..100_000];
    let estimator = RandomForestClassifier::new().n_estimators(50_usize).random_state(0_u32);
    let model = estimator.fit(x.slice(ndarray::s![..100_000, ..]), class.slice(few))?;
    let predicted = report.time("predict", || model.predict_proba(x.view()))?;
    let shares: u64 = predicted.iter().map(|share| (share * 1e9 + 0.5).floor() as u64).sum();
    report.result = json!({"shares": shares});
    Ok(())
}

/// `gradient-boosting`: 100,000 rows, 100 rounds.
pub(crate) fn boosting(report: &mut Report) -> Result<()> {
    let (x, _, number) = data(100_000);
    let number = number.insert_axis(ndarray::Axis(1));
    let estimator = GradientBoostingRegressor::new().random_state(0_u32);
    let data = Training::outputs(x.view(), number.view());
    let model = report.time("fit", || estimator.fit_on(&data))?;
    report.result = summary(model.trees());
    Ok(())
}
