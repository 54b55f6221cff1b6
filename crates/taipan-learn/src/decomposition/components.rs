//! How many components to keep.

use crate::error::{Error, Result};
use crate::param::{IntoParam, ParamType, ParamValue, Range};

/// How many components a [`PCA`](super::Pca) keeps; all of them when not given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Components {
    /// So many.
    Count(usize),
    /// As many as explain more than this share of the variance.
    Share(f64),
    /// As many as are most likely (Minka, 2000, "Automatic choice of dimensionality for PCA").
    Mle,
}

const ANY: &[Range] = &[
    Range::integer_from(0),
    Range::between(0.0, 1.0).min_excluded().max_excluded().fraction(),
    Range::one_of(&["mle"]),
];

impl Components {
    /// Values of `n_components`.
    pub const RANGE: Range = Range::any_of(ANY).or_none();
}

impl ParamType for Components {
    fn from_value(value: &ParamValue) -> Option<Self> {
        match value {
            ParamValue::Integer(count) => usize::try_from(*count).ok().map(Self::Count),
            ParamValue::Real(share) => Some(Self::Share(*share)),
            ParamValue::Text(word) if word == "mle" => Some(Self::Mle),
            _ => None,
        }
    }

    fn to_value(&self) -> ParamValue {
        match self {
            Self::Count(count) => count.to_value(),
            Self::Share(share) => share.to_value(),
            Self::Mle => "mle".into(),
        }
    }
}

impl IntoParam<Option<Components>> for usize {
    fn into_param(self) -> Option<Components> {
        Some(Components::Count(self))
    }
}

impl IntoParam<Option<Components>> for f64 {
    fn into_param(self) -> Option<Components> {
        Some(Components::Share(self))
    }
}

/// How many of the components, whose variances are given, to keep.
///
/// # Errors
/// `InvalidParam` when there are not so many, or too few rows to say.
pub(super) fn keep(
    owner: &str,
    components: Option<Components>,
    variances: &[f64],
    (rows, features): (usize, usize),
) -> Result<usize> {
    let most = rows.min(features);
    match components {
        None => Ok(most),
        Some(Components::Count(count)) if count <= most => Ok(count),
        Some(Components::Count(count)) => Err(too_many(owner, count, most)),
        Some(Components::Share(share)) => {
            let total: f64 = variances.iter().sum();
            let mut sum = 0.0;
            let below = variances.iter().take_while(|variance| {
                sum += *variance / total;
                sum <= share
            });
            Ok((below.count() + 1).min(most))
        }
        Some(Components::Mle) if rows < features => {
            let allowed = format!("a count or a share, as there are fewer rows ({rows}) than features ({features})");
            Err(Error::invalid(owner, "n_components", "mle", allowed))
        }
        Some(Components::Mle) => Ok(most_likely(variances, rows)),
    }
}

pub(super) fn too_many(owner: &str, count: usize, most: usize) -> Error {
    let allowed = format!("at most {most}, the lesser of the numbers of rows and features");
    Error::invalid(owner, "n_components", count, allowed)
}

/// Minka's estimate of the number of dimensions.
fn most_likely(variances: &[f64], rows: usize) -> usize {
    let evidence = |rank: usize| if rank == 0 { f64::NEG_INFINITY } else { evidence(variances, rank, rows as f64) };
    let mut best = (f64::NEG_INFINITY, 0);
    for rank in 0..variances.len() {
        let evidence = evidence(rank);
        if evidence > best.0 {
            best = (evidence, rank);
        }
    }
    best.1
}

/// The logarithm of how likely the data is when it has `rank` dimensions and noise.
fn evidence(variances: &[f64], rank: usize, rows: f64) -> f64 {
    const LEAST: f64 = 1e-15;
    let pi = std::f64::consts::PI;
    let (kept, rest) = variances.split_at(rank);
    if kept[rank - 1] < LEAST {
        return f64::NEG_INFINITY;
    }
    let (features, rank) = (variances.len() as f64, rank as f64);
    let mut prior = -rank * std::f64::consts::LN_2;
    for i in 0..kept.len() {
        let dimensions = variances.len() - i;
        prior += ln_gamma_of_half(dimensions) - pi.ln() * dimensions as f64 / 2.0;
    }
    let spread: f64 = kept.iter().map(|variance| variance.ln()).sum();
    let noise = (rest.iter().sum::<f64>() / (features - rank)).max(LEAST);
    let m = features * rank - rank * (rank + 1.0) / 2.0;
    let smoothed = |j: usize| if j < kept.len() { variances[j] } else { noise };
    let mut curvature = 0.0;
    for i in 0..kept.len() {
        for j in i + 1..variances.len() {
            curvature += ((variances[i] - variances[j]) * (1.0 / smoothed(j) - 1.0 / smoothed(i))).ln() + rows.ln();
        }
    }
    prior - spread * rows / 2.0 - noise.ln() * rows * (features - rank) / 2.0 + (2.0 * pi).ln() * (m + rank) / 2.0
        - curvature / 2.0
        - rank * rows.ln() / 2.0
}

/// ln Γ(n / 2) for n of at least 1.
fn ln_gamma_of_half(n: usize) -> f64 {
    let start = if n.is_multiple_of(2) { 0.0 } else { std::f64::consts::PI.ln() / 2.0 };
    let first = if n.is_multiple_of(2) { 2 } else { 1 };
    (first..n).step_by(2).map(|k| (k as f64 / 2.0).ln()).sum::<f64>() + start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_of_halves() {
        let root_pi = std::f64::consts::PI.sqrt();
        for (n, expected) in
            [(1, root_pi), (2, 1.0), (3, root_pi / 2.0), (4, 1.0), (7, 15.0 * root_pi / 8.0), (10, 24.0)]
        {
            assert!((ln_gamma_of_half(n) - f64::ln(expected)).abs() < 1e-14, "{n}");
        }
    }

    #[test]
    fn what_explains_enough_is_kept() {
        let variances = [5.0, 3.0, 1.0, 1.0];
        let keep = |components| keep("PCA", components, &variances, (10, 4)).unwrap();
        assert_eq!(keep(None), 4);
        assert_eq!(keep(Some(Components::Count(0))), 0);
        for (share, count) in [(0.4, 1), (0.5, 2), (0.79, 2), (0.85, 3), (0.95, 4), (0.999_999, 4)] {
            assert_eq!(keep(Some(Components::Share(share))), count, "{share}");
        }
        assert_eq!(
            super::keep("PCA", Some(Components::Count(5)), &variances, (10, 4)).unwrap_err().to_string(),
            "PCA: n_components = 5 is not allowed; it must be at most 4, the lesser of the numbers of rows and features"
        );
    }
}
