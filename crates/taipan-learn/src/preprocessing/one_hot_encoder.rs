//! Categories as columns of zeros and ones.

use ndarray::{Array2, ArrayView2};

use super::categories::{self, Categories};
use super::check_names;
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, choices, estimator};
use crate::input::{Nan, check_predict, check_training};
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::{ParamType, ParamValue, Range};
use crate::state::State;

estimator! {
    /// One column per category, 1 where a row is of that category and 0 elsewhere. A missing value (NaN) is a category.
    /// Parity with scikit-learn: exact, without `categories` and with a dense result.
    pub struct OneHotEncoder: Transformer -> OneHotEncoderFitted {
        /// Which column of each feature to leave out, as the others say it all: first, if_binary or None.
        drop: Option<Drop> = None, Drop::RANGE.or_none();
        /// What to do with a category that the training data did not have: error, ignore or infrequent_if_exist.
        handle_unknown: UnknownCategory = UnknownCategory::Error, UnknownCategory::RANGE;
        /// Categories of fewer rows (a count, or a share with a decimal point) share one column.
        min_frequency: Option<MinFrequency> = None, MinFrequency::RANGE;
        /// Most columns per feature; the least frequent categories share one.
        max_categories: Option<usize> = None, Range::integer_from(1).or_none();
    }
    impl Estimator {
        fn allows_nan(&self) -> bool {
            true
        }
    }
}

choices! {
    /// Which column of each feature a [`OneHotEncoder`] leaves out.
    pub enum Drop {
        /// The first.
        First = "first",
        /// The first of two.
        IfBinary = "if_binary",
    }
}

choices! {
    /// What a [`OneHotEncoder`] does with a category that the training data did not have.
    pub enum UnknownCategory {
        /// Refuse it.
        Error = "error",
        /// Write zeros.
        Ignore = "ignore",
        /// Count it among the infrequent ones if there are any, else write zeros.
        InfrequentIfExist = "infrequent_if_exist",
    }
}

/// From how many rows on a category has its own column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MinFrequency {
    /// So many.
    Count(usize),
    /// This share of all.
    Share(f64),
}

const FREQUENCIES: &[Range] =
    &[Range::integer_from(1), Range::between(0.0, 1.0).min_excluded().max_excluded().fraction()];

impl MinFrequency {
    /// Values of `min_frequency`.
    pub const RANGE: Range = Range::any_of(FREQUENCIES).or_none();
}

impl ParamType for MinFrequency {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Integer(count) => usize::try_from(*count).ok().map(Self::Count),
            ParamValue::Real(share) => Some(Self::Share(*share)),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        match self {
            Self::Count(count) => count.to_value(),
            Self::Share(share) => share.to_value(),
        }
    }
}

impl OneHotEncoder {
    /// Finds the categories.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`].
    pub fn fit_on(&self, data: &Training<'_>) -> Result<OneHotEncoderFitted> {
        self.check_params()?;
        check_training(data, Nan::Missing)?;
        let features = data.x.columns().into_iter().map(|column| {
            let categories = Categories::of(column);
            let mut counts = vec![0; categories.len()];
            for value in column {
                if let Some(at) = categories.find(*value) {
                    counts[at] += 1;
                }
            }
            self.feature(categories, &counts, column.len())
        });
        Ok(OneHotEncoderFitted { features: features.collect(), unknown: self.handle_unknown })
    }

    fn feature(&self, categories: Categories, counts: &[usize], rows: usize) -> Feature {
        let mut infrequent: Vec<bool> = match self.min_frequency {
            None => vec![false; counts.len()],
            Some(MinFrequency::Count(least)) => counts.iter().map(|count| *count < least).collect(),
            Some(MinFrequency::Share(share)) => {
                counts.iter().map(|count| (*count as f64) < rows as f64 * share).collect()
            }
        };
        if let Some(most) = self.max_categories {
            let columns = infrequent.iter().filter(|rare| !**rare).count() + 1;
            if most < columns {
                let mut order: Vec<usize> = (0..counts.len()).collect();
                order.sort_by_key(|&at| counts[at]);
                for &at in &order[..(counts.len() + 1).saturating_sub(most).min(counts.len())] {
                    infrequent[at] = true;
                }
            }
        }
        let mut next = 0;
        let frequent = infrequent.iter().filter(|rare| !**rare).count();
        let columns = infrequent
            .iter()
            .map(|rare| {
                if *rare {
                    return frequent;
                }
                next += 1;
                next - 1
            })
            .collect();
        let infrequent = infrequent.contains(&true);
        let mut feature = Feature { categories, columns, infrequent, dropped: false };
        feature.dropped = match self.drop {
            None => false,
            Some(Drop::First) => true,
            Some(Drop::IfBinary) => feature.width() == 2,
        };
        feature
    }
}

/// One feature and its columns.
#[derive(Debug, Clone, PartialEq)]
struct Feature {
    categories: Categories,
    /// The column of each category; infrequent ones share the last.
    columns: Vec<usize>,
    /// Whether the last column is that of infrequent categories.
    infrequent: bool,
    /// Whether the first column is left out.
    dropped: bool,
}

impl Feature {
    /// Columns, with the one that is left out.
    fn width(&self) -> usize {
        self.columns.iter().max().map_or(0, |last| last + 1)
    }

    /// Columns that come out.
    fn width_out(&self) -> usize {
        self.width() - usize::from(self.dropped)
    }

    /// The column that infrequent categories share.
    fn shared(&self) -> Option<usize> {
        if self.infrequent { self.width().checked_sub(1) } else { None }
    }
}

/// A fitted [`OneHotEncoder`].
#[derive(Debug, Clone, PartialEq)]
pub struct OneHotEncoderFitted {
    features: Vec<Feature>,
    unknown: UnknownCategory,
}

impl OneHotEncoderFitted {
    /// The categories of each feature, a missing one (NaN) last.
    pub fn categories(&self) -> Vec<Vec<f64>> {
        self.features.iter().map(|feature| feature.categories.values()).collect()
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let bad = || Error::malformed("categories and their columns disagree");
        let categories = categories::from_state(&mut state)?;
        let columns = state.take_values::<i64>("columns")?;
        let flags = state.take_values::<u8>("flags")?;
        let unknown = match state.take_count("unknown")? {
            0 => UnknownCategory::Error,
            1 => UnknownCategory::Ignore,
            2 => UnknownCategory::InfrequentIfExist,
            _ => return Err(bad()),
        };
        state.finish()?;
        if flags.len() != categories.len() || flags.iter().any(|flags| *flags > 3) {
            return Err(bad());
        }
        let mut rest = &columns[..];
        let mut features = Vec::with_capacity(categories.len());
        for (categories, flags) in categories.into_iter().zip(flags) {
            let (own, after) = rest.split_at_checked(categories.len()).ok_or_else(bad)?;
            rest = after;
            let columns: Option<Vec<usize>> = own.iter().map(|column| usize::try_from(*column).ok()).collect();
            let columns = columns.ok_or_else(bad)?;
            let mut used = columns.clone();
            used.sort_unstable();
            used.dedup();
            if !used.into_iter().eq(0..columns.iter().max().map_or(0, |last| last.saturating_add(1))) {
                return Err(bad());
            }
            features.push(Feature { categories, columns, infrequent: flags & 1 == 1, dropped: flags & 2 == 2 });
        }
        if rest.is_empty() { Ok(Self { features, unknown }) } else { Err(bad()) }
    }

    fn width_out(&self) -> usize {
        self.features.iter().map(Feature::width_out).sum()
    }
}

impl Predictor for OneHotEncoderFitted {
    fn n_features(&self) -> usize {
        self.features.len()
    }

    fn n_outputs(&self) -> usize {
        0
    }

    fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.features.len(), Nan::Missing)?;
        let mut out = Array2::zeros((x.nrows(), self.width_out()));
        let mut start = 0;
        for (j, feature) in self.features.iter().enumerate() {
            for (row, value) in x.column(j).iter().enumerate() {
                let column = match feature.categories.find(*value) {
                    Some(at) => Some(feature.columns[at]),
                    None => match self.unknown {
                        UnknownCategory::Error => return Err(categories::unknown(*value, row, j)),
                        UnknownCategory::Ignore => None,
                        UnknownCategory::InfrequentIfExist => feature.shared(),
                    },
                };
                let column = column.and_then(|column| column.checked_sub(usize::from(feature.dropped)));
                if let Some(column) = column {
                    out[(row, start + column)] = 1.0;
                }
            }
            start += feature.width_out();
        }
        Ok(out)
    }

    /// A row of zeros stands for the category left out, or else for none: NaN. So does the column of several infrequent
    /// categories.
    fn inverse_transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.width_out(), Nan::Refused)?;
        let mut out = Array2::from_elem((x.nrows(), self.features.len()), f64::NAN);
        let mut start = 0;
        for (j, feature) in self.features.iter().enumerate() {
            let end = start + feature.width_out();
            for (row, mut out) in x.rows().into_iter().zip(out.rows_mut()) {
                let cells = row.slice(ndarray::s![start..end]);
                let largest = (0..cells.len()).fold(None, |best: Option<usize>, at| match best {
                    Some(best) if cells[best] >= cells[at] => Some(best),
                    _ => Some(at),
                });
                let column = match largest {
                    Some(at) if cells[at] != 0.0 => Some(at + usize::from(feature.dropped)),
                    _ => feature.dropped.then_some(0),
                };
                let mut members = (0..feature.columns.len()).filter(|at| Some(feature.columns[*at]) == column);
                if let (Some(at), false) = (members.next(), column.is_some() && column == feature.shared()) {
                    out[j] = feature.categories.get(at);
                }
            }
            start = end;
        }
        Ok(out)
    }

    fn feature_names_out(&self, features: &[String]) -> Result<Vec<String>> {
        check_names(features, self.features.len())?;
        let mut names = Vec::with_capacity(self.width_out());
        for (name, feature) in features.iter().zip(&self.features) {
            for column in usize::from(feature.dropped)..feature.width() {
                let at = feature.columns.iter().position(|known| *known == column).unwrap_or(0);
                names.push(if feature.shared() == Some(column) {
                    format!("{name}_infrequent_sklearn")
                } else {
                    format!("{name}_{}", categories::name(feature.categories.get(at)))
                });
            }
        }
        Ok(names)
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let lists = self.categories().into_iter().map(Attribute::Vector).collect();
        vec![("categories", Attribute::List(lists))]
    }

    fn state(&self) -> State {
        let categories: Vec<Categories> = self.features.iter().map(|feature| feature.categories.clone()).collect();
        let columns = self.features.iter().flat_map(|feature| feature.columns.iter().map(|column| *column as i64));
        let flags = |feature: &Feature| u8::from(feature.infrequent) | u8::from(feature.dropped) << 1;
        categories::into_state(State::new(), &categories)
            .with_values::<i64>("columns", columns.collect())
            .with_values::<u8>("flags", self.features.iter().map(flags).collect())
            .with_integer(
                "unknown",
                match self.unknown {
                    UnknownCategory::Error => 0,
                    UnknownCategory::Ignore => 1,
                    UnknownCategory::InfrequentIfExist => 2,
                },
            )
    }

    /// What is unknown becomes zeros, or the column of what is infrequent: a graph cannot refuse a value.
    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        let mut blocks = Vec::with_capacity(self.features.len());
        for (j, feature) in self.features.iter().enumerate() {
            let column = graph.columns(x, &[j]);
            let places = feature.categories.places(graph, &column);
            let shared = feature.shared().filter(|_| self.unknown == UnknownCategory::InfrequentIfExist);
            // The last stands for what is at place -1, as in Python.
            let columns = feature.columns.iter().map(|column| *column as i64);
            let columns = columns.chain([shared.map_or(-1, |column| column as i64)]);
            let columns = graph.integers(&[feature.columns.len() + 1], columns);
            let columns = graph.chosen(&columns, &places);
            blocks.push(graph.indicators(&columns, usize::from(feature.dropped)..feature.width()));
        }
        Ok(Answer::Numbers(graph.beside(&blocks)))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn names_say_feature_and_category() {
        let x = array![[1.0, 5.0], [2.0, f64::NAN], [1.0, 5.0], [1.0, 7.0]];
        let names = |encoder: OneHotEncoder| {
            let fitted = encoder.fit(x.view()).unwrap();
            fitted.feature_names_out(&["a".to_owned(), "b".to_owned()]).unwrap()
        };
        assert_eq!(names(OneHotEncoder::new()), ["a_1.0", "a_2.0", "b_5.0", "b_7.0", "b_nan"]);
        assert_eq!(names(OneHotEncoder::new().drop(Drop::IfBinary)), ["a_2.0", "b_5.0", "b_7.0", "b_nan"]);
        assert_eq!(
            names(OneHotEncoder::new().min_frequency(MinFrequency::Count(2))),
            ["a_1.0", "a_infrequent_sklearn", "b_5.0", "b_infrequent_sklearn"]
        );
    }

    #[test]
    fn what_is_unknown_is_refused_ignored_or_infrequent() {
        let x = array![[1.0], [1.0], [2.0]];
        let new = array![[1.0], [9.0]];
        let fit = |unknown| {
            OneHotEncoder::new().handle_unknown(unknown).min_frequency(MinFrequency::Count(2)).fit(x.view()).unwrap()
        };
        assert_eq!(
            fit(UnknownCategory::Error).transform(new.view()).unwrap_err().to_string(),
            "X, row 1, feature 0: 9 was not among the categories of the training data"
        );
        let out = fit(UnknownCategory::Ignore).transform(new.view()).unwrap();
        assert_eq!(out, array![[1.0, 0.0], [0.0, 0.0]]);
        let out = fit(UnknownCategory::InfrequentIfExist).transform(new.view()).unwrap();
        assert_eq!(out, array![[1.0, 0.0], [0.0, 1.0]]);
    }
}
