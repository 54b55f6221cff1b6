//! Features, targets and weights to learn from.

use std::any::Any;

use std::fmt;

use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::error::{Error, ErrorKind, Result};

/// What an estimator learns from: views of the caller's arrays.
///
/// ```
/// use ndarray::array;
/// use taipan_learn::{DummyRegressor, Estimator, Training};
///
/// let (x, y) = (array![[0.0], [1.0]], array![1.0, 4.0]);
/// let data = Training::supervised(x.view(), y.view());
/// let model = Estimator::fit_on(&DummyRegressor::new(), &data)?;
/// assert_eq!(model.predict(x.view())?, array![2.5, 2.5]);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Training<'a> {
    /// One row per sample, one column per feature.
    pub x: ArrayView2<'a, f64>,
    /// One row per sample, one column per output.
    pub y: Option<ArrayView2<'a, f64>>,
    /// How much each row counts; all count 1 when not given.
    pub sample_weight: Option<ArrayView1<'a, f64>>,
    /// The group of each row, for splitters that keep groups together.
    pub groups: Option<ArrayView1<'a, f64>>,
    /// The names of the features, for estimators that choose features by name.
    pub feature_names: Option<&'a [String]>,
    /// What [`Estimator::prepare`](crate::Estimator::prepare) made of a matrix of which `x` has some rows.
    pub prepared: Option<Prepared<'a>>,
    /// Who is told of the progress and may stop it.
    pub watch: Option<&'a dyn Watch>,
}

/// Watches long work: shows how far it is, and may ask it to stop.
///
/// Called from worker threads, so it must be quick.
pub trait Watch: Sync {
    /// Told that `done` of `total` steps are finished; what a step is depends on the work. Calls from different threads
    /// may come out of order.
    fn progress(&self, done: usize, total: usize);

    /// Whether to stop, which ends the work with the error `Cancelled`.
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl fmt::Debug for dyn Watch + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// Work done beforehand on a whole matrix, for a fit on some of its rows.
#[derive(Debug, Clone, Copy)]
pub struct Prepared<'a> {
    /// What the estimator prepared.
    pub whole: &'a (dyn Any + Send + Sync),
    /// Row `i` of the training data is row `rows[i]` of the whole matrix.
    pub rows: &'a [usize],
}

impl<'a> Training<'a> {
    /// Features and one target per row.
    pub fn supervised(x: ArrayView2<'a, f64>, y: ArrayView1<'a, f64>) -> Self {
        Self::outputs(x, y.insert_axis(Axis(1)))
    }

    /// Features and several targets per row.
    pub fn outputs(x: ArrayView2<'a, f64>, y: ArrayView2<'a, f64>) -> Self {
        Self { y: Some(y), ..Self::unsupervised(x) }
    }

    /// Features alone.
    pub fn unsupervised(x: ArrayView2<'a, f64>) -> Self {
        Self { x, y: None, sample_weight: None, groups: None, feature_names: None, prepared: None, watch: None }
    }

    /// Weighs the rows.
    #[must_use]
    pub fn sample_weight(mut self, weights: ArrayView1<'a, f64>) -> Self {
        self.sample_weight = Some(weights);
        self
    }

    /// Says which rows belong together.
    #[must_use]
    pub fn groups(mut self, groups: ArrayView1<'a, f64>) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Names the features, in the order of the columns.
    #[must_use]
    pub fn feature_names(mut self, names: &'a [String]) -> Self {
        self.feature_names = Some(names);
        self
    }

    /// Other features of the same rows.
    #[must_use]
    pub fn with_features<'b>(&'b self, x: ArrayView2<'b, f64>) -> Training<'b> {
        Training { x, feature_names: None, prepared: None, ..self.borrowed() }
    }

    /// The same for a shorter time: views of arrays do not shorten by themselves.
    pub(crate) fn borrowed(&self) -> Training<'_> {
        Training {
            x: self.x.view(),
            y: self.y.as_ref().map(|y| y.view()),
            sample_weight: self.sample_weight.as_ref().map(|weights| weights.view()),
            groups: self.groups.as_ref().map(|groups| groups.view()),
            feature_names: self.feature_names,
            prepared: self.prepared,
            watch: self.watch,
        }
    }

    /// Adds what was prepared of the matrix that the rows come from.
    #[must_use]
    pub fn prepared(mut self, prepared: Prepared<'a>) -> Self {
        self.prepared = Some(prepared);
        self
    }

    /// Tells of the progress.
    #[must_use]
    pub fn watch(mut self, watch: &'a dyn Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Reports a step of the fit: estimators call it after each tree, round or the like.
    ///
    /// # Errors
    /// `Cancelled` when the fit is to stop.
    pub fn step(&self, done: usize, total: usize) -> Result<()> {
        match self.watch {
            Some(watch) if watch.is_cancelled() => Err(Error::new(ErrorKind::Cancelled)),
            Some(watch) => {
                watch.progress(done, total);
                Ok(())
            }
            None => Ok(()),
        }
    }
}
