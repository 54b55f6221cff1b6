//! Which rows to train on and which to test with, and scores from doing so: scikit-learn's `model_selection`.

mod cross_val;
mod k_fold;
mod split;

pub use cross_val::cross_val_score;
pub use k_fold::KFold;
pub use split::{Split, TestSize, train_test_split};
