//! Any number of exits, found out while working.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;

use super::{ContextManager, Exit, report, settle};

type Leave<'a, E> = Box<dyn FnOnce(Exit<'_, E>) -> Result<(), E> + 'a>;

/// Exits that run in reverse order when the work is over.
///
/// ```
/// use taipan_runtime::scope::{ExitStack, managed_file};
/// use std::io::Write;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = |name: &str| folder.path().join(name);
/// ExitStack::run(|stack| {
///     for name in ["a.txt", "b.txt"] {
///         let file = stack.enter(managed_file(path(name)))?;
///         write!(file.borrow_mut(), "{name}")?;
///     }
///     Ok(())
/// })?; // both files appear here, or neither if something failed before
/// # assert_eq!(std::fs::read_to_string(path("b.txt"))?, "b.txt");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct ExitStack<'a, E: fmt::Display> {
    exits: Vec<Leave<'a, E>>,
}

/// A value that an [`ExitStack`] keeps until its exit.
#[derive(Debug)]
pub struct Entered<T>(Rc<RefCell<Option<T>>>);

impl<T> Entered<T> {
    /// The value, to work with.
    ///
    /// # Panics
    /// When it is borrowed already, or its scope has been left.
    pub fn borrow_mut(&self) -> RefMut<'_, T> {
        RefMut::map(self.0.borrow_mut(), |value| match value {
            Some(value) => value,
            None => panic!("the scope of this value has been left"),
        })
    }
}

impl<'a, E: fmt::Display> ExitStack<'a, E> {
    /// Works with an empty stack, and then runs the exits that were pushed, the last one first.
    ///
    /// Every exit runs, whatever the others do. Errors: that of the work, else the first of an exit.
    pub fn run<R>(work: impl FnOnce(&mut Self) -> Result<R, E>) -> Result<R, E> {
        let mut stack = Self { exits: Vec::new() };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut stack)));
        let left = stack.leave(Exit::of(&outcome));
        settle(outcome, left)
    }

    /// Enters a context manager; it is left when the stack is.
    pub fn enter<M>(&mut self, mut manager: M) -> Result<Entered<M::Value>, E>
    where
        M: ContextManager<Error = E> + 'a,
        M::Value: 'a,
    {
        let value = Rc::new(RefCell::new(Some(manager.enter()?)));
        let entered = Entered(Rc::clone(&value));
        self.push(move |exit| {
            let value = value.borrow_mut().take();
            value.map_or(Ok(()), |value| manager.exit(value, exit))
        });
        Ok(entered)
    }

    /// Adds an exit that sees how the work ended.
    pub fn push(&mut self, exit: impl FnOnce(Exit<'_, E>) -> Result<(), E> + 'a) {
        self.exits.push(Box::new(exit));
    }

    /// Adds something to be done at the end, whatever happened.
    pub fn callback(&mut self, work: impl FnOnce() + 'a) {
        self.push(move |_| {
            work();
            Ok(())
        });
    }

    fn leave(&mut self, exit: Exit<'_, E>) -> Result<(), E> {
        let mut first: Option<E> = None;
        let mut panic = None;
        while let Some(leave) = self.exits.pop() {
            // What the work did is told to all; once an exit fails, the ones before it see that error, as in Python.
            let seen = match (&exit, &first) {
                (Exit::Returned, Some(error)) => Exit::Failed(error),
                _ => exit,
            };
            match catch_unwind(AssertUnwindSafe(|| leave(seen))) {
                Ok(Ok(())) => {}
                Ok(Err(error)) if first.is_none() => first = Some(error),
                Ok(later) => report(later),
                Err(payload) => panic = panic.or(Some(payload)),
            }
        }
        match (panic, first) {
            // A panic under way must not meet a second one.
            (Some(payload), _) if !thread::panicking() && !matches!(exit, Exit::Panicked(_)) => resume_unwind(payload),
            (_, Some(error)) => Err(error),
            (_, None) => Ok(()),
        }
    }
}

impl<E: fmt::Display> fmt::Debug for ExitStack<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitStack").field("exits", &self.exits.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scope;
    use super::*;

    type Case =
        (fn() -> Result<(), &'static str>, &'static [usize], [&'static str; 3], Option<Result<(), &'static str>>);

    fn exits(
        work: fn() -> Result<(), &'static str>,
        failing: &[usize],
    ) -> (Vec<String>, Option<Result<(), &'static str>>) {
        let seen = RefCell::new(Vec::new());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            ExitStack::run(|stack| {
                for number in 0..3 {
                    let seen = &seen;
                    stack.push(move |exit: Exit<'_, &'static str>| {
                        let exit = match exit {
                            Exit::Returned => "returned",
                            Exit::Failed(error) => *error,
                            Exit::Panicked(_) => "panicked",
                            Exit::Cancelled => "cancelled",
                        };
                        seen.borrow_mut().push(format!("{number} {exit}"));
                        if failing.contains(&number) { Err("exit") } else { Ok(()) }
                    });
                }
                work()
            })
        }));
        (seen.into_inner(), outcome.ok())
    }

    #[test]
    fn exits_run_in_reverse_order_whatever_happens() {
        let cases: [Case; 5] = [
            (|| Ok(()), &[], ["2 returned", "1 returned", "0 returned"], Some(Ok(()))),
            (|| Err("work"), &[], ["2 work", "1 work", "0 work"], Some(Err("work"))),
            (|| Err("work"), &[1], ["2 work", "1 work", "0 work"], Some(Err("work"))),
            (|| Ok(()), &[1, 2], ["2 returned", "1 exit", "0 exit"], Some(Err("exit"))),
            (|| panic!("work"), &[2], ["2 panicked", "1 panicked", "0 panicked"], None),
        ];
        for (work, failing, seen, outcome) in cases {
            assert_eq!(exits(work, failing), (seen.map(str::to_owned).to_vec(), outcome));
        }
    }

    #[test]
    fn a_panicking_exit_stops_no_other() {
        let seen = RefCell::new(Vec::new());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            ExitStack::run(|stack| {
                stack.callback(|| seen.borrow_mut().push("first"));
                stack.callback(|| panic!("exit"));
                stack.callback(|| seen.borrow_mut().push("last"));
                Ok::<_, String>(())
            })
        }));
        assert!(outcome.is_err());
        assert_eq!(seen.into_inner(), ["last", "first"]);
    }

    #[test]
    fn managers_are_left_with_their_values() {
        let left = RefCell::new(Vec::new());
        let outcome = ExitStack::run(|stack| {
            let one = stack.enter(scope(
                || Ok(1),
                |value, _| {
                    left.borrow_mut().push(value);
                    Ok(())
                },
            ))?;
            *one.borrow_mut() += 10;
            stack.enter(scope(|| Err::<i32, _>("shut"), |_, _| Ok(())))?;
            Ok(())
        });
        assert_eq!(outcome, Err("shut"));
        assert_eq!(left.into_inner(), [11]);
    }
}
