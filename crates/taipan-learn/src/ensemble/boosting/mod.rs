//! Gradient boosting (Friedman, *Greedy function approximation: a gradient boosting machine*, 2001; *Stochastic gradient
//! boosting*, 2002): each tree is fitted to the gradient of the loss that the trees before it left.

mod init;
mod loss;
mod model;
mod percentile;
mod stages;

use crate::error::{Error, Result};
use crate::estimator::{Estimator, Training, choices, estimator};
use crate::param::Range;
use crate::registry::{Entry, entry};
use crate::tree::{MaxFeatures, Measure, Rows, Shape, Splitter};

use loss::Loss;
use stages::Plan;

pub use init::BoostingInit;
pub use model::BoostingPredictor;

pub(crate) const ENTRIES: &[Entry] =
    &[entry!(GradientBoostingClassifier, BoostingPredictor), entry!(GradientBoostingRegressor, BoostingPredictor)];

choices! {
    /// What boosting of a classifier minimises.
    pub enum LabelLoss {
        /// Log loss, also called deviance.
        LogLoss = "log_loss",
        /// Exponential loss, as AdaBoost; for two classes.
        Exponential = "exponential",
    }
}

choices! {
    /// What boosting of a regressor minimises.
    pub enum NumberLoss {
        /// Squared error.
        SquaredError = "squared_error",
        /// Absolute error.
        AbsoluteError = "absolute_error",
        /// Squared error, and absolute error for the share 1 − alpha of the rows that are furthest off.
        Huber = "huber",
        /// Error of the alpha quantile.
        Quantile = "quantile",
    }
}

/// Declares a boosting estimator: both have the same parameters but for the loss and alpha.
macro_rules! boosting_estimator {
    (
        $(#[$meta:meta])*
        $name:ident: $kind:ident, $loss:ty = $default:expr $(, alpha: $alpha:expr)?
    ) => {
        estimator! {
            $(#[$meta])*
            pub struct $name: $kind -> BoostingPredictor {
                /// What is minimised.
                loss: $loss = $default, <$loss>::RANGE;
                /// How much each tree counts.
                learning_rate: f64 = 0.1, Range::at_least(0.0);
                /// Number of stages.
                n_estimators: usize = 100_usize, Range::integer_from(1);
                /// Share of the rows, drawn anew, that each stage learns from.
                subsample: f64 = 1.0, Range::between(0.0, 1.0).min_excluded();
                /// Least number of rows in a node that is split, or their share.
                min_samples_split: Rows = 2_usize, Rows::SPLIT_RANGE;
                /// Least number of rows in a leaf, or their share.
                min_samples_leaf: Rows = 1_usize, Rows::LEAF_RANGE;
                /// Least share of the total weight in a leaf.
                min_weight_fraction_leaf: f64 = 0.0, Range::between(0.0, 0.5);
                /// Greatest depth of a tree; none for as deep as need be.
                max_depth: Option<usize> = 3_usize, Range::integer_from(1).or_none();
                /// Least decrease of impurity, weighted by the node's share of the rows, that is worth a split.
                min_impurity_decrease: f64 = 0.0, Range::at_least(0.0);
                /// Where to start: from zero, from what an estimator predicts, or (none) from the best constant.
                init: Option<BoostingInit> = None, BoostingInit::RANGE.or_none();
                /// Seed of the random numbers.
                random_state: Option<u32> = None, Range::SEED;
                /// How many features are looked at for a split; none for all.
                max_features: MaxFeatures = MaxFeatures::All, MaxFeatures::RANGE;
                $(
                    /// The quantile of the losses huber and quantile.
                    alpha: f64 = $alpha, Range::between(0.0, 1.0).min_excluded().max_excluded();
                )?
                /// Greatest number of leaves of a tree; the best splits are made first. None for no limit.
                max_leaf_nodes: Option<usize> = None, Range::integer_from(2).or_none();
                /// Share of the rows set aside to tell when to stop, if n_iter_no_change is given.
                validation_fraction: f64 = 0.1, Range::between(0.0, 1.0).min_excluded().max_excluded();
                /// Stop when the score on rows set aside was not better than in any of so many stages. None for never.
                n_iter_no_change: Option<usize> = None, Range::integer_from(1).or_none();
                /// How much better counts as better.
                tol: f64 = 1e-4, Range::at_least(0.0);
                /// Complexity that pruning allows per leaf; 0 for no pruning.
                ccp_alpha: f64 = 0.0, Range::at_least(0.0);
            }
        }

        impl $name {
            /// Grows all stages.
            ///
            /// # Errors
            /// See [`Estimator::fit_on`].
            pub fn fit_on(&self, data: &Training<'_>) -> Result<BoostingPredictor> {
                self.check_params()?;
                self.plan().fit(None, data)
            }

            /// Adds stages to a model until there are `n_estimators`, as with scikit-learn's `warm_start`: the result is
            /// the model that would have grown at once, if data and parameters are the same and there is a seed.
            ///
            /// # Errors
            /// See [`Estimator::fit_on`]; `InvalidParam` when the model has more stages already; `Shape` when it was grown
            /// from other features or classes.
            pub fn fit_more(&self, model: BoostingPredictor, data: &Training<'_>) -> Result<BoostingPredictor> {
                self.check_params()?;
                self.plan().fit(Some(model), data)
            }

            fn plan(&self) -> Plan<'_> {
                Plan {
                    owner: self.name(),
                    kind: self.kind(),
                    shape: Shape {
                        measure: Measure::SquaredError,
                        splitter: Splitter::Best,
                        max_depth: self.max_depth,
                        min_samples_split: self.min_samples_split,
                        min_samples_leaf: self.min_samples_leaf,
                        min_weight_fraction_leaf: self.min_weight_fraction_leaf,
                        max_features: self.max_features,
                        max_leaf_nodes: self.max_leaf_nodes,
                        min_impurity_decrease: self.min_impurity_decrease,
                        ccp_alpha: self.ccp_alpha,
                        monotonic_cst: None,
                    },
                    objective: self.objective(),
                    learning_rate: self.learning_rate,
                    n_estimators: self.n_estimators,
                    subsample: self.subsample,
                    init: self.init.as_ref(),
                    random_state: self.random_state,
                    validation_fraction: self.validation_fraction,
                    n_iter_no_change: self.n_iter_no_change,
                    tol: self.tol,
                }
            }
        }
    };
}

boosting_estimator! {
    /// Predicts class labels by trees that each correct the ones before. Parity with scikit-learn: the same trees, as far
    /// as exponentials and logarithms come out the same.
    GradientBoostingClassifier: Classifier, LabelLoss = LabelLoss::LogLoss
}

boosting_estimator! {
    /// Predicts numbers by trees that each correct the ones before. Parity with scikit-learn: exact, every node.
    GradientBoostingRegressor: Regressor, NumberLoss = NumberLoss::SquaredError, alpha: 0.9
}

/// What is minimised, before the number of classes is known.
#[derive(Debug, Clone, Copy)]
enum Objective {
    Labels(LabelLoss),
    Numbers(Loss),
}

impl GradientBoostingClassifier {
    fn objective(&self) -> Objective {
        Objective::Labels(self.loss)
    }
}

impl GradientBoostingRegressor {
    fn objective(&self) -> Objective {
        Objective::Numbers(match self.loss {
            NumberLoss::SquaredError => Loss::SquaredError,
            NumberLoss::AbsoluteError => Loss::AbsoluteError,
            NumberLoss::Huber => Loss::Huber { quantile: self.alpha, delta: 0.5 },
            NumberLoss::Quantile => Loss::Quantile(self.alpha),
        })
    }
}

impl Objective {
    fn loss(self, owner: &str, n_classes: usize) -> Result<Loss> {
        match (self, n_classes) {
            (Self::Numbers(loss), _) => Ok(loss),
            (Self::Labels(_), ..2) => {
                Err(Error::too_few(format!("y has {n_classes} class with weight; {owner} needs at least 2")))
            }
            (Self::Labels(LabelLoss::LogLoss), 2) => Ok(Loss::Binomial),
            (Self::Labels(LabelLoss::LogLoss), _) => Ok(Loss::Multinomial(n_classes)),
            (Self::Labels(LabelLoss::Exponential), 2) => Ok(Loss::Exponential),
            (Self::Labels(LabelLoss::Exponential), _) => {
                Err(Error::invalid(owner, "loss", "exponential", "log_loss when there are more than two classes"))
            }
        }
    }
}
