//! What a pool can work on: something with a length, whose parts different threads take.

use std::ops::{Range, RangeInclusive};

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// Items for [`Pool::map`](super::Pool::map) and its kin: vectors, slices, arrays, ranges of integers.
///
/// Other collections are collected into a vector first; an iterator that makes its items bit by bit goes to
/// [`Pool::imap`](super::Pool::imap).
pub trait Items: Send {
    /// One of them.
    type Item: Send;

    #[doc(hidden)]
    fn into_items(self) -> impl IndexedParallelIterator<Item = Self::Item>;
}

impl<T: Send> Items for Vec<T> {
    type Item = T;

    fn into_items(self) -> impl IndexedParallelIterator<Item = T> {
        self.into_par_iter()
    }
}

impl<'a, T: Sync> Items for &'a Vec<T> {
    type Item = &'a T;

    fn into_items(self) -> impl IndexedParallelIterator<Item = &'a T> {
        self.into_par_iter()
    }
}

impl<'a, T: Sync> Items for &'a [T] {
    type Item = &'a T;

    fn into_items(self) -> impl IndexedParallelIterator<Item = &'a T> {
        self.into_par_iter()
    }
}

impl<'a, T: Send> Items for &'a mut [T] {
    type Item = &'a mut T;

    fn into_items(self) -> impl IndexedParallelIterator<Item = &'a mut T> {
        self.into_par_iter()
    }
}

impl<T: Send, const N: usize> Items for [T; N] {
    type Item = T;

    fn into_items(self) -> impl IndexedParallelIterator<Item = T> {
        self.into_par_iter()
    }
}

impl<T: Integer> Items for Range<T> {
    type Item = T;

    fn into_items(self) -> impl IndexedParallelIterator<Item = T> {
        let length = if self.end > self.start { self.start.distance(self.end) } else { 0 };
        (0..length).into_par_iter().map(move |number| self.start.plus(number))
    }
}

impl<T: Integer> Items for RangeInclusive<T> {
    type Item = T;

    fn into_items(self) -> impl IndexedParallelIterator<Item = T> {
        let (start, end) = self.into_inner();
        let length = if end >= start { start.distance(end).saturating_add(1) } else { 0 };
        (0..length).into_par_iter().map(move |number| start.plus(number))
    }
}

/// What ranges are made of. One impl for all of them lets the function that works on the items say which it is.
pub trait Integer: Copy + PartialOrd + Send + Sync {
    #[doc(hidden)]
    fn distance(self, greater: Self) -> usize;
    #[doc(hidden)]
    #[must_use]
    fn plus(self, number: usize) -> Self;
}

macro_rules! integers {
    ($($integer:ty as $unsigned:ty),*) => {$(
        impl Integer for $integer {
            fn distance(self, greater: Self) -> usize {
                // Two's complement: right even where the difference does not fit the type.
                greater.wrapping_sub(self) as $unsigned as usize
            }

            fn plus(self, number: usize) -> Self {
                self.wrapping_add(number as $integer)
            }
        }
    )*};
}

integers!(
    i8 as u8,
    u8 as u8,
    i16 as u16,
    u16 as u16,
    i32 as u32,
    u32 as u32,
    i64 as u64,
    u64 as u64,
    isize as usize,
    usize as usize
);

#[cfg(test)]
mod tests {
    use super::*;

    fn collected<I: Items>(items: I) -> Vec<I::Item> {
        items.into_items().collect()
    }

    #[test]
    fn ranges_are_what_they_are_elsewhere() {
        assert_eq!(collected(3..7_u8), [3, 4, 5, 6]);
        assert_eq!(collected(Range { start: 7, end: 3 }), Vec::<i32>::new());
        assert_eq!(collected(-2..=2_i64), [-2, -1, 0, 1, 2]);
        assert_eq!(collected(0..=255_u8), (0..=255).collect::<Vec<u8>>());
        assert_eq!(collected(-128..=127_i8), (-128..=127).collect::<Vec<i8>>());
        assert_eq!(collected(-100..100_i8), (-100..100).collect::<Vec<i8>>());
        assert_eq!(collected(u64::MAX - 2..u64::MAX), [u64::MAX - 2, u64::MAX - 1]);
        assert_eq!(collected(i32::MIN..i32::MIN + 2), [i32::MIN, i32::MIN + 1]);
        assert_eq!((0..u32::MAX).into_items().len(), u32::MAX as usize);
    }
}
