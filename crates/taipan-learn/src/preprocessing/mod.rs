//! Features made fit for learning: scaled, encoded, completed.

mod categories;
mod label_encoder;
mod min_max_scaler;
mod one_hot_encoder;
mod ordinal_encoder;
mod simple_imputer;
mod standard_scaler;

use crate::error::{Error, Result};
use crate::registry::{Entry, entry};

pub use label_encoder::{Label, LabelEncoder, LabelMap};
pub use min_max_scaler::{FeatureRange, MinMaxScaler, MinMaxScalerFitted};
pub use one_hot_encoder::{Drop, MinFrequency, OneHotEncoder, OneHotEncoderFitted, UnknownCategory};
pub use ordinal_encoder::{OrdinalEncoder, OrdinalEncoderFitted, UnknownOrdinal};
pub use simple_imputer::{ImputeStrategy, SimpleImputer, SimpleImputerFitted};
pub use standard_scaler::{StandardScaler, StandardScalerFitted};

pub(crate) const ENTRIES: &[Entry] = &[
    entry!(MinMaxScaler, MinMaxScalerFitted),
    entry!(OneHotEncoder, OneHotEncoderFitted),
    entry!(OrdinalEncoder, OrdinalEncoderFitted),
    entry!(SimpleImputer, SimpleImputerFitted),
    entry!(StandardScaler, StandardScalerFitted),
];

/// One name per feature, or an error.
fn check_names(features: &[String], expected: usize) -> Result<()> {
    if features.len() == expected {
        Ok(())
    } else {
        Err(Error::shape("another number of names than features", features.len(), expected))
    }
}

/// Refuses a transformed matrix with an infinity, which the input did not have.
fn check_overflow(values: &ndarray::Array2<f64>, of: ndarray::ArrayView2<'_, f64>) -> Result<()> {
    // What was missing stays so; whatever else is no number has become too large on the way.
    let fits = |(new, old): (&f64, &f64)| new.is_finite() || (new.is_nan() && old.is_nan());
    if values.iter().zip(of).all(fits) { Ok(()) } else { Err(Error::overflow("the new features")) }
}

/// Scales columns: x·factor + offset, or by division, which rounds differently.
fn map_columns(x: ndarray::ArrayView2<'_, f64>, map: impl Fn(usize, f64) -> f64 + Sync) -> ndarray::Array2<f64> {
    use rayon::prelude::*;

    let (rows, columns) = x.dim();
    let mut out = ndarray::Array2::zeros((rows, columns));
    if let Some(values) = out.as_slice_mut() {
        values.par_chunks_mut((crate::input::BLOCK_ROWS * columns).max(1)).enumerate().for_each(|(block, out)| {
            let start = block * crate::input::BLOCK_ROWS;
            let input = crate::blocks::row_major(&x, start..start + out.len() / columns);
            for (out, row) in out.chunks_exact_mut(columns).zip(input.chunks_exact(columns)) {
                for (j, (out, v)) in out.iter_mut().zip(row).enumerate() {
                    *out = map(j, *v);
                }
            }
        });
    }
    out
}
