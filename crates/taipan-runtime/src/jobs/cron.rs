//! When something is to be done again and again: the five fields of cron, in UTC.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::logging::date;

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

/// Days that are looked at for the next time: enough to meet the 29th of February twice, whatever century ends.
const DAYS_AHEAD: u64 = 366 * 13;

/// A schedule: minute, hour, day of the month, month, day of the week, as in `30 4 * * mon-fri` or `*/5 * * * *`; or
/// `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
///
/// As in cron, when both the day of the month and that of the week are named, either will do. Times are UTC.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use taipan_runtime::jobs::Cron;
///
/// let daily: Cron = "30 4 * * *".parse()?;
/// assert_eq!(daily.next(UNIX_EPOCH), Some(UNIX_EPOCH + Duration::from_secs(4 * 3600 + 30 * 60)));
/// # Ok::<(), taipan_runtime::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    either_day: bool,
}

struct Field {
    name: &'static str,
    least: u64,
    most: u64,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[] },
    Field { name: "hour", least: 0, most: 23, names: &[] },
    Field { name: "day of the month", least: 1, most: 31, names: &[] },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    Field { name: "day of the week", least: 0, most: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

impl FromStr for Cron {
    type Err = Error;

    /// Errors name the field and what it may hold.
    fn from_str(text: &str) -> Result<Self> {
        let fields = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let words: Vec<&str> = fields.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = words.as_slice() else {
            return Err(Error::invalid(format!(
                "schedule '{text}': minute, hour, day of the month, month and day of the week are wanted"
            )));
        };
        let read = |word: &str, field: &Field| {
            field.read(word).map_err(|what| Error::invalid(format!("schedule '{text}': {}: {what}", field.name)))
        };
        let [minute, hour, day, month, weekday] = &FIELDS;
        let of_week = read(weekdays, weekday)?;
        let cron = Self {
            minutes: read(minutes, minute)?,
            hours: read(hours, hour)?,
            days: read(days, day)?,
            months: read(months, month)?,
            // Sunday is 0 and 7.
            weekdays: (of_week | of_week >> 7) & 0x7f,
            either_day: !days.starts_with('*') && !weekdays.starts_with('*'),
        };
        if cron.next(UNIX_EPOCH).is_none() {
            return Err(Error::invalid(format!("schedule '{text}': there is no such day")));
        }
        Ok(cron)
    }
}

impl Field {
    /// The values as bits.
    fn read(&self, word: &str) -> Result<u64, String> {
        let mut bits = 0;
        for part in word.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => {
                    let step = step.parse::<u64>().ok().filter(|step| *step > 0);
                    (range, Some(step.ok_or_else(|| format!("'{part}': a step is a number from 1"))?))
                }
                None => (part, None),
            };
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (self.least, self.most),
                Some((from, to)) => (self.value(from)?, self.value(to)?),
                None => {
                    let value = self.value(range)?;
                    (value, if step.is_some() { self.most } else { value })
                }
            };
            if from > to {
                return Err(format!("'{part}' ends before it begins"));
            }
            for value in (from..=to).step_by(step.unwrap_or(1) as usize) {
                bits |= 1 << value;
            }
        }
        Ok(bits)
    }

    fn value(&self, word: &str) -> Result<u64, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(word));
        let value = match named {
            Some(place) => Some(place as u64 + self.least),
            None => word.parse().ok(),
        };
        value
            .filter(|value| (self.least..=self.most).contains(value))
            .ok_or_else(|| format!("'{word}' is not between {} and {}", self.least, self.most))
    }
}

impl Cron {
    /// The first time after `after`; `None` when there is none within a dozen years.
    pub fn next(&self, after: SystemTime) -> Option<SystemTime> {
        let after = after.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let start = (after / MINUTE + 1) * MINUTE;
        let today = start / DAY;
        for day in today..today + DAYS_AHEAD {
            if !self.is_on(day) {
                continue;
            }
            let from = if day == today { start % DAY / MINUTE } else { 0 };
            let minute = (from..DAY / MINUTE)
                .find(|minute| self.hours >> (minute / 60) & 1 == 1 && self.minutes >> (minute % 60) & 1 == 1);
            if let Some(minute) = minute {
                return Some(UNIX_EPOCH + Duration::from_secs(day * DAY + minute * MINUTE));
            }
        }
        None
    }

    fn is_on(&self, day: u64) -> bool {
        let (_, month, of_month) = date(day);
        // 1970-01-01 was a Thursday.
        let of_week = (day + 4) % 7;
        let (by_month, by_week) = (self.days >> of_month & 1 == 1, self.weekdays >> of_week & 1 == 1);
        let on_day = if self.either_day { by_month || by_week } else { by_month && by_week };
        self.months >> month & 1 == 1 && on_day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22, a Sunday, at 14:41:58.
    const NOW: u64 = 1_795_358_518;

    fn next(schedule: &str) -> String {
        let cron: Cron = schedule.parse().unwrap();
        let seconds =
            cron.next(UNIX_EPOCH + Duration::from_secs(NOW)).unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (year, month, day) = date(seconds / DAY);
        format!("{year}-{month:02}-{day:02} {:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60)
    }

    #[test]
    fn the_next_time_is_found() {
        let cases = [
            ("* * * * *", "2026-11-22 14:42"),
            ("*/5 * * * *", "2026-11-22 14:45"),
            ("41 14 * * *", "2026-11-23 14:41"),
            ("30 4 * * mon-fri", "2026-11-23 04:30"),
            ("0 0 * * 7", "2026-11-29 00:00"),
            ("0 0 1,15 * *", "2026-12-01 00:00"),
            ("0 12 13 * fri", "2026-11-27 12:00"),
            ("0 0 29 feb *", "2028-02-29 00:00"),
            ("50/3 22 * JAN Sat", "2027-01-02 22:50"),
            ("@yearly", "2027-01-01 00:00"),
            ("@hourly", "2026-11-22 15:00"),
        ];
        for (schedule, expected) in cases {
            assert_eq!(next(schedule), expected, "{schedule}");
        }
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            ("* * * *", "minute, hour, day of the month, month and day of the week are wanted"),
            ("60 * * * *", "minute: '60' is not between 0 and 59"),
            ("* * * foo *", "month: 'foo' is not between 1 and 12"),
            ("*/0 * * * *", "minute: '*/0': a step is a number from 1"),
            ("* 7-3 * * *", "hour: '7-3' ends before it begins"),
            ("0 0 31 2 *", "there is no such day"),
        ];
        for (schedule, expected) in cases {
            let error = schedule.parse::<Cron>().unwrap_err().to_string();
            assert_eq!(error, format!("schedule '{schedule}': {expected}"));
        }
    }
}
