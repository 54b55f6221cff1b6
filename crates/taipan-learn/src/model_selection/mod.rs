//! Which rows to train on and which to test with, and what comes of it: scikit-learn's `model_selection`.
//!
//! | module | content |
//! |---|---|
//! | `split` | one random split: [`train_test_split`] |
//! | `splitter` | [`Splitter`], [`Rows`], [`Splits`], and splitters by name |
//! | `folds` | each row tested with once: [`KFold`], [`StratifiedKFold`], [`GroupKFold`], [`LeaveOneOut`], repeated |
//! | `shuffled` | random rows again and again: [`ShuffleSplit`], [`StratifiedShuffleSplit`] |
//! | `time_series` | the past before the future: [`TimeSeriesSplit`] |
//! | `evaluate` | fits and scores candidates on splits, in parallel |
//! | `cross_val` | [`cross_val_score`], [`cross_validate`], [`cross_val_predict`] |
//! | `grid` | what a search tries: [`ParamGrid`], [`ParamDistributions`] |
//! | `search` | [`GridSearchCV`], [`RandomizedSearchCV`] |
//! | `curves` | [`learning_curve`], [`validation_curve`] |
//! | `bias_variance` | the decomposition of the expected error |

mod bias_variance;
mod cross_val;
mod curves;
mod evaluate;
mod folds;
mod grid;
mod search;
mod shuffled;
mod split;
mod splitter;
mod time_series;

pub use bias_variance::{BiasVariance, Loss, bias_variance};
pub use cross_val::{CrossValidation, Method, cross_val_predict, cross_val_score, cross_validate};
pub use curves::{LearningCurve, TrainSize, ValidationCurve, learning_curve, validation_curve};
pub use evaluate::{Cv, Evaluation, FoldScore};
pub use folds::{GroupKFold, KFold, LeaveOneOut, RepeatedKFold, RepeatedStratifiedKFold, StratifiedKFold};
pub use grid::{Distribution, ParamDistributions, ParamGrid, ParamSet};
pub use search::{Candidate, GridSearchCV, RandomizedSearchCV, SearchResult};
pub use shuffled::{ShuffleSplit, StratifiedShuffleSplit};
pub use split::{Split, SplitSize, TestSize, TrainTestSplit, train_test_split};
pub use splitter::{Rows, Splits, Splitter, splitter, splitter_names};
pub use time_series::TimeSeriesSplit;
