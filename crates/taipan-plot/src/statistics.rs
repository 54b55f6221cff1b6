//! The little statistics that pictures need: quantiles, means with their uncertainty, kernel densities, straight lines.

/// Linear interpolation between closest ranks of sorted values, NumPy's default; NaN without values.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = (sorted.len() as f64 - 1.0) * q;
    let at = |i: f64| sorted.get(i as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (at(place.floor().max(0.0)), at(place.ceil().max(0.0)));
    low + (high - low) * place.fract().max(0.0)
}

/// A mean and how far the true one may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mean {
    pub(crate) rows: usize,
    pub(crate) value: f64,
    /// Half of the 95 % confidence interval (Student's t); `None` for fewer than three values, which tell next to nothing.
    pub(crate) margin: Option<f64>,
}

impl Mean {
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        // Dividing first keeps sums of large values within range; a single value stays as it is.
        let value: f64 = values.iter().map(|v| v / n).sum();
        let variance: f64 = values.iter().map(|v| (v - value) * ((v - value) / (n - 1.0))).sum();
        let margin = t_quantile(n - 1.0) * (variance / n).sqrt();
        Self { rows: values.len(), value, margin: (values.len() > 2 && margin.is_finite()).then_some(margin) }
    }
}

/// The 97.5 % quantile of Student's t for so many degrees of freedom: Hill's expansion (1970), exact for 1 and 2.
pub(crate) fn t_quantile(freedom: f64) -> f64 {
    const Z: f64 = 1.959_963_984_540_054;
    if freedom < 1.5 {
        return 12.706_204_736_432_1;
    }
    if freedom < 2.5 {
        return 4.302_652_729_911_28;
    }
    let (n, z2) = (freedom, Z * Z);
    let g1 = (z2 + 1.0) / 4.0;
    let g2 = (5.0 * z2 * z2 + 16.0 * z2 + 3.0) / 96.0;
    let g3 = (3.0 * z2.powi(3) + 19.0 * z2 * z2 + 17.0 * z2 - 15.0) / 384.0;
    let g4 = (79.0 * z2.powi(4) + 776.0 * z2.powi(3) + 1482.0 * z2 * z2 - 1920.0 * z2 - 945.0) / 92_160.0;
    Z * (1.0 + g1 / n + g2 / n.powi(2) + g3 / n.powi(3) + g4 / n.powi(4))
}

/// Pearson's correlation over the rows where both are finite; `None` where it is undefined.
pub fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> =
        x.iter().zip(y).filter(|(x, y)| x.is_finite() && y.is_finite()).map(|(x, y)| (*x, *y)).collect();
    let (line, _) = Fit::parts(&pairs)?;
    let r = line.sxy / (line.sxx.sqrt() * line.syy.sqrt());
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// A straight line through points by least squares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    pub(crate) slope: f64,
    pub(crate) intercept: f64,
    rows: f64,
    mean: f64,
    sxx: f64,
    /// Standard error of a row about the line.
    error: f64,
}

struct Sums {
    sxx: f64,
    sxy: f64,
    syy: f64,
}

impl Fit {
    /// The line, `None` for fewer than two different x.
    pub(crate) fn of(points: &[(f64, f64)]) -> Option<Self> {
        let (sums, (mx, my)) = Self::parts(points)?;
        let slope = sums.sxy / sums.sxx;
        let intercept = my - slope * mx;
        let rows = points.len() as f64;
        let left: f64 = points.iter().map(|(x, y)| (y - intercept - slope * x).powi(2)).sum();
        let fit = Self { slope, intercept, rows, mean: mx, sxx: sums.sxx, error: (left / (rows - 2.0)).sqrt() };
        (slope.is_finite() && intercept.is_finite()).then_some(fit)
    }

    fn parts(points: &[(f64, f64)]) -> Option<(Sums, (f64, f64))> {
        let n = points.len() as f64;
        let mx: f64 = points.iter().map(|p| p.0 / n).sum();
        let my: f64 = points.iter().map(|p| p.1 / n).sum();
        let mut sums = Sums { sxx: 0.0, sxy: 0.0, syy: 0.0 };
        for (x, y) in points {
            let (dx, dy) = (x - mx, y - my);
            sums.sxx += dx * dx;
            sums.sxy += dx * dy;
            sums.syy += dy * dy;
        }
        (sums.sxx > 0.0 && sums.sxx.is_finite()).then_some((sums, (mx, my)))
    }

    pub(crate) fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }

    /// Half of the 95 % confidence interval of the mean at `x`; `None` for fewer than three rows.
    pub(crate) fn margin(&self, x: f64) -> Option<f64> {
        let spread = (1.0 / self.rows + (x - self.mean).powi(2) / self.sxx).sqrt();
        let margin = t_quantile(self.rows - 2.0) * self.error * spread;
        (self.rows > 2.5 && margin.is_finite()).then_some(margin)
    }
}

/// A density estimated with a Gaussian kernel of Scott's width (1992), on a grid.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// Places and densities; the area beneath is 1.
    pub(crate) at: Vec<(f64, f64)>,
}

const GRID: usize = 200;

impl Kernel {
    /// The density of `values`, `cut` widths beyond the least and the greatest; `None` unless two differ.
    pub(crate) fn of(values: &[f64], cut: f64) -> Option<Self> {
        let mean = Mean::of(values);
        let n = values.len() as f64;
        let variance: f64 = values.iter().map(|v| (v - mean.value) * ((v - mean.value) / (n - 1.0))).sum();
        let width = variance.sqrt() * n.powf(-0.2);
        let (lo, hi) = crate::scale::bounds(values.iter().copied())?;
        if values.len() < 2 || !(width > 0.0 && width.is_finite() && hi - lo > hi.abs().max(lo.abs()) * 1e-11) {
            return None;
        }
        let (lo, hi) = (lo - cut * width, hi + cut * width);
        // Values are shared out between the two nearest places of a fine grid, so that their number costs nothing.
        let fine = GRID * 4;
        let step = (hi - lo) / fine as f64;
        let mut weights = vec![0.0; fine + 2];
        for v in values {
            let place = ((v - lo) / step).clamp(0.0, fine as f64);
            let (index, share) = (place as usize, place.fract());
            weights[index] += 1.0 - share;
            weights[index + 1] += share;
        }
        let reach = ((4.0 * width / step).ceil() as usize).min(fine);
        let bell: Vec<f64> = (0..=reach).map(|i| (-0.5 * (i as f64 * step / width).powi(2)).exp()).collect();
        let scale = 1.0 / (n * width * (2.0 * std::f64::consts::PI).sqrt());
        let density = |center: usize| -> f64 {
            let (from, to) = (center.saturating_sub(reach), (center + reach).min(fine + 1));
            weights[from..=to].iter().enumerate().map(|(i, w)| w * bell[center.abs_diff(from + i)]).sum::<f64>() * scale
        };
        Some(Self { at: (0..=GRID).map(|i| (lo + (i * 4) as f64 * step, density(i * 4))).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_of_t_are_those_of_tables() {
        for (freedom, expected) in
            [(1.0, 12.706), (2.0, 4.303), (3.0, 3.182), (5.0, 2.571), (10.0, 2.228), (30.0, 2.042), (1e6, 1.960)]
        {
            assert!((t_quantile(freedom) - expected).abs() < 0.006, "{freedom}: {}", t_quantile(freedom));
        }
    }

    #[test]
    fn lines_and_correlations_are_those_of_the_textbook() {
        // Anscombe's first set (1973).
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let points: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
        let fit = Fit::of(&points).unwrap();
        assert!((fit.slope - 0.500_09).abs() < 1e-5 && (fit.intercept - 3.000_09).abs() < 1e-5);
        assert!((correlation(&x, &y).unwrap() - 0.816_42).abs() < 1e-5);
        // statsmodels' interval of the mean at 9: 6.657 to 8.345.
        assert!((fit.margin(9.0).unwrap() - 0.8435).abs() < 2e-3, "{:?}", fit.margin(9.0));
        assert!(Fit::of(&[(1.0, 2.0), (1.0, 3.0)]).is_none() && correlation(&[1.0], &[2.0]).is_none());
    }

    #[test]
    fn margins_follow_students_t() {
        let mean = Mean::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((mean.rows, mean.value), (4, 2.5));
        assert!((mean.margin.unwrap() - 3.182 * 1.290_99 / 2.0).abs() < 5e-3);
        assert!((Mean::of(&[1e300, 1e300]).value / 1e300 - 1.0).abs() < 1e-12);
        assert_eq!(Mean::of(&[7.0]).margin, None);
    }

    proptest! {
        #[test]
        fn densities_have_an_area_of_one(values in prop::collection::vec(-1e3f64..1e3, 3..200)) {
            let Some(kernel) = Kernel::of(&values, 4.0) else { return Ok(()) };
            let step = kernel.at[1].0 - kernel.at[0].0;
            let area: f64 = kernel.at.iter().map(|(_, d)| d * step).sum();
            prop_assert!((area - 1.0).abs() < 0.02, "{}", area);
        }
    }
}
