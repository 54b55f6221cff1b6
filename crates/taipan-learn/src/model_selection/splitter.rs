//! What every cross-validation splitter can do, and splitters by name.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use ndarray::ArrayView1;

use super::{
    GroupKFold, KFold, LeaveOneOut, RepeatedKFold, RepeatedStratifiedKFold, ShuffleSplit, Split, StratifiedKFold,
    StratifiedShuffleSplit, TimeSeriesSplit,
};
use crate::error::{Error, Result};
use crate::param::{Param, ParamValue};
use crate::suggest::nearest;

/// A way to split rows into training and test rows, several times.
///
/// ```
/// use taipan_learn::model_selection::{Rows, splitter};
///
/// let mut cv = splitter("KFold")?;
/// cv.set_param("n_splits", 2.into())?;
/// assert_eq!(cv.split(&Rows::new(5))?.get(0).unwrap().test, [0, 1, 2]);
/// # Ok::<(), taipan_learn::Error>(())
/// ```
pub trait Splitter: fmt::Debug + Send + Sync {
    /// Name, as in scikit-learn.
    fn name(&self) -> &'static str;

    /// The declared parameters, in order.
    fn params(&self) -> Vec<Param>;

    /// The present value of each parameter, in declared order.
    fn get_params(&self) -> Vec<(Cow<'static, str>, ParamValue)>;

    /// Sets one parameter; its range is checked by [`split`](Self::split).
    ///
    /// # Errors
    /// `UnknownParam` or `InvalidParam`, as for an estimator.
    fn set_param(&mut self, name: &str, value: ParamValue) -> Result<()>;

    /// Checks that each parameter lies in its range.
    ///
    /// # Errors
    /// `InvalidParam` for the first that does not.
    fn check_params(&self) -> Result<()>;

    /// The same splitter, owned.
    fn clone_box(&self) -> Box<dyn Splitter>;

    /// The splits of these rows; the same seed gives those of scikit-learn, in its order.
    ///
    /// # Errors
    /// `InvalidParam` when a parameter is out of range or does not go with the number of rows; `Empty` when labels or
    /// groups are needed and missing; `TooFew` when a class or group has too few rows.
    fn split(&self, rows: &Rows<'_>) -> Result<Splits>;
}

impl Clone for Box<dyn Splitter> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// The rows to split.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Rows<'a> {
    /// How many there are.
    pub n: usize,
    /// Their classes, for splitters that keep the shares of the classes.
    pub y: Option<ArrayView1<'a, f64>>,
    /// Their groups, for splitters that keep groups together.
    pub groups: Option<ArrayView1<'a, f64>>,
}

impl<'a> Rows<'a> {
    /// So many rows of which nothing else is known.
    pub fn new(n: usize) -> Self {
        Self { n, y: None, groups: None }
    }

    /// Adds the class of each row.
    #[must_use]
    pub fn y(mut self, y: ArrayView1<'a, f64>) -> Self {
        self.y = Some(y);
        self
    }

    /// Adds the group of each row.
    #[must_use]
    pub fn groups(mut self, groups: ArrayView1<'a, f64>) -> Self {
        self.groups = Some(groups);
        self
    }

    pub(super) fn labels(&self, owner: &str) -> Result<ArrayView1<'a, f64>> {
        self.per_row(self.y, owner, "y")
    }

    pub(super) fn group_labels(&self, owner: &str) -> Result<ArrayView1<'a, f64>> {
        self.per_row(self.groups, owner, "groups")
    }

    fn per_row(&self, values: Option<ArrayView1<'a, f64>>, owner: &str, what: &str) -> Result<ArrayView1<'a, f64>> {
        let values = values.ok_or_else(|| Error::empty(format!("{owner} needs {what}, one value per row")))?;
        if values.len() == self.n {
            Ok(values)
        } else {
            Err(Error::shape(format!("{what} has another length than X"), values.len(), self.n))
        }
    }
}

/// Splits in order; each is made when it is asked for, so that many splits of many rows take little memory.
#[derive(Debug, Clone)]
pub struct Splits(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    /// Test with the rows of this fold, train on the others, both in ascending order.
    Fold { of_rows: Arc<[u32]>, fold: u32 },
    /// These rows.
    Listed(Split),
}

impl Splits {
    /// One split per fold, `of_rows` giving the fold of each row.
    pub(super) fn folds(of_rows: Vec<u32>, n_splits: usize) -> Self {
        let of_rows: Arc<[u32]> = of_rows.into();
        Self((0..n_splits as u32).map(|fold| Part::Fold { of_rows: Arc::clone(&of_rows), fold }).collect())
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The split of that number.
    pub fn get(&self, index: usize) -> Option<Split> {
        self.0.get(index).map(Part::split)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Split> + '_ {
        self.0.iter().map(Part::split)
    }
}

impl Part {
    fn split(&self) -> Split {
        match self {
            Self::Listed(split) => split.clone(),
            Self::Fold { of_rows, fold } => {
                let (test, train) = (0..of_rows.len()).partition(|&row| of_rows[row] == *fold);
                Split { train, test }
            }
        }
    }
}

impl FromIterator<Split> for Splits {
    fn from_iter<I: IntoIterator<Item = Split>>(splits: I) -> Self {
        Self(splits.into_iter().map(Part::Listed).collect())
    }
}

/// Declares a splitter: a struct, its setters, and [`Splitter`] by way of an inherent `split_rows(&self, &Rows) ->
/// Result<Splits>`, which is called once the parameters are checked.
macro_rules! splitter_type {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                #[doc = $doc:literal]
                $field:ident: $type:ty = $default:expr, $range:expr;
            )*
        }
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
            $(
                #[doc = concat!("Sets `", stringify!($field), "`:", $doc)]
                #[must_use]
                pub fn $field(mut self, value: impl $crate::param::IntoParam<$type>) -> Self {
                    self.$field = value.into_param();
                    self
                }
            )*
        }

        impl $crate::model_selection::Splitter for $name {
            fn name(&self) -> &'static str {
                stringify!($name)
            }

            $crate::estimator::parameters!($name { $($doc, $field: $type, $range;)* });

            fn clone_box(&self) -> Box<dyn $crate::model_selection::Splitter> {
                Box::new(self.clone())
            }

            fn split(
                &self,
                rows: &$crate::model_selection::Rows<'_>,
            ) -> $crate::error::Result<$crate::model_selection::Splits> {
                self.check_params()?;
                self.split_rows(rows)
            }
        }
    };
}

pub(super) use splitter_type;

/// The splitters there are, each with its default parameters, in alphabetical order.
fn all() -> [Box<dyn Splitter>; 9] {
    [
        Box::new(GroupKFold::default()),
        Box::new(KFold::default()),
        Box::new(LeaveOneOut::default()),
        Box::new(RepeatedKFold::default()),
        Box::new(RepeatedStratifiedKFold::default()),
        Box::new(ShuffleSplit::default()),
        Box::new(StratifiedKFold::default()),
        Box::new(StratifiedShuffleSplit::default()),
        Box::new(TimeSeriesSplit::default()),
    ]
}

/// The names of all splitters, in alphabetical order.
pub fn splitter_names() -> Vec<&'static str> {
    all().iter().map(|splitter| splitter.name()).collect()
}

/// A splitter by its scikit-learn name, with its default parameters.
///
/// # Errors
/// `InvalidParam` when there is none of that name; it says which one is like it.
pub fn splitter(name: &str) -> Result<Box<dyn Splitter>> {
    all().into_iter().find(|splitter| splitter.name() == name).ok_or_else(|| {
        let allowed = match nearest(name, splitter_names()) {
            Some(nearest) => format!("a splitter; did you mean '{nearest}'?"),
            None => format!("one of {}", splitter_names().join(", ")),
        };
        Error::invalid("cross-validation", "cv", name, allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitters_go_by_name() {
        for name in splitter_names() {
            let found = splitter(name).unwrap();
            assert_eq!(found.name(), name);
            for (param, (name, value)) in found.params().iter().zip(found.get_params()) {
                assert_eq!((&param.name, &param.default), (&name, &value));
                assert!(param.range.allows(&value), "{name}");
            }
        }
        assert!(splitter_names().is_sorted());
        assert_eq!(
            splitter("KFolds").unwrap_err().to_string(),
            "cross-validation: cv = KFolds is not allowed; it must be a splitter; did you mean 'KFold'?"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = |name: &str, rows: &Rows<'_>| splitter(name).unwrap().split(rows).unwrap_err().to_string();
        assert_eq!(text("GroupKFold", &Rows::new(5)), "GroupKFold needs groups, one value per row");
        let y = ndarray::Array1::zeros(3);
        assert_eq!(text("StratifiedKFold", &Rows::new(5).y(y.view())), "y has another length than X: 3, expected 5");
    }
}
