//! Linear models: the prediction is a weighted sum of the features plus an intercept.

mod coordinate_descent;
mod design;
mod elastic_net;
mod lbfgs;
mod linear_regression;
mod logistic;
mod logistic_loss;
mod predictor;
mod proximal;
mod ridge;
mod solve;

use crate::registry::{Entry, entry};

pub use elastic_net::{ElasticNet, Lasso, Selection};
pub use linear_regression::LinearRegression;
pub use logistic::{LogisticPredictor, LogisticRegression, LogisticSolver};
pub use predictor::LinearPredictor;
pub use ridge::{Ridge, RidgeSolver};

pub(crate) use design::check_weights;
pub(crate) use predictor::decision;
use predictor::{Descent, Spectrum};

pub(crate) const ENTRIES: &[Entry] = &[
    entry!(ElasticNet, LinearPredictor),
    entry!(Lasso, LinearPredictor),
    entry!(LinearRegression, LinearPredictor),
    entry!(LogisticRegression, LogisticPredictor),
    entry!(Ridge, LinearPredictor),
];
