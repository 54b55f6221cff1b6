//! The baselines that ignore their features. A real model must beat them.

mod classifier;
mod regressor;

use crate::registry::{Entry, entry};

pub use classifier::{ClassStrategy, DummyClassifier, PriorPredictor};
pub use regressor::{ConstantPredictor, DummyRegressor, Strategy};

pub(crate) const ENTRIES: &[Entry] =
    &[entry!(DummyClassifier, PriorPredictor), entry!(DummyRegressor, ConstantPredictor)];
