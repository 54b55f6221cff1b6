//! Class labels: which there are, and the number of each row's.

use ndarray::ArrayView1;

use crate::error::{Error, ErrorKind, Place, Result};

/// The classes of a target and where each row belongs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Classes {
    /// Labels in ascending order, each once.
    pub(crate) labels: Vec<f64>,
    /// For each row the index of its label.
    pub(crate) codes: Vec<usize>,
}

impl Classes {
    /// Reads class labels, which must be whole numbers. The numbers of `y` are known to be finite.
    pub(crate) fn of(y: ArrayView1<'_, f64>) -> Result<Self> {
        if let Some(row) = y.iter().position(|label| label.fract() != 0.0) {
            let place = Place::Value { array: "y", row, feature: None, name: None };
            return Err(Error::new(ErrorKind::NotALabel { value: y[row].to_string() }).at(place));
        }
        let labels = distinct(y.iter().copied());
        let codes = y.iter().map(|label| labels.partition_point(|known| known < label)).collect();
        Ok(Self { labels, codes })
    }

    /// Number of rows of each class.
    pub(crate) fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.labels.len()];
        for &code in &self.codes {
            counts[code] += 1;
        }
        counts
    }
}

/// The different values in ascending order; 0 and −0 are one value.
pub(crate) fn distinct(values: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    /// Up to so many, inserting beats sorting all values.
    const FEW: usize = 256;
    let mut distinct: Vec<f64> = Vec::new();
    for value in values.clone() {
        let at = distinct.partition_point(|known| *known < value);
        if distinct.get(at) != Some(&value) {
            distinct.insert(at, value + 0.0);
        }
        if distinct.len() > FEW {
            let mut sorted: Vec<f64> = values.map(|value| value + 0.0).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            sorted.dedup();
            return sorted;
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn labels_are_sorted_and_rows_point_to_them() {
        let classes = Classes::of(array![3.0, -1.0, 0.0, -0.0, 3.0].view()).unwrap();
        assert_eq!(classes.labels, [-1.0, 0.0, 3.0]);
        assert!(classes.labels[1].is_sign_positive());
        assert_eq!(classes.codes, [2, 0, 1, 1, 2]);
        assert_eq!(classes.counts(), [1, 2, 2]);
    }

    #[test]
    fn many_labels_are_sorted_too() {
        let labels = (0..1000).map(|i| f64::from(i * 7919 % 1000 / 2));
        assert!(distinct(labels).into_iter().eq((0..500).map(f64::from)));
    }

    #[test]
    fn a_fraction_is_no_label() {
        assert_eq!(
            Classes::of(array![1.0, 1.5].view()).unwrap_err().to_string(),
            "y, row 1: 1.5 is not a class label; a classifier needs whole numbers, a regressor takes any"
        );
    }
}
