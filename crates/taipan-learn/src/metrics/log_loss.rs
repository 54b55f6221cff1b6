//! Log loss: how surprising the true classes are under the predicted probabilities.

use ndarray::{ArrayView1, ArrayView2};

use super::confusion::{check_distinct, join};
use super::targets::{average, check_labels, check_weights, finite, position, unique};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::input::check_finite_values;

/// Mean of −ln p, where p is the probability predicted for the true class, kept `f64::EPSILON` away from 0 and 1.
///
/// `y_proba` has one column per class, in ascending order, or for two classes the probability of the second alone.
/// `labels` names the classes when some are missing from `y_true`.
///
/// # Errors
/// `Empty`, `Shape`, `NonFinite`, `Malformed` as for the other metrics; `InvalidParam` when a probability is outside
/// 0 to 1, when there is only one class, or when `labels` lacks a class of `y_true`.
pub fn log_loss(
    y_true: ArrayView1<'_, f64>,
    y_proba: ArrayView2<'_, f64>,
    labels: Option<&[f64]>,
    sample_weight: Option<ArrayView1<'_, f64>>,
) -> Result<f64> {
    let (rows, columns) = y_proba.dim();
    if y_true.is_empty() {
        return Err(Error::empty("y_true has no values"));
    }
    if rows != y_true.len() {
        return Err(Error::shape("y_proba has another number of rows than y_true", rows, y_true.len()));
    }
    check_finite_values("y_true", y_true)?;
    check_labels("y_true", y_true)?;
    check_weights(sample_weight, rows)?;
    for ((row, column), &p) in y_proba.indexed_iter() {
        if p.is_nan() {
            let place = Place::Value { array: "y_proba", row, feature: Some(column), name: None };
            return Err(Error::new(ErrorKind::NonFinite { value: p.to_string() }).at(place));
        }
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::invalid("log_loss", "y_proba", p, "probabilities from 0 to 1"));
        }
    }
    let classes = match labels {
        None => unique(y_true),
        Some(labels) => {
            check_distinct("log_loss", labels)?;
            unique(labels)
        }
    };
    if classes.len() < 2 {
        let allowed = "at least two classes; name them when y_true has one only";
        return Err(Error::invalid("log_loss", "labels", join(&classes), allowed));
    }
    let expected = if columns == 1 { 2 } else { columns };
    if classes.len() != expected {
        return Err(Error::shape(
            "y_proba has another number of columns than there are classes",
            columns,
            classes.len(),
        ));
    }
    let surprise = |i: usize| {
        let class = position(&classes, y_true[i]).unwrap_or(0);
        let p = match (columns, class) {
            (1, 0) => 1.0 - y_proba[(i, 0)],
            (1, _) => y_proba[(i, 0)],
            _ => y_proba[(i, class)],
        };
        -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    };
    if let Some(label) = y_true.iter().find(|&&label| position(&classes, label).is_none()) {
        let allowed = format!("all classes of y_true, {label} among them");
        return Err(Error::invalid("log_loss", "labels", join(&classes), allowed));
    }
    finite("log_loss", average(rows, sample_weight, surprise))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, aview1};

    use super::*;

    #[test]
    fn what_has_no_loss_is_refused() {
        let text = |y_true: &[f64], columns: usize, p: &[f64], labels: Option<&[f64]>| {
            let p = Array2::from_shape_vec((p.len() / columns, columns), p.to_vec()).unwrap();
            log_loss(aview1(y_true), p.view(), labels, None).unwrap_err().to_string()
        };
        let prefix = "log_loss: labels =";
        assert_eq!(text(&[0.0, 1.0], 1, &[0.5], None), "y_proba has another number of rows than y_true: 1, expected 2");
        assert_eq!(
            text(&[0.0, 1.0], 1, &[0.5, 1.5], None),
            "log_loss: y_proba = 1.5 is not allowed; it must be probabilities from 0 to 1"
        );
        assert_eq!(text(&[0.0], 1, &[f64::NAN], None), "y_proba, row 0, feature 0: NaN is not a finite number");
        assert_eq!(
            text(&[0.0, 0.0], 1, &[0.5, 0.5], None),
            format!("{prefix} 0 is not allowed; it must be at least two classes; name them when y_true has one only")
        );
        assert_eq!(
            text(&[0.0, 2.0], 2, &[0.5, 0.5, 0.5, 0.5], Some(&[0.0, 1.0])),
            format!("{prefix} 0, 1 is not allowed; it must be all classes of y_true, 2 among them")
        );
        assert_eq!(
            text(&[0.0, 1.0], 3, &[0.2, 0.2, 0.6, 0.2, 0.2, 0.6], None),
            "y_proba has another number of columns than there are classes: 3, expected 2"
        );
    }
}
