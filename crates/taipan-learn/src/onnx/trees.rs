//! Trees as one operator.

use ndarray::Array2;

use super::graph::{Graph, Setting, Tensor};
use crate::error::{Error, Result};
use crate::tree::{Place, PlaceKind, Tree};

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
/// `leaf` says what a leaf of a tree, by its number among the leaves, adds.
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
        return Ok(ensemble(graph, x, trees, 1, |_, tree, leaf| Leaf { column: 0, weight: tree.leaf_value(leaf) }));
    }
    // The operator's leaves hold one number each: here the row of a table of all values, one column per tree.
    let mut table = Vec::new();
    let mut begins = Vec::with_capacity(n_trees);
    for tree in trees.clone() {
        begins.push(table.len() / width.max(1));
        for leaf in 0..tree.n_leaves() {
            tree.for_values(leaf, |_, value| table.push(value));
        }
    }
    let table = Array2::from_shape_vec((table.len() / width.max(1), width), table)
        .map_err(|error| Error::malformed("a tree has too few values").because(error))?;
    let places = ensemble(graph, x, trees, n_trees, |number, _, leaf| Leaf {
        column: number,
        weight: (begins.get(number).copied().unwrap_or_default() + leaf) as f64,
    });
    let places = graph.as_integers(&places);
    let table = graph.numbers(&[table.nrows(), width], table);
    let values = graph.chosen(&table, &places);
    let axis = graph.integers(&[1], [1]);
    Ok(graph.apply("ReduceSum", &[&values, &axis], vec![("keepdims", Setting::Integer(0))]))
}

impl Arrays {
    fn add(&mut self, tree: &Tree, leaf: impl Fn(usize) -> Leaf) {
        // What the first split and the first leaf of this tree are numbered, each in their own arrays.
        let (first_split, first_leaf) = (self.features.len(), self.columns.len());
        let numbered = |place: Place| match place.kind() {
            PlaceKind::Split(number) => ((first_split + number) as i64, false),
            PlaceKind::Leaf(number) => ((first_leaf + number) as i64, true),
        };
        self.roots.push(first_split as i64);
        for split in tree.splits() {
            self.node(split.feature() as i64, split.threshold(), split.missing_left());
            let [left, right] = split.children().map(numbered);
            self.left.to(left);
            self.right.to(right);
        }
        for leaf in (0..tree.n_leaves()).map(leaf) {
            self.columns.push(leaf.column as i64);
            self.weights.push(leaf.weight);
        }
        if tree.splits().is_empty() {
            // A root that is a leaf: the operator wants a node, both of whose sides lead there.
            self.node(0, 0.0, true);
            self.left.to(numbered(tree.root()));
            self.right.to(numbered(tree.root()));
        }
    }

    fn node(&mut self, feature: i64, split: f64, missing_left: bool) {
        self.features.push(feature);
        self.splits.push(split);
        self.missing_left.push(missing_left.into());
    }
}

impl Side {
    fn to(&mut self, (number, is_leaf): (i64, bool)) {
        self.nodes.push(number);
        self.are_leaves.push(is_leaf.into());
    }
}
