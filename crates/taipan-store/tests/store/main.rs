//! The store through its public face, on real files; and the same again on a real PostgreSQL server, where the test
//! command has started one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod concurrent;
mod console;
mod crash;
mod document;
mod foreign;
mod isolation;
mod jobs;
mod midway;
mod migrate;
mod moment;
mod mutation;
mod names;
mod open;
mod oracle;
mod postgres;
mod read;
mod refused;
mod roundtrip;
mod sample;
mod stream;
mod transaction;
mod typed;
mod write;
