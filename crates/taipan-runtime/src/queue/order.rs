//! Which item is next.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;

use super::core::Buffer;

/// The order in which a [`Queue`](super::Queue) hands out its items.
#[expect(private_bounds, reason = "what the bound names is the queue's own business; no other orders are made")]
pub trait Order<T>: Sealed {
    /// What holds the items.
    #[doc(hidden)]
    type Held: Buffer<T>;
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
    type Held = VecDeque<T>;
}

impl<T> Order<T> for Lifo {
    type Held = Vec<T>;
}

impl<T: Ord> Order<T> for Priority {
    type Held = Heap<T>;
}

impl<T> Buffer<T> for VecDeque<T> {
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

impl<T> Buffer<T> for Vec<T> {
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

impl<T: Ord> Buffer<T> for Heap<T> {
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
