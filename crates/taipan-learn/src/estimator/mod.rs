//! What every estimator and every fitted model can do.
//!
//! | module | content |
//! |---|---|
//! | this one | [`Estimator`], [`Predictor`], [`Kind`], [`Attribute`] |
//! | [`training`] | [`Training`]: features, targets and weights to learn from |
//! | [`declare`] | the macros `estimator!` and `choices!`, which declare parameters |

mod declare;
mod training;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::error::{Error, ErrorKind, Result};
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::{Param, ParamValue};
use crate::state::State;
use crate::warning::Warning;

pub(crate) use declare::{choices, estimator, parameters};
pub use training::{Prepared, Training, Watch};

/// What an estimator is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Predicts numbers.
    Regressor,
    /// Predicts class labels.
    Classifier,
    /// Turns features into other features.
    Transformer,
    /// Groups rows without being told how.
    Clusterer,
}

impl Kind {
    /// Whether it learns from targets.
    pub fn is_supervised(self) -> bool {
        matches!(self, Self::Regressor | Self::Classifier)
    }

    /// In a word, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regressor => "regressor",
            Self::Classifier => "classifier",
            Self::Transformer => "transformer",
            Self::Clusterer => "clusterer",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A learning algorithm with its parameters, not yet fitted.
pub trait Estimator: fmt::Debug + Send + Sync {
    /// Name, as in scikit-learn and in [`registry::names`](crate::registry::names).
    fn name(&self) -> &'static str;

    /// What it is for.
    fn kind(&self) -> Kind;

    /// The declared parameters, in order. An estimator made of others lists theirs too, as `step__param`.
    fn params(&self) -> Vec<Param>;

    /// The present value of each parameter, in declared order. Setting these on a new estimator gives this one.
    fn get_params(&self) -> Vec<(Cow<'static, str>, ParamValue)>;

    /// Sets one parameter. The range is checked later, once, by [`check_params`](Self::check_params) or
    /// [`fit_on`](Self::fit_on).
    ///
    /// # Errors
    /// `UnknownParam`, with the nearest name, or `InvalidParam` when the value has the wrong type.
    fn set_param(&mut self, name: &str, value: ParamValue) -> Result<()>;

    /// Checks that each parameter lies in its range.
    ///
    /// # Errors
    /// `InvalidParam` for the first that does not; it names parameter, value and allowed range.
    fn check_params(&self) -> Result<()>;

    /// The same estimator, owned.
    fn clone_box(&self) -> Box<dyn Estimator>;

    /// The concrete type, for comparing candidates of one search.
    fn as_any(&self) -> &dyn Any;

    /// Whether NaN counts as a missing value rather than as an error.
    fn allows_nan(&self) -> bool {
        false
    }

    /// Learns from features, and from targets and weights where it uses them. Fitting twice gives the same result twice.
    ///
    /// # Errors
    /// `InvalidParam`; `Empty` or `Shape` when there is no data or the lengths differ; `NonFinite` for the first NaN or
    /// infinity, with its row and feature index; `NotALabel` when a classifier's targets are not class labels;
    /// `Overflow` when the numbers are too large to compute with.
    fn fit_on(&self, data: &Training<'_>) -> Result<Box<dyn Predictor>>;

    /// Learns from `x` (one row per sample, one column per feature) and `y` (one target per sample).
    ///
    /// # Errors
    /// See [`fit_on`](Self::fit_on).
    fn fit(&self, x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>) -> Result<Box<dyn Predictor>> {
        self.fit_on(&Training::supervised(x, y))
    }

    /// Learns, and transforms the same rows; cheaper than one after the other for some estimators.
    ///
    /// # Errors
    /// See [`fit_on`](Self::fit_on) and [`Predictor::transform`].
    fn fit_transform(&self, data: &Training<'_>) -> Result<(Box<dyn Predictor>, Array2<f64>)> {
        let fitted = self.fit_on(data)?;
        let transformed = fitted.transform(data.x)?;
        Ok((fitted, transformed))
    }

    /// What a search computes once of the whole matrix, to hand it to each fit on some of its rows as
    /// [`Training::prepared`]: sorted ranks, say. Nothing by default.
    fn prepare(&self, _x: ArrayView2<'_, f64>) -> Option<Box<dyn Any + Send + Sync>> {
        None
    }

    /// Whether one fit can serve both estimators: forests that differ only in `n_estimators`, say.
    fn shares_fit(&self, _other: &dyn Estimator) -> bool {
        false
    }

    /// Fits candidates of a search, each of which [shares a fit](Self::shares_fit) with this one, to the same data. Each
    /// result is what [`fit_on`](Self::fit_on) would give, bit for bit. `self` need not be among them.
    fn fit_shared(&self, candidates: &[&dyn Estimator], data: &Training<'_>) -> Vec<Result<Box<dyn Predictor>>> {
        candidates.iter().map(|candidate| candidate.fit_on(data)).collect()
    }
}

impl Clone for Box<dyn Estimator> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// A fitted model. What it cannot do ends in the error `Unsupported`.
pub trait Predictor: fmt::Debug + Send + Sync {
    /// Number of features in the training data.
    fn n_features(&self) -> usize;

    /// What was learnt, under scikit-learn's names without the trailing underscore: `coef`, `intercept`, …
    fn attributes(&self) -> Vec<(&'static str, Attribute)>;

    /// Everything needed to predict again, for a model file.
    fn state(&self) -> State;

    /// Number of targets in the training data; 0 for a model that had none.
    fn n_outputs(&self) -> usize {
        1
    }

    /// The classes of each output in ascending order; empty unless this is a classifier.
    fn classes(&self) -> &[Vec<f64>] {
        &[]
    }

    /// What its user should know although the fit succeeded. Not kept in a model file.
    fn warnings(&self) -> &[Warning] {
        &[]
    }

    /// Predicts one value per row of `x`: a number, a class label or the number of a cluster. No rows give no values.
    ///
    /// # Errors
    /// `Shape` when `x` has another number of features than the training data; `NonFinite` for the first NaN or
    /// infinity, with its row and feature index; `Overflow` when a prediction is too large for a float; `Unsupported`
    /// for a transformer, and for a model of several outputs. Likewise below.
    fn predict(&self, _x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        Err(unsupported(self, "predict"))
    }

    /// Predicts one column per output.
    ///
    /// # Errors
    /// See [`predict`](Self::predict).
    fn predict_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Ok(self.predict(x)?.insert_axis(Axis(1)))
    }

    /// The probability of each class (columns, in class order) for each row, for a classifier of one output.
    ///
    /// # Errors
    /// See [`predict`](Self::predict).
    fn predict_proba(&self, _x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Err(unsupported(self, "predict_proba"))
    }

    /// The same for each output.
    ///
    /// # Errors
    /// See [`predict`](Self::predict).
    fn predict_proba_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Vec<Array2<f64>>> {
        Ok(vec![self.predict_proba(x)?])
    }

    /// How strongly each class is preferred: one column per class, or one column for the second of two classes.
    ///
    /// # Errors
    /// See [`predict`](Self::predict).
    fn decision_function(&self, _x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Err(unsupported(self, "decision_function"))
    }

    /// Turns the features into new ones.
    ///
    /// # Errors
    /// See [`predict`](Self::predict).
    fn transform(&self, _x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Err(unsupported(self, "transform"))
    }

    /// Turns the new features back into the old ones, as far as that is possible.
    ///
    /// # Errors
    /// See [`predict`](Self::predict).
    fn inverse_transform(&self, _x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Err(unsupported(self, "inverse_transform"))
    }

    /// Names of the new features, made from those of the old ones.
    ///
    /// # Errors
    /// `Shape` when there is not one name per feature; `Unsupported` unless this is a transformer.
    fn feature_names_out(&self, _features: &[String]) -> Result<Vec<String>> {
        Err(unsupported(self, "feature_names_out"))
    }

    /// Adds what it computes of `x`, one row per sample and one column per feature, to a graph for other programs.
    ///
    /// # Errors
    /// `Unsupported` for a model that such a graph cannot hold: one that draws random numbers, say.
    fn onnx(&self, _graph: &mut Graph, _x: &Tensor) -> Result<Answer> {
        Err(unsupported(self, "ONNX form"))
    }
}

/// The error of a method that this type of model does not have.
pub(crate) fn unsupported<P: Predictor + ?Sized>(_: &P, what: &str) -> Error {
    let path = std::any::type_name::<P>();
    let owner = path.rsplit("::").next().unwrap_or(path).to_owned();
    Error::new(ErrorKind::Unsupported { owner, what: what.to_owned() })
}

/// One learnt quantity.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// One number.
    Scalar(f64),
    /// One number per feature, or the like.
    Vector(Vec<f64>),
    /// One row per component, cluster, class or the like.
    Matrix(Array2<f64>),
    /// A word.
    Text(String),
    /// Several quantities, not all of one length.
    List(Vec<Attribute>),
}

impl Attribute {
    /// Every number in it, in order.
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Scalar(value) => vec![*value],
            Self::Vector(values) => values.clone(),
            Self::Matrix(values) => values.iter().copied().collect(),
            Self::Text(_) => Vec::new(),
            Self::List(items) => items.iter().flat_map(Self::numbers).collect(),
        }
    }
}
