//! Decision trees, equal to scikit-learn's in every node: feature, threshold, children, counts, impurity and value.
//!
//! | module | content |
//! |---|---|
//! | this one | the estimators |
//! | `params`, `data` | parameters and training data, resolved and checked |
//! | `columns`, `stream`, `sort` | what the search reads: 32-bit columns, random numbers, the order of equal values |
//! | `criterion` | impurities |
//! | `split` | the search for a node's best split |
//! | `ranks`, `counting` | the same for class labels with whole weights, several times as fast |
//! | `replay`, `ordered` | the same for numbers under the squared error |
//! | `grow`, `prune` | the order of nodes; cost-complexity pruning |
//! | `arrays` | the tree while it grows |
//! | `nodes`, `predict`, `model`, `state` | the fitted tree |
//! | `compact`, `lanes` | the form in which many rows go through it |
//!
//! The algorithm is CART (Breiman, Friedman, Olshen and Stone, 1984); random thresholds are those of extremely randomized
//! trees (Geurts, Ernst and Wehenkel, 2006).

mod arrays;
mod columns;
mod compact;
mod counting;
mod criterion;
mod data;
mod grow;
mod lanes;
mod model;
mod nodes;
mod ordered;
mod params;
mod predict;
mod prune;
mod ranks;
mod replay;
mod sort;
mod split;
mod state;
mod stream;

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::estimator::{Estimator, Training, estimator};
use crate::param::{ClassWeight, Range};
use crate::random::RandomState;
use crate::registry::{Entry, entry};
use crate::sum::pairwise_sum;

pub(crate) use arrays::{LEAF, TreeArrays};
pub(crate) use columns::{Columns, Missing};
pub(crate) use compact::{Batch, Compact, compacted};
pub(crate) use criterion::Targets;
pub(crate) use data::{Basis, Prepared, Target, n_values, rows};
use grow::grow_weighted;
pub(crate) use grow::{Measure, Source, grow};
pub(crate) use nodes::{Place, PlaceKind};
pub(crate) use params::{MONOTONIC_RANGE, Shape, shape};
pub(crate) use predict::{Decoding, add_values, by_blocks, single};
pub(crate) use ranks::{Order, Ranks};
pub(crate) use split::Splitter;
pub(crate) use state::{take_trees, with_trees};

pub use model::TreePredictor;
pub use nodes::Tree;
pub use params::{LabelCriterion, MaxFeatures, NumberCriterion, Rows, SplitterChoice};
pub use prune::PruningPath;

pub(crate) const ENTRIES: &[Entry] = &[
    entry!(DecisionTreeClassifier, TreePredictor),
    entry!(DecisionTreeRegressor, TreePredictor),
    entry!(ExtraTreeClassifier, TreePredictor),
    entry!(ExtraTreeRegressor, TreePredictor),
];

/// Declares a tree estimator: all have the same parameters but for the criterion and class weights.
macro_rules! tree_estimator {
    (
        $(#[$meta:meta])*
        $name:ident: $kind:ident, $criterion:ty = $default:expr, $splitter:expr, $max_features:expr
        $(, class_weight: $class_weight:ty)?
    ) => {
        estimator! {
            $(#[$meta])*
            pub struct $name: $kind -> TreePredictor {
                /// How the quality of a split is measured.
                criterion: $criterion = $default, <$criterion>::RANGE;
                /// Whether all thresholds are tried (best) or one at random for each feature (random).
                splitter: SplitterChoice = $splitter, SplitterChoice::RANGE;
                /// Greatest depth; none for as deep as need be.
                max_depth: Option<usize> = None, Range::integer_from(1).or_none();
                /// Least number of rows in a node that is split, or their share.
                min_samples_split: Rows = 2_usize, Rows::SPLIT_RANGE;
                /// Least number of rows in a leaf, or their share.
                min_samples_leaf: Rows = 1_usize, Rows::LEAF_RANGE;
                /// Least share of the total weight in a leaf.
                min_weight_fraction_leaf: f64 = 0.0, Range::between(0.0, 0.5);
                /// How many features are looked at for a split; none for all.
                max_features: MaxFeatures = $max_features, MaxFeatures::RANGE;
                /// Seed of the random numbers: which features are drawn first, and so which of equal splits is taken.
                random_state: Option<u32> = None, Range::SEED;
                /// Greatest number of leaves; the best splits are made first. None for no limit.
                max_leaf_nodes: Option<usize> = None, Range::integer_from(2).or_none();
                /// Least decrease of impurity, weighted by the node's share of the rows, that is worth a split.
                min_impurity_decrease: f64 = 0.0, Range::at_least(0.0);
                $(
                    /// How much the rows of each class count: balanced, or a map from classes to weights.
                    class_weight: $class_weight = None, ClassWeight::RANGE;
                )?
                /// Complexity that pruning allows per leaf; 0 for no pruning.
                ccp_alpha: f64 = 0.0, Range::at_least(0.0);
                /// For each feature whether the prediction must rise (1), fall (−1) or neither (0) with it.
                monotonic_cst: Option<Vec<i64>> = None, MONOTONIC_RANGE;
            }
            impl Estimator {
                fn allows_nan(&self) -> bool {
                    true
                }
            }
        }
    };
}

tree_estimator! {
    /// Predicts class labels by a tree of yes-or-no questions about single features. NaN is a missing value. Parity with
    /// scikit-learn: exact, every node.
    DecisionTreeClassifier: Classifier, LabelCriterion = LabelCriterion::Gini, SplitterChoice::Best, MaxFeatures::All,
    class_weight: Option<ClassWeight>
}

tree_estimator! {
    /// Predicts numbers by a tree of yes-or-no questions about single features. NaN is a missing value. Parity with
    /// scikit-learn: exact, every node.
    DecisionTreeRegressor: Regressor, NumberCriterion = NumberCriterion::SquaredError, SplitterChoice::Best,
    MaxFeatures::All
}

tree_estimator! {
    /// Predicts class labels by a tree whose thresholds are drawn at random. NaN is a missing value. Parity with
    /// scikit-learn: exact, every node.
    ExtraTreeClassifier: Classifier, LabelCriterion = LabelCriterion::Gini, SplitterChoice::Random, MaxFeatures::Sqrt,
    class_weight: Option<ClassWeight>
}

tree_estimator! {
    /// Predicts numbers by a tree whose thresholds are drawn at random. NaN is a missing value. Parity with scikit-learn:
    /// exact, every node.
    ExtraTreeRegressor: Regressor, NumberCriterion = NumberCriterion::SquaredError, SplitterChoice::Random,
    MaxFeatures::Fraction(1.0)
}

/// The two kinds of `fit_on`.
macro_rules! fit_on {
    ($($classifier:ident)+; $($regressor:ident)+) => {
        $(impl $classifier {
            /// Grows the tree.
            ///
            /// # Errors
            /// See [`Estimator::fit_on`].
            pub fn fit_on(&self, data: &Training<'_>) -> Result<TreePredictor> {
                self.check_params()?;
                let shape = shape!(self, splitter: self.splitter.into());
                fit(self.name(), shape, Target::Labels, self.class_weight.as_ref(), self.random_state, data)
            }
        })+
        $(impl $regressor {
            /// Grows the tree.
            ///
            /// # Errors
            /// See [`Estimator::fit_on`].
            pub fn fit_on(&self, data: &Training<'_>) -> Result<TreePredictor> {
                self.check_params()?;
                let shape = shape!(self, splitter: self.splitter.into());
                fit(self.name(), shape, Target::Numbers, None, self.random_state, data)
            }
        })+
    };
}

fit_on!(DecisionTreeClassifier ExtraTreeClassifier; DecisionTreeRegressor ExtraTreeRegressor);

fn fit(
    owner: &str,
    mut shape: Shape,
    target: Target,
    class_weight: Option<&ClassWeight>,
    random_state: Option<u32>,
    data: &Training<'_>,
) -> Result<TreePredictor> {
    let mut prepared = Prepared::new(data, target, Missing::Allowed)?;
    shape.check(owner, prepared.columns.n_features(), &prepared.n_classes, &prepared.y)?;
    let by_class = class_weight.map(|weight| prepared.class_weights(owner, weight, Basis::Rows)).transpose()?;
    prepared.weigh(by_class);
    prepared.rank(&shape, prepared.weights.is_none());
    let weights = prepared.weights.as_deref().map(Cow::Borrowed);
    let tree = grow_one(&prepared, &shape, weights, &mut RandomState::from_seed(random_state))?;
    Ok(TreePredictor { tree, classes: prepared.classes })
}

/// Grows one tree; draws the seed of its stream of splits.
pub(crate) fn grow_one(
    prepared: &Prepared,
    shape: &Shape,
    weights: Option<Cow<'_, [f64]>>,
    random: &mut RandomState,
) -> Result<Tree> {
    let n_rows = prepared.n_rows();
    let total = weights.as_ref().map_or(n_rows as f64, |weights| pairwise_sum(n_rows, |row| weights[row]));
    let growth = shape.growth(n_rows, prepared.columns.n_features(), total);
    let source = Source {
        columns: &prepared.columns,
        ranks: prepared.ranks.as_ref(),
        targets: Targets { y: &prepared.y, n_outputs: prepared.n_outputs(), weights: None },
        n_classes: &prepared.n_classes,
        seed: random.randint(0, i64::from(stream::LARGEST))? as u32,
    };
    let tree = grow_weighted(&source, weights, &growth);
    // The Poisson deviance is rightly infinite where the weighted targets sum to 0.
    let impurity_matters = shape.measure != Measure::Poisson;
    let finite = tree.value.iter().all(|value| value.is_finite())
        && (!impurity_matters || tree.impurity.iter().all(|impurity| impurity.is_finite()));
    if finite { Ok(Tree::of(&tree)) } else { Err(Error::overflow("the impurity of a tree")) }
}
