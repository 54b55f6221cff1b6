//! Learning from a relation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use sha2::{Digest, Sha256};
use taipan_learn::metrics::{Scoring, mean_absolute_error, root_mean_squared_error};
use taipan_learn::model_selection::{
    Candidate, GridSearchCV, ParamDistributions, ParamGrid, RandomizedSearchCV, SearchResult, TestSize, cross_validate,
    train_test_split,
};
use taipan_learn::{Estimator, Kind, Model, ParamValue, Watch};
use taipan_query::Engine;

use super::inputs::{Matrix, Rows, Target, TextAs, feature_columns};
use super::{TrainOptions, Watcher};
use crate::error::{Error, Result};
use crate::import::hex;
use crate::relation::Relation;

/// The folds of a search, unless set.
const FOLDS: usize = 5;

/// Trains a model on `relation`. Columns of texts become numbers by themselves, see [`Model::categories`].
///
/// Errors: an unknown estimator, parameter or column with the nearest name; a column that cannot be used, or has missing
/// values where the estimator takes none, by name.
pub fn train(engine: &Engine, relation: &Relation, options: &TrainOptions) -> Result<Model> {
    Training::load(engine, relation, options)?.learn(options)
}

/// What a search found: the best model, fitted to all rows it was searched on, and every candidate.
#[derive(Debug)]
#[non_exhaustive]
pub struct Searched {
    /// The best model.
    pub model: Model,
    /// All candidates, in the order tried.
    pub candidates: Vec<Candidate>,
    /// The number of the best.
    pub best_index: usize,
    /// What they were judged by.
    pub scoring: Scoring,
    /// In how many splits.
    pub n_splits: usize,
}

/// The parameters of a search's best model, shown as `{max_depth: 3, n_estimators: 50}`.
#[derive(Debug, Clone, Copy)]
pub struct BestParams<'a>(&'a [(String, ParamValue)]);

impl BestParams<'_> {
    /// Each by its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl fmt::Display for BestParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        write!(f, "{{{}}}", shown.join(", "))
    }
}

impl Searched {
    /// The parameters of the best model.
    pub fn best_params(&self) -> BestParams<'_> {
        BestParams(self.candidates.get(self.best_index).map_or(&[], |best| &best.params))
    }
}

/// Searches for the best values of the parameters given by [`TrainOptions::grid`].
///
/// Errors: those of [`train`], and no such parameter or value.
pub fn search(engine: &Engine, relation: &Relation, options: &TrainOptions) -> Result<Searched> {
    let started = Instant::now();
    let training = Training::load(engine, relation, options)?;
    let parts = training.parts(options)?;
    let found = parts.search(options)?;
    let (candidates, best_index, n_splits) = (found.candidates.clone(), found.best_index, found.n_splits);
    let scoring = found.scoring.first().copied().unwrap_or(Scoring::R2);
    let model = training.finish(options, &parts, Fitted::Searched(Box::new(found)), started)?;
    Ok(Searched { model, candidates, best_index, scoring, n_splits })
}

/// The data of a training, read and not yet learnt.
pub(crate) struct Training {
    matrix: Matrix,
    target: Option<Target>,
    from: String,
    pub(crate) data_hash: String,
}

/// The rows to learn from, and those kept for testing.
struct Parts {
    train: Vec<usize>,
    test: Vec<usize>,
    x_train: Array2<f64>,
    y_train: Option<Array1<f64>>,
}

enum Fitted {
    Plain(Model),
    Searched(Box<SearchResult>),
}

impl Training {
    pub(crate) fn load(engine: &Engine, relation: &Relation, options: &TrainOptions) -> Result<Self> {
        let estimator = options.estimator()?;
        let batch = relation.read(engine, None)?;
        let of = relation.describe();
        let columns = feature_columns(&batch, options.target.as_deref(), &options.exclude, &of)?;
        let rows = Rows { batch: &batch, of: &of, before: 0, missing: estimator.allows_nan() };
        let target = options.target.as_deref().map(|name| rows.target(name, estimator.kind())).transpose()?;
        let matrix = rows.features(&columns, TextAs::suiting(&options.estimator))?;
        let from = match relation {
            Relation::Query(text) => text.clone(),
            Relation::File(path) => path.display().to_string(),
            Relation::Table(name) => name.clone(),
        };
        Ok(Self { data_hash: data_hash(&matrix, target.as_ref()), matrix, target, from })
    }

    pub(crate) fn learn(&self, options: &TrainOptions) -> Result<Model> {
        let started = Instant::now();
        let parts = self.parts(options)?;
        let fitted = if options.is_search() {
            Fitted::Searched(Box::new(parts.search(options)?))
        } else {
            let estimator = options.estimator()?;
            let data = parts.data(&options.watch);
            Fitted::Plain(Model::train_on(estimator.as_ref(), &data, self.features(), options.target_name())?)
        };
        self.finish(options, &parts, fitted, started)
    }

    fn features(&self) -> Vec<String> {
        self.matrix.features.clone()
    }

    fn parts(&self, options: &TrainOptions) -> Result<Parts> {
        let rows = self.matrix.x.nrows();
        let (train, test) = if options.test_size == 0.0 {
            ((0..rows).collect(), Vec::new())
        } else {
            let split = train_test_split(rows, TestSize::Fraction(options.test_size), options.random_state)?;
            (split.train, split.test)
        };
        let (x_train, y_train) = self.rows(&train);
        Ok(Parts { train, test, x_train, y_train })
    }

    fn rows(&self, rows: &[usize]) -> (Array2<f64>, Option<Array1<f64>>) {
        let y = self.target.as_ref().map(|target| target.y.select(Axis(0), rows));
        (self.matrix.x.select(Axis(0), rows), y)
    }

    /// Scores the fitted model and says where it comes from.
    fn finish(&self, options: &TrainOptions, parts: &Parts, fitted: Fitted, started: Instant) -> Result<Model> {
        let estimator = options.estimator()?;
        let mut searched = None;
        let mut model = match fitted {
            Fitted::Plain(model) => model,
            Fitted::Searched(mut found) => {
                let best = found.best();
                let said = best.params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
                let told = format!("{} of {} candidates", said.join(", "), found.candidates.len());
                searched = Some((best.mean, found.scoring.first().copied(), told));
                let best = found.best_estimator.clone_box();
                let Some(predictor) = found.take_best_model() else {
                    return Err(Error::invalid("the search kept no model"));
                };
                Model::of(best.as_ref(), predictor, self.features(), options.target_name())?
            }
        };
        model.categories.clone_from(&self.matrix.categories);
        if let Some(target) = &self.target {
            model.labels.clone_from(&target.labels);
        }
        self.score(&mut model, parts, estimator.kind())?;
        model.lineage = BTreeMap::from([
            ("from".to_owned(), self.from.clone()),
            ("data_sha256".to_owned(), self.data_hash.clone()),
            ("n_train".to_owned(), parts.train.len().to_string()),
            ("n_test".to_owned(), parts.test.len().to_string()),
        ]);
        if let Some(seed) = options.random_state {
            model.lineage.insert("random_state".to_owned(), seed.to_string());
        }
        match (searched, options.cv) {
            (Some((best, scoring, told)), folds) => {
                let name = scoring.map_or("score", Scoring::name);
                model.scores.set(&format!("{name}_cv"), best);
                model.lineage.insert("cv".to_owned(), folds.unwrap_or(FOLDS).to_string());
                model.lineage.insert("search".to_owned(), told);
            }
            (None, Some(folds)) => self.cross_validate(&mut model, options, estimator.as_ref(), folds)?,
            (None, None) => {}
        }
        model.lineage.insert("seconds".to_owned(), format!("{:.6}", started.elapsed().as_secs_f64()));
        Ok(model)
    }

    fn cross_validate(
        &self,
        model: &mut Model,
        options: &TrainOptions,
        estimator: &dyn Estimator,
        folds: usize,
    ) -> Result<()> {
        let Some(scoring) = options.scoring.or_else(|| Scoring::default_for(estimator.kind())) else {
            let kind = estimator.kind();
            return Err(Error::invalid(format!("a {kind} is not judged by cross-validation; leave cv out")));
        };
        let y = self.target.as_ref().map(|target| target.y.view());
        let data = data(self.matrix.x.view(), y, &options.watch);
        let scores = cross_validate(estimator, &data, folds, &[scoring])?.test_scores(0);
        model.scores.set(&format!("{}_cv", scoring.name()), mean(&scores));
        model.lineage.insert("cv".to_owned(), folds.to_string());
        Ok(())
    }

    fn score(&self, model: &mut Model, parts: &Parts, kind: Kind) -> Result<()> {
        let Some(y_train) = &parts.y_train else { return Ok(()) };
        let (x_test, y_test) = self.rows(&parts.test);
        let y_test = y_test.filter(|y| !y.is_empty());
        let scores: &[(Scoring, &str)] = match kind {
            Kind::Regressor => &[(Scoring::R2, "r2")],
            Kind::Classifier => &[(Scoring::ACCURACY, "accuracy"), (Scoring::F1_MACRO, "f1_macro")],
            Kind::Transformer | Kind::Clusterer => return Ok(()),
        };
        for (at, (scoring, name)) in scores.iter().enumerate() {
            let score = |x: &Array2<f64>, y: &Array1<f64>| {
                scoring.score(model.predictor(), x.view(), y.view().insert_axis(Axis(1)), None)
            };
            let on_train = score(&parts.x_train, y_train)?;
            let on_test = y_test.as_ref().map(|y| score(&x_test, y)).transpose()?;
            // The training rows' score warns of a fit that is too good; one is enough for that.
            if at == 0 {
                model.scores.set(&format!("{name}_train"), on_train);
            }
            if let Some(on_test) = on_test {
                model.scores.set(&format!("{name}_test"), on_test);
            }
        }
        if let (Kind::Regressor, Some(y_test)) = (kind, &y_test) {
            let predicted = model.predict(x_test.view())?;
            model.scores.set("mae_test", mean_absolute_error(y_test.view(), predicted.view())?);
            model.scores.set("rmse_test", root_mean_squared_error(y_test.view(), predicted.view())?);
        }
        Ok(())
    }
}

impl Parts {
    fn search(&self, options: &TrainOptions) -> Result<SearchResult> {
        let estimator = options.estimator()?;
        let data = self.data(&options.watch);
        let folds = options.cv.unwrap_or(FOLDS);
        let found = match options.n_iter {
            None => {
                let values = |grid: ParamGrid, (name, values): &(String, Vec<_>)| grid.values(name, values.clone());
                let grid = options.grid.iter().fold(ParamGrid::new(), values);
                let search = GridSearchCV::new(estimator.as_ref(), grid).cv(folds);
                options.scoring.map_or_else(|| search.clone(), |score| search.clone().scoring(score)).fit_on(&data)
            }
            Some(n_iter) => {
                let values =
                    |drawn: ParamDistributions, (name, values): &(String, Vec<_>)| drawn.values(name, values.clone());
                let drawn = options.grid.iter().fold(ParamDistributions::new(), values);
                let search = RandomizedSearchCV::new(estimator.as_ref(), drawn)
                    .cv(folds)
                    .n_iter(n_iter)
                    .random_state(options.random_state);
                options.scoring.map_or_else(|| search.clone(), |score| search.clone().scoring(score)).fit_on(&data)
            }
        };
        found.map_err(Error::from)
    }

    fn data<'a>(&'a self, watch: &'a Watcher) -> taipan_learn::Training<'a> {
        data(self.x_train.view(), self.y_train.as_ref().map(|y| y.view()), watch)
    }
}

impl TrainOptions {
    fn target_name(&self) -> &str {
        self.target.as_deref().unwrap_or_default()
    }
}

fn data<'a>(x: ArrayView2<'a, f64>, y: Option<ArrayView1<'a, f64>>, watch: &'a Watcher) -> taipan_learn::Training<'a> {
    let data = match y {
        Some(y) => taipan_learn::Training::supervised(x, y),
        None => taipan_learn::Training::unsupervised(x),
    };
    match &watch.0 {
        Some(watch) => {
            let watch: &dyn Watch = watch.as_ref();
            data.watch(watch)
        }
        None => data,
    }
}

/// The mean, undefined when any fold's score is.
fn mean(scores: &[Option<f64>]) -> Option<f64> {
    let known: Option<Vec<f64>> = scores.iter().copied().collect();
    known.filter(|known| !known.is_empty()).map(|known| known.iter().sum::<f64>() / known.len() as f64)
}

/// SHA-256 over names, texts and values, so that a model can say what it was made of.
fn data_hash(matrix: &Matrix, target: Option<&Target>) -> String {
    let mut hasher = Sha256::new();
    let labels = target.into_iter().flat_map(|target| &target.labels);
    let texts = matrix.categories.iter().flat_map(|(column, texts)| std::iter::once(column).chain(texts));
    for name in matrix.features.iter().chain(texts).chain(labels) {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
    }
    let y = target.into_iter().flat_map(|target| &target.y);
    for value in matrix.x.t().iter().chain(y) {
        hasher.update(value.to_le_bytes());
    }
    hex(&hasher.finalize())
}
