//! A fitted tree: how it is held, and what is read from it.
//!
//! A forest of a large table has millions of nodes, so splits and leaves are held apart, and what follows from other numbers
//! is not held. A node takes 16 bytes on average for two classes and whole weights (those of a bootstrap, or none), where
//! scikit-learn's takes 80; 34 bytes for a number.

use super::arrays::{LEAF, TreeArrays, UNDEFINED};
use super::criterion::{Entropy, Gini, LabelImpurity};
use super::grow::Measure;
use super::split::goes_left;

/// A binary tree, its nodes in the order in which they were made; node 0 is the root.
///
/// Each array that a method returns has one entry per node, as in scikit-learn's `tree_`. It is made when asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub(crate) n_features: usize,
    pub(crate) n_outputs: usize,
    /// Numbers per output in `value`: classes of the output with most, or 1.
    pub(crate) n_values: usize,
    pub(crate) max_depth: usize,
    /// A bit for each node, in order: whether it is a leaf.
    is_leaf: Vec<u64>,
    splits: Vec<SplitNode>,
    content: Content,
}

/// A node that is no leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SplitNode {
    /// A float, as bytes because these have no gaps between them.
    threshold: [u8; 8],
    /// Below [`MISSING_LEFT`].
    feature: u32,
    left: Place,
    right: Place,
}

/// Flag of a feature: missing values go left.
const MISSING_LEFT: u32 = 1 << 31;

/// Where a node is: its number among the splits, or among the leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u32);

/// The same, told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceKind {
    Split(usize),
    Leaf(usize),
}

/// What is known of the samples of nodes.
#[derive(Debug, Clone, PartialEq)]
enum Content {
    Counted(Counted),
    Told(Told),
}

/// Leaves of a tree of class labels with whole weights. The nodes above them are their sums, and impurities and shares
/// follow by the operations that found them.
#[derive(Debug, Clone, PartialEq)]
struct Counted {
    measure: Measure,
    /// For each leaf its rows, and the weight of each class.
    leaves: Vec<u32>,
    width: usize,
}

/// All that does not follow from other numbers, node by node.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    impurity: Vec<f64>,
    n_samples: Vec<u32>,
    weights: Weights,
    /// Predictions of the splits, then those of the leaves.
    split_values: Vec<f64>,
    leaf_values: Vec<f64>,
}

/// Weight of each node.
#[derive(Debug, Clone, PartialEq)]
enum Weights {
    /// The number of its samples.
    Unit,
    Whole(Vec<u32>),
    Real(Vec<f64>),
}

impl Place {
    const LEAF: u32 = 1 << 31;

    fn split(number: usize) -> Self {
        Self(number as u32)
    }

    fn leaf(number: usize) -> Self {
        Self(number as u32 | Self::LEAF)
    }

    pub(crate) fn kind(self) -> PlaceKind {
        match self.0 & Self::LEAF {
            0 => PlaceKind::Split(self.0 as usize),
            _ => PlaceKind::Leaf((self.0 & !Self::LEAF) as usize),
        }
    }
}

impl SplitNode {
    /// Greatest value that goes left.
    pub(crate) fn threshold(&self) -> f64 {
        f64::from_ne_bytes(self.threshold)
    }

    pub(crate) fn feature(&self) -> usize {
        (self.feature & !MISSING_LEFT) as usize
    }

    pub(crate) fn missing_left(&self) -> bool {
        self.feature & MISSING_LEFT != 0
    }

    /// The children, left and right.
    pub(crate) fn children(&self) -> [Place; 2] {
        [self.left, self.right]
    }
}

impl Tree {
    /// The same tree in less room.
    pub(crate) fn of(arrays: &TreeArrays) -> Self {
        let n_nodes = arrays.node_count();
        let n_splits = n_nodes / 2;
        let mut is_leaf = vec![0_u64; n_nodes.div_ceil(64)];
        let mut places = Vec::with_capacity(n_nodes);
        let (mut split, mut leaf) = (0, 0);
        for (node, &child) in arrays.children_left.iter().enumerate() {
            if child == LEAF {
                is_leaf[node / 64] |= 1 << (node % 64);
                places.push(Place::leaf(leaf));
                leaf += 1;
            } else {
                places.push(Place::split(split));
                split += 1;
            }
        }
        let mut splits = Vec::with_capacity(n_splits);
        for node in (0..n_nodes).filter(|&node| arrays.children_left[node] != LEAF) {
            splits.push(SplitNode {
                threshold: arrays.threshold[node].to_ne_bytes(),
                feature: arrays.feature[node] as u32 | if arrays.missing_go_to_left[node] { MISSING_LEFT } else { 0 },
                left: places[arrays.children_left[node] as usize],
                right: places[arrays.children_right[node] as usize],
            });
        }
        let counted = Counted::of(arrays, &splits, &places);
        let content = counted.map_or_else(|| Content::Told(Told::of(arrays)), Content::Counted);
        Self {
            n_features: arrays.n_features,
            n_outputs: arrays.n_outputs,
            n_values: arrays.n_values,
            max_depth: arrays.max_depth,
            is_leaf,
            splits,
            content,
        }
    }

    /// All arrays.
    pub(crate) fn arrays(&self) -> TreeArrays {
        TreeArrays {
            n_features: self.n_features,
            n_outputs: self.n_outputs,
            n_values: self.n_values,
            max_depth: self.max_depth,
            children_left: self.children_left(),
            children_right: self.children_right(),
            feature: self.feature(),
            threshold: self.threshold(),
            impurity: self.impurity(),
            n_node_samples: self.n_node_samples(),
            weighted_n_node_samples: self.weighted_n_node_samples(),
            missing_go_to_left: self.missing_go_to_left(),
            value: self.value(),
        }
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        2 * self.splits.len() + 1
    }

    /// Number of leaves.
    pub fn n_leaves(&self) -> usize {
        self.splits.len() + 1
    }

    /// Edges from the root to the deepest leaf.
    pub fn max_depth(&self) -> usize {
        self.max_depth
    }

    /// Left child of each node; −1 for a leaf.
    pub fn children_left(&self) -> Vec<i32> {
        self.children(|split| split.left)
    }

    /// Right child of each node; −1 for a leaf.
    pub fn children_right(&self) -> Vec<i32> {
        self.children(|split| split.right)
    }

    /// Feature that each node splits on; −2 for a leaf.
    pub fn feature(&self) -> Vec<i32> {
        self.of_splits(UNDEFINED, |split| split.feature() as i32)
    }

    /// Greatest value that goes left; −2 for a leaf, +∞ when only missing values go right.
    pub fn threshold(&self) -> Vec<f64> {
        self.of_splits(f64::from(UNDEFINED), SplitNode::threshold)
    }

    /// Impurity of each node.
    pub fn impurity(&self) -> Vec<f64> {
        match &self.content {
            Content::Told(told) => told.impurity.clone(),
            Content::Counted(counted) => self.of_counts(counted, |counts| counted.impurity(counts)),
        }
    }

    /// Training rows in each node, each counted once.
    pub fn n_node_samples(&self) -> Vec<u32> {
        match &self.content {
            Content::Told(told) => told.n_samples.clone(),
            Content::Counted(counted) => self.of_counts(counted, |counts| counts[0]),
        }
    }

    /// Their weight.
    pub fn weighted_n_node_samples(&self) -> Vec<f64> {
        match &self.content {
            Content::Counted(counted) => self.of_counts(counted, weight_of),
            Content::Told(Told { weights, n_samples, .. }) => match weights {
                Weights::Real(weights) => weights.clone(),
                Weights::Unit => n_samples.iter().copied().map(f64::from).collect(),
                Weights::Whole(weights) => weights.iter().copied().map(f64::from).collect(),
            },
        }
    }

    /// Whether missing values go left; false for a leaf.
    pub fn missing_go_to_left(&self) -> Vec<bool> {
        self.of_splits(false, SplitNode::missing_left)
    }

    /// Prediction of each node: outputs × classes (shares), or outputs × 1.
    pub fn value(&self) -> Vec<f64> {
        let stride = self.stride();
        let mut value = Vec::with_capacity(self.node_count() * stride);
        match &self.content {
            Content::Told(told) => {
                for place in self.places() {
                    let (values, number) = match place.kind() {
                        PlaceKind::Split(number) => (&told.split_values, number),
                        PlaceKind::Leaf(number) => (&told.leaf_values, number),
                    };
                    value.extend_from_slice(&values[number * stride..(number + 1) * stride]);
                }
            }
            Content::Counted(counted) => {
                for shares in self.of_counts(counted, |counts| shares(counts).collect::<Vec<_>>()) {
                    value.extend(shares);
                }
            }
        }
        value
    }

    pub(crate) fn stride(&self) -> usize {
        self.n_outputs * self.n_values
    }

    /// The splits, in order.
    pub(crate) fn splits(&self) -> &[SplitNode] {
        &self.splits
    }

    /// Where the root is.
    pub(crate) fn root(&self) -> Place {
        if self.splits.is_empty() { Place::leaf(0) } else { Place::split(0) }
    }

    /// Where each node is, in order.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        let (mut split, mut leaf) = (0, 0);
        (0..self.node_count()).map(move |node| {
            if self.is_leaf[node / 64] >> (node % 64) & 1 == 1 {
                leaf += 1;
                Place::leaf(leaf - 1)
            } else {
                split += 1;
                Place::split(split - 1)
            }
        })
    }

    /// The numbers of the nodes that are splits, and of those that are leaves.
    pub(crate) fn numbers(&self) -> (Vec<usize>, Vec<usize>) {
        let mut splits = Vec::with_capacity(self.splits.len());
        let mut leaves = Vec::with_capacity(self.n_leaves());
        for (node, place) in self.places().enumerate() {
            match place.kind() {
                PlaceKind::Split(_) => splits.push(node),
                PlaceKind::Leaf(_) => leaves.push(node),
            }
        }
        (splits, leaves)
    }

    /// The leaf, by its number among the leaves, of a row whose features have these values; tells the splits on the way.
    #[inline]
    pub(crate) fn find(&self, value: impl Fn(usize) -> f32, mut pass: impl FnMut(usize)) -> usize {
        let mut place = self.root();
        loop {
            match place.kind() {
                PlaceKind::Leaf(leaf) => return leaf,
                PlaceKind::Split(number) => {
                    pass(number);
                    let split = &self.splits[number];
                    let left = goes_left(value(split.feature()), split.threshold(), split.missing_left());
                    place = if left { split.left } else { split.right };
                }
            }
        }
    }

    /// The leaf of a row.
    #[inline]
    pub(crate) fn leaf(&self, row: &[f32]) -> usize {
        self.find(|feature| row[feature], |_| ())
    }

    /// Gives each number that a leaf predicts.
    #[inline]
    pub(crate) fn for_values(&self, leaf: usize, mut give: impl FnMut(usize, f64)) {
        match &self.content {
            Content::Told(told) => {
                let stride = self.stride();
                let values = &told.leaf_values[leaf * stride..(leaf + 1) * stride];
                values.iter().enumerate().for_each(|(at, &value)| give(at, value));
            }
            Content::Counted(counted) => {
                let counts = &counted.leaves[leaf * counted.width..(leaf + 1) * counted.width];
                shares(counts).enumerate().for_each(|(at, share)| give(at, share));
            }
        }
    }

    /// The first number that a leaf predicts.
    pub(crate) fn leaf_value(&self, leaf: usize) -> f64 {
        let mut first = 0.0;
        self.for_values(leaf, |at, value| {
            if at == 0 {
                first = value;
            }
        });
        first
    }

    /// Decrease of impurity that each feature brought, per unit of weight; with `normalize`, summing to 1.
    pub(crate) fn feature_importances(&self, normalize: bool) -> Vec<f64> {
        self.arrays().feature_importances(normalize)
    }

    fn children(&self, side: impl Fn(&SplitNode) -> Place) -> Vec<i32> {
        let (splits, leaves) = self.numbers();
        self.of_splits(LEAF, |split| match side(split).kind() {
            PlaceKind::Split(number) => splits[number] as i32,
            PlaceKind::Leaf(number) => leaves[number] as i32,
        })
    }

    fn of_splits<T: Copy>(&self, of_leaf: T, of_split: impl Fn(&SplitNode) -> T) -> Vec<T> {
        let of = |place: Place| match place.kind() {
            PlaceKind::Split(number) => of_split(&self.splits[number]),
            PlaceKind::Leaf(_) => of_leaf,
        };
        self.places().map(of).collect()
    }

    fn of_counts<T>(&self, counted: &Counted, of: impl Fn(&[u32]) -> T) -> Vec<T> {
        // The sums were in range when the tree was made.
        let sums = counted.sums(&self.splits).unwrap_or_default();
        self.places().map(|place| of(counted.at(&sums, place))).collect()
    }
}

/// The weight of a node, from its rows and the weight of each class.
fn weight_of(counts: &[u32]) -> f64 {
    counts[1..].iter().copied().map(u64::from).sum::<u64>() as f64
}

/// The share of each class.
fn shares(counts: &[u32]) -> impl Iterator<Item = f64> {
    let weight = weight_of(counts);
    counts[1..].iter().map(move |&count| f64::from(count) / weight)
}

impl Counted {
    /// Nothing unless every number of the arrays follows from the counts, to the bit.
    fn of(arrays: &TreeArrays, splits: &[SplitNode], places: &[Place]) -> Option<Self> {
        let stride = arrays.stride();
        let mut leaves = Vec::with_capacity((splits.len() + 1) * (stride + 1));
        for (node, place) in places.iter().enumerate() {
            if let PlaceKind::Leaf(_) = place.kind() {
                leaves.push(arrays.n_node_samples[node]);
                for share in arrays.value_of(node) {
                    let count = (share * arrays.weighted_n_node_samples[node]).round();
                    if !(0.0..=f64::from(u32::MAX)).contains(&count) {
                        return None;
                    }
                    leaves.push(count as u32);
                }
            }
        }
        // Entropy and gini agree on some trees; then it is gini that counts, so that equal trees are held alike.
        let mut counted = Self { measure: Measure::Gini, leaves, width: stride + 1 };
        let sums = (arrays.n_outputs == 1).then(|| counted.sums(splits)).flatten()?;
        for measure in [Measure::Gini, Measure::Entropy] {
            counted.measure = measure;
            if places.iter().enumerate().all(|(node, &place)| counted.tells(arrays, node, counted.at(&sums, place))) {
                return Some(counted);
            }
        }
        None
    }

    fn tells(&self, arrays: &TreeArrays, node: usize, counts: &[u32]) -> bool {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        arrays.n_node_samples[node] == counts[0]
            && same(arrays.weighted_n_node_samples[node], weight_of(counts))
            && same(arrays.impurity[node], self.impurity(counts))
            && arrays.value_of(node).iter().zip(shares(counts)).all(|(&value, share)| same(value, share))
    }

    /// Rows and weights of the node at a place, given those of the splits.
    fn at<'a>(&'a self, sums: &'a [u32], place: Place) -> &'a [u32] {
        let (all, number) = match place.kind() {
            PlaceKind::Split(number) => (sums, number),
            PlaceKind::Leaf(number) => (&self.leaves[..], number),
        };
        &all[number * self.width..(number + 1) * self.width]
    }

    /// Rows and class weights of each split; nothing when one is too large.
    fn sums(&self, splits: &[SplitNode]) -> Option<Vec<u32>> {
        let width = self.width;
        let mut sums = vec![0_u32; splits.len() * width];
        for (number, split) in splits.iter().enumerate().rev() {
            // Children come after their parents.
            let (above, below) = sums.split_at_mut((number + 1) * width);
            let sum = &mut above[number * width..];
            for place in split.children() {
                let counts = match place.kind() {
                    PlaceKind::Split(child) => &below[(child - number - 1) * width..],
                    PlaceKind::Leaf(leaf) => &self.leaves[leaf * width..],
                };
                for (sum, &count) in sum.iter_mut().zip(counts) {
                    *sum = sum.checked_add(count)?;
                }
            }
        }
        Some(sums)
    }

    fn impurity(&self, counts: &[u32]) -> f64 {
        let weight = weight_of(counts);
        let counts = counts[1..].iter().copied().map(f64::from);
        match self.measure {
            Measure::Entropy => Entropy::of(counts, weight),
            _ => Gini::of(counts, weight),
        }
    }
}

impl Told {
    fn of(arrays: &TreeArrays) -> Self {
        let (n_splits, stride) = (arrays.node_count() / 2, arrays.stride());
        let mut split_values = Vec::with_capacity(n_splits * stride);
        let mut leaf_values = Vec::with_capacity((n_splits + 1) * stride);
        for (node, &child) in arrays.children_left.iter().enumerate() {
            let values = if child == LEAF { &mut leaf_values } else { &mut split_values };
            values.extend_from_slice(arrays.value_of(node));
        }
        let weights = &arrays.weighted_n_node_samples;
        let whole = |weight: &f64| weight.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(weight);
        let unit = weights.iter().zip(&arrays.n_node_samples).all(|(&weight, &n)| weight == f64::from(n));
        Self {
            impurity: arrays.impurity.as_slice().to_vec(),
            n_samples: arrays.n_node_samples.as_slice().to_vec(),
            weights: if unit {
                Weights::Unit
            } else if weights.iter().all(whole) {
                Weights::Whole(weights.iter().map(|&weight| weight as u32).collect())
            } else {
                Weights::Real(weights.as_slice().to_vec())
            },
            split_values,
            leaf_values,
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};
    use proptest::prelude::*;

    use super::super::{LabelCriterion, NumberCriterion};
    use super::*;
    use crate::random::RandomState;
    use crate::{DecisionTreeClassifier, DecisionTreeRegressor, Training};

    /// Bytes per node, all in all.
    fn bytes_per_node(tree: &Tree) -> f64 {
        let content = match &tree.content {
            Content::Counted(counted) => 4 * counted.leaves.len(),
            Content::Told(told) => {
                let weights = match &told.weights {
                    Weights::Unit => 0,
                    Weights::Whole(weights) => 4 * weights.len(),
                    Weights::Real(weights) => 8 * weights.len(),
                };
                let reals = told.impurity.len() + told.split_values.len() + told.leaf_values.len();
                8 * reals + 4 * told.n_samples.len() + weights
            }
        };
        let splits = size_of::<SplitNode>() * tree.splits.len();
        (content + splits + 8 * tree.is_leaf.len()) as f64 / tree.node_count() as f64
    }

    fn grown(seed: u32, n_classes: usize, weighted: bool, whole: bool, entropy: bool, leaves: Option<usize>) -> Tree {
        let mut random = RandomState::new(seed);
        let x = Array2::from_shape_simple_fn((400, 3), || random.standard_normal());
        let classes = n_classes.max(1) as f64;
        let y = Array1::from_shape_simple_fn(400, || random.random_sample() * classes);
        let weights = Array1::from_shape_simple_fn(400, || {
            let weight = random.random_sample() * 4.0;
            if whole { weight.floor() } else { weight }
        });
        let data = |y| {
            let data = Training::supervised(x.view(), y);
            if weighted { data.sample_weight(weights.view()) } else { data }
        };
        if n_classes == 0 {
            let criterion = if entropy { NumberCriterion::Poisson } else { NumberCriterion::SquaredError };
            let tree = DecisionTreeRegressor::new().criterion(criterion).max_leaf_nodes(leaves).random_state(seed);
            return tree.fit_on(&data(y.view())).unwrap().tree;
        }
        let y = y.mapv(f64::floor);
        let criterion = if entropy { LabelCriterion::Entropy } else { LabelCriterion::Gini };
        let tree = DecisionTreeClassifier::new().criterion(criterion).max_leaf_nodes(leaves).random_state(seed);
        tree.fit_on(&data(y.view())).unwrap().tree
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn nothing_is_lost_and_equal_trees_are_held_alike(
            (seed, n_classes) in (0_u32..1_000_000, 0_usize..5), weighted in any::<bool>(), whole in any::<bool>(),
            entropy in any::<bool>(), leaves in prop::option::of(2_usize..40),
        ) {
            let tree = grown(seed, n_classes, weighted, whole, entropy, leaves);
            let arrays = tree.arrays();
            prop_assert!(arrays.check().is_ok());
            prop_assert_eq!(Tree::of(&arrays).arrays(), arrays.clone());
            prop_assert_eq!(Tree::of(&arrays), tree.clone());
            prop_assert_eq!(arrays.value.len(), tree.node_count() * tree.stride());
            prop_assert_eq!(tree.n_leaves(), arrays.children_left.iter().filter(|&&child| child == LEAF).count());
            let counted = matches!(tree.content, Content::Counted(_));
            prop_assert!(counted == (n_classes > 0 && (whole || !weighted)) || tree.node_count() == 1);
        }
    }

    #[test]
    fn nodes_are_small() {
        for (n_classes, weighted, whole, most) in [(2, false, true, 17.0), (2, true, true, 17.0), (0, true, true, 35.0)]
        {
            let tree = grown(1, n_classes, weighted, whole, false, None);
            assert!(tree.node_count() > 200);
            assert!(bytes_per_node(&tree) < most, "{n_classes} classes: {}", bytes_per_node(&tree));
        }
    }
}
