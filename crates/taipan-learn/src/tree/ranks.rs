//! The features as dense ranks: whole numbers from 0 in the order of the values, equal values alike.
//!
//! Computed once and read by every tree: ranks fit into sort keys together with a class and a count, and comparing them
//! is comparing values.

use rayon::prelude::*;

use super::columns::Columns;
use super::replay::FLAG;
use super::split::SAME;

/// Ranks of each column and the values they stand for. There are no missing values.
#[derive(Debug)]
pub(crate) struct Ranks {
    n_rows: usize,
    of_rows: Vec<u32>,
    distinct: Vec<Vec<f32>>,
    order: Vec<Vec<u32>>,
}

/// Whether the order of the rows is kept beside their ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Kept,
    Dropped,
}

impl Ranks {
    /// Nothing when a value is missing.
    pub(crate) fn of(columns: &Columns, order: Order) -> Option<Self> {
        if columns.any_missing() {
            return None;
        }
        let n_rows = columns.n_rows();
        let mut ranks = vec![0; n_rows * columns.n_features()];
        let (distinct, order) = ranks
            .par_chunks_mut(n_rows.max(1))
            .enumerate()
            .map(|(feature, ranks)| rank(columns.column(feature), ranks, order))
            .unzip();
        Some(Self { n_rows, of_rows: ranks, distinct, order })
    }

    /// The rows in the order of their values, with [`FLAG`] where a value counts as equal to the one before; if it was
    /// kept.
    pub(crate) fn order(&self, feature: usize) -> &[u32] {
        &self.order[feature]
    }

    /// Whether the order was kept.
    pub(crate) fn has_order(&self) -> bool {
        self.order.iter().all(|order| order.len() == self.n_rows)
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(crate) fn n_features(&self) -> usize {
        self.distinct.len()
    }

    /// The rank of each row.
    pub(crate) fn column(&self, feature: usize) -> &[u32] {
        &self.of_rows[feature * self.n_rows..(feature + 1) * self.n_rows]
    }

    /// The value of each rank.
    pub(crate) fn distinct(&self, feature: usize) -> &[f32] {
        &self.distinct[feature]
    }

    /// Bits that the greatest rank of any column needs.
    pub(crate) fn bits(&self) -> u32 {
        let most = self.distinct.iter().map(Vec::len).max().unwrap_or(0);
        usize::BITS - most.saturating_sub(1).leading_zeros()
    }
}

/// Writes the ranks of a column; gives the distinct values, and the order of the rows.
fn rank(column: &[f32], ranks: &mut [u32], order: Order) -> (Vec<f32>, Vec<u32>) {
    let mut keys: Vec<u64> =
        column.iter().zip(0_u64..).map(|(&value, row)| u64::from(ordered(value)) << 32 | row).collect();
    keys.sort_unstable();
    let mut distinct: Vec<f32> = Vec::new();
    let mut rows = Vec::with_capacity(if order == Order::Kept { keys.len() } else { 0 });
    for key in keys {
        let row = key as u32;
        let value = column[row as usize] + 0.0;
        let before = distinct.last().copied();
        if before != Some(value) {
            distinct.push(value);
        }
        if order == Order::Kept {
            let close = before.is_some_and(|before| value <= before + SAME);
            rows.push(row | if close { FLAG } else { 0 });
        }
        ranks[row as usize] = distinct.len() as u32 - 1;
    }
    distinct.shrink_to_fit();
    (distinct, rows)
}

/// A whole number that orders as the float does; both zeros are one.
fn ordered(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::columns::Missing;
    use super::*;

    #[test]
    fn equal_values_have_equal_ranks() {
        let x = array![[0.0, 5.0], [-0.0, -1e30], [-2.5, 5.0], [1e-40, 0.0]];
        let columns = Columns::new(x.view(), Missing::Allowed).unwrap();
        let ranks = Ranks::of(&columns, Order::Kept).unwrap();
        assert_eq!(ranks.column(0), [1, 1, 0, 2]);
        assert_eq!(ranks.column(1), [2, 0, 2, 1]);
        assert_eq!(ranks.distinct(1), [-1e30, 0.0, 5.0]);
        assert_eq!(ranks.order(0), [2, 0, 1 | FLAG, 3 | FLAG]);
        assert_eq!(ranks.bits(), 2);
        let missing = Columns::new(array![[f64::NAN]].view(), Missing::Allowed).unwrap();
        assert!(Ranks::of(&missing, Order::Dropped).is_none());
    }
}
