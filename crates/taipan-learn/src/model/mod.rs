//! A trained model with all that is known of it, and its file.

mod file;
mod scores;

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::error::{Error, Result};
use crate::estimator::{Estimator, Predictor};
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
    /// Name of the target.
    pub target: String,
    /// Scores, in the order in which they were set.
    pub scores: Scores,
    /// Where the training data came from and how it was split, as the application sees fit.
    pub lineage: BTreeMap<String, String>,
    predictor: Arc<dyn Predictor>,
}

impl Model {
    /// Fits the estimator. `features` names the columns of `x`, `target` names `y`; errors about a value name its column.
    ///
    /// # Errors
    /// Those of [`Estimator::fit`]; `Shape` when there is not one name per column; `InvalidParam` when two features have
    /// one name.
    pub fn train(
        estimator: &dyn Estimator,
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
        features: Vec<String>,
        target: impl Into<String>,
    ) -> Result<Self> {
        let target = target.into();
        if features.len() != x.ncols() {
            let what = "the number of feature names differs from the features of X";
            return Err(Error::shape(what, features.len(), x.ncols()));
        }
        if let Some(name) = repeated(&features) {
            return Err(Error::invalid("Model", "features", name, "named once"));
        }
        let predictor = estimator.fit(x, y).map_err(|error| error.naming(&features, &target))?;
        let params = estimator.get_params().into_iter();
        Ok(Self {
            estimator: estimator.name().to_owned(),
            params: params.map(|(name, value)| (name.to_owned(), value)).collect(),
            features,
            target,
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
        self.predictor.predict(x).map_err(|error| error.naming(&self.features, &self.target))
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

fn repeated(names: &[String]) -> Option<&str> {
    let mut seen = std::collections::HashSet::new();
    names.iter().map(String::as_str).find(|name| !seen.insert(*name))
}
