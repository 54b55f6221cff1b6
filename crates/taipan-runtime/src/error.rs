//! What can go wrong while work is run.

use std::any::Any;
use std::fmt;
use std::time::Duration;

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and why.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    place: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The ways in which running work fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The work was cancelled before it had ended.
    Cancelled,
    /// The work took longer than it was given.
    TimedOut(Duration),
    /// The work panicked, with this message.
    Panicked(String),
    /// The task failed, and its error went to its group.
    Failed,
    /// The queue was shut down.
    ShutDown,
    /// The queue holds as much as it may.
    Full,
    /// The queue holds nothing.
    Empty,
    /// More items were called done than were put.
    NothingToDo,
    /// The call cannot be made here, or not with these values.
    Invalid(String),
    /// The system refused.
    System(String),
    /// What keeps the jobs failed.
    Storage(String),
    /// No job has this number.
    UnknownJob(u64),
    /// The lease of a job ran out, or the job was cancelled: somebody else answers for it now.
    LeaseLost(u64),
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, place: None, source: None }
    }

    /// An error about values that were given.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid(message.into()))
    }

    /// A refusal of the system.
    pub fn system(what: impl fmt::Display, source: std::io::Error) -> Self {
        Self { kind: ErrorKind::System(format!("{what}: {source}")), place: None, source: Some(source.into()) }
    }

    /// A failure of what keeps the jobs.
    pub fn storage(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { kind: ErrorKind::Storage(source.to_string()), place: None, source: Some(source.into()) }
    }

    /// The error of work that panicked with `payload`.
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        Self::new(ErrorKind::Panicked(panic_message(payload).to_owned()))
    }

    /// The same error, which happened in `place`: a task, an item, a file.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Where it went wrong, if that is known.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Whether the work was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.kind == ErrorKind::Cancelled
    }
}

/// The text of a panic.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        match &self.kind {
            ErrorKind::Cancelled => f.write_str("cancelled"),
            ErrorKind::TimedOut(after) => write!(f, "not done within {} s", after.as_secs_f64()),
            ErrorKind::Panicked(message) => write!(f, "panicked: {message}"),
            ErrorKind::Failed => f.write_str("failed; its group has the error"),
            ErrorKind::ShutDown => f.write_str("the queue is shut down"),
            ErrorKind::Full => f.write_str("the queue is full"),
            ErrorKind::Empty => f.write_str("the queue is empty"),
            ErrorKind::NothingToDo => f.write_str("task_done was called more often than items were put"),
            ErrorKind::Invalid(message) | ErrorKind::System(message) | ErrorKind::Storage(message) => {
                f.write_str(message)
            }
            ErrorKind::UnknownJob(id) => write!(f, "there is no job {id}"),
            ErrorKind::LeaseLost(id) => write!(f, "job {id} is no longer this worker's"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::TimedOut(_) => std::io::ErrorKind::TimedOut,
            ErrorKind::Cancelled => std::io::ErrorKind::Interrupted,
            ErrorKind::Invalid(_) => std::io::ErrorKind::InvalidInput,
            _ => std::io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_and_where() {
        let cases = [
            (Error::new(ErrorKind::Cancelled), "cancelled"),
            (Error::new(ErrorKind::Cancelled).at("task 'fetch'"), "task 'fetch': cancelled"),
            (Error::new(ErrorKind::TimedOut(Duration::from_millis(1500))), "not done within 1.5 s"),
            (Error::panicked(&"no luck").at("item 3"), "item 3: panicked: no luck"),
            (Error::panicked(&String::from("no luck")), "panicked: no luck"),
            (Error::panicked(&7), "panicked: no message"),
            (Error::new(ErrorKind::ShutDown), "the queue is shut down"),
            (Error::new(ErrorKind::NothingToDo), "task_done was called more often than items were put"),
            (Error::new(ErrorKind::LeaseLost(7)), "job 7 is no longer this worker's"),
            (Error::storage(std::io::Error::other("jobs.db: no space left")), "jobs.db: no space left"),
            (Error::invalid("a pool needs a thread"), "a pool needs a thread"),
        ];
        for (error, expected) in cases {
            assert_eq!(error.to_string(), expected);
        }
    }
}
