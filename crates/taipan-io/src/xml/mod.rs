//! XML: from bytes to a schema, and from blocks of records to record batches.

#![allow(dead_code, reason = "the readers of records come next")]

mod attributes;
#[cfg(test)]
mod cases;
mod chars;
mod cursor;
mod dtd;
mod entity;
mod namespace;
mod parser;
#[cfg(test)]
mod suite;
