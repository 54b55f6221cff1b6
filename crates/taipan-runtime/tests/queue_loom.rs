//! Every interleaving of a queue's threads, by loom: nothing is lost, got twice or waited for in vain.
//!
//! The file with the queue's state is compiled here a second time, on loom's locks. Loom itself reports threads that
//! wait forever.
#![allow(dead_code, reason = "not every call of the core is made here")]

#[path = "../src/queue/core.rs"]
mod core;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};

    pub(crate) const LOOKS: u32 = 0;
}

use std::collections::VecDeque;
use std::task::{Poll, Waker};

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use self::core::{Buffer, Core, Patience, Refusal};

type Fifo = Core<VecDeque<u8>>;

impl Buffer<u8> for VecDeque<u8> {
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
    model.check(work);
}

/// A thread that works off the queue until it is shut down.
fn worker(queue: &Arc<Fifo>) -> JoinHandle<Vec<u8>> {
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

fn put(queue: &Fifo, item: u8) {
    assert_eq!(queue.put(item, Patience::Endless), Ok(()));
}

#[test]
fn join_waits_for_every_item_and_shutdown_ends_every_worker() {
    every_interleaving(|| {
        let queue = Arc::new(Fifo::new(1));
        let workers = [worker(&queue), worker(&queue)];
        put(&queue, 1);
        put(&queue, 2);
        assert!(queue.join(Patience::Endless));
        assert_eq!(queue.unfinished(), 0);
        queue.shut_down();
        let mut got: Vec<u8> = workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn what_a_shutdown_meets_is_got_drained_or_handed_back() {
    every_interleaving(|| {
        let queue = Arc::new(Fifo::new(1));
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let refused = [1, 2].map(|item| queue.put(item, Patience::Endless).err());
                refused
                    .into_iter()
                    .flatten()
                    .map(|(item, refusal)| {
                        assert_eq!(refusal, Refusal::ShutDown);
                        item
                    })
                    .collect::<Vec<u8>>()
            })
        };
        let consumer = worker(&queue);
        let mut seen = queue.drain();
        seen.extend(producer.join().expect("the producer"));
        seen.extend(consumer.join().expect("the consumer"));
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
        assert!(queue.join(Patience::Endless));
    });
}

#[test]
fn a_task_that_gives_up_passes_its_call_on() {
    every_interleaving(|| {
        let queue = Arc::new(Fifo::new(1));
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
