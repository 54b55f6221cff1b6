//! Inner loops compiled for the processor at hand: AVX2 and FMA where it has them, or AVX-512.
//!
//! The loops are plain Rust with a fixed order of operations (eight running sums, explicit fused multiply-adds), so the
//! bits depend neither on threads nor on vector width. Call them within [`dispatch`].

use pulp::Arch;

/// Running sums of a reduction.
const LANES: usize = 8;

/// Runs `work`, whose inlined loops are compiled once for each kind of processor. The closure, and what it calls, must be
/// marked `#[inline(always)]`, or it is compiled for the least of them.
#[inline(always)]
pub(crate) fn dispatch<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if *avx512::IS_THERE {
        // SAFETY: the processor has the instructions, as was just checked.
        #[expect(
            unsafe_code,
            reason = "twice as many numbers at a time; pulp has this only for all its users at once"
        )]
        return unsafe { avx512::run(work) };
    }
    Arch::new().dispatch(work)
}

/// AVX-512 with what every processor that has it has too.
#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::sync::LazyLock;

    macro_rules! features {
        ($first:tt $(, $feature:tt)*) => {
            pub(super) static IS_THERE: LazyLock<bool> =
                LazyLock::new(|| is_x86_feature_detected!($first) $(&& is_x86_feature_detected!($feature))*);

            $(#[target_feature(enable = $feature)])*
            #[target_feature(enable = $first)]
            pub(super) fn run<R>(work: impl FnOnce() -> R) -> R {
                work()
            }
        };
    }

    features!(
        "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2", "fma", "bmi1", "bmi2", "lzcnt", "popcnt"
    );
}

/// Σ aᵢbᵢ.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            sums[k] = a[k].mul_add(b[k], sums[k]);
        }
    }
    for (k, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[k] = a.mul_add(*b, sums[k]);
    }
    fold(sums)
}

/// y ← y + s·x.
#[inline(always)]
pub(crate) fn axpy(s: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = s.mul_add(*x, *y);
    }
}

/// y ← y + Σ sᵢxᵢ over four vectors, which saves reading and writing `y` three times.
#[inline(always)]
pub(crate) fn axpy4(s: [f64; 4], x: [&[f64]; 4], y: &mut [f64]) {
    let n = y.len();
    let [x0, x1, x2, x3] = x.map(|x| &x[..n]);
    for j in 0..n {
        y[j] = s[3].mul_add(x3[j], s[2].mul_add(x2[j], s[1].mul_add(x1[j], s[0].mul_add(x0[j], y[j]))));
    }
}

/// The eight running sums as one.
#[inline(always)]
pub(crate) fn fold(r: [f64; LANES]) -> f64 {
    ((r[0] + r[4]) + (r[2] + r[6])) + ((r[1] + r[5]) + (r[3] + r[7]))
}

/// eˣ for x from −708 to 0, to about one unit in the last place; smaller x count as −708, whose power is nearly the least
/// normal number. By reduction to |r| ≤ ln 2 / 2 and the Taylor polynomial of degree 13.
#[inline(always)]
pub(crate) fn exp_negative(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// Adding and subtracting it rounds to a whole number, which stays in the low bits meanwhile.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const INVERSE_FACTORIALS: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];

    let x = if x < -708.0 { -708.0 } else { x };
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let r = (-whole).mul_add(LN2_LOW, (-whole).mul_add(LN2_HIGH, x));
    let mut p = INVERSE_FACTORIALS[0];
    for c in &INVERSE_FACTORIALS[1..] {
        p = p.mul_add(r, *c);
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(1023);
    p * f64::from_bits(exponent << 52)
}

/// ln(1 + e) for e from 0 to 1, to a few units in the last place: 2·artanh(e / (2 + e)) by its series.
#[inline(always)]
pub(crate) fn ln_1p_unit(e: f64) -> f64 {
    /// sᵏ/k with s² ≤ 1/9: the terms left out are below 1e-17 of the sum.
    const TERMS: usize = 17;
    let s = e / (2.0 + e);
    let square = s * s;
    let mut p = 1.0 / (2 * TERMS + 1) as f64;
    for k in (0..TERMS).rev() {
        p = p.mul_add(square, 1.0 / (2 * k + 1) as f64);
    }
    2.0 * s * p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_as_exact_as_the_standard_ones() {
        for i in 0..=100_000 {
            let x = -f64::from(i) * 0.007_08;
            let (found, expected) = (exp_negative(x), x.exp());
            assert!((found - expected).abs() <= 2.0 * f64::EPSILON * expected, "{x}: {found}, {expected}");
        }
        assert_eq!(exp_negative(0.0).to_bits(), 1.0_f64.to_bits());
        assert!(exp_negative(f64::NEG_INFINITY) < 1e-307);
    }

    #[test]
    fn logarithms_are_as_exact_as_the_standard_ones() {
        for e in (0..=10_000).map(|i| f64::from(i) / 10_000.0).chain([1e-300, 1e-17, 1e-8]) {
            let (found, expected) = (ln_1p_unit(e), e.ln_1p());
            assert!((found - expected).abs() <= 3.0 * f64::EPSILON * expected, "{e}: {found}, {expected}");
        }
    }

    #[test]
    fn products_are_the_same_with_and_without_vectors() {
        let a: Vec<f64> = (0..37).map(|i| f64::from(i).sin()).collect();
        let b: Vec<f64> = (0..37).map(|i| f64::from(i).cos()).collect();
        assert_eq!(dispatch(|| dot(&a, &b)).to_bits(), dot(&a, &b).to_bits());
        let mut once = b.clone();
        axpy(2.0, &a, &mut once);
        let mut four = b.clone();
        axpy4([0.5; 4], [&a; 4], &mut four);
        for ((once, four), (a, b)) in once.iter().zip(&four).zip(a.iter().zip(&b)) {
            assert!((once - (b + 2.0 * a)).abs() < 1e-15 && (four - once).abs() < 1e-15);
        }
    }
}
