//! Minimal cost-complexity pruning (Breiman, Friedman, Olshen and Stone, 1984, chapter 3).

use super::arrays::{LEAF, NewNode, TreeArrays};

/// The subtrees that larger and larger `ccp_alpha` leave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PruningPath {
    /// The effective alphas, ascending.
    pub ccp_alphas: Vec<f64>,
    /// Total impurity of the leaves of each subtree.
    pub impurities: Vec<f64>,
}

/// The smallest subtree whose weakest link is stronger than `ccp_alpha`.
pub(crate) fn prune(tree: &TreeArrays, ccp_alpha: f64) -> TreeArrays {
    let mut links = Links::new(tree);
    while let Some((alpha, node)) = links.weakest() {
        if ccp_alpha < alpha {
            break;
        }
        links.cut(node);
    }
    subtree(tree, &links.is_leaf)
}

/// Every subtree of the pruning sequence, down to the root.
pub(crate) fn path(tree: &TreeArrays) -> PruningPath {
    let mut links = Links::new(tree);
    let mut path = PruningPath { ccp_alphas: vec![0.0], impurities: vec![links.risk_branch[0]] };
    while let Some((alpha, node)) = links.weakest() {
        links.cut(node);
        path.ccp_alphas.push(alpha);
        path.impurities.push(links.risk_branch[0]);
    }
    path
}

struct Links<'a> {
    tree: &'a TreeArrays,
    parent: Vec<Option<usize>>,
    risk_node: Vec<f64>,
    risk_branch: Vec<f64>,
    n_leaves: Vec<i64>,
    is_leaf: Vec<bool>,
    /// Inner nodes that are still in the subtree.
    candidate: Vec<bool>,
    in_subtree: Vec<bool>,
}

impl<'a> Links<'a> {
    fn new(tree: &'a TreeArrays) -> Self {
        let n = tree.node_count();
        let total = tree.weighted_n_node_samples[0];
        let risk_node: Vec<f64> =
            (0..n).map(|node| tree.weighted_n_node_samples[node] * tree.impurity[node] / total).collect();
        let mut parent = vec![None; n];
        let is_leaf: Vec<bool> = tree.children_left.iter().map(|&child| child == LEAF).collect();
        for node in (0..n).filter(|&node| !is_leaf[node]) {
            parent[tree.children_left[node] as usize] = Some(node);
            parent[tree.children_right[node] as usize] = Some(node);
        }
        let mut risk_branch = vec![0.0; n];
        let mut n_leaves = vec![0; n];
        for leaf in (0..n).filter(|&node| is_leaf[node]) {
            risk_branch[leaf] = risk_node[leaf];
            let mut above = parent[leaf];
            while let Some(node) = above {
                risk_branch[node] += risk_node[leaf];
                n_leaves[node] += 1;
                above = parent[node];
            }
        }
        let candidate = is_leaf.iter().map(|leaf| !leaf).collect();
        Self { tree, parent, risk_node, risk_branch, n_leaves, is_leaf, candidate, in_subtree: vec![true; n] }
    }

    /// The inner node whose branch costs least per leaf saved, with that cost; nothing when only the root is left.
    fn weakest(&self) -> Option<(f64, usize)> {
        if !self.candidate[0] {
            return None;
        }
        let mut weakest = None;
        let mut least = f64::MAX;
        for node in (0..self.candidate.len()).filter(|&node| self.candidate[node]) {
            let alpha = (self.risk_node[node] - self.risk_branch[node]) / (self.n_leaves[node] - 1) as f64;
            if alpha < least {
                least = alpha;
                weakest = Some((alpha, node));
            }
        }
        weakest
    }

    /// Makes `node` a leaf.
    fn cut(&mut self, node: usize) {
        let mut stack = vec![node];
        while let Some(below) = stack.pop() {
            if !self.in_subtree[below] {
                continue;
            }
            self.candidate[below] = false;
            self.is_leaf[below] = false;
            self.in_subtree[below] = false;
            if self.tree.children_left[below] != LEAF {
                stack.push(self.tree.children_left[below] as usize);
                stack.push(self.tree.children_right[below] as usize);
            }
        }
        self.is_leaf[node] = true;
        self.in_subtree[node] = true;
        let lost_leaves = self.n_leaves[node] - 1;
        self.n_leaves[node] = 0;
        let difference = self.risk_node[node] - self.risk_branch[node];
        self.risk_branch[node] = self.risk_node[node];
        let mut above = self.parent[node];
        while let Some(ancestor) = above {
            self.n_leaves[ancestor] -= lost_leaves;
            self.risk_branch[ancestor] += difference;
            above = self.parent[ancestor];
        }
    }
}

/// The tree down to the given leaves, renumbered depth first.
fn subtree(tree: &TreeArrays, is_leaf: &[bool]) -> TreeArrays {
    let mut pruned = TreeArrays::new(tree.n_features, tree.n_outputs, tree.n_values);
    let mut stack = vec![(0, 0, None)];
    while let Some((node, depth, parent)) = stack.pop() {
        let split = (!is_leaf[node])
            .then(|| (tree.feature[node] as usize, tree.threshold[node], tree.missing_go_to_left[node]));
        let id = pruned.push(NewNode {
            parent,
            impurity: tree.impurity[node],
            n_samples: tree.n_node_samples[node] as usize,
            weight: tree.weighted_n_node_samples[node],
            split,
        });
        let stride = pruned.stride();
        pruned.value[id * stride..].copy_from_slice(tree.value_of(node));
        pruned.max_depth = pruned.max_depth.max(depth);
        if split.is_some() {
            stack.push((tree.children_right[node] as usize, depth + 1, Some((id, false))));
            stack.push((tree.children_left[node] as usize, depth + 1, Some((id, true))));
        }
    }
    pruned
}
