//! A fitted linear model of numbers.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::blocks::row_major;
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Predictor, unsupported};
use crate::input::{BLOCK_ROWS, Nan, check_predict};
use crate::onnx::{Answer, Graph, Tensor};
use crate::simd::{dispatch, dot};
use crate::state::State;
use crate::warning::Warning;

/// A fitted linear model: one row of weights and one intercept per target.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearPredictor {
    coef: Array2<f64>,
    intercepts: Vec<f64>,
    spectrum: Option<Spectrum>,
    descent: Option<Descent>,
    warnings: Vec<Warning>,
}

/// Singular values of the centred design matrix, and how many of them count.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spectrum {
    pub(super) rank: usize,
    pub(super) singular: Vec<f64>,
}

/// How the search for each target's weights ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Descent {
    pub(super) n_iter: Vec<f64>,
    pub(super) dual_gap: Vec<f64>,
}

impl LinearPredictor {
    /// Weight of each feature, for the first target.
    pub fn coef(&self) -> &[f64] {
        self.coef.as_slice().map_or(&[], |coef| &coef[..self.coef.ncols()])
    }

    /// Prediction where all features are 0, for the first target.
    pub fn intercept(&self) -> f64 {
        self.intercepts[0]
    }

    /// Weights: one row per target, one column per feature.
    pub fn coefs(&self) -> ArrayView2<'_, f64> {
        self.coef.view()
    }

    /// Prediction of each target where all features are 0.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Rank of the centred training matrix (`LinearRegression` only).
    pub fn rank(&self) -> Option<usize> {
        self.spectrum.as_ref().map(|spectrum| spectrum.rank)
    }

    /// Singular values of the centred training matrix, greatest first (`LinearRegression` only).
    pub fn singular(&self) -> Option<&[f64]> {
        self.spectrum.as_ref().map(|spectrum| spectrum.singular.as_slice())
    }

    /// Passes over the weights until they stood still, for each target (`Lasso` and `ElasticNet` only).
    pub fn n_iter(&self) -> Option<&[f64]> {
        self.descent.as_ref().map(|descent| descent.n_iter.as_slice())
    }

    /// An upper bound of how far the objective is from its least value, for each target (`Lasso` and `ElasticNet` only).
    pub fn dual_gap(&self) -> Option<&[f64]> {
        self.descent.as_ref().map(|descent| descent.dual_gap.as_slice())
    }

    /// A model whose numbers are all finite, or `Overflow`.
    pub(super) fn new(coef: Array2<f64>, intercepts: Vec<f64>, spectrum: Option<Spectrum>) -> Result<Self> {
        let singular = spectrum.iter().flat_map(|spectrum| &spectrum.singular);
        if !coef.iter().chain(singular).chain(&intercepts).all(|number| number.is_finite()) {
            return Err(Error::overflow("the fit"));
        }
        Ok(Self { coef, intercepts, spectrum, descent: None, warnings: vec![] })
    }

    /// The same with what is known of the search.
    pub(super) fn with_descent(mut self, descent: Descent, warnings: Vec<Warning>) -> Self {
        self.descent = Some(descent);
        self.warnings = warnings;
        self
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let (coef, intercepts) = if state.contains("coefs") {
            (state.take_matrix("coefs")?, state.take_vector("intercepts")?)
        } else {
            let coef = Array1::from(state.take_vector("coef")?);
            (coef.insert_axis(Axis(0)), vec![state.take_scalar("intercept")?])
        };
        let spectrum = if state.contains("rank") {
            let rank = state.take_count("rank")?;
            let singular = state.take_vector("singular")?;
            if rank > singular.len() || singular.len() > coef.ncols() {
                return Err(Error::malformed("rank, singular values and coefficients disagree"));
            }
            Some(Spectrum { rank, singular })
        } else {
            None
        };
        let descent = if state.contains("n_iter") {
            let (n_iter, dual_gap) = (state.take_vector("n_iter")?, state.take_vector("dual_gap")?);
            if n_iter.len() != intercepts.len() || dual_gap.len() != intercepts.len() {
                return Err(Error::malformed("iterations, dual gaps and intercepts disagree"));
            }
            Some(Descent { n_iter, dual_gap })
        } else {
            None
        };
        state.finish()?;
        if coef.is_empty() {
            return Err(Error::malformed("the model has no features"));
        }
        if intercepts.len() != coef.nrows() {
            return Err(Error::malformed("intercepts and coefficients disagree"));
        }
        Ok(Self { coef, intercepts, spectrum, descent, warnings: vec![] })
    }
}

impl Predictor for LinearPredictor {
    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        if self.intercepts.len() > 1 {
            return Err(unsupported(self, "predict one value per row, for it learnt several targets"));
        }
        Ok(self.predict_outputs(x)?.index_axis_move(Axis(1), 0))
    }

    fn predict_outputs(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.coef.ncols(), Nan::Refused)?;
        let out = decision(x, &self.coef, &self.intercepts);
        if out.iter().all(|value| value.is_finite()) { Ok(out) } else { Err(Error::overflow("the prediction")) }
    }

    fn n_features(&self) -> usize {
        self.coef.ncols()
    }

    fn n_outputs(&self) -> usize {
        self.intercepts.len()
    }

    fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        // One number for one target, as in scikit-learn.
        let each = |values: &[f64]| match values {
            [one] => Attribute::Scalar(*one),
            many => Attribute::Vector(many.to_vec()),
        };
        let coef = match self.coef.nrows() {
            1 => Attribute::Vector(self.coef().to_vec()),
            _ => Attribute::Matrix(self.coef.clone()),
        };
        let mut attributes = vec![("coef", coef), ("intercept", each(&self.intercepts))];
        if let Some(Spectrum { rank, singular }) = &self.spectrum {
            attributes.push(("rank", Attribute::Scalar(*rank as f64)));
            attributes.push(("singular", Attribute::Vector(singular.clone())));
        }
        if let Some(Descent { n_iter, dual_gap }) = &self.descent {
            attributes.push(("n_iter", each(n_iter)));
            attributes.push(("dual_gap", each(dual_gap)));
        }
        attributes
    }

    fn state(&self) -> State {
        let mut state = match self.intercepts[..] {
            [intercept] => State::new().with_vector("coef", self.coef()).with_scalar("intercept", intercept),
            _ => State::new().with_matrix("coefs", &self.coef).with_vector("intercepts", &self.intercepts),
        };
        if let Some(Spectrum { rank, singular }) = &self.spectrum {
            state = state.with_integer("rank", *rank as i64).with_vector("singular", singular);
        }
        if let Some(Descent { n_iter, dual_gap }) = &self.descent {
            state = state.with_vector("n_iter", n_iter).with_vector("dual_gap", dual_gap);
        }
        state
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        Ok(Answer::Numbers(graph.weighed(x, self.coef.view(), &self.intercepts)))
    }
}

/// XWᵀ + b, where W has one row per output.
pub(crate) fn decision(x: ArrayView2<'_, f64>, coef: &Array2<f64>, intercepts: &[f64]) -> Array2<f64> {
    let (features, outputs) = (x.ncols(), intercepts.len());
    let mut out = Array2::zeros((x.nrows(), outputs));
    let weights = coef.as_standard_layout();
    let (Some(values), Some(weights)) = (out.as_slice_mut(), weights.as_slice()) else {
        return out;
    };
    values.par_chunks_mut(BLOCK_ROWS * outputs).enumerate().for_each(|(block, out)| {
        let start = block * BLOCK_ROWS;
        let x = row_major(&x, start..start + out.len() / outputs);
        dispatch(
            #[inline(always)]
            || {
                for (x, out) in x.chunks_exact(features).zip(out.chunks_exact_mut(outputs)) {
                    for ((out, weights), intercept) in
                        out.iter_mut().zip(weights.chunks_exact(features)).zip(intercepts)
                    {
                        *out = dot(x, weights) + intercept;
                    }
                }
            },
        );
    });
    out
}
