//! A tree in the form in which many rows go through it fast: 8 bytes a node, and thresholds that need no widening.

use rayon::prelude::*;

use super::lanes;
use super::nodes::{Place, PlaceKind, Tree};

/// A tree and, where many rows make it worthwhile, its compact form.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    tree: &'a Tree,
    /// Nothing where few rows do not make it worthwhile, or where the tree is too large for it.
    packed: Option<Packed>,
}

/// Nodes in the order in which rows pass them, and what each leaf predicts.
#[derive(Debug)]
pub(super) struct Packed {
    nodes: Vec<CompactNode>,
    values: Vec<f64>,
    n_features: usize,
    feature_bits: u32,
}

#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct CompactNode {
    /// The greatest 32-bit float that is not above the threshold; infinite for a leaf.
    pub(super) threshold: f32,
    /// The left child above the feature; the right child is next to the left one. A leaf leads to itself.
    pub(super) link: u32,
}

/// Where a node of the tree is, and where among the compact ones.
#[derive(Debug, Clone, Copy)]
struct Placed {
    at: usize,
    place: Place,
}

/// Levels that lie one after the other; below, a subtree follows its pair of roots.
pub(super) const TOP_LEVELS: usize = 5;

/// Rows that go through a tree together: few enough for the nearest cache.
const BATCH: usize = 256;

/// Rows whose steps are interleaved, so that the processor does not wait for one to reach its next node.
const GROUP: usize = 8;

/// Steps between two looks at which rows have arrived.
const STEPS: usize = 6;

/// Rows from which it pays to make any tree compact, on all cores.
const MANY_ROWS: usize = 1024;

/// Rows from which it pays to make trees compact that have no more splits than there are rows.
const SOME_ROWS: usize = 32;

/// Splits in the subtree of each split.
fn sizes(tree: &Tree) -> Vec<u32> {
    let mut sizes = vec![1; tree.splits().len()];
    for (number, split) in tree.splits().iter().enumerate().rev() {
        for child in split.children() {
            if let PlaceKind::Split(child) = child.kind() {
                sizes[number] += sizes[child];
            }
        }
    }
    sizes
}

/// Trees in the form that suits so many rows.
pub(crate) fn compacted<'a>(trees: impl Iterator<Item = &'a Tree>, n_rows: usize) -> Vec<Compact<'a>> {
    let trees: Vec<&Tree> = trees.collect();
    if n_rows < MANY_ROWS {
        let pays = |tree: &Tree| n_rows >= SOME_ROWS && tree.splits().len() <= n_rows;
        let packed = |tree| pays(tree).then(|| Packed::of(tree)).flatten();
        trees.into_iter().map(|tree| Compact { tree, packed: packed(tree) }).collect()
    } else {
        trees.into_par_iter().map(|tree| Compact { tree, packed: Packed::of(tree) }).collect()
    }
}

/// Rows of 32-bit floats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    rows: &'a [f32],
    n_features: usize,
    /// Whether a value is missing; then nodes say where to go.
    missing: bool,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(rows: &'a [f32], n_features: usize) -> Self {
        let any_nan = |values: &[f32]| values.iter().fold(false, |any, value| any | value.is_nan());
        Self { rows, n_features, missing: rows.chunks(256).any(any_nan) }
    }

    /// Whether a value is missing in any row.
    pub(crate) fn has_missing(&self) -> bool {
        self.missing
    }

    fn n_rows(&self) -> usize {
        self.rows.len() / self.n_features
    }
}

impl Compact<'_> {
    /// Numbers that a leaf predicts.
    pub(crate) fn stride(&self) -> usize {
        self.tree.stride()
    }

    /// Adds to each row's sums what its leaf predicts.
    pub(crate) fn add_values(&self, batch: Batch<'_>, sums: &mut [f64]) {
        let Some(packed) = self.packed(batch) else {
            let rows = batch.rows.chunks_exact(batch.n_features);
            for (row, sums) in rows.zip(sums.chunks_exact_mut(self.stride())) {
                self.tree.for_values(self.tree.leaf(row), |at, value| sums[at] += value);
            }
            return;
        };
        let leaves = packed.leaves(batch);
        let values = &packed.values[..];
        // Classes are mostly two, and numbers one.
        match self.stride() {
            1 => sums.iter_mut().zip(leaves).for_each(|(sum, leaf)| *sum += values[leaf as usize]),
            2 => {
                let (sums, values) = (sums.as_chunks_mut::<2>().0, values.as_chunks::<2>().0);
                for (sums, leaf) in sums.iter_mut().zip(leaves) {
                    let values = values[leaf as usize];
                    sums[0] += values[0];
                    sums[1] += values[1];
                }
            }
            stride => {
                for (sums, leaf) in sums.chunks_exact_mut(stride).zip(leaves) {
                    let values = &values[leaf as usize * stride..(leaf as usize + 1) * stride];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
            }
        }
    }

    /// Gives each row's number and the first number that its leaf predicts.
    #[inline]
    pub(crate) fn for_first_values(&self, batch: Batch<'_>, mut give: impl FnMut(usize, f64)) {
        if let Some(packed) = self.packed(batch) {
            let stride = self.stride();
            let leaves = packed.leaves(batch).into_iter().enumerate();
            leaves.for_each(|(row, leaf)| give(row, packed.values[leaf as usize * stride]));
        } else {
            let rows = batch.rows.chunks_exact(batch.n_features).enumerate();
            rows.for_each(|(row, values)| give(row, self.tree.leaf_value(self.tree.leaf(values))));
        }
    }

    /// The compact form, where nothing says which way to go without a value, if these rows have all.
    fn packed(&self, batch: Batch<'_>) -> Option<&Packed> {
        self.packed.as_ref().filter(|_| !batch.missing)
    }
}

impl Packed {
    fn of(tree: &Tree) -> Option<Self> {
        let feature_bits = usize::BITS - (tree.n_features - 1).leading_zeros();
        if feature_bits >= u32::BITS || tree.node_count() as u64 >= 1 << (u32::BITS - 1).min(u32::BITS - feature_bits) {
            return None;
        }
        if tree.splits().iter().any(|split| split.feature() >= tree.n_features) {
            return None;
        }
        let count = tree.node_count();
        let nodes = Vec::with_capacity(count);
        let values = vec![0.0; count * tree.stride()];
        let mut packed = Self { nodes, values, n_features: tree.n_features, feature_bits };
        let mut level = vec![packed.place(tree, tree.root())];
        for _ in 0..TOP_LEVELS {
            level = level.into_iter().filter_map(|node| packed.divide(tree, node)).flatten().collect();
        }
        level.reverse();
        let sizes = sizes(tree);
        let size = |placed: &Placed| match placed.place.kind() {
            PlaceKind::Split(number) => sizes[number],
            PlaceKind::Leaf(_) => 0,
        };
        while let Some(node) = level.pop() {
            if let Some(mut children) = packed.divide(tree, node) {
                // Most rows find the next nodes near: those of the larger subtree come first.
                children.sort_unstable_by_key(size);
                level.extend(children);
            }
        }
        Some(packed)
    }

    /// Adds a node of the tree, a leaf as yet.
    fn place(&mut self, tree: &Tree, place: Place) -> Placed {
        let at = self.nodes.len();
        self.nodes.push(CompactNode { threshold: f32::INFINITY, link: (at as u32) << self.feature_bits });
        if let PlaceKind::Leaf(leaf) = place.kind() {
            let first = at * tree.stride();
            tree.for_values(leaf, |k, value| self.values[first + k] = value);
        }
        Placed { at, place }
    }

    /// Adds the children of a node, if it has any.
    fn divide(&mut self, tree: &Tree, Placed { at, place }: Placed) -> Option<[Placed; 2]> {
        let PlaceKind::Split(number) = place.kind() else { return None };
        let split = tree.splits()[number];
        let [left, right] = split.children().map(|child| self.place(tree, child));
        let nearest = split.threshold() as f32;
        let threshold = if f64::from(nearest) > split.threshold() { nearest.next_down() } else { nearest };
        let link = (left.at as u32) << self.feature_bits | split.feature() as u32;
        self.nodes[at] = CompactNode { threshold, link };
        Some([left, right])
    }

    /// Nodes, of which the first is the root. Each feature is less than [`n_features`](Self::n_features), and each child
    /// is among them.
    pub(super) fn nodes(&self) -> &[CompactNode] {
        &self.nodes
    }

    pub(super) fn n_features(&self) -> usize {
        self.n_features
    }

    /// Bits of a link that are the feature.
    pub(super) fn feature_bits(&self) -> u32 {
        self.feature_bits
    }

    /// The place of each row's leaf, by which `values` are ordered.
    fn leaves(&self, batch: Batch<'_>) -> Vec<u32> {
        let mut at = vec![0; batch.n_rows()];
        self.descend(batch.rows, &mut at);
        at
    }

    /// Finds the leaf of each row. No value is NaN.
    fn descend(&self, rows: &[f32], at: &mut [u32]) {
        if lanes::descend(self, rows, at) {
            return;
        }
        for (rows, at) in rows.chunks(BATCH * self.n_features).zip(at.chunks_mut(BATCH)) {
            self.walk(rows, at);
        }
    }

    /// The same for up to [`BATCH`] rows, on any processor.
    fn walk(&self, rows: &[f32], at: &mut [u32]) {
        at.fill(0);
        let mut under_way: [u32; BATCH] = std::array::from_fn(|row| row as u32);
        let mut n_under_way = at.len();
        while n_under_way > 0 {
            let (groups, rest) = under_way[..n_under_way].as_chunks::<GROUP>();
            for group in groups {
                let mut places = group.map(|row| at[row as usize]);
                let starts = group.map(|row| row as usize * self.n_features);
                for _ in 0..STEPS {
                    for (place, start) in places.iter_mut().zip(starts) {
                        *place = self.step(*place, &rows[start..]);
                    }
                }
                for (place, row) in places.into_iter().zip(group) {
                    at[*row as usize] = place;
                }
            }
            for &row in rest {
                let values = &rows[row as usize * self.n_features..];
                let place = &mut at[row as usize];
                for _ in 0..STEPS {
                    *place = self.step(*place, values);
                }
            }
            let mut n_left = 0;
            for i in 0..n_under_way {
                let row = under_way[i];
                let place = at[row as usize];
                under_way[n_left] = row;
                n_left += usize::from(self.nodes[place as usize].link >> self.feature_bits != place);
            }
            n_under_way = n_left;
        }
    }

    #[inline(always)]
    fn step(&self, place: u32, values: &[f32]) -> u32 {
        let node = self.nodes[place as usize];
        let feature = node.link & ((1 << self.feature_bits) - 1);
        (node.link >> self.feature_bits) + u32::from(values[feature as usize] > node.threshold)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};
    use proptest::prelude::*;

    use super::*;
    use crate::random::RandomState;
    use crate::{DecisionTreeRegressor, Training};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_way_down_ends_in_the_same_leaf(
            seed in 0_u32..1_000_000, (n, p) in (1_usize..3000, 1_usize..9), max_depth in 1_usize..30, missing in any::<bool>(),
            grid in any::<bool>(),
        ) {
            let mut random = RandomState::new(seed);
            let mut values = |n: usize| Array2::from_shape_simple_fn((n, p), || {
                let value = random.standard_normal();
                if missing && value > 1.0 { f64::NAN } else if grid { value.round() } else { value }
            });
            let (x, new) = (values(n), values(2000));
            let y: Array1<f64> = x.rows().into_iter().map(|row| row[0].abs() + row[p - 1]).map(|y| if y.is_nan() { 3.0 } else { y }).collect();
            let y = y.insert_axis(ndarray::Axis(1));
            let model = DecisionTreeRegressor::new().max_depth(max_depth).random_state(seed);
            let model = model.fit_on(&Training::outputs(x.view(), y.view())).unwrap();
            let tree = model.tree();
            let rows: Vec<f32> = new.iter().map(|value| *value as f32).collect();
            let expected: Vec<f64> = rows.chunks_exact(p).map(|row| tree.leaf_value(tree.leaf(row))).collect();
            let compact = compacted(std::iter::once(tree), usize::MAX).pop().unwrap();
            let mut found = vec![f64::NAN; new.nrows()];
            compact.for_first_values(Batch::new(&rows, p), |row, value| found[row] = value);
            prop_assert_eq!(&found, &expected);
            let mut sums = vec![0.0; new.nrows()];
            compact.add_values(Batch::new(&rows, p), &mut sums);
            prop_assert_eq!(&sums, &expected);
            if !missing {
                let packed = compact.packed.as_ref().unwrap();
                for n_rows in [0, 1, 17, 300, new.nrows()] {
                    let mut plain = vec![0; n_rows];
                    for (rows, at) in rows[..n_rows * p].chunks(BATCH * p).zip(plain.chunks_mut(BATCH)) {
                        packed.walk(rows, at);
                    }
                    let mut fast = vec![0; n_rows];
                    packed.descend(&rows[..n_rows * p], &mut fast);
                    prop_assert_eq!(fast, plain);
                }
            }
        }
    }
}
