//! What a search tries: every combination of listed values, or random draws.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::param::ParamValue;
use crate::random::RandomState;

/// Parameters and their values for one candidate, names in order.
pub type ParamSet = Vec<(String, ParamValue)>;

/// Values to try for each parameter: every combination, names in order, the last varying fastest. Several grids can
/// follow one another.
///
/// ```
/// use taipan_learn::model_selection::ParamGrid;
///
/// let grid = ParamGrid::new().values("n_estimators", [50, 100]).values("max_depth", [3, 5, 7]);
/// assert_eq!(grid.len(), 6);
/// let second = grid.get(1).unwrap();
/// assert_eq!(second, [("max_depth".to_owned(), 3.into()), ("n_estimators".to_owned(), 100.into())]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ParamGrid(Vec<BTreeMap<String, Vec<ParamValue>>>);

impl Default for ParamGrid {
    fn default() -> Self {
        Self(vec![BTreeMap::new()])
    }
}

impl ParamGrid {
    /// One candidate with nothing changed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the values of a parameter; `step__param` reaches into a pipeline.
    #[must_use]
    pub fn values<V: Into<ParamValue>>(mut self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        if let Some(last) = self.0.last_mut() {
            last.insert(name.to_owned(), values);
        }
        self
    }

    /// Tries another grid after this one.
    #[must_use]
    pub fn then(mut self, other: ParamGrid) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Number of candidates.
    pub fn len(&self) -> usize {
        self.0.iter().map(size).fold(0, usize::saturating_add)
    }

    /// Whether there are none, some parameter having no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The candidate of that number.
    pub fn get(&self, mut index: usize) -> Option<ParamSet> {
        for grid in &self.0 {
            let size = size(grid);
            if index < size {
                let mut candidate = ParamSet::with_capacity(grid.len());
                for (name, values) in grid.iter().rev() {
                    candidate.push((name.clone(), values.get(index % values.len())?.clone()));
                    index /= values.len();
                }
                candidate.reverse();
                return Some(candidate);
            }
            index -= size;
        }
        None
    }

    /// Every candidate, in order.
    pub fn iter(&self) -> impl Iterator<Item = ParamSet> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    pub(super) fn check(&self, owner: &str) -> Result<()> {
        match self.0.iter().flatten().find(|(_, values)| values.is_empty()) {
            Some((name, _)) => Err(Error::invalid(owner, name, "[]", "at least one value to try")),
            None => Ok(()),
        }
    }
}

fn size(grid: &BTreeMap<String, Vec<ParamValue>>) -> usize {
    grid.values().map(Vec::len).fold(1, usize::saturating_mul)
}

/// Where the values of one parameter are drawn from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Distribution {
    /// One of these, all equally likely.
    OneOf(Vec<ParamValue>),
    /// A number from `loc` to `loc + scale`: SciPy's `uniform(loc, scale)`.
    Uniform {
        /// The least.
        loc: f64,
        /// The width.
        scale: f64,
    },
    /// A number from `low` to `high` whose logarithm is uniform: SciPy's `loguniform(low, high)`.
    LogUniform {
        /// The least; above 0.
        low: f64,
        /// The greatest.
        high: f64,
    },
    /// A whole number from `low` up to but not including `high`: SciPy's `randint(low, high)`.
    RandInt {
        /// The least.
        low: i64,
        /// One more than the greatest.
        high: i64,
    },
}

/// A distribution for each parameter. When all are lists, candidates are drawn from the grid without repetition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParamDistributions(BTreeMap<String, Distribution>);

impl ParamDistributions {
    /// Nothing to vary.
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws a parameter from a list.
    #[must_use]
    pub fn values<V: Into<ParamValue>>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.distribution(name, Distribution::OneOf(values.into_iter().map(Into::into).collect()))
    }

    /// Draws a parameter from any distribution.
    #[must_use]
    pub fn distribution(mut self, name: &str, distribution: Distribution) -> Self {
        self.0.insert(name.to_owned(), distribution);
        self
    }

    /// `n_iter` candidates as scikit-learn draws them, or fewer when the lists have fewer combinations.
    ///
    /// # Errors
    /// `InvalidParam` for an empty list or a distribution without values.
    pub fn sample(&self, n_iter: usize, random: &mut RandomState) -> Result<Vec<ParamSet>> {
        const OWNER: &str = "RandomizedSearchCV";
        let refuse = |name: &str, value: String, allowed: &str| Err(Error::invalid(OWNER, name, value, allowed));
        for (name, distribution) in &self.0 {
            match distribution {
                Distribution::OneOf(values) if values.is_empty() => {
                    return refuse(name, "[]".to_owned(), "at least one value to try");
                }
                Distribution::Uniform { loc, scale } if !(loc.is_finite() && scale.is_finite() && *scale >= 0.0) => {
                    return refuse(name, format!("uniform({loc}, {scale})"), "finite, with a width of at least 0");
                }
                Distribution::LogUniform { low, high } if !(*low > 0.0 && high > low && high.is_finite()) => {
                    return refuse(
                        name,
                        format!("loguniform({low}, {high})"),
                        "from a number above 0 to a greater one",
                    );
                }
                Distribution::RandInt { low, high } if low >= high => {
                    return refuse(name, format!("randint({low}, {high})"), "from a whole number to a greater one");
                }
                _ => {}
            }
        }
        match self.grid() {
            Some(grid) => {
                let drawn = random.sample_without_replacement(grid.len(), n_iter.min(grid.len()))?;
                Ok(drawn.into_iter().filter_map(|index| grid.get(index)).collect())
            }
            None => (0..n_iter).map(|_| self.draw(random)).collect(),
        }
    }

    /// The grid, when every distribution is a list.
    fn grid(&self) -> Option<ParamGrid> {
        let lists = self.0.iter().map(|(name, distribution)| match distribution {
            Distribution::OneOf(values) => Some((name.clone(), values.clone())),
            _ => None,
        });
        Some(ParamGrid(vec![lists.collect::<Option<_>>()?]))
    }

    fn draw(&self, random: &mut RandomState) -> Result<ParamSet> {
        let value = |distribution: &Distribution, random: &mut RandomState| -> Result<ParamValue> {
            Ok(match distribution {
                Distribution::OneOf(values) => {
                    let at = random.bounded(values.len().saturating_sub(1) as u64) as usize;
                    values.get(at).cloned().unwrap_or(ParamValue::None)
                }
                Distribution::Uniform { loc, scale } => ParamValue::Real(random.random_sample() * scale + loc),
                Distribution::LogUniform { low, high } => {
                    let (low, high) = (low.ln(), high.ln());
                    ParamValue::Real((low + random.random_sample() * (high - low)).exp())
                }
                Distribution::RandInt { low, high } => ParamValue::Integer(random.randint(*low, *high)?),
            })
        };
        self.0.iter().map(|(name, distribution)| Ok((name.clone(), value(distribution, random)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_varies_fastest_and_grids_follow_each_other() {
        let grid =
            ParamGrid::new().values("b", [1, 2]).values("a", ["x", "y"]).then(ParamGrid::new().values("c", [0.5]));
        let shown: Vec<String> = grid
            .iter()
            .map(|set| set.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(shown, ["a=x b=1", "a=x b=2", "a=y b=1", "a=y b=2", "c=0.5"]);
        assert_eq!(grid.get(5), None);
        assert_eq!(ParamGrid::new().iter().collect::<Vec<_>>(), [vec![]]);
        assert_eq!(
            ParamGrid::new().values("a", Vec::<i64>::new()).check("GridSearchCV").unwrap_err().to_string(),
            "GridSearchCV: a = [] is not allowed; it must be at least one value to try"
        );
    }

    #[test]
    fn distributions_without_values_are_refused() {
        let text = |distribution| {
            let distributions = ParamDistributions::new().distribution("p", distribution);
            distributions.sample(1, &mut RandomState::new(0)).unwrap_err().to_string()
        };
        let prefix = "RandomizedSearchCV: p = ";
        for (distribution, rest) in [
            (Distribution::OneOf(vec![]), "[] is not allowed; it must be at least one value to try"),
            (
                Distribution::LogUniform { low: 0.0, high: 1.0 },
                "loguniform(0, 1) is not allowed; it must be from a number above 0 to a greater one",
            ),
            (
                Distribution::RandInt { low: 3, high: 3 },
                "randint(3, 3) is not allowed; it must be from a whole number to a greater one",
            ),
            (
                Distribution::Uniform { loc: 0.0, scale: f64::NAN },
                "uniform(0, NaN) is not allowed; it must be finite, with a width of at least 0",
            ),
        ] {
            assert_eq!(text(distribution), format!("{prefix}{rest}"));
        }
    }
}
