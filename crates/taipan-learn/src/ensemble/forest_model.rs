//! A fitted forest.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2};

use crate::error::{Error, Result};
use crate::estimator::{Attribute, Predictor, Training, unsupported};
use crate::input::Nan;
use crate::onnx::{Answer, Graph, Tensor, sums};
use crate::state::State;
use crate::sum::{column_sum, pairwise_sum};
use crate::tree::{
    Decoding, Prepared, Tree, add_values, by_blocks, compacted, n_values, single, take_trees, with_trees,
};

/// A fitted forest. Parity with scikit-learn: exact, every node; predictions add up in tree order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForestPredictor {
    pub(crate) trees: Vec<Arc<Tree>>,
    pub(crate) n_features: usize,
    pub(crate) classes: Vec<Vec<f64>>,
    pub(crate) out_of_bag: Option<OutOfBag>,
}

/// How a forest does on the rows that its trees did not see.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfBag {
    /// Accuracy, or the coefficient of determination.
    pub score: f64,
    /// For each training row the average over the trees that did not see it: shares of classes, or numbers. 0 for a row
    /// that every tree saw.
    pub predictions: Array2<f64>,
}

impl ForestPredictor {
    /// The trees, in order.
    pub fn trees(&self) -> impl ExactSizeIterator<Item = &Tree> {
        self.trees.iter().map(AsRef::as_ref)
    }

    /// Scores on unseen rows, if they were asked for.
    pub fn out_of_bag(&self) -> Option<&OutOfBag> {
        self.out_of_bag.as_ref()
    }

    /// Importance of each feature: the average over the trees that have splits. All 0 when none has.
    pub fn feature_importances(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.n_features];
        let mut n_trees = 0.0;
        for tree in self.trees().filter(|tree| tree.node_count() > 1) {
            for (sum, importance) in sums.iter_mut().zip(tree.feature_importances(true)) {
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

    /// Number of the leaf that each row falls into, one column per tree.
    ///
    /// # Errors
    /// See [`Predictor::predict`].
    pub fn apply(&self, x: ArrayView2<'_, f64>) -> Result<Array2<usize>> {
        let numbers: Vec<Vec<usize>> = self.trees().map(|tree| tree.numbers().1).collect();
        by_blocks(x, self.n_features, self.trees.len(), Nan::Missing, |rows, out| {
            for (row, leaves) in rows.chunks_exact(self.n_features).zip(out.chunks_exact_mut(self.trees.len())) {
                for ((leaf, tree), numbers) in leaves.iter_mut().zip(self.trees()).zip(&numbers) {
                    *leaf = numbers[tree.leaf(row)];
                }
            }
        })
    }

    /// The forest of the first trees.
    pub(crate) fn prefix(&self, n_estimators: usize) -> Self {
        Self {
            trees: self.trees[..n_estimators.min(self.trees.len())].to_vec(),
            n_features: self.n_features,
            classes: self.classes.clone(),
            out_of_bag: None,
        }
    }

    pub(crate) fn boxed(self) -> Box<dyn Predictor> {
        Box::new(self)
    }

    /// Whether trees grown from this data can be added.
    pub(crate) fn check_continues(&self, owner: &str, prepared: &Prepared, n_estimators: usize) -> Result<()> {
        if self.trees.is_empty() {
            return Ok(());
        }
        if self.trees.len() > n_estimators {
            let allowed = format!("at least {}, the number of trees there are", self.trees.len());
            return Err(Error::invalid(owner, "n_estimators", n_estimators, allowed));
        }
        let n_features = prepared.columns.n_features();
        if n_features != self.n_features {
            let what = "X has another number of features than the forest was grown from";
            return Err(Error::shape(what, n_features, self.n_features));
        }
        if prepared.classes != self.classes || prepared.n_outputs() != self.n_outputs() {
            let what = "y has other outputs or classes than the forest was grown from";
            return Err(Error::shape(what, prepared.n_outputs(), self.n_outputs()));
        }
        Ok(())
    }

    /// Scores each row by the trees for which it is `unseen`.
    pub(crate) fn score_out_of_bag(
        &self,
        owner: &str,
        prepared: &Prepared,
        data: &Training<'_>,
        seeds: &[u32],
        unseen: impl Fn(u32) -> Result<Vec<bool>>,
    ) -> Result<OutOfBag> {
        let labels = !self.classes.is_empty();
        if labels && prepared.n_outputs() > 1 && self.classes.iter().any(|classes| classes.len() != 2) {
            let allowed = "false when there are several outputs of more than two classes";
            return Err(Error::invalid(owner, "oob_score", true, allowed));
        }
        let n_rows = prepared.n_rows();
        let stride = prepared.n_outputs() * n_values(&prepared.n_classes);
        let mut sums = Array2::<f64>::zeros((n_rows, stride));
        let mut n_trees = vec![0.0; n_rows];
        let rows = crate::tree::rows(data.x, 0)?;
        for (tree, &seed) in self.trees().zip(seeds) {
            for (row, _) in unseen(seed)?.into_iter().enumerate().filter(|(_, unseen)| *unseen) {
                let leaf = tree.leaf(&rows[row * self.n_features..(row + 1) * self.n_features]);
                let mut sums = sums.row_mut(row);
                tree.for_values(leaf, |at, value| sums[at] += value);
                n_trees[row] += 1.0;
            }
        }
        for (mut sums, n_trees) in sums.rows_mut().into_iter().zip(n_trees) {
            if n_trees > 0.0 {
                sums.mapv_inplace(|sum| sum / n_trees);
            }
        }
        let score = if labels { self.accuracy(prepared, &sums) } else { determination(prepared, &sums) };
        Ok(OutOfBag { score, predictions: sums })
    }

    /// Share of the rows whose outputs are all predicted right.
    fn accuracy(&self, prepared: &Prepared, sums: &Array2<f64>) -> f64 {
        let predicted = self.decoding().predictions(sums);
        let truth = prepared.y.chunks_exact(prepared.n_outputs());
        let right = predicted.rows().into_iter().zip(truth).filter(|(predicted, truth)| {
            predicted.iter().zip(*truth).zip(&self.classes).all(|((p, &t), classes)| *p == classes[t as usize])
        });
        right.count() as f64 / prepared.n_rows() as f64
    }

    fn decoding(&self) -> Decoding<'_> {
        let first = self.trees.first();
        Decoding {
            classes: &self.classes,
            n_outputs: first.map_or(1, |tree| tree.n_outputs),
            n_values: first.map_or(1, |tree| tree.n_values),
        }
    }

    fn values(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let stride = self.trees.first().map_or(1, |tree| tree.stride());
        let n_trees = self.trees.len() as f64;
        let trees = compacted(self.trees(), x.nrows());
        by_blocks(x, self.n_features, stride, Nan::Missing, |rows, out| {
            add_values(&trees, self.n_features, rows, out);
            for value in out {
                *value /= n_trees;
            }
        })
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let classes = state.take_vectors("classes")?;
        let out_of_bag = if state.contains("oob_score") {
            let score = state.take_scalar("oob_score")?;
            Some(OutOfBag { score, predictions: state.take_matrix("oob_predictions")? })
        } else {
            None
        };
        let trees: Vec<_> = take_trees(&mut state, &classes)?.into_iter().map(Arc::new).collect();
        state.finish()?;
        let n_features = trees.first().map_or(0, |tree| tree.n_features);
        Ok(Self { trees, n_features, classes, out_of_bag })
    }
}

/// The average over outputs of the coefficient of determination; an output that is constant counts 1 if it is predicted
/// exactly, else 0.
fn determination(prepared: &Prepared, predicted: &Array2<f64>) -> f64 {
    let (n, k) = (prepared.n_rows(), prepared.n_outputs());
    let of_output = |output: usize| {
        let truth = |row: usize| prepared.y[row * k + output];
        let mean = column_sum(n, k, truth) / n as f64;
        let residual = column_sum(n, k, |row| (truth(row) - predicted[(row, output)]).powi(2));
        let total = column_sum(n, k, |row| (truth(row) - mean).powi(2));
        match (residual == 0.0, total == 0.0) {
            (true, _) => 1.0,
            (false, true) => 0.0,
            (false, false) => 1.0 - residual / total,
        }
    };
    pairwise_sum(k, of_output) / k as f64
}

impl Predictor for ForestPredictor {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn n_outputs(&self) -> usize {
        self.trees.first().map_or(1, |tree| tree.n_outputs)
    }

    fn classes(&self) -> &[Vec<f64>] {
        &self.classes
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let mut attributes = vec![
            ("feature_importances", Attribute::Vector(self.feature_importances())),
            ("n_estimators", Attribute::Scalar(self.trees.len() as f64)),
        ];
        if let Some(OutOfBag { score, predictions }) = &self.out_of_bag {
            attributes.push(("oob_score", Attribute::Scalar(*score)));
            let name = if self.classes.is_empty() { "oob_prediction" } else { "oob_decision_function" };
            attributes.push((name, Attribute::Matrix(predictions.clone())));
        }
        attributes
    }

    fn state(&self) -> State {
        let state = State::new().with_vectors("classes", &self.classes);
        let state = match &self.out_of_bag {
            None => state,
            Some(OutOfBag { score, predictions }) => {
                state.with_scalar("oob_score", *score).with_matrix("oob_predictions", predictions)
            }
        };
        with_trees(state, self.trees())
    }

    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        single(self.predict_outputs(x)?)
    }

    fn predict_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Ok(self.decoding().predictions(&self.values(x)?))
    }

    fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        match <[_; 1]>::try_from(self.predict_proba_outputs(x)?) {
            Ok([probabilities]) => Ok(probabilities),
            Err(outputs) => {
                Err(Error::shape("the model has several outputs; use predict_proba_outputs", outputs.len(), 1))
            }
        }
    }

    fn predict_proba_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Vec<Array2<f64>>> {
        if self.classes.is_empty() {
            return Err(unsupported(self, "predict_proba"));
        }
        Ok(self.decoding().probabilities(self.values(x)?))
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let sums = sums(graph, x, self.trees.iter().map(AsRef::as_ref))?;
        self.decoding().onnx(graph, sums, self.trees.len())
    }
}
