//! Round numbers and how they are written: steps of ticks and ranges, words at ticks and in tips.

/// The smallest round step not below `raw`.
pub(crate) fn nice_step(raw: f64) -> f64 {
    Step::nice(raw).size()
}

/// A tick step: 1, 2, 2.5 or 5 times a power of ten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    digit: f64,
    exponent: i32,
}

impl Step {
    pub(crate) const ONE: Self = Self { digit: 1.0, exponent: 0 };

    /// The smallest step not below `raw`.
    pub(crate) fn nice(raw: f64) -> Self {
        let exponent = (raw.log10().floor() as i32).max(-307);
        let share = raw / 10f64.powi(exponent);
        let digit = [1.0, 2.0, 2.5, 5.0].into_iter().find(|d| share <= d * (1.0 + 1e-9));
        match digit {
            Some(digit) => Self { digit, exponent },
            None => Self { digit: 1.0, exponent: exponent + 1 },
        }
    }

    /// The first and the last multiple between `lo` and `hi`; an end that is a multiple counts in spite of rounding.
    pub(crate) fn within(self, lo: f64, hi: f64) -> (f64, f64) {
        const ROUNDING: f64 = 1e-9;
        ((lo / self.size() - ROUNDING).ceil(), (hi / self.size() + ROUNDING).floor())
    }

    /// How many multiples lie between `lo` and `hi`.
    pub(crate) fn count(self, lo: f64, hi: f64) -> f64 {
        let (first, last) = self.within(lo, hi);
        last - first + 1.0
    }

    pub(crate) fn size(self) -> f64 {
        self.times(1.0)
    }

    /// `n` steps. Dividing by a power of ten gives the nearest double, which multiplying by its inverse would not.
    pub(crate) fn times(self, n: f64) -> f64 {
        if self.exponent < 0 {
            n * self.digit / 10f64.powi(-self.exponent)
        } else {
            n * self.digit * 10f64.powi(self.exponent)
        }
    }
}

/// How the numbers of one axis are written: all with the same number of decimals and the same unit.
#[derive(Debug, Clone)]
pub(crate) struct NumberFormat {
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Decimal { divisor: f64, suffix: &'static str, decimals: usize },
    Scientific { decimals: usize },
}

impl NumberFormat {
    pub(crate) fn new(step: Step, largest: f64) -> Self {
        // Decimals of the step itself: 2.5 has one more than its exponent tells.
        let decimals = |exponent: i32| (i32::from(step.digit.fract() != 0.0) - exponent).max(0) as usize;
        let form = if largest >= 1e15 || (largest < 1e-4 && largest > 0.0) {
            let top = largest.log10().floor() as i32;
            Form::Scientific { decimals: decimals(step.exponent - top).min(15) }
        } else {
            let (divisor, suffix, power) = match largest {
                v if v >= 1e12 => (1e12, "T", 12),
                v if v >= 1e9 => (1e9, "B", 9),
                v if v >= 1e7 => (1e6, "M", 6),
                _ => (1.0, "", 0),
            };
            if decimals(step.exponent - power) <= 3 || power == 0 {
                Form::Decimal { divisor, suffix, decimals: decimals(step.exponent - power) }
            } else {
                Form::Decimal { divisor: 1.0, suffix: "", decimals: decimals(step.exponent) }
            }
        };
        Self { form }
    }

    pub(crate) fn words(&self, value: f64) -> String {
        let written = match self.form {
            _ if value == 0.0 => "0".to_owned(),
            Form::Decimal { divisor, suffix, decimals } => {
                format!("{}{suffix}", grouped(&format!("{:.decimals$}", value.abs() / divisor)))
            }
            Form::Scientific { decimals } => format!("{:.decimals$e}", value.abs()).replace('-', "−"),
        };
        if value < 0.0 { format!("−{written}") } else { written }
    }
}

/// Commas between thousands, from 10,000 on so that years stay as they are.
fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
    let mut out = String::with_capacity(number.len() + 4);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && whole.len() > 4 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// `value` as a reader writes it: no exponent for ordinary sizes, no needless decimals.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-4..1e15).contains(&size) {
        let decimals = (5 - size.log10().floor() as i32).clamp(0, 9) as usize;
        let written = format!("{size:.decimals$}");
        let written =
            if written.contains('.') { written.trim_end_matches('0').trim_end_matches('.') } else { &written };
        format!("{}{}", if value < 0.0 { "−" } else { "" }, grouped(written))
    } else {
        format!("{value:.3e}").replace('-', "−")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_shortly() {
        let cases = [
            (0.0, "0"),
            (-2.5, "−2.5"),
            (3.07, "3.07"),
            (1234.5, "1234.5"),
            (12345.0, "12,345"),
            (0.1 + 0.2, "0.3"),
            (1e20, "1.000e20"),
            (-1e-9, "−1.000e−9"),
            (100.0, "100"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }
}
