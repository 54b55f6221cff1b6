//! The pool as its users see it.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use taipan_runtime::pool::Pool;
use taipan_runtime::progress::Update;
use taipan_runtime::task::{run, sleep, timeout};
use taipan_runtime::{CancelToken, Error, ErrorKind};

fn pool() -> Pool {
    Pool::new(3).expect("threads")
}

/// Takes longer for some than for others.
fn uneven(n: u64) -> u64 {
    let mut sum = n;
    for round in 0..(n * 7919 % 97) * 100 {
        sum = std::hint::black_box(sum.wrapping_add(round ^ sum << 1));
    }
    sum
}

#[test]
fn every_way_gives_what_one_thread_gives() {
    let expected: Vec<u64> = (0..1000).map(uneven).collect();
    let items: Vec<u64> = (0..1000).collect();
    for pool in [Pool::default(), Pool::new(1).expect("a thread"), pool()] {
        assert_eq!(pool.map(0..1000, uneven).expect("no panic"), expected);
        assert_eq!(pool.map(&items, |n| uneven(*n)).expect("no panic"), expected);
        assert_eq!(
            pool.starmap(items.iter().map(|n| (*n, 1)).collect::<Vec<_>>(), |n, _: u64| uneven(n)).expect("no panic"),
            expected
        );
        let chunked = pool.clone().chunk_size(NonZeroUsize::new(7).expect("seven"));
        assert_eq!(chunked.imap(0..1000, uneven).collect::<Result<Vec<_>, _>>().expect("no panic"), expected);
        let mut unordered: Vec<u64> =
            pool.imap_unordered(0..1000, uneven).map(|result| result.expect("no panic")).collect();
        unordered.sort_unstable();
        let mut sorted = expected.clone();
        sorted.sort_unstable();
        assert_eq!(unordered, sorted);
    }
}

#[test]
fn reducing_keeps_the_order() {
    let words: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let joined = pool().reduce(words.clone(), "start".to_owned(), |left, right| format!("{left},{right}"));
    assert_eq!(joined.expect("no panic"), format!("start,{}", words.join(",")));
    assert_eq!(pool().reduce(Vec::<u64>::new(), 7, |a, b| a + b).expect("no panic"), 7);
}

fn careful(n: u32) -> u32 {
    assert!(n % 40 != 13, "{n} brings no luck");
    n + 1
}

#[test]
fn a_panic_is_its_items_error() {
    let message = |error: Error| error.to_string();
    assert_eq!(pool().map(0..40, careful).map_err(message), Err("item 13: panicked: 13 brings no luck".to_owned()));
    let each = pool().map_each(0..80, careful).expect("not cancelled");
    let lazy: Vec<_> = pool().imap(0..80, careful).collect();
    for results in [each, lazy] {
        for (number, result) in (0..80).zip(results) {
            let expected = if number % 40 == 13 {
                Err(format!("item {number}: panicked: {number} brings no luck"))
            } else {
                Ok(number + 1)
            };
            assert_eq!(result.map_err(message), expected);
        }
    }
    assert_eq!(Pool::new(0).map_err(message).err().as_deref(), Some("a pool needs a thread at least"));
}

#[test]
fn a_cancelled_pool_stops_between_items() {
    let token = CancelToken::new();
    let begun = AtomicUsize::new(0);
    let outcome = pool().cancel(token.clone()).map(0..1_000_000, |n: u32| {
        if begun.fetch_add(1, Ordering::SeqCst) == 100 {
            token.cancel();
        }
        n
    });
    assert_eq!(outcome.expect_err("cancelled").kind(), &ErrorKind::Cancelled);
    assert!(begun.load(Ordering::SeqCst) < 1_000_000);

    let token = CancelToken::new();
    let mut lazy = pool().cancel(token.clone()).imap(0.., |n: u64| n);
    assert_eq!(lazy.next().expect("endless").expect("no panic"), 0);
    token.cancel();
    assert!(lazy.any(|result| result.is_err_and(|error| error.is_cancelled())));
}

#[test]
fn progress_ends_at_the_total() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let updates = Arc::clone(&seen);
    let progress = Arc::new(move |update: &Update| updates.lock().expect("no panic").push(update.clone()));
    let squares = pool().progress("squares", progress).map(0..1000_u64, |n| n * n).expect("no panic");
    assert_eq!(squares.len(), 1000);
    let seen = seen.lock().expect("no panic");
    let last = seen.last().expect("an update");
    assert_eq!((last.what.as_ref(), last.done, last.total, last.finished), ("squares", 1000, Some(1000), true));
}

#[test]
fn an_endless_iterator_is_taken_bit_by_bit() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let items = (0_u64..).inspect(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let first: Vec<u64> = pool().imap(items, |n| n * 2).take(10).map(|result| result.expect("no panic")).collect();
    assert_eq!(first, (0..10).map(|n| n * 2).collect::<Vec<_>>());
    assert!(taken.load(Ordering::Relaxed) <= 10 + 12);
}

#[test]
fn a_pool_may_be_used_from_within_itself() {
    let inner = pool();
    let outer = inner.clone();
    let sums =
        outer.map(0..8_u64, move |n| inner.imap(0..n, |m| m).map(|result| result.expect("no panic")).sum::<u64>());
    assert_eq!(sums.expect("no panic"), (0..8).map(|n| (0..n).sum()).collect::<Vec<u64>>());
}

#[test]
fn async_code_computes_without_waiting_threads_and_is_cancelled() {
    let [begun, stopped] = [0, 1].map(|_| Arc::new(AtomicBool::new(false)));
    let (seen_begun, seen_stopped) = (Arc::clone(&begun), Arc::clone(&stopped));
    run(async move {
        let pool = pool();
        assert_eq!(pool.run(|_| uneven(5)).await?, uneven(5));
        let panicked = pool.run(|_| careful(13)).await.expect_err("a panic");
        assert_eq!(panicked.to_string(), "panicked: 13 brings no luck");
        let endless = timeout(
            Duration::from_millis(50),
            pool.run(move |token| {
                begun.store(true, Ordering::SeqCst);
                while !token.is_cancelled() {
                    thread::yield_now();
                }
                stopped.store(true, Ordering::SeqCst);
            }),
        );
        assert!(matches!(endless.await.expect_err("endless").kind(), ErrorKind::TimedOut(_)));
        // On a busy machine it may not have begun: then it never does.
        let is_over = seen_stopped.load(Ordering::SeqCst) || !seen_begun.load(Ordering::SeqCst);
        assert!(is_over, "the timeout waits for the computation to stop");
        sleep(Duration::ZERO).await;
        Ok::<_, Error>(())
    })
    .expect("done");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn map_is_map(items in prop::collection::vec(any::<i32>(), 0..300), threads in 1_usize..5) {
        let pool = Pool::new(threads).expect("threads");
        let expected: Vec<i64> = items.iter().map(|n| i64::from(*n) * 3).collect();
        prop_assert_eq!(pool.map(&items, |n| i64::from(*n) * 3).expect("no panic"), expected);
    }
}
