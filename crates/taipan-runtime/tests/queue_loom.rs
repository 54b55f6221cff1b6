//! Every interleaving of a queue's threads, by loom: nothing is lost, got twice or waited for in vain.
//!
//! The queue's files are compiled here a second time, on loom's locks, atomics and cells. Loom itself reports threads
//! that wait forever, and reads and writes of an item that are not one after the other.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "not every call of the core is made here, and its crate has public names"
)]

#[path = "../src/queue/core.rs"]
mod core;
#[path = "../src/queue/locked.rs"]
mod locked;
#[path = "../src/queue/ring.rs"]
mod ring;
#[path = "../src/queue/waiting.rs"]
mod waiting;

mod sync {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};

    pub(crate) const LOOKS: u32 = 0;
    pub(crate) fn back_off(_step: u32) {}

    pub(crate) fn look_away(_look: u32) {}

    /// Whoever is in the midst of a step goes on sooner or later. Loom also knows runs in which he never does, since two
    /// others that look in vain take turns for ever. A look in vain changes nothing, so what may follow the second is
    /// what may follow the first: from the second on loom goes one way only.
    pub(crate) fn pause(step: u32) {
        if step > 0 {
            loom::skip_branch();
        }
        loom::thread::yield_now();
    }

    /// Loom takes `SeqCst` accesses for acquiring and releasing ones; what they lack is in its fences.
    pub(crate) fn before_a_look() {
        fence(Ordering::SeqCst);
    }
}

use std::collections::VecDeque;
use std::task::{Poll, Wake, Waker};

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread::{self, JoinHandle};

use self::core::{Buffer, Core, Refusal};
use self::locked::{Items, Locked};
use self::ring::Ring;
use self::waiting::{Patience, Ticket};

type Behind = Locked<VecDeque<u8>>;

impl Items for VecDeque<u8> {
    type Item = u8;

    fn push(&mut self, item: u8) {
        self.push_back(item);
    }

    fn pop(&mut self) -> Option<u8> {
        self.pop_front()
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// Of the interleavings all in which the system takes the processor from a thread up to twice, besides where threads
/// wait; more find nothing new here and take minutes.
fn every_interleaving(work: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.max_branches = 10_000;
    model.check(work);
}

/// What the tests need of either kind.
trait Held: Buffer<Item = u8> + Send + Sync + 'static {}

impl<B: Buffer<Item = u8> + Send + Sync + 'static> Held for B {}

/// A thread that works off the queue until it is shut down.
fn worker<B: Held>(queue: &Arc<Core<B>>) -> JoinHandle<Vec<u8>> {
    let queue = Arc::clone(queue);
    thread::spawn(move || {
        let mut got = Vec::new();
        while let Ok(item) = queue.get(Patience::Endless) {
            got.push(item);
            assert!(queue.task_done());
        }
        got
    })
}

fn put<B: Held>(queue: &Core<B>, item: u8) {
    assert_eq!(queue.put(item, Patience::Endless), Ok(()));
}

/// Puts as many as there are, and gives those back that were refused.
fn put_until_shut_down<B: Held>(queue: &Core<B>, items: &[u8]) -> Vec<u8> {
    let refused = items.iter().filter_map(|item| queue.put(*item, Patience::Endless).err());
    refused.inspect(|(_, refusal)| assert_eq!(*refusal, Refusal::ShutDown)).map(|(item, _)| item).collect()
}

/// Wakes a thread that polls.
#[derive(Default)]
struct Alarm {
    rings: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Alarm {
    fn wake(self: std::sync::Arc<Self>) {
        *self.rings.lock().expect("no panic") = true;
        self.changed.notify_one();
    }
}

/// Polls whenever it is called, as an executor does.
fn wait_as_a_task<R>(mut poll: impl FnMut(&mut Ticket, &Waker) -> Poll<R>) -> R {
    let alarm = std::sync::Arc::new(Alarm::default());
    let waker = Waker::from(std::sync::Arc::clone(&alarm));
    let mut ticket = None;
    loop {
        if let Poll::Ready(done) = poll(&mut ticket, &waker) {
            return done;
        }
        let mut rings = alarm.rings.lock().expect("no panic");
        while !*rings {
            rings = alarm.changed.wait(rings).expect("no panic");
        }
        *rings = false;
    }
}

fn sorted(mut items: Vec<u8>) -> Vec<u8> {
    items.sort_unstable();
    items
}

fn join_waits_for_every_item<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(1));
        let worker = worker(&queue);
        put(&queue, 1);
        put(&queue, 2);
        assert!(queue.join(Patience::Endless));
        assert_eq!(queue.unfinished(), 0);
        queue.shut_down();
        assert_eq!(worker.join().expect("a worker"), [1, 2]);
    });
}

fn a_shutdown_ends_every_worker<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(1));
        let workers = [worker(&queue), worker(&queue)];
        put(&queue, 1);
        queue.shut_down();
        let got: Vec<u8> = workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect();
        assert_eq!((got.as_slice(), queue.unfinished()), (&[1][..], 0));
    });
}

fn what_a_shutdown_meets_is_got_drained_or_handed_back<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(1));
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || put_until_shut_down(&queue, &[1, 2]))
        };
        let consumer = worker(&queue);
        let mut seen = queue.drain();
        seen.extend(producer.join().expect("the producer"));
        seen.extend(consumer.join().expect("the consumer"));
        assert_eq!(sorted(seen), [1, 2]);
        assert!(queue.join(Patience::Endless));
    });
}

fn a_task_that_gives_up_passes_its_call_on<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(1));
        let giving_up = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let mut ticket = None;
                match queue.poll_get(&mut ticket, Waker::noop()) {
                    Poll::Ready(got) => got.ok(),
                    Poll::Pending => {
                        queue.give_up_get(&mut ticket);
                        None
                    }
                }
            })
        };
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.get(Patience::Endless).ok())
        };
        put(&queue, 1);
        // Got by the task: then there is nothing left for the thread, which the shutdown ends.
        let by_task = giving_up.join().expect("the task");
        if by_task.is_some() {
            queue.shut_down();
        }
        let by_thread = consumer.join().expect("the consumer");
        assert_eq!(by_task.or(by_thread), Some(1));
        assert!(by_task.is_none() || by_thread.is_none());
    });
}

/// The first of two tasks is called, and has given up.
fn a_task_that_is_called_and_gives_up_passes_it_on_to_a_task<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(1));
        let mut first = None;
        assert!(queue.poll_get(&mut first, Waker::noop()).is_pending());
        let second = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || wait_as_a_task(|ticket, waker| queue.poll_get(ticket, waker)))
        };
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || put(&queue, 1))
        };
        queue.give_up_get(&mut first);
        assert_eq!(second.join().expect("the second task"), Ok(1));
        producer.join().expect("the producer");
    });
}

/// The same of two that wait for room.
fn a_task_that_gives_up_to_put_passes_it_on_to_a_task<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(1));
        put(&queue, 1);
        let (mut first, mut never) = (None, Some(0));
        assert!(queue.poll_put(&mut never, &mut first, Waker::noop()).is_pending());
        let second = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let mut item = Some(2);
                wait_as_a_task(|ticket, waker| queue.poll_put(&mut item, ticket, waker))
            })
        };
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.get(Patience::Endless))
        };
        queue.give_up_put(&mut first);
        assert_eq!(second.join().expect("the second task"), Ok(()));
        assert_eq!(consumer.join().expect("the consumer"), Ok(1));
        assert_eq!((queue.get(Patience::None), never), (Ok(2), Some(0)));
    });
}

/// One that gets, one that puts and one that joins, each as a task, and a shutdown.
fn tasks_are_called_by_a_change_and_by_a_shutdown<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(1));
        put(&queue, 1);
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let mut item = Some(2);
                let put = wait_as_a_task(|ticket, waker| queue.poll_put(&mut item, ticket, waker));
                (put, item)
            })
        };
        let joiner = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || wait_as_a_task(|ticket, waker| queue.poll_join(ticket, waker)))
        };
        let mut seen = queue.drain();
        match producer.join().expect("the producer") {
            (Ok(()), None) => assert_eq!(sorted(seen), [1, 2]),
            (Err(Refusal::ShutDown), Some(2)) => assert_eq!(std::mem::take(&mut seen), [1]),
            other => panic!("{other:?}"),
        }
        joiner.join().expect("the joiner");
    });
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(1));
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || wait_as_a_task(|ticket, waker| queue.poll_get(ticket, waker)))
        };
        queue.shut_down();
        assert_eq!(consumer.join().expect("the consumer"), Err(Refusal::ShutDown));
    });
}

/// One that was called calls the next, so that none sleeps beside an item.
fn all_that_wait_for_items_are_called<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(2));
        let consumers = [0; 2].map(|_| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.get(Patience::Endless).ok())
        });
        put(&queue, 1);
        put(&queue, 2);
        let got = consumers.into_iter().filter_map(|consumer| consumer.join().expect("a consumer")).collect();
        assert_eq!(sorted(got), [1, 2]);
    });
}

/// The same of those that wait for room.
fn all_that_wait_for_room_are_called<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(2));
        put(&queue, 0);
        put(&queue, 0);
        let producers = [1, 2].map(|item| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || put(&queue, item))
        });
        assert_eq!([queue.get(Patience::None), queue.get(Patience::None)], [Ok(0), Ok(0)]);
        for producer in producers {
            producer.join().expect("a producer");
        }
        let got = vec![queue.get(Patience::None).expect("an item"), queue.get(Patience::None).expect("an item")];
        assert_eq!(sorted(got), [1, 2]);
    });
}

/// Two that put and two that get at the same places, round after round.
fn every_item_is_got_once_and_in_order<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(2));
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || [1, 2, 3].into_iter().for_each(|item| put(&queue, item)))
        };
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.get(Patience::Endless).expect("an item"))
        };
        let mine = [queue.get(Patience::Endless), queue.get(Patience::Endless)].map(|item| item.expect("an item"));
        assert!(mine[0] < mine[1]);
        producer.join().expect("the producer");
        assert_eq!(sorted(vec![mine[0], mine[1], consumer.join().expect("the consumer")]), [1, 2, 3]);
        assert_eq!(queue.len(), 0);
    });
}

/// What two threads call done is done once.
fn nothing_is_done_that_was_not_put<B: Held>() {
    every_interleaving(|| {
        let queue = Arc::new(Core::<B>::new(2));
        put(&queue, 1);
        let others = [0; 2].map(|_| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.task_done())
        });
        assert!(queue.join(Patience::Endless));
        let done = others.into_iter().map(|other| other.join().expect("a thread"));
        assert_eq!(done.filter(|done| *done).count(), 1);
        assert!(!queue.task_done());
    });
}

macro_rules! for_either {
    ($($test:ident),*) => {
        mod a_ring {
            $(#[test] fn $test() { super::$test::<super::Ring<u8>>(); })*
        }
        mod behind_a_lock {
            $(#[test] fn $test() { super::$test::<super::Behind>(); })*
        }
    };
}

for_either!(
    join_waits_for_every_item,
    a_shutdown_ends_every_worker,
    what_a_shutdown_meets_is_got_drained_or_handed_back,
    a_task_that_gives_up_passes_its_call_on,
    a_task_that_is_called_and_gives_up_passes_it_on_to_a_task,
    a_task_that_gives_up_to_put_passes_it_on_to_a_task,
    tasks_are_called_by_a_change_and_by_a_shutdown,
    all_that_wait_for_items_are_called,
    all_that_wait_for_room_are_called,
    every_item_is_got_once_and_in_order,
    nothing_is_done_that_was_not_put
);
