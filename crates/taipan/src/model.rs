//! Training on a relation, and predicting for one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use taipan_learn::metrics::{Scoring, mean_absolute_error, r2_score, root_mean_squared_error};
use taipan_learn::model_selection::{KFold, TestSize, cross_val_score, train_test_split};
use taipan_learn::{Estimator, Model, ParamValue, registry};
use taipan_query::{Engine, Rows};

use crate::error::{Error, Result};
use crate::import::hex;
use crate::matrix::{self, Matrix, features_and_target};
use crate::relation::Relation;

/// What to learn and how to judge it.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    estimator: String,
    target: String,
    params: Vec<(String, ParamValue)>,
    exclude: Vec<String>,
    test_size: f64,
    random_state: Option<u32>,
    cv: Option<usize>,
}

impl TrainOptions {
    /// Learns the column `target` with `estimator`, on every row.
    pub fn new(estimator: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            estimator: estimator.into(),
            target: target.into(),
            params: Vec::new(),
            exclude: Vec::new(),
            test_size: 0.0,
            random_state: None,
            cv: None,
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

    /// Keeps a fraction of the rows (0 ≤ x < 1) for testing, drawn as scikit-learn's `train_test_split` draws it.
    #[must_use]
    pub fn test_size(mut self, fraction: f64) -> Self {
        self.test_size = fraction;
        self
    }

    /// The seed of that draw.
    #[must_use]
    pub fn random_state(mut self, seed: Option<u32>) -> Self {
        self.random_state = seed;
        self
    }

    /// Also scores by cross-validation with so many folds.
    #[must_use]
    pub fn cv(mut self, folds: Option<usize>) -> Self {
        self.cv = folds;
        self
    }

    fn estimator(&self) -> Result<Box<dyn Estimator>> {
        let mut estimator = registry::estimator(&self.estimator)?;
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
}

impl NamedModel {
    /// The score that says most, for people: cross-validated, else on test rows, else on the training rows.
    pub fn score(&self) -> String {
        score_text(&self.model)
    }
}

pub(crate) fn score_text(model: &Model) -> String {
    let score = |name: &str| model.scores.get(name);
    if let Some(r2) = score("r2_cv") {
        let folds = model.lineage.get("cv").map_or("", String::as_str);
        format!("R² {r2:.3} (cv {folds})")
    } else if let Some(r2) = score("r2_test") {
        format!("R² {r2:.3} (test)")
    } else if let Some(r2) = score("r2_train") {
        format!("R² {r2:.3} (training rows)")
    } else {
        "no score".to_owned()
    }
}

/// Trains a model on `relation`.
///
/// Errors: an unknown estimator, parameter or column with the nearest name; a column that is no number, or
/// has missing values, by name.
pub fn train(engine: &Engine, relation: &Relation, options: &TrainOptions) -> Result<Model> {
    let estimator = options.estimator()?;
    Training::load(engine, relation, options)?.fit(estimator.as_ref(), options)
}

/// The data of a training, read and not yet learnt.
pub(crate) struct Training {
    matrix: Matrix,
    from: String,
    pub(crate) data_hash: String,
}

impl Training {
    pub(crate) fn load(engine: &Engine, relation: &Relation, options: &TrainOptions) -> Result<Self> {
        options.estimator()?;
        let batch = relation.read(engine, None)?;
        let matrix = features_and_target(&batch, &options.target, &options.exclude, &relation.describe())?;
        let from = match relation {
            Relation::Query(text) => text.clone(),
            Relation::File(path) => path.display().to_string(),
            Relation::Table(name) => name.clone(),
        };
        Ok(Self { data_hash: data_hash(&matrix), matrix, from })
    }

    pub(crate) fn learn(&self, options: &TrainOptions) -> Result<Model> {
        self.fit(options.estimator()?.as_ref(), options)
    }

    fn fit(&self, estimator: &dyn Estimator, options: &TrainOptions) -> Result<Model> {
        let started = Instant::now();
        let Matrix { features, x, y } = &self.matrix;
        let rows = x.nrows();
        let (train, test) = if options.test_size == 0.0 {
            ((0..rows).collect(), Vec::new())
        } else {
            let split = train_test_split(rows, TestSize::Fraction(options.test_size), options.random_state)?;
            (split.train, split.test)
        };
        let (x_train, y_train) = take(x.view(), y.view(), &train);
        let mut model = Model::train(estimator, x_train.view(), y_train.view(), features.clone(), &options.target)?;
        model.scores.set("r2_train", r2_score(y_train.view(), model.predict(x_train.view())?.view())?);
        if !test.is_empty() {
            let (x_test, y_test) = take(x.view(), y.view(), &test);
            let predicted = model.predict(x_test.view())?;
            model.scores.set("r2_test", r2_score(y_test.view(), predicted.view())?);
            model.scores.set("mae_test", mean_absolute_error(y_test.view(), predicted.view())?);
            model.scores.set("rmse_test", root_mean_squared_error(y_test.view(), predicted.view())?);
        }
        model.lineage = BTreeMap::from([
            ("from".to_owned(), self.from.clone()),
            ("data_sha256".to_owned(), self.data_hash.clone()),
            ("n_train".to_owned(), train.len().to_string()),
            ("n_test".to_owned(), test.len().to_string()),
        ]);
        if let Some(seed) = options.random_state {
            model.lineage.insert("random_state".to_owned(), seed.to_string());
        }
        if let Some(folds) = options.cv {
            let scores = cross_val_score(estimator, x.view(), y.view(), KFold::new(folds), Scoring::R2)?;
            model.scores.set("r2_cv", mean(&scores));
            model.lineage.insert("cv".to_owned(), folds.to_string());
        }
        model.lineage.insert("seconds".to_owned(), format!("{:.6}", started.elapsed().as_secs_f64()));
        Ok(model)
    }
}

/// The mean, undefined when any fold's score is.
fn mean(scores: &[Option<f64>]) -> Option<f64> {
    let known: Option<Vec<f64>> = scores.iter().copied().collect();
    known.filter(|known| !known.is_empty()).map(|known| known.iter().sum::<f64>() / known.len() as f64)
}

fn take(x: ArrayView2<f64>, y: ArrayView1<f64>, rows: &[usize]) -> (Array2<f64>, Array1<f64>) {
    (x.select(Axis(0), rows), y.select(Axis(0), rows))
}

/// SHA-256 over names and values, so that a model can say what it was made of.
fn data_hash(matrix: &Matrix) -> String {
    let mut hasher = Sha256::new();
    for name in &matrix.features {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
    }
    for value in matrix.x.t().iter().chain(&matrix.y) {
        hasher.update(value.to_le_bytes());
    }
    hex(&hasher.finalize())
}

/// Reads a file that [`Model::to_bytes`] filled.
///
/// Errors name the file and say why it is no model, or a damaged one.
pub fn load_model(path: &Path) -> Result<Model> {
    let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
    Model::from_bytes(&bytes).map_err(|error| Error::invalid(format!("{}: {error}", path.display())))
}

/// Rows with a prediction as their last column; see [`predict`].
pub struct Prediction {
    rows: Rows,
    model: Model,
    of: String,
    given: usize,
}

/// Predicts for every row of `relation`, which must have the model's features among its columns.
///
/// Gives the rows as they are read, in order, with the column `prediction` added last.
pub fn predict(engine: &Engine, model: &Model, relation: &Relation) -> Result<Prediction> {
    let rows = relation.rows(engine, None)?;
    let known = || rows.schema().fields().iter().map(|field| field.name().as_str());
    for feature in &model.features {
        if known().all(|name| name != feature) {
            return Err(Error::unknown_column(feature, &relation.describe(), known()));
        }
    }
    Ok(Prediction { model: model.clone(), of: relation.describe(), rows, given: 0 })
}

impl Prediction {
    /// Names and types of the columns, the prediction last.
    pub fn schema(&self) -> SchemaRef {
        with_prediction(self.rows.schema())
    }

    fn extend(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = matrix::Rows { batch, of: &self.of, before: self.given };
        let x = rows.columns(&self.model.features)?;
        self.given += batch.num_rows();
        let predicted = self.model.predict(x.view())?;
        let mut arrays = batch.columns().to_vec();
        arrays.push(Arc::new(Float64Array::from(predicted.to_vec())) as ArrayRef);
        RecordBatch::try_new(with_prediction(&batch.schema()), arrays)
            .map_err(|error| Error::invalid(error.to_string()))
    }
}

impl Iterator for Prediction {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.rows.next()?;
        Some(batch.map_err(Error::from).and_then(|batch| self.extend(&batch)))
    }
}

fn with_prediction(schema: &SchemaRef) -> SchemaRef {
    let taken = |name: &str| schema.fields().iter().any(|field| field.name() == name);
    let mut name = "prediction".to_owned();
    let mut number = 2;
    while taken(&name) {
        name = format!("prediction_{number}");
        number += 1;
    }
    let field = Arc::new(Field::new(name, DataType::Float64, false));
    Arc::new(Schema::new(schema.fields().iter().cloned().chain([field]).collect::<Vec<_>>()))
}

/// Predicts for rows given as JSON objects, of which only the model's features are looked at.
pub(crate) fn predict_objects(model: &Model, rows: &[Map<String, Value>]) -> Result<Vec<f64>> {
    let mut x = Array2::zeros((rows.len(), model.features.len()));
    for (row, object) in rows.iter().enumerate() {
        for (column, feature) in model.features.iter().enumerate() {
            let place = || format!("row {}: ", row + 1);
            x[[row, column]] = match object.get(feature) {
                Some(Value::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
                Some(Value::Bool(value)) => f64::from(u8::from(*value)),
                Some(Value::Null) => return Err(Error::invalid(format!("{}'{feature}' is null", place()))),
                Some(other) => {
                    return Err(Error::invalid(format!("{}'{feature}' is {other}, and a number is needed", place())));
                }
                None => {
                    let error = Error::invalid(format!("{}'{feature}' is missing", place()));
                    return Err(match crate::error::nearest(feature, object.keys().map(String::as_str)) {
                        Some(name) => error.with_hint(format!("the row has '{name}'")),
                        None => error,
                    });
                }
            };
        }
    }
    Ok(model.predict(x.view())?.to_vec())
}
