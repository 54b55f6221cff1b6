//! Which item is next.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;

use crate::sync::AtomicU64;

use super::core::{Buffer, Refusal};
use super::locked::{Items, Locked};
use super::ring::Ring;

/// The order in which a [`Queue`](super::Queue) hands out its items.
#[expect(private_bounds, reason = "what the bound names is the queue's own business; no other orders are made")]
pub trait Order<T>: Sealed {
    /// What holds the items.
    #[doc(hidden)]
    type Held: Buffer<Item = T>;
}

trait Sealed {}

/// First in, first out.
#[derive(Debug)]
pub enum Fifo {}

/// Last in, first out.
#[derive(Debug)]
pub enum Lifo {}

/// The least first; of equals the one that was put first.
#[derive(Debug)]
pub enum Priority {}

impl Sealed for Fifo {}
impl Sealed for Lifo {}
impl Sealed for Priority {}

impl<T> Order<T> for Fifo {
    type Held = FirstIn<T>;
}

impl<T> Order<T> for Lifo {
    type Held = Locked<Vec<T>>;
}

impl<T: Ord> Order<T> for Priority {
    type Held = Locked<Heap<T>>;
}

/// The memory up to which a bounded queue has it all from the beginning.
const AT_ONCE: usize = 1 << 20;

/// What holds the items of a [`Fifo`] queue.
#[expect(
    clippy::large_enum_variant,
    reason = "a queue has one, on the heap; a box would be one step more for each item"
)]
pub enum FirstIn<T> {
    Ring(Ring<T>),
    /// One without a bound, or so large that it takes its memory as it grows.
    Growing(Locked<VecDeque<T>>),
}

impl<T> Buffer for FirstIn<T> {
    type Item = T;

    fn new(capacity: usize) -> Self {
        if Ring::<T>::size(capacity).is_some_and(|size| size <= AT_ONCE) {
            Self::Ring(Ring::new(capacity))
        } else {
            Self::Growing(Locked::new(capacity))
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as the ring's")]
    fn push(&self, item: T) -> Result<(), (T, Refusal)> {
        match self {
            Self::Ring(ring) => ring.push(item),
            Self::Growing(growing) => growing.push(item),
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as the ring's")]
    fn pop(&self) -> Result<T, Refusal> {
        match self {
            Self::Ring(ring) => ring.pop(),
            Self::Growing(growing) => growing.pop(),
        }
    }

    fn close(&self) {
        match self {
            Self::Ring(ring) => ring.close(),
            Self::Growing(growing) => growing.close(),
        }
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Ring(ring) => ring.is_closed(),
            Self::Growing(growing) => growing.is_closed(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Ring(ring) => ring.len(),
            Self::Growing(growing) => growing.len(),
        }
    }

    fn capacity(&self) -> usize {
        match self {
            Self::Ring(ring) => ring.capacity(),
            Self::Growing(growing) => growing.capacity(),
        }
    }

    fn put(&self) -> u64 {
        match self {
            Self::Ring(ring) => ring.put(),
            Self::Growing(growing) => growing.put(),
        }
    }

    fn put_at_least(&self) -> u64 {
        match self {
            Self::Ring(ring) => ring.put_at_least(),
            Self::Growing(growing) => growing.put_at_least(),
        }
    }

    fn done(&self) -> &AtomicU64 {
        match self {
            Self::Ring(ring) => ring.done(),
            Self::Growing(growing) => growing.done(),
        }
    }
}

impl<T> fmt::Debug for FirstIn<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstIn").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T> Items for VecDeque<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.push_back(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn len(&self) -> usize {
        self.len()
    }
}

impl<T> Items for Vec<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.pop()
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// A heap that keeps the order of equals.
pub struct Heap<T> {
    heap: BinaryHeap<Reverse<Numbered<T>>>,
    next: u64,
}

struct Numbered<T> {
    item: T,
    number: u64,
}

impl<T: Ord> Default for Heap<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), next: 0 }
    }
}

impl<T: Ord> Items for Heap<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        self.heap.push(Reverse(Numbered { item, number: self.next }));
        self.next += 1;
    }

    fn pop(&mut self) -> Option<T> {
        self.heap.pop().map(|Reverse(numbered)| numbered.item)
    }

    fn len(&self) -> usize {
        self.heap.len()
    }
}

impl<T> fmt::Debug for Heap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heap").field("len", &self.heap.len()).finish_non_exhaustive()
    }
}

impl<T: Ord> Ord for Numbered<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.item.cmp(&other.item).then(self.number.cmp(&other.number))
    }
}

impl<T: Ord> PartialOrd for Numbered<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Numbered<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Numbered<T> {}
