//! Random forests (Breiman, 2001) and extremely randomized trees (Geurts, Ernst and Wehenkel, 2006).
//!
//! Tree `t` depends on its seed alone, so trees grow in any order on any number of threads, and a forest of 50 trees is
//! the beginning of one of 200.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::estimator::{Estimator, Predictor, Training, estimator};
use crate::param::{ClassWeight, ParamType, ParamValue, Range};
use crate::random::{RandomState, Replace};
use crate::registry::{Entry, entry};
use crate::sum::pairwise_sum;
use crate::tree::{
    Basis, LabelCriterion, MONOTONIC_RANGE, MaxFeatures, Missing, NumberCriterion, Prepared, Rows, Shape, Splitter,
    Target, Tree, grow_one, shape,
};

use super::forest_model::ForestPredictor;

pub(crate) const ENTRIES: &[Entry] = &[
    entry!(RandomForestClassifier, ForestPredictor),
    entry!(RandomForestRegressor, ForestPredictor),
    entry!(ExtraTreesClassifier, ForestPredictor),
    entry!(ExtraTreesRegressor, ForestPredictor),
];

/// Declares a forest: all have the same parameters but for the criterion and class weights.
macro_rules! forest_estimator {
    (
        $(#[$meta:meta])*
        $name:ident: $kind:ident, $target:ident, $splitter:ident, $criterion:ty = $default:expr,
        max_features: $max_features:expr, bootstrap: $bootstrap:expr
        $(, $class_weight:ident: $class_weight_type:ty)?
    ) => {
        estimator! {
            $(#[$meta])*
            pub struct $name: $kind -> ForestPredictor {
                /// Number of trees.
                n_estimators: usize = 100_usize, Range::integer_from(1);
                /// How the quality of a split is measured.
                criterion: $criterion = $default, <$criterion>::RANGE;
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
                /// Greatest number of leaves of a tree; the best splits are made first. None for no limit.
                max_leaf_nodes: Option<usize> = None, Range::integer_from(2).or_none();
                /// Least decrease of impurity, weighted by the node's share of the rows, that is worth a split.
                min_impurity_decrease: f64 = 0.0, Range::at_least(0.0);
                /// Whether each tree learns from rows drawn with replacement rather than from all rows.
                bootstrap: bool = $bootstrap, Range::BOOLEAN;
                /// Whether to score each row by the trees that did not see it.
                oob_score: bool = false, Range::BOOLEAN;
                /// Seed of the random numbers.
                random_state: Option<u32> = None, Range::SEED;
                $(
                    /// How much rows of each class count: balanced, balanced_subsample, or a map from classes to weights.
                    $class_weight: $class_weight_type = None, ClassWeight::FOREST_RANGE;
                )?
                /// Complexity that pruning allows per leaf; 0 for no pruning.
                ccp_alpha: f64 = 0.0, Range::at_least(0.0);
                /// Number of rows drawn for each tree, or their share; none for as many as there are.
                max_samples: Option<Rows> = None, Rows::SAMPLE_RANGE;
                /// For each feature whether the prediction must rise (1), fall (−1) or neither (0) with it.
                monotonic_cst: Option<Vec<i64>> = None, MONOTONIC_RANGE;
            }
            impl Estimator {
                fn allows_nan(&self) -> bool {
                    true
                }

                fn shares_fit(&self, other: &dyn Estimator) -> bool {
                    // A forest is the beginning of a larger one with the same seed.
                    other.as_any().downcast_ref::<Self>().is_some_and(|other| {
                        self.random_state.is_some()
                            && !self.oob_score
                            && *self == Self { n_estimators: self.n_estimators, ..other.clone() }
                    })
                }

                fn fit_shared(
                    &self,
                    candidates: &[&dyn Estimator],
                    data: &Training<'_>,
                ) -> Vec<Result<Box<dyn Predictor>>> {
                    let own: Option<Vec<&Self>> =
                        candidates.iter().map(|candidate| candidate.as_any().downcast_ref()).collect();
                    let largest = own.as_ref().and_then(|own| own.iter().max_by_key(|forest| forest.n_estimators));
                    let forest = largest.map(|largest| $name::fit_on(largest, data));
                    match (own, forest) {
                        (Some(own), Some(Ok(forest))) => {
                            own.iter().map(|candidate| Ok(forest.prefix(candidate.n_estimators).boxed())).collect()
                        }
                        // The error of each in its own words.
                        _ => candidates.iter().map(|candidate| candidate.fit_on(data)).collect(),
                    }
                }
            }
        }

        impl $name {
            /// Grows the forest.
            ///
            /// # Errors
            /// See [`Estimator::fit_on`].
            pub fn fit_on(&self, data: &Training<'_>) -> Result<ForestPredictor> {
                self.fit_more(ForestPredictor::default(), data)
            }

            /// Adds trees to a forest until it has `n_estimators`, as with scikit-learn's `warm_start`: the result is the
            /// forest that would have grown at once, if data and parameters are the same. Scores are computed anew.
            ///
            /// # Errors
            /// See [`Estimator::fit_on`]; `InvalidParam` when the forest has more trees already; `Shape` when it was
            /// grown from other features or classes.
            pub fn fit_more(&self, forest: ForestPredictor, data: &Training<'_>) -> Result<ForestPredictor> {
                self.check_params()?;
                let plan = Plan {
                    owner: self.name(),
                    target: Target::$target,
                    shape: shape!(self, splitter: Splitter::$splitter),
                    n_estimators: self.n_estimators,
                    bootstrap: self.bootstrap,
                    oob_score: self.oob_score,
                    random_state: self.random_state,
                    class_weight: class_weight!(self $(, $class_weight)?),
                    max_samples: self.max_samples,
                };
                plan.fit(forest, data)
            }
        }
    };
}

macro_rules! class_weight {
    ($self:ident) => {
        None
    };
    ($self:ident, $field:ident) => {
        $self.$field.as_ref()
    };
}

forest_estimator! {
    /// Predicts class labels by the average of trees, each grown from a bootstrap sample, with a few random features to
    /// choose from at each split. NaN is a missing value. Parity with scikit-learn: exact, every node.
    RandomForestClassifier: Classifier, Labels, Best, LabelCriterion = LabelCriterion::Gini,
    max_features: MaxFeatures::Sqrt, bootstrap: true, class_weight: Option<ClassWeight>
}

forest_estimator! {
    /// Predicts numbers by the average of trees, each grown from a bootstrap sample. NaN is a missing value. Parity with
    /// scikit-learn: exact, every node.
    RandomForestRegressor: Regressor, Numbers, Best, NumberCriterion = NumberCriterion::SquaredError,
    max_features: MaxFeatures::Fraction(1.0), bootstrap: true
}

forest_estimator! {
    /// Predicts class labels by the average of trees whose thresholds are drawn at random. NaN is a missing value. Parity
    /// with scikit-learn: exact, every node.
    ExtraTreesClassifier: Classifier, Labels, Random, LabelCriterion = LabelCriterion::Gini,
    max_features: MaxFeatures::Sqrt, bootstrap: false, class_weight: Option<ClassWeight>
}

forest_estimator! {
    /// Predicts numbers by the average of trees whose thresholds are drawn at random. NaN is a missing value. Parity with
    /// scikit-learn: exact, every node.
    ExtraTreesRegressor: Regressor, Numbers, Random, NumberCriterion = NumberCriterion::SquaredError,
    max_features: MaxFeatures::Fraction(1.0), bootstrap: false
}

/// A forest's parameters, whatever its kind.
struct Plan<'a> {
    owner: &'static str,
    target: Target,
    shape: Shape,
    n_estimators: usize,
    bootstrap: bool,
    oob_score: bool,
    random_state: Option<u32>,
    class_weight: Option<&'a ClassWeight>,
    max_samples: Option<Rows>,
}

impl Plan<'_> {
    fn fit(mut self, mut forest: ForestPredictor, data: &Training<'_>) -> Result<ForestPredictor> {
        self.check()?;
        let mut prepared = Prepared::new(data, self.target, Missing::Allowed)?;
        self.shape.check(self.owner, prepared.columns.n_features(), &prepared.n_classes, &prepared.y)?;
        forest.check_continues(self.owner, &prepared, self.n_estimators)?;
        let by_tree = self.class_weight == Some(&ClassWeight::BalancedSubsample) && self.bootstrap;
        if !by_tree {
            let basis = prepared.weights.as_deref().map_or(Basis::Rows, Basis::Weights);
            let by_class = self.class_weight.map(|weight| prepared.class_weights(self.owner, weight, basis));
            let by_class = by_class.transpose()?;
            prepared.weigh(by_class);
        }
        let whole_weights = if self.bootstrap { !by_tree } else { prepared.weights.is_none() };
        prepared.rank(&self.shape, whole_weights);
        let bootstrap = self.bootstrap.then(|| Bootstrap::new(&prepared, self.max_samples));

        let seeds = seeds(self.random_state, self.n_estimators);
        let n_before = forest.trees.len();
        let n_done = AtomicUsize::new(n_before);
        let grow = |&seed: &u32| {
            let tree = self.tree(&prepared, bootstrap.as_ref(), seed)?;
            data.step(n_done.fetch_add(1, Ordering::Relaxed) + 1, self.n_estimators)?;
            Ok(tree)
        };
        let grown: Vec<Result<Arc<Tree>>> = seeds[n_before..].par_iter().map(grow).collect();
        for tree in grown {
            forest.trees.push(tree?);
        }
        forest.n_features = prepared.columns.n_features();
        forest.classes.clone_from(&prepared.classes);
        forest.out_of_bag = match (&bootstrap, self.oob_score) {
            (Some(bootstrap), true) => {
                let unseen = |seed: u32| Ok(bootstrap.counts(seed)?.into_iter().map(|count| count == 0.0).collect());
                Some(forest.score_out_of_bag(self.owner, &prepared, data, &seeds, unseen)?)
            }
            _ => None,
        };
        Ok(forest)
    }

    fn check(&self) -> Result<()> {
        let needs_bootstrap = |param: &str, value: ParamValue, allowed: &str| {
            Err(Error::invalid(self.owner, param, value, format!("{allowed} when bootstrap = false")))
        };
        match self.max_samples {
            Some(rows) if !self.bootstrap => needs_bootstrap("max_samples", rows.to_value(), "None"),
            _ if self.oob_score && !self.bootstrap => needs_bootstrap("oob_score", true.into(), "false"),
            _ => Ok(()),
        }
    }

    fn tree(&self, prepared: &Prepared, bootstrap: Option<&Bootstrap<'_>>, seed: u32) -> Result<Arc<Tree>> {
        let tree = match bootstrap {
            None => {
                let weights = prepared.weights.as_deref().map(Cow::Borrowed);
                grow_one(prepared, &self.shape, weights, &mut RandomState::new(seed))?
            }
            Some(bootstrap) => {
                let mut weights = bootstrap.counts(seed)?;
                if self.class_weight == Some(&ClassWeight::BalancedSubsample) {
                    let by_class =
                        prepared.class_weights(self.owner, &ClassWeight::Balanced, Basis::Sample(&weights))?;
                    weights.iter_mut().zip(by_class).for_each(|(weight, by_class)| *weight *= by_class);
                }
                // Not the stream that drew the sample: another one from the same seed.
                grow_one(prepared, &self.shape, Some(weights.into()), &mut RandomState::new(seed))?
            }
        };
        Ok(Arc::new(tree))
    }
}

/// The seed of each tree, in order.
fn seeds(random_state: Option<u32>, n_estimators: usize) -> Vec<u32> {
    let mut random = RandomState::from_seed(random_state);
    (0..n_estimators).map(|_| random.bounded((1 << 31) - 2) as u32).collect()
}

/// How a tree's rows are drawn. Weights of rows are their chances, and no longer weights, once drawn.
struct Bootstrap<'a> {
    n_rows: usize,
    n_drawn: usize,
    weights: Option<&'a [f64]>,
    probabilities: Option<Vec<f64>>,
}

impl<'a> Bootstrap<'a> {
    fn new(prepared: &'a Prepared, max_samples: Option<Rows>) -> Self {
        let n_rows = prepared.n_rows();
        let weights = prepared.weights.as_deref();
        let total = weights.map_or(n_rows as f64, |weights| pairwise_sum(n_rows, |row| weights[row]));
        let n_drawn = match max_samples {
            None => n_rows,
            Some(Rows::Count(count)) => count,
            Some(Rows::Fraction(fraction)) => ((fraction * total) as usize).max(1),
        };
        let probabilities = weights.map(|weights| weights.iter().map(|weight| weight / total).collect());
        Self { n_rows, n_drawn, weights, probabilities }
    }

    /// How often the tree with this seed has each row.
    fn counts(&self, seed: u32) -> Result<Vec<f64>> {
        let mut random = RandomState::new(seed);
        let mut counts = vec![0.0; self.n_rows];
        if self.weights.is_some() {
            for row in random.choice(self.n_rows, self.n_drawn, Replace::With, self.probabilities.as_deref())? {
                counts[row] += 1.0;
            }
        } else {
            let last = self.n_rows.saturating_sub(1) as u64;
            for _ in 0..self.n_drawn {
                counts[random.bounded(last) as usize] += 1.0;
            }
        }
        Ok(counts)
    }
}
