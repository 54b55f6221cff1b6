//! Numbers, sizes and dates as people read them. The templates' filters of the same names call these.

/// A number with thousands separators: `1234567.5` as text becomes `1,234,567.5`. Text that is no plain decimal number
/// (an exponent, `NaN`) comes back as it was. Nothing is rounded.
pub fn thousands(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || fraction.is_some_and(|fraction| !is_number(fraction)) {
        return number.to_owned();
    }
    let mut text = String::with_capacity(number.len() + number.len() / 3);
    text.push_str(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// A number of bytes in decimal units, as file managers and networks count: `31.1 MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1_000.0;
    let mut unit = 0;
    // 999.95 would print as 1000.0 of the smaller unit.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// An RFC 3339 time to the minute: `2026-11-22T07:09:25Z` becomes `2026-11-22 07:09 UTC`. Other text comes back as it
/// was.
pub fn date(time: &str) -> String {
    let parsed = || {
        let day = time.get(..10)?;
        let digits =
            |text: &str, at: &[usize]| at.iter().all(|&at| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit));
        let is_day = digits(day, &[0, 1, 2, 3, 5, 6, 8, 9]) && day.get(4..5)? == "-" && day.get(7..8)? == "-";
        let clock = time.get(11..16)?;
        let is_clock =
            digits(clock, &[0, 1, 3, 4]) && clock.get(2..3)? == ":" && matches!(time.get(10..11)?, "T" | "t" | " ");
        let rest = time.get(16..)?;
        let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':' || c == '.');
        let zone = match zone {
            "Z" | "z" | "+00:00" => "UTC",
            zone if zone.len() == 6 && zone.starts_with(['+', '-']) => zone,
            _ => return None,
        };
        (is_day && is_clock).then(|| format!("{day} {clock} {zone}"))
    };
    parsed().unwrap_or_else(|| time.to_owned())
}

/// A count with its noun: `1 row`, `2,000 rows`.
pub fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", thousands(&count.to_string()))
}

/// Text as one part of a URL's path or query: everything but letters, digits and `-._~` is percent-encoded.
pub fn url_part(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thousands_cases() {
        let cases = [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("-1234567", "-1,234,567"),
            ("336776", "336,776"),
            ("1234.5678", "1,234.5678"),
            ("-0.5", "-0.5"),
            ("1e300", "1e300"),
            ("NaN", "NaN"),
            ("-", "-"),
            ("", ""),
            ("1.", "1."),
            ("18446744073709551615", "18,446,744,073,709,551,615"),
        ];
        for (number, expected) in cases {
            assert_eq!(thousands(number), expected);
        }
    }

    #[test]
    fn size_cases() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (31_100_000, "31.1 MB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn date_cases() {
        let cases = [
            ("2026-11-22T07:09:25Z", "2026-11-22 07:09 UTC"),
            ("2026-11-22T07:09:25.123456+00:00", "2026-11-22 07:09 UTC"),
            ("2026-11-22T07:09:25+02:00", "2026-11-22 07:09 +02:00"),
            ("2026-11-22", "2026-11-22"),
            ("yesterday", "yesterday"),
            ("2026-11-22Tjunk!", "2026-11-22Tjunk!"),
            ("ééééééééééééé", "ééééééééééééé"),
        ];
        for (time, expected) in cases {
            assert_eq!(date(time), expected);
        }
    }

    #[test]
    fn plural_cases() {
        let cases = [(0, "0 rows"), (1, "1 row"), (2_000, "2,000 rows")];
        for (count, expected) in cases {
            assert_eq!(plural(count, "row"), expected);
        }
    }

    proptest! {
        #[test]
        fn thousands_only_adds_commas(number in any::<i64>()) {
            let text = thousands(&number.to_string());
            prop_assert_eq!(text.replace(',', "").parse::<i64>(), Ok(number));
            let groups: Vec<&str> = text.trim_start_matches('-').split(',').collect();
            prop_assert!((1..=3).contains(&groups[0].len()));
            prop_assert!(groups[1..].iter().all(|group| group.len() == 3));
        }

        #[test]
        fn url_parts_decode_to_the_text(text in any::<String>()) {
            let part = url_part(&text);
            prop_assert!(part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            let mut bytes = Vec::new();
            let mut rest = part.as_bytes();
            while let Some((&first, tail)) = rest.split_first() {
                if first == b'%' {
                    let code = std::str::from_utf8(&tail[..2]).expect("ASCII");
                    bytes.push(u8::from_str_radix(code, 16).expect("hexadecimal"));
                    rest = &tail[2..];
                } else {
                    bytes.push(first);
                    rest = tail;
                }
            }
            prop_assert_eq!(bytes, text.into_bytes());
        }

        #[test]
        fn date_takes_any_text(text in any::<String>()) {
            let _ = date(&text);
        }
    }
}
