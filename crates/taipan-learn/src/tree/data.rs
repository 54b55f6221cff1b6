//! What trees and forests make of their training data before the first split.

use ndarray::ArrayView2;

use crate::classes::Classes;
use crate::error::{Error, Result};
use crate::estimator::Training;
use crate::input::{Nan, check_outputs};
use crate::param::{ClassWeight, ParamType};
use crate::sum::pairwise_sum;

use super::columns::{Columns, Missing};
use super::grow::Measure;
use super::params::Shape;
use super::ranks::{Order, Ranks};
use super::split::Splitter;

/// Features, encoded targets and weights.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) columns: Columns,
    /// What the fast paths read; see [`rank`](Self::rank).
    pub(crate) ranks: Option<Ranks>,
    /// Row by row; class numbers or real values.
    pub(crate) y: Vec<f64>,
    /// Labels of each output; empty for regression.
    pub(crate) classes: Vec<Vec<f64>>,
    /// Per output; 1 for a number.
    pub(crate) n_classes: Vec<usize>,
    pub(crate) weights: Option<Vec<f64>>,
}

/// What balanced class weights count.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Basis<'a> {
    /// Each row once.
    Rows,
    /// Each row with its weight.
    Weights(&'a [f64]),
    /// Each row as often as a bootstrap sample has it; classes that are not in the sample do not count.
    Sample(&'a [f64]),
}

/// Whether targets are class labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Labels,
    Numbers,
}

impl Prepared {
    /// Checks and converts training data.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`](crate::Estimator::fit_on).
    pub(crate) fn new(data: &Training<'_>, target: Target, missing: Missing) -> Result<Self> {
        let nan = if missing == Missing::Allowed { Nan::Missing } else { Nan::Refused };
        let outputs = check_outputs(data, nan)?;
        let columns = Columns::new(data.x, missing)?;
        let n_outputs = outputs.ncols();
        let mut classes = Vec::new();
        let (y, n_classes) = match target {
            Target::Numbers => (outputs.iter().copied().collect(), vec![1; n_outputs]),
            Target::Labels => {
                let mut y = vec![0.0; outputs.len()];
                for (k, column) in outputs.columns().into_iter().enumerate() {
                    let found = Classes::of(column)?;
                    for (slot, code) in y[k..].iter_mut().step_by(n_outputs).zip(found.codes) {
                        *slot = code as f64;
                    }
                    classes.push(found.labels);
                }
                let n_classes = classes.iter().map(Vec::len).collect();
                (y, n_classes)
            }
        };
        let weights = data.sample_weight.map(|weights| weights.to_vec());
        if let Some(weights) = &weights {
            if let Some(&negative) = weights.iter().find(|weight| **weight < 0.0) {
                return Err(Error::invalid("fit", "sample_weight", negative, "numbers of at least 0"));
            }
            if weights.iter().all(|weight| *weight == 0.0) {
                return Err(Error::invalid("fit", "sample_weight", "0 for every row", "above 0 for some row"));
            }
        }
        Ok(Self { columns, ranks: None, y, classes, n_classes, weights })
    }

    /// Computes ranks, where a tree of this shape reads them. With `whole_weights`, or none, they stand for the columns too
    /// as a rule, whose values then make room.
    pub(crate) fn rank(&mut self, shape: &Shape, whole_weights: bool) {
        if self.n_outputs() != 1 || shape.splitter != Splitter::Best {
            return;
        }
        self.ranks = match shape.measure {
            Measure::Gini | Measure::Entropy => Ranks::of(&self.columns, Order::Dropped),
            Measure::SquaredError => Ranks::of(&self.columns, Order::Kept),
            Measure::AbsoluteError | Measure::Poisson => None,
        };
        if whole_weights && self.ranks.is_some() && shape.monotonic_cst.is_none() {
            self.columns.drop_values();
        }
    }

    pub(crate) fn n_outputs(&self) -> usize {
        self.n_classes.len()
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.columns.n_rows()
    }

    /// Multiplies the weights of the rows by those of their classes.
    pub(crate) fn weigh(&mut self, by_class: Option<Vec<f64>>) {
        self.weights = match (self.weights.take(), by_class) {
            (weights, None) => weights,
            (None, by_class) => by_class,
            (Some(weights), Some(by_class)) => Some(weights.iter().zip(&by_class).map(|(a, b)| a * b).collect()),
        };
    }

    /// The weight of each row from that of its classes.
    ///
    /// # Errors
    /// `InvalidParam` when weights are given for classes that do not exist, or for one of several outputs.
    pub(crate) fn class_weights(&self, owner: &str, class_weight: &ClassWeight, basis: Basis<'_>) -> Result<Vec<f64>> {
        let mut product = vec![1.0; self.n_rows()];
        for k in 0..self.n_outputs() {
            let of_classes = match class_weight {
                ClassWeight::PerClass(weights) => self.given(owner, class_weight, weights)?,
                ClassWeight::Balanced | ClassWeight::BalancedSubsample => self.balanced(k, basis),
            };
            for (product, &code) in product.iter_mut().zip(self.y[k..].iter().step_by(self.n_outputs())) {
                *product *= of_classes[code as usize];
            }
        }
        Ok(product)
    }

    /// Weights that give each class the same total; 0 for a class without rows.
    fn balanced(&self, output: usize, basis: Basis<'_>) -> Vec<f64> {
        let mut counts = vec![0.0; self.n_classes[output]];
        for (row, &code) in self.y[output..].iter().step_by(self.n_outputs()).enumerate() {
            counts[code as usize] += match basis {
                Basis::Rows => 1.0,
                Basis::Weights(weights) | Basis::Sample(weights) => weights[row],
            };
        }
        let n_present = match basis {
            Basis::Rows | Basis::Weights(_) => counts.len(),
            Basis::Sample(_) => counts.iter().filter(|&&count| count > 0.0).count(),
        };
        let total = pairwise_sum(counts.len(), |i| counts[i]);
        counts.iter().map(|&count| if count > 0.0 { total / (n_present as f64 * count) } else { 0.0 }).collect()
    }

    fn given(&self, owner: &str, class_weight: &ClassWeight, weights: &[(f64, f64)]) -> Result<Vec<f64>> {
        let refused = |allowed| Err(Error::invalid(owner, "class_weight", class_weight.to_value(), allowed));
        let [labels] = self.classes.as_slice() else {
            return refused("balanced or None when there are several outputs");
        };
        let weight_of = |label: &f64| weights.iter().find(|(class, _)| class == label).map(|&(_, weight)| weight);
        let found: Vec<Option<f64>> = labels.iter().map(weight_of).collect();
        let n_found = found.iter().flatten().count();
        if n_found < found.len() && n_found != weights.len() {
            return refused("a map whose keys are classes of y");
        }
        Ok(found.into_iter().map(|weight| weight.unwrap_or(1.0)).collect())
    }
}

/// The number of values of a row's output that predictions have room for: the classes of the output with most, or 1.
pub(crate) fn n_values(n_classes: &[usize]) -> usize {
    n_classes.iter().copied().max().unwrap_or(1)
}

/// Rows of `x` as 32-bit floats, row by row.
///
/// # Errors
/// `Overflow` for a number that is too large for `f32`.
pub(crate) fn rows(x: ArrayView2<'_, f64>, first_row: usize) -> Result<Vec<f32>> {
    let rounded = |&value: &f64| value as f32;
    let rows: Vec<f32> =
        x.as_slice().map_or_else(|| x.iter().map(rounded).collect(), |x| x.iter().map(rounded).collect());
    // Many at a time, and one by one only where it must be told which it is.
    let any_infinite = |values: &[f32]| values.iter().fold(false, |any, value| any | value.is_infinite());
    let first = rows.chunks(256).any(any_infinite).then(|| rows.iter().position(|value| value.is_infinite()));
    match first.flatten() {
        None => Ok(rows),
        Some(at) => {
            let (row, feature) = (at / x.ncols(), at % x.ncols());
            Err(super::columns::not_finite(x[(row, feature)], first_row + row, feature))
        }
    }
}
