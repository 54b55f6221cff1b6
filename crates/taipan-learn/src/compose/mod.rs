//! Estimators made of estimators: one after the other ([`Pipeline`]), or side by side on some of the columns each
//! ([`ColumnTransformer`]).
//!
//! A search reaches into them by `step__param`. As a [`ParamValue`](crate::ParamValue), in an app file or a model file,
//! a part is a list: `["scale", "StandardScaler", {"with_mean": false}]`.

mod column_transformer;
mod part;
mod pipeline;

use crate::registry::{Entry, entry};

pub use column_transformer::{ColumnTransformer, FittedColumnTransformer, Remainder, TakenColumns};
pub use pipeline::{FittedPipeline, Pipeline};

pub(crate) const ENTRIES: &[Entry] =
    &[entry!(ColumnTransformer, FittedColumnTransformer), entry!(Pipeline, FittedPipeline)];
