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

const NAME: &str = "ColumnTransformer";
const TRANSFORMERS: &str = "transformers";
const REMAINDER: &str = "remainder";
const VERBOSE: &str = "verbose_feature_names_out";
const OWN: &[&str] = &[TRANSFORMERS, REMAINDER, VERBOSE];
/// Names that output columns are put under and that no transformer may have.
const RESERVED: &[&str] = &[TRANSFORMERS, REMAINDER];
const TRANSFORMERS_RANGE: Range = Range::described(
    "a list of transformers, each [name, estimator, columns] or [name, estimator, columns, {parameter: value}]",
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

/// Gives each transformer its columns, counted from 0, and puts their results side by side in that order.
///
/// ```
/// use taipan_learn::{ColumnTransformer, Estimator, Remainder};
///
/// let columns = ColumnTransformer::new().passthrough("kept", vec![2]).remainder(Remainder::Drop);
/// let (name, value) = &columns.get_params()[0];
/// assert_eq!(format!("{name} = {value}"), "transformers = [[kept, passthrough, [2], {}]]");
/// ```
#[derive(Debug, Clone)]
pub struct ColumnTransformer {
    transformers: Vec<OnColumns<Part>>,
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
    pub fn transformer(self, name: &str, estimator: impl Estimator + 'static, columns: Vec<usize>) -> Self {
        self.add(name, Some(Box::new(estimator)), columns)
    }

    /// Adds a transformer that is known by its name only.
    #[must_use]
    pub fn boxed_transformer(self, name: &str, estimator: Box<dyn Estimator>, columns: Vec<usize>) -> Self {
        self.add(name, Some(estimator), columns)
    }

    /// Adds columns as they are.
    #[must_use]
    pub fn passthrough(self, name: &str, columns: Vec<usize>) -> Self {
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

    fn add(mut self, name: &str, estimator: Option<Box<dyn Estimator>>, columns: Vec<usize>) -> Self {
        self.transformers.push(OnColumns { part: Part { name: name.to_owned(), estimator }, columns });
        self
    }

    /// Learns every transformer from its columns.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `Shape` for a column that is not there.
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
        for OnColumns { part, columns } in &self.transformers {
            for &column in columns {
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
                    blocks.push(select(data.x, columns));
                    Fitted::Passthrough(part.name.clone())
                }
                Some(estimator) => {
                    let x = select(data.x, columns);
                    let mut selected = Training::unsupervised(x.view());
                    selected.y = data.y;
                    let fitted = if transform {
                        let (fitted, block) = estimator.fit_transform(&selected).map_err(|e| e.on_columns(columns))?;
                        blocks.push(block);
                        fitted
                    } else {
                        estimator.fit_on(&selected).map_err(|error| error.on_columns(columns))?
                    };
                    Fitted::Part(part.fitted(&**estimator, fitted))
                }
            };
            parts.push(OnColumns { part: fitted, columns: columns.clone() });
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

    fn read_transformers(value: &ParamValue) -> Result<Vec<OnColumns<Part>>> {
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
            let columns = Vec::<usize>::from_value(columns).ok_or_else(refuse)?;
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
            transformers.push(OnColumns { part, columns });
        }
        Ok(transformers)
    }

    fn write_transformers(&self) -> ParamValue {
        let write = |OnColumns { part, columns }: &OnColumns<Part>| {
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
        own.into_iter().chain(part::nested_params(self.transformers.iter().map(|on| &on.part))).collect()
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
            _ => return part::set_nested(NAME, OWN, self.transformers.iter_mut().map(|on| &mut on.part), name, value),
        }
        Ok(())
    }

    fn check_params(&self) -> Result<()> {
        part::check_names(NAME, TRANSFORMERS, self.transformers.iter().map(|on| on.part.name.as_str()), RESERVED)?;
        for estimator in self.transformers.iter().filter_map(|on| on.part.estimator.as_ref()) {
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
