//! Logistic regression with a penalty on absolute weights: proximal Newton steps (Lee, Sun and Saunders, 2014), one class
//! after the other, each solved by coordinate descent (Friedman, Hastie and Tibshirani, 2010).

use faer::Mat;
use ndarray::{Array2, ArrayView2};

use super::design::Design;
use super::lbfgs::Minimum;
use super::logistic_loss::LogisticLoss;
use crate::error::Result;

/// Penalties, one pair per parameter of a class.
pub(super) struct Penalty {
    /// Weight of the absolute values.
    pub(super) absolute: Vec<f64>,
    /// Weight of half the squares.
    pub(super) squares: Vec<f64>,
}

impl Penalty {
    /// The penalty of the parameters of all classes.
    pub(super) fn of(&self, parameters: &[f64]) -> f64 {
        let width = self.absolute.len();
        let one = |j: usize, w: f64| self.absolute[j] * w.abs() + 0.5 * self.squares[j] * w * w;
        parameters.iter().enumerate().map(|(j, w)| one(j % width, *w)).sum()
    }
}

/// Least of the loss plus the penalty, from zero.
pub(super) fn minimize(
    owner: &str,
    loss: &LogisticLoss<'_>,
    penalty: &Penalty,
    max_iter: usize,
    tol: f64,
) -> Result<Minimum> {
    let width = loss.width();
    let mut at = vec![0.0; loss.rows * width];
    let mut gradient = vec![0.0; at.len()];
    let mut value = loss.evaluate(&at, &mut gradient) + penalty.of(&at);
    let ones = Array2::from_elem((loss.x.nrows(), 1), loss.column);
    for n_iter in 1..=max_iter {
        let before = value;
        for class in 0..loss.rows {
            let curvature = loss.curvature(&at, class);
            let hessian = hessian(owner, loss.x, ones.view(), &curvature)?;
            let part = class * width..(class + 1) * width;
            let step = newton_step(&hessian, &gradient[part.clone()], &at[part.clone()], penalty);
            // How much the model of the objective falls.
            let promised: f64 = (0..width)
                .map(|j| {
                    let (w, d) = (at[part.start + j], step[j]);
                    let change = (w + d).abs() - w.abs();
                    let squares = (w + d) * (w + d) - w * w;
                    gradient[part.start + j] * d + penalty.absolute[j] * change + 0.5 * penalty.squares[j] * squares
                })
                .sum();
            if promised >= 0.0 {
                continue;
            }
            let mut length = 1.0;
            // Halving so often leaves nothing of the step.
            while length > 1e-12 {
                let mut trial = at.clone();
                for (w, d) in trial[part.clone()].iter_mut().zip(&step) {
                    *w += length * d;
                }
                let mut slope = vec![0.0; at.len()];
                let found = loss.evaluate(&trial, &mut slope) + penalty.of(&trial);
                if found <= value + 1e-4 * length * promised {
                    (at, gradient, value) = (trial, slope, found);
                    break;
                }
                length /= 2.0;
            }
        }
        // Squared, as near the optimum the objective falls with the square of the distance.
        if before - value <= tol * tol * value.abs() {
            return Ok(Minimum { at, n_iter, converged: true });
        }
    }
    Ok(Minimum { at, n_iter: max_iter, converged: false })
}

/// X̃ᵀ diag(curvature) X̃, where X̃ has the column of the intercept at its end: the lower triangle.
fn hessian(owner: &str, x: ArrayView2<'_, f64>, ones: ArrayView2<'_, f64>, curvature: &[f64]) -> Result<Mat<f64>> {
    let design = Design::new(owner, x, ones, Some(curvature.into()), false)?;
    Ok(design.gram())
}

/// The step that minimises the quadratic model plus the penalty.
fn newton_step(hessian: &Mat<f64>, gradient: &[f64], at: &[f64], penalty: &Penalty) -> Vec<f64> {
    const MOST_PASSES: usize = 1000;

    let width = at.len();
    let h = |i: usize, j: usize| hessian[(i.max(j), i.min(j))];
    let mut step = vec![0.0; width];
    // The gradient of the model at the present step.
    let mut slope = gradient.to_vec();
    for _ in 0..MOST_PASSES {
        let (mut largest, mut largest_change) = (0.0_f64, 0.0_f64);
        for j in 0..width {
            let curvature = h(j, j) + penalty.squares[j];
            if curvature <= 0.0 {
                continue;
            }
            let old = at[j] + step[j];
            let target = h(j, j) * old - slope[j];
            let new = target.signum() * (target.abs() - penalty.absolute[j]).max(0.0) / curvature;
            let change = new - old;
            if change != 0.0 {
                step[j] += change;
                for (i, slope) in slope.iter_mut().enumerate() {
                    *slope += change * h(i, j);
                }
            }
            largest = largest.max(new.abs());
            largest_change = largest_change.max(change.abs());
        }
        if largest_change <= 1e-10 * largest {
            break;
        }
    }
    step
}
