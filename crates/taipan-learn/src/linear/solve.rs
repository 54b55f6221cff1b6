//! The linear algebra of the linear models, on faer's decompositions.

use faer::linalg::solvers::{Solve, Svd};
use faer::{Mat, MatRef, Side};

use super::Spectrum;
use crate::error::{Error, ErrorKind, Result};

/// Minimum-norm solution of min ‖Aw − b‖ by singular value decomposition, where `augmented` is [A | b]. Singular values
/// of at most `tol` times the largest are taken for 0, as LAPACK's `gelsd` does.
pub(super) fn least_squares(augmented: &Mat<f64>, tol: f64) -> Result<(Vec<f64>, Spectrum)> {
    check_range(augmented)?;
    let (a, b) = split(augmented);
    let Some(scale) = scale(a) else {
        let singular = vec![0.0; a.nrows().min(a.ncols())];
        return Ok((vec![0.0; a.ncols()], Spectrum { rank: 0, singular }));
    };
    let svd = decompose(a, scale)?;
    let values: Vec<f64> = svd.S().column_vector().iter().copied().collect();
    let largest = values.first().copied().unwrap_or(0.0);
    let counts = |s: f64| s > (tol * largest).max(f64::MIN_POSITIVE);
    let rank = values.iter().filter(|&&s| counts(s)).count();
    let coef = filtered(&svd, b, |s| if counts(s) { 1.0 / s / scale } else { 0.0 });
    let singular = values.iter().map(|s| s * scale).collect();
    Ok((coef, Spectrum { rank, singular }))
}

/// Ridge solution (AᵀA + αI)⁻¹Aᵀb by singular value decomposition, where `augmented` is [A | b]: works however close to
/// singular the system is.
pub(super) fn ridge_svd(augmented: &Mat<f64>, alpha: f64) -> Result<Vec<f64>> {
    check_range(augmented)?;
    let (a, b) = split(augmented);
    let Some(scale) = scale(a) else {
        return Ok(vec![0.0; a.ncols()]);
    };
    let svd = decompose(a, scale)?;
    let largest = svd.S().column_vector().iter().next().copied().unwrap_or(0.0);
    let noise = largest * f64::EPSILON * a.nrows().max(a.ncols()) as f64;
    Ok(filtered(&svd, b, |s| {
        if s > noise.max(f64::MIN_POSITIVE) {
            // s / (s² + α) in a form whose square cannot overflow.
            let s = s * scale;
            1.0 / (s + alpha / s)
        } else {
            0.0
        }
    }))
}

/// Solves the symmetric positive definite system given by the lower triangle of `a`; nothing when the system is so close
/// to singular that rounding would decide the solution.
pub(super) fn cholesky(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Option<Vec<f64>> {
    /// A pivot is what is left of a diagonal element after the columns before it; with less than this share left, more
    /// than ten of its sixteen digits are rounding error. Unlike the condition number it does not depend on units.
    const LEAST_SHARE: f64 = 1e-10;

    let factor = a.llt(Side::Lower).ok()?;
    let left = factor.L().diagonal().column_vector().iter().map(|root| root * root);
    let mut shares = left.zip(a.diagonal().column_vector().iter()).map(|(left, whole)| left / whole);
    if !shares.all(|share| share > LEAST_SHARE) {
        return None;
    }
    let solution = factor.solve(b);
    let solution: Vec<f64> = solution.col(0).iter().copied().collect();
    solution.iter().all(|w| w.is_finite()).then_some(solution)
}

/// The features and the target of [A | b].
pub(super) fn split(augmented: &Mat<f64>) -> (MatRef<'_, f64>, MatRef<'_, f64>) {
    augmented.as_ref().split_at_col(augmented.ncols() - 1)
}

/// The input is finite, so what is not has overflowed while its means were taken.
fn check_range(augmented: &Mat<f64>) -> Result<()> {
    if augmented.is_all_finite() { Ok(()) } else { Err(Error::overflow("the fit")) }
}

/// A power of two by which to divide before decomposing, so that neither squares nor sums leave the range of floats:
/// 1 unless the numbers are extreme. Nothing for a matrix of zeros.
fn scale(a: MatRef<'_, f64>) -> Option<f64> {
    let largest = a.norm_max();
    if largest == 0.0 {
        None
    } else if (1e-140..1e140).contains(&largest) {
        Some(1.0)
    } else {
        // At most 2^1020, whose reciprocal is still a normal number.
        Some(2.0_f64.powi((largest.log2() as i32).clamp(-1020, 1020)))
    }
}

#[allow(clippy::float_cmp)] // The scale is exactly 1 or it is not.
fn decompose(a: MatRef<'_, f64>, scale: f64) -> Result<Svd<f64>> {
    let svd = if scale == 1.0 {
        a.thin_svd()
    } else {
        let scaled = Mat::from_fn(a.nrows(), a.ncols(), |i, j| a[(i, j)] / scale);
        scaled.thin_svd()
    };
    svd.map_err(|_| Error::new(ErrorKind::NoConvergence { what: "the singular value decomposition" }))
}

/// V · diag(filter(s)) · Uᵀ · b.
fn filtered(svd: &Svd<f64>, b: MatRef<'_, f64>, filter: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut weights = svd.U().transpose() * b;
    for (weight, s) in weights.col_mut(0).iter_mut().zip(svd.S().column_vector().iter()) {
        *weight *= filter(*s);
    }
    let coef = svd.V() * weights;
    coef.col(0).iter().copied().collect()
}
