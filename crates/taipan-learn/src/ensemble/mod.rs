//! Ensembles of trees: forests, which average independent trees, and boosting, which adds one tree after the other.

mod boosting;
mod forest;
mod forest_model;

pub use boosting::{
    BoostingInit, BoostingPredictor, GradientBoostingClassifier, GradientBoostingRegressor, LabelLoss, NumberLoss,
};
pub use forest::{ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor};
pub use forest_model::{ForestPredictor, OutOfBag};

pub(crate) use boosting::ENTRIES as BOOSTING;
pub(crate) use forest::ENTRIES as FORESTS;
