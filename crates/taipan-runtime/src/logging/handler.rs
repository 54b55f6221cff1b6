//! Where the records of a logger go, and in what form.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::format::Format;
use super::level::{Level, NOTSET, WARNING};
use super::outbox::{Outbox, Sink};
use super::record::Record;
use super::sink::{Plain, Rotating, Rotation, Tcp, Udp};
use crate::error::{Error, Result};

/// Bytes of records that wait for a slow sink, unless told otherwise.
const BUFFER: usize = 16 << 20;

/// What becomes of records: a level, a form and a place. Clones are the same handler.
///
/// A thread of the handler's own writes; who logs never waits for it. Records beyond the buffer are dropped and
/// counted, and the log says how many as soon as it can. A sink that fails (a full disk, a broken connection) is tried
/// again and again.
#[derive(Clone)]
pub struct Handler(Arc<Inner>);

struct Inner {
    level: AtomicU32,
    format: Format,
    outbox: Arc<Outbox>,
}

/// How a handler is made; begins with one of [`Handler`]'s functions and ends with [`build`](Self::build).
pub struct HandlerBuilder {
    place: Place,
    level: Level,
    format: Format,
    buffer: usize,
    rotation: Rotation,
}

enum Place {
    Console,
    File(PathBuf),
    Tcp(String),
    Udp(String),
    Writer(Box<dyn Write + Send>),
}

impl Handler {
    /// Writes to standard error.
    pub fn console() -> HandlerBuilder {
        HandlerBuilder::new(Place::Console)
    }

    /// Appends to a file.
    pub fn file(path: impl Into<PathBuf>) -> HandlerBuilder {
        HandlerBuilder::new(Place::File(path.into()))
    }

    /// Sends lines of JSON over TCP to `host:port`.
    pub fn tcp(address: impl Into<String>) -> HandlerBuilder {
        HandlerBuilder::new(Place::Tcp(address.into())).json()
    }

    /// Sends a datagram of JSON for each record to `host:port`.
    pub fn udp(address: impl Into<String>) -> HandlerBuilder {
        HandlerBuilder::new(Place::Udp(address.into())).json()
    }

    /// Writes to whatever can be written to.
    pub fn writer(writer: impl Write + Send + 'static) -> HandlerBuilder {
        HandlerBuilder::new(Place::Writer(Box::new(writer)))
    }

    /// Takes no records below this level from now on.
    pub fn set_level(&self, level: impl Into<Level>) {
        self.0.level.store(level.into().0, Ordering::Relaxed);
    }

    /// How many records were dropped because the sink was too slow, or could not be written to in the end.
    pub fn dropped(&self) -> u64 {
        self.0.outbox.dropped()
    }

    /// Waits until all that was logged is written, at most so long. False if that was too short.
    pub fn flush(&self, patience: Duration) -> bool {
        self.0.outbox.flush(patience)
    }

    pub(super) fn handle(&self, record: &Record<'_>) {
        if record.level.0 < self.0.level.load(Ordering::Relaxed) {
            return;
        }
        thread_local! {
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        let known = LINE.try_with(|line| {
            // Taken while something is logged by what is logged: then a new one will do.
            let mut line = line.try_borrow_mut().ok()?;
            line.clear();
            self.0.format.write(record, &mut line);
            self.0.outbox.put(line.as_bytes());
            line.shrink_to(1 << 16);
            Some(())
        });
        if !matches!(known, Ok(Some(()))) {
            let mut line = String::new();
            self.0.format.write(record, &mut line);
            self.0.outbox.put(line.as_bytes());
        }
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

impl HandlerBuilder {
    fn new(place: Place) -> Self {
        Self { place, level: NOTSET, format: Format::default(), buffer: BUFFER, rotation: Rotation::default() }
    }

    /// Takes no records below this level.
    #[must_use]
    pub fn level(mut self, level: impl Into<Level>) -> Self {
        self.level = level.into();
        self
    }

    /// Writes records in this form.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Writes each record as a line of JSON.
    #[must_use]
    pub fn json(self) -> Self {
        self.format(Format::json())
    }

    /// Keeps so many bytes of records for a sink that is slow; 16 MiB unless told otherwise.
    #[must_use]
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    /// Of a file: begins a new one before it grows beyond `max_bytes`, and keeps so many old ones as `a.log.1`,
    /// `a.log.2`.
    #[must_use]
    pub fn rotate_by_size(mut self, max_bytes: u64, keep: usize) -> Self {
        self.rotation.max_bytes = Some(max_bytes);
        self.rotation.keep = keep;
        self
    }

    /// Of a file: begins a new one so often, counted from midnight UTC, and keeps so many old ones under the time at
    /// which they ended.
    #[must_use]
    pub fn rotate_by_time(mut self, every: Duration, keep: usize) -> Self {
        self.rotation.every = Some(every);
        self.rotation.keep = keep;
        self
    }

    /// Starts the handler.
    ///
    /// Errors: a file that cannot be opened; no thread to be had.
    pub fn build(self) -> Result<Handler> {
        let (name, sink): (String, Box<dyn Sink>) = match self.place {
            Place::Console => ("console".to_owned(), Box::new(Plain(io::stderr()))),
            Place::File(path) => {
                let file = Rotating::open(&path, self.rotation)
                    .map_err(|error| Error::system(format_args!("{}", path.display()), error))?;
                (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), Box::new(file))
            }
            Place::Tcp(address) => (address.clone(), Box::new(Tcp { address, stream: None })),
            Place::Udp(address) => (address.clone(), Box::new(Udp { address, socket: None })),
            Place::Writer(writer) => ("writer".to_owned(), Box::new(Plain(writer))),
        };
        let format = self.format.clone();
        let outbox = Outbox::start(&name, self.buffer, sink, move |dropped| notice(&format, dropped))?;
        Ok(Handler(Arc::new(Inner { level: AtomicU32::new(self.level.0), format: self.format, outbox })))
    }
}

/// The record that tells of dropped ones.
fn notice(format: &Format, dropped: u64) -> String {
    let mut line = String::new();
    let record = Record {
        time: SystemTime::now(),
        level: WARNING,
        logger: "taipan.logging",
        message: &format!("{dropped} records were dropped: the log is written too slowly"),
        fields: &[],
        error: &[],
        file: None,
        line: None,
        module: None,
    };
    format.write(&record, &mut line);
    line
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl fmt::Debug for HandlerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerBuilder").field("level", &self.level).finish_non_exhaustive()
    }
}
