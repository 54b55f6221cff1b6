//! Dates and timestamps as text, the way SQLite keeps them, and as the numbers that Arrow keeps.
//!
//! Stored text is `YYYY-MM-DD` and `YYYY-MM-DD HH:MM:SS[.ffffff]` (trailing zeros of the fraction dropped):
//! the form of SQLite's own functions, which sorts as the moments do. Years are 0000 to 9999.

const DAY: i64 = 86_400_000_000;

/// Appends the day, counted from 1970-01-01; false if its year has not four digits.
pub(crate) fn write_date(out: &mut String, days: i32) -> bool {
    let (year, month, day) = civil(i64::from(days));
    if !(0..=9999).contains(&year) {
        return false;
    }
    digits(out, year as u64, 4);
    out.push('-');
    digits(out, month, 2);
    out.push('-');
    digits(out, day, 2);
    true
}

/// Appends the moment, in microseconds from 1970-01-01; false if its year has not four digits.
pub(crate) fn write_timestamp(out: &mut String, microseconds: i64, separator: char) -> bool {
    let days = microseconds.div_euclid(DAY);
    let within = microseconds.rem_euclid(DAY) as u64;
    if !i32::try_from(days).is_ok_and(|days| write_date(out, days)) {
        return false;
    }
    let (seconds, mut fraction) = (within / 1_000_000, within % 1_000_000);
    out.push(separator);
    digits(out, seconds / 3600, 2);
    out.push(':');
    digits(out, seconds / 60 % 60, 2);
    out.push(':');
    digits(out, seconds % 60, 2);
    if fraction > 0 {
        let mut width = 6;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        out.push('.');
        digits(out, fraction, width);
    }
    true
}

/// The day of `YYYY-MM-DD`, counted from 1970-01-01.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let (days, rest) = date(text.as_bytes())?;
    rest.is_empty().then_some(days)
}

/// The moment of `YYYY-MM-DD[( |T)HH:MM[:SS[.fraction]][Z|±HH[:MM]]]`, in microseconds from 1970-01-01. An offset
/// is taken off, which leaves UTC.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let (days, rest) = date(text.as_bytes())?;
    let midnight = i64::from(days) * DAY;
    let Some((b' ' | b'T' | b't', rest)) = rest.split_first() else {
        return rest.is_empty().then_some(midnight);
    };
    let (hour, rest) = number(rest, 2)?;
    let (minute, mut rest) = number(rest.strip_prefix(b":")?, 2)?;
    let (mut second, mut fraction) = (0, 0);
    if let Some(after) = rest.strip_prefix(b":") {
        (second, rest) = number(after, 2)?;
        if let Some(after) = rest.strip_prefix(b".") {
            let length = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if length == 0 {
                return None;
            }
            let kept = length.min(6);
            fraction = number(after, kept)?.0 * 10_i64.pow(6 - kept as u32);
            rest = &after[length..];
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(midnight + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction - offset(rest)?)
}

/// The moment now, in RFC 3339 to the second, UTC.
pub(crate) fn now() -> String {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut out = String::with_capacity(20);
    write_timestamp(&mut out, elapsed.as_secs() as i64 * 1_000_000, 'T');
    out.push('Z');
    out
}

fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [] | b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2)?;
    let (minutes, rest) = if rest.is_empty() { (0, rest) } else { number(rest.strip_prefix(b":").unwrap_or(rest), 2)? };
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000_000)
}

fn date(text: &[u8]) -> Option<(i32, &[u8])> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix(b"-")?, 2)?;
    let (day, rest) = number(rest.strip_prefix(b"-")?, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    (1..=longest).contains(&day).then(|| (days_from_civil(year, month, day) as i32, rest))
}

/// The number of exactly `width` digits at the start, and what follows.
fn number(text: &[u8], width: usize) -> Option<(i64, &[u8])> {
    let (head, rest) = text.split_at_checked(width)?;
    let mut value = 0;
    for byte in head {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some((value, rest))
}

fn digits(out: &mut String, value: u64, width: u32) {
    for place in (0..width).rev() {
        out.push(char::from(b'0' + (value / 10_u64.pow(place) % 10) as u8));
    }
}

// The two conversions count from 0000-03-01 in eras of 400 years, so that the leap day ends a year.

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil(days: i64) -> (i64, u64, u64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month as u64, day as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timestamp_text(microseconds: i64) -> String {
        let mut out = String::new();
        assert!(write_timestamp(&mut out, microseconds, ' '));
        out
    }

    #[test]
    fn dates() {
        let cases = [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11_016)),
            ("0000-01-01", Some(-719_528)),
            ("9999-12-31", Some(2_932_896)),
            ("1900-02-29", None),
            ("2024-13-01", None),
            ("2024-00-01", None),
            ("2024-04-31", None),
            ("2024-1-1", None),
            ("2024-01-01 ", None),
            ("", None),
            ("é024-01-01", None),
        ];
        for (text, days) in cases {
            assert_eq!(parse_date(text), days, "{text}");
        }
    }

    #[test]
    fn timestamps() {
        let cases = [
            ("1970-01-01 00:00:00", Some(0)),
            ("1970-01-01", Some(0)),
            ("1970-01-01T00:01", Some(60_000_000)),
            ("1970-01-01 00:00:00.5", Some(500_000)),
            ("1970-01-01 00:00:00.1234567", Some(123_456)),
            ("1970-01-01T01:00:00Z", Some(3_600_000_000)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1970-01-01T01:00:00-0130", Some(9_000_000_000)),
            ("1969-12-31 23:59:59.999999", Some(-1)),
            ("1970-01-01 24:00:00", None),
            ("1970-01-01 00:00:00.", None),
            ("1970-01-01 00:00:00 UTC", None),
            ("1970-01-01x00:00:00", None),
        ];
        for (text, microseconds) in cases {
            assert_eq!(parse_timestamp(text), microseconds, "{text}");
        }
    }

    #[test]
    fn years_of_five_digits_are_refused() {
        assert!(!write_date(&mut String::new(), 2_932_897));
        assert!(!write_date(&mut String::new(), -719_529));
        assert!(!write_timestamp(&mut String::new(), i64::MAX, ' '));
        assert!(!write_timestamp(&mut String::new(), i64::MIN, ' '));
    }

    proptest! {
        #[test]
        fn every_date_comes_back(days in -719_528..=2_932_896) {
            let mut text = String::new();
            prop_assert!(write_date(&mut text, days));
            prop_assert_eq!(parse_date(&text), Some(days));
        }

        #[test]
        fn every_timestamp_comes_back_and_sorts(
            a in -62_167_219_200_000_000..253_402_300_800_000_000_i64,
            gap in prop_oneof![0..10_i64, 0..10_000_000_i64, 0..1_000_000_000_000_i64],
        ) {
            let b = (a + gap).min(253_402_300_799_999_999);
            prop_assert_eq!(parse_timestamp(&timestamp_text(a)), Some(a));
            prop_assert_eq!(timestamp_text(a).cmp(&timestamp_text(b)), a.cmp(&b));
        }

        #[test]
        fn any_text_is_refused_or_read(text in "[0-9T: .+-]{0,30}|\\PC*") {
            let _ = (parse_date(&text), parse_timestamp(&text));
        }
    }
}
