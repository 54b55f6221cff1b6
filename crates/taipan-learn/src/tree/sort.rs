//! Sorting values together with sample numbers, with the order of equal values that scikit-learn's sort leaves behind.
//!
//! Where sums of targets are inexact, the order of samples with equal values decides the last bits of an impurity. So the
//! steps of the sort are part of the result: introsort (Musser, 1997) with the median of three (Bentley and McIlroy,
//! 1993) and a three-way partition; insertion sort below 16; heapsort when the depth exceeds twice log2 n.

const SMALL: usize = 16;

/// Sorts `values` ascending and moves `samples` along. Values must be comparable (no NaN).
pub(crate) fn sort_together<V: Copy + PartialOrd>(values: &mut [V], samples: &mut [u32]) {
    let n = values.len().min(samples.len());
    if n > 1 {
        introsort(&mut values[..n], &mut samples[..n], 2 * n.ilog2());
    }
}

fn introsort<V: Copy + PartialOrd>(mut values: &mut [V], mut samples: &mut [u32], mut depth: u32) {
    while values.len() >= SMALL {
        if depth == 0 {
            heapsort(values, samples);
            return;
        }
        depth -= 1;
        let pivot = median_of_three(values[0], values[values.len() / 2], values[values.len() - 1]);
        let (mut less, mut next, mut greater) = (0, 0, values.len());
        while next < greater {
            if values[next] < pivot {
                values.swap(next, less);
                samples.swap(next, less);
                next += 1;
                less += 1;
            } else if values[next] > pivot {
                greater -= 1;
                values.swap(next, greater);
                samples.swap(next, greater);
            } else {
                next += 1;
            }
        }
        introsort(&mut values[..less], &mut samples[..less], depth);
        values = &mut values[greater..];
        samples = &mut samples[greater..];
    }
    insertion_sort(values, samples);
}

pub(super) fn median_of_three<V: Copy + PartialOrd>(a: V, b: V, c: V) -> V {
    if a < b {
        if b < c {
            b
        } else if a < c {
            c
        } else {
            a
        }
    } else if b < c {
        if a < c { a } else { c }
    } else {
        b
    }
}

fn insertion_sort<V: Copy + PartialOrd>(values: &mut [V], samples: &mut [u32]) {
    for i in 1..values.len() {
        let (value, sample) = (values[i], samples[i]);
        let mut j = i;
        while j > 0 && values[j - 1] > value {
            values[j] = values[j - 1];
            samples[j] = samples[j - 1];
            j -= 1;
        }
        values[j] = value;
        samples[j] = sample;
    }
}

pub(super) fn heapsort<V: Copy + PartialOrd>(values: &mut [V], samples: &mut [u32]) {
    let n = values.len();
    for start in (0..=(n - 2) / 2).rev() {
        sift_down(values, samples, start, n);
    }
    for end in (1..n).rev() {
        values.swap(0, end);
        samples.swap(0, end);
        sift_down(values, samples, 0, end);
    }
}

fn sift_down<V: Copy + PartialOrd>(values: &mut [V], samples: &mut [u32], start: usize, end: usize) {
    let mut root = start;
    loop {
        let child = 2 * root + 1;
        let mut largest = root;
        if child < end && values[largest] < values[child] {
            largest = child;
        }
        if child + 1 < end && values[largest] < values[child + 1] {
            largest = child + 1;
        }
        if largest == root {
            return;
        }
        values.swap(root, largest);
        samples.swap(root, largest);
        root = largest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_sorts(mut values in prop::collection::vec(0_u16..50, 0..400), organ_pipe: bool) {
            if organ_pipe {
                // A shape on which the median of three is poor, so that the depth limit is met.
                let n = values.len();
                values = (0..n as u16).map(|i| i.min(n as u16 - i)).collect();
            }
            let mut samples: Vec<u32> = (0..values.len() as u32).collect();
            let mut sorted = values.clone();
            sort_together(&mut sorted, &mut samples);
            prop_assert!(sorted.is_sorted());
            let moved: Vec<u16> = samples.iter().map(|&s| values[s as usize]).collect();
            prop_assert_eq!(moved, sorted);
        }
    }

    #[test]
    fn the_order_of_equals_is_that_of_the_published_steps() {
        // Computed with scikit-learn 1.9.1: _py_simultaneous_sort(..., use_three_way_partition=True).
        let mut values: Vec<f64> = (0..20).map(|i| f64::from(i * 7 % 5)).collect();
        let mut samples: Vec<u32> = (0..20).collect();
        sort_together(&mut values, &mut samples);
        assert_eq!(samples, ORDER);
    }

    const ORDER: [u32; 20] = [0, 15, 10, 5, 18, 8, 3, 13, 16, 1, 11, 6, 14, 9, 19, 4, 2, 12, 17, 7];
}
