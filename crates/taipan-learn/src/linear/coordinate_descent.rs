//! Coordinate descent for the elastic net (Friedman, Hastie and Tibshirani, 2010, "Regularization paths for generalized
//! linear models via coordinate descent"), stopped by the duality gap and sped up by leaving out features that the gap
//! proves to be useless (Fercoq, Gramfort and Salmon, 2015, "Mind the duality gap"; Ndiaye et al., 2017).
//!
//! Least is ½‖y − Xw‖² + α‖w‖₁ + ½β‖w‖².

use faer::Mat;

use crate::simd::{axpy, dispatch, dot};

/// What to descend for, and when to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem {
    /// Weight of the absolute values.
    pub(super) alpha: f64,
    /// Weight of the squares.
    pub(super) beta: f64,
    /// Whether weights may only be positive.
    pub(super) positive: bool,
    pub(super) max_iter: usize,
    /// Least step, as a share of the largest weight, and least gap, as a share of ‖y‖².
    pub(super) tol: f64,
    /// State of the stream that picks coordinates, if they are picked at random.
    pub(super) random: Option<u32>,
}

/// Where the descent ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Descended {
    pub(super) weights: Vec<f64>,
    pub(super) gap: f64,
    pub(super) n_iter: usize,
    pub(super) converged: bool,
}

/// The squared error ½‖y − Xw‖² as a function of w, at the present w.
pub(super) trait SquaredError {
    /// ‖xⱼ‖².
    fn norm2(&self, j: usize) -> f64;
    /// ‖y‖².
    fn target_norm2(&self) -> f64;
    /// xⱼ·(y − Xw).
    fn correlation(&self, j: usize) -> f64;
    /// Adds to one weight.
    fn step(&mut self, j: usize, by: f64);
    /// ‖y − Xw‖², (y − Xw)·y and all correlations.
    fn residual(&self, weights: &[f64], correlations: &mut [f64]) -> (f64, f64);
}

/// The squared error from XᵀX and Xᵀy: a step costs as much as there are features.
pub(super) struct FromGram<'a> {
    /// XᵀX, both triangles.
    pub(super) gram: &'a Mat<f64>,
    /// Xᵀy.
    pub(super) target: Vec<f64>,
    pub(super) target_norm2: f64,
    /// XᵀXw.
    fitted: Vec<f64>,
}

impl<'a> FromGram<'a> {
    pub(super) fn new(gram: &'a Mat<f64>, target: Vec<f64>, target_norm2: f64, weights: &[f64]) -> Self {
        let mut error = Self { gram, fitted: vec![0.0; target.len()], target, target_norm2 };
        for (j, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            error.step(j, weight);
        }
        error
    }

    fn row(&self, j: usize) -> &'a [f64] {
        // Column and row are the same, and a column is contiguous.
        self.gram.col_as_slice(j)
    }
}

impl SquaredError for FromGram<'_> {
    fn norm2(&self, j: usize) -> f64 {
        self.gram[(j, j)]
    }

    fn target_norm2(&self) -> f64 {
        self.target_norm2
    }

    fn correlation(&self, j: usize) -> f64 {
        self.target[j] - self.fitted[j]
    }

    fn step(&mut self, j: usize, by: f64) {
        let row = self.row(j);
        axpy_now(by, row, &mut self.fitted);
    }

    fn residual(&self, weights: &[f64], correlations: &mut [f64]) -> (f64, f64) {
        let (fitted, target) = (dot_now(weights, &self.fitted), dot_now(weights, &self.target));
        for (j, correlation) in correlations.iter_mut().enumerate() {
            *correlation = self.target[j] - self.fitted[j];
        }
        (self.target_norm2 + fitted - 2.0 * target, self.target_norm2 - target)
    }
}

/// The squared error from X itself: a step costs as much as there are rows.
pub(super) struct FromRows<'a> {
    /// One column per feature.
    x: &'a Mat<f64>,
    y: &'a [f64],
    norms: Vec<f64>,
    residual: Vec<f64>,
}

impl<'a> FromRows<'a> {
    pub(super) fn new(x: &'a Mat<f64>, y: &'a [f64], weights: &[f64]) -> Self {
        let norms = (0..x.ncols()).map(|j| dot_now(x.col_as_slice(j), x.col_as_slice(j))).collect();
        let mut error = Self { x, y, norms, residual: y.to_vec() };
        for (j, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            error.step(j, weight);
        }
        error
    }
}

impl SquaredError for FromRows<'_> {
    fn norm2(&self, j: usize) -> f64 {
        self.norms[j]
    }

    fn target_norm2(&self) -> f64 {
        dot_now(self.y, self.y)
    }

    fn correlation(&self, j: usize) -> f64 {
        dot_now(self.x.col_as_slice(j), &self.residual)
    }

    fn step(&mut self, j: usize, by: f64) {
        axpy_now(-by, self.x.col_as_slice(j), &mut self.residual);
    }

    fn residual(&self, _weights: &[f64], correlations: &mut [f64]) -> (f64, f64) {
        for (j, correlation) in correlations.iter_mut().enumerate() {
            *correlation = self.correlation(j);
        }
        (dot_now(&self.residual, &self.residual), dot_now(&self.residual, self.y))
    }
}

/// Descends from `weights`, for which `error` stands.
pub(super) fn descend(problem: &Problem, mut error: impl SquaredError, mut weights: Vec<f64>) -> Descended {
    let Problem { alpha, beta, positive, max_iter, .. } = *problem;
    let features = weights.len();
    let tolerance = problem.tol * error.target_norm2();
    let mut correlations = vec![0.0; features];
    let (mut gap, mut dual_norm) = duality_gap(problem, &error, &weights, &mut correlations);
    if (0.0..=tolerance).contains(&gap) {
        return Descended { weights, gap, n_iter: 0, converged: true };
    }
    let mut active: Vec<usize> = (0..features).collect();
    screen(problem, &mut error, &mut weights, &correlations, gap, dual_norm, &mut active);
    let mut random = problem.random;
    for pass in 0..max_iter {
        let (mut largest, mut largest_step) = (0.0_f64, 0.0_f64);
        for at in 0..active.len() {
            let j = match &mut random {
                Some(state) => active[xorshift(state) as usize % active.len()],
                None => active[at],
            };
            let norm2 = error.norm2(j);
            if norm2 == 0.0 {
                continue;
            }
            let before = weights[j];
            let pull = error.correlation(j) + before * norm2;
            let after = if positive && pull < 0.0 {
                0.0
            } else {
                pull.signum() * (pull.abs() - alpha).max(0.0) / (norm2 + beta)
            };
            let step = after - before;
            if step != 0.0 {
                weights[j] = after;
                error.step(j, step);
            }
            largest_step = largest_step.max(step.abs());
            largest = largest.max(after.abs());
        }
        if largest == 0.0 || largest_step / largest <= problem.tol || pass + 1 == max_iter {
            (gap, dual_norm) = duality_gap(problem, &error, &weights, &mut correlations);
            if gap <= tolerance {
                return Descended { weights, gap, n_iter: pass + 1, converged: true };
            }
            screen(problem, &mut error, &mut weights, &correlations, gap, dual_norm, &mut active);
        }
    }
    Descended { weights, gap, n_iter: max_iter, converged: false }
}

/// How far the objective can at most be from its least value, and the norm that scales the dual point; `correlations`
/// become Xᵀ(y − Xw) − βw.
fn duality_gap(problem: &Problem, error: &impl SquaredError, weights: &[f64], correlations: &mut [f64]) -> (f64, f64) {
    let Problem { alpha, beta, positive, .. } = *problem;
    let (residual2, residual_target) = error.residual(weights, correlations);
    let squares = if beta > 0.0 { dot_now(weights, weights) } else { 0.0 };
    if alpha == 0.0 {
        let norm2 = dot_now(correlations, correlations);
        // Without any penalty there is no dual point: the gradient must vanish. With squares alone there is another
        // dual, which needs no scaling (Dünner et al., 2016, "Primal-dual rates and certificates").
        let gap =
            if beta == 0.0 { norm2 } else { residual2 + 0.5 * beta * squares - residual_target + norm2 / (2.0 * beta) };
        return (gap, norm2);
    }
    for (correlation, weight) in correlations.iter_mut().zip(weights) {
        *correlation -= beta * weight;
    }
    let dual_norm = correlations.iter().map(|c| if positive { *c } else { c.abs() }).fold(f64::NEG_INFINITY, f64::max);
    let absolute: f64 = weights.iter().map(|weight| weight.abs()).sum();
    let primal = 0.5 * (residual2 + beta * squares) + alpha * absolute;
    let scale = if dual_norm > alpha { alpha / dual_norm } else { 1.0 };
    let dual = -0.5 * scale * scale * (residual2 + beta * squares) + scale * residual_target;
    (primal - dual, dual_norm)
}

/// Takes those features out of `active` whose weight must be 0 at the optimum.
fn screen(
    problem: &Problem,
    error: &mut impl SquaredError,
    weights: &mut [f64],
    correlations: &[f64],
    gap: f64,
    dual_norm: f64,
    active: &mut Vec<usize>,
) {
    let Problem { alpha, beta, .. } = *problem;
    if alpha == 0.0 {
        return;
    }
    let radius = (2.0 * gap.abs()).sqrt() / alpha;
    active.retain(|&j| {
        let norm2 = error.norm2(j);
        let at_dual = correlations[j] / alpha.max(dual_norm);
        let keep = norm2 != 0.0 && (1.0 - at_dual.abs()) / (norm2 + beta).sqrt() <= radius;
        if !keep && weights[j] != 0.0 {
            error.step(j, -weights[j]);
            weights[j] = 0.0;
        }
        keep
    });
}

/// Marsaglia's 32-bit generator, as scikit-learn uses it to pick coordinates.
fn xorshift(state: &mut u32) -> u32 {
    if *state == 0 {
        *state = 1;
    }
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state & 0x7fff_ffff
}

fn dot_now(a: &[f64], b: &[f64]) -> f64 {
    dispatch(
        #[inline(always)]
        || dot(a, b),
    )
}

fn axpy_now(s: f64, x: &[f64], y: &mut [f64]) {
    dispatch(
        #[inline(always)]
        || axpy(s, x, y),
    );
}
