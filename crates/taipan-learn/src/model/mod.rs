//! A trained model with all that is known of it, and its file.

mod file;
mod scores;

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::error::{Error, Result};
use crate::estimator::{Estimator, Predictor, Training};
use crate::param::ParamValue;
use crate::registry;

pub use scores::Scores;

/// A fitted estimator, the names of its columns, its scores and where its data came from. Cloning is cheap.
///
/// ```
/// use ndarray::array;
/// use taipan_learn::{Model, Ridge};
///
/// let (x, y) = (array![[1.0], [2.0], [3.0]], array![2.0, 4.0, 6.0]);
/// let mut model = Model::train(&Ridge::new(), x.view(), y.view(), vec!["area".into()], "price")?;
/// model.scores.set("r2", 0.9);
/// let bytes = model.to_bytes()?;
/// let same = Model::from_bytes(&bytes)?;
/// assert_eq!(same.predict(x.view())?, model.predict(x.view())?);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Model {
    /// Name of the estimator, as in [`registry::names`].
    pub estimator: String,
    /// Every parameter of the estimator.
    pub params: BTreeMap<String, ParamValue>,
    /// Names of the features, in the order of the columns of the matrix.
    pub features: Vec<String>,
    /// Name of the target; empty for an estimator that has none.
    pub target: String,
    /// What the class labels 0, 1, … stand for when the target was text; else empty.
    pub labels: Vec<String>,
    /// What the numbers 0, 1, … stand for in each feature that was text.
    pub categories: BTreeMap<String, Vec<String>>,
    /// Scores, in the order in which they were set.
    pub scores: Scores,
    /// Where the training data came from and how it was split, as the application sees fit.
    pub lineage: BTreeMap<String, String>,
    predictor: Arc<dyn Predictor>,
}

impl Model {
    /// Fits the estimator to one target. `features` names the columns of `x`, `target` names `y`; errors about a value
    /// name its column.
    ///
    /// # Errors
    /// Those of [`Estimator::fit_on`]; `Shape` when there is not one name per column; `InvalidParam` when two features
    /// have one name.
    pub fn train(
        estimator: &dyn Estimator,
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
        features: Vec<String>,
        target: impl Into<String>,
    ) -> Result<Self> {
        Self::train_on(estimator, &Training::supervised(x, y), features, target)
    }

    /// Fits the estimator to any training data; the target of an estimator that has none is named by an empty text.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn train_on(
        estimator: &dyn Estimator,
        data: &Training<'_>,
        features: Vec<String>,
        target: impl Into<String>,
    ) -> Result<Self> {
        let target = target.into();
        check_names(&features, data.x.ncols())?;
        let mut named = data.borrowed();
        named.feature_names.get_or_insert(&features);
        let predictor = estimator.fit_on(&named).map_err(|error| error.naming(&features, &target))?;
        Self::of(estimator, predictor, features, target)
    }

    /// Wraps what an estimator has learnt already: the best model of a search, say.
    ///
    /// # Errors
    /// `Shape` when there is not one name per feature; `InvalidParam` when two features have one name.
    pub fn of(
        estimator: &dyn Estimator,
        predictor: Box<dyn Predictor>,
        features: Vec<String>,
        target: impl Into<String>,
    ) -> Result<Self> {
        check_names(&features, predictor.n_features())?;
        let params = estimator.get_params().into_iter();
        Ok(Self {
            estimator: estimator.name().to_owned(),
            params: params.map(|(name, value)| (name.into_owned(), value)).collect(),
            features,
            target: target.into(),
            labels: Vec::new(),
            categories: BTreeMap::new(),
            scores: Scores::default(),
            lineage: BTreeMap::new(),
            predictor: predictor.into(),
        })
    }

    /// The fitted estimator.
    pub fn predictor(&self) -> &dyn Predictor {
        &*self.predictor
    }

    /// Predicts one value per row of `x`, whose columns are the [features](Self::features) in order.
    ///
    /// # Errors
    /// Those of [`Predictor::predict`]; errors about a value name its column.
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        self.predictor.predict(x).map_err(|error| self.explain(error))
    }

    /// The probability of each class for each row: see [`Predictor::predict_proba`].
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.predictor.predict_proba(x).map_err(|error| self.explain(error))
    }

    /// New features: see [`Predictor::transform`].
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.predictor.transform(x).map_err(|error| self.explain(error))
    }

    /// Names of the new features.
    ///
    /// # Errors
    /// `Unsupported` unless this is a transformer.
    pub fn feature_names_out(&self) -> Result<Vec<String>> {
        self.predictor.feature_names_out(&self.features).map_err(|error| self.explain(error))
    }

    /// The classes of the first output in ascending order; empty unless this is a classifier.
    pub fn classes(&self) -> &[f64] {
        self.predictor.classes().first().map_or(&[], Vec::as_slice)
    }

    /// Speaks of columns by name, and of the estimator rather than its fitted type.
    fn explain(&self, error: Error) -> Error {
        error.naming(&self.features, &self.target).owned_by(&self.estimator)
    }

    /// The estimator with the parameters of this model, for training it again.
    ///
    /// # Errors
    /// Those of [`registry::estimator`], [`Estimator::set_param`] and [`Estimator::check_params`], when a field was
    /// changed to something invalid.
    pub fn unfitted(&self) -> Result<Box<dyn Estimator>> {
        let mut estimator = registry::estimator(&self.estimator)?;
        for (name, value) in &self.params {
            estimator.set_param(name, value.clone())?;
        }
        estimator.check_params()?;
        Ok(estimator)
    }

    /// The model as a file. The same model always gives the same bytes.
    ///
    /// # Errors
    /// `Malformed` when a field was changed to something that [`from_bytes`](Self::from_bytes) would refuse.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check()?;
        file::write(self)
    }

    /// Reads a model file, trusting nothing in it: it holds no code, and no more memory is used than it is long.
    ///
    /// # Errors
    /// `NotAModel`, `UnsupportedVersion`, `WrongLength` or `Checksum` for a file that is something else, too new, cut
    /// short or damaged; `Malformed`, `UnknownEstimator`, `UnknownParam` or `InvalidParam` for one that is intact but
    /// makes no sense.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        file::read(bytes)
    }

    fn check(&self) -> Result<()> {
        self.unfitted()?;
        if self.features.len() != self.predictor.n_features() {
            return Err(Error::malformed(format!(
                "{} feature names for {} features",
                self.features.len(),
                self.predictor.n_features()
            )));
        }
        match repeated(&self.features) {
            None => Ok(()),
            Some(name) => Err(Error::malformed(format!("the feature '{name}' is named twice"))),
        }
    }
}

fn check_names(features: &[String], columns: usize) -> Result<()> {
    if features.len() != columns {
        let what = "the number of feature names differs from the features of X";
        return Err(Error::shape(what, features.len(), columns));
    }
    match repeated(features) {
        None => Ok(()),
        Some(name) => Err(Error::invalid("Model", "features", name, "named once")),
    }
}

fn repeated(names: &[String]) -> Option<&str> {
    let mut seen = std::collections::HashSet::new();
    names.iter().map(String::as_str).find(|name| !seen.insert(*name))
}
