//! Levels are numbers, and some have names.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use tracing::level_filters::LevelFilter;

use crate::error::{Error, Result};

/// How much a record matters. Any number is a level; [`add_level_name`] names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(pub u32);

/// For a logger: as its parent.
pub const NOTSET: Level = Level(0);
/// The finest steps; what `tracing` calls TRACE.
pub const TRACE: Level = Level(5);
/// For who looks for a fault.
pub const DEBUG: Level = Level(10);
/// What was done.
pub const INFO: Level = Level(20);
/// Something unexpected that stops nothing.
pub const WARNING: Level = Level(30);
/// Something could not be done.
pub const ERROR: Level = Level(40);
/// The program itself cannot go on.
pub const CRITICAL: Level = Level(50);

static NAMES: LazyLock<RwLock<BTreeMap<u32, Arc<str>>>> = LazyLock::new(|| {
    let names = [
        (NOTSET, "NOTSET"),
        (TRACE, "TRACE"),
        (DEBUG, "DEBUG"),
        (INFO, "INFO"),
        (WARNING, "WARNING"),
        (ERROR, "ERROR"),
        (CRITICAL, "CRITICAL"),
    ];
    RwLock::new(names.into_iter().map(|(level, name)| (level.0, name.into())).collect())
});

/// Names a level, which filters in the order of its number.
pub fn add_level_name(level: impl Into<Level>, name: &str) {
    NAMES.write().unwrap_or_else(PoisonError::into_inner).insert(level.into().0, name.into());
}

impl Level {
    /// The level's name; of one without, `Level 25`.
    pub fn name(self) -> Arc<str> {
        let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
        names.get(&self.0).map_or_else(|| format!("Level {}", self.0).into(), Arc::clone)
    }

    /// The level of `tracing` that a record of this level travels as: the nearest that matters no more.
    #[doc(hidden)]
    pub fn tracing(self) -> tracing::Level {
        match self.0 {
            0..10 => tracing::Level::TRACE,
            10..20 => tracing::Level::DEBUG,
            20..30 => tracing::Level::INFO,
            30..40 => tracing::Level::WARN,
            40.. => tracing::Level::ERROR,
        }
    }

    /// What `tracing` must let through so that records of this level arrive.
    pub(super) fn filter(self) -> LevelFilter {
        LevelFilter::from_level(self.tracing())
    }
}

impl From<u32> for Level {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<tracing::Level> for Level {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::TRACE => TRACE,
            tracing::Level::DEBUG => DEBUG,
            tracing::Level::INFO => INFO,
            tracing::Level::WARN => WARNING,
            tracing::Level::ERROR => ERROR,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

impl FromStr for Level {
    type Err = Error;

    /// Reads a name, whatever its case, or a number.
    fn from_str(text: &str) -> Result<Self> {
        if let Ok(number) = text.parse() {
            return Ok(Self(number));
        }
        let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
        let known = names.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        known.map(|(number, _)| Self(*number)).ok_or_else(|| {
            let names: Vec<_> = names.values().map(|name| &**name).collect();
            Error::invalid(format!("unknown log level '{text}': a number, or one of {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names_numbers_and_an_order() {
        assert_eq!(Level(26).to_string(), "Level 26");
        add_level_name(27, "REMARK");
        assert_eq!("remark".parse::<Level>().unwrap(), Level(27));
        assert_eq!(format!("{:>8}", Level(27)), "  REMARK");
        assert!(INFO < Level(27) && Level(27) < WARNING);
        assert_eq!("35".parse::<Level>().unwrap(), Level(35));
        let error = "loud".parse::<Level>().unwrap_err().to_string();
        assert!(error.starts_with("unknown log level 'loud': a number, or one of NOTSET, TRACE, DEBUG"), "{error}");
    }
}
