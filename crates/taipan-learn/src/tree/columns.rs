//! The features as a tree reads them: 32-bit floats, one column after the other.

use std::sync::OnceLock;

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::error::{Error, ErrorKind, Place, Result};

use super::ranks::Ranks;

/// A matrix of `f32` in column order, with a note of the columns that have missing values (NaN).
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    n_rows: usize,
    /// Nothing after [`drop_values`](Columns::drop_values).
    values: OnceLock<Vec<f32>>,
    has_missing: Vec<bool>,
}

/// Whether NaN is a missing value or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Allowed,
    Refused,
}

impl Columns {
    /// Rounds to `f32`.
    ///
    /// # Errors
    /// `NonFinite` for an infinity, and for NaN unless missing values are allowed; `Overflow` for a number that is too
    /// large for `f32`.
    pub(crate) fn new(x: ArrayView2<'_, f64>, missing: Missing) -> Result<Self> {
        let n_rows = x.nrows();
        let mut values = vec![0.0_f32; n_rows * x.ncols()];
        let fill = |target: &mut [f32], feature: usize| {
            for (slot, value) in target.iter_mut().zip(x.column(feature)) {
                *slot = *value as f32;
            }
        };
        if n_rows > 0 {
            values.par_chunks_mut(n_rows).enumerate().for_each(|(feature, target)| fill(target, feature));
        }
        let columns = Self { n_rows, has_missing: vec![false; x.ncols()], values: values.into() };
        columns.checked(x, missing)
    }

    fn checked(mut self, x: ArrayView2<'_, f64>, missing: Missing) -> Result<Self> {
        let refused = |value: f32| value.is_infinite() || (value.is_nan() && missing == Missing::Refused);
        let first = (0..self.n_features())
            .into_par_iter()
            .filter_map(|feature| Some((self.column(feature).iter().position(|&value| refused(value))?, feature)))
            .min();
        if let Some((row, feature)) = first {
            return Err(not_finite(x[(row, feature)], row, feature));
        }
        if missing == Missing::Allowed {
            self.has_missing =
                (0..self.n_features()).into_par_iter().map(|f| self.column(f).iter().any(|v| v.is_nan())).collect();
        }
        Ok(self)
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(crate) fn n_features(&self) -> usize {
        self.has_missing.len()
    }

    /// The values of a feature. They must not have been dropped.
    pub(crate) fn column(&self, feature: usize) -> &[f32] {
        let values = self.values.get().map_or(&[][..], |values| values);
        &values[feature * self.n_rows..(feature + 1) * self.n_rows]
    }

    /// Makes room where ranks say the same.
    pub(crate) fn drop_values(&mut self) {
        self.values.take();
    }

    /// The same columns, with their values again if they were dropped: equal ones, whatever the sign of a zero.
    pub(crate) fn restored(&self, ranks: &Ranks) -> &Self {
        self.values.get_or_init(|| {
            let column =
                |feature| ranks.column(feature).iter().map(move |&rank| ranks.distinct(feature)[rank as usize]);
            (0..ranks.n_features()).flat_map(column).collect()
        });
        self
    }

    /// Whether the column has a missing value in any row.
    pub(crate) fn has_missing(&self, feature: usize) -> bool {
        self.has_missing[feature]
    }

    /// Whether any column has.
    pub(crate) fn any_missing(&self) -> bool {
        self.has_missing.contains(&true)
    }

    /// The given rows, in the given order.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        let n_features = self.n_features();
        let values: Vec<f32> =
            (0..n_features).flat_map(|feature| rows.iter().map(move |&row| self.column(feature)[row])).collect();
        let mut selected = Self { n_rows: rows.len(), values: values.into(), has_missing: vec![false; n_features] };
        selected.has_missing = (0..n_features).map(|f| selected.column(f).iter().any(|v| v.is_nan())).collect();
        selected
    }
}

/// The error for a value that is NaN, infinite, or too large for 32 bits.
pub(crate) fn not_finite(value: f64, row: usize, feature: usize) -> Error {
    let kind = if value.is_finite() {
        ErrorKind::Overflow { what: format!("{value:e} as a 32-bit number") }
    } else {
        ErrorKind::NonFinite { value: value.to_string() }
    };
    Error::new(kind).at(Place::Value { array: "X", row, feature: Some(feature), name: None })
}
