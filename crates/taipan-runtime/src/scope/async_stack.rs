//! Any number of async exits, found out while working.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;

use super::asynchronous::{AsyncScope, Leaving, ToTheEnd, report_panic, to_the_end};
use super::{Exit, report, settle};
use crate::task::context::{Contained, defer};

type Leave<E> = Box<dyn FnOnce(Exit<'_, E>) -> Leaving<E> + Send>;
type Exits<E> = Arc<Mutex<Vec<Leave<E>>>>;

/// Async exits that run in reverse order when the work is over, each after the one before has ended.
///
/// ```
/// use std::sync::Arc;
/// use taipan_runtime::Error;
/// use taipan_runtime::scope::{AsyncExitStack, closing_async};
/// use taipan_runtime::task::run;
///
/// async fn close(connection: Arc<String>) -> Result<(), Error> {
///     println!("closed {connection}");
///     Ok(())
/// }
///
/// let opened = run(async {
///     AsyncExitStack::run(async |stack| {
///         let mut opened = Vec::new();
///         for name in ["a", "b"] {
///             opened.push(stack.enter(closing_async(name.to_owned(), close)).await?);
///         }
///         Ok::<_, Error>(opened.len())
///     })
///     .await // b is closed, then a
/// })?;
/// assert_eq!(opened, 2);
/// # Ok::<(), Error>(())
/// ```
pub struct AsyncExitStack<E: fmt::Display + 'static> {
    exits: Exits<E>,
}

impl<E: fmt::Display + Send + 'static> AsyncExitStack<E> {
    /// Works with an empty stack, and then runs the exits that were pushed, the last one first.
    ///
    /// Every exit runs, whatever the others do, also when the work is cancelled; whoever cancelled through this crate
    /// waits for them. Errors: that of the work, else the first of an exit.
    pub async fn run<R>(work: impl AsyncFnOnce(&Self) -> Result<R, E>) -> Result<R, E> {
        let stack = Self { exits: Exits::default() };
        let unless_left = UnlessLeft(Arc::clone(&stack.exits));
        // Declared after the exits, so that a cancelled inner scope is left before them.
        let outcome = pin!(Contained::new(AssertUnwindSafe(work(&stack)).catch_unwind())).await;
        let mut first: Option<E> = None;
        let mut panic = None;
        while let Some(leave) = unless_left.last() {
            let leaving = {
                // What the work did is told to all; once an exit fails, the ones before it see that error.
                let seen = match (Exit::of(&outcome), &first) {
                    (Exit::Returned, Some(error)) => Exit::Failed(error),
                    (exit, _) => exit,
                };
                catch_unwind(AssertUnwindSafe(|| leave(seen)))
            };
            let left = match leaving {
                Ok(leaving) => AssertUnwindSafe(ToTheEnd::new(leaving)).catch_unwind().await,
                Err(payload) => Err(payload),
            };
            match left {
                Ok(Ok(())) => {}
                Ok(Err(error)) if first.is_none() => first = Some(error),
                Ok(later) => report(later),
                Err(payload) => panic = panic.or(Some(payload)),
            }
        }
        if let (Some(payload), Ok(_)) = (panic, &outcome) {
            resume_unwind(payload);
        }
        settle(outcome, first.map_or(Ok(()), Err))
    }

    /// Enters a context manager; it is left when the stack is.
    pub async fn enter<T, N, X, L>(&self, scope: AsyncScope<N, X>) -> Result<Arc<T>, E>
    where
        N: AsyncFnOnce() -> Result<T, E>,
        X: FnOnce(Arc<T>, Exit<'_, E>) -> L + Send + 'static,
        L: Future<Output = Result<(), E>> + Send + 'static,
        T: Send + Sync + 'static,
    {
        let AsyncScope { enter, exit } = scope;
        let value = Arc::new(enter().await?);
        let held = Arc::clone(&value);
        self.push(move |seen| exit(held, seen));
        Ok(value)
    }

    /// Adds an exit that sees how the work ended.
    pub fn push<L>(&self, exit: impl FnOnce(Exit<'_, E>) -> L + Send + 'static)
    where
        L: Future<Output = Result<(), E>> + Send + 'static,
    {
        let mut exits = self.exits.lock().unwrap_or_else(PoisonError::into_inner);
        exits.push(Box::new(move |seen| Box::pin(exit(seen))));
    }

    /// Adds something to be done at the end, whatever happened.
    pub fn callback(&self, work: impl FnOnce() + Send + 'static) {
        self.push(move |_| {
            work();
            std::future::ready(Ok(()))
        });
    }
}

impl<E: fmt::Display + 'static> fmt::Debug for AsyncExitStack<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exits = self.exits.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("AsyncExitStack").field("exits", &exits).finish()
    }
}

/// Runs the exits that are left when the work, or one of the exits, was dropped.
struct UnlessLeft<E: fmt::Display + 'static>(Exits<E>);

impl<E: fmt::Display + 'static> UnlessLeft<E> {
    fn last(&self) -> Option<Leave<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

impl<E: fmt::Display + 'static> Drop for UnlessLeft<E> {
    fn drop(&mut self) {
        let mut exits = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if exits.is_empty() {
            return;
        }
        defer(Box::pin(async move {
            while let Some(leave) = exits.pop() {
                match catch_unwind(AssertUnwindSafe(|| leave(Exit::Cancelled))) {
                    Ok(leaving) => to_the_end(leaving).await,
                    Err(payload) => report_panic(payload.as_ref()),
                }
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{closing_async, scope_async, suppress_async};
    use super::*;
    use crate::error::{Error, ErrorKind};
    use crate::task::{create_task, run, sleep, timeout};

    type Seen = Arc<Mutex<Vec<String>>>;

    /// Pushes three exits, each of which waits before it says how the work ended.
    fn push_three(stack: &AsyncExitStack<Error>, seen: &Seen, failing: &'static [usize]) {
        for number in 0..3 {
            let seen = Arc::clone(seen);
            stack.push(move |exit: Exit<'_, Error>| {
                let exit = match exit {
                    Exit::Returned => "returned".to_owned(),
                    Exit::Failed(error) => error.to_string(),
                    Exit::Panicked(_) => "panicked".to_owned(),
                    Exit::Cancelled => "cancelled".to_owned(),
                };
                async move {
                    sleep(Duration::from_millis(3 - number as u64)).await;
                    seen.lock().unwrap().push(format!("{number} {exit}"));
                    if failing.contains(&number) { Err(Error::invalid("exit")) } else { Ok(()) }
                }
            });
        }
    }

    fn taken(seen: &Seen) -> Vec<String> {
        mem::take(&mut *seen.lock().unwrap())
    }

    #[test]
    fn exits_run_in_reverse_order_whatever_happens() {
        type Work = fn() -> Result<(), Error>;
        type Case = (Work, &'static [usize], [&'static str; 3], Option<&'static str>);
        let cases: [Case; 5] = [
            (|| Ok(()), &[], ["2 returned", "1 returned", "0 returned"], Some("")),
            (|| Err(Error::invalid("work")), &[], ["2 work", "1 work", "0 work"], Some("work")),
            (|| Err(Error::invalid("work")), &[1], ["2 work", "1 work", "0 work"], Some("work")),
            (|| Ok(()), &[1, 2], ["2 returned", "1 exit", "0 exit"], Some("exit")),
            (|| panic!("work"), &[2], ["2 panicked", "1 panicked", "0 panicked"], None),
        ];
        for (work, failing, expected, outcome) in cases {
            let seen = Seen::default();
            let told = catch_unwind(AssertUnwindSafe(|| {
                run(AsyncExitStack::run(async |stack| {
                    push_three(stack, &seen, failing);
                    sleep(Duration::from_millis(1)).await;
                    work()
                }))
            }));
            assert_eq!(taken(&seen), expected);
            let told = told.ok().map(|told| told.map_or_else(|error| error.to_string(), |()| String::new()));
            match outcome {
                Some(outcome) => assert_eq!(told.as_deref(), Some(outcome)),
                // The runtime tells a panic of its work as an error.
                None => assert!(told.is_none_or(|told| told.contains("panic"))),
            }
        }
    }

    #[test]
    fn who_cancels_waits_for_every_exit() {
        let seen = Seen::default();
        let told = Arc::clone(&seen);
        run(async move {
            let here = Arc::clone(&told);
            let task = create_task(async move {
                AsyncExitStack::run(async |stack| {
                    push_three(stack, &here, &[2]);
                    sleep(Duration::from_mins(10)).await;
                    Ok::<_, Error>(())
                })
                .await
            });
            sleep(Duration::from_millis(5)).await;
            task.cancel();
            assert!(matches!(task.await.unwrap_err().kind(), ErrorKind::Cancelled));
            assert_eq!(taken(&told), ["2 cancelled", "1 cancelled", "0 cancelled"]);
            // Cancelled while it leaves, it goes on leaving.
            let here = Arc::clone(&told);
            let slow = AsyncExitStack::run(async |stack| {
                push_three(stack, &here, &[]);
                stack.push(|_| async {
                    sleep(Duration::from_millis(50)).await;
                    Ok(())
                });
                Ok::<_, Error>(())
            });
            assert!(timeout(Duration::from_millis(5), slow).await.is_err());
            assert_eq!(taken(&told), ["2 cancelled", "1 cancelled", "0 cancelled"]);
            Ok::<_, Error>(())
        })
        .unwrap();
    }

    #[test]
    fn a_panicking_exit_stops_no_other() {
        let seen = Seen::default();
        let note = |word: &str| {
            let (seen, word) = (Arc::clone(&seen), word.to_owned());
            move || seen.lock().unwrap().push(word)
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            futures::executor::block_on(AsyncExitStack::run(async |stack| {
                stack.callback(note("first"));
                stack.callback(|| panic!("exit"));
                stack.push(|_| async { panic!("later") });
                stack.callback(note("last"));
                Ok::<_, Error>(())
            }))
        }));
        assert!(outcome.is_err());
        assert_eq!(taken(&seen), ["last", "first"]);
    }

    #[test]
    fn managers_are_left_with_their_values() {
        let left = Seen::default();
        let outcome = run(AsyncExitStack::run(async |stack| {
            let keep = Arc::clone(&left);
            let close = |value: Arc<String>| async move {
                keep.lock().unwrap().push(format!("closed {value}"));
                Ok(())
            };
            let value = stack.enter(closing_async("one".to_owned(), close)).await?;
            assert_eq!(*value, "one");
            let shut = scope_async(async || Err::<String, _>(Error::invalid("shut")), |_, _| async { Ok(()) });
            stack.enter(shut).await?;
            Ok(())
        }));
        assert_eq!(outcome.unwrap_err().to_string(), "shut");
        assert_eq!(taken(&left), ["closed one"]);
    }

    #[test]
    fn what_is_expected_counts_as_no_error() {
        let cases = [(Ok(1), Ok(Some(1))), (Err("gone"), Ok(None)), (Err("other"), Err("other"))];
        for (outcome, expected) in cases {
            let told = futures::executor::block_on(suppress_async(|error| *error == "gone", async { outcome }));
            assert_eq!(told, expected);
        }
    }
}
