//! Cron expressions: cases computed by an independent implementation, and properties on random ones.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod cases;
mod describe;
mod docs;
mod parse;
mod properties;
mod syntax;
