//! Quantiles of weighted and of plain values.

/// The smallest value at which the cumulative weight reaches the share `rank`/100 of the whole (the inverse of the
/// distribution function); NaN when nothing has weight.
pub(super) fn weighted_percentile(values: &[f64], weights: &[f64], rank: f64) -> f64 {
    if weights.iter().all(|weight| *weight == 0.0) {
        return f64::NAN;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut sum = 0.0;
    let cumulative: Vec<f64> = order
        .iter()
        .map(|&i| {
            sum += weights[i];
            sum
        })
        .collect();
    let mut target = rank / 100.0 * sum;
    if target == 0.0 {
        // Values without weight at the lower end do not count.
        target = f64::from_bits(1);
    }
    let at = cumulative.partition_point(|&weight| weight < target).min(order.len() - 1);
    values[order[at]]
}

/// NumPy's `percentile`: linear interpolation, from whichever neighbour is nearer. Of no values, NaN.
pub(super) fn percentile(values: &[f64], rank: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(&greatest) = sorted.last() else {
        return f64::NAN;
    };
    let position = (sorted.len() - 1) as f64 * (rank / 100.0);
    let below = position.floor() as usize;
    if below >= sorted.len() - 1 {
        return greatest;
    }
    let (a, b) = (sorted[below], sorted[below + 1]);
    let t = position - below as f64;
    if t >= 0.5 { b - (b - a) * (1.0 - t) } else { a + (b - a) * t }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_move_the_percentile() {
        let values = [3.0, 1.0, 2.0, 4.0];
        for (weights, rank, expected) in [
            ([1.0, 1.0, 1.0, 1.0], 50.0, 2.0),
            ([1.0, 1.0, 1.0, 1.0], 51.0, 3.0),
            ([1.0, 5.0, 1.0, 1.0], 50.0, 1.0),
            ([1.0, 0.0, 1.0, 1.0], 0.0, 2.0),
            ([0.0, 0.0, 0.0, 1.0], 10.0, 4.0),
        ] {
            assert_eq!(weighted_percentile(&values, &weights, rank).to_bits(), f64::to_bits(expected), "{weights:?}");
        }
        assert!(weighted_percentile(&values, &[0.0; 4], 50.0).is_nan());
        assert_eq!(percentile(&values, 50.0).to_bits(), 2.5_f64.to_bits());
        assert_eq!(percentile(&values, 90.0).to_bits(), 3.7_f64.to_bits());
    }
}
