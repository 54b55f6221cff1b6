//! Learning from tables of numbers: estimators, model selection, metrics, random streams and model files.
//!
//! Names, defaults and results follow scikit-learn; `ndarray` matrices go in and out. An estimator holds parameters,
//! [`fit`](Estimator::fit) returns a separate [`Predictor`], so a model that was never fitted cannot predict.
//!
//! ```
//! use ndarray::array;
//! use taipan_learn::{LinearRegression, Predictor};
//!
//! let area = array![[2600.0], [3000.0], [3200.0], [3600.0], [4000.0]];
//! let price = array![550_000.0, 565_000.0, 610_000.0, 680_000.0, 725_000.0];
//! let model = LinearRegression::new().fit(area.view(), price.view())?;
//! let predicted = model.predict(array![[3300.0]].view())?;
//! assert!((predicted[0] - 628_715.753_424_657_5).abs() < 1e-6);
//! # Ok::<(), taipan_learn::Error>(())
//! ```
//!
//! By name, for a configuration file or a command line: [`registry::estimator`], then
//! [`set_param`](Estimator::set_param). With its column names, scores and lineage, as a file: [`Model`].
//!
//! # Going on from an earlier model
//! An estimator is never changed by fitting, so there is no `warm_start` that would make a second `fit` depend on the first.
//! What it is for is said in the call instead:
//! - `fit_more` adds trees to a forest and stages to a gradient boosting model; with a seed, the result is what would have
//!   grown at once ([`RandomForestClassifier::fit_more`], [`GradientBoostingClassifier::fit_more`]).
//! - `fit_from` starts the search for weights from those of an earlier model ([`LogisticRegression::fit_from`],
//!   [`Lasso::fit_from`], [`ElasticNet::fit_from`]).
//!
//! # What is promised
//! - The same seed gives the same random numbers, splits and folds as scikit-learn, bit for bit ([`RandomState`]).
//! - The same input gives the same bits with any number of threads and any memory layout of the matrix.
//! - A parameter out of range, a NaN, a wrong shape or a damaged file is an [`Error`] that names it, never a panic.

#![allow(clippy::needless_pass_by_value, reason = "an array view is a reference already")]
#![allow(dead_code, reason = "what families of estimators share is not used by all of them")]
#![allow(clippy::inline_always, reason = "loops are compiled for each kind of processor only where they are inlined")]
#![allow(clippy::float_cmp, reason = "class labels and split values are floats that are equal or not")]

mod blocks;
mod classes;
mod cluster;
mod compose;
mod decomposition;
mod dummy;
mod ensemble;
mod error;
mod estimator;
mod gram;
mod input;
mod linear;
pub mod metrics;
mod model;
pub mod model_selection;
pub mod onnx;
mod param;
mod preprocessing;
mod random;
pub mod registry;
mod simd;
mod state;
mod suggest;
mod sum;
mod tree;
mod warning;

pub use cluster::{Init, KMeans, KMeansAlgorithm, KMeansPredictor};
pub use compose::{ColumnTransformer, FittedColumnTransformer, FittedPipeline, Pipeline, Remainder, TakenColumns};
pub use decomposition::{Components, Pca, PcaPredictor, SvdSolver};
pub use dummy::{ClassStrategy, ConstantPredictor, DummyClassifier, DummyRegressor, PriorPredictor, Strategy};
pub use ensemble::{
    BoostingInit, BoostingPredictor, ExtraTreesClassifier, ExtraTreesRegressor, ForestPredictor,
    GradientBoostingClassifier, GradientBoostingRegressor, LabelLoss, NumberLoss, OutOfBag, RandomForestClassifier,
    RandomForestRegressor,
};
pub use error::{Error, ErrorKind, Place, Result};
pub use estimator::{Attribute, Estimator, Kind, Predictor, Prepared, Training, Watch};
pub use linear::{
    ElasticNet, Lasso, LinearPredictor, LinearRegression, LogisticPredictor, LogisticRegression, LogisticSolver, Ridge,
    RidgeSolver, Selection,
};
pub use model::{Model, Scores};
pub use param::{Auto, ClassWeight, Interval, IntoParam, Param, ParamType, ParamValue, Range, RangeKind};
pub use preprocessing::{
    Drop, FeatureRange, ImputeStrategy, Label, LabelEncoder, LabelMap, MinFrequency, MinMaxScaler, MinMaxScalerFitted,
    OneHotEncoder, OneHotEncoderFitted, OrdinalEncoder, OrdinalEncoderFitted, SimpleImputer, SimpleImputerFitted,
    StandardScaler, StandardScalerFitted, UnknownCategory, UnknownOrdinal,
};
pub use random::{RandomState, Replace};
pub use state::{Array, Element, State, Values};
pub use tree::{
    DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor, LabelCriterion,
    MaxFeatures, NumberCriterion, PruningPath, Rows, SplitterChoice, Tree, TreePredictor,
};
pub use warning::Warning;
