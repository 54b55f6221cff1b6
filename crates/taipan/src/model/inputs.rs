//! The one conversion from batches to matrices: every column numbers, rows down, features across.
//!
//! A column of texts becomes either the position of each text among the sorted ones ([`TextAs::Codes`], for trees, which
//! cut wherever they like) or one column of zeros and ones for each text ([`TextAs::Indicators`], for all that weigh and
//! measure), named `column=text`.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use ndarray::{Array1, Array2, ShapeBuilder};
use taipan_learn::{Kind, Model};

use crate::error::{Error, ErrorKind, Result};

/// The different texts that one column may have for features.
const MOST_CATEGORIES: usize = 1000;

/// The labels of a target of `false` and `true`.
const BOOLEANS: [&str; 2] = ["false", "true"];

/// What becomes of a column of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextAs {
    Codes,
    Indicators,
}

impl TextAs {
    /// What suits an estimator.
    pub(crate) fn suiting(estimator: &str) -> Self {
        let splits = ["Tree", "Forest", "GradientBoosting"].iter().any(|word| estimator.contains(word));
        if splits { Self::Codes } else { Self::Indicators }
    }
}

/// Features of a batch, as numbers.
pub(crate) struct Matrix {
    pub(crate) features: Vec<String>,
    /// The texts of each column of texts, sorted.
    pub(crate) categories: BTreeMap<String, Vec<String>>,
    pub(crate) x: Array2<f64>,
}

/// The column to predict, as numbers.
pub(crate) struct Target {
    pub(crate) y: Array1<f64>,
    /// What the numbers 0, 1, … stand for; none where they stand for themselves.
    pub(crate) labels: Vec<String>,
}

/// A column that a model looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Input<'a> {
    /// The column's name.
    pub name: &'a str,
    /// The texts it may hold, sorted; none for a column of numbers.
    pub texts: Option<&'a [String]>,
    text_as: TextAs,
}

/// The columns that a model looks at, in its features' order.
pub fn inputs(model: &Model) -> Vec<Input<'_>> {
    let mut inputs = Vec::new();
    let mut rest = model.features.as_slice();
    while let Some((feature, tail)) = rest.split_first() {
        let of = |(column, texts): (&'_ String, &'_ Vec<String>)| {
            let first = texts.first()?;
            (indicator(column, first) == *feature).then_some(texts.len())
        };
        let indicated = model.categories.iter().find_map(|(column, texts)| Some((column, texts, of((column, texts))?)));
        match (model.categories.get(feature), indicated) {
            (Some(texts), _) => {
                inputs.push(Input { name: feature, texts: Some(texts), text_as: TextAs::Codes });
                rest = tail;
            }
            (None, Some((column, texts, features))) => {
                inputs.push(Input { name: column, texts: Some(texts), text_as: TextAs::Indicators });
                rest = rest.get(features..).unwrap_or_default();
            }
            (None, None) => {
                inputs.push(Input { name: feature, texts: None, text_as: TextAs::Codes });
                rest = tail;
            }
        }
    }
    inputs
}

fn indicator(column: &str, text: &str) -> String {
    format!("{column}={text}")
}

impl Input<'_> {
    /// Whether its texts become one column each.
    pub(super) fn has_indicators(&self) -> bool {
        self.texts.is_some() && self.text_as == TextAs::Indicators
    }

    /// Appends the columns that this one becomes, of rows with a text or none.
    pub(crate) fn encode<'v>(
        &self,
        values: impl ExactSizeIterator<Item = Option<&'v str>> + Clone,
        out: &mut Vec<f64>,
        unknown: impl Fn(usize, &str) -> Error,
    ) -> Result<()> {
        let texts = self.texts.unwrap_or_default();
        let mut codes = Vec::with_capacity(values.len());
        for (row, value) in values.enumerate() {
            codes.push(match value {
                None => None,
                Some(text) => match texts.binary_search_by(|known| known.as_str().cmp(text)) {
                    Ok(code) => Some(code),
                    Err(_) => return Err(unknown(row, text)),
                },
            });
        }
        match self.text_as {
            TextAs::Codes => out.extend(codes.iter().map(|code| code.map_or(f64::NAN, |code| code as f64))),
            TextAs::Indicators => {
                for code in 0..texts.len() {
                    out.extend(codes.iter().map(|found| f64::from(u8::from(*found == Some(code)))));
                }
            }
        }
        Ok(())
    }

    /// What is wrong with a text that was not among those learnt from.
    pub(crate) fn unknown(&self, place: &str, text: &str) -> Error {
        let texts = self.texts.unwrap_or_default();
        let error = Error::invalid(format!("{place}'{}' is '{text}', which the model has not learnt", self.name));
        match crate::error::nearest(text, texts.iter().map(String::as_str)) {
            Some(nearest) => error.with_hint(format!("did you mean '{nearest}'?")),
            None if texts.len() <= 12 => {
                let known: Vec<&str> = texts.iter().map(String::as_str).collect();
                error.with_hint(format!("it knows {}", crate::error::quoted(&known)))
            }
            None => error,
        }
    }
}

/// Rows to turn into numbers, and how to speak of them.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) batch: &'a RecordBatch,
    /// The file, table or query that they come from.
    pub(crate) of: &'a str,
    /// Rows of it before this batch.
    pub(crate) before: usize,
    /// Whether a missing value becomes NaN, or is an error.
    pub(crate) missing: bool,
}

/// What a column is needed for; it decides what can be done about one that does not serve.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Feature,
    Target,
    Input,
}

/// Which columns to learn from: all but the target and those left out.
pub(crate) fn feature_columns(
    batch: &RecordBatch,
    target: Option<&str>,
    exclude: &[String],
    of: &str,
) -> Result<Vec<String>> {
    let schema = batch.schema();
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    for column in target.into_iter().chain(exclude.iter().map(String::as_str)) {
        if names().all(|name| name != column) {
            return Err(Error::unknown_column(column, of, names()));
        }
    }
    if batch.num_rows() == 0 {
        return Err(Error::new(ErrorKind::NoRows(of.to_owned())));
    }
    let kept = names().filter(|name| Some(*name) != target && exclude.iter().all(|out| out != name));
    let features: Vec<String> = kept.map(str::to_owned).collect();
    match (features.is_empty(), target) {
        (false, _) => Ok(features),
        (true, Some(target)) => {
            Err(Error::invalid(format!("{of} has no column besides the target '{target}' to learn from")))
        }
        (true, None) => Err(Error::invalid(format!("{of} has no column to learn from"))),
    }
}

impl Rows<'_> {
    /// The columns to learn from.
    pub(crate) fn features(&self, columns: &[String], text_as: TextAs) -> Result<Matrix> {
        let (mut features, mut categories, mut values) = (Vec::new(), BTreeMap::new(), Vec::new());
        for name in columns {
            if !self.is_text(name)? {
                features.push(name.clone());
                values.extend(self.numbers(name, Role::Feature)?);
                continue;
            }
            let array = self.texts(name)?;
            self.refuse_missing(name, array.as_ref(), Role::Feature)?;
            let found: BTreeSet<&str> = array.as_string::<i32>().iter().flatten().collect();
            if found.len() > MOST_CATEGORIES {
                let what = format!("the column '{name}' of {} holds {} different texts", self.of, found.len());
                let error = Error::invalid(format!("{what}; at most {MOST_CATEGORIES} can be learnt from"));
                return Err(error.with_hint(format!("leave it out with --exclude {name}")));
            }
            let texts: Vec<String> = found.into_iter().map(str::to_owned).collect();
            match text_as {
                TextAs::Codes => features.push(name.clone()),
                TextAs::Indicators => features.extend(texts.iter().map(|text| indicator(name, text))),
            }
            let input = Input { name, texts: Some(&texts), text_as };
            input.encode(array.as_string::<i32>().iter(), &mut values, |_, text| input.unknown("", text))?;
            categories.insert(name.clone(), texts);
        }
        let x = shaped(values, self.batch.num_rows(), features.len())?;
        Ok(Matrix { features, categories, x })
    }

    /// The columns that a model looks at.
    pub(crate) fn inputs(&self, model: &Model) -> Result<Array2<f64>> {
        let mut values = Vec::with_capacity(self.batch.num_rows() * model.features.len());
        for input in inputs(model) {
            if input.texts.is_none() {
                values.extend(self.numbers(input.name, Role::Input)?);
                continue;
            }
            let array = self.texts(input.name)?;
            self.refuse_missing(input.name, array.as_ref(), Role::Input)?;
            let unknown = |row: usize, text: &str| input.unknown(&format!("row {}: ", self.before + row + 1), text);
            input.encode(array.as_string::<i32>().iter(), &mut values, unknown)?;
        }
        shaped(values, self.batch.num_rows(), model.features.len())
    }

    /// The target of an estimator of a kind.
    pub(crate) fn target(&self, name: &str, kind: Kind) -> Result<Target> {
        let rows = Rows { missing: false, ..*self };
        if kind == Kind::Classifier && (self.is_text(name)? || self.is_boolean(name)?) {
            let array = rows.texts(name)?;
            rows.refuse_missing(name, array.as_ref(), Role::Target)?;
            let labels: BTreeSet<&str> = if self.is_boolean(name)? {
                BTreeSet::from(BOOLEANS)
            } else {
                array.as_string::<i32>().iter().flatten().collect()
            };
            let labels: Vec<String> = labels.into_iter().map(str::to_owned).collect();
            let y = rows.labelled(name, &labels)?;
            return Ok(Target { y, labels });
        }
        Ok(Target { y: Array1::from_vec(rows.numbers(name, Role::Target)?), labels: Vec::new() })
    }

    /// The target in a model's labels.
    pub(crate) fn known_target(&self, name: &str, labels: &[String]) -> Result<Array1<f64>> {
        let rows = Rows { missing: false, ..*self };
        if labels.is_empty() {
            return Ok(Array1::from_vec(rows.numbers(name, Role::Target)?));
        }
        let array = rows.texts(name)?;
        rows.refuse_missing(name, array.as_ref(), Role::Target)?;
        rows.labelled(name, labels)
    }

    fn labelled(&self, name: &str, labels: &[String]) -> Result<Array1<f64>> {
        let array = self.texts(name)?;
        let input = Input { name, texts: Some(labels), text_as: TextAs::Codes };
        let mut y = Vec::with_capacity(self.batch.num_rows());
        let unknown = |row: usize, text: &str| input.unknown(&format!("row {}: ", self.before + row + 1), text);
        input.encode(array.as_string::<i32>().iter(), &mut y, unknown)?;
        Ok(Array1::from_vec(y))
    }

    fn array(&self, name: &str) -> Result<&dyn Array> {
        let schema = self.batch.schema();
        let known = schema.fields().iter().map(|field| field.name().as_str());
        let array = self.batch.column_by_name(name);
        array.map(AsRef::as_ref).ok_or_else(|| Error::unknown_column(name, self.of, known))
    }

    fn is_text(&self, name: &str) -> Result<bool> {
        Ok(matches!(self.array(name)?.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View))
    }

    fn is_boolean(&self, name: &str) -> Result<bool> {
        Ok(*self.array(name)?.data_type() == DataType::Boolean)
    }

    fn texts(&self, name: &str) -> Result<arrow::array::ArrayRef> {
        cast(self.array(name)?, &DataType::Utf8).map_err(|error| Error::invalid(error.to_string()))
    }

    fn refuse_missing(&self, name: &str, array: &dyn Array, role: Role) -> Result<()> {
        if self.missing || array.null_count() == 0 {
            return Ok(());
        }
        let row = self.before + (0..array.len()).find(|row| array.is_null(*row)).unwrap_or_default() + 1;
        let error = Error::invalid(format!("the column '{name}' of {} has no value in row {row}", self.of));
        Err(match role {
            Role::Feature => error.with_hint(
                "leave such rows out in a query: SELECT … WHERE column IS NOT NULL; trees and forests take them as they are",
            ),
            Role::Target | Role::Input => {
                error.with_hint("leave such rows out in a query: SELECT … WHERE column IS NOT NULL")
            }
        })
    }

    fn numbers(&self, name: &str, role: Role) -> Result<Vec<f64>> {
        let (array, of) = (self.array(name)?, self.of);
        if !(array.data_type().is_numeric() || *array.data_type() == DataType::Boolean) {
            let kind = match array.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
                DataType::Date32 | DataType::Timestamp(..) => "dates",
                DataType::Null => "no value",
                _ => "nested values",
            };
            let error = Error::invalid(format!("the column '{name}' of {of} holds {kind}, and numbers are needed"));
            return Err(match role {
                Role::Feature => {
                    error.with_hint(format!("leave it out with --exclude {name}, or turn it into numbers in a query"))
                }
                Role::Target => error.with_hint("choose a target of numbers, or a classifier"),
                Role::Input => error,
            });
        }
        self.refuse_missing(name, array, role)?;
        let numbers = cast(array, &DataType::Float64).map_err(|error| Error::invalid(error.to_string()))?;
        let numbers = numbers.as_primitive::<Float64Type>();
        let values: Vec<f64> = numbers.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        let wrong = |value: &f64| value.is_infinite() || (value.is_nan() && !self.missing);
        if let Some(row) = values.iter().position(wrong) {
            let (value, row) = (values[row], self.before + row + 1);
            return Err(Error::invalid(format!(
                "the column '{name}' of {of} is {value} in row {row}, which is no finite number"
            )));
        }
        Ok(values)
    }
}

/// Columns one after the other as a matrix.
fn shaped(values: Vec<f64>, rows: usize, columns: usize) -> Result<Array2<f64>> {
    Array2::from_shape_vec((rows, columns).f(), values).map_err(|error| Error::invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray};
    use ndarray::array;
    use taipan_learn::{Training, registry};

    use super::*;

    fn batch() -> RecordBatch {
        RecordBatch::try_from_iter([
            ("a", Arc::new(Int64Array::from(vec![1, 2, 3])) as Arc<dyn Array>),
            ("b", Arc::new(BooleanArray::from(vec![true, false, true]))),
            ("y", Arc::new(Float64Array::from(vec![0.5, 1.5, 2.5]))),
            ("t", Arc::new(StringArray::from(vec!["z", "x", "z"]))),
            ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
        ])
        .unwrap()
    }

    fn rows(batch: &RecordBatch, missing: bool) -> Rows<'_> {
        Rows { batch, of: "f.csv", before: 0, missing }
    }

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn numbers_booleans_and_texts_become_a_matrix() {
        let batch = batch();
        let matrix = |text_as| rows(&batch, false).features(&columns(&["a", "b", "t"]), text_as).unwrap();
        let codes = matrix(TextAs::Codes);
        assert_eq!(codes.features, ["a", "b", "t"]);
        assert_eq!(codes.x, array![[1.0, 1.0, 1.0], [2.0, 0.0, 0.0], [3.0, 1.0, 1.0]]);
        let indicators = matrix(TextAs::Indicators);
        assert_eq!(indicators.features, ["a", "b", "t=x", "t=z"]);
        assert_eq!(indicators.x, array![[1.0, 1.0, 0.0, 1.0], [2.0, 0.0, 1.0, 0.0], [3.0, 1.0, 0.0, 1.0]]);
        assert_eq!(indicators.categories["t"], ["x", "z"]);
    }

    #[test]
    fn a_model_reads_the_columns_it_learnt_from() {
        let batch = batch();
        for (estimator, text_as) in [("DecisionTreeRegressor", TextAs::Codes), ("LinearRegression", TextAs::Indicators)]
        {
            assert_eq!(TextAs::suiting(estimator), text_as);
            let matrix = rows(&batch, false).features(&columns(&["t", "a"]), text_as).unwrap();
            let estimator = registry::estimator(estimator).unwrap();
            let y = array![0.5, 1.5, 2.5];
            let data = Training::supervised(matrix.x.view(), y.view());
            let mut model = Model::train_on(estimator.as_ref(), &data, matrix.features, "y").unwrap();
            model.categories = matrix.categories;
            let names: Vec<(&str, Option<usize>)> =
                inputs(&model).iter().map(|input| (input.name, input.texts.map(<[String]>::len))).collect();
            assert_eq!(names, [("t", Some(2)), ("a", None)]);
            assert_eq!(rows(&batch, false).inputs(&model).unwrap(), matrix.x);
            let other = RecordBatch::try_from_iter([
                ("a", Arc::new(Int64Array::from(vec![1])) as Arc<dyn Array>),
                ("t", Arc::new(StringArray::from(vec!["Z"]))),
            ])
            .unwrap();
            let error = Rows { before: 6, ..rows(&other, false) }.inputs(&model).unwrap_err();
            assert_eq!(error.to_string(), "row 7: 't' is 'Z', which the model has not learnt");
        }
    }

    #[test]
    fn targets_are_numbers_or_labels() {
        let batch = batch();
        let target = |name, kind| rows(&batch, false).target(name, kind).unwrap();
        assert_eq!(target("y", Kind::Regressor).y, array![0.5, 1.5, 2.5]);
        assert_eq!(target("b", Kind::Regressor).y, array![1.0, 0.0, 1.0]);
        let texts = target("t", Kind::Classifier);
        assert_eq!((texts.y, texts.labels), (array![1.0, 0.0, 1.0], columns(&["x", "z"])));
        let booleans = target("b", Kind::Classifier);
        assert_eq!((booleans.y, booleans.labels), (array![1.0, 0.0, 1.0], columns(&["false", "true"])));
        let numbers = target("a", Kind::Classifier);
        assert_eq!((numbers.y, numbers.labels), (array![1.0, 2.0, 3.0], Vec::new()));
    }

    #[test]
    fn missing_numbers_are_nan_where_they_may_be() {
        let batch = batch();
        let x = rows(&batch, true).features(&columns(&["n"]), TextAs::Codes).unwrap().x;
        assert_eq!(x.column(0).iter().map(|value| value.is_nan()).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(x.row(2), array![3.0]);
    }

    #[test]
    fn unusable_columns_are_named() {
        let batch = batch();
        let learn = |target: &str, exclude: &[&str]| -> Result<()> {
            let names = feature_columns(&batch, Some(target), &columns(exclude), "f.csv")?;
            rows(&batch, false).features(&names, TextAs::Codes)?;
            rows(&batch, false).target(target, Kind::Regressor)?;
            Ok(())
        };
        for (target, exclude, expected) in [
            ("t", vec!["n"], "the column 't' of f.csv holds text, and numbers are needed"),
            ("y", vec!["t"], "the column 'n' of f.csv has no value in row 2"),
            ("n", vec![], "the column 'n' of f.csv has no value in row 2"),
            ("z", vec![], "no column 'z' in f.csv"),
            ("y", vec!["tt"], "no column 'tt' in f.csv"),
            ("y", vec!["a", "b", "t", "n"], "f.csv has no column besides the target 'y' to learn from"),
        ] {
            assert_eq!(learn(target, &exclude).unwrap_err().to_string(), expected);
        }
    }
}
