//! Arrow arrays under construction, whose last values can be taken back: a record may turn out bad when half of it was
//! taken.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, NullBufferBuilder, PrimitiveArray, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowNativeType, ArrowPrimitiveType, TimestampMicrosecondType};
use arrow::error::ArrowError;

/// Values of one width.
#[derive(Debug)]
pub(crate) struct Values<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

/// Texts, one behind the other.
#[derive(Debug)]
pub(crate) struct Texts {
    joined: Vec<u8>,
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

/// Where lists end in the column of their items.
#[derive(Debug)]
pub(crate) struct Ends {
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self { values: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }
}

impl<T: Default> Values<T> {
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    #[inline]
    pub(crate) fn null(&mut self) {
        self.values.push(T::default());
        self.nulls.append_null();
    }

    /// Takes a value, or null and false if there is none.
    #[inline]
    pub(crate) fn push_found(&mut self, value: Option<T>) -> bool {
        let found = value.is_some();
        match value {
            Some(value) => self.push(value),
            None => self.null(),
        }
        found
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.values.truncate(length);
        self.nulls.truncate(length);
    }

    pub(crate) fn finish<A: ArrowPrimitiveType<Native = T>>(mut self) -> Result<ArrayRef, ArrowError>
    where
        T: ArrowNativeType,
    {
        Ok(Arc::new(PrimitiveArray::<A>::try_new(self.values.into(), some(self.nulls.finish()))?))
    }
}

impl Values<bool> {
    pub(crate) fn finish_booleans(mut self) -> ArrayRef {
        Arc::new(BooleanArray::new(self.values.into(), some(self.nulls.finish())))
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self { joined: Vec::new(), ends: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }
}

impl Texts {
    /// Adds a text; false if there is no room for it.
    #[inline]
    pub(crate) fn push(&mut self, text: &[u8]) -> bool {
        self.push_with(|joined| joined.extend_from_slice(text))
    }

    /// Adds what is written behind the other texts; false if there is no room for it.
    #[inline]
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        write(&mut self.joined);
        self.nulls.append_non_null();
        self.end()
    }

    #[inline]
    pub(crate) fn null(&mut self) {
        self.nulls.append_null();
        self.end();
    }

    #[inline]
    fn end(&mut self) -> bool {
        let end = i32::try_from(self.joined.len());
        self.ends.push(end.unwrap_or(i32::MAX));
        end.is_ok()
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.ends.truncate(length);
        self.nulls.truncate(length);
        self.joined.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    pub(crate) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = some(self.nulls.finish());
        Ok(Arc::new(StringArray::try_new(offsets(self.ends), self.joined.into(), nulls)?))
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self { ends: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }
}

impl Ends {
    /// Ends a list behind so many items of all lists.
    #[inline]
    pub(crate) fn push(&mut self, items: i32) {
        self.ends.push(items);
        self.nulls.append_non_null();
    }

    /// A list that is null.
    #[inline]
    pub(crate) fn null(&mut self) {
        self.ends.push(self.items());
        self.nulls.append_null();
    }

    /// The items of all lists so far.
    #[inline]
    pub(crate) fn items(&self) -> i32 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Keeps the first lists, and answers how many items they have.
    pub(crate) fn truncate(&mut self, length: usize) -> usize {
        self.ends.truncate(length);
        self.nulls.truncate(length);
        self.items() as usize
    }

    pub(crate) fn finish(mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        (offsets(self.ends), some(self.nulls.finish()))
    }
}

/// Nulls, if there are any: those of values that were taken back do not count.
pub(crate) fn some(nulls: Option<NullBuffer>) -> Option<NullBuffer> {
    nulls.filter(|nulls| nulls.null_count() > 0)
}

/// The offsets of what ends there.
fn offsets(ends: Vec<i32>) -> OffsetBuffer<i32> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.extend(ends);
    OffsetBuffer::new(offsets.into())
}

/// Microseconds as instants in UTC.
pub(crate) fn in_utc(micros: &ArrayRef) -> ArrayRef {
    Arc::new(micros.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC"))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn values_are_taken_back() {
        let mut values = Values::<i64>::default();
        values.push(1);
        values.null();
        values.push(3);
        values.truncate(2);
        assert!(!values.push_found(None));
        assert!(values.push_found(Some(4)));
        let array = values.finish::<Int64Type>().unwrap();
        assert_eq!(array.as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(1), None, None, Some(4)]);
    }

    #[test]
    fn texts_are_taken_back() {
        let mut texts = Texts::default();
        texts.push(b"a");
        texts.push("é".as_bytes());
        texts.null();
        texts.truncate(1);
        texts.push_with(|joined| joined.extend(b"bc"));
        let array = texts.finish().unwrap();
        assert_eq!(array.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a"), Some("bc")]);
        assert!(array.nulls().is_none());
    }

    #[test]
    fn lists_are_taken_back() {
        let mut ends = Ends::default();
        ends.push(2);
        ends.null();
        ends.push(5);
        assert_eq!((ends.items(), ends.truncate(1)), (5, 2));
        ends.push(3);
        let (offsets, nulls) = ends.finish();
        assert_eq!((&offsets[..], nulls), ([0, 2, 3].as_slice(), None));
    }
}
