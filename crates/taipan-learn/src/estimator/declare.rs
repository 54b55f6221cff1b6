//! The macros that declare estimators and their parameters.

/// Declares an estimator: a struct, its setters, an inherent `fit` that gives its own fitted type, and [`Estimator`]
/// by way of an inherent `fit_on(&self, &Training) -> Result<Fitted>`, which the estimator writes itself.
///
/// ```text
/// estimator! {
///     /// Predicts …
///     pub struct Ridge: Regressor -> LinearPredictor {
///         /// Weight of the penalty.
///         alpha: f64 = 1.0, Range::at_least(0.0);
///     }
///     // Optional: what `Estimator` provides and this one does better.
///     impl Estimator {
///         fn allows_nan(&self) -> bool { true }
///     }
/// }
/// ```
///
/// [`Estimator`]: crate::Estimator
macro_rules! estimator {
    (
        $(#[$meta:meta])*
        pub struct $name:ident: $kind:ident -> $fitted:ty {
            $(
                #[doc = $doc:literal]
                $field:ident: $type:ty = $default:expr, $range:expr;
            )*
        }
        $(impl Estimator { $($hook:tt)* })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::param::IntoParam::into_param($default),)* }
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
                #[allow(non_snake_case, reason = "scikit-learn's names")]
                pub fn $field(mut self, value: impl $crate::param::IntoParam<$type>) -> Self {
                    self.$field = value.into_param();
                    self
                }
            )*

            $crate::estimator::estimator!(@fit $kind -> $fitted);
        }

        impl $crate::estimator::Estimator for $name {
            fn name(&self) -> &'static str {
                stringify!($name)
            }

            fn kind(&self) -> $crate::estimator::Kind {
                $crate::estimator::Kind::$kind
            }

            $crate::estimator::parameters!($name { $($doc, $field: $type, $range;)* });

            fn clone_box(&self) -> Box<dyn $crate::estimator::Estimator> {
                Box::new(self.clone())
            }

            fn as_any(&self) -> &dyn std::any::Any {
                self
            }

            fn fit_on(
                &self,
                data: &$crate::estimator::Training<'_>,
            ) -> $crate::error::Result<Box<dyn $crate::estimator::Predictor>> {
                // The inherent `fit_on`, which takes precedence over this one.
                Ok(Box::new($name::fit_on(self, data)?))
            }

            $($($hook)*)?
        }
    };

    (@fit Regressor -> $fitted:ty) => { $crate::estimator::estimator!(@supervised $fitted); };
    (@fit Classifier -> $fitted:ty) => { $crate::estimator::estimator!(@supervised $fitted); };
    (@fit Transformer -> $fitted:ty) => { $crate::estimator::estimator!(@unsupervised $fitted); };
    (@fit Clusterer -> $fitted:ty) => { $crate::estimator::estimator!(@unsupervised $fitted); };

    (@supervised $fitted:ty) => {
        /// Learns from `x` (one row per sample, one column per feature) and `y` (one target per sample).
        ///
        /// # Errors
        /// See [`Estimator::fit_on`](crate::Estimator::fit_on).
        pub fn fit(
            &self,
            x: ndarray::ArrayView2<'_, f64>,
            y: ndarray::ArrayView1<'_, f64>,
        ) -> $crate::error::Result<$fitted> {
            self.fit_on(&$crate::estimator::Training::supervised(x, y))
        }
    };

    (@unsupervised $fitted:ty) => {
        /// Learns from `x`, one row per sample, one column per feature.
        ///
        /// # Errors
        /// See [`Estimator::fit_on`](crate::Estimator::fit_on).
        pub fn fit(&self, x: ndarray::ArrayView2<'_, f64>) -> $crate::error::Result<$fitted> {
            self.fit_on(&$crate::estimator::Training::unsupervised(x))
        }
    };
}

/// The methods of a trait that list, get, set and check declared parameters.
macro_rules! parameters {
    ($name:ident { $($doc:literal, $field:ident: $type:ty, $range:expr;)* }) => {
        fn params(&self) -> Vec<$crate::param::Param> {
            #[allow(unused_variables, reason = "an estimator may have no parameters")]
            let new = Self::default();
            vec![$($crate::param::Param {
                name: stringify!($field).into(),
                default: $crate::param::ParamType::to_value(&new.$field),
                range: $range,
                doc: $doc.trim_ascii().into(),
            }),*]
        }

        fn get_params(&self) -> Vec<(std::borrow::Cow<'static, str>, $crate::param::ParamValue)> {
            vec![$((
                stringify!($field).into(),
                $crate::param::ParamType::to_value(&self.$field),
            )),*]
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
                })*
                _ => {
                    let (outer, _inner) = name.split_once("__").unwrap_or((name, ""));
                    match outer {
                        // A parameter that is an estimator takes that one's own: `init__alpha`.
                        $(stringify!($field) if outer.len() < name.len() => {
                            if let Some(estimator) = $crate::param::ParamType::nested(&mut self.$field) {
                                return estimator.set_param(_inner, value);
                            }
                        })*
                        // An estimator without parameters has no other use for it.
                        _ => drop(value),
                    }
                    Err($crate::error::Error::unknown_param(stringify!($name), name, &[$(stringify!($field)),*]))
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
            )*
            Ok(())
        }
    };
}

/// Declares a parameter's type that is one of a few words, with its names and its [`Range`](crate::Range).
///
/// ```text
/// choices! {
///     /// How the quality of a split is measured.
///     pub enum Criterion {
///         /// Gini impurity.
///         Gini = "gini",
///         /// Shannon entropy.
///         Entropy = "entropy",
///     }
/// }
/// // criterion: Criterion = Criterion::Gini, Criterion::RANGE;
/// ```
macro_rules! choices {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// The words allowed, in order.
            pub const NAMES: &'static [&'static str] = &[$($word),+];
            /// The same as a range.
            pub const RANGE: $crate::param::Range = $crate::param::Range::one_of(Self::NAMES);

            /// The word, as in scikit-learn.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl $crate::param::ParamType for $name {
            fn from_value(value: &$crate::param::ParamValue) -> Option<Self> {
                let $crate::param::ParamValue::Text(word) = value else {
                    return None;
                };
                match word.as_str() {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn to_value(&self) -> $crate::param::ParamValue {
                self.name().into()
            }
        }
    };
}

pub(crate) use {choices, estimator, parameters};
