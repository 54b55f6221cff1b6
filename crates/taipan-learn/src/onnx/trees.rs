//! Trees as one operator.

use ndarray::Array2;

use super::graph::{Graph, Setting, Tensor};
use crate::error::{Error, Result};
use crate::tree::Tree;

/// What the leaves of each tree add, and to which column of the result.
pub(crate) struct Leaf {
    pub(crate) column: usize,
    pub(crate) weight: f64,
}

/// Arrays of the operator `TreeEnsemble`: inner nodes and leaves apart.
#[derive(Default)]
struct Arrays {
    roots: Vec<i64>,
    features: Vec<i64>,
    splits: Vec<f64>,
    missing_left: Vec<i64>,
    left: Side,
    right: Side,
    columns: Vec<i64>,
    weights: Vec<f64>,
}

/// Where nodes lead to on one side.
#[derive(Default)]
struct Side {
    nodes: Vec<i64>,
    are_leaves: Vec<i64>,
}

/// The sums, over the trees, of what the leaf of each row adds: one row per sample, `columns` wide.
///
/// `leaf` says what a leaf of a tree, both by number, adds.
pub(crate) fn ensemble<'a>(
    graph: &mut Graph,
    x: &Tensor,
    trees: impl Iterator<Item = &'a Tree>,
    columns: usize,
    leaf: impl Fn(usize, &Tree, usize) -> Leaf,
) -> Tensor {
    let mut arrays = Arrays::default();
    for (number, tree) in trees.enumerate() {
        arrays.add(tree, |node| leaf(number, tree, node));
    }
    let x = graph.rounded(x);
    let modes = vec![0; arrays.features.len()];
    let settings = vec![
        // 1 is the sum.
        ("aggregate_function", Setting::Integer(1)),
        ("n_targets", Setting::Integer(columns as i64)),
        ("tree_roots", Setting::Integers(arrays.roots)),
        ("nodes_featureids", Setting::Integers(arrays.features)),
        ("nodes_splits", Setting::Numbers(arrays.splits)),
        ("nodes_missing_value_tracks_true", Setting::Integers(arrays.missing_left)),
        // 0 is `value <= split`, whose true branch is the left child.
        ("nodes_modes", Setting::Bytes(modes)),
        ("nodes_truenodeids", Setting::Integers(arrays.left.nodes)),
        ("nodes_trueleafs", Setting::Integers(arrays.left.are_leaves)),
        ("nodes_falsenodeids", Setting::Integers(arrays.right.nodes)),
        ("nodes_falseleafs", Setting::Integers(arrays.right.are_leaves)),
        ("leaf_targetids", Setting::Integers(arrays.columns)),
        ("leaf_weights", Setting::Numbers(arrays.weights)),
    ];
    graph.apply_ml("TreeEnsemble", &[&x], settings)
}

/// The sums, over the trees, of all the values of the leaf of each row: one row per sample, as wide as a leaf has values.
pub(crate) fn sums<'a>(
    graph: &mut Graph,
    x: &Tensor,
    trees: impl ExactSizeIterator<Item = &'a Tree> + Clone,
) -> Result<Tensor> {
    let n_trees = trees.len();
    let width = trees.clone().next().map_or(0, Tree::stride);
    if width == 1 {
        return Ok(ensemble(graph, x, trees, 1, |_, tree, node| Leaf { column: 0, weight: tree.value[node] }));
    }
    // The operator's leaves hold one number each: here the row of a table of all values, one column per tree.
    let mut table = Vec::new();
    let mut begins = Vec::with_capacity(n_trees);
    for tree in trees.clone() {
        begins.push(table.len() / width.max(1));
        table.extend_from_slice(&tree.value);
    }
    let table = Array2::from_shape_vec((table.len() / width.max(1), width), table)
        .map_err(|error| Error::malformed("a tree has too few values").because(error))?;
    let places = ensemble(graph, x, trees, n_trees, |number, _, node| Leaf {
        column: number,
        weight: (begins.get(number).copied().unwrap_or_default() + node) as f64,
    });
    let places = graph.as_integers(&places);
    let table = graph.numbers(&[table.nrows(), width], table);
    let values = graph.chosen(&table, &places);
    let axis = graph.integers(&[1], [1]);
    Ok(graph.apply("ReduceSum", &[&values, &axis], vec![("keepdims", Setting::Integer(0))]))
}

impl Arrays {
    fn add(&mut self, tree: &Tree, leaf: impl Fn(usize) -> Leaf) {
        let is_leaf = |node: usize| tree.children_left[node] < 0;
        // The numbers that nodes and leaves of this tree get, each in their own arrays.
        let (mut nodes, mut leaves) = (self.features.len(), self.columns.len());
        let mut numbers = Vec::with_capacity(tree.node_count());
        for node in 0..tree.node_count() {
            let next = if is_leaf(node) { &mut leaves } else { &mut nodes };
            numbers.push(*next as i64);
            *next += 1;
        }
        self.roots.push(self.features.len() as i64);
        for node in 0..tree.node_count() {
            if is_leaf(node) {
                let leaf = leaf(node);
                self.columns.push(leaf.column as i64);
                self.weights.push(leaf.weight);
                continue;
            }
            let [left, right] = [tree.children_left[node] as usize, tree.children_right[node] as usize];
            self.node(i64::from(tree.feature[node]), tree.threshold[node], tree.missing_go_to_left[node]);
            self.left.to(numbers[left], is_leaf(left));
            self.right.to(numbers[right], is_leaf(right));
        }
        if tree.node_count() == 1 {
            // A root that is a leaf: the operator wants a node, both of whose sides lead there.
            self.node(0, 0.0, true);
            self.left.to(numbers[0], true);
            self.right.to(numbers[0], true);
        }
    }

    fn node(&mut self, feature: i64, split: f64, missing_left: bool) {
        self.features.push(feature);
        self.splits.push(split);
        self.missing_left.push(missing_left.into());
    }
}

impl Side {
    fn to(&mut self, number: i64, is_leaf: bool) {
        self.nodes.push(number);
        self.are_leaves.push(is_leaf.into());
    }
}
