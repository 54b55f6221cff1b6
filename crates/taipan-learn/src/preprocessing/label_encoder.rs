//! Labels as numbers.

use std::cmp::Ordering;
use std::fmt;

use crate::error::{Error, ErrorKind, Place, Result};

/// Numbers the labels of a target from 0, in ascending order. Labels may be texts or numbers. Parity with scikit-learn:
/// exact.
///
/// ```
/// use taipan_learn::LabelEncoder;
///
/// let labels = LabelEncoder::fit(&["paris", "tokyo", "paris", "amsterdam"])?;
/// assert_eq!(labels.classes(), ["amsterdam", "paris", "tokyo"]);
/// assert_eq!(labels.transform(&["tokyo", "paris"])?, [2, 1]);
/// assert_eq!(labels.inverse_transform(&[0])?, ["amsterdam"]);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LabelEncoder;

/// Something that can be a label.
pub trait Label: Clone + fmt::Display {
    /// Which comes first.
    fn order(&self, other: &Self) -> Ordering;
}

impl Label for f64 {
    fn order(&self, other: &Self) -> Ordering {
        // 0 and −0 are one label.
        (self + 0.0).total_cmp(&(other + 0.0))
    }
}

macro_rules! ordered {
    ($($type:ty),+) => {
        $(impl Label for $type {
            fn order(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }
        })+
    };
}

ordered!(&str, String, i64, u32, bool);

impl LabelEncoder {
    /// Finds the different labels.
    ///
    /// # Errors
    /// `Empty` when there are no labels.
    pub fn fit<L: Label>(labels: &[L]) -> Result<LabelMap<L>> {
        if labels.is_empty() {
            return Err(Error::empty("y has no values"));
        }
        let mut classes = labels.to_vec();
        classes.sort_by(Label::order);
        classes.dedup_by(|a, b| a.order(b).is_eq());
        Ok(LabelMap { classes })
    }
}

/// A fitted [`LabelEncoder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMap<L> {
    classes: Vec<L>,
}

impl<L: Label> LabelMap<L> {
    /// The different labels, in ascending order.
    pub fn classes(&self) -> &[L] {
        &self.classes
    }

    /// The number of each label.
    ///
    /// # Errors
    /// `UnknownCategory` for one that the training data did not have.
    pub fn transform(&self, labels: &[L]) -> Result<Vec<usize>> {
        let number = |(row, label): (usize, &L)| {
            self.classes.binary_search_by(|class| class.order(label)).map_err(|_| {
                let place = Place::Value { array: "y", row, feature: None, name: None };
                Error::new(ErrorKind::UnknownCategory { value: label.to_string() }).at(place)
            })
        };
        labels.iter().enumerate().map(number).collect()
    }

    /// The label of each number.
    ///
    /// # Errors
    /// `InvalidParam` for a number that no label has.
    pub fn inverse_transform(&self, numbers: &[usize]) -> Result<Vec<L>> {
        let label = |number: &usize| {
            self.classes.get(*number).cloned().ok_or_else(|| {
                let allowed = format!("below the number of classes, {}", self.classes.len());
                Error::invalid("LabelEncoder", "y", number, allowed)
            })
        };
        numbers.iter().map(label).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_labels_too() {
        let labels = LabelEncoder::fit(&[2.0, -1.0, 0.0, -0.0]).unwrap();
        assert_eq!(labels.classes(), [-1.0, 0.0, 2.0]);
        assert_eq!(labels.transform(&[-0.0, 2.0]).unwrap(), [1, 2]);
        assert_eq!(
            labels.transform(&[0.0, 7.0]).unwrap_err().to_string(),
            "y, row 1: 7 was not among the categories of the training data"
        );
        assert_eq!(
            labels.inverse_transform(&[3]).unwrap_err().to_string(),
            "LabelEncoder: y = 3 is not allowed; it must be below the number of classes, 3"
        );
    }
}
