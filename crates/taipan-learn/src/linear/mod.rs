//! Linear models: the prediction is a weighted sum of the features plus an intercept.

mod design;
mod linear_regression;
mod ridge;
mod solve;

use ndarray::{Array1, ArrayView2};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::estimator::{Attribute, Predictor};
use crate::input::{BLOCK_ROWS, Nan, check_predict};
use crate::registry::{Entry, entry};
use crate::state::State;

pub use linear_regression::LinearRegression;
pub use ridge::Ridge;

pub(crate) const ENTRIES: &[Entry] = &[entry!(LinearRegression, LinearPredictor), entry!(Ridge, LinearPredictor)];

/// A fitted linear model.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearPredictor {
    coef: Vec<f64>,
    intercept: f64,
    spectrum: Option<Spectrum>,
}

/// Singular values of the centred design matrix, and how many of them count.
#[derive(Debug, Clone, PartialEq)]
struct Spectrum {
    rank: usize,
    singular: Vec<f64>,
}

impl LinearPredictor {
    /// Weight of each feature.
    pub fn coef(&self) -> &[f64] {
        &self.coef
    }

    /// Prediction where all features are 0.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Rank of the centred training matrix (`LinearRegression` only).
    pub fn rank(&self) -> Option<usize> {
        self.spectrum.as_ref().map(|spectrum| spectrum.rank)
    }

    /// Singular values of the centred training matrix, greatest first (`LinearRegression` only).
    pub fn singular(&self) -> Option<&[f64]> {
        self.spectrum.as_ref().map(|spectrum| spectrum.singular.as_slice())
    }

    /// A model whose numbers are all finite, or `Overflow`.
    fn new(coef: Vec<f64>, intercept: f64, spectrum: Option<Spectrum>) -> Result<Self> {
        let singular = spectrum.iter().flat_map(|spectrum| &spectrum.singular);
        if !coef.iter().chain(singular).chain([&intercept]).all(|number| number.is_finite()) {
            return Err(Error::overflow("the fit"));
        }
        Ok(Self { coef, intercept, spectrum })
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let coef = state.take_vector("coef")?;
        let intercept = state.take_scalar("intercept")?;
        let spectrum = if state.contains("rank") {
            let rank = state.take_count("rank")?;
            let singular = state.take_vector("singular")?;
            if rank > singular.len() || singular.len() > coef.len() {
                return Err(Error::malformed("rank, singular values and coefficients disagree"));
            }
            Some(Spectrum { rank, singular })
        } else {
            None
        };
        state.finish()?;
        if coef.is_empty() {
            return Err(Error::malformed("the model has no features"));
        }
        Ok(Self { coef, intercept, spectrum })
    }

    fn predict_rows(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) {
        for (row, out) in x.rows().into_iter().zip(out) {
            // One addition after the other: the memory layout of `x` must not change a bit.
            let products = row.iter().zip(&self.coef).map(|(x, w)| x * w);
            *out = products.fold(0.0, |sum, product| sum + product) + self.intercept;
        }
    }
}

impl Predictor for LinearPredictor {
    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        check_predict(x, self.coef.len(), Nan::Refused)?;
        let mut out = vec![0.0; x.nrows()];
        if x.nrows() <= BLOCK_ROWS {
            self.predict_rows(x, &mut out);
        } else {
            out.par_chunks_mut(BLOCK_ROWS).enumerate().for_each(|(block, out)| {
                let start = block * BLOCK_ROWS;
                let rows = x.slice(ndarray::s![start..start + out.len(), ..]);
                self.predict_rows(rows, out);
            });
        }
        if out.iter().all(|value| value.is_finite()) { Ok(out.into()) } else { Err(Error::overflow("the prediction")) }
    }

    fn n_features(&self) -> usize {
        self.coef.len()
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let mut attributes =
            vec![("coef", Attribute::Vector(self.coef.clone())), ("intercept", Attribute::Scalar(self.intercept))];
        if let Some(Spectrum { rank, singular }) = &self.spectrum {
            attributes.push(("rank", Attribute::Scalar(*rank as f64)));
            attributes.push(("singular", Attribute::Vector(singular.clone())));
        }
        attributes
    }

    fn state(&self) -> State {
        let state = State::new().with_vector("coef", &self.coef).with_scalar("intercept", self.intercept);
        match &self.spectrum {
            None => state,
            Some(Spectrum { rank, singular }) => {
                state.with_integer("rank", *rank as i64).with_vector("singular", singular)
            }
        }
    }
}
