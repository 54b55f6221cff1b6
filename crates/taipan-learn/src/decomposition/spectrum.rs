//! Principal axes and their singular values, by several ways to the same numbers.

use std::ops::Range;

use faer::{Mat, MatRef, Side};
use ndarray::ArrayView2;

use crate::blocks::{Profile, reduce, row_major};
use crate::error::{Error, ErrorKind, Result};
use crate::gram::gram;
use crate::random::RandomState;
use crate::simd::dispatch;

/// The principal axes of centred data, as columns, and their singular values, greatest first.
pub(super) struct Spectrum {
    pub(super) mean: Vec<f64>,
    pub(super) singular: Vec<f64>,
    pub(super) axes: Mat<f64>,
    /// Sum of the squares of the centred data.
    pub(super) squares: f64,
}

/// From the eigenvectors of the covariance matrix, which takes one pass over the data. Not finite when the data is not.
pub(super) fn by_covariance(x: ArrayView2<'_, f64>) -> Result<Spectrum> {
    let (rows, features) = x.dim();
    // Centred roughly, so that the exact centre can be subtracted afterwards without losing digits.
    let head = x.slice(ndarray::s![..rows.min(crate::input::BLOCK_ROWS), ..]);
    let centre = Profile::of(head, None).means();
    let products = gram(rows, features + 1, &|range, out| read(x, range, &centre, Some(1.0), out));
    if !products.is_all_finite() {
        return Err(Error::overflow("the fit"));
    }
    let offset = |j: usize| products[(features, j)] / rows as f64;
    let covariance = Mat::from_fn(features, features, |i, j| {
        if i >= j { products[(i, j)] - rows as f64 * offset(i) * offset(j) } else { 0.0 }
    });
    let squares = (0..features).map(|j| covariance[(j, j)].max(0.0)).sum();
    let eigen = covariance
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| Error::new(ErrorKind::NoConvergence { what: "the eigendecomposition" }))?;
    let values = eigen.S().column_vector();
    let vectors = eigen.U();
    Ok(Spectrum {
        mean: (0..features).map(|j| centre[j] + offset(j)).collect(),
        singular: (0..features).rev().map(|j| values[j].max(0.0).sqrt()).collect(),
        axes: Mat::from_fn(features, features, |i, j| vectors[(i, features - 1 - j)]),
        squares,
    })
}

/// From the singular value decomposition of the data, reduced by QR when it is tall.
pub(super) fn by_svd(x: ArrayView2<'_, f64>) -> Result<Spectrum> {
    let (rows, features) = x.dim();
    let mean = Profile::of(x, None).means();
    let block = |range: Range<usize>| {
        let n = range.len();
        let mut out = vec![0.0; n * features];
        read(x, range, &mean, None, &mut out);
        MatRef::from_row_major_slice(&out, n, features).to_owned()
    };
    let block_rows = (8 * features).max(512);
    let matrix = if rows <= block_rows {
        block(0..rows)
    } else {
        reduce(rows, block_rows, &|range| triangle(&block(range)), &|above, below| {
            let top = above.nrows();
            triangle(&Mat::from_fn(top + below.nrows(), features, |i, j| {
                if i < top { above[(i, j)] } else { below[(i - top, j)] }
            }))
        })
    };
    if !matrix.is_all_finite() {
        return Err(Error::overflow("the fit"));
    }
    let svd = decompose(&matrix)?;
    let singular: Vec<f64> = svd.S().column_vector().iter().copied().collect();
    let squares = singular.iter().map(|s| s * s).sum();
    Ok(Spectrum { mean, singular, axes: svd.V().to_owned(), squares })
}

/// From a random projection (Halko, Martinsson and Tropp, 2011, "Finding structure with randomness"), with
/// scikit-learn's draws; only the first `size` axes are near the true ones.
pub(super) fn by_projection(
    x: ArrayView2<'_, f64>,
    size: usize,
    powers: usize,
    random: &mut RandomState,
) -> Result<Spectrum> {
    let (rows, features) = x.dim();
    let mean = Profile::of(x, None).means();
    let mut values = vec![0.0; rows * features];
    read(x, 0..rows, &mean, None, &mut values);
    let data = MatRef::from_row_major_slice(&values, rows, features);
    let squares = values.iter().map(|v| v * v).sum();
    // The smaller side is projected.
    let turned = rows < features;
    let tall = if turned { data.transpose() } else { data };
    let mut basis = Mat::zeros(tall.ncols(), size);
    for i in 0..tall.ncols() {
        for j in 0..size {
            basis[(i, j)] = random.standard_normal();
        }
    }
    for _ in 0..powers {
        basis = orthonormal(&(tall * &basis));
        basis = orthonormal(&(tall.transpose() * &basis));
    }
    let basis = orthonormal(&(tall * &basis));
    let small = basis.transpose() * tall;
    if !small.is_all_finite() {
        return Err(Error::overflow("the fit"));
    }
    let svd = decompose(&small)?;
    let axes = if turned { &basis * svd.U() } else { svd.V().to_owned() };
    Ok(Spectrum { mean, singular: svd.S().column_vector().iter().copied().collect(), axes, squares })
}

/// Rows less the centre, and a last column of `constant` if given.
fn read(x: ArrayView2<'_, f64>, range: Range<usize>, centre: &[f64], constant: Option<f64>, out: &mut [f64]) {
    let features = x.ncols();
    let width = features + usize::from(constant.is_some());
    let values = row_major(&x, range);
    dispatch(
        #[inline(always)]
        || {
            for (row, out) in values.chunks_exact(features).zip(out.chunks_exact_mut(width)) {
                for ((out, value), centre) in out.iter_mut().zip(row).zip(centre) {
                    *out = value - centre;
                }
                if let Some(constant) = constant {
                    out[features] = constant;
                }
            }
        },
    );
}

fn triangle(a: &Mat<f64>) -> Mat<f64> {
    a.qr().thin_R().to_owned()
}

fn orthonormal(a: &Mat<f64>) -> Mat<f64> {
    a.qr().compute_thin_Q()
}

fn decompose(a: &Mat<f64>) -> Result<faer::linalg::solvers::Svd<f64>> {
    a.thin_svd().map_err(|_| Error::new(ErrorKind::NoConvergence { what: "the singular value decomposition" }))
}
