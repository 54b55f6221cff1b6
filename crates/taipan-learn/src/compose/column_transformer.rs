//! Transformers side by side, each on its own columns.

use std::any::Any;
use std::borrow::Cow;

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::part::{self, FittedPart, Part};
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Kind, Predictor, Training, choices};
use crate::input::{Nan, check_predict, check_training};
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::{Param, ParamType, ParamValue, Range};
use crate::state::State;
use crate::suggest::nearest;

const NAME: &str = "ColumnTransformer";
const TRANSFORMERS: &str = "transformers";
const REMAINDER: &str = "remainder";
const VERBOSE: &str = "verbose_feature_names_out";
const OWN: &[&str] = &[TRANSFORMERS, REMAINDER, VERBOSE];
/// Names that output columns are put under and that no transformer may have.
const RESERVED: &[&str] = &[TRANSFORMERS, REMAINDER];
const TRANSFORMERS_RANGE: Range = Range::described(
    "a list of transformers, each [name, estimator, columns] or [name, estimator, columns, {parameter: value}], columns by \
     number or by name",
);
/// What stands for columns that are left out.
const DROP: &str = "drop";

choices! {
    /// What becomes of the columns that no transformer takes.
    pub enum Remainder {
        /// They are left out.
        Drop = "drop",
        /// They come after the others, as they are.
        Passthrough = "passthrough",
    }
}

/// The columns that a transformer takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakenColumns {
    /// Counted from 0.
    Numbers(Vec<usize>),
    /// By name; then the training data has to say the names of its features, as [`Model::train`](crate::Model::train)
    /// does.
    Names(Vec<String>),
}

impl From<Vec<usize>> for TakenColumns {
    fn from(numbers: Vec<usize>) -> Self {
        Self::Numbers(numbers)
    }
}

impl From<Vec<String>> for TakenColumns {
    fn from(names: Vec<String>) -> Self {
        Self::Names(names)
    }
}

impl From<Vec<&str>> for TakenColumns {
    fn from(names: Vec<&str>) -> Self {
        Self::Names(names.into_iter().map(str::to_owned).collect())
    }
}

impl TakenColumns {
    /// The numbers of the columns of this data.
    fn of(&self, data: &Training<'_>) -> Result<Vec<usize>> {
        let names = match self {
            Self::Numbers(numbers) => return Ok(numbers.clone()),
            Self::Names(names) => names,
        };
        let Some(known) = data.feature_names else {
            let allowed = "columns by number, for the features have no names here";
            return Err(Error::invalid(NAME, TRANSFORMERS, self.to_value(), allowed));
        };
        let number = |name: &String| {
            known.iter().position(|known| known == name).ok_or_else(|| {
                let allowed = match nearest(name, known.iter().map(String::as_str)) {
                    Some(nearest) => format!("the name of a feature; did you mean '{nearest}'?"),
                    None => format!("the name of a feature: {}", known.join(", ")),
                };
                Error::invalid(NAME, TRANSFORMERS, name, allowed)
            })
        };
        names.iter().map(number).collect()
    }
}

impl ParamType for TakenColumns {
    fn from_value(value: &ParamValue) -> Option<Self> {
        Vec::<usize>::from_value(value).map(Self::Numbers).or_else(|| Vec::<String>::from_value(value).map(Self::Names))
    }

    fn to_value(&self) -> ParamValue {
        match self {
            Self::Numbers(numbers) => numbers.to_value(),
            Self::Names(names) => names.to_value(),
        }
    }
}

/// Gives each transformer its columns, by number or by name, and puts their results side by side in that order.
///
/// ```
/// use taipan_learn::{ColumnTransformer, Estimator, Remainder};
///
/// let columns = ColumnTransformer::new().passthrough("kept", vec![2]).remainder(Remainder::Drop);
/// let (name, value) = &columns.get_params()[0];
/// assert_eq!(format!("{name} = {value}"), "transformers = [[kept, passthrough, [2], {}]]");
/// let by_name = ColumnTransformer::new().passthrough("kept", vec!["age", "fare"]);
/// assert_eq!(format!("{}", by_name.get_params()[0].1), "[[kept, passthrough, [age, fare], {}]]");
/// ```
#[derive(Debug, Clone)]
pub struct ColumnTransformer {
    transformers: Vec<(Part, TakenColumns)>,
    remainder: Remainder,
    verbose_feature_names_out: bool,
}

/// A part and its columns.
#[derive(Debug, Clone)]
struct OnColumns<T> {
    part: T,
    columns: Vec<usize>,
}

impl Default for ColumnTransformer {
    fn default() -> Self {
        Self { transformers: Vec::new(), remainder: Remainder::Drop, verbose_feature_names_out: true }
    }
}

impl ColumnTransformer {
    /// No transformers; all columns are dropped.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a transformer of these columns.
    #[must_use]
    pub fn transformer(
        self,
        name: &str,
        estimator: impl Estimator + 'static,
        columns: impl Into<TakenColumns>,
    ) -> Self {
        self.add(name, Some(Box::new(estimator)), columns)
    }

    /// Adds a transformer that is known by its name only.
    #[must_use]
    pub fn boxed_transformer(
        self,
        name: &str,
        estimator: Box<dyn Estimator>,
        columns: impl Into<TakenColumns>,
    ) -> Self {
        self.add(name, Some(estimator), columns)
    }

    /// Adds columns as they are.
    #[must_use]
    pub fn passthrough(self, name: &str, columns: impl Into<TakenColumns>) -> Self {
        self.add(name, None, columns)
    }

    /// Sets what becomes of the other columns.
    #[must_use]
    pub fn remainder(mut self, remainder: Remainder) -> Self {
        self.remainder = remainder;
        self
    }

    /// Whether output columns are named `transformer__column`.
    #[must_use]
    pub fn verbose_feature_names_out(mut self, verbose: bool) -> Self {
        self.verbose_feature_names_out = verbose;
        self
    }

    fn add(mut self, name: &str, estimator: Option<Box<dyn Estimator>>, columns: impl Into<TakenColumns>) -> Self {
        self.transformers.push((Part { name: name.to_owned(), estimator }, columns.into()));
        self
    }

    /// Learns every transformer from its columns.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `Shape` for a column that is not there, `InvalidParam` for a name.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<FittedColumnTransformer> {
        Ok(self.fit_parts(data, false)?.0)
    }

    /// Learns every transformer from its columns.
    ///
    /// # Errors
    /// See [`fit_on`](Self::fit_on).
    pub fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedColumnTransformer> {
        self.fit_on(&Training::unsupervised(x))
    }

    /// Learns, and gives the transformed rows if they are wanted.
    fn fit_parts(
        &self,
        data: &Training<'_>,
        transform: bool,
    ) -> Result<(FittedColumnTransformer, Option<Array2<f64>>)> {
        self.check_params()?;
        check_training(data, Nan::Missing)?;
        let n_features = data.x.ncols();
        let mut taken = vec![false; n_features];
        let mut parts = Vec::new();
        let mut blocks = Vec::new();
        for (part, columns) in &self.transformers {
            let columns = columns.of(data)?;
            for &column in &columns {
                *taken.get_mut(column).ok_or_else(|| {
                    Error::shape(
                        format!("{NAME}: '{}' takes a column that is not there", part.name),
                        column,
                        n_features,
                    )
                })? = true;
            }
            if columns.is_empty() {
                continue;
            }
            let fitted = match &part.estimator {
                None => {
                    blocks.push(select(data.x, &columns));
                    Fitted::Passthrough(part.name.clone())
                }
                Some(estimator) => {
                    let x = select(data.x, &columns);
                    let name = |names: &[String], column: &usize| names.get(*column).cloned();
                    let names: Option<Vec<String>> =
                        data.feature_names.and_then(|names| columns.iter().map(|column| name(names, column)).collect());
                    let mut selected = Training::unsupervised(x.view());
                    selected.y = data.y;
                    selected.feature_names = names.as_deref();
                    let fitted = if transform {
                        let (fitted, block) = estimator.fit_transform(&selected).map_err(|e| e.on_columns(&columns))?;
                        blocks.push(block);
                        fitted
                    } else {
                        estimator.fit_on(&selected).map_err(|error| error.on_columns(&columns))?
                    };
                    Fitted::Part(part.fitted(&**estimator, fitted))
                }
            };
            parts.push(OnColumns { part: fitted, columns });
        }
        let rest: Vec<usize> = (0..n_features).filter(|&column| !taken[column]).collect();
        if self.remainder == Remainder::Passthrough && !rest.is_empty() {
            blocks.push(select(data.x, &rest));
            parts.push(OnColumns { part: Fitted::Passthrough(REMAINDER.to_owned()), columns: rest });
        }
        let fitted = FittedColumnTransformer { parts, n_features, verbose: self.verbose_feature_names_out };
        let transformed = if transform { Some(side_by_side(data.x.nrows(), &blocks)?) } else { None };
        Ok((fitted, transformed))
    }

    fn read_transformers(value: &ParamValue) -> Result<Vec<(Part, TakenColumns)>> {
        let refuse = || Error::invalid(NAME, TRANSFORMERS, value, TRANSFORMERS_RANGE);
        let ParamValue::List(items) = value else { return Err(refuse()) };
        let mut transformers = Vec::with_capacity(items.len());
        for item in items {
            let ParamValue::List(fields) = item else { return Err(refuse()) };
            let (name, estimator, columns, params) = match &fields[..] {
                [ParamValue::Text(name), ParamValue::Text(estimator), columns] => (name, estimator, columns, None),
                [ParamValue::Text(name), ParamValue::Text(estimator), columns, ParamValue::Map(params)] => {
                    (name, estimator, columns, Some(params))
                }
                _ => return Err(refuse()),
            };
            let columns = TakenColumns::from_value(columns).ok_or_else(refuse)?;
            if estimator == DROP {
                // Taken, so that they are not of the remainder; nothing comes of them.
                return Err(Error::invalid(
                    NAME,
                    TRANSFORMERS,
                    DROP,
                    "an estimator or passthrough; leave columns out by not naming them",
                ));
            }
            let part = Part { name: name.clone(), estimator: Part::estimator(estimator, params)? };
            transformers.push((part, columns));
        }
        Ok(transformers)
    }

    fn write_transformers(&self) -> ParamValue {
        let write = |(part, columns): &(Part, TakenColumns)| {
            let (estimator, params) = part.to_values();
            ParamValue::List(vec![part.name.as_str().into(), estimator, columns.to_value(), params])
        };
        ParamValue::List(self.transformers.iter().map(write).collect())
    }
}

impl Estimator for ColumnTransformer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kind(&self) -> Kind {
        Kind::Transformer
    }

    fn params(&self) -> Vec<Param> {
        let own = [
            (
                TRANSFORMERS,
                ParamValue::List(Vec::new()),
                TRANSFORMERS_RANGE,
                "Names, estimators and columns, in order.",
            ),
            (REMAINDER, "drop".into(), Remainder::RANGE, "What becomes of the columns that no transformer takes."),
            (VERBOSE, true.into(), Range::BOOLEAN, "Whether output columns are named transformer__column."),
        ];
        let own = own.map(|(name, default, range, doc)| Param { name: name.into(), default, range, doc: doc.into() });
        own.into_iter().chain(part::nested_params(self.transformers.iter().map(|(part, _)| part))).collect()
    }

    fn get_params(&self) -> Vec<(Cow<'static, str>, ParamValue)> {
        vec![
            (TRANSFORMERS.into(), self.write_transformers()),
            (REMAINDER.into(), self.remainder.to_value()),
            (VERBOSE.into(), self.verbose_feature_names_out.into()),
        ]
    }

    fn set_param(&mut self, name: &str, value: ParamValue) -> Result<()> {
        match name {
            TRANSFORMERS => self.transformers = Self::read_transformers(&value)?,
            REMAINDER => {
                let read = Remainder::from_value(&value);
                self.remainder = read.ok_or_else(|| Error::invalid(NAME, name, &value, Remainder::RANGE))?;
            }
            VERBOSE => {
                let read = bool::from_value(&value);
                self.verbose_feature_names_out =
                    read.ok_or_else(|| Error::invalid(NAME, name, &value, Range::BOOLEAN))?;
            }
            _ => return part::set_nested(NAME, OWN, self.transformers.iter_mut().map(|(part, _)| part), name, value),
        }
        Ok(())
    }

    fn check_params(&self) -> Result<()> {
        part::check_names(NAME, TRANSFORMERS, self.transformers.iter().map(|(part, _)| part.name.as_str()), RESERVED)?;
        for estimator in self.transformers.iter().filter_map(|(part, _)| part.estimator.as_ref()) {
            if estimator.kind().is_supervised() {
                return Err(Error::invalid(NAME, TRANSFORMERS, estimator.name(), "a transformer"));
            }
            estimator.check_params()?;
        }
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Estimator> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    /// Each transformer looks at its own columns.
    fn allows_nan(&self) -> bool {
        true
    }

    fn fit_on(&self, data: &Training<'_>) -> Result<Box<dyn Predictor>> {
        Ok(Box::new(Self::fit_on(self, data)?))
    }

    fn fit_transform(&self, data: &Training<'_>) -> Result<(Box<dyn Predictor>, Array2<f64>)> {
        let (fitted, transformed) = self.fit_parts(data, true)?;
        Ok((Box::new(fitted), transformed.unwrap_or_default()))
    }
}

/// A fitted [`ColumnTransformer`].
#[derive(Debug, Clone)]
pub struct FittedColumnTransformer {
    parts: Vec<OnColumns<Fitted>>,
    n_features: usize,
    verbose: bool,
}

#[derive(Debug, Clone)]
enum Fitted {
    /// Columns as they are, under this name.
    Passthrough(String),
    Part(FittedPart),
}

impl Fitted {
    fn name(&self) -> &str {
        match self {
            Self::Passthrough(name) => name,
            Self::Part(part) => &part.name,
        }
    }
}

impl FittedColumnTransformer {
    /// The fitted transformer of that name, unless it passes its columns through.
    pub fn transformer(&self, name: &str) -> Option<&dyn Predictor> {
        self.parts.iter().find_map(|on| match &on.part {
            Fitted::Part(part) if part.name == name => Some(&*part.fitted),
            _ => None,
        })
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let n_features = state.take_count("n_features")?;
        let verbose = state.take_count("verbose")? != 0;
        let names = state.take_values::<String>("all")?;
        let columns = state.take_vectors("columns")?;
        let mut fitted = part::from_state(&mut state)?.into_iter().peekable();
        state.finish()?;
        if names.len() != columns.len() {
            return Err(Error::malformed("the transformers have another number of names than of columns"));
        }
        let mut parts = Vec::with_capacity(names.len());
        for (name, columns) in names.into_iter().zip(columns) {
            let index = |column: &f64| {
                let fits = column.fract() == 0.0 && *column >= 0.0 && *column < n_features as f64;
                fits.then_some(*column as usize)
                    .ok_or_else(|| Error::malformed("a transformer takes a column that is not there"))
            };
            let columns = columns.iter().map(index).collect::<Result<Vec<usize>>>()?;
            let part = match fitted.next_if(|part| part.name == name) {
                None => Fitted::Passthrough(name),
                Some(part) if part.fitted.n_features() == columns.len() => Fitted::Part(part),
                Some(_) => return Err(Error::malformed("a transformer has another number of features than columns")),
            };
            parts.push(OnColumns { part, columns });
        }
        if fitted.next().is_some() || n_features == 0 {
            return Err(Error::malformed("a transformer has no columns"));
        }
        Ok(Self { parts, n_features, verbose })
    }
}

impl Predictor for FittedColumnTransformer {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        Vec::new()
    }

    fn state(&self) -> State {
        let fitted: Vec<FittedPart> = self
            .parts
            .iter()
            .filter_map(|on| match &on.part {
                Fitted::Part(part) => Some(part.clone()),
                Fitted::Passthrough(_) => None,
            })
            .collect();
        let names = self.parts.iter().map(|on| on.part.name().to_owned()).collect();
        let columns: Vec<Vec<f64>> =
            self.parts.iter().map(|on| on.columns.iter().map(|&column| column as f64).collect()).collect();
        part::to_state(&fitted)
            .with_integer("n_features", self.n_features as i64)
            .with_integer("verbose", self.verbose.into())
            .with_values::<String>("all", names)
            .with_vectors("columns", &columns)
    }

    fn n_outputs(&self) -> usize {
        0
    }

    fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.n_features, Nan::Missing)?;
        let transform = |OnColumns { part, columns }: &OnColumns<Fitted>| match part {
            Fitted::Passthrough(_) => Ok(select(x, columns)),
            Fitted::Part(part) => {
                part.fitted.transform(select(x, columns).view()).map_err(|error| error.on_columns(columns))
            }
        };
        let blocks = self.parts.iter().map(transform).collect::<Result<Vec<_>>>()?;
        side_by_side(x.nrows(), &blocks)
    }

    fn feature_names_out(&self, features: &[String]) -> Result<Vec<String>> {
        if features.len() != self.n_features {
            return Err(Error::shape("there is not one name per feature", features.len(), self.n_features));
        }
        let mut names = Vec::new();
        for OnColumns { part, columns } in &self.parts {
            let taken: Vec<String> = columns.iter().map(|&column| features[column].clone()).collect();
            let out = match part {
                Fitted::Passthrough(_) => taken,
                Fitted::Part(part) => part.fitted.feature_names_out(&taken)?,
            };
            let prefixed = |name: String| if self.verbose { format!("{}__{name}", part.name()) } else { name };
            names.extend(out.into_iter().map(prefixed));
        }
        Ok(names)
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let mut blocks = Vec::with_capacity(self.parts.len());
        for OnColumns { part, columns } in &self.parts {
            let taken = graph.columns(x, columns);
            blocks.push(match part {
                Fitted::Passthrough(_) => taken,
                Fitted::Part(part) => match part.fitted.onnx(graph, &taken)? {
                    Answer::Numbers(new) => new,
                    _ => return Err(Error::unsupported(&part.estimator, "transform")),
                },
            });
        }
        Ok(Answer::Numbers(graph.beside(&blocks)))
    }
}

fn select(x: ArrayView2<'_, f64>, columns: &[usize]) -> Array2<f64> {
    x.select(Axis(1), columns)
}

fn side_by_side(rows: usize, blocks: &[Array2<f64>]) -> Result<Array2<f64>> {
    if blocks.is_empty() {
        return Ok(Array2::zeros((rows, 0)));
    }
    let views: Vec<ArrayView2<'_, f64>> = blocks.iter().map(|block| block.view()).collect();
    concatenate(Axis(1), &views).map_err(|error| Error::malformed(format!("{NAME}: {error}")).because(error))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::{MinMaxScaler, Model, Pipeline, Ridge, StandardScaler};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn columns_by_name_are_those_of_their_numbers() {
        let x = array![[1.0, 10.0, 5.0], [2.0, 30.0, 5.0], [4.0, 20.0, 6.0]];
        let features = names(&["age", "fare", "class"]);
        let data = Training::unsupervised(x.view()).feature_names(&features);
        let rest = |columns: ColumnTransformer| columns.remainder(Remainder::Passthrough);
        let by_name = rest(ColumnTransformer::new().transformer("scale", MinMaxScaler::new(), vec!["fare", "age"]));
        let by_number = rest(ColumnTransformer::new().transformer("scale", MinMaxScaler::new(), vec![1, 0]));
        let fitted = by_name.fit_on(&data).unwrap();
        let expected = by_number.fit_on(&data).unwrap();
        assert_eq!(fitted.transform(x.view()).unwrap(), expected.transform(x.view()).unwrap());
        let out = ["scale__fare", "scale__age", "remainder__class"];
        assert_eq!(fitted.feature_names_out(&features).unwrap(), out);

        // Parameters read back what they wrote, and models in files keep them.
        let mut again = ColumnTransformer::new();
        again.set_param(TRANSFORMERS, by_name.get_params()[0].1.clone()).unwrap();
        assert_eq!(again.get_params()[0], by_name.get_params()[0]);
        let model = Model::train_on(&by_name, &Training::unsupervised(x.view()), features, "").unwrap();
        let same = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
        assert_eq!(same.transform(x.view()).unwrap(), expected.transform(x.view()).unwrap());
    }

    #[test]
    fn names_pass_through_the_steps_of_a_pipeline() {
        let x = array![[1.0, 10.0], [2.0, 30.0], [4.0, 20.0], [3.0, 15.0]];
        let y = array![1.0, 2.0, 3.0, 2.5];
        let second = ColumnTransformer::new().passthrough("kept", vec!["fare"]);
        let pipeline = Pipeline::new()
            .step("scale", StandardScaler::new())
            .step("choose", second)
            .step("fit", Ridge::new().alpha(1e-9));
        let model = Model::train(&pipeline, x.view(), y.view(), names(&["age", "fare"]), "y").unwrap();
        let fare = x.slice(ndarray::s![.., 1..]);
        let alone = Ridge::new().alpha(1e-9).fit(fare, y.view()).unwrap();
        for (a, b) in model.predict(x.view()).unwrap().iter().zip(alone.predict(fare).unwrap()) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn names_that_are_not_there_are_refused() {
        let x = array![[1.0, 2.0]];
        let columns = ColumnTransformer::new().passthrough("kept", vec!["fair"]);
        let known = names(&["age", "fare"]);
        let text = |data: &Training<'_>| columns.fit_on(data).unwrap_err().to_string();
        let data = Training::unsupervised(x.view());
        assert_eq!(
            text(&data),
            "ColumnTransformer: transformers = [fair] is not allowed; it must be columns by number, for the features \
             have no names here"
        );
        assert_eq!(
            text(&data.feature_names(&known)),
            "ColumnTransformer: transformers = fair is not allowed; it must be the name of a feature; did you mean 'fare'?"
        );
    }
}
