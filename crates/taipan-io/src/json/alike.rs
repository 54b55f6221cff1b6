//! Records that are built as an earlier one: the same brackets, colons and commas at the same places of the structure, and
//! keys that say the same where somebody might ask for them.
//!
//! Records of one file mostly are. What was found on the walk along the first of them holds for the others then: that they
//! are valid, and where among the places of their structure the values stand that somebody asks for.

use std::ops::Range;

use super::walk::{Slots, Walk, Wanted};

/// So many kinds of records are remembered.
const MOLDS: usize = 4;

/// What it costs to remember a record, in records that are like one: where few are, it does not pay.
const PRICE: u32 = 8;

/// What can be saved up for times in which no record is like another.
const SAVINGS: u32 = 64;

/// Records to compare others with; the one that was met last is the first.
#[derive(Debug)]
pub(super) struct Molds {
    molds: Vec<Mold>,
    credit: u32,
}

/// All that matters of a record.
#[derive(Debug)]
struct Mold {
    kinds: Vec<u8>,
    /// The keys of those objects of which something is wanted.
    keys: Vec<Name>,
    /// For each slot the place of its value and of what follows it, counted from the record's first.
    slots: Vec<Option<(usize, usize)>>,
}

#[derive(Debug)]
struct Name {
    /// Its place, counted from the record's first; the colon's is the next.
    place: usize,
    /// How far the colon is from the opening quote.
    length: u32,
    /// What it is, if something of this length is wanted.
    text: Option<Box<[u8]>>,
}

impl Default for Molds {
    fn default() -> Self {
        Self { molds: Vec::new(), credit: MOLDS as u32 * PRICE }
    }
}

impl Molds {
    /// As [`Walk::record`], for a record that is like one before it; nothing if it is not, or cannot be compared.
    #[inline]
    pub(super) fn find(&mut self, walk: &Walk, k: usize, slots: &mut Slots) -> Option<(Range<usize>, usize)> {
        // Keys are compared by their lengths, in which blanks would count.
        if walk.has_colons_apart() {
            return None;
        }
        let (which, places) =
            self.molds.iter().enumerate().find_map(|(which, mold)| Some((which, mold.fits(walk, k)?)))?;
        self.molds.swap(0, which);
        let mold = self.molds.first()?;
        for (slot, value) in slots.iter_mut().zip(&mold.slots) {
            *slot = value.and_then(|(value, next)| walk.span(k + value, k + next));
        }
        self.credit = SAVINGS.min(self.credit + 1);
        let &[first, .., last] = places else { return None };
        Some((first as usize..last as usize + 1, k + places.len()))
    }

    /// Remembers the valid record at a place, and what the slots were filled with.
    pub(super) fn learn(&mut self, walk: &Walk, k: usize, next: usize, wanted: &Wanted, slots: &Slots) {
        if self.credit < PRICE || walk.has_colons_apart() {
            return;
        }
        self.credit -= PRICE;
        let Some(mold) = Mold::of(walk, k, next, wanted, slots) else { return };
        if self.molds.len() >= MOLDS {
            self.molds.pop();
        }
        self.molds.insert(0, mold);
    }
}

impl Mold {
    fn of(walk: &Walk, k: usize, next: usize, wanted: &Wanted, slots: &Slots) -> Option<Self> {
        let (kinds, places) = walk.part(k, next.checked_sub(k)?)?;
        let (&[b'{', .., b'}'], &[first, .., last]) = (kinds, places) else { return None };
        if walk.has_escape(first as usize, last as usize) {
            return None;
        }
        let mut keys = Vec::new();
        names(walk, k, k, wanted, &mut keys);
        let place = |slot: &Option<Range<usize>>| {
            slot.as_ref().map(|value| {
                let value = walk.find(value.start);
                (value - k, walk.behind(value) - k)
            })
        };
        Some(Self { kinds: kinds.to_vec(), keys, slots: slots.iter().map(place).collect() })
    }

    /// The places of the record that begins at one, if it is like this.
    #[inline]
    fn fits<'a>(&self, walk: &Walk<'a>, k: usize) -> Option<&'a [u32]> {
        let (kinds, places) = walk.part(k, self.kinds.len())?;
        if kinds != self.kinds {
            return None;
        }
        let mut differs = 0;
        for key in &self.keys {
            let &[quote, colon] = places.get(key.place..)?.first_chunk::<2>()?;
            differs |= (colon - quote) ^ key.length;
        }
        if differs != 0 {
            return None;
        }
        for key in &self.keys {
            if let Some(text) = &key.text {
                let start = *places.get(key.place)? as usize + 1;
                if walk.bytes().get(start..start + text.len())? != text.as_ref() {
                    return None;
                }
            }
        }
        // A key may be written in other ways with escapes.
        let &[first, .., last] = places else { return None };
        (!walk.has_escape(first as usize, last as usize)).then_some(places)
    }
}

/// The keys of the object at a place, and of those within of which something is wanted.
fn names(walk: &Walk, k: usize, record: usize, wanted: &Wanted, keys: &mut Vec<Name>) {
    walk.members(k, |name, value| {
        let place = value - 2;
        let length = (walk.start(place + 1) - walk.start(place)) as u32;
        let text = wanted.has_length(name.len()).then(|| name.into());
        keys.push(Name { place: place - record, length, text });
        if let Some(key) = wanted.find(name)
            && walk.first_byte(value) == b'{'
            && !key.inner.is_empty()
        {
            names(walk, value, record, &key.inner, keys);
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::machine::MAX_DEPTH;
    use super::super::structure::Structure;
    use super::*;

    /// The records of a text and their fields: as they are found one by one, and how many of them were like another.
    fn both(text: &str, paths: &[&[&str]]) -> usize {
        let mut structure = Structure::default();
        structure.find(text.as_bytes()).unwrap();
        let paths: Vec<Vec<String>> =
            paths.iter().map(|path| path.iter().map(|name| (*name).to_owned()).collect()).collect();
        let wanted = Wanted::new(paths.iter().map(Vec::as_slice));
        let walk = Walk::new(text.as_bytes(), &structure, MAX_DEPTH);
        let (mut molds, mut alike, mut k) = (Molds::default(), 0, 0);
        while k < structure.at.len() {
            let (mut plain, mut fast) = (vec![None; paths.len()], vec![Some(0..1); paths.len()]);
            let Some((record, next)) = walk.record(k, &wanted, &mut plain) else {
                assert_eq!(molds.find(&walk, k, &mut fast), None, "{text}");
                return alike;
            };
            match molds.find(&walk, k, &mut fast) {
                Some(found) => {
                    assert_eq!((found, &fast), ((record, next), &plain), "{text}");
                    alike += 1;
                }
                None => molds.learn(&walk, k, next, &wanted, &plain),
            }
            k = next;
        }
        alike
    }

    #[test]
    fn records_are_alike() {
        let cases = [
            // The values may be what they like.
            ("{\"a\":1,\"b\":\"x\"}\n{\"a\":-2.5,\"b\":\"\"}\n{\"a\":null,\"b\":\"{\"}", 2),
            ("{\"u\":{\"c\":1},\"a\":[1,2]}{\"u\":{\"c\":true},\"a\":[3,4]}", 1),
            // Nor does it matter what keys are called that are of no wanted length.
            ("{\"a\":1,\"long\":2}\n{\"a\":1,\"tall\":2}", 1),
            // Here it does.
            ("{\"a\":1,\"b\":2}\n{\"b\":1,\"a\":2}", 0),
            ("{\"a\":1,\"bb\":2}\n{\"aa\":1,\"b\":2}", 0),
            ("{\"u\":{\"c\":1}}{\"u\":{\"d\":1}}", 0),
            // Blanks and escapes are not compared.
            ("{\"a\" :1}{\"a\" :1}", 0),
            ("{\"a\":\"\\n\"}{\"a\":\"\"}{\"a\":\"\"}", 1),
            ("{\"long67\":1}{\"\\u0061\":1}{\"long67\":1}", 1),
            // Of several kinds each is remembered.
            (&"{\"a\":1}{\"a\":\"x\"}{}{\"b\":1}".repeat(5), 16),
            ("[1][1]", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(both(text, &[&["a"], &["u", "c"]]), expected, "{text}");
        }
    }

    #[test]
    fn what_is_never_alike_is_not_learnt_for_ever() {
        let records: Vec<String> = (0..100).map(|i| format!("{{\"a\":[{}0]}}", "0,".repeat(i))).collect();
        let text = records.concat();
        assert_eq!(both(&text, &[&["a"]]), 0);
    }

    proptest! {
        /// With molds and without, the same is found.
        #[test]
        fn as_the_walk_alone(
            records in prop::collection::vec(
                "\\{(\"(a|b|u|uu|\\\\u0061)\" ?:(1|\"x\"|\\{\"[ac]\":(1|\"1\"|\"\")\\}|\\[\\])(, ?\"[abu]\":(2|\"\\\\n\"|\\{\"c\":3\\})){0,2})?\\}\n?",
                0..12,
            ),
        ) {
            let text = records.concat();
            let mut structure = Structure::default();
            prop_assume!(structure.find(text.as_bytes()).is_ok());
            both(&text, &[&["a"], &["u", "c"], &["u"]]);
        }
    }
}
