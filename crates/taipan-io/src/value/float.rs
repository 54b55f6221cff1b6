//! Decimal numbers as floats, correctly rounded, eight digits at a time.
//!
//! Up to 2^53 and 10^22 one exact operation on exact factors rounds right (Clinger). Beyond, a number of up to nineteen
//! digits is multiplied by a 128-bit power of five; the product's upper bits decide the rounding unless it is too near
//! to a tie (Eisel and Lemire, "Number parsing at a gigabyte per second", 2021). What is left goes to the standard library.

use super::{EXACT, joined};

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The largest power whose five fits 64 bits, so that the product below decides every rounding.
const FIVES: usize = 27;

/// 5^-27 to 5^27, shifted so that the highest bit is set: exact for the positive, rounded up for the negative.
static POWERS_OF_FIVE: [u128; 2 * FIVES + 1] = powers_of_five();

const fn powers_of_five() -> [u128; 2 * FIVES + 1] {
    let mut powers = [0; 2 * FIVES + 1];
    let mut five = 1u64;
    let mut power = 0;
    while power <= FIVES {
        powers[FIVES - power] = reciprocal(five);
        powers[FIVES + power] = (five as u128) << (five as u128).leading_zeros();
        if power < FIVES {
            five *= 5;
        }
        power += 1;
    }
    powers
}

/// 2^(127 + ceil(log2 five)) / five, rounded up; 2^127 for one.
const fn reciprocal(five: u64) -> u128 {
    if five == 1 {
        return 1 << 127;
    }
    // The first digit of the long division is 2^bits / five, which is one; then 127 bits follow, 64 and 63 at a time.
    let bits = 64 - five.leading_zeros();
    let divisor = five as u128;
    let first = (1u128 << bits) - divisor;
    let upper = (first << 64) / divisor;
    let rest = (first << 64) % divisor;
    let lower = (rest << 63) / divisor;
    (1 << 127) + (upper << 63) + lower + 1
}

/// Digits before and after a point, as one integer.
struct Mantissa {
    /// Wraps beyond nineteen digits.
    number: u64,
    digits: usize,
    /// The place of the point in the text.
    point: Option<usize>,
    /// Where the digits end.
    end: usize,
}

/// A float, correctly rounded: `-1.5`, `.5`, `2e-3`, `inf`. An integer that a float would round is none, nor is a
/// number beyond the range of floats.
#[inline]
pub(crate) fn float(value: &[u8]) -> Option<f64> {
    let (negative, rest) = match value {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mantissa = mantissa(rest);
    if mantissa.digits == 0 {
        return infinity(rest).map(|infinity| if negative { -infinity } else { infinity });
    }
    if let [b'0', b'0'..=b'9', ..] = rest {
        return None;
    }
    let scale = mantissa.point.map_or(0, |point| -((mantissa.end - point - 1) as i32));
    let exponent = match rest.get(mantissa.end..) {
        Some([]) | None => None,
        Some([b'e' | b'E', exponent @ ..]) => Some(small_exponent(exponent)?),
        Some(_) => return None,
    };
    let whole = mantissa.digits <= 19;
    let exact = whole && mantissa.number <= EXACT;
    if mantissa.point.is_none() && exponent.is_none() && !exact {
        return None;
    }
    let scale = scale.saturating_add(exponent.unwrap_or(0));
    // Both factors are exact, so the one operation rounds once, correctly.
    let number = if exact && let Some(&power) = POWERS.get(scale.unsigned_abs() as usize) {
        let number = mantissa.number as f64;
        if scale < 0 { number / power } else { number * power }
    } else if whole && let Some(number) = product(mantissa.number, scale) {
        number
    } else {
        let number: f64 = std::str::from_utf8(rest).ok()?.parse().ok()?;
        number.is_finite().then_some(number)?
    };
    Some(if negative { -number } else { number })
}

/// Whether [`float`] answers a number, told without computing it where the shape alone tells.
#[inline]
pub(crate) fn is_float(value: &[u8]) -> bool {
    let rest = value.strip_prefix(b"-").unwrap_or(value);
    let mantissa = mantissa(rest);
    let plain = mantissa.point.is_some() && mantissa.end == rest.len() && (1..=300).contains(&mantissa.digits);
    if plain { !matches!(rest, [b'0', b'0'..=b'9', ..]) } else { float(value).is_some() }
}

#[inline]
fn mantissa(text: &[u8]) -> Mantissa {
    let mut number = 0u64;
    let mut position = 0;
    let mut point = None;
    loop {
        // Short runs of digits are the rule before a point, and in most files behind it.
        while let Some(eight) = text.get(position..).and_then(<[u8]>::first_chunk::<8>) {
            let Some(eight) = eight_digits(u64::from_le_bytes(*eight)) else { break };
            number = number.wrapping_mul(100_000_000).wrapping_add(eight);
            position += 8;
        }
        while let Some(&byte) = text.get(position) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
            position += 1;
        }
        if point.is_some() || text.get(position) != Some(&b'.') {
            break;
        }
        point = Some(position);
        position += 1;
    }
    Mantissa { number, digits: position - usize::from(point.is_some()), point, end: position }
}

/// Eight bytes of text, the first in the lowest byte, as a number if all are digits.
#[inline]
fn eight_digits(text: u64) -> Option<u64> {
    let digits = text.wrapping_sub(0x3030_3030_3030_3030);
    let beyond = digits | text.wrapping_add(0x4646_4646_4646_4646);
    (beyond & 0x8080_8080_8080_8080 == 0).then(|| joined(digits))
}

/// `mantissa` times ten to the `power`, rounded to even; none where this way cannot tell or the power is too large.
#[inline]
fn product(mantissa: u64, power: i32) -> Option<f64> {
    const STORED_BITS: u32 = 52;
    let five = *POWERS_OF_FIVE.get(usize::try_from(power.saturating_add(FIVES as i32)).ok()?)?;
    if mantissa == 0 {
        return Some(0.0);
    }
    let shift = mantissa.leading_zeros();
    let factor = mantissa << shift;
    let wide = u128::from(factor) * (five >> 64);
    let (mut high, mut low) = ((wide >> 64) as u64, wide as u64);
    // The bits below the rounding bit are all ones: a carry from the lower half could pass through them.
    if high & 0x1ff == 0x1ff {
        let carried = ((u128::from(factor) * u128::from(five as u64)) >> 64) as u64;
        let (sum, carry) = low.overflowing_add(carried);
        low = sum;
        high += u64::from(carry);
    }
    let upper = (high >> 63) as u32;
    let kept_from = upper + 64 - STORED_BITS - 3;
    let mut bits = high >> kept_from;
    // floor(log2 10^power), by a fixed-point logarithm that holds in the table's range.
    let exponent = ((217_706 * power) >> 16) + 63 + upper as i32 - shift as i32;
    if low <= 1 && (-4..=23).contains(&power) && bits & 3 == 1 && bits << kept_from == high {
        bits &= !1;
    }
    bits = (bits + (bits & 1)) >> 1;
    let carry = bits >> (STORED_BITS + 1);
    let biased = (exponent + 1023 + carry as i32) as u64;
    // With nineteen digits and 27 powers the exponent stays far within the normal range.
    Some(f64::from_bits((biased << STORED_BITS) | ((bits >> carry) & ((1 << STORED_BITS) - 1))))
}

/// The digits behind an `e`; beyond 32 bits it stays at their end.
pub(crate) fn small_exponent(text: &[u8]) -> Option<i32> {
    let negative = text.first() == Some(&b'-');
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    let mut exponent = 0i32;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        exponent = exponent.saturating_mul(10).saturating_add(i32::from(digit));
    }
    Some(if negative { -exponent } else { exponent })
}

fn infinity(text: &[u8]) -> Option<f64> {
    (text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity")).then_some(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn floats() {
        let cases = [
            ("0.1", Some(0.1)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("-1.5e-3", Some(-0.0015)),
            ("1E+2", Some(100.0)),
            ("-inf", Some(f64::NEG_INFINITY)),
            ("Infinity", Some(f64::INFINITY)),
            ("9007199254740992", Some(9_007_199_254_740_992.0)),
            ("9007199254740993", None),
            ("123456789012345678901234567890", None),
            ("123456789012345678901234567890.5", Some(123_456_789_012_345_678_901_234_567_890.5)),
            ("1e999", None),
            ("1e99999999999", None),
            ("", None),
            (".", None),
            ("-", None),
            ("1e", None),
            ("00.5", None),
            ("+0.5", None),
            ("1.2.3", None),
            ("0x1p3", None),
        ];
        for (text, expected) in cases {
            assert_eq!(float(text.as_bytes()), expected, "{text}");
            assert_eq!(is_float(text.as_bytes()), expected.is_some(), "{text}");
        }
        assert!(float(b"-0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
    }

    #[test]
    fn eights() {
        let text = |text: &[u8; 8]| eight_digits(u64::from_le_bytes(*text));
        assert_eq!(text(b"12345678"), Some(12_345_678));
        assert_eq!(text(b"00000000"), Some(0));
        assert_eq!(text(b"99999999"), Some(99_999_999));
        for place in 0..8 {
            for other in (0..=255u8).filter(|byte| !byte.is_ascii_digit()) {
                let mut digits = *b"90909090";
                digits[place] = other;
                assert_eq!(text(&digits), None, "{other} at {place}");
            }
        }
    }

    #[test]
    fn powers_of_five_are_right_to_the_last_bit() {
        assert_eq!(POWERS_OF_FIVE[FIVES], 1 << 127);
        for power in 1..=FIVES {
            let five = 5u128.pow(power as u32);
            let (up, down) = (POWERS_OF_FIVE[FIVES + power], POWERS_OF_FIVE[FIVES - power]);
            assert_eq!(up, five << five.leading_zeros());
            // down = ceil(2^(127 + bits) / five): five times it, less that power of two, is above none and up to five.
            let bits = 128 - five.leading_zeros();
            let (low, high) = (down & u128::from(u64::MAX), down >> 64);
            let (low, high) = (low * five, high * five);
            let carried = high + (low >> 64);
            let over = ((carried - (1 << (63 + bits))) << 64) | (low & u128::from(u64::MAX));
            assert!((1..=five).contains(&over), "{power}");
        }
    }

    proptest! {
        #[test]
        fn floats_are_rounded_as_the_standard_library_does(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})(e-?[0-9]{1,2})?") {
            prop_assert_eq!(float(text.as_bytes()), text.parse::<f64>().ok());
            prop_assert!(is_float(text.as_bytes()));
        }

        #[test]
        fn every_float_reads_back(number: f64) {
            prop_assume!(number.is_finite());
            prop_assert_eq!(float(format!("{number:e}").as_bytes()), Some(number));
        }

        #[test]
        fn nineteen_digits_at_every_power(mantissa: u64, power in -40i32..40) {
            let text = format!("{mantissa}e{power}");
            prop_assert_eq!(float(text.as_bytes()), text.parse::<f64>().ok());
        }

        #[test]
        fn near_the_middle_of_two_floats(bits in 0u64..1 << 52, doubled in 1u32..=10, around in -1i64..=1, power in -4i32..=0) {
            // 54 bits and more, the last set: halfway between two floats, or next to it.
            let middle = ((((1 << 52) | bits) << 1) | 1) << (doubled - 1);
            let text = format!("{}e{power}", middle.saturating_add_signed(around));
            prop_assert_eq!(float(text.as_bytes()), text.parse::<f64>().ok());
        }

        #[test]
        fn the_shape_alone_tells(text in "-?[0-9]{0,12}\\.?[0-9]{0,12}(e-?[0-9]{0,4}|x)?") {
            prop_assert_eq!(is_float(text.as_bytes()), float(text.as_bytes()).is_some());
        }
    }
}
