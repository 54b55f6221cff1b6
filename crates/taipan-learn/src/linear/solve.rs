//! The linear algebra of the linear models, on faer's decompositions.

use faer::linalg::solvers::{Solve, Svd};
use faer::{Mat, MatRef, Side};
use ndarray::Array2;

use super::Spectrum;
use crate::error::{Error, ErrorKind, Result};

/// Minimum-norm solution of min ‖AW − B‖ by singular value decomposition, where `augmented` is [A | B] and B has
/// `outputs` columns; one row per output. Singular values of at most `tol` times the largest are taken for 0, as
/// LAPACK's `gelsd` does.
pub(super) fn least_squares(augmented: &Mat<f64>, outputs: usize, tol: f64) -> Result<(Array2<f64>, Spectrum)> {
    check_range(augmented)?;
    let (a, b) = split(augmented, outputs);
    let Some(scale) = scale(a) else {
        let singular = vec![0.0; a.nrows().min(a.ncols())];
        return Ok((Array2::zeros((outputs, a.ncols())), Spectrum { rank: 0, singular }));
    };
    let svd = decompose(a, scale)?;
    let values: Vec<f64> = svd.S().column_vector().iter().copied().collect();
    let largest = values.first().copied().unwrap_or(0.0);
    let counts = |s: f64| s > (tol * largest).max(f64::MIN_POSITIVE);
    let rank = values.iter().filter(|&&s| counts(s)).count();
    let coef = filtered(&svd, b, |s, _| if counts(s) { 1.0 / s / scale } else { 0.0 });
    let singular = values.iter().map(|s| s * scale).collect();
    Ok((coef, Spectrum { rank, singular }))
}

/// The same from the lower triangle of [A | B]ᵀ[A | B], or nothing unless A is so well conditioned that squaring it
/// costs no more than a few of its digits.
pub(super) fn least_squares_from_gram(gram: &Mat<f64>, outputs: usize, tol: f64) -> Option<(Array2<f64>, Spectrum)> {
    /// Squares of singular values may differ by this factor: the solution then keeps about eleven digits.
    const WIDEST: f64 = 1e4;

    let features = gram.ncols() - outputs;
    let (a, b) = normal_equations(gram, outputs);
    if !gram.is_all_finite() {
        return None;
    }
    let squares = a.self_adjoint_eigenvalues(Side::Lower).ok()?;
    let (least, greatest) = (*squares.first()?, *squares.last()?);
    let regular = least > 0.0 && greatest < least * WIDEST && (1e-280..1e280).contains(&greatest);
    // A `tol` that would drop singular values is for the decomposition of A itself.
    if !regular || tol * tol * greatest >= 0.1 * least {
        return None;
    }
    let solution = a.llt(Side::Lower).ok()?.solve(b);
    let singular = squares.iter().rev().map(|square| square.sqrt()).collect();
    let coef = Array2::from_shape_fn((outputs, features), |(k, j)| solution[(j, k)]);
    Some((coef, Spectrum { rank: features, singular }))
}

/// Ridge solution (AᵀA + αI)⁻¹AᵀB by singular value decomposition, where `augmented` is [A | B] and each output has its
/// own α: works however close to singular the system is.
pub(super) fn ridge_svd(augmented: &Mat<f64>, alphas: &[f64]) -> Result<Array2<f64>> {
    check_range(augmented)?;
    let (a, b) = split(augmented, alphas.len());
    let Some(scale) = scale(a) else {
        return Ok(Array2::zeros((alphas.len(), a.ncols())));
    };
    let svd = decompose(a, scale)?;
    let largest = svd.S().column_vector().iter().next().copied().unwrap_or(0.0);
    let noise = largest * f64::EPSILON * a.nrows().max(a.ncols()) as f64;
    Ok(filtered(&svd, b, |s, k| {
        if s > noise.max(f64::MIN_POSITIVE) {
            // s / (s² + α) in a form whose square cannot overflow.
            let s = s * scale;
            1.0 / (s + alphas[k] / s)
        } else {
            0.0
        }
    }))
}

/// Solves the symmetric positive definite system given by the lower triangle of `a`; nothing when the system is so close
/// to singular that rounding would decide the solution.
pub(super) fn cholesky(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Option<Mat<f64>> {
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
    solution.is_all_finite().then_some(solution)
}

/// AᵀA (lower triangle) and AᵀB of the lower triangle of [A | B]ᵀ[A | B].
pub(super) fn normal_equations(gram: &Mat<f64>, outputs: usize) -> (MatRef<'_, f64>, MatRef<'_, f64>) {
    let features = gram.ncols() - outputs;
    let (top, bottom) = gram.as_ref().split_at_row(features);
    (top.subcols(0, features), bottom.subcols(0, features).transpose())
}

/// The features and the targets of [A | B].
pub(super) fn split(augmented: &Mat<f64>, outputs: usize) -> (MatRef<'_, f64>, MatRef<'_, f64>) {
    augmented.as_ref().split_at_col(augmented.ncols() - outputs)
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

/// V · diag(filter(s, k)) · Uᵀ · B, with a filter for each column k of B; one row per column.
fn filtered(svd: &Svd<f64>, b: MatRef<'_, f64>, filter: impl Fn(f64, usize) -> f64) -> Array2<f64> {
    let mut weights = svd.U().transpose() * b;
    for (k, column) in weights.col_iter_mut().enumerate() {
        for (weight, s) in column.iter_mut().zip(svd.S().column_vector().iter()) {
            *weight *= filter(*s, k);
        }
    }
    let coef = svd.V() * weights;
    Array2::from_shape_fn((coef.ncols(), coef.nrows()), |(k, j)| coef[(j, k)])
}
