//! One random split into training and test rows.

use ndarray::ArrayView1;

use super::shuffled::{Sizes, shuffled_split, stratified_split};
use super::{Rows, StratifiedShuffleSplit};
use crate::error::{Error, Result};
use crate::param::{IntoParam, ParamType, ParamValue, Range};
use crate::random::RandomState;

/// How many rows to test with, or to train on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SplitSize {
    /// A share of the rows, above 0 and below 1; the number of rows is rounded up for a test, down for training.
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

/// How many rows to test with; the name that [`train_test_split`] knows it by.
pub type TestSize = SplitSize;

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
    TrainTestSplit::new().test_size(test_size).random_state(random_state).split(n)
}

/// The same with all of its options.
///
/// ```
/// use ndarray::array;
/// use taipan_learn::model_selection::TrainTestSplit;
///
/// let y = array![0.0, 0.0, 0.0, 0.0, 1.0, 1.0];
/// let split = TrainTestSplit::new().test_size(0.5).stratify(y.view()).random_state(0).split(6)?;
/// assert_eq!(split.test.iter().filter(|&&row| y[row] == 1.0).count(), 1);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TrainTestSplit<'a> {
    test_size: Option<SplitSize>,
    train_size: Option<SplitSize>,
    random_state: Option<u32>,
    shuffle: bool,
    stratify: Option<ArrayView1<'a, f64>>,
}

impl Default for TrainTestSplit<'_> {
    fn default() -> Self {
        Self { test_size: None, train_size: None, random_state: None, shuffle: true, stratify: None }
    }
}

impl<'a> TrainTestSplit<'a> {
    /// A quarter of the rows for testing, drawn at random.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows to test with: a number, or a share with a decimal point. The rest by default.
    #[must_use]
    pub fn test_size(mut self, size: impl IntoParam<Option<SplitSize>>) -> Self {
        self.test_size = size.into_param();
        self
    }

    /// How many rows to train on. The rest by default.
    #[must_use]
    pub fn train_size(mut self, size: impl IntoParam<Option<SplitSize>>) -> Self {
        self.train_size = size.into_param();
        self
    }

    /// The seed; without one every split differs.
    #[must_use]
    pub fn random_state(mut self, seed: impl IntoParam<Option<u32>>) -> Self {
        self.random_state = seed.into_param();
        self
    }

    /// Whether to draw at random; else the first rows are for training and those after them for testing.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Keeps the share of each class, given the class of each row.
    #[must_use]
    pub fn stratify(mut self, y: ArrayView1<'a, f64>) -> Self {
        self.stratify = Some(y);
        self
    }

    /// The training and the test rows among `n`.
    ///
    /// # Errors
    /// `InvalidParam` when a size is out of range or leaves nothing to train on, and when rows are to be stratified but
    /// not shuffled; `TooFew` when a class has fewer than two rows.
    pub fn split(&self, n: usize) -> Result<Split> {
        const OWNER: &str = "train_test_split";
        let sizes = Sizes::of(OWNER, n, self.test_size, self.train_size, 0.25)?;
        match self.stratify {
            None if self.shuffle => Ok(shuffled_split(n, sizes, &mut RandomState::from_seed(self.random_state))),
            None => {
                let train = (0..sizes.train).collect();
                Ok(Split { train, test: (sizes.train..sizes.train + sizes.test).collect() })
            }
            Some(_) if !self.shuffle => {
                Err(Error::invalid(OWNER, "shuffle", false, "true when the rows are stratified"))
            }
            Some(y) => {
                let classes = StratifiedShuffleSplit::classes(OWNER, &Rows::new(n).y(y), sizes)?;
                Ok(stratified_split(&classes, sizes, &mut RandomState::from_seed(self.random_state)))
            }
        }
    }
}

impl SplitSize {
    const EITHER: &'static [Range] =
        &[Range::integer_from(1), Range::between(0.0, 1.0).min_excluded().max_excluded().fraction()];
    /// The values of such a parameter.
    pub const RANGE: Range = Range::any_of(Self::EITHER).or_none();
}

impl ParamType for SplitSize {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Integer(_) => usize::from_value(value).map(Self::Count),
            ParamValue::Real(share) => Some(Self::Fraction(*share)),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        match self {
            Self::Fraction(share) => ParamValue::Real(*share),
            Self::Count(count) => count.to_value(),
        }
    }
}

impl IntoParam<Option<SplitSize>> for f64 {
    fn into_param(self) -> Option<SplitSize> {
        Some(SplitSize::Fraction(self))
    }
}

impl IntoParam<Option<SplitSize>> for usize {
    fn into_param(self) -> Option<SplitSize> {
        Some(SplitSize::Count(self))
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
        let split = TrainTestSplit::new().split(20).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (15, 5));
        let mut all = [split.train, split.test].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..20));
    }
}
