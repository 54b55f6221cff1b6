//! Transformers one after the other, and an estimator at the end.

use std::any::Any;
use std::borrow::Cow;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::part::{self, FittedPart, Part};
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Kind, Predictor, Training};
use crate::input::{Nan, check_predict, check_training};
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::{Param, ParamValue, Range};
use crate::state::State;

const NAME: &str = "Pipeline";
const STEPS: &str = "steps";
const STEPS_RANGE: Range =
    Range::described("a list of steps, each [name, estimator] or [name, estimator, {parameter: value}]");

/// Transforms the features step by step and gives them to the last step. Each step learns from the training rows only,
/// which is what cross-validation needs. Weights go to the last step.
///
/// ```
/// use ndarray::{Array1, array};
/// use taipan_learn::{Estimator, Pipeline, Predictor, Ridge};
///
/// let mut model = Pipeline::new().step("fit", Ridge::new());
/// model.set_param("fit__alpha", 0.0.into())?;
/// let (x, y): (_, Array1<f64>) = (array![[0.0], [1.0], [2.0]], array![1.0, 3.0, 5.0]);
/// let predicted = model.fit(x.view(), y.view())?.predict(array![[10.0]].view())?;
/// assert!((predicted[0] - 21.0).abs() < 1e-12);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    steps: Vec<Part>,
}

impl Pipeline {
    /// No steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step. All but the last must be transformers.
    #[must_use]
    pub fn step(self, name: &str, estimator: impl Estimator + 'static) -> Self {
        self.boxed_step(name, Box::new(estimator))
    }

    /// Adds a step that is known by its name only.
    #[must_use]
    pub fn boxed_step(mut self, name: &str, estimator: Box<dyn Estimator>) -> Self {
        self.steps.push(Part { name: name.to_owned(), estimator: Some(estimator) });
        self
    }

    /// Learns every step.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `InvalidParam` for a pipeline without steps or with a step in the middle that does not
    /// transform.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<FittedPipeline> {
        self.check_params()?;
        self.check_x(data)?;
        let (mut steps, transformed) = self.fit_first(data)?;
        steps.extend(self.fit_last(data, transformed.as_ref())?);
        Ok(FittedPipeline { steps, n_features: data.x.ncols() })
    }

    /// Learns every step from features and one target per row.
    ///
    /// # Errors
    /// See [`fit_on`](Self::fit_on).
    pub fn fit(&self, x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>) -> Result<FittedPipeline> {
        self.fit_on(&Training::supervised(x, y))
    }

    /// Steps pass columns through only after somebody has looked at them.
    fn check_x(&self, data: &Training<'_>) -> Result<()> {
        check_training(data, if self.allows_nan() { Nan::Missing } else { Nan::Refused })
    }

    /// Learns all steps but the last; gives what they make of the features, if there are such steps.
    fn fit_first(&self, data: &Training<'_>) -> Result<(Vec<FittedPart>, Option<Array2<f64>>)> {
        let mut fitted = Vec::with_capacity(self.steps.len());
        let mut transformed: Option<Array2<f64>> = None;
        let mut names = data.feature_names.map(<[String]>::to_vec);
        for step in self.steps.split_last().map_or(&[][..], |(_, first)| first) {
            let Some(estimator) = &step.estimator else { continue };
            data.step(fitted.len(), self.steps.len())?;
            let mut part = Training::unsupervised(transformed.as_ref().map_or(data.x, |x| x.view()));
            part.y = data.y;
            part.feature_names = names.as_deref();
            let (predictor, x) = estimator.fit_transform(&part)?;
            names = names.and_then(|names| predictor.feature_names_out(&names).ok());
            fitted.push(step.fitted(&**estimator, predictor));
            transformed = Some(x);
        }
        Ok((fitted, transformed))
    }

    fn fit_last(&self, data: &Training<'_>, transformed: Option<&Array2<f64>>) -> Result<Option<FittedPart>> {
        let Some((last, estimator)) = self.last() else { return Ok(None) };
        let fitted = match transformed {
            Some(x) => estimator.fit_on(&data.with_features(x.view()))?,
            None => estimator.fit_on(data)?,
        };
        Ok(Some(last.fitted(estimator, fitted)))
    }

    fn last(&self) -> Option<(&Part, &dyn Estimator)> {
        let last = self.steps.last()?;
        Some((last, last.estimator.as_deref()?))
    }

    fn read_steps(value: &ParamValue) -> Result<Vec<Part>> {
        let refuse = || Error::invalid(NAME, STEPS, value, STEPS_RANGE);
        let ParamValue::List(items) = value else { return Err(refuse()) };
        let read = |item: &ParamValue| {
            let ParamValue::List(fields) = item else { return Err(refuse()) };
            let (name, estimator, params) = match &fields[..] {
                [ParamValue::Text(name), ParamValue::Text(estimator)] => (name, estimator, None),
                [ParamValue::Text(name), ParamValue::Text(estimator), ParamValue::Map(params)] => {
                    (name, estimator, Some(params))
                }
                _ => return Err(refuse()),
            };
            Ok(Part { name: name.clone(), estimator: Part::estimator(estimator, params)? })
        };
        items.iter().map(read).collect()
    }

    fn write_steps(&self) -> ParamValue {
        let step = |step: &Part| {
            let (estimator, params) = step.to_values();
            ParamValue::List(vec![step.name.as_str().into(), estimator, params])
        };
        ParamValue::List(self.steps.iter().map(step).collect())
    }

    /// Whether all steps but the last are the same.
    fn starts_like(&self, other: &Self) -> bool {
        let first = |pipeline: &Self| {
            let mut steps = pipeline.steps.clone();
            steps.pop().map(|_| Self { steps }.write_steps())
        };
        self.steps.len() > 1 && first(self) == first(other)
    }
}

impl Estimator for Pipeline {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kind(&self) -> Kind {
        self.last().map_or(Kind::Transformer, |(_, last)| last.kind())
    }

    fn params(&self) -> Vec<Param> {
        let steps = Param {
            name: STEPS.into(),
            default: ParamValue::List(Vec::new()),
            range: STEPS_RANGE,
            doc: "Names and estimators, in order; all but the last transform.".into(),
        };
        std::iter::once(steps).chain(part::nested_params(self.steps.iter())).collect()
    }

    fn get_params(&self) -> Vec<(Cow<'static, str>, ParamValue)> {
        vec![(STEPS.into(), self.write_steps())]
    }

    fn set_param(&mut self, name: &str, value: ParamValue) -> Result<()> {
        if name == STEPS {
            self.steps = Self::read_steps(&value)?;
            return Ok(());
        }
        part::set_nested(NAME, &[STEPS], self.steps.iter_mut(), name, value)
    }

    fn check_params(&self) -> Result<()> {
        let Some((_, first)) = self.steps.split_last() else {
            return Err(Error::invalid(NAME, STEPS, "[]", "at least one step"));
        };
        part::check_names(NAME, STEPS, self.steps.iter().map(|step| step.name.as_str()), &[STEPS])?;
        for step in first {
            if let Some(estimator) = &step.estimator
                && estimator.kind().is_supervised()
            {
                let value = format!("'{}' ({})", step.name, estimator.name());
                return Err(Error::invalid(NAME, STEPS, value, "a transformer, as it is not the last step"));
            }
        }
        self.steps.iter().filter_map(|step| step.estimator.as_ref()).try_for_each(|estimator| estimator.check_params())
    }

    fn clone_box(&self) -> Box<dyn Estimator> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    /// As its first step has it.
    fn allows_nan(&self) -> bool {
        let mut estimators = self.steps.iter().filter_map(|step| step.estimator.as_ref());
        estimators.next().is_some_and(|first| first.allows_nan())
    }

    fn fit_on(&self, data: &Training<'_>) -> Result<Box<dyn Predictor>> {
        Ok(Box::new(Self::fit_on(self, data)?))
    }

    /// Candidates that differ in their last step only share the others.
    fn shares_fit(&self, other: &dyn Estimator) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self.starts_like(other))
    }

    fn fit_shared(&self, candidates: &[&dyn Estimator], data: &Training<'_>) -> Vec<Result<Box<dyn Predictor>>> {
        let first = self.check_params().and_then(|()| self.check_x(data)).and_then(|()| self.fit_first(data));
        let fit = |candidate: &&dyn Estimator| -> Result<Box<dyn Predictor>> {
            let (Some(pipeline), Ok((first, transformed))) = (candidate.as_any().downcast_ref::<Self>(), &first) else {
                return candidate.fit_on(data);
            };
            pipeline.check_params()?;
            let mut steps = first.clone();
            steps.extend(pipeline.fit_last(data, transformed.as_ref())?);
            Ok(Box::new(FittedPipeline { steps, n_features: data.x.ncols() }))
        };
        candidates.par_iter().map(fit).collect()
    }
}

/// A fitted [`Pipeline`].
#[derive(Debug, Clone)]
pub struct FittedPipeline {
    steps: Vec<FittedPart>,
    n_features: usize,
}

impl FittedPipeline {
    /// The fitted step of that name, unless it passes its columns through.
    pub fn step(&self, name: &str) -> Option<&dyn Predictor> {
        self.steps.iter().find(|step| step.name == name).map(|step| &*step.fitted)
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let n_features = state.take_count("n_features")?;
        let steps = part::from_state(&mut state)?;
        state.finish()?;
        if n_features == 0 || steps.first().is_some_and(|first| first.fitted.n_features() != n_features) {
            return Err(Error::malformed("the first step has another number of features than the pipeline"));
        }
        Ok(Self { steps, n_features })
    }

    fn last(&self) -> Option<&dyn Predictor> {
        self.steps.last().map(|step| &*step.fitted)
    }

    /// What the last step sees, and the last step.
    fn through_first<T>(
        &self,
        x: ArrayView2<'_, f64>,
        what: &str,
        last: impl FnOnce(&dyn Predictor, ArrayView2<'_, f64>) -> Result<T>,
    ) -> Result<T> {
        let Some((end, first)) = self.steps.split_last() else {
            return Err(Error::unsupported(NAME, what));
        };
        let mut transformed: Option<Array2<f64>> = None;
        for step in first {
            transformed = Some(step.fitted.transform(transformed.as_ref().map_or(x, |x| x.view()))?);
        }
        last(&*end.fitted, transformed.as_ref().map_or(x, |x| x.view()))
    }
}

impl Predictor for FittedPipeline {
    fn n_features(&self) -> usize {
        self.n_features
    }

    /// Those of the last step.
    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        self.last().map(Predictor::attributes).unwrap_or_default()
    }

    fn state(&self) -> State {
        part::to_state(&self.steps).with_integer("n_features", self.n_features as i64)
    }

    fn n_outputs(&self) -> usize {
        self.last().map_or(0, Predictor::n_outputs)
    }

    fn classes(&self) -> &[Vec<f64>] {
        self.last().map_or(&[], Predictor::classes)
    }

    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        self.through_first(x, "predict", |last, x| last.predict(x))
    }

    fn predict_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.through_first(x, "predict", |last, x| last.predict_outputs(x))
    }

    fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.through_first(x, "predict_proba", |last, x| last.predict_proba(x))
    }

    fn predict_proba_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Vec<Array2<f64>>> {
        self.through_first(x, "predict_proba", |last, x| last.predict_proba_outputs(x))
    }

    fn decision_function(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.through_first(x, "decision_function", |last, x| last.decision_function(x))
    }

    fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        if self.steps.is_empty() {
            check_predict(x, self.n_features, Nan::Refused)?;
            return Ok(x.to_owned());
        }
        self.through_first(x, "transform", |last, x| last.transform(x))
    }

    fn inverse_transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let back = |x: Array2<f64>, step: &FittedPart| step.fitted.inverse_transform(x.view());
        self.steps.iter().rev().try_fold(x.to_owned(), back)
    }

    fn feature_names_out(&self, features: &[String]) -> Result<Vec<String>> {
        let next = |names: Vec<String>, step: &FittedPart| step.fitted.feature_names_out(&names);
        self.steps.iter().try_fold(features.to_vec(), next)
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let Some((last, first)) = self.steps.split_last() else {
            return Ok(Answer::Numbers(x.clone()));
        };
        let mut x = x.clone();
        for step in first {
            match step.fitted.onnx(graph, &x)? {
                Answer::Numbers(transformed) => x = transformed,
                _ => return Err(Error::unsupported(&step.estimator, "transform")),
            }
        }
        last.fitted.onnx(graph, &x)
    }
}
