//! A fitted gradient boosting model.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::estimator::{Attribute, Predictor, unsupported};
use crate::input::{BLOCK_ROWS, Nan, check_predict};
use crate::onnx::{Answer, Graph, Leaf, Tensor, ensemble};
use crate::state::State;
use crate::sum::pairwise_sum;
use crate::tree::{Batch, Compact, Tree, by_blocks, compacted, rows, take_trees, with_trees};

use super::init::{FittedInit, rounded};
use super::loss::Loss;
use super::stages::Data;

/// A fitted gradient boosting model: a start plus `learning_rate` times the sum of the trees. Parity with scikit-learn:
/// exact for the squared error; for losses with exponentials and logarithms as exact as those of the system's library.
#[derive(Debug, Clone, PartialEq)]
pub struct BoostingPredictor {
    /// Stage by stage; `loss.n_outputs()` trees each.
    pub(super) trees: Vec<Tree>,
    pub(super) loss: Loss,
    pub(super) learning_rate: f64,
    pub(super) start: Vec<f64>,
    /// What is added to the start, if it is not the same for all rows.
    pub(super) init: Option<FittedInit>,
    pub(super) n_features: usize,
    /// Empty for regression, else one entry.
    pub(super) classes: Vec<Vec<f64>>,
    pub(super) train_score: Vec<f64>,
    pub(super) oob_improvement: Vec<f64>,
    pub(super) oob_scores: Vec<f64>,
}

impl BoostingPredictor {
    /// The trees, stage by stage: one per stage, or one per class when there are more than two.
    pub fn trees(&self) -> impl ExactSizeIterator<Item = &Tree> {
        self.trees.iter()
    }

    /// Number of stages; fewer than asked for when the score stopped improving.
    pub fn n_estimators(&self) -> usize {
        self.trees.len() / self.loss.n_outputs()
    }

    /// Loss on the training rows of each stage, after it.
    pub fn train_score(&self) -> &[f64] {
        &self.train_score
    }

    /// Importance of each feature: its share of the decrease of squared error in all trees. All 0 without splits.
    pub fn feature_importances(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.n_features];
        let mut n_trees = 0.0;
        for tree in self.trees.iter().filter(|tree| tree.node_count() > 1) {
            for (sum, importance) in sums.iter_mut().zip(tree.feature_importances(false)) {
                *sum += importance;
            }
            n_trees += 1.0;
        }
        if n_trees == 0.0 {
            return sums;
        }
        let means: Vec<f64> = sums.iter().map(|sum| sum / n_trees).collect();
        let total = pairwise_sum(means.len(), |i| means[i]);
        means.iter().map(|mean| mean / total).collect()
    }

    /// Predictions after each stage, as [`Predictor::predict`] would give them had boosting stopped there.
    ///
    /// # Errors
    /// See [`Predictor::predict`].
    pub fn staged_predict(&self, x: ArrayView2<'_, f64>) -> Result<impl Iterator<Item = Array1<f64>>> {
        check_predict(x, self.n_features, Nan::Refused)?;
        let rows = rows(x, 0)?;
        let mut raw = self.first_of(&rows)?;
        Ok(self.trees.chunks(self.loss.n_outputs()).map(move |stage| {
            self.add_stage(&compacted(stage.iter(), raw.len()), Batch::new(&rows, self.n_features), &mut raw);
            self.decided(&raw)
        }))
    }

    /// Adds one stage to raw predictions.
    fn add_stage(&self, stage: &[Compact<'_>], batch: Batch<'_>, raw: &mut [f64]) {
        for (k, compact) in stage.iter().enumerate() {
            compact.for_first_values(batch, |row, value| raw[row * stage.len() + k] += self.learning_rate * value);
        }
    }

    /// Raw predictions before the first stage.
    pub(super) fn first(&self, data: &Data) -> Result<Vec<f64>> {
        match &self.init {
            None => Ok(self.start.repeat(data.n_rows())),
            Some(init) => init.raw(self.loss, data.rounded()?.view()),
        }
    }

    fn first_of(&self, rows: &[f32]) -> Result<Vec<f64>> {
        match &self.init {
            None => Ok(self.start.repeat(rows.len() / self.n_features)),
            Some(init) => init.raw(self.loss, rounded(rows, self.n_features)?.view()),
        }
    }

    /// Raw predictions of all stages.
    fn raw(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let trees = compacted(self.trees(), x.nrows());
        if self.init.is_some() {
            check_predict(x, self.n_features, Nan::Refused)?;
            let rows = rows(x, 0)?;
            let mut raw = self.first_of(&rows)?;
            let n_outputs = self.loss.n_outputs();
            let blocks = raw.par_chunks_mut(BLOCK_ROWS * n_outputs).zip(rows.par_chunks(BLOCK_ROWS * self.n_features));
            blocks.for_each(|(raw, rows)| {
                let batch = Batch::new(rows, self.n_features);
                trees.chunks(n_outputs).for_each(|stage| self.add_stage(stage, batch, raw));
            });
            return Array2::from_shape_vec((x.nrows(), n_outputs), raw)
                .map_err(|_| Error::overflow("the number of predictions"));
        }
        by_blocks(x, self.n_features, self.loss.n_outputs(), Nan::Refused, |rows, raw| {
            for row in raw.chunks_exact_mut(self.start.len()) {
                row.copy_from_slice(&self.start);
            }
            let batch = Batch::new(rows, self.n_features);
            for stage in trees.chunks(self.loss.n_outputs()) {
                self.add_stage(stage, batch, raw);
            }
        })
    }

    /// Numbers or labels from raw predictions, row by row.
    fn decided(&self, raw: &[f64]) -> Array1<f64> {
        let Some(labels) = self.classes.first() else {
            return raw.to_vec().into();
        };
        let class = |raw: &[f64]| match raw {
            [raw] => usize::from(*raw >= 0.0),
            raw => (0..raw.len()).fold(0, |best, class| if raw[class] > raw[best] { class } else { best }),
        };
        raw.chunks_exact(self.loss.n_outputs()).map(|raw| labels[class(raw)]).collect()
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let classes = state.take_vectors("classes")?;
        let name: Vec<String> = state.take_values("loss")?;
        let alpha = state.take_scalar("alpha")?;
        let delta = state.take_scalar("delta")?;
        let n_classes = classes.first().map_or(0, Vec::len);
        let loss = match (name.first().map(String::as_str), n_classes) {
            (Some("squared_error"), 0) => Loss::SquaredError,
            (Some("absolute_error"), 0) => Loss::AbsoluteError,
            (Some("huber"), 0) => Loss::Huber { quantile: alpha, delta },
            (Some("quantile"), 0) => Loss::Quantile(alpha),
            (Some("log_loss"), 2) => Loss::Binomial,
            (Some("log_loss"), 3..) => Loss::Multinomial(n_classes),
            (Some("exponential"), 2) => Loss::Exponential,
            _ => return Err(Error::malformed("the loss does not fit the classes")),
        };
        let model = Self {
            loss,
            learning_rate: state.take_scalar("learning_rate")?,
            start: state.take_vector("start")?,
            init: FittedInit::take(&mut state)?,
            train_score: state.take_values("train_score")?,
            oob_improvement: state.take_values("oob_improvement")?,
            oob_scores: state.take_values("oob_scores")?,
            trees: take_trees(&mut state, &[])?,
            n_features: 0,
            classes,
        };
        state.finish()?;
        let n_features = model.trees.first().map_or(0, |tree| tree.n_features);
        let fits = model.start.len() == loss.n_outputs()
            && model.classes.len() <= 1
            && model.trees.len().is_multiple_of(loss.n_outputs())
            && model.trees.iter().all(|tree| tree.n_outputs == 1)
            && model.init.as_ref().is_none_or(|init| init.fitted.n_features() == n_features);
        if fits { Ok(Self { n_features, ..model }) } else { Err(Error::malformed("the stages do not fit the loss")) }
    }
}

impl Predictor for BoostingPredictor {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn classes(&self) -> &[Vec<f64>] {
        &self.classes
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let mut attributes = vec![
            ("feature_importances", Attribute::Vector(self.feature_importances())),
            ("n_estimators", Attribute::Scalar(self.n_estimators() as f64)),
            ("train_score", Attribute::Vector(self.train_score.clone())),
        ];
        if !self.oob_scores.is_empty() {
            attributes.push(("oob_improvement", Attribute::Vector(self.oob_improvement.clone())));
            attributes.push(("oob_scores", Attribute::Vector(self.oob_scores.clone())));
        }
        attributes
    }

    fn state(&self) -> State {
        let (name, alpha, delta) = match self.loss {
            Loss::SquaredError => ("squared_error", 0.0, 0.0),
            Loss::AbsoluteError => ("absolute_error", 0.0, 0.0),
            Loss::Huber { quantile, delta } => ("huber", quantile, delta),
            Loss::Quantile(quantile) => ("quantile", quantile, 0.0),
            Loss::Binomial | Loss::Multinomial(_) => ("log_loss", 0.0, 0.0),
            Loss::Exponential => ("exponential", 0.0, 0.0),
        };
        let state = State::new()
            .with_vectors("classes", &self.classes)
            .with_values("loss", vec![name.to_owned()])
            .with_scalar("alpha", alpha)
            .with_scalar("delta", delta)
            .with_scalar("learning_rate", self.learning_rate)
            .with_vector("start", &self.start)
            .with_vector("train_score", &self.train_score)
            .with_vector("oob_improvement", &self.oob_improvement)
            .with_vector("oob_scores", &self.oob_scores);
        let state = self.init.iter().fold(state, |state, init| init.put(state));
        with_trees(state, self.trees())
    }

    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        let raw = self.raw(x)?;
        Ok(self.decided(raw.as_slice().unwrap_or_default()))
    }

    fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let Some(labels) = self.classes.first() else {
            return Err(unsupported(self, "predict_proba"));
        };
        let raw = self.raw(x)?;
        let mut probabilities = Array2::zeros((raw.nrows(), labels.len()));
        for (raw, mut out) in raw.axis_iter(Axis(0)).zip(probabilities.rows_mut()) {
            if let (Some(raw), Some(out)) = (raw.as_slice(), out.as_slice_mut()) {
                self.loss.probabilities(raw, out);
            }
        }
        Ok(probabilities)
    }

    fn decision_function(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        if self.classes.is_empty() {
            return Err(unsupported(self, "decision_function"));
        }
        self.raw(x)
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let first = match &self.init {
            None => None,
            Some(init) => {
                let rounded = graph.rounded(x);
                match init.fitted.onnx(graph, &rounded)? {
                    Answer::Numbers(first) => Some(first),
                    _ => return Err(Error::unsupported("boosting that starts from a classifier", "ONNX form")),
                }
            }
        };
        let columns = self.loss.n_outputs();
        let leaf = |number: usize, tree: &Tree, leaf: usize| Leaf {
            column: number % columns,
            weight: self.learning_rate * tree.leaf_value(leaf),
        };
        let raw = ensemble(graph, x, self.trees(), columns, leaf);
        let raw = match first {
            None => graph.by_column("Add", &raw, &self.start),
            Some(first) => graph.with("Add", &raw, &first),
        };
        if self.classes.is_empty() {
            return Ok(Answer::Numbers(raw));
        }
        if let Loss::Multinomial(_) = self.loss {
            return Ok(Answer::Class { place: graph.greatest(&raw), probabilities: graph.softmax(&raw) });
        }
        // Half of the log odds is what the exponential loss leads to.
        let odds = if self.loss == Loss::Exponential { graph.with("Add", &raw, &raw) } else { raw.clone() };
        let second = graph.apply("Sigmoid", &[&odds], vec![]);
        let probabilities = graph.both(&second);
        Ok(Answer::Class { place: graph.second_of_two("GreaterOrEqual", &raw), probabilities })
    }
}
