//! Points in time: calendar arithmetic, ticks at round times, and words.
//!
//! Times are seconds since 1970-01-01T00:00:00 in the proleptic Gregorian calendar, without a time zone.

const DAY: f64 = 86_400.0;

/// The distance between two ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Interval {
    Seconds(f64),
    Months(i64),
}

/// Round distances, ascending, with their length in seconds.
const INTERVALS: [(Interval, f64); 27] = [
    (Interval::Seconds(0.001), 0.001),
    (Interval::Seconds(0.01), 0.01),
    (Interval::Seconds(0.1), 0.1),
    (Interval::Seconds(1.0), 1.0),
    (Interval::Seconds(5.0), 5.0),
    (Interval::Seconds(15.0), 15.0),
    (Interval::Seconds(30.0), 30.0),
    (Interval::Seconds(60.0), 60.0),
    (Interval::Seconds(300.0), 300.0),
    (Interval::Seconds(900.0), 900.0),
    (Interval::Seconds(1800.0), 1800.0),
    (Interval::Seconds(3600.0), 3600.0),
    (Interval::Seconds(10_800.0), 10_800.0),
    (Interval::Seconds(21_600.0), 21_600.0),
    (Interval::Seconds(43_200.0), 43_200.0),
    (Interval::Seconds(DAY), DAY),
    (Interval::Seconds(2.0 * DAY), 2.0 * DAY),
    (Interval::Seconds(7.0 * DAY), 7.0 * DAY),
    (Interval::Months(1), 30.4 * DAY),
    (Interval::Months(2), 60.9 * DAY),
    (Interval::Months(3), 91.3 * DAY),
    (Interval::Months(6), 182.6 * DAY),
    (Interval::Months(12), 365.2 * DAY),
    (Interval::Months(24), 730.5 * DAY),
    (Interval::Months(60), 1826.2 * DAY),
    (Interval::Months(120), 3652.4 * DAY),
    (Interval::Months(600), 18_262.0 * DAY),
];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Times beyond the years ±100,000 are no times.
pub(crate) const LATEST: f64 = 3.2e12;

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 1970-01-01: Hinnant's algorithm (2013).
fn civil(day: i64) -> (i64, u32, u32) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * month + 2) / 5 + 1) as u32;
    let month = if month < 10 { month + 3 } else { month - 9 } as u32;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The day, counted from 1970-01-01, on which a month (1 to 12) begins.
fn first_day(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Ticks between `lo` and `hi`, at most `most`, with their words, and what all of them leave unsaid (the year).
pub(crate) fn ticks(lo: f64, hi: f64, most: f64) -> (Vec<(f64, String)>, Option<String>) {
    let wanted = (hi - lo) / most.max(1.0);
    let found = INTERVALS.iter().find(|(_, length)| *length >= wanted).map(|(interval, _)| *interval);
    let interval = found.unwrap_or_else(|| {
        let centuries = crate::numbers::nice_step(wanted / (36_524.25 * DAY)).max(1.0);
        Interval::Months((centuries * 1200.0) as i64)
    });
    let at = places(interval, lo, hi);
    let words: Vec<(f64, String)> = at.iter().map(|t| (*t, words(*t, interval))).collect();
    let whole_years = matches!(interval, Interval::Months(months) if months >= 12);
    let says_year = |t: &f64| matches!(interval, Interval::Months(_)) && civil((t / DAY).floor() as i64).1 == 1;
    let context = if whole_years || at.iter().any(says_year) {
        None
    } else {
        let (from, to) = (civil((lo / DAY).floor() as i64), civil((hi / DAY).floor() as i64));
        let same_day = from == to && matches!(interval, Interval::Seconds(s) if s < DAY);
        Some(match (from.0 == to.0, same_day) {
            (_, true) => format!("{} {} {}", from.2, MONTHS[from.1 as usize - 1], from.0),
            (true, false) => from.0.to_string(),
            (false, false) => format!("{} – {}", from.0, to.0),
        })
    };
    (words, context)
}

fn places(interval: Interval, lo: f64, hi: f64) -> Vec<f64> {
    match interval {
        Interval::Seconds(step) => {
            // Weeks begin on Monday; 1970 began on a Thursday.
            let origin = if (step - 7.0 * DAY).abs() < 1.0 { 4.0 * DAY } else { 0.0 };
            let (first, last) = (((lo - origin) / step - 1e-9).ceil(), ((hi - origin) / step + 1e-9).floor());
            (0..=(last - first).clamp(-1.0, 100.0) as i64).map(|k| origin + (first + k as f64) * step).collect()
        }
        Interval::Months(step) => {
            let (year, month, _) = civil((lo / DAY).floor() as i64);
            let mut next = (year * 12 + i64::from(month) - 1).div_euclid(step) * step;
            let mut out = Vec::new();
            while out.len() < 100 {
                let at = first_day(next.div_euclid(12), next.rem_euclid(12) + 1) as f64 * DAY;
                if at > hi {
                    break;
                }
                if at >= lo {
                    out.push(at);
                }
                next += step;
            }
            out
        }
    }
}

fn words(t: f64, interval: Interval) -> String {
    let (year, month, day) = civil((t / DAY).floor() as i64);
    let name = MONTHS[month as usize - 1];
    match interval {
        Interval::Months(step) if step >= 12 || month == 1 => year.to_string(),
        Interval::Months(_) => name.to_owned(),
        Interval::Seconds(step) => {
            let second = t.rem_euclid(DAY);
            if step >= DAY || second < 1e-6 {
                return format!("{day} {name}");
            }
            let clock = clock(second);
            let decimals = if step < 0.01 {
                3
            } else if step < 0.1 {
                2
            } else {
                usize::from(step < 1.0)
            };
            match decimals {
                0 if step >= 60.0 => clock[..5].to_owned(),
                0 => clock,
                _ => format!("{clock}{}", &format!("{:.decimals$}", (second.fract() + 1e-9).min(0.999_999))[1..]),
            }
        }
    }
}

fn clock(second: f64) -> String {
    let whole = (second + 1e-6) as u32;
    format!("{:02}:{:02}:{:02}", whole / 3600 % 24, whole / 60 % 60, whole % 60)
}

/// A time (seconds since 1970-01-01T00:00:00) in full: the date, and the clock where it is not midnight.
pub fn time(t: f64) -> String {
    if t.is_nan() || t.abs() > LATEST {
        return "no time".to_owned();
    }
    let (year, month, day) = civil((t / DAY).floor() as i64);
    let second = t.rem_euclid(DAY);
    let date = format!("{year:04}-{month:02}-{day:02}");
    if second < 1e-6 { date } else { format!("{date} {}", clock(second)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(year: i64, month: i64, day: i64) -> f64 {
        (first_day(year, month) + day - 1) as f64 * DAY
    }

    fn said(lo: f64, hi: f64) -> (Vec<String>, Option<String>) {
        let (ticks, context) = ticks(lo, hi, 7.0);
        (ticks.into_iter().map(|(_, words)| words).collect(), context)
    }

    #[test]
    fn ticks_stand_at_round_times() {
        let cases: [(f64, f64, &[&str], Option<&str>); 6] = [
            (at(2013, 1, 1), at(2014, 1, 1), &["2013", "Mar", "May", "Jul", "Sep", "Nov", "2014"], None),
            (at(1949, 1, 1), at(1960, 12, 1), &["1950", "1952", "1954", "1956", "1958", "1960"], None),
            (
                at(2024, 2, 27),
                at(2024, 3, 4),
                &["27 Feb", "28 Feb", "29 Feb", "1 Mar", "2 Mar", "3 Mar", "4 Mar"],
                Some("2024"),
            ),
            (at(2024, 5, 6) + 3600.0, at(2024, 5, 6) + 9.0 * 3600.0, &["03:00", "06:00", "09:00"], Some("6 May 2024")),
            (at(2024, 5, 6), at(2024, 5, 7) + 3600.0, &["6 May", "06:00", "12:00", "18:00", "7 May"], Some("2024")),
            (at(1970, 1, 1) + 0.5, 2.5, &["00:00:01", "00:00:02"], Some("1 Jan 1970")),
        ];
        for (lo, hi, expected, context) in cases {
            assert_eq!(said(lo, hi), (expected.iter().map(|w| (*w).to_owned()).collect(), context.map(str::to_owned)));
        }
    }

    #[test]
    fn times_are_written_in_full() {
        for (t, expected) in
            [(0.0, "1970-01-01"), (1e9, "2001-09-09 01:46:40"), (-DAY, "1969-12-31"), (f64::NAN, "no time")]
        {
            assert_eq!(time(t), expected);
        }
    }

    proptest! {
        #[test]
        fn days_survive_the_calendar(day in -4_000_000i64..4_000_000) {
            let (year, month, of_month) = civil(day);
            prop_assert_eq!(first_day(year, i64::from(month)) + i64::from(of_month) - 1, day);
        }

        #[test]
        fn ticks_are_few_and_within(lo in -LATEST..LATEST, span in 0.01..1e12f64) {
            let (ticks, _) = ticks(lo, lo + span, 7.0);
            prop_assert!(ticks.len() <= 9, "{}", ticks.len());
            for (t, _) in ticks {
                prop_assert!(t >= lo - 1e-3 && t <= lo + span + 1e-3);
            }
        }
    }
}
