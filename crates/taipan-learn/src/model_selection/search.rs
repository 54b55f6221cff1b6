//! Searches for the best parameters by cross-validation.

use ndarray::{Array1, ArrayView1, ArrayView2};

use super::evaluate::check_data;
use super::{Cv, Evaluation, FoldScore, ParamDistributions, ParamGrid, ParamSet};
use crate::error::{Error, ErrorKind, Result};
use crate::estimator::{Estimator, Predictor, Training};
use crate::metrics::Scoring;
use crate::random::RandomState;
use crate::sum::mean;

/// Tries every combination of a grid and fits the best to all rows.
///
/// Candidates come in the order of the grid; of those with the best mean score the first wins. A candidate that cannot
/// be fitted has no score and comes last; when none can be, the first error is the search's.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use taipan_learn::Ridge;
/// use taipan_learn::model_selection::{GridSearchCV, ParamGrid};
///
/// let x = Array2::from_shape_fn((20, 1), |(i, _)| i as f64);
/// let y: Array1<f64> = x.column(0).mapv(|x| 2.0 * x);
/// let grid = ParamGrid::new().values("alpha", [100.0, 1.0]);
/// let found = GridSearchCV::new(&Ridge::new(), grid).cv(4).fit(x.view(), y.view())?;
/// assert_eq!(found.best().params, [("alpha".to_owned(), 1.0.into())]);
/// assert!(found.best_model().is_some());
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GridSearchCV<'a> {
    grid: ParamGrid,
    search: Search<'a>,
}

/// Tries random draws from distributions and fits the best to all rows.
#[derive(Debug, Clone)]
pub struct RandomizedSearchCV<'a> {
    distributions: ParamDistributions,
    n_iter: usize,
    random_state: Option<u32>,
    search: Search<'a>,
}

/// What both searches share.
#[derive(Debug, Clone)]
struct Search<'a> {
    estimator: Box<dyn Estimator>,
    cv: Cv,
    scoring: Vec<Scoring>,
    refit: bool,
    return_train_score: bool,
    groups: Option<ArrayView1<'a, f64>>,
}

/// A set of parameters and how it did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Candidate {
    /// What was set.
    pub params: ParamSet,
    /// What each split gave; an error where the candidate could not be fitted or scored.
    pub splits: Vec<std::result::Result<FoldScore, String>>,
    /// Mean test score; `None` when a split has none.
    pub mean: Option<f64>,
    /// Its standard deviation.
    pub std: Option<f64>,
    /// 1 for the best; equals share the least rank.
    pub rank: usize,
}

impl Candidate {
    /// The first scoring's test score on each split.
    pub fn test_scores(&self) -> Vec<Option<f64>> {
        self.scores(0, |fold| &fold.test)
    }

    /// The first scoring's training score on each split, if asked for.
    pub fn train_scores(&self) -> Vec<Option<f64>> {
        self.scores(0, |fold| &fold.train)
    }

    /// Test scores of the scoring of that number, in the order in which scorings were given.
    pub fn test_scores_of(&self, scoring: usize) -> Vec<Option<f64>> {
        self.scores(scoring, |fold| &fold.test)
    }

    /// Mean time to fit, in seconds.
    pub fn mean_fit_time(&self) -> f64 {
        let times: Vec<f64> = self.splits.iter().flatten().map(|fold| fold.fit_time.as_secs_f64()).collect();
        mean(times.len(), |i| times[i])
    }

    fn scores(&self, scoring: usize, of: impl Fn(&FoldScore) -> &Vec<Option<f64>>) -> Vec<Option<f64>> {
        let score = |fold: &std::result::Result<FoldScore, String>| {
            fold.as_ref().ok().and_then(|fold| of(fold).get(scoring).copied().flatten())
        };
        self.splits.iter().map(score).collect()
    }
}

/// What a search found.
#[derive(Debug)]
#[non_exhaustive]
pub struct SearchResult {
    /// All candidates, in the order tried.
    pub candidates: Vec<Candidate>,
    /// The number of the best.
    pub best_index: usize,
    /// The estimator with the best parameters.
    pub best_estimator: Box<dyn Estimator>,
    /// The scores by which candidates were judged; the first ranks them.
    pub scoring: Vec<Scoring>,
    /// Number of splits.
    pub n_splits: usize,
    best_model: Option<Box<dyn Predictor>>,
}

impl SearchResult {
    /// The best candidate.
    pub fn best(&self) -> &Candidate {
        &self.candidates[self.best_index]
    }

    /// Its mean test score.
    pub fn best_score(&self) -> Option<f64> {
        self.best().mean
    }

    /// The best candidate fitted to all rows, unless that was not wanted.
    pub fn best_model(&self) -> Option<&dyn Predictor> {
        self.best_model.as_deref()
    }

    /// Takes it out, for a [`Model`](crate::Model) made with [`best_estimator`](Self::best_estimator).
    pub fn take_best_model(&mut self) -> Option<Box<dyn Predictor>> {
        self.best_model.take()
    }
}

/// The setters that both searches have.
macro_rules! search_setters {
    () => {
        /// How to split; 5 folds by default, stratified for a classifier.
        #[must_use]
        pub fn cv(mut self, cv: impl Into<Cv>) -> Self {
            self.search.cv = cv.into();
            self
        }

        /// How to judge; the estimator's default by default.
        #[must_use]
        pub fn scoring(mut self, scoring: Scoring) -> Self {
            self.search.scoring = vec![scoring];
            self
        }

        /// Several scores, of which the first decides.
        #[must_use]
        pub fn scorings(mut self, scoring: impl IntoIterator<Item = Scoring>) -> Self {
            self.search.scoring = scoring.into_iter().collect();
            self
        }

        /// Whether to fit the best candidate to all rows; true by default.
        #[must_use]
        pub fn refit(mut self, refit: bool) -> Self {
            self.search.refit = refit;
            self
        }

        /// Whether to score the training rows too.
        #[must_use]
        pub fn return_train_score(mut self, wanted: bool) -> Self {
            self.search.return_train_score = wanted;
            self
        }

        /// The group of each row, for splitters that keep groups together.
        #[must_use]
        pub fn groups(mut self, groups: ArrayView1<'a, f64>) -> Self {
            self.search.groups = Some(groups);
            self
        }

        /// Searches, with one target per row.
        ///
        /// # Errors
        /// See [`fit_on`](Self::fit_on).
        pub fn fit(&self, x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>) -> Result<SearchResult> {
            self.fit_on(&Training::supervised(x, y))
        }
    };
}

impl<'a> GridSearchCV<'a> {
    /// Searches the grid for the estimator's best parameters.
    pub fn new(estimator: &dyn Estimator, grid: ParamGrid) -> Self {
        Self { grid, search: Search::new(estimator) }
    }

    search_setters!();

    /// Searches. A [watch](Training::watch) is told of each fit.
    ///
    /// # Errors
    /// `UnknownParam` or `InvalidParam` for a name or value that the estimator does not take; those of the splitter;
    /// those of the input checks; the first error of a fit when every candidate fails; `Cancelled`.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<SearchResult> {
        self.grid.check("GridSearchCV")?;
        self.search.run(data, self.grid.iter().collect())
    }
}

impl<'a> RandomizedSearchCV<'a> {
    /// Draws ten candidates for the estimator's best parameters.
    pub fn new(estimator: &dyn Estimator, distributions: ParamDistributions) -> Self {
        Self { distributions, n_iter: 10, random_state: None, search: Search::new(estimator) }
    }

    search_setters!();

    /// Number of candidates to draw.
    #[must_use]
    pub fn n_iter(mut self, n_iter: usize) -> Self {
        self.n_iter = n_iter;
        self
    }

    /// The seed of the draws; without one they differ each time.
    #[must_use]
    pub fn random_state(mut self, seed: impl Into<Option<u32>>) -> Self {
        self.random_state = seed.into();
        self
    }

    /// Searches. A [watch](Training::watch) is told of each fit.
    ///
    /// # Errors
    /// As [`GridSearchCV::fit_on`]; `InvalidParam` for a distribution without values.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<SearchResult> {
        if self.n_iter == 0 {
            return Err(Error::invalid("RandomizedSearchCV", "n_iter", 0, "a whole number of at least 1"));
        }
        let drawn = self.distributions.sample(self.n_iter, &mut RandomState::from_seed(self.random_state))?;
        self.search.run(data, drawn)
    }
}

impl Search<'_> {
    fn new(estimator: &dyn Estimator) -> Self {
        Self {
            estimator: estimator.clone_box(),
            cv: Cv::default(),
            scoring: Vec::new(),
            refit: true,
            return_train_score: false,
            groups: None,
        }
    }

    fn run(&self, data: &Training<'_>, params: Vec<ParamSet>) -> Result<SearchResult> {
        let estimators = params.iter().map(|params| self.with(params)).collect::<Result<Vec<_>>>()?;
        check_data(&*self.estimator, data)?;
        let mut evaluation = Evaluation::new(data, scorings(&self.scoring, &*self.estimator)?);
        evaluation.train_score = self.return_train_score;
        let mut grouped = data.borrowed();
        grouped.groups = self.groups.as_ref().map(|groups| groups.view()).or(grouped.groups);
        let splits = self.cv.splits(self.estimator.kind(), &grouped)?;
        let results = evaluation.run(&estimators, &splits)?;
        let candidates = ranked(params, results)?;
        let best_index = candidates.iter().position(|candidate| candidate.rank == 1).unwrap_or(0);
        let best_estimator = estimators.into_iter().nth(best_index).unwrap_or_else(|| self.estimator.clone());
        let best_model = if self.refit { Some(best_estimator.fit_on(data)?) } else { None };
        let (scoring, n_splits) = (evaluation.scoring, splits.len());
        Ok(SearchResult { candidates, best_index, best_estimator, scoring, n_splits, best_model })
    }

    fn with(&self, params: &ParamSet) -> Result<Box<dyn Estimator>> {
        let mut estimator = self.estimator.clone();
        for (name, value) in params {
            estimator.set_param(name, value.clone())?;
        }
        estimator.check_params()?;
        Ok(estimator)
    }
}

/// The scorings wanted, or the estimator's own.
pub(super) fn scorings(wanted: &[Scoring], estimator: &dyn Estimator) -> Result<Vec<Scoring>> {
    if !wanted.is_empty() {
        return Ok(wanted.to_vec());
    }
    let default = Scoring::default_for(estimator.kind());
    let default = default.ok_or_else(|| Error::unsupported(estimator.name(), "score of its own; name a scoring"))?;
    Ok(vec![default])
}

/// Means, deviations and ranks of all candidates.
fn ranked(params: Vec<ParamSet>, results: Vec<Vec<Result<FoldScore>>>) -> Result<Vec<Candidate>> {
    if results.iter().flatten().all(Result::is_err) {
        let first = results.into_iter().flatten().find_map(Result::err);
        return Err(first.unwrap_or_else(|| Error::new(ErrorKind::Cancelled)));
    }
    let mut candidates: Vec<Candidate> = params
        .into_iter()
        .zip(results)
        .map(|(params, splits)| {
            let splits = splits.into_iter().map(|split| split.map_err(|error| error.to_string())).collect();
            let mut candidate = Candidate { params, splits, mean: None, std: None, rank: 1 };
            let scores: Option<Vec<f64>> = candidate.test_scores().into_iter().collect();
            if let Some(scores) = scores {
                let centre = mean(scores.len(), |i| scores[i]);
                let squares = mean(scores.len(), |i| (scores[i] - centre) * (scores[i] - centre));
                (candidate.mean, candidate.std) = (Some(centre), Some(squares.sqrt()));
            }
            candidate
        })
        .collect();
    // Candidates without a score share the place after the last.
    let means: Array1<f64> = candidates.iter().map(|candidate| candidate.mean.unwrap_or(f64::NEG_INFINITY)).collect();
    for (index, candidate) in candidates.iter_mut().enumerate() {
        candidate.rank = 1 + means.iter().filter(|mean| **mean > means[index]).count();
    }
    Ok(candidates)
}
