//! The records of a block, one after another: each is checked as a whole before anything of it is taken.
//!
//! The fast path walks along the structure of the block. Where it stops, the plain path says what is wrong, and the fast one
//! goes on record by record.

use std::cell::RefCell;
use std::ops::Range;

use super::machine::{self, What};
use super::structure::Structure;
use super::walk::Walk;
use crate::error::{ErrorKind, Fault};
use crate::reject::Refused;

/// Structures of blocks with more places than this are not kept for the next one.
const KEPT: usize = 4 << 20;

/// What is done with records.
pub(super) trait Records {
    /// Checks the record that begins at a place: answers where its value is and the place of what follows, nothing if it
    /// is not valid.
    fn read(&mut self, walk: &Walk, k: usize) -> Option<(Range<usize>, usize)>;

    /// Takes the record that was just read, which stands here in a text whose own offset in the block is given.
    fn take(&mut self, walk: &Walk, record: Range<usize>, offset: usize, refused: &mut Refused) -> Result<(), Fault>;
}

thread_local! {
    /// Kept between blocks, so that it need not be made anew.
    static STRUCTURE: RefCell<Structure> = RefCell::default();
}

/// Reads and takes all records of a block. What stands between them was checked by whoever found them.
pub(super) fn each(
    bytes: &[u8],
    records: &[Range<usize>],
    refused: &mut Refused,
    with: &mut impl Records,
) -> Result<(), Fault> {
    let mut structure = STRUCTURE.take();
    let done = each_along(&mut structure, bytes, records, refused, with);
    if structure.at.capacity() <= KEPT {
        STRUCTURE.set(structure);
    }
    done
}

/// Reads and takes the objects that stand one after another in these bytes; nothing if there is anything else, or anything
/// wrong with one of them. Some may then have been taken.
pub(super) fn each_in_sequence(bytes: &[u8], refused: &mut Refused, with: &mut impl Records) -> Option<()> {
    let mut structure = STRUCTURE.take();
    let done = structure.find(bytes).is_ok().then(|| Walk::new(bytes, &structure, refused.depth())).and_then(|walk| {
        let mut k = 0;
        while let Some((kinds, _)) = walk.part(k, 1) {
            let (value, next) = with.read(&walk, k).filter(|_| kinds == b"{")?;
            with.take(&walk, value, 0, refused).ok()?;
            k = next;
        }
        Some(())
    });
    if structure.at.capacity() <= KEPT {
        STRUCTURE.set(structure);
    }
    done
}

fn each_along(
    structure: &mut Structure,
    bytes: &[u8],
    records: &[Range<usize>],
    refused: &mut Refused,
    with: &mut impl Records,
) -> Result<(), Fault> {
    let limit = refused.depth();
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
    let text = bytes.get(first.start..last.end).unwrap_or_default();
    let mut done = 0;
    if structure.find(text).is_ok() {
        let walk = Walk::new(text, structure, limit);
        let mut k = 0;
        for record in records {
            let Some((value, next)) = with.read(&walk, k) else { break };
            if value.start + first.start != record.start || value.end + first.start != record.end {
                break;
            }
            k = walk.behind_comma(next);
            with.take(&walk, value, first.start, refused)?;
            done += 1;
        }
    }
    for range in records.iter().skip(done) {
        let text = bytes.get(range.clone()).unwrap_or_default();
        if let Err((at, what)) = machine::check(text, limit) {
            refused.take(range.clone(), fault(range.start + at, what, limit))?;
            continue;
        }
        let walk = structure.find(text).is_ok().then(|| Walk::new(text, structure, limit));
        let read = walk.and_then(|walk| with.read(&walk, 0).map(|(value, _)| (walk, value)));
        debug_assert!(read.is_some(), "the fast path refuses what the plain one takes: {}", text.escape_ascii());
        if let Some((walk, value)) = read {
            with.take(&walk, value, range.start, refused)?;
        }
    }
    Ok(())
}

/// The fault that the plain path found.
fn fault(at: usize, what: What, limit: u32) -> Fault {
    let kind = match what {
        What::Syntax(message) => ErrorKind::Syntax(message.to_owned()),
        What::TooDeep => ErrorKind::TooDeep { levels: limit as usize },
        What::Encoding => ErrorKind::Encoding,
    };
    Fault::on_column(at, kind)
}
