//! Queues as their users see them.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use taipan_runtime::queue::{Order, Queue, Workers};
use taipan_runtime::task::{create_task, gather, run};
use taipan_runtime::{Error, ErrorKind};

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_mins(1);

fn drained<T, O: Order<T>>(queue: &Queue<T, O>, items: impl IntoIterator<Item = T>) -> Vec<T> {
    for item in items {
        queue.put(item).expect("room");
    }
    std::iter::from_fn(|| queue.try_get().ok()).collect()
}

#[test]
fn each_order_hands_out_its_own_item_first() {
    let items = [(2, 'a'), (1, 'b'), (3, 'c'), (1, 'd')];
    assert_eq!(drained(&Queue::new(0), items), items);
    assert_eq!(drained(&Queue::lifo(0), items), [(1, 'd'), (3, 'c'), (1, 'b'), (2, 'a')]);
    assert_eq!(drained(&Queue::priority(0), items), [(1, 'b'), (1, 'd'), (2, 'a'), (3, 'c')]);
}

#[test]
fn a_queue_says_what_it_cannot_do_now() {
    let queue = Queue::new(1);
    let kind = |error: Error| error.kind().clone();
    assert_eq!(queue.try_get().map_err(kind), Err(ErrorKind::Empty));
    assert_eq!(queue.get_timeout(SHORT).map_err(kind), Err(ErrorKind::TimedOut(SHORT)));
    queue.put(1).expect("room");
    let refused = queue.try_put(2).expect_err("full");
    assert_eq!((refused.item, refused.error.kind()), (2, &ErrorKind::Full));
    let refused = queue.put_timeout(3, SHORT).expect_err("full");
    assert_eq!((refused.item, refused.error.kind()), (3, &ErrorKind::TimedOut(SHORT)));
    assert_eq!(queue.join_timeout(SHORT).map_err(kind), Err(ErrorKind::TimedOut(SHORT)));
    queue.shutdown();
    assert_eq!(queue.put(4).map_err(|put| (put.item, kind(put.error))), Err((4, ErrorKind::ShutDown)));
    assert_eq!(queue.get().map_err(kind), Ok(1));
    assert_eq!(queue.get().map_err(kind), Err(ErrorKind::ShutDown));
    assert_eq!(queue.task_done().map_err(kind), Ok(()));
    assert_eq!(queue.task_done().map_err(kind), Err(ErrorKind::NothingToDo));
    queue.join();
}

#[test]
fn a_shutdown_now_hands_back_what_nobody_got() {
    let queue = Queue::new(0);
    for item in 0..5 {
        queue.put(item).expect("room");
    }
    assert_eq!(queue.get().expect("an item"), 0);
    assert_eq!(queue.shutdown_now(), [1, 2, 3, 4]);
    assert_eq!(queue.unfinished(), 1);
    queue.task_done().expect("one left");
    queue.join();
}

/// As one behind a lock is: a handler that panics may have a queue.
#[test]
fn a_queue_may_be_seen_after_a_panic() {
    let queue = Queue::new(2);
    queue.put(1).expect("room");
    let panicked = catch_unwind(|| {
        queue.put(2).expect("room");
        panic!("{}", queue.try_put(3).is_ok());
    });
    assert_eq!(panicked.expect_err("a panic").downcast_ref::<String>().map(String::as_str), Some("false"));
    assert_eq!(std::iter::from_fn(|| queue.try_get().ok()).collect::<Vec<_>>(), [1, 2]);
}

/// However often its places were used before.
#[test]
fn what_a_queue_still_holds_is_dropped_with_it_once() {
    for (used, left) in [(0, 0), (0, 3), (2, 3), (7, 1), (8, 2)] {
        let item = Arc::new(());
        let queue = Queue::new(3);
        for _ in 0..used {
            queue.put(Arc::clone(&item)).expect("room");
            queue.get().expect("an item");
        }
        for _ in 0..left {
            queue.put(Arc::clone(&item)).expect("room");
        }
        assert_eq!(Arc::strong_count(&item), 1 + left);
        let refused = queue.try_put(Arc::clone(&item)).is_err();
        assert_eq!(refused, left == 3);
        drop(queue);
        assert_eq!(Arc::strong_count(&item), 1, "{used} used, {left} left");
    }
}

#[test]
fn workers_do_every_item_once_and_hand_back_failures() {
    let queue = Queue::new(2);
    let done = Arc::new(Mutex::new(Vec::new()));
    let workers = {
        let done = Arc::clone(&done);
        Workers::start(3, &queue, move |item: u32| {
            done.lock().expect("no panic").push(item);
            match item {
                13 => Err(Error::invalid("thirteen")),
                17 => panic!("seventeen"),
                _ => Ok(()),
            }
        })
        .expect("threads")
    };
    for item in 0..100 {
        queue.put(item).expect("room");
    }
    let errors = workers.finish().expect_err("two fail");
    let mut errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    errors.sort();
    assert_eq!(errors, ["a worker: panicked: seventeen", "thirteen"]);
    let mut done = std::mem::take(&mut *done.lock().expect("no panic"));
    done.sort_unstable();
    assert_eq!(done, (0..100).collect::<Vec<_>>());
    assert!(queue.is_shut_down());

    let none = Workers::start(0, &queue, |_| Ok::<_, Error>(())).expect_err("no worker");
    assert_eq!(none.to_string(), "a queue without workers is never done: give it one at least");
}

#[test]
fn workers_that_are_dropped_work_off_what_is_there() {
    let queue = Queue::new(0);
    let done = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&done);
    let workers = Workers::start(2, &queue, move |_: u32| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Error>(())
    })
    .expect("threads");
    for item in 0..50 {
        queue.put(item).expect("room");
    }
    drop(workers);
    assert_eq!(done.load(Ordering::Relaxed), 50);
    assert!(queue.put(1).is_err());
}

#[test]
fn threads_and_tasks_share_a_queue() {
    let queue = Queue::new(3);
    let threads: Vec<_> = (0..2)
        .map(|producer| {
            let queue = queue.clone();
            thread::spawn(move || {
                for item in 0..500 {
                    queue.put(producer * 1000 + item).expect("open");
                }
            })
        })
        .collect();
    let sum: Result<u64, Error> = run(async {
        let tasks = (2..4).map(|producer| {
            let queue = queue.clone();
            create_task(async move {
                for item in 0..500 {
                    queue.put_async(producer * 1000 + item).await?;
                }
                Ok::<u64, Error>(0)
            })
        });
        let consumers = (0..3).map(|_| {
            let queue = queue.clone();
            create_task(async move {
                let mut sum = 0;
                while let Ok(item) = queue.get_async().await {
                    sum += item;
                    queue.task_done()?;
                }
                Ok::<u64, Error>(sum)
            })
        });
        let consumers: Vec<_> = consumers.collect();
        gather(tasks).await?;
        while !threads.iter().all(thread::JoinHandle::is_finished) {
            tokio::time::sleep(SHORT).await;
        }
        queue.join_async().await;
        queue.shutdown();
        Ok(gather(consumers).await?.iter().sum())
    });
    let expected: u64 = (0..4).map(|producer| (0..500).map(|item| producer * 1000 + item).sum::<u64>()).sum();
    assert_eq!(sum.expect("done"), expected);
}

#[test]
fn a_cancelled_wait_takes_nothing_and_leaves_nothing() {
    run(async {
        let queue = Queue::new(1);
        let waiting = {
            let queue = queue.clone();
            create_task(async move { queue.get_async().await })
        };
        let heir = {
            let queue = queue.clone();
            create_task(async move { queue.get_async().await })
        };
        tokio::time::sleep(SHORT).await;
        waiting.cancel();
        queue.put_async(7).await?;
        assert!(waiting.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(taipan_runtime::task::timeout(LONG, heir).await?, 7);
        Ok::<_, Error>(())
    })
    .expect("done");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a plain vector: puts, gets and their refusals.
    #[test]
    fn a_queue_behaves_like_a_vector(capacity in 0_usize..4, steps in prop::collection::vec(any::<Option<u8>>(), 0..40)) {
        let queue = Queue::new(capacity);
        let mut oracle: Vec<u8> = Vec::new();
        for step in steps {
            if let Some(item) = step {
                let fits = capacity == 0 || oracle.len() < capacity;
                if fits {
                    oracle.push(item);
                }
                prop_assert_eq!(queue.try_put(item).is_ok(), fits);
            } else {
                let expected = (!oracle.is_empty()).then(|| oracle.remove(0));
                prop_assert_eq!(queue.try_get().ok(), expected);
            }
            prop_assert_eq!(queue.len(), oracle.len());
        }
    }
}
