//! Scores by name, for cross-validation and searches: scikit-learn's `scoring="…"`.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::{
    Average, CurveOptions, MultiClass, PerOutput, RegressionScores, RocAverage, ScoreOptions, accuracy_score,
    average_precision_score, average_precision_score_multiclass, balanced_accuracy_score, f1_score, log_loss,
    precision_score, recall_score, roc_auc_score, roc_auc_score_multiclass,
};
use crate::error::{Error, Result};
use crate::estimator::{Kind, Predictor};
use crate::suggest::nearest;

/// A score by name: greater is always better, so errors are negated.
///
/// ```
/// use taipan_learn::metrics::Scoring;
///
/// let scoring: Scoring = "neg_mean_squared_error".parse()?;
/// assert_eq!(scoring, Scoring::NEG_MEAN_SQUARED_ERROR);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Scoring {
    name: &'static str,
    kind: Kind,
    score: fn(&Judged<'_>) -> Result<Option<f64>>,
}

/// A fitted model and rows to judge it by.
struct Judged<'a> {
    model: &'a dyn Predictor,
    x: ArrayView2<'a, f64>,
    y: ArrayView2<'a, f64>,
    weights: Option<ArrayView1<'a, f64>>,
}

macro_rules! scorings {
    ($($(#[$meta:meta])* $constant:ident = $name:literal, $kind:ident, $score:expr;)+) => {
        #[allow(clippy::redundant_closure_for_method_calls, reason = "a method's path is not general enough here")]
        impl Scoring {
            $(
                $(#[$meta])*
                pub const $constant: Self = Self { name: $name, kind: Kind::$kind, score: $score };
            )+

            /// Every scoring there is.
            pub const ALL: &'static [Self] = &[$(Self::$constant),+];
        }
    };
}

scorings! {
    /// [`accuracy_score`], the default for classifiers.
    ACCURACY = "accuracy", Classifier, |judged| accuracy(judged).map(Some);
    /// [`balanced_accuracy_score`].
    BALANCED_ACCURACY = "balanced_accuracy", Classifier, |judged| {
        judged.labels(|y, predicted| balanced_accuracy_score(y, predicted, judged.weights, false))
    };
    /// [`f1_score`] of class 1 of two.
    F1 = "f1", Classifier, |judged| judged.averaged(Average::Binary, f1_score);
    /// [`f1_score`] of all classes together.
    F1_MICRO = "f1_micro", Classifier, |judged| judged.averaged(Average::Micro, f1_score);
    /// Mean [`f1_score`] of the classes.
    F1_MACRO = "f1_macro", Classifier, |judged| judged.averaged(Average::Macro, f1_score);
    /// Mean [`f1_score`] of the classes, weighted by their rows.
    F1_WEIGHTED = "f1_weighted", Classifier, |judged| judged.averaged(Average::Weighted, f1_score);
    /// [`precision_score`] of class 1 of two.
    PRECISION = "precision", Classifier, |judged| judged.averaged(Average::Binary, precision_score);
    /// [`precision_score`] of all classes together.
    PRECISION_MICRO = "precision_micro", Classifier, |judged| judged.averaged(Average::Micro, precision_score);
    /// Mean [`precision_score`] of the classes.
    PRECISION_MACRO = "precision_macro", Classifier, |judged| judged.averaged(Average::Macro, precision_score);
    /// Mean [`precision_score`] of the classes, weighted by their rows.
    PRECISION_WEIGHTED = "precision_weighted", Classifier, |judged| judged.averaged(Average::Weighted, precision_score);
    /// [`recall_score`] of class 1 of two.
    RECALL = "recall", Classifier, |judged| judged.averaged(Average::Binary, recall_score);
    /// [`recall_score`] of all classes together.
    RECALL_MICRO = "recall_micro", Classifier, |judged| judged.averaged(Average::Micro, recall_score);
    /// Mean [`recall_score`] of the classes.
    RECALL_MACRO = "recall_macro", Classifier, |judged| judged.averaged(Average::Macro, recall_score);
    /// Mean [`recall_score`] of the classes, weighted by their rows.
    RECALL_WEIGHTED = "recall_weighted", Classifier, |judged| judged.averaged(Average::Weighted, recall_score);
    /// Minus [`log_loss`].
    NEG_LOG_LOSS = "neg_log_loss", Classifier, |judged| {
        let labels = judged.model.classes().first().map(Vec::as_slice);
        let proba = judged.model.predict_proba(judged.x)?;
        log_loss(judged.one_output()?, proba.view(), labels, judged.weights).map(|loss| Some(-loss))
    };
    /// [`roc_auc_score`] of two classes.
    ROC_AUC = "roc_auc", Classifier, |judged| {
        roc_auc_score(judged.one_output()?, judged.preference()?.view(), judged.weights, None)
    };
    /// [`roc_auc_score_multiclass`], each class against the rest.
    ROC_AUC_OVR = "roc_auc_ovr", Classifier, |judged| roc_auc(judged, MultiClass::Ovr, RocAverage::Macro);
    /// [`roc_auc_score_multiclass`], each class against each other.
    ROC_AUC_OVO = "roc_auc_ovo", Classifier, |judged| roc_auc(judged, MultiClass::Ovo, RocAverage::Macro);
    /// [`roc_auc_score_multiclass`], each class against the rest, weighted by their rows.
    ROC_AUC_OVR_WEIGHTED = "roc_auc_ovr_weighted", Classifier, |judged| {
        roc_auc(judged, MultiClass::Ovr, RocAverage::Weighted)
    };
    /// [`roc_auc_score_multiclass`], each class against each other, weighted by their rows.
    ROC_AUC_OVO_WEIGHTED = "roc_auc_ovo_weighted", Classifier, |judged| {
        roc_auc(judged, MultiClass::Ovo, RocAverage::Weighted)
    };
    /// [`average_precision_score`], of each class where there are more than two.
    AVERAGE_PRECISION = "average_precision", Classifier, |judged| {
        let classes = judged.model.classes().first().map_or(0, Vec::len);
        if classes > 2 {
            let scores = judged.model.decision_function(judged.x).or_else(|_| judged.model.predict_proba(judged.x))?;
            let y = judged.one_output()?;
            return average_precision_score_multiclass(y, scores.view(), RocAverage::Macro, judged.weights);
        }
        let positive = judged.model.classes().first().and_then(|classes| classes.last()).copied().unwrap_or(1.0);
        let options = CurveOptions::new().pos_label(positive);
        let options = match judged.weights {
            Some(weights) => options.sample_weight(weights),
            None => options,
        };
        average_precision_score(judged.one_output()?, judged.preference()?.view(), &options).map(Some)
    };
    /// [`r2_score`](super::r2_score), the default for regressors.
    R2 = "r2", Regressor, |judged| {
        judged.numbers(|scores| Ok(scores.r2()?.map(|outputs| outputs.uniform_average())))
    };
    /// [`explained_variance_score`](super::explained_variance_score).
    EXPLAINED_VARIANCE = "explained_variance", Regressor, |judged| {
        judged.numbers(|scores| Ok(Some(scores.explained_variance()?.uniform_average())))
    };
    /// Minus [`max_error`](super::max_error).
    NEG_MAX_ERROR = "neg_max_error", Regressor, |judged| judged.error(|scores| scores.max_error());
    /// Minus [`mean_absolute_error`](super::mean_absolute_error).
    NEG_MEAN_ABSOLUTE_ERROR = "neg_mean_absolute_error", Regressor, |judged| {
        judged.error(|scores| scores.mean_absolute_error())
    };
    /// Minus [`mean_absolute_percentage_error`](super::mean_absolute_percentage_error).
    NEG_MEAN_ABSOLUTE_PERCENTAGE_ERROR = "neg_mean_absolute_percentage_error", Regressor, |judged| {
        judged.error(|scores| scores.mean_absolute_percentage_error())
    };
    /// Minus [`median_absolute_error`](super::median_absolute_error).
    NEG_MEDIAN_ABSOLUTE_ERROR = "neg_median_absolute_error", Regressor, |judged| {
        judged.error(|scores| scores.median_absolute_error())
    };
    /// Minus [`mean_squared_error`](super::mean_squared_error).
    NEG_MEAN_SQUARED_ERROR = "neg_mean_squared_error", Regressor, |judged| {
        judged.error(|scores| scores.mean_squared_error())
    };
    /// Minus [`root_mean_squared_error`](super::root_mean_squared_error).
    NEG_ROOT_MEAN_SQUARED_ERROR = "neg_root_mean_squared_error", Regressor, |judged| {
        judged.error(|scores| scores.root_mean_squared_error())
    };
}

type LabelScore = fn(ArrayView1<'_, f64>, ArrayView1<'_, f64>, &ScoreOptions<'_>) -> Result<f64>;

impl<'a> Judged<'a> {
    /// The target, when there is only one.
    fn one_output(&self) -> Result<ArrayView1<'a, f64>> {
        if self.y.ncols() == 1 {
            Ok(self.y.index_axis_move(ndarray::Axis(1), 0))
        } else {
            Err(Error::shape("y has several outputs and this score judges one", self.y.ncols(), 1))
        }
    }

    /// Judges predicted labels.
    fn labels(&self, score: impl Fn(ArrayView1<'_, f64>, ArrayView1<'_, f64>) -> Result<f64>) -> Result<Option<f64>> {
        let y = self.one_output()?;
        score(y, self.model.predict(self.x)?.view()).map(Some)
    }

    fn averaged(&self, average: Average, score: LabelScore) -> Result<Option<f64>> {
        let options = ScoreOptions::new().average(average);
        let options = match self.weights {
            Some(weights) => options.sample_weight(weights),
            None => options,
        };
        self.labels(|y, predicted| score(y, predicted, &options))
    }

    /// How strongly the second of two classes is preferred.
    fn preference(&self) -> Result<Array1<f64>> {
        let scores: Array2<f64> = self.model.decision_function(self.x).or_else(|_| self.model.predict_proba(self.x))?;
        match scores.ncols() {
            1 => Ok(scores.column(0).to_owned()),
            2 => Ok(scores.column(1).to_owned()),
            classes => Err(Error::shape("this score judges two classes", classes, 2)),
        }
    }

    /// Judges predicted numbers.
    fn numbers(&self, score: impl Fn(&RegressionScores<'_>) -> Result<Option<f64>>) -> Result<Option<f64>> {
        let predicted = self.model.predict_outputs(self.x)?;
        let scores = RegressionScores::new(self.y, predicted.view())?;
        let scores = match self.weights {
            Some(weights) => scores.sample_weight(weights)?,
            None => scores,
        };
        score(&scores)
    }

    /// Judges predicted numbers by an error, which is better when smaller.
    fn error(&self, error: impl Fn(&RegressionScores<'_>) -> Result<PerOutput>) -> Result<Option<f64>> {
        self.numbers(|scores| error(scores).map(|error| Some(-error.uniform_average())))
    }
}

/// Share of the rows all of whose labels are right.
fn accuracy(judged: &Judged<'_>) -> Result<f64> {
    if judged.y.ncols() == 1 {
        return accuracy_score(judged.one_output()?, judged.model.predict(judged.x)?.view(), judged.weights);
    }
    let predicted = judged.model.predict_outputs(judged.x)?;
    let right: Array1<f64> =
        judged.y.rows().into_iter().zip(predicted.rows()).map(|(y, p)| f64::from(u8::from(y == p))).collect();
    accuracy_score(Array1::ones(right.len()).view(), right.view(), judged.weights)
}

fn roc_auc(judged: &Judged<'_>, multi_class: MultiClass, average: RocAverage) -> Result<Option<f64>> {
    let labels = judged.model.classes().first().map(Vec::as_slice);
    let y = judged.one_output()?;
    if labels.is_some_and(|labels| labels.len() == 2) {
        return roc_auc_score(y, judged.model.predict_proba(judged.x)?.column(1), judged.weights, None);
    }
    let proba = judged.model.predict_proba(judged.x)?;
    roc_auc_score_multiclass(y, proba.view(), labels, multi_class, average, judged.weights)
}

impl Scoring {
    /// The name in scikit-learn.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// What kind of estimator it judges.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// What `score` is for an estimator of this kind: accuracy or R².
    pub fn default_for(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Regressor => Some(Self::R2),
            Kind::Classifier => Some(Self::ACCURACY),
            Kind::Transformer | Kind::Clusterer => None,
        }
    }

    /// Scores the model on these rows, one column of `y` per output; `None` where the score is undefined (R² of a single row).
    ///
    /// # Errors
    /// Those of the prediction and of the metric.
    pub fn score(
        self,
        model: &dyn Predictor,
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        sample_weight: Option<ArrayView1<'_, f64>>,
    ) -> Result<Option<f64>> {
        (self.score)(&Judged { model, x, y, weights: sample_weight })
    }
}

impl PartialEq for Scoring {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Scoring {}

impl fmt::Debug for Scoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scoring({})", self.name)
    }
}

impl fmt::Display for Scoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for Scoring {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let names = || Self::ALL.iter().map(|scoring| scoring.name);
        Self::ALL.iter().copied().find(|scoring| scoring.name == name).ok_or_else(|| {
            let allowed = match nearest(name, names()) {
                Some(nearest) => format!("a known score; did you mean '{nearest}'?"),
                None => format!("one of {}", names().collect::<Vec<_>>().join(", ")),
            };
            Error::invalid("score", "scoring", name, allowed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scorings_go_by_name() {
        for scoring in Scoring::ALL {
            assert_eq!(scoring.name().parse::<Scoring>().unwrap(), *scoring);
        }
        let text = |name: &str| name.parse::<Scoring>().unwrap_err().to_string();
        assert_eq!(text("R2"), "score: scoring = R2 is not allowed; it must be a known score; did you mean 'r2'?");
        assert!(text("qwop").contains("it must be one of accuracy, "));
    }
}
