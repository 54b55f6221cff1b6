//! Arrays with masks, the NumPy way.

use ndarray::{Array, Array1, ArrayBase, Data, DataMut, Dimension};

/// The integers from 0 up to `end`, without it.
pub fn arange(end: i64) -> Array1<i64> {
    (0..end).collect()
}

/// Where a mask is true: the places in order.
///
/// ```
/// use taipan::prelude::*;
///
/// assert_eq!(flatnonzero(&[false, true, true, false, true]), [1, 2, 4]);
/// ```
pub fn flatnonzero(mask: &[bool]) -> Vec<usize> {
    let mut places = vec![0; mask.iter().filter(|chosen| **chosen).count()];
    let mut next = 0;
    // Written at each element and kept at some: whether one is chosen cannot be foretold, so it is no branch.
    for (place, chosen) in mask.iter().enumerate() {
        if let Some(slot) = places.get_mut(next) {
            *slot = place;
        }
        next += usize::from(*chosen);
    }
    places
}

/// Masks: which elements meet a condition, and what to do with those.
///
/// ```
/// use taipan::prelude::*;
///
/// let mut array = arange(5);
/// let even = array.mask(|x| x % 2 == 0);
/// array.assign_where(&even, -1);
/// assert_eq!(array.to_string(), "[-1, 1, -1, 3, -1]");
/// ```
pub trait Masked<A, D> {
    /// Which elements meet the condition.
    fn mask(&self, condition: impl Fn(&A) -> bool) -> Array<bool, D>;

    /// Sets the elements that the mask names.
    ///
    /// # Panics
    /// When the mask has another shape.
    fn assign_where(&mut self, mask: &Array<bool, D>, value: A)
    where
        Self: MaskedMut<A, D>,
        A: Clone,
    {
        self.set(mask, value);
    }

    /// The elements that the mask names, in order.
    ///
    /// # Panics
    /// When the mask has another shape.
    fn select_where(&self, mask: &Array<bool, D>) -> Array1<A>
    where
        A: Clone;
}

/// Arrays whose elements can be set.
#[doc(hidden)]
pub trait MaskedMut<A, D> {
    fn set(&mut self, mask: &Array<bool, D>, value: A)
    where
        A: Clone;
}

impl<A, S: Data<Elem = A>, D: Dimension> Masked<A, D> for ArrayBase<S, D> {
    fn mask(&self, condition: impl Fn(&A) -> bool) -> Array<bool, D> {
        self.map(condition)
    }

    fn select_where(&self, mask: &Array<bool, D>) -> Array1<A>
    where
        A: Clone,
    {
        assert_eq!(self.shape(), mask.shape(), "a mask has the shape of its array");
        self.iter().zip(mask).filter(|(_, chosen)| **chosen).map(|(value, _)| value.clone()).collect()
    }
}

impl<A, S: DataMut<Elem = A>, D: Dimension> MaskedMut<A, D> for ArrayBase<S, D> {
    fn set(&mut self, mask: &Array<bool, D>, value: A)
    where
        A: Clone,
    {
        assert_eq!(self.shape(), mask.shape(), "a mask has the shape of its array");
        self.zip_mut_with(mask, |element, chosen| {
            if *chosen {
                *element = value.clone();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_choose_and_set() {
        let mut array = ndarray::array![[1.0, 5.0], [7.0, 2.0]];
        let large = array.mask(|x| *x > 3.0);
        assert_eq!(array.select_where(&large).to_vec(), [5.0, 7.0]);
        array.assign_where(&large, 0.0);
        assert_eq!(array, ndarray::array![[1.0, 0.0], [0.0, 2.0]]);
        assert_eq!(arange(0).len(), 0);
    }

    #[test]
    fn places_of_masks() {
        for length in [0, 1, 2, 63, 64, 1000] {
            for every in 1..5 {
                let mask: Vec<bool> = (0..length).map(|i| i % every == every - 1).collect();
                let expected: Vec<usize> = (0..length).filter(|i| mask[*i]).collect();
                assert_eq!(flatnonzero(&mask), expected, "{length} {every}");
            }
        }
        assert_eq!(flatnonzero(&[false; 9]), [0; 0]);
    }
}
