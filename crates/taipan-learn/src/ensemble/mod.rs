//! Ensembles of trees.

mod forest;
mod forest_model;

pub use forest::{ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor};
pub use forest_model::{ForestPredictor, OutOfBag};

pub(crate) use forest::ENTRIES as FORESTS;
