//! Folds: each row is tested with once, or once per repetition.

use super::splitter::splitter_type;
use super::{Rows, Splits};
use crate::classes::{Classes, distinct};
use crate::error::{Error, Result};
use crate::param::Range;
use crate::random::RandomState;

splitter_type! {
    /// Folds of nearly equal size: the first `n` mod `n_splits` have one row more than the others.
    ///
    /// ```
    /// use taipan_learn::model_selection::{KFold, Rows, Splitter};
    ///
    /// let splits = KFold::new(2).split(&Rows::new(5))?;
    /// let first = splits.get(0).unwrap();
    /// assert_eq!(first.test, [0, 1, 2]);
    /// assert_eq!(first.train, [3, 4]);
    /// # Ok::<(), taipan_learn::Error>(())
    /// ```
    pub struct KFold {
        /// Number of folds.
        n_splits: usize = 5_usize, Range::integer_from(2);
        /// Whether to deal the rows to the folds at random; else folds are consecutive rows.
        shuffle: bool = false, Range::BOOLEAN;
        /// Seed of the shuffle.
        random_state: Option<u32> = None, Range::SEED;
    }
}

splitter_type! {
    /// Folds in which each class has nearly the share that it has in all rows.
    pub struct StratifiedKFold {
        /// Number of folds.
        n_splits: usize = 5_usize, Range::integer_from(2);
        /// Whether to deal the rows of each class to the folds at random.
        shuffle: bool = false, Range::BOOLEAN;
        /// Seed of the shuffle.
        random_state: Option<u32> = None, Range::SEED;
    }
}

splitter_type! {
    /// Folds that keep each group of rows together: the largest group goes to the lightest fold.
    pub struct GroupKFold {
        /// Number of folds.
        n_splits: usize = 5_usize, Range::integer_from(2);
        /// Whether to deal the groups to the folds at random, and by their number instead of their size.
        shuffle: bool = false, Range::BOOLEAN;
        /// Seed of the shuffle.
        random_state: Option<u32> = None, Range::SEED;
    }
}

splitter_type! {
    /// Tests with each row in turn.
    pub struct LeaveOneOut {}
}

splitter_type! {
    /// [`KFold`], shuffled anew in each repetition.
    pub struct RepeatedKFold {
        /// Number of folds.
        n_splits: usize = 5_usize, Range::integer_from(2);
        /// Number of repetitions.
        n_repeats: usize = 10_usize, Range::integer_from(1);
        /// Seed of all shuffles.
        random_state: Option<u32> = None, Range::SEED;
    }
}

splitter_type! {
    /// [`StratifiedKFold`], shuffled anew in each repetition.
    pub struct RepeatedStratifiedKFold {
        /// Number of folds.
        n_splits: usize = 5_usize, Range::integer_from(2);
        /// Number of repetitions.
        n_repeats: usize = 10_usize, Range::integer_from(1);
        /// Seed of all shuffles.
        random_state: Option<u32> = None, Range::SEED;
    }
}

impl KFold {
    /// `n_splits` folds of consecutive rows.
    pub fn new(n_splits: usize) -> Self {
        Self::default().n_splits(n_splits)
    }

    fn split_rows(&self, rows: &Rows<'_>) -> Result<Splits> {
        k_folds(
            "KFold",
            self.n_splits,
            rows.n,
            self.shuffle.then(|| RandomState::from_seed(self.random_state)).as_mut(),
        )
    }
}

impl StratifiedKFold {
    /// `n_splits` folds, rows of each class in their order.
    pub fn new(n_splits: usize) -> Self {
        Self::default().n_splits(n_splits)
    }

    fn split_rows(&self, rows: &Rows<'_>) -> Result<Splits> {
        let mut random = self.shuffle.then(|| RandomState::from_seed(self.random_state));
        stratified_folds("StratifiedKFold", self.n_splits, rows, random.as_mut())
    }
}

impl LeaveOneOut {
    #[allow(clippy::unused_self, reason = "every splitter has this method")]
    fn split_rows(&self, rows: &Rows<'_>) -> Result<Splits> {
        if rows.n < 2 {
            return Err(Error::too_few(format!("LeaveOneOut needs at least 2 rows; there are {}", rows.n)));
        }
        let n = u32::try_from(rows.n).map_err(|_| too_many(rows.n))?;
        Ok(Splits::folds((0..n).collect(), rows.n))
    }
}

impl RepeatedKFold {
    /// So many folds, so many times.
    pub fn new(n_splits: usize, n_repeats: usize) -> Self {
        Self::default().n_splits(n_splits).n_repeats(n_repeats)
    }

    fn split_rows(&self, rows: &Rows<'_>) -> Result<Splits> {
        let mut random = RandomState::from_seed(self.random_state);
        repeat(self.n_repeats, || k_folds("RepeatedKFold", self.n_splits, rows.n, Some(&mut random)))
    }
}

impl RepeatedStratifiedKFold {
    /// So many folds, so many times.
    pub fn new(n_splits: usize, n_repeats: usize) -> Self {
        Self::default().n_splits(n_splits).n_repeats(n_repeats)
    }

    fn split_rows(&self, rows: &Rows<'_>) -> Result<Splits> {
        let mut random = RandomState::from_seed(self.random_state);
        repeat(self.n_repeats, || stratified_folds("RepeatedStratifiedKFold", self.n_splits, rows, Some(&mut random)))
    }
}

impl GroupKFold {
    /// `n_splits` folds of whole groups.
    pub fn new(n_splits: usize) -> Self {
        Self::default().n_splits(n_splits)
    }

    fn split_rows(&self, rows: &Rows<'_>) -> Result<Splits> {
        let labels = rows.group_labels("GroupKFold")?;
        let groups = distinct(labels.iter().copied());
        if self.n_splits > groups.len() {
            let allowed = format!("at most the number of groups, {}", groups.len());
            return Err(Error::invalid("GroupKFold", "n_splits", self.n_splits, allowed));
        }
        let of_rows: Vec<usize> =
            labels.iter().map(|label| groups.partition_point(|known| known.total_cmp(label).is_lt())).collect();
        let of_groups = if self.shuffle { self.dealt(groups.len()) } else { self.balanced(&of_rows, groups.len()) };
        // A label that is not among the groups can only be NaN; it goes with the last.
        let fold = |group: usize| of_groups.get(group).or(of_groups.last()).copied().unwrap_or(0);
        Ok(Splits::folds(of_rows.into_iter().map(fold).collect(), self.n_splits))
    }

    /// Groups in random order, the first `groups` mod `n_splits` folds having one more.
    fn dealt(&self, groups: usize) -> Vec<u32> {
        let order = RandomState::from_seed(self.random_state).permutation(groups);
        deal(&order, self.n_splits)
    }

    /// The largest group first, each to the fold with the fewest rows.
    fn balanced(&self, of_rows: &[usize], groups: usize) -> Vec<u32> {
        let mut sizes = vec![0_usize; groups];
        for &group in of_rows {
            if let Some(size) = sizes.get_mut(group) {
                *size += 1;
            }
        }
        let mut order: Vec<usize> = (0..groups).collect();
        order.sort_by_key(|&group| sizes[group]);
        let mut weights = vec![0_usize; self.n_splits];
        let mut of_groups = vec![0_u32; groups];
        for &group in order.iter().rev() {
            // `min_by_key` gives the first of equals, as `argmin` does.
            let lightest = (0..self.n_splits).min_by_key(|&fold| weights[fold]).unwrap_or(0);
            weights[lightest] += sizes[group];
            of_groups[group] = lightest as u32;
        }
        of_groups
    }
}

fn too_many(rows: usize) -> Error {
    Error::invalid("cross-validation", "rows", rows, "fewer than 4,294,967,296")
}

fn repeat(n_repeats: usize, mut folds: impl FnMut() -> Result<Splits>) -> Result<Splits> {
    let mut splits = folds()?;
    for _ in 1..n_repeats {
        splits.append(folds()?);
    }
    Ok(splits)
}

fn check_folds(owner: &str, n_splits: usize, rows: usize) -> Result<()> {
    if n_splits > rows {
        let allowed = format!("at most the number of rows, {rows}");
        return Err(Error::invalid(owner, "n_splits", n_splits, allowed));
    }
    if u32::try_from(rows).is_err() {
        return Err(too_many(rows));
    }
    Ok(())
}

fn k_folds(owner: &str, n_splits: usize, rows: usize, random: Option<&mut RandomState>) -> Result<Splits> {
    check_folds(owner, n_splits, rows)?;
    let order = match random {
        Some(random) => random.permutation(rows),
        None => (0..rows).collect(),
    };
    Ok(Splits::folds(deal(&order, n_splits), n_splits))
}

/// Consecutive items of `order` to each fold, one more to each of the first.
fn deal(order: &[usize], n_splits: usize) -> Vec<u32> {
    let n = order.len();
    let mut fold_of = vec![0; n];
    let mut items = order.iter();
    for fold in 0..n_splits {
        let size = n / n_splits + usize::from(fold < n % n_splits);
        for &item in items.by_ref().take(size) {
            fold_of[item] = fold as u32;
        }
    }
    fold_of
}

fn stratified_folds(
    owner: &str,
    n_splits: usize,
    rows: &Rows<'_>,
    mut random: Option<&mut RandomState>,
) -> Result<Splits> {
    check_folds(owner, n_splits, rows.n)?;
    let codes = by_appearance(&Classes::of(rows.labels(owner)?)?);
    let classes = codes.iter().max().map_or(0, |last| last + 1);
    let mut counts = vec![0_usize; classes];
    for &code in &codes {
        counts[code] += 1;
    }
    if counts.iter().all(|&count| count < n_splits) {
        let most = counts.iter().max().copied().unwrap_or(0);
        let allowed = format!("at most the rows of the most frequent class, {most}");
        return Err(Error::invalid(owner, "n_splits", n_splits, allowed));
    }
    // In the rows sorted by class, positions i, i + k, … belong to fold i: so many rows of each class does each fold get.
    let mut start = 0;
    let mut of_classes = Vec::with_capacity(classes);
    for count in counts {
        let mut folds = Vec::with_capacity(count);
        for fold in 0..n_splits {
            let below = |position: usize| (position + n_splits - 1 - fold) / n_splits;
            let size = below(start + count) - below(start);
            folds.extend(std::iter::repeat_n(fold as u32, size));
        }
        start += count;
        if let Some(random) = random.as_deref_mut() {
            random.shuffle(&mut folds);
        }
        of_classes.push(folds.into_iter());
    }
    let fold_of = codes.iter().map(|&code| of_classes[code].next().unwrap_or(0)).collect();
    Ok(Splits::folds(fold_of, n_splits))
}

/// Numbers the classes by their first appearance.
fn by_appearance(classes: &Classes) -> Vec<usize> {
    let mut number = vec![None; classes.labels.len()];
    let mut next = 0;
    classes
        .codes
        .iter()
        .map(|&code| {
            *number[code].get_or_insert_with(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::super::Splitter;
    use super::*;

    #[test]
    fn folds_out_of_range_are_refused() {
        let text = |cv: &dyn Splitter, rows: &Rows<'_>| cv.split(rows).unwrap_err().to_string();
        for (n_splits, n, allowed) in [
            (1, 10, "a whole number of at least 2"),
            (11, 10, "at most the number of rows, 10"),
            (2, 0, "at most the number of rows, 0"),
        ] {
            let expected = format!("KFold: n_splits = {n_splits} is not allowed; it must be {allowed}");
            assert_eq!(text(&KFold::new(n_splits), &Rows::new(n)), expected);
        }
        let y = array![0.0, 0.0, 1.0, 1.0];
        assert_eq!(
            text(&StratifiedKFold::new(3), &Rows::new(4).y(y.view())),
            "StratifiedKFold: n_splits = 3 is not allowed; it must be at most the rows of the most frequent class, 2"
        );
        assert_eq!(
            text(&GroupKFold::new(3), &Rows::new(4).groups(y.view())),
            "GroupKFold: n_splits = 3 is not allowed; it must be at most the number of groups, 2"
        );
        assert_eq!(text(&LeaveOneOut {}, &Rows::new(1)), "LeaveOneOut needs at least 2 rows; there are 1");
        let y = array![0.5, 1.0];
        assert!(text(&StratifiedKFold::new(2), &Rows::new(2).y(y.view())).contains("0.5 is not a class label"));
    }

    #[test]
    fn every_row_is_tested_with_once() {
        let y = Array1::from_iter((0..23).map(|i| f64::from(i % 3)));
        let rows = Rows::new(23).y(y.view()).groups(y.view());
        let cases: [(&dyn Splitter, usize); 6] = [
            (&KFold::new(5).shuffle(true), 1),
            (&StratifiedKFold::new(4).shuffle(true), 1),
            (&GroupKFold::new(3), 1),
            (&GroupKFold::new(2).shuffle(true), 1),
            (&LeaveOneOut {}, 1),
            (&RepeatedStratifiedKFold::new(3, 4), 4),
        ];
        for (cv, times) in cases {
            let mut tested = [0; 23];
            for split in cv.split(&rows).unwrap().iter() {
                for &row in &split.test {
                    tested[row] += 1;
                }
                assert!(split.train.iter().all(|row| !split.test.contains(row)));
                assert_eq!(split.train.len() + split.test.len(), 23);
            }
            assert_eq!(tested, [times; 23], "{}", cv.name());
        }
    }
}
