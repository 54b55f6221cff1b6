//! What [`sort_together`](super::sort::sort_together) does to the order of equal values, in less time than sorting takes.
//!
//! Where all values of a range differ, its sorted order does not depend on how it was sorted. So when the sorted order is
//! known beforehand but for equal values, the steps of the sort are replayed only in ranges that have equal values, and
//! other ranges are copied. The three-way partition is done without branches that depend on the values.

use std::hint::select_unpredictable;

use super::sort::{heapsort, median_of_three};

/// Set in an entry of a sorted list when its value counts as equal to the one before.
pub(crate) const FLAG: u32 = 1 << 31;

const SMALL: usize = 16;

/// Parts from this size on are sorted side by side.
const LARGE: usize = 4096;

/// A sorted list, as far as it is known, and where its values are equal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replay<'a> {
    /// Samples in the order of their values, in any order where values are equal.
    pub(crate) sorted: Option<&'a [u32]>,
    /// Positions whose value is that of the position before, ascending.
    pub(crate) ties: &'a [u32],
}

impl Replay<'_> {
    /// Sorts keys, each a rank above a sample of 32 bits. Afterwards the ranks are there only if nothing was copied.
    pub(crate) fn sort(&self, keys: &mut [u64]) {
        if keys.len() > 1 {
            self.sort_from(keys, 0, 2 * keys.len().ilog2());
        }
    }

    fn sort_from(&self, mut keys: &mut [u64], mut from: usize, mut depth: u32) {
        loop {
            let n = keys.len();
            if n < 2 {
                return;
            }
            if let Some(sorted) = self.sorted
                && !self.has_equals(from, from + n)
            {
                for (key, &sample) in keys.iter_mut().zip(&sorted[from..from + n]) {
                    *key = u64::from(sample & !FLAG);
                }
                return;
            }
            if n < SMALL {
                insertion_sort(keys);
                return;
            }
            if depth == 0 {
                sort_as_heap(keys);
                return;
            }
            depth -= 1;
            let pivot = median_of_three(keys[0] >> 32, keys[n / 2] >> 32, keys[n - 1] >> 32);
            let (less, greater) = partition(keys, pivot);
            let (left, right) = keys.split_at_mut(greater);
            let left = &mut left[..less];
            if left.len().min(right.len()) >= LARGE {
                rayon::join(|| self.sort_from(left, from, depth), || self.sort_from(right, from + greater, depth));
                return;
            }
            self.sort_from(left, from, depth);
            from += greater;
            keys = right;
        }
    }

    fn has_equals(&self, from: usize, to: usize) -> bool {
        let next = self.ties.partition_point(|&position| position as usize <= from);
        self.ties.get(next).is_some_and(|&position| (position as usize) < to)
    }
}

fn insertion_sort(keys: &mut [u64]) {
    for i in 1..keys.len() {
        let key = keys[i];
        let mut j = i;
        while j > 0 && keys[j - 1] >> 32 > key >> 32 {
            keys[j] = keys[j - 1];
            j -= 1;
        }
        keys[j] = key;
    }
}

fn sort_as_heap(keys: &mut [u64]) {
    let mut ranks: Vec<u64> = keys.iter().map(|key| key >> 32).collect();
    let mut samples: Vec<u32> = keys.iter().map(|&key| key as u32).collect();
    heapsort(&mut ranks, &mut samples);
    for (key, (rank, sample)) in keys.iter_mut().zip(ranks.into_iter().zip(samples)) {
        *key = rank << 32 | u64::from(sample);
    }
}

/// Moves keys below the pivot to the front and those above it to the end; gives where those equal to it start and end.
///
/// The order is that of the partition that swaps in place: it looks at one key after the other from the left; a greater
/// one changes places with the last one not looked at, which comes next; a lesser one with the first of those equal, which
/// so becomes the last of them.
fn partition(keys: &mut [u64], pivot: u64) -> (usize, usize) {
    let n = keys.len();
    let (mut less, mut next, mut end) = (0, 1, n);
    let mut equal = Equal { keys: Vec::new(), turned_at: 0 };
    let mut key = keys[0];
    let mut left_to_do = n - 1;
    while left_to_do > 0 {
        let (mut from_left, mut from_right) = (keys[next], keys[end - 1]);
        while left_to_do > 0 && key >> 32 != pivot {
            // What may come next from either side is read a step ahead, for reading takes longer than all else.
            let (left_after, right_after) = (keys[(next + 1).min(n - 1)], keys[end.saturating_sub(2)]);
            // No branch: which way a key goes is as good as random.
            let is_less = key >> 32 < pivot;
            keys[select_unpredictable(is_less, less, end - 1)] = key;
            key = select_unpredictable(is_less, from_left, from_right);
            from_left = select_unpredictable(is_less, left_after, from_left);
            from_right = select_unpredictable(is_less, from_right, right_after);
            less += usize::from(is_less);
            next += usize::from(is_less);
            end -= usize::from(!is_less);
            left_to_do -= 1;
        }
        if left_to_do > 0 {
            equal.push(key, less);
            key = keys[next];
            next += 1;
            left_to_do -= 1;
        }
    }
    match (key >> 32).cmp(&pivot) {
        std::cmp::Ordering::Equal => equal.push(key, less),
        std::cmp::Ordering::Less => {
            keys[less] = key;
            less += 1;
        }
        std::cmp::Ordering::Greater => {
            end -= 1;
            keys[end] = key;
        }
    }
    equal.turn(less);
    keys[less..end].copy_from_slice(&equal.keys);
    (less, end)
}

/// The keys equal to the pivot, turned by one place for each lesser key that came after.
struct Equal {
    keys: Vec<u64>,
    turned_at: usize,
}

impl Equal {
    fn push(&mut self, key: u64, less: usize) {
        self.turn(less);
        self.keys.push(key);
    }

    fn turn(&mut self, less: usize) {
        if self.keys.len() > 1 {
            let by = (less - self.turned_at) % self.keys.len();
            self.keys.rotate_left(by);
        }
        self.turned_at = less;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sort::sort_together;
    use super::*;

    proptest! {
        #[test]
        fn equals_come_out_in_the_order_of_the_sort(
            values in prop::collection::vec(0_u32..100_000, 1..800), spread in 1_u32..100_000, shape in 0_u8..3
        ) {
            let n = values.len() as u32;
            let ranks: Vec<u32> = match shape {
                // On which the median of three is poor, so that the depth limit is met.
                0 => (0..n).map(|i| i.min(n - i) / (1 + spread % 3)).collect(),
                _ => values.iter().map(|value| value % spread).collect(),
            };
            let mut expected: Vec<u32> = (0..n).collect();
            sort_together(&mut ranks.clone(), &mut expected);

            let mut sorted: Vec<u32> = (0..n).rev().collect();
            sorted.sort_by_key(|&sample| ranks[sample as usize]);
            let ties: Vec<u32> = (1..n)
                .filter(|&i| ranks[sorted[i as usize] as usize] == ranks[sorted[i as usize - 1] as usize])
                .collect();
            for sorted in [Some(&sorted[..]), None] {
                let mut keys: Vec<u64> =
                    ranks.iter().zip(0_u64..).map(|(&rank, sample)| u64::from(rank) << 32 | sample).collect();
                Replay { sorted, ties: &ties }.sort(&mut keys);
                let found: Vec<u32> = keys.iter().map(|&key| key as u32).collect();
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
