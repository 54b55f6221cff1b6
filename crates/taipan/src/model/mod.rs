//! Models: learnt from a relation, judged, and used to predict or transform another.
//!
//! | module | content |
//! |---|---|
//! | this one | [`TrainOptions`], [`NamedModel`] |
//! | `inputs` | columns as numbers |
//! | `training` | [`train`], [`search`] |
//! | `predicting` | [`predict`], [`transform`], and rows given as JSON |
//! | `answers` | numbers of a model as the values they stand for |
//! | `evaluation` | [`evaluate`] |
//! | `export` | [`export_onnx`] |

mod answers;
mod evaluation;
mod export;
mod inputs;
mod predicting;
mod training;

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use taipan_learn::metrics::Scoring;
use taipan_learn::{Attribute, Estimator, Model, ParamValue, Watch, registry};

use crate::error::{Error, Result};

pub use answers::{answer_schema, attribute_json, class_names};
pub use evaluation::{Evaluation, evaluate};
pub use export::export_onnx;
pub use inputs::{Input, inputs};
pub use predicting::{Prediction, Predictions, Samples, predict, transform};
pub use training::{BestParams, Searched, search, train};

pub(crate) use inputs::Rows;
pub(crate) use predicting::transform_batch;
pub(crate) use training::Training;

/// What to learn and how to judge it.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    estimator: String,
    target: Option<String>,
    params: Vec<(String, ParamValue)>,
    exclude: Vec<String>,
    test_size: f64,
    random_state: Option<u32>,
    cv: Option<usize>,
    grid: Vec<(String, Vec<ParamValue>)>,
    n_iter: Option<usize>,
    scoring: Option<Scoring>,
    watch: Watcher,
}

/// Who is told of the progress, if anybody.
#[derive(Clone, Default)]
struct Watcher(Option<Arc<dyn Watch + Send + Sync>>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch" } else { "None" })
    }
}

impl TrainOptions {
    /// Learns the column `target` with `estimator`, on every row.
    pub fn new(estimator: impl Into<String>, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..Self::unsupervised(estimator) }
    }

    /// Learns without a target, as a transformer or a clusterer does.
    pub fn unsupervised(estimator: impl Into<String>) -> Self {
        Self {
            estimator: estimator.into(),
            target: None,
            params: Vec::new(),
            exclude: Vec::new(),
            test_size: 0.0,
            random_state: None,
            cv: None,
            grid: Vec::new(),
            n_iter: None,
            scoring: None,
            watch: Watcher::default(),
        }
    }

    /// Sets a parameter of the estimator.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: ParamValue) -> Self {
        self.params.push((name.into(), value));
        self
    }

    /// Leaves columns out.
    #[must_use]
    pub fn exclude(mut self, columns: Vec<String>) -> Self {
        self.exclude = columns;
        self
    }

    /// Leaves out more columns, which the data may not have; never the target.
    #[must_use]
    pub(crate) fn exclude_also(mut self, columns: Vec<String>) -> Self {
        let is_new = |name: &String| self.target.as_ref() != Some(name) && !self.exclude.contains(name);
        let new: Vec<String> = columns.into_iter().filter(is_new).collect();
        self.exclude.extend(new);
        self
    }

    /// Keeps a fraction of the rows (0 ≤ x < 1) for testing, drawn as scikit-learn's `train_test_split` draws it.
    #[must_use]
    pub fn test_size(mut self, fraction: f64) -> Self {
        self.test_size = fraction;
        self
    }

    /// The seed of that draw, and of the estimator where it draws and was given no other.
    #[must_use]
    pub fn random_state(mut self, seed: Option<u32>) -> Self {
        self.random_state = seed;
        self
    }

    /// Also scores by cross-validation with so many folds; a search judges by it, with 5 unless set.
    #[must_use]
    pub fn cv(mut self, folds: Option<usize>) -> Self {
        self.cv = folds;
        self
    }

    /// Searches among these values of a parameter; with several such parameters, among all combinations.
    #[must_use]
    pub fn grid(mut self, name: impl Into<String>, values: Vec<ParamValue>) -> Self {
        self.grid.push((name.into(), values));
        self
    }

    /// Tries only so many of the combinations, drawn at random.
    #[must_use]
    pub fn n_iter(mut self, candidates: Option<usize>) -> Self {
        self.n_iter = candidates;
        self
    }

    /// The score by which a search and a cross-validation judge; accuracy or R² unless set.
    #[must_use]
    pub fn scoring(mut self, scoring: Option<Scoring>) -> Self {
        self.scoring = scoring;
        self
    }

    /// Tells of the progress, and asks whether to stop.
    #[must_use]
    pub fn watch(mut self, watch: Arc<dyn Watch + Send + Sync>) -> Self {
        self.watch = Watcher(Some(watch));
        self
    }

    /// Whether values are to be searched.
    pub(crate) fn is_search(&self) -> bool {
        !self.grid.is_empty()
    }

    /// The estimator with its parameters.
    ///
    /// Errors: an unknown estimator or parameter, with the nearest name; a target too many, or none where it is needed.
    pub(crate) fn estimator(&self) -> Result<Box<dyn Estimator>> {
        let mut estimator = registry::estimator(&self.estimator)?;
        let kind = estimator.kind();
        match &self.target {
            None if kind.is_supervised() => {
                let error = Error::invalid(format!("{} is a {kind} and needs a column to predict", self.estimator));
                return Err(error.with_hint("name it as the target"));
            }
            Some(target) if !kind.is_supervised() => {
                let error = Error::invalid(format!("{} is a {kind} and predicts no column", self.estimator));
                return Err(error.with_hint(format!("leave out '{target}' as a column instead")));
            }
            _ => {}
        }
        let given = |name: &str| self.params.iter().any(|(param, _)| param == name);
        if let Some(seed) = self.random_state
            && !given("random_state")
            && estimator.params().iter().any(|param| param.name == "random_state")
        {
            estimator.set_param("random_state", ParamValue::Integer(i64::from(seed)))?;
        }
        for (name, value) in &self.params {
            estimator.set_param(name, value.clone())?;
        }
        Ok(estimator)
    }
}

/// A trained model with its name in the application.
#[derive(Debug, Clone)]
pub struct NamedModel {
    /// The name after `model.` in the app file.
    pub name: String,
    /// The model.
    pub model: Model,
    /// When it was trained, RFC 3339.
    pub trained: String,
    /// How long that took, in seconds.
    pub seconds: f64,
    /// The tables of the database that it was learnt from.
    pub reads: Vec<String>,
}

impl NamedModel {
    /// The score that says most, for people: cross-validated, else on test rows, else on the training rows.
    pub fn score(&self) -> String {
        score_text(&self.model)
    }
}

pub(crate) fn score_text(model: &Model) -> String {
    let score = |name: &str| model.scores.get(name);
    let folds = model.lineage.get("cv").map_or("", String::as_str);
    for (name, called) in [("r2", "R²"), ("accuracy", "accuracy")] {
        for (rows, of) in [("cv", format!("cv {folds}")), ("test", "test".into()), ("train", "training rows".into())] {
            if let Some(score) = score(&format!("{name}_{rows}")) {
                return format!("{called} {score:.3} ({of})");
            }
        }
    }
    for (name, attribute) in model.predictor().attributes() {
        match (name, attribute) {
            ("explained_variance_ratio", Attribute::Vector(ratio)) => {
                return format!("{:.1} % of the variance", 100.0 * ratio.iter().sum::<f64>());
            }
            ("inertia", Attribute::Scalar(inertia)) => return format!("inertia {inertia:.4}"),
            _ => {}
        }
    }
    "no score".to_owned()
}

/// Reads a file that [`Model::to_bytes`] filled.
///
/// Errors name the file and say why it is no model, or a damaged one.
pub fn load_model(path: &Path) -> Result<Model> {
    let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
    Model::from_bytes(&bytes).map_err(|error| Error::invalid(format!("{}: {error}", path.display())))
}
