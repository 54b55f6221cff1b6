//! Some rows of a block as a block of their own.

use arrow::array::BooleanArray;

use super::dialect::Newline;
use super::parser::{Parser, Rows};
use super::{Reading, STRIDE};

/// The rows that a mask has, of a block in which every row is good, each with a newline behind it.
pub(crate) fn picked(bytes: &[u8], reading: Reading, width: usize, mask: &BooleanArray) -> Vec<u8> {
    let newline = if reading.dialect.newline == Newline::Cr { b'\r' } else { b'\n' };
    let mut picked = Vec::new();
    let mut parser = Parser::new(bytes, reading.dialect);
    let mut rows = Rows::new(width);
    let mut before = 0;
    while parser.fill(&mut rows, STRIDE).is_ok() && rows.len() > 0 {
        for row in 0..rows.len() {
            if before + row < mask.len() && mask.value(before + row) {
                picked.extend_from_slice(bytes.get(rows.range(row)).unwrap_or_default());
                picked.push(newline);
            }
        }
        before += rows.len();
    }
    picked
}
