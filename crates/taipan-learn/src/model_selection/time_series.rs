//! Splits of rows in the order of time: what was learnt from the past is tested with the future.

use super::splitter::splitter_type;
use super::{Rows, Split, Splits};
use crate::error::{Error, Result};
use crate::param::Range;

splitter_type! {
    /// Tests with `n_splits` consecutive blocks at the end, each time training on what lies before.
    pub struct TimeSeriesSplit {
        /// Number of splits.
        n_splits: usize = 5_usize, Range::integer_from(2);
        /// Most rows to train on, the last before the test; all when None.
        max_train_size: Option<usize> = None, Range::integer_from(1).or_none();
        /// Rows to test with; when None, the rows divided by n_splits + 1.
        test_size: Option<usize> = None, Range::integer_from(1).or_none();
        /// Rows left out between training and test.
        gap: usize = 0_usize, Range::integer_from(0);
    }
}

impl TimeSeriesSplit {
    /// So many splits.
    pub fn new(n_splits: usize) -> Self {
        Self::default().n_splits(n_splits)
    }

    fn split_rows(&self, rows: &Rows<'_>) -> Result<Splits> {
        let n = rows.n;
        if self.n_splits >= n {
            let allowed = format!("below the number of rows, {n}");
            return Err(Error::invalid("TimeSeriesSplit", "n_splits", self.n_splits, allowed));
        }
        let test_size = self.test_size.unwrap_or(n / (self.n_splits + 1));
        let needed = test_size.saturating_mul(self.n_splits).saturating_add(self.gap);
        if needed >= n {
            let what =
                format!("TimeSeriesSplit: {} tests of {test_size} rows and a gap of {}", self.n_splits, self.gap);
            return Err(Error::too_few(format!("{what} leave none of {n} rows to train on")));
        }
        let split = |k: usize| {
            let start = n - (self.n_splits - k) * test_size;
            let end = start - self.gap;
            let first = self.max_train_size.map_or(0, |most| end.saturating_sub(most));
            Split { train: (first..end).collect(), test: (start..start + test_size).collect() }
        };
        Ok((0..self.n_splits).map(split).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Splitter;
    use super::*;

    #[test]
    fn the_past_comes_before_the_future() {
        let cv = TimeSeriesSplit::new(2).test_size(2).gap(1).max_train_size(3);
        let splits: Vec<Split> = cv.split(&Rows::new(9)).unwrap().iter().collect();
        assert_eq!(splits[0], Split { train: vec![1, 2, 3], test: vec![5, 6] });
        assert_eq!(splits[1], Split { train: vec![3, 4, 5], test: vec![7, 8] });
    }

    #[test]
    fn too_few_rows_are_refused() {
        let text = |cv: TimeSeriesSplit, n| cv.split(&Rows::new(n)).unwrap_err().to_string();
        assert_eq!(
            text(TimeSeriesSplit::new(5), 5),
            "TimeSeriesSplit: n_splits = 5 is not allowed; it must be below the number of rows, 5"
        );
        assert_eq!(
            text(TimeSeriesSplit::new(2).test_size(4).gap(2), 10),
            "TimeSeriesSplit: 2 tests of 4 rows and a gap of 2 leave none of 10 rows to train on"
        );
    }
}
