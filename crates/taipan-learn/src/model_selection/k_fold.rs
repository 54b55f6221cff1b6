//! K-fold cross-validation: each row is tested with once.

use super::Split;
use crate::error::{Error, Result};
use crate::random::RandomState;

/// Splits rows into `n_splits` folds of nearly equal size, and tests with each in turn. The folds are consecutive rows
/// unless [shuffled](Self::shuffle).
///
/// ```
/// use taipan_learn::model_selection::KFold;
///
/// let splits = KFold::new(2).split(5)?;
/// assert_eq!(splits[0].test, [0, 1, 2]);
/// assert_eq!(splits[0].train, [3, 4]);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KFold {
    n_splits: usize,
    order: Order,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Order {
    Consecutive,
    Shuffled { random_state: Option<u32> },
}

impl Default for KFold {
    fn default() -> Self {
        Self::new(5)
    }
}

impl KFold {
    /// `n_splits` folds of consecutive rows.
    pub fn new(n_splits: usize) -> Self {
        Self { n_splits, order: Order::Consecutive }
    }

    /// Deals the rows to the folds at random: `KFold(shuffle=True, random_state=seed)` in scikit-learn.
    #[must_use]
    pub fn shuffle(mut self, random_state: Option<u32>) -> Self {
        self.order = Order::Shuffled { random_state };
        self
    }

    /// Number of folds.
    pub fn n_splits(&self) -> usize {
        self.n_splits
    }

    /// The splits of `n` rows, one per fold, each side in ascending order. The first `n` mod `n_splits` folds have one
    /// row more than the others.
    ///
    /// # Errors
    /// `InvalidParam` when there are fewer than two folds or more folds than rows.
    pub fn split(&self, n: usize) -> Result<Vec<Split>> {
        if self.n_splits < 2 || self.n_splits > n {
            let allowed = format!("at least 2 and at most the number of rows, {n}");
            return Err(Error::invalid("KFold", "n_splits", self.n_splits, allowed));
        }
        let order = match self.order {
            Order::Consecutive => (0..n).collect(),
            Order::Shuffled { random_state } => RandomState::from_seed(random_state).permutation(n),
        };
        let mut fold_of = vec![0; n];
        let mut rows = order.into_iter();
        for fold in 0..self.n_splits {
            let size = n / self.n_splits + usize::from(fold < n % self.n_splits);
            for row in rows.by_ref().take(size) {
                fold_of[row] = fold;
            }
        }
        Ok((0..self.n_splits)
            .map(|fold| {
                let (test, train) = (0..n).partition(|&row| fold_of[row] == fold);
                Split { train, test }
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_out_of_range_are_refused() {
        for (n_splits, n) in [(0, 10), (1, 10), (11, 10), (2, 0)] {
            assert_eq!(
                KFold::new(n_splits).split(n).unwrap_err().to_string(),
                format!(
                    "KFold: n_splits = {n_splits} is not allowed; it must be at least 2 and at most the number of rows, {n}"
                )
            );
        }
    }
}
