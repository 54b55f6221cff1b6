//! Fits candidates on the training rows of splits and scores them on the test rows, in parallel.
//!
//! The work is cut by splits, and within each by groups of candidates that one fit can serve
//! ([`Estimator::shares_fit`]). Results come in the order of candidates and splits, whatever the number of threads.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;

use super::{KFold, Rows, Split, Splits, Splitter, StratifiedKFold};
use crate::classes::Classes;
use crate::error::{Error, ErrorKind, Result};
use crate::estimator::{Estimator, Kind, Predictor, Prepared, Training, Watch};
use crate::input::{Nan, check_outputs, check_training};
use crate::metrics::Scoring;

/// How to split for cross-validation.
#[derive(Debug, Clone)]
pub enum Cv {
    /// So many folds of consecutive rows: [`StratifiedKFold`] for a classifier, [`KFold`] for others.
    Folds(usize),
    /// Any splitter.
    Splitter(Box<dyn Splitter>),
    /// These splits.
    Splits(Splits),
}

impl Default for Cv {
    fn default() -> Self {
        Self::Folds(5)
    }
}

impl From<usize> for Cv {
    fn from(n_splits: usize) -> Self {
        Self::Folds(n_splits)
    }
}

impl<S: Splitter + 'static> From<S> for Cv {
    fn from(splitter: S) -> Self {
        Self::Splitter(Box::new(splitter))
    }
}

impl From<Box<dyn Splitter>> for Cv {
    fn from(splitter: Box<dyn Splitter>) -> Self {
        Self::Splitter(splitter)
    }
}

impl From<Splits> for Cv {
    fn from(splits: Splits) -> Self {
        Self::Splits(splits)
    }
}

impl Cv {
    /// The splits for an estimator of this kind.
    ///
    /// # Errors
    /// Those of [`Splitter::split`]; `Empty` or `Shape` when listed splits have no rows or rows that are not there.
    pub fn splits(&self, kind: Kind, data: &Training<'_>) -> Result<Splits> {
        let n = data.x.nrows();
        let mut rows = Rows::new(n);
        // Splitters stratify by one output only.
        rows.y = data.y.filter(|y| y.ncols() == 1).map(|y| y.index_axis_move(Axis(1), 0));
        rows.groups = data.groups;
        match self {
            Self::Folds(n_splits) if kind == Kind::Classifier && rows.y.is_some() => {
                StratifiedKFold::new(*n_splits).split(&rows)
            }
            Self::Folds(n_splits) => KFold::new(*n_splits).split(&rows),
            Self::Splitter(splitter) => splitter.split(&rows),
            Self::Splits(splits) => check_listed(splits, n).map(|()| splits.clone()),
        }
    }
}

fn check_listed(splits: &Splits, n: usize) -> Result<()> {
    if splits.is_empty() {
        return Err(Error::empty("there are no splits to validate with"));
    }
    for split in splits.iter() {
        if split.train.is_empty() || split.test.is_empty() {
            return Err(Error::empty("a split has no rows to train on or to test with"));
        }
        if let Some(&row) = split.train.iter().chain(&split.test).find(|&&row| row >= n) {
            return Err(Error::shape("a split names a row that is not there", row, n));
        }
    }
    Ok(())
}

/// What a candidate got on one split: one value per scoring; `None` where a score is undefined.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FoldScore {
    /// On the test rows.
    pub test: Vec<Option<f64>>,
    /// On the training rows; empty unless asked for.
    pub train: Vec<Option<f64>>,
    /// Time to fit. Candidates that share a fit share its time.
    pub fit_time: Duration,
    /// Time to score the test rows.
    pub score_time: Duration,
}

/// What to fit on, how to score, and who is told of the progress.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluation<'a> {
    /// All rows.
    pub data: Training<'a>,
    /// The scores wanted.
    pub scoring: Vec<Scoring>,
    /// Whether the training rows are scored too.
    pub train_score: bool,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(data: &Training<'a>, scoring: Vec<Scoring>) -> Self {
        Self { data: *data, scoring, train_score: false }
    }

    /// Scores of each candidate (outer) on each split (inner).
    pub(super) fn run(
        &self,
        candidates: &[Box<dyn Estimator>],
        splits: &Splits,
    ) -> Result<Vec<Vec<Result<FoldScore>>>> {
        let score = |fitted: &Fitted<'_>| {
            let started = Instant::now();
            // Weights count in fits alone, as in scikit-learn.
            let scores = |part: &Part| -> Result<Vec<Option<f64>>> {
                let y = part.y.as_ref().ok_or_else(|| Error::empty("there is no y to score with"))?;
                self.scoring.iter().map(|scoring| scoring.score(fitted.model, part.x.view(), y.view(), None)).collect()
            };
            let test = scores(&fitted.fold.test)?;
            let score_time = started.elapsed();
            let train = if self.train_score { scores(&fitted.fold.train)? } else { Vec::new() };
            Ok(FoldScore { test, train, fit_time: fitted.fit_time, score_time })
        };
        fit_each(&self.data, candidates, splits, &score)
    }
}

/// The rows of one side of a split.
pub(super) struct Part {
    pub(super) x: Array2<f64>,
    pub(super) y: Option<Array2<f64>>,
    pub(super) weights: Option<Array1<f64>>,
}

/// Both sides of a split.
pub(super) struct Fold {
    pub(super) split: Split,
    pub(super) train: Part,
    pub(super) test: Part,
}

/// A candidate fitted to the training rows of a fold.
pub(super) struct Fitted<'a> {
    pub(super) model: &'a dyn Predictor,
    pub(super) fold: &'a Fold,
    pub(super) fit_time: Duration,
}

/// Takes what is wanted of a fitted candidate.
type Harvest<'a, T> = &'a (dyn Fn(&Fitted<'_>) -> Result<T> + Sync);

impl Part {
    fn select(data: &Training<'_>, rows: &[usize]) -> Self {
        Self {
            x: data.x.select(Axis(0), rows),
            y: data.y.map(|y| y.select(Axis(0), rows)),
            weights: data.sample_weight.map(|weights| weights.select(Axis(0), rows)),
        }
    }

    fn training(&self) -> Training<'_> {
        let mut data = Training::unsupervised(self.x.view());
        data.y = self.y.as_ref().map(|y| y.view());
        data.sample_weight = self.weights.as_ref().map(|weights| weights.view());
        data
    }
}

/// What all rows have in common.
struct Whole<'a> {
    prepared: Option<&'a (dyn Any + Send + Sync)>,
    feature_names: Option<&'a [String]>,
}

/// Counts fits for a watch, and passes its wish to stop on to each fit.
struct Progress<'a> {
    watch: Option<&'a dyn Watch>,
    done: AtomicUsize,
    total: usize,
}

impl Progress<'_> {
    fn finished(&self, fits: usize) {
        let done = self.done.fetch_add(fits, Ordering::Relaxed) + fits;
        if let Some(watch) = self.watch {
            watch.progress(done, self.total);
        }
    }
}

impl Watch for Progress<'_> {
    /// Steps within a fit are not told: the watch counts fits.
    fn progress(&self, _done: usize, _total: usize) {}

    fn is_cancelled(&self) -> bool {
        self.watch.is_some_and(Watch::is_cancelled)
    }
}

/// Checks what can be checked of all rows at once, so that errors count rows of the whole.
pub(super) fn check_data(estimator: &dyn Estimator, data: &Training<'_>) -> Result<()> {
    let nan = if estimator.allows_nan() { Nan::Missing } else { Nan::Refused };
    if data.y.is_none() {
        return check_training(data, nan);
    }
    let y = check_outputs(data, nan)?;
    if estimator.kind() == Kind::Classifier {
        y.columns().into_iter().try_for_each(|labels| Classes::of(labels).map(drop))?;
    }
    Ok(())
}

/// Fits each candidate on each split and takes from it what `harvest` gives, by candidate (outer) and split (inner).
pub(super) fn fit_each<T: Send>(
    data: &Training<'_>,
    candidates: &[Box<dyn Estimator>],
    splits: &Splits,
    harvest: Harvest<'_, T>,
) -> Result<Vec<Vec<Result<T>>>> {
    let groups = groups(candidates);
    let prepared = candidates.first().and_then(|first| first.prepare(data.x));
    let whole = Whole { prepared: prepared.as_deref(), feature_names: data.feature_names };
    let progress = Progress { watch: data.watch, done: AtomicUsize::new(0), total: candidates.len() * splits.len() };
    let cells: Vec<Vec<Mutex<Option<Result<T>>>>> =
        candidates.iter().map(|_| (0..splits.len()).map(|_| Mutex::new(None)).collect()).collect();
    let finished = (0..splits.len()).into_par_iter().try_for_each(|at| {
        let Some(split) = splits.get(at) else { return ControlFlow::Continue(()) };
        let (train, test) = (Part::select(data, &split.train), Part::select(data, &split.test));
        let fold = Fold { split, train, test };
        groups.par_iter().try_for_each(|group| {
            if progress.is_cancelled() {
                return ControlFlow::Break(());
            }
            let results = fit_group(group, candidates, &fold, &whole, &progress, harvest);
            progress.finished(group.len());
            for (&candidate, result) in group.iter().zip(results) {
                if let Ok(mut cell) = cells[candidate][at].lock() {
                    *cell = Some(result);
                }
            }
            ControlFlow::Continue(())
        })
    });
    if finished.is_break() || progress.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled));
    }
    let missing = || Err(Error::new(ErrorKind::Cancelled));
    let taken = |cell: Mutex<Option<Result<T>>>| cell.into_inner().ok().flatten().unwrap_or_else(missing);
    Ok(cells.into_iter().map(|row| row.into_iter().map(taken).collect()).collect())
}

fn fit_group<T>(
    group: &[usize],
    candidates: &[Box<dyn Estimator>],
    fold: &Fold,
    whole: &Whole<'_>,
    progress: &Progress<'_>,
    harvest: Harvest<'_, T>,
) -> Vec<Result<T>> {
    let members: Vec<&dyn Estimator> = group.iter().map(|&candidate| candidates[candidate].as_ref()).collect();
    let mut data = fold.train.training().watch(progress);
    data.prepared = whole.prepared.map(|whole| Prepared { whole, rows: &fold.split.train });
    data.feature_names = whole.feature_names;
    let started = Instant::now();
    let fitted = match members[..] {
        [one] => vec![one.fit_on(&data)],
        _ => members[0].fit_shared(&members, &data),
    };
    let fit_time = started.elapsed() / u32::try_from(members.len()).unwrap_or(1);
    fitted.into_iter().map(|fitted| harvest(&Fitted { model: &*fitted?, fold, fit_time })).collect()
}

/// Candidates that one fit can serve, together.
fn groups(candidates: &[Box<dyn Estimator>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        match groups.iter_mut().find(|group| candidates[group[0]].shares_fit(candidate.as_ref())) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}
