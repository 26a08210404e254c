//! Scenarios on PostgreSQL whose connections are cut, silenced and refused: with real servers, and a proxy that does the
//! harm.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod cancels;
mod cuts;
mod doubt;
mod dropped;
mod frozen;
mod full;
mod listening;
mod races;
mod restart;
mod roles;
mod standby;
mod support;
