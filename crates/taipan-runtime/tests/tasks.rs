//! Tasks as their users see them, and what is left behind when they are cancelled anywhere.

use std::fs;
use std::future::{pending, poll_fn};
use std::io::Write;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use taipan_runtime::pool::Pool;
use taipan_runtime::queue::Queue;
use taipan_runtime::scope::{Exit, ManagedFile, scope_async};
use taipan_runtime::task::{
    Semaphore, TaskGroup, as_completed, create_named_task, create_task, gather, run, sleep, timeout,
};
use taipan_runtime::{Error, ErrorKind};

const MOMENT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_mins(1);

type Log = Arc<Mutex<Vec<String>>>;

fn say(log: &Log, text: impl Into<String>) {
    log.lock().expect("no panic").push(text.into());
}

fn said(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().expect("no panic"))
}

async fn after(ms: u64, outcome: Result<u64, &str>) -> Result<u64, Error> {
    sleep(Duration::from_millis(ms)).await;
    outcome.map_err(Error::invalid)
}

/// Waits forever in a scope whose exit takes a while.
async fn scoped(log: Log, name: &'static str) -> Result<u64, Error> {
    let entered = Arc::clone(&log);
    scope_async(
        async move || {
            say(&entered, format!("enter {name}"));
            Ok(log)
        },
        move |log: Arc<Log>, exit: Exit<'_, Error>| {
            let exit = match exit {
                Exit::Returned => "returned".to_owned(),
                Exit::Failed(error) => error.to_string(),
                Exit::Panicked(_) => "panicked".to_owned(),
                Exit::Cancelled => "cancelled".to_owned(),
            };
            async move {
                sleep(MOMENT).await;
                say(&log, format!("exit {name}: {exit}"));
                Ok(())
            }
        },
    )
    .with(async |_| pending().await)
    .await
}

#[test]
fn gather_keeps_the_order_and_stops_at_the_first_error() {
    let outcome = run(async {
        let values = gather([after(6, Ok(1)), after(1, Ok(2)), after(3, Ok(3))]).await?;
        let error = gather([after(60_000, Ok(1)), after(1, Err("lost"))]).await.expect_err("an error");
        let all = gather([after(2, Ok(1)), after(1, Err("lost"))]).return_errors().await;
        let all: Vec<_> = all.into_iter().map(|result| result.map_err(|error| error.to_string())).collect();
        let none: Vec<u64> = gather(Vec::<std::future::Ready<Result<u64, Error>>>::new()).await?;
        Ok::<_, Error>((values, error.to_string(), all, none))
    });
    let all = vec![Ok(1), Err("lost".to_owned())];
    assert_eq!(outcome.expect("done"), (vec![1, 2, 3], "lost".to_owned(), all, vec![]));
}

/// Done at once, after a wait, by other threads, and by wakers of those that were done before.
#[test]
fn gathered_work_is_polled_when_it_is_called() {
    let polls = AtomicUsize::new(0);
    let late = Mutex::new(Vec::new());
    let one = |number: u64| {
        let (polls, late) = (&polls, &late);
        let mut calls = number % 4;
        poll_fn(move |polled| {
            polls.fetch_add(1, Ordering::SeqCst);
            late.lock().expect("no panic").drain(..).for_each(|waker: Waker| waker.wake());
            if calls == 0 {
                late.lock().expect("no panic").push(polled.waker().clone());
                return Poll::Ready(Ok::<u64, Error>(number));
            }
            calls -= 1;
            let waker = polled.waker().clone();
            let calling = create_task(async move {
                waker.wake();
                Ok::<_, Error>(())
            });
            calling.detach();
            Poll::Pending
        })
    };
    for limit in [1, 7, 1000] {
        polls.store(0, Ordering::SeqCst);
        let numbers = run(async { gather((0..1000).map(one)).limit(limit).await }).expect("done");
        assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
        let polls = polls.load(Ordering::SeqCst);
        // Each once and once for each of its calls, and at most once more for a call that came late.
        assert!((2500..=3500).contains(&polls), "{polls} polls at a limit of {limit}");
    }
}

/// On one thread, which a gathering of work that never has to wait would keep for itself.
#[test]
fn a_gathering_gives_way_to_other_tasks() {
    let stop = AtomicUsize::new(0);
    let spinning = |number: u64| {
        let stop = &stop;
        poll_fn(move |polled| {
            if stop.load(Ordering::SeqCst) > 0 {
                return Poll::Ready(Ok::<u64, Error>(number));
            }
            polled.waker().wake_by_ref();
            Poll::Pending
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let numbers = runtime.block_on(async {
        let other = async {
            stop.store(1, Ordering::SeqCst);
            Ok::<_, Error>(vec![100])
        };
        let both: [Pin<Box<dyn Future<Output = _>>>; 2] =
            [Box::pin(gather((0..100).map(spinning)).into_future()), Box::pin(other)];
        gather(both).await
    });
    let numbers = numbers.expect("done").concat();
    assert_eq!(numbers, (0..=100).collect::<Vec<_>>());
}

#[test]
fn a_limit_bounds_what_is_under_way() {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = async |number| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        sleep(MOMENT).await;
        now.fetch_sub(1, Ordering::SeqCst);
        Ok::<usize, Error>(number)
    };
    let numbers = run(async { gather((0..20).map(&count)).limit(3).await }).expect("done");
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn a_task_tells_its_name_state_and_result() {
    run(async {
        let mut task = create_named_task("adder", async { Ok::<_, Error>(1 + 1) });
        assert_eq!(task.name(), Some("adder"));
        while !task.is_done() {
            sleep(MOMENT).await;
        }
        assert_eq!(task.result().and_then(|result| result.as_ref().ok()), Some(&2));
        assert!(task.exception().is_none());
        assert_eq!(task.await?, 2);

        let mut waiting = create_named_task("waiter", pending::<Result<(), Error>>());
        assert!(waiting.result().is_none());
        waiting.cancel();
        assert_eq!(waiting.await.expect_err("cancelled").to_string(), "task 'waiter': cancelled");

        let panicking = create_named_task("careless", async {
            assert!(MOMENT == Duration::ZERO, "oh");
            Ok::<_, Error>(())
        });
        assert_eq!(panicking.await.expect_err("panicked").to_string(), "task 'careless': panicked: oh");
        Ok::<_, Error>(())
    })
    .expect("done");
}

#[test]
fn results_come_as_they_are_completed() {
    let order = run(async {
        let mut done = as_completed([after(200, Ok(200)), after(1, Ok(1)), after(50, Err("lost"))]);
        let mut order = Vec::new();
        while let Some(result) = done.next().await {
            order.push(result.unwrap_or(0));
        }
        Ok::<_, Error>(order)
    });
    let mut order = order.expect("done");
    order.sort_unstable();
    assert_eq!(order, [0, 1, 200]);
}

#[test]
fn a_timeout_waits_for_the_clean_up() {
    let log = Log::default();
    let outcome = run(async {
        let error = timeout(MOMENT, scoped(Arc::clone(&log), "a")).await.expect_err("too late");
        say(&log, error.to_string());
        timeout(LONG, after(1, Ok(5))).await
    });
    assert_eq!(outcome.expect("in time"), 5);
    assert_eq!(said(&log), ["enter a", "exit a: cancelled", "not done within 0.002 s"]);
}

#[test]
fn cancelled_scopes_are_left_from_within_before_the_task_is_over() {
    let log = Log::default();
    run(async {
        let task = {
            let log = Arc::clone(&log);
            create_task(async move {
                let outer = Arc::clone(&log);
                scope_async(
                    async || Ok::<_, Error>(outer),
                    |log: Arc<Log>, exit| {
                        let cancelled = matches!(exit, Exit::Cancelled);
                        async move {
                            say(&log, format!("exit outer: {cancelled}"));
                            Ok(())
                        }
                    },
                )
                .with(async |_| scoped(log, "inner").await)
                .await
            })
        };
        while log.lock().expect("no panic").is_empty() {
            sleep(MOMENT).await;
        }
        task.cancel();
        let error = task.await.expect_err("cancelled");
        say(&log, error.to_string());
        Ok::<_, Error>(())
    })
    .expect("done");
    assert_eq!(said(&log), ["enter inner", "exit inner: cancelled", "exit outer: true", "a task: cancelled"]);
}

/// A scope whose exit says so, and panics if it is told to.
async fn within<R>(
    log: Log,
    name: &'static str,
    panics: bool,
    work: impl AsyncFnOnce() -> Result<R, Error>,
) -> Result<R, Error> {
    scope_async(
        async move || Ok(log),
        move |log: Arc<Log>, exit: Exit<'_, Error>| {
            let exit = format!("exit {name}: {exit:?}");
            async move {
                sleep(MOMENT).await;
                say(&log, exit);
                assert!(!panics, "oh");
                Ok(())
            }
        },
    )
    .with(async |_| work().await)
    .await
}

#[test]
fn an_exit_that_panics_runs_once_and_stops_no_other() {
    let exits = |cancel: bool| {
        let log = Log::default();
        let said_in = Arc::clone(&log);
        let outcome = run(async {
            let task = create_task(within(Arc::clone(&log), "outer", false, async move || {
                within(Arc::clone(&said_in), "inner", true, async move || {
                    say(&said_in, "work");
                    if cancel { pending().await } else { Ok(()) }
                })
                .await
            }));
            while log.lock().expect("no panic").is_empty() {
                sleep(MOMENT).await;
            }
            if cancel {
                task.cancel();
            }
            task.await
        });
        (said(&log), outcome.expect_err("neither returns").to_string())
    };
    let (log, error) = exits(true);
    assert_eq!(log, ["work", "exit inner: Cancelled", "exit outer: Cancelled"]);
    assert_eq!(error, "a task: cancelled");
    let (log, error) = exits(false);
    assert_eq!(log[..2], ["work", "exit inner: Returned"]);
    assert!(log.len() == 3 && log[2].starts_with("exit outer: Panicked"), "{log:?}");
    assert_eq!(error, "a task: panicked: oh");
}

#[test]
fn async_scopes_see_errors_and_panics() {
    for (work, expected) in [(0, "exit: returned"), (1, "exit: no"), (2, "exit: panicked")] {
        let log = Log::default();
        let outcome = run(async {
            let value = Arc::clone(&log);
            let task = create_task(
                scope_async(
                    async || Ok::<_, Error>(value),
                    |log: Arc<Log>, exit: Exit<'_, Error>| {
                        let exit = match exit {
                            Exit::Returned => "returned".to_owned(),
                            Exit::Failed(error) => error.to_string(),
                            Exit::Panicked(_) => "panicked".to_owned(),
                            Exit::Cancelled => "cancelled".to_owned(),
                        };
                        async move {
                            say(&log, format!("exit: {exit}"));
                            Ok(())
                        }
                    },
                )
                .with(async move |_| match work {
                    0 => Ok(1),
                    1 => Err(Error::invalid("no")),
                    _ => panic!("oh"),
                }),
            );
            task.await
        });
        assert_eq!(outcome.is_ok(), work == 0);
        assert_eq!(said(&log), [expected]);
    }
}

#[test]
fn a_group_outlives_its_tasks_and_collects_their_errors() {
    let log = Log::default();
    let outcome = run(async {
        let errors = TaskGroup::run(async |group| {
            drop(group.create_task(scoped(Arc::clone(&log), "one")));
            let entered = Arc::clone(&log);
            let failing = group.create_task(async move {
                while entered.lock().expect("no panic").is_empty() {
                    sleep(MOMENT).await;
                }
                Err::<u64, _>(Error::invalid("lost"))
            });
            let error = failing.await.expect_err("it fails");
            say(&log, error.to_string());
            pending::<Result<u64, Error>>().await
        })
        .await
        .expect_err("one failed");
        assert_eq!(errors.iter().count(), 1);
        say(&log, errors.to_string());

        let both = TaskGroup::run(async |group| {
            let one = group.create_task(after(2, Ok(1)));
            let two = group.create_task(after(1, Ok(2)));
            drop(group.create_task(async {
                sleep(MOMENT).await;
                Ok(())
            }));
            Ok::<_, Error>(one.await? + two.await?)
        });
        both.await.map_err(taipan_runtime::task::ErrorGroup::into_first)
    });
    assert_eq!(outcome.expect("done"), 3);
    let said = said(&log);
    assert_eq!(said[0], "enter one");
    assert!(said.contains(&"exit one: cancelled".to_owned()), "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("lost"));
}

#[test]
fn a_group_tells_panics_and_the_works_own_error() {
    run(async {
        let errors = TaskGroup::run(async |group| {
            drop(group.create_task(async {
                assert!(MOMENT == Duration::ZERO, "oh");
                Ok::<_, Error>(())
            }));
            pending::<Result<(), Error>>().await
        });
        assert_eq!(errors.await.expect_err("a panic").to_string(), "a task of a group: panicked: oh");
        let errors = TaskGroup::run(async |group| {
            drop(group.create_task(pending::<Result<(), Error>>()));
            Err::<(), _>(Error::invalid("no"))
        });
        assert_eq!(errors.await.expect_err("no").to_string(), "no");
        Ok::<_, Error>(())
    })
    .expect("done");
}

#[test]
fn run_cancels_what_was_left_running_and_waits_for_it() {
    let log = Log::default();
    let outcome = run(async {
        create_task(scoped(Arc::clone(&log), "left")).detach();
        while log.lock().expect("no panic").is_empty() {
            sleep(MOMENT).await;
        }
        assert_eq!(
            run(async { Ok::<_, Error>(()) }).expect_err("nested").kind(),
            &ErrorKind::Invalid("run was called from async work: await it instead".to_owned())
        );
        Ok::<_, Error>(7)
    });
    assert_eq!(outcome.expect("done"), 7);
    assert_eq!(said(&log), ["enter left", "exit left: cancelled"]);
}

/// What must be as before when the work is over.
struct Traces {
    queue: Queue<u64>,
    semaphore: Semaphore,
    tasks: AtomicUsize,
    entered: AtomicUsize,
    left: AtomicUsize,
}

struct Running(Arc<Traces>);

impl Running {
    fn new(traces: &Arc<Traces>) -> Self {
        traces.tasks.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(traces))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.tasks.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Work that awaits everything there is, with a task, a file and a permit in hand.
async fn everything(traces: Arc<Traces>, folder: &Path) -> Result<u64, Error> {
    let step = || {
        let running = Running::new(&traces);
        let semaphore = traces.semaphore.clone();
        async move {
            let _running = running;
            let _permit = semaphore.acquire().await;
            sleep(Duration::from_micros(300)).await;
            Ok::<u64, Error>(1)
        }
    };
    let mut file = ManagedFile::create(folder.join("result.txt")).map_err(|error| Error::system("create", error))?;
    let inner = Arc::clone(&traces);
    let scope = scope_async(
        async move || {
            sleep(Duration::from_micros(100)).await;
            inner.entered.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Error>(inner)
        },
        |traces: Arc<Arc<Traces>>, _| async move {
            sleep(Duration::from_micros(200)).await;
            traces.left.fetch_add(1, Ordering::SeqCst);
            Ok(())
        },
    );
    let sum = scope
        .with(async |traces| {
            let task = create_task(step());
            let gathered = gather((0..3).map(|_| step())).limit(2).await?;
            let mut sum: u64 = gathered.iter().sum();
            let kept = gather([step(), step()]).return_errors().await;
            sum += kept.into_iter().sum::<Result<u64, Error>>()?;
            let computing = Running::new(&traces);
            sum += Pool::default()
                .run(move |_| {
                    let _computing = computing;
                    1
                })
                .await?;
            sum += TaskGroup::run(async |group| {
                let tasks = [group.create_task(step()), group.create_task(step())];
                let mut done = as_completed(tasks);
                let mut sum = 0;
                while let Some(value) = done.next().await {
                    sum += value?;
                }
                Ok(sum)
            })
            .await
            .map_err(taipan_runtime::task::ErrorGroup::into_first)?;
            traces.queue.put_async(sum).await?;
            let queue = traces.queue.clone();
            let filler = create_task(async move { Ok::<_, Error>(queue.put_async(1).await?) });
            let got = traces.queue.get_async().await?;
            traces.queue.task_done()?;
            let last = timeout(LONG, filler).await;
            last?;
            let got = got + traces.queue.get_async().await?;
            traces.queue.task_done()?;
            traces.queue.join_async().await;
            Ok(got + task.await?)
        })
        .await?;
    write!(file, "{sum}").and_then(|()| file.commit()).map_err(|error| Error::system("write", error))?;
    Ok(sum)
}

#[test]
fn cancelled_at_any_await_point_nothing_is_left_behind() {
    let mut polls = 0;
    loop {
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Arc::new(Traces {
            queue: Queue::new(1),
            semaphore: Semaphore::new(2),
            tasks: AtomicUsize::new(0),
            entered: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
        });
        // Dropped at the await point where it stands after so many polls.
        let outcome = run(async {
            let work = everything(Arc::clone(&traces), folder.path());
            let mut work = pin!(Some(work));
            let mut left = polls;
            let outcome = poll_fn(|polled| {
                if left == 0 {
                    work.set(None);
                    return Poll::Ready(None);
                }
                left -= 1;
                match work.as_mut().as_pin_mut() {
                    Some(work) => work.poll(polled).map(Some),
                    None => Poll::Ready(None),
                }
            })
            .await;
            outcome.transpose()
        });
        let outcome = outcome.expect("no error");
        assert_eq!(traces.tasks.load(Ordering::SeqCst), 0, "tasks after {polls} polls");
        assert_eq!(traces.semaphore.available(), 2, "permits after {polls} polls");
        let (entered, exits) = (traces.entered.load(Ordering::SeqCst), traces.left.load(Ordering::SeqCst));
        assert_eq!(entered, exits, "exits after {polls} polls");
        let files: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
        assert_eq!(files.len(), usize::from(outcome.is_some()), "files after {polls} polls");
        if let Some(sum) = outcome {
            assert_eq!(sum, 10);
            assert!(polls > 8, "only {polls} await points were tried");
            return;
        }
        assert!(polls < 10_000, "the work never ends");
        polls += 1;
    }
}
