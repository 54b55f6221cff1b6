//! How well scores rank: ROC and precision–recall curves, and the areas under them.

use ndarray::ArrayView1;

use super::confusion::join;
use super::targets::{check_labels, check_pair, check_weights, finite, unique};
use crate::error::{Error, Result};
use crate::sum::pairwise_sum;

/// Parameters of a curve.
#[derive(Debug, Clone, Copy, Default)]
pub struct CurveOptions<'a> {
    pos_label: Option<f64>,
    sample_weight: Option<ArrayView1<'a, f64>>,
    drop_intermediate: Option<bool>,
}

impl<'a> CurveOptions<'a> {
    /// scikit-learn's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the class that high scores stand for; 1 by default, when the labels are 0 and 1 or −1 and 1.
    #[must_use]
    pub fn pos_label(mut self, pos_label: f64) -> Self {
        self.pos_label = Some(pos_label);
        self
    }

    /// Sets the weight of each sample.
    #[must_use]
    pub fn sample_weight(mut self, sample_weight: ArrayView1<'a, f64>) -> Self {
        self.sample_weight = Some(sample_weight);
        self
    }

    /// Sets whether to leave out points that do not change the drawn curve; by default only a ROC curve does.
    #[must_use]
    pub fn drop_intermediate(mut self, drop_intermediate: bool) -> Self {
        self.drop_intermediate = Some(drop_intermediate);
        self
    }
}

/// True against false positives as the threshold falls.
#[derive(Debug, Clone, PartialEq)]
pub struct RocCurve {
    /// Share of the negative samples with a score of at least the threshold; NaN when there are none.
    pub fpr: Vec<f64>,
    /// Share of the positive samples with a score of at least the threshold; NaN when there are none.
    pub tpr: Vec<f64>,
    /// Thresholds, falling from infinity.
    pub thresholds: Vec<f64>,
}

/// Precision against recall as the threshold rises.
#[derive(Debug, Clone, PartialEq)]
pub struct PrecisionRecallCurve {
    /// Precision at each threshold, then 1.
    pub precision: Vec<f64>,
    /// Recall at each threshold, then 0.
    pub recall: Vec<f64>,
    /// Thresholds, rising.
    pub thresholds: Vec<f64>,
}

/// The ROC curve of scores `y_score` for the classes `y_true`, of which there are two, or `pos_label` against the rest.
///
/// # Errors
/// `Empty`, `Shape`, `NonFinite`, `Malformed` as for the other metrics; `InvalidParam` when the positive class is not
/// clear.
pub fn roc_curve(
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView1<'_, f64>,
    options: &CurveOptions<'_>,
) -> Result<RocCurve> {
    let positive = positive_label("roc_curve", y_true, y_score, options)?;
    let is_positive = |i: usize| is(y_true[i], positive);
    Ok(roc_of(y_score, is_positive, options.sample_weight, options.drop_intermediate.unwrap_or(true)))
}

/// The precision–recall curve of scores `y_score` for the classes `y_true`, of which there are two, or `pos_label`
/// against the rest. Without positive samples recall is 1.
///
/// # Errors
/// Those of [`roc_curve`].
pub fn precision_recall_curve(
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView1<'_, f64>,
    options: &CurveOptions<'_>,
) -> Result<PrecisionRecallCurve> {
    let positive = positive_label("precision_recall_curve", y_true, y_score, options)?;
    let is_positive = |i: usize| is(y_true[i], positive);
    let drop_intermediate = options.drop_intermediate.unwrap_or(false);
    Ok(precision_recall_of(y_score, is_positive, options.sample_weight, drop_intermediate))
}

/// Average precision: precision at each threshold, weighted by the gain in recall. The positive class is 1.
///
/// # Errors
/// Those of [`roc_curve`]; `InvalidParam` when there are two classes and neither is 1, or more than two.
pub fn average_precision_score(
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView1<'_, f64>,
    options: &CurveOptions<'_>,
) -> Result<f64> {
    let options = CurveOptions { pos_label: Some(options.pos_label.unwrap_or(1.0)), ..*options };
    let positive = positive_label("average_precision_score", y_true, y_score, &options)?;
    let present = unique(y_true);
    if present.len() > 2 || present.len() == 2 && !present.contains(&positive) {
        let allowed = format!("one of two classes; there are {}", join(&present));
        return Err(Error::invalid("average_precision_score", "pos_label", positive, allowed));
    }
    finite("average_precision_score", average_precision_of(y_score, |i| is(y_true[i], positive), options.sample_weight))
}

/// Area under the curve through the points (`x`, `y`), by the trapezoidal rule; `x` must rise or fall all the way.
///
/// # Errors
/// `Shape` when the lengths differ, `Empty` with fewer than two points, `InvalidParam` when `x` turns.
pub fn auc(x: &[f64], y: &[f64]) -> Result<f64> {
    if x.len() != y.len() {
        return Err(Error::shape("y has another length than x", y.len(), x.len()));
    }
    if x.len() < 2 {
        return Err(Error::empty("an area needs at least two points"));
    }
    let steps = || x.windows(2).map(|pair| pair[1] - pair[0]);
    let direction = if steps().all(|step| step >= 0.0) {
        1.0
    } else if steps().all(|step| step <= 0.0) {
        -1.0
    } else {
        return Err(Error::invalid("auc", "x", "a sequence that turns", "rising or falling"));
    };
    let area = pairwise_sum(x.len() - 1, |i| (x[i + 1] - x[i]) * (y[i + 1] + y[i]) / 2.0);
    finite("auc", direction * area)
}

/// The curve, where samples are positive or not.
pub(super) fn roc_of(
    y_score: ArrayView1<'_, f64>,
    is_positive: impl Fn(usize) -> bool,
    sample_weight: Option<ArrayView1<'_, f64>>,
    drop_intermediate: bool,
) -> RocCurve {
    let mut steps = Steps::new(y_score, is_positive, sample_weight);
    if drop_intermediate && steps.fps.len() > 2 {
        let bends = |counts: &[f64], i: usize| (counts[i + 1] - counts[i]) - (counts[i] - counts[i - 1]) != 0.0;
        steps.keep(|fps, tps, i| bends(fps, i) || bends(tps, i));
    }
    let Steps { fps, tps, thresholds } = steps;
    let rate = |counts: Vec<f64>| {
        let total = counts.last().copied().unwrap_or(0.0);
        let share = |count: f64| if total <= 0.0 { f64::NAN } else { count / total };
        std::iter::once(0.0).chain(counts).map(share).collect()
    };
    let thresholds = std::iter::once(f64::INFINITY).chain(thresholds).collect();
    RocCurve { fpr: rate(fps), tpr: rate(tps), thresholds }
}

pub(super) fn average_precision_of(
    y_score: ArrayView1<'_, f64>,
    is_positive: impl Fn(usize) -> bool,
    sample_weight: Option<ArrayView1<'_, f64>>,
) -> f64 {
    let PrecisionRecallCurve { precision, recall, .. } =
        precision_recall_of(y_score, is_positive, sample_weight, false);
    let area = pairwise_sum(recall.len() - 1, |i| (recall[i + 1] - recall[i]) * precision[i]);
    (-area).max(0.0)
}

fn precision_recall_of(
    y_score: ArrayView1<'_, f64>,
    is_positive: impl Fn(usize) -> bool,
    sample_weight: Option<ArrayView1<'_, f64>>,
    drop_intermediate: bool,
) -> PrecisionRecallCurve {
    let mut steps = Steps::new(y_score, is_positive, sample_weight);
    if drop_intermediate && steps.fps.len() > 2 {
        #[allow(clippy::float_cmp, reason = "steps are the same or they are not")]
        steps.keep(|_, tps, i| tps[i] != tps[i - 1] || tps[i + 1] != tps[i]);
    }
    let Steps { fps, tps, thresholds } = steps;
    let total = tps.last().copied().unwrap_or(0.0);
    let shares = fps.iter().zip(&tps).rev().map(|(fp, tp)| if tp + fp == 0.0 { 0.0 } else { tp / (tp + fp) });
    let recalls = tps.iter().rev().map(|tp| if total == 0.0 { 1.0 } else { tp / total });
    PrecisionRecallCurve {
        precision: shares.chain([1.0]).collect(),
        recall: recalls.chain([0.0]).collect(),
        thresholds: thresholds.into_iter().rev().collect(),
    }
}

/// False and true positives at each distinct score, the highest first.
struct Steps {
    fps: Vec<f64>,
    tps: Vec<f64>,
    thresholds: Vec<f64>,
}

impl Steps {
    fn new(
        y_score: ArrayView1<'_, f64>,
        is_positive: impl Fn(usize) -> bool,
        sample_weight: Option<ArrayView1<'_, f64>>,
    ) -> Self {
        let weight = |i: usize| sample_weight.map_or(1.0, |weights| weights[i]);
        let mut order: Vec<usize> = (0..y_score.len()).filter(|&i| weight(i) != 0.0).collect();
        // Stable, so that weights are added in scikit-learn's order.
        order.sort_by(|&a, &b| (y_score[b] + 0.0).total_cmp(&(y_score[a] + 0.0)));
        let mut steps = Self { fps: vec![], tps: vec![], thresholds: vec![] };
        let (mut fp, mut tp) = (0.0, 0.0);
        for (at, &i) in order.iter().enumerate() {
            if is_positive(i) {
                tp += weight(i);
            } else {
                fp += weight(i);
            }
            if order.get(at + 1).is_none_or(|&next| !is(y_score[next], y_score[i])) {
                steps.fps.push(fp);
                steps.tps.push(tp);
                steps.thresholds.push(y_score[i]);
            }
        }
        steps
    }

    /// Keeps the first, the last, and those steps for which `counts` says so.
    fn keep(&mut self, counts: impl Fn(&[f64], &[f64], usize) -> bool) {
        let last = self.fps.len() - 1;
        let kept: Vec<usize> = (0..=last).filter(|&i| i == 0 || i == last || counts(&self.fps, &self.tps, i)).collect();
        for values in [&mut self.fps, &mut self.tps, &mut self.thresholds] {
            *values = kept.iter().map(|&i| values[i]).collect();
        }
    }
}

#[allow(clippy::float_cmp, reason = "scores are tied or they are not; labels are codes")]
fn is(a: f64, b: f64) -> bool {
    a == b
}

/// Checks the samples and finds the positive class.
fn positive_label(
    owner: &str,
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView1<'_, f64>,
    options: &CurveOptions<'_>,
) -> Result<f64> {
    check_pair(y_true, y_score, "y_score")?;
    check_labels("y_true", y_true)?;
    check_weights(options.sample_weight, y_true.len())?;
    if let Some(label) = options.pos_label {
        return Ok(label);
    }
    let present = unique(y_true);
    let usual = [&[0.0, 1.0][..], &[-1.0, 1.0], &[0.0], &[-1.0], &[1.0]];
    if usual.contains(&&present[..]) {
        Ok(1.0)
    } else {
        let allowed = format!("set, as the classes are {}", join(&present));
        Err(Error::invalid(owner, "pos_label", "None", allowed))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::aview1;

    use super::*;

    #[test]
    fn what_has_no_curve_is_refused() {
        let text = |y_true: &[f64], y_score: &[f64]| {
            roc_curve(aview1(y_true), aview1(y_score), &CurveOptions::new()).unwrap_err().to_string()
        };
        assert_eq!(
            text(&[1.0, 2.0], &[0.1, 0.2]),
            "roc_curve: pos_label = None is not allowed; it must be set, as the classes are 1, 2"
        );
        assert_eq!(text(&[0.0, 1.0], &[0.1, f64::NAN]), "y_score, row 1: NaN is not a finite number");
        assert_eq!(auc(&[0.0], &[1.0]).unwrap_err().to_string(), "an area needs at least two points");
        assert_eq!(
            auc(&[0.0, 2.0, 1.0], &[1.0; 3]).unwrap_err().to_string(),
            "auc: x = a sequence that turns is not allowed; it must be rising or falling"
        );
    }

    #[test]
    fn an_area_counts_whichever_way_x_runs() {
        for (x, y) in [([0.0, 1.0, 3.0], [0.0, 2.0, 2.0]), ([3.0, 1.0, 0.0], [2.0, 2.0, 0.0])] {
            assert!((auc(&x, &y).unwrap() - 5.0).abs() < 1e-15);
        }
    }
}
