//! How often something may be done: by whom, so often at once, and again every so long.

use crate::Problem;
use crate::problem::whole_seconds;
use axum::http::StatusCode;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The keys that are remembered, at most; those that have not been seen for long make room.
const MOST: usize = 100_000;

/// A number of times at once, and the time after which there is one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    burst: u32,
    every: Duration,
}

impl Limit {
    /// `burst` times at once, then once each `every`.
    pub fn new(burst: u32, every: Duration) -> Self {
        Self { burst: burst.max(1), every: every.max(Duration::from_nanos(1)) }
    }
}

/// A [`Limit`] for each of many keys, such as users or addresses (a token bucket, by its time of emptiness).
pub struct RateLimit {
    limit: Limit,
    /// When each key would have all its times again.
    full_at: Mutex<HashMap<String, Instant>>,
}

impl RateLimit {
    /// Nothing has been done yet.
    pub fn new(limit: Limit) -> Self {
        Self { limit, full_at: Mutex::default() }
    }

    /// Counts one time.
    ///
    /// # Errors
    /// It was done too often; the time to wait.
    pub fn check(&self, key: &str) -> Result<(), Duration> {
        self.check_at(key, Instant::now())
    }

    /// The same as a [`Problem`] of status 429.
    ///
    /// # Errors
    /// It was done too often.
    pub fn admit(&self, key: &str) -> Result<(), Problem> {
        self.check(key).map_err(|wait| {
            let seconds = crate::format::plural(whole_seconds(wait), "second");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "That was too often.")
                .hint(format!("Try again in {seconds}."))
                .retry_after(wait)
        })
    }

    /// Forgets what a key has done.
    pub fn forgive(&self, key: &str) {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn check_at(&self, key: &str, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= MOST {
            full_at.retain(|_, at| *at > now);
            if full_at.len() >= MOST {
                full_at.clear();
            }
        }
        let at = full_at.get(key).copied().unwrap_or(now).max(now);
        let next = at + self.limit.every;
        let most = now + self.limit.every * self.limit.burst;
        if next > most {
            return Err(next - most);
        }
        full_at.insert(key.to_owned(), next);
        Ok(())
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let limit = RateLimit::new(Limit::new(3, Duration::from_secs(10)));
        let start = Instant::now();
        let at = |seconds| limit.check_at("ada", start + Duration::from_secs(seconds));
        assert!(at(0).is_ok() && at(0).is_ok() && at(0).is_ok());
        assert_eq!(at(0), Err(Duration::from_secs(10)));
        assert_eq!(at(4), Err(Duration::from_secs(6)));
        assert!(at(10).is_ok());
        assert_eq!(at(10), Err(Duration::from_secs(10)));
        assert!(limit.check_at("bob", start).is_ok(), "another has its own");
        limit.forgive("ada");
        assert!(at(10).is_ok());
    }
}
