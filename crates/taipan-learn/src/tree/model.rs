//! A fitted tree with what its predictions mean.

use ndarray::{Array1, Array2, ArrayView2};

use crate::error::{Error, Result};
use crate::estimator::{Attribute, Predictor, unsupported};
use crate::input::Nan;
use crate::onnx::{Answer, Graph, Tensor, sums};
use crate::state::State;

use super::compact::compacted;
use super::nodes::Tree;
use super::predict::{Decoding, add_values, by_blocks, single};
use super::prune::{PruningPath, path};
use super::state::{take_trees, with_trees};

/// A fitted decision tree. Parity with scikit-learn: exact, every node.
#[derive(Debug, Clone, PartialEq)]
pub struct TreePredictor {
    pub(crate) tree: Tree,
    pub(crate) classes: Vec<Vec<f64>>,
}

impl TreePredictor {
    /// The nodes.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Importance of each feature: its share of the decrease in impurity. All 0 for a tree without splits.
    pub fn feature_importances(&self) -> Vec<f64> {
        self.tree.feature_importances(true)
    }

    /// Number of the leaf that each row falls into.
    ///
    /// # Errors
    /// See [`Predictor::predict`].
    pub fn apply(&self, x: ArrayView2<'_, f64>) -> Result<Array1<usize>> {
        let n_features = self.tree.n_features;
        let (_, numbers) = self.tree.numbers();
        let leaves = by_blocks(x, n_features, 1, Nan::Missing, |rows, out| {
            for (row, leaf) in rows.chunks_exact(n_features).zip(out) {
                *leaf = numbers[self.tree.leaf(row)];
            }
        })?;
        Ok(leaves.into_iter().collect())
    }

    /// The nodes that each row passes, root first.
    ///
    /// # Errors
    /// See [`Predictor::predict`].
    pub fn decision_path(&self, x: ArrayView2<'_, f64>) -> Result<Vec<Vec<usize>>> {
        crate::input::check_predict(x, self.tree.n_features, Nan::Missing)?;
        let rows = super::data::rows(x, 0)?;
        let (splits, leaves) = self.tree.numbers();
        let path = |row: &[f32]| {
            let mut path = Vec::new();
            let leaf = self.tree.find(|feature| row[feature], |split| path.push(splits[split]));
            path.push(leaves[leaf]);
            path
        };
        Ok(rows.chunks_exact(self.tree.n_features).map(path).collect())
    }

    /// The subtrees that minimal cost-complexity pruning passes through. For a tree grown with `ccp_alpha` 0.
    pub fn cost_complexity_pruning_path(&self) -> PruningPath {
        path(&self.tree.arrays())
    }

    fn values(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let n_features = self.tree.n_features;
        let trees = compacted(std::iter::once(&self.tree), x.nrows());
        by_blocks(x, n_features, self.tree.stride(), Nan::Missing, |rows, out| {
            add_values(&trees, n_features, rows, out);
        })
    }

    fn decoding(&self) -> Decoding<'_> {
        Decoding { classes: &self.classes, n_outputs: self.tree.n_outputs, n_values: self.tree.n_values }
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let classes = state.take_vectors("classes")?;
        let mut trees = take_trees(&mut state, &classes)?;
        state.finish()?;
        match (trees.pop(), trees.is_empty()) {
            (Some(tree), true) => Ok(Self { tree, classes }),
            _ => Err(Error::malformed("a model of one tree has another number of trees")),
        }
    }
}

impl Predictor for TreePredictor {
    fn n_features(&self) -> usize {
        self.tree.n_features
    }

    fn n_outputs(&self) -> usize {
        self.tree.n_outputs
    }

    fn classes(&self) -> &[Vec<f64>] {
        &self.classes
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![
            ("feature_importances", Attribute::Vector(self.feature_importances())),
            ("max_depth", Attribute::Scalar(self.tree.max_depth() as f64)),
            ("node_count", Attribute::Scalar(self.tree.node_count() as f64)),
            ("n_leaves", Attribute::Scalar(self.tree.n_leaves() as f64)),
        ]
    }

    fn state(&self) -> State {
        with_trees(State::new().with_vectors("classes", &self.classes), std::iter::once(&self.tree))
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
        let values = sums(graph, x, std::iter::once(&self.tree))?;
        self.decoding().onnx(graph, values, 1)
    }
}
