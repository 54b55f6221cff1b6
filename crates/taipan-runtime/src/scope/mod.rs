//! Scopes: something to do before, and something to do after, however the work between them ends.
//!
//! [`scope`] makes a context manager of two closures; [`with`](ContextManager::with) is Python's `with` statement.
//!
//! ```
//! use taipan_runtime::scope::{ContextManager, Exit, scope};
//!
//! let account = scope(
//!     || Ok(100),
//!     |balance: i32, exit: Exit<'_, String>| {
//!         match exit.error() {
//!             None => println!("booked: {balance}"),
//!             Some(error) => println!("given up: {error}"),
//!         }
//!         Ok(())
//!     },
//! );
//! let spent = account.with(|balance| {
//!     *balance -= 30;
//!     Ok(30)
//! });
//! assert_eq!(spent, Ok(30));
//! ```
//!
//! An exit runs once: when the work returns, when it fails (the exit sees the error), when it panics (the panic goes
//! on afterwards) and when it is cancelled (for async work, see [`scope_async`]). Of the exits of an [`ExitStack`] or an
//! [`AsyncExitStack`] the last one pushed runs first. When both the work and an exit fail, the work's error is returned, since it came first, and
//! the exit's is logged.

mod async_stack;
mod asynchronous;
mod managed_file;
#[cfg(unix)]
mod redirect;
mod stack;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub use self::async_stack::AsyncExitStack;
pub use self::asynchronous::{AsyncScope, closing_async, scope_async, suppress_async};
pub use self::managed_file::{ManagedFile, managed_file};
#[cfg(unix)]
pub use self::redirect::redirect_stdout;
pub use self::stack::{Entered, ExitStack};

/// How the work of a scope ended.
#[derive(Debug)]
pub enum Exit<'a, E> {
    /// It returned.
    Returned,
    /// It returned an error.
    Failed(&'a E),
    /// It panicked, with this payload.
    Panicked(&'a (dyn Any + Send)),
    /// It was cancelled, or dropped before it had ended.
    Cancelled,
}

impl<'a, E> Exit<'a, E> {
    /// Whether the work did what it should.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Returned)
    }

    /// The error that the work returned.
    pub fn error(&self) -> Option<&'a E> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }

    fn of<R>(outcome: &'a std::thread::Result<Result<R, E>>) -> Self {
        match outcome {
            Ok(Ok(_)) => Self::Returned,
            Ok(Err(error)) => Self::Failed(error),
            Err(payload) => Self::Panicked(payload.as_ref()),
        }
    }
}

impl<E> Clone for Exit<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Exit<'_, E> {}

/// Something that is entered before some work and left after it.
pub trait ContextManager: Sized {
    /// What the work is given.
    type Value;
    /// How entering, working and leaving may fail.
    type Error: fmt::Display;

    /// Does what comes before. When it fails, nothing was entered, and [`exit`](Self::exit) is not called.
    fn enter(&mut self) -> Result<Self::Value, Self::Error>;

    /// Does what comes after.
    fn exit(self, value: Self::Value, exit: Exit<'_, Self::Error>) -> Result<(), Self::Error>;

    /// Enters, works and leaves.
    ///
    /// Errors: that of entering; that of the work; when the work returned, that of leaving.
    fn with<R>(mut self, work: impl FnOnce(&mut Self::Value) -> Result<R, Self::Error>) -> Result<R, Self::Error> {
        let mut value = self.enter()?;
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut value)));
        let left = self.exit(value, Exit::of(&outcome));
        settle(outcome, left)
    }
}

/// The one result of work and exit.
fn settle<R, E: fmt::Display>(outcome: std::thread::Result<Result<R, E>>, left: Result<(), E>) -> Result<R, E> {
    match (outcome, left) {
        (Ok(Ok(value)), left) => left.map(|()| value),
        (Ok(Err(error)), left) => {
            report(left);
            Err(error)
        }
        (Err(payload), left) => {
            report(left);
            resume_unwind(payload)
        }
    }
}

/// Logs what an exit could not tell its caller.
fn report<E: fmt::Display>(left: Result<(), E>) {
    if let Err(error) = left {
        tracing::error!(target: "taipan.scope", "an exit failed after its work: {error}");
    }
}

/// A context manager of two closures; made by [`scope`].
#[derive(Debug)]
pub struct Scope<N, X> {
    enter: Option<N>,
    exit: X,
}

/// Makes a context manager of what comes before and what comes after.
pub fn scope<T, E, N, X>(enter: N, exit: X) -> Scope<N, X>
where
    N: FnOnce() -> Result<T, E>,
    X: FnOnce(T, Exit<'_, E>) -> Result<(), E>,
    E: fmt::Display,
{
    Scope { enter: Some(enter), exit }
}

impl<T, E, N, X> ContextManager for Scope<N, X>
where
    N: FnOnce() -> Result<T, E>,
    X: FnOnce(T, Exit<'_, E>) -> Result<(), E>,
    E: fmt::Display,
{
    type Value = T;
    type Error = E;

    fn enter(&mut self) -> Result<T, E> {
        // `with` enters once; a caller who enters by hand twice is told so.
        let Some(enter) = self.enter.take() else { panic!("a scope is entered once") };
        enter()
    }

    fn exit(self, value: T, exit: Exit<'_, E>) -> Result<(), E> {
        (self.exit)(value, exit)
    }
}

/// A context manager that closes `value` at the end: `closing(connection, Connection::close)`.
pub fn closing<T, E: fmt::Display>(
    value: T,
    close: impl FnOnce(T) -> Result<(), E>,
) -> impl ContextManager<Value = T, Error = E> {
    scope(move || Ok(value), move |value, _| close(value))
}

/// Runs `work`; an error that is `expected` counts as none, and gives `None`.
///
/// ```
/// use std::io::ErrorKind;
/// use taipan_runtime::scope::suppress;
///
/// let gone = suppress(|error: &std::io::Error| error.kind() == ErrorKind::NotFound, || std::fs::remove_file("nothing"));
/// assert!(gone.is_ok());
/// ```
pub fn suppress<R, E>(expected: impl Fn(&E) -> bool, work: impl FnOnce() -> Result<R, E>) -> Result<Option<R>, E> {
    match work() {
        Ok(value) => Ok(Some(value)),
        Err(error) if expected(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Work {
        Returns,
        Fails,
        Panics,
    }

    impl Work {
        fn run(self) -> Result<i32, String> {
            match self {
                Self::Returns => Ok(1),
                Self::Fails => Err("work".to_owned()),
                Self::Panics => panic!("work"),
            }
        }
    }

    fn shown(exit: Exit<'_, String>) -> String {
        match exit {
            Exit::Returned => "returned".to_owned(),
            Exit::Failed(error) => format!("failed: {error}"),
            Exit::Panicked(payload) => format!("panicked: {}", crate::error::panic_message(payload)),
            Exit::Cancelled => "cancelled".to_owned(),
        }
    }

    #[test]
    fn exits_run_once_and_see_how_the_work_ended() {
        let cases = [
            (Work::Returns, true, "returned", Some(Ok(1))),
            (Work::Returns, false, "returned", Some(Err("exit".to_owned()))),
            (Work::Fails, true, "failed: work", Some(Err("work".to_owned()))),
            (Work::Fails, false, "failed: work", Some(Err("work".to_owned()))),
            (Work::Panics, true, "panicked: work", None),
            (Work::Panics, false, "panicked: work", None),
        ];
        for (work, exit_succeeds, seen, expected) in cases {
            let exits = RefCell::new(Vec::new());
            let manager = scope(
                || Ok(()),
                |(), exit: Exit<'_, String>| {
                    exits.borrow_mut().push(shown(exit));
                    if exit_succeeds { Ok(()) } else { Err("exit".to_owned()) }
                },
            );
            let outcome = catch_unwind(AssertUnwindSafe(|| manager.with(|()| work.run()))).ok();
            assert_eq!(outcome, expected, "{work:?}");
            assert_eq!(exits.into_inner(), [seen], "{work:?}");
        }
    }

    #[test]
    fn what_was_not_entered_is_not_left() {
        let manager = scope(|| Err::<(), _>("shut"), |(), _| panic!("left"));
        assert_eq!(manager.with(|()| Ok(1)), Err("shut"));
    }

    #[test]
    fn closing_closes_the_value() {
        let closed = RefCell::new(Vec::new());
        let outcome = closing(7, |value| {
            closed.borrow_mut().push(value);
            Ok::<_, String>(())
        })
        .with(|value| {
            *value += 1;
            Err::<(), _>("no".to_owned())
        });
        assert_eq!(outcome, Err("no".to_owned()));
        assert_eq!(closed.into_inner(), [8]);
    }

    #[test]
    fn only_expected_errors_are_suppressed() {
        let expected = |error: &&str| *error == "late";
        assert_eq!(suppress(expected, || Ok(1)), Ok(Some(1)));
        assert_eq!(suppress(expected, || Err::<i32, _>("late")), Ok(None));
        assert_eq!(suppress(expected, || Err::<i32, _>("lost")), Err("lost"));
    }
}
