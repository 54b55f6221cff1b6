//! Trees in a model file: the arrays of all trees one after the other.

use crate::error::{Error, Result};
use crate::state::State;

use super::arrays::TreeArrays;
use super::nodes::Tree;

/// Adds the trees, which all have the same features and outputs.
pub(crate) fn with_trees<'a>(state: State, trees: impl Iterator<Item = &'a Tree>) -> State {
    let trees: Vec<&Tree> = trees.collect();
    let Some(first) = trees.first() else {
        return state;
    };
    let bits = |values: &[u32]| values.iter().map(|&value| value as i32).collect::<Vec<_>>();
    state
        .with_integer("n_features", first.n_features as i64)
        .with_integer("n_outputs", first.n_outputs as i64)
        .with_integer("n_values", first.n_values as i64)
        .with_values("node_counts", trees.iter().map(|tree| tree.node_count() as i64).collect())
        .with_values("max_depths", trees.iter().map(|tree| tree.max_depth as i64).collect())
        .with_values("children_left", trees.iter().flat_map(|tree| tree.children_left()).collect())
        .with_values("children_right", trees.iter().flat_map(|tree| tree.children_right()).collect())
        .with_values("feature", trees.iter().flat_map(|tree| tree.feature()).collect())
        .with_values("threshold", trees.iter().flat_map(|tree| tree.threshold()).collect())
        .with_values("impurity", trees.iter().flat_map(|tree| tree.impurity()).collect())
        .with_values("n_node_samples", trees.iter().flat_map(|tree| bits(&tree.n_node_samples())).collect())
        .with_values("weighted_n_node_samples", trees.iter().flat_map(|tree| tree.weighted_n_node_samples()).collect())
        .with_values(
            "missing_go_to_left",
            trees.iter().flat_map(|tree| tree.missing_go_to_left().into_iter().map(u8::from)).collect(),
        )
        .with_values("value", trees.iter().flat_map(|tree| tree.value()).collect())
}

/// Takes them back. The numbers may come from an untrusted file: every tree is checked.
///
/// # Errors
/// `Malformed`.
pub(crate) fn take_trees(state: &mut State, classes: &[Vec<f64>]) -> Result<Vec<Tree>> {
    let n_features = state.take_count("n_features")?;
    let n_outputs = state.take_count("n_outputs")?;
    let n_values = state.take_count("n_values")?;
    let fits = if classes.is_empty() {
        n_values == 1
    } else {
        classes.len() == n_outputs
            && classes.iter().all(|labels| !labels.is_empty())
            && classes.iter().map(Vec::len).max() == Some(n_values)
    };
    if n_features == 0 || n_outputs == 0 || !fits {
        return Err(Error::malformed("the features, outputs and classes of the trees do not fit together"));
    }
    let node_counts: Vec<i64> = state.take_values("node_counts")?;
    let max_depths: Vec<i64> = state.take_values("max_depths")?;
    let mut children_left = Parts(state.take_values::<i32>("children_left")?.into_iter());
    let mut children_right = Parts(state.take_values::<i32>("children_right")?.into_iter());
    let mut feature = Parts(state.take_values::<i32>("feature")?.into_iter());
    let mut threshold = Parts(state.take_values::<f64>("threshold")?.into_iter());
    let mut impurity = Parts(state.take_values::<f64>("impurity")?.into_iter());
    let mut n_node_samples = Parts(state.take_values::<i32>("n_node_samples")?.into_iter());
    let mut weighted = Parts(state.take_values::<f64>("weighted_n_node_samples")?.into_iter());
    let mut missing = Parts(state.take_values::<u8>("missing_go_to_left")?.into_iter());
    let mut value = Parts(state.take_values::<f64>("value")?.into_iter());
    if node_counts.len() != max_depths.len() || node_counts.is_empty() {
        return Err(Error::malformed("the model has no trees, or not as many depths as trees"));
    }
    let stride = n_outputs.checked_mul(n_values).ok_or_else(|| Error::malformed("the trees predict too much"))?;
    let mut trees = Vec::new();
    for (count, max_depth) in node_counts.into_iter().zip(max_depths) {
        let count = usize::try_from(count).map_err(|_| Error::malformed("a tree has fewer than no nodes"))?;
        let tree = TreeArrays {
            n_features,
            n_outputs,
            n_values,
            max_depth: usize::try_from(max_depth).unwrap_or(0),
            children_left: children_left.take(count),
            children_right: children_right.take(count),
            feature: feature.take(count),
            threshold: threshold.take(count),
            impurity: impurity.take(count),
            n_node_samples: n_node_samples.take(count).into_iter().map(|bits| bits as u32).collect(),
            weighted_n_node_samples: weighted.take(count),
            missing_go_to_left: missing.take(count).into_iter().map(|left| left != 0).collect(),
            value: value.take(count.saturating_mul(stride)),
        };
        tree.check()?;
        trees.push(Tree::of(&tree));
    }
    let rest = children_left.0.len()
        + children_right.0.len()
        + feature.0.len()
        + threshold.0.len()
        + impurity.0.len()
        + n_node_samples.0.len()
        + weighted.0.len()
        + missing.0.len()
        + value.0.len();
    if rest == 0 { Ok(trees) } else { Err(Error::malformed("the trees have numbers left over")) }
}

/// An array that is handed out in parts; short at its end.
struct Parts<T>(std::vec::IntoIter<T>);

impl<T> Parts<T> {
    fn take(&mut self, count: usize) -> Vec<T> {
        self.0.by_ref().take(count).collect()
    }
}
