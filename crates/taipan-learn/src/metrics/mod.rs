//! How good predictions are: scikit-learn's metrics for regression, classification, rankings and clusters.
//!
//! Class labels are whole numbers stored as `f64`. Counting metrics are exact; sums run in NumPy's order, so the other
//! values agree to the last bit where NumPy's do not depend on the machine, and to a relative 1e-10 elsewhere.
//!
//! ```
//! use ndarray::array;
//! use taipan_learn::metrics::{Average, ConfusionMatrix, ScoreOptions, accuracy_score, f1_score};
//!
//! let (y_true, y_pred) = (array![0.0, 1.0, 2.0, 2.0], array![0.0, 2.0, 2.0, 2.0]);
//! assert_eq!(accuracy_score(y_true.view(), y_pred.view(), None)?, 0.75);
//! let matrix = ConfusionMatrix::new(y_true.view(), y_pred.view(), None, None)?;
//! assert_eq!(matrix.counts().row(1).to_vec(), [0.0, 0.0, 1.0]);
//! let options = ScoreOptions::new().average(Average::Macro);
//! assert!((f1_score(y_true.view(), y_pred.view(), &options)? - 0.6).abs() < 1e-15);
//! # Ok::<(), taipan_learn::Error>(())
//! ```

mod confusion;
mod log_loss;
mod precision_recall;
mod ranking;
mod regression;
mod report;
mod roc_auc;
mod scoring;
mod silhouette;
mod targets;

pub use confusion::{ConfusionMatrix, Normalize, accuracy_score, balanced_accuracy_score};
pub use log_loss::log_loss;
pub use precision_recall::{
    Average, ClassCounts, PrecisionRecall, ScoreOptions, ZeroDivision, f1_score, fbeta_score, precision_score,
    recall_score,
};
pub use ranking::{
    CurveOptions, PrecisionRecallCurve, RocCurve, auc, average_precision_score, precision_recall_curve, roc_curve,
};
pub use regression::{
    PerOutput, RegressionScores, explained_variance_score, max_error, mean_absolute_error,
    mean_absolute_percentage_error, mean_squared_error, median_absolute_error, r2_score, root_mean_squared_error,
};
pub use report::{ClassificationReport, ReportOptions, ReportRow};
pub use roc_auc::{
    MultiClass, RocAverage, average_precision_score_multiclass, roc_auc_score, roc_auc_score_multiclass,
};
pub use scoring::Scoring;
pub use silhouette::{silhouette_samples, silhouette_score};
