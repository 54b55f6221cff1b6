//! Sixty-four bytes at a time: which of them equal a byte, as the bits of a word. Both parsers find their structure so.
//!
//! On x86-64 this is SSE2, which every such processor has; elsewhere a loop that compilers vectorise.

/// As many bytes as a word has bits.
pub(crate) type Chunk = [u8; 64];

/// The 64 bytes from `at` on, zeros after the end. No parser looks for a zero, so the padding never matches.
#[inline]
pub(crate) fn chunk(bytes: &[u8], at: usize) -> Chunk {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk::<64>() {
        return *whole;
    }
    let mut padded = [0; 64];
    for (to, from) in padded.iter_mut().zip(rest) {
        *to = *from;
    }
    padded
}

/// Bit `i` is set where byte `i` is `needle`.
#[inline]
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "three times as fast as words of eight bytes, and SSE2 is part of x86-64 itself")]
pub(crate) fn equal(chunk: &Chunk, needle: u8) -> u64 {
    // SAFETY: the processor has SSE2, or it would not run this target's code.
    unsafe { equal_sse2(chunk, needle) }
}

#[inline]
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn equal_sse2(chunk: &Chunk, needle: u8) -> u64 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let needle = _mm_set1_epi8(needle as i8);
    let mut mask = 0;
    for (i, half) in chunk.as_chunks::<16>().0.iter().enumerate() {
        let (words, _) = half.as_chunks::<8>();
        let &[low, high] = words else { continue };
        let lane = _mm_set_epi64x(i64::from_le_bytes(high), i64::from_le_bytes(low));
        let bits = _mm_movemask_epi8(_mm_cmpeq_epi8(lane, needle)) as u32;
        mask |= u64::from(bits) << (16 * i);
    }
    mask
}

/// Bit `i` is set where byte `i` is `needle`.
#[inline]
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn equal(chunk: &Chunk, needle: u8) -> u64 {
    chunk.iter().enumerate().fold(0, |mask, (i, byte)| mask | u64::from(*byte == needle) << i)
}

/// Eight words of a chunk, which compilers load into a register at once.
#[inline]
#[cfg(target_arch = "x86_64")]
pub(crate) fn words(chunk: &Chunk) -> [i64; 8] {
    let (words, _) = chunk.as_chunks::<8>();
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(words) {
        *to = i64::from_le_bytes(*from);
    }
    eight
}

/// Bit `i` is the parity of the bits up to and including `i`: set from an opening quote to just before its closing one.
#[inline]
pub(crate) fn parity(mut mask: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        mask ^= mask << shift;
    }
    mask
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn masks_say_where_bytes_are(bytes in prop::collection::vec(0u8..4, 0..130), at in 0usize..130, needle in 1u8..4) {
            let mask = equal(&chunk(&bytes, at), needle);
            for i in 0..64 {
                prop_assert_eq!(mask >> i & 1 == 1, bytes.get(at + i) == Some(&needle));
            }
        }

        #[test]
        fn parity_counts(mask: u64) {
            let result = parity(mask);
            for i in 0..64 {
                let ones = (mask & (u64::MAX >> (63 - i))).count_ones();
                prop_assert_eq!(result >> i & 1, u64::from(ones % 2));
            }
        }
    }
}
