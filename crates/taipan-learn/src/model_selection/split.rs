//! One random split into training and test rows.

use crate::error::{Error, Result};
use crate::random::RandomState;

/// How many rows to test with. The default is a quarter of them, as in scikit-learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TestSize {
    /// A share of the rows, above 0 and below 1; the number of rows is rounded up.
    Fraction(f64),
    /// A number of rows.
    Count(usize),
}

/// Row indices to train on and to test with, in the order in which the rows are to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to fit.
    pub train: Vec<usize>,
    /// Rows to score.
    pub test: Vec<usize>,
}

impl Default for TestSize {
    fn default() -> Self {
        Self::Fraction(0.25)
    }
}

/// Splits `n` rows at random into training and test rows. The same seed gives the same rows in the same order as
/// scikit-learn's function of that name; without a seed every call differs.
///
/// ```
/// use taipan_learn::model_selection::{TestSize, train_test_split};
///
/// let split = train_test_split(5, TestSize::Fraction(0.2), Some(42))?;
/// assert_eq!(split.test, [1]);
/// assert_eq!(split.train, [4, 2, 0, 3]);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
///
/// # Errors
/// `InvalidParam` when the size is out of range or leaves nothing to train on.
pub fn train_test_split(n: usize, test_size: TestSize, random_state: Option<u32>) -> Result<Split> {
    let n_test = test_rows(n, test_size)?;
    let mut test = RandomState::from_seed(random_state).permutation(n);
    let train = test.split_off(n_test);
    Ok(Split { train, test })
}

fn test_rows(n: usize, test_size: TestSize) -> Result<usize> {
    let refuse = |value: String, allowed: String| Err(Error::invalid("train_test_split", "test_size", value, allowed));
    match test_size {
        TestSize::Fraction(share) => {
            if !(share > 0.0 && share < 1.0) {
                return refuse(share.to_string(), "a fraction above 0 and below 1".to_owned());
            }
            let n_test = (share * n as f64).ceil() as usize;
            if n_test >= n {
                let allowed = format!("a fraction that leaves at least one of {n} rows to train on");
                return refuse(share.to_string(), allowed);
            }
            Ok(n_test)
        }
        TestSize::Count(count) => {
            if count == 0 || count >= n {
                let allowed = format!("a count of at least 1 and below the number of rows, {n}");
                return refuse(count.to_string(), allowed);
            }
            Ok(count)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_out_of_range_are_refused() {
        let text = |n, size| train_test_split(n, size, Some(0)).unwrap_err().to_string();
        let prefix = "train_test_split: test_size = ";
        for (n, size, rest) in [
            (5, TestSize::Fraction(0.0), "0 is not allowed; it must be a fraction above 0 and below 1"),
            (5, TestSize::Fraction(1.0), "1 is not allowed; it must be a fraction above 0 and below 1"),
            (5, TestSize::Fraction(f64::NAN), "NaN is not allowed; it must be a fraction above 0 and below 1"),
            (
                1,
                TestSize::Fraction(0.2),
                "0.2 is not allowed; it must be a fraction that leaves at least one of 1 rows to train on",
            ),
            (
                0,
                TestSize::Fraction(0.2),
                "0.2 is not allowed; it must be a fraction that leaves at least one of 0 rows to train on",
            ),
            (
                5,
                TestSize::Count(5),
                "5 is not allowed; it must be a count of at least 1 and below the number of rows, 5",
            ),
            (
                5,
                TestSize::Count(0),
                "0 is not allowed; it must be a count of at least 1 and below the number of rows, 5",
            ),
        ] {
            assert_eq!(text(n, size), format!("{prefix}{rest}"));
        }
    }

    #[test]
    fn without_a_seed_every_row_is_still_used_once() {
        let split = train_test_split(20, TestSize::default(), None).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (15, 5));
        let mut all = [split.train, split.test].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..20));
    }
}
