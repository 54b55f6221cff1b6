//! Judging a model by rows whose answers are known.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use taipan_learn::metrics::{
    ClassificationReport, ConfusionMatrix, ReportOptions, Scoring, balanced_accuracy_score, explained_variance_score,
    max_error, mean_absolute_error, r2_score, root_mean_squared_error, silhouette_score,
};
use taipan_learn::{Kind, Model};
use taipan_query::Engine;

use super::answers::class_names;
use super::inputs::Rows;
use crate::error::{Error, Result};
use crate::relation::Relation;

/// The most rows whose distances to each other are computed.
const MOST_FOR_SILHOUETTE: usize = 10_000;

/// How well a model does.
#[derive(Debug)]
#[non_exhaustive]
pub enum Evaluation {
    /// Of a classifier.
    Classification {
        /// Rows judged.
        rows: usize,
        /// The names of the classes, in the order of matrix and probabilities.
        classes: Vec<String>,
        /// Precision, recall and F1 of each class; prints as scikit-learn's.
        report: ClassificationReport,
        /// True classes down, predicted ones across.
        confusion: Box<ConfusionMatrix>,
        /// Accuracy and others by name, in order; an undefined one is `None`.
        scores: Vec<(&'static str, Option<f64>)>,
    },
    /// Of a regressor.
    Regression {
        /// Rows judged.
        rows: usize,
        /// R² and others by name, in order; an undefined one is `None`.
        scores: Vec<(&'static str, Option<f64>)>,
    },
    /// Of a clusterer.
    Clustering {
        /// Rows judged.
        rows: usize,
        /// Rows in each cluster.
        sizes: Vec<usize>,
        /// The silhouette; undefined for fewer than two clusters, and for more than 10,000 rows.
        scores: Vec<(&'static str, Option<f64>)>,
    },
}

/// Judges a model by `relation`, which must have the model's features and its target among its columns.
///
/// Errors: those of [`predict`](super::predict); a class that the model has not learnt, with its row.
pub fn evaluate(engine: &Engine, model: &Model, relation: &Relation) -> Result<Evaluation> {
    let estimator = model.unfitted()?;
    let (batch, of) = (relation.read(engine, None)?, relation.describe());
    if batch.num_rows() == 0 {
        return Err(Error::invalid(format!("{of} has no rows to judge by")));
    }
    let rows = Rows { batch: &batch, of: &of, before: 0, missing: estimator.allows_nan() };
    let x = rows.inputs(model)?;
    let y = || rows.known_target(&model.target, &model.labels);
    match estimator.kind() {
        Kind::Classifier => classification(model, x.view(), &y()?),
        Kind::Regressor => regression(model, x.view(), &y()?),
        Kind::Clusterer => clustering(model, &x),
        Kind::Transformer => {
            Err(Error::invalid(format!("{} transforms rows, which nothing tells right from wrong", model.estimator)))
        }
    }
}

fn classification(model: &Model, x: ArrayView2<'_, f64>, y: &Array1<f64>) -> Result<Evaluation> {
    if let Some(row) = y.iter().position(|label| !model.classes().contains(label)) {
        let what = format!("row {}: '{}' is {}, which the model has not learnt", row + 1, model.target, y[row]);
        return Err(Error::invalid(what));
    }
    let predicted = model.predict(x)?;
    let (classes, labels) = (class_names(model), model.classes());
    let options = ReportOptions::new().labels(labels).target_names(&classes);
    let report = ClassificationReport::new(y.view(), predicted.view(), &options)?;
    let confusion = Box::new(ConfusionMatrix::new(y.view(), predicted.view(), None, Some(labels))?);
    // Some classifiers give no probabilities; what needs them is then undefined.
    let score =
        |scoring: Scoring| scoring.score(model.predictor(), x, y.view().insert_axis(Axis(1)), None).ok().flatten();
    let roc_auc = if labels.len() == 2 { Scoring::ROC_AUC } else { Scoring::ROC_AUC_OVR };
    let scores = vec![
        ("accuracy", score(Scoring::ACCURACY)),
        ("balanced_accuracy", Some(balanced_accuracy_score(y.view(), predicted.view(), None, false)?)),
        ("roc_auc", score(roc_auc)),
        ("log_loss", score(Scoring::NEG_LOG_LOSS).map(|loss| -loss)),
    ];
    Ok(Evaluation::Classification { rows: y.len(), classes, report, confusion, scores })
}

fn regression(model: &Model, x: ArrayView2<'_, f64>, y: &Array1<f64>) -> Result<Evaluation> {
    let predicted = model.predict(x)?;
    let (y, predicted) = (y.view(), predicted.view());
    let scores = vec![
        ("r2", r2_score(y, predicted)?),
        ("rmse", Some(root_mean_squared_error(y, predicted)?)),
        ("mae", Some(mean_absolute_error(y, predicted)?)),
        ("max_error", Some(max_error(y, predicted)?)),
        ("explained_variance", Some(explained_variance_score(y, predicted)?)),
    ];
    Ok(Evaluation::Regression { rows: y.len(), scores })
}

fn clustering(model: &Model, x: &Array2<f64>) -> Result<Evaluation> {
    let clusters = model.predict(x.view())?;
    let largest = clusters.iter().fold(0.0_f64, |largest, cluster| largest.max(*cluster));
    let mut sizes = vec![0; largest as usize + 1];
    for cluster in &clusters {
        sizes[*cluster as usize] += 1;
    }
    let found = sizes.iter().filter(|size| **size > 0).count();
    let defined = found > 1 && found < x.nrows() && x.nrows() <= MOST_FOR_SILHOUETTE;
    let silhouette = if defined { Some(silhouette_score(x.view(), clusters.view())?) } else { None };
    Ok(Evaluation::Clustering { rows: x.nrows(), sizes, scores: vec![("silhouette", silhouette)] })
}
