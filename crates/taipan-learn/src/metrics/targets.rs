//! The checks every metric makes of its targets, labels and weights, and weighted means in NumPy's order.

use ndarray::ArrayView1;

use crate::error::{Error, ErrorKind, Place, Result};
use crate::input::check_finite_values;
use crate::sum::{mean, pairwise_sum};

/// At least one value, finite numbers, and as many predictions as true values.
pub(super) fn check_pair(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>, pred: &'static str) -> Result<()> {
    if y_true.is_empty() {
        return Err(Error::empty("y_true has no values"));
    }
    if y_pred.len() != y_true.len() {
        let what = format!("{pred} has another length than y_true");
        return Err(Error::shape(what, y_pred.len(), y_true.len()));
    }
    check_finite_values("y_true", y_true)?;
    check_finite_values(pred, y_pred)
}

/// Finite weights, one per sample, that do not add up to 0.
pub(super) fn check_weights(sample_weight: Option<ArrayView1<'_, f64>>, samples: usize) -> Result<()> {
    let Some(weights) = sample_weight else {
        return Ok(());
    };
    if weights.len() != samples {
        return Err(Error::shape("sample_weight has another length than y_true", weights.len(), samples));
    }
    check_finite_values("sample_weight", weights)?;
    let sum = pairwise_sum(samples, |i| weights[i]);
    if sum == 0.0 {
        return Err(Error::empty("the sample weights add up to 0"));
    }
    finite("the sum of the sample weights", sum).map(drop)
}

/// Refuses values that cannot be class labels: scikit-learn's "continuous" targets.
pub(super) fn check_labels(array: &'static str, y: ArrayView1<'_, f64>) -> Result<()> {
    match y.iter().position(|label| label.fract() != 0.0) {
        None => Ok(()),
        Some(row) => {
            let value = y[row];
            let text = format!("{value} is not a class label, which is a whole number");
            Err(Error::new(ErrorKind::Malformed(text)).at(Place::Value { array, row, feature: None, name: None }))
        }
    }
}

/// Distinct values in ascending order.
pub(super) fn unique<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<f64> {
    // -0.0 and 0.0 are one label.
    let mut values: Vec<f64> = values.into_iter().map(|value| value + 0.0).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    values
}

/// Position of a label among ascending labels.
pub(super) fn position(labels: &[f64], label: f64) -> Option<usize> {
    labels.binary_search_by(|known| known.total_cmp(&(label + 0.0))).ok()
}

/// NumPy's `average` of `n` terms; weights have been checked.
pub(super) fn average(n: usize, weights: Option<ArrayView1<'_, f64>>, term: impl Fn(usize) -> f64) -> f64 {
    match weights {
        None => mean(n, term),
        Some(weights) => pairwise_sum(n, |i| term(i) * weights[i]) / pairwise_sum(n, |i| weights[i]),
    }
}

pub(super) fn finite(what: &str, value: f64) -> Result<f64> {
    if value.is_finite() { Ok(value) } else { Err(Error::overflow(what)) }
}
