//! A job as a row: times in microseconds since 1970, durations in microseconds, documents as JSON text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use taipan_runtime::jobs::{Job, NewJob, State};

use crate::error::{Error, ErrorKind, Result};
use crate::value::Value;

/// What [`job`] reads, in its order.
pub(super) const COLUMNS: &str = "id, kind, payload, \"key\", run_at, max_attempts, backoff, max_backoff, state, attempts, \
                                  due, done, total, result, error, cancel";

/// The values of a new job: kind, payload, key, run_at, max_attempts, backoff, max_backoff and due.
pub(super) fn of_new(job: &NewJob, now: SystemTime) -> [Value; 8] {
    [
        Value::Text(job.kind.clone()),
        Value::Text(job.payload.to_string()),
        job.key.clone().map_or(Value::Null, Value::Text),
        job.run_at.map_or(Value::Null, time),
        Value::Integer(job.max_attempts.into()),
        duration(job.backoff),
        duration(job.max_backoff),
        time(job.run_at.unwrap_or(now)),
    ]
}

/// A time as it is stored, rounded up, so that nothing is due before its time.
pub(super) fn time(time: SystemTime) -> Value {
    Value::Integer(match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos().div_ceil(1000)).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, i64::wrapping_neg),
    })
}

fn duration(duration: Duration) -> Value {
    Value::Integer(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

/// A stored time.
pub(super) fn moment(microseconds: i64) -> SystemTime {
    let since = Duration::from_micros(microseconds.unsigned_abs());
    let moment = if microseconds < 0 { UNIX_EPOCH.checked_sub(since) } else { UNIX_EPOCH.checked_add(since) };
    moment.unwrap_or(UNIX_EPOCH)
}

/// A job of its row, whose cells are [`COLUMNS`].
pub(super) fn job(row: &[Value]) -> Result<Job> {
    let [
        Value::Integer(id),
        Value::Text(kind),
        Value::Text(payload),
        key,
        run_at,
        Value::Integer(max_attempts),
        Value::Integer(backoff),
        Value::Integer(max_backoff),
        Value::Text(state),
        Value::Integer(attempts),
        Value::Integer(due),
        done,
        total,
        result,
        error,
        Value::Integer(cancel),
    ] = row
    else {
        return Err(damaged());
    };
    let document = |text: &str| serde_json::from_str(text).map_err(|_| damaged());
    let mut job = NewJob::new(kind, document(payload)?);
    job.key = text(key);
    job.run_at = number(run_at).map(moment);
    job.max_attempts = u32::try_from(*max_attempts).unwrap_or(u32::MAX);
    job.backoff = Duration::from_micros(backoff.unsigned_abs());
    job.max_backoff = Duration::from_micros(max_backoff.unsigned_abs());
    Ok(Job {
        id: id.unsigned_abs(),
        job,
        state: State::of_name(state).ok_or_else(damaged)?,
        attempts: u32::try_from(*attempts).unwrap_or(u32::MAX),
        due: moment(*due),
        progress: number(done).map(|done| (done.unsigned_abs(), number(total).map(i64::unsigned_abs))),
        result: text(result).map(|result| document(&result)).transpose()?,
        error: text(error),
        cancel_requested: *cancel != 0,
    })
}

fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt("a row of the table of jobs is not as it was written".to_owned()))
}

fn text(value: &Value) -> Option<String> {
    if let Value::Text(text) = value { Some(text.clone()) } else { None }
}

fn number(value: &Value) -> Option<i64> {
    if let Value::Integer(number) = value { Some(*number) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_come_back() {
        let at = |nanoseconds| UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        let cases = [
            (at(0), 0),
            (at(1), 1),
            (at(1_000), 1),
            (at(1_001), 2),
            (at(1_700_000_000_000_000_000), 1_700_000_000_000_000),
        ];
        for (moment_in, stored) in cases {
            assert_eq!(time(moment_in), Value::Integer(stored));
            assert!(moment(stored) >= moment_in);
        }
        assert_eq!(time(UNIX_EPOCH - Duration::from_micros(5)), Value::Integer(-5));
        assert_eq!(moment(-5), UNIX_EPOCH - Duration::from_micros(5));
    }
}
