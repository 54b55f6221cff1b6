//! Numbers compared by their exact value, whatever their length: most as integers or floats, which are as exact for so
//! few digits, the rest digit by digit.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::value::small_exponent;

/// Up to this many digits, decimals and the floats nearest to them are in the same order.
const EXACT_DIGITS: usize = 15;

/// The integers that have so many digits at most.
const EXACT_INTEGERS: u64 = 1_000_000_000_000_000;

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A number in the form that compares fastest.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number<'a> {
    Int(i64),
    /// A float from a column, or a decimal of few digits.
    Float(f64),
    /// A decimal that neither holds.
    Long(&'a str),
}

/// A number whose text is kept elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kept {
    Int(i64),
    Float(f64),
    Long,
}

impl Kept {
    pub(super) fn of(number: Number<'_>) -> Self {
        match number {
            Number::Int(int) => Self::Int(int),
            Number::Float(float) => Self::Float(float),
            Number::Long(_) => Self::Long,
        }
    }

    pub(super) fn number(self, text: &str) -> Number<'_> {
        match self {
            Self::Int(int) => Number::Int(int),
            Self::Float(float) => Number::Float(float),
            Self::Long => Number::Long(text),
        }
    }
}

impl<'a> Number<'a> {
    /// Reads `-12`, `+0.5`, `.5`, `5.`, `1e-3`, with leading zeros if there are some; nothing else.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, rest) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] | rest => (false, rest),
        };
        let (mut mantissa, mut digits, mut significant, mut scale, mut point) = (0u64, 0usize, 0usize, 0i32, false);
        let mut at = 0;
        while let Some(&byte) = rest.get(at) {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                digits += 1;
                if significant > 0 || digit > 0 {
                    significant += 1;
                }
                // Wraps beyond nineteen digits; then the result is not used.
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
                scale -= i32::from(point);
            } else if byte == b'.' && !point {
                point = true;
            } else {
                break;
            }
            at += 1;
        }
        if digits == 0 {
            return None;
        }
        let exponent = match rest.get(at..) {
            None | Some([]) => None,
            Some([b'e' | b'E', exponent @ ..]) => Some(small_exponent(exponent)?),
            Some(_) => return None,
        };
        if !point && exponent.is_none() && significant <= 19 {
            let int = if negative { 0i64.checked_sub_unsigned(mantissa) } else { i64::try_from(mantissa).ok() };
            return Some(int.map_or(Self::Long(text), Self::Int));
        }
        let scale = scale.saturating_add(exponent.unwrap_or(0));
        if significant <= EXACT_DIGITS
            && let Some(&power) = POWERS.get(scale.unsigned_abs() as usize)
        {
            // Both factors are exact, so the one operation rounds once, correctly.
            let float = mantissa as f64;
            let float = if scale < 0 { float / power } else { float * power };
            return Some(Self::Float(if negative { -float } else { float }));
        }
        Some(Self::Long(text))
    }

    /// The order of two numbers; NaN is equal to itself and greater than all others.
    pub(super) fn cmp(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
            (Self::Int(a), Self::Float(b)) => match int_to_float(a, b) {
                Some(ordering) => ordering,
                None => digits(&self.text(), &other.text()),
            },
            (Self::Float(_), Self::Int(_)) => other.cmp(self).reverse(),
            (Self::Long(_), Self::Float(b)) if !b.is_finite() => {
                if b == f64::NEG_INFINITY {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (Self::Float(a), _) if !a.is_finite() => other.cmp(self).reverse(),
            (a, b) => digits(&a.text(), &b.text()),
        }
    }

    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Int(int) => Cow::Owned(int.to_string()),
            Self::Float(float) => Cow::Owned(float.to_string()),
            Self::Long(text) => Cow::Borrowed(text),
        }
    }
}

fn int_to_float(int: i64, float: f64) -> Option<Ordering> {
    if int.unsigned_abs() <= EXACT_INTEGERS {
        return Some((int as f64).partial_cmp(&float).unwrap_or(Ordering::Less));
    }
    if !float.is_finite() {
        return Some(if float == f64::NEG_INFINITY { Ordering::Greater } else { Ordering::Less });
    }
    None
}

/// A decimal as sign, exponent of its first digit that is not zero, and the digits from there on.
struct Decimal<'a> {
    negative: bool,
    magnitude: i64,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Decimal<'a> {
    /// Nothing for zero, which has no first digit.
    fn new(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let negative = bytes.first() == Some(&b'-');
        let bytes = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
        let end = bytes.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(bytes.len());
        let (mantissa, exponent) = bytes.split_at_checked(end)?;
        let exponent = exponent.get(1..).map_or(0, |exponent| i64::from(small_exponent(exponent).unwrap_or(0)));
        let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        let (whole, fraction) = mantissa.split_at_checked(point)?;
        let fraction = fraction.get(1..).unwrap_or_default();
        let first = |digits: &[u8]| digits.iter().position(|digit| *digit != b'0');
        if let Some(zeros) = first(whole) {
            let whole = whole.get(zeros..)?;
            return Some(Self { negative, magnitude: whole.len() as i64 + exponent, whole, fraction });
        }
        let zeros = first(fraction)?;
        let fraction = fraction.get(zeros..)?;
        Some(Self { negative, magnitude: exponent - zeros as i64, whole: &[], fraction })
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.whole.iter().chain(self.fraction).copied()
    }

    fn absolute(&self, other: &Self) -> Ordering {
        self.magnitude.cmp(&other.magnitude).then_with(|| {
            let (mut a, mut b) = (self.digits(), other.digits());
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return Ordering::Equal,
                    (x, y) => match x.unwrap_or(b'0').cmp(&y.unwrap_or(b'0')) {
                        Ordering::Equal => {}
                        unequal => return unequal,
                    },
                }
            }
        })
    }
}

/// Compares two decimals digit by digit.
fn digits(a: &str, b: &str) -> Ordering {
    let sign = |decimal: &Option<Decimal>| decimal.as_ref().map_or(0, |d| if d.negative { -1 } else { 1 });
    let (a, b) = (Decimal::new(a), Decimal::new(b));
    sign(&a).cmp(&sign(&b)).then_with(|| match (a, b) {
        (Some(a), Some(b)) if a.negative => b.absolute(&a),
        (Some(a), Some(b)) => a.absolute(&b),
        _ => Ordering::Equal,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn in_order() {
        let ordered = [
            "-1e400",
            "-9223372036854775809",
            "-9223372036854775808",
            "-9007199254740993",
            "-9007199254740992.5",
            "-1.5",
            "-1e-400",
            "0",
            "1e-400",
            "1e-30",
            "0.1",
            "0.10000000000000000555",
            "1",
            "1.000000000000000000001",
            "007",
            "9007199254740992",
            "9007199254740992.5",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "123456789012345678901234567890",
            "123456789012345678901234567891",
            "1e99999999999",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                let (x, y) = (Number::parse(a).unwrap(), Number::parse(b).unwrap());
                assert_eq!(x.cmp(y), i.cmp(&j), "{a} and {b}");
            }
        }
        for (a, b) in [("0", "-0.0"), ("1e2", "100"), ("100000000000000000000", "1e20"), (".5", "+0.50"), ("5.", "5")] {
            assert_eq!(Number::parse(a).unwrap().cmp(Number::parse(b).unwrap()), Ordering::Equal, "{a} and {b}");
        }
        for text in ["", "-", ".", "1e", "e5", "1x", " 1", "inf", "NaN", "0x1", "1.2.3", "+-1"] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_not_finite_has_a_place_too() {
        let (inf, nan) = (Number::Float(f64::INFINITY), Number::Float(f64::NAN));
        for text in ["1", "0.5", "1e400", "9223372036854775807"] {
            let number = Number::parse(text).unwrap();
            assert_eq!(number.cmp(inf), Ordering::Less);
            assert_eq!(inf.cmp(number), Ordering::Greater);
            assert_eq!(number.cmp(Number::Float(f64::NEG_INFINITY)), Ordering::Greater);
            assert_eq!(number.cmp(nan), Ordering::Less);
        }
        assert_eq!((inf.cmp(nan), nan.cmp(nan), nan.cmp(inf)), (Ordering::Less, Ordering::Equal, Ordering::Greater));
    }

    proptest! {
        #[test]
        fn the_fast_ways_are_the_exact_one(a in "-?[0-9]{0,3}0{0,12}[0-9]{1,4}(\\.[0-9]{1,9})?(e-?[0-9]{1,2})?",
                                           b in "-?[0-9]{0,3}0{0,12}[0-9]{1,4}(\\.[0-9]{1,9})?(e-?[0-9]{1,2})?") {
            let expected = digits(&a, &b);
            prop_assert_eq!(Number::parse(&a).unwrap().cmp(Number::parse(&b).unwrap()), expected, "{} {}", a, b);
        }

        #[test]
        fn floats_compare_as_what_they_are_written_as(a: f64, b in "-?[0-9]{1,12}(\\.[0-9]{1,3})?") {
            prop_assume!(a.is_finite());
            let expected = digits(&a.to_string(), &b);
            prop_assert_eq!(Number::Float(a).cmp(Number::parse(&b).unwrap()), expected);
        }
    }
}
