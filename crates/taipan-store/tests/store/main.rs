//! The store through its public face, on real files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod concurrent;
mod console;
mod document;
mod foreign;
mod moment;
mod mutation;
mod names;
mod open;
mod oracle;
mod read;
mod roundtrip;
mod sample;
mod stream;
mod write;
