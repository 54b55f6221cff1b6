//! Many tasks on few threads: none waits for another that computes, blocks or is always ready, tokio works in them as
//! elsewhere, and none is left when their runtime ends.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use taipan_runtime::Error;
use taipan_runtime::task::{create_task, gather, run, sleep};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::{block_in_place, yield_now};

fn threads(number: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(number).enable_all().build().expect("a runtime")
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Blocks each thread that comes until so many have come.
struct Meeting {
    missing: Mutex<usize>,
    all_here: Condvar,
}

impl Meeting {
    fn of(number: usize) -> Arc<Self> {
        Arc::new(Self { missing: Mutex::new(number), all_here: Condvar::new() })
    }

    fn meet(&self) {
        let mut missing = self.missing.lock().expect("no panic");
        *missing = missing.saturating_sub(1);
        self.all_here.notify_all();
        while *missing > 0 {
            missing = self.all_here.wait(missing).expect("no panic");
        }
    }
}

fn meet(meeting: &Arc<Meeting>) -> impl Future<Output = Result<(), Error>> + Send + 'static {
    let meeting = Arc::clone(meeting);
    async move {
        meeting.meet();
        Ok(())
    }
}

#[test]
fn tasks_that_block_run_on_as_many_threads_as_there_are() {
    for _ in 0..200 {
        threads(4).block_on(async {
            let meeting = Meeting::of(4);
            gather((0..4).map(|_| create_task(meet(&meeting)))).await.expect("no error");
        });
    }
}

/// One of them may wait for the one who starts them, as in tokio.
#[test]
fn a_task_that_blocks_holds_up_none_that_it_started_but_one() {
    for start_in_tokio in [false, true] {
        for others in [3, 4, 20] {
            for _ in 0..50 {
                threads(4).block_on(async move {
                    let first = async move {
                        let meeting = Meeting::of(others.min(4));
                        let tasks: Vec<_> = (0..others).map(|_| create_task(meet(&meeting))).collect();
                        meeting.meet();
                        gather(tasks).await.map(|_| ())
                    };
                    if start_in_tokio {
                        tokio::spawn(first).await.expect("no panic").expect("no error");
                    } else {
                        create_task(first).await.expect("no error");
                    }
                });
            }
        }
    }
}

#[test]
fn tasks_that_are_always_ready_hold_up_nobody() {
    for runtime in [one_thread(), threads(2)] {
        runtime.block_on(async {
            let stop = Arc::new(AtomicBool::new(false));
            let busy: Vec<_> = (0..100)
                .map(|_| {
                    let stop = Arc::clone(&stop);
                    create_task(async move {
                        let mut turns = 0_u64;
                        while !stop.load(Ordering::Relaxed) {
                            turns += 1;
                            yield_now().await;
                        }
                        Ok::<_, Error>(turns)
                    })
                })
                .collect();
            // A timer, a task of tokio's and one of ours get their turns.
            sleep(Duration::from_millis(5)).await;
            tokio::spawn(async {}).await.expect("no panic");
            create_task(async { Ok::<_, Error>(()) }).await.expect("no error");
            stop.store(true, Ordering::Relaxed);
            for task in busy {
                assert!(task.await.expect("no error") > 0);
            }
        });
    }
}

#[test]
fn channels_with_much_to_say_do_not_exhaust_the_budget_of_others() {
    for runtime in [one_thread(), threads(2)] {
        let sum = runtime.block_on(async {
            let (sender, mut receiver) = mpsc::channel::<u64>(64);
            let senders: Vec<_> = (0..8)
                .map(|side| {
                    let sender = sender.clone();
                    create_task(async move {
                        for n in 0..10_000 {
                            sender.send(n * 8 + side).await.map_err(|_| Error::invalid("hung up"))?;
                        }
                        Ok::<_, Error>(())
                    })
                })
                .collect();
            drop(sender);
            let receiving = create_task(async move {
                let mut sum = 0;
                while let Some(n) = receiver.recv().await {
                    sum += n;
                }
                Ok::<_, Error>(sum)
            });
            gather(senders).await.expect("no error");
            receiving.await.expect("no error")
        });
        assert_eq!(sum, (0..80_000).sum::<u64>());
    }
}

#[test]
fn a_task_may_block_in_place() {
    let done = threads(2).block_on(async {
        let tasks = (0..20).map(|n| {
            create_task(async move {
                let answer = block_in_place(|| {
                    std::thread::sleep(Duration::from_millis(1));
                    n
                });
                yield_now().await;
                Ok::<_, Error>(answer)
            })
        });
        gather(tasks).await.expect("no error")
    });
    assert_eq!(done, (0..20).collect::<Vec<_>>());
}

#[test]
fn a_runtime_that_ends_drops_its_tasks() {
    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    for runtime in [one_thread(), threads(2)] {
        let dropped = Arc::new(AtomicUsize::new(0));
        runtime.block_on(async {
            for n in 0..50 {
                let counted = Counted(Arc::clone(&dropped));
                let task = create_task(async move {
                    let _counted = counted;
                    if n % 2 == 0 {
                        std::future::pending::<()>().await;
                    } else {
                        sleep(Duration::from_mins(10)).await;
                    }
                    Ok::<_, Error>(())
                });
                task.detach();
            }
            yield_now().await;
        });
        drop(runtime);
        assert_eq!(dropped.load(Ordering::Relaxed), 50);
    }
}

#[test]
fn tasks_of_tasks_come_to_an_end_from_any_thread() {
    fn tree(depth: u32) -> Pin<Box<dyn Future<Output = Result<u64, Error>> + Send>> {
        Box::pin(async move {
            if depth == 0 {
                return Ok(1);
            }
            let parts: Vec<_> = (0..4).map(|_| create_task(tree(depth - 1))).collect();
            Ok(gather(parts).await?.iter().sum())
        })
    }
    for _ in 0..5 {
        assert_eq!(run(tree(6)).expect("no error"), 4096);
    }
    // Woken by plain threads, at random moments.
    let total = run(async {
        let waits = (0..2000_u64).map(|n| {
            create_task(async move {
                let (sender, receiver) = tokio::sync::oneshot::channel();
                if n % 3 == 0 {
                    drop(std::thread::Builder::new().spawn(move || sender.send(n)));
                } else {
                    tokio::spawn(async move { sender.send(n) });
                }
                receiver.await.map_err(|_| Error::invalid("no answer"))
            })
        });
        Ok::<_, Error>(gather(waits).await?.iter().sum::<u64>())
    });
    assert_eq!(total.expect("no error"), (0..2000).sum::<u64>());
}
