//! Sixteen rows at a time down a tree, for processors with AVX-512; about twice as fast as row by row.
//!
//! Rows are under way in a pool: those that have arrived leave it, new ones enter, so that all lanes are always busy. Six
//! times sixteen rows take a step in turn, so that the processor need not wait for memory. The nodes of the first levels
//! stay in registers.

use super::compact::Packed;

/// Finds the leaf of each row; false if this processor cannot do it so.
pub(super) fn descend(packed: &Packed, rows: &[f32], at: &mut [u32]) -> bool {
    // Places in rows have to fit into 31 bits.
    let fits = at.len().checked_mul(packed.n_features()).is_some_and(|size| {
        size <= rows.len() && i32::try_from(size).is_ok() && i32::try_from(packed.nodes().len()).is_ok()
    });
    #[cfg(target_arch = "x86_64")]
    if fits && *avx512::IS_THERE {
        if !at.is_empty() {
            // SAFETY: the processor has the instructions, and the sizes were just checked.
            #[expect(unsafe_code, reason = "twice as fast as any other way found")]
            unsafe {
                avx512::descend(packed, rows, at);
            }
        }
        return true;
    }
    let _ = fits;
    false
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m128i, __m512, __m512i, _CMP_GT_OQ, _mm_cvtsi32_si128, _mm512_add_epi32, _mm512_and_si512,
        _mm512_castsi512_ps, _mm512_castsi512_si256, _mm512_cmp_ps_mask, _mm512_extracti64x4_epi64,
        _mm512_i32gather_epi64, _mm512_i32gather_ps, _mm512_loadu_si512, _mm512_mask_add_epi32,
        _mm512_mask_cmpneq_epi32_mask, _mm512_mask_i32scatter_epi32, _mm512_maskz_compress_epi32, _mm512_min_epi32,
        _mm512_mullo_epi32, _mm512_permutex2var_epi32, _mm512_permutex2var_ps, _mm512_set1_epi32, _mm512_setr_epi32,
        _mm512_setzero_si512, _mm512_srl_epi32, _mm512_storeu_si512,
    };
    use std::sync::LazyLock;

    use super::super::compact::{Packed, TOP_LEVELS};

    pub(super) static IS_THERE: LazyLock<bool> = LazyLock::new(|| is_x86_feature_detected!("avx512f"));

    /// Rows in a register.
    const LANES: usize = 16;
    /// Registers that take a step in turn.
    const REGISTERS: usize = 6;
    /// Rows that take a step in turn.
    const GROUP: usize = LANES * REGISTERS;
    /// Steps between two looks at which rows have arrived.
    const STEPS: usize = 5;
    /// Groups to which the pool is filled up.
    const GROUPS: usize = 4;
    /// The pool has room for a group more than it is filled to, and for a register that is written in part.
    const POOL: usize = (GROUPS + 2) * GROUP;
    /// Nodes that two registers hold: those of the first levels.
    const TOP: usize = 1 << TOP_LEVELS;

    /// What a step reads.
    #[derive(Clone, Copy)]
    struct Ways<'a> {
        packed: &'a Packed,
        rows: &'a [f32],
        feature_mask: __m512i,
        feature_bits: __m128i,
    }

    /// Rows under way: where each is in the tree, where its values start, and its number.
    struct Pool {
        places: [u32; POOL],
        starts: [u32; POOL],
        rows: [u32; POOL],
        len: usize,
    }

    /// Finds the leaf of each row.
    ///
    /// # Safety
    /// There are at least as many values as rows times features, at least one row, and no more than `i32::MAX` of either
    /// values or nodes.
    #[target_feature(enable = "avx512f")]
    #[expect(unsafe_code, reason = "see `step` and `Pool::pass`")]
    pub(super) unsafe fn descend(packed: &Packed, rows: &[f32], at: &mut [u32]) {
        let ways = Ways {
            packed,
            rows,
            feature_mask: _mm512_set1_epi32(((1_u32 << packed.feature_bits()) - 1) as i32),
            feature_bits: _mm_cvtsi32_si128(packed.feature_bits() as i32),
        };
        let top = Top::of(packed);
        let mut pool = Pool { places: [0; POOL], starts: [0; POOL], rows: [0; POOL], len: 0 };
        let mut entered = 0;
        while entered < at.len() || pool.len > 0 {
            while entered < at.len() && pool.len < GROUPS * GROUP {
                let count = GROUP.min(at.len() - entered);
                // SAFETY: the rows are among those of `at`, whose values are all there.
                unsafe { pool.enter(&ways, &top, entered, count) };
                entered += count;
            }
            let finish = entered == at.len();
            // SAFETY: only rows of `at` have entered, and their places are those that `step` gave.
            unsafe { pool.pass(&ways, at, finish) };
        }
    }

    /// The first nodes.
    struct Top {
        thresholds: [__m512; 2],
        links: [__m512i; 2],
    }

    impl Top {
        #[target_feature(enable = "avx512f")]
        fn of(packed: &Packed) -> Self {
            let (mut thresholds, mut links) = ([0; TOP], [0; TOP]);
            for ((node, threshold), link) in packed.nodes().iter().zip(&mut thresholds).zip(&mut links) {
                (*threshold, *link) = (node.threshold.to_bits(), node.link);
            }
            let [low, high] = halves(&links);
            let [first, second] = halves(&thresholds);
            Self {
                thresholds: [_mm512_castsi512_ps(load(first)), _mm512_castsi512_ps(load(second))],
                links: [load(low), load(high)],
            }
        }
    }

    fn halves(all: &[u32; TOP]) -> [&[u32; LANES]; 2] {
        let (chunks, _) = all.as_chunks::<LANES>();
        [&chunks[0], &chunks[1]]
    }

    #[target_feature(enable = "avx512f")]
    fn load(values: &[u32; LANES]) -> __m512i {
        // SAFETY: as many bytes as a register has.
        #[expect(unsafe_code, reason = "loads take pointers")]
        unsafe {
            _mm512_loadu_si512(values.as_ptr().cast())
        }
    }

    #[target_feature(enable = "avx512f")]
    fn store(values: &mut [u32; LANES], register: __m512i) {
        // SAFETY: as many bytes as a register has.
        #[expect(unsafe_code, reason = "stores take pointers")]
        unsafe {
            _mm512_storeu_si512(values.as_mut_ptr().cast(), register);
        }
    }

    /// Sixteen numbers of an array, from one on.
    fn sixteen(values: &[u32; POOL], from: usize) -> &[u32; LANES] {
        values[from..].first_chunk().unwrap_or(const { &[0; LANES] })
    }

    #[target_feature(enable = "avx512f")]
    fn put(values: &mut [u32; POOL], from: usize, register: __m512i) {
        if let Some(values) = values[from..].first_chunk_mut() {
            store(values, register);
        }
    }

    impl Ways<'_> {
        /// Where rows go from nodes with these thresholds and links.
        ///
        /// # Safety
        /// The links are those of nodes; the values of each row start at its number in `starts` and are all there.
        #[inline]
        #[target_feature(enable = "avx512f")]
        #[expect(unsafe_code, reason = "gathers take pointers")]
        unsafe fn choose(&self, thresholds: __m512, links: __m512i, starts: __m512i) -> __m512i {
            let values = _mm512_add_epi32(_mm512_and_si512(links, self.feature_mask), starts);
            // SAFETY: the feature of a node is less than the number of features.
            let values = unsafe { _mm512_i32gather_ps::<4>(values, self.rows.as_ptr()) };
            let right = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(values, thresholds);
            let left = _mm512_srl_epi32(links, self.feature_bits);
            _mm512_mask_add_epi32(left, right, left, _mm512_set1_epi32(1))
        }

        /// The next places.
        ///
        /// # Safety
        /// The places are those of nodes. For the rest see [`choose`](Self::choose).
        #[inline]
        #[target_feature(enable = "avx512f")]
        #[expect(unsafe_code, reason = "gathers take pointers")]
        unsafe fn step(&self, places: __m512i, starts: __m512i) -> __m512i {
            let nodes = self.packed.nodes().as_ptr().cast();
            // SAFETY: a node has 8 bytes, and there is one at each place.
            let (low, high) = unsafe {
                (
                    _mm512_i32gather_epi64::<8>(_mm512_castsi512_si256(places), nodes),
                    _mm512_i32gather_epi64::<8>(_mm512_extracti64x4_epi64::<1>(places), nodes),
                )
            };
            let first = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let second = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            let thresholds = _mm512_castsi512_ps(_mm512_permutex2var_epi32(low, first, high));
            let links = _mm512_permutex2var_epi32(low, second, high);
            // SAFETY: a child of a node is a node, and a leaf, whose value is not above infinity, leads to itself.
            unsafe { self.choose(thresholds, links, starts) }
        }
    }

    impl Pool {
        /// Lets up to a group of rows in, which pass the first levels at once.
        ///
        /// # Safety
        /// `count` rows from `first` on have their values.
        #[target_feature(enable = "avx512f")]
        #[expect(unsafe_code, reason = "see `Ways::choose`")]
        unsafe fn enter(&mut self, ways: &Ways<'_>, top: &Top, first: usize, count: usize) {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let last = _mm512_set1_epi32((first + count - 1) as i32);
            let width = _mm512_set1_epi32(ways.packed.n_features() as i32);
            let mut rows = [lanes; REGISTERS];
            let mut starts = [lanes; REGISTERS];
            for (k, (rows, starts)) in rows.iter_mut().zip(&mut starts).enumerate() {
                // Lanes without a row of their own repeat the last one.
                *rows = _mm512_min_epi32(_mm512_add_epi32(lanes, _mm512_set1_epi32((first + k * LANES) as i32)), last);
                *starts = _mm512_mullo_epi32(*rows, width);
            }
            let mut places = [_mm512_setzero_si512(); REGISTERS];
            for _ in 0..TOP_LEVELS {
                for (places, starts) in places.iter_mut().zip(starts) {
                    let thresholds = _mm512_permutex2var_ps(top.thresholds[0], *places, top.thresholds[1]);
                    let links = _mm512_permutex2var_epi32(top.links[0], *places, top.links[1]);
                    // SAFETY: the first nodes lie level by level, so those of the first five are below 32.
                    *places = unsafe { ways.choose(thresholds, links, starts) };
                }
            }
            for k in 0..REGISTERS {
                put(&mut self.places, self.len + k * LANES, places[k]);
                put(&mut self.starts, self.len + k * LANES, starts[k]);
                put(&mut self.rows, self.len + k * LANES, rows[k]);
            }
            self.len += count;
        }

        /// Lets full groups, or all rows to `finish`, take some steps; those that have arrived leave.
        ///
        /// # Safety
        /// Rows in the pool are rows of `at`; for the rest see [`Ways::step`].
        #[target_feature(enable = "avx512f")]
        #[expect(unsafe_code, reason = "gathers and scatters take pointers")]
        unsafe fn pass(&mut self, ways: &Ways<'_>, at: &mut [u32], finish: bool) {
            let mut len = self.len;
            if finish {
                // Lanes without a row start at the root of the tree, with the values of the first row.
                let padded = len.next_multiple_of(GROUP);
                self.places[len..padded].fill(0);
                self.starts[len..padded].fill(0);
                len = padded;
            }
            let whole = len / GROUP * GROUP;
            let mut kept = 0;
            for group in (0..whole).step_by(GROUP) {
                let mut places = [_mm512_setzero_si512(); REGISTERS];
                let mut starts = places;
                for k in 0..REGISTERS {
                    places[k] = load(sixteen(&self.places, group + k * LANES));
                    starts[k] = load(sixteen(&self.starts, group + k * LANES));
                }
                let mut before = places;
                for _ in 0..STEPS {
                    before = places;
                    for (places, starts) in places.iter_mut().zip(starts) {
                        // SAFETY: as this function's.
                        *places = unsafe { ways.step(*places, starts) };
                    }
                }
                for k in 0..REGISTERS {
                    let from = group + k * LANES;
                    let rows = load(sixteen(&self.rows, from));
                    let there = match self.len.saturating_sub(from) {
                        0 => 0,
                        left @ 1..LANES => (1 << left) - 1,
                        _ => u16::MAX,
                    };
                    let under_way = _mm512_mask_cmpneq_epi32_mask(there, before[k], places[k]);
                    let arrived = there & !under_way;
                    // SAFETY: the rows of lanes that are there are rows of `at`.
                    unsafe { _mm512_mask_i32scatter_epi32::<4>(at.as_mut_ptr().cast(), arrived, rows, places[k]) };
                    // What is written here has been read: no more is kept than was read.
                    put(&mut self.places, kept, _mm512_maskz_compress_epi32(under_way, places[k]));
                    put(&mut self.starts, kept, _mm512_maskz_compress_epi32(under_way, starts[k]));
                    put(&mut self.rows, kept, _mm512_maskz_compress_epi32(under_way, rows));
                    kept += under_way.count_ones() as usize;
                }
            }
            let rest = whole.min(self.len)..self.len;
            self.places.copy_within(rest.clone(), kept);
            self.starts.copy_within(rest.clone(), kept);
            self.rows.copy_within(rest.clone(), kept);
            self.len = kept + rest.len();
        }
    }
}
