//! The confusion matrix, and accuracy.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use super::targets::{average, check_labels, check_pair, check_weights, unique};
use crate::error::{Error, Result};

/// How often each class was taken for which: one row per true class, one column per predicted class.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfusionMatrix {
    labels: Vec<f64>,
    counts: Array2<f64>,
}

/// By what to divide the counts of a [`ConfusionMatrix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalize {
    /// By the samples of each true class, so that rows add up to 1.
    True,
    /// By the samples of each predicted class, so that columns add up to 1.
    Pred,
    /// By all samples.
    All,
}

impl ConfusionMatrix {
    /// Counts the samples, or adds up their weights. Rows and columns are in the order of `labels`, and samples of other
    /// classes are left out; without `labels` they are all classes present, in ascending order.
    ///
    /// # Errors
    /// `Empty` without samples or labels, `Shape` when lengths differ, `NonFinite` for a NaN or infinity, `Malformed` for
    /// a label that is not a whole number, `InvalidParam` when `labels` repeats one or when no true label is among them.
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
                check_distinct("ConfusionMatrix", labels)?;
                if !y_true.iter().any(|label| labels.contains(label)) {
                    let allowed = "labels of which at least one is in y_true";
                    return Err(Error::invalid("ConfusionMatrix", "labels", join(labels), allowed));
                }
                labels.to_vec()
            }
        };
        let index = Index::new(&labels);
        let mut counts = Array2::zeros((labels.len(), labels.len()));
        for (i, (t, p)) in y_true.iter().zip(y_pred).enumerate() {
            if let (Some(t), Some(p)) = (index.of(*t), index.of(*p)) {
                counts[(t, p)] += sample_weight.map_or(1.0, |weights| weights[i]);
            }
        }
        Ok(Self { labels, counts })
    }

    /// The class of each row and column.
    pub fn labels(&self) -> &[f64] {
        &self.labels
    }

    /// The counts: row i, column j holds the samples of class i taken for class j.
    pub fn counts(&self) -> ArrayView2<'_, f64> {
        self.counts.view()
    }

    /// The counts as shares; 0 where there are no samples.
    pub fn normalized(&self, normalize: Normalize) -> Array2<f64> {
        let shares = match normalize {
            Normalize::True => &self.counts / &self.counts.sum_axis(Axis(1)).insert_axis(Axis(1)),
            Normalize::Pred => &self.counts / &self.counts.sum_axis(Axis(0)),
            Normalize::All => &self.counts / self.counts.sum(),
        };
        shares.mapv(|share| if share.is_nan() { 0.0 } else { share })
    }

    /// Share of each true class that was recognised; classes without samples are left out.
    fn recalls(&self) -> Vec<f64> {
        let rows = self.counts.rows().into_iter().zip(self.counts.diag());
        rows.map(|(row, hits)| hits / row.sum()).filter(|recall| !recall.is_nan()).collect()
    }
}

/// Share of the samples, or of their weight, whose predicted class is the true one.
///
/// # Errors
/// Those of [`ConfusionMatrix::new`].
pub fn accuracy_score(
    y_true: ArrayView1<'_, f64>,
    y_pred: ArrayView1<'_, f64>,
    sample_weight: Option<ArrayView1<'_, f64>>,
) -> Result<f64> {
    check_classes(y_true, y_pred, sample_weight)?;
    #[allow(clippy::float_cmp, reason = "labels are codes")]
    Ok(average(y_true.len(), sample_weight, |i| f64::from(u8::from(y_true[i] == y_pred[i]))))
}

/// Mean of the recalls of the classes, so that rare classes count as much as common ones. `adjusted` shifts and scales
/// it so that guessing scores 0 and perfection 1.
///
/// # Errors
/// Those of [`ConfusionMatrix::new`]; `Overflow` when it is undefined: adjusted, with one class only.
pub fn balanced_accuracy_score(
    y_true: ArrayView1<'_, f64>,
    y_pred: ArrayView1<'_, f64>,
    sample_weight: Option<ArrayView1<'_, f64>>,
    adjusted: bool,
) -> Result<f64> {
    let recalls = ConfusionMatrix::new(y_true, y_pred, sample_weight, None)?.recalls();
    let score = crate::sum::mean(recalls.len(), |i| recalls[i]);
    let score = if adjusted {
        let chance = 1.0 / recalls.len() as f64;
        (score - chance) / (1.0 - chance)
    } else {
        score
    };
    super::targets::finite("balanced_accuracy_score", score)
}

/// Positions of labels that are in any order.
pub(super) struct Index {
    sorted: Vec<(f64, usize)>,
}

impl Index {
    pub(super) fn new(labels: &[f64]) -> Self {
        let mut sorted: Vec<(f64, usize)> = labels.iter().map(|label| label + 0.0).zip(0..).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { sorted }
    }

    pub(super) fn of(&self, label: f64) -> Option<usize> {
        let at = self.sorted.binary_search_by(|(known, _)| known.total_cmp(&(label + 0.0))).ok()?;
        Some(self.sorted[at].1)
    }
}

/// Class labels, true and predicted, with weights.
pub(super) fn check_classes(
    y_true: ArrayView1<'_, f64>,
    y_pred: ArrayView1<'_, f64>,
    sample_weight: Option<ArrayView1<'_, f64>>,
) -> Result<()> {
    check_pair(y_true, y_pred, "y_pred")?;
    check_labels("y_true", y_true)?;
    check_labels("y_pred", y_pred)?;
    check_weights(sample_weight, y_true.len())
}

/// At least one label, none of them twice.
pub(super) fn check_distinct(owner: &str, labels: &[f64]) -> Result<()> {
    if labels.is_empty() {
        return Err(Error::empty("labels is empty"));
    }
    if labels.iter().any(|label| label.is_nan()) || unique(labels).len() < labels.len() {
        return Err(Error::invalid(owner, "labels", join(labels), "labels that are named once"));
    }
    Ok(())
}

pub(super) fn join(labels: &[f64]) -> String {
    let labels: Vec<String> = labels.iter().map(f64::to_string).collect();
    labels.join(", ")
}

#[cfg(test)]
mod tests {
    use ndarray::{array, aview1};

    use super::*;

    #[test]
    fn shares_of_nothing_are_zero() {
        let matrix =
            ConfusionMatrix::new(aview1(&[0.0, 0.0, 2.0]), aview1(&[0.0, 1.0, 0.0]), None, Some(&[0.0, 1.0, 2.0]))
                .unwrap();
        assert_eq!(matrix.normalized(Normalize::True), array![[0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]);
        assert_eq!(matrix.normalized(Normalize::Pred), array![[0.5, 1.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]);
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let text = |y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>, labels: Option<&[f64]>| {
            let matrix = ConfusionMatrix::new(aview1(y_true), aview1(y_pred), weights.map(aview1), labels);
            matrix.unwrap_err().to_string()
        };
        assert_eq!(text(&[], &[], None, None), "y_true has no values");
        assert_eq!(text(&[0.0], &[0.0, 1.0], None, None), "y_pred has another length than y_true: 2, expected 1");
        assert_eq!(
            text(&[0.0, 1.0], &[0.0, 0.5], None, None),
            "y_pred, row 1: 0.5 is not a class label, which is a whole number"
        );
        assert_eq!(text(&[0.0], &[0.0], Some(&[f64::NAN]), None), "sample_weight, row 0: NaN is not a finite number");
        assert_eq!(text(&[0.0, 1.0], &[0.0, 1.0], Some(&[1.0, -1.0]), None), "the sample weights add up to 0");
        assert_eq!(text(&[0.0], &[0.0], None, Some(&[])), "labels is empty");
        assert_eq!(
            text(&[0.0], &[0.0], None, Some(&[1.0, 1.0])),
            "ConfusionMatrix: labels = 1, 1 is not allowed; it must be labels that are named once"
        );
        assert_eq!(
            text(&[0.0], &[0.0], None, Some(&[3.0])),
            "ConfusionMatrix: labels = 3 is not allowed; it must be labels of which at least one is in y_true"
        );
    }
}
