//! Sums in NumPy's order, so that means and metrics come out with its bits.

/// Adds `n` terms pairwise, as NumPy's `add.reduce` does on contiguous data: blocks of up to 128 with eight running
/// sums, larger ranges halved at a multiple of eight. Error grows with log n, not n.
pub(crate) fn pairwise_sum(n: usize, term: impl Fn(usize) -> f64) -> f64 {
    range_sum(0, n, &term)
}

/// Adds up a column of a row-major table with so many columns, as NumPy does along its rows: pairwise if it is the only
/// one, else one row after the other.
pub(crate) fn column_sum(n: usize, n_columns: usize, term: impl Fn(usize) -> f64) -> f64 {
    if n_columns == 1 { pairwise_sum(n, term) } else { (0..n).fold(0.0, |sum, i| sum + term(i)) }
}

/// Arithmetic mean of `n` terms; NaN when there are none.
pub(crate) fn mean(n: usize, term: impl Fn(usize) -> f64) -> f64 {
    pairwise_sum(n, term) / n as f64
}

fn range_sum(start: usize, n: usize, term: &impl Fn(usize) -> f64) -> f64 {
    const BLOCK: usize = 128;
    if n < 8 {
        return (start..start + n).fold(0.0, |sum, i| sum + term(i));
    }
    if n > BLOCK {
        let half = n / 2 - n / 2 % 8;
        return range_sum(start, half, term) + range_sum(start + half, n - half, term);
    }
    let mut r: [f64; 8] = std::array::from_fn(|k| term(start + k));
    let whole = n - n % 8;
    for i in (8..whole).step_by(8) {
        for (k, sum) in r.iter_mut().enumerate() {
            *sum += term(start + i + k);
        }
    }
    let eight = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    (start + whole..start + n).fold(eight, |sum, i| sum + term(i))
}
