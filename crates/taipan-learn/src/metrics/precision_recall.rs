//! Precision, recall and F-scores, per class and averaged.

use ndarray::ArrayView1;

use super::confusion::{Index, check_classes, check_distinct, join};
use super::targets::unique;
use crate::error::{Error, Result};
use crate::sum::{mean, pairwise_sum};

/// How to make one score of many classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Average {
    /// Only of the class `pos_label`; for two classes.
    #[default]
    Binary,
    /// From the counts of all classes together.
    Micro,
    /// The mean over the classes.
    Macro,
    /// The mean over the classes, weighted by their true samples.
    Weighted,
}

/// What a score is where its denominator is 0. scikit-learn's "warn" is `Zero`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZeroDivision {
    /// 0.
    #[default]
    Zero,
    /// 1.
    One,
    /// NaN; an average leaves it out.
    Nan,
}

impl ZeroDivision {
    fn value(self) -> f64 {
        match self {
            Self::Zero => 0.0,
            Self::One => 1.0,
            Self::Nan => f64::NAN,
        }
    }
}

/// Precision, recall, F-score and support of one class, or of an average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrecisionRecall {
    /// Share of the samples taken for the class that belong to it.
    pub precision: f64,
    /// Share of the samples of the class that were recognised.
    pub recall: f64,
    /// Weighted harmonic mean of the two.
    pub fscore: f64,
    /// Samples of the class, or their weight.
    pub support: f64,
}

/// The parameters that precision, recall and F-scores share.
#[derive(Debug, Clone, Copy)]
pub struct ScoreOptions<'a> {
    average: Average,
    pos_label: f64,
    labels: Option<&'a [f64]>,
    sample_weight: Option<ArrayView1<'a, f64>>,
    zero_division: ZeroDivision,
}

impl Default for ScoreOptions<'_> {
    fn default() -> Self {
        Self {
            average: Average::Binary,
            pos_label: 1.0,
            labels: None,
            sample_weight: None,
            zero_division: ZeroDivision::Zero,
        }
    }
}

impl<'a> ScoreOptions<'a> {
    /// scikit-learn's defaults: the score of class 1, of two classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how to average.
    #[must_use]
    pub fn average(mut self, average: Average) -> Self {
        self.average = average;
        self
    }

    /// Sets the class that [`Average::Binary`] scores.
    #[must_use]
    pub fn pos_label(mut self, pos_label: f64) -> Self {
        self.pos_label = pos_label;
        self
    }

    /// Sets the classes to average; all present by default.
    #[must_use]
    pub fn labels(mut self, labels: &'a [f64]) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Sets the weight of each sample.
    #[must_use]
    pub fn sample_weight(mut self, sample_weight: ArrayView1<'a, f64>) -> Self {
        self.sample_weight = Some(sample_weight);
        self
    }

    /// Sets the score where the denominator is 0.
    #[must_use]
    pub fn zero_division(mut self, zero_division: ZeroDivision) -> Self {
        self.zero_division = zero_division;
        self
    }
}

/// Precision: how many of the samples taken for a class belong to it. NaN only with [`ZeroDivision::Nan`].
///
/// # Errors
/// `Empty`, `Shape`, `NonFinite` and `Malformed` as for [`ConfusionMatrix::new`](super::ConfusionMatrix::new);
/// `InvalidParam` for [`Average::Binary`] with more than two classes or without the class `pos_label`.
pub fn precision_score(
    y_true: ArrayView1<'_, f64>,
    y_pred: ArrayView1<'_, f64>,
    options: &ScoreOptions<'_>,
) -> Result<f64> {
    Ok(scores("precision_score", y_true, y_pred, 1.0, options)?.precision)
}

/// Recall: how many of the samples of a class were recognised. NaN only with [`ZeroDivision::Nan`].
///
/// # Errors
/// Those of [`precision_score`].
pub fn recall_score(
    y_true: ArrayView1<'_, f64>,
    y_pred: ArrayView1<'_, f64>,
    options: &ScoreOptions<'_>,
) -> Result<f64> {
    Ok(scores("recall_score", y_true, y_pred, 1.0, options)?.recall)
}

/// The harmonic mean of precision and recall. NaN only with [`ZeroDivision::Nan`].
///
/// # Errors
/// Those of [`precision_score`].
pub fn f1_score(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>, options: &ScoreOptions<'_>) -> Result<f64> {
    Ok(scores("f1_score", y_true, y_pred, 1.0, options)?.fscore)
}

/// The weighted harmonic mean of precision and recall: `beta` above 1 favours recall, below 1 precision; 0 is precision
/// alone and infinity recall alone. NaN only with [`ZeroDivision::Nan`].
///
/// # Errors
/// Those of [`precision_score`], and `InvalidParam` when `beta` is negative or NaN.
pub fn fbeta_score(
    y_true: ArrayView1<'_, f64>,
    y_pred: ArrayView1<'_, f64>,
    beta: f64,
    options: &ScoreOptions<'_>,
) -> Result<f64> {
    Ok(scores("fbeta_score", y_true, y_pred, beta, options)?.fscore)
}

fn scores(
    owner: &str,
    y_true: ArrayView1<'_, f64>,
    y_pred: ArrayView1<'_, f64>,
    beta: f64,
    options: &ScoreOptions<'_>,
) -> Result<PrecisionRecall> {
    if beta.is_nan() || beta < 0.0 {
        return Err(Error::invalid(owner, "beta", beta, "a number of at least 0"));
    }
    check_classes(y_true, y_pred, options.sample_weight)?;
    let positive = [options.pos_label];
    let labels = if options.average == Average::Binary {
        let present = unique(y_true.iter().chain(y_pred));
        if present.len() > 2 {
            let allowed = format!("micro, macro or weighted, as there are {} classes", present.len());
            return Err(Error::invalid(owner, "average", "binary", allowed));
        }
        if present.len() == 2 && !present.contains(&options.pos_label) {
            let allowed = format!("one of the classes {}", join(&present));
            return Err(Error::invalid(owner, "pos_label", options.pos_label, allowed));
        }
        Some(&positive[..])
    } else {
        options.labels
    };
    let counts = ClassCounts::new(y_true, y_pred, options.sample_weight, labels)?;
    Ok(counts.average(options.average, beta, options.zero_division))
}

/// How many samples of each class there are, were predicted, and were recognised: all that precision, recall and
/// F-scores need.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassCounts {
    labels: Vec<f64>,
    true_positives: Vec<f64>,
    predicted: Vec<f64>,
    support: Vec<f64>,
}

impl ClassCounts {
    /// Counts the samples, or adds up their weights, for each of `labels`; without them, for all classes present.
    ///
    /// # Errors
    /// Those of [`ConfusionMatrix::new`](super::ConfusionMatrix::new), but none of `labels` need be present.
    pub fn new(
        y_true: ArrayView1<'_, f64>,
        y_pred: ArrayView1<'_, f64>,
        sample_weight: Option<ArrayView1<'_, f64>>,
        labels: Option<&[f64]>,
    ) -> Result<Self> {
        check_classes(y_true, y_pred, sample_weight)?;
        let labels = match labels {
            None => unique(y_true.iter().chain(y_pred)),
            Some(labels) => {
                check_distinct("ClassCounts", labels)?;
                labels.to_vec()
            }
        };
        let index = Index::new(&labels);
        let [mut true_positives, mut predicted, mut support] = [(); 3].map(|()| vec![0.0; labels.len()]);
        for (i, (t, p)) in y_true.iter().zip(y_pred).enumerate() {
            let weight = sample_weight.map_or(1.0, |weights| weights[i]);
            let (t, p) = (index.of(*t), index.of(*p));
            if let Some(t) = t {
                support[t] += weight;
            }
            if let Some(p) = p {
                predicted[p] += weight;
            }
            if let (Some(t), true) = (t, t == p) {
                true_positives[t] += weight;
            }
        }
        // scikit-learn adds the right ones to the wrong ones, which with weights may differ in the last bit.
        for sums in [&mut predicted, &mut support] {
            for (sum, right) in sums.iter_mut().zip(&true_positives) {
                *sum = right + (*sum - right);
            }
        }
        Ok(Self { labels, true_positives, predicted, support })
    }

    /// The classes.
    pub fn labels(&self) -> &[f64] {
        &self.labels
    }

    /// True samples of each class.
    pub fn support(&self) -> &[f64] {
        &self.support
    }

    /// Precision, recall and F-score of each class.
    pub fn per_class(&self, beta: f64, zero_division: ZeroDivision) -> Vec<PrecisionRecall> {
        (0..self.labels.len())
            .map(|k| divide(self.true_positives[k], self.predicted[k], self.support[k], beta, zero_division))
            .collect()
    }

    /// Their average. With [`Average::Binary`], the mean over the classes, which should be one.
    pub fn average(&self, average: Average, beta: f64, zero_division: ZeroDivision) -> PrecisionRecall {
        let total = |counts: &[f64]| pairwise_sum(counts.len(), |k| counts[k]);
        let support = total(&self.support);
        if average == Average::Micro {
            return divide(total(&self.true_positives), total(&self.predicted), support, beta, zero_division);
        }
        let scores = self.per_class(beta, zero_division);
        let weights = (average == Average::Weighted).then_some(&self.support[..]);
        let average = |score: fn(&PrecisionRecall) -> f64| {
            let values: Vec<f64> = scores.iter().map(score).collect();
            nan_average(&values, weights)
        };
        PrecisionRecall {
            precision: average(|s| s.precision),
            recall: average(|s| s.recall),
            fscore: average(|s| s.fscore),
            support,
        }
    }
}

fn divide(hits: f64, predicted: f64, support: f64, beta: f64, zero_division: ZeroDivision) -> PrecisionRecall {
    let ratio = |above: f64, below: f64| if below == 0.0 { zero_division.value() } else { above / below };
    let (precision, recall) = (ratio(hits, predicted), ratio(hits, support));
    let beta2 = beta * beta;
    let fscore = if beta == f64::INFINITY {
        recall
    } else if beta == 0.0 {
        precision
    } else {
        ratio((1.0 + beta2) * hits, beta2 * support + predicted)
    };
    PrecisionRecall { precision, recall, fscore, support }
}

/// The mean of what is not NaN; unweighted when the weights add up to 0.
fn nan_average(values: &[f64], weights: Option<&[f64]>) -> f64 {
    let kept: Vec<usize> = (0..values.len()).filter(|&k| !values[k].is_nan()).collect();
    if kept.is_empty() {
        return f64::NAN;
    }
    if let Some(weights) = weights {
        let total = pairwise_sum(kept.len(), |i| weights[kept[i]]);
        if total != 0.0 {
            return pairwise_sum(kept.len(), |i| values[kept[i]] * weights[kept[i]]) / total;
        }
    }
    mean(kept.len(), |i| values[kept[i]])
}

#[cfg(test)]
mod tests {
    use ndarray::aview1;

    use super::*;

    #[test]
    fn what_has_no_binary_score_is_refused() {
        let text = |y_true: &[f64], y_pred: &[f64], beta| {
            let found = fbeta_score(aview1(y_true), aview1(y_pred), beta, &ScoreOptions::new());
            found.unwrap_err().to_string()
        };
        assert_eq!(
            text(&[0.0, 1.0], &[1.0, 2.0], 1.0),
            "fbeta_score: average = binary is not allowed; it must be micro, macro or weighted, as there are 3 classes"
        );
        assert_eq!(
            text(&[2.0, 3.0], &[2.0, 2.0], 1.0),
            "fbeta_score: pos_label = 1 is not allowed; it must be one of the classes 2, 3"
        );
        assert_eq!(
            text(&[0.0, 1.0], &[0.0, 1.0], -1.0),
            "fbeta_score: beta = -1 is not allowed; it must be a number of at least 0"
        );
    }

    #[test]
    fn nothing_divided_by_nothing_is_what_was_asked_for() {
        let (y_true, y_pred) = ([0.0, 0.0], [0.0, 0.0]);
        let score = |zero_division| {
            let options = ScoreOptions::new().zero_division(zero_division);
            precision_score(aview1(&y_true), aview1(&y_pred), &options).unwrap()
        };
        assert_eq!(score(ZeroDivision::Zero).to_bits(), 0.0_f64.to_bits());
        assert_eq!(score(ZeroDivision::One).to_bits(), 1.0_f64.to_bits());
        assert!(score(ZeroDivision::Nan).is_nan());
    }
}
