//! What every estimator and every fitted model can do, and the macro that declares an estimator's parameters.

use std::fmt;

use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::error::Result;
use crate::param::{Param, ParamValue};
use crate::state::State;

/// A learning algorithm with its parameters, not yet fitted.
pub trait Estimator: fmt::Debug + Send + Sync {
    /// Name, as in scikit-learn and in [`registry::names`](crate::registry::names).
    fn name(&self) -> &'static str;

    /// The declared parameters, in order.
    fn params(&self) -> &'static [Param];

    /// The present value of each parameter, in declared order.
    fn get_params(&self) -> Vec<(&'static str, ParamValue)>;

    /// Sets one parameter. The range is checked later, once, by [`check_params`](Self::check_params) or
    /// [`fit`](Self::fit).
    ///
    /// # Errors
    /// `UnknownParam`, with the nearest name, or `InvalidParam` when the value has the wrong type.
    fn set_param(&mut self, name: &str, value: ParamValue) -> Result<()>;

    /// Checks that each parameter lies in its range.
    ///
    /// # Errors
    /// `InvalidParam` for the first that does not; it names parameter, value and allowed range.
    fn check_params(&self) -> Result<()>;

    /// Learns from `x` (one row per sample, one column per feature) and `y` (one target per sample). Fitting twice gives
    /// the same result twice.
    ///
    /// # Errors
    /// `InvalidParam`; `Empty` or `Shape` when there is no data or the lengths differ; `NonFinite` for the first NaN or
    /// infinity, with its row and feature index; `Overflow` when the numbers are too large to compute with.
    fn fit(&self, x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>) -> Result<Box<dyn Predictor>>;
}

/// A fitted model.
pub trait Predictor: fmt::Debug + Send + Sync {
    /// Predicts one value per row of `x`. No rows give no values.
    ///
    /// # Errors
    /// `Shape` when `x` has another number of features than the training data; `NonFinite` for the first NaN or
    /// infinity, with its row and feature index; `Overflow` when a prediction is too large for a float.
    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>>;

    /// Number of features in the training data.
    fn n_features(&self) -> usize;

    /// What was learnt, under scikit-learn's names without the trailing underscore: `coef`, `intercept`, …
    fn attributes(&self) -> Vec<(&'static str, Attribute)>;

    /// Everything needed to predict again, for a model file.
    fn state(&self) -> State;
}

/// One learnt quantity.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// One number.
    Scalar(f64),
    /// One number per feature, or the like.
    Vector(Vec<f64>),
}

/// Declares an estimator: a struct, its setters, and [`Estimator`] by way of an inherent `fit`, which the estimator
/// writes itself and which returns its own fitted type.
macro_rules! estimator {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                #[doc = $doc:literal]
                $field:ident: $type:ty = $default:expr, $range:expr;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($field: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $name {
            /// The estimator with scikit-learn's default parameters.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                #[doc = concat!("Sets `", stringify!($field), "`:", $doc)]
                #[must_use]
                pub fn $field(mut self, value: impl Into<$type>) -> Self {
                    self.$field = value.into();
                    self
                }
            )+
        }

        impl $crate::estimator::Estimator for $name {
            fn name(&self) -> &'static str {
                stringify!($name)
            }

            fn params(&self) -> &'static [$crate::param::Param] {
                static PARAMS: std::sync::LazyLock<Vec<$crate::param::Param>> =
                    std::sync::LazyLock::new(|| {
                        vec![$($crate::param::Param {
                            name: stringify!($field),
                            default: $crate::param::ParamType::to_value(&<$type>::from($default)),
                            range: $range,
                            doc: $doc.trim_ascii(),
                        }),+]
                    });
                &PARAMS
            }

            fn get_params(&self) -> Vec<(&'static str, $crate::param::ParamValue)> {
                vec![$((
                    stringify!($field),
                    $crate::param::ParamType::to_value(&self.$field),
                )),+]
            }

            fn set_param(
                &mut self,
                name: &str,
                value: $crate::param::ParamValue,
            ) -> $crate::error::Result<()> {
                match name {
                    $(stringify!($field) => {
                        self.$field = $crate::param::ParamType::from_value(&value).ok_or_else(|| {
                            $crate::error::Error::invalid(stringify!($name), name, &value, $range)
                        })?;
                        Ok(())
                    })+
                    _ => {
                        let known = [$(stringify!($field)),+];
                        Err($crate::error::Error::new($crate::error::ErrorKind::UnknownParam {
                            owner: stringify!($name).to_owned(),
                            name: name.to_owned(),
                            nearest: $crate::suggest::nearest(name, known),
                            known: known.map(str::to_owned).to_vec(),
                        }))
                    }
                }
            }

            fn check_params(&self) -> $crate::error::Result<()> {
                $(
                    let value = $crate::param::ParamType::to_value(&self.$field);
                    if !$range.allows(&value) {
                        let param = stringify!($field);
                        return Err($crate::error::Error::invalid(stringify!($name), param, &value, $range));
                    }
                )+
                Ok(())
            }

            fn fit(
                &self,
                x: ndarray::ArrayView2<'_, f64>,
                y: ndarray::ArrayView1<'_, f64>,
            ) -> $crate::error::Result<Box<dyn $crate::estimator::Predictor>> {
                // The inherent `fit`, which takes precedence over this one.
                Ok(Box::new($name::fit(self, x, y)?))
            }
        }
    };
}

pub(crate) use estimator;
