//! The area under the ROC curve, and average precision, of two classes and of many.

use ndarray::{ArrayView1, ArrayView2};

use super::confusion::{check_distinct, join};
use super::ranking::{auc, average_precision_of, roc_of};
use super::targets::{check_labels, check_pair, check_weights, position, unique};
use crate::error::{Error, Result};
use crate::input::check_finite_values;
use crate::sum::{mean, pairwise_sum};

/// How to make pairs of classes of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiClass {
    /// Each class against the rest.
    Ovr,
    /// Each class against each other.
    Ovo,
}

/// How to average over classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RocAverage {
    /// The mean over the classes.
    #[default]
    Macro,
    /// The mean over the classes, weighted by their samples.
    Weighted,
    /// All classes as one problem with a sample per row and class; not for one against one.
    Micro,
}

/// The area under the ROC curve of two classes, the greater label being the positive one: the chance that a positive
/// sample scores higher than a negative one. `None` when there is one class only. With `max_fpr` below 1, the
/// standardised partial area up to that false positive rate (McClish, 1989).
///
/// # Errors
/// `Empty`, `Shape`, `NonFinite`, `Malformed` as for the other metrics; `InvalidParam` with more than two classes or
/// when `max_fpr` is not above 0 and at most 1.
pub fn roc_auc_score(
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView1<'_, f64>,
    sample_weight: Option<ArrayView1<'_, f64>>,
    max_fpr: Option<f64>,
) -> Result<Option<f64>> {
    check_pair(y_true, y_score, "y_score")?;
    check_labels("y_true", y_true)?;
    check_weights(sample_weight, y_true.len())?;
    if let Some(rate) = max_fpr.filter(|rate| !(*rate > 0.0 && *rate <= 1.0)) {
        return Err(Error::invalid("roc_auc_score", "max_fpr", rate, "above 0 and at most 1"));
    }
    let classes = unique(y_true);
    match classes[..] {
        [_] => Ok(None),
        #[allow(clippy::float_cmp, reason = "labels are codes")]
        [_, positive] => area(y_score, |i| y_true[i] == positive, sample_weight, max_fpr),
        _ => {
            let allowed = "two classes; for more there is roc_auc_score_multiclass";
            Err(Error::invalid("roc_auc_score", "y_true", join(&classes), allowed))
        }
    }
}

/// The area under the ROC curve of more than two classes. `y_score` has a probability per class, in ascending order;
/// `labels` names the classes when some are missing from `y_true`. `None` where it is undefined.
///
/// # Errors
/// Those of [`roc_auc_score`]; `InvalidParam` when the probabilities of a row do not add up to 1, and for one against
/// one with weights or [`RocAverage::Micro`].
pub fn roc_auc_score_multiclass(
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView2<'_, f64>,
    labels: Option<&[f64]>,
    multi_class: MultiClass,
    average: RocAverage,
    sample_weight: Option<ArrayView1<'_, f64>>,
) -> Result<Option<f64>> {
    const OWNER: &str = "roc_auc_score_multiclass";

    let classes = check_scores(OWNER, y_true, y_score, labels, sample_weight)?;
    for row in y_score.rows() {
        let sum = row.sum();
        if (sum - 1.0).abs() > 1e-8 + 1e-5 * sum.abs() {
            return Err(Error::invalid(OWNER, "y_score", sum, "probabilities that add up to 1 in each row"));
        }
    }
    match multi_class {
        MultiClass::Ovr => average_over(y_true, y_score, &classes, average, sample_weight, |scores, is, weights| {
            area(scores, is, weights, None)
        }),
        MultiClass::Ovo if sample_weight.is_some() => {
            Err(Error::invalid(OWNER, "sample_weight", "an array", "None for one against one"))
        }
        MultiClass::Ovo if average == RocAverage::Micro => {
            Err(Error::invalid(OWNER, "average", "micro", "macro or weighted for one against one"))
        }
        MultiClass::Ovo => one_against_one(y_true, y_score, &classes, average),
    }
}

/// Average precision of more than two classes, each against the rest; see
/// [`average_precision_score`](super::average_precision_score). `y_score` has a score per class of `y_true`, in
/// ascending order.
///
/// # Errors
/// Those of [`roc_auc_score`].
pub fn average_precision_score_multiclass(
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView2<'_, f64>,
    average: RocAverage,
    sample_weight: Option<ArrayView1<'_, f64>>,
) -> Result<Option<f64>> {
    let classes = check_scores("average_precision_score_multiclass", y_true, y_score, None, sample_weight)?;
    average_over(y_true, y_score, &classes, average, sample_weight, |scores, is, weights| {
        Ok(Some(average_precision_of(scores, is, weights)))
    })
}

fn check_scores(
    owner: &str,
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView2<'_, f64>,
    labels: Option<&[f64]>,
    sample_weight: Option<ArrayView1<'_, f64>>,
) -> Result<Vec<f64>> {
    if y_true.is_empty() {
        return Err(Error::empty("y_true has no values"));
    }
    if y_score.nrows() != y_true.len() {
        return Err(Error::shape("y_score has another number of rows than y_true", y_score.nrows(), y_true.len()));
    }
    check_finite_values("y_true", y_true)?;
    check_labels("y_true", y_true)?;
    for column in y_score.columns() {
        check_finite_values("y_score", column)?;
    }
    check_weights(sample_weight, y_true.len())?;
    let classes = match labels {
        None => unique(y_true),
        Some(labels) => {
            check_distinct(owner, labels)?;
            if !labels.is_sorted() {
                return Err(Error::invalid(owner, "labels", join(labels), "in ascending order"));
            }
            if let Some(label) = y_true.iter().find(|&&label| position(labels, label).is_none()) {
                let allowed = format!("all classes of y_true, {label} among them");
                return Err(Error::invalid(owner, "labels", join(labels), allowed));
            }
            labels.to_vec()
        }
    };
    if y_score.ncols() != classes.len() {
        let what = "y_score has another number of columns than there are classes";
        return Err(Error::shape(what, y_score.ncols(), classes.len()));
    }
    Ok(classes)
}

fn area(
    y_score: ArrayView1<'_, f64>,
    is_positive: impl Fn(usize) -> bool,
    sample_weight: Option<ArrayView1<'_, f64>>,
    max_fpr: Option<f64>,
) -> Result<Option<f64>> {
    let positives = (0..y_score.len()).filter(|&i| is_positive(i)).count();
    if positives == 0 || positives == y_score.len() {
        return Ok(None);
    }
    let curve = roc_of(y_score, is_positive, sample_weight, true);
    if curve.fpr.iter().chain(&curve.tpr).any(|rate| rate.is_nan()) {
        // All weight lies on one class.
        return Ok(None);
    }
    let Some(max_fpr) = max_fpr.filter(|rate| *rate < 1.0) else {
        return auc(&curve.fpr, &curve.tpr).map(Some);
    };
    let stop = curve.fpr.partition_point(|rate| *rate <= max_fpr);
    let (mut fpr, mut tpr) = (curve.fpr[..stop].to_vec(), curve.tpr[..stop].to_vec());
    let (x0, x1) = (curve.fpr[stop - 1], curve.fpr[stop]);
    let (y0, y1) = (curve.tpr[stop - 1], curve.tpr[stop]);
    fpr.push(max_fpr);
    tpr.push(y0 + (y1 - y0) / (x1 - x0) * (max_fpr - x0));
    let (partial, least) = (auc(&fpr, &tpr)?, 0.5 * max_fpr * max_fpr);
    Ok(Some(0.5 * (1.0 + (partial - least) / (max_fpr - least))))
}

/// Averages a metric of two classes over each class against the rest.
fn average_over(
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView2<'_, f64>,
    classes: &[f64],
    average: RocAverage,
    sample_weight: Option<ArrayView1<'_, f64>>,
    metric: impl Fn(ArrayView1<'_, f64>, &dyn Fn(usize) -> bool, Option<ArrayView1<'_, f64>>) -> Result<Option<f64>>,
) -> Result<Option<f64>> {
    let (rows, columns) = y_score.dim();
    let codes: Vec<usize> = y_true.iter().filter_map(|label| position(classes, *label)).collect();
    if average == RocAverage::Micro {
        let scores: Vec<f64> = y_score.rows().into_iter().flat_map(|row| row.to_vec()).collect();
        let weights: Option<Vec<f64>> =
            sample_weight.map(|weights| weights.iter().flat_map(|&w| std::iter::repeat_n(w, columns)).collect());
        let is_positive = |i: usize| codes[i / columns] == i % columns;
        return metric(ArrayView1::from(&scores), &is_positive, weights.as_deref().map(ArrayView1::from));
    }
    let mut scores = Vec::with_capacity(columns);
    for class in 0..columns {
        scores.push(metric(y_score.column(class), &|i| codes[i] == class, sample_weight)?);
    }
    if average == RocAverage::Macro {
        let scores: Option<Vec<f64>> = scores.into_iter().collect();
        return Ok(scores.map(|scores| mean(columns, |k| scores[k])));
    }
    let mut weights = vec![0.0; columns];
    for i in 0..rows {
        weights[codes[i]] += sample_weight.map_or(1.0, |weights| weights[i]);
    }
    // A class without samples does not count, so its undefined score does no harm.
    let scores: Option<Vec<f64>> =
        scores.into_iter().zip(&weights).map(|(score, w)| if *w == 0.0 { Some(0.0) } else { score }).collect();
    let total = pairwise_sum(columns, |k| weights[k]);
    Ok(scores.map(|scores| pairwise_sum(columns, |k| scores[k] * weights[k]) / total))
}

/// Hand and Till (2001), "A simple generalisation of the area under the ROC curve for multiple class classification".
fn one_against_one(
    y_true: ArrayView1<'_, f64>,
    y_score: ArrayView2<'_, f64>,
    classes: &[f64],
    average: RocAverage,
) -> Result<Option<f64>> {
    let codes: Vec<usize> = y_true.iter().filter_map(|label| position(classes, *label)).collect();
    let present: Vec<usize> = (0..classes.len()).filter(|class| codes.contains(class)).collect();
    let (mut scores, mut prevalence) = (vec![], vec![]);
    for (at, &a) in present.iter().enumerate() {
        for &b in &present[at + 1..] {
            let rows: Vec<usize> = (0..codes.len()).filter(|&i| codes[i] == a || codes[i] == b).collect();
            let of = |class: usize| {
                let column: Vec<f64> = rows.iter().map(|&i| y_score[(i, class)]).collect();
                area(ArrayView1::from(&column), |i| codes[rows[i]] == class, None, None)
            };
            let (Some(a), Some(b)) = (of(a)?, of(b)?) else {
                return Ok(None);
            };
            scores.push(f64::midpoint(a, b));
            prevalence.push(rows.len() as f64 / codes.len() as f64);
        }
    }
    if scores.is_empty() {
        return Ok(None);
    }
    let n = scores.len();
    Ok(Some(match average {
        RocAverage::Weighted => pairwise_sum(n, |k| scores[k] * prevalence[k]) / pairwise_sum(n, |k| prevalence[k]),
        RocAverage::Macro | RocAverage::Micro => mean(n, |k| scores[k]),
    }))
}

#[cfg(test)]
mod tests {
    use ndarray::{array, aview1};

    use super::*;

    #[test]
    fn what_has_no_area_is_refused_or_undefined() {
        let found = |y_true: &[f64], max_fpr| roc_auc_score(aview1(y_true), aview1(&[0.1, 0.2, 0.3]), None, max_fpr);
        assert_eq!(found(&[1.0; 3], None).unwrap(), None);
        assert_eq!(
            found(&[0.0, 1.0, 2.0], None).unwrap_err().to_string(),
            "roc_auc_score: y_true = 0, 1, 2 is not allowed; it must be two classes; for more there is \
             roc_auc_score_multiclass"
        );
        assert_eq!(
            found(&[0.0, 1.0, 1.0], Some(0.0)).unwrap_err().to_string(),
            "roc_auc_score: max_fpr = 0 is not allowed; it must be above 0 and at most 1"
        );
        let scores = array![[0.5, 0.2, 0.2], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]];
        let y_true = aview1(&[0.0, 1.0, 2.0]);
        let many = roc_auc_score_multiclass(y_true, scores.view(), None, MultiClass::Ovr, RocAverage::Macro, None);
        assert!(many.unwrap_err().to_string().ends_with("it must be probabilities that add up to 1 in each row"));
    }
}
