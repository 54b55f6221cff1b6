//! What a fit has to say although it succeeded.

use std::fmt;

/// Something about a fitted model that its user should know: see [`Predictor::warnings`](crate::Predictor::warnings).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// An iterative search was stopped before it met its tolerance: scikit-learn's `ConvergenceWarning`.
    Convergence {
        /// What was searched for, and where it stands.
        what: String,
        /// Iterations made.
        n_iter: usize,
    },
    /// There are fewer distinct rows than clusters to be found.
    FewDistinctRows {
        /// Clusters found.
        found: usize,
        /// Clusters asked for.
        expected: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Convergence { what, n_iter } => {
                let noun = if *n_iter == 1 { "iteration" } else { "iterations" };
                write!(
                    f,
                    "{what} did not converge in {n_iter} {noun}; allow more of them (max_iter) or scale the features"
                )
            }
            Self::FewDistinctRows { found, expected } => {
                write!(f, "{found} distinct clusters found, fewer than n_clusters = {expected}; rows may be duplicates")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_say_what_to_do() {
        let warning = Warning::Convergence { what: "Lasso".to_owned(), n_iter: 1000 };
        assert_eq!(
            warning.to_string(),
            "Lasso did not converge in 1000 iterations; allow more of them (max_iter) or scale the features"
        );
        let warning = Warning::FewDistinctRows { found: 2, expected: 3 };
        assert_eq!(warning.to_string(), "2 distinct clusters found, fewer than n_clusters = 3; rows may be duplicates");
    }
}
