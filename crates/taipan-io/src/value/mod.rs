//! One value as text to one value as a type: integers, floats, booleans, dates, timestamps. Each answers `None` for
//! whatever it would have to guess at or to round.

mod float;

use std::ops::Range;

pub(crate) use float::{float, is_float, small_exponent};

/// 2^53, up to which every integer is a float exactly.
pub(crate) const EXACT: u64 = 1 << 53;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Whether a token stands for a missing value, in columns that are not text.
pub(crate) fn is_missing(value: &[u8]) -> bool {
    matches!(value, b"" | b"NA" | b"N/A" | b"NaN" | b"null" | b"NULL" | b"None")
}

/// An integer: digits with an optional minus. A leading zero, a plus or `-0` would be lost in one, and is none.
#[inline]
pub(crate) fn int(value: &[u8]) -> Option<i64> {
    let (negative, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] => None,
        [b'0', rest @ ..] => (rest.is_empty() && !negative).then_some(0),
        _ if digits.len() > 19 => None,
        _ => {
            // Nineteen digits fit u64.
            let mut number = 0u64;
            for byte in digits {
                let digit = byte.wrapping_sub(b'0');
                if digit > 9 {
                    return None;
                }
                number = number * 10 + u64::from(digit);
            }
            if negative { 0i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() }
        }
    }
}

/// The same for a part of a text: up to eight digits at once, of which there are most often no more. What stands behind the
/// part is read but does not count.
#[inline]
pub(crate) fn int_in(text: &[u8], part: Range<usize>) -> Option<i64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const SEVENS: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let Some(eight) = text.get(part.start..).and_then(<[u8]>::first_chunk::<8>) else { return int(text.get(part)?) };
    let word = u64::from_le_bytes(*eight);
    // Signs come and go from row to row, so they are no branch.
    let negative = word as u8 == b'-';
    let sign = usize::from(negative);
    let length = part.len().wrapping_sub(sign);
    if length == 0 || length > 8 - sign {
        return int(text.get(part)?);
    }
    let digits = word >> (8 * sign);
    let leads = digits as u8 == b'0';
    // Zeros before the first digit, so that there are always eight.
    let empty = 8 - length;
    let digits = (digits << (8 * empty) | (ZEROS & !(u64::MAX << (8 * empty)))) ^ ZEROS;
    // A byte above nine gets its highest bit, and no byte carries into the next.
    if (((digits & SEVENS) + 0x7676_7676_7676_7676) | digits) & !SEVENS != 0 || (leads && length + sign > 1) {
        return None;
    }
    let number = joined(digits) as i64;
    Some(if negative { -number } else { number })
}

/// Eight digits, the first in the lowest byte, as a number: pairs, then pairs of pairs, then all.
#[inline]
fn joined(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let low = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    high.wrapping_add(low) >> 32
}

/// `true` or `false` in any case.
pub(crate) fn boolean(value: &[u8]) -> Option<bool> {
    match value.len() {
        4 if value.eq_ignore_ascii_case(b"true") => Some(true),
        5 if value.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// `2024-02-29` as days since 1970-01-01.
pub(crate) fn date(value: &[u8]) -> Option<i32> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = value else { return None };
    let year = number(&[y0, y1, y2, y3])?;
    let month = number(&[m0, m1])?;
    let day = number(&[d0, d1])?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    // Days from civil: the year begins in March, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2024-02-29T12:30[:15[.123456]]`, a space for the `T`, or a date alone, as microseconds since 1970-01-01 00:00. A zone,
/// or a digit beyond microseconds, would be lost and is none.
pub(crate) fn timestamp(value: &[u8]) -> Option<i64> {
    let (day, time) = value.split_at_checked(10)?;
    let midnight = i64::from(date(day)?) * MICROS_PER_DAY;
    let time = match time {
        [] => return Some(midnight),
        [b'T' | b' ', time @ ..] => time,
        _ => return None,
    };
    let (&[h0, h1, b':', m0, m1], rest) = time.split_first_chunk::<5>()? else { return None };
    let hour = number(&[h0, h1]).filter(|hour| *hour < 24)?;
    let minute = number(&[m0, m1]).filter(|minute| *minute < 60)?;
    let (second, fraction) = match rest {
        [] => (0, 0),
        &[b':', s0, s1] => (number(&[s0, s1])?, 0),
        &[b':', s0, s1, b'.', ref fraction @ ..] => (number(&[s0, s1])?, micros(fraction)?),
        _ => return None,
    };
    if second > 59 {
        return None;
    }
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some(midnight + seconds * 1_000_000 + i64::from(fraction))
}

/// A time with its zone behind it, `Z`, `+02:00`, `+0200` or `+02`, as microseconds since 1970-01-01 00:00 in UTC.
pub(crate) fn instant(value: &[u8]) -> Option<i64> {
    let (time, east) = match value {
        [time @ .., b'Z' | b'z'] => (time, 0),
        &[ref time @ .., sign @ (b'+' | b'-'), h0, h1, b':', m0, m1]
        | &[ref time @ .., sign @ (b'+' | b'-'), h0, h1, m0, m1] => (time, offset(sign, [h0, h1], [m0, m1])?),
        &[ref time @ .., sign @ (b'+' | b'-'), h0, h1] => (time, offset(sign, [h0, h1], *b"00")?),
        _ => return None,
    };
    // A date alone has no zone.
    if time.len() <= 10 {
        return None;
    }
    Some(timestamp(time)? - i64::from(east) * 60_000_000)
}

/// A time with or without its zone; one without is taken for UTC.
pub(crate) fn moment(value: &[u8]) -> Option<i64> {
    timestamp(value).or_else(|| instant(value))
}

/// A zone as minutes east of Greenwich.
fn offset(sign: u8, hours: [u8; 2], minutes: [u8; 2]) -> Option<i32> {
    let hours = number(&hours).filter(|hours| *hours < 24)?;
    let minutes = number(&minutes).filter(|minutes| *minutes < 60)?;
    let east = hours * 60 + minutes;
    Some(if sign == b'-' { -east } else { east })
}

/// The digits after a decimal point as millionths.
fn micros(digits: &[u8]) -> Option<i32> {
    let (kept, lost) = digits.split_at(digits.len().min(6));
    if kept.is_empty() || lost.iter().any(|byte| *byte != b'0') {
        return None;
    }
    Some(number(kept)? * 10i32.pow(6 - kept.len() as u32))
}

/// Up to nine digits.
fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers() {
        let cases = [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("01", None),
            ("+1", None),
            ("1.0", None),
            ("1 ", None),
        ];
        for (text, expected) in cases {
            assert_eq!(int(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn dates_and_timestamps() {
        let day = MICROS_PER_DAY;
        let cases = [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-day)),
            ("2000-03-01", Some(11_017 * day)),
            ("0000-01-01", Some(-719_528 * day)),
            ("1900-02-29", None),
            ("2024-13-01", None),
            ("2024-1-1", None),
            ("1970-01-02T00:00", Some(day)),
            ("1970-01-01 00:00:01", Some(1_000_000)),
            ("1970-01-01T00:00:00.5", Some(500_000)),
            ("1970-01-01T00:00:00.5Z", None),
            ("1970-01-01T00:00:00.123456000", Some(123_456)),
            ("1970-01-01T00:00:00.1234567", None),
            ("1970-01-01T24:00:00", None),
            ("1970-01-01T00:60:00", None),
            ("1970-01-01T00:00:60", None),
            ("1970-01-01T00:00:00+02:00", None),
            ("1970-01-01T00:00:00.", None),
            ("1970-01-01T", None),
        ];
        for (text, expected) in cases {
            assert_eq!(timestamp(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn instants() {
        let hour = 3_600_000_000;
        let cases = [
            ("1970-01-01T00:00:00.5Z", Some(500_000)),
            ("1970-01-01 00:00z", Some(0)),
            ("1970-01-01T02:00:00+02:00", Some(0)),
            ("1970-01-01T00:00:00-0130", Some(hour * 3 / 2)),
            ("1970-01-01 00:00+01", Some(-hour)),
            ("1970-01-01T00:00:00-00:00", Some(0)),
            ("1970-01-01T00:00:00", None),
            ("1970-01-01", None),
            ("1970-01-01Z", None),
            ("1970-01-01+01:00", None),
            ("1970-01-01T00:00+24:00", None),
            ("1970-01-01T00:00+01:60", None),
            ("1970-01-01T00:00+1", None),
            ("1970-01-01T00:00 +01:00", None),
            ("Z", None),
            ("-01", None),
        ];
        for (text, expected) in cases {
            assert_eq!(instant(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(moment(b"1970-01-01T01:00Z"), moment(b"1970-01-01T01:00"));
    }

    proptest! {
        #[test]
        fn integers_within_a_text(before in ".{0,3}", value in "-?[0-9]{0,10}|-?0[0-9]{0,2}|-{0,2}[0-9a :./-]{0,9}", after in ".{0,12}") {
            let text = format!("{before}{value}{after}");
            let part = before.len()..before.len() + value.len();
            prop_assert_eq!(int_in(text.as_bytes(), part), int(value.as_bytes()), "{}", text);
        }

        #[test]
        fn integers_print_and_read_back(number: i64) {
            prop_assert_eq!(int(number.to_string().as_bytes()), Some(number));
        }

        #[test]
        fn no_text_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (int(&bytes), float(&bytes), boolean(&bytes), date(&bytes), timestamp(&bytes), instant(&bytes));
        }
    }
}
