//! Predictions and transformations, row by row as the rows are read.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use ndarray::{Array2, ArrayView2};
use serde_json::{Map, Value};
use taipan_learn::{Kind, Model};
use taipan_query::{Engine, Rows as Batches};

use super::answers::{Answers, class_names};
use super::inputs::{Input, Rows, inputs};
use crate::error::{Error, Result};
use crate::relation::Relation;

/// Rows with what a model makes of them; see [`predict`] and [`transform`].
pub struct Prediction {
    rows: Batches,
    model: Model,
    of: String,
    given: usize,
    missing: bool,
    form: Form,
}

/// What becomes of a row.
enum Form {
    /// Its columns, then the prediction, then the probabilities of the classes.
    Predicted { answers: Answers, classes: Vec<String> },
    /// The columns that the model does not look at, then the new ones.
    Transformed { names: Vec<String> },
}

/// Predicts for every row of `relation`, which must have the model's features among its columns.
///
/// Gives the rows as they are read, in order, with the column `prediction` added last; with `proba`, one more column for
/// each class follows, named `proba_` and the class, in class order.
///
/// Errors: a column that is not there or cannot be used, with its name and row; a model that does not predict, or gives
/// no probabilities.
pub fn predict(engine: &Engine, model: &Model, relation: &Relation, proba: bool) -> Result<Prediction> {
    let estimator = model.unfitted()?;
    if estimator.kind() == Kind::Transformer {
        let error = Error::invalid(format!("{} transforms rows and predicts nothing", model.estimator));
        return Err(error.with_hint("use 'taipan transform'"));
    }
    let classes = if proba {
        // A model that gives none says so before a row is read.
        model.predict_proba(Array2::zeros((1, model.features.len())).view())?;
        class_names(model)
    } else {
        Vec::new()
    };
    start(engine, model, relation, Form::Predicted { answers: Answers::of(model)?, classes })
}

/// Transforms every row of `relation`, which must have the model's features among its columns.
///
/// Gives the rows as they are read, in order: the columns that the model does not look at, then the new ones (`pc1`,
/// `pc2`, … for principal components).
///
/// Errors: as [`predict`]; a model that does not transform.
pub fn transform(engine: &Engine, model: &Model, relation: &Relation) -> Result<Prediction> {
    start(engine, model, relation, Form::Transformed { names: new_names(model)? })
}

pub(crate) fn new_names(model: &Model) -> Result<Vec<String>> {
    let names = model.feature_names_out()?;
    Ok(if model.estimator == "PCA" { (1..=names.len()).map(|number| format!("pc{number}")).collect() } else { names })
}

fn start(engine: &Engine, model: &Model, relation: &Relation, form: Form) -> Result<Prediction> {
    let rows = relation.rows(engine, None)?;
    let known = || rows.schema().fields().iter().map(|field| field.name().as_str());
    for input in inputs(model) {
        if known().all(|name| name != input.name) {
            return Err(Error::unknown_column(input.name, &relation.describe(), known()));
        }
    }
    let missing = model.unfitted()?.allows_nan();
    Ok(Prediction { model: model.clone(), of: relation.describe(), rows, given: 0, missing, form })
}

impl Prediction {
    /// Names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        self.form.schema(self.rows.schema(), &self.model)
    }

    fn extend(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = Rows { batch, of: &self.of, before: self.given, missing: self.missing };
        let x = rows.inputs(&self.model)?;
        self.given += batch.num_rows();
        self.form.apply(&self.model, batch, x.view())
    }
}

impl Iterator for Prediction {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.rows.next()?;
        Some(batch.map_err(Error::from).and_then(|batch| self.extend(&batch)))
    }
}

impl Form {
    fn schema(&self, schema: &SchemaRef, model: &Model) -> SchemaRef {
        let mut fields: Vec<Arc<Field>> = self.kept(schema, model).map(|at| Arc::clone(&schema.fields()[at])).collect();
        let mut add = |name: &str, data_type: DataType| {
            let taken = |name: &str| fields.iter().any(|field| field.name() == name);
            let mut free = name.to_owned();
            let mut number = 2;
            while taken(&free) {
                free = format!("{name}_{number}");
                number += 1;
            }
            fields.push(Arc::new(Field::new(free, data_type, false)));
        };
        match self {
            Self::Predicted { answers, classes } => {
                add("prediction", answers.data_type());
                for class in classes {
                    add(&format!("proba_{class}"), DataType::Float64);
                }
            }
            Self::Transformed { names } => {
                for name in names {
                    add(name, DataType::Float64);
                }
            }
        }
        Arc::new(Schema::new(fields))
    }

    /// The columns that stay.
    fn kept<'a>(&self, schema: &'a SchemaRef, model: &'a Model) -> impl Iterator<Item = usize> + 'a {
        let inputs = if matches!(self, Self::Transformed { .. }) { inputs(model) } else { Vec::new() };
        let is_input = move |name: &str| inputs.iter().any(|input| input.name == name);
        let kept = schema.fields().iter().enumerate().filter(move |(_, field)| !is_input(field.name()));
        kept.map(|(at, _)| at)
    }

    fn apply(&self, model: &Model, batch: &RecordBatch, x: ArrayView2<'_, f64>) -> Result<RecordBatch> {
        let schema = batch.schema();
        let mut arrays: Vec<ArrayRef> = self.kept(&schema, model).map(|at| Arc::clone(batch.column(at))).collect();
        let columns = |values: Array2<f64>| -> Vec<ArrayRef> {
            values
                .columns()
                .into_iter()
                .map(|column| Arc::new(Float64Array::from(column.to_vec())) as ArrayRef)
                .collect()
        };
        match self {
            Self::Predicted { answers, classes } => {
                arrays.push(answers.array(&model.predict(x)?.to_vec()));
                if !classes.is_empty() {
                    arrays.extend(columns(model.predict_proba(x)?));
                }
            }
            Self::Transformed { .. } => arrays.extend(columns(model.transform(x)?)),
        }
        RecordBatch::try_new(self.schema(&schema, model), arrays).map_err(|error| Error::invalid(error.to_string()))
    }
}

/// The rows of a batch with what a transformer makes of them beside all their columns.
pub(crate) fn transform_batch(model: &Model, batch: &RecordBatch, of: &str) -> Result<RecordBatch> {
    let rows = Rows { batch, of, before: 0, missing: model.unfitted()?.allows_nan() };
    let x = rows.inputs(model)?;
    let form = Form::Transformed { names: new_names(model)? };
    let new = form.apply(model, batch, x.view())?;
    let kept: Vec<usize> = form.kept(&batch.schema(), model).collect();
    let added =
        (kept.len()..new.num_columns()).map(|at| (Arc::clone(&new.schema().fields()[at]), Arc::clone(new.column(at))));
    let (old, schema) = (batch.columns().iter().cloned(), batch.schema());
    let (fields, arrays): (Vec<_>, Vec<_>) = schema.fields().iter().cloned().zip(old).chain(added).unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| Error::invalid(error.to_string()))
}

/// Rows to predict for, of which only the model's features are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Samples<'a> {
    /// JSON objects.
    Objects(&'a [Map<String, Value>]),
    /// Batches of one schema.
    Batches(&'a [RecordBatch]),
}

/// What a model says of some rows: the target or the cluster, then, where they were asked for, the probabilities of the
/// classes (`proba_` and the class); or the new columns of a transformer.
#[derive(Debug, Clone)]
pub struct Predictions {
    answers: Option<(String, Answers, Vec<f64>)>,
    names: Vec<String>,
    /// A row each, with one number a name.
    numbers: Array2<f64>,
}

impl Predictions {
    /// Predicts for `samples`, in their order.
    ///
    /// Errors: a missing or wrong field by row (from 1) and name; a model that gives no probabilities.
    pub fn of(model: &Model, samples: Samples<'_>, proba: bool) -> Result<Self> {
        let x = match samples {
            Samples::Objects(rows) => of_objects(model, rows)?,
            Samples::Batches(batches) => of_batches(model, batches)?,
        };
        let kind = model.unfitted()?.kind();
        if proba && kind != Kind::Classifier {
            return Err(Error::invalid(format!("{} is a {kind} and gives no probabilities", model.estimator)));
        }
        if kind == Kind::Transformer {
            return Ok(Self { answers: None, names: new_names(model)?, numbers: model.transform(x.view())? });
        }
        let answers = (answer_name(model).to_owned(), Answers::of(model)?, model.predict(x.view())?.to_vec());
        let (names, numbers) = if proba {
            let names = class_names(model).into_iter().map(|class| format!("proba_{class}")).collect();
            (names, model.predict_proba(x.view())?)
        } else {
            (Vec::new(), Array2::zeros((x.nrows(), 0)))
        };
        Ok(Self { answers: Some(answers), names, numbers })
    }

    /// An object for each row.
    pub fn objects(&self) -> Vec<Map<String, Value>> {
        let object = |(at, numbers): (usize, ndarray::ArrayView1<'_, f64>)| {
            let answer = self
                .answers
                .as_ref()
                .and_then(|(name, answers, values)| values.get(at).map(|value| (name.clone(), answers.json(*value))));
            let named = self.names.iter().zip(numbers).map(|(name, value)| (name.clone(), Value::from(*value)));
            answer.into_iter().chain(named).collect()
        };
        self.numbers.rows().into_iter().enumerate().map(object).collect()
    }

    /// The same as a batch.
    ///
    /// Errors: none that a model can give.
    pub fn batch(&self) -> Result<RecordBatch> {
        let answer = self
            .answers
            .as_ref()
            .map(|(name, answers, values)| (Field::new(name, answers.data_type(), true), answers.array(values)));
        let numbers = self.names.iter().zip(self.numbers.columns()).map(|(name, column)| {
            (Field::new(name, DataType::Float64, false), Arc::new(Float64Array::from(column.to_vec())) as ArrayRef)
        });
        let (fields, arrays): (Vec<_>, Vec<_>) = answer.into_iter().chain(numbers).unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| Error::invalid(error.to_string()))
    }
}

fn of_batches(model: &Model, batches: &[RecordBatch]) -> Result<Array2<f64>> {
    let missing = model.unfitted()?.allows_nan();
    let mut parts = Vec::new();
    let mut before = 0;
    for batch in batches {
        let schema = batch.schema();
        let known = || schema.fields().iter().map(|field| field.name().as_str());
        for input in inputs(model) {
            if known().all(|name| name != input.name) {
                return Err(Error::unknown_column(input.name, "the rows", known()));
            }
        }
        parts.push(Rows { batch, of: "the rows", before, missing }.inputs(model)?);
        before += batch.num_rows();
    }
    if parts.is_empty() {
        return Ok(Array2::zeros((0, model.features.len())));
    }
    let views: Vec<ArrayView2<'_, f64>> = parts.iter().map(|part| part.view()).collect();
    ndarray::concatenate(ndarray::Axis(0), &views).map_err(|error| Error::invalid(error.to_string()))
}

fn of_objects(model: &Model, rows: &[Map<String, Value>]) -> Result<Array2<f64>> {
    let (inputs, missing) = (inputs(model), model.unfitted()?.allows_nan());
    let mut values = Vec::with_capacity(rows.len() * model.features.len());
    for input in &inputs {
        if input.texts.is_none() {
            for (row, object) in rows.iter().enumerate() {
                values.push(number(input, row, object, missing)?);
            }
            continue;
        }
        let texts = rows.iter().enumerate().map(|(row, object)| text(input, row, object, missing));
        let texts = texts.collect::<Result<Vec<Option<&str>>>>()?;
        input.encode(texts.iter().copied(), &mut values, |row, text| input.unknown(&place(row), text))?;
    }
    let x = Array2::from_shape_vec((model.features.len(), rows.len()), values)
        .map_err(|error| Error::invalid(error.to_string()))?;
    Ok(x.reversed_axes())
}

/// What a prediction is called: the target, or the cluster.
pub(crate) fn answer_name(model: &Model) -> &str {
    if model.target.is_empty() { "cluster" } else { &model.target }
}

fn place(row: usize) -> String {
    format!("row {}: ", row + 1)
}

fn field<'a>(input: &Input<'_>, row: usize, object: &'a Map<String, Value>) -> Result<&'a Value> {
    object.get(input.name).ok_or_else(|| {
        let error = Error::invalid(format!("{}'{}' is missing", place(row), input.name));
        match crate::error::nearest(input.name, object.keys().map(String::as_str)) {
            Some(name) => error.with_hint(format!("the row has '{name}'")),
            None => error,
        }
    })
}

fn number(input: &Input<'_>, row: usize, object: &Map<String, Value>, missing: bool) -> Result<f64> {
    match field(input, row, object)? {
        Value::Number(number) => Ok(number.as_f64().unwrap_or(f64::NAN)),
        Value::Bool(value) => Ok(f64::from(u8::from(*value))),
        Value::Null if missing => Ok(f64::NAN),
        Value::Null => Err(Error::invalid(format!("{}'{}' is null", place(row), input.name))),
        other => Err(Error::invalid(format!("{}'{}' is {other}, and a number is needed", place(row), input.name))),
    }
}

fn text<'a>(input: &Input<'_>, row: usize, object: &'a Map<String, Value>, missing: bool) -> Result<Option<&'a str>> {
    match field(input, row, object)? {
        Value::String(text) => Ok(Some(text)),
        Value::Null if missing => Ok(None),
        Value::Null => Err(Error::invalid(format!("{}'{}' is null", place(row), input.name))),
        other => Err(Error::invalid(format!("{}'{}' is {other}, and a text is needed", place(row), input.name))),
    }
}
