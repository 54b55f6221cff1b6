//! Sixty-four bytes at a time: which of them equal a byte, as the bits of a word. Both parsers find their structure so.
//!
//! On x86-64 this is SSE2, which every such processor has, or what wider registers a processor has; elsewhere a loop that
//! compilers vectorise.

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

/// The same by one multiplication without carries.
#[inline]
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2,pclmulqdq")]
pub(crate) fn carryless_parity(mask: u64) -> u64 {
    use std::arch::x86_64::{_mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set1_epi8};
    _mm_cvtsi128_si64(_mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(mask as i64), _mm_set1_epi8(-1))) as u64
}

/// Bit `i` is set where byte `i` is `needle`.
#[inline]
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn equal_avx512(chunk: &Chunk, needle: u8) -> u64 {
    use std::arch::x86_64::{_mm512_cmpeq_epi8_mask, _mm512_set_epi64, _mm512_set1_epi8};
    let [a, b, c, d, e, f, g, h] = words(chunk);
    _mm512_cmpeq_epi8_mask(_mm512_set_epi64(h, g, f, e, d, c, b, a), _mm512_set1_epi8(needle as i8))
}

/// Whether all bytes are ASCII, and none is a zero.
pub(crate) fn is_plain_ascii(bytes: &[u8]) -> bool {
    // Without a branch for each byte compilers do many at once.
    let plain = |piece: &[u8]| {
        let (least, all) = piece.iter().fold((u8::MAX, 0), |(least, all), byte| (least.min(*byte), all | byte));
        least > 0 && all < 0x80
    };
    bytes.chunks(4096).all(plain)
}

/// Appends the places of bits, which are counted from `base` on.
#[inline]
pub(crate) fn flatten(places: &mut Vec<u32>, base: usize, mut bits: u64) {
    if bits == 0 {
        return;
    }
    let base = base as u32;
    let count = bits.count_ones() as usize;
    let start = places.len();
    // Eight at a time, whether there are as many or not: a branch for each place costs more.
    for _ in 0..count.div_ceil(8) {
        let mut eight = [0; 8];
        for place in &mut eight {
            *place = base.wrapping_add(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
        places.extend_from_slice(&eight);
    }
    places.truncate(start + count);
}

/// The same, with one instruction that packs the places.
#[inline]
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "half of the work on the structure of a file is writing down where it is")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
pub(crate) fn flatten_packed(places: &mut Vec<u32>, base: usize, bits: u64) {
    use std::arch::x86_64::{
        _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32,
        _mm512_maskz_compress_epi8, _mm512_set_epi64, _mm512_set1_epi32, _mm512_storeu_si512,
    };
    places.reserve(64);
    let [a, b, c, d, e, f, g, h] = words(&ALL);
    let packed = _mm512_maskz_compress_epi8(bits, _mm512_set_epi64(h, g, f, e, d, c, b, a));
    let base = _mm512_set1_epi32(base as i32);
    let (start, count) = (places.len(), bits.count_ones() as usize);
    // SAFETY: there is room for 64 places behind the last one, and no more are written, sixteen at a time; so many of them
    // as there are bits, 64 at most, are what the packed bits say.
    unsafe {
        let end = places.as_mut_ptr().add(start);
        _mm512_storeu_si512(end.cast(), _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed)), base));
        if count > 16 {
            let second = _mm512_extracti32x4_epi32::<1>(packed);
            _mm512_storeu_si512(end.add(16).cast(), _mm512_add_epi32(_mm512_cvtepu8_epi32(second), base));
        }
        if count > 32 {
            let (third, fourth) = (_mm512_extracti32x4_epi32::<2>(packed), _mm512_extracti32x4_epi32::<3>(packed));
            _mm512_storeu_si512(end.add(32).cast(), _mm512_add_epi32(_mm512_cvtepu8_epi32(third), base));
            _mm512_storeu_si512(end.add(48).cast(), _mm512_add_epi32(_mm512_cvtepu8_epi32(fourth), base));
        }
        places.set_len(start + count);
    }
}

/// Appends the bytes of a chunk that bits stand for, those that `masked` has as another byte.
#[inline]
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "one instruction for what is a branch for each byte without it")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
pub(crate) fn pack(packed: &mut Vec<u8>, chunk: &Chunk, bits: u64, masked: u64, other: u8) {
    use std::arch::x86_64::{
        _mm512_mask_mov_epi8, _mm512_maskz_compress_epi8, _mm512_set_epi64, _mm512_set1_epi8, _mm512_storeu_si512,
    };
    packed.reserve(64);
    let [a, b, c, d, e, f, g, h] = words(chunk);
    let bytes = _mm512_set_epi64(h, g, f, e, d, c, b, a);
    let bytes = _mm512_maskz_compress_epi8(bits, _mm512_mask_mov_epi8(bytes, masked, _mm512_set1_epi8(other as i8)));
    let start = packed.len();
    // SAFETY: there is room for 64 bytes behind the last one, and as many are written; so many of them as there are bits, 64
    // at most, are those of the chunk.
    unsafe {
        _mm512_storeu_si512(packed.as_mut_ptr().add(start).cast(), bytes);
        packed.set_len(start + bits.count_ones() as usize);
    }
}

/// The places of a chunk.
#[cfg(target_arch = "x86_64")]
const ALL: Chunk = {
    let mut all = [0; 64];
    let mut i = 0;
    while i < 64 {
        all[i] = i as u8;
        i += 1;
    }
    all
};

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
        fn places_are_those_of_bits(mask: u64, sparse: u64, base in 0usize..1000) {
            for bits in [mask, mask & sparse, 0, u64::MAX] {
                let expected: Vec<u32> =
                    [7].into_iter().chain((0..64).filter(|i| bits >> i & 1 == 1).map(|i| (base + i) as u32)).collect();
                let mut places = vec![7];
                flatten(&mut places, base, bits);
                prop_assert_eq!(&places, &expected);
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx512vbmi2") {
                    let mut places = vec![7];
                    // SAFETY: the processor was asked.
                    #[expect(unsafe_code, reason = "the caller asks what the processor can do")]
                    unsafe { flatten_packed(&mut places, base, bits) };
                    prop_assert_eq!(places, expected);
                }
            }
        }

        #[test]
        fn zeros_and_what_is_no_ascii_are_seen(length in 0usize..9000, odd in prop::option::of((0usize..9000, any::<u8>()))) {
            let mut bytes = vec![b'a'; length];
            if let Some((at, byte)) = odd && let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            prop_assert_eq!(is_plain_ascii(&bytes), bytes.is_ascii() && !bytes.contains(&0));
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
