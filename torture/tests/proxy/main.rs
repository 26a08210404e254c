//! The proxy between a client and a server that speak as much of the Postgres protocol as it takes.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod controls;
mod framing;
mod traps;
mod wire;
