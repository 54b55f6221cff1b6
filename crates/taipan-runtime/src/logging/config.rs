//! Logging set up in one line.

use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use super::format::Format;
use super::handler::Handler;
use super::layer::{install, install_if_free, is_installed};
use super::level::{Level, WARNING};
use super::logger::{ROOT, flush, get_logger};
use crate::error::Result;

/// How long the end of the program waits for the log to be written.
const AT_EXIT: Duration = Duration::from_secs(5);

/// Sets up the root logger: `basic_config().level(logging::DEBUG).init()?`.
///
/// Without more it is Python's: records from WARNING up go to standard error as `LEVEL:logger:message`.
pub fn basic_config() -> BasicConfig {
    BasicConfig { level: None, format: Form::Default, filename: None, handlers: Vec::new(), force: false }
}

/// What [`basic_config`] sets up.
#[derive(Debug)]
#[must_use = "nothing is set up before init"]
pub struct BasicConfig {
    level: Option<Level>,
    format: Form,
    filename: Option<PathBuf>,
    handlers: Vec<Handler>,
    force: bool,
}

#[derive(Debug)]
enum Form {
    Default,
    Text(String),
    Json,
}

impl BasicConfig {
    /// Wants records from this level up.
    pub fn level(mut self, level: impl Into<Level>) -> Self {
        self.level = Some(level.into());
        self
    }

    /// Writes records in this form; see [`Format::text`].
    pub fn format(mut self, format: &str) -> Self {
        self.format = Form::Text(format.to_owned());
        self
    }

    /// Writes each record as a line of JSON.
    pub fn json(mut self) -> Self {
        self.format = Form::Json;
        self
    }

    /// Appends to a file instead of standard error.
    pub fn filename(mut self, path: impl Into<PathBuf>) -> Self {
        self.filename = Some(path.into());
        self
    }

    /// Sends records to this handler instead; may be repeated.
    pub fn handler(mut self, handler: Handler) -> Self {
        self.handlers.push(handler);
        self
    }

    /// Takes the handlers away that the root has. Without this, a root that has some is left as it is.
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// Sets it up. When the thread that calls this ends, which in most programs is the main one, what was logged is
    /// written first.
    ///
    /// Errors: a format with a fault, a file that cannot be opened, another subscriber of `tracing` in place.
    pub fn init(self) -> Result<()> {
        let root = get_logger(ROOT);
        if root.has_handlers() && !self.force {
            return Ok(());
        }
        let mut handlers = self.handlers;
        if handlers.is_empty() {
            let builder = match self.filename {
                Some(path) => Handler::file(path),
                None => Handler::console(),
            };
            let format = match self.format {
                Form::Default => Format::default(),
                Form::Text(text) => Format::text(&text)?,
                Form::Json => Format::json(),
            };
            handlers.push(builder.format(format).build()?);
        }
        install()?;
        for old in root.take_handlers() {
            old.flush(AT_EXIT);
        }
        root.set_level(self.level.unwrap_or(WARNING));
        for handler in handlers {
            root.add_handler(handler);
        }
        flush_at_exit();
        Ok(())
    }
}

/// As in Python, who logs a warning without having set anything up sees it on standard error.
pub(super) fn ensure(level: Level) {
    static ONCE: Once = Once::new();
    if level >= WARNING && !is_installed() {
        ONCE.call_once(|| {
            // Without threads or standard error there is nobody to tell.
            let _ = basic_config().init();
            install_if_free();
        });
    }
}

/// Destructors of the main thread run while the others still do, so that they can wait for the threads that write.
fn flush_at_exit() {
    struct Flush;
    impl Drop for Flush {
        fn drop(&mut self) {
            flush(AT_EXIT);
        }
    }
    thread_local! {
        static FLUSH: Flush = const { Flush };
    }
    FLUSH.with(|_| ());
}
