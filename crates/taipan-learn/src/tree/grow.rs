//! Growing a tree: depth first, or best first when the number of leaves is limited.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::arrays::{NewNode, TreeArrays};
use super::columns::Columns;
use super::counting::CountingNodes;
use super::criterion::{
    AbsoluteError, Criterion, Entropy, Gini, LabelCounts, LabelImpurity, Moments, Poisson, SquaredError, Targets,
};
use super::data::n_values;
use super::ordered::OrderedNodes;
use super::prune::prune;
use super::ranks::Ranks;
use super::split::{Limits, Nodes, Parent, PlainNodes, Split};
use super::stream::SplitStream;

/// The impurity that splits decrease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Gini,
    Entropy,
    SquaredError,
    AbsoluteError,
    Poisson,
}

/// Parameters of a tree, resolved against the training data.
#[derive(Debug, Clone)]
pub(crate) struct Growth {
    pub(crate) measure: Measure,
    pub(crate) limits: Limits,
    pub(crate) max_depth: usize,
    pub(crate) min_samples_split: usize,
    pub(crate) max_leaf_nodes: Option<usize>,
    pub(crate) min_impurity_decrease: f64,
    pub(crate) ccp_alpha: f64,
}

/// What a tree grows from. `n_classes` per output; 1 for a number. `seed` starts the stream of splits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) columns: &'a Columns,
    /// If they were computed; some paths need them.
    pub(crate) ranks: Option<&'a Ranks>,
    pub(crate) targets: Targets<'a>,
    pub(crate) n_classes: &'a [usize],
    pub(crate) seed: u32,
}

/// Grows a tree.
pub(crate) fn grow(source: &Source<'_>, growth: &Growth) -> TreeArrays {
    grow_weighted(source, source.targets.weights.map(Cow::Borrowed), growth)
}

/// The same with these weights in place of those of the targets.
pub(crate) fn grow_weighted(source: &Source<'_>, weights: Option<Cow<'_, [f64]>>, growth: &Growth) -> TreeArrays {
    match growth.measure {
        Measure::Gini => return labels::<Gini>(source, weights, growth),
        Measure::Entropy => return labels::<Entropy>(source, weights, growth),
        _ => {}
    }
    let targets = Targets { weights: weights.as_deref(), ..source.targets };
    let source = &Source { targets, ..*source };
    match growth.measure {
        Measure::Poisson => plain(source, Moments::<Poisson>::new(targets), growth),
        Measure::AbsoluteError => plain(source, AbsoluteError::new(targets), growth),
        _ => squared_error(source, growth),
    }
}

fn labels<I: LabelImpurity>(source: &Source<'_>, weights: Option<Cow<'_, [f64]>>, growth: &Growth) -> TreeArrays {
    let stream = SplitStream::new(source.seed);
    let targets = Targets { weights: weights.as_deref(), ..source.targets };
    let counting = source
        .ranks
        .and_then(|ranks| CountingNodes::<I>::new(ranks, targets, source.n_classes, &growth.limits, stream));
    match counting {
        Some(nodes) => {
            // The samples have theirs by now; those of a bootstrap make room.
            drop(weights);
            grow_from(nodes, source, growth)
        }
        None => plain(&Source { targets, ..*source }, LabelCounts::<I>::new(targets, source.n_classes), growth),
    }
}

fn squared_error(source: &Source<'_>, growth: &Growth) -> TreeArrays {
    let stream = SplitStream::new(source.seed);
    let ranks = source.ranks.filter(|ranks| ranks.has_order());
    match ranks.and_then(|ranks| OrderedNodes::new(ranks, source.targets, &growth.limits, stream)) {
        Some(nodes) => grow_from(nodes, source, growth),
        None => plain(source, Moments::<SquaredError>::new(source.targets), growth),
    }
}

fn plain<C: Criterion>(source: &Source<'_>, criterion: C, growth: &Growth) -> TreeArrays {
    let stream = SplitStream::new(source.seed);
    let columns = source.ranks.map_or(source.columns, |ranks| source.columns.restored(ranks));
    let nodes = PlainNodes::new(columns, source.targets.weights, criterion, &growth.limits, stream);
    grow_from(nodes, source, growth)
}

/// Grows a tree from any source of nodes, then prunes it.
fn grow_from(nodes: impl Nodes, source: &Source<'_>, growth: &Growth) -> TreeArrays {
    let tree = TreeArrays::new(source.columns.n_features(), source.n_classes.len(), n_values(source.n_classes));
    let builder = Builder { nodes, growth, tree };
    let tree = match growth.max_leaf_nodes {
        None => builder.depth_first(),
        Some(max_leaf_nodes) => builder.best_first(max_leaf_nodes),
    };
    if growth.ccp_alpha > 0.0 { prune(&tree, growth.ccp_alpha) } else { tree }
}

struct Builder<'a, N> {
    nodes: N,
    growth: &'a Growth,
    tree: TreeArrays,
}

/// Samples that will be a node.
#[derive(Debug, Clone, Copy)]
struct Task {
    start: usize,
    end: usize,
    depth: usize,
    place: Option<(usize, bool)>,
    parent: Parent,
}

/// A node that was added, with its split if it has one.
#[derive(Debug, Clone, Copy)]
struct Added {
    id: usize,
    task: Task,
    split: Option<Split>,
    middle_value: f64,
}

impl<N: Nodes> Builder<'_, N> {
    fn root(&self) -> Task {
        let parent = Parent {
            impurity: f64::INFINITY,
            n_constant: 0,
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
            children_are_leaves: false,
        };
        Task { start: 0, end: self.nodes.n_samples(), depth: 0, place: None, parent }
    }

    /// Adds one node, after searching its split unless it must be a leaf.
    fn add(&mut self, mut task: Task) -> Added {
        let growth = self.growth;
        let weight = self.nodes.enter(task.start, task.end);
        if task.place.is_none() {
            task.parent.impurity = self.nodes.impurity();
        }
        let impurity = task.parent.impurity;
        task.parent.children_are_leaves = task.depth + 1 >= growth.max_depth;
        let n_samples = task.end - task.start;
        let must_be_leaf = task.depth >= growth.max_depth
            || n_samples < growth.min_samples_split
            || n_samples < 2 * growth.limits.min_samples_leaf
            || weight < 2.0 * growth.limits.min_weight_leaf
            || impurity <= f64::EPSILON;
        let split = if must_be_leaf { None } else { Some(self.nodes.split(&mut task.parent)) };
        let split = split.filter(|split| {
            // Negated, so that an improvement that is not a number is no reason for a leaf.
            let too_little = split.improvement + f64::EPSILON < growth.min_impurity_decrease;
            split.position < task.end && !too_little
        });
        let id = self.tree.push(NewNode {
            parent: task.place,
            impurity,
            n_samples,
            weight,
            split: split.map(|split| (split.feature, split.threshold, split.missing_left)),
        });
        let stride = self.tree.stride();
        let value = &mut self.tree.value[id * stride..(id + 1) * stride];
        self.nodes.value(value);
        let mut middle_value = 0.0;
        if growth.limits.monotonic.is_some() {
            self.nodes.clip(value, task.parent.low, task.parent.high);
            if split.is_some() {
                middle_value = self.nodes.middle_value();
            }
        }
        self.tree.max_depth = self.tree.max_depth.max(task.depth);
        Added { id, task, split, middle_value }
    }

    fn children(&self, node: &Added, split: &Split) -> [Task; 2] {
        let Task { start, end, depth, parent, .. } = node.task;
        let (mut left, mut right) = (parent, parent);
        left.impurity = split.impurity_left;
        right.impurity = split.impurity_right;
        match self.growth.limits.monotonic.as_ref().map_or(0, |directions| directions[split.feature]) {
            0 => {}
            1 => (left.high, right.low) = (node.middle_value, node.middle_value),
            _ => (left.low, right.high) = (node.middle_value, node.middle_value),
        }
        let depth = depth + 1;
        [
            Task { start, end: split.position, depth, place: Some((node.id, true)), parent: left },
            Task { start: split.position, end, depth, place: Some((node.id, false)), parent: right },
        ]
    }

    fn depth_first(mut self) -> TreeArrays {
        let mut stack = vec![self.root()];
        while let Some(task) = stack.pop() {
            let node = self.add(task);
            if let Some(split) = &node.split {
                let [left, right] = self.children(&node, split);
                stack.push(right);
                stack.push(left);
            }
        }
        self.tree
    }

    /// Splits the node whose split improves most, until there are `max_leaf_nodes` leaves.
    fn best_first(mut self, max_leaf_nodes: usize) -> TreeArrays {
        let mut splits_left = max_leaf_nodes.saturating_sub(1);
        let mut frontier = Frontier::default();
        let root = self.root();
        frontier.push(self.add(root));
        let mut max_depth = 0;
        while let Some(node) = frontier.pop() {
            max_depth = max_depth.max(node.task.depth);
            match &node.split {
                Some(split) if splits_left > 0 => {
                    splits_left -= 1;
                    // Constants are not handed down here: nodes of different parents are visited in turn.
                    let [left, right] = self.children(&node, split).map(|mut task| {
                        task.parent.n_constant = 0;
                        task
                    });
                    let (left, right) = (self.add(left), self.add(right));
                    frontier.push(left);
                    frontier.push(right);
                }
                _ => self.tree.make_leaf(node.id),
            }
        }
        self.tree.max_depth = max_depth;
        self.tree
    }
}

/// A binary heap by improvement. Which of two equal ones comes first decides the tree, so the sift steps are those of a
/// C++ standard library: down along the larger child to the bottom, then up.
#[derive(Debug, Default)]
struct Frontier(Vec<Added>);

fn rank(node: &Added) -> f64 {
    node.split.as_ref().map_or(0.0, |split| split.improvement)
}

impl Frontier {
    fn push(&mut self, node: Added) {
        self.0.push(node);
        let hole = self.0.len() - 1;
        self.up(hole, 0);
    }

    fn up(&mut self, mut hole: usize, top: usize) {
        while hole > top {
            let parent = (hole - 1) / 2;
            if rank(&self.0[parent]).partial_cmp(&rank(&self.0[hole])) != Some(Ordering::Less) {
                break;
            }
            self.0.swap(parent, hole);
            hole = parent;
        }
    }

    fn pop(&mut self) -> Option<Added> {
        let last = self.0.len().checked_sub(1)?;
        self.0.swap(0, last);
        let best = self.0.pop();
        let mut hole = 0;
        // The hole, which holds what was last, sinks to the bottom first.
        while 2 * hole + 2 < last {
            let (left, right) = (2 * hole + 1, 2 * hole + 2);
            let child = if rank(&self.0[right]) < rank(&self.0[left]) { left } else { right };
            self.0.swap(hole, child);
            hole = child;
        }
        if 2 * hole + 2 == last {
            self.0.swap(hole, 2 * hole + 1);
            hole = 2 * hole + 1;
        }
        self.up(hole, 0);
        best
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::columns::Missing;
    use super::super::ranks::Order;
    use super::super::split::Splitter;
    use super::*;
    use crate::random::RandomState;

    /// Continuous values, few values, values that nearly count as equal, or a constant.
    fn value(random: &mut RandomState, kind: u32) -> f64 {
        let u = random.random_sample();
        match kind % 4 {
            0 => u - 0.5,
            1 => (u * 7.0).floor(),
            2 => 1.0 + (u * 300.0).floor() * 4e-8,
            _ if u < 0.99 => -1.0,
            _ => u,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn the_fast_paths_grow_the_trees_of_the_plain_path(
            seed in 0_u32..1_000_000,
            (n, p, n_classes) in (2_usize..1500, 1_usize..6, 2_usize..12),
            kinds in 0_u32..1 << 10,
            (measure, weighted) in (0_u8..3, 0_u8..3),
            (max_features, min_samples_leaf, max_depth) in (1_usize..6, 1_usize..6, 1_usize..12),
            max_leaf_nodes in prop::option::of(2_usize..20),
        ) {
            let mut random = RandomState::new(seed);
            let x = Array2::from_shape_fn((n, p), |(_, feature)| value(&mut random, kinds >> (2 * feature)));
            let measure = [Measure::Gini, Measure::Entropy, Measure::SquaredError][measure as usize];
            let labels = measure != Measure::SquaredError;
            let y: Vec<f64> = (0..n)
                .map(|row| {
                    let y = x[(row, 0)] + random.random_sample();
                    if labels { (y.abs() * n_classes as f64).floor().min(n_classes as f64 - 1.0) } else { y }
                })
                .collect();
            let most = [1.0, 3.0, 40.0][weighted as usize];
            let mut weights: Vec<f64> = (0..n).map(|_| (random.random_sample() * most).floor()).collect();
            weights[n / 2] = 1.0;
            let columns = Columns::new(x.view(), Missing::Allowed).unwrap();
            let ranks = Ranks::of(&columns, Order::Kept).unwrap();
            let growth = Growth {
                measure,
                limits: Limits {
                    splitter: Splitter::Best,
                    max_features,
                    min_samples_leaf,
                    min_weight_leaf: if seed % 3 == 0 { 2.5 } else { 0.0 },
                    monotonic: None,
                },
                max_depth,
                min_samples_split: 2 * min_samples_leaf,
                max_leaf_nodes,
                min_impurity_decrease: 0.0,
                ccp_alpha: 0.0,
            };
            let n_classes = [if labels { n_classes } else { 1 }];
            let plain = Source {
                columns: &columns,
                ranks: None,
                targets: Targets { y: &y, n_outputs: 1, weights: (weighted > 0).then_some(&weights) },
                n_classes: &n_classes,
                seed,
            };
            let fast = Source { ranks: Some(&ranks), ..plain };
            let expected = grow(&plain, &growth);
            prop_assert_eq!(&grow(&fast, &growth), &expected);
            let mut dropped = columns.clone();
            dropped.drop_values();
            prop_assert_eq!(&grow(&Source { columns: &dropped, ..fast }, &growth), &expected);
            prop_assert_eq!(&grow(&Source { columns: dropped.restored(&ranks), ..plain }, &growth), &expected);
        }
    }
}
