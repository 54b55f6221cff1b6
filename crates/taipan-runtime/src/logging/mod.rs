//! Logging: levels that are numbers, loggers by dotted names, handlers that never hold up who logs.
//!
//! The names are those of Python's `logging`. Records travel through [`tracing`], so those of libraries arrive, too;
//! spans are the context that records carry along, in a thread or a task.
//!
//! ```
//! use taipan_runtime::logging::{self, Handler, get_logger};
//!
//! logging::basic_config().level(logging::INFO).init()?;
//! logging::info!("listening on {}", 8787);
//! logging::warning!(user = "ann", attempts = 3, "wrong password");
//!
//! logging::add_level_name(25, "NOTICE");
//! logging::log!(25, "between INFO and WARNING");
//!
//! # let folder = tempfile::tempdir().unwrap();
//! let audit = Handler::file(folder.path().join("audit.log")).json().rotate_by_size(10 << 20, 5).build()?;
//! get_logger("app.audit").add_handler(audit);
//! get_logger("app.audit").info("ann logged in");
//! # Ok::<(), taipan_runtime::Error>(())
//! ```
//!
//! A record that nobody wants costs a nanosecond or two. One that is wanted is put into its handlers' buffers, in the
//! order in which a thread logs; what a slow sink leaves no room for is dropped, counted ([`dropped`]) and told in the
//! log itself. The macros are [`debug!`], [`info!`], [`warning!`], [`error!`], [`critical!`], [`exception!`], [`log!`] and
//! [`context!`]; fields come before the message, as in `tracing`, and `logger: name` before those.

mod config;
mod format;
mod handler;
mod layer;
mod level;
mod logger;
mod outbox;
mod record;
mod sink;

pub use tracing::Instrument;

pub use self::config::{BasicConfig, basic_config};
pub use self::format::Format;
pub(crate) use self::format::date;
pub use self::handler::{Handler, HandlerBuilder};
pub use self::layer::layer;
pub use self::level::{CRITICAL, DEBUG, ERROR, INFO, Level, NOTSET, TRACE, WARNING, add_level_name};
pub use self::logger::{Logger, dropped, flush, get_logger};
pub use self::record::{Record, Value};
#[doc(inline)]
pub use crate::{context, critical, debug, error, exception, info, log, warning};

/// Sets logging up if a record of this level is to be seen and nobody has.
#[doc(hidden)]
pub fn ensure(level: Level) {
    config::ensure(level);
}

/// Whether anybody wants records of this level.
#[doc(hidden)]
pub fn is_wanted(level: Level) -> bool {
    level >= logger::lowest()
}

/// Logs at DEBUG: `debug!("read {n} rows")`, `debug!(rows = 3, "read")`, `debug!(logger: some_logger, "read")`.
#[macro_export]
macro_rules! debug {
    (logger: $logger:expr, $($record:tt)+) => { $crate::__log_if!($crate::logging::DEBUG, $logger, $($record)+) };
    ($($record:tt)+) => { $crate::__tracing::event!(target: "root", $crate::__tracing::Level::DEBUG, $($record)+) };
}

/// Logs at INFO; see [`debug!`].
#[macro_export]
macro_rules! info {
    (logger: $logger:expr, $($record:tt)+) => { $crate::__log_if!($crate::logging::INFO, $logger, $($record)+) };
    ($($record:tt)+) => { $crate::__tracing::event!(target: "root", $crate::__tracing::Level::INFO, $($record)+) };
}

/// Logs at WARNING; see [`debug!`].
#[macro_export]
macro_rules! warning {
    (logger: $logger:expr, $($record:tt)+) => { $crate::__log_if!($crate::logging::WARNING, $logger, $($record)+) };
    ($($record:tt)+) => {{
        $crate::logging::ensure($crate::logging::WARNING);
        $crate::__tracing::event!(target: "root", $crate::__tracing::Level::WARN, $($record)+)
    }};
}

/// Logs at ERROR; see [`debug!`].
#[macro_export]
macro_rules! error {
    (logger: $logger:expr, $($record:tt)+) => { $crate::__log_if!($crate::logging::ERROR, $logger, $($record)+) };
    ($($record:tt)+) => {{
        $crate::logging::ensure($crate::logging::ERROR);
        $crate::__tracing::event!(target: "root", $crate::__tracing::Level::ERROR, $($record)+)
    }};
}

/// Logs at CRITICAL; see [`debug!`].
#[macro_export]
macro_rules! critical {
    (logger: $logger:expr, $($record:tt)+) => { $crate::__log_if!($crate::logging::CRITICAL, $logger, $($record)+) };
    ($($record:tt)+) => { $crate::log!($crate::logging::CRITICAL, $($record)+) };
}

/// Logs an error with its causes at ERROR: `exception!(error, "could not read {path}")`.
#[macro_export]
macro_rules! exception {
    (logger: $logger:expr, $error:expr, $($record:tt)+) => {
        $crate::__log_if!(
            $crate::logging::ERROR,
            $logger,
            error = &$error as &(dyn ::std::error::Error + 'static),
            $($record)+
        )
    };
    ($error:expr, $($record:tt)+) => {
        $crate::error!(error = &$error as &(dyn ::std::error::Error + 'static), $($record)+)
    };
}

/// Logs at any level, a number or a [`Level`](crate::logging::Level): `log!(25, "half past")`.
#[macro_export]
macro_rules! log {
    (logger: $logger:expr, $level:expr, $($record:tt)+) => { $crate::__log_if!($level, $logger, $($record)+) };
    ($level:expr, $($record:tt)+) => {{
        let level = $crate::logging::Level::from($level);
        $crate::logging::ensure(level);
        if $crate::logging::is_wanted(level) {
            $crate::__log_at!(level, "root", $($record)+);
        }
    }};
}

/// Fields that every record carries until the guard is dropped, or while the future runs:
/// `let _fields = context!(request = 7).entered();`, `serve().instrument(context!(request = 7)).await`.
#[macro_export]
macro_rules! context {
    ($($fields:tt)+) => { $crate::__tracing::error_span!(target: "taipan.context", "context", $($fields)+) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_if {
    ($level:expr, $logger:expr, $($record:tt)+) => {{
        let (level, logger) = ($crate::logging::Level::from($level), &$logger);
        $crate::logging::ensure(level);
        if logger.is_enabled_for(level) {
            $crate::__log_to!(level, logger, $($record)+);
        }
    }};
}

/// One place in the code for each of tracing's levels, which are fixed there; the level itself is a field.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_at {
    ($level:expr, $name:expr, $($record:tt)+) => {
        match $level.tracing() {
            $crate::__tracing::Level::TRACE => $crate::__event!(TRACE, $level, $name, $($record)+),
            $crate::__tracing::Level::DEBUG => $crate::__event!(DEBUG, $level, $name, $($record)+),
            $crate::__tracing::Level::INFO => $crate::__event!(INFO, $level, $name, $($record)+),
            $crate::__tracing::Level::WARN => $crate::__event!(WARN, $level, $name, $($record)+),
            $crate::__tracing::Level::ERROR => $crate::__event!(ERROR, $level, $name, $($record)+),
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_to {
    ($level:expr, $logger:expr, $($record:tt)+) => { $crate::__log_at!($level, $logger.name(), $($record)+) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __event {
    ($tracing:ident, $level:expr, $name:expr, $($record:tt)+) => {
        $crate::__tracing::event!(
            target: "root",
            $crate::__tracing::Level::$tracing,
            taipan.level = u64::from($level.0),
            taipan.logger = $name,
            $($record)+
        )
    };
}
