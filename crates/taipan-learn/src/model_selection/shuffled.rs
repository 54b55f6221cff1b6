//! Random rows to test with, drawn anew for each split.

use super::splitter::splitter_type;
use super::{Rows, Split, SplitSize, Splits};
use crate::classes::Classes;
use crate::error::{Error, Result};
use crate::param::Range;
use crate::random::{RandomState, Replace};

splitter_type! {
    /// Draws test and training rows at random, again for each split.
    pub struct ShuffleSplit {
        /// Number of splits.
        n_splits: usize = 10_usize, Range::integer_from(1);
        /// Rows to test with: a number, or a share with a decimal point; a tenth unless train_size is given.
        test_size: Option<SplitSize> = None, SplitSize::RANGE;
        /// Rows to train on; all others unless given.
        train_size: Option<SplitSize> = None, SplitSize::RANGE;
        /// Seed of all draws.
        random_state: Option<u32> = None, Range::SEED;
    }
}

splitter_type! {
    /// The same, each class keeping nearly its share.
    pub struct StratifiedShuffleSplit {
        /// Number of splits.
        n_splits: usize = 10_usize, Range::integer_from(1);
        /// Rows to test with: a number, or a share with a decimal point; a tenth unless train_size is given.
        test_size: Option<SplitSize> = None, SplitSize::RANGE;
        /// Rows to train on; all others unless given.
        train_size: Option<SplitSize> = None, SplitSize::RANGE;
        /// Seed of all draws.
        random_state: Option<u32> = None, Range::SEED;
    }
}

impl ShuffleSplit {
    /// So many splits.
    pub fn new(n_splits: usize) -> Self {
        Self::default().n_splits(n_splits)
    }

    fn split_rows(&self, rows: &Rows<'_>) -> Result<Splits> {
        let sizes = Sizes::of("ShuffleSplit", rows.n, self.test_size, self.train_size, 0.1)?;
        let mut random = RandomState::from_seed(self.random_state);
        Ok((0..self.n_splits).map(|_| shuffled_split(rows.n, sizes, &mut random)).collect())
    }
}

impl StratifiedShuffleSplit {
    /// So many splits.
    pub fn new(n_splits: usize) -> Self {
        Self::default().n_splits(n_splits)
    }

    fn split_rows(&self, rows: &Rows<'_>) -> Result<Splits> {
        const OWNER: &str = "StratifiedShuffleSplit";
        let sizes = Sizes::of(OWNER, rows.n, self.test_size, self.train_size, 0.1)?;
        let classes = Self::classes(OWNER, rows, sizes)?;
        let mut random = RandomState::from_seed(self.random_state);
        Ok((0..self.n_splits).map(|_| stratified_split(&classes, sizes, &mut random)).collect())
    }

    /// The rows of each class, when each has enough.
    pub(super) fn classes(owner: &str, rows: &Rows<'_>, sizes: Sizes) -> Result<Vec<Vec<usize>>> {
        let classes = Classes::of(rows.labels(owner)?)?;
        let mut members = vec![Vec::new(); classes.labels.len()];
        for (row, &code) in classes.codes.iter().enumerate() {
            members[code].push(row);
        }
        if let Some(rare) = members.iter().position(|rows| rows.len() < 2) {
            let label = classes.labels[rare];
            return Err(Error::too_few(format!("{owner}: the class {label} has 1 row, and at least 2 are needed")));
        }
        for (size, what) in [(sizes.train, "train_size"), (sizes.test, "test_size")] {
            if size < members.len() {
                let allowed = format!("at least the number of classes, {}", members.len());
                return Err(Error::invalid(owner, what, size, allowed));
            }
        }
        Ok(members)
    }
}

/// Numbers of rows on each side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sizes {
    pub(super) train: usize,
    pub(super) test: usize,
}

impl Sizes {
    /// The numbers that sizes given in either form come to; `share` is tested with when neither is given.
    pub(super) fn of(
        owner: &str,
        n: usize,
        test: Option<SplitSize>,
        train: Option<SplitSize>,
        share: f64,
    ) -> Result<Self> {
        let test = if test.is_none() && train.is_none() { Some(SplitSize::Fraction(share)) } else { test };
        let count = |param: &str, size: Option<SplitSize>, round: fn(f64) -> f64| match size {
            None => Ok(None),
            Some(SplitSize::Fraction(share)) if share > 0.0 && share < 1.0 => {
                Ok(Some(round(share * n as f64) as usize))
            }
            Some(SplitSize::Fraction(share)) => {
                Err(Error::invalid(owner, param, share, "a fraction above 0 and below 1"))
            }
            Some(SplitSize::Count(count)) if count == 0 || count >= n => {
                let allowed = format!("a count of at least 1 and below the number of rows, {n}");
                Err(Error::invalid(owner, param, count, allowed))
            }
            Some(SplitSize::Count(count)) => Ok(Some(count)),
        };
        let n_test = count("test_size", test, f64::ceil)?;
        let n_train = count("train_size", train, f64::floor)?;
        if let (Some(SplitSize::Fraction(train)), Some(SplitSize::Fraction(test))) = (train, test)
            && train + test > 1.0
        {
            return Err(Error::invalid(owner, "train_size + test_size", train + test, "at most 1"));
        }
        let (train_rows, test_rows) = match (n_train, n_test) {
            (Some(train), Some(test)) => (train, test),
            (Some(train), None) => (train, n - train),
            (None, Some(test)) => (n.saturating_sub(test), test),
            (None, None) => (n, 0),
        };
        if train_rows + test_rows > n {
            let sum = train_rows + test_rows;
            return Err(Error::invalid(
                owner,
                "train_size + test_size",
                sum,
                format!("at most the number of rows, {n}"),
            ));
        }
        if train_rows == 0 {
            let (param, size) = if train.is_some() { ("train_size", train) } else { ("test_size", test) };
            let size = match size {
                Some(SplitSize::Fraction(share)) => share.to_string(),
                Some(SplitSize::Count(count)) => count.to_string(),
                None => String::new(),
            };
            let allowed = format!("a fraction that leaves at least one of {n} rows to train on");
            return Err(Error::invalid(owner, param, size, allowed));
        }
        Ok(Self { train: train_rows, test: test_rows })
    }
}

/// The first rows of a permutation to test with, the next ones to train on.
pub(super) fn shuffled_split(n: usize, sizes: Sizes, random: &mut RandomState) -> Split {
    let mut test = random.permutation(n);
    let mut train = test.split_off(sizes.test);
    train.truncate(sizes.train);
    Split { train, test }
}

/// Rows of each class in proportion; `classes` lists the rows of each.
pub(super) fn stratified_split(classes: &[Vec<usize>], sizes: Sizes, random: &mut RandomState) -> Split {
    let counts: Vec<usize> = classes.iter().map(Vec::len).collect();
    let of_train = approximate_mode(&counts, sizes.train, random);
    let left: Vec<usize> = counts.iter().zip(&of_train).map(|(count, taken)| count - taken).collect();
    let of_test = approximate_mode(&left, sizes.test, random);
    let (mut train, mut test) = (Vec::with_capacity(sizes.train), Vec::with_capacity(sizes.test));
    for ((rows, &to_train), &to_test) in classes.iter().zip(&of_train).zip(&of_test) {
        let mut order = random.permutation(rows.len()).into_iter().map(|at| rows[at]);
        train.extend(order.by_ref().take(to_train));
        test.extend(order.take(to_test));
    }
    random.shuffle(&mut train);
    random.shuffle(&mut test);
    Split { train, test }
}

/// How many of each class to draw for `draws` in all: the share of each rounded down, and the rest to the largest
/// remainders, ties drawn at random.
fn approximate_mode(counts: &[usize], draws: usize, random: &mut RandomState) -> Vec<usize> {
    let total = counts.iter().sum::<usize>() as f64;
    let shares: Vec<f64> = counts.iter().map(|&count| count as f64 / total * draws as f64).collect();
    let mut drawn: Vec<usize> = shares.iter().map(|share| share.floor() as usize).collect();
    let remainders: Vec<f64> = shares.iter().map(|share| share - share.floor()).collect();
    let mut missing = draws.saturating_sub(drawn.iter().sum());
    let mut values = remainders.clone();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values.dedup();
    for value in values {
        if missing == 0 {
            break;
        }
        let tied: Vec<usize> = (0..counts.len()).filter(|&class| remainders[class] == value).collect();
        let taken = missing.min(tied.len());
        // Drawing at most as many as there are cannot fail; were it to, nobody would be drawn.
        let chosen = random.choice(tied.len(), taken, Replace::Without, None).unwrap_or_default();
        for at in chosen {
            drawn[tied[at]] += 1;
        }
        missing -= taken;
    }
    drawn
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::Splitter;
    use super::*;

    #[test]
    fn sizes_follow_each_other() {
        use SplitSize::{Count, Fraction};
        for (n, test, train, expected) in [
            (10, None, None, Ok((9, 1))),
            (10, Some(Fraction(0.25)), None, Ok((7, 3))),
            (10, None, Some(Fraction(0.25)), Ok((2, 8))),
            (10, Some(Count(3)), Some(Count(4)), Ok((4, 3))),
            (
                10,
                Some(Fraction(0.7)),
                Some(Fraction(0.7)),
                Err("train_size + test_size = 1.4 is not allowed; it must be at most 1"),
            ),
            (
                10,
                Some(Count(5)),
                Some(Count(6)),
                Err("train_size + test_size = 11 is not allowed; it must be at most the number of rows, 10"),
            ),
            (
                3,
                None,
                Some(Fraction(0.2)),
                Err(
                    "train_size = 0.2 is not allowed; it must be a fraction that leaves at least one of 3 rows to train on",
                ),
            ),
            (
                10,
                None,
                Some(Count(10)),
                Err(
                    "train_size = 10 is not allowed; it must be a count of at least 1 and below the number of rows, 10",
                ),
            ),
        ] {
            let found = Sizes::of("Split", n, test, train, 0.1);
            match expected {
                Ok((train, test)) => assert_eq!(found.unwrap(), Sizes { train, test }),
                Err(text) => assert_eq!(found.unwrap_err().to_string(), format!("Split: {text}")),
            }
        }
    }

    #[test]
    fn classes_that_are_too_small_are_refused() {
        let text = |y: ndarray::Array1<f64>| {
            let cv = StratifiedShuffleSplit::new(1).test_size(2_usize);
            cv.split(&Rows::new(y.len()).y(y.view())).unwrap_err().to_string()
        };
        assert_eq!(
            text(array![0.0, 0.0, 0.0, 1.0]),
            "StratifiedShuffleSplit: the class 1 has 1 row, and at least 2 are needed"
        );
        assert_eq!(
            text(array![0.0, 0.0, 1.0, 1.0, 2.0, 2.0]),
            "StratifiedShuffleSplit: test_size = 2 is not allowed; it must be at least the number of classes, 3"
        );
    }
}
