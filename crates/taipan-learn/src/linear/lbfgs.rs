//! L-BFGS (Byrd, Lu, Nocedal and Zhu, 1995) with the line search of Moré and Thuente (1994): the same steps and the same
//! rules for stopping as SciPy's `L-BFGS-B` without bounds.

/// Steps remembered.
const MEMORY: usize = 10;
/// Most evaluations in one line search.
const MOST_TRIALS: usize = 50;
/// Most evaluations altogether.
const MOST_EVALUATIONS: usize = 15_000;

/// Where the search ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Minimum {
    pub(super) at: Vec<f64>,
    pub(super) n_iter: usize,
    pub(super) converged: bool,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_iter: usize,
    /// Largest part of the gradient that counts as 0.
    pub(super) gradient: f64,
    /// Least relative decrease that counts.
    pub(super) decrease: f64,
}

/// Minimises a function that gives its value and writes its gradient, from `at`.
pub(super) fn minimize(
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    mut at: Vec<f64>,
    limits: Limits,
) -> Minimum {
    let n = at.len();
    let mut gradient = vec![0.0; n];
    let mut value = function(&at, &mut gradient);
    let mut evaluations = 1;
    let mut n_iter = 0;
    let mut memory = Memory { steps: Vec::new(), scale: 1.0 };
    if largest(&gradient) <= limits.gradient {
        return Minimum { at, n_iter, converged: true };
    }
    loop {
        let direction = memory.direction(&gradient);
        let slope = dot(&gradient, &direction);
        let (old_at, old_gradient, old_value) = (at.clone(), gradient.clone(), value);
        let first = if n_iter == 0 { (1.0 / dot(&direction, &direction).sqrt()).min(LONGEST) } else { 1.0 };
        let mut search = LineSearch::new(first, value, slope);
        let mut trials = 0;
        let found = slope < 0.0
            && loop {
                trials += 1;
                if trials > MOST_TRIALS {
                    break false;
                }
                for ((x, old), d) in at.iter_mut().zip(&old_at).zip(&direction) {
                    *x = search.step * d + old;
                }
                value = function(&at, &mut gradient);
                evaluations += 1;
                if search.advance(value, dot(&gradient, &direction)) {
                    break true;
                }
            };
        if !found {
            (at, gradient, value) = (old_at, old_gradient, old_value);
            if memory.steps.is_empty() {
                return Minimum { at, n_iter, converged: false };
            }
            // Start again along the gradient.
            memory = Memory { steps: Vec::new(), scale: 1.0 };
            continue;
        }
        n_iter += 1;
        if n_iter >= limits.max_iter || evaluations > MOST_EVALUATIONS {
            return Minimum { at, n_iter, converged: false };
        }
        let decrease = old_value - value;
        if largest(&gradient) <= limits.gradient
            || decrease <= limits.decrease * old_value.abs().max(value.abs()).max(1.0)
        {
            return Minimum { at, n_iter, converged: true };
        }
        memory.remember(&direction, search.step, slope, &old_gradient, &gradient);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(values: &[f64]) -> f64 {
    // A NaN must not pass for a small gradient.
    values.iter().fold(0.0, |largest: f64, v| if v.is_nan() { f64::INFINITY } else { largest.max(v.abs()) })
}

/// The latest steps and how the gradient changed along them.
struct Memory {
    steps: Vec<Step>,
    /// Curvature along the latest step.
    scale: f64,
}

struct Step {
    by: Vec<f64>,
    change: Vec<f64>,
    /// by · change
    product: f64,
}

impl Memory {
    /// Minus the inverse Hessian, as far as known, times the gradient.
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.to_vec();
        let mut weights = Vec::with_capacity(self.steps.len());
        for step in self.steps.iter().rev() {
            let weight = dot(&step.by, &q) / step.product;
            for (q, change) in q.iter_mut().zip(&step.change) {
                *q -= weight * change;
            }
            weights.push(weight);
        }
        for q in &mut q {
            *q /= self.scale;
        }
        for (step, weight) in self.steps.iter().zip(weights.iter().rev()) {
            let correction = weight - dot(&step.change, &q) / step.product;
            for (q, by) in q.iter_mut().zip(&step.by) {
                *q += correction * by;
            }
        }
        for q in &mut q {
            *q = -*q;
        }
        q
    }

    fn remember(&mut self, direction: &[f64], length: f64, slope: f64, before: &[f64], after: &[f64]) {
        let change: Vec<f64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        let product = (dot(after, direction) - slope) * length;
        if product <= f64::EPSILON * -slope * length {
            // Too little curvature to learn from.
            return;
        }
        if self.steps.len() == MEMORY {
            self.steps.remove(0);
        }
        self.scale = dot(&change, &change) / product;
        self.steps.push(Step { by: direction.iter().map(|d| length * d).collect(), change, product });
    }
}

/// Longest step.
const LONGEST: f64 = 1e10;
/// Share of the decrease promised by the slope that a step must bring.
const SUFFICIENT_DECREASE: f64 = 1e-3;
/// Share of the slope that may be left.
const CURVATURE: f64 = 0.9;
/// Relative width of an interval that needs no further search.
const NARROW: f64 = 0.1;

/// A line search for a step that decreases the function enough and leaves little slope.
struct LineSearch {
    step: f64,
    bracketed: bool,
    /// The search is for a decrease of the function less what the slope promises, until one is found.
    modified: bool,
    value0: f64,
    slope0: f64,
    width: f64,
    last_width: f64,
    /// The best step so far.
    best: Point,
    /// The other end of the interval.
    other: Point,
    least: f64,
    most: f64,
}

/// A step with the function's value and slope there.
#[derive(Debug, Clone, Copy)]
struct Point {
    step: f64,
    value: f64,
    slope: f64,
}

impl Point {
    /// The same for the function less what the slope promises.
    fn less(self, slope: f64) -> Self {
        Self { value: self.value - self.step * slope, slope: self.slope - slope, ..self }
    }
}

impl LineSearch {
    fn new(step: f64, value: f64, slope: f64) -> Self {
        let start = Point { step: 0.0, value, slope };
        Self {
            step,
            bracketed: false,
            modified: true,
            value0: value,
            slope0: slope,
            width: LONGEST,
            last_width: 2.0 * LONGEST,
            best: start,
            other: start,
            least: 0.0,
            most: 5.0 * step,
        }
    }

    /// Takes the value and slope at [`step`](Self::step). Either the search is over or it has chosen the next step.
    #[allow(clippy::float_cmp, reason = "steps are set to their bounds exactly")]
    fn advance(&mut self, value: f64, slope: f64) -> bool {
        let promised = SUFFICIENT_DECREASE * self.slope0;
        let enough = self.value0 + self.step * promised;
        if self.modified && value <= enough && slope >= 0.0 {
            self.modified = false;
        }
        let stuck = self.bracketed
            && (self.step <= self.least || self.step >= self.most || self.most - self.least <= NARROW * self.most);
        let longest = self.step == LONGEST && value <= enough && slope <= promised;
        let shortest = self.step == 0.0 && (value > enough || slope >= promised);
        let found = value <= enough && slope.abs() <= CURVATURE * -self.slope0;
        if stuck || longest || shortest || found {
            return true;
        }
        let trial = Point { step: self.step, value, slope };
        if self.modified && value <= self.best.value && value > enough {
            let (mut best, mut other) = (self.best.less(promised), self.other.less(promised));
            self.choose(&mut best, &mut other, trial.less(promised));
            (self.best, self.other) = (best.less(-promised), other.less(-promised));
        } else {
            let (mut best, mut other) = (self.best, self.other);
            self.choose(&mut best, &mut other, trial);
            (self.best, self.other) = (best, other);
        }
        let width = (self.other.step - self.best.step).abs();
        if self.bracketed {
            if width >= 0.66 * self.last_width {
                self.step = self.best.step + 0.5 * (self.other.step - self.best.step);
            }
            self.last_width = self.width;
            self.width = width;
            self.least = self.best.step.min(self.other.step);
            self.most = self.best.step.max(self.other.step);
        } else {
            self.least = self.step + 1.1 * (self.step - self.best.step);
            self.most = self.step + 4.0 * (self.step - self.best.step);
        }
        self.step = self.step.clamp(0.0, LONGEST);
        let narrow = self.most - self.least <= NARROW * self.most;
        if self.bracketed && (self.step <= self.least || self.step >= self.most || narrow) {
            self.step = self.best.step;
        }
        false
    }

    /// Chooses the next step by cubic and quadratic interpolation, and narrows the interval.
    fn choose(&mut self, best: &mut Point, other: &mut Point, trial: Point) {
        let opposite = trial.slope * (best.slope / best.slope.abs()) < 0.0;
        let secant = |from: Point, to: Point| to.step + to.slope / (to.slope - from.slope) * (from.step - to.step);
        let next;
        if trial.value > best.value {
            // Higher: the minimum is bracketed.
            let (theta, gamma) = cubic(*best, trial, trial.step < best.step);
            let p = (gamma - best.slope) + theta;
            let q = ((gamma - best.slope) + gamma) + trial.slope;
            let cubic = best.step + p / q * (trial.step - best.step);
            let fall = (best.value - trial.value) / (trial.step - best.step) + best.slope;
            let quadratic = best.step + best.slope / fall / 2.0 * (trial.step - best.step);
            next = if (cubic - best.step).abs() < (quadratic - best.step).abs() {
                cubic
            } else {
                cubic + (quadratic - cubic) / 2.0
            };
            self.bracketed = true;
        } else if opposite {
            // Lower, with the slope turned: bracketed too.
            let (theta, gamma) = cubic(*best, trial, trial.step > best.step);
            let p = (gamma - trial.slope) + theta;
            let q = ((gamma - trial.slope) + gamma) + best.slope;
            let cubic = trial.step + p / q * (best.step - trial.step);
            let quadratic = secant(*best, trial);
            let further = (cubic - trial.step).abs() > (quadratic - trial.step).abs();
            next = if further { cubic } else { quadratic };
            self.bracketed = true;
        } else if trial.slope.abs() < best.slope.abs() {
            // Lower, with less slope of the same sign.
            let (theta, gamma) = flattening_cubic(*best, trial);
            let p = (gamma - trial.slope) + theta;
            let q = (gamma + (best.slope - trial.slope)) + gamma;
            let r = p / q;
            let cubic = if r < 0.0 && gamma != 0.0 {
                trial.step + r * (best.step - trial.step)
            } else if trial.step > best.step {
                self.most
            } else {
                self.least
            };
            let quadratic = secant(*best, trial);
            let nearer = (cubic - trial.step).abs() < (quadratic - trial.step).abs();
            if self.bracketed {
                let chosen = if nearer { cubic } else { quadratic };
                let bound = trial.step + 0.66 * (other.step - trial.step);
                next = if trial.step > best.step { chosen.min(bound) } else { chosen.max(bound) };
            } else {
                let chosen = if nearer { quadratic } else { cubic };
                next = chosen.clamp(self.least, self.most);
            }
        } else if self.bracketed {
            // Lower, and no flatter.
            let (theta, gamma) = cubic(*other, trial, trial.step > other.step);
            let p = (gamma - trial.slope) + theta;
            let q = ((gamma - trial.slope) + gamma) + other.slope;
            next = trial.step + p / q * (other.step - trial.step);
        } else {
            next = if trial.step > best.step { self.most } else { self.least };
        }
        if trial.value > best.value {
            *other = trial;
        } else {
            if opposite {
                *other = *best;
            }
            *best = trial;
        }
        self.step = next;
    }
}

/// Coefficients of the cubic through two points with their slopes; the root's sign is turned on request.
fn cubic(from: Point, to: Point, turned: bool) -> (f64, f64) {
    let theta = 3.0 * (from.value - to.value) / (to.step - from.step) + from.slope + to.slope;
    let s = theta.abs().max(from.slope.abs()).max(to.slope.abs());
    let gamma = s * ((theta / s) * (theta / s) - (from.slope / s) * (to.slope / s)).sqrt();
    (theta, if turned { -gamma } else { gamma })
}

/// The same, for a cubic that may not have a minimum.
fn flattening_cubic(from: Point, to: Point) -> (f64, f64) {
    let theta = 3.0 * (from.value - to.value) / (to.step - from.step) + from.slope + to.slope;
    let s = theta.abs().max(from.slope.abs()).max(to.slope.abs());
    let gamma = s * ((theta / s) * (theta / s) - (from.slope / s) * (to.slope / s)).max(0.0).sqrt();
    (theta, if to.step > from.step { -gamma } else { gamma })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { max_iter: 1000, gradient: 1e-8, decrease: 0.0 };

    #[test]
    fn the_valley_of_rosenbrock_is_walked_to_its_end() {
        let rosenbrock = |x: &[f64], g: &mut [f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            g[0] = -2.0 * a - 400.0 * b * x[0];
            g[1] = 200.0 * b;
            a * a + 100.0 * b * b
        };
        let found = minimize(rosenbrock, vec![-1.2, 1.0], LIMITS);
        assert!(found.converged, "{found:?}");
        assert!((found.at[0] - 1.0).abs() < 1e-7 && (found.at[1] - 1.0).abs() < 1e-7, "{found:?}");
        // As many as SciPy takes, give or take one for rounding.
        assert!((33..=39).contains(&found.n_iter), "{found:?}");
    }

    #[test]
    fn limits_are_kept() {
        let parabola = |x: &[f64], g: &mut [f64]| {
            g[0] = 2.0 * x[0];
            x[0] * x[0]
        };
        assert_eq!(minimize(parabola, vec![0.0], LIMITS), Minimum { at: vec![0.0], n_iter: 0, converged: true });
        let once = minimize(parabola, vec![100.0], Limits { max_iter: 1, ..LIMITS });
        assert!(once.n_iter == 1 && !once.converged);
        let nowhere = |_: &[f64], g: &mut [f64]| {
            g[0] = f64::NAN;
            f64::NAN
        };
        assert!(!minimize(nowhere, vec![1.0], LIMITS).converged);
    }
}
