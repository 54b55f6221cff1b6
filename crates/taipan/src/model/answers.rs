//! What a model's numbers stand for: labels of classes, numbers of clusters, plain numbers.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use serde_json::{Map, Value, json};
use taipan_learn::{Attribute, Kind, Model};

use super::predicting::{answer_name, new_names};
use crate::error::Result;

/// The largest whole number below which all are exact floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The form of a model's answers.
#[derive(Debug, Clone)]
pub(crate) enum Answers {
    Number,
    Whole,
    Boolean,
    Label(Vec<String>),
}

impl Answers {
    pub(crate) fn of(model: &Model) -> Result<Self> {
        let whole = |values: &[f64]| values.iter().all(|value| value.fract() == 0.0 && value.abs() < EXACT);
        Ok(match model.unfitted()?.kind() {
            Kind::Clusterer => Self::Whole,
            Kind::Regressor | Kind::Transformer => Self::Number,
            Kind::Classifier => match model.labels.as_slice() {
                [no, yes] if no == "false" && yes == "true" => Self::Boolean,
                [] if whole(model.classes()) => Self::Whole,
                [] => Self::Number,
                labels => Self::Label(labels.to_vec()),
            },
        })
    }

    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Self::Number => DataType::Float64,
            Self::Whole => DataType::Int64,
            Self::Boolean => DataType::Boolean,
            Self::Label(_) => DataType::Utf8,
        }
    }

    pub(crate) fn array(&self, values: &[f64]) -> ArrayRef {
        match self {
            Self::Number => Arc::new(Float64Array::from(values.to_vec())),
            Self::Whole => Arc::new(values.iter().map(|value| *value as i64).collect::<Int64Array>()),
            Self::Boolean => Arc::new(values.iter().map(|value| Some(*value != 0.0)).collect::<BooleanArray>()),
            Self::Label(labels) => {
                Arc::new(values.iter().map(|value| labels.get(*value as usize)).collect::<StringArray>())
            }
        }
    }

    pub(crate) fn json(&self, value: f64) -> Value {
        match self {
            Self::Number => json!(value),
            Self::Whole => json!(value as i64),
            Self::Boolean => json!(value != 0.0),
            Self::Label(labels) => json!(labels.get(value as usize)),
        }
    }
}

/// The JSON Schema of what a model answers for a row: each key of the object with the type of its value.
pub fn answer_schema(model: &Model) -> Result<Map<String, Value>> {
    let estimator = model.unfitted()?;
    if estimator.kind() == Kind::Transformer {
        return Ok(new_names(model)?.into_iter().map(|name| (name, json!({ "type": "number" }))).collect());
    }
    let schema = match Answers::of(model)? {
        Answers::Number => json!({ "type": "number" }),
        Answers::Whole => json!({ "type": "integer" }),
        Answers::Boolean => json!({ "type": "boolean" }),
        Answers::Label(labels) => json!({ "type": "string", "enum": labels }),
    };
    Ok(Map::from_iter([(answer_name(model).to_owned(), schema)]))
}

/// A learnt quantity as JSON.
pub fn attribute_json(attribute: &Attribute) -> Value {
    match attribute {
        Attribute::Scalar(value) => json!(value),
        Attribute::Vector(values) => json!(values),
        Attribute::Matrix(rows) => rows.rows().into_iter().map(|row| json!(row.to_vec())).collect(),
        Attribute::Text(text) => json!(text),
        Attribute::List(items) => items.iter().map(attribute_json).collect(),
        other => json!(format!("{other:?}")),
    }
}

/// The names of a classifier's classes, in their order; none for other models.
pub fn class_names(model: &Model) -> Vec<String> {
    let name = |class: &f64| model.labels.get(*class as usize).cloned().unwrap_or_else(|| class.to_string());
    model.classes().iter().map(name).collect()
}
